"""One suite in one process of pytest: its cases answered, filed and scored as items ask for them.

Decides what is asked of the target, and what is known already. Never gives a verdict: the gate does, over
the evidence of all processes; and never asks for what another process is asking for.
"""

import fcntl
from collections import deque
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from stopship.errors import EvidenceError, StopshipError, UsageError
from stopship.gating.ages import age
from stopship.gating.endings import Job
from stopship.gating.engine import Engine
from stopship.gating.evidence import scored_row, trace_of
from stopship.gating.gitref import suite_at
from stopship.gating.opened import OpenSuite, blind_fault, open_suite
from stopship.gating.replay import Replay, planned
from stopship.gating.stacking import answering
from stopship.gating.workplace import Workplace, workplace
from stopship.model.case import Json
from stopship.model.run import Outcome, Run, Version
from stopship.model.suite import Suite
from stopship.steps.arm import Arm, Scoring, merged
from stopship.store.journal import Writer
from stopship.store.locks import Patience, Say
from stopship.store.shown import quoted, shown
from stopship.store.suitefile import read_suite
from stopship.under_pytest.before import Before, before
from stopship.under_pytest.memory import uncollected
from stopship.under_pytest.names import names_of
from stopship.under_pytest.telling import Judged, told

_AHEAD = 8  # outputs under way or ready for each that the target answers at once, ahead of their items
_MOST_AHEAD = 128  # beyond what is in flight

Place = tuple[str, int]  # key and sample


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How pytest was asked to replay."""

    stack: Path | None
    store: str | None
    most_items: int
    say: Say  # told what is waited for
    today: date
    baseline_ref: str | None = None
    allow_blind: bool = False
    may_reach_out: bool = True  # a target over the network may be replayed
    is_gated: bool = True  # a gate follows the items
    now: int  # seconds since 1970, when the session began


class OutOfReachError(EvidenceError):
    """The target is over the network, nobody asked for it, and nothing is recorded."""


class NotGatheredError(EvidenceError):
    """An output can neither be asked for nor filed; the suite's `fault` says why."""


