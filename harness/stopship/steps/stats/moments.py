"""What a bound, a test or a plan has to know of the paired differences of one metric in one scope.

Decides no number itself: `Sample` computes them from the differences, `Summed` from sums that were merged of
batches. Differences are oriented: negative is worse.
"""

from typing import Protocol

from stopship.steps.stats.arrays import Codes, Floats


class Moments(Protocol):
    """Sufficient statistics of n >= 1 differences. A unit is a cluster, or a case where none are declared."""

    @property
    def span(self) -> float:
        """The width of the metric's range, in the unit of the differences."""

    @property
    def is_binary(self) -> bool:
        """Whether every difference is -1, 0 or 1."""

    @property
    def outputs(self) -> tuple[float, float]:
        """How many outputs a case has in the baseline and in the candidate, as harmonic means."""

    @property
    def seed(self) -> bytes:
        """What random signs are drawn from."""

    @property
    def is_clustered(self) -> bool: ...

    @property
    def n(self) -> int: ...

    @property
    def total(self) -> float: ...

    @property
    def sum_of_squares(self) -> float: ...

    @property
    def worse(self) -> int: ...

    @property
    def better(self) -> int: ...

    @property
    def lowest(self) -> float:
        """The lowest difference, or any number from it up to 0."""

    @property
    def extremes(self) -> Floats:
        """Non-zero differences with at least the 19 largest losses and the 19 largest gains among them."""

    @property
    def cluster_sizes(self) -> Floats:
        """How many cases each unit holds, shape (G,)."""

    @property
    def cluster_sums(self) -> Floats:
        """The sum of the differences of each unit, shape (G,)."""

    @property
    def cluster_gains(self) -> Floats:
        """The sum of the positive differences of each unit, shape (G,)."""

    @property
    def n_clusters(self) -> int:
        """How many units there are, G."""

    @property
    def n_effective(self) -> float:
        """The number of independent units: (sum m)^2 / sum m^2 over the sizes m; at most G."""

    @property
    def standard_error(self) -> float:
        """The standard error of the mean: classical, or CR1 over clusters (Liang & Zeger 1986)."""

    @property
    def changed_units(self) -> int:
        """How many units have a sum other than zero."""

    @property
    def flips(self) -> tuple[Floats, Codes]:
        """What sign flips turn: the sums other than zero, and the stream of random signs of each."""

    @property
    def mean(self) -> float: ...
