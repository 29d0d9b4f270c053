"""The one-sided bounds that a pass has to clear.

The lower bound is guarded: it is the smallest of several, so that no skewed, rare or tiny sample passes
on a formula that does not hold for it. Making a case that is not better still worse never raises it.
"""

from dataclasses import dataclass
from functools import lru_cache
from math import ceil, fsum, sqrt
from statistics import NormalDist

import numpy as np

from stopship.steps.stats import tails
from stopship.steps.stats.moments import Moments
from stopship.steps.stats.summed import Summed, Units
from stopship.steps.stats.tango import tango_lower, tango_upper

LEVEL = 0.95  # of every one-sided bound that is printed
_T_IS_MONOTONE_FROM = 8  # cases: from here on the other bounds are lower wherever the t bound could rise
_MOST_ROUNDS = 500  # of the greedy search for the lowest t bound; real data needs a few
_NOTHING = np.zeros(0)
_ONE_MORE = 5.0  # clusters lost of a promise, for which one more is taken for lost
LARGEST = 19  # how many of the largest differences the scaled score bound counts


@dataclass(frozen=True, slots=True)
class Bound:
    """A lower bound and the name of the formula that gave it: tango, t, agresti-min or floor."""

    value: float
    binding: str


def normal_quantile(level: float) -> float:
    """The quantile of the standard normal distribution; 0 < level < 1."""
    return NormalDist().inv_cdf(level)


Z = normal_quantile(LEVEL)


@lru_cache(maxsize=4096)
def t_quantile(level: float, df: int) -> float:
    """The quantile of Student's t with `df` >= 1 degrees of freedom."""
    return tails.t_quantile(level, df)


def lower_bound(
    sample: Moments, *, level: float = LEVEL, is_shifted: bool = False, is_lost: bool = False
) -> Bound:
    """The guarded one-sided lower bound of the mean difference, in the unit of the differences.

    Paired binary outcomes without clusters: Tango's score bound. Otherwise the smallest of: the t bound;
    the Agresti-Min bound with two pseudo-cases (2005); the floor mean - span z^2 / (n + z^2), which an
    unchanged candidate cannot beat; and, where it is negative, the largest |d| times the score bound of
    the signs among the 19 largest. With clusters: the t bound on CR1 with G - 1 degrees of freedom, without
    and (unless binary) with pseudo-clusters; the floor and the score bounds on the effective number of
    clusters, with counts in proportion; but no score bound and no pseudo-clusters where a margin `is_shifted`
    into the differences, as neither their signs nor zero say anything of losses then. `is_lost`: no case can
    gain, and more is taken for lost. Never below the lowest mean there can be.
    """
    z = Z if level == LEVEL else normal_quantile(level)
    if sample.is_binary and not sample.is_clustered:
        return Bound(tango_lower(sample.worse, sample.better, sample.n, z=z), "tango")
    n = sample.n_effective
    candidates = [
        Bound(sample.mean - sample.span * z * z / (n + z * z), "floor"),
        Bound(_monotone_t_bound(sample, level), "t"),
    ]
    if not sample.is_clustered:
        candidates.append(Bound(_agresti_min(sample, z), "agresti-min"))
    elif not sample.is_binary and not is_shifted:
        padded = _with_pseudo_clusters(sample, is_lost=is_lost)
        candidates.append(Bound(_monotone_t_bound(padded, level), "agresti-min"))
    worth = n / sample.n  # of a case; below 1 only with clusters
    scaled = (
        sample.span * tango_lower(sample.worse * worth, sample.better * worth, n, z=z)
        if sample.is_binary
        else _scaled_score_bound(sample, z, worth)
    )
    if scaled < 0 and not (is_shifted and sample.is_clustered):
        candidates.append(Bound(scaled, "tango"))
    lowest = min(candidates, key=lambda one: one.value)
    bottom = min(-sample.span, sample.lowest)  # no mean lies below
    return Bound(max(lowest.value, bottom), lowest.binding)


