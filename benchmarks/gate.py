"""What the gate costs under pytest: CPU over an empty pytest run, warm, and against one test per case.

    python benchmarks/gate.py [--rounds 5] [--keep FOLDER]
    python benchmarks/gate.py --check [--slack 1.5]

Writes suites of 1 000 and 10 000 recorded cases into a temporary folder, locks two stacks, accepts the run
of one, and times `pytest SUITE` on the other in a process of its own. All figures are CPU seconds (user and
system), medians of interleaved rounds in one sitting. Exits with 1 where a promise is broken. `--check` takes
one round, and holds ratios alone against the promises, as seconds are another machine's.
"""

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median

SMALL, LARGE = 1_000, 10_000
SMALL_LIMIT, LARGE_LIMIT, TIMES = 1.0, 2.0, 3.0
SMALL_TIMES, LARGE_TIMES = 4.5, 7.5  # of an empty run: what the limits are on the machine they were set on
SHIP = 0

_SUITE = """\
format = 1
suite  = "recorded"
owner  = "benchmark"
cases  = ["cases.jsonl"]
labels = ["expected"]
stack  = "good.toml"
store  = "store"

[replay]
target  = "recorded"
cluster = "conversation"

[columns]
input = "question"

[cohorts]
lang = { prove = ["en"] }
task = {}
tier = {}

[[rule]]
id      = "right"
class   = "correctness"
score   = "exact"
compare = { better = "higher", margin = "5pt", cohort_margin = "10pt" }

[[rule]]
id      = "says-the-word"
class   = "usefulness"
score   = "contains"
compare = { better = "higher", margin = "5pt", cohort_margin = "10pt" }
"""
_STACK = """\
[model]
version = "{name}"
[outputs]
version = "{name}"
path    = "outputs-{name}.jsonl"
"""
_EMPTY = "def test_nothing():\n    pass\n"
_PER_CASE = f"""\
import json
import pathlib

import pytest

HERE = pathlib.Path(__file__).parent


def table(name):
    lines = (HERE / name).read_text(encoding="utf-8").splitlines()
    return {{row["key"]: row for row in map(json.loads, lines)}}


CASES, OUTPUTS = table("../suite-{LARGE}/cases.jsonl"), table("../suite-{LARGE}/outputs-next.jsonl")


@pytest.mark.parametrize("key", CASES)
def test_a_case(key):
    assert OUTPUTS[key]["output"]
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=5, help="runs of each command; the median is told")
    parser.add_argument("--keep", type=Path, help="write the suites here and leave them")
    parser.add_argument("--check", action="store_true", help="one round, ratios alone")
    parser.add_argument("--slack", type=float, default=1.5, help="with --check: how far beyond is allowed")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = asked.keep or Path(temporary)
        bench = Bench(folder, environment(folder / "bytecode"))
        found = bench.medians(bench.commands(), 1 if asked.check else asked.rounds)
    print_table(found)
    return ended(ratios(found, asked.slack) if asked.check else promises(found))


@dataclass(frozen=True, slots=True)
class Bench:
    """A folder of suites, and the environment that their commands run in."""

    folder: Path
    environment: dict[str, str]

    def commands(self) -> dict[str, list[str]]:
        """What is timed, by name; suites are made, accepted and replayed once, so that every run is warm."""
        pytest = [sys.executable, "-m", "pytest", "-q"]
        timed = {"empty": [*pytest, str(test_file(self.folder / "empty", _EMPTY))]}
        for cases in (SMALL, LARGE):
            suite = self.suite_of(self.folder / f"suite-{cases}", cases)
            timed[f"gate {cases}"] = [*pytest, str(suite), "--stopship-stack", str(suite / "next.toml")]
        return {
            **timed,
            f"one test a case {LARGE}": [*pytest, str(test_file(self.folder / "tests", _PER_CASE))],
        }

    def suite_of(self, folder: Path, cases: int) -> Path:
        """A suite of recorded cases with an accepted baseline, its other stack replayed once."""
        folder.mkdir(parents=True)
        (folder / "pytest.ini").write_text("[pytest]\n")
        (folder / "suite.toml").write_text(_SUITE)
        rows = [case(number) for number in range(cases)]
        write_lines(folder / "cases.jsonl", rows)
        for name, seed in (("good", 1), ("next", 2)):
            draw = random.Random(seed)
            write_lines(folder / f"outputs-{name}.jsonl", [output(row, draw) for row in rows])
            (folder / f"{name}.toml").write_text(_STACK.format(name=name))
            self.stopship("pins", "lock", folder / f"{name}.toml")
        self.stopship("replay", folder, "--stack", folder / "good.toml")
        run = next(one for one in (folder / ".stopship" / "runs").iterdir() if one.is_dir()).name
        self.stopship("accept", run, "--suite", folder, "--because", "the first baseline")
        self.stopship("replay", folder, "--stack", folder / "next.toml")
        return folder

    def stopship(self, *arguments: object) -> None:
        self.cpu_seconds([sys.executable, "-m", "stopship", *map(str, arguments)])

    def medians(self, timed: dict[str, list[str]], rounds: int) -> dict[str, float]:
        """Median CPU seconds of each command, the commands taking turns; the first round does not count."""
        spent: dict[str, list[float]] = {name: [] for name in timed}
        for _ in range(rounds + 1):
            for name, command in timed.items():
                spent[name].append(self.cpu_seconds(command))
        return {name: median(one[1:]) for name, one in spent.items()}

    def cpu_seconds(self, command: list[str]) -> float:
        """CPU seconds of a command and its children's; it must end with 0, as SHIP does."""
        with tempfile.TemporaryFile() as said:
            process = subprocess.Popen(command, stdout=said, stderr=said, env=self.environment)
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            if process.returncode != SHIP:
                said.seek(0)
                raise SystemExit(f"{' '.join(command)} failed:\n{said.read().decode()}")
        return usage.ru_utime + usage.ru_stime


