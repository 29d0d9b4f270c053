"""Why a call of a frozen replay was not served, told as data.

Decides what can be wrong with a call, and how its closest recording differs from it. Never words a report.
"""

from dataclasses import dataclass
from enum import Enum

from stopship.model.case import Json
from stopship.model.exchange import Asked, Recording


class Phase(Enum):
    """How far the search for a recording came; its worth is the word people read."""

    NO_CASE = "no recordings of this case"
    NO_NAME = "nothing of this kind and name"
    NO_EQUAL = "no equal request"
    WORLD = "world differs"  # asked after another number of writes
    EFFECT = "it writes, and nothing allows it"  # in a replay that makes its calls
    PLACE = "another sample or stack"  # the same call, under other pins or as another sample
    ATTEMPTS = "attempts used up"


class Drift(Enum):
    """How a field differs. Here is the call that was asked, there the recording."""

    VALUE = "value changed"
    TYPE = "type changed"
    MISSING_HERE = "missing here"
    MISSING_THERE = "missing there"

    @property
    def is_structural(self) -> bool:
        """Whether the request has another shape, not only another value."""
        return self is not Drift.VALUE


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One field of a request that differs."""

    path: str  # JSON path: `$.messages[2].content`
    drift: Drift
    expected: Json = None  # as recorded; None too where it is missing there
    found: Json = None  # as asked; None too where it is missing here


@dataclass(frozen=True, slots=True, kw_only=True)
class Miss:
    """A call that nothing recorded answers."""

    phase: Phase
    asked: Asked
    attempt: int  # which answer was wanted, from 0 on
    closest: Recording | None = None
    differences: tuple[Difference, ...] = ()  # of the closest recording's request and this one
    known: tuple[str, ...] = ()  # what the case has recordings of: `tool lookup`

    @property
    def is_drift(self) -> bool:
        """Whether only values differ, so that noise may explain it."""
        return bool(self.differences) and not any(one.drift.is_structural for one in self.differences)
