"""What is tolerated: margins, limits, and how much of the suite's error rate a rule may spend.

Never looks at data.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from stopship.model.columns import Condition
from stopship.model.score import Direction, Scorer

ALPHA = 0.05  # shared by the stop-ship rules of one suite or comparison
DEFAULT_MARGIN = 0.05
DEFAULT_COHORT_MARGIN = 0.10
MIN_COHORT = 25  # cases of the baseline's plan from which a cohort is a guard
LEAST_BEYOND = 10  # cases expected beyond a quantile before anything is said of it
PROVABLE_BEYOND = 15  # before the mean beyond is proven within a margin, where no worst end is known
PROMISED_BEYOND = 20  # before it is proven within a promise: there is no baseline to hold cases against
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


class IncidentClass(Enum):
    """What kind of harm a rule stands against."""

    AVAILABILITY = "availability"
    CORRECTNESS = "correctness"
    USEFULNESS = "usefulness"
    SAFETY = "safety"  # harm allowed, and legitimate use blocked
    COST = "cost"
    COMPLIANCE = "compliance"


@dataclass(frozen=True, slots=True)
class Tail:
    """The bad end of a score: the value that `percent` of the cases keep within, or the mean beyond it.

    Where low is better the upper end is bad, where high is better the lower one.
    """

    percent: int  # 50 < percent < 100
    is_mean: bool = False  # of the cases beyond: conditional value at risk

    @property
    def share(self) -> float:
        """Of the cases that lie within."""
        return self.percent / 100

    @property
    def cases(self) -> int:
        """The fewest cases that say anything of it: ten are expected beyond."""
        return -(-100 * LEAST_BEYOND // (100 - self.percent))

    def __str__(self) -> str:
        return f"{'cvar' if self.is_mean else 'p'}{self.percent}"


TAILS: Mapping[str, Tail] = {
    str(one): one
    for is_mean in (False, True)
    for percent in (80, 90, 95, 99)
    for one in (Tail(percent, is_mean),)
}


@dataclass(frozen=True, slots=True)
class Margin:
    """The largest tolerated loss: a share of the range (`5pt`), or of the baseline's own value (`10%`)."""

    share: float  # 0 < share < 1 where absolute; 0 < share where relative
    relative: bool = False
    tail: Tail | None = None  # what is compared; None: the mean

    def __str__(self) -> str:
        of = f" of {self.tail}" if self.tail else ""
        return f"{self.share * 100:g}{'%' if self.relative else 'pt'}{of}"


@dataclass(frozen=True, slots=True)
class Limit:
    """An absolute promise about the candidate alone, in the score's own unit."""

    value: float
    at_most: bool  # False: at least
    tail: Tail | None = None  # what is promised; None: the mean

    def __str__(self) -> str:
        of = f"{self.tail} " if self.tail else ""
        return f"{of}{'at most' if self.at_most else 'at least'} {self.value:g}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One stop-ship rule: a score, which end is good, and what may get worse.

    A rule compares (`margin`), keeps a promise (`limit`), or lets no chosen case fail (`must_pass`); any of
    them together.
    """

    id: str
    scorer: Scorer
    better: Direction
    margin: Margin | None = None  # None: no comparison with the baseline
    cohort_margin: Margin | None = None
    limit: Limit | None = None
    severity: Severity = Severity.STOP_SHIP
    mode: Mode = Mode.PROVE  # of the scope `all`
    alpha: float | None = None  # its own error rate; None: an equal part of the suite's
    anchor_margin: Margin | None = None  # the cumulative loss tolerated since the anchor; None: not compared
    must_pass: tuple[Condition, ...] | None = None  # cases that must all score best; (): every case
    where: tuple[Condition, ...] = ()  # the cases that margin and limit look at; (): every case
    expects_improvement: bool = False  # ships only where the change is proven better than the baseline
    is_waived: bool = False  # its regression was accepted for a time, and the time is not over
    waived_until: str = ""  # ISO date of the last day of that time, for people
    incident_class: IncidentClass | None = None
    owner: str = ""
    note: str = ""

    @property
    def stops(self) -> bool:
        return self.severity is Severity.STOP_SHIP
