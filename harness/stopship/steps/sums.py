"""Sufficient statistics of one metric over many paired cases, scope by scope, that add up over batches.

Decides which pairs count. Never holds a row, and never guesses: a value that is not there is masked by the
caller, and a number that is none, or lies outside the metric's range, is an error.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import fsum

import numpy as np
from numpy.typing import NDArray

from stopship.errors import EvidenceError, UsageError
from stopship.model.score import Direction, Kind, Scale
from stopship.steps.clustersums import ClusterOrder, ClusterSums, cluster_order, cluster_sums, merged_clusters
from stopship.steps.extremes import Kept, kept_of, largest_of, merged_kept, merged_largest
from stopship.steps.stats.arrays import Codes, Floats

Flags = NDArray[np.bool_]
Numbers = NDArray[np.floating] | NDArray[np.integer] | Flags

_BLOCK = 4_096  # rows added up in plain floats; whole blocks are added exactly
_MOST_CELLS = 1 << 18  # block x cohort value
_KINDS = 8  # states of a row, padded to a power of two
_WORSE, _SAME, _BETTER, _BOTH, _UNSCORED, _ONE_ARMED = range(6)  # _BOTH: 1 before and after
_MOST_ROWS = 1 << 24  # of a batch


@dataclass(frozen=True, slots=True)
class CodeBook:
    """The cohort values that the codes of all batches stand for: (column, values) of every dimension."""

    dimensions: tuple[tuple[str, tuple[str, ...]], ...] = ()

    @property
    def widths(self) -> list[int]:
        """How many scopes there are in `all` and in each dimension."""
        return [1, *(len(values) for _, values in self.dimensions)]

    @property
    def scopes(self) -> tuple[str, ...]:
        """`all`, and then `column=value`, in the order in which every array of sums has them."""
        return ("all", *(f"{name}={value}" for name, values in self.dimensions for value in values))


@dataclass(frozen=True, kw_only=True)
class Batch:
    """What all metrics of some paired cases share.

    `ids` names each case (a whole number of up to 64 bits, once over all batches), shape (rows,). `cohorts`
    holds the code of each case in each dimension of the book, shape (rows, dimensions). `clusters`: ids that
    mean the same in every batch, shape (rows,); None: every case is its own.
    """

    book: CodeBook
    ids: NDArray[np.integer]
    cohorts: NDArray[np.integer] | None = None
    clusters: NDArray[np.integer] | None = None

    def __post_init__(self) -> None:
        rows, wanted = len(self.ids), len(self.book.dimensions)
        if not 0 < rows <= _MOST_ROWS:
            raise EvidenceError(
                f"a batch of {rows} rows", do=f"give 1 to {_MOST_ROWS} rows at once, and merge their sums"
            )
        for name, told in (("ids", self.ids), ("clusters", self.clusters), ("cohorts", self.cohorts)):
            if told is not None and told.dtype.kind not in "iu":
                raise EvidenceError(f"{name} of type {told.dtype}", do="give whole numbers")
        shape = (rows, wanted)
        if (self.cohorts is None) is not (wanted == 0) or (
            self.cohorts is not None and self.cohorts.shape != shape
        ):
            found = "none" if self.cohorts is None else str(self.cohorts.shape)
            raise EvidenceError(f"cohort codes of shape {found}, expected {shape}", do=_SHAPES)
        if self.clusters is not None and self.clusters.shape != (rows,):
            raise EvidenceError(f"cluster ids of shape {self.clusters.shape}, expected {(rows,)}", do=_SHAPES)
        for column, (name, values) in enumerate(self.book.dimensions):
            assert self.cohorts is not None  # noqa: S101  # checked above
            codes = self.cohorts[:, column]
            if int(codes.min()) < 0 or int(codes.max()) >= len(values):
                raise EvidenceError(
                    f"a code of the cohort {name!r} is outside 0..{len(values) - 1}",
                    do="codes are places in the book's list of values",
                )

    @property
    def rows(self) -> int:
        return len(self.ids)

    @cached_property
    def cases(self) -> Codes:
        """The ids, those beyond 2^63 as the negative numbers of the same bits."""
        return self.ids.astype(np.int64)

    @cached_property
    def codes(self) -> list[Codes]:
        """The code of every row in `all` and in each dimension."""
        nothing = np.zeros(self.rows, dtype=np.int64)
        told = () if self.cohorts is None else self.cohorts.T
        return [nothing, *(np.ascontiguousarray(one, dtype=np.int64) for one in told)]

    @cached_property
    def cells(self) -> list[Codes]:
        """Eight times (block x codes + code) of every row, in every dimension."""
        found = []
        for code, width in zip(self.codes, self.book.widths, strict=True):
            length = max(_BLOCK, -(-self.rows * width // _MOST_CELLS))
            first = np.arange(-(-self.rows // length)) * (width * _KINDS)  # of each block
            cells = code * _KINDS
            cells += np.repeat(first, length)[: self.rows]
            found.append(cells)
        return found

    @cached_property
    def order(self) -> ClusterOrder | None:
        if self.clusters is None:
            return None
        return cluster_order(self.clusters.astype(np.int64), self.codes, self.book.widths)


_SHAPES = "every array has one entry a case, in the same order of cases"


@dataclass(frozen=True, slots=True)
class Values:
    """One arm of one metric in a batch: numbers, and where there is one. Shape (rows,)."""

    numbers: Numbers
    valid: Flags | None = None  # None: everywhere


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricSums:
    """One metric over pairs, oriented (negative is worse), in the unit of its span; shape (scopes,).

    Sums are pairs of floats of which the second is what the first rounds away; shape (scopes, 2).
    """

    book: CodeBook
    is_binary: bool
    rows: Codes  # of the scope, with a value or without
    n: Codes  # pairs with a value in both arms
    worse: Codes
    better: Codes
    unscored: Codes  # without a value in either arm
    one_armed: Codes  # with a value in one arm alone
    difference: Floats
    square: Floats  # of differences
    before: Floats  # in the score's own unit
    losses: Floats  # the 19 largest, the worst first; 0 where there are fewer; shape (scopes, 19)
    gains: Floats
    kept: Kept  # every difference other than zero of scopes with at most 2 000 of them
    clusters: ClusterSums | None

    def merge(self, other: "MetricSums") -> "MetricSums":
        """The sums over both; which is first, and how many were put together before, plays no part.

        Counts are exact; sums agree to 1e-12 of the sum of magnitudes. Raises UsageError where the two were
        not made with the same code book, kind of metric and use of clusters.
        """
        mine = (self.book, self.is_binary, self.clusters is None)
        if mine != (other.book, other.is_binary, other.clusters is None):
            raise UsageError(
                "these sums are not of one metric with one code book",
                do="make all batches with the same cohort values, and all or none with clusters",
            )
        return MetricSums(
            book=self.book,
            is_binary=self.is_binary,
            rows=self.rows + other.rows,
            n=self.n + other.n,
            worse=self.worse + other.worse,
            better=self.better + other.better,
            unscored=self.unscored + other.unscored,
            one_armed=self.one_armed + other.one_armed,
            difference=_added(self.difference, other.difference),
            square=_added(self.square, other.square),
            before=_added(self.before, other.before),
            losses=-merged_largest(-self.losses, -other.losses),
            gains=merged_largest(self.gains, other.gains),
            kept=merged_kept(self.kept, other.kept, self.worse + self.better + other.worse + other.better),
            clusters=(
                None
                if self.clusters is None or other.clusters is None
                else merged_clusters(self.clusters, other.clusters)
            ),
        )


def metric_sums(
    batch: Batch, before: Values, after: Values, *, scale: Scale, better: Direction, name: str = "the metric"
) -> MetricSums:
    """The sums of one metric over a batch.

    Raises EvidenceError for arrays of another length, for NaN, an infinite number or one outside the scale
    where there should be a value; UsageError for a metric without bounds.
    """
    if not scale.is_bounded:
        raise UsageError(f"{name} has no bounds, and its sums depend on where it is cut", do="declare bounds")
    olds, old_valid = _checked(before, batch.rows, scale, f"{name} before")
    news, new_valid = _checked(after, batch.rows, scale, f"{name} after")
    state, valid = _states(old_valid, new_valid, batch.rows)
    sign = 1.0 if better is Direction.HIGHER else -1.0
    differences = np.subtract(news, olds, out=news)
    differences *= sign
    differences /= scale.span
    if valid is not None:
        differences[~valid] = 0.0
    is_binary = scale.kind is Kind.BINARY
    kind = np.sign(differences).astype(np.int64)
    kind += _SAME
    if state is not None:
        kind[state > 0] = state[state > 0]
    counts, sums = (
        _binary_counts_and_sums(batch, kind, olds, sign)
        if is_binary
        else _counts_and_sums(batch, kind, (differences, differences * differences, olds))
    )
    changed = counts[_WORSE] + counts[_BETTER]
    losses, gains = largest_of(differences, batch.codes, batch.book.widths, skip=is_binary)
    clusters = None if batch.order is None else cluster_sums(batch.order, differences, valid)
    return MetricSums(
        book=batch.book,
        is_binary=is_binary,
        rows=counts.sum(axis=0),
        n=changed + counts[_SAME],
        worse=counts[_WORSE],
        better=counts[_BETTER],
        unscored=counts[_UNSCORED],
        one_armed=counts[_ONE_ARMED],
        difference=sums[0],
        square=sums[1],
        before=sums[2],
        losses=losses,
        gains=gains,
        kept=kept_of(differences, batch.cases, batch.codes, batch.book.widths, changed, skip=is_binary),
        clusters=clusters,
    )


def _checked(values: Values, rows: int, scale: Scale, name: str) -> tuple[Floats, Flags | None]:
    """The numbers as floats, once every valid one is known to be one of the scale."""
    numbers, valid = values.numbers, values.valid
    for what, shape in (("values", numbers.shape), ("mask", (rows,) if valid is None else valid.shape)):
        if shape != (rows,):
            raise EvidenceError(f"{name}: {what} of shape {shape}, expected {(rows,)}", do=_SHAPES)
    if numbers.dtype.kind not in "fiub" or (valid is not None and valid.dtype.kind != "b"):
        raise EvidenceError(
            f"{name}: values of type {numbers.dtype}", do="give numbers, and a mask of booleans"
        )
    found = numbers.astype(np.float64)
    if valid is not None and bool(valid.all()):
        valid = None
    told = found if valid is None else found[valid]
    if not len(told):
        return np.zeros(rows), valid
    low, high = float(told.min()), float(told.max())
    if not (scale.low <= low and high <= scale.high):
        wrong = "NaN or an infinite number" if not np.isfinite(told).all() else f"{low:g} to {high:g}"
        raise EvidenceError(
            f"{name} holds {wrong}, outside {scale}",
            do="mask values that are not there; declare the bounds that the scores really have",
        )
    if scale.kind is Kind.BINARY and np.count_nonzero(told) != np.count_nonzero(told == 1):
        raise EvidenceError(
            f"{name} holds numbers that are neither 0 nor 1", do="declare its range: bounds=LO..HI"
        )
    if valid is not None:
        found[~valid] = scale.low  # NaN under a mask must not spread
    return found, valid


def _states(old: Flags | None, new: Flags | None, rows: int) -> tuple[Codes | None, Flags | None]:
    """0 or why a pair does not count, and which pairs do; None: all of them."""
    if old is None and new is None:
        return None, None
    old = np.ones(rows, dtype=np.bool_) if old is None else old
    new = np.ones(rows, dtype=np.bool_) if new is None else new
    state = np.where(old ^ new, _ONE_ARMED, np.where(old, 0, _UNSCORED)).astype(np.int64)
    return state, old & new


def _dimensions(batch: Batch) -> list[tuple[Codes, int, int]]:
    """Cells, number of values and number of cells of each dimension; of `all` where there is no other.

    A dimension holds every row once, so that what it adds up to over all its values is the scope `all`.
    """
    told = list(zip(batch.cells, batch.book.widths, strict=True))
    return [
        (cells, width, (int(cells[-1]) // _KINDS // width + 1) * width * _KINDS)
        for cells, width in told[1:] or told
    ]


def _counts(batch: Batch, kind: Codes) -> Codes:
    """How many rows of each kind every scope holds, shape (kinds, scopes)."""
    counts = [
        np.bincount(cells + kind, minlength=length).reshape(-1, width, _KINDS).sum(axis=0).T
        for cells, width, length in _dimensions(batch)
    ]
    if batch.book.dimensions:
        counts.insert(0, counts[0].sum(axis=1, keepdims=True))
    return np.concatenate(counts, axis=1)


def _counts_and_sums(batch: Batch, kind: Codes, weights: Sequence[Floats]) -> tuple[Codes, Floats]:
    """`_counts`, and the sum of each weight, shape (weights, scopes, 2)."""
    counts: list[Codes] = []
    sums: list[Floats] = []
    for cells, width, length in _dimensions(batch):
        index = cells + kind
        counts.append(np.bincount(index, minlength=length).reshape(-1, width, _KINDS).sum(axis=0).T)
        blocks = [
            np.asarray(np.bincount(index, weights=one, minlength=length), dtype=np.float64).reshape(
                -1, width, _KINDS
            )[:, :, : _BETTER + 1]
            for one in weights
        ]
        if not sums and batch.book.dimensions:
            counts.insert(0, counts[0].sum(axis=1, keepdims=True))
            sums.append(np.array([[_exact(one)] for one in blocks]))
        sums.append(np.array([[_exact(one[:, i]) for i in range(width)] for one in blocks]))
    return np.concatenate(counts, axis=1), np.concatenate(sums, axis=1)


def _binary_counts_and_sums(batch: Batch, kind: Codes, before: Floats, sign: float) -> tuple[Codes, Floats]:
    """The same for 0 and 1, where every sum follows from counts."""
    kind[(kind == _SAME) & (before > 0)] = _BOTH
    counts = _counts(batch, kind)
    both = counts[_BOTH].copy()
    counts[_SAME] += both
    counts[_BOTH] = 0
    worse, better = counts[_WORSE], counts[_BETTER]
    told = np.stack([better - worse, worse + better, both + (worse if sign > 0 else better)])
    return counts, np.stack([told, np.zeros_like(told)], axis=-1).astype(np.float64)


def _exact(parts: Floats) -> tuple[float, float]:
    """The exact sum of some floats, as a float and what that rounds away."""
    listed = parts.ravel().tolist()
    total = fsum(listed)
    return total, fsum([*listed, -total])


def _added(one: Floats, other: Floats) -> Floats:
    """The sums of pairs of floats, to twice the precision of a float (Knuth's two-sum)."""
    a, b = one[..., 0], other[..., 0]
    high = a + b
    part = high - a
    low = (a - (high - part)) + (b - part) + (one[..., 1] + other[..., 1])
    total = high + low
    return np.stack([total, low - (total - high)], axis=-1)
