"""Outputs as they are kept: scored again by what the suite says today, and without secrets."""

import json
from pathlib import Path

import pytest
from tests.cli.running import Command

SUITE = """format = 1
suite = "again"
cases = "cases.jsonl"
stack = "stack.toml"
[replay]
target = "answer.py:answer"
[[rule]]
id = "says"
score = "contains(text='yes')"
limit = {{ at_least = {least} }}
compare = {{ better = "higher", margin = "20pt" }}
"""


@pytest.fixture
def desk(tmp_path: Path, stopship: Command) -> Path:
    (tmp_path / "answer.py").write_text(
        "import pathlib\n"
        "def answer(case, stack):\n"
        "    with pathlib.Path(__file__).with_name('asked.txt').open('a') as file:\n"
        "        file.write('.')\n"
        "    return 'yes' if int(case.key) % 10 else 'no'\n"
    )
    (tmp_path / "cases.jsonl").write_text("".join(json.dumps({"key": str(n)}) + "\n" for n in range(100)))
    (tmp_path / "stack.toml").write_text('[code]\npaths = ["answer.py"]\n[prompt]\nversion = "1"\n')
    (tmp_path / "suite.toml").write_text(SUITE.format(least=0.8))
    assert stopship("pins", "lock", str(tmp_path / "stack.toml")) == 0
    return tmp_path


def test_accepted_outputs_are_judged_by_todays_rules_and_nothing_is_executed(
    desk: Path, stopship: Command
) -> None:
    assert stopship("gate", str(desk), "--rescore") == 22
    assert "there is no accepted run whose outputs could be scored again" in stopship.said
    assert stopship("replay", str(desk)) == 0
    assert stopship("accept", stopship.out.split()[1], "--because", "first", "--suite", str(desk)) == 0
    asked = len((desk / "asked.txt").read_text())
    assert stopship("gate", str(desk), "--rescore") == 0
    assert "rescored: the accepted outputs" in stopship.said
    (desk / "suite.toml").write_text(SUITE.format(least=0.97))
    assert stopship("gate", str(desk), "--rescore") == 20
    assert "says in all" in stopship.said
    assert len((desk / "asked.txt").read_text()) == asked


def test_a_rescore_says_nothing_of_another_stack(desk: Path, stopship: Command) -> None:
    assert stopship("replay", str(desk)) == 0
    assert stopship("accept", stopship.out.split()[1], "--because", "first", "--suite", str(desk)) == 0
    (desk / "stack.toml").write_text('[code]\npaths = ["answer.py"]\n[prompt]\nversion = "2"\n')
    assert stopship("pins", "lock", str(desk / "stack.toml")) == 0
    assert stopship("gate", str(desk), "--rescore") == 22
    assert "answered with another stack" in stopship.said


@pytest.mark.parametrize("words", [["--fresh"], ["--new-suite"], ["--candidate", "a"], ["--baseline", "a"]])
def test_a_rescore_takes_the_accepted_run_alone(desk: Path, stopship: Command, words: list[str]) -> None:
    assert stopship("gate", str(desk), "--rescore", *words) == 2
    assert "--rescore takes the accepted run, and nothing else" in stopship.err


def test_a_secret_in_the_text_of_an_error_is_neither_kept_nor_shown(
    desk: Path, stopship: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGPASSWORD", "canary-word-17")
    (desk / "answer.py").write_text(
        "import os\n"
        "def answer(case, stack):\n"
        "    raise ValueError('no login with ' + os.environ['PGPASSWORD'])\n"
    )
    assert stopship("pins", "lock", str(desk / "stack.toml")) == 0
    assert stopship("replay", str(desk)) == 22  # nothing was told
    assert "no login with [secret PGPASSWORD]" in stopship.said
    assert "canary" not in stopship.out + stopship.err
    files = [path for path in desk.rglob("*") if path.is_file()]
    assert [path for path in files if b"canary-word-17" in path.read_bytes()] == []
