"""Open a stack, from its file or from its lock, and compare two.

Decides where contents are read. Never hands out bytes that are not the pinned ones.
"""

import os
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from time import time_ns

from stopship.boundaries import reads
from stopship.errors import EvidenceError, UsageError
from stopship.model.case import Json
from stopship.model.change import Drift, PinChange
from stopship.model.stack import KEEPS, Kind, Pin, PinnedFile, Stack, stack_of, value_of
from stopship.pinning.gather import Gathering, Stamp, Stamps, declared_store, stamp_of
from stopship.steps.pindiff import Read, compare, file_changes
from stopship.store.contents import Contents, Texts
from stopship.store.lockfile import read_lock, stack_name
from stopship.store.remote import open_store
from stopship.store.shown import shown
from stopship.store.stackfile import StackFile, read_stack_file, together
from stopship.store.stackwords import label
from stopship.store.trees import Keep, is_left_out, read_file

_SETTLES_NS = 2 * 10**9  # a file system's clock may stand so long: a second change could have the same stamp


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenStack:
    """A stack whose files are at hand: what a target is given.

    Every reading is held against the pin's digest: EvidenceError where the file has changed since. A text
    whose stamp is still that of its last reading is not read again.
    """

    stack: Stack
    _places: dict[str, dict[str, Path]]  # axis -> name in the pin -> where it lies
    _roots: dict[str, tuple[Path, ...]]  # axis -> what the stack file names
    _values: dict[str, bytes]  # axis -> canonical JSON
    _file: StackFile  # as it was read, or with pins replaced by hand
    stamps: Stamps  # of all files, taken before they were read
    _handed: set[str] = field(default_factory=set)  # real paths that somebody has asked the stack for
    _texts: dict[tuple[str, str], tuple[Stamp, str]] = field(default_factory=dict)  # by axis and digest

    @property
    def stack_id(self) -> str:
        """The digest of all pins."""
        return self.stack.stack_id

    def version(self, axis: str) -> str:
        """The version of an axis; "" for code paths that carry none."""
        reads(axis)
        return self.stack.version(axis)

    def path(self, axis: str) -> Path:
        """The one file or folder of an axis."""
        reads(axis)
        self.stack.pin(axis)
        roots = self._roots.get(axis, ())
        if len(roots) != 1:
            raise UsageError(
                f"the axis {axis!r} has {len(roots)} paths, not one", do="give it `file` or `path`"
            )
        self._handed.add(os.path.realpath(roots[0]))
        return roots[0]

    def text(self, axis: str) -> str:
        """The text of the one file of an axis, byte for byte."""
        reads(axis)
        pin = self.stack.pin(axis)
        if len(pin.files) != 1:
            raise UsageError(
                f"the axis {axis!r} has {len(pin.files)} files, not one text", do="give it `file`"
            )
        place = self._places[axis][pin.files[0].path]
        name, stamp = (axis, pin.files[0].digest), stamp_of(place)
        if (read := self._texts.get(name)) is not None and read[0] == stamp:
            return read[1]
        self._handed.add(os.path.realpath(place))
        try:
            text = self._bytes(pin, pin.files[0]).decode()
        except UnicodeDecodeError as err:
            raise UsageError(f"the file of the axis {axis!r} is not UTF-8 text", do="open its path") from err
        if 0 < stamp[2] < time_ns() - _SETTLES_NS:
            self._texts[name] = stamp, text
        return text

    def value(self, axis: str) -> Json:
        """The value that the stack file itself gives an axis; the caller's own copy."""
        reads(axis)
        self.stack.pin(axis)
        if axis not in self._values:
            raise UsageError(f"the axis {axis!r} has no value", do="write value = … in its table")
        return value_of(self._values[axis])

    def place(self, axis: str, name: str) -> Path | None:
        """Where the file lies that the pin of an axis calls so; None where it has none."""
        return self._places.get(axis, {}).get(name)

    def held(self) -> dict[str, tuple[Pin, PinnedFile]]:
        """Every pinned file by its real path."""
        return {
            os.path.realpath(self._places[pin.axis][one.path]): (pin, one)
            for pin in self.stack.pins
            for one in pin.files
        }

    def covers(self, path: str) -> bool:
        """Whether a real path is one that the stack file names, or lies in one and is not left out of it."""
        roots = [Path(os.path.realpath(one)) for named in self._roots.values() for one in named]
        inside = [Path(path).relative_to(one) for one in roots if Path(path).is_relative_to(one)]
        return any(not any(is_left_out(part) for part in one.parts) for one in inside)

    def handed(self, path: str) -> bool:
        """Whether a real path is one that this stack was asked for, or lies in one."""
        return _is_in(path, tuple(self._handed))

    def files(self) -> dict[str, Path]:
        """The file or folder of every axis that is one."""
        return {axis: roots[0].resolve() for axis, roots in sorted(self._roots.items()) if len(roots) == 1}

    def declared(self, axis: str) -> tuple[str, ...]:
        """The paths that the stack file names for an axis, as they are written there."""
        return next((one.paths for one in self._file.axes if one.name == axis), ())

    def again(self) -> tuple[tuple[Drift, ...], Stamps]:
        """What is not as it was when the stack was opened, everything digested and observed anew; and today's
        stamps."""
        gathered = Gathering(self._file, None)
        gathered.run()
        return _drifts(self.stack, self._file, gathered), gathered.stamps

    def read(self, pin: Pin, file: PinnedFile | None) -> bytes | None:
        """The bytes of a text file of a pin, or of its value; None for what is not text."""
        if file is None:
            return self._values.get(pin.axis)
        return self._bytes(pin, file) if file.is_text else None

    def _bytes(self, pin: Pin, file: PinnedFile) -> bytes:
        path = self._places[pin.axis][file.path]
        now: list[bytes] = []
        if file.is_text:
            found = read_file(path, file.path, lambda _digest, data: now.append(data))
        else:
            found = read_file(path, file.path)
            now.append(path.read_bytes() if found.digest == file.digest else b"")
        if found.digest != file.digest:
            raise EvidenceError("has changed since it was pinned", where=shown(path), do="run again")
        return now[0]


