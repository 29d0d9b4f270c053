"""Recordings by what was asked: a folder of files of lines, opened, checked, and looked up.

Decides which recording of a call holds where files tell it more than once: the one that holds all the
others' answers. Where two answers part, neither holds, and who asks for it is refused: any order between
them would let a file that is added choose the answer that a gate is judged by.
"""

import os
import threading
import weakref
from array import array
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from operator import attrgetter
from pathlib import Path

from stopship.errors import EvidenceError
from stopship.model.canonical import canonical_text, digest_of_set
from stopship.model.exchange import Recording
from stopship.store.evidencefiles import reason
from stopship.store.recordinglines import (
    BODY,
    FETCH,
    check_canonical_line,
    digest_of,
    named,
    recording_of,
    replies_bytes,
)
from stopship.store.segments import Placed, placed_lines, read_segment, segment_names
from stopship.store.shown import at, shown

_PLACE_IN_CASE = attrgetter(
    "asked.call.kind._value_", "asked.call.name", "asked.world", "asked.sample", "asked.epoch"
)
_CHUNK = 1 << 20  # bytes read at once
_FORGET = (
    "which of the two answers holds is not for us to say: stopship cache forget CASE, and record it again"
)


Spot = tuple[int, int, int]
"""Where a line lies: index of the file, offset, size without its end."""
Rows = int | list[int]
"""Rows of a table; mostly there is one, which takes no list."""


@dataclass(frozen=True, slots=True)
class Conflict:
    """One call that was answered in two ways that part."""

    what: str  # the call, for people
    places: tuple[str, str]


class _Latest:
    """The file that was read last, open: mostly it is read again at once. For all threads."""

    def __init__(self) -> None:
        self._path: str | Path = ""
        self._descriptor: list[int] = []  # none or one
        self._mutex = threading.Lock()
        weakref.finalize(self, _close, self._descriptor)

    def read(self, path: str | Path, size: int, offset: int) -> bytes:
        """Raises OSError."""
        with self._mutex:
            if path != self._path:
                descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
                _close(self._descriptor)
                self._descriptor.append(descriptor)
                self._path = path
            return os.pread(self._descriptor[0], size, offset)


def _close(descriptors: list[int]) -> None:
    while descriptors:
        os.close(descriptors.pop())


