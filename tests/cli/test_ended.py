"""A command that is told to end, by Ctrl-C or SIGTERM, ends clean, loses nothing, and says how to go on."""

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.families import first_fast

from stopship.pinning.lock import lock_stack

APP = """
import time


def answer(case, stack):
    with open(__file__ + ".asked", "a") as file:
        file.write(case.key + "\\n")
    time.sleep(0.05)
    return "yes"
"""
SUITE = """format = 1
suite = "slow"
cases = "cases.jsonl"
stack = "stack.toml"
[replay]
target = "app/answer.py:answer"
deterministic = true
concurrency = 1
[[rule]]
id = "says"
score = "contains(text=yes)"
compare = { better = "higher", margin = "10pt" }
"""
CASES = 40
ENDS = [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "ended by SIGTERM")]


@pytest.fixture
def slow(tmp_path: Path) -> Path:
    (tmp_path / "slow/app").mkdir(parents=True)
    (tmp_path / "slow/app/answer.py").write_text(APP)
    rows = "".join(json.dumps({"key": f"c{number:02}"}) + "\n" for number in range(CASES))
    (tmp_path / "slow/cases.jsonl").write_text(rows)
    (tmp_path / "slow/stack.toml").write_text('[model]\nversion = "m-1"\n[code]\npaths = ["app/answer.py"]\n')
    (tmp_path / "slow/suite.toml").write_text(SUITE)
    lock_stack(tmp_path / "slow/stack.toml")
    return tmp_path


def begun(folder: Path, *words: str) -> subprocess.Popen[str]:
    env = {name: one for name, one in os.environ.items() if name not in ("CI", "STOPSHIP_STORE", "COLUMNS")}
    pipe = subprocess.PIPE
    command = [sys.executable, "-m", "stopship", *words]
    return subprocess.Popen(command, cwd=folder, env=env, stdout=pipe, stderr=pipe, text=True)


def run(folder: Path, *words: str) -> int:
    process = begun(folder, *words)
    process.communicate(timeout=30)
    return process.returncode


def asked(folder: Path) -> list[str]:
    path = folder / "slow/app/answer.py.asked"
    return path.read_text().splitlines() if path.exists() else []


def told_to_end(folder: Path, by: signal.Signals, *words: str) -> tuple[int, str]:
    """Its exit code and what it said on standard error, once it was told to end after some outputs."""
    process = begun(folder, *words)
    while process.poll() is None and len(asked(folder)) < 5:
        time.sleep(0.01)
    process.send_signal(by)
    _, said = process.communicate(timeout=30)
    return process.returncode, said


@pytest.mark.parametrize(("by", "code", "word"), first_fast(ENDS))
def test_a_replay_prints_the_command_that_goes_on_with_it(
    slow: Path, by: signal.Signals, code: int, word: str
) -> None:
    found, said = told_to_end(slow, by, "replay", "slow", "--allow-blind")
    assert found == code, said
    assert word in said
    assert "Traceback" not in said
    _, _, command = said.partition("go on with: ")
    words = shlex.split(command.splitlines()[0])
    assert words == ["stopship", "replay", "slow", "--allow-blind", "--resume"]
    assert run(slow, *words[1:]) == 0
    assert set(asked(slow)) == {f"c{number:02}" for number in range(CASES)}
    assert len(asked(slow)) <= CASES + 1, "only what was under way is asked again"


@pytest.mark.parametrize(("by", "code", "word"), first_fast(ENDS))
def test_a_gate_says_that_it_goes_on_by_itself(slow: Path, by: signal.Signals, code: int, word: str) -> None:
    found, said = told_to_end(slow, by, "gate", "slow", "--allow-blind", "--new-suite")
    assert found == code, said
    assert f"{word}; what was answered is filed, and the same command goes on with it" in said
    assert "Traceback" not in said
    assert run(slow, "gate", "slow", "--allow-blind") == 22  # there is no baseline
    assert len(asked(slow)) <= CASES + 1
