"""How much of alpha each look at growing evidence may spend.

Spending by increments is a union bound: it holds whatever the dependence between looks, and is a little
conservative where later looks contain the earlier ones. Looks at nothing itself.

Sources: Lan KKG, DeMets DL. Discrete sequential boundaries for clinical trials. Biometrika 70 (1983) 659-663;
Kim K, DeMets DL. Design and analysis of group sequential tests based on the type I error spending rate
function. Biometrika 74 (1987) 149-154.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise
from math import erfc, sqrt

from stopship.steps.stats.bounds import normal_quantile

Spending = Callable[[float, float], float]  # (alpha, information fraction in [0, 1]) -> alpha spent by then


def obrien_fleming(alpha: float, fraction: float) -> float:
    """2 (1 - Phi(z_{alpha/2} / sqrt t)): next to nothing early, nearly all at the end."""
    if fraction <= 0:
        return 0.0
    if fraction >= 1:
        return alpha
    return min(alpha, erfc(normal_quantile(1 - alpha / 2) / sqrt(2 * fraction)))


def power_family(rho: float) -> Spending:
    """alpha t^rho, rho > 0: 1 spends evenly, 3 nearly as late as O'Brien and Fleming."""

    def spent(alpha: float, fraction: float) -> float:
        return float(alpha * min(1.0, max(0.0, fraction)) ** rho)

    return spent


def increments(
    alpha: float, fractions: Sequence[float], function: Spending = obrien_fleming
) -> tuple[float, ...]:
    """What each look may spend: together alpha once the last fraction is 1.

    `fractions` are shares of the information at the last planned look, never falling, in [0, 1]. Raises
    ValueError where they are not: a look that goes back in information is no look of this plan.
    """
    marks = [0.0, *fractions]
    if any(not 0 <= one <= 1 for one in marks) or any(a > b for a, b in pairwise(marks)):
        raise ValueError("fractions of information never fall and lie between 0 and 1")
    spent = [function(alpha, one) for one in marks]
    return tuple(max(0.0, later - earlier) for earlier, later in pairwise(spent))


def fractions_of(variances: Sequence[float]) -> tuple[float, ...]:
    """Information fractions of rounds: the variance of the mean at the last round over each round's.

    Taken from the plan's noise, not from the outcome, so that no look moves itself. Where the last variance
    is 0 (outputs that never vary) the first look has all there is to know: all 1.
    """
    last = variances[-1]
    highest = 0.0
    found = []
    for one in variances:
        highest = max(highest, min(1.0, last / one) if one > 0 else 1.0)
        found.append(highest)
    return tuple(found)