class Recordings:
    """What a folder of recordings holds. In memory stand the places of lines, never the lines.

    Opening reads and checks every file; each look-up reads its lines again, and checks them again.
    """

    def __init__(self, folder: Path, files: Iterable[str] | None = None) -> None:
        """Raises EvidenceError for a damaged file. `files`: only these, by their names in the folder."""
        self.folder = folder
        self._latest = _Latest()
        self._root = f"{folder.absolute()}{os.sep}"  # joining paths anew takes longer than reading a line
        self.files: list[str] = []  # by name in the folder
        self._files: set[str] = set()
        self._packed: dict[str, tuple[Path, int]] = {}  # files that lie in an archive so far, from a byte on
        self._rows: tuple[array[int], array[int], array[int]] = (array("L"), array("Q"), array("L"))
        self._keys: dict[bytes, int] = {}  # row
        self._asks: dict[bytes, Rows] = {}
        self._cases: dict[bytes, Rows] = {}  # by canonical text
        self._parted: dict[int, Spot] = {}  # row -> where it is answered otherwise
        for name in segment_names(folder) if files is None else files:
            self.take_in(name, read_segment(folder, name))

    def __len__(self) -> int:
        """Calls that have answers, each once."""
        return len(self._rows[0])

    def take_in(self, name: str, lines: Iterable[Placed]) -> None:
        """One more file, whose lines were checked. Which file comes first makes no difference."""
        source = len(self.files)
        self.files.append(name)
        self._files.add(name)
        sources, offsets, sizes = self._rows
        keys, asks, cases = self._keys, self._asks, self._cases
        for offset, size, (key, ask, case) in lines:
            row = keys.setdefault(key, len(sources))
            if row < len(sources):
                self._meet(row, (source, offset, size))
                continue
            sources.append(source)
            offsets.append(offset)
            sizes.append(size)
            for table, name_of_row in ((asks, ask), (cases, case)):
                known = table.setdefault(name_of_row, row)
                if not isinstance(known, int):
                    known.append(row)
                elif known != row:
                    table[name_of_row] = [known, row]

    def take_in_packed(self, name: str, data: bytes, archive: Path, begin: int) -> None:
        """A file that lies in an archive, from a byte on, checked as if it lay in the folder."""
        lines = placed_lines(data, name, shown(archive / name))
        if name not in self._files:
            self._packed[name] = archive, begin
            self.take_in(name, lines)

    def of_ask(self, ask: str) -> tuple[Recording, ...]:
        """What answered a call, by `Asked.ask`: one for each sample and stack that asked, by those.

        Raises EvidenceError where one of them is answered in two ways.
        """
        found = self._recordings(_listed(self._asks.get(_raw(ask))))
        return tuple(
            sorted(found, key=lambda one: (one.asked.sample, one.asked.epoch, sorted(one.asked.pins.items())))
        )

    def of_key(self, key: str) -> Recording | None:
        """What answered this very call of this sample and these pins, by `Asked.key`."""
        row = self._keys.get(_raw(key))
        return None if row is None else next(self._recordings([row]))

    def of_case(self, case: str) -> tuple[Recording, ...]:
        """All recordings of a case, by kind, name and the number of writes before the call."""
        rows = self._rows_of([case])
        self._refuse_parted(rows)
        lines = sorted(self._lines(rows), key=_body)  # one call's by sample, draw and pins
        return tuple(sorted([self._parsed(spot, line) for spot, line in lines], key=_PLACE_IN_CASE))

    def cases(self) -> dict[str, int]:
        """How many recordings each case has, by key of the case, in order."""
        each = map(_listed, self._cases.values())
        found = {next(self._read(rows[:1])).asked.case: len(rows) for rows in each}
        return dict(sorted(found.items()))

    def each(self) -> Iterator[Recording]:
        """Every recording, in the order of files and lines."""
        return self._recordings(range(len(self)))

    def digest(self, cases: Collection[str]) -> str:
        """One digest of all recordings of some cases; files and orders make no difference to it.

        Raises EvidenceError where one of them is answered in two ways.
        """
        rows = self._rows_of(cases)
        self._refuse_parted(rows)
        return digest_of_set([digest_of(line) for _, line in self._lines(rows)])

    def lines(self, left_out: Collection[str] = ()) -> Iterator[bytes]:
        """Every line that holds, its end included, in an order of its own: by case, then by bytes.

        Cases in `left_out` are left out. Raises EvidenceError where a call is answered in two ways.
        """
        out = {canonical_text(one) for one in left_out}
        for case in sorted(self._cases):
            if case not in out:
                rows = _listed(self._cases[case])
                self._refuse_parted(rows)
                yield from sorted(line + b"\n" for _, line in self._lines(rows))

    def conflicts(self) -> tuple[Conflict, ...]:
        """Calls that were answered in two ways."""
        return tuple(self._conflict(row) for row in sorted(self._parted))

    def faults(self) -> Iterator[EvidenceError]:
        """Lines that are not written as we write them, and calls that are answered in two ways."""
        for spot, line in self._lines(range(len(self))):
            try:
                check_canonical_line(line, recording_of(line))
            except ValueError as err:
                yield EvidenceError(f"damaged: {err}", where=self._place(spot), do=FETCH)
            except EvidenceError as err:
                yield EvidenceError(f"damaged: {err.what}", where=self._place(spot), do=FETCH)
        for row in sorted(self._parted):
            yield self._parting(row)

    def _rows_of(self, cases: Collection[str]) -> list[int]:
        return [row for case in sorted(set(cases)) for row in _listed(self._cases.get(canonical_text(case)))]

    def _recordings(self, rows: Collection[int]) -> Iterator[Recording]:
        self._refuse_parted(rows)
        return self._read(rows)

    def _read(self, rows: Collection[int]) -> Iterator[Recording]:
        for spot, line in self._lines(rows):
            yield self._parsed(spot, line)

    def _parsed(self, spot: Spot, line: bytes) -> Recording:
        try:
            return recording_of(line)
        except ValueError as err:
            raise EvidenceError(f"damaged: {err}", where=self._place(spot), do=FETCH) from err

    def _spot(self, row: int) -> Spot:
        sources, offsets, sizes = self._rows
        return sources[row], offsets[row], sizes[row]

    def _lines(self, rows: Collection[int]) -> Iterator[tuple[Spot, bytes]]:
        """Lines of rows, unchecked; neighbours in a file are read together."""
        sources, offsets, sizes = self._rows
        spots = [(sources[row], offsets[row], sizes[row]) for row in rows]
        spots.sort()
        data, held, begin, end = b"", -1, 0, 0
        for number, spot in enumerate(spots):
            source, offset, size = spot
            if source != held or offset + size > end:
                held, begin, end = source, offset, self._end_of_chunk(spots, number)
                data = self._bytes(source, begin, end - begin)
            yield spot, data[offset - begin : offset - begin + size]

    def _end_of_chunk(self, spots: list[Spot], first: int) -> int:
        """Where to end a reading that begins with a line, and takes in neighbours not too far from it."""
        source, begin, size = spots[first]
        end = begin + size
        for other, offset, size in islice(spots, first + 1, None):
            if other != source or offset + size - begin > _CHUNK:
                break
            end = offset + size
        return end

    def _bytes(self, source: int, offset: int, size: int) -> bytes:
        name = self.files[source]
        archive, begin = self._packed.get(name) or (None, 0)
        path = archive or self._root + name  # absolute: who watches what is opened knows it by its name
        try:
            return self._latest.read(path, size, begin + offset)
        except OSError as err:
            raise EvidenceError(
                f"cannot be read: {reason(err)}", where=shown(archive or self.folder / name), do=FETCH
            ) from err

    def _meet(self, row: int, other: Spot) -> None:
        """A call is told again: alike, with more answers, with fewer, or otherwise."""
        held = self._spot(row)
        lines = [self._bytes(*one) for one in (held, other)]
        if lines[0] == lines[1]:
            return
        try:
            before, after = [recording_of(line) for line in lines]
        except ValueError as err:
            raise EvidenceError(f"damaged: {err}", where=self._place(other), do=FETCH) from err
        common = min(len(before.answers), len(after.answers))
        if _written(before, common) != _written(after, common):
            self._parted.setdefault(row, other)
        elif (len(after.answers), digest_of(lines[0])) > (len(before.answers), digest_of(lines[1])):
            for column, value in zip(self._rows, other, strict=True):
                column[row] = value

    def _refuse_parted(self, rows: Collection[int]) -> None:
        if self._parted:
            for row in rows:
                if row in self._parted:
                    raise self._parting(row)

    def _parting(self, row: int) -> EvidenceError:
        one = self._conflict(row)
        what = f"{one.what} is answered otherwise than in {one.places[0]}"
        return EvidenceError(what, where=one.places[1], do=_FORGET)

    def _conflict(self, row: int) -> Conflict:
        spots = sorted([self._spot(row), self._parted[row]])
        asked = next(self._read([row])).asked
        return Conflict(named(asked), (self._place(spots[0]), self._place(spots[1])))

    def _place(self, spot: Spot) -> str:
        """`recordings/ab/abcdef….jsonl:line 7`."""
        source, offset, _ = spot
        name = self.files[source]
        archive, _ = self._packed.get(name) or (None, 0)
        before = self._bytes(source, 0, offset)
        return at(shown((archive or self.folder) / name), f"line {before.count(10) + 1}")


def holds_more(one: Recording, other: Recording) -> bool:
    """Whether a recording has all answers of another, and further ones."""
    common = len(other.answers)
    return len(one.answers) > common and _written(one, common) == _written(other, common)


def _written(one: Recording, count: int) -> bytes:
    return replies_bytes(one.answers[:count])


def _body(found: tuple[Spot, bytes]) -> bytes:
    """What follows the digest of a line."""
    return found[1][BODY:]


def _raw(digest: str) -> bytes:
    try:
        return bytes.fromhex(digest)
    except ValueError:
        return b""


def _listed(rows: Rows | None) -> list[int]:
    return [] if rows is None else [rows] if isinstance(rows, int) else rows
