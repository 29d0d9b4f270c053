"""Put one case to two stacks, often enough to see whether one of them fails it.

Decides what counts as failing a rule, how likely chance is, and where nothing was tested. Never gives a
verdict on a build.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from stopship.errors import UsageError
from stopship.gating.evidence import arm_of_one, concerns, told_faults
from stopship.gating.gate import kept_texts
from stopship.gating.opened import OpenSuite
from stopship.gating.rebuilding import NotAtHandError, answering_of
from stopship.gating.replay import planned
from stopship.gating.selection import Selection
from stopship.gating.stacking import Answering, answering
from stopship.gating.stillness import check_still
from stopship.gating.targeting import check_code
from stopship.gating.workplace import Workplace
from stopship.model.canonical import digest
from stopship.model.case import Json
from stopship.model.change import PinChange
from stopship.model.exchange import Fidelity
from stopship.model.rule import ALPHA, ANSWERED, Rule
from stopship.model.run import Outcome, Status
from stopship.model.score import Direction
from stopship.model.stack import Stack
from stopship.model.suite import RECORDED
from stopship.steps.parting import Parting, parting
from stopship.steps.pindiff import compare
from stopship.steps.scored import LOST, SCORED, UNSCORED, ScoreColumn
from stopship.steps.stats.fisher import at_least_as_many
from stopship.store.shown import quoted, shown

SIDES = ("good", "bad")
_NONE = (UNSCORED, LOST)  # no try: nothing is known of it


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One stack, and what it gave for the case."""

    name: str  # as the person named it
    stack: Stack
    outcomes: tuple[Outcome, ...]
    is_recorded: bool  # out of a run: its stack is not at hand to be asked again
    why: str = ""  # why it was not asked anew, and what would bring its stack back

    @property
    def distinct(self) -> int:
        """How many different outcomes there were."""
        return len({digest([one.status.value, dict(one.trace), one.error]) for one in self.outcomes})


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """How often each side fails one rule."""

    rule: str
    good: int
    bad: int
    good_tries: int
    bad_tries: int
    chance: float | None  # that the bad side fails this much more often by chance; None: chance plays no part
    why: str  # what the scorer said of a failure

    @property
    def is_alike(self) -> bool:
        """Whether both sides fail it every time: there is no difference that chance could make."""
        return self.good == self.good_tries > 0 and self.bad == self.bad_tries > 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Repro:
    """One case on two stacks."""

    key: str
    good: Side
    bad: Side
    tallies: tuple[Tally, ...]
    parting: Parting | None
    changes: tuple[PinChange, ...]
    deterministic: bool
    faults: tuple[str, ...] = ()  # why what was told says nothing of a side's stack, in the gate's words
    lost: tuple[str, ...] = ()  # why nothing was told of a side at all

    @property
    def is_tested(self) -> bool:
        """Whether what was told is of these two stacks. Else neither can be cleared, nor found guilty."""
        return not self.faults and not self.lost

    @property
    def is_reproduced(self) -> bool:
        """Whether the bad side fails some rule more often than the good one, and hardly by chance."""
        is_sure = self.chance is None or self.chance <= ALPHA
        return self.is_tested and bool(self._more_often) and is_sure

    @property
    def chance(self) -> float | None:
        """The least chance among the rules that the bad side fails more often; None: it plays no part."""
        told = [one.chance for one in self._more_often]
        known = [one for one in told if one is not None]
        return None if len(known) < len(told) or not known else min(known)

    @property
    def is_perhaps(self) -> bool:
        """Whether the bad side fails more often, though chance may be why."""
        return self.is_tested and bool(self._more_often) and not self.is_reproduced

    @property
    def _more_often(self) -> list[Tally]:
        return [one for one in self.tallies if one.bad * one.good_tries > one.good * one.bad_tries]


def repro(opened: OpenSuite, place: Workplace, key: str, *, good: str, bad: str, times: int) -> Repro:
    """Each side is a stack file, a run, `baseline` or `anchor`; a run whose stack is here is asked anew.

    Where all is frozen once is enough: what was recorded is one draw, and no second sample.
    """
    if opened.suite.replay.fidelity is Fidelity.FROZEN:
        times = 1
    Selection(keys=(key,)).of(opened)
    sides = [_side(opened, place, key, name, times) for name in (good, bad)]
    read = kept_texts(place)
    tallies, shown_pair = _tallies(opened, sides[0], sides[1])
    first, second = (side.outcomes[i] for side, i in zip(sides, shown_pair))
    return Repro(
        key=key,
        good=sides[0],
        bad=sides[1],
        tallies=tuple(tallies),
        parting=parting(_told(first), _told(second)),
        changes=compare(sides[0].stack, sides[1].stack, read, read),
        deterministic=opened.suite.replay.deterministic,
        faults=tuple(
            fault
            for word, side in zip(SIDES, sides, strict=True)
            for fault in told_faults(side.stack, side.outcomes, f"the {word} side")
        ),
        lost=tuple(
            f"every output of the {word} side was lost: {side.outcomes[0].error}"
            for word, side in zip(SIDES, sides, strict=True)
            if all(one.status is Status.LOST for one in side.outcomes)
        ),
    )


