"""Rows out of Parquet, a few hundred at a time, as JSON values.

Decides which Parquet types have a JSON form. Never drops a column it cannot express.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from stopship.errors import EvidenceError
from stopship.model.canonical import MAX_INTEGER
from stopship.model.case import Json
from stopship.store.shown import at, quoted, shown
from stopship.store.textfile import FETCH_AGAIN, cannot_open

Reader = Callable[[Any], list[Json]]  # an Arrow array in, its values out

_BATCH = 512  # rows decoded at once: 1 MB of 2 KB rows


class _NoJsonFormError(Exception):
    """A type or a value that JSON cannot express."""

    def __init__(self, what: str, do: str) -> None:
        self.what = what
        self.do = do
        super().__init__(what)


def parquet_rows(path: Path, name: str, big_ints: str) -> Iterator[tuple[str, dict[str, Json]]]:
    """The rows of a Parquet file. Dates and times become ISO 8601 text (UTC when they name a zone),
    decimals become text, maps with text keys become objects.
    """
    import pyarrow.parquet as pq

    try:
        source = path.open("rb")
    except OSError as err:
        raise cannot_open(path, err) from err
    with source:
        with _damage(name):
            if not source.read(1):
                raise EvidenceError("the file is empty", where=name, do=FETCH_AGAIN)
            source.seek(0)
            table = pq.ParquetFile(source, page_checksum_verification=True)
            readers = _readers(table.schema_arrow, name, big_ints)
            batches = table.iter_batches(batch_size=_BATCH, use_threads=False)
        first = 1
        while True:
            with _damage(name):
                batch = next(batches, None)
                columns = [] if batch is None else _decoded(batch, readers, name, first)
            if batch is None:
                return
            for offset, values in enumerate(zip(*columns, strict=True)):
                yield f"row {first + offset}", dict(zip(readers, values))
            first += batch.num_rows


@contextmanager
def _damage(name: str) -> Iterator[None]:
    """Arrow's many ways to fail on a file, as one error."""
    import pyarrow as pa

    try:
        yield
    except pa.ArrowNotImplementedError as err:
        what = f"pyarrow {pa.__version__} cannot read this Parquet file: {shown(str(err)[:80])}"
        raise EvidenceError(what, where=name, do="write it again with common settings") from err
    except (pa.ArrowException, OSError, ValueError, MemoryError, OverflowError) as err:
        raise EvidenceError("the Parquet file is damaged or cut off", where=name, do=FETCH_AGAIN) from err


def _readers(schema: Any, name: str, big_ints: str) -> dict[str, Reader]:
    readers: dict[str, Reader] = {}
    for field in schema:
        if field.name in readers:
            raise EvidenceError(
                f"two columns are named {quoted(field.name)}", where=name, do="rename one of them"
            )
        try:
            readers[field.name] = _reader(field.type, big_ints)
        except _NoJsonFormError as err:
            raise EvidenceError(err.what, where=at(name, column=field.name), do=err.do) from err
    return readers


def _decoded(batch: Any, readers: dict[str, Reader], name: str, first: int) -> list[list[Json]]:
    columns = []
    for (column, read), array in zip(readers.items(), batch.columns, strict=True):
        place = f"rows {first} to {first + batch.num_rows - 1}"
        try:
            columns.append(read(array))
        except _NoJsonFormError as err:
            raise EvidenceError(err.what, where=at(name, place, column), do=err.do) from err
        except UnicodeDecodeError as err:
            raise EvidenceError(
                "text that is not UTF-8", where=at(name, place, column), do=FETCH_AGAIN
            ) from err
    return columns


