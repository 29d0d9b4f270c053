"""Commands that change files, killed just before one change of a file: done again, they end as if nobody had
disturbed them, and until then no gate says what it says neither before nor afterwards."""

import json
import shutil
import signal
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.cli.killing import Forks

from stopship.store.runs import find_runs, read_run

pytestmark = pytest.mark.slow

CASES = 6
APP = """
from pathlib import Path

import stopship


@stopship.boundary(kind="retrieval", effect="read")
def search(key):
    return [f"{Path('world.txt').read_text()} of {key}"]


def answer(case, stack):
    found = search(case.key)
    wrong = stack.text("prompt").split()
    is_wrong = case.key in wrong or ("half" in wrong and case.key > "c2" and stopship.rng().random() < 0.5)
    return "no" if is_wrong else f"yes {found}"
"""
SUITE = """format = 1
suite = "kills"
cases = "cases.jsonl"
stack = "stack.toml"
store = "{store}"
[replay]
target = "app/answer.py:answer"
{replay}
[[rule]]
id = "says"
score = "contains(text=yes)"
compare = {{ better = "higher", margin = "10pt" }}
[[rule]]
id = "incidents"
class = "correctness"
score = "contains(text=yes)"
must_pass = {{ where = ["tag=incident"] }}
"""
STACK = (
    '[model]\nversion = "m-1"\n[prompt]\nversion = "{prompt}"\nfile = "prompt.txt"\n[code]\npaths = ["app"]\n'
)
STILL = "deterministic = true"
VARIES = "[escalate]\nrounds = [1, 2]"
FROZEN = f'{STILL}\nfidelity = "frozen"'
GATE = ("gate", ".", "--allow-blind")
REPORTS = ("--json", "verdict.json", "--markdown", "verdict.md", "--junit", "verdict.xml")
WAIVED = ("--accept-regression", "incidents", "--until", "2100-01-01", "--anchor")
KILLED, VOID = -signal.SIGKILL, 22


@dataclass(frozen=True)
class Bench:
    """A suite in a folder, and what puts commands to it."""

    folder: Path
    forked: Forks

    def made(self, replay: str, store: str = "store") -> "Bench":
        (self.folder / "app").mkdir(parents=True)
        (self.folder / "app/answer.py").write_text(APP)
        (self.folder / "world.txt").write_text("text")
        rows = [
            {"key": f"c{number}", "tag": "incident" if number < 2 else "other"} for number in range(CASES)
        ]
        (self.folder / "cases.jsonl").write_text("".join(json.dumps(one) + "\n" for one in rows))
        (self.folder / "suite.toml").write_text(SUITE.format(replay=replay, store=store))
        return self

    def answers(self, prompt: str) -> "Bench":
        """From now on with this prompt; locked."""
        (self.folder / "prompt.txt").write_text(prompt)
        (self.folder / "stack.toml").write_text(STACK.format(prompt=prompt.replace(" ", "-")))
        self.done("pins", "lock", "stack.toml")
        return self

    def replayed(self, *words: str) -> str:
        """The id of the run that a replay gives, shortened."""
        said = self.done("replay", ".", "--allow-blind", *words)
        return said.partition("\nrun ")[2][:12] or said.partition("run ")[2][:12]

    def accepted(self, prompt: str) -> "Bench":
        run = self.answers(prompt).replayed()
        self.done("accept", run, "--because", "reviewed", "--suite", ".")
        return self

    def done(self, *words: str) -> str:
        code, said = self.forked(self.folder, *words)
        assert code == 0, (words, code, said)
        return said

    def copied(self, name: str) -> "Bench":
        folder = self.folder.parent / name
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(self.folder, folder)
        return Bench(folder, self.forked)

    @property
    def state(self) -> dict[str, bytes]:
        """What is to be equal: all files but working state, and which runs there are. Times differ."""
        found = {f"runs/{one}": b"" for one in find_runs(self.folder / ".stopship/runs")}
        for path in self.folder.rglob("*"):
            name = path.relative_to(self.folder)
            if path.is_file() and ".stopship" not in name.parts and "__pycache__" not in name.parts:
                is_timed = name.name in ("run.json", "timings.jsonl") or name.suffix == ".xml"
                found[str(name)] = b"" if is_timed else path.read_bytes()
        return found

    def check_runs(self) -> None:
        """Every run that there is, is whole."""
        for folder in (self.folder / ".stopship/runs", self.folder / "store/runs"):
            for one in find_runs(folder):
                read_run(folder / one)


def kill_everywhere(first: Bench, words: Iterable[str], again: Iterable[str] = (), every: int = 1) -> int:
    """Kill a command before its changes, every one in `every`; how many changes it makes in peace."""
    words = tuple(words)
    again = tuple(again) or words
    forked, peace = first.forked, first.copied("peace")
    code, said = forked(peace.folder, *words)
    assert "Traceback" not in said
    wanted, before = peace.state, first.state
    assert (forked(peace.folder, *again)[0], peace.state) == (code, wanted)  # killed behind its last change
    verdicts = {forked(one.copied("asked").folder, *GATE)[0] for one in (first, peace)} | {VOID}
    number = 1
    while True:
        bench = first.copied("killed")
        ended, said = forked(bench.folder, *words, at=number)
        if ended != KILLED:
            break
        at = f"killed before change {number}"
        bench.check_runs()
        assert before.keys() - bench.state.keys() - _replaced(before, wanted) == set(), at
        verdict, said = forked(bench.copied("asked").folder, *GATE)
        assert verdict in verdicts, (at, said)
        assert "Traceback" not in said, (at, said)
        if number % 3 == 0:  # and the second attempt, too
            forked(bench.folder, *again, at=number)
        ended, said = forked(bench.folder, *again)
        assert ended == code, (at, said)
        assert "Traceback" not in said, (at, said)
        assert bench.state == wanted, at
        number += every
    assert (ended, bench.state) == (code, wanted)
    return number - 1


