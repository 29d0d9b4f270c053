"""Pair two tables of columns by key, and say why they may not be compared.

Decides which rows match and what their cohorts and clusters are, by sorting arrays: no row becomes an object.
Tests nothing.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stopship.errors import EvidenceError, UsageError, nearest
from stopship.model.canonical import digest
from stopship.model.columns import NO_VALUE, Columns
from stopship.model.rule import Rule
from stopship.model.verdict import ArmPin
from stopship.steps.pair import some
from stopship.steps.stats.arrays import Codes
from stopship.steps.sums import Batch, CodeBook, MetricSums, Values, metric_sums

Column = NDArray[Any]
Table = Mapping[str, Column]
"""Columns by name, each a numpy array of shape (rows,); a masked array where cells are missing."""

MOST_COHORTS = 5_000  # values of one cohort column
_FEW_VALUES = 1 << 16  # whole numbers that lie this near each other are counted rather than sorted
_BATCH = 1 << 20  # rows added up at once
_DO_KEY = "every case needs a key of its own, text or a whole number, that both tables share"


@dataclass(frozen=True, slots=True)
class _Side:
    """One table in order of key."""

    name: str
    table: Table
    keys: Column  # ascending
    rows: Codes | None  # where they stand in the table; None: in this order

    def taken(self, column: str, chosen: Codes | None = None) -> Column:
        """A column in order of key, of all rows or of chosen ones."""
        found = _column(self.table, column, self.name)
        if len(found) != len(self.keys):
            raise EvidenceError(
                f"the column {column!r} has {len(found)} rows and the key {len(self.keys)}",
                where=self.name,
                do="columns of one table have one entry a case",
            )
        rows = self.rows if chosen is None else chosen if self.rows is None else self.rows[chosen]
        return found if rows is None else found[rows]


@dataclass(frozen=True, kw_only=True)
class PairedColumns:
    """Two tables, case by case in order of key. No number may be read where there are faults."""

    baseline: _Side
    candidate: _Side
    old: Codes | None  # the paired rows of each side; None: all of them
    new: Codes | None
    paired: int
    new_keys: tuple[str, ...]
    book: CodeBook
    cohorts: NDArray[np.int64] | None  # codes, shape (paired, dimensions)
    clusters: Codes | None
    faults: tuple[str, ...]

    @cached_property
    def batches(self) -> list[tuple[slice, Batch]]:
        """At most a million cases each, which all metrics share."""
        return list(self._batches())

    def _batches(self) -> Iterator[tuple[slice, Batch]]:
        for first in range(0, self.paired, _BATCH):
            part = slice(first, min(first + _BATCH, self.paired))
            yield (
                part,
                Batch(
                    book=self.book,
                    ids=np.arange(part.start, part.stop),
                    cohorts=None if self.cohorts is None else self.cohorts[part],
                    clusters=None if self.clusters is None else self.clusters[part],
                ),
            )

    def sums_of(self, rule: Rule) -> MetricSums:
        """The sums of the column that a rule reads; raises what `metric_sums` raises."""
        name = column_of(rule)
        before, after = self.baseline.taken(name, self.old), self.candidate.taken(name, self.new)
        found = None
        for part, batch in self.batches:
            sums = metric_sums(
                batch,
                _values(before[part]),
                _values(after[part]),
                scale=rule.scorer.scale,
                better=rule.better,
                name=f"the column {name!r}",
            )
            found = sums if found is None else found.merge(sums)
        if found is None:
            raise EvidenceError("there is not a single pair", do="both tables need the same cases")
        return found

    def pin(self, side: _Side, names: Sequence[str]) -> ArmPin:
        """The digest of the columns that were read, whatever the order of rows."""
        told = {name: _digest(side.keys if name == "" else side.taken(name)) for name in ("", *names)}
        return ArmPin(digest=digest(told), rows=len(side.keys))

    def counts(self) -> dict[str, int]:
        """How many cases there are, under the names that records have for them."""
        return {
            "baseline": len(self.baseline.keys),
            "candidate": len(self.candidate.keys),
            "paired": self.paired,
            "missing": len(self.baseline.keys) - self.paired,
            "new": len(self.new_keys),
        }


def column_of(rule: Rule) -> str:
    """The one column that a rule's scorer reads; UsageError for any other scorer."""
    needs = sorted(rule.scorer.needs)
    if rule.scorer.is_users or len(needs) != 1 or not needs[0].startswith("column:"):
        raise UsageError(
            f"{rule.id}: only scores that stand in a column can be judged from columns",
            do="write column(NAME) or column(NAME, bounds=LO..HI), or use `stopship compare`",
        )
    return needs[0].removeprefix("column:")


