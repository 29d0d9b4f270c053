"""Cases and their labels, as the files of a suite tell them.

Decides which row is which case, and which columns are labels. Never shows a label to a target.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path

from stopship.errors import EvidenceError, UsageError, nearest
from stopship.model.case import Json
from stopship.model.columns import cell_text
from stopship.model.suite import Suite
from stopship.store import tables
from stopship.store.keyed import Row, Rows
from stopship.store.shown import at, quoted, shown


def cases_of(suite: Suite) -> Rows:
    """Every case by its key, in the order of the files. Raises EvidenceError where a key stands twice."""
    cases = Rows()
    for name in suite.cases:
        for key, row, place in _keyed(suite, suite.folder / name):
            if key in cases:
                raise EvidenceError(
                    f"the key {quoted(key)} stands twice, first at {_place_of(suite, key)}",
                    where=place,
                    do="every case of a suite has a key of its own",
                )
            cases.add(key, row)
    gone = [key for key, _ in suite.removed if key in cases]
    if gone:
        raise UsageError(
            f"[removed] names {quoted(gone[0])}, which is still a case",
            where=shown(suite.path),
            do=f"take it out of [removed], or out of {_place_of(suite, gone[0])}",
        )
    return cases


def _place_of(suite: Suite, wanted: str) -> str:
    """Where a case stands first."""
    return _first(suite, [suite.folder / name for name in suite.cases], wanted)


def _first(suite: Suite, paths: Sequence[Path], wanted: str) -> str:
    """The place of the first row of a key; a pipe cannot be read once more."""
    each = (one for path in paths if path.is_file() for one in _keyed(suite, path))
    return next((place for key, _, place in each if key == wanted), "a place that is not there any more")


def _keyed(suite: Suite, path: Path) -> Iterator[tuple[str, dict[str, Json], str]]:
    column, name = suite.columns.key, shown(path)
    for row in tables.rows(path):
        place = at(name, row.place)
        cell = row.values.get(column)
        key = cell_text(cell) if isinstance(cell, str | int | float) and not isinstance(cell, bool) else ""
        if not key.strip():
            found = "is missing" if column not in row.values else "holds no text"
            raise EvidenceError(
                f"the key column {quoted(column)} {found}",
                where=place,
                do=f"give every row a key, or name its column in [columns]: "
                f"{nearest(column, sorted(row.values))}",
            )
        yield key, row.values, place


def labels_of(suite: Suite, cases: Rows) -> Rows:
    """Labels by key: of the labels file, or the label columns of the cases."""
    labels = Rows()
    if suite.label_columns:
        seen = cases.names
        for name in suite.label_columns:
            if name not in seen:
                raise UsageError(
                    f"labels names the column {quoted(name)}, which no case has",
                    where=shown(suite.path),
                    do=nearest(name, sorted(seen)),
                )
        return Rows.of(
            (key, {name: row[name] for name in suite.label_columns if name in row})
            for key, row in cases.items()
        )
    if not suite.labels:
        return labels
    known = {key for key, _ in suite.removed}
    labelled: set[str] = set()
    path = suite.folder / suite.labels
    for key, row, place in _keyed(suite, path):
        if key in labelled:
            raise EvidenceError(
                f"the key {quoted(key)} is labelled twice, first at {_first(suite, [path], key)}",
                where=place,
                do="keep one line of labels for a case",
            )
        labelled.add(key)
        if key in known:
            continue
        if key not in cases:
            line = shown(f'{json.dumps(key, ensure_ascii=False)} = "…"')
            raise EvidenceError(
                f"labels a case that is not there: {quoted(key)}",
                where=place,
                do=f"of a case that is gone say why, in {shown(suite.path)} under [removed]: {line}; of "
                f"another, mend the key: {nearest(key, sorted(cases))}",
            )
        told = without(row, (suite.columns.key,))
        labels.add(key, told)
        if (told.keys() & cases.names) and (shared := sorted(told.keys() & cases[key].keys())):
            raise EvidenceError(
                f"{quoted(shared[0])} is a label here and a column of the case at {_place_of(suite, key)}",
                where=place,
                do="a label is no part of what was asked: keep it in one of the two files",
            )
    return labels


def labels_at(judge: Suite, cases: Rows, own: Mapping[str, Row]) -> Rows:
    """The labels of another revision for every case that it has; those of new cases are their own."""
    there = cases_of(judge)
    kept = ((key, row) for key, row in own.items() if key not in there)
    found = ((key, row) for key, row in labels_of(judge, there).items() if key in cases)
    return Rows.of(chain(kept, found))


def refuse_unlabelled(suite: Suite, cases: Mapping[str, Row], labels: Mapping[str, Row]) -> None:
    """EvidenceError where a labels file says nothing of a case: a lost row must not pass for an empty one."""
    bare = [key for key in cases if key not in labels] if suite.labels else []
    if bare:
        listed = ", ".join(quoted(key) for key in bare[:3]) + (", …" if len(bare) > 3 else "")
        raise EvidenceError(
            f"{len(bare)} of {len(cases)} cases have no row of labels: {listed}",
            where=shown(suite.folder / suite.labels),
            do="write a row for each; where nothing is expected, with its key alone",
        )


def without(row: Row, names: Sequence[str]) -> dict[str, Json]:
    return {name: value for name, value in row.items() if name not in names} if names else dict(row)
