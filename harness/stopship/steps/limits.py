"""Judge the candidate alone against an absolute promise: at most, or at least.

Needs no baseline. A limit is kept by proof, like everything else here.
"""

from dataclasses import replace
from math import ceil, log

import numpy as np

from stopship.model.rule import Mode, Rule
from stopship.model.score import Kind
from stopship.model.verdict import Decision, Finding
from stopship.steps.metric import CandidateOnly
from stopship.steps.stats.bounds import LEVEL, Bound, Z, lower_bound, normal_quantile
from stopship.steps.stats.pvalues import MIN_CLUSTERS, Test
from stopship.steps.stats.sample import Floats, Sample
from stopship.steps.stats.tails import binomial_at_least, share_at_tail

_WINSOR = 0.99


def limit_finding(
    rule: Rule, measured: CandidateOnly, *, weight: float, alpha: float, level: float = LEVEL
) -> Finding:
    """The finding of a rule's limit on all cases of the candidate.

    `delta`, `lower` and `upper` say how far the candidate is inside its limit, in the score's own unit:
    negative is outside. A rate uses Clopper-Pearson's bounds and the binomial tail; a mean the guarded bound
    and the level at which it excludes the limit.
    """
    limit = rule.limit
    assert limit is not None  # noqa: S101  # the caller's condition
    span = rule.scorer.scale.span if rule.scorer.scale.is_bounded else _span(measured.values)
    inside = (-1.0 if limit.at_most else 1.0) * (measured.values - limit.value)
    sample = Sample(differences=inside, span=span, clusters=measured.clusters) if len(inside) else None
    common = Finding(
        rule=rule.id,
        metric=rule.scorer.spec,
        scope="all",
        kind="limit",
        mode=Mode.PROVE,
        severity=rule.severity,
        decision=Decision.ERROR,
        n=len(measured.values),
        n_effective=sample.n_effective if sample else 0.0,
        unscored=measured.unscored,
        left_out=measured.left_out,
        margin=0.0,
        limit=str(limit),
        why=measured.fault or "no case has anything that this score could judge",
    )
    if measured.fault or sample is None:
        return common
    if rule.scorer.scale.kind is Kind.BINARY and measured.is_single and sample.clusters is None:
        lower, upper, test, blind, bound = rate_bounds(
            measured.values, limit.value, at_most=limit.at_most, level=level
        )
    else:
        lower, upper, test, blind, bound = mean_bounds(sample, best=best_inside(rule), level=level)
    estimate = float(np.mean(inside))
    p_adjusted = min(1.0, test.p / weight)
    decision = decide_limit(lower, estimate, test.p, p_adjusted, alpha=alpha, is_blind=blind)
    outside = [(float(d), key) for d, key in zip(inside, measured.keys, strict=True) if d < 0]
    return replace(
        common,
        decision=decision,
        worse=len(outside),
        better=len(measured.values) - len(outside),
        candidate=float(np.mean(measured.values)),
        delta=estimate,
        lower=lower,
        upper=upper,
        p=test.p,
        p_adjusted=p_adjusted,
        test=test.name,
        bound=bound,
        leaning="leaning worse" if estimate <= 0 else "no sign of harm",
        why=why_limit(decision, estimate),
        worse_keys=tuple(key for _, key in sorted(outside)),
    )


def decide_limit(
    lower: float, estimate: float, p: float, p_adjusted: float, *, alpha: float, is_blind: bool
) -> Decision:
    if lower >= 0:
        return Decision.PASS
    if p_adjusted <= alpha and estimate < 0:
        return Decision.REGRESSION
    if p <= alpha and estimate < 0:
        return Decision.SUSPECT
    if is_blind:
        return Decision.BLIND
    return Decision.INCONCLUSIVE


def why_limit(decision: Decision, estimate: float) -> str:
    if decision in (Decision.PASS, Decision.REGRESSION):
        return ""
    if estimate <= 0:
        return "the candidate is at or beyond the limit: more cases will not make it ship"
    return "too few cases to prove that the limit is kept"


def rate_bounds(
    values: Floats, allowed: float, *, at_most: bool, level: float = LEVEL
) -> tuple[float, float, Test, bool, str]:
    """Bounds of 'how far inside' for a rate, from Clopper & Pearson (1934)."""
    n = len(values)
    hits = int(np.count_nonzero(values > 0))
    misses = hits if at_most else n - hits  # what the limit forbids
    share = allowed if at_most else 1 - allowed  # of it that is allowed
    highest = 1.0 if misses == n else share_at_tail(misses + 1, n, level)
    lowest = 0.0 if misses == 0 else share_at_tail(misses, n, 1 - level)
    p = binomial_at_least(misses, n, share)
    needed = ceil(log(1 - level) / log(1 - share)) if 0 < share < 1 else 1
    return share - highest, share - lowest, Test(p, "binomial"), n < needed, "clopper-pearson"


def best_inside(rule: Rule) -> float:
    """How far inside its limit the best score is, in the score's unit; 0 for a score without a range."""
    limit, scale = rule.limit, rule.scorer.scale
    assert limit is not None  # noqa: S101  # the callers' condition
    if not scale.is_bounded:
        return 0.0
    return limit.value - scale.low if limit.at_most else scale.high - limit.value


def mean_bounds(
    sample: Sample, *, best: float = 0.0, level: float = LEVEL
) -> tuple[float, float, Test, bool, str]:
    """The guarded bounds of 'how far inside'; with clusters, of a rate too.

    What a case lacks to the `best` score is what it lost: the guards against rare losses count those, and
    take two clusters more for lost. To be proven outside, what it has over the worst score is counted so.
    """
    worst = best - sample.span if best else 0.0
    lost, gained = _apart(sample, best, 1.0), _apart(sample, worst, -1.0)
    bound = _guarded(lost, level=level, has_end=bool(best))
    lower = bound.value + best
    if sample.clusters is not None and sample.n_clusters < MIN_CLUSTERS:
        return min(lower, -sample.span), sample.span, Test(1.0, "too-few-clusters"), True, bound.binding
    n, z = sample.n_effective, Z if level == LEVEL else normal_quantile(level)
    highest = float(sample.differences.max()) - sample.span * z * z / (n + z * z)
    test = Test(_level_outside(gained, worst, has_end=bool(best)), "guarded-bound")
    upper = worst - _guarded(gained, level=level, has_end=bool(best)).value
    return lower, upper, test, highest < 0, bound.binding


def _apart(sample: Sample, end: float, sign: float) -> Sample:
    """How far each case is from an end of the scores, never above it."""
    differences = sign * (sample.differences - end)
    exact = np.round(differences, 12) if end else differences
    return Sample(differences=exact, span=sample.span, clusters=sample.clusters)


def _guarded(apart: Sample, *, level: float, has_end: bool) -> Bound:
    return lower_bound(apart, level=level, is_shifted=not has_end, is_lost=has_end)


def _level_outside(gained: Sample, worst: float, *, has_end: bool) -> float:
    """The smallest level at which the guarded bound puts the mean outside the limit: p by inversion."""
    low, high = 0.0, 0.5
    if _guarded(gained, level=1 - high, has_end=has_end).value <= worst:
        return 1.0 if gained.mean <= worst else 0.5
    for _ in range(40):
        middle = (low + high) / 2
        if _guarded(gained, level=1 - middle, has_end=has_end).value > worst:
            high = middle
        else:
            low = middle
    return high


def _span(values: Floats) -> float:
    return float(np.quantile(np.abs(values), _WINSOR)) or 1.0 if len(values) else 1.0
