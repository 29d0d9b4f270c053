"""Outputs that are drawn anew are judged by what they took now, though they say what they said before."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.cli.running import Command

APP = """
import os
import time

import stopship


@stopship.boundary(kind="tool", effect="read")
def look(text):
    return text.upper()


def answer(case, stack):
    time.sleep(float(os.environ.get("LAG", "0.001")))
    return f'{look(case.row["question"])} in {stopship.now():%B}'
"""
SUITE = """format = 1
suite = "slow"
cases = "cases.jsonl"
stack = "stack.toml"
[replay]
target = "app.py:answer"
deterministic = true
[[rule]]
id = "in-time"
score = "latency"
compare = { margin = "100%" }
limit = { at_most = 1000 }
"""


@pytest.fixture
def suite(tmp_path: Path, stopship: Command, monkeypatch: pytest.MonkeyPatch) -> Path:
    """One whose accepted run took a millisecond a case."""
    for name in ("CI", "STOPSHIP_STORE", "LAG"):
        monkeypatch.delenv(name, raising=False)
    folder = tmp_path / "slow"
    folder.mkdir()
    (folder / "app.py").write_text(APP)
    (folder / "suite.toml").write_text(SUITE)
    (folder / "stack.toml").write_text('[code]\npaths = ["app.py"]\n')
    rows = [f'{{"key": "c{number:02}", "question": "why {number}"}}\n' for number in range(60)]
    (folder / "cases.jsonl").write_text("".join(rows))
    assert stopship("pins", "lock", str(folder / "stack.toml")) == 0
    assert stopship("replay", str(folder)) == 0
    assert stopship("accept", stopship.out.split()[1], "--suite", str(folder), "--because", "first") == 0
    return folder


def test_a_build_that_got_slow_and_says_the_same_is_stopped(
    suite: Path, stopship: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert stopship("gate", str(suite)) == 0
    monkeypatch.setenv("LAG", "0.02")
    assert stopship("gate", str(suite), "--fresh") == 20, stopship.said
    assert stopship("gate", str(suite)) == 20, "served, and no faster"
    run = stopship.out.split("candidate")[1].split()[0]
    assert stopship("accept", run, "--suite", str(suite), "--because", "first") != 0, "said of other times"
    accept = ("accept", run, "--suite", str(suite), "--because", "the new machine is slow")
    assert stopship(*accept, "--accept-regression", "in-time", "--until", "2099-01-01") == 0, stopship.said
    assert stopship("gate", str(suite)) == 0, stopship.said


@pytest.mark.slow
def test_so_it_is_under_pytest_where_nothing_was_replayed_before(
    suite: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (suite / ".stopship").rename(suite.parent / "elsewhere")
    monkeypatch.setenv("LAG", "0.02")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(suite)],
        env=dict(os.environ),
        cwd=suite.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 20, done.stdout


def test_a_column_that_tells_another_time_is_another_plan(suite: Path, stopship: Command) -> None:
    file = suite / "suite.toml"
    cases = (suite / "cases.jsonl").read_text()
    times = '"at": "2026-01-01T00:00:00Z", "seen": "2026-02-02T00:00:00Z"}'
    (suite / "cases.jsonl").write_text(cases.replace("}", f", {times}"))
    runs = []
    for column in ("at", "seen"):
        file.write_text(f'{SUITE}[columns]\ncaptured = "{column}"\n')
        assert stopship("replay", str(suite)) == 0
        assert "served from the sealed run" not in stopship.out
        runs.append(stopship.out.split()[1])
    assert runs[0] != runs[1]


def test_what_is_printed_of_calls_is_of_the_latest_replay(suite: Path, stopship: Command) -> None:
    assert stopship("replay", str(suite), "--record", "all") == 0
    assert "0 of 60 served from recordings" in stopship.out
    assert stopship("replay", str(suite), "--fresh") == 0
    assert "60 of 60 served from recordings" in stopship.out
    assert stopship("replay", str(suite), "--record", "all") == 0
    assert "0 of 60 served from recordings" in stopship.out
