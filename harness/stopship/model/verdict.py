"""Findings, the verdict they make, and the record that every report is a face of.

Composition only: numbers come in, an answer goes out. What cannot be judged counts against shipping.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum

from stopship.model.change import PinChange
from stopship.model.rule import Mode, Severity

FORMAT = 1


class Verdict(Enum):
    """The gate's answer."""

    SHIP = "SHIP"
    STOP = "STOP"
    UNDECIDED = "UNDECIDED"
    VOID = "VOID"


EXIT_CODES: Mapping[Verdict, int] = {
    Verdict.SHIP: 0,
    Verdict.STOP: 20,
    Verdict.UNDECIDED: 21,
    Verdict.VOID: 22,
}


class Decision(Enum):
    """A rule's answer in one scope."""

    ERROR = "error"  # nothing to judge: the whole verdict is VOID
    IMPROVED = "improved"
    PASS_DEGRADED = "pass-degraded"  # noqa: S105  # not a secret: proven worse, provably by less than the margin
    PASS = "pass"  # noqa: S105  # not a secret
    REGRESSION = "regression"  # proven worse, not proven to be within the margin
    BLIND = "blind"  # too few cases for any outcome to decide
    SUSPECT = "suspect"  # looks broken, not proven after correction
    INCONCLUSIVE = "inconclusive"
    UNTESTED = "untested"  # a watched scope: counted, never tested


_TITLES: Mapping[str, str] = {"anchor": " vs anchor", "waiver": " (waiver over)"}
PROVEN = frozenset({Decision.IMPROVED, Decision.PASS_DEGRADED, Decision.PASS})


@dataclass(frozen=True, slots=True, kw_only=True)
class WorseCase:
    """A case that got worse: what it scored before and after."""

    key: str
    before: str  # the score's label where it has one, else its value; empty: no baseline
    after: str
    reason: str = ""
    triage: str = ""  # confirmed, noise, …: what fresh outputs of both arms say; "": none were drawn


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """How an open check can be decided, from the noise that was seen."""

    kind: str  # `cases`: more of them; `outputs`: more of each case
    cases: int  # in the scope, those that there are included
    repeats: int  # outputs a case and arm, ditto
    calls: int  # still to be drawn, both arms together
    usd: float | None = None  # what they cost; None: no costs are told


