"""How a journal ends: killed, on a full disk, with values that no line can hold."""

import errno
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from tests.store.test_journal import PLAN, A, B, C, said, written

from stopship.errors import EvidenceError, StopshipError, UsageError
from stopship.model.run import Outcome, Status
from stopship.store.journal import Journal, Writer


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
        writer = Writer(tmp_path / f"every{expected}", PLAN, sync_every_s=every)
        writer.add(C)
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
        waited: list[str] = []

        def kill(line: str) -> None:
            waited.append(line)
            process.send_signal(signal.SIGKILL)

        with Journal(tmp_path, PLAN, say=kill):
            pass
        assert len(waited) == 1
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
    (tmp_path / "journal.jsonl").mkdir()
    with pytest.raises(EvidenceError, match="is not a file"):
        Journal(tmp_path, PLAN).outcomes()


def test_what_was_lost_is_taken_out_and_asked_for_again(tmp_path: Path) -> None:
    lost = Outcome(key="x", status=Status.LOST, trace={}, error="HTTP 503")
    written(tmp_path, A, lost, B)
    with Journal(tmp_path, PLAN) as journal:
        assert not journal.claim("x", 0)
    with Journal(tmp_path, PLAN) as journal:
        journal.forget_lost()
        assert [said(one) for one in journal.outcomes()] == [said(A), said(B)]
        assert journal.claim("x", 0)
        found = replace(C, key="x")
        assert journal.add(found) is found
        journal.forget_lost()
        assert [one.key for one in journal.outcomes()] == ["a", "b", "x"]
    with pytest.raises(StopshipError, match="without its lock"):
        Journal(tmp_path, PLAN).forget_lost()


def test_a_journal_that_is_cut_while_it_is_in_use_ends_the_replay_at_the_next_output(tmp_path: Path) -> None:
    with Journal(tmp_path, PLAN) as journal:
        journal.add(A)
        journal.add(B)
        path = tmp_path / "journal.jsonl"
        path.write_bytes(path.read_bytes()[:-5])
        with pytest.raises(EvidenceError, match="damaged: it was cut while it was in use"):
            journal.add(C)
    assert Journal(tmp_path, PLAN).outcomes() == (A,)


@pytest.mark.parametrize("how", ["removed", "replaced"])
def test_a_journal_that_is_gone_while_a_replay_holds_its_lock_is_told_at_once(
    tmp_path: Path, how: str
) -> None:
    with Journal(tmp_path, PLAN) as journal:
        journal.add(A)
        path = tmp_path / "journal.jsonl"
        old = path.read_bytes()
        path.unlink()
        if how == "replaced":
            path.write_bytes(old)
        with pytest.raises(EvidenceError, match="was removed or replaced while a replay was at work on it"):
            journal.add(B)


def test_a_replay_may_drop_and_mend_its_own_journal(tmp_path: Path) -> None:
    with Journal(tmp_path, PLAN) as journal:
        journal.add(A)
        journal.drop()
        assert dict(journal.filed()) == {}
        journal.add(replace(B, status=Status.LOST, trace={}))
        journal.add(C)
        journal.forget_lost()
        assert [one.key for one in journal.filed().values()] == ["c"]
        assert journal.add(B) == B


def test_a_line_that_is_another_than_was_read_is_never_given_for_it(tmp_path: Path) -> None:
    with Journal(tmp_path, PLAN) as journal:
        for one in (A, B):
            journal.add(one)
        filed = journal.filed()
        path = tmp_path / "journal.jsonl"
        first, a, b = path.read_bytes().splitlines(keepends=True)
        assert len(a) == len(b)
        with path.open("r+b") as file:
            file.seek(len(first))
            file.write(b)
        with pytest.raises(EvidenceError, match="the line is another than was read before"):
            filed["a", 0]
        with pytest.raises(EvidenceError, match="the line is another than was read before"):
            journal.find("a", 0)
