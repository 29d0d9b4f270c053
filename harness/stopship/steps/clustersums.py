"""Sums per cluster and scope that batches can add up, for the cluster-robust variance.

A cluster may straddle batches: its sums are added by its id. Decides nothing.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stopship.steps.stats.arrays import Codes, Floats
from stopship.steps.stats.summed import Units

_DENSE = 8  # cells a row up to which (cohort, cluster) pairs are counted in a table rather than sorted


@dataclass(frozen=True, slots=True, kw_only=True)
class Cells:
    """Which (cohort, cluster) pair each row of a batch belongs to, in one dimension."""

    of_row: Codes  # shape (rows,), in the order of `ClusterOrder.order`
    scope: Codes  # shape (cells,), ascending; within one scope clusters ascend
    cluster: Codes  # shape (cells,)
    size: Codes  # shape (cells,)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterOrder:
    """The rows of a batch in order of cluster, and their cells in every dimension."""

    order: Codes | None  # None: they stand so already
    dimensions: tuple[Cells, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterSums:
    """One metric summed per scope and cluster, ascending by scope, then cluster; shape (cells,)."""

    scope: Codes
    cluster: Codes
    size: Codes
    total: Floats
    gain: Floats  # of the differences above zero

    def units(self, scope: int) -> Units:
        """The clusters of one scope."""
        first, last = np.searchsorted(self.scope, [scope, scope + 1])
        part = slice(int(first), int(last))
        size = self.size[part].astype(np.float64)
        return Units(self.cluster[part], size, self.total[part], self.gain[part])


def cluster_order(cluster: Codes, codes: "list[Codes]", widths: "list[int]") -> ClusterOrder:
    """Put rows in order of cluster. `codes`: of every dimension, shape (rows,); `widths`: how many codes."""
    order = None if bool(np.all(cluster[1:] >= cluster[:-1])) else np.argsort(cluster, kind="stable")
    ordered = cluster if order is None else cluster[order]
    is_first = np.ones(len(ordered), dtype=np.bool_)
    np.not_equal(ordered[1:], ordered[:-1], out=is_first[1:])
    names, rank = ordered[is_first], np.cumsum(is_first) - 1
    dimensions, offset = [], 0
    for code, width in zip(codes, widths, strict=True):
        own = code if order is None else code[order]
        dimensions.append(_cells(own * len(names) + rank, len(names), width, names, offset))
        offset += width
    return ClusterOrder(order=order, dimensions=tuple(dimensions))


def _cells(pair: Codes, groups: int, width: int, names: Codes, offset: int) -> Cells:
    if groups * width <= _DENSE * len(pair):
        counts = np.bincount(pair, minlength=groups * width)
        held = np.flatnonzero(counts)
        place = np.cumsum(counts > 0) - 1
        of_row, size = place[pair], counts[held]
    else:
        held, of_row, size = np.unique(pair, return_inverse=True, return_counts=True)
    return Cells(of_row=of_row, scope=held // groups + offset, cluster=names[held % groups], size=size)


def cluster_sums(order: ClusterOrder, differences: Floats, valid: "NDArray[np.bool_] | None") -> ClusterSums:
    """One metric of a batch; `differences` is 0 where `valid` is not, both in the batch's own order."""
    ordered = differences if order.order is None else differences[order.order]
    gains = np.maximum(ordered, 0.0)
    chosen = valid if valid is None or order.order is None else valid[order.order]
    parts = []
    for cells in order.dimensions:
        count = len(cells.scope)
        total, gain = (
            np.asarray(np.bincount(cells.of_row, weights=one, minlength=count), dtype=np.float64)
            for one in (ordered, gains)
        )
        size = cells.size if chosen is None else np.bincount(cells.of_row[chosen], minlength=count)
        parts.append((cells.scope, cells.cluster, size, total, gain))
    scopes, clusters, sizes, totals, all_gains = zip(*parts, strict=True)
    size = np.concatenate(sizes)
    found = ClusterSums(
        scope=np.concatenate(scopes),
        cluster=np.concatenate(clusters),
        size=size,
        total=np.concatenate(totals),
        gain=np.concatenate(all_gains),
    )
    return found if chosen is None else _chosen(found, size > 0)


def merged_clusters(one: ClusterSums, other: ClusterSums) -> ClusterSums:
    """The sums over both batches."""
    scope = np.concatenate([one.scope, other.scope])
    cluster = np.concatenate([one.cluster, other.cluster])
    order = np.lexsort((cluster, scope))
    scope, cluster = scope[order], cluster[order]
    is_first = np.ones(len(scope), dtype=np.bool_)
    is_first[1:] = (scope[1:] != scope[:-1]) | (cluster[1:] != cluster[:-1])
    starts = np.flatnonzero(is_first)

    def added(mine: "NDArray[np.generic]", theirs: "NDArray[np.generic]") -> "NDArray[np.generic]":
        return np.asarray(np.add.reduceat(np.concatenate([mine, theirs])[order], starts))

    if not len(starts):
        return one
    return ClusterSums(
        scope=scope[starts],
        cluster=cluster[starts],
        size=added(one.size, other.size).astype(np.int64),
        total=added(one.total, other.total).astype(np.float64),
        gain=added(one.gain, other.gain).astype(np.float64),
    )


def _chosen(sums: ClusterSums, chosen: "NDArray[np.bool_]") -> ClusterSums:
    return ClusterSums(
        scope=sums.scope[chosen],
        cluster=sums.cluster[chosen],
        size=sums.size[chosen],
        total=sums.total[chosen],
        gain=sums.gain[chosen],
    )
