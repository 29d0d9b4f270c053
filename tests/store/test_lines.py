"""Many lines and rows are what they were, whether they fit into memory or not."""

import errno
import os
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stopship.errors import StopshipError
from stopship.model.case import Json
from stopship.model.run import case_digest
from stopship.store import lines as holding
from stopship.store.keyed import Digests, Labelled, Rows
from stopship.store.lines import Lines, Splitter

BYTES = st.binary(max_size=12).map(lambda one: one.replace(b"\n", b""))
TEXT = st.text(st.characters(), max_size=8) | st.sampled_from(["\ud83d", "\0\x1b[31m", "\u2028", "\n"])
NUMBERS = st.integers(-(2**53) + 1, 2**53 - 1) | st.floats(allow_nan=False, allow_infinity=False)
ROW = st.dictionaries(TEXT, st.none() | st.booleans() | NUMBERS | TEXT | st.lists(NUMBERS, max_size=2))
SPILLED = 0  # bytes that may stay in memory


@given(st.lists(BYTES), st.integers(0, 60), st.data())
def test_lines_are_a_list_wherever_they_lie(put: list[bytes], most: int, data: st.DataObject) -> None:
    found = Lines(put, most=most)
    assert list(found) == put
    assert len(found) == len(put)
    assert found.is_small == (sum(map(len, put)) + len(put) <= most)
    assert b"".join(found.chunks()) == b"".join(one + b"\n" for one in put)
    assert found.size == sum(len(one) + 1 for one in put)
    start, end = data.draw(st.integers(-3, 9)), data.draw(st.integers(-3, 9))
    assert found[start:end] == put[start:end]
    for number in range(-len(put), len(put)):
        assert found[number] == put[number]
    for number in (len(put), -len(put) - 1):
        with pytest.raises(IndexError):
            found[number]


def test_a_file_that_grew_over_its_first_piece_reads_on_across_pieces() -> None:
    put = [bytes([65 + number % 26]) * (number * 37 % 90_000) for number in range(60)]
    found = Lines(put, most=SPILLED)
    assert not found.is_small
    assert list(found) == put
    assert [found[number] for number in range(60)] == put


def test_many_threads_read_what_one_has_put() -> None:
    put = [str(number).encode() * 50 for number in range(2000)]
    found = Lines(put, most=SPILLED)
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(found.__getitem__, range(2000))) == put


def descriptors() -> set[str]:
    return {one.name for one in Path("/proc/self/fd").iterdir()}


def test_what_lies_on_the_disk_has_no_name_and_is_one_open_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(holding, "_held", [])
    before = descriptors()
    kept = [Lines([str(number).encode()] * 3, most=SPILLED) for number in range(50)]
    assert list(tmp_path.iterdir()) == []
    assert len(descriptors()) == len(before) + 1
    assert [one[2] for one in kept] == [str(number).encode() for number in range(50)]


def test_room_that_is_no_longer_needed_is_used_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(holding, "_held", [])
    kept = Lines([b"kept"], most=SPILLED)
    (spool,) = holding._held
    for number in range(30):
        put = [bytes([65 + number]) * 90_000, b"x", *[b"y" * 4000] * 300]
        assert list(Lines(put, most=1 << 20)) == put
    assert spool._slots <= 1 + 2 * 6
    assert list(kept) == [b"kept"]


