"""What outputs that were drawn afterwards say of findings that were made before.

Decides which findings become broken, which are not confirmed, and how flips are labelled. What was drawn of a
part of the cases makes a finding worse or leaves it; of a broken one it can say that it is not proven.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from stopship.model.columns import Columns
from stopship.model.rule import Mode, Rule
from stopship.model.score import Direction
from stopship.model.verdict import Decision, Example, Finding, Record, WorseCase
from stopship.steps.judge import judge, seed_of
from stopship.steps.metric import measure, repeated
from stopship.steps.pair import SELECTION, Pairing, chosen
from stopship.steps.scored import SCORED, Arm
from stopship.steps.stats.multiplicity import weighted_holm
from stopship.steps.stats.within import within_p
from stopship.steps.terms import Terms
from stopship.steps.triage import Fresh, Label, triage

AFRESH = "within-case"  # the test of a cohort on fresh outputs alone
SCREENED_FROM = 0.20  # of a score's range that a cohort must have lost to be looked at again
_ORDER = {label: rank for rank, label in enumerate(Label)}

Tries = Sequence[tuple[str, Arm]]
"""Outputs scored one by one: the key of the case, and an arm that holds this output alone."""
Place = tuple[str, str]
"""A rule and a scope."""


def passes(rule: Rule, tries: Tries) -> Counter[str]:
    """How many outputs of each case score best."""
    found: Counter[str] = Counter()
    for key, arm in tries:
        found[key] += _scores_best(rule, arm)
    return found


def first_reasons(rule: Rule, tries: Tries) -> dict[str, str]:
    """Why the first output of each case that does not score best does not; without a reason, what it is."""
    found: dict[str, str] = {}
    for key, arm in tries:
        if key not in found and not _scores_best(rule, arm):
            said = arm.openings[0].decode("utf-8", "surrogatepass")
            found[key] = arm.scores[rule.scorer.spec].reasons[0] or f"the output {said!r}"
    return found


def _scores_best(rule: Rule, arm: Arm) -> bool:
    """Whether the one output of an arm has the best score that there is."""
    best = rule.scorer.scale.high if rule.better is Direction.HIGHER else rule.scorer.scale.low
    column = arm.scores[rule.scorer.spec]
    return column.states[0] == SCORED and column.values[0] == best


def broken_too(
    findings: Sequence[Finding], pairing: Pairing, rules: Sequence[Rule], terms: Terms, *, share: float
) -> tuple[Finding, ...]:
    """The findings with those broken that further outputs of both arms break at a share of the terms' alpha.

    The estimate stays that of the first look, as the pooled one is attenuated: cases that did not differ
    were not asked again.
    """
    part = replace(terms, alpha=terms.alpha * share)
    judged = judge(pairing, [_comparing(one, share) for one in rules if one.margin], part)
    broken = {(one.rule, one.scope): one for one in judged if one.is_broken}
    return tuple(
        replace(
            one,
            decision=Decision.REGRESSION,
            p=broken[_place(one)].p,
            p_adjusted=_scaled(broken[_place(one)].p_adjusted, share),
            test=broken[_place(one)].test,
            cases_needed=None,
            why="broken once the cases that differ were asked again in both arms",
        )
        if one.kind == "compare" and _place(one) in broken
        else one
        for one in findings
    )


def _comparing(rule: Rule, share: float) -> Rule:
    own = None if rule.alpha is None else rule.alpha * share
    return replace(rule, limit=None, must_pass=None, alpha=own)


def _scaled(p: float | None, share: float) -> float | None:
    return None if p is None else min(1.0, p / share)


def _place(one: Finding) -> Place:
    return one.rule, one.scope


def broken_count(findings: Iterable[Finding]) -> int:
    """How many findings stop the build."""
    return sum(1 for one in findings if one.is_broken)


def screened(findings: Sequence[Finding], columns: Columns, rules: Sequence[Rule]) -> tuple[Finding, ...]:
    """Cohorts that lost 20 points or more and are not broken; small ones too, unless watched by choice."""
    watched = {scope for scope, mode in columns.modes if Mode(mode) is Mode.WATCH}
    spans = {one.id: one.scorer.scale.span for one in rules if one.scorer.scale.is_bounded}
    return tuple(
        one
        for one in findings
        if one.kind == "compare" and one.stops and one.scope != "all" and one.scope not in watched
        and not one.is_broken and one.n >= 2 and one.rule in spans
        and _loss(one) >= SCREENED_FROM * spans[one.rule] - 1e-12
    )  # fmt: skip


def _loss(one: Finding) -> float:
    """In the score's own unit; which end is good shows in which cases got worse."""
    if one.baseline is None or one.candidate is None or not one.worse:
        return 0.0
    apart = abs(one.candidate - one.baseline)
    return apart if one.delta is None or one.delta < 0 else 0.0


