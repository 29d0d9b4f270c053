"""The paired differences of one metric in one scope, and their sufficient statistics.

Differences are oriented (negative is worse) and sorted by case, so that no result depends on the order
of rows. Sums are exact (fsum). Knows no margins and no verdicts.
"""

from dataclasses import dataclass, field
from functools import cached_property
from math import fsum, sqrt

import numpy as np

from stopship.steps.stats.arrays import Codes, Floats

__all__ = ["Codes", "Floats", "Sample"]


@dataclass(frozen=True, kw_only=True)
class Sample:
    """Differences d_i = candidate - baseline of n cases, shape (n,), n >= 1."""

    differences: Floats
    span: float = 1.0  # the width of the metric's range, in the unit of the differences
    is_binary: bool = False  # every difference is -1, 0 or 1
    outputs: tuple[float, float] = (1.0, 1.0)  # a case, of the baseline and of the candidate: harmonic means
    clusters: Codes | None = None  # shape (n,): the cluster of each case; None: every case is its own
    seed: bytes = field(default=b"", repr=False)  # what random signs are drawn from: the cases' identity

    @property
    def is_clustered(self) -> bool:
        return self.clusters is not None

    @property
    def n(self) -> int:
        return len(self.differences)

    @cached_property
    def total(self) -> float:
        return fsum(self.differences.tolist())

    @property
    def mean(self) -> float:
        return self.total / self.n

    @cached_property
    def sum_of_squares(self) -> float:
        return fsum((self.differences * self.differences).tolist())

    @cached_property
    def worse(self) -> int:
        return int(np.count_nonzero(self.differences < 0))

    @cached_property
    def better(self) -> int:
        return int(np.count_nonzero(self.differences > 0))

    @property
    def lowest(self) -> float:
        return float(self.differences.min())

    @property
    def extremes(self) -> Floats:
        return np.asarray(self.differences[self.differences != 0])

    @cached_property
    def cluster_sizes(self) -> Floats:
        """How many cases each cluster holds, shape (G,); without clusters n ones."""
        if self.clusters is None:
            return np.ones(self.n)
        return np.bincount(self.clusters).astype(np.float64)

    @cached_property
    def cluster_sums(self) -> Floats:
        """The sum of the differences in each cluster, shape (G,); without clusters the differences."""
        if self.clusters is None:
            return self.differences
        return self._per_cluster(self.differences)

    @cached_property
    def cluster_gains(self) -> Floats:
        """The sum of the positive differences in each cluster, shape (G,)."""
        gains = np.maximum(self.differences, 0.0)
        return gains if self.clusters is None else self._per_cluster(gains)

    def _per_cluster(self, values: Floats) -> Floats:
        assert self.clusters is not None  # noqa: S101  # the callers' condition
        return np.asarray(np.bincount(self.clusters, weights=values), dtype=np.float64)

    @property
    def n_clusters(self) -> int:
        return len(self.cluster_sizes)

    @cached_property
    def n_effective(self) -> float:
        """The number of independent units: (sum m)^2 / sum m^2 over the cluster sizes m; at most G."""
        sizes = self.cluster_sizes
        return float(sizes.sum() ** 2 / (sizes * sizes).sum())

    @cached_property
    def standard_error(self) -> float:
        """The standard error of the mean: classical, or CR1 over clusters (Liang & Zeger 1986)."""
        groups = self.n_clusters
        if groups < 2:
            return 0.0
        residuals = self.cluster_sums - self.cluster_sizes * self.mean
        squares = fsum((residuals * residuals).tolist())
        return sqrt(groups / (groups - 1) * squares) / self.n

    @property
    def changed_units(self) -> int:
        return int(np.count_nonzero(self.cluster_sums))

    @property
    def flips(self) -> tuple[Floats, Codes]:
        streams = np.flatnonzero(self.cluster_sums)
        return self.cluster_sums[streams], streams.astype(np.int64)
