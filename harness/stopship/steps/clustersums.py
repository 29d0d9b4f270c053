"""Sums per cluster and scope that batches can add up, for the cluster-robust variance.

A cluster may straddle batches: its sums are added by its id. Decides nothing.
"""

from dataclasses import dataclass
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from stopship.steps.stats.arrays import Codes, Floats
from stopship.steps.stats.summed import Units

_SPARSE = 4  # differences are zero in all but one of so many rows: then only the others are looked at
_DENSE = 8  # cells a row up to which (cohort, cluster) pairs are counted in a table rather than sorted


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterOrder:
    """The rows of a batch in order of cluster, and the (scope, cluster) cells that they belong to.

    Cells ascend by scope and within it by cluster; `scope`, `cluster` and `size` have shape (cells,).
    """

    order: Codes | None  # None: the rows stand so already
    of_row: tuple[Codes, ...]  # the cell of each row among those of a dimension, of each dimension
    scope: Codes
    cluster: Codes
    size: Codes
    starts: tuple[int, ...]  # the first cell of each dimension, and the number of all


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
    found, offset = [], 0
    for code, width in zip(codes, widths, strict=True):
        own = code if order is None else code[order]
        held, of_row, size = _cells(own * len(names) + rank, len(names) * width)
        found.append((of_row, held // len(names) + offset, names[held % len(names)], size))
        offset += width
    of_rows, scopes, clusters, sizes = zip(*found, strict=True)
    return ClusterOrder(
        order=order,
        of_row=of_rows,
        scope=np.concatenate(scopes),
        cluster=np.concatenate(clusters),
        size=np.concatenate(sizes),
        starts=tuple(accumulate(map(len, sizes), initial=0)),
    )


def _cells(pair: Codes, most: int) -> tuple[Codes, Codes, Codes]:
    """The pairs that some row has, the place of each row's among them, and how many rows have it."""
    if most > _DENSE * len(pair):
        held, of_row, size = np.unique(pair, return_inverse=True, return_counts=True)
        return held, of_row, size
    counts = np.bincount(pair, minlength=most)
    held = np.flatnonzero(counts)
    place = np.empty(most, dtype=np.int64)
    place[held] = np.arange(len(held))
    return held, place[pair], counts[held]


def cluster_sums(order: ClusterOrder, differences: Floats, valid: "NDArray[np.bool_] | None") -> ClusterSums:
    """One metric of a batch; `differences` is 0 where `valid` is not, both in the batch's own order."""
    ordered = differences if order.order is None else differences[order.order]
    chosen = valid if valid is None or order.order is None else valid[order.order]
    is_sparse = np.count_nonzero(ordered) <= len(ordered) // _SPARSE
    changed: Codes | slice = np.flatnonzero(ordered) if is_sparse else slice(None)
    weights = ordered[changed]
    gains = np.maximum(weights, 0.0)
    total, gain = np.empty(len(order.scope)), np.empty(len(order.scope))
    size = order.size if chosen is None else np.empty_like(order.size)
    for cells, first, last in zip(order.of_row, order.starts, order.starts[1:], strict=False):
        held, count = cells[changed], last - first
        total[first:last] = np.bincount(held, weights=weights, minlength=count)
        gain[first:last] = np.bincount(held, weights=gains, minlength=count)
        if chosen is not None:
            size[first:last] = np.bincount(cells[chosen], minlength=count)
    found = ClusterSums(scope=order.scope, cluster=order.cluster, size=size, total=total, gain=gain)
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
