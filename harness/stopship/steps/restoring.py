"""Which pins of a lock can be written out as files, and under which names.

Pure. A lock is untrusted: no name leads out of the folder, means something to another system, or writes
over another file. A pin is restored whole or not at all.
"""

import unicodedata
from dataclasses import dataclass

from stopship.model.stack import KEEPS, RESTORABLE, Kind, Pin, PinnedFile, Stack, is_inside

_DEVICES = frozenset(
    {"con", "prn", "aux", "nul", "conin$", "conout$"}
    | {f"{port}{n}" for port in ("com", "lpt") for n in "0123456789¹²³"}
)
_REASONS = {
    Kind.PATH: "it is data, of which a lock keeps only the digest",
    Kind.FOLDER: "it is data, of which a lock keeps only the digest",
    Kind.OBSERVE: "it is served elsewhere",
}


@dataclass(frozen=True, slots=True)
class NotRestored:
    """A pin that stays out, and why."""

    pin: Pin
    because: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What to write, before anything is read or written."""

    pins: tuple[Pin, ...]
    refused: tuple[NotRestored, ...]


def plan(stack: Stack, stack_file: str, at_hand: frozenset[str] = frozenset()) -> Plan:
    """Sort the pins into those that can be restored, beside a stack file of this name, and the rest.

    `at_hand`: digests of contents that no lock keeps and that can be had all the same.
    """
    taken: dict[str, tuple[str, str]] = {_folded(stack_file): (stack_file, "the stack file")}
    pins, refused = [], []
    for pin in stack.pins:
        because = _unkept(pin, at_hand) or _unsafe(pin) or _claim(pin, taken)
        if because:
            refused.append(NotRestored(pin, because))
        else:
            pins.append(pin)
    return Plan(tuple(pins), tuple(refused))


def unsafe_name(path: str) -> str:
    """Why a relative path must not be made on every machine; "" for one that may."""
    if not is_inside(path):
        return "leads out of the folder"
    try:
        path.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return "is no name that a file can have"
    for part in path.split("/"):
        if any(char in '\\:*?"<>|' or ord(char) < 32 or ord(char) == 127 for char in part):
            return "holds characters that Windows refuses"
        if part.endswith((".", " ")) or part.split(".")[0].rstrip().casefold() in _DEVICES:
            return "means something else to Windows"
        if len(part.encode("utf-8", "surrogateescape")) > 255:
            return "is too long"
        if part.casefold() in (".git", ".stopship"):
            return "would be part of version control"
    return ""


def _unkept(pin: Pin, at_hand: frozenset[str]) -> str:
    if pin.kind not in RESTORABLE:
        return _REASONS[pin.kind]
    if pin.kind in KEEPS:
        for one in pin.files:
            if not one.is_text and one.digest not in at_hand:
                return f"{_quoted(one.path)} is binary or too large, so only its digest is kept"
    return ""


def _unsafe(pin: Pin) -> str:
    for path in (*(one.path for one in pin.files), *(one for one in pin.at if one)):
        if because := unsafe_name(path):
            return f"{_quoted(path)} {because}"
    return ""


def _claim(pin: Pin, taken: dict[str, tuple[str, str]]) -> str:
    """Take the names of a pin's files and folders; why not, where another file or another spelling has one.

    Names are compared as systems do that ignore case and composition. `taken` holds, by folded name, the
    exact name and the digest of the file ("" for a folder).
    """
    claimed: dict[str, tuple[str, str]] = {}
    for one in pin.files:
        parts = one.path.split("/")
        folders = ["/".join(parts[:i]) for i in range(1, len(parts))]
        for name, content in (*((folder, "") for folder in folders), (one.path, one.digest)):
            folded = _folded(name)
            held = taken.get(folded) or claimed.get(folded)
            if held is not None and held != (name, content):
                return f"{_quoted(one.path)} and {_quoted(held[0])} cannot both be written"
            claimed[folded] = (name, content)
    taken.update(claimed)
    return ""


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def _quoted(path: str) -> str:
    return repr(path)


def to_write(pins: tuple[Pin, ...]) -> tuple[PinnedFile, ...]:
    """Every file once, by name."""
    files = {one.path: one for pin in pins for one in pin.files}
    return tuple(files[path] for path in sorted(files))
