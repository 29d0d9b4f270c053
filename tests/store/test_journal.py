"""What a replay wrote down before it died is there afterwards, and nothing else."""

import errno
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stopship.errors import EvidenceError, StopshipError, UsageError
from stopship.model.canonical import canonical_bytes
from stopship.model.run import Outcome, Status
from stopship.store.journal import Journal, Writer

PLAN = "a" * 64
TEXT = st.text(st.characters(), max_size=8) | st.sampled_from(
    ["\ud83d", '"},{"took_ms":1}', "\0\n", "\u2028"]
)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-9, 2**53 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=5,
)
RECORDS = st.dictionaries(TEXT, VALUES, max_size=3)
OUTCOMES = st.lists(
    st.builds(
        lambda key, sample, trace, took: Outcome(key=key, sample=sample, trace=trace, took_ms=took),
        TEXT, st.integers(0, 3), RECORDS, st.none() | st.floats(0, 1e9),
    ),
    max_size=5,
    unique_by=lambda one: (one.key, one.sample),
)  # fmt: skip
A, B, C = (Outcome(key=key, trace={"output": f"because {key}"}, took_ms=1.5) for key in "abc")


def said(one: Outcome) -> tuple[object, ...]:
    return one.key, one.sample, one.status, canonical_bytes(dict(one.trace)), one.error, one.took_ms


def written(folder: Path, *outcomes: Outcome) -> Path:
    with Journal(folder, PLAN) as journal:
        for one in outcomes:
            journal.add(one)
    return folder / "journal-main.jsonl"


@settings(max_examples=60, deadline=None)
@given(OUTCOMES, st.data())
def test_a_journal_cut_at_any_byte_tells_a_prefix(
    tmp_path_factory: pytest.TempPathFactory, outcomes: list[Outcome], data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("journal")
    path = written(folder, *outcomes)
    whole = path.read_bytes() if outcomes else b""
    cut = data.draw(st.integers(0, len(whole)))
    path.write_bytes(whole[:cut])
    count = max(0, whole[:cut].count(b"\n") - 1)
    found = Journal(folder, PLAN).outcomes()
    assert sorted(map(said, found)) == sorted(map(said, outcomes[:count]))
    written(folder, *outcomes[count:])  # going on after the cut loses and doubles nothing
    assert sorted(map(said, Journal(folder, PLAN).outcomes())) == sorted(map(said, outcomes))


def test_every_cut_of_a_journal_tells_a_prefix(tmp_path: Path) -> None:
    path = written(tmp_path, A, B, C)
    whole = path.read_bytes()
    for cut in range(len(whole)):
        path.write_bytes(whole[:cut])
        count = max(0, whole[:cut].count(b"\n") - 1)
        assert Journal(tmp_path, PLAN).outcomes() == (A, B, C)[:count]


def test_no_flipped_bit_invents_an_outcome(tmp_path: Path) -> None:
    path = written(tmp_path, A, B)
    whole = path.read_bytes()
    for index in range(len(whole)):
        path.write_bytes(whole[:index] + bytes([whole[index] ^ (1 << index % 8)]) + whole[index + 1 :])
        if index == len(whole) - 1:  # without its end the last line is torn
            assert Journal(tmp_path, PLAN).outcomes() == (A,)
            continue
        with pytest.raises(EvidenceError, match="--fresh"):
            Journal(tmp_path, PLAN).outcomes()


def test_a_damaged_line_is_named(tmp_path: Path) -> None:
    path = written(tmp_path, A, B, C)
    path.write_bytes(path.read_bytes().replace(b"because b", b"because x"))
    with pytest.raises(EvidenceError, match=r"journal-main.jsonl:line 3: damaged(.|\n)*--fresh"):
        Journal(tmp_path, PLAN).outcomes()
    path.write_bytes(b"\n" * 3)
    with pytest.raises(EvidenceError, match="line 1: damaged: is not the header"):
        Journal(tmp_path, PLAN).outcomes()


def test_a_journal_of_another_plan_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, A)
    with pytest.raises(EvidenceError, match="of another plan"):
        Journal(tmp_path, "b" * 64).outcomes()
    with Journal(tmp_path, "b" * 64) as other, pytest.raises(EvidenceError, match="of another plan"):
        other.add(A)
    # A line pasted from a journal of another plan is damage, though it is whole in itself.
    line = path.read_bytes().split(b"\n")[1]
    with Journal(tmp_path / "other", "b" * 64) as journal:
        journal.add(B)
        with (tmp_path / "other" / "journal-main.jsonl").open("ab") as stream:
            stream.write(line + b"\n")
        with pytest.raises(EvidenceError, match="line 3"):
            journal.outcomes()


def test_a_newer_format_says_so(tmp_path: Path) -> None:
    (tmp_path / "journal-x.jsonl").write_bytes(canonical_bytes({"format": 2, "plan": PLAN}) + b"\n")
    with pytest.raises(EvidenceError, match="format '2'; this stopship reads format 1"):
        Journal(tmp_path, PLAN).outcomes()


