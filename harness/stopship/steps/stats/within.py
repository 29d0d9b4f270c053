"""The one-sided p-values of 'the candidate is worse on these cases', where chance is in the repeats.

A small p says worse. Given what came out for a case in both arms together, every way to deal it to the arms
is alike: the outputs are relabeled inside each case, never between cases. For the suite estimand and for
confirmations alone; of cases that are a sample of traffic it would claim too much.

Making an output of the candidate worse, or one of the baseline better, never raises these p: under any
fixed relabeling the sum moves down at most as far as the observed one does. That holds for the exact p, the
counted and the drawn one alike, as which of them is used, and which relabelings are drawn, depends on the
numbers of outputs and the cases' identity alone. Two exceptions: where the last difference inside any case
goes, the binary p becomes 1 (it was above 1/2), as McNemar's does; and the normal approximation above 20
000 cases that are not binary.

What is tested is that no case changed. Of cases that changed both ways with a mean of zero, equal repeats in
both arms find at most alpha worse (measured .042 at .05); a candidate asked less often than the baseline, and
noisier, is found worse too often (.07 at R_b = 5, R_c = 2; .14 at 5 and 1). Ask both arms equally often.
"""

from collections.abc import Sequence
from functools import lru_cache
from hashlib import sha256
from itertools import combinations
from math import comb, erfc, exp, fsum, lgamma, sqrt

import numpy as np
from numpy.typing import NDArray

from stopship.steps.stats.hypergeometric import lattice, mid_p
from stopship.steps.stats.pvalues import Test, rounds_at
from stopship.steps.stats.repeated import RepeatedSample, binary_sample
from stopship.steps.stats.sample import Codes, Floats

COUNTED_UP_TO = 1 << 16  # relabelings of all cases together that are all counted
NORMAL_ABOVE = 20_000  # cases above which drawn relabelings would take seconds
_LISTED_UP_TO = 4_096  # relabelings of one case that are listed; above they are drawn by random order
_FINEST = 2_000  # of the lattice: beyond, an exact p would take seconds
_SLACK = 1e-9  # of the span: sums this near each other are equal; not of the data, or an edit could move it


def within_p(sample: RepeatedSample, *, alpha: float) -> Test:
    """The test for this kind of sample; `alpha` is the adjusted level the p will be held against.

    Binary: exact mid-p (convolved hypergeometrics), unless the numbers of outputs are so unequal that its
    lattice is too fine. Otherwise relabelings: all of them up to 2^16, else drawn (1 + k) / (1 + B) with
    B = max(9 999, 20 / alpha); the normal approximation of the same distribution above 20 000 cases.
    """
    rb, rc = sample.baseline.counts, sample.candidate.counts
    if sample.is_binary and lattice(rb, rc)[1] <= _FINEST:
        kb, kc = (np.rint(arm.sums).astype(np.int64) for arm in (sample.baseline, sample.candidate))
        return Test(mid_p(kb, rb, kc, rc), "within-case-exact")
    if sample.n > NORMAL_ABOVE:
        return Test(_normal(sample), "within-case-normal")
    if _log_relabelings(sample) <= np.log(COUNTED_UP_TO) + 1e-9:
        return Test(_counted(sample), "within-case-counted")
    return Test(_drawn(sample, rounds=rounds_at(alpha)), "within-case-drawn")


def within_case_exact(
    kb: Sequence[int] | Codes,
    Rb: int | Sequence[int] | Codes,  # noqa: N803  # the field's notation
    kc: Sequence[int] | Codes,
    Rc: int | Sequence[int] | Codes,  # noqa: N803
) -> float:
    """The mid-p of 'the candidate passes less often', from the passes kb of Rb and kc of Rc of each case.

    The statistic is the sum over cases of kc/Rc - kb/Rb; repeats may be unequal, a case weighs 1 whatever its
    repeats. With one output in each arm this is McNemar's mid-p. 1 where nothing varies. Raises ValueError
    where the repeats are too unequal for a lattice (`within_p` draws relabelings there).
    """
    sample = binary_sample(kb, Rb, kc, Rc)
    before, after = (np.rint(arm.sums).astype(np.int64) for arm in (sample.baseline, sample.candidate))
    return mid_p(before, sample.baseline.counts, after, sample.candidate.counts)


def smallest_within_p(sample: RepeatedSample, *, alpha: float) -> float:
    """The smallest p that any outcome of these outputs could have: what makes a scope blind."""
    reachable = exp(-min(_log_relabelings(sample), 690.0))
    rb, rc = sample.baseline.counts, sample.candidate.counts
    if sample.is_binary and lattice(rb, rc)[1] <= _FINEST:
        return reachable / 2
    if sample.n > NORMAL_ABOVE or reachable >= (1 - 1e-9) / COUNTED_UP_TO:
        return reachable
    return 1 / (1 + rounds_at(alpha))


