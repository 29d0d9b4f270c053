"""How many calls a plan has made until now, in all its processes: a byte for each, beside its journals.

Decides when a plan begins anew: nothing is filed, and nobody is counting. Never lowers a count otherwise.
"""

import fcntl
import os
from contextlib import suppress
from pathlib import Path

from stopship.errors import StopshipError
from stopship.store.locks import give_back, is_current, opened, take

CALLS = "calls"


class Tally:
    """The count of one plan. It is with the system when `add` returns, so it outlives the process."""

    def __init__(self, journals: Path) -> None:
        """Raises StopshipError where nothing can be kept there."""
        self._journals, self._path = journals, journals / CALLS
        self._descriptor = self._shared()

    @property
    def count(self) -> int:
        """The calls that were begun."""
        self._follow()
        with suppress(OSError):
            return os.fstat(self._descriptor).st_size
        return 0

    def add(self) -> int:
        """One more. Gives its number, which no other call of the plan has; 0 where the disk is full: who asks
        counts its own, too."""
        self._follow()
        with suppress(OSError):
            os.write(self._descriptor, b".")
            return os.lseek(self._descriptor, 0, os.SEEK_CUR)  # behind what was appended just now
        return 0

    def close(self) -> None:
        """This process counts no longer. A second call does nothing."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            give_back(descriptor)

    def _follow(self) -> None:
        """Whoever seals a run removes its folder; what is asked for afterwards is counted with the others."""
        with suppress(StopshipError):  # the journal beside it says so
            if self._descriptor < 0 or not is_current(self._descriptor, self._path):
                self.close()
                self._descriptor = self._shared()

    def _shared(self) -> int:
        """The open file, locked by all who count; emptied where there was nobody, and nothing is filed."""
        while True:
            descriptor = opened(self._path)
            try:
                if take(descriptor, self._path, fcntl.LOCK_EX | fcntl.LOCK_NB) and not self._is_filed():
                    os.ftruncate(descriptor, 0)
                take(descriptor, self._path, fcntl.LOCK_SH)
                if is_current(descriptor, self._path):
                    return descriptor
            except BaseException:
                os.close(descriptor)
                raise
            os.close(descriptor)

    def _is_filed(self) -> bool:
        with suppress(OSError):
            return any(one.stat().st_size for one in self._journals.glob("journal*.jsonl"))
        return True
