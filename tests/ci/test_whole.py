"""`ci/gate.sh` with the real gate: a suite of `stopship init`, whole, in shards, judged by another branch."""

import os
import shutil
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest
from tests.ci.scripts import GATE

from stopship.gating.beginning import begin

pytestmark = pytest.mark.slow


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    begin(tmp_path / "my suites" / "desk", today=date(2030, 1, 31))
    return tmp_path


def gate(folder: Path, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
    whole = {key: value for key, value in os.environ.items() if not key.startswith(("STOPSHIP_", "GITHUB_"))}
    whole |= {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}", "CI": "true", **env}
    return subprocess.run(
        ["sh", str(GATE), "my suites/desk", *words],
        cwd=folder,
        env=whole,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_good_stack_ships_and_the_bad_one_stops(folder: Path) -> None:
    good = gate(folder, GITHUB_STEP_SUMMARY=str(folder / "summary.md"))
    assert good.returncode == 0, good.stdout + good.stderr
    assert "SHIP" in (folder / "summary.md").read_text(encoding="utf-8")
    bad = gate(folder, "--stack", "my suites/desk/stacks/bad-prompt.toml")
    assert bad.returncode == 20
    assert "lang=de" in (folder / "stopship-reports" / "desk" / "verdict.json").read_text(encoding="utf-8")


def test_three_shards_judged_together_give_the_verdict_of_the_whole(folder: Path) -> None:
    stack = ("--stack", "my suites/desk/stacks/bad-prompt.toml")
    whole = gate(folder, *stack)
    for shard in ("1/3", "2/3", "3/3"):
        assert gate(folder, *stack, STOPSHIP_SHARD=shard, STOPSHIP_REPORTS="my shards").returncode == 0
    shutil.rmtree(folder / "my suites" / "desk" / ".stopship")
    judged = gate(folder, STOPSHIP_CANDIDATES="my shards/desk/shard-*\n")
    assert judged.returncode == whole.returncode == 20, judged.stdout + judged.stderr

    def findings(text: str) -> list[str]:
        return [one for one in text.splitlines() if "cases got worse" in one]

    assert findings(judged.stdout) == findings(whole.stdout)
    shutil.rmtree(folder / "my shards" / "desk" / "shard-2-3")
    assert gate(folder, STOPSHIP_CANDIDATES="my shards/desk/shard-*\n").returncode == 22


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
def test_a_change_cannot_loosen_the_rules_that_judge_it(folder: Path) -> None:
    def git(*words: str) -> None:
        subprocess.run(
            ["git", "-c", "user.name=x", "-c", "user.email=x@x.example", *words],
            cwd=folder,
            check=True,
            capture_output=True,
        )

    git("init", "-q", "-b", "main")
    git("add", ".")
    git("commit", "-q", "-m", "a suite")
    suite = folder / "my suites" / "desk"
    rules = (suite / "suite.toml").read_text(encoding="utf-8")
    loosened = rules.replace('"10pt"', '"90pt"').replace('"20pt"', '"90pt"').replace("0.80", "0.10")
    (suite / "suite.toml").write_text(loosened.replace('"tag=incident"', '"key=unlock-en-01"'))
    bad = ("--stack", "my suites/desk/stacks/bad-prompt.toml")
    assert gate(folder, *bad).returncode != 20  # by its own rules it got away
    assert gate(folder, *bad, STOPSHIP_BASELINE_REF="main").returncode == 20
