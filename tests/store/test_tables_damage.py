"""Every damage a table can have, and the words a person reads about it."""

import gzip
import json
import os
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.examples import tries

from stopship.errors import EvidenceError, StopshipError, UsageError
from stopship.model.canonical import canonical_bytes
from stopship.model.case import Json
from stopship.store.tables import FORMATS, rows

GZ = gzip.compress(b'{"a": 1}\n{"a": 2}\n', mtime=0)
FLIPPED = bytearray(gzip.compress(b'{"a": 1}\n' * 50, mtime=0))
FLIPPED[-6] ^= 255  # inside the checksum

AGAIN = "fetch or export the file again"
AS_UTF8 = "save the file as UTF-8 (in a spreadsheet: the format 'CSV UTF-8')"
AS_TEXT = "write it as text in the file, or read it with --big-ints string"
MEND = "mend it there, or fetch or export the file again"
TABLE = "a .json table is an array of objects, or an object of equally long arrays; JSON Lines is .jsonl"
PER_LINE = "a .jsonl table holds one JSON object on each line"
WHOLE = "each line holds one whole JSON object; if the file was cut off, fetch or export the file again"
NO_NAN = "write null where there is no number"
ONE_KEY = "rename one of the two; JSON readers keep one and lose the other"
NO_ROW = ": there is no row in it, expected at least one"
CUT_GZ = ": the gzip stream is damaged or cut off"
CUT_PARQUET = ": the Parquet file is damaged or cut off"