class Watch:
    """One suite. `fault` says why its evidence cannot be gathered; then no case is replayed."""

    def __init__(self, file: Path, settings: Settings) -> None:
        """Raises UsageError where the suite is written wrongly."""
        self.file = file
        self._settings = settings
        self.fault: StopshipError | None = None
        self.opened: OpenSuite | None = None
        self.place: Workplace | None = None
        self.plan: Replay | None = None
        self.is_part = False  # not all of its cases were selected: no gate answers for the items
        self.commit = ""
        self.provenance: dict[str, Json] = {"started": settings.now}  # of a run that is sealed here
        self._known: dict[Place, Outcome] = {}
        self._served: Run | None = None
        self._engine: Engine | None = None
        self._writer: Writer | None = None
        self._scoring: list[Scoring] = []
        self._judged: dict[str, Judged] = {}
        self._before: Before | None = None
        self._has_looked = False  # for the baseline
        self._has_begun = False
        self._is_settled = False  # all outcomes were known before any item ran
        self._told_by: dict[Place, Outcome] = {}  # what items were judged by
        self._wanted: deque[Job] = deque()  # to be asked for ahead of the items
        self._started: set[Place] = set()  # claimed by this process, and given to the engine
        try:
            self._open()
        except UsageError:
            raise
        except StopshipError as err:
            self.fault = err

    def _open(self) -> None:
        settings = self._settings
        suite = read_suite(self.file)
        place = workplace(suite, store=settings.store)
        if settings.baseline_ref is not None:
            judged_by, self.commit = _suite_at(place, suite, settings.baseline_ref)
            place = replace(place, pointer_folder=judged_by.parent)
            self.opened = open_suite(self.file, judged_by=judged_by)
        else:
            self.opened = open_suite(self.file)
        self.place = place
        allowed, option = settings.allow_blind, "--stopship-allow-blind"
        if (fault := blind_fault(self.opened, allow_blind=allowed, option=option)) is not None:
            raise fault
        stack = settings.stack or suite.folder / suite.stack
        self.plan = planned(self.opened, place, answering(stack), now=settings.now)
        served = self.plan.served()
        self._served = served.run if served is not None else None
        if self._served is None and suite.replay.network and not settings.may_reach_out:
            limit = suite.replay.fresh_s
            young = f" that is not older than {age(limit)}" if limit is not None else ""
            raise OutOfReachError(
                f"its target is reached over the network, and no sealed run of this stack is at hand{young}",
                where=shown(self.file),
                do="name the suite on the command line, or add --stopship-live",
            )

    @property
    def say(self) -> Say:
        """Tells the person what is waited for."""
        return self._settings.say

    @property
    def may_draw(self) -> bool:
        """Whether a gate may ask the target for more."""
        network = self.opened is not None and self.opened.suite.replay.network
        return self._settings.may_reach_out or not network

    @property
    def names(self) -> dict[str, tuple[str, ...]]:
        """Item name -> keys, in the suite's order; the same in every process."""
        keys = list(self.opened.cases) if self.opened is not None else []
        return names_of(keys, self._settings.most_items)

    def expect(self, keys: Sequence[str]) -> None:
        """Begin answering these cases: the engine works ahead of the items."""
        if self.plan is None or self.fault is not None or not keys:
            return
        try:
            self._begin()
        except StopshipError as err:
            self.fault = err  # another session writes here, or the journal is damaged
            return
        if self._engine is not None:
            wanted = set(keys)
            self._wanted.extend(job for job in self.plan.jobs(frozenset(self._known)) if job.key in wanted)
            try:
                self._go_ahead()
            except StopshipError as err:
                self.fault = err

    def _begin(self) -> None:
        """Take in what is known already, and make ready to ask for the rest."""
        assert self.plan is not None  # noqa: S101  # the callers looked
        if self._has_begun:
            return
        if self._served is None:
            self._adopt()  # sealed since the suite was opened
        if self._served is not None:
            self._known = _by_place(self._served.outcomes)
            self._is_settled = True
        elif (recorded := self.plan.recorded) is not None:
            self._known = _by_place(recorded)
            self._is_settled = True
        else:
            self.plan.place.made()
            journal = self.plan.journal(self.say)
            self._known = {**self.plan.drawn, **_by_place(journal.outcomes())}
            self._writer = journal.writer()
            self._engine = self.plan.engine(known=self._known.values())
        self._has_begun = True

    def _adopt(self) -> bool:
        """Whether another process sealed a run of this very plan; it holds then."""
        assert self.plan is not None  # noqa: S101  # the callers looked
        served = self.plan.served()
        if served is not None:
            self._served = served.run
            self._known = _by_place(served.run.outcomes)
        return served is not None

    def _go_ahead(self) -> None:
        """Begin as many outputs as may be under way. What others are asking for is left to them."""
        assert self._engine is not None  # noqa: S101  # the callers looked
        assert self.plan is not None  # noqa: S101  # ditto
        engine = self._engine
        if engine.concurrency == 1 and self.plan.opened.suite.replay.timeout_s is None:
            return  # answered in the item itself
        most = engine.concurrency + min((_AHEAD - 1) * engine.concurrency, _MOST_AHEAD)
        while self._wanted and len(self._started) < most:
            job = self._wanted.popleft()
            place = (job.key, job.sample)
            if place not in self._known and place not in self._started and self._is_mine(place):
                self._start(job)

    def _start(self, job: Job) -> None:
        assert self._engine is not None  # noqa: S101  # the callers looked
        self._started.add((job.key, job.sample))
        self._engine.start([job])

    def _is_mine(self, place: Place) -> bool:
        """Whether this process is to ask for an output; from then on nobody else does."""
        assert self._writer is not None  # noqa: S101  # made with the engine
        if not self._writer.claim(*place):
            return False
        if not self._adopt():  # whoever seals a run drops the journal after it
            return True
        self._writer.release(*place)
        return False

    def settle(self) -> None:
        """File what was begun. Afterwards nobody waits for this process."""
        for place in list(self._started):
            self._ended(place)

    def _ended(self, place: Place) -> Outcome:
        """Wait for an output that was begun, and file it: the outcome that holds."""
        assert self._engine is not None  # noqa: S101  # it was begun there
        assert self._writer is not None  # noqa: S101  # ditto
        try:
            outcome = self._writer.add(self._engine.wait(*place))
        finally:
            self._started.discard(place)
            self._writer.release(*place)
        self._known[place] = outcome
        return outcome

    def judged(self, keys: Sequence[str]) -> list[Judged]:
        """Answer the cases of an item, each once, and say what it must know.

        Raises NotGatheredError where the evidence cannot be had: a `fault` from then on.
        """
        assert self.plan is not None  # noqa: S101  # items run only where there is no fault
        with self.unhindered():
            for key in keys:
                if key not in self._judged:
                    self._judged[key] = self._judged_alone(key, is_alone=len(keys) == 1)
        return [self._judged[key] for key in keys]

    def unhindered(self) -> AbstractContextManager[None]:
        """No search for cycles, as long as neither a target nor a scorer of the user's is at work."""
        scorers = self.opened.scorers if self.opened is not None else ()
        is_ours = self._is_settled and not any(one.is_users for one in scorers)
        return uncollected() if is_ours else nullcontext()

    def _judged_alone(self, key: str, *, is_alone: bool) -> Judged:
        assert self.plan is not None  # noqa: S101  # the caller looked
        opened = self.plan.opened
        outcomes = self._answered(key)
        for one in outcomes:
            self._told_by[key, one.sample] = one
        if not self._scoring:
            self._scoring = [Scoring("candidate", opened.columns, opened.scorers) for _ in outcomes]
        row = 0
        for scoring, one in zip(self._scoring, outcomes, strict=True):
            where = f"candidate, case {quoted(key)}"
            row = scoring.add(where, scored_row(opened, one), b"", trace_of(one)) or 0
        arms = [scoring.so_far for scoring in self._scoring]
        is_gated = self._settings.is_gated and not self.is_part
        return told(opened, outcomes, arms, row, self._baseline(), is_alone=is_alone, is_gated=is_gated)

    def _answered(self, key: str) -> list[Outcome]:
        """The outcomes of a case. What keeps them from being gathered is the fault of the suite."""
        assert self.plan is not None  # noqa: S101  # the caller looked
        try:
            return [self._outcome(key, sample) for sample in range(self.plan.head.repeats)]
        except StopshipError as err:
            self.fault = err
            raise NotGatheredError(str(err)) from err

    def _outcome(self, key: str, sample: int) -> Outcome:
        """The outcome of a sample, known, filed by anybody, or asked for now."""
        assert self.plan is not None  # noqa: S101  # the caller looked
        self._begin()
        place = (key, sample)
        if (known := self._known.get(place)) is not None:
            return known
        patience = Patience(f"waiting for another session that asks for {quoted(key)}", self.say)
        while (found := self._look(place)) is None:
            if place in self._started:
                found = self._ended(place)
                self._go_ahead()
                return found
            if self._is_mine(place):
                self._start(self.plan.job(key, sample))
            elif self._look(place) is None:
                self.settle()  # or two sessions could wait for each other
                patience.pause()
        return found

    def _look(self, place: Place) -> Outcome | None:
        known = self._known.get(place)
        if known is None and place not in self._started and self._writer is not None:
            known = self._writer.find(*place)
            if known is not None:
                self._known[place] = known
        return known

    def _baseline(self) -> Before | None:
        """The baseline scored, once; None where there is none to compare with. The gate says why."""
        if not self._has_looked and self.place is not None and self.opened is not None:
            self._has_looked = True
            try:
                self._before = before(self.opened, self.place, self._settings.today)
            except StopshipError:
                return None
        return self._before

    def gather(self, keys: Sequence[str], *, waits: bool = False) -> list[str]:
        """Take in what other processes filed of these cases; the keys that nobody filed.

        `waits`: where some are missing and a command is replaying the plan, wait for what it gives.
        """
        assert self.plan is not None  # noqa: S101  # the gate asks only where there is no fault
        self._begin()
        missing = self._missing(keys)
        if missing and waits:
            with self.plan.journal(self.say):
                missing = self._missing(keys)
        return missing

    def _missing(self, keys: Sequence[str]) -> list[str]:
        assert self.plan is not None  # noqa: S101  # the caller looked
        if self._served is None and self.plan.recorded is None:
            for one in self.plan.journal(self.say).outcomes():
                self._known.setdefault((one.key, one.sample), one)
        samples = range(self.plan.head.repeats)
        missing = [key for key in keys if any((key, sample) not in self._known for sample in samples)]
        return [] if missing and self._adopt() else missing

    def run(self) -> Run:
        """The sealed run of all cases; its journal is gone afterwards. One process at a time seals."""
        assert self.plan is not None  # noqa: S101  # ditto
        if self._served is None and self.plan.recorded is not None:
            self._served = self.plan.sealed(self._known.values(), self.provenance).run
        elif self._served is None:
            self.close()
            with self.plan.journal(self.say) as journal:
                if not self._adopt():
                    self._known |= _by_place(journal.outcomes())  # what was filed holds for everybody
                    self._served = self.plan.sealed(self._known.values(), self.provenance).run
                journal.finish()
        assert self._served is not None  # noqa: S101  # by one of the two
        return self._served

    def arms(self, run: Run) -> dict[Version, Arm]:
        """What was scored for items, so that the gate need not score it again."""
        found = {}
        if self._judged.keys() >= run.head.planned.keys() and self._was_judged_by(run):
            arms = [one.finish() for one in self._scoring]
            arm = arms[0] if len(arms) == 1 else merged(arms)
            found[run.version] = replace(arm, name=f"candidate {run.short}", lost=sorted(arm.lost))
        if self._before is not None:
            found.setdefault(self._before.run.version, self._before.arm)
        return found

    def _was_judged_by(self, run: Run) -> bool:
        """Whether items saw what the run holds; another process may have sealed a draw of its own first."""
        return self._is_settled or all(
            _evidence(self._told_by[one.key, one.sample]) == _evidence(one) for one in run.outcomes
        )

    def release(self) -> None:
        """Let go of what was answered and scored; pytest searches all that is left for cycles, twice."""
        self.plan = self.place = self._served = self._before = None
        self._known, self._told_by, self._judged, self._scoring = {}, {}, {}, []

    def close(self) -> None:
        """End what is under way."""
        opened, self._engine, self._writer = (self._engine, self._writer), None, None
        for one in opened:
            if one is not None:
                one.close()


def _by_place(outcomes: Iterable[Outcome]) -> dict[Place, Outcome]:
    return {(one.key, one.sample): one for one in outcomes}


def _evidence(one: Outcome) -> tuple[object, ...]:
    return one.status, one.trace, one.error


def _suite_at(place: Workplace, suite: Suite, ref: str) -> tuple[Path, str]:
    """The suite at another revision; one process at a time lays it out."""
    with (place.made() / "ref.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        return suite_at(place, suite, ref)