def pair_columns(before: Table, after: Table, columns: Columns) -> PairedColumns:
    """Match the rows of two tables by key; the order of rows plays no part.

    Raises EvidenceError for keys that are missing, blank or repeated and for columns of other lengths or
    types; UsageError for columns that are not there. What makes the pair void is told in `faults`.
    """
    old_side, new_side = _side(before, columns.key, "baseline"), _side(after, columns.key, "candidate")
    if old_side.keys.dtype.kind != new_side.keys.dtype.kind:
        types = f"{old_side.keys.dtype} and {new_side.keys.dtype}"
        raise EvidenceError(f"keys of the types {types} cannot be told to be equal", do=_DO_KEY)
    is_old, is_new = _in(old_side.keys, new_side.keys), _in(new_side.keys, old_side.keys)
    old = None if is_old.all() else np.flatnonzero(is_old)
    new = None if is_new.all() else np.flatnonzero(is_new)
    faults = []
    if old is not None:
        lost = [str(one) for one in old_side.keys[~is_old][:4]]
        count = len(is_old) - len(old)
        faults.append(f"the candidate has no record of {_many(count, lost)} of the baseline")
    keys = old_side.keys if old is None else old_side.keys[old]
    book, codes, differing = _cohorts(columns, old_side, new_side, old, new)
    clusters, split = _clusters(columns, old_side, new_side, old, new)
    for noun, flags in [*differing, *split]:
        if flags.any():
            named = [str(one) for one in keys[flags][:4]]
            faults.append(f"{noun} of {_many(int(flags.sum()), named)} differs between the tables")
    return PairedColumns(
        baseline=old_side,
        candidate=new_side,
        old=old,
        new=new,
        paired=len(keys),
        new_keys=tuple(str(one) for one in new_side.keys[~is_new]),
        book=book,
        cohorts=codes,
        clusters=clusters,
        faults=tuple(faults),
    )


def _many(count: int, first: Sequence[str]) -> str:
    """`5 cases ('a', 'b', 'c', …)`, of which only the first are at hand."""
    return some(first, "case").replace(f"{len(first)} case", f"{count} case", 1)


def _column(table: Table, name: str, where: str) -> Column:
    if name not in table:
        raise UsageError(f"there is no column {name!r}", where=where, do=nearest(name, list(table)))
    found = table[name]
    if not isinstance(found, np.ndarray) or found.ndim != 1:
        shape = f"an array of shape {found.shape}" if isinstance(found, np.ndarray) else type(found).__name__
        raise EvidenceError(
            f"the column {name!r} is {shape}", where=where, do="give numpy arrays of shape (rows,)"
        )
    return found


def _side(table: Table, key: str, name: str) -> _Side:
    keys = _column(table, key, name)
    if not len(keys):
        raise EvidenceError("there is not a single case", where=name)
    if keys.dtype.kind not in "iuU":
        raise EvidenceError(f"the key {key!r} has the type {keys.dtype}", where=name, do=_DO_KEY)
    plain = np.asarray(keys)
    if np.ma.getmaskarray(keys).any() or (plain.dtype.kind == "U" and _has_blank(plain)):
        raise EvidenceError(f"a key in the column {key!r} is missing or blank", where=name, do=_DO_KEY)
    if plain.dtype.kind == "u" and int(plain.max()) < 1 << 63:
        plain = plain.astype(np.int64)
    rows = None
    if not bool((plain[1:] > plain[:-1]).all()):
        rows = np.argsort(plain, kind="stable")
        plain = plain[rows]
    twice = np.flatnonzero(plain[1:] == plain[:-1])
    if len(twice):
        raise EvidenceError(f"the key {str(plain[twice[0]])!r} stands twice", where=name, do=_DO_KEY)
    return _Side(name, table, plain, rows)


def _has_blank(texts: Column) -> bool:
    return bool((np.char.isspace(texts) | (texts == "")).any())


def _in(keys: Column, others: Column) -> "NDArray[np.bool_]":
    """Which keys stand among others; both ascend."""
    if len(keys) == len(others) and bool((keys == others).all()):
        return np.ones(len(keys), dtype=np.bool_)
    place = np.minimum(np.searchsorted(others, keys), len(others) - 1)
    return np.asarray(others[place] == keys, dtype=np.bool_)


_Differing = list[tuple[str, "NDArray[np.bool_]"]]