def test_lines_may_be_read_while_one_thread_adds() -> None:
    found = Lines(most=SPILLED)
    put = [f"{number} ".encode() * 900 for number in range(600)]
    wrong: list[int] = []

    def read() -> None:
        while len(found) < len(put):
            if count := len(found):
                wrong.extend(one for one in {0, count // 2, count - 1} if found[one] != put[one])

    with ThreadPoolExecutor(3) as pool:
        reading = [pool.submit(read) for _ in range(3)]
        for one in put:
            found.append(one)
        for each in reading:
            each.result()
    assert wrong == []
    assert list(found) == put


def test_a_very_long_line_is_put_together_once() -> None:
    splitter, piece, count = Splitter(), b"x" * 1024, 40_000
    assert [
        line for _ in range(count) for line in splitter.take(piece)
    ] == []  # joining each time takes minutes
    assert splitter.take(b"\nb\n\nc") == [piece * count, b"b", b""]
    assert splitter.rest == b"c"


@given(st.lists(st.binary(max_size=9)))
def test_pieces_of_a_file_are_its_lines(pieces: list[bytes]) -> None:
    splitter = Splitter()
    lines = [line for one in pieces for line in splitter.take(one)]
    assert b"\n".join([*lines, splitter.rest]) == b"".join(pieces)


@pytest.mark.parametrize(
    ("number", "says"),
    [
        (errno.ENOSPC, "a temporary file cannot be written: the disk is full"),
        (errno.EIO, "a temporary file cannot be written: Input/output error"),
        (errno.EMFILE, "too many files are open"),
    ],
)
def test_a_disk_that_refuses_is_told_and_what_was_there_stays(
    monkeypatch: pytest.MonkeyPatch, number: int, says: str
) -> None:
    def full(*_arguments: object) -> int:
        raise OSError(number, os.strerror(number))

    found = Lines([b"before"], most=SPILLED)
    with monkeypatch.context() as patched:
        patched.setattr(os, "pwrite", full)
        with pytest.raises(StopshipError, match=says):
            found.append(b"x")
    assert found[0] == b"before"


def test_a_disk_that_cannot_be_read_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_arguments: object) -> bytes:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    found = Lines([b"before"], most=SPILLED)
    monkeypatch.setattr(os, "pread", broken)
    with pytest.raises(StopshipError, match="a temporary file cannot be read: Input/output error"):
        found[0]
    with pytest.raises(StopshipError, match="a temporary file cannot be read: Input/output error"):
        list(found)


@pytest.mark.parametrize("where", ["gone", "none"])
def test_no_folder_for_temporary_files_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    monkeypatch.setattr(holding, "_held", [])
    if where == "gone":
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
    else:
        monkeypatch.setattr(tempfile, "tempdir", None)
        monkeypatch.setattr(
            tempfile, "_get_default_tempdir", lambda: (_ for _ in ()).throw(OSError(2, "none"))
        )
    with pytest.raises(StopshipError, match="a temporary file cannot be written") as caught:
        Lines([b"x"], most=SPILLED)
    assert "TMPDIR" in str(caught.value)


def exact(value: object) -> str:
    """1 and 1.0 are told apart."""
    return repr(value)


@given(st.lists(st.tuples(TEXT, ROW), unique_by=lambda one: one[0]), st.sampled_from([SPILLED, 1 << 20]))
def test_rows_come_back_to_the_very_number(put: list[tuple[str, dict[str, Json]]], most: int) -> None:
    rows = Rows(Lines(most=most))
    for key, row in put:
        rows.add(key, row)
    assert list(rows) == [key for key, _ in put]
    assert exact(list(rows.items())) == exact(put)
    assert exact(list(rows.values())) == exact([row for _, row in put])
    assert exact([rows[key] for key in rows]) == exact([row for _, row in put])
    assert rows == dict(put)
    assert rows.names == {name for _, row in put for name in row}
    digests = Digests(rows)
    for one in rows.values():
        digests.append(case_digest(one))
    assert dict(digests) == {key: case_digest(row) for key, row in put}
    assert exact(list(Labelled(rows, Rows()))) == exact([row for _, row in put])


@pytest.mark.parametrize("most", [SPILLED, 1 << 20])
def test_a_key_that_no_row_has(most: int) -> None:
    rows = Rows(Lines(most=most))
    rows.add("a", {"x": 1.0})
    digests = Digests(rows)
    digests.append("0" * 64)
    assert "b" not in rows
    assert "b" not in digests
    assert rows.get("b") is None
    with pytest.raises(KeyError):
        digests["b"]


def test_labels_go_over_cases_as_often_as_they_are_asked() -> None:
    rows: Sequence[tuple[str, dict[str, Json]]] = [("a", {"q": 1}), ("b", {"q": 2})]
    both = Labelled(Rows.of(rows), Rows.of([("b", {"l": 3})]))
    assert list(both) == list(both) == [{"q": 1}, {"q": 2, "l": 3}]
    assert both.names == {"q", "l"}
