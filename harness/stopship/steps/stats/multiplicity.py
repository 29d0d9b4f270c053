"""Adjusted p-values: Holm's step-down with weights, and Benjamini and Hochberg's false discovery rate.

Numbers in, numbers out; which hypotheses share an alpha is decided elsewhere.

Sources: Holm S. A simple sequentially rejective multiple test procedure. Scandinavian Journal of
Statistics 6 (1979) 65-70, section 4 (weights); Benjamini Y, Hochberg Y. Controlling the false discovery rate.
JRSS-B 57 (1995) 289-300.
"""

from collections.abc import Sequence
from itertools import accumulate


def weighted_holm(p_values: Sequence[float], weights: Sequence[float]) -> list[float]:
    """Adjusted p-values for one family; weights are positive, and only their ratios matter.

    In order of p / weight, each p is multiplied by the weight still standing over its own weight; results
    never fall along that order and are capped at 1.
    """
    order = sorted(range(len(p_values)), key=lambda i: (p_values[i] / weights[i], -weights[i], i))
    standing = list(accumulate(weights[i] for i in reversed(order)))[::-1]  # of each and all after it
    adjusted = [1.0] * len(p_values)
    highest = 0.0
    for i, left in zip(order, standing, strict=True):
        highest = max(highest, p_values[i] * (left / weights[i]))
        adjusted[i] = min(1.0, highest)
    return adjusted


def benjamini_hochberg(p_values: Sequence[float]) -> list[float]:
    """Adjusted p-values for a list to look at: of those at most q, a share of about q is chance.

    Never for blocking: it does not bound the chance of a single false alarm. Equal p are adjusted alike.
    """
    many = len(p_values)
    adjusted = [1.0] * many
    lowest = 1.0
    for rank, i in enumerate(sorted(range(many), key=lambda i: -p_values[i])):
        lowest = min(lowest, p_values[i] * many / (many - rank))
        adjusted[i] = lowest
    return adjusted
