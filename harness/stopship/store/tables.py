"""Rows of a table file, one at a time, whatever the format, each with its place and digest.

Decides whether a file is a whole, unambiguous table of JSON rows. Never guesses, mends or skips a row.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from stopship.errors import EvidenceError, UsageError
from stopship.model.canonical import NotCanonical, canonical_bytes, check_canonical
from stopship.model.case import Json
from stopship.store.csvrows import csv_rows
from stopship.store.jsonrows import Found, json_lines, json_table
from stopship.store.jsontext import AS_TEXT, FLATTEN
from stopship.store.parquet import parquet_rows
from stopship.store.shown import at, quoted, shown
from stopship.store.textfile import FETCH_AGAIN, check_is_file, opened

BIG_INTS = ("refuse", "string")
FORMATS = (".csv", ".tsv", ".json", ".jsonl", ".ndjson", ".parquet")


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a table, known to have canonical bytes."""

    number: int  # 1 for the first row of data
    place: str  # where it stands in its file: `line 17`, `item 17` or `row 17`
    values: dict[str, Json]

    @property
    def digest(self) -> bytes:
        """SHA-256 of the canonical bytes of the values: 32 bytes."""
        return sha256(canonical_bytes(self.values)).digest()


def rows(path: Path, *, big_ints: str = "refuse") -> Iterator[Row]:
    """The rows of a CSV, TSV, JSON, JSON Lines or Parquet file; all but Parquet also gzipped.

    `big_ints="string"` reads integers beyond 2^53 - 1 as text instead of refusing them. Raises UsageError
    at once when there is no such file or format. Raises EvidenceError while reading, at the first fault:
    rows seen before it must not be used as if they were the table.
    """
    if big_ints not in BIG_INTS:
        raise UsageError(f"big_ints is {quoted(big_ints)}, expected one of: {', '.join(BIG_INTS)}")
    suffix = _format(path)
    check_is_file(path)
    return _rows(path, suffix, big_ints)


def _format(path: Path) -> str:
    name = path.name.lower()
    suffix = Path(name.removesuffix(".gz")).suffix
    ending = "".join(path.suffixes[-2:] if name.endswith(".gz") else path.suffixes[-1:])
    if suffix not in FORMATS or ending.lower() == ".parquet.gz":
        raise UsageError(
            f"the ending {quoted(ending)} is not that of a table" if ending else "the name has no ending",
            where=shown(path),
            do=f"tables are read from {', '.join(FORMATS)}; all but .parquet also with .gz added",
        )
    return suffix


def _rows(path: Path, suffix: str, big_ints: str) -> Iterator[Row]:
    name = shown(path)
    number = 0
    for number, (place, values) in enumerate(_found(path, name, suffix, big_ints), 1):
        try:
            check_canonical(values)
        except (NotCanonical, RecursionError) as err:
            raise _refused(err, name, place, values) from err
        yield Row(number, place, values)
    if not number:
        raise EvidenceError("there is no row in it, expected at least one", where=name, do=FETCH_AGAIN)


def _found(path: Path, name: str, suffix: str, big_ints: str) -> Found:
    if suffix == ".parquet":
        yield from parquet_rows(path, name, big_ints)
        return
    with opened(path) as stream:
        if suffix in {".csv", ".tsv"}:
            yield from csv_rows(stream, name, "," if suffix == ".csv" else "\t")
        elif suffix == ".json":
            yield from json_table(stream, name, big_ints)
        else:
            yield from json_lines(stream, name, big_ints)


def _refused(err: Exception, name: str, place: str, values: dict[str, Json]) -> EvidenceError:
    """Why a row has no canonical bytes, naming the column at fault."""
    for column, value in values.items():
        try:
            canonical_bytes({column: value})
        except NotCanonical as found:
            what, do = _reason(found)
            inside = found.path.removeprefix(f"$.{column}")
            if inside and inside != found.path and do != FLATTEN:
                what = f"{what} (at {quoted(inside)} in it)"
            return EvidenceError(what, where=at(name, place, column), do=do)
        except RecursionError:
            return EvidenceError("nested far too deeply", where=at(name, place, column), do=FLATTEN)
    return EvidenceError(
        f"has no canonical form: {shown(str(err)[:80])}", where=at(name, place), do=FETCH_AGAIN
    )


def _reason(found: NotCanonical) -> tuple[str, str]:
    if "integer" in found.what:
        return found.what, AS_TEXT
    if "deeper" in found.what:
        return found.what, FLATTEN
    found_number = "NaN" if "nan" in found.what else "infinite or too large for a double"
    return f"the number is {found_number}, expected a finite one", "write null where there is no number"
