"""How much a stack's outputs vary from run to run, what that does to a suite's rules, and what it asks for.

Data alone: `steps` measures it, `store/noisefile` keeps it, `report/noise` shows it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import sqrt


@dataclass(frozen=True, slots=True, kw_only=True)
class ScopeNoise:
    """What two draws of one stack show of a rule in one scope."""

    rule: str
    scope: str
    cases: int
    flips: float  # 0..1: share of cases in which two single outputs score differently
    variance: float  # within a case, of one output; in the square of a share of the range, or of the mean
    delta: float  # second draw less first, a share; chance alone, minus is worse
    relative: bool = False  # shares are of the baseline's mean, not of the range


@dataclass(frozen=True, slots=True, kw_only=True)
class NoiseFloor:
    """`noise.json`: the noise of a suite, and of what it was measured."""

    suite: str
    stack: str  # stack_id
    cases: str  # digests, as in the pointer
    labels: str
    scorers: Mapping[str, str]  # spec -> digest
    outputs: int  # a case, both draws together; 2 or more
    runs: tuple[str, ...]  # ids of the two runs
    scopes: tuple[ScopeNoise, ...]

    def of(self, rule: str, scope: str) -> ScopeNoise | None:
        return next((one for one in self.scopes if (one.rule, one.scope) == (rule, scope)), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """How many of `rounds` came out so; both 0 or more."""

    count: int
    rounds: int

    @property
    def value(self) -> float:
        return self.count / self.rounds

    @property
    def error(self) -> float:
        """The Monte-Carlo standard error of two more successes and failures, so never 0 (Agresti & Coull)."""
        rounds = self.rounds + 4
        share = (self.count + 2) / rounds
        return sqrt(share * (1 - share) / rounds)


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarms:
    """The verdicts on builds that changed nothing."""

    rounds: int
    verdicts: Mapping[str, int]  # verdict -> how many
    blocked: int  # in how many the gate would not have exited 0
    named: tuple[tuple[str, int], ...] = ()  # `rule in scope` -> in how many it was broken; most first
    held: tuple[tuple[str, int], ...] = ()  # in how many it kept an unstopped build from shipping; most first
    void: str = ""  # why, where any was VOID

    def share(self, verdict: str) -> Share:
        return Share(count=self.verdicts.get(verdict, 0), rounds=self.rounds)


@dataclass(frozen=True, slots=True, kw_only=True)
class Planted:
    """The verdicts on builds in which random cases were made to fail."""

    rule: str
    scope: str
    failed: int  # cases made to fail
    cases: int  # of so many in the scope
    drop: float  # the mean loss that this made, over all rounds, as a share
    alarms: Alarms
    blocked: int  # rounds in which the rule was broken somewhere
    named: int  # rounds in which the rule was broken in this very scope


@dataclass(frozen=True, slots=True, kw_only=True)
class NoiseReport:
    """What `stopship noise` found."""

    floor: NoiseFloor
    still: str = ""  # why there is no noise; "": outputs vary
    alarms: Alarms
    planted: Planted | None = None
    level: float  # alpha of the suite over the looks that were judged
    included: tuple[str, ...] = ()  # what the resampled gate has beside rules, cohorts and margins
    left_out: tuple[str, ...] = ()  # what of a real gate it has not, and what would let it in


@dataclass(frozen=True, slots=True, kw_only=True)
class Design:
    """So many cases in a scope and so many outputs of each in each arm, and what they cost."""

    cases: int
    repeats: int
    once: int  # outputs still to be drawn for the baseline
    build: int  # outputs to be drawn for every candidate, over the whole suite
    usd: float | None = None  # of one candidate; None: the target tells no costs


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanRow:
    """What a rule can detect in a scope, and what it would take to detect the drop that was asked for."""

    rule: str
    scope: str
    cases: int
    repeats: int
    flips: float
    alpha: float  # left for this scope after all corrections
    detects: float  # the smallest drop found with power 80 % now, a share
    designs: tuple[tuple[str, Design | str], ...]  # name -> design, or why there is none


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What `stopship plan` found."""

    suite: str
    detect: float
    relative: bool
    rows: tuple[PlanRow, ...]
    source: str  # where the noise is from, for people
