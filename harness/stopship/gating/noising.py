"""The noise floor of a suite: the accepted stack against itself, and what its rules make of that.

Decides what is drawn and paired. Never compares two stacks, and never moves a pointer.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from math import floor

from stopship.errors import EvidenceError, UsageError, nearest
from stopship.gating.dealing import Draws, Trial, trial_of
from stopship.gating.epochs import Draw
from stopship.gating.evidence import baseline_faults, drawn_faults, world_faults
from stopship.gating.gate import pointer_faults
from stopship.gating.noisy import stillness
from stopship.gating.opened import OpenSuite
from stopship.gating.performing import replay
from stopship.gating.rebuilding import answering_of
from stopship.gating.replay import Told, planned
from stopship.gating.stacking import Answering
from stopship.gating.workplace import BASELINE, Workplace
from stopship.model.case import Json
from stopship.model.noise import NoiseFloor, NoiseReport
from stopship.model.rule import Mode, Rule
from stopship.model.run import Run
from stopship.steps.alarms import Court, Field, false_alarms, field_of
from stopship.steps.alarms import planted as planted_in
from stopship.steps.noisefloor import noise_floor
from stopship.store.shown import quoted, shown

ROUNDS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Plant:
    """A regression to be made on purpose."""

    share: float  # of the cases of the scope, 0..1
    scope: str = "all"
    rule: str = ""  # "": the first stop-ship rule that compares in points


@dataclass(frozen=True, slots=True, kw_only=True)
class Measuring:
    """How noise is asked for."""

    today: date
    answering: Answering | None = None  # the accepted stack; None: found or rebuilt
    repeats: int | None = None  # fresh outputs of both arms; None: one fresh draw beside the accepted run
    rounds: int = ROUNDS
    plant: Plant | None = None
    tell: Told | None = None
    provenance: Mapping[str, Json] = field(default_factory=dict)


def measured_noise(opened: OpenSuite, place: Workplace, asked: Measuring) -> NoiseReport:
    """The noise of the accepted stack, and the verdicts on resamples of it.

    UsageError where nothing was accepted yet or a plant fits nowhere; EvidenceError where the accepted run or
    the fresh draw cannot be read.
    """
    accepted = place.pointer().baseline
    if accepted is None:
        raise UsageError(
            "there is no accepted run, whose noise could be measured",
            where=shown(place.pointer_path),
            do="stopship accept RUN makes one",
        )
    run = place.kept(accepted.run)
    faults = [*pointer_faults(accepted, run), *baseline_faults(opened, run, BASELINE)]
    if faults:
        raise EvidenceError(faults[0])
    still = stillness(opened)
    old, new = (run, run) if still else _drawn(opened, place, run, asked)
    trial = trial_of(opened, place, accepted, Draws(accepted=run, first=old, second=new), asked.today)
    court = trial.court
    where = _field(court, opened, asked.plant) if asked.plant is not None else None
    return NoiseReport(
        floor=_floor(opened, trial, run, (old, new)),
        still=still,
        alarms=false_alarms(court, 1 if still else asked.rounds),
        planted=planted_in(court, where[0], where[1], asked.rounds) if where else None,
        level=trial.level,
        included=trial.included,
        left_out=trial.left_out,
    )


def _drawn(opened: OpenSuite, place: Workplace, run: Run, asked: Measuring) -> tuple[Run, Run]:
    """Two draws of the accepted stack: its run and a fresh one, or two fresh ones."""
    answers = asked.answering or answering_of(opened, place, run)
    if answers.stack.stack_id != run.head.stack.stack_id:
        raise UsageError(
            "this is not the stack that the accepted run answered with",
            where=shown(answers.path),
            do="name another --stack, or leave it out",
        )

    def fresh(purpose: str) -> Run:
        plan = planned(
            opened,
            place,
            answers,
            repeats=asked.repeats or run.head.repeats,
            draw=Draw(purpose=f"{purpose} of {run.id}"),
        )
        found = replay(plan, resume=True, tell=asked.tell, provenance=dict(asked.provenance)).run
        if faults := drawn_faults(found, "the fresh draw") + world_faults(found, run, "accepted run"):
            raise EvidenceError(faults[0])
        return found

    return (run if asked.repeats is None else fresh("noise, other arm")), fresh("noise")


def _floor(opened: OpenSuite, trial: Trial, run: Run, draws: tuple[Run, Run]) -> NoiseFloor:
    return NoiseFloor(
        suite=opened.suite.name,
        stack=run.head.stack.stack_id,
        cases=opened.cases_digest,
        labels=opened.labels_digest,
        scorers=opened.scorer_digests,
        outputs=sum(one.head.repeats for one in draws),
        runs=tuple(one.id for one in draws),
        scopes=noise_floor(trial.pairing, trial.court.rules),
    )


def _field(court: Court, opened: OpenSuite, plant: Plant) -> tuple[Field, int]:
    """Where the plant goes, and how many cases of it are to fail."""
    rule = rule_to_plant(opened, plant.rule)
    found = field_of(court, rule, plant.scope)
    if found is None:
        names = [one.name for one in court.twins.pairing.scopes]
        raise UsageError(
            f"--cohort {quoted(plant.scope)}: no case of {quoted(rule.id)} is in it",
            do=nearest(plant.scope, names),
        )
    failed = floor(plant.share * found.cases + 0.5)
    if not failed:
        what = f"{plant.share * 100:g} points of {found.cases} cases are not a single one"
        raise UsageError(f"--plant: {what}", do="plant more")
    if failed > len(found.free):
        what = f"{failed} cases are to fail, and only {len(found.free)} of {found.cases} do not fail already"
        raise UsageError(f"--plant: {what}", do="plant less")
    return found, failed


def rule_to_plant(opened: OpenSuite, named: str) -> Rule:
    """The rule of that id, or the first stop-ship rule that compares in points of a range."""
    fitting = [one for one in opened.rules if _is_plantable(one)]
    if not named and fitting:
        return fitting[0]
    found = next((one for one in opened.rules if one.id == named), None)
    if named and found is None:
        raise UsageError(
            f"--rule {quoted(named)}: no rule has this id",
            do=nearest(named, [one.id for one in opened.rules]),
        )
    if found is None or not _is_plantable(found):
        which = f"the rule {quoted(named)}" if named else "no stop-ship rule"
        raise UsageError(
            f"--plant: {which} {'does not compare' if named else 'compares'} means in points",
            do="name a rule whose margin is in points with --rule",
        )
    return found


def _is_plantable(rule: Rule) -> bool:
    is_mean = rule.margin is not None and not rule.margin.relative and rule.margin.tail is None
    return is_mean and rule.stops and rule.scorer.scale.is_bounded and rule.mode is not Mode.WATCH
