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
from stopship.store.keyed import Digests, Labelled, Rows
from stopship.store.lines import Lines

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


def test_what_lies_on_the_disk_has_no_name_and_goes_with_its_owner(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    before = descriptors()
    found = Lines([b"secret"], most=SPILLED)
    assert list(tmp_path.iterdir()) == []
    assert len(descriptors()) == len(before) + 1
    del found
    assert descriptors() == before


@pytest.mark.parametrize(
    ("number", "says"), [(errno.ENOSPC, "the disk is full"), (errno.EIO, "Input/output error")]
)
def test_a_full_disk_is_said(monkeypatch: pytest.MonkeyPatch, number: int, says: str) -> None:
    def full(_descriptor: int, _data: bytes) -> int:
        raise OSError(number, os.strerror(number))

    found = Lines(most=SPILLED)
    monkeypatch.setattr(os, "write", full)
    with pytest.raises(StopshipError, match=f"a temporary file cannot be written: {says}") as caught:
        found.append(b"x")
    assert "TMPDIR" in str(caught.value)


def test_a_folder_for_temporary_files_that_is_gone_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
    with pytest.raises(StopshipError, match="No such file or directory"):
        Lines([b"x"], most=SPILLED)


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
    digests = Digests(rows)
    for one in rows.values():
        digests.append(case_digest(one))
    assert dict(digests) == {key: case_digest(row) for key, row in put}
    assert exact(list(Labelled(rows, {}))) == exact([row for _, row in put])


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
    both = Labelled(Rows.of(rows), {"b": {"l": 3}})
    assert list(both) == list(both) == [{"q": 1}, {"q": 2, "l": 3}]