# name of the damage, file name, content, what is said after the file name, what to do
# fmt: off
DAMAGES: list[tuple[str, str, bytes, str, str]] = [
    ("empty-csv", "t.csv", b"", ": the file is empty", AGAIN),
    ("empty-jsonl", "t.jsonl", b"", ": the file is empty", AGAIN),
    ("empty-json", "t.json", b"", ": the file is empty", AGAIN),
    ("empty-gz", "t.jsonl.gz", b"", ": the file is empty", AGAIN),
    ("empty-inside-gz", "t.jsonl.gz", gzip.compress(b"", mtime=0), NO_ROW, AGAIN),
    ("empty-parquet", "t.parquet", b"", ": the file is empty", AGAIN),
    ("only-a-header", "t.csv", b"a,b\n", ": there is a header but no row below it", AGAIN),
    ("empty-array", "t.json", b" [ ]\n", NO_ROW, AGAIN),
    ("empty-columns", "t.json", b'{"a": [], "b": []}', NO_ROW, AGAIN),
    ("no-columns", "t.json", b"{}", NO_ROW, AGAIN),
    ("blank-json", "t.json", b" \n", NO_ROW, AGAIN),
    ("blank-lines-jsonl", "t.jsonl", b"\n \n\r\n", NO_ROW, AGAIN),
    ("blank-lines-csv", "t.csv", b"\n\n", NO_ROW, AGAIN),
    ("only-a-utf8-mark", "t.jsonl", b"\xef\xbb\xbf", NO_ROW, AGAIN),
    ("latin-1", "t.jsonl", b'{"a": 1}\n{"a": "caf\xe9"}\n',
     ":line 2: byte 11 of the line, 0xE9, is not UTF-8", AS_UTF8),
    ("latin-1-csv", "t.csv", b"a\ncaf\xe9\n", ":line 2: byte 4 of the line, 0xE9, is not UTF-8", AS_UTF8),
    ("latin-1-json", "t.json", b'[{"a": 1},\n {"a": "\xe9"}]',
     ":line 2: byte 9 of the line, 0xE9, is not UTF-8", AS_UTF8),
    ("raw-surrogate", "t.jsonl", b'{"a": "\xed\xa0\x80"}',
     ":line 1: byte 8 of the line, 0xED, is not UTF-8", AS_UTF8),
    ("utf-16", "t.csv", "a,b\n1,2\n".encode("utf-16"),
     ": the text is UTF-16 by its byte order mark, expected UTF-8", AS_UTF8),
    ("utf-16-be", "t.json", b"\xfe\xff\x00[",
     ": the text is UTF-16 by its byte order mark, expected UTF-8", AS_UTF8),
    ("utf-32", "t.jsonl", '{"a": 1}'.encode("utf-32"),
     ": the text is UTF-32 by its byte order mark, expected UTF-8", AS_UTF8),
    ("utf-16-without-mark", "t.json", '[{"a": 1}]'.encode("utf-16-le"),
     ": begins with NUL bytes, as UTF-16 does; expected UTF-8", AS_UTF8),
    ("cut-array-between", "t.json", b'[{"a": 1},\n{"a": 2}',
     ":line 2: the file ends before its JSON is complete", AGAIN),
    ("cut-array-after-comma", "t.json", b'[{"a": 1},\n',
     ":line 1: item 2: the file ends before its JSON is complete", AGAIN),
    ("cut-array-inside", "t.json", b'[{"a": 1},\n{"a": "x',
     ":line 2: item 2: the file ends before its JSON is complete", AGAIN),
    ("only-a-bracket", "t.json", b"[", ":line 1: item 1: the file ends before its JSON is complete", AGAIN),
    ("cut-jsonl", "t.jsonl", b'{"a": 1}\n{"a": 2, "b',
     ":line 2: the line ends before its JSON is complete", WHOLE),
    ("cut-columns", "t.json", b'{"a": [1, 2], "b": [1',
     ":line 1: the file ends before its JSON is complete", AGAIN),
    ("garbage-after-array", "t.json", b'[{"a": 1}]\noops',
     ":line 2: more text after the JSON ends, at character 1: 'oops'", MEND),
    ("garbage-after-columns", "t.json", b'{"a": [1]} ]',
     ":line 1: more text after the JSON ends, at character 12: ']'", MEND),
    ("garbage-after-row", "t.jsonl", b'{"a": 1}\n{"a": 2} {"a": 3}\n',
     ":line 2: more text after the JSON ends, at character 10: '{\"a\": 3}'",
     "write one JSON object on each line"),
    ("no-comma", "t.json", b'[{"a": 1} {"a": 2}]',
     ":line 1: broken JSON at character 11: expecting ',' or ']' after the item, found '{\"a\": 2}]'", MEND),
    ("trailing-comma", "t.json", b'[{"a": 1},]',
     ":line 1: broken JSON at character 11: expecting another item after ',', found ']'", MEND),
    ("single-quotes", "t.jsonl", b"{'a': 1}\n",
     (":line 1: broken JSON at character 2: expecting property name enclosed in double quotes, "
      "found \"'a': 1}\""), MEND),
    ("bad-literal", "t.jsonl", b'{"a": 1}\n{"a": nul}\n',
     ":line 2: broken JSON at character 7: expecting value, found 'nul}'", MEND),
    ("control-character", "t.jsonl", b'{"a": "x\ty"}\n',
     ":line 1: broken JSON at character 9: invalid control character, found '\\ty\"}'", MEND),
    ("pretty-printed", "t.jsonl", b'{\n  "a": 1\n}\n',
     ":line 1: the line ends before its JSON is complete", WHOLE),
    ("jsonl-named-json", "t.json", b'{"a": 1}\n{"a": 2}\n',
     ": one object follows another: this is JSON Lines, expected one JSON text",
     "rename it to .jsonl (or .jsonl.gz)"),
    ("json-named-jsonl", "t.jsonl", b'[{"a": 1},\n {"a": 2}]\n',
     ":line 1: begins with '[': this is a JSON array, expected JSON Lines",
     "rename it to .json (or .json.gz)"),
    ("json-named-jsonl-pretty", "t.ndjson", b'[\n  {"a": 1}\n]\n',
     ":line 1: begins with '[': this is a JSON array, expected JSON Lines",
     "rename it to .json (or .json.gz)"),
    ("row-is-an-array", "t.jsonl", b'{"a": 1}\n[1, 2]\n',
     ":line 2: the row is an array, expected an object", PER_LINE),
    ("first-row-is-an-array", "t.jsonl", b"[1, 2]\n",
     ":line 1: the row is an array, expected an object", PER_LINE),
    ("row-is-null", "t.json", b'[{"a": 1}, null]', " item 2: the row is null, expected an object", TABLE),
    ("row-is-text", "t.json", b'["x"]', " item 1: the row is text, expected an object", TABLE),
    ("row-is-true", "t.jsonl", b"true\n", ":line 1: the row is true or false, expected an object", PER_LINE),
    ("table-is-a-number", "t.json", b"17", ": the file is a number, expected a table", TABLE),
    ("column-is-a-number", "t.json", b'{"a": 1, "b": [2]}',
     ", column 'a': the column is a number, expected an array", TABLE),
    ("odd-column", "t.json", b'{"a": [1, 2], "b": [1, 2], "c": [1]}',
     ", column 'c': the array has length 1, expected 2 as in the other columns",
     "export the table again so that every column has one value for each row"),
    ("nan", "t.jsonl", b'{"a": 1}\n{"id": 1, "cost": NaN}\n',
     ":line 2, column 'cost': the number is NaN, expected a finite one",
     NO_NAN),
    ("infinity", "t.json", b'[{"usage": {"cost": [-Infinity]}}]',
     (" item 1, column 'usage': the number is infinite or too large for a double, "
      "expected a finite one (at '.cost[0]' in it)"),
     NO_NAN),
    ("overflow", "t.jsonl", b'{"a": 1e400}\n',
     ":line 1, column 'a': the number is infinite or too large for a double, expected a finite one",
     NO_NAN),
    ("big-integer", "t.jsonl", b'{"id": 9007199254740992}\n',
     ":line 1, column 'id': the integer 9007199254740992 is beyond 2^53 - 1, so readers would round it",
     AS_TEXT),
    ("big-integer-inside", "t.json", b'[{"a": {"ids": [1, -9007199254740993]}}]',
     (" item 1, column 'a': the integer -9007199254740993 is beyond 2^53 - 1, "
      "so readers would round it (at '.ids[1]' in it)"),
     AS_TEXT),
    ("thousands-of-digits", "t.jsonl", b'{"a": ' + b"9" * 5000 + b"}\n",
     ":line 1: an integer of thousands of digits", AS_TEXT),
    ("big-integer-in-columns", "t.json", b'{"a": [1, 12345678901234567890]}',
     " item 2, column 'a': the integer 12345678901234567890 is beyond 2^53 - 1, so readers would round it",
     AS_TEXT),
    ("repeated-key", "t.jsonl", b'{"a": 1}\n{"a": 1, "a": 2}\n',
     ":line 2: the key 'a' stands twice in one object",
     ONE_KEY),
    ("repeated-key-inside", "t.json", b'[{"a": 1},\n{"x": [{"k": 1, "k": 1}]}]',
     ":line 2: item 2: the key 'k' stands twice in one object",
     ONE_KEY),
    ("repeated-column", "t.json", b'{"a": [1], "a": [2]}',
     ":line 1: the key 'a' stands twice in one object",
     ONE_KEY),
    ("repeated-csv-column", "t.csv", b"id,cost,id\n1,2,3\n",
     ":line 1: columns 1 and 3 are both named 'id'", "rename one of them"),
    ("nameless-csv-column", "t.csv", b"id,,cost\n1,2,3\n",
     ":line 1: column 2 of 3 has no name", "name every column in the first line, or remove the empty one"),
    ("escape-in-csv-column", "t.csv", b"\x1b[31mid,\x1b[31mid\n1,2\n",
     ":line 1: columns 1 and 2 are both named '\\x1b[31mid'", "rename one of them"),
    ("more-fields", "t.csv", b"a,b\n1,2\n1,2,3\n",
     ":line 3: row 2 has 3 fields, expected 2 as in the header",
     'put fields that hold a comma in double quotes: "one, two"'),
    ("fewer-fields", "t.csv", b"a,b,c\n\n1\n",
     ":line 3: row 1 has 1 field, expected 3 as in the header",
     "was the row cut off? An empty field is still written; else fetch or export the file again"),
    ("more-fields-tsv", "t.tsv", b"a\tb\n1\t2\t3\n",
     ":line 2: row 1 has 3 fields, expected 2 as in the header",
     'put fields that hold a tab in double quotes: "one<tab> two"'),
    ("row-after-long-cell", "t.csv", b'a,b\n"1\n1\n1",2\n1\n',
     ":line 5: row 2 has 1 field, expected 2 as in the header",
     "was the row cut off? An empty field is still written; else fetch or export the file again"),
    ("unclosed-quote", "t.csv", b'a,b\n1,2\n1,"2\n3,4\n',
     ":line 3: a double quote is opened in this record and never closed (the file ends at line 4)",
     "close it, or fetch or export the file again: it may be cut off"),
    ("text-after-quote", "t.csv", b'a,b\n1,"2"x\n',
     ":line 2: text follows a closing double quote, expected a delimiter or the end of the line",
     'write a double quote inside a quoted field as ""'),
    ("old-mac-line-ends", "t.csv", b"a,b\r1,2\r",
     ":line 1: a carriage return stands inside the line, outside quotes",
     "save the file with \\n or \\r\\n line ends"),
    ("nul-in-csv", "t.csv", b"a,b\n1,\x002\n",
     ":line 2: a NUL character stands at character 3, expected text",
     "the file is damaged or is not CSV: export it again"),
    ("deep", "t.jsonl", b'{"a": ' + b"[" * 201 + b"]" * 201 + b"}\n",
     ":line 1, column 'a': nested deeper than 200 levels", "flatten the record"),
    ("absurdly-deep", "t.jsonl", b'{"a": ' + b"[" * 100000 + b"\n",
     ":line 1: nested far too deeply", "flatten the record"),
    ("absurdly-deep-json", "t.json", b"[" * 100000,
     ":line 1: item 1: nested far too deeply", "flatten the record"),
    ("cut-gz", "t.jsonl.gz", GZ[:-9], CUT_GZ, AGAIN),
    ("cut-gz-header", "t.jsonl.gz", GZ[:5], CUT_GZ, AGAIN),
    ("corrupt-gz", "t.jsonl.gz", bytes(FLIPPED), CUT_GZ, AGAIN),
    ("corrupt-deflate", "t.jsonl.gz", GZ[:10] + b"\xff" * 20, CUT_GZ, AGAIN),
    ("gz-then-garbage", "t.jsonl.gz", GZ + b"oops", CUT_GZ, AGAIN),
    ("not-gz", "t.jsonl.gz", b'{"a": 1}\n',
     ": the name ends in .gz but the content is not gzip",
     "fetch or export the file again, or take .gz off its name if it is plain text"),
    ("cut-gz-without-the-name", "t.csv", GZ[:-9], CUT_GZ, AGAIN),
    ("not-parquet", "t.parquet", b"a,b\n1,2\n", CUT_PARQUET, AGAIN),
    ("parquet-marks-only", "t.parquet", b"PAR1PAR1", CUT_PARQUET, AGAIN),
    ("terminal-escape", "t.jsonl", b'{"a": \x1b[31mred}\n',
     ":line 1: broken JSON at character 7: expecting value, found '\\x1b[31mred}'", MEND),
    ("escape-in-key", "t.jsonl", b'{"\\u001b[31m\\u202e": NaN}\n',
     ":line 1, column '\\x1b[31m\\u202e': the number is NaN, expected a finite one",
     NO_NAN),
    ("long-key", "t.jsonl", b'{"' + b"k" * 500 + b'": NaN}\n',
     f":line 1, column '{'k' * 60}…': the number is NaN, expected a finite one",
     NO_NAN),
]
# fmt: on


