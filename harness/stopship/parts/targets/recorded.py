"""A target whose outputs were recorded before: a table that is a pin of the stack, looked up by key.

Decides which row answers which case. Never runs anything, and never takes a missing row for an empty answer.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from stopship.errors import EvidenceError, nearest
from stopship.model.case import Json, is_blank
from stopship.model.columns import cell_text
from stopship.model.suite import SuiteColumns

Placed = tuple[str, Mapping[str, Json]]
"""A row and its place: `line 17`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedOutputs:
    """The recorded trace of every case that is to be answered."""

    traces: "Kept"
    ignored: int  # rows for keys that nobody asks for

    def trace(self, key: str) -> Mapping[str, Json]:
        """What was recorded for a case; every case that was asked for has one."""
        return self.traces[key]


class Kept(Protocol):
    """What traces are put into, and taken out of by key."""

    def add(self, key: str, row: Mapping[str, Json], /) -> None: ...
    def __getitem__(self, key: str, /) -> Mapping[str, Json]: ...
    def __contains__(self, key: object, /) -> bool: ...
    def __len__(self) -> int: ...


def recorded_outputs(
    rows: Iterable[Placed], columns: SuiteColumns, keys: Collection[str], where: str, traces: Kept
) -> RecordedOutputs:
    """The recorded traces of `keys`, put into `traces`; `where` names the table in messages.

    A trace is the row without its key, with `output`, `latency_ms` and `cost_usd` under these names.
    Raises EvidenceError for a row without key or output column, a repeated key, and keys without a row.
    """
    wanted = frozenset(keys)
    places: dict[str, str] = {}
    for place, row in rows:
        at = f"{where}:{place}" if place.startswith("line ") else f"{where} {place}"
        key = _key(row, columns, at)
        if key in places:
            raise EvidenceError(
                f"the key {_short(key)} stands twice, first at {places[key]}",
                where=at,
                do="one recorded output a case: remove the repeated row",
            )
        places[key] = place
        if key in wanted:
            traces.add(key, _trace(row, columns))
    missing = [one for one in dict.fromkeys(keys) if one not in traces]
    if missing:
        count = f"{len(missing)} of {len(wanted)} cases have" if len(missing) > 1 else "a case has"
        named = ", ".join(map(_short, missing[:3])) + (", …" if len(missing) > 3 else "")
        raise EvidenceError(
            f"{count} no recorded output: {named}",
            where=where,
            do="record them, or remove the cases with a reason",
        )
    return RecordedOutputs(traces=traces, ignored=len(places) - len(traces))


def _key(row: Mapping[str, Json], columns: SuiteColumns, at: str) -> str:
    for column in (columns.key, columns.output):
        if column not in row:
            raise EvidenceError(
                f"no column {_short(column)}",
                where=at,
                do=nearest(column, [_short(one)[1:-1] for one in row]),
            )
    cell = row[columns.key]
    if isinstance(cell, bool) or not isinstance(cell, str | int | float) or is_blank(cell) or cell == "":
        raise EvidenceError(
            f"no key: column {_short(columns.key)} holds {_short(cell_text(cell))}",
            where=at,
            do="every row needs the key of its case, text or a number",
        )
    return cell_text(cell)


def _trace(row: Mapping[str, Json], columns: SuiteColumns) -> Mapping[str, Json]:
    named = {"output": columns.output, "latency_ms": columns.latency, "cost_usd": columns.cost}
    moved = {new: row[old] for new, old in named.items() if old in row}
    taken = {columns.key, *named.values()}
    return {name: value for name, value in row.items() if name not in taken} | moved


def _short(text: str) -> str:
    return repr(text if len(text) <= 60 else text[:59] + "…")
