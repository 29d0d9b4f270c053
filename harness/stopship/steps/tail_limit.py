"""Judge the bad end of the candidate alone against a promise: its quantile, or the mean beyond it.

Needs no baseline. Kept by proof, and where fewer than ten cases are expected beyond the quantile never
proven.
"""

from dataclasses import replace

import numpy as np

from stopship.model.rule import PROMISED_BEYOND, Limit, Mode, Rule, Tail
from stopship.model.verdict import Decision, Finding
from stopship.steps.limits import decide_limit, mean_bounds, rate_bounds, why_limit
from stopship.steps.metric import CandidateOnly
from stopship.steps.stats.pvalues import Test
from stopship.steps.stats.sample import Floats, Sample
from stopship.steps.stats.tailtests import influence, order_bounds, tail_mean_upper
from stopship.steps.tail import by_size, too_few, too_few_to_prove, turn, value_of, worst_end


def tail_limit_finding(rule: Rule, measured: CandidateOnly, *, weight: float, alpha: float) -> Finding:
    """The finding of a promise about a tail, on all cases of the candidate.

    A quantile is inside by the share of cases outside, with Clopper-Pearson's bounds, which is the same as
    by its order-statistic bound; `lower` and `upper` are those, in the score's own unit. The mean beyond is
    inside by the guarded bound of its influence values, taken at the upper order-statistic bound of the
    quantile.
    """
    limit, tail = _promised(rule)
    common = _blank(rule, measured)
    if measured.fault or not len(measured.values):
        return common
    sign = turn(rule)
    values, budget = sign * measured.values, sign * limit.value
    sample = Sample(differences=values, clusters=measured.clusters)
    found = value_of(values, tail)
    bounds = _mean_beyond if tail.is_mean else _quantile_inside
    inside, estimate, lower, upper, test = bounds(rule, values, budget, sample)
    p_adjusted = min(1.0, test.p / weight)
    few = too_few(sample.n_effective, tail)
    decision = decide_limit(inside, estimate, test.p, p_adjusted, alpha=alpha, is_blind=bool(few))
    worst = worst_end(rule) if sample.clusters is None else None  # with clusters it bounds too little
    unproven = "" if few else too_few_to_prove(sample.n_effective, tail, worst, PROMISED_BEYOND)
    if (few and (tail.is_mean or decision is Decision.PASS)) or (
        unproven and decision is not Decision.REGRESSION
    ):
        decision = Decision.BLIND
    outside = np.flatnonzero(values > budget)
    return replace(
        common,
        decision=decision,
        n_effective=sample.n_effective,
        worse=len(outside),
        better=len(values) - len(outside),
        candidate=sign * found + 0.0,  # never -0
        delta=budget - found,
        lower=lower,
        upper=upper,
        p=test.p,
        p_adjusted=p_adjusted,
        test=test.name,
        bound="guarded" if tail.is_mean else "order-statistics",
        leaning="no sign of harm" if found < budget else "leaning worse",
        why=(few or unproven) if decision is Decision.BLIND else why_limit(decision, budget - found),
        worse_keys=by_size(measured.keys, outside, values),
    )


def _blank(rule: Rule, measured: CandidateOnly) -> Finding:
    """The finding before anything is tested: it stays so where nothing can be."""
    limit, tail = _promised(rule)
    return Finding(
        rule=rule.id,
        metric=rule.scorer.spec,
        scope="all",
        kind="limit",
        mode=Mode.PROVE,
        severity=rule.severity,
        decision=Decision.ERROR,
        n=len(measured.values),
        unscored=measured.unscored,
        left_out=measured.left_out,
        margin=0.0,
        limit=str(limit),
        tail=str(tail),
        why=measured.fault or "no case has anything that this score could judge",
    )


def _promised(rule: Rule) -> tuple[Limit, Tail]:
    limit = rule.limit
    assert limit is not None  # noqa: S101  # the callers' condition
    assert limit.tail is not None  # noqa: S101  # likewise
    return limit, limit.tail


_Inside = tuple[float, float, float | None, float | None, Test]
"""The proven room inside (>= 0: kept), the room seen, its bounds in the score's own unit, and the test."""


def _quantile_inside(rule: Rule, values: Floats, budget: float, sample: Sample) -> _Inside:
    _, tail = _promised(rule)
    beyond = (values > budget).astype(np.float64)
    allowed = 1 - tail.share
    if sample.clusters is None:
        proven, _, test, _, _ = rate_bounds(beyond, allowed, at_most=True)
    else:
        room = Sample(differences=allowed - beyond, clusters=sample.clusters, seed=sample.seed)
        proven, _, test, _, _ = mean_bounds(room, best=allowed)
    low, high = order_bounds(values, tail.share, sample.n_effective)
    return (
        proven,
        allowed - float(np.mean(beyond)),
        None if high is None else budget - high,
        budget - low,
        test,
    )


def _mean_beyond(rule: Rule, values: Floats, budget: float, sample: Sample) -> _Inside:
    _, tail = _promised(rule)
    proven = budget - tail_mean_upper(values, tail.share, worst=worst_end(rule), clusters=sample.clusters)
    differences = budget - influence(values, tail.share)
    span = float(np.max(np.abs(differences))) or 1.0
    seen = Sample(differences=differences, span=span, clusters=sample.clusters)
    _, upper, test, _, _ = mean_bounds(seen)
    return proven, seen.mean, proven, upper, test
