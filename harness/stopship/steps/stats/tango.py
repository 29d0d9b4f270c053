"""Tango's score interval for the difference of two paired proportions.

Counts in, bounds out. `worse` and `better` count the pairs that changed, `n` all pairs;
the difference is (better - worse) / n, so negative is worse.

Source: Tango T. Equivalence test and confidence interval for the difference in proportions for the
paired-sample design. Statistics in Medicine 17 (1998) 891-908.
"""

from math import copysign, sqrt

_STEPS = 60  # halvings of [-1, 1]: past the spacing of floats


def score_statistic(worse: float, better: float, n: float, difference: float) -> float:
    """How many standard errors the observed difference lies above `difference`, -1 < difference < 1.

    Falls as `difference` rises. Where the constrained variance is zero (no pair changed, difference 0)
    the statistic is 0; where only that is left of it, its sign times a million.
    """
    first = 2.0 * n
    second = (2.0 * n - better + worse) * difference - worse - better
    third = -worse * difference * (1.0 - difference)
    root = sqrt(max(second * second - 4.0 * first * third, 0.0))
    worse_share = max((root - second) / (2.0 * first), 0.0)
    variance = n * (2.0 * worse_share + difference * (1.0 - difference))
    distance = better - worse - n * difference
    if variance > 1e-12 * n:
        return distance / sqrt(variance)
    return copysign(1e6, distance) if distance else 0.0


def tango_lower(worse: float, better: float, n: float, *, z: float) -> float:
    """The one-sided lower bound of the difference at the normal quantile `z`; n >= 1, result in [-1, 1]."""
    low, high = -1.0, 1.0
    for _ in range(_STEPS):
        middle = (low + high) / 2.0
        if score_statistic(worse, better, n, middle) > z:
            low = middle
        else:
            high = middle
    return low


def tango_upper(worse: float, better: float, n: float, *, z: float) -> float:
    """The one-sided upper bound of the difference: the lower bound of the mirrored table, mirrored."""
    return -tango_lower(better, worse, n, z=z)
