"""The few single differences that sums keep: the 19 largest of each sign, and all where there are few.

Whole batches in, what is kept of them out; what is kept of two batches is what would be kept of both at once.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from stopship.steps.stats.arrays import Codes, Floats
from stopship.steps.stats.bounds import LARGEST
from stopship.steps.stats.summed import MOST_KEPT

_FIRST_LOOK = 4_096  # largest differences of a batch, in which those of most cohorts are found


@dataclass(frozen=True, slots=True)
class Kept:
    """Differences other than zero, ascending by scope and within it by case; arrays of shape (kept,)."""

    scope: Codes
    case: Codes
    value: Floats

    def of(self, scope: int) -> tuple[Floats, Codes]:
        """The differences of one scope, and the cases they belong to."""
        first, last = np.searchsorted(self.scope, [scope, scope + 1])
        return self.value[first:last], self.case[first:last]


def largest_of(
    differences: Floats, codes: Sequence[Codes], widths: Sequence[int], *, skip: bool
) -> tuple[Floats, Floats]:
    """The 19 largest losses and gains of every scope, each of shape (scopes, 19)."""
    shape = (sum(widths), LARGEST)
    if skip:
        return np.zeros(shape), np.zeros(shape)
    found = []
    for values in (-differences, differences):
        rows, is_all = _first_look(values)
        parts = [
            _largest(values, rows, code, width, is_all=is_all)
            for code, width in zip(codes, widths, strict=True)
        ]
        found.append(np.concatenate(parts))
    return -found[0], found[1]


def _first_look(values: Floats) -> tuple[Codes, bool]:
    """Rows with the largest positive values of all, and whether they are all that are positive."""
    count = len(values)
    cut = 0.0
    if count > _FIRST_LOOK:
        cut = float(np.partition(values, count - _FIRST_LOOK)[count - _FIRST_LOOK])
    return (np.flatnonzero(values >= cut), False) if cut > 0 else (np.flatnonzero(values > 0), True)


def _largest(values: Floats, rows: Codes, code: Codes, width: int, *, is_all: bool) -> Floats:
    """The 19 largest positive values of every code, looked for in some rows that hold the largest of all.

    A code with 19 among them has its largest there; rows of the others are all looked at.
    """
    if not is_all:
        sparse = np.bincount(code[rows], minlength=width) < LARGEST
        if sparse.any():
            others = np.flatnonzero(sparse[code])
            rows = np.union1d(rows, others[values[others] > 0])
    return _ranked(values[rows], code[rows], width)


def _ranked(values: Floats, code: Codes, width: int) -> Floats:
    found = np.zeros((width, LARGEST))
    order = np.lexsort((-values, code))
    values, code = values[order], code[order]
    rank = np.arange(len(code)) - np.searchsorted(code, code)
    held = rank < LARGEST
    found[code[held], rank[held]] = values[held]
    return found


def merged_largest(one: Floats, other: Floats) -> Floats:
    """The 19 largest of both, by scope."""
    both = np.sort(np.concatenate([one, other], axis=1), axis=1)
    return np.asarray(both[:, ::-1][:, :LARGEST])


def kept_of(
    differences: Floats,
    ids: Codes,
    codes: Sequence[Codes],
    widths: Sequence[int],
    changed: Codes,
    *,
    skip: bool,
) -> Kept:
    """Every difference other than zero of the scopes with at most 2 000 of them."""
    parts = [] if skip else list(_few(differences, ids, codes, widths, changed))
    if not parts:
        nothing = np.zeros(0, dtype=np.int64)
        return Kept(nothing, nothing, np.zeros(0))
    scope, case, value = (np.concatenate(one) for one in zip(*parts, strict=True))
    return _sorted(scope, case, value)


def _few(
    differences: Floats, ids: Codes, codes: Sequence[Codes], widths: Sequence[int], changed: Codes
) -> Iterator[tuple[Codes, Codes, Floats]]:
    offset = 0
    for code, width in zip(codes, widths, strict=True):
        own = changed[offset : offset + width]
        few = (own > 0) & (own <= MOST_KEPT)
        if few.any():
            rows = np.flatnonzero(few[code] & (differences != 0))
            yield code[rows] + offset, ids[rows], differences[rows]
        offset += width


def merged_kept(one: Kept, other: Kept, changed: Codes) -> Kept:
    """What both keep, of the scopes that have at most 2 000 differences in both; `changed`: in both."""
    scope = np.concatenate([one.scope, other.scope])
    held = changed[scope] <= MOST_KEPT
    case = np.concatenate([one.case, other.case])[held]
    return _sorted(scope[held], case, np.concatenate([one.value, other.value])[held])


def _sorted(scope: Codes, case: Codes, value: Floats) -> Kept:
    order = np.lexsort((value, case, scope))
    return Kept(scope[order], case[order], value[order])
