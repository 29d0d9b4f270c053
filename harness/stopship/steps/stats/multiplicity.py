"""Holm's step-down adjustment with weights.

Numbers in, numbers out; which hypotheses share an alpha is decided elsewhere.

Source: Holm S. A simple sequentially rejective multiple test procedure. Scandinavian Journal of
Statistics 6 (1979) 65-70, section 4 (weights).
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
