"""A replay that is killed at any moment, again and again, ends as one that nobody disturbed."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import Self

import pytest

from stopship.model.exchange import PATH
from stopship.model.run import Status
from stopship.store.recordings import Recordings
from stopship.store.runs import find_runs, read_run

pytestmark = pytest.mark.slow

CASES = 60
APP = """
import os
import time

import stopship


def note(what, key):
    with open(os.environ["KILLS_LOG"], "ab", buffering=0) as file:
        file.write(f"{what} {key}\\n".encode())


@stopship.boundary(kind="retrieval", effect="read")
def search(key):
    note("search", key)
    return [f"text of {key}"]


@stopship.boundary(kind="tool", effect="write")
def reserve(key):
    note("reserve", key)
    return "reserved"


def answer(case, stack):
    note("target", case.key)
    found = search(case.key)
    time.sleep(0.004)
    return f"{found} {reserve(case.key)} {stopship.rng().random():.3f}"
"""
SUITE = """format = 1
suite = "kills"
cases = "cases.jsonl"
stack = "stack.toml"
[replay]
target = "app/answer.py:answer"
deterministic = {is_deterministic}
{replay}
[[rule]]
id = "says"
score = "contains(text=reserved)"
compare = {{ better = "higher", margin = "10pt" }}
"""
NEW = ("--record", "new", "--allow-effects", "reserve")


@dataclass
class Desk:
    """A suite in a folder, and a log beside it of what was executed."""

    folder: Path
    words: tuple[str, ...]
    replay: str
    cases: int = CASES
    is_deterministic: str = "true"

    def made(self) -> Self:
        (self.folder / "app").mkdir(parents=True)
        (self.folder / "app/answer.py").write_text(APP)
        rows = [{"key": f"c{number:02}", "question": f"Is {number} there?"} for number in range(self.cases)]
        (self.folder / "cases.jsonl").write_text("".join(json.dumps(one) + "\n" for one in rows))
        (self.folder / "stack.toml").write_text('[model]\nversion = "m-1"\n[code]\npaths = ["app"]\n')
        (self.folder / "suite.toml").write_text(SUITE.format(**vars(self)))
        assert self.run("pins", "lock", str(self.folder / "stack.toml")).startswith("exit 0")
        return self

    def copied(self, folder: Path) -> Self:
        """The same suite elsewhere, with its recordings, its stamps of time and nothing at work."""
        shutil.copytree(self.folder, folder, ignore=shutil.ignore_patterns(".stopship"))
        return replace(self, folder=folder)

    @property
    def log(self) -> Path:
        return self.folder.with_suffix(".log")

    @property
    def executed(self) -> list[str]:
        """`search c07` and the like, in their order."""
        return self.log.read_text().splitlines() if self.log.exists() else []

    @property
    def filed(self) -> set[str]:
        """The cases whose outcomes stand in the journal as whole lines."""
        lines = [
            one for path in self.at_work("journal.jsonl") for one in path.read_bytes().split(b"\n")[1:-1]
        ]
        return {json.loads(one)["outcome"]["key"] for one in lines}

    @property
    def recorded(self) -> set[str]:
        """The calls that stand in the journal of recordings as whole lines."""
        lines = [
            one for path in self.at_work("recordings.jsonl") for one in path.read_bytes().split(b"\n")[1:-1]
        ]
        return {f"{one[4]} {one[2]}" for one in (json.loads(line)["question"] for line in lines)}

    def at_work(self, name: str) -> list[Path]:
        return list((self.folder / ".stopship").glob(f"work/*/{name}"))

    def begun(self, *words: str) -> subprocess.Popen[str]:
        env = {name: one for name, one in os.environ.items() if name not in ("CI", "STOPSHIP_STORE")}
        return subprocess.Popen(
            [sys.executable, "-m", "stopship", *words],
            env=env | {"KILLS_LOG": str(self.log)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def replaying(self, *words: str) -> subprocess.Popen[str]:
        return self.begun("replay", str(self.folder), "--allow-blind", *self.words, *words)

    def run(self, *words: str) -> str:
        return ended(self.begun(*words))

    def run_id(self) -> str:
        """Of the only run that was sealed; it is whole, and every case has its outcome."""
        (found,) = find_runs(self.folder / ".stopship/runs")
        run = read_run(self.folder / ".stopship/runs" / found)
        assert [(one.key, one.status) for one in run.outcomes] == [
            (f"c{number:02}", Status.OK) for number in range(self.cases)
        ]
        return run.id


def ended(process: subprocess.Popen[str]) -> str:
    said, _ = process.communicate(timeout=60)
    return f"exit {process.returncode} {said}"


def wait_until(process: subprocess.Popen[str], desk: Desk, moment: int) -> None:
    """Until the target was executed so often since the beginning, or the process has ended."""
    while process.poll() is None and len([one for one in desk.executed if one[:6] == "target"]) < moment:
        time.sleep(0.002)


def killed(desk: Desk, process: subprocess.Popen[str], chance: random.Random, phase: str) -> bool:
    """Whether the process was still there to be killed: at its start, among the outputs, or at its end."""
    executed = len([one for one in desk.executed if one[:6] == "target"])
    if phase == "start":
        time.sleep(chance.uniform(0.0, 0.6))
    elif phase == "outputs":
        wait_until(process, desk, executed + 1 + chance.randrange(CASES // 3))
        time.sleep(chance.uniform(0.0, 0.006))
    else:
        wait_until(process, desk, executed + CASES - len(desk.filed))
        time.sleep(chance.uniform(0.0, 0.15))
    was_there = process.poll() is None
    process.send_signal(signal.SIGKILL)
    said = ended(process)
    assert was_there == said.startswith(f"exit {-signal.SIGKILL}") or said.startswith("exit 0"), said
    assert "Traceback" not in said
    return said.startswith(f"exit {-signal.SIGKILL}")


@dataclass
class Round:
    """One replay from its first begin to its end."""

    desk: Desk
    kills: int
    filed_and_asked: set[str]
    recorded_and_made: set[str]


def tormented(desk: Desk, chance: random.Random, most: int) -> Round:
    """Replay, kill, go on: until it ends, or was killed so often that it may end in peace."""
    done, words = Round(desk, 0, set(), set()), list[str]()
    for phase in [*chance.choices(["start", "outputs", "outputs", "end"], k=most), "peace"]:
        filed, recorded, before = desk.filed, desk.recorded, len(desk.executed)
        process = desk.replaying(*words)
        words = ["--resume"]
        if phase == "peace":
            assert ended(process).startswith("exit 0")
        else:
            done.kills += killed(desk, process, chance, phase)
        new = desk.executed[before:]
        done.filed_and_asked |= {one for one in new if one.split()[1] in filed}
        done.recorded_and_made |= set(new) & recorded
    return done


@pytest.fixture(scope="module")
def frozen(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """A suite whose calls were recorded, and which replays frozen."""
    folder = tmp_path_factory.mktemp("frozen") / "suite"
    desk = Desk(folder, (), 'fidelity = "frozen"').made()
    assert ended(desk.replaying(*NEW)).startswith("exit 0")
    return desk


def suite_of(name: str, folder: Path, frozen: Desk) -> tuple[Desk, int]:
    """A suite, and how many of its cases are in flight at once."""
    if name == "frozen":
        return frozen.copied(folder), 1
    flights = 4 if name == "four at once" else 1
    return Desk(folder, NEW, f"concurrency = {flights}").made(), flights


@pytest.mark.parametrize(("name", "kills"), [("recording", 12), ("four at once", 9), ("frozen", 9)])
def test_a_replay_survives_kills_at_any_moment(name: str, kills: int, tmp_path: Path, frozen: Desk) -> None:
    chance = random.Random(name)  # noqa: S311  # the same moments every time
    first, flights = suite_of(name, tmp_path / "first", frozen)
    undisturbed = first.copied(tmp_path / "undisturbed")
    assert ended(undisturbed.replaying()).startswith("exit 0")
    wanted, left = undisturbed.run_id(), kills
    for number in count():
        one = tormented(first.copied(tmp_path / f"round{number}"), chance, min(7, left))
        left -= one.kills
        assert one.desk.run_id() == wanted
        assert one.filed_and_asked == set()
        assert one.recorded_and_made == set()
        check_counts(one, flights, is_frozen=name == "frozen")
        check_recordings(one.desk)
        if left <= 0:
            break
    assert one.desk.run("cache", "check", "--suite", str(one.desk.folder)).startswith("exit 0")


def check_counts(one: Round, flights: int, *, is_frozen: bool) -> None:
    """Calls are made once a case, and once more for each kill and output that was under way: of several at
    once also those that had ended and were to be filed, as many as are in flight (`Engine.outcomes`)."""
    counts = Counter(line.split()[0] for line in one.desk.executed)
    lost = one.kills * (1 if flights == 1 else 2 * flights)
    assert CASES <= counts["target"] <= CASES + lost
    for name in ("search", "reserve"):
        least = 0 if is_frozen else CASES
        assert least <= counts[name] <= (0 if is_frozen else CASES + lost)


def check_recordings(desk: Desk) -> None:
    """Every call of every case is in the store, once, and its path."""
    kept = Recordings(desk.folder / "recordings")
    assert len(kept) == 3 * CASES
    assert {(one.asked.case, one.asked.call.name) for one in kept.each()} == {
        (f"c{number:02}", name) for number in range(CASES) for name in ("search", "reserve", PATH)
    }


@pytest.mark.parametrize("name", ["recording", "four at once", "frozen"])
def test_two_replays_at_once_give_one_run(name: str, tmp_path: Path, frozen: Desk) -> None:
    desk, _ = suite_of(name, tmp_path / "suite", frozen)
    both = [desk.replaying(), desk.replaying()]
    said = [ended(one) for one in both]
    assert [one[:6] for one in said] == ["exit 0", "exit 0"], said
    run = desk.run_id()
    assert all(run[:12] in one for one in said)
    check_recordings(desk)
    counts = Counter(line.split()[0] for line in desk.executed)
    assert counts["search"] == counts["reserve"] == (0 if name == "frozen" else CASES)