def cohorts_confirmed(
    findings: Sequence[Finding],
    found: Sequence[Finding],
    pairing: Pairing,
    rules: Sequence[Rule],
    *,
    alpha: float,
    whole: float,
) -> tuple[Finding, ...]:
    """The findings with those cohorts broken that fresh outputs of both arms find worse, by Holm over all.

    Judged on the fresh outputs alone, with the outputs as the unit of chance: it speaks of these cases.
    """
    by_id = {one.id: one for one in rules}
    level = alpha / max(1, len(found))
    p = [_fresh_p(_chosen(pairing, by_id[it.rule]), by_id[it.rule], it.scope, level) for it in found]
    adjusted = dict(zip(map(_place, found), weighted_holm(p, [1.0] * len(p)), strict=True))
    share = alpha / whole
    return tuple(
        replace(
            one,
            decision=Decision.REGRESSION,
            mode=Mode.GUARD if one.mode is Mode.WATCH else one.mode,
            p_adjusted=_scaled(adjusted[_place(one)], share),
            test=AFRESH,
            cases_needed=None,
            why="confirmed on captured cases: fresh outputs of both arms find it worse, too",
        )
        if one.kind == "compare" and adjusted.get(_place(one), 1.0) <= alpha
        else one
        for one in findings
    )


def _fresh_p(pairing: Pairing, rule: Rule, scope: str, alpha: float) -> float:
    """The p of 'worse on these cases', from fresh outputs alone; 1 where they show no loss."""
    measured = measure(pairing, rule.scorer, rule.better)
    place = next((one for one in pairing.scopes if one.name == scope), None)
    if place is None or measured.fault:
        return 1.0
    kept = place.members[measured.kept[place.members]]
    if not len(kept):
        return 1.0
    seed = seed_of(rule, place, [pairing.keys[i] for i in kept])
    sample = repeated(pairing, rule, measured, kept, seed=seed)
    return within_p(sample, alpha=alpha).p if sample.mean < 0 else 1.0


def _chosen(pairing: Pairing, rule: Rule) -> Pairing:
    return chosen(pairing, f"{SELECTION}{rule.id}") if rule.where else pairing


