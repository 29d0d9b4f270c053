"""The moments of one metric in one scope, from sums that were added up in batches.

Holds no case: what sign flips and the score bound need of single differences is at most 2 000 of them.
Decides nothing; knows no margins and no verdicts.
"""

from dataclasses import dataclass, field
from functools import cached_property
from math import sqrt

import numpy as np

from stopship.steps.stats.arrays import Codes, Floats

MOST_KEPT = 2_000  # non-zero differences up to which each is kept: sign flips take no more


@dataclass(frozen=True, slots=True)
class Units:
    """The clusters of a scope; every array has shape (G,)."""

    ids: Codes
    sizes: Floats
    sums: Floats
    gains: Floats


@dataclass(frozen=True, kw_only=True)
class Summed:
    """Sums over n >= 1 differences, in the unit of the span."""

    n: int
    total: float
    sum_of_squares: float
    worse: int
    better: int
    extremes: Floats
    kept: Floats  # every non-zero difference, where there are at most 2 000; shape (k,)
    streams: Codes  # the case that each belongs to, shape (k,)
    units: Units | None = None  # None: every case is its own
    span: float = 1.0
    is_binary: bool = False
    outputs: tuple[float, float] = (1.0, 1.0)  # sums are added up of single outputs
    seed: bytes = field(default=b"", repr=False)

    @property
    def is_clustered(self) -> bool:
        return self.units is not None

    @property
    def mean(self) -> float:
        return self.total / self.n

    @property
    def lowest(self) -> float:
        return float(self.extremes.min(initial=0.0))

    @cached_property
    def cluster_sizes(self) -> Floats:
        return np.ones(self.n) if self.units is None else self.units.sizes

    @cached_property
    def cluster_sums(self) -> Floats:
        if self.units is not None:
            return self.units.sums
        if self.worse + self.better > MOST_KEPT:
            raise AssertionError("single differences are asked of a scope too large to keep them")
        return np.concatenate([self.kept, np.zeros(self.n - len(self.kept))])

    @cached_property
    def cluster_gains(self) -> Floats:
        return np.maximum(self.cluster_sums, 0.0) if self.units is None else self.units.gains

    @property
    def n_clusters(self) -> int:
        return self.n if self.units is None else len(self.units.sizes)

    @cached_property
    def n_effective(self) -> float:
        if self.units is None:
            return float(self.n)
        sizes = self.units.sizes
        return float(sizes.sum() ** 2 / (sizes * sizes).sum())  # no `@`: it would start threads

    @cached_property
    def standard_error(self) -> float:
        groups = self.n_clusters
        if groups < 2:
            return 0.0
        if self.units is None:
            squares = max(self.sum_of_squares - self.total * self.mean, 0.0)
        else:
            residuals = self.units.sums - self.units.sizes * self.mean
            squares = float((residuals * residuals).sum())
        return sqrt(groups / (groups - 1) * squares) / self.n

    @property
    def changed_units(self) -> int:
        return self.worse + self.better if self.units is None else int(np.count_nonzero(self.units.sums))

    @property
    def flips(self) -> tuple[Floats, Codes]:
        if self.units is None:
            return self.kept, self.streams
        changed = np.flatnonzero(self.units.sums)
        return self.units.sums[changed], self.units.ids[changed]
