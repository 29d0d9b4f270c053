"""The tail of a sum of independent hypergeometric counts, each with its own step on a common lattice.

Counts in, a probability out. Exact up to rounding, and relatively so in the far tail: the counts are tilted
until their mean is the observed sum, convolved by FFT, and tilted back, so no tail drowns in rounding.

Source of the tilt: Daniels HE. Saddlepoint approximations in statistics. Ann. Math. Stat. 25 (1954) 631-650.
"""

from dataclasses import dataclass
from functools import lru_cache
from math import ceil, comb, exp, fsum, gcd, lcm, sqrt

import numpy as np

from stopship.steps.stats.sample import Codes, Floats

_MOST_POINTS = 1 << 24  # of one transform; about a second
_HALVINGS = 80
_SMALLEST = 0.5**1000  # no p is printed as zero


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sum:
    """J kinds of counts, `times` of each; `places` are lattice points from 0 on, padded with chance 0."""

    chances: Floats  # (J, K)
    places: Codes  # (J, K)
    times: Codes  # (J,)
    observed: int  # the sum whose lower tail is asked for

    @property
    def most(self) -> int:
        return int((self.places.max(axis=1) * self.times).sum())

    @property
    def mean(self) -> float:
        return fsum(((self.chances * self.places).sum(axis=1) * self.times).tolist())

    def mirrored(self) -> "_Sum":
        tops = self.places.max(axis=1, keepdims=True)
        places = np.where(self.chances > 0, tops - self.places, 0)
        return _Sum(chances=self.chances, places=places, times=self.times, observed=self.most - self.observed)


def lattice(tries: Codes, tries_other: Codes) -> tuple[Codes, int]:
    """The step of each case's count, shape (n,), and how fine the lattice is, times the kinds of steps.

    One more pass among the candidate's tries, at a fixed total, moves the difference of the case means by
    1/Rb + 1/Rc; on the lattice of the least common multiple these are whole numbers. The second figure tells
    how costly an exact tail is; it depends on how often each case was asked, never on what came out.
    """
    pairs, inverse = np.unique(np.stack([tries, tries_other]), axis=1, return_inverse=True)
    finest = lcm(*(int(one) for one in np.unique(pairs)))
    steps = [finest // int(rb) + finest // int(rc) for rb, rc in pairs.T]
    common = gcd(*steps)
    fineness = finest // common * len(steps)
    if fineness > _MOST_POINTS:
        return np.ones(len(tries), dtype=np.int64), fineness
    return np.array([one // common for one in steps], dtype=np.int64)[inverse.ravel()], fineness


def mid_p(kb: Codes, rb: Codes, kc: Codes, rc: Codes) -> float:
    """P(S < s) + P(S = s) / 2 for S the sum of case-mean differences, given each case's passes in both arms.

    Arrays of shape (n,). 1 where no case has both a pass and a failure: nothing could have come out
    otherwise. Raises ValueError where the numbers of tries are so unequal that the lattice has too many
    points.
    """
    steps, _ = lattice(rb, rc)
    together = kb + kc
    varies = (together > 0) & (together < rb + rc)
    if not varies.any():
        return 1.0
    one = _sum_of(kb[varies], rb[varies], kc[varies], rc[varies], steps[varies])
    lower = one.observed <= one.mean
    tail = _lower_tail(one if lower else one.mirrored())
    return max(_SMALLEST, min(1.0, tail if lower else 1 - tail))


def _sum_of(kb: Codes, rb: Codes, kc: Codes, rc: Codes, steps: Codes) -> _Sum:
    together = kb + kc
    kinds, times = np.unique(np.stack([rb, rc, together, steps]), axis=1, return_counts=True)
    width = int(min(rb.max(), rc.max())) + 1
    chances = np.zeros((len(times), width))
    places = np.zeros((len(times), width), dtype=np.int64)
    for row, (tries, tries_other, total, step) in enumerate(kinds.T.tolist()):
        known = hypergeometric(tries, tries_other, total)
        chances[row, : len(known)] = known
        places[row, : len(known)] = step * np.arange(len(known))
    least = np.maximum(0, together - rb)
    return _Sum(chances=chances, places=places, times=times, observed=int(((kc - least) * steps).sum()))


@lru_cache(maxsize=4096)
def hypergeometric(tries: int, tries_other: int, together: int) -> tuple[float, ...]:
    """P(the other arm holds x of the passes), for x from max(0, together - tries) on."""
    ways = comb(tries + tries_other, together)
    span = range(max(0, together - tries), min(together, tries_other) + 1)
    return tuple(comb(tries_other, x) * comb(tries, together - x) / ways for x in span)


def _lower_tail(one: _Sum) -> float:
    """P(S < observed) + P(S = observed) / 2 where observed is at most the mean."""
    if one.observed == 0:
        lowest = np.where(one.places == 0, one.chances, 0.0).sum(axis=1)
        return exp(fsum((np.log(lowest) * one.times).tolist())) / 2
    theta = _tilt(one)
    weights = one.chances * np.exp(theta * one.places)
    masses = weights.sum(axis=1)
    log_mass = fsum((np.log(masses) * one.times).tolist()) - theta * one.observed
    weights /= masses[:, None]
    means = (weights * one.places).sum(axis=1)
    apart = one.places - means[:, None]
    sigma = sqrt(float(((weights * apart * apart).sum(axis=1) * one.times).sum()))
    reach = ceil(25 * float(one.places.max()) + 9 * sigma)  # Bernstein: less than 1e-16 lies beyond
    points = 1 << (min(2 * reach, one.most) + 1).bit_length()
    if points > _MOST_POINTS:
        raise ValueError("the numbers of outputs are too unequal between cases for an exact p")
    shares = _convolved(one, weights, points)
    down = np.arange((one.observed if points > one.most else min(one.observed, points // 2 - 1)) + 1)
    near = np.maximum(shares[(one.observed - down) % points], 0.0) * np.exp(theta * down)
    return exp(log_mass) * (float(near.sum()) - float(near[0]) / 2)


def _tilt(one: _Sum) -> float:
    """The theta <= 0 at which the tilted mean is the observed sum."""

    def mean(theta: float) -> float:
        weights = one.chances * np.exp(theta * one.places)
        return float(((weights * one.places).sum(axis=1) / weights.sum(axis=1) * one.times).sum())

    low, high = -1.0, 0.0
    while mean(low) > one.observed:
        low, high = 2 * low, low
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (low, middle) if mean(middle) > one.observed else (middle, high)
    return high


def _convolved(one: _Sum, weights: Floats, points: int) -> Floats:
    """The chances of each sum modulo `points`, by the product of characteristic functions."""
    turns = np.exp(-2j * np.pi * np.arange(points) / points)
    at = np.arange(points // 2 + 1)
    product = np.ones(len(at), dtype=np.complex128)
    for chances, places, times in zip(weights, one.places, one.times, strict=True):
        kinds = chances > 0
        curve = sum(
            (share * turns[at * place % points] for share, place in zip(chances[kinds], places[kinds])),
            np.zeros(len(at), dtype=np.complex128),
        )
        product *= curve ** int(times)
    return np.fft.irfft(product, points)
