"""What a suite can detect, and which cases and repeats would detect a given drop.

Estimates for people who plan, from the noise of the suite itself where it was measured. Never an input to a
verdict.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import ceil, inf

from stopship.model.noise import Design, NoiseFloor, PlanRow, ScopeNoise
from stopship.model.rule import Mode, Rule
from stopship.model.score import Kind
from stopship.steps.forecast import FLIPS, ScopeSize
from stopship.steps.stats.noise import Noise, cases_needed, cheapest, detectable_drop, repeats_needed
from stopship.steps.weights import rule_weights, scope_weight

ENOUGH, CHEAPEST, CASES, REPEATS = "enough as it is", "cheapest", "more cases", "more outputs"
_MOST_REPEATS = 50  # outputs a case that anyone would draw


@dataclass(frozen=True, slots=True, kw_only=True)
class Planning:
    """What is planned for."""

    drop: float  # > 0, a share of the range, or of the baseline's mean
    alpha: float  # of the suite, over all looks
    cases: int  # of the suite
    repeats: int  # outputs a case and arm, now
    kept: int  # outputs a case that the accepted run holds; 0: there is none
    suite: bool  # the estimand: these cases are all there are
    varies: bool = True  # whether asking again may give another output
    usd: float | None  # what one output costs, by the accepted run; None: not told


def plan_rows(
    sizes: Sequence[ScopeSize],
    rules: Sequence[Rule],
    scope: str,
    asked: Planning,
    noise: NoiseFloor | None,
) -> tuple[PlanRow, ...]:
    """A row for each of the rules with a tested scope of that name.

    Without measured noise one for each of 2, 5 and 10 % of flips. `rules` are all of the suite, as they share
    its alpha.
    """
    return tuple(
        _row(_counted(size, noise), rule, alpha, asked, one)
        for size, rule, alpha in levels_of(sizes, rules, scope, asked.alpha)
        for one in _noise_of(size, rule, noise)
    )


def _counted(size: ScopeSize, noise: NoiseFloor | None) -> ScopeSize:
    """The scope with the cases that the scorer really judges there, where it was measured."""
    found = None if noise is None else noise.of(size.rule, size.scope)
    if found is None:
        return size
    return replace(size, n=found.cases, n_effective=found.cases * size.n_effective / size.n)


def levels_of(
    sizes: Sequence[ScopeSize], rules: Sequence[Rule], scope: str, alpha: float
) -> Iterator[tuple[ScopeSize, Rule, float]]:
    """The rules that test a scope, with the level that is left there after all corrections."""
    weights = dict(zip((one.id for one in rules), rule_weights(rules, alpha=alpha), strict=True))
    by_id = {one.id: one for one in rules}
    for size in sizes:
        if size.scope != scope or size.mode is Mode.WATCH or not size.n:
            continue
        rule = by_id[size.rule]
        own = [one for one in sizes if one.rule == size.rule and one.scope != "all"]
        gating = sum(1 for one in own if one.mode is not Mode.WATCH)
        share = scope_weight(is_all=scope == "all", cohorts=gating)
        parts = (rule.margin is not None) + (rule.limit is not None) + (rule.anchor_margin is not None)
        yield size, rule, alpha * weights[rule.id] * share / max(1, parts)


def _noise_of(size: ScopeSize, rule: Rule, noise: NoiseFloor | None) -> Iterator[ScopeNoise]:
    """What was measured in the scope, or else in all cases; without it the table of a score of 0 or 1."""
    found = None if noise is None else noise.of(size.rule, size.scope) or noise.of(size.rule, "all")
    if found is not None:
        yield found
    elif rule.scorer.scale.is_bounded:
        for flips in FLIPS:
            yield ScopeNoise(
                rule=size.rule, scope=size.scope, cases=size.n, flips=flips, variance=flips / 2, delta=0.0
            )


def _row(size: ScopeSize, rule: Rule, alpha: float, asked: Planning, measured: ScopeNoise) -> PlanRow:
    noise = Noise(
        baseline=measured.variance,
        candidate=measured.variance,
        span=1.0 if rule.scorer.scale.is_bounded else inf,
        is_binary=rule.scorer.scale.kind is Kind.BINARY,
        suite=asked.suite,
        rate=1.0,  # the share that passes is not at hand: as if all did, where a drop adds most
    )
    worth = max(1, int(size.n_effective))  # cases that belong together count as fewer
    repeats = asked.repeats
    return PlanRow(
        rule=size.rule,
        scope=size.scope,
        cases=size.n,
        repeats=repeats,
        flips=measured.flips,
        alpha=alpha,
        detects=detectable_drop(noise, worth, repeats, repeats, alpha=alpha),
        designs=tuple(_designs(size, noise, worth, alpha, asked)),
    )


def _designs(
    size: ScopeSize, noise: Noise, worth: int, alpha: float, asked: Planning
) -> Iterator[tuple[str, Design | str]]:
    design = size.n / size.n_effective

    def cost(cases: int, repeats: int) -> Design:
        return _design(max(cases, size.n), repeats, size.n, asked)

    repeats = asked.repeats
    if detectable_drop(noise, worth, repeats, repeats, alpha=alpha) <= asked.drop:
        yield ENOUGH, cost(size.n, repeats)
        return
    repeats_more = repeats_needed(noise, asked.drop, worth, alpha=alpha)
    more = cost(size.n, int(repeats_more)) if repeats_more <= _MOST_REPEATS else None
    if asked.suite:
        yield CHEAPEST, more or "no number of outputs detects it, and these cases are all that there are"
        return
    single = cases_needed(noise, asked.drop, 1, 1, alpha=alpha)
    if not asked.varies:
        yield CASES, cost(ceil(single * design), 1)
        return
    found = [
        cost(ceil(one.cases * design), one.candidate_repeats)
        for one in cheapest(noise, asked.drop, alpha=alpha)
    ]
    best = min([*found, *([more] if more else [])], key=lambda one: (one.build, one.once, one.repeats))
    others = {
        CASES: cost(ceil(single * design), 1),
        REPEATS: more or "no number of outputs of the present cases detects it",
    }
    yield CHEAPEST, best
    yield from ((name, one) for name, one in others.items() if one != best)


def _design(cases: int, repeats: int, present: int, asked: Planning) -> Design:
    """The cost of a design: a candidate answers the whole suite, and the baseline what it lacks."""
    added = max(0, cases - present)
    whole = asked.cases + added
    lacking = asked.cases * max(0, repeats - asked.kept) + added * repeats
    build = whole * repeats
    usd = None if asked.usd is None else build * asked.usd
    return Design(cases=cases, repeats=repeats, once=lacking, build=build, usd=usd)