def _cohorts(
    columns: Columns, baseline: _Side, candidate: _Side, old: Codes | None, new: Codes | None
) -> tuple[CodeBook, "NDArray[np.int64] | None", _Differing]:
    dimensions, codes, differing = [], [], []
    for name in columns.cohorts:
        mine, theirs = _labels(baseline, name, old), _labels(candidate, name, new)
        if mine.dtype.kind != theirs.dtype.kind:
            mine, theirs = mine.astype(np.str_), theirs.astype(np.str_)
        values, code = _coded(mine)
        if len(values) > MOST_COHORTS:
            raise UsageError(
                f"the cohort column {name!r} has {len(values)} values, at most {MOST_COHORTS} make sense",
                do="a cohort is a small set of groups, such as a language or a customer tier",
            )
        differing.append((f"the cohort {name!r}", np.asarray(mine != theirs, dtype=np.bool_)))
        texts = [NO_VALUE if not str(one).strip() else str(one) for one in values.tolist()]
        names = sorted(set(texts))
        place = np.array([names.index(one) for one in texts], dtype=np.int64)
        dimensions.append((name, tuple(names)))
        codes.append(place[code])
    book = CodeBook(tuple(dimensions))
    return book, np.stack(codes).T if codes else None, differing


def _coded(column: Column) -> tuple[Column, Codes]:
    """The distinct values, ascending, and the place of each row's among them."""
    if column.dtype.kind in "iu":
        low, high = int(column.min()), int(column.max())
        if high - low < _FEW_VALUES and high < 1 << 63:
            shifted = column.astype(np.int64) - low
            held = np.flatnonzero(np.bincount(shifted))
            place = np.zeros(high - low + 1, dtype=np.int64)
            place[held] = np.arange(len(held))
            return held + low, place[shifted]
    return np.unique(column, return_inverse=True)


def _labels(side: _Side, name: str, rows: Codes | None) -> Column:
    """A cohort column in order of key, with blanks where a cell is missing; numbers stay numbers."""
    found = side.taken(name, rows)
    if found.dtype.kind not in "iubU":
        raise EvidenceError(
            f"the cohort column {name!r} has the type {found.dtype}",
            where=side.name,
            do="a cohort is text, a whole number or a boolean",
        )
    hidden, plain = np.ma.getmask(found), np.asarray(found)
    if plain.dtype.kind == "b":
        plain = np.where(plain, "true", "false")
    return plain if hidden is np.ma.nomask else np.where(hidden, "", plain.astype(np.str_))


def _clusters(
    columns: Columns, baseline: _Side, candidate: _Side, old: Codes | None, new: Codes | None
) -> tuple[Codes | None, _Differing]:
    name = columns.cluster
    if name is None:
        return None, []
    mine, theirs = baseline.taken(name, old), candidate.taken(name, new)
    for found, side in ((mine, baseline), (theirs, candidate)):
        is_text = found.dtype.kind == "U"
        if (
            found.dtype.kind not in "iuU"
            or np.ma.getmaskarray(found).any()
            or (is_text and _has_blank(np.asarray(found)))
        ):
            raise EvidenceError(
                f"the cluster column {name!r} has missing cells or the type {found.dtype}",
                where=side.name,
                do="every case needs a cluster, text or a whole number; one of its own where it is alone",
            )
    mine, theirs = np.asarray(mine), np.asarray(theirs)
    if mine.dtype.kind != theirs.dtype.kind:
        mine, theirs = mine.astype(np.str_), theirs.astype(np.str_)
    codes = np.unique(mine, return_inverse=True)[1] if mine.dtype.kind in "uU" else mine
    flags = np.asarray(mine != theirs, dtype=np.bool_)
    return codes.astype(np.int64), [(f"the cluster (column {name!r})", flags)]


def _values(column: Column) -> Values:
    hidden = np.ma.getmask(column)
    return Values(np.asarray(column), None if hidden is np.ma.nomask else ~np.asarray(hidden, dtype=np.bool_))


def _digest(column: Column) -> list[str]:
    """Type and content of a column in order of key; what stands under a mask counts for nothing."""
    plain, hidden = np.asarray(column), np.ma.getmask(column)
    hashed = sha256()
    if hidden is not np.ma.nomask:
        plain = np.where(hidden, np.zeros(1, dtype=plain.dtype), plain)
        hashed.update(np.packbits(hidden).tobytes())
    hashed.update(np.ascontiguousarray(plain).view(np.uint8).data)
    return [str(plain.dtype), hashed.hexdigest()]


def mode_faults(columns: Columns, book: CodeBook) -> tuple[str, ...]:
    """Why what is written of a cohort cannot hold: no case is in it."""
    held = set(book.scopes[1:])
    return tuple(
        f"a mode is written for the cohort {scope!r}, and no pair is in it"
        for scope, _ in columns.modes
        if scope not in held
    )