@dataclass(frozen=True, slots=True, kw_only=True)
class Escalated:
    """One step of drawing more outputs: what for, how many, and what came of it."""

    kind: str  # round | must_pass | discordant | cohorts | confirm | triage
    what: str  # one line for people
    cases: int
    outputs: int  # drawn in this step, both arms together
    usd: float | None  # None: the target tells no costs
    runs: tuple[str, ...]  # ids of the sealed runs that hold them


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A rule's answer in one scope. Numbers are None where they do not exist, never NaN or infinite.

    `delta`, `lower`, `upper`, `margin` and `mde` are shares: of the score's range, or of the baseline's
    mean where the margin is relative; negative is worse. `baseline` and `candidate` are plain means in
    the score's own unit. Where a tail is judged, its value stands wherever a mean would.
    """

    rule: str
    metric: str
    scope: str
    kind: str  # compare | limit | must_pass | anchor | waiver
    mode: Mode
    severity: Severity
    decision: Decision
    n: int = 0
    n_effective: float = 0.0
    unscored: int = 0  # cases that give the scorer nothing to judge, in both arms
    left_out: int = 0  # pairs with no output: in the baseline, or in either where the score has no worst
    unreadable: int = 0  # pairs with an output that the scorer could not read; it scored worst
    worse: int = 0
    better: int = 0
    baseline: float | None = None
    candidate: float | None = None
    delta: float | None = None
    lower: float | None = None
    upper: float | None = None
    p: float | None = None
    p_adjusted: float | None = None
    margin: float | None = None
    relative: bool = False
    limit: str = ""  # `at most 0.04`, `p95 at most 2000`, `every case passes`; empty: a comparison
    tail: str = ""  # `p95`, `cvar95`: what is judged instead of the mean
    expects: bool = False  # only proof of an improvement lets the build ship
    test: str = ""
    bound: str = ""  # which formula gave `lower`
    mde: float | None = None
    p_pass: float | None = None  # P(proven) of a candidate that changed nothing, with the churn seen here
    leaning: str = ""
    cases_needed: int | None = None  # None: more cases would not make it ship, or nothing is missing
    ways: tuple[Way, ...] = ()  # to decide it, the cheapest first; (): nothing is open, or nothing would do
    why: str = ""  # one sentence for people where the decision needs one
    worse_keys: tuple[str, ...] = ()  # worst first
    better_keys: tuple[str, ...] = ()
    waived_keys: tuple[str, ...] = ()  # must-pass cases that fail, and may until the waiver ends
    waived_until: str = ""  # the last day of the waiver that they need
    worst: tuple[WorseCase, ...] = ()  # the first of worse_keys, with labels
    owner: str = ""  # of the rule: who is asked
    incident_class: str = ""  # of the rule: what kind of harm it stands against
    note: str = ""  # of the rule

    @property
    def title(self) -> str:
        """The rule as people tell it from its other parts."""
        return f"{self.rule}{_TITLES.get(self.kind, '')}"

    @property
    def harm(self) -> float:
        """What findings are ordered by, the worst first: failed must-pass cases come before any loss."""
        if self.kind == "must_pass" and self.worse:
            return float("-inf")
        return self.delta or 0.0

    @property
    def stops(self) -> bool:
        return self.severity is Severity.STOP_SHIP

    @property
    def is_broken(self) -> bool:
        """Whether this finding alone stops the build."""
        return self.stops and self.mode is not Mode.WATCH and self.decision is Decision.REGRESSION

    @property
    def holds(self) -> bool:
        """Whether this finding alone keeps the build from shipping without stopping it."""
        if not self.stops or self.is_broken:
            return False
        if self.expects and self.decision is not Decision.IMPROVED:
            return True
        if self.mode is Mode.PROVE:
            return self.decision not in PROVEN
        return self.mode is Mode.GUARD and self.decision is Decision.SUSPECT

    @property
    def may_be_allowed(self) -> bool:
        """Whether `undecided = allow` may cover this finding: not where harm is what the numbers show, nor
        where the fix that was promised does not show."""
        if self.expects or self.decision is Decision.SUSPECT or self.delta is None or self.margin is None:
            return False
        return self.delta > -self.margin

    @property
    def shows_harm(self) -> bool:
        """A loss at or beyond the margin in a tested scope of a stop-ship rule, proven or not."""
        if not self.stops or self.mode is Mode.WATCH or self.delta is None or self.margin is None:
            return False
        return self.decision not in PROVEN and self.delta < 0 and self.delta <= -self.margin


def compose(findings: Iterable[Finding]) -> Verdict:
    """VOID before anything; then broken, then held, else SHIP. No finding of a stop-ship rule: VOID."""
    gating = [one for one in findings if one.stops]
    if not gating or any(one.decision is Decision.ERROR for one in gating):
        return Verdict.VOID
    if any(one.is_broken for one in gating):
        return Verdict.STOP
    if any(one.holds for one in gating):
        return Verdict.UNDECIDED
    return Verdict.SHIP


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """A case that got worse, for people: untrusted text, shown neutralised."""

    key: str
    rule: str
    scope: str
    before_label: str  # empty: the baseline has no such case, or there is no baseline
    after_label: str
    before: str  # the opening of the output; empty: no output
    after: str
    reason: str = ""
    kind: str = "compare"  # of the finding it belongs to
    triage: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmPin:
    """What one side of a comparison is: the digest of its rows, in any order, and their number."""

    digest: str
    rows: int
    stack: str = "undeclared"
    run: str = ""  # id of the run; "": a file


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """The verdict and everything it rests on. No wall clock, no paths: equal evidence, equal record."""

    verdict: Verdict
    exit_code: int
    allowed: bool
    reasons: tuple[str, ...]
    counts: Mapping[str, int]
    baseline: ArmPin | None
    candidate: ArmPin | None
    scorers: Mapping[str, str]  # spec -> digest
    rules_digest: str
    alpha: float
    findings: tuple[Finding, ...] = ()
    new_keys: tuple[str, ...] = ()
    p_ship: tuple[tuple[float, float], ...] = ()  # (share of cases that flip, P(SHIP) of an identical build)
    p_ship_assumes: tuple[str, ...] = ()  # what that takes for granted: `if …`, `without …`
    p_ship_measured: bool = False  # the flips are those of noise.json
    examples: tuple[Example, ...] = field(default=())
    suite: str = ""  # "": two files were compared
    changes: tuple[PinChange, ...] = ()  # axis by axis, from the baseline's stack to the candidate's
    notes: tuple[str, ...] = ()  # what else the reader should know, said by whoever gathered the evidence
    deterministic: bool = False  # the target is declared so: no case flips by chance, nothing is forecast
    estimand: str = "traffic"  # or `suite`: the cases are all that there is
    look: tuple[int, int] = (1, 1)  # this is the first of one
    level: float = 0.95  # one-sided, of the bounds that a pass had to clear
    escalation: tuple[Escalated, ...] = ()  # what was drawn beyond the first look
    also: tuple[str, ...] = ()  # checks that are not broken and yet stand out (BH at 10 %); they never block
