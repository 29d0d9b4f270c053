"""Judge the bad end of a score: a quantile, or the mean of the cases beyond it, against the baseline or a
promise.

A tail is judged over all cases of its rule, never by cohort: a cohort hardly ever has the cases. A pass is
proven, a stop is proven, and where fewer than ten cases are expected beyond the quantile nothing is said.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from stopship.model.rule import LEAST_BEYOND, PROVABLE_BEYOND, TAILS, Margin, Rule, Tail
from stopship.model.score import Direction
from stopship.model.verdict import Decision, Finding
from stopship.steps.decide import LEANING_P
from stopship.steps.stats.bounds import LEVEL, t_quantile
from stopship.steps.stats.planning import minimum_detectable_effect
from stopship.steps.stats.pvalues import Test
from stopship.steps.stats.sample import Codes, Floats, Sample
from stopship.steps.stats.tailtests import (
    Toll,
    cases_to_prove,
    exceedance_test,
    influence,
    quantile,
    quantile_lower,
    tail_mean_differences,
    tail_mean_lower,
    tail_mean_test,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairs:
    """The paired values of one score, shape (n,) each, in its own unit; n >= 1, in order of key."""

    before: Floats
    after: Floats
    keys: Sequence[str]
    clusters: Codes | None
    seed: bytes

    @property
    def n_effective(self) -> float:
        return Sample(differences=self.before, clusters=self.clusters).n_effective


@dataclass(frozen=True, slots=True, kw_only=True)
class _Numbers:
    """Shares of the score's range, or of the baseline's value of the tail; negative is worse."""

    estimate: float
    lower: float | None  # None: no margin is proven
    upper: float | None
    test: Test
    bound: str
    threshold: float  # what cases are counted beyond; higher is worse
    is_vacuous: bool = False
    mde: float | None = None


def tail_finding(rule: Rule, pairs: Pairs, *, weight: float, alpha: float) -> Finding:
    """The finding of a comparison of tails; `worse` and `better` count what crossed into the tail or out of
    it."""
    margin, tail = _compared(rule)
    sign = turn(rule)
    before, after = sign * pairs.before, sign * pairs.after
    common = _blank(rule, pairs, sign * value_of(before, tail), sign * value_of(after, tail))
    if common.baseline is not None and margin.relative and not common.baseline > 0:
        return common
    numbers = _numbers(rule, pairs, before, after, level=alpha * weight)
    p_adjusted = min(1.0, numbers.test.p / weight)
    few = too_few(pairs.n_effective, tail)
    unproven = too_few_to_prove(pairs.n_effective, tail, worst_end(rule))
    decision = _decide(
        numbers, margin, p_adjusted=p_adjusted, alpha=alpha, is_few=bool(few), may_prove=not unproven
    )
    worse, better = _beyond(before, after, numbers.threshold, tail)
    needed = _needed(decision, numbers, margin, len(before))
    return replace(
        common,
        decision=decision,
        worse=len(worse),
        better=len(better),
        delta=numbers.estimate,
        lower=numbers.lower,
        upper=numbers.upper,
        p=numbers.test.p,
        p_adjusted=p_adjusted,
        test=numbers.test.name,
        bound=numbers.bound,
        mde=numbers.mde,
        leaning=_leaning(numbers, margin),
        cases_needed=needed,
        why=_explain(decision, numbers, margin, tail, few or unproven, needed),
        worse_keys=by_size(pairs.keys, worse, after - before),
        better_keys=by_size(pairs.keys, better, before - after),
    )


def _blank(rule: Rule, pairs: Pairs, baseline: float, candidate: float) -> Finding:
    """The finding before anything is tested: it stays so where no percent of the baseline exists."""
    margin, tail = _compared(rule)
    return Finding(
        rule=rule.id,
        metric=rule.scorer.spec,
        scope="all",
        kind="compare",
        mode=rule.mode,
        severity=rule.severity,
        decision=Decision.ERROR,
        n=len(pairs.before),
        n_effective=pairs.n_effective,
        baseline=baseline + 0.0,  # never -0
        candidate=candidate + 0.0,
        margin=margin.share,
        relative=margin.relative,
        tail=str(tail),
        why=f"the baseline's {tail} is not above zero: no percent of it exists",
    )


def _leaning(numbers: _Numbers, margin: Margin) -> str:
    harm = numbers.test.p <= LEANING_P or numbers.estimate <= -margin.share
    return "leaning worse" if numbers.estimate < 0 and harm else "no sign of harm"


def _needed(decision: Decision, numbers: _Numbers, margin: Margin, n: int) -> int | None:
    """How many cases would decide; None: nothing is missing, more would not do, or nobody can tell."""
    is_open = decision is Decision.INCONCLUSIVE and numbers.estimate > -margin.share
    if not is_open or numbers.lower is None:
        return None
    return cases_to_prove(n, numbers.estimate - numbers.lower, margin.share)


def too_few(n: float, tail: Tail) -> str:
    """Why so few independent cases say nothing of a tail, and which one they could test; empty: enough."""
    if _is_enough(n, tail):
        return ""
    kin = [one for one in TAILS.values() if one.is_mean is tail.is_mean and one.percent < tail.percent]
    testable = [one for one in kin if _is_enough(n, one)]
    counted = f"{tail} needs {tail.cases} independent cases, and these count as {n:.4g}"
    if testable:
        return f"{counted}; the highest that they can test is {max(testable, key=lambda one: one.percent)}"
    least = min((tail, *kin), key=lambda one: one.percent)
    return f"{counted}; they can test no tail, {least} needs {least.cases}"


def _is_enough(n: float, tail: Tail, least: int = LEAST_BEYOND) -> bool:
    return n * (100 - tail.percent) >= 100 * least - 1e-6  # of floats in n


def too_few_to_prove(n: float, tail: Tail, worst: float | None, least: int = PROVABLE_BEYOND) -> str:
    """Why so few independent cases show that a tail is worse, and never that it is not; empty: enough.

    Where nothing bounds how bad a case may be, one in five of the worst ones may run away: of fifteen cases
    expected beyond, all of those are unseen once in twenty times; of ten, three times.
    """
    if not tail.is_mean or worst is not None or _is_enough(n, tail, least):
        return ""
    needed = -(-100 * least // (100 - tail.percent))
    return (
        f"{tail} of a score without a worst end is proven from {needed} independent cases on, and these "
        f"count as {n:.4g}: fewer may hold no runaway where one in five of the worst cases is one"
    )


def _compared(rule: Rule) -> tuple[Margin, Tail]:
    margin = rule.margin
    assert margin is not None  # noqa: S101  # the callers' condition
    assert margin.tail is not None  # noqa: S101  # likewise
    return margin, margin.tail


def turn(rule: Rule) -> float:
    """What turns values so that higher is worse."""
    return 1.0 if rule.better is Direction.LOWER else -1.0


def worst_end(rule: Rule) -> float | None:
    """The worst end once values are turned; None: there is none."""
    scale = rule.scorer.scale
    if not scale.is_bounded:
        return None
    return scale.high if rule.better is Direction.LOWER else -scale.low


def value_of(values: Floats, tail: Tail) -> float:
    if not tail.is_mean:
        return quantile(values, tail.share)
    return Sample(differences=influence(values, tail.share)).mean


def _numbers(rule: Rule, pairs: Pairs, before: Floats, after: Floats, *, level: float) -> _Numbers:
    margin, tail = _compared(rule)
    toll = Toll(None if margin.relative else rule.scorer.scale.span)
    value, worst = value_of(before, tail), worst_end(rule)
    unit = toll.unit(value)
    vacuous = worst is not None and value + margin.share * unit >= worst - 1e-12 * unit
    if not tail.is_mean:
        test, threshold = exceedance_test(
            before,
            after,
            tail.share,
            budget=_budget(rule),
            clusters=pairs.clusters,
            seed=pairs.seed,
            alpha=level,
        )
        upper = quantile_lower(after, before, tail.share, toll, pairs.clusters)
        return _Numbers(
            estimate=(value - value_of(after, tail)) / unit,
            lower=quantile_lower(before, after, tail.share, toll, pairs.clusters),
            upper=None if upper is None else -upper * toll.unit(value_of(after, tail)) / unit,
            test=test,
            bound="order-statistics",
            threshold=threshold,
            is_vacuous=vacuous,
        )
    sample = tail_mean_differences(before, after, tail.share, pairs.clusters, pairs.seed)
    lower, bound = tail_mean_lower(
        before, after, tail.share, toll, margin.share, worst=worst, clusters=pairs.clusters
    )
    df = max(1, sample.n_clusters - 1)
    return _Numbers(
        estimate=sample.mean / unit,
        lower=lower,
        upper=(sample.mean + t_quantile(LEVEL, df) * sample.standard_error) / unit,
        test=tail_mean_test(sample, alpha=level),
        bound=bound,
        threshold=quantile(before, tail.share),
        is_vacuous=vacuous,
        mde=minimum_detectable_effect(sample, alpha=level) / unit if sample.standard_error else None,
    )


def _budget(rule: Rule) -> float | None:
    """The promise about the same kind of tail, turned; None: there is none."""
    limit = rule.limit
    is_quantile = limit is not None and limit.tail is not None and not limit.tail.is_mean
    return turn(rule) * limit.value if limit is not None and is_quantile else None


def _beyond(before: Floats, after: Floats, threshold: float, tail: Tail) -> tuple[Codes, Codes]:
    """Cases that came beyond the threshold, or went; of a mean also those that moved there."""
    worse = (after > threshold) & (after > before)
    better = (before > threshold) & (before > after)
    if not tail.is_mean:
        worse, better = worse & (before <= threshold), better & (after <= threshold)
    return np.flatnonzero(worse), np.flatnonzero(better)


def by_size(keys: Sequence[str], chosen: Codes, size: Floats) -> tuple[str, ...]:
    return tuple(keys[i] for i in sorted(chosen.tolist(), key=lambda i: (-size[i], keys[i])))


def _decide(
    numbers: _Numbers, margin: Margin, *, p_adjusted: float, alpha: float, is_few: bool, may_prove: bool
) -> Decision:
    proven_worse = p_adjusted <= alpha
    if is_few:
        return Decision.BLIND
    if not may_prove:
        return Decision.REGRESSION if proven_worse and numbers.estimate < 0 else Decision.BLIND
    if numbers.lower is not None and numbers.lower > 0:
        return Decision.IMPROVED
    if numbers.is_vacuous:
        return Decision.BLIND
    if numbers.lower is not None and numbers.lower > -margin.share:
        return Decision.PASS_DEGRADED if proven_worse else Decision.PASS
    if proven_worse and numbers.estimate < 0:
        return Decision.REGRESSION
    if numbers.test.p <= alpha and numbers.estimate <= -margin.share:
        return Decision.SUSPECT
    return Decision.INCONCLUSIVE


def _explain(
    decision: Decision, numbers: _Numbers, margin: Margin, tail: Tail, few: str, needed: int | None
) -> str:
    if decision is Decision.BLIND:
        return few or (
            "the baseline is so near the worst score that no loss could exceed the margin: nothing is tested"
        )
    if decision in (Decision.IMPROVED, Decision.PASS, Decision.PASS_DEGRADED, Decision.REGRESSION):
        return ""
    if numbers.estimate <= -margin.share:
        return "the loss seen is at or beyond the margin: more cases will not make it ship"
    if needed is None:
        return f"the cases beyond {tail} prove no margin at all: more cases would"
    return f"about {needed} cases would decide for a candidate that changed nothing"