@pytest.fixture(autouse=True)
def in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def fault(path: Path) -> str:
    """The message of the evidence error that reading the file raises."""
    with pytest.raises(EvidenceError) as caught:
        list(rows(path))
    assert caught.value.exit_code == 22
    return str(caught.value)


@pytest.mark.parametrize(
    ("file", "content", "what", "do"), [pytest.param(*one[1:], id=one[0]) for one in DAMAGES]
)
def test_damage_is_told_in_exactly_these_words(file: str, content: bytes, what: str, do: str) -> None:
    Path(file).write_bytes(content)
    message = fault(Path(file))
    assert message == f"{file}{what}\n  {do}"
    assert message.replace("\n", "").isprintable()


# --- cut and random files


def read(path: Path) -> list[dict[str, Json]]:
    return [row.values for row in rows(path)]


def cut_everywhere(path: Path) -> list[int]:
    """The lengths at which a cut file still reads as a table; a cut may raise nothing but EvidenceError."""
    whole, data = read(path), path.read_bytes()
    readable = []
    for length in range(len(data)):
        path.write_bytes(data[:length])
        try:
            found = read(path)
        except EvidenceError:
            continue
        assert found == whole[: len(found)]
        readable.append(length)
    return readable


RECORDS = [{"id": "a", "n": 1.5}, {"id": "é", "n": None}]
ARRAY = json.dumps(RECORDS)
LINES = "".join(json.dumps(one) + "\n" for one in RECORDS)


