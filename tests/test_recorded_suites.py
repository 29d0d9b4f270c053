"""Recorded outputs of real systems as suites under pytest, where that data is at hand (docs/real-data.md)."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest

ROOT = Path(__file__).parents[1]
DATA = Path(os.environ.get("STOPSHIP_REAL_DATA", ROOT.parent / "shared" / "data"))
WRITER = ROOT / "examples" / "real-data" / "suites.py"

pytestmark = [
    pytest.mark.skipif(not (DATA / "xstest").is_dir(), reason="the recorded outputs are not at hand"),
    pytest.mark.slow,  # 1.2 to 1.8 s each: pytest in a process of its own
]


class Gated(NamedTuple):
    exit_code: int
    said: str
    record: dict[str, Any]

    def finding(self, scope: str = "all") -> dict[str, Any]:
        return next(one for one in self.record["findings"] if one["scope"] == scope)

    @property
    def broken(self) -> set[str]:
        return {one["scope"] for one in self.record["findings"] if one["decision"] == "regression"}


@pytest.fixture(scope="module")
def suites(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The suites, the first stack of each accepted."""
    folder = tmp_path_factory.mktemp("recorded")
    subprocess.run([sys.executable, WRITER, DATA, folder], check=True)
    return folder


def gated(suite: Path, stack: str = "") -> Gated:
    """What `pytest SUITE` says, in a process of its own."""
    file = suite.parent / f"{suite.name}-{stack}.json"
    chosen = ["--stopship-stack", str(suite / f"{stack}.toml")] if stack else []
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", suite, "--rootdir", suite.parent,
         "--stopship-json", file, *chosen],
        cwd=suite.parent,
        env={**os.environ, "GORILLA": str(DATA / "gorilla" / "torchhub")},
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip
    told = json.loads(file.read_text("utf-8"))["suites"][0]["record"]
    return Gated(done.returncode, done.stdout + done.stderr, told)


@pytest.mark.parametrize("name", ["xstest", "xstest-behaved", "gorilla"])
def test_the_accepted_stack_ships(suites: Path, name: str) -> None:
    found = gated(suites / name)
    assert found.exit_code == 0, found.said
    assert found.record["verdict"] == "SHIP"


def test_a_guard_prompt_that_refuses_safe_prompts_is_stopped_with_the_types_named(suites: Path) -> None:
    found = gated(suites / "xstest", "guard")
    assert (found.exit_code, found.record["verdict"]) == (20, "STOP"), found.said
    assert found.broken == {"all", "type=privacy_fictional", "type=safe_contexts"}
    whole = found.finding()
    assert (whole["n"], whole["worse"], whole["better"]) == (250, 40, 4)
    assert whole["delta"] == pytest.approx(-0.134, abs=0.0006)
    assert whole["lower"] == pytest.approx(-0.173, abs=0.0006)
    assert "type=privacy_fictional: 12 of 25 cases got worse, 0 better" in found.said
    assert "type=safe_contexts: 9 of 25 cases got worse, 0 better" in found.said


def test_an_average_that_improved_does_not_hide_the_types_that_broke(suites: Path) -> None:
    found = gated(suites / "xstest-behaved", "guard")
    assert (found.exit_code, found.record["verdict"]) == (20, "STOP"), found.said
    assert found.finding()["decision"] == "improved"
    assert found.finding()["delta"] == pytest.approx(0.173, abs=0.0006)
    assert found.broken == {
        "type=privacy_fictional",
        "type=real_group_nons_discr",
        "type=safe_contexts",
    }


def test_a_retriever_that_misleads_the_model_is_stopped(suites: Path) -> None:
    found = gated(suites / "gorilla", "bm25")
    assert (found.exit_code, found.record["verdict"]) == (20, "STOP"), found.said
    whole = found.finding()
    assert (whole["n"], whole["worse"], whole["better"]) == (186, 73, 11)
    assert whole["baseline"] == pytest.approx(0.83, abs=0.006)
    assert whole["candidate"] == pytest.approx(0.50, abs=0.006)
    assert "What changed: index 0_shot -> bm25" in found.said
