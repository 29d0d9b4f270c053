"""A run: one complete replay of a suite, case by case, and what it was a replay of.

Decides what identifies a run: what was asked, what answered, and every outcome; never when or how fast.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum

from stopship.model.canonical import digest
from stopship.model.case import Json
from stopship.model.exchange import Fidelity, Served
from stopship.model.stack import Stack

SHORT_ID = 12  # characters of a run id that people see


class Status(Enum):
    """How an attempt to get an output ended."""

    OK = "ok"
    FAILED = "failed"  # the target raised, timed out or gave no trace: scores worst
    LOST = "lost"  # infrastructure failed: no evidence about the stack


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What one sample of one case gave."""

    key: str
    sample: int = 0
    status: Status = Status.OK
    trace: Mapping[str, Json]  # `output` and whatever else the target told; empty unless OK
    error: str = ""  # `TimeoutError: no answer within 30 s`
    took_ms: float | None = None  # measured by the engine; stands beside the digested part
    calls: tuple[Served, ...] = field(default=(), compare=False)  # across the boundary; beside it, too


@dataclass(frozen=True, slots=True, kw_only=True)
class RunHead:
    """What a run is a replay of. Everything here is part of its identity."""

    suite: str
    target: str  # as the suite writes it
    cases: str  # digest of all cases of the suite, whatever was selected
    planned: Mapping[str, str]  # key -> digest of the case, of everything that this run had to answer
    stack: Stack
    repeats: int = 1
    epoch: int = 0  # a new one means that fresh outputs were asked for
    selection: str = ""  # "": all cases; `shard 1/3`; `17 of 451 cases`
    deterministic: bool = False
    fidelity: Fidelity = Fidelity.LIVE
    recordings: str = ""  # digest of what a frozen replay is served from; "": a live one

    @property
    def told_fidelity(self) -> dict[str, Json]:
        """What a replay that is not live adds to all that identifies it."""
        if self.fidelity is Fidelity.LIVE:
            return {}
        return {"fidelity": self.fidelity.value, "recordings": self.recordings}

    @property
    def plan_digest(self) -> str:
        """One digest of everything that decides what a complete run holds; the draw excepted."""
        return digest(
            {
                "suite": self.suite,
                "target": self.target,
                "cases": self.cases,
                "planned": dict(self.planned),
                "stack": self.stack.stack_id,
                "repeats": self.repeats,
                "epoch": self.epoch,
                "selection": self.selection,
                "deterministic": self.deterministic,
                **self.told_fidelity,
            }
        )


Version = tuple[str, str]
"""Id of a run, and where it lies."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A sealed run: complete, digested, never changed."""

    id: str  # digest of head and outcomes, 64 hexadecimal digits
    head: RunHead
    rows: Mapping[str, Mapping[str, Json]]  # key -> the case as it was put to the stack, without labels
    outcomes: Sequence[Outcome]  # by key, then sample; not all need be in memory
    place: str  # where it was read from, for messages
    started: int | None = field(
        default=None, compare=False
    )  # seconds since 1970 of its oldest output, if told
    isolation: str = field(default="", compare=False)  # of its program; "": none was to be isolated

    @property
    def short(self) -> str:
        """What people call it."""
        return self.id[:SHORT_ID]

    @property
    def version(self) -> Version:
        """What tells it from a run of equal evidence that was drawn at another time: the latter lies
        elsewhere, and its times are others."""
        return self.id, self.place


ISOLATED, NOT_ISOLATED = "isolated", "not isolated"  # the latter followed by why


def isolation_of(parts: Sequence[str]) -> str:
    """What a whole says whose parts say this: isolated where all of them were; "": none was to be."""
    if not any(parts):
        return ""
    bad = next((one for one in parts if one.startswith(NOT_ISOLATED)), "")
    return bad or (ISOLATED if all(parts) else f"{NOT_ISOLATED}: a part of it does not say")


def case_digest(row: Mapping[str, Json]) -> str:
    """What identifies a case: the digest of its row, without labels. Raises NotCanonical."""
    return digest(dict(row))


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiver:
    """A regression that was accepted for a time. Past `until` the rule is held to the run before it again."""

    rule: str
    until: str  # ISO date, the last day on which it holds
    because: str
    before: str  # id of the run that the rule is held to afterwards


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """One approved run, as the pointer file names it."""

    run: str
    stack: str  # stack_id
    cases: str
    labels: str
    rules: Mapping[str, str]  # rule id -> its text when the run was accepted; what changed since is printed
    scorers: Mapping[str, str]  # spec -> digest
    accepted: str  # ISO date
    because: str
    verdict: str  # of the accepted run against the baseline before it; `NEW` where there was none
    waivers: tuple[Waiver, ...] = ()
    picked_among: int = 1  # sealed runs of this stack and these cases that could have been accepted


@dataclass(frozen=True, slots=True, kw_only=True)
class Pointer:
    """`baseline.json`: which runs a suite is compared with. Empty before the first acceptance."""

    baseline: Accepted | None = None
    anchor: Accepted | None = None
    history: tuple[Accepted, ...] = ()  # earlier baselines, the latest last