def _replaced(before: dict[str, bytes], wanted: dict[str, bytes]) -> set[str]:
    """What the command in peace takes away."""
    return before.keys() - wanted.keys()


@pytest.fixture
def bench(tmp_path: Path, forked: Forks) -> Bench:
    return Bench(tmp_path / "suite", forked)


def test_a_first_baseline_of_fresh_outputs(bench: Bench) -> None:
    run = bench.made(VARIES).answers("half").replayed()
    words = ("accept", run, "--because", "first", "--suite", ".")
    assert kill_everywhere(bench, words, every=2) > 30


def test_a_new_baseline_with_a_waiver_and_the_way_back(bench: Bench) -> None:
    bench.made(STILL).accepted("right")
    good, bad = bench.replayed(), bench.answers("c0").replayed()
    words = ("accept", bad, "--because", "known", "--suite", ".", *WAIVED)
    assert kill_everywhere(bench, words) > 6
    bench.done(*words)
    kill_everywhere(bench, ("accept", good, "--because", "undone", "--suite", "."))


def test_a_baseline_whose_stack_is_no_longer_there(bench: Bench) -> None:
    run = bench.made(VARIES).accepted("half").answers("half c5").replayed()
    bench.answers("c0")
    kill_everywhere(bench, ("accept", run, "--because", "rebuilt", "--suite", "."), every=3)


def test_a_gate_that_draws_more_and_reports(bench: Bench) -> None:
    bench.made(VARIES).accepted("half").answers("half c5")
    assert kill_everywhere(bench, (*GATE, *REPORTS), every=7) > 40


def test_a_session_of_pytest_and_the_gate_after_it(bench: Bench) -> None:
    bench.made(VARIES).accepted("half").answers("half c5")
    (bench.folder / "pytest.ini").write_text("[pytest]\n")
    plain = ("-q", "-p", "no:cacheprovider", "-p", "no:hypothesispytest", "-p", "no:xdist")
    words = ("pytest", *plain, "--stopship-allow-blind", "--stopship-json", "verdict.json", "suite.toml")
    assert kill_everywhere(bench, words, every=13) > 40


@pytest.mark.parametrize(
    ("words", "every"),
    [
        (("golden", "admit", ".", "--times", "2"), 5),
        (("noise", ".", "--rounds", "20"), 7),
        (("monitor", ".", "--night", "2026-03-02"), 9),
    ],
    ids=["golden", "noise", "monitor"],
)
def test_further_draws_of_the_accepted_stack(bench: Bench, words: tuple[str, ...], every: int) -> None:
    bench.made(VARIES).accepted("half")
    if words[0] == "monitor":
        bench.done("monitor", ".", "--night", "2026-03-01")
    assert kill_everywhere(bench, words, every=every) > 20


def test_locks_runs_and_recordings(bench: Bench) -> None:
    bench.made(FROZEN).answers("right").replayed("--record", "new")
    run = bench.accepted("right").replayed()
    shutil.rmtree(bench.folder / "store/runs")
    kill_everywhere(bench, ("push", run, "--suite", "."))
    bench.done("push", run, "--suite", ".")
    kill_everywhere(bench, ("cache", "pack", "all.tar", "--suite", "."))
    bench.done("cache", "pack", "all.tar", "--suite", ".")
    kill_everywhere(bench, ("cache", "forget", "c3", "c5", "--suite", "."))
    bench.done("cache", "forget", "c3", "c5", "--suite", ".")
    kill_everywhere(bench, ("cache", "unpack", "all.tar", "--suite", "."))
    (bench.folder / "prompt.txt").write_text("c0")
    kill_everywhere(bench, ("pins", "lock", "stack.toml"))


def test_a_stack_that_is_restored(bench: Bench) -> None:
    bench.made(STILL).accepted("right")
    words = ("pins", "restore", "stack.toml", "restored")
    number = 1
    while bench.forked(bench.folder, *words, at=number)[0] == KILLED:
        assert not (bench.folder / "restored").exists()
        number += 1
    assert number > 5
    assert [one.name for one in bench.folder.rglob(".stopship-*")] == []
    assert (bench.folder / "restored/prompt.txt").read_text() == "right"
    assert (bench.folder / "restored/stack.toml").exists()


def test_recordings_that_are_made_anew(bench: Bench) -> None:
    bench.made(FROZEN).answers("right").replayed("--record", "new")
    bench.accepted("right")
    (bench.folder / "world.txt").write_text("another text")
    words = ("replay", ".", "--allow-blind", "--record", "all", "--resume")
    assert kill_everywhere(bench, words, every=5) > 30


def test_a_suite_that_is_begun_in_an_empty_folder(tmp_path: Path, forked: Forks) -> None:
    """Beside it, or in it, nothing of a killed attempt is left once it is begun."""
    for name in ("new", "empty"):
        folder = tmp_path / name
        (folder / "suites/support" if name == "empty" else folder / "suites").mkdir(parents=True)
        for number in (2, 40, 90, 130):
            assert forked(folder, "init", "suites/support", at=number)[0] == KILLED
            assert not (folder / "suites/support/suite.toml").exists()
        assert forked(folder, "init", "suites/support")[0] == 0
        assert [one.name for one in folder.rglob(".stopship-*")] == []
        assert forked(folder / "suites/support", *GATE)[0] == 0
