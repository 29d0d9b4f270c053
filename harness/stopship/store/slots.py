"""A rate of calls that all processes of a machine keep together: when the next may begin stands in a file.

Decides when. Never waits, but for the moment in which another process takes its slot.
"""

import fcntl
import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from stopship.store.locks import give_back, opened, take

_FARTHEST_S = 3600.0  # a time farther ahead is that of another clock


class Slots:
    """Slots at equal distances."""

    def __init__(self, path: Path, per_minute: float, clock: Callable[[], float] = time.time) -> None:
        self._path, self._every, self._clock = path, 60.0 / per_minute, clock

    def take(self) -> float:
        """Take the next slot; the seconds until it comes."""
        descriptor = opened(self._path)
        try:
            take(descriptor, self._path, fcntl.LOCK_EX)
            now = self._clock()
            free = now
            with suppress(ValueError):
                free = max(now, float(os.pread(descriptor, 64, 0).decode("ascii", "replace")))
            if free - now > _FARTHEST_S:
                free = now
            os.ftruncate(descriptor, 0)
            os.write(descriptor, f"{free + self._every:.6f}".encode())  # it appends: the file is empty
            return free - now
        finally:
            give_back(descriptor)
