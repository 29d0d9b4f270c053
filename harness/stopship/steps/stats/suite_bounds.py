"""The one-sided bounds of the mean difference on these cases, where chance is in the repeats.

Guarded: the smaller of two, so that no change seen in few outputs proves little. Making an output of the
candidate worse, or one of the baseline better, never raises the lower bound. For the suite estimand alone.
"""

from bisect import bisect_left
from math import fsum, inf, log, sqrt

import numpy as np

from stopship.steps.stats.bounds import LEVEL, Bound, normal_quantile, t_quantile
from stopship.steps.stats.repeated import RepeatedSample
from stopship.steps.stats.sample import Codes, Floats

_CORRECTION = 0.75  # outputs; see `suite_lower`


def suite_se(sample: RepeatedSample) -> float:
    """The standard error of the mean difference: sqrt(sum_i (s2_b / R_b + s2_c / R_c)) / n.

    Unbiased variances inside each case and arm, pooled over all of them by the sum; nothing is assumed alike.
    A case with one output in an arm shows no variance: there it is the most a score in the range can have,
    span^2 / 4. Miller E. Adding error bars to evals. arXiv 2411.00640 (2024).
    """
    return sqrt(_variance(sample)) / sample.n


def suite_lower(sample: RepeatedSample, *, level: float = LEVEL) -> Bound:
    """The guarded one-sided lower bound of the mean difference over these cases, in the unit of the scores.

    The smaller of the floor, mean - span x `room`, which no outcome can beat, and the t bound
    mean - (3 h / 4 + q sqrt(V + (q^2 - 1) h^2)) / n, with h = span / R what one output can weigh, R the
    fewest outputs of any case and arm, V the variance of the sum, and q the quantile of Student's t with
    sum (R_b - 1 + R_c - 1) degrees of freedom (the normal one where that is 0 and V is assumed), which do
    not depend on what came out.

    Three quarters of an output correct for counts being whole: without, a candidate exactly at the margin
    passes in up to .10 of suites whose baseline never fails, with half an output in .078, with these in .066.
    Where nothing varies the room comes out near 3 / N, the rule of three. The q^2 - 1 pseudo-outputs keep the
    bound from rising: a score e above its case's mean moves q sqrt(V + added) by q e / (R (R - 1)
    sqrt(V + added)) of its own move, and V is at least (e / (R - 1))^2 through that score alone, so the mean,
    moved by 1 / R, wins.
    """
    floor = room(sample.baseline.counts, sample.candidate.counts, level=level) * sample.span
    spread = _spread(
        sample.baseline.counts, sample.candidate.counts, level, _variance(sample) / sample.span**2
    )
    width, binding = max((spread * sample.span, "t"), (floor * (1 + 1e-12), "floor"))
    return Bound(max(sample.mean - width, -sample.span), binding)


def suite_upper(sample: RepeatedSample, *, level: float = LEVEL) -> float:
    """The one-sided upper bound: the lower bound with the arms changing places, mirrored."""
    return -suite_lower(sample.mirrored, level=level).value


def room(tries: Codes, tries_other: Codes, *, level: float = LEVEL) -> float:
    """How far below the mean the lower bound is at least, in spans: what makes a scope blind.

    Depends on how often each case was asked in either arm, shapes (n,), and on nothing that came out. A
    candidate that changed nothing passes from the margin on that exceeds this.
    """
    alone = int(np.count_nonzero(tries == 1) + np.count_nonzero(tries_other == 1))
    spread = _spread(tries, tries_other, level, alone / 4)
    return max(unseen_share(tries, tries_other, level=level), spread)


def fewest_cases(margin: float, repeats: int, *, level: float = LEVEL) -> float:
    """The fewest cases of so many outputs in each arm at which an unchanged candidate can pass.

    `margin` as a share of the span; infinite where it is 0 or less. About 3 / (m R).
    """
    if margin <= 0:
        return inf

    def passes(n: int) -> bool:
        counts = np.full(n, repeats, dtype=np.int64)
        return room(counts, counts, level=level) < margin

    high = 1
    while not passes(high):
        high *= 2
    return float(bisect_left(range(1, high), True, key=passes) + 1)


def unseen_share(tries: Codes, tries_other: Codes, *, level: float = LEVEL) -> float:
    """The largest mean drop, as a share of the span, that outputs without any change leave room for.

    z^2 / (N + z^2) on N = n R outputs where every case has R in its poorer arm: the failures of a case can
    hide in either arm. Where they are unequal, the failures that would hide best are in the cases asked
    least: the share is the largest mean of q_i with prod (1 - q_i)^R_i as likely as that, so a few cases
    with many repeats prove nothing of the others. Shapes (n,).
    """
    z = normal_quantile(level)
    poorer, cases = np.unique(np.minimum(tries, tries_other), return_counts=True)
    outputs = float(poorer @ cases)
    left = outputs * log(1 + z * z / outputs)  # minus the log of the chance that nothing was seen
    weight = entropy = 0.0
    rate = float("inf")
    for repeats, count in zip(poorer.tolist(), cases.tolist(), strict=True):
        if rate < log(repeats):
            break  # these cases are asked so often that hiding there does not pay
        weight += count * repeats
        entropy += count * repeats * log(repeats)
        rate = (left + entropy) / weight
    hidden = np.maximum(1 - poorer * np.exp(-rate), 0.0)
    return float(hidden @ cases) / float(cases.sum())


def outputs_effective(sample: RepeatedSample, *, level: float = LEVEL) -> float:
    """How many outputs of each arm count: n R with equal repeats, never more than all of them."""
    z, share = (
        normal_quantile(level),
        unseen_share(sample.baseline.counts, sample.candidate.counts, level=level),
    )
    return z * z * (1 - share) / share


def _spread(tries: Codes, tries_other: Codes, level: float, variance: float) -> float:
    """The width of the t bound as a share of the span, from the variance of the sum in its square."""
    freedom = int(tries.sum() + tries_other.sum()) - 2 * len(tries)
    q = t_quantile(level, freedom) if freedom else normal_quantile(level)
    weight = 1 / int(min(tries.min(), tries_other.min()))
    added = max(q * q - 1, 0.0) * weight * weight
    return (_CORRECTION * weight + q * sqrt(variance + added)) / len(tries)


def _variance(sample: RepeatedSample) -> float:
    parts: list[Floats] = []
    for arm in (sample.baseline, sample.candidate):
        of_one = np.where(arm.counts > 1, arm.variances, sample.span**2 / 4)
        parts.append(of_one / arm.counts)
    return fsum((parts[0] + parts[1]).tolist())
