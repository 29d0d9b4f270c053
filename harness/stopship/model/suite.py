"""A suite as people write it: which cases, which stack, how they are replayed, and what is tolerated.

Data alone. `store/suitefile` reads it, with every fault; `ruling` makes its rules.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from stopship.model.canonical import canonical_bytes
from stopship.model.case import Json
from stopship.model.columns import Condition
from stopship.model.exchange import Fidelity
from stopship.model.rule import ALPHA, Mode

RECORDED = "recorded"  # the target whose outputs are a pin of the stack, on the axis of this name:
OUTPUTS = "outputs"
LOST_LIMIT = 0.02  # of the planned outputs of one arm that infrastructure may lose


COMMAND, HTTP, OPENAI, ANTHROPIC = "command", "http", "openai", "anthropic"
TABLES = (COMMAND, HTTP, OPENAI, ANTHROPIC)  # targets that are a table: `[replay.openai]`
MODELS = (OPENAI, ANTHROPIC)
RETRIES = 4  # of an output that an endpoint lost, unless the suite says otherwise


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetTable:
    """A target that is a table, `[replay.openai]`: its kind and all that the suite says of it."""

    kind: str  # of TABLES
    settings: Mapping[str, Json]  # as written, checked

    @property
    def spec(self) -> str:
        """How a run names it. Two tables that ask differently have two names."""
        return f"{self.kind} {canonical_bytes(dict(self.settings)).decode()}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """`limits`: what one run may spend, and what one output may. None: no limit."""

    calls: int | None = None
    tokens: int | None = None  # in and out together
    usd: float | None = None
    minutes: float | None = None
    case_calls: int | None = None  # to the outside, by an attempt at one output; and attempts at it
    case_tokens: int | None = None  # of one output
    case_usd: float | None = None
    case_seconds: float | None = None  # of one attempt; and of all of them with their waits, before another


@dataclass(frozen=True, slots=True, kw_only=True)
class UpstreamPlan:
    """`[replay.upstreams.NAME]`: a model API that targets reach through the gateway."""

    name: str
    url: str
    key_env: str = ""  # the variable that holds its key
    pins: tuple[str, ...] = ()  # axes that its answers depend on; (): `model`, where the stack has one
    ignore: tuple[str, ...] = ()  # dotted paths of fields of a request that cannot change its answer


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayPlan:
    """`[replay]`: how a case is put to the stack."""

    target: str  # `recorded`, `app/answer.py:answer`, or the name of a table
    table: TargetTable | None = None
    limits: Limits = Limits()
    per_minute: float | None = None  # calls that may begin; None: no limit
    retries: int = 0  # of an output that infrastructure lost
    cluster: str | None = None  # column of the conversation or user that cases share
    repeats: int = 1  # outputs a case and arm
    concurrency: int | None = None  # cases in flight; None: 1 for a plain function, 8 for an async one
    timeout_s: float | None = None  # for one output; None: no limit
    deterministic: bool = False  # the same stack gives the same output
    network: bool = False  # runs only where its suite is named
    fresh_s: float | None = None  # how old evidence of a network target may be; None: any age
    lost_limit: float = LOST_LIMIT  # `limits = { errors = 0.02 }`
    fidelity: Fidelity = Fidelity.LIVE  # what of the world outside is executed
    effects: tuple[str, ...] = ()  # names of marked functions that write and may be executed
    upstreams: tuple[UpstreamPlan, ...] = ()  # model APIs behind the gateway
    unpinned: tuple[str, ...] = ()  # files and folders that a target may read though no pin holds them

    @property
    def no_calls(self) -> str:
        """Why no call of the target can be recorded or served; "": they can be."""
        if self.target == RECORDED:
            return "a recorded target makes no calls"
        if self.table is None or (self.table.kind == COMMAND and self.upstreams):
            return ""
        if self.table.kind == COMMAND:
            return "of a command only requests through the gateway are seen, and the suite has no upstreams"
        return f"[replay.{self.table.kind}] is asked each time: nothing of it is recorded or served"


class Estimand(Enum):
    """What a verdict speaks of, and so where chance comes in."""

    TRAFFIC = "traffic"  # the cases are a sample of production: chance is which cases there are
    SUITE = "suite"  # the cases are all that there is: chance is what each of them is answered this time


@dataclass(frozen=True, slots=True, kw_only=True)
class Escalate:
    """`[escalate]`: what may be drawn where one look does not decide; nothing, unless it says so."""

    rounds: tuple[int, ...] = ()  # outputs a case and arm at each look, rising; (): one look
    discordant: int = 0  # further outputs, in both arms, of cases whose outcomes differ; towards STOP only
    cohorts: int = 0  # fresh outputs, in both arms, of cohorts that drop by 20 points or more; ditto
    confirm: int | None = None  # fresh outputs, in both arms, that must show a STOP too; None: the default
    triage: int = 0  # fresh outputs, in both arms, of the worst cases that are shown
    calls: int | None = None  # outputs that all of this may draw; None: no limit
    usd: float | None = None  # and what they may cost, by what the target tells


@dataclass(frozen=True, slots=True, kw_only=True)
class Decide:
    """`[decide]`: how findings become a verdict."""

    alpha: float = ALPHA
    estimand: Estimand = Estimand.TRAFFIC
    allow_undecided: bool = False  # `undecided = "allow"`


@dataclass(frozen=True, slots=True, kw_only=True)
class Cohort:
    """One table under `[cohorts]`: a column whose values are cohorts."""

    column: str
    modes: tuple[tuple[str, Mode], ...] = ()  # value -> mode, where it is said
    place: str = ""  # `suites/support/suite.toml:31`


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedCohort:
    """`[cohorts.named.NAME]`: a slice that conditions choose."""

    name: str
    where: tuple[Condition, ...]
    mode: Mode | None = None  # None: guard from 25 cases on, else watch
    place: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclaredRule:
    """One `[[rule]]` as written; texts are checked where the scorer is known, by `ruling`."""

    id: str
    place: str  # `suites/support/suite.toml:40 [[rule]] 'cites'`
    score: str
    incident_class: str = ""
    owner: str = ""  # "": the suite's
    severity: str = "stop-ship"
    note: str = ""
    compare: Mapping[str, str] | None = (
        None  # better, margin, cohort_margin, anchor_margin, tail; None: does not compare
    )
    limit: Mapping[str, float | str] | None = None  # better, tail, and at_most or at_least
    must_pass: tuple[Condition, ...] | None = None
    where: tuple[Condition, ...] = ()
    expects_improvement: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SuiteColumns:
    """`[columns]`: what the columns of cases, labels and recorded outputs are called."""

    key: str = "key"
    input: str | None = None  # equal inputs under different keys are one cluster
    output: str = "output"
    expected: str | None = None
    latency: str = "latency_ms"
    cost: str = "cost_usd"
    captured: str | None = None  # when the case was captured: what `stopship.now()` gives in a replay
    selected_by: str | None = None  # the run whose outputs chose the case: it is no baseline for it


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    """One suite file. Paths are as written, relative to its folder."""

    path: Path
    name: str
    owner: str
    cases: tuple[str, ...]
    stack: str
    store: str  # a folder or a URL
    replay: ReplayPlan
    labels: str = ""  # a file; "": none
    label_columns: tuple[str, ...] = ()  # columns of the cases that are labels; the target never sees them
    decide: Decide = Decide()
    escalate: Escalate = Escalate()
    columns: SuiteColumns = SuiteColumns()
    cohorts: tuple[Cohort, ...] = ()
    named: tuple[NamedCohort, ...] = ()
    rules: tuple[DeclaredRule, ...] = ()
    removed: tuple[tuple[str, str], ...] = ()  # key -> why the case is gone
    is_redacted: bool = False  # examples may show outputs in CI

    @property
    def folder(self) -> Path:
        """What every path in the file is relative to."""
        return self.path.parent
