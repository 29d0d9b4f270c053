"""Fisher's exact test of two small counts.

Decides whether one side failing more often could be chance. Knows nothing of rules.
"""

from math import comb


def at_least_as_many(failed: int, tries: int, failed_other: int, tries_other: int) -> float:
    """P(this side fails at least this often) where both sides fail alike, given how often they fail together.

    One-sided, by the hypergeometric distribution (Fisher 1935). No tries on a side: 1.
    """
    together, all_tries = failed + failed_other, tries + tries_other
    if not tries or not tries_other:
        return 1.0
    ways = sum(
        comb(tries, k) * comb(tries_other, together - k)
        for k in range(failed, min(tries, together) + 1)
        if together - k <= tries_other
    )
    return min(1.0, ways / comb(all_tries, together))
