"""What a replay recorded before it died is there afterwards, and nothing else; secrets never are."""

import base64
import errno
import fcntl
import json
import os
import signal
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.examples import tries
from tests.store.recorded import RECORDINGS, as_kept, recording, said

from stopship.errors import EvidenceError, StopshipError, UsageError
from stopship.model.exchange import Answer, Recording
from stopship.store.recorder import JOURNAL, Recorder
from stopship.store.recordinglines import line_of
from stopship.store.recordings import Recordings

A = recording("lookup", {"id": 1}, "one")
B = recording("lookup", {"id": 2}, "two")
C = recording("search", {"q": "x"}, "three", case="refund-2")


def journal(folder: Path, *several: Recording) -> Path:
    with Recorder(folder) as recorder:
        recorder.add_all(several)
    return folder / JOURNAL


@settings(max_examples=tries(60), deadline=None)
@given(RECORDINGS, st.data())
def test_a_journal_cut_at_any_byte_tells_what_stood_before(
    tmp_path_factory: pytest.TempPathFactory, several: list[Recording], data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("journal")
    path = journal(folder, *several)
    whole = path.read_bytes()
    cut = data.draw(st.integers(0, len(whole)))
    path.write_bytes(whole[:cut])
    count = max(0, whole[:cut].count(b"\n") - 1)
    kept = [as_kept(one) for one in several]
    with Recorder(folder) as recorder:
        held = [recorder.find(one.asked.key) for one in several]
        assert said([one for one in held if one]) == said(kept[:count])
        assert held[count:] == [None] * (len(several) - count)
        recorder.add_all(several[count:])  # going on after the cut loses and doubles nothing
        recorder.sealed(folder / "r")
    assert said(Recordings(folder / "r").each()) == said(kept)


def test_every_cut_of_a_journal_is_sealed_up_to_it(tmp_path: Path) -> None:
    whole = journal(tmp_path, A, B, C).read_bytes()
    for cut in range(len(whole)):
        folder = tmp_path / str(cut)
        folder.mkdir()
        (folder / JOURNAL).write_bytes(whole[:cut])
        with Recorder(folder) as recorder:
            recorder.sealed(folder / "r")
        count = max(0, whole[:cut].count(b"\n") - 1)
        assert said(Recordings(folder / "r").each()) == said([A, B, C][:count])


def test_a_flipped_bit_in_a_journal_is_damage_or_a_torn_end(tmp_path: Path) -> None:
    path = journal(tmp_path, A, B)
    whole = path.read_bytes()
    for index in range(len(whole) - 1):
        path.write_bytes(whole[:index] + bytes([whole[index] ^ (1 << index % 8)]) + whole[index + 1 :])
        with Recorder(tmp_path) as recorder, pytest.raises(EvidenceError, match=r"recordings.jsonl:line \d"):
            recorder.sealed(tmp_path / "r")
    assert not (tmp_path / "r").exists()


def test_the_first_answer_of_a_call_holds_and_further_attempts_go_on_from_it(tmp_path: Path) -> None:
    first, other = recording("m", 1, "a"), recording("m", 1, "z")
    retried = recording("m", 1, "a", "b")
    with Recorder(tmp_path / "work") as one, Recorder(tmp_path / "work") as two:
        assert one.add(first) == first
        assert two.add(other) == first
        assert two.find(first.asked.key) == first
        assert two.add_all([retried, first, other, B]) == (retried, retried, retried, B)
        assert one.find(first.asked.key) == retried
        assert one.add(first) == retried
        one.sealed(tmp_path / "r")
        assert two.find(first.asked.key) is None  # sealed under its feet: another journal begins
        assert two.add(C) == C
        two.sealed(tmp_path / "r")
        assert one.sealed(tmp_path / "r") == ()
    assert said(Recordings(tmp_path / "r").each()) == said([retried, B, C])


_CHILD = """
import sys
from pathlib import Path
from tests.store.recorded import recording
from stopship.store.recorder import Recorder
with Recorder(Path(sys.argv[1])) as recorder:
    for number in range(int(sys.argv[3])):
        recorder.add(recording("m", number, sys.argv[2]))
        if number == 20:
            print("on", flush=True)
"""


def child(folder: Path, name: str, count: int) -> "subprocess.Popen[bytes]":
    root = Path(__file__).parents[2]
    env = {**os.environ, "PYTHONPATH": f"{root}{os.pathsep}{root / 'harness'}"}
    words = [sys.executable, "-c", _CHILD, str(folder), name, str(count)]
    return subprocess.Popen(words, env=env, stdout=subprocess.PIPE)


def test_several_processes_record_at_once_and_each_call_has_one_answer(tmp_path: Path) -> None:
    children = [child(tmp_path / "work", name, 120) for name in ("x", "y", "z")]
    assert [one.wait() for one in children] == [0, 0, 0]
    for one in children:
        assert one.stdout is not None
        one.stdout.close()
    with Recorder(tmp_path / "work") as recorder:
        recorder.sealed(tmp_path / "r")
    found = Recordings(tmp_path / "r")
    assert len(found) == 120
    assert not found.conflicts()


def test_nobody_appends_while_another_does_and_what_that_one_filed_holds(tmp_path: Path) -> None:
    path = journal(tmp_path / "work", A)
    other = recording("lookup", {"id": 2}, "told first")
    held: list[Recording] = []
    with Recorder(tmp_path / "work") as recorder, path.open("ab") as stream:
        assert recorder.find(B.asked.key) is None
        fcntl.flock(stream, fcntl.LOCK_EX)
        thread = threading.Thread(target=lambda: held.append(recorder.add(B)))
        thread.start()
        thread.join(0.2)
        assert thread.is_alive()
        stream.write(line_of(other).data)
        stream.flush()
        fcntl.flock(stream, fcntl.LOCK_UN)
        thread.join(30)
    assert held == [other]


def test_what_was_recorded_before_a_kill_is_there(tmp_path: Path) -> None:
    process = child(tmp_path / "work", "x", 10**6)
    assert process.stdout is not None
    assert process.stdout.readline() == b"on\n"
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    with Recorder(tmp_path / "work") as recorder:
        recorder.sealed(tmp_path / "r")
    assert len(Recordings(tmp_path / "r")) >= 20


def test_threads_of_one_process_share_a_recorder(tmp_path: Path) -> None:
    with Recorder(tmp_path / "work") as recorder:
        threads = [
            threading.Thread(target=lambda n=n: [recorder.add(recording("m", i, n)) for i in range(50)])
            for n in range(4)
        ]
        for one in threads:
            one.start()
        for one in threads:
            one.join()
        recorder.sealed(tmp_path / "r")
    assert len(Recordings(tmp_path / "r")) == 50


def test_a_full_disk_is_said_and_leaves_the_recorder_usable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Recorder(tmp_path / "work") as recorder:
        recorder.add(A)
        real = os.write

        def full(descriptor: int, data: memoryview) -> int:
            if len(data) > 10:
                return real(descriptor, data[:10])
            raise OSError(errno.ENOSPC, "")

        monkeypatch.setattr("stopship.store.recorder.os.write", full)
        with pytest.raises(StopshipError, match="not written: the disk is full"):
            recorder.add(B)
        monkeypatch.undo()
        assert recorder.add(C) == C
        recorder.sealed(tmp_path / "r")
    assert said(Recordings(tmp_path / "r").each()) == said([A, C])


def test_a_disk_that_is_full_while_it_is_sealed_keeps_the_journal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = journal(tmp_path / "work", A)
    with Recorder(tmp_path / "work") as recorder:

        def full(*_: object) -> None:
            raise OSError(errno.ENOSPC, "")

        monkeypatch.setattr("stopship.store.atomic.os.fsync", full)
        with pytest.raises(StopshipError, match="the disk is full"):
            recorder.sealed(tmp_path / "r")
    monkeypatch.undo()
    assert path.exists()
    assert len(Recordings(tmp_path / "r")) == 0


def test_a_journal_is_read_in_parts_and_none_of_it_is_taken_for_torn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    several = [recording("m", number, "x" * number) for number in range(60)]
    path = journal(tmp_path / "work", *several)
    longest = max(map(len, path.read_bytes().split(b"\n")))
    for part in (longest + 1, longest + 7, 4 * longest):
        monkeypatch.setattr("stopship.store.recorder.PART", part)
        with Recorder(tmp_path / "work") as recorder:
            assert all(recorder.find(one.asked.key) == one for one in several)
            assert recorder.add(A) == A
    monkeypatch.setattr("stopship.store.recorder.PART", longest - 1)
    with (
        Recorder(tmp_path / "work") as recorder,
        pytest.raises(EvidenceError, match=r"line \d+: damaged: more"),
    ):
        recorder.find(A.asked.key)
    monkeypatch.undo()
    with Recorder(tmp_path / "work") as recorder:
        recorder.sealed(tmp_path / "r")
    assert said(Recordings(tmp_path / "r").each()) == said([*several, A])


def test_what_cannot_be_written_is_the_users_to_mend(tmp_path: Path) -> None:
    (tmp_path / "work").write_text("a file")
    with pytest.raises(UsageError, match="cannot be written"), Recorder(tmp_path / "work") as recorder:
        recorder.add(A)
    closed = Recorder(tmp_path / "other")
    closed.close()
    with pytest.raises(StopshipError, match="closed"):
        closed.add(A)


VALUE = 'sk-"canary\\1/é+é?x'
HIDDEN = {"API_KEY": VALUE, "OTHER": "plain-canary-2", "UNSET": ""}
_FORMS = [
    VALUE,
    json.dumps({"a": {VALUE: VALUE}}),
    json.dumps([VALUE], ensure_ascii=False),
    quote(VALUE, safe=""),
    f"https://host/?key={quote(VALUE)}&b=1",
    *(base64.b64encode(f"{'u' * pad}:{VALUE}".encode()).decode() for pad in range(3)),
    "x" + HIDDEN["OTHER"] + HIDDEN["OTHER"],
]


@pytest.mark.parametrize("form", _FORMS)
def test_no_secret_is_written_whatever_field_it_stands_in(tmp_path: Path, form: str) -> None:
    base = recording("m", {form: [form, {form: form}], "n": 1}, {form: [form]}, form)
    call = replace(base.asked.call, name=form, pins=("model", form))
    asked = replace(base.asked, call=call, case=f"case {form}", pins={"model": form, form: form})
    answers = (*base.answers, Answer(error=f"ValueError: {form}", is_reusable=False))
    told = Recording(asked=asked, answers=answers)
    with Recorder(tmp_path / "work", HIDDEN) as recorder:
        held = recorder.add(told)
        assert recorder.find(recorder.secrets.asked(asked).key) == as_kept(held)
        check_bytes(tmp_path)
        recorder.sealed(tmp_path / "r")
    check_bytes(tmp_path)
    (one,) = Recordings(tmp_path / "r").each()
    assert "[secret " in one.asked.case
    assert one.asked.ask == recorder.secrets.asked(asked).ask


def check_bytes(folder: Path) -> None:
    """No file holds a secret, in any of the ways in which it could be read off it."""
    for path in (one for one in folder.rglob("*") if one.is_file()):
        data = path.read_bytes().decode()
        for raw in (b"sk-", b"canary"):
            assert raw.decode() not in data
        for value in (VALUE, HIDDEN["OTHER"]):
            assert json.dumps(value)[1:-1] not in data
            assert quote(value) not in data
            for pad in range(3):
                coded = base64.b64encode(b"u" * pad + b":" + value.encode()).decode()
                assert coded[4:-4] not in data


def test_a_secret_is_known_without_its_line_end_and_by_its_lines(tmp_path: Path) -> None:
    key = "-----BEGIN KEY-----\nMIIEvAIBADANBgkq\nabcdefghijklmnop\n-----END KEY-----\n"
    with Recorder(tmp_path / "work", {"KEY": "sk-0123456789\n", "PEM": key}) as recorder:
        kept = recorder.add(recording("m", "sk-0123456789 abcdefghijklmnop -----END KEY-----"))
    assert kept.asked.call.request == "[secret KEY] [secret PEM] -----END KEY-----"


def test_what_holds_no_secret_is_written_as_it_is(tmp_path: Path) -> None:
    with Recorder(tmp_path / "work", HIDDEN) as recorder:
        assert recorder.add(A) is A


def test_a_secret_that_cannot_be_taken_out_is_never_written(tmp_path: Path) -> None:
    with Recorder(tmp_path / "work", {"PIN": "12345678", "TWO": "87654321"}) as recorder:
        with pytest.raises(EvidenceError, match=r"a secret cannot be taken out(.|\n)*header"):
            recorder.add(recording("m", 12345678))
        with pytest.raises(EvidenceError, match="differ in nothing but a secret"):
            recorder.add(recording("m", {"12345678": 1, "[secret PIN]": 2}))
    with pytest.raises(UsageError, match="'PIN' has fewer than 6 characters"):
        Recorder(tmp_path, {"PIN": "123"})


@pytest.mark.parametrize("how", ["cut", "overwritten"])
def test_a_line_that_changes_between_its_proof_and_its_writing_is_not_sealed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    with Recorder(tmp_path / "work") as recorder:
        recorder.add_all([A, B, C])
        proven, seen = recorder._order, list[int]()

        def order(offset: int, size: int) -> tuple[bytes, bytes]:
            found = proven(offset, size)
            seen.append(offset)
            if len(seen) == 3:
                with recorder.path.open("r+b") as file:
                    if how == "cut":
                        file.truncate(offset + 40)
                    else:
                        file.seek(offset + size - 20)
                        file.write(b"XXXX")
            return found

        monkeypatch.setattr(recorder, "_order", order)
        with pytest.raises(EvidenceError, match="damaged: the line is not that of its digest"):
            recorder.sealed(tmp_path / "sealed")
    assert recorder.path.exists()
    assert list(Recordings(tmp_path / "sealed").each()) == []
