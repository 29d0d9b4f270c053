"""Replays: what is served, what is drawn, parts of one run, and a replay that is killed."""

import os
import random
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.families import first_fast
from tests.gating.making import Made, make

from stopship.errors import EvidenceError, UsageError
from stopship.gating.epochs import Draw
from stopship.gating.opened import OpenSuite
from stopship.gating.performing import replay
from stopship.gating.replay import Replay, Replayed, planned
from stopship.gating.selection import Selection
from stopship.gating.stacking import answering
from stopship.model.columns import condition_of
from stopship.model.verdict import Verdict
from stopship.pinning.lock import lock_stack
from stopship.store.journal import Journal
from stopship.store.runs import merged

ROOT = Path(__file__).parents[2]


def plan_of(made: Made, opened: OpenSuite | None = None) -> Replay:
    return planned(opened or made.open(), made.place, answering(made.folder / "stack.toml"))


def again(made: Made) -> Replayed:
    return replay(plan_of(made))


def test_an_equal_plan_is_served(tmp_path: Path) -> None:
    made = make(tmp_path / "s", is_accepted=False)
    first, second = again(made), again(made)
    assert (first.is_served, second.is_served) == (False, True)
    assert first.run.id == second.run.id


@pytest.mark.parametrize("file", ["app/answer.py", "stack.json"])
def test_what_changed_and_was_locked_anew_is_not_served(tmp_path: Path, file: str) -> None:
    made = make(tmp_path / "s", is_accepted=False)
    first = again(made)
    path = made.folder / file
    path.write_bytes(path.read_bytes() + b"\n")
    with pytest.raises(EvidenceError, match="has drifted from its lock in"):
        again(made)
    lock_stack(made.folder / "stack.toml")
    second = again(made)
    assert not second.is_served
    assert second.run.id != first.run.id


def test_fresh_outputs_are_drawn_however_often_they_were(tmp_path: Path) -> None:
    made = make(tmp_path / "s", is_accepted=False, replay="", draws=10_000)
    assert made.replay().id == made.replay().id != made.replay(fresh=True).id


def test_nothing_stays_in_the_folder_for_replays_under_way(tmp_path: Path) -> None:
    made = make(tmp_path / "s", is_accepted=False)
    made.replay()
    assert list((made.folder / ".stopship" / "work").iterdir()) == []


def left_over(made: Made, count: int = 7) -> Replay:
    """A replay that was broken off after some outputs."""
    plan = plan_of(made)
    plan.place.made()
    with Journal(plan.journal_folder, plan.identity) as journal, plan.engine() as engine:
        for _, outcome in zip(range(count), engine.outcomes(plan.jobs())):
            journal.add(outcome)
    return plan


def test_a_left_over_replay_says_so_and_is_gone_on_with_or_dropped(tmp_path: Path) -> None:
    whole = make(tmp_path / "whole", is_accepted=False).replay()
    made = make(tmp_path / "s", is_accepted=False)
    left_over(made)
    with pytest.raises(UsageError, match="broken off with 7 of 60 outputs"):
        made.replay()
    assert made.replay(resume=True).id == whole.id
    other = make(tmp_path / "t", is_accepted=False)
    left_over(other)
    assert other.replay(fresh=True).id == whole.id


def test_going_on_asks_only_for_what_is_missing(tmp_path: Path) -> None:
    made = make(tmp_path / "s", is_accepted=False, replay="", draws=10_000)
    left_over(made, 45)
    run = made.replay(resume=True)
    assert len(run.outcomes) == 60
    assert (made.folder / ".draws").stat().st_size <= 61  # one may have been under way


