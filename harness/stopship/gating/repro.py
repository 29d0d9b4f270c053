"""Put one case to two stacks, often enough to see whether one of them fails it.

Decides what counts as failing a rule and how likely chance is. Never gives a verdict on a build.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from stopship.errors import EvidenceError, UsageError
from stopship.gating.evidence import scored_row, trace_of
from stopship.gating.gate import kept_texts
from stopship.gating.opened import OpenSuite
from stopship.gating.replay import planned
from stopship.gating.selection import Selection
from stopship.gating.stacking import answering
from stopship.gating.workplace import Workplace
from stopship.model.canonical import digest
from stopship.model.change import PinChange
from stopship.model.rule import ANSWERED, Rule
from stopship.model.run import Outcome, Run
from stopship.model.score import Direction
from stopship.model.stack import Stack
from stopship.steps.arm import Arm, Scoring
from stopship.steps.parting import Parting, parting
from stopship.steps.pindiff import compare
from stopship.steps.scored import SCORED, UNSCORED
from stopship.steps.stats.fisher import at_least_as_many
from stopship.store.lockfile import lock_path, read_lock
from stopship.store.shown import quoted, shown


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One stack, and what it gave for the case."""

    name: str  # as the person named it
    stack: Stack
    outcomes: tuple[Outcome, ...]
    is_recorded: bool  # out of a run: its stack is not at hand to be asked again

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

    @property
    def is_reproduced(self) -> bool:
        """Whether the bad side fails some rule more often than the good one."""
        return any(one.bad * one.good_tries > one.good * one.bad_tries for one in self.tallies)


def repro(opened: OpenSuite, place: Workplace, key: str, *, good: str, bad: str, times: int) -> Repro:
    """Each side is a stack file, a run, `baseline` or `anchor`; a run whose stack is at hand is asked anew."""
    Selection(keys=(key,)).of(opened)
    sides = [_side(opened, place, key, name, times) for name in (good, bad)]
    read = kept_texts(place)
    return Repro(
        key=key,
        good=sides[0],
        bad=sides[1],
        tallies=tuple(_tallies(opened, sides[0], sides[1])),
        parting=parting(sides[0].outcomes[0].trace, sides[1].outcomes[0].trace),
        changes=compare(sides[0].stack, sides[1].stack, read, read),
        deterministic=opened.suite.replay.deterministic,
    )


def _side(opened: OpenSuite, place: Workplace, key: str, name: str, times: int) -> Side:
    path = Path(name)
    if path.suffix == ".toml":
        return _asked(opened, place, key, name, path, times)
    run = place.run(name)
    file = stack_file_of(opened, run)
    if file is not None:
        return _asked(opened, place, key, name, file, times)
    outcomes = tuple(one for one in run.outcomes if one.key == key)
    if not outcomes:
        raise UsageError(f"the run {name} has no case {quoted(key)}", do="name a run that replayed it")
    return Side(name=name, stack=run.head.stack, outcomes=outcomes, is_recorded=True)


def _asked(opened: OpenSuite, place: Workplace, key: str, name: str, path: Path, times: int) -> Side:
    plan = planned(opened, place, answering(path), selection=Selection(keys=(key,)), repeats=times)
    with plan.engine() as engine:
        outcomes = tuple(sorted(engine.outcomes(plan.jobs()), key=lambda one: one.sample))
    return Side(name=name, stack=plan.head.stack, outcomes=outcomes, is_recorded=False)


def stack_file_of(opened: OpenSuite, run: Run) -> Path | None:
    """The stack file beside the suite whose lock is the run's stack, as long as it has not drifted."""
    wanted = run.head.stack.stack_id
    for file in sorted(
        {
            opened.folder / opened.suite.stack,
            *opened.folder.glob("*.toml"),
            *opened.folder.glob("stacks/*.toml"),
        }
    ):
        lock = lock_path(file)
        if not lock.is_file():
            continue
        try:
            if read_lock(lock).stack_id == wanted and answering(file).stack.stack_id == wanted:
                return file
        except (EvidenceError, UsageError):
            continue  # damaged or drifted: not the stack that answered; the run itself is at hand
    return None


def _tallies(opened: OpenSuite, good: Side, bad: Side) -> list[Tally]:
    arms = [_arm(opened, one) for one in (good, bad)]
    alike = opened.suite.replay.deterministic and good.distinct == bad.distinct == 1
    found = []
    for rule in opened.rules:
        columns = [one.scores[rule.scorer.spec] for one in arms]
        if all(state == UNSCORED for column in columns for state in column.states):
            continue
        usual = _usual(columns[0].states, columns[0].values)
        fails = [
            [
                i
                for i, (state, value) in enumerate(zip(column.states, column.values))
                if _fails(rule, state, value, usual)
            ]
            for column in columns
        ]
        tries = [sum(1 for state in column.states if state != UNSCORED) for column in columns]
        worst = columns[1].reasons[fails[1][0]] if fails[1] else ""
        if rule.id == ANSWERED and not fails[0] and not fails[1]:
            continue
        chance = at_least_as_many(len(fails[1]), tries[1], len(fails[0]), tries[0])
        found.append(
            Tally(
                rule=rule.id,
                good=len(fails[0]),
                bad=len(fails[1]),
                good_tries=tries[0],
                bad_tries=tries[1],
                chance=None if alike else chance,
                why=worst,
            )
        )
    return found


def _arm(opened: OpenSuite, side: Side) -> Arm:
    """The side's outcomes as rows of one arm, each sample a row."""
    scoring = Scoring(side.name, opened.columns, opened.scorers)
    for one in side.outcomes:
        row = scored_row(opened, one) | {opened.columns.key: f"{one.sample}"}
        scoring.add(f"{shown(side.name)}, sample {one.sample + 1}", row, b"", trace_of(one))
    return scoring.finish()


def _usual(states: Sequence[int], values: Sequence[float]) -> float | None:
    scored = [value for state, value in zip(states, values) if state == SCORED]
    return sum(scored) / len(scored) if scored else None


def _fails(rule: Rule, state: int, value: float, usual: float | None) -> bool:
    """Less than full marks; without a best end, outside the limit or beyond the margin."""
    if state == UNSCORED:
        return False
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
