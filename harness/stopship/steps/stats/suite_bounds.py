"""The one-sided bounds of the mean difference on these cases, where chance is in the repeats.

Guarded: the smaller of two, so that no change seen in few outputs proves little. Making an output of the
candidate worse, or one of the baseline better, never raises the lower bound. For the suite estimand alone.
"""

from math import fsum, log, sqrt

import numpy as np

from stopship.steps.stats.bounds import LEVEL, Bound, normal_quantile, t_quantile
from stopship.steps.stats.repeated import RepeatedSample
from stopship.steps.stats.sample import Codes, Floats


def suite_se(sample: RepeatedSample) -> float:
    """The standard error of the mean difference: sqrt(sum_i (s2_b / R_b + s2_c / R_c)) / n.

    Unbiased variances inside each case and arm, pooled over all of them by the sum; nothing is assumed alike.
    A case with one output in an arm shows no variance: there it is the most a score in the range can have,
    span^2 / 4. Miller E. Adding error bars to evals. arXiv 2411.00640 (2024).
    """
    return sqrt(_variance_of_total(sample)) / sample.n


def suite_lower(sample: RepeatedSample, *, level: float = LEVEL) -> Bound:
    """The guarded one-sided lower bound of the mean difference over these cases, in the unit of the scores.

    The smaller of the floor, mean - span x `unseen_share`, and the t bound mean - q sqrt(V + (q^2 - 1)
    (span / R)^2) / n, with V the variance of the sum, q the quantile of Student's t with sum (R_b - 1 + R_c
    - 1) degrees of freedom, and R the fewest outputs of any case and arm. The added q^2 - 1 pseudo-outputs
    are what keeps the bound from rising: raising a score by h moves sqrt(V) by at most h e / (R (R - 1)
    sqrt(V + added)), e its distance above the case mean, and a score that far off gives V at least (e / (R
    - 1))^2 by itself. Degrees of freedom do not depend on what came out.
    """
    q = t_quantile(level, max(1, _freedom(sample)))
    fewest = int(min(sample.baseline.counts.min(), sample.candidate.counts.min()))
    added = max(q * q - 1, 0.0) * (sample.span / fewest) ** 2
    spread = q * sqrt(_variance_of_total(sample) + added) / sample.n
    floor = sample.span * unseen_share(sample.baseline.counts, sample.candidate.counts, level=level)
    lowest, binding = min((sample.mean - spread, "t"), (sample.mean - floor, "floor"))
    return Bound(max(lowest, -sample.span), binding)


def suite_upper(sample: RepeatedSample, *, level: float = LEVEL) -> float:
    """The one-sided upper bound: the lower bound with the arms changing places, mirrored."""
    return -suite_lower(sample.mirrored, level=level).value


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


def _freedom(sample: RepeatedSample) -> int:
    return len(sample.baseline.values) + len(sample.candidate.values) - 2 * sample.n


def _variance_of_total(sample: RepeatedSample) -> float:
    parts: list[Floats] = []
    for arm in (sample.baseline, sample.candidate):
        of_one = np.where(arm.counts > 1, arm.variances, sample.span**2 / 4)
        parts.append(of_one / arm.counts)
    return fsum((parts[0] + parts[1]).tolist())
