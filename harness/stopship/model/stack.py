"""A stack: the pins that answer together, each one component at one version with the digest of its content.

Decides which two pins, and which two stacks, are the same. Never reads a file; paths are carried as text.
"""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum

from stopship.errors import UsageError, nearest
from stopship.model.canonical import MAX_INTEGER, digest, digest_of_set
from stopship.model.case import Json

TEXT_LIMIT = 256 * 1024  # bytes; a longer text is digested like any file, but its content is not kept
NAME_LIMIT = 200  # characters of an axis or a version
SERVED_LIMIT = 1000  # characters of what an observe function returns
SHORT = 12  # characters of a digest that a person is shown


class Kind(Enum):
    """What a pin's content is; its worth is the word that the lock uses."""

    VERSION = "version"  # nothing but its version
    FILE = "file"  # one file, kept where it is text
    PATH = "path"  # one file of data, never kept
    FOLDER = "folder"  # a folder of data, never kept
    PATHS = "paths"  # declared files and folders, kept where they are text
    VALUE = "value"  # written in the stack file itself
    OBSERVE = "observe"  # what a function says is being served


KEEPS = frozenset({Kind.FILE, Kind.PATHS})  # kinds whose text files the lock keeps
RESTORABLE = KEEPS | {Kind.VERSION, Kind.VALUE}


@dataclass(frozen=True, slots=True, kw_only=True)
class PinnedFile:
    """One file of a pin: its name, with `/` between folders, and its content's size and digest."""

    path: str  # of a FOLDER relative to it, else relative to the stack file, without leading `..`
    size: int  # bytes
    digest: str  # SHA-256 of the bytes
    is_text: bool  # UTF-8 without NUL, at most TEXT_LIMIT bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Pin:
    """One component at one version."""

    axis: str  # model, prompt, policy, index, code: any name
    version: str  # "": code paths may go without one
    kind: Kind
    content: str  # digest of the content alone
    at: tuple[str, ...] = ()  # what the stack file names, without leading `..`; "": its own folder
    files: tuple[PinnedFile, ...] = ()  # by path
    served: str = ""  # what an observe function returned

    @property
    def digest(self) -> str:
        """Changes with the axis, the version, the kind and the content; not with where the content lies."""
        return digest([self.axis, self.version, self.kind.value, self.content])

    @property
    def title(self) -> str:
        """`prompt v14`, or the axis alone."""
        return f"{self.axis} {self.version}" if self.version else self.axis


@dataclass(frozen=True, slots=True)
class Stack:
    """The full set of pins that answers, by axis. Made by `stack_of`."""

    pins: tuple[Pin, ...]

    @property
    def stack_id(self) -> str:
        """One digest of all pins; the order in which a file names them is irrelevant."""
        return digest_of_set([bytes.fromhex(one.digest) for one in self.pins])

    def pin(self, axis: str) -> Pin:
        """The pin of an axis; UsageError where the stack has none."""
        for one in self.pins:
            if one.axis == axis:
                return one
        raise UsageError(f"the stack has no axis {axis!r}", do=nearest(axis, [one.axis for one in self.pins]))

    def get(self, axis: str) -> "Pin | None":
        """The pin of an axis, if there is one."""
        return next((one for one in self.pins if one.axis == axis), None)

    def version(self, axis: str) -> str:
        """The version of an axis; "" for code paths that carry none."""
        return self.pin(axis).version


def changed_axes(before: Stack, now: Stack) -> tuple[str, ...]:
    """The axes whose pins differ, those that only one of the stacks has among them, by name."""
    old, new = ({pin.axis: pin.digest for pin in one.pins} for one in (before, now))
    return tuple(sorted(axis for axis in old.keys() | new.keys() if old.get(axis) != new.get(axis)))


def stack_of(pins: Iterable[Pin]) -> Stack:
    """A stack of pins in any order."""
    return Stack(tuple(sorted(pins, key=lambda one: one.axis)))


def content_of(kind: Kind, files: Sequence[PinnedFile], *, value: bytes = b"", served: str = "") -> str:
    """The digest of a pin's content: of the bytes of one file or value, or of names and file digests."""
    if kind in (Kind.FILE, Kind.PATH):
        return files[0].digest
    if kind in (Kind.FOLDER, Kind.PATHS):
        return digest([[one.path, one.digest] for one in sorted(files, key=lambda one: one.path)])
    if kind is Kind.OBSERVE:
        return digest(served)
    return hashlib.sha256(value).hexdigest()  # of a VERSION: nothing


def value_of(data: bytes) -> Json:
    """The value that canonical JSON stands for; 1e20, written without its exponent, is a float.

    Raises ValueError or RecursionError for what is no JSON.
    """
    value: Json = json.loads(data, parse_int=_number)
    return value


def _number(digits: str) -> int | float:
    return int(digits) if len(digits) < 20 and abs(int(digits)) <= MAX_INTEGER else float(digits)


def is_name(text: object) -> bool:
    """Whether text can name an axis or a version: printable, not blank, and short enough for a table."""
    return isinstance(text, str) and text.isprintable() and bool(text.strip()) and len(text) <= NAME_LIMIT


def is_inside(path: object) -> bool:
    """Whether text is a relative path that leads nowhere above its start, as every path of a lock is."""
    if not isinstance(path, str) or "\0" in path:
        return False
    return all(part not in ("", ".", "..") for part in path.split("/"))
