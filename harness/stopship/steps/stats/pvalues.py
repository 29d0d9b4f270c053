"""The one-sided p-values of 'the candidate is worse'.

A small p says worse. Random signs are drawn per case from a seed made of the cases themselves, so the
same evidence gives the same p in any order, and making a case worse never raises it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from math import ceil, fsum

import numpy as np

from stopship.steps.stats.arrays import Codes, Floats
from stopship.steps.stats.moments import Moments
from stopship.steps.stats.tails import binomial_at_least, binomial_probability, t_below

EXACT_UP_TO = 16  # non-zero differences whose 2^16 sign patterns are all counted
T_ABOVE = 2_000  # non-zero differences from which the paired t is used
T_FROM_CLUSTERS = (
    2_000  # not 200: one outlying cluster among equal small losses would lift the t p from 0 to .006
)
MOST_ROUNDS = 200_000  # of random signs: an early look may spend 1e-7, whose 20 / alpha would take minutes
MIN_CLUSTERS = 6  # 2^-6 = .016 is the smallest p that fewer sign flips could reach
SKEWED_T_FROM = 30  # cases from which an unbounded, winsorised metric uses the t path


@dataclass(frozen=True, slots=True)
class Test:
    """A one-sided p-value and the name of the test that gave it."""

    p: float
    name: str


def p_worse(sample: Moments, *, alpha: float) -> Test:
    """The test for this kind of sample; `alpha` is the adjusted level the p will be held against.

    Binary without clusters: McNemar mid-p (Fagerland, Lydersen & Laake 2013). Otherwise sign flips of the
    mean, of cluster sums where cases are clustered; the paired t (CR1 with clusters) above 2 000 non-zero
    differences or from 2 000 clusters on.
    """
    if sample.is_binary and not sample.is_clustered:
        return Test(mcnemar_mid_p(sample.worse, sample.better), "mcnemar-mid-p")
    if sample.is_clustered and sample.n_clusters >= T_FROM_CLUSTERS:
        return Test(t_p(sample), "cluster-t")
    if not sample.is_clustered and sample.changed_units > T_ABOVE:
        return Test(t_p(sample), "paired-t")
    name = "sign-flip" if not sample.is_clustered else "cluster-sign-flip"
    values, streams = sample.flips
    return Test(sign_flip_p(values, streams, seed=sample.seed, alpha=alpha), name)


def mcnemar_mid_p(worse: int, better: int) -> float:
    """P(X > b) + P(X = b) / 2 for X ~ Binomial(b + c, 1/2): 1 where nothing changed."""
    n = worse + better
    return binomial_at_least(worse, n, 0.5) - binomial_probability(worse, n, 0.5) / 2 if n else 1.0


def t_p(sample: Moments) -> float:
    """The lower tail of Student's t for the mean over its (CR1) standard error; df = units - 1."""
    if sample.standard_error <= 1e-15 * sample.span:
        return 1.0 if sample.mean >= 0 else 2.0 ** -min(sample.n_clusters, 1000)
    return t_below(sample.n_clusters - 1, sample.mean / sample.standard_error)


def sign_flip_p(values: Floats, streams: Codes | None = None, *, seed: bytes, alpha: float) -> float:
    """The share of sign patterns whose sum is as low as the observed one.

    `streams` names the stream of random signs of each value; None: its place.

    Exact up to 16 non-zero values. Above, Monte Carlo (1 + k) / (1 + B), B = max(9 999, 20 / alpha) and at
    most 200 000, held between two exact p: of the same values with the smallest gains set to zero, and with
    the smallest losses set to zero. That keeps the p from rising where a case gets worse and the method
    changes.
    """
    changed = np.flatnonzero(values)
    if not len(changed):
        return 1.0
    if len(changed) <= EXACT_UP_TO:
        return _exact(values[changed])
    own = changed if streams is None else streams[changed]
    p = _drawn(values[changed], own.tolist(), seed=seed, rounds=rounds_at(alpha))
    gains, losses = np.sort(values[values > 0])[::-1], np.sort(values[values < 0])  # largest first
    if len(losses) < EXACT_UP_TO:
        p = max(p, _exact(np.concatenate([losses, gains[: EXACT_UP_TO - len(losses)]])))
    if len(gains) < EXACT_UP_TO:
        p = min(p, _exact(np.concatenate([losses[: EXACT_UP_TO - len(gains)], gains])))
    return p


def rounds_at(alpha: float) -> int:
    """How many random patterns are drawn for a p that is held against `alpha`.

    Where they are too few to reach it, nothing is called significant that is not.
    """
    return min(max(9_999, ceil(20 / alpha)), MOST_ROUNDS)


def smallest_p(sample: Moments, *, alpha: float) -> float:
    """The smallest p that any outcome on these cases could have: what makes a scope blind."""
    units = sample.n_clusters
    if sample.is_binary and not sample.is_clustered:
        return 0.5 ** min(units + 1, 1000)
    if units > EXACT_UP_TO:
        return min(0.5**EXACT_UP_TO, 1 / (1 + rounds_at(alpha)))
    return 0.5**units


def _exact(values: Floats) -> float:
    sums = np.zeros(1)
    for value in values:
        sums = np.concatenate([sums + value, sums - value])
    observed = fsum(values.tolist())
    slack = 1e-9 * fsum(np.abs(values).tolist())
    return float(np.count_nonzero(sums <= observed + slack)) / len(sums)


def _drawn(values: Floats, streams: Sequence[int], *, seed: bytes, rounds: int) -> float:
    """Monte Carlo over random signs; each case keeps its own stream whatever the other cases do.

    A pattern's sum is at most the observed one exactly when the flipped values sum to zero or more.
    """
    flipped = np.zeros(rounds)
    words = (rounds + 63) // 64
    key = int.from_bytes(sha256(b"signs" + seed).digest()[:16], "big")
    for value, index in zip(values, streams, strict=True):
        counter = np.array([0, index % 2**64, 0, 0], dtype=np.uint64)
        stream = np.random.Philox(key=key, counter=counter).random_raw(words)
        bits = np.unpackbits(stream.view(np.uint8), count=rounds)
        flipped += bits * value
    slack = 1e-9 * fsum(np.abs(values).tolist())
    return (1 + int(np.count_nonzero(flipped >= -slack))) / (1 + rounds)