def _reader(kind: Any, big_ints: str) -> Reader:
    """How to read one Arrow type; raises _NoJsonFormError when JSON cannot hold it."""
    import pyarrow as pa

    types = pa.types
    if isinstance(kind, pa.BaseExtensionType):
        inner = _reader(kind.storage_type, big_ints)
        return lambda array: inner(array.storage)
    if types.is_dictionary(kind):
        inner = _reader(kind.value_type, big_ints)
        return lambda array: inner(array.dictionary_decode())
    if types.is_struct(kind):
        return _struct_reader(kind, big_ints)
    if types.is_map(kind):
        return _map_reader(kind, big_ints)
    if types.is_nested(kind) and hasattr(kind, "value_type"):
        return _list_reader(kind, big_ints)
    if types.is_timestamp(kind) or types.is_date(kind) or types.is_time(kind):
        return _time_reader(kind)
    if types.is_decimal(kind):
        return lambda array: [None if one is None else format(one, "f") for one in array.to_pylist()]
    if types.is_float16(kind):
        return lambda array: _plain(array.cast(pa.float64()))
    if types.is_integer(kind) and big_ints == "string":
        return lambda array: [_integer_or_text(one) for one in array.to_pylist()]
    if types.is_null(kind) or types.is_boolean(kind) or types.is_integer(kind) or types.is_floating(kind):
        return _plain
    if types.is_string(kind) or types.is_large_string(kind) or str(kind) == "string_view":
        return _plain
    raise _NoJsonFormError(
        f"the type {shown(str(kind)[:60])} has no JSON form",
        "write the column as text, or leave it out of the file",
    )


def _plain(array: Any) -> list[Json]:
    values: list[Json] = array.to_pylist()
    return values


def _integer_or_text(value: int | None) -> Json:
    return value if value is None or abs(value) <= MAX_INTEGER else str(value)


def _struct_reader(kind: Any, big_ints: str) -> Reader:
    names = [kind.field(index).name for index in range(kind.num_fields)]
    for name in names:
        if names.count(name) > 1:
            raise _NoJsonFormError(f"two fields are named {quoted(name)}", "rename one of them")
    inner = [_reader(kind.field(index).type, big_ints) for index in range(kind.num_fields)]

    def read(array: Any) -> list[Json]:
        fields = [one(child) for one, child in zip(inner, array.flatten(), strict=True)]
        values = zip(*fields, strict=True) if fields else [()] * len(array)
        return [dict(zip(names, row)) if valid else None for row, valid in zip(values, _validity(array))]

    return read


def _list_reader(kind: Any, big_ints: str) -> Reader:
    inner = _reader(kind.value_type, big_ints)

    def read(array: Any) -> list[Json]:
        import pyarrow.compute as pc

        items = iter(inner(array.flatten()))  # without the items of null lists
        lengths = pc.list_value_length(array).to_pylist()
        return [None if length is None else [next(items) for _ in range(length)] for length in lengths]

    return read


def _map_reader(kind: Any, big_ints: str) -> Reader:
    import pyarrow as pa

    if not (pa.types.is_string(kind.key_type) or pa.types.is_large_string(kind.key_type)):
        raise _NoJsonFormError(
            f"a map with keys of type {shown(str(kind.key_type)[:40])}, expected text",
            "write the keys as text",
        )
    # Arrow measures lists but not maps, and a map is stored as the list of its entries.
    as_list = pa.list_(pa.struct([("key", kind.key_type), ("value", kind.item_type)]))
    inner = _list_reader(as_list, big_ints)

    def read(array: Any) -> list[Json]:
        return [None if one is None else _object(one) for one in inner(array.cast(as_list))]

    return read


def _object(entries: Any) -> Json:
    made = {entry["key"]: entry["value"] for entry in entries}
    if len(made) != len(entries):
        raise _NoJsonFormError("a map names the same key twice", "write each key of a map once")
    return made


def _time_reader(kind: Any) -> Reader:
    import pyarrow as pa

    is_timestamp = pa.types.is_timestamp(kind)
    zone = "+00:00" if is_timestamp and kind.tz else ""

    def text(written: str) -> str:
        if written.startswith("<"):
            raise _NoJsonFormError("a date or time out of range", "correct it at the source")
        whole, _, fraction = written.replace(" ", "T").partition(".")
        return (f"{whole}.{fraction}" if fraction.strip("0") else whole) + zone

    def read(array: Any) -> list[Json]:
        naive = (
            array.cast(pa.timestamp(kind.unit)) if zone else array
        )  # the instant in UTC; needs no zone data
        return [None if one is None else text(one) for one in naive.cast(pa.string()).to_pylist()]

    return read


def _validity(array: Any) -> list[bool]:
    valid: list[bool] = array.is_valid().to_pylist()
    return valid