def _is_in(path: str, roots: Iterable[str]) -> bool:
    return any(Path(path).is_relative_to(one) for one in roots)


def open_stack(path: Path) -> OpenStack:
    """Read a stack file and digest what it names; every fault of both is in one error."""
    return opened_stack(read_stack_file(path), None)


def diff_stacks(old: Path, new: Path, store: Path | str | None = None) -> tuple[PinChange, ...]:
    """Every axis of two stack files or locks."""
    (first, read_first), (second, read_second) = load_stack(old, store), load_stack(new, store)
    return compare(first, second, read_first, read_second)


def load_stack(path: Path, store: Path | str | None = None) -> tuple[Stack, Read]:
    """The stack of a stack file or a lock, and how its contents are read."""
    name = stack_name(path)
    if name == path.name:
        opened = open_stack(path)
        return opened.stack, opened.read
    return read_lock(path), kept_in(texts_at(store, path.with_name(name)))


def opened_stack(file: StackFile, keep: Keep | None) -> OpenStack:
    gathered = Gathering(file, None if file.faults else keep)
    gathered.run()
    if faults := [*file.faults, *gathered.faults.values()]:
        raise together(file.path, faults)
    return OpenStack(
        stack=stack_of(gathered.pins),
        _places=gathered.places,
        _roots=gathered.roots,
        _values=gathered.values,
        _file=file,
        stamps=gathered.stamps,
    )


def drifts_of(locked: Stack, file: StackFile) -> tuple[Drift, ...]:
    """Every pin of a stack that is something else now, digested anew from what the stack file names."""
    gathered = Gathering(file, None)
    gathered.run()
    return _drifts(locked, file, gathered)


def _drifts(locked: Stack, file: StackFile, gathered: Gathering) -> tuple[Drift, ...]:
    now = {one.axis: one for one in gathered.pins}
    where = {one.name: one.where for one in file.axes}
    drifts = []
    for axis in sorted({one.axis for one in locked.pins} | set(where)):
        old, new = locked.get(axis), now.get(axis)
        fault = gathered.faults.get(axis)
        if fault is None and old is not None and new is not None and old.digest == new.digest:
            continue
        files = tuple(file_changes(old, new)) if old is not None and new is not None else ()
        place = where.get(axis, shown(file.path))
        drifts.append(Drift(axis=axis, where=place, old=old, new=new, files=files, fault=fault))
    return tuple(drifts)


def names_in(file: StackFile, path: Path) -> list[tuple[str, str]]:
    """What the pins of a stack file call a file, whether it is there or not: axis and name in the pin."""
    found = []
    real = os.path.realpath(path)
    for axis in file.axes:
        for declared in axis.paths if axis.key in ("file", "path", "paths") else ():
            root = os.path.realpath(file.folder / declared)
            name = label(declared)
            if real == root:
                found.append((axis.name, name))
            elif Path(real).is_relative_to(root):
                inside = Path(real).relative_to(root).as_posix()
                found.append((axis.name, inside if axis.key == "path" or not name else f"{name}/{inside}"))
    return found


def texts_at(store: Path | str | None, stack_file: Path) -> Texts:
    """The texts in a store, a folder or a URL; where none is named, in the one of the stack file."""
    if isinstance(store, str):
        return open_store(store, Path()).texts()
    return Contents(store or store_beside(stack_file))


def store_beside(stack_file: Path) -> Path:
    """The store that a stack file names; its folder where the file is gone or cannot be read."""
    with suppress(UsageError):
        return declared_store(read_stack_file(stack_file))
    return stack_file.parent


def kept_in(contents: Texts) -> Read:
    def read(pin: Pin, file: PinnedFile | None) -> bytes | None:
        if file is None:
            wanted = pin.content if pin.kind is Kind.VALUE else ""
        else:
            wanted = file.digest if pin.kind in KEEPS and file.is_text else ""
        return contents.read(wanted) if wanted and contents.has(wanted) else None

    return read
