"""What is tolerated: margins, limits, and how much of the suite's error rate a rule may spend.

Never looks at data.
"""

from dataclasses import dataclass
from enum import Enum

from stopship.model.score import Direction, Scorer

ALPHA = 0.05  # shared by the stop-ship rules of one suite or comparison
DEFAULT_MARGIN = 0.05
DEFAULT_COHORT_MARGIN = 0.10
MIN_COHORT = 25  # cases of the baseline's plan from which a cohort is a guard
ANSWERED = "answered"  # the built-in rule: is there an output that is not blank?
ANSWERED_MARGIN = 0.02
ANSWERED_ALPHA = 0.01  # its own, beside the suite's


class Severity(Enum):
    """Whether a broken rule stops the build or is only reported."""

    STOP_SHIP = "stop-ship"
    WARN = "warn"


class Mode(Enum):
    """What a scope must show: proof that it is within its margin, no proof of harm, or nothing."""

    PROVE = "prove"
    GUARD = "guard"
    WATCH = "watch"


@dataclass(frozen=True, slots=True)
class Margin:
    """The largest tolerated loss: a share of the range (`5pt`), or of the baseline's mean (`10%`)."""

    share: float  # 0 < share < 1 where absolute; 0 < share where relative
    relative: bool = False

    def __str__(self) -> str:
        return f"{self.share * 100:g}" + ("%" if self.relative else "pt")


@dataclass(frozen=True, slots=True)
class Limit:
    """An absolute promise about the candidate alone, in the score's own unit."""

    value: float
    at_most: bool  # False: at least

    def __str__(self) -> str:
        return f"{'at most' if self.at_most else 'at least'} {self.value:g}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One stop-ship rule: a score, which end is good, and what may get worse."""

    id: str
    scorer: Scorer
    better: Direction
    margin: Margin | None = None  # None: no comparison with the baseline
    cohort_margin: Margin | None = None
    limit: Limit | None = None
    severity: Severity = Severity.STOP_SHIP
    mode: Mode = Mode.PROVE  # of the scope `all`
    alpha: float | None = None  # its own error rate; None: an equal part of the suite's

    @property
    def stops(self) -> bool:
        return self.severity is Severity.STOP_SHIP