def _log_relabelings(sample: RepeatedSample) -> float:
    kinds, times = np.unique(
        np.stack([sample.baseline.counts, sample.candidate.counts]), axis=1, return_counts=True
    )
    logs = [
        times[i] * (lgamma(rb + rc + 1) - lgamma(rb + 1) - lgamma(rc + 1))
        for i, (rb, rc) in enumerate(kinds.T.tolist())
    ]
    return fsum(logs)


@lru_cache(maxsize=32)
def _deals(outputs: int, taken: int) -> Floats:
    """Every way for the candidate to hold `taken` of `outputs`, shape (outputs, ways)."""
    ways = np.zeros((outputs, comb(outputs, taken)))
    for column, chosen in enumerate(combinations(range(outputs), taken)):
        ways[list(chosen), column] = 1.0
    return ways


def _pooled(sample: RepeatedSample, case: int) -> Floats:
    """The candidate's scores of a case and then the baseline's, each sorted."""
    arms = (sample.candidate, sample.baseline)
    return np.concatenate([arm.ordered[arm.starts[case] : arm.starts[case + 1]] for arm in arms])


def _moves(pooled: Floats, rb: int, rc: int) -> Floats:
    """How far each relabeling takes the difference of means above the observed one, shape (ways,)."""
    sums = pooled @ _deals(rb + rc, rc)
    return (sums - float(pooled[:rc].sum())) * (1 / rc + 1 / rb)


def _counted(sample: RepeatedSample) -> float:
    """The share of all relabelings with a sum as low as the observed one."""
    moves = np.zeros(1)
    for case in range(sample.n):
        rb, rc = int(sample.baseline.counts[case]), int(sample.candidate.counts[case])
        moves = (moves[:, None] + _moves(_pooled(sample, case), rb, rc)).ravel()
    return int(np.count_nonzero(moves <= _SLACK * sample.span)) / len(moves)


def _drawn(sample: RepeatedSample, *, rounds: int) -> float:
    """Monte Carlo over relabelings; each case keeps its own stream whatever comes out in any case."""
    moved = np.zeros(rounds)
    key = int.from_bytes(sha256(b"relabelings" + sample.seed).digest()[:16], "big")
    for case in range(sample.n):
        pooled = _pooled(sample, case)
        if pooled.min() == pooled.max():
            continue  # every relabeling is the observed one
        rb, rc = int(sample.baseline.counts[case]), int(sample.candidate.counts[case])
        stream = np.random.Philox(key=key, counter=[0, case, 0, 0])
        if comb(rb + rc, rc) <= _LISTED_UP_TO:
            moved += _moves(pooled, rb, rc)[_uniform(stream, rounds, comb(rb + rc, rc))]
        else:
            moved += _moves_by_order(stream, pooled, rc, rounds)
    return (1 + int(np.count_nonzero(moved <= _SLACK * sample.span))) / (1 + rounds)


def _uniform(stream: np.random.Philox, rounds: int, below: int) -> NDArray[np.uint64]:
    """Whole numbers 0 <= x < below, from 32 random bits each: uneven by less than 1e-6 of a share."""
    bits = stream.random_raw((rounds + 1) // 2).view(np.uint32)[:rounds].astype(np.uint64)
    return (bits * np.uint64(below)) >> np.uint64(32)


def _moves_by_order(stream: np.random.Philox, pooled: Floats, rc: int, rounds: int) -> Floats:
    keys = stream.random_raw(rounds * len(pooled)).reshape(rounds, len(pooled))
    taken = np.argpartition(keys, rc - 1, axis=1)[:, :rc]
    sums = pooled[taken].sum(axis=1)
    return np.asarray((sums - pooled[:rc].sum()) * (1 / rc + 1 / (len(pooled) - rc)), dtype=np.float64)


def _normal(sample: RepeatedSample) -> float:
    """The normal approximation of the relabelings' distribution; its variance is the exact one."""
    rb, rc = sample.baseline.counts, sample.candidate.counts
    size = rb + rc
    centre = (sample.baseline.sums + sample.candidate.sums) / size
    squares = np.zeros(sample.n)
    for arm in (sample.baseline, sample.candidate):
        apart = arm.ordered - centre[arm.cases]
        squares += np.add.reduceat(apart * apart, arm.starts[:-1])
    variance = fsum((squares / (size - 1) * (1 / rb + 1 / rc)).tolist())
    if variance <= (1e-12 * sample.span) ** 2:
        return 1.0
    return erfc(-sample.total / sqrt(2 * variance)) / 2
