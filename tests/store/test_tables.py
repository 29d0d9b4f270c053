"""Tables read back what was written, the same from every format, and anything less is an error."""

import csv
import datetime as dt
import gzip
import io
import json
import random
import tracemalloc
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.examples import tries

from stopship.errors import EvidenceError, UsageError
from stopship.model.canonical import MAX_INTEGER
from stopship.model.case import Json, is_blank
from stopship.store import csvrows
from stopship.store.tables import rows

Values = dict[str, Json]

# Hypothesis runs a test many times in one folder; each run overwrites its file.
many = settings(
    max_examples=tries(60), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
cells = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\ufeff"), max_size=12)
names = cells.filter(lambda text: not is_blank(text))
numbers = st.integers(-MAX_INTEGER, MAX_INTEGER) | st.floats(allow_nan=False, allow_infinity=False)
values = st.recursive(
    st.none() | st.booleans() | numbers | st.text(max_size=12),  # lone surrogates included
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
objects = st.lists(st.dictionaries(st.text(max_size=8), values, max_size=4), min_size=1, max_size=5)


@pytest.fixture(autouse=True)
def in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def written(name: str, content: bytes | str) -> Path:
    path = Path(name)
    data = content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content
    path.write_bytes(gzip.compress(data, 1, mtime=0) if name.endswith(".gz") else data)
    return path


def read(path: Path, big_ints: str = "refuse") -> list[Values]:
    return [row.values for row in rows(path, big_ints=big_ints)]


def digests(path: Path) -> list[bytes]:
    return [row.digest for row in rows(path)]


def fault(path: Path, big_ints: str = "refuse") -> str:
    with pytest.raises(EvidenceError) as caught:
        read(path, big_ints)
    return str(caught.value)


def as_json_lines(table: list[Values]) -> str:
    return "".join(json.dumps(row) + "\n" for row in table)


def as_csv(header: list[str], table: list[list[str]], delimiter: str = ",") -> str:
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=delimiter).writerows([header, *table])
    return out.getvalue()


def as_parquet(table: pa.Table, **options: int) -> Path:
    pq.write_table(table, "t.parquet", **options)
    return Path("t.parquet")


# --- what was written is read back


@many
@given(objects)
def test_json_rows_read_back_equal_and_give_the_same_digests_from_every_json_format(
    table: list[Values],
) -> None:
    array, lines = json.dumps(table, indent=1), as_json_lines(table)
    files = [
        written(name, array if ".json" in Path(name).suffixes else lines)
        for name in ("t.json", "t.json.gz", "t.jsonl", "t.jsonl.gz", "t.ndjson")
    ]
    for path in files:
        assert read(path) == table
        assert digests(path) == digests(files[0])


@many
@given(st.lists(st.dictionaries(texts, values, min_size=2, max_size=4), min_size=1, max_size=3), st.randoms())
def test_the_digest_does_not_depend_on_the_order_of_keys(table: list[Values], chance: random.Random) -> None:
    shuffled = []
    for row in table:
        items = list(row.items())
        chance.shuffle(items)
        shuffled.append(dict(items))
    there = digests(written("t.jsonl", as_json_lines(table)))
    assert there == digests(written("t.jsonl", as_json_lines(shuffled)))


@many
@given(st.data())
def test_csv_cells_read_back_as_the_same_text(data: st.DataObject) -> None:
    header = data.draw(st.lists(names, min_size=1, max_size=4, unique=True))
    row = st.lists(cells, min_size=len(header), max_size=len(header))
    table = data.draw(st.lists(row, min_size=1, max_size=4))
    expected = [dict(zip(header, fields, strict=True)) for fields in table]
    assert read(written("t.csv", as_csv(header, table))) == expected
    assert read(written("t.csv.gz", as_csv(header, table))) == expected
    assert read(written("t.tsv", as_csv(header, table, "\t"))) == expected


@many
@given(
    st.lists(
        st.fixed_dictionaries({"id": texts, "n": numbers.map(float), "tags": st.lists(texts)}), min_size=1
    )
)
def test_parquet_rows_read_back_equal_with_the_digests_of_json(table: list[Values]) -> None:
    parquet = as_parquet(pa.Table.from_pylist(table))
    assert read(parquet) == table
    assert digests(parquet) == digests(written("t.jsonl", as_json_lines(table)))


def test_an_object_of_arrays_gives_the_rows_of_the_array_of_objects() -> None:
    columns = written("a.json", '{"id": ["x", "y"], "n": [1, null]}')
    items = written("b.json", '[{"id": "x", "n": 1}, {"id": "y", "n": null}]')
    assert list(rows(columns)) == list(rows(items))


def test_rows_carry_their_number_place_and_digest() -> None:
    path = written("t.jsonl", '\ufeff\r\n{"a": 1}\r\n\r\n  {"b": 2}  \r\n{"c": 3}')
    found = list(rows(path))
    assert [(row.number, row.place) for row in found] == [(1, "line 2"), (2, "line 4"), (3, "line 5")]
    assert [row.values for row in found] == [{"a": 1}, {"b": 2}, {"c": 3}]
    assert found[0].digest.hex() == "015abd7f5cc57a2dd94b7590f04ad8084273905ee33ec5cebeae62276a97f862"


def test_csv_places_are_the_lines_on_which_rows_begin() -> None:
    path = written("t.csv", '\ufeffa,b\r\n\r\n"x\ny",1\r\n z ,\r\n')
    assert [(row.place, row.values) for row in rows(path)] == [
        ("line 3", {"a": "x\ny", "b": "1"}),
        ("line 5", {"a": " z ", "b": ""}),
    ]


def test_gzip_is_recognised_by_its_content_too() -> None:
    path = Path("t.jsonl")
    path.write_bytes(gzip.compress(b'{"a": 1}\n') + gzip.compress(b'{"a": 2}\n'))
    assert read(path) == [{"a": 1}, {"a": 2}]


def test_lone_surrogates_in_json_are_kept() -> None:
    assert read(written("t.jsonl", '{"a": "\\ud800"}')) == [{"a": "\ud800"}]


def test_formats_are_told_by_the_ending_in_any_case() -> None:
    assert read(written("T.JSONL", '{"a": 1}')) == [{"a": 1}]


# --- integers beyond 2^53


@pytest.mark.parametrize("name", ["t.jsonl", "t.json"])
def test_big_integers_become_their_digits_when_asked(name: str) -> None:
    long = "9" * 5000
    row = '{"a": [9007199254740991, {"b": -9007199254740992}], "c": LONG, "d": -1, "e": -9007199254740991}'
    row = row.replace("LONG", long)
    expected = {"a": [MAX_INTEGER, {"b": "-9007199254740992"}], "c": long, "d": -1, "e": -MAX_INTEGER}
    assert read(written(name, row if name == "t.jsonl" else f"[{row}]"), "string") == [expected]


def test_big_integers_of_parquet_are_refused_or_become_their_digits() -> None:
    path = as_parquet(pa.table({"id": [1, 2**53, None], "in": [[1], [-(2**60)], []]}))
    assert fault(path) == (
        "t.parquet row 2, column 'id': the integer 9007199254740992 is beyond 2^53 - 1, "
        "so readers would round it\n  write it as text in the file, or read it with --big-ints string"
    )
    assert read(path, "string") == [
        {"id": 1, "in": [1]},
        {"id": "9007199254740992", "in": ["-1152921504606846976"]},
        {"id": None, "in": []},
    ]


def test_an_unknown_treatment_of_big_integers_is_refused() -> None:
    with pytest.raises(UsageError, match="big_ints is 'round', expected one of: refuse, string"):
        rows(Path("t.csv"), big_ints="round")


# --- Parquet types


def test_parquet_types_take_their_json_forms() -> None:
    when = dt.datetime(2026, 3, 1, 12, 30, 15, 250)
    entries = pa.map_(pa.string(), pa.list_(pa.int8()))
    columns: dict[str, tuple[object, object, Json]] = {  # a value, its type, what is read
        "null": (None, pa.null(), None),
        "bool": (True, pa.bool_(), True),
        "int": (-5, pa.int8(), -5),
        "unsigned": (5, pa.uint64(), 5),
        "float": (0.5, pa.float32(), 0.5),
        "half": (0.5, pa.float16(), 0.5),
        "text": ("é", pa.large_string(), "é"),
        "category": ("x", pa.dictionary(pa.int8(), pa.string()), "x"),
        "date": (when.date(), pa.date32(), "2026-03-01"),
        "time": (when.time(), pa.time64("us"), "12:30:15.000250"),
        "second": (when.replace(microsecond=0), pa.timestamp("s"), "2026-03-01T12:30:15"),
        "micro": (when, pa.timestamp("us"), when.isoformat()),
        "nano": (1_000_000_001, pa.timestamp("ns"), "1970-01-01T00:00:01.000000001"),
        "zoned": (
            dt.datetime(2026, 3, 1, 12, tzinfo=dt.timezone(dt.timedelta(hours=1))),
            pa.timestamp("us", tz="Europe/Berlin"),
            "2026-03-01T11:00:00+00:00",
        ),
        "decimal": (Decimal("1.10"), pa.decimal128(12, 2), "1.10"),
        "small": (Decimal(0), pa.decimal128(12, 10), "0.0000000000"),
        "struct": ({"a": None, "b": [{"c": 1}]}, None, {"a": None, "b": [{"c": 1}]}),
        "lists": ([["x"], None, []], pa.list_(pa.list_(pa.string())), [["x"], None, []]),
        "days": ([when.date(), None], pa.list_(pa.date32()), ["2026-03-01", None]),
        "fixed": ([1, 2], pa.list_(pa.int8(), 2), [1, 2]),
        "map": ([("k", [1]), ("l", None)], entries, {"k": [1], "l": None}),
    }
    arrays = {
        name: pa.array([value, None, value], kind) if kind else pa.array([value, None, value])
        for name, (value, kind, _) in columns.items()
    }
    filled = {name: expected for name, (_, _, expected) in columns.items()}
    found = list(rows(as_parquet(pa.table(arrays))))
    assert [row.values for row in found] == [filled, dict.fromkeys(columns), filled]
    assert [row.place for row in found] == ["row 1", "row 2", "row 3"]
    assert found[0].digest == found[2].digest


AS_TEXT = "write the column as text, or leave it out of the file"
NO_NAN = "write null where there is no number"


@pytest.mark.parametrize(
    ("table", "message"),
    [
        pytest.param(
            pa.table({"a": [1], "raw": [b"x"]}),
            f"t.parquet, column 'raw': the type binary has no JSON form\n  {AS_TEXT}",
            id="bytes",
        ),
        pytest.param(
            pa.table({"image": [{"bytes": b"x"}]}),
            f"t.parquet, column 'image': the type binary has no JSON form\n  {AS_TEXT}",
            id="bytes-inside",
        ),
        pytest.param(
            pa.table({"took": pa.array([1], pa.duration("s"))}),
            f"t.parquet, column 'took': the type duration[s] has no JSON form\n  {AS_TEXT}",
            id="duration",
        ),
        pytest.param(
            pa.table({"m": pa.array([[(1, 2)]], pa.map_(pa.int8(), pa.int8()))}),
            "t.parquet, column 'm': a map with keys of type int8, expected text\n  write the keys as text",
            id="map-of-numbers",
        ),
        pytest.param(
            pa.table({"m": pa.array([[], [("k", 1), ("k", 2)]], pa.map_(pa.string(), pa.int8()))}),
            "t.parquet rows 1 to 2, column 'm': a map names the same key twice\n"
            "  write each key of a map once",
            id="repeated-map-key",
        ),
        pytest.param(
            pa.table({"a": [0.5] * 600 + [float("nan")]}),
            f"t.parquet row 601, column 'a': the number is NaN, expected a finite one\n  {NO_NAN}",
            id="nan",
        ),
        pytest.param(
            pa.table({"u": [{"cost": [float("-inf")]}]}),
            "t.parquet row 1, column 'u': the number is infinite or too large for a double, "
            f"expected a finite one (at '.cost[0]' in it)\n  {NO_NAN}",
            id="infinity-inside",
        ),
        pytest.param(
            pa.table([pa.array([1]), pa.array([2])], names=["a\x1b", "a\x1b"]),
            "t.parquet: two columns are named 'a\\x1b'\n  rename one of them",
            id="repeated-column",
        ),
        pytest.param(
            pa.table({"a": pa.array([], pa.int8())}),
            "t.parquet: there is no row in it, expected at least one\n  fetch or export the file again",
            id="no-rows",
        ),
        pytest.param(
            pa.table({"at": pa.array([2**62]).cast(pa.timestamp("us"))}),
            "t.parquet rows 1 to 1, column 'at': a date or time out of range\n  correct it at the source",
            id="date-out-of-range",
        ),
        pytest.param(
            pa.table({"a": pa.array([b"\xff"]).view(pa.string())}),
            "t.parquet rows 1 to 1, column 'a': text that is not UTF-8\n  fetch or export the file again",
            id="text-that-is-not-utf-8",
        ),
    ],
)
def test_parquet_that_json_cannot_express_names_its_column(table: pa.Table, message: str) -> None:
    assert fault(as_parquet(table)) == message


def test_a_flipped_byte_in_a_checksummed_page_is_found() -> None:
    bare = {"use_dictionary": False, "write_statistics": False}  # so that the text stands in its page alone
    path = as_parquet(pa.table({"a": ["some text"] * 3}), write_page_checksum=True, **bare)
    data = bytearray(path.read_bytes())
    data[data.index(b"some text")] ^= 1
    path.write_bytes(data)
    assert fault(path).startswith("t.parquet: the Parquet file is damaged or cut off")


# --- limits


def test_a_field_beyond_the_limit_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csvrows, "MAX_FIELD", 2**20)
    path = written("t.csv", 'a\nx\n"' + "y\n" * 2**20)
    assert fault(path) == (
        "t.csv:line 3: a field of more than 1 MiB begins in this record\n"
        '  is a double quote left open? Write one inside a field as ""'
    )


def test_fields_beyond_the_csv_default_limit_are_read() -> None:
    assert read(written("t.csv", f"a\n{'x' * 200_000}\n")) == [{"a": "x" * 200_000}]


@pytest.mark.parametrize("name", ["t.jsonl", "t.jsonl.gz", "t.csv"])
def test_streamed_tables_hold_a_row_at_a_time(name: str) -> None:
    row = "x" * 2000
    text = f"a\n{row}\n" + f"{row}\n" * 5000 if name == "t.csv" else f'{{"a": "{row}"}}\n' * 5000
    path = written(name, text)
    tracemalloc.start()
    try:
        count = sum(1 for _ in rows(path))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert count >= 5000
    assert peak < 3 * 2**20  # the text is 10 MB
