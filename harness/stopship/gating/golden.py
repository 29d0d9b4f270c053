"""Admit must-pass cases: K fresh outputs of the accepted stack, all of which must pass.

Decides which cases are admitted. Never draws again what it drew: a case that failed once is not asked until
it passes, since the same outputs come back however often the command is run.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from hashlib import sha256

from stopship.errors import EvidenceError, UsageError, nearest
from stopship.gating.admissions import is_valid, judged_by, must_pass_keys
from stopship.gating.epochs import Draw
from stopship.gating.evidence import arm_of_one, scored_row, trace_of
from stopship.gating.opened import OpenSuite
from stopship.gating.performing import replay
from stopship.gating.rebuilding import answering_of
from stopship.gating.replay import Told, planned
from stopship.gating.selection import Selection
from stopship.gating.workplace import Workplace, typed
from stopship.model.case import Json
from stopship.model.columns import Condition
from stopship.model.golden import Admission
from stopship.model.rule import Rule
from stopship.model.run import Run, Status
from stopship.steps.again import first_reasons, passes
from stopship.steps.arm import Arm, Scoring
from stopship.steps.pass_rates import NightRate, night_rate
from stopship.steps.weights import rule_weights
from stopship.store.golden import read_golden, write_golden
from stopship.store.shown import quoted, shown

PURPOSE = "golden"
TIMES = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which cases a person wants admitted."""

    today: date
    rules: tuple[str, ...] = ()  # ids; (): every rule with must-pass cases
    where: tuple[Condition, ...] = ()
    times: int = TIMES
    tell: Told | None = None
    provenance: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """A case that is not admitted."""

    rule: str
    key: str
    passed: int
    of: int  # outputs that could be judged; fewer than were drawn where infrastructure lost some
    why: str = ""  # the first of them that did not pass does not; "": all passed, and some were lost


@dataclass(frozen=True, slots=True, kw_only=True)
class Admitting:
    """What came out."""

    run: Run
    times: int
    admitted: tuple[Admission, ...]
    refused: tuple[Refused, ...]
    rates: tuple[NightRate, ...]  # of rules with a limit
    unrated: tuple[tuple[str, str], ...]  # rule -> why it has no rate
    held: tuple[tuple[Rule, int], ...]  # every admission that counts from now on: its rule, and K


def admit(opened: OpenSuite, place: Workplace, wanted: Wanted) -> Admitting:
    """Draw, score, and write `golden.json` where the chosen rules have must-pass cases.

    Raises UsageError where nothing is to be admitted, EvidenceError where the accepted stack is not at hand.
    """
    if opened.suite.replay.deterministic:
        raise UsageError(
            "its target gives the same output every time: a case that passed needs no admission",
            where=shown(opened.suite.path),
            do="admit cases of targets that may vary",
        )
    rules = _rules(opened, wanted)
    chosen = {rule.id: _keys(opened, rule, wanted) for rule in rules}
    keys = tuple(key for key in opened.cases if any(key in found for found in chosen.values()))
    if not keys:
        raise UsageError("no case of these rules is chosen", do="leave --where out, or mend it")
    accepted = place.pointer().baseline
    if accepted is None:
        raise EvidenceError(
            "no baseline: there is no accepted stack to draw from",
            where=shown(place.pointer_path),
            do=f"stopship replay {typed(opened.folder)}, and accept that run",
        )
    plan = planned(
        opened,
        place,
        answering_of(opened, place, place.kept(accepted.run)),
        selection=Selection(keys=keys),
        repeats=wanted.times,
        draw=Draw(purpose=PURPOSE),
    )
    run = replay(plan, resume=True, tell=wanted.tell, provenance=dict(wanted.provenance)).run
    return _judged(opened, place, wanted, run, rules, chosen)


def _rules(opened: OpenSuite, wanted: Wanted) -> list[Rule]:
    ids = [one.id for one in opened.own_rules]
    for name in wanted.rules:
        if name not in ids:
            raise UsageError(f"--rule {quoted(name)}: no rule has this id", do=nearest(name, ids))
    if wanted.rules:
        rules = [one for one in opened.own_rules if one.id in wanted.rules]
    else:
        rules = [one for one in opened.own_rules if one.must_pass is not None]
    odd = [one.id for one in rules if one.must_pass is None and one.limit is None]
    if odd or not rules:
        what = f"the rule {quoted(odd[0])} has" if odd else "no rule of the suite has"
        raise UsageError(
            f"{what} neither must-pass cases nor a limit",
            where=shown(opened.suite.path),
            do='write must_pass = { where = ["tag=incident"] }, or limit = { at_least = 0.9 }',
        )
    return rules


