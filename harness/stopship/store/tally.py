"""How many calls a plan has made until now, in all its processes: a byte for each, beside its journals.

Decides nothing. Never lowers a count while anything is filed; where nothing is, a plan begins anew.
"""

from contextlib import suppress
from pathlib import Path

CALLS = "calls"


class Tally:
    """The count of one plan. It is with the system when `add` returns, so it outlives the process."""

    def __init__(self, journals: Path) -> None:
        self._path = journals / CALLS
        with suppress(OSError):
            if not any(one.stat().st_size for one in journals.glob("journal*.jsonl")):
                self._path.unlink(missing_ok=True)

    @property
    def count(self) -> int:
        """The calls that were begun; 0 where that cannot be read: who asks counts its own, too."""
        try:
            return self._path.stat().st_size
        except OSError:
            return 0

    def add(self) -> None:
        """One more."""
        with suppress(OSError), self._path.open("ab", buffering=0) as file:
            file.write(b".")
