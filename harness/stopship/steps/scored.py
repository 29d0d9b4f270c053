"""One side of a comparison after scoring: what each output said about each metric, column by column.

Data alone. `arm` fills it output by output, `repeats` makes one arm of several.
"""

from array import array
from dataclasses import dataclass, field

SCORED, UNSCORED, FAILED, NO_ANSWER, RAISED, LOST = range(6)
STATE_LABELS = ("", "unscored", "unreadable", "no output", "unreadable", "lost")  # where a scorer gives none
OPENING = 400  # characters of an output kept for the report


def _numbers() -> "array[float]":
    return array("d")


@dataclass(slots=True)
class Samples:
    """What the repeated outputs of each case scored; one entry a row."""

    values: "array[float]" = field(default_factory=_numbers)  # every score that exists, row after row
    sums: "array[float]" = field(default_factory=_numbers)  # of the scores that exist
    least: "array[float]" = field(default_factory=_numbers)
    most: "array[float]" = field(default_factory=_numbers)
    tally: tuple["array[int]", ...] = field(default_factory=lambda: tuple(array("I") for _ in range(6)))


@dataclass(slots=True)
class ScoreColumn:
    """One metric over all rows of an arm; the lists share the arm's row order."""

    values: "array[float]" = field(default_factory=_numbers)  # of repeats: the mean of those that exist
    states: bytearray = field(default_factory=bytearray)
    labels: list[str] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)
    samples: Samples | None = None  # None: one output a row
    fault: str = ""  # why the metric cannot be judged, whatever the other arm says

    def add(self, state: int, value: float = 0.0, label: str = "", reason: str = "") -> None:
        self.states.append(state)
        self.values.append(value)
        self.labels.append(label)
        self.reasons.append(reason)


@dataclass(slots=True)
class Arm:
    """One side of a comparison after scoring. Every list has one entry a row."""

    name: str
    keys: list[str] = field(default_factory=list)
    digests: list[bytes] = field(default_factory=list)
    cohorts: list[tuple[str, ...]] = field(default_factory=list)
    clusters: list[str] = field(default_factory=list)
    asked: list[bytes] = field(default_factory=list)  # digests of input; empty where no column is named
    expected: list[bytes] = field(default_factory=list)
    answered: bytearray = field(default_factory=bytearray)
    openings: list[bytes] = field(default_factory=list)
    scores: dict[str, ScoreColumn] = field(default_factory=dict)  # by the scorer's spec
    groups: dict[str, bytearray] = field(default_factory=dict)  # 1: the row is in the group
    excluded: set[str] = field(default_factory=set)  # keys that `where` leaves out
    seen: set[str] = field(default_factory=set)  # column names met in any row
    lost: list[tuple[str, str]] = field(default_factory=list)  # key and reason of each lost output
    missed: int = 0  # of the lost ones, those of which a call was not served
    outputs: int = 0  # planned, lost ones included
    repeats: int = 1  # most outputs a case