def _keys(opened: OpenSuite, rule: Rule, wanted: Wanted) -> tuple[str, ...]:
    if rule.must_pass is None:  # a promise about all of them: a part says nothing of it
        return tuple(key for key in opened.cases if all(one.matches(opened.row(key)) for one in rule.where))
    found = must_pass_keys(opened, rule)
    return tuple(key for key in found if all(one.matches(opened.row(key)) for one in wanted.where))


def _judged(
    opened: OpenSuite,
    place: Workplace,
    wanted: Wanted,
    run: Run,
    rules: Sequence[Rule],
    chosen: Mapping[str, Sequence[str]],
) -> Admitting:
    admitted, refused = [], []
    tries = [
        (one.key, arm_of_one(opened, one, run.place)) for one in run.outcomes if one.status is not Status.LOST
    ]
    for rule in (one for one in rules if one.must_pass is not None):
        passed, reasons = passes(rule, tries), first_reasons(rule, tries)
        for key in chosen[rule.id]:
            of = sum(1 for name, _ in tries if name == key)
            if passed[key] == of == wanted.times:
                admitted.append(_admission(opened, rule, key, run, wanted))
            else:
                why = reasons.get(key, "")
                refused.append(Refused(rule=rule.id, key=key, passed=passed[key], of=of, why=why))
    path = place.own_golden_path
    asked = {(one.rule, one.key) for one in admitted} | {(one.rule, one.key) for one in refused}
    by_id = {one.id: one for one in opened.own_rules}
    kept = [
        one
        for one in read_golden(path)
        if (one.rule, one.key) not in asked and one.rule in by_id and is_valid(opened, by_id[one.rule], one)
    ]
    if asked:
        write_golden(path, [*kept, *admitted])
    rates, unrated = _rates(opened, run, rules, chosen)
    return Admitting(
        run=run,
        times=wanted.times,
        admitted=tuple(admitted),
        refused=tuple(refused),
        rates=tuple(rates),
        unrated=tuple(unrated),
        held=tuple((by_id[one.rule], one.times) for one in (*kept, *admitted)),
    )


def _admission(opened: OpenSuite, rule: Rule, key: str, run: Run, wanted: Wanted) -> Admission:
    return Admission(
        rule=rule.id,
        key=key,
        case=opened.case_digests[key],
        judged=judged_by(opened, rule, key),
        times=wanted.times,
        stack=run.head.stack.stack_id,
        run=run.id,
        admitted=wanted.today.isoformat(),
    )


def _rates(
    opened: OpenSuite, run: Run, rules: Sequence[Rule], chosen: Mapping[str, Sequence[str]]
) -> tuple[list[NightRate], list[tuple[str, str]]]:
    """How often each limit is broken or not proven on nights of the accepted stack."""
    alpha = opened.suite.decide.alpha
    weights = dict(
        zip((one.id for one in opened.rules), rule_weights(opened.rules, alpha=alpha), strict=True)
    )
    rates: list[NightRate] = []
    unrated: list[tuple[str, str]] = []
    for rule in (one for one in rules if one.must_pass is None):
        samples = _samples(opened, run, frozenset(chosen[rule.id]))
        seed = sha256("\x00".join((rule.id, *sorted(chosen[rule.id]))).encode("utf-8", "surrogatepass"))
        found = night_rate(
            rule,
            samples,
            outputs=opened.suite.replay.repeats,
            weight=weights[rule.id] / (2 if rule.margin is not None else 1),
            alpha=alpha,
            seed=seed.digest(),
        )
        if isinstance(found, str):
            unrated.append((rule.id, found))
        else:
            rates.append(found)
    return rates, unrated


def _samples(opened: OpenSuite, run: Run, keys: frozenset[str]) -> list[Arm]:
    """One arm a sample: every drawn output of the cases by itself."""
    name = "golden"
    scored = [Scoring(name, opened.columns, opened.scorers) for _ in range(run.head.repeats)]
    for one in run.outcomes:
        if one.key in keys:
            row = scored_row(opened, one)
            scored[one.sample].add(f"{name}, case {quoted(one.key)}", row, b"", trace_of(one))
    return [one.so_far for one in scored]