def upper_bound(sample: Moments) -> float:
    """The one-sided upper bound: Tango for paired binary outcomes, else mean + t standard errors."""
    if sample.is_binary and not sample.is_clustered:
        return tango_upper(sample.worse, sample.better, sample.n, z=Z)
    return 2 * sample.mean - _t_bound(sample, LEVEL)


def smallest_n(margin: float, *, level: float = LEVEL) -> float:
    """The fewest independent cases at which an unchanged candidate can pass: ceil(z^2 (1 - m) / m).

    `margin` as a share of the span; infinite where the margin is 0 or less.
    """
    z = Z if level == LEVEL else normal_quantile(level)
    return float("inf") if margin <= 0 else max(1.0, ceil(z * z * (1 - margin) / margin))


def _t_bound(sample: Moments, level: float) -> float:
    df = sample.n_clusters - 1
    return sample.mean - (t_quantile(level, df) * sample.standard_error if df >= 1 else sample.span)


def _monotone_t_bound(sample: Moments, level: float) -> float:
    """The t bound at its lowest over units whose losses are taken as zero, found greedily.

    The plain t bound rises when a loss pulls in a unit that stood out as better: with 19 gains and one tie
    in a cluster among 80 unchanged cases, making the tie a loss lifts it from -.063 to -.061.
    """
    bound = _t_bound(sample, level)
    groups = sample.n_clusters
    if groups < 2 or (not sample.is_clustered and groups >= _T_IS_MONOTONE_FROM):
        return bound
    width = t_quantile(level, groups - 1) * sqrt(groups / (groups - 1))
    if _stands_out_nowhere(sample, width):
        return bound
    sizes, sums, gains = sample.cluster_sizes, sample.cluster_sums.copy(), sample.cluster_gains
    squared_sizes = float(sizes @ sizes)
    lossy = np.flatnonzero(gains > sums)  # the others stay as they are
    own_sizes, own_gains = sizes[lossy], gains[lossy]
    for _ in range(_MOST_ROUNDS if len(lossy) else 0):
        own = sums[lossy]
        held = np.flatnonzero(sums)
        total = fsum(sums[held].tolist()) + own_gains - own  # each with one more unit's losses taken as zero
        squares = fsum((sums * sums)[held].tolist()) + own_gains * own_gains - own * own
        weighted = fsum((sizes * sums)[held].tolist()) + own_sizes * (own_gains - own)
        mean = total / sample.n
        residual = np.maximum(squares - 2 * mean * weighted + mean * mean * squared_sizes, 0.0)
        lowered = mean - width * np.sqrt(residual) / sample.n
        best = int(np.argmin(lowered))
        if not lowered[best] < bound - 1e-12 * sample.span:
            break
        bound = float(lowered[best])
        sums[lossy[best]] = own_gains[best]
    return bound


def _stands_out_nowhere(sample: Moments, width: float) -> bool:
    """Whether taking no unit's losses as zero can lower the t bound: then the search need not begin.

    With r the residuals, m the sizes and a loss of l taken as zero, the bound falls only where
    2 r_g - 2 r.m / n + l (1 + m.m / n^2) > 2 |r| / width; and 2 r_g + l <= 2 (gains_g - m_g mean).
    """
    sizes, sums, gains, n = sample.cluster_sizes, sample.cluster_sums, sample.cluster_gains, sample.n
    squared_sizes = n * n / sample.n_effective
    norm = sample.standard_error * n * sqrt((sample.n_clusters - 1) / sample.n_clusters)
    shared = (float((sums * sizes).sum()) - sample.mean * squared_sizes) / n
    largest_loss = float((gains - sums).max())
    highest = float((gains - sizes * sample.mean).max())
    reach = highest - shared + largest_loss * squared_sizes / (2 * n * n)
    slack = 1e-9 * (abs(highest) + abs(shared) + largest_loss)
    return (reach + slack) * width < norm * (1 - 1e-9)


def _pseudo_units(sample: Moments) -> int:
    return 2 if sample.outputs[0] == sample.outputs[1] else 5


