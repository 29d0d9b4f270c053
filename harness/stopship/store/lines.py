"""Many lines by number: in memory while they are small, else in a file that nobody else sees.

Decides where lines lie while a process needs them. Never leaves one on the disk when it ends.
"""

import os
import tempfile
import weakref
from array import array
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import overload

from stopship.errors import StopshipError
from stopship.store.evidencefiles import FULL, reason
from stopship.store.shown import shown

MOST = 2 << 20
"""Bytes of one table, or of one run's outputs, that are held in memory: beyond, all of it is on the disk."""
_CHUNK = 1 << 18


class Lines(Sequence[bytes]):
    """Lines of bytes without their ends, none of which may hold one. Grows at its end alone.

    Lines that are there may be read in many threads at once, one thread at a time adds. Raises StopshipError
    where the file system of temporary files is full or cannot be written.
    """

    def __init__(self, lines: Iterable[bytes] = (), *, most: int | None = None) -> None:
        """`most`: bytes that stay in memory; None: MOST."""
        self._most = MOST if most is None else most
        self._tail = bytearray()  # what is not in the file
        self._filed = 0  # bytes in the file
        self._ends = array("Q")
        self._descriptor = -1
        for one in lines:
            self.append(one)

    @property
    def size(self) -> int:
        """Bytes of all lines, their ends included."""
        return self._filed + len(self._tail)

    @property
    def is_small(self) -> bool:
        """Whether all of it is in memory."""
        return self._descriptor < 0

    def append(self, line: bytes) -> None:
        """One more line."""
        self._tail += line
        self._tail += b"\n"
        self._ends.append(self.size)
        if len(self._tail) > (self._most if self.is_small else _CHUNK):
            self._write()

    def __len__(self) -> int:
        return len(self._ends)

    @overload
    def __getitem__(self, index: int) -> bytes: ...
    @overload
    def __getitem__(self, index: slice) -> list[bytes]: ...
    def __getitem__(self, index: int | slice) -> bytes | list[bytes]:
        if isinstance(index, slice):
            return [self[one] for one in range(*index.indices(len(self)))]
        number = range(len(self._ends))[index]
        start = self._ends[number - 1] if number else 0
        return self._bytes(start, self._ends[number] - 1)

    def __iter__(self) -> Iterator[bytes]:
        rest = b""
        for chunk in self.chunks():
            *lines, rest = (rest + chunk).split(b"\n")
            yield from lines

    def chunks(self) -> Iterator[bytes]:
        """All of it as the bytes of a file, piece by piece."""
        for start in range(0, self.size, _CHUNK):
            yield self._bytes(start, min(start + _CHUNK, self.size))

    def _bytes(self, start: int, end: int) -> bytes:
        held = (
            bytes(self._tail[max(start - self._filed, 0) : end - self._filed]) if end > self._filed else b""
        )
        if start >= self._filed:
            return held
        found = os.pread(self._descriptor, min(end, self._filed) - start, start)
        if len(found) != min(end, self._filed) - start:
            raise StopshipError("a temporary file was cut while it was read", do="run again")
        return found + held

    def _write(self) -> None:
        """Move what is in memory to the file."""
        try:
            if self.is_small:
                with tempfile.TemporaryFile(prefix="stopship-", buffering=0) as file:
                    self._descriptor = os.dup(file.fileno())
                weakref.finalize(self, os.close, self._descriptor)
            rest = memoryview(self._tail)
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]
        except OSError as err:
            what = "the disk is full" if err.errno in FULL else reason(err)
            raise StopshipError(
                f"a temporary file cannot be written: {what}",
                where=shown(Path(tempfile.gettempdir())),
                do="free some space there, or name another folder in TMPDIR",
            ) from err
        self._filed += len(self._tail)
        self._tail = bytearray()
