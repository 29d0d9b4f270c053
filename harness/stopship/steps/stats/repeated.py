"""The repeated outputs of both arms of one metric in one scope, case by case.

Scores are oriented (higher is better) and sorted inside each case, so that no result depends on the order of
outputs. A case is one case however often it was asked. Knows no margins and no verdicts.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from math import fsum

import numpy as np

from stopship.steps.stats.sample import Codes, Floats


@dataclass(frozen=True, kw_only=True)
class Repeats:
    """The scores of one arm: `values` of shape (outputs,), case i at values[starts[i] : starts[i + 1]]."""

    values: Floats
    starts: Codes  # shape (n + 1,), rising by at least 1; the first is 0, the last the number of outputs

    def __post_init__(self) -> None:
        """Raises ValueError where a case has no output."""
        if self.starts[0] != 0 or self.starts[-1] != len(self.values) or (np.diff(self.starts) < 1).any():
            raise ValueError("each case has at least one output, and each output belongs to a case")

    @property
    def n(self) -> int:
        return len(self.starts) - 1

    @cached_property
    def counts(self) -> Codes:
        """How many outputs each case has, shape (n,)."""
        return np.diff(self.starts)

    @cached_property
    def cases(self) -> Codes:
        """The case of each output, shape (outputs,)."""
        return np.repeat(np.arange(self.n), self.counts)

    @cached_property
    def ordered(self) -> Floats:
        """The scores sorted inside each case, lowest first, shape (outputs,)."""
        return self.values[np.lexsort((self.values, self.cases))]

    @cached_property
    def sums(self) -> Floats:
        return np.add.reduceat(self.ordered, self.starts[:-1])

    @cached_property
    def means(self) -> Floats:
        return self.sums / self.counts

    @cached_property
    def variances(self) -> Floats:
        """The unbiased variance of one output of each case, shape (n,); 0 where a case has one output."""
        apart = self.ordered - self.means[self.cases]
        squares = np.add.reduceat(apart * apart, self.starts[:-1])
        return squares / np.maximum(self.counts - 1, 1)


@dataclass(frozen=True, kw_only=True)
class RepeatedSample:
    """Both arms of the same n cases, sorted by case in both; repeats may be unequal."""

    baseline: Repeats
    candidate: Repeats
    span: float = 1.0  # the width of the metric's range, in the unit of the scores
    is_binary: bool = False  # every score is 0 or 1
    seed: bytes = field(default=b"", repr=False)  # what relabelings are drawn from: the cases' identity

    def __post_init__(self) -> None:
        """Raises ValueError where the arms do not hold the same number of cases."""
        if self.baseline.n != self.candidate.n:
            raise ValueError("both arms hold the same cases")

    @property
    def n(self) -> int:
        return self.baseline.n

    @cached_property
    def differences(self) -> Floats:
        """Case means, candidate - baseline, shape (n,)."""
        return self.candidate.means - self.baseline.means

    @cached_property
    def total(self) -> float:
        return fsum(self.differences.tolist())

    @property
    def mean(self) -> float:
        return self.total / self.n

    @property
    def mirrored(self) -> "RepeatedSample":
        """The same outputs with the arms changing places."""
        return RepeatedSample(
            baseline=self.candidate,
            candidate=self.baseline,
            span=self.span,
            is_binary=self.is_binary,
            seed=self.seed,
        )


def repeats_of(cases: Sequence[Sequence[float]]) -> Repeats:
    """One arm from the scores of each case."""
    starts = np.concatenate([[0], np.cumsum([len(one) for one in cases], dtype=np.int64)])
    return Repeats(values=np.array([x for one in cases for x in one], dtype=np.float64), starts=starts)


def repeats_of_counts(passed: Sequence[int] | Codes, tries: int | Sequence[int] | Codes) -> Repeats:
    """One arm of a binary metric: how many outputs of each case passed, out of how many (one number or n)."""
    passes = np.asarray(passed, dtype=np.int64)
    of = np.broadcast_to(np.asarray(tries, dtype=np.int64), passes.shape)
    starts = np.concatenate([[0], np.cumsum(of)])
    place = np.arange(starts[-1]) - np.repeat(starts[:-1], of)
    return Repeats(values=(place < np.repeat(passes, of)).astype(np.float64), starts=starts)


def binary_sample(
    kb: Sequence[int] | Codes,
    Rb: int | Sequence[int] | Codes,  # noqa: N803  # the field's notation
    kc: Sequence[int] | Codes,
    Rc: int | Sequence[int] | Codes,  # noqa: N803
    *,
    seed: bytes = b"",
) -> RepeatedSample:
    """Both arms of a binary metric: kb of Rb baseline and kc of Rc candidate outputs passed, per case."""
    return RepeatedSample(
        baseline=repeats_of_counts(kb, Rb), candidate=repeats_of_counts(kc, Rc), is_binary=True, seed=seed
    )