def test_writers_have_their_own_files_and_are_read_together(tmp_path: Path) -> None:
    with Writer(tmp_path, PLAN, "gw0") as one, Writer(tmp_path, PLAN, "gw1") as two:
        one.add(B)
        two.add(A)
        two.add(replace(B, took_ms=9.0))
        assert Journal(tmp_path, PLAN).outcomes() == (A, replace(B, took_ms=9.0))
        with pytest.raises(UsageError, match="another writer is called 'gw0'"):
            Writer(tmp_path, PLAN, "gw0")
    for name in ("", "../x", "a/b", "\0", "x" * 65):
        with pytest.raises(UsageError, match="cannot name a journal"):
            Writer(tmp_path, PLAN, name)


@pytest.mark.parametrize(
    "other", [replace(A, trace={"output": True}), replace(A, trace={}, status=Status.LOST)]
)
def test_one_output_told_in_two_ways_is_an_error(tmp_path: Path, other: Outcome) -> None:
    with Journal(tmp_path, PLAN) as journal:
        journal.add(replace(A, trace={"output": 1}))
        journal.add(other)
        with pytest.raises(
            EvidenceError, match=r"line 3: case 'a', sample 0 is told otherwise than in .*line 2"
        ):
            journal.outcomes()


def test_a_second_replay_is_sent_away_until_the_first_ends(tmp_path: Path) -> None:
    with Journal(tmp_path, PLAN):
        with (
            pytest.raises(UsageError, match="another replay of this plan is at work here"),
            Journal(tmp_path, PLAN),
        ):
            pass
        with Journal(tmp_path / "elsewhere", PLAN):
            pass
    with Journal(tmp_path, PLAN):
        pass


def test_dropping_removes_every_journal_unread(tmp_path: Path) -> None:
    path = written(tmp_path, A)
    path.write_bytes(b"garbage\n")
    (tmp_path / "journal-old.jsonl").write_bytes(b"\0")
    with Journal(tmp_path, PLAN) as journal:
        journal.drop()
        assert journal.outcomes() == ()
        journal.add(B)
        assert journal.outcomes() == (B,)
    with pytest.raises(StopshipError, match="without its lock"):
        journal.add(A)
    with pytest.raises(StopshipError, match="without its lock"):
        journal.drop()


def test_a_value_that_json_cannot_keep_leaves_no_line(tmp_path: Path) -> None:
    with Journal(tmp_path, PLAN) as journal:
        journal.add(A)
        with pytest.raises(EvidenceError, match=r"case 'x', sample 0, trace: \$\.n"):
            journal.add(Outcome(key="x", trace={"n": float("nan")}))
        with pytest.raises(EvidenceError, match="took_ms is"):
            journal.add(Outcome(key="x", trace={}, took_ms=float("inf")))
        journal.add(B)
    assert Journal(tmp_path, PLAN).outcomes() == (A, B)


def test_a_full_disk_is_said_and_leaves_whole_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real: Callable[..., int] = os.write
    with Journal(tmp_path, PLAN) as journal:
        journal.add(A)

        def full(descriptor: int, data: memoryview) -> int:
            if len(data) > 20:
                return real(descriptor, data[:20])
            raise OSError(errno.ENOSPC, "")

        with monkeypatch.context() as patched:
            patched.setattr(os, "write", full)
            with pytest.raises(StopshipError, match="the disk is full\n  free some space"):
                journal.add(B)
        assert journal.outcomes() == (A,)
        journal.add(C)
    assert Journal(tmp_path, PLAN).outcomes() == (A, C)


def test_lines_reach_the_disk_at_most_so_often_and_on_closing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", synced.append)
    for every, expected in ((0.0, 2), (1e9, 1)):
        writer = Writer(tmp_path, PLAN, f"every{expected}", sync_every_s=every)
        synced.clear()
        writer.add(A)
        writer.add(B)
        writer.close()
        writer.close()
        assert len(synced) == expected
    with pytest.raises(StopshipError, match="closed"):
        writer.add(C)


KILLED = """
import sys
from pathlib import Path
from stopship.model.run import Outcome
from stopship.store.journal import Journal
with Journal(Path(sys.argv[1]), "a" * 64) as journal:
    for index in range(10**9):
        journal.add(Outcome(key=f"{index:09d}", trace={"output": "x" * (index % 5000)}))
        if index == 50:
            print("ready", flush=True)
"""


def test_a_killed_replay_leaves_its_outcomes_and_its_lock(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", KILLED, str(tmp_path)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        with pytest.raises(UsageError, match="at work here"), Journal(tmp_path, PLAN):
            pass
        process.send_signal(signal.SIGKILL)
    with Journal(tmp_path, PLAN) as journal:
        found = journal.outcomes()
        assert len(found) > 50
        assert [one.key for one in found] == [f"{index:09d}" for index in range(len(found))]
        journal.add(Outcome(key="z", trace={}))
        assert len(journal.outcomes()) == len(found) + 1


def test_a_folder_that_cannot_be_used_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="cannot be written"), Journal(tmp_path / "file" / "x", PLAN):
        pass
    assert Journal(tmp_path / "none", PLAN).outcomes() == ()
    (tmp_path / "journal-x.jsonl").mkdir()
    with pytest.raises(EvidenceError, match="is not a file"):
        Journal(tmp_path, PLAN).outcomes()
