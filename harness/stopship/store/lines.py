"""Many lines by number: in memory while they are small, else in a file that nobody else sees.

Decides where lines lie while a process needs them. Never leaves one on the disk when it ends.
"""

import os
import tempfile
import threading
import weakref
from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import overload

from stopship.errors import StopshipError
from stopship.store.evidencefiles import FULL, MANY, reason, too_many

MOST = 2 << 20
"""Bytes of one table, or of one run's outputs, that are held in memory: beyond, all of it is on the disk."""
_SLOT = 1 << 18  # bytes that are taken and given back together


class _Spool:
    """The one file of a process in which all lines lie that are too many: it has no name, and is one open
    file, however many runs are read. What is given back is used again."""

    def __init__(self) -> None:
        """Raises OSError."""
        with tempfile.TemporaryFile(prefix="stopship-", buffering=0) as file:
            self._descriptor = os.dup(file.fileno())
        weakref.finalize(self, os.close, self._descriptor)
        self.process = os.getpid()
        self._mutex = threading.Lock()
        self._free: list[int] = []  # slots
        self._slots = 0  # of the file

    def put(self, data: bytearray) -> int:
        """Write it somewhere, and give where. Raises OSError."""
        count = -(-len(data) // _SLOT)
        with self._mutex:
            if count == 1 and self._free:
                slot = self._free.pop()
            else:
                slot, self._slots = self._slots, self._slots + count
        start, rest = slot * _SLOT, memoryview(data)
        try:
            while rest:
                written = os.pwrite(self._descriptor, rest, start)
                rest, start = rest[written:], start + written
        except OSError:
            self.give_back([(slot, count)])
            raise
        return slot * _SLOT

    def read(self, start: int, size: int) -> bytes:
        """Raises OSError, StopshipError."""
        data = os.pread(self._descriptor, size, start)
        if len(data) != size:
            raise StopshipError("a temporary file was cut while it was read", do="run again")
        return data

    def give_back(self, blocks: Iterable[tuple[int, int]]) -> None:
        """Slots that nobody needs any more: the first of each block, and how many."""
        with self._mutex:
            self._free += [one for slot, count in blocks for one in range(slot, slot + count)]


_held: list[_Spool] = []  # of this process, the latest last
_opening = threading.Lock()


def _spool() -> _Spool:
    with _opening:
        if (
            not _held or _held[-1].process != os.getpid()
        ):  # a child of a fork writes into none of its parent's
            _held.append(_Spool())
        return _held[-1]


class Lines(Sequence[bytes]):
    """Lines of bytes without their ends, none of which may hold one. Grows at its end alone.

    Many threads may read while one adds. Raises StopshipError where the file system of temporary files is
    full or cannot be written.
    """

    def __init__(self, lines: Iterable[bytes] = (), *, most: int | None = None) -> None:
        """`most`: bytes that stay in memory; None: MOST."""
        self._most = MOST if most is None else most
        self._ends = array("Q")
        self._tail = bytearray()  # what is not in the file
        self._starts = array("Q", [0])  # of what lies in each block, and of the tail
        self._places = array("Q")  # of each block in the file
        self._spool: _Spool | None = None
        self._blocks: list[tuple[int, int]] = []  # slots
        self._mutex = threading.Lock()
        for one in lines:
            self.append(one)

    @property
    def size(self) -> int:
        """Bytes of all lines, their ends included."""
        return self._ends[-1] if self._ends else 0

    @property
    def is_small(self) -> bool:
        """Whether all of it is in memory."""
        return self._spool is None

    def append(self, line: bytes) -> None:
        """One more line."""
        room = self._most if self._spool is None else _SLOT
        with self._mutex:
            if self._tail and len(self._tail) + len(line) + 1 > room:
                self._move()
            self._tail += line
            self._tail += b"\n"
            self._ends.append(self.size + len(line) + 1)
            if len(self._tail) > self._most:
                self._move()

    def __len__(self) -> int:
        return len(self._ends)

    @overload
    def __getitem__(self, index: int) -> bytes: ...
    @overload
    def __getitem__(self, index: slice) -> list[bytes]: ...
    def __getitem__(self, index: int | slice) -> bytes | list[bytes]:
        if isinstance(index, slice):
            return [self[one] for one in range(*index.indices(len(self)))]
        with self._mutex:
            number = range(len(self._ends))[index]
            start = self._ends[number - 1] if number else 0
            end = self._ends[number] - 1
            block = bisect_right(self._starts, start) - 1
            inside = start - self._starts[block]
            if block == len(self._places):
                return bytes(self._tail[inside : inside + end - start])
            place = self._places[block] + inside
        return self._read(place, end - start)

    def __iter__(self) -> Iterator[bytes]:
        for start, data in self._pieces():
            number = bisect_right(self._ends, start)
            begin = start
            while number < len(self._ends) and self._ends[number] <= start + len(data):
                end = self._ends[number]
                yield data[begin - start : end - 1 - start]
                begin, number = end, number + 1

    def chunks(self) -> Iterator[bytes]:
        """All of it as the bytes of a file, piece by piece."""
        return (data for _, data in self._pieces())

    def _pieces(self) -> Iterator[tuple[int, bytes]]:
        """What lies together, and where it begins: whole lines."""
        block = 0
        while True:
            with self._mutex:
                start = self._starts[block]
                if block == len(self._places):
                    yield start, bytes(self._tail)
                    return
                place, size = self._places[block], self._starts[block + 1] - start
            yield start, self._read(place, size)
            block += 1

    def _read(self, place: int, size: int) -> bytes:
        assert self._spool is not None  # noqa: S101  # where something lies
        try:
            return self._spool.read(place, size)
        except OSError as err:
            raise StopshipError(f"a temporary file cannot be read: {reason(err)}", do="run again") from err

    def _move(self) -> None:
        """Move what is in memory to the file, in blocks of whole lines, each in one slot where it fits."""
        try:
            if self._spool is None:
                self._spool = _spool()
                weakref.finalize(self, self._spool.give_back, self._blocks)
            while self._tail:
                size = self._whole(_SLOT)
                place = self._spool.put(self._tail[:size])
                self._blocks.append((place // _SLOT, -(-size // _SLOT)))
                self._places.append(place)
                self._starts.append(self._starts[-1] + size)
                del self._tail[:size]
        except OSError as err:
            if err.errno in MANY:
                raise too_many(Path(os.environ.get("TMPDIR", "/tmp"))) from err  # noqa: S108  # only told
            what = "the disk is full" if err.errno in FULL else reason(err)
            raise StopshipError(
                f"a temporary file cannot be written: {what}",
                where=os.environ.get("TMPDIR", "the folder of temporary files"),
                do="free some space there, or name another folder in TMPDIR",
            ) from err

    def _whole(self, most: int) -> int:
        """How much of the tail are whole lines of at most so many bytes, or else its first line."""
        start = self._starts[-1]
        last = bisect_right(self._ends, start + most) - 1
        if last >= 0 and self._ends[last] > start:
            return self._ends[last] - start
        return self._ends[bisect_right(self._ends, start)] - start


class Splitter:
    """Whole lines of a file that comes in pieces, however long a line is."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def take(self, chunk: bytes) -> list[bytes]:
        """The lines that end in the next piece, without their ends."""
        first, *more = chunk.split(b"\n")
        self._pieces.append(first)
        if not more:
            return []
        lines = [b"".join(self._pieces), *more[:-1]]
        self._pieces = [more[-1]]
        return lines

    @property
    def rest(self) -> bytes:
        """What stands behind the last line end."""
        return b"".join(self._pieces)
