"""What a replay wrote down before it died is there afterwards, and nothing else."""

import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.examples import tries

from stopship.errors import EvidenceError, StopshipError
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
    return folder / "journal.jsonl"


@settings(max_examples=tries(60), deadline=None)
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
    with pytest.raises(EvidenceError, match=r"journal.jsonl:line 3: damaged(.|\n)*--fresh"):
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
        with (tmp_path / "other" / "journal.jsonl").open("ab") as stream:
            stream.write(line + b"\n")
        with pytest.raises(EvidenceError, match="line 3"):
            journal.outcomes()


def test_a_newer_format_says_so(tmp_path: Path) -> None:
    (tmp_path / "journal.jsonl").write_bytes(canonical_bytes({"format": 2, "plan": PLAN}) + b"\n")
    with pytest.raises(EvidenceError, match="format '2'; this stopship reads format 1"):
        Journal(tmp_path, PLAN).outcomes()


def test_the_first_outcome_that_anybody_filed_holds_for_every_writer_and_reader(tmp_path: Path) -> None:
    other = replace(B, trace={"output": "otherwise"})
    with Writer(tmp_path, PLAN) as one, Writer(tmp_path, PLAN) as two:
        assert one.add(B) == B
        assert two.add(other) == B
        assert two.add(A) == A
        assert one.find("a", 0) == A
        assert one.find("c", 0) is None
        assert Journal(tmp_path, PLAN).outcomes() == (A, B)
    with Writer(tmp_path, PLAN) as three:
        assert three.find("b", 0) == B
        assert three.add(replace(B, took_ms=9.0)) == B
    assert Journal(tmp_path, PLAN).outcomes() == (A, B)


@settings(max_examples=tries(60), deadline=None)
@given(st.lists(st.tuples(st.integers(0, 2), st.sampled_from("abc"), st.integers(0, 9)), max_size=12))
def test_however_writers_take_turns_all_agree_with_the_reader(
    tmp_path_factory: pytest.TempPathFactory, turns: list[tuple[int, str, int]]
) -> None:
    folder = tmp_path_factory.mktemp("journal")
    writers = [Writer(folder, PLAN) for _ in range(3)]
    said: dict[str, Outcome] = {}
    by: dict[str, int] = {}
    for who, key, number in turns:
        one = Outcome(key=key, trace={"output": number})
        if by.setdefault(key, who) == who and key in said:
            continue  # one writer tells a sample once
        assert writers[who].add(one) == said.setdefault(key, one)
    for writer in writers:
        assert {key: writer.find(key, 0) for key in said} == said
        writer.close()
    assert Journal(folder, PLAN).outcomes() == tuple(said[key] for key in sorted(said))


def test_a_writer_whose_journal_is_dropped_begins_with_the_next_one(tmp_path: Path) -> None:
    with Writer(tmp_path / "x", PLAN) as writer:
        writer.add(A)
        with Journal(tmp_path / "x", PLAN) as journal:
            journal.finish()
        assert not (tmp_path / "x").exists()
        assert writer.find("a", 0) is None
        assert writer.add(B) == B
        assert Journal(tmp_path / "x", PLAN).outcomes() == (B,)


CLAIMS = """
import sys
from pathlib import Path
from stopship.store.journal import Writer
writer = Writer(Path(sys.argv[1]), "a" * 64)
for line in sys.stdin:
    print(writer.claim(line.strip(), 0), flush=True)
"""


def test_a_sample_is_asked_for_by_one_process_until_it_is_filed_released_or_dead(tmp_path: Path) -> None:
    words = [sys.executable, "-c", CLAIMS, str(tmp_path)]
    pipe = subprocess.PIPE
    with (
        Writer(tmp_path, PLAN) as writer,
        subprocess.Popen(words, stdin=pipe, stdout=pipe, text=True) as process,
    ):
        assert process.stdin is not None
        assert process.stdout is not None
        out, into = process.stdout, process.stdin

        def other(key: str) -> str:
            print(key, file=into, flush=True)
            return out.readline().strip()

        assert all(writer.claim(key, 0) for key in "abc")
        assert (other("a"), other("d")) == ("False", "True")
        assert not writer.claim("d", 0)
        writer.release("a", 0)
        assert other("a") == "True"
        writer.add(B)
        assert other("b") == "False", "filed"
        assert not writer.claim("b", 0)
        process.kill()
        process.wait()
        assert writer.claim("d", 0)


@pytest.mark.parametrize(
    "other", [replace(A, trace={"output": True}), replace(A, trace={}, status=Status.LOST)]
)
def test_one_output_told_in_two_ways_is_an_error(tmp_path: Path, other: Outcome) -> None:
    with Journal(tmp_path, PLAN) as journal:
        journal.add(replace(A, trace={"output": 1}))
        journal.add(other)
        with pytest.raises(
            EvidenceError, match=r"line 3: case 'a', sample 0 is told otherwise than in line 2"
        ):
            journal.outcomes()


def test_a_second_replay_waits_until_the_first_ends_and_says_once_what_for(tmp_path: Path) -> None:
    order: list[str] = []

    def second() -> None:
        with Journal(tmp_path, PLAN, say=order.append) as journal:
            assert journal.is_shared
            assert journal.outcomes() == (A,)
            order.append("second")

    thread = threading.Thread(target=second)
    with Journal(tmp_path, PLAN) as journal:
        assert not journal.is_shared
        thread.start()
        time.sleep(0.8)
        journal.add(A)
        with Journal(tmp_path / "elsewhere", PLAN):
            order.append("first")
    thread.join(10)
    waited, *rest = order
    assert waited.startswith("waiting for another replay of this plan, at work in ")
    assert rest == ["first", "second"]


def test_a_lock_that_was_removed_under_a_waiting_replay_lets_only_one_in(tmp_path: Path) -> None:
    inside: list[int] = []
    most: list[int] = []

    def enter() -> None:
        with Journal(tmp_path / "x", PLAN) as journal:
            inside.append(1)
            most.append(len(inside))
            time.sleep(0.05)
            inside.pop()
            journal.finish()

    threads = [threading.Thread(target=enter) for _ in range(6)]
    for one in threads:
        one.start()
    for one in threads:
        one.join(20)
    assert most == [1] * 6


def test_what_is_filed_beside_a_session_is_not_left_over(tmp_path: Path) -> None:
    with Writer(tmp_path, PLAN) as writer:
        assert writer.claim("a", 0)
        writer.add(A)
        with Journal(tmp_path, PLAN) as journal:
            assert journal.is_shared
    with Journal(tmp_path, PLAN) as journal:
        assert not journal.is_shared
        assert journal.outcomes() == (A,)


def test_damage_names_what_to_do_about_it(tmp_path: Path) -> None:
    path = written(tmp_path, A)
    path.write_bytes(path.read_bytes().replace(b"because", b"becauze"))
    with pytest.raises(EvidenceError, match="stopship replay mine --fresh"):
        Journal(tmp_path, PLAN, remedy="start over: stopship replay mine --fresh").outcomes()


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