def parquet_file() -> Path:
    pq.write_table(pa.Table.from_pylist(RECORDS), "t.parquet")
    return Path("t.parquet")


@pytest.mark.parametrize("name", ["t.json", "t.json.gz", "t.jsonl.gz", "t.csv.gz"])
def test_a_file_cut_at_any_byte_is_never_taken_for_a_table(name: str) -> None:
    content = {".json": ARRAY, ".jsonl": LINES, ".csv": "a,b\n1,2\n3,4"}[Path(name).suffixes[0]].encode()
    Path(name).write_bytes(gzip.compress(content, mtime=0) if name.endswith(".gz") else content)
    assert cut_everywhere(Path(name)) == []


def test_parquet_cut_at_any_byte_is_never_taken_for_a_table() -> None:
    assert cut_everywhere(parquet_file()) == []


def test_json_lines_cut_at_the_end_of_a_line_cannot_be_told_from_a_shorter_table() -> None:
    first = LINES.index("\n")
    Path("t.jsonl").write_text(LINES)
    # Before or after the line end; the last cut loses only the final line end, so no row.
    assert cut_everywhere(Path("t.jsonl")) == [first, first + 1, len(LINES) - 1]


@settings(max_examples=tries(60), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from([*FORMATS, *(f"{one}.gz" for one in FORMATS[:-1])]), st.data())
def test_random_content_raises_nothing_but_our_own_errors(suffix: str, data: st.DataObject) -> None:
    content = data.draw(
        st.binary(max_size=60) | st.text('[]{}":,0aen\\ \t\n\r;-', max_size=40).map(str.encode)
    )
    path = Path(f"t{suffix}")
    path.write_bytes(gzip.compress(content) if data.draw(st.booleans()) else content)
    try:
        found = list(rows(path))
    except StopshipError as err:
        assert str(err).replace("\n", "").isprintable()  # noqa: PT017  # no error is fine as well
    else:
        assert all(json.loads(canonical_bytes(row.values)) == row.values for row in found)