Promise = tuple[str, bool, float]
"""What is promised, whether it is kept, and what was measured."""


def print_table(found: dict[str, float]) -> None:
    empty = found["empty"]
    for name, spent in found.items():
        print(f"{name:<24} {spent:6.2f} s of CPU   {spent - empty:+6.2f} s   {spent / empty:5.1f} x empty")
    whole = found[f"one test a case {LARGE}"] / found[f"gate {LARGE}"]
    print(f"       the empty run included, one test a case costs {whole:.2f} x the gate")


def promises(found: dict[str, float]) -> list[Promise]:
    """Those in seconds, and that of one test a case: less the empty run on both sides."""
    empty, small, large = found["empty"], found[f"gate {SMALL}"], found[f"gate {LARGE}"]
    times = (found[f"one test a case {LARGE}"] - empty) / (large - empty)
    return [
        (f"{SMALL} cases: at most {SMALL_LIMIT} s over empty", small - empty <= SMALL_LIMIT, small - empty),
        (f"{LARGE} cases: at most {LARGE_LIMIT} s over empty", large - empty <= LARGE_LIMIT, large - empty),
        (f"{LARGE} cases: {TIMES:g} x less than one test a case, over empty", times >= TIMES, times),
    ]


def ratios(found: dict[str, float], slack: float) -> list[Promise]:
    """The same as ratios, each with some slack."""
    empty, small, large = found["empty"], found[f"gate {SMALL}"], found[f"gate {LARGE}"]
    few, many, least = SMALL_TIMES * slack, LARGE_TIMES * slack, TIMES / slack
    times = (found[f"one test a case {LARGE}"] - empty) / (large - empty)
    return [
        (f"{SMALL} cases: at most {few:g} x empty", small / empty <= few, small / empty),
        (f"{LARGE} cases: at most {many:g} x empty", large / empty <= many, large / empty),
        (f"{LARGE} cases: {least:g} x less than one test a case, over empty", times >= least, times),
    ]


def ended(promised: list[Promise]) -> int:
    """Print what is kept; 0 where all is."""
    for promise, is_kept, value in promised:
        print(f"{'kept  ' if is_kept else 'BROKEN'} {promise}: {value:.2f}")
    return 0 if all(is_kept for _, is_kept, _ in promised) else 1


def environment(bytecode: Path) -> dict[str, str]:
    """This one, without what would change the way pytest and the gate run.

    Bytecode is kept, as that of an installed package is, in a folder of its own.
    """
    left_out = ("CI", "GITHUB_ACTIONS", "STOPSHIP_STORE", "PYTEST_ADDOPTS", "PYTHONDONTWRITEBYTECODE")
    kept = {name: value for name, value in os.environ.items() if name not in left_out}
    return {**kept, "PYTHONPYCACHEPREFIX": str(bytecode)}


def case(number: int) -> dict[str, str]:
    draw = random.Random(number)
    return {
        "key": f"case-{number:05d}",
        "question": " ".join(f"word{draw.randrange(5_000)}" for _ in range(40)),
        "conversation": f"talk-{number // 2:05d}",
        "lang": draw.choice(["en", "en", "de", "fr"]),
        "task": draw.choice(["refund", "delivery", "account", "invoice"]),
        "tier": draw.choice(["free", "paid"]),
        "expected": f"answer {draw.randrange(1_000)}",
    }


def output(row: dict[str, str], draw: random.Random) -> dict[str, str | float]:
    """An answer of about 300 characters where it is wrong; 98 % are right."""
    wrong = "it depends: " + " ".join(row["question"].split()[:30])
    text = row["expected"] if draw.random() < 0.98 else wrong
    return {"key": row["key"], "output": text, "latency_ms": round(draw.lognormvariate(6, 0.5), 1)}


def write_lines(path: Path, rows: Iterable[Mapping[str, object]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def test_file(folder: Path, text: str) -> Path:
    """A test file alone in its folder, which is the root of its own run."""
    folder.mkdir(parents=True)
    (folder / "pytest.ini").write_text("[pytest]\n")
    (folder / "test_it.py").write_text(text)
    return folder


if __name__ == "__main__":
    sys.exit(main())
