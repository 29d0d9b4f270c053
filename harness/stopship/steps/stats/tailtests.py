"""Tests and bounds of a tail: exceedances, order statistics, and the mean of the worst share.

Values come oriented so that higher is worse: a score whose high end is good comes with its sign turned.
Knows no rules and no verdicts.

Sources: exceedances by McNemar's mid-p (Fagerland, Lydersen & Laake 2013); order-statistic bounds of a
quantile (David & Nagaraja, Order Statistics, 2003, 7.1); the mean of the worst share as a minimum over
thresholds (Rockafellar & Uryasev 2000), whose influence values are q + (x - q)+ / (1 - share).
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil, floor, fsum, sqrt

import numpy as np

from stopship.steps.stats.bounds import LEVEL, Bound, Z, lower_bound, t_quantile
from stopship.steps.stats.planning import Z_POWER
from stopship.steps.stats.pvalues import Test, mcnemar_mid_p, p_worse, t_p
from stopship.steps.stats.sample import Codes, Floats, Sample
from stopship.steps.stats.tails import binomial_at_least, binomial_at_most

_FURTHER = 0.99  # level of the order statistic at which a mean beyond is bounded
_UNSEEN = 3.5  # worst cases taken for granted; with 3, 7.7 % at a promise pass at n=200; 6 are not monotone
_MORE = 5.0  # losses of the largest size taken for granted: seeing one, 4.7 are possible (95 %, Poisson)
_HALVINGS = 16  # of the margins tried for the mean of the worst share
_WIDEST = 10.0  # the largest margin in percent of the baseline that is tried
_MOST_THRESHOLDS = 9  # of the order statistics that a quantile may lie at, evenly spaced, both ends included


@dataclass(frozen=True, slots=True)
class Toll:
    """How a margin moves a value: by a share of its own size, or of the range where `span` is given."""

    span: float | None = None

    def moved(self, values: Floats, margin: float) -> Floats:
        """The values made worse by the margin."""
        return values + margin * (np.abs(values) if self.span is None else self.span)

    def unit(self, value: float) -> float:
        """What one share is in the unit of the values, at this value."""
        return abs(value) if self.span is None else self.span


def quantile(values: Floats, share: float) -> float:
    """The empirical quantile, linear between order statistics; n >= 1."""
    return float(np.quantile(values, share))


def influence(values: Floats, share: float, *, at: float | None = None) -> Floats:
    """q + (x - q)+ / (1 - share), shape (n,): their mean is that of the worst `1 - share` of the values.

    `at`: another threshold than the empirical quantile; the mean is then no lower.
    """
    threshold = quantile(values, share) if at is None else at
    return np.asarray(threshold + np.maximum(values - threshold, 0.0) / (1 - share), dtype=np.float64)


def exceedances(
    before: Floats, after: Floats, threshold: float, clusters: Codes | None = None, seed: bytes = b""
) -> Sample:
    """Cases beyond the threshold in one arm only: -1 in the candidate alone, 1 in the baseline alone."""
    differences = (before > threshold).astype(np.float64) - (after > threshold)
    return Sample(differences=differences, is_binary=True, clusters=clusters, seed=seed)


def exceedance_test(
    before: Floats,
    after: Floats,
    share: float,
    *,
    budget: float | None,
    clusters: Codes | None,
    seed: bytes,
    alpha: float,
) -> tuple[Test, float]:
    """Whether more of the candidate lies beyond the tail's threshold, and that threshold.

    It is the budget where there is one, but never above the pooled quantile: a budget that hardly any case
    exceeds would hear of no change below it. Both depend on the pooled values alone, so swapping arms
    changes neither. McNemar's mid-p; with clusters the sign flips of cluster sums.
    """
    pooled = quantile(np.concatenate([before, after]), share)
    threshold = pooled if budget is None else min(budget, pooled)
    return p_worse(exceedances(before, after, threshold, clusters, seed), alpha=alpha), threshold


def tail_mean_differences(
    before: Floats, after: Floats, share: float, clusters: Codes | None, seed: bytes = b""
) -> Sample:
    """The differences of the influence values, each arm at its own quantile: negative is worse."""
    differences = influence(before, share) - influence(after, share)
    span = float(np.max(np.abs(differences))) or 1.0
    return Sample(differences=differences, span=span, clusters=clusters, seed=seed)


def tail_mean_test(sample: Sample, *, alpha: float) -> Test:
    """The paired t of the influence values; with clusters the sign flips of cluster sums, or CR1 t."""
    return Test(t_p(sample), "cvar-t") if sample.clusters is None else p_worse(sample, alpha=alpha)


def ranks(n: float, share: float, *, level: float = LEVEL) -> tuple[int, int]:
    """How many of n cases lie beyond the quantile, at least and at most, at a one-sided level each.

    (j, k): the (j + 1)-th worst value is an upper bound of the quantile, the (k + 1)-th worst a lower one. j
    = -1: there is no upper bound.
    """
    whole = max(1, floor(n))
    fewest = _last(lambda j: binomial_at_most(j, whole, 1 - share) <= 1 - level, whole)
    most = _last(lambda k: binomial_at_least(k, whole, 1 - share) > 1 - level, whole)
    return fewest, min(most, whole - 1)


def _last(holds: Callable[[int], bool], n: int) -> int:
    """The last of 0..n at which a claim holds that holds up to somewhere; -1: nowhere."""
    low, high = -1, n
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if holds(middle) else (low, middle - 1)
    return low


def order_bounds(values: Floats, share: float, n_effective: float) -> tuple[float, float | None]:
    """The order statistics that the quantile lies between, one-sided 95 % each; None: no upper bound."""
    fewest, most = _scaled_ranks(len(values), share, n_effective)
    worst_first = np.sort(values)[::-1]
    return float(worst_first[most]), float(worst_first[fewest]) if fewest >= 0 else None


def _scaled_ranks(n: int, share: float, n_effective: float, *, level: float = LEVEL) -> tuple[int, int]:
    """`ranks` of the independent cases, in ranks of all."""
    fewest, most = ranks(n_effective, share, level=level)
    scale = n / n_effective
    return (floor(fewest * scale) if fewest >= 0 else -1), min(ceil(most * scale), n - 1)


def quantile_lower(
    before: Floats, after: Floats, share: float, toll: Toll, clusters: Codes | None
) -> float | None:
    """Minus the smallest margin within which the candidate's quantile is proven to lie; None: within none.

    The quantile is within margin m of the baseline's q where no more of the candidate lies beyond q moved by
    m than of the baseline beyond q. That is proven by the mid-p of the two exceedances, at every q that the
    baseline's quantile may have: at its order statistics from the lower to the upper 95 % bound. The one
    threshold q alone would pass 39 of 100 candidates that sit at the margin with values crowded around it.
    Thresholds come from the baseline alone, so making a case of the candidate worse never raises the result.
    """
    sample = Sample(differences=np.zeros(len(before)), clusters=clusters)
    fewest, most = _scaled_ranks(len(before), share, sample.n_effective)
    if fewest < 0:
        return None
    worst_first = np.sort(before)[::-1]
    steps = np.linspace(fewest, most, min(_MOST_THRESHOLDS, most - fewest + 1))
    widest = -np.inf
    for threshold in np.unique(worst_first[np.round(steps).astype(np.int64)]).tolist():
        reached = _reached(before, after, threshold, clusters)
        unit = toll.unit(threshold)
        if reached is None or unit <= 0:
            return None
        widest = max(widest, (reached - threshold) / unit)
    return -widest


def _reached(before: Floats, after: Floats, threshold: float, clusters: Codes | None) -> float | None:
    """The lowest value that provably no more of the candidate exceeds than of the baseline the threshold."""
    is_beyond = before > threshold
    inside, beyond = np.sort(after[~is_beyond]), np.sort(after[is_beyond])
    values = np.unique(after)

    def is_proven(at: int) -> bool:
        value = float(values[at])
        if clusters is not None:
            differences = is_beyond.astype(np.float64) - (after > value)
            return lower_bound(Sample(differences=differences, clusters=clusters)).value > 0
        worse = len(inside) - int(np.searchsorted(inside, value, side="right"))
        better = int(np.searchsorted(beyond, value, side="right"))
        return better > worse and mcnemar_mid_p(better, worse) <= 1 - LEVEL

    if not is_proven(len(values) - 1):
        return None
    low, high = -1, len(values) - 1
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if is_proven(middle) else (middle, high)
    return float(values[high])


def tail_mean_lower(
    before: Floats,
    after: Floats,
    share: float,
    toll: Toll,
    margin: float,
    *,
    worst: float | None,
    clusters: Codes | None,
) -> tuple[float | None, str]:
    """Minus the smallest margin within which the mean of the worst share is proven to lie, and what bound it.

    None: within none. It is above `-margin` exactly where the slack at that margin is proven.
    """

    def slack(at: float) -> Bound:
        return tail_mean_slack(before, after, share, toll, at, worst=worst, clusters=clusters)

    found = slack(margin)
    low, high = (-1.0, margin) if found.value > 0 else (margin, 1.0 if toll.span else _WIDEST)
    if found.value <= 0 and slack(high).value <= 0:
        return None, found.binding
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (low, middle) if slack(middle).value > 0 else (middle, high)
    return (-high if found.value > 0 else min(-low, -margin)), found.binding


def tail_mean_slack(
    before: Floats,
    after: Floats,
    share: float,
    toll: Toll,
    margin: float,
    *,
    worst: float | None,
    clusters: Codes | None,
) -> Bound:
    """The guarded lower bound of how far the mean of the worst share is inside its margin; 0 or more: proven.

    With the baseline moved by the margin to y and its quantile to t, the slack of a case is
    ((y - t)+ - (candidate - t)+) / (1 - share): for any t the candidate's mean is at most that of its
    influence values at t. t comes from the baseline alone. `worst`: the worst end of the score; None: the
    worst value seen. Beside the guarded bound stands a t bound that takes five more losses of the largest
    size for granted, at its lowest over cases that got worse being as they were: a large case that no longer
    gains would otherwise narrow it.
    """
    moved = toll.moved(before, margin)
    threshold = float(toll.moved(np.array([quantile(before, share)]), margin)[0])

    def beyond(values: Floats) -> Floats:
        return np.maximum(values - threshold, 0.0) / (1 - share)

    slack, unchanged = beyond(moved) - beyond(after), beyond(moved) - beyond(before)
    end = max(float(np.max(moved)), float(np.max(after))) if worst is None else worst
    span = max(end - threshold, 0.0) / (1 - share) or 1.0
    sample = Sample(differences=slack, span=span, clusters=clusters)
    found = lower_bound(sample, is_shifted=True)
    lowest = _lowest(slack, unchanged, sample.n_effective)
    return Bound(lowest, "more-t") if lowest < found.value else found


def _lowest(slack: Floats, unchanged: Floats, worth: float) -> float:
    """The t bound with more losses of the largest size, over the worse cases being unchanged.

    They are taken back in order of what they could gain, the largest first. With the plain t, a candidate of
    which 1 % of the cases cost ten times as much, and that sits at the margin, would pass 13 times in 100 at
    n=400; with Wilson's centre, which takes 1.4 losses for granted, 9 times at n=300. `worth`: how many
    independent cases they are.
    """
    n = len(slack)
    loss = max(0.0, -float(np.min(slack)))
    worse = np.flatnonzero((unchanged > slack) & (unchanged > 0))
    order = worse[np.lexsort((slack[worse], -unchanged[worse]))]
    more = (unchanged - slack)[order], (unchanged * unchanged - slack * slack)[order]
    sums, squares = (
        fsum(seen.tolist()) + np.concatenate([[0.0], np.cumsum(gained)])
        for seen, gained in zip((slack, slack * slack), more, strict=True)
    )
    variance = np.maximum(squares - sums * sums / n, 0.0) / max(n - 1, 1)
    width = t_quantile(LEVEL, max(n - 1, 1))
    rare = Z * loss / worth
    return float(
        np.min(sums / n - _MORE * loss / worth - width * np.sqrt(variance / worth + rare * rare / 4))
    )


def tail_mean_upper(values: Floats, share: float, *, worst: float | None, clusters: Codes | None) -> float:
    """The guarded one-sided 95 % upper bound of the mean of the worst share.

    Influence values are taken at the upper 99 % order-statistic bound of the quantile, where their mean rises
    with the threshold faster than their spread shrinks: at the quantile itself, a value just below it that
    gets worse would lower the bound. It is the larger of the t bound (CR1 with clusters) with
    3.5 more cases at the worst end, or at the worst value seen, and of the floor at which z^2 / (n + z^2) of
    the cases lie there. The t has as many degrees of freedom as cases are expected beyond, less one.
    """
    n = Sample(differences=values, clusters=clusters).n_effective
    fewest, _ = _scaled_ranks(len(values), share, n, level=_FURTHER)
    at = float(np.sort(values)[::-1][max(fewest, 0)])
    sample = Sample(differences=influence(values, share, at=at), clusters=clusters)
    end = float(np.max(values)) if worst is None else worst
    span = (end - at) / (1 - share)
    rare = Z * span / n
    width = t_quantile(LEVEL, max(1, floor(n * (1 - share) + 1e-9) - 1))
    more = _UNSEEN * span / n + width * sqrt(sample.standard_error**2 + rare * rare / 4)
    return sample.mean + max(more, span * Z * Z / (n + Z * Z))


def cases_to_prove(n: int, room: float, margin: float) -> int:
    """How many cases would prove an unchanged candidate within the margin with power 80 %.

    `room`: how far below the estimate the bound of n cases lies; it shrinks with the root of n.
    """
    return ceil(min(n * ((Z + Z_POWER) / Z * room / margin) ** 2, 1e15))
