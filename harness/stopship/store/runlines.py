"""What the lines of a sealed run tell: a row of each case, and each outcome, read when it is asked for.

Decides how much of a run is in memory. Believes its lines: whoever made them has proven them.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, overload

from stopship.model.case import Json
from stopship.model.run import Outcome
from stopship.store.besides import beside_of
from stopship.store.lines import Lines
from stopship.store.runcodec import outcome_of, parsed

_BESIDE = b',"took_ms":'


class Outcomes(Sequence[Outcome]):
    """Outcomes in the order of their lines, too many to be held."""

    def __init__(self, traces: Lines, timings: Lines) -> None:
        self._traces, self._timings = traces, timings

    def __len__(self) -> int:
        return len(self._traces)

    @overload
    def __getitem__(self, index: int) -> Outcome: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Outcome, ...]: ...
    def __getitem__(self, index: int | slice) -> Outcome | tuple[Outcome, ...]:
        if isinstance(index, slice):
            return tuple(self[one] for one in range(*index.indices(len(self))))
        return _outcome(self._traces[index], self._timings[index])

    def __iter__(self) -> Iterator[Outcome]:
        return map(_outcome, self._traces, self._timings)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence):
            return NotImplemented
        return len(self) == len(other) and all(one == its for one, its in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment]  # as of any other mutable sequence


def outcomes_in(traces: Lines, timings: Lines) -> Sequence[Outcome]:
    """The outcomes that these lines tell; held where they are few."""
    told = Outcomes(traces, timings)
    return tuple(told) if traces.is_small and timings.is_small else told


def row_in(line: bytes) -> Mapping[str, Json]:
    """The row of a line of cases."""
    value: Any = parsed(line)
    row: dict[str, Json] = value["row"]
    return row


def _outcome(trace: bytes, timing: bytes) -> Outcome:
    start = timing.find(_BESIDE) + len(_BESIDE)  # in a text its quotes would be escaped
    try:
        beside = parsed(timing[start:-1])
    except ValueError:  # it is written in another way than by us
        whole: Any = parsed(timing)
        beside = whole["took_ms"]
    took, calls = beside_of(beside)
    return outcome_of(parsed(trace), took, calls)
