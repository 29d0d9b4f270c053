"""E-processes of 'the candidate is worse': evidence that may be looked at after every night, without a plan.

An e-value of 1 says nothing; under 'not worse' the running e-value reaches 1 / alpha at any time with
probability at most alpha (Ville 1939). A worse output never lowers it. Never says that a candidate is good.

What is bet against. Each difference x of a candidate's and a baseline's output multiplies the wealth of the
bet l by 1 - l x; the e-value is the mean wealth of the bets l in [0, 1]. A wealth is a supermartingale with
respect to the history of all earlier nights as long as, given that history, the outputs of this night are
drawn anew IN BOTH ARMS, independently between cases, and the mean of x over the night's cases is not
negative (E prod (1 - l x_i) = prod (1 - l d_i) <= (1 - l mean d)^n <= 1). So the cases may stay the same,
and the claim is then about these cases (the suite estimand), not about traffic. Counts may be cumulated
over the nights: the mixture of cumulated counts is one process. It is NOT valid, and neither is a product
of the nights' e-values, where nights share draws: one kept baseline run compared every night with fresh
outputs repeats the luck of that run, and a served candidate output would be counted twice. A kept baseline
will do where each case is used on one night alone; the claim is then about the traffic the cases come
from. How many cases a night has, and which, may depend on earlier nights only.

Source: Waudby-Smith I, Ramdas A. Estimating means of bounded random variables by betting. JRSS-B 86 (2024)
1-27.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import exp, lgamma, log

import numpy as np

from stopship.steps.stats.sample import Floats
from stopship.steps.stats.tails import binomial_at_most

_LOG_MOST = 690.0  # beyond, an e-value is shown as e^690: it stops at any alpha there is
_BETS = 64  # nodes of the mixture: exact for up to 127 changed outputs, a valid mixture for any number
_SMALL = 1e-17


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """The evidence after a night; logarithms, as e-values outgrow floats."""

    log_e: float
    highest_log_e: float  # of this and all earlier nights: what was once proven stays proven

    def stops(self, alpha: float) -> bool:
        """Whether some night so far had e >= 1 / alpha."""
        return self.highest_log_e >= -log(alpha)

    @property
    def e(self) -> float:
        return exp(min(self.log_e, _LOG_MOST))


def e_value(worse: int, better: int) -> float:
    """2^(b+c+1) times the integral of t^b (1 - t)^c over [1/2, 1], at most e^690."""
    return exp(min(log_e_value(worse, better), _LOG_MOST))


def log_e_value(worse: int, better: int) -> float:
    """The logarithm of the e-value of b worse and c better changed pairs; 0 where nothing changed.

    The uniform mixture over l of (1 + l)^b (1 - l)^c, in closed form: 2 P(X <= b) / ((m + 1) P(Y = b)) with
    m = b + c, X ~ Binomial(m + 1, 1/2) and Y ~ Binomial(m, 1/2).
    """
    changed = worse + better
    if 2 * worse <= changed:  # P(X <= b) as a falling sum over P(X = b): no logarithm of a small number
        term = total = 1.0
        for k in range(worse, 0, -1):
            term *= k / (changed + 2 - k)
            total += term
            if term < _SMALL * total:
                break
        return log(total) - log(changed + 1 - worse)
    ways = lgamma(changed + 1) - lgamma(worse + 1) - lgamma(better + 1)
    return (changed + 1) * log(2) - log(changed + 1) - ways + log(binomial_at_most(worse, changed + 1, 0.5))


def looks(nights: Sequence[tuple[int, int]]) -> tuple[Look, ...]:
    """One look per night from the night's own (worse, better) counts of fresh pairs; counts are cumulated."""
    worse = better = 0
    found = []
    for one, other in nights:
        worse, better = worse + one, better + other
        found.append(log_e_value(worse, better))
    return _running(found)


def log_wealth(differences: Floats, *, span: float = 1.0) -> Floats:
    """The log wealth of each bet after these differences, shape (bets,): those of shards and nights add up.

    Differences are candidate - baseline, negative is worse. Raises ValueError where one is beyond the span.
    """
    shares = np.sort(np.asarray(differences, dtype=np.float64)) / span
    if len(shares) and max(-shares[0], shares[-1]) > 1 + 1e-9:
        raise ValueError("a difference is larger than the span of the metric")
    values, times = np.unique(np.clip(shares, -1.0, 1.0), return_counts=True)
    bets, _ = _mixture()
    wealth = np.zeros(len(bets))
    for start in range(0, len(values), 4096):
        block = slice(start, start + 4096)
        wealth += np.log1p(-np.outer(bets, values[block])) @ times[block]
    return wealth


def log_e_of(wealth: Floats) -> float:
    """The logarithm of the mean wealth of all bets."""
    _, log_weights = _mixture()
    return float(np.logaddexp.reduce(wealth + log_weights))


def bounded_looks(nights: Sequence[Floats], *, span: float = 1.0) -> tuple[Look, ...]:
    """One look per night from the night's differences of a metric with a range; bets are carried over."""
    wealth = np.zeros(_BETS)
    found = []
    for differences in nights:
        wealth = wealth + log_wealth(differences, span=span)
        found.append(log_e_of(wealth))
    return _running(found)


def _running(found: Sequence[float]) -> tuple[Look, ...]:
    highest = -float("inf")
    told = []
    for one in found:
        highest = max(highest, one)
        told.append(Look(log_e=one, highest_log_e=highest))
    return tuple(told)


@lru_cache(maxsize=1)
def _mixture() -> tuple[Floats, Floats]:
    """The bets in (0, 1) and the logarithms of their weights: Gauss-Legendre, dense near 0 and near 1."""
    nodes, weights = np.polynomial.legendre.leggauss(_BETS)
    return (nodes + 1) / 2, np.log(weights / weights.sum())