def test_parquet_with_any_byte_changed_raises_nothing_but_evidence_errors() -> None:
    path = parquet_file()
    data = path.read_bytes()
    for place in range(0, len(data), 3):
        path.write_bytes(data[:place] + bytes([data[place] ^ 0x55]) + data[place + 1 :])
        try:
            read(path)
        except EvidenceError:
            continue


# --- paths

READABLE = (
    "  tables are read from .csv, .tsv, .json, .jsonl, .ndjson, .parquet; "
    "all but .parquet also with .gz added"
)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("gone.csv", "gone.csv: there is no such file\n  check the path"),
        ("gone\x1b[31m.csv", "gone\\x1b[31m.csv: there is no such file\n  check the path"),
        ("folder.csv", "folder.csv: is a folder, not a file\n  name one file in it"),
        ("file.csv/t.csv", "file.csv/t.csv: cannot be opened: Not a directory\n  check the path"),
        ("t\0.csv", "t\\x00.csv: cannot be opened: embedded null byte\n  check the path"),
        (
            "t.xlsx",
            "t.xlsx: the ending '.xlsx' is not that of a table\n" + READABLE,
        ),
        (
            "t.parquet.gz",
            "t.parquet.gz: the ending '.parquet.gz' is not that of a table\n" + READABLE,
        ),
        (
            "table",
            "table: the name has no ending\n" + READABLE,
        ),
    ],
)
def test_a_path_that_is_no_table_file_is_a_mistake_in_the_command(name: str, message: str) -> None:
    Path("folder.csv").mkdir()
    Path("file.csv").write_text("a\n1\n")
    with pytest.raises(UsageError) as caught:
        rows(Path(name))
    assert caught.value.exit_code == 2
    assert str(caught.value) == message


@pytest.mark.parametrize("name", ["t.csv", "t.parquet"])
def test_a_file_that_may_not_be_read_is_a_mistake_in_the_command(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = Path(name)
    path.write_text("a\n1\n")
    path.chmod(0)
    if os.access(path, os.R_OK):  # a privileged user may read anything
        monkeypatch.setattr(Path, "open", _refuse)
    with pytest.raises(UsageError) as caught:
        list(rows(path))
    assert str(caught.value) == f"{name}: may not be read by this user\n  grant read access to it"


def _refuse(*_: object, **__: object) -> None:
    raise PermissionError(13, "Permission denied")