def _side(opened: OpenSuite, place: Workplace, key: str, name: str, times: int) -> Side:
    path = Path(name)
    if path.suffix == ".toml":
        return _asked(opened, place, key, name, answering(path), times)
    run = place.run(name)
    if run.head.suite != opened.suite.name:
        raise UsageError(f"{quoted(name)} is a run of the suite {quoted(run.head.suite)}", do="name another")
    why = "its outputs were recorded"
    if opened.suite.replay.target != RECORDED:
        try:
            return _asked(opened, place, key, name, answering_of(opened, place, run), times)
        except NotAtHandError as err:
            why = str(err)
    outcomes = tuple(one for one in run.outcomes if one.key == key)
    if not outcomes:
        raise UsageError(
            f"the run {quoted(name)} has no case {quoted(key)}", do="name a run that replayed it"
        )
    return Side(name=name, stack=run.head.stack, outcomes=outcomes, is_recorded=True, why=why)


def _asked(opened: OpenSuite, place: Workplace, key: str, name: str, stack: Answering, times: int) -> Side:
    is_recorded = opened.suite.replay.target == RECORDED
    repeats = None if is_recorded else times
    plan = planned(opened, place, stack, selection=Selection(keys=(key,)), repeats=repeats)
    if (recorded := plan.recorded) is not None:
        return Side(name=name, stack=plan.head.stack, outcomes=tuple(recorded), is_recorded=True)
    with plan.engine(is_filed=False) as engine:
        outcomes = tuple(sorted(engine.outcomes(plan.jobs()), key=lambda one: one.sample))
    assert plan.target is not None  # noqa: S101  # nothing is recorded
    check_code(plan.target, stack, plan.opened)
    check_still(stack)
    return Side(name=name, stack=plan.head.stack, outcomes=outcomes, is_recorded=False)


def _told(one: Outcome) -> dict[str, Json]:
    """A trace to compare; of an output that is not there, why."""
    return dict(one.trace) if one.status is Status.OK else {"output": f"({one.status.value}: {one.error})"}


def _tallies(opened: OpenSuite, good: Side, bad: Side) -> tuple[list[Tally], tuple[int, int]]:
    """How often each side fails each rule.

    And which two outputs to hold against each other: on the bad side one that fails, on the good side one
    that does not, where there are such.
    """
    arms = [[arm_of_one(opened, one, shown(side.name)) for one in side.outcomes] for side in (good, bad)]
    alike = opened.suite.replay.deterministic and good.distinct == bad.distinct == 1
    found: list[Tally] = []
    pair = (0, 0)
    row = opened.row(good.outcomes[0].key)
    for rule in (one for one in opened.rules if concerns(one, row)):
        columns = [[one.scores[rule.scorer.spec] for one in side] for side in arms]
        tries = [[i for i, one in enumerate(side) if one.states[0] not in _NONE] for side in columns]
        if not any(tries):
            continue
        usual = _usual(columns[0])
        fails = [
            [i for i in tries[side] if _fails(rule, column[i].states[0], column[i].values[0], usual)]
            for side, column in enumerate(columns)
        ]
        if rule.id == ANSWERED and not any(fails):
            continue
        if fails[1] and not any(one.bad for one in found):
            passing = [i for i in range(len(good.outcomes)) if i not in fails[0]]
            pair = (passing[0] if passing else 0, fails[1][0])
        chance = at_least_as_many(len(fails[1]), len(tries[1]), len(fails[0]), len(tries[0]))
        found.append(
            Tally(
                rule=rule.id,
                good=len(fails[0]),
                bad=len(fails[1]),
                good_tries=len(tries[0]),
                bad_tries=len(tries[1]),
                chance=None if alike else chance,
                why=columns[1][fails[1][0]].reasons[0] if fails[1] else "",
            )
        )
    return found, pair


def _usual(columns: Sequence[ScoreColumn]) -> float | None:
    scored = [one.values[0] for one in columns if one.states[0] == SCORED]
    return sum(scored) / len(scored) if scored else None


def _fails(rule: Rule, state: int, value: float, usual: float | None) -> bool:
    """Less than full marks; without a best end, outside the limit or beyond the margin."""
    if state != SCORED:
        return True
    scale, is_high = rule.scorer.scale, rule.better is Direction.HIGHER
    if scale.is_bounded:
        return value < scale.high if is_high else value > scale.low
    if rule.limit is not None:
        return value > rule.limit.value if rule.limit.at_most else value < rule.limit.value
    if usual is None or rule.margin is None:
        return False
    return value < usual * (1 - rule.margin.share) if is_high else value > usual * (1 + rule.margin.share)