def confirmable(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """The broken checks, where fresh outputs could say that none of them is; else nothing.

    A cohort that fresh outputs have found worse needs no further ones: with fewer than 25 cases it is not
    even tested in them, and would never be confirmed.
    """
    broken = tuple(one for one in findings if one.is_broken)
    return broken if all(one.kind in ("compare", "limit") and one.test != AFRESH for one in broken) else ()


def stop_confirmed(
    findings: Sequence[Finding],
    broken: Sequence[Finding],
    pairing: Pairing,
    rules: Sequence[Rule],
    terms: Terms,
) -> tuple[tuple[Finding, ...], int]:
    """The findings with those suspect that fresh outputs do not show to be worse, and how many are confirmed.

    Each p is of fresh outputs alone; Holm over the broken checks, at the suite's whole alpha: a false STOP
    has to happen twice. What fresh outputs cannot judge refutes nothing.
    """
    by_id = {one.id: one for one in rules}
    wanted = [by_id[name] for name in dict.fromkeys(one.rule for one in broken)]
    fresh = {(one.kind, *_place(one)): one for one in judge(pairing, wanted, terms)}
    found = [fresh.get((one.kind, *_place(one))) for one in broken]
    p = [_p_again(one) for one in found]
    adjusted = weighted_holm(p, [1.0] * len(p))
    refuted = {
        (one.kind, *_place(one)): again
        for one, again, chance in zip(broken, found, adjusted, strict=True)
        if chance > terms.alpha
    }
    told = tuple(
        replace(one, decision=Decision.SUSPECT, why=_not_confirmed(refuted[one.kind, one.rule, one.scope]))
        if (one.kind, one.rule, one.scope) in refuted
        else one
        for one in findings
    )
    return told, len(broken) - len(refuted)


def _p_again(again: Finding | None) -> float:
    """The p of a check on fresh outputs: 1 where they show no loss, 0 where they do not tell."""
    if again is None or again.p is None:
        return 0.0
    return again.p if (again.delta or 0.0) < 0 else 1.0


def _not_confirmed(again: Finding | None) -> str:
    assert again is not None  # noqa: S101  # what was not judged again is not refuted
    seen = f"{again.worse} of {again.n} cases worse, {again.better} better"
    return f"not confirmed: on fresh outputs of both arms {seen}"


def to_triage(findings: Sequence[Finding], most: int) -> tuple[str, ...]:
    """The worst cases of what is broken, each once."""
    broken = sorted(
        (one for one in findings if one.is_broken and one.kind == "compare"), key=lambda it: it.harm
    )
    described = [case.key for one in broken for case in one.worst]
    keys = dict.fromkeys([*described, *(key for one in broken for key in one.worse_keys)])
    return tuple(keys)[:most]


def labels(rules: Sequence[Rule], old: Tries, new: Tries) -> dict[Place, Label]:
    """(rule, key) -> what fresh outputs of both arms say of that flip."""
    found: dict[Place, Label] = {}
    for rule in rules:
        if rule.margin is None or not rule.scorer.scale.is_bounded:
            continue
        held, passed = passes(rule, old), passes(rule, new)
        tries, again = Counter(key for key, _ in old), Counter(key for key, _ in new)
        for key in tries:
            counts = Fresh(
                baseline_passed=held[key],
                baseline_tries=tries[key],
                candidate_passed=passed[key],
                candidate_tries=again[key],
            )
            found[rule.id, key] = triage(counts).label
    return found


def told(found: Mapping[Place, Label], findings: Sequence[Finding]) -> str:
    """`5 confirmed, 2 noise`, over the cases that broken checks find worse, each by its gravest label."""
    gravest: dict[str, Label] = {}
    for one in findings:
        for key in one.worse_keys if one.is_broken else ():
            label = found.get((one.rule, key))
            if label is not None and _ORDER[label] < _ORDER.get(gravest.get(key, Label.NOISE), 9):
                gravest[key] = label
            elif label is not None:
                gravest.setdefault(key, label)
    counts = Counter(gravest.values())
    return ", ".join(f"{counts[one]} {one.value}" for one in Label if counts[one])


def with_labels(record: Record, found: Mapping[Place, Label]) -> Record:
    """The record with its worst cases labelled, confirmed ones first. No decision changes."""

    def rank(rule: str, key: str) -> int:
        return _ORDER.get(found.get((rule, key)), len(_ORDER))  # type: ignore[arg-type]  # None is no label

    def case(rule: str, one: WorseCase) -> WorseCase:
        label = found.get((rule, one.key))
        return one if label is None else replace(one, triage=label.value)

    def example(one: Example) -> Example:
        label = found.get((one.rule, one.key))
        return one if label is None else replace(one, triage=label.value)

    findings = tuple(
        replace(
            one,
            worst=tuple(
                case(one.rule, it) for it in sorted(one.worst, key=lambda it: rank(one.rule, it.key))
            ),
            worse_keys=tuple(sorted(one.worse_keys, key=lambda key: rank(one.rule, key))),
        )
        for one in record.findings
    )
    examples = tuple(example(one) for one in sorted(record.examples, key=lambda it: rank(it.rule, it.key)))
    return replace(record, findings=findings, examples=examples)
