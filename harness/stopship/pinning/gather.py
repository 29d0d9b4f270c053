"""Digest what a stack file names, axis by axis.

Decides which files are a pin's content. The faults of one axis never hide those of another.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from stopship.errors import EvidenceError, StopshipError
from stopship.model.stack import KEEPS, Kind, Pin, PinnedFile, content_of
from stopship.pinning.observe import observed
from stopship.store.contents import BLOBS
from stopship.store.lockfile import lock_path
from stopship.store.shown import quoted, shown
from stopship.store.stackfile import Axis, StackFile
from stopship.store.stackwords import label
from stopship.store.trees import Keep, files_in, is_folder, read_file

Stamp = tuple[int, int, int]
Stamps = dict[str, dict[str, Stamp]]
"""Axis -> name in the pin -> inode, size and time of the last change of the inode (ns). A name that ends with
`/` is a folder of data: files that came and went show in it. Whoever puts a file back changes its stamp."""


@dataclass(slots=True)
class Gathering:
    """Digests what a stack file names, axis by axis; the faults of one axis do not hide those of another."""

    file: StackFile
    keep: Keep | None
    pins: list[Pin] = field(default_factory=list)
    faults: dict[str, StopshipError] = field(default_factory=dict)
    places: dict[str, dict[str, Path]] = field(default_factory=dict)
    roots: dict[str, tuple[Path, ...]] = field(default_factory=dict)
    values: dict[str, bytes] = field(default_factory=dict)
    stamps: Stamps = field(default_factory=dict)

    def run(self) -> None:
        for axis in self.file.axes:
            try:
                self.pins.append(self._pin(axis))
            except EvidenceError as err:
                what = f"{err.where}: {err.what}" if err.where else err.what
                self.faults[axis.name] = EvidenceError(what, where=axis.where, do=err.do)

    def _pin(self, axis: Axis) -> Pin:
        kind = Kind(axis.key or "version")
        files: list[PinnedFile] = []
        served = ""
        if kind is Kind.VALUE:
            self.values[axis.name] = axis.value
        elif kind is Kind.OBSERVE:
            served = observed(self.file.folder / axis.paths[0], axis)
        elif kind is not Kind.VERSION:
            kind, files = self._files(kind, axis)
        at = () if kind is Kind.OBSERVE else tuple(dict.fromkeys(label(one) for one in axis.paths))
        return Pin(
            axis=axis.name,
            version=axis.version,
            kind=kind,
            content=content_of(kind, files, value=axis.value, served=served),
            at=at,
            files=tuple(sorted(files, key=lambda one: one.path)),
            served=served,
        )

    def _files(self, kind: Kind, axis: Axis) -> tuple[Kind, list[PinnedFile]]:
        self.roots[axis.name] = tuple(self.file.folder / one for one in axis.paths)
        places: dict[str, Path] = {}
        for declared, root in zip(axis.paths, self.roots[axis.name]):
            name = label(declared)
            is_single = kind is Kind.FILE or not is_folder(root)
            found = [(name, root)] if is_single else list(self._inside(root))
            if not found:
                do = "an empty pin proves nothing; name what is meant"
                raise EvidenceError("the folder holds no file", where=shown(root), do=do)
            if kind is Kind.PATH and not is_single:
                kind = Kind.FOLDER
            elif not is_single and name:
                found = [(f"{name}/{one}", path) for one, path in found]
            for one, path in found:
                if one in places and os.path.realpath(places[one]) != os.path.realpath(path):
                    do = "two of the paths would have one name in the lock; pin one of them elsewhere"
                    raise EvidenceError(f"is a second file called {quoted(one)}", where=shown(path), do=do)
                places[one] = path
        self.places[axis.name] = places
        self.stamps[axis.name] = {name: stamp_of(path) for name, path in places.items()}
        for root in self.roots[axis.name]:
            if root.is_symlink():
                self.stamps[axis.name][f"{label(root.name)} (the link)"] = stamp_of(root, follow=False)
            if kind is Kind.FOLDER:
                self.stamps[axis.name].update(self._stamps_inside(root, places))
        keep = self.keep if kind in KEEPS else None
        return kind, [read_file(path, name, keep) for name, path in places.items()]

    def _stamps_inside(self, root: Path, places: dict[str, Path]) -> Iterator[tuple[str, Stamp]]:
        """The folders of a folder of data; none that our own files come to lie in."""
        real = Path(os.path.realpath(root))
        own = Path(os.path.realpath(self.file.folder))
        for one in {real, *(path.parent for path in places.values())}:
            if not own.is_relative_to(one):
                inside = one.relative_to(real).as_posix()
                yield "/" if inside == "." else f"{inside}/", stamp_of(one)

    def _inside(self, root: Path) -> Iterator[tuple[str, Path]]:
        return files_in(root, own_files(self.file))


def stamp_of(path: Path, *, follow: bool = True) -> Stamp:
    """The stamp of a file or folder; zeros where it cannot be had."""
    try:
        found = path.stat(follow_symlinks=follow)
    except (OSError, ValueError):
        return (0, 0, 0)  # reading it says what is wrong
    return (found.st_ino, found.st_size, found.st_ctime_ns)


def own_files(file: StackFile) -> frozenset[str]:
    """What never counts as content: the stack file, its lock, the kept texts; they follow from the pins."""
    own = (file.path, lock_path(file.path), declared_store(file).joinpath(*BLOBS))
    return frozenset(os.path.realpath(one) for one in own)


def declared_store(file: StackFile) -> Path:
    return file.folder / file.store if file.store else file.folder