def _agresti_min(sample: Moments, z: float) -> float:
    """With two pseudo-cases, half of them losses; five where the arms differ in outputs a case.

    The differences are skewed then: with two, 8 of 100 builds at the margin pass in suites of 25 to 60 cases
    of three outputs against one.
    """
    pseudo = _pseudo_units(sample)
    size = sample.n + pseudo
    centre = sample.total / size
    variance = (sample.sum_of_squares + pseudo / 2 * sample.span**2) / size - centre * centre
    return centre - z * sqrt(max(variance, 0.0) / size)


def _with_pseudo_clusters(sample: Moments, *, is_lost: bool) -> Summed:
    """The clusters and, as in Agresti & Min, pseudo-clusters of the size of an effective one.

    Where clusters break as a whole the t bound alone lets 12 of 100 pass at the margin (200 clusters of five,
    5 points), and the score bound counts 19 cases, which are four such clusters. So two more are lost, as in
    Agresti & Coull, by as much as twenty clusters are lost on balance: nothing where nothing is. Where there
    are only losses (`is_lost`) one is lost as the worst case is, and one by as much as five clusters are.
    """
    size = max(1, round(sample.n / sample.n_effective))
    lost = max(0.0, -sample.total)
    if is_lost:
        first = size * min(sample.span, max(0.0, -sample.lowest))
        sums = np.array([-first, -min(first, lost / _ONE_MORE), 0.0, 0.0])
        gains, cases = np.zeros(4), float(size)
    else:
        pseudo = _pseudo_units(sample)
        far = size * sample.span * sqrt(pseudo) / 2
        gains, cases = np.array([far, -far]), pseudo / 2 * size  # what is always there is no loss
        sums = gains - min(size * sample.span, lost / (4 * _ONE_MORE))
    all_sums, all_gains = np.append(sample.cluster_sums, sums), np.append(sample.cluster_gains, gains)
    sizes = np.append(sample.cluster_sizes, [cases] * len(sums))
    order = np.lexsort((all_gains, sizes, all_sums))  # what clusters are called changes no bit
    units = Units(ids=np.arange(len(order)), sizes=sizes[order], sums=all_sums[order], gains=all_gains[order])
    return Summed(
        n=sample.n + round(cases * len(sums)),
        total=sample.total + float(sums.sum()),
        sum_of_squares=sample.sum_of_squares,  # of this and what follows the t bound takes nothing
        worse=sample.worse,
        better=sample.better,
        extremes=_NOTHING,
        kept=_NOTHING,
        streams=_NOTHING.astype(np.int64),
        units=units,
        span=sample.span,
    )


def _scaled_score_bound(sample: Moments, z: float, worth: float) -> float:
    """The largest |d| times the score bound of (worse, better, n) among the 19 largest differences.

    Ties with the smallest of the 19: worse first, where a case has one output in each arm. Means of several
    outputs are tied for no better reason than that there are few values of k / R, and worse first would let
    hardly any unchanged build pass: there worse and better fill the places that are left in proportion, at
    most 19 of each counted, which can favour the rarer sign. Making a case worse moves it up among the worse
    or takes a place from both, so the bound never rises where it is negative. `worth`: of a case, below 1
    where cases belong together.
    """
    changed = sample.extremes
    if not len(changed):
        return 0.0
    sizes = np.abs(changed)
    ranks = np.round(sizes / sizes.max(), 12)  # so that float noise breaks no tie
    last = float(np.sort(ranks)[::-1][:LARGEST][-1])
    above, tied = ranks > last, ranks == last
    worse, better = (int(np.count_nonzero(above & one)) for one in (changed < 0, changed > 0))
    left = LARGEST - worse - better
    tied_worse = min(int(np.count_nonzero(tied & (changed < 0))), LARGEST - worse)
    tied_better = min(int(np.count_nonzero(tied & (changed > 0))), LARGEST - better)
    if max(sample.outputs) > 1:
        share = min(1.0, left / (tied_worse + tied_better))
        told = worse + share * tied_worse, better + share * tied_better
    else:
        first = min(left, tied_worse)
        told = worse + first, better + min(left - first, tied_better)
    return float(sizes.max()) * tango_lower(told[0] * worth, told[1] * worth, sample.n * worth, z=z)
