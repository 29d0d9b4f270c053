"""Draw further outputs of both arms of a comparison, within a budget, each under a purpose that is filed.

Decides whether something can be drawn at all. Never draws one arm where a comparison needs both, and never
judges what it drew.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from heapq import merge
from statistics import StatisticsError, fmean

from stopship.errors import EvidenceError, StopshipError
from stopship.gating.epochs import Draw
from stopship.gating.evidence import drawn_faults, world_faults
from stopship.gating.opened import OpenSuite
from stopship.gating.performing import replay
from stopship.gating.pricing import open_prices, own_provider
from stopship.gating.replay import Replay, Told, planned
from stopship.gating.selection import Selection
from stopship.gating.stacking import Answering
from stopship.gating.workplace import Workplace
from stopship.model.case import Json
from stopship.model.run import Outcome, Run, Status
from stopship.model.verdict import Escalated


class NotDrawnError(StopshipError):
    """Why nothing more could be drawn, in words for the report."""


@dataclass(kw_only=True)
class Arm:
    """One side of a comparison, and the stack that can be asked for more of it."""

    name: str
    run: Run
    find: Callable[[], Answering]  # raises StopshipError where the stack is not at hand
    _found: Answering | None = None

    @property
    def answering(self) -> Answering:
        """The stack, looked for once it is needed: NotDrawnError where it cannot be asked."""
        if self._found is None:
            try:
                self._found = self.find()
            except StopshipError as err:
                raise NotDrawnError(f"the {self.name} cannot be asked again: {err}") from err
        return self._found


@dataclass(kw_only=True)
class Drawer:
    """What one gate has drawn beyond its first look. `told` is the ledger that the record shows."""

    opened: OpenSuite
    place: Workplace
    candidate: Arm
    baseline: Arm | None
    tell: Told | None = None
    provenance: Mapping[str, Json] = field(default_factory=dict)
    told: list[Escalated] = field(default_factory=list)
    _afforded: float | None = None  # dollars an output, of the last step under a budget of them
    may_draw: bool = True  # else whatever is drawn would reach over a network that nobody asked for

    def further(self, outputs: int) -> tuple[Run, Run]:
        """Both runs with more outputs a case, of the draws that they are: baseline, candidate."""
        arms = self._both()
        wanted = [max(0, outputs - one.run.head.repeats) * len(one.run.head.planned) for one in arms]
        self._afford(sum(wanted))
        return _of_one_world(*(self._extended(one, outputs) for one in arms))

    def fresh(self, keys: Iterable[str], outputs: int, purpose: str) -> tuple[Run, Run]:
        """Outputs of the same cases in both arms, in epochs of their own: baseline, candidate."""
        arms = self._both()
        chosen = tuple(sorted(set(keys) & self.opened.cases.keys()))
        self._afford(2 * outputs * len(chosen))
        about = f"{purpose} of {arms[1].run.id} against {arms[0].run.id}: {', '.join(chosen)}"
        return _of_one_world(
            *(
                self._replayed(self._planned(one, chosen, outputs, Draw(purpose=f"{one.name}: {about}")))
                for one in arms
            )
        )

    def more_of_candidate(self, keys: Iterable[str], outputs: int) -> Run:
        """The candidate's draws of some cases, brought to so many outputs. For rules, never for tests."""
        chosen = tuple(sorted(set(keys)))
        self._afford((outputs - self.candidate.run.head.repeats) * len(chosen))
        return self._replayed(self._planned(self.candidate, chosen, outputs, _same(self.candidate.run)))

    def note(self, kind: str, what: str, *, cases: int, outputs: int, runs: Sequence[Run]) -> None:
        """Put a step into the ledger."""
        mean = self._cost(one for run in runs for one in run.outcomes)
        usd = None if mean is None else outputs * mean
        ids = tuple(run.id for run in runs)
        self.told.append(Escalated(kind=kind, what=what, cases=cases, outputs=outputs, usd=usd, runs=ids))

    def _both(self) -> tuple[Arm, Arm]:
        if self.baseline is None:
            raise NotDrawnError("there is no baseline to draw for")
        for arm in (self.baseline, self.candidate):
            arm.answering  # noqa: B018  # both are at hand, or nothing is drawn
        return self.baseline, self.candidate

    def _extended(self, arm: Arm, outputs: int) -> Run:
        if arm.run.head.repeats >= outputs:
            return arm.run
        known = tuple(key for key in arm.run.head.planned if key in self.opened.cases)  # no new cases
        return self._replayed(self._planned(arm, known, outputs, _same(arm.run)))

    def _planned(self, arm: Arm, keys: tuple[str, ...], outputs: int, draw: Draw) -> Replay:
        return planned(
            self.opened,
            self.place,
            arm.answering,
            selection=Selection(keys=keys),
            repeats=outputs,
            draw=draw,
            known=(arm.run,) if draw.epoch is not None else self._runs,
        )

    @property
    def _runs(self) -> tuple[Run, ...]:
        """Both runs: whatever is drawn afresh has an epoch that is neither's."""
        return tuple(one.run for one in (self.baseline, self.candidate) if one is not None)

    def _replayed(self, plan: Replay) -> Run:
        run = replay(plan, resume=True, tell=self.tell, provenance=dict(self.provenance)).run
        if faults := drawn_faults(run, "what was drawn"):
            raise EvidenceError(faults[0])
        return run

    def _afford(self, outputs: int) -> None:
        """Raises NotDrawnError where nothing may be drawn, or the budget of `[escalate]` does not reach."""
        if not self.may_draw:
            raise NotDrawnError("the target is reached over the network, and the suite is not named")
        budget = self.opened.suite.escalate
        left = None if budget.calls is None else budget.calls - sum(one.outputs for one in self.told)
        if left is not None and outputs > left:
            raise NotDrawnError(f"it takes {outputs} outputs, and the budget has {left} left")
        if budget.usd is None:
            return
        self._afforded = self._foreseen()
        likely = outputs * self._afforded
        rest = budget.usd - sum(one.usd or 0.0 for one in self.told)
        if likely > rest:
            raise NotDrawnError(f"it takes about ${likely:.2f}, and the budget has ${rest:.2f} left")

    def _foreseen(self) -> float:
        """What a further output costs, by the candidate's. Raises NotDrawnError where that is not known
        of one: it may be the dear one."""
        try:
            costs = self._priced(self.candidate.run.outcomes)
        except EvidenceError as err:
            raise NotDrawnError(err.what, do=err.do) from err
        if not costs:
            raise NotDrawnError("[escalate] has usd, and no output was told: what one costs is not known")
        return fmean(costs)

    def _cost(self, outcomes: Iterable[Outcome]) -> float | None:
        """The mean of outputs that were drawn; None: none tells it, and there is no budget to keep."""
        if self.opened.suite.escalate.usd is None:
            costs = costs_of(outcomes)
            return fmean(costs) if costs else None
        try:
            return fmean(self._priced(outcomes))
        except (EvidenceError, StatisticsError):
            return self._afforded

    def _priced(self, outcomes: Iterable[Outcome]) -> list[float]:
        """What each output cost that was told, by itself or by the price list. Raises EvidenceError."""
        found, prices = [], None
        for one in outcomes:
            if told := costs_of([one]):
                found += told
            elif one.status is Status.OK:
                provider = own_provider(self.opened.suite.replay)
                prices = prices or open_prices(provider, by="[escalate]")
                found.append(prices.usd(one.trace))
        return found


def _of_one_world(old: Run, new: Run) -> tuple[Run, Run]:
    if faults := world_faults(new, old, "baseline asked again"):
        raise EvidenceError(faults[0])
    return old, new


def _same(run: Run) -> Draw:
    return Draw(epoch=run.head.epoch)


def costs_of(outcomes: Iterable[Outcome]) -> list[float]:
    """What the outputs cost in dollars, of those that tell it."""
    told = [one.trace.get("cost_usd") for one in outcomes]
    return [float(one) for one in told if isinstance(one, int | float) and not isinstance(one, bool)]


def joined(run: Run, further: Run) -> Run:
    """A run with further outputs of some of its cases behind its own of each. In memory alone: it has no
    seal."""
    own = run.head.repeats
    later = (replace(one, sample=one.sample + own) for one in further.outcomes)
    outcomes = tuple(merge(run.outcomes, later, key=lambda one: (one.key, one.sample)))
    head = replace(run.head, repeats=own + further.head.repeats)
    return replace(run, head=head, outcomes=outcomes)