def test_a_second_replay_of_one_plan_waits_says_so_and_is_served(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = make(tmp_path / "s", is_accepted=False, replay="", draws=10_000)
    plan = plan_of(made)
    plan.place.made()
    with ThreadPoolExecutor() as pool:
        with plan.journal(print) as journal:
            second = pool.submit(replay, plan)
            time.sleep(0.8)
            first = plan.sealed([*plan.engine().outcomes(plan.jobs())], {})
            journal.finish()
        assert second.result(20).is_served
        assert second.result().run.id == first.run.id
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 1
    assert said[0].startswith("waiting for another replay of this plan, at work in ")
    assert (made.folder / ".draws").stat().st_size == 60
    assert list((made.folder / ".stopship" / "work").iterdir()) == []


def test_a_replay_that_waited_for_one_that_was_broken_off_goes_on_from_what_is_filed(tmp_path: Path) -> None:
    made = make(tmp_path / "s", is_accepted=False, replay="", draws=10_000)
    plan = plan_of(made)
    plan.place.made()
    with ThreadPoolExecutor() as pool:
        with plan.journal(print) as journal, plan.engine() as engine:
            second = pool.submit(replay, plan)
            time.sleep(0.3)
            for _, outcome in zip(range(20), engine.outcomes(plan.jobs())):
                journal.add(outcome)
        assert len(second.result(20).run.outcomes) == 60
    assert (made.folder / ".draws").stat().st_size <= 61


@pytest.mark.parametrize("word", first_fast(["gate", "replay"]))
def test_two_commands_at_once_ask_for_each_output_once_and_agree(tmp_path: Path, word: str) -> None:
    made = make(tmp_path / "s", replay="", draws=10_000)
    path = made.folder / "app" / "answer.py"
    path.write_text(path.read_text("utf-8") + SLOW, "utf-8")
    lock_stack(made.folder / "stack.toml")
    before = (made.folder / ".draws").stat().st_size
    words = [sys.executable, "-m", "stopship", word, str(made.folder)]
    pipe = subprocess.PIPE
    both = [subprocess.Popen(words, cwd=ROOT, stdout=pipe, stderr=pipe, text=True) for _ in range(2)]
    ends = [one.communicate(timeout=60) for one in both]
    assert [one.returncode for one in both] == [0, 0], ends
    assert (made.folder / ".draws").stat().st_size == before + 60
    runs = {out.split("candidate ")[-1].split()[0] if word == "gate" else out.split()[1] for out, _ in ends}
    assert len(runs) == 1


def test_what_clears_damaged_state_away_is_a_command_or_a_folder(tmp_path: Path) -> None:
    made = make(tmp_path / "s", replay="", draws=10_000)
    other = made.stack("other", draws=10_000)
    opened = made.open()
    suite = os.path.relpath(made.folder)
    assert plan_of(made, opened).remedy == f"start over: stopship replay {suite} --fresh"
    stack = planned(opened, made.place, answering(other))
    assert stack.remedy == f"start over: stopship replay {suite} --stack {os.path.relpath(other)} --fresh"
    for how in ({"repeats": 3}, {"draw": Draw(purpose="accept x")}, {"selection": Selection(shard=(1, 2))}):
        part = planned(opened, made.place, answering(made.folder / "stack.toml"), **how)
        assert part.remedy.startswith(f"delete {part.journal_folder}")


@pytest.mark.parametrize("order", [[1, 2, 3], [3, 1, 2]])
def test_three_shards_are_the_run_that_one_replay_is(tmp_path: Path, order: list[int]) -> None:
    made = make(tmp_path / "s")
    whole = made.replay(fresh=True)
    shards = [made.shard(i, 3) for i in order]
    run = merged(shards, planned=made.open().case_digests)
    assert run.id == whole.id
    assert made.judge(run) == made.judge(whole)
    assert made.judge(run).verdict is Verdict.SHIP


def test_more_shards_than_cases_are_the_run_too(tmp_path: Path) -> None:
    made = make(tmp_path / "s")
    shards = [made.shard(i, 90) for i in range(1, 91)]
    assert any(not one.outcomes for one in shards)
    assert merged(shards, planned=made.open().case_digests).id == made.replay().id


def test_a_single_shard_of_one_is_the_whole(tmp_path: Path) -> None:
    made = make(tmp_path / "s")
    assert made.judge(made.shard(1, 1)).verdict is Verdict.SHIP


def test_a_shard_given_twice_is_refused(tmp_path: Path) -> None:
    made = make(tmp_path / "s")
    with pytest.raises(EvidenceError, match="stands in two shards"):
        merged([made.shard(1, 2), made.shard(1, 2)], planned=made.open().case_digests)


def test_shards_of_two_stacks_are_refused(tmp_path: Path) -> None:
    made = make(tmp_path / "s")
    made.stack("other", wrong=["c30"])
    with pytest.raises(EvidenceError, match="no shards of one plan"):
        merged([made.shard(1, 2), made.shard(2, 2, "other")], planned=made.open().case_digests)


def test_a_shard_with_a_pin_replaced_by_hand_never_ships(tmp_path: Path) -> None:
    made = make(tmp_path / "s")
    shards = [made.replay(pins=["model=m2"], selection=Selection(shard=(i, 2))) for i in (1, 2)]
    record = made.judge(merged(shards, planned=made.open().case_digests))
    assert record.verdict is Verdict.VOID
    assert "pins replaced by hand: model" in record.reasons[0]


@pytest.mark.parametrize(
    ("pin", "error"),
    [
        ("mode=m2", "did you mean 'model'"),
        ("prompt", "replaces nothing"),
        ("=x", "replaces nothing"),
        ("prompt=", "replaces nothing"),
        ("prompt=nowhere.json", "nowhere.json"),
    ],
)
def test_a_pin_that_cannot_be_replaced_is_refused(tmp_path: Path, pin: str, error: str) -> None:
    made = make(tmp_path / "s")
    with pytest.raises(UsageError, match=error):
        made.replay(pins=[pin])


def test_code_replaced_by_hand_that_would_not_run_is_refused(tmp_path: Path) -> None:
    made = make(tmp_path / "s")
    (made.folder / "other").mkdir()
    (made.folder / "other" / "answer.py").write_text("def answer(case, stack):\n    return ''\n", "utf-8")
    with pytest.raises(EvidenceError, match="no pin of the stack holds the target"):
        made.replay(pins=[f"code={made.folder}/other"])


def test_cases_are_chosen_by_key_and_by_condition(tmp_path: Path) -> None:
    made = make(tmp_path / "s")
    some = made.replay(selection=Selection(where=(condition_of("lang=de"),)))
    one = made.replay(selection=Selection(keys=("c07",)), repeats=5)
    every = made.replay(selection=Selection(where=(condition_of("key=c*"),)))
    assert (len(some.head.planned), some.head.selection) == (30, "30 of 60 cases")
    assert [(it.key, it.sample) for it in one.outcomes] == [("c07", i) for i in range(5)]
    assert every.head.selection == ""
    with pytest.raises(UsageError, match="no case is called 'c7'"):
        made.replay(selection=Selection(keys=("c7",)))
    with pytest.raises(UsageError, match="no case matches lang=fr"):
        made.replay(selection=Selection(where=(condition_of("lang=fr"),)))


def test_repeated_outputs_are_one_case_each(tmp_path: Path) -> None:
    made = make(tmp_path / "s")
    run = made.replay(repeats=3)
    record = made.judge(run)
    assert record.counts["candidate"] == 60
    assert record.verdict is Verdict.SHIP


SLOW = """
import time
plain = answer
def answer(case, stack):
    time.sleep(0.01)
    return plain(case, stack)
"""


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_a_killed_replay_that_is_gone_on_with_equals_an_undisturbed_one(tmp_path: Path, seed: int) -> None:
    made = make(tmp_path / "s", is_accepted=False)
    path = made.folder / "app" / "answer.py"
    path.write_text(path.read_text("utf-8") + SLOW, "utf-8")
    lock_stack(made.folder / "stack.toml")
    words = [sys.executable, "-m", "stopship", "replay", str(made.folder), "--resume"]
    chance = random.Random(seed)  # noqa: S311  # moments, not secrets
    for _ in range(3):
        process = subprocess.Popen(words, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(0.3 + chance.random() * 0.9)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True)
    undisturbed = make(tmp_path / "t", is_accepted=False)
    other = undisturbed.folder / "app" / "answer.py"
    other.write_bytes(path.read_bytes())
    lock_stack(undisturbed.folder / "stack.toml")
    assert undisturbed.replay().id in done.stdout
