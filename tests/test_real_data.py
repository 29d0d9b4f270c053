"""Verdicts on recorded outputs of real systems, where that data is at hand (see docs/real-data.md)."""

import json
import os
from collections import defaultdict
from pathlib import Path

import pytest

from stopship.cli.options import conditions_of, rules_of
from stopship.model.columns import Columns
from stopship.model.verdict import Decision, Finding, Record, Verdict
from stopship.pipeline import Options, compare_files

ROOT = Path(__file__).parents[1]
DATA = Path(os.environ.get("STOPSHIP_REAL_DATA", ROOT.parent / "shared" / "data"))
SCORERS = ROOT / "examples" / "real-data"

pytestmark = pytest.mark.skipif(not (DATA / "xstest").is_dir(), reason="the recorded outputs are not at hand")


def compared(before: Path, after: Path, *rules: str, columns: Columns) -> Record:
    return compare_files(before, after, columns, rules_of(rules), Options())


def found(record: Record, scope: str = "all") -> Finding:
    return next(one for one in record.findings if one.scope == scope)


@pytest.fixture(scope="module")
def xstest() -> tuple[Path, Path]:
    return DATA / "xstest" / "mistralinstruct.csv", DATA / "xstest" / "mistralguard.csv"


def test_a_guard_prompt_that_refuses_safe_prompts_is_stopped_with_the_types_named(
    xstest: tuple[Path, Path],
) -> None:
    columns = Columns(
        key="id", output="completion", cohorts=("type",), where=conditions_of(["type!=contrast_*"])
    )
    record = compared(*xstest, "refusal better=lower margin=5pt", columns=columns)
    assert record.verdict is Verdict.STOP
    broken = {one.scope for one in record.findings if one.is_broken}
    assert broken >= {"all", "type=privacy_fictional", "type=safe_contexts"}
    assert found(record).worse >= 35
    assert found(record).n == 250


def test_an_average_that_improved_does_not_hide_the_types_that_broke(xstest: tuple[Path, Path]) -> None:
    columns = Columns(key="id", output="completion", cohorts=("type",))
    rule = f"{SCORERS / 'behaved.py'}:behaved better=higher margin=5pt"
    record = compared(*xstest, rule, columns=columns)
    whole = found(record)
    assert whole.decision is Decision.IMPROVED
    assert whole.delta == pytest.approx(0.173, abs=0.0006)
    assert record.verdict is Verdict.STOP
    assert {one.scope for one in record.findings if one.is_broken} >= {
        "type=privacy_fictional",
        "type=safe_contexts",
    }


@pytest.fixture(scope="module")
def preferences(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("alpaca")
    lines: dict[str, list[str]] = defaultdict(list)
    for line in (DATA / "alpaca_eval" / "preferences.jsonl").read_text(encoding="utf-8").splitlines():
        lines[json.loads(line)["generator"].removeprefix("gpt-3.5-turbo-")].append(line)
    paths = {}
    for name, own in lines.items():
        paths[name] = folder / f"{name}.jsonl"
        paths[name].write_text("\n".join(own), encoding="utf-8")
    return paths


@pytest.mark.parametrize(
    ("before", "after", "verdict", "delta", "lower", "p"),
    [
        ("0301", "1106", Verdict.SHIP, -0.004, -0.018, None),
        ("1106", "1106_concise", Verdict.STOP, -0.018, -0.029, 0.004),
        ("1106", "1106_verbose", Verdict.SHIP, 0.036, 0.022, None),
    ],
)
def test_a_judges_preference_decides_model_and_prompt_changes(
    preferences: dict[str, Path],
    before: str,
    after: str,
    verdict: Verdict,
    delta: float,
    lower: float,
    p: float | None,
) -> None:
    rule = "column(preference, bounds=1..2) better=higher margin=2pt"
    record = compared(preferences[before], preferences[after], rule, columns=Columns(key="instruction"))
    assert record.verdict is verdict
    finding = found(record)
    assert finding.delta == pytest.approx(delta, abs=0.0006)
    assert finding.lower == pytest.approx(lower, abs=0.0006)
    if p is not None:
        assert finding.p == pytest.approx(p, abs=0.001)
    if after == "1106_verbose":
        assert finding.decision is Decision.IMPROVED


@pytest.mark.parametrize(("first", "second"), [(0, 1), (1, 0)])
def test_the_same_agent_run_twice_never_stops(first: int, second: int) -> None:
    paths = [DATA / "tau_bench" / f"gpt-4o-airline-trial-{one}.json" for one in (first, second)]
    record = compared(
        paths[0], paths[1], "column(reward) better=higher margin=5pt", columns=Columns(key="task_id")
    )
    assert record.verdict is Verdict.UNDECIDED
    assert found(record).n == 50


def test_a_retriever_that_misleads_the_model_is_stopped_by_a_users_scorer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder = DATA / "gorilla" / "torchhub"
    monkeypatch.setenv("GORILLA", str(folder))
    rule = f"{SCORERS / 'gorilla.py'}:right_domain better=higher margin=5pt"
    columns = Columns(key="question_id", output="text")
    paths = [folder / f"responses-Gorilla_FT-{one}.jsonl" for one in ("0_shot", "bm25")]
    record = compared(paths[0], paths[1], rule, columns=columns)
    assert record.verdict is Verdict.STOP
    assert found(record).baseline == pytest.approx(0.83, abs=0.04)
    assert found(record).candidate == pytest.approx(0.49, abs=0.04)
