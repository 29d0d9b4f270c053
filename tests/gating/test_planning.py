"""`stopship plan`: from the suite's own noise where it was measured, else from a table; nothing is drawn."""

from pathlib import Path

import pytest
from tests.cli.running import Command
from tests.gating.making import forget_code, make
from tests.gating.test_draws import asked
from tests.gating.test_noising import flaky


def test_a_plan_takes_the_noise_that_was_measured_and_draws_nothing(
    tmp_path: Path, stopship: Command
) -> None:
    made = flaky(tmp_path / "s")
    forget_code()
    assert stopship("plan", str(made.folder), "--detect", "5pt") == 0
    assert "there is no noise.json" in stopship.said
    assert stopship.out.count("right in all") == 3
    forget_code()
    stopship("noise", str(made.folder), "--rounds", "20")
    before = asked(made)
    forget_code()
    assert stopship("plan", str(made.folder), "--detect", "5pt") == 0
    assert "from the noise measured in noise.json" in stopship.said
    assert stopship.out.count("right in all") == 1
    assert "60 cases, 1 output each" in stopship.said
    assert "cheapest" in stopship.said
    assert asked(made) == before
    assert "of another stack" not in stopship.said


def test_noise_of_an_earlier_stack_is_told_as_such(tmp_path: Path, stopship: Command) -> None:
    made = flaky(tmp_path / "s")
    forget_code()
    stopship("noise", str(made.folder), "--rounds", "20")
    made.stack("stack", draws=0, every=8)
    made.accept(made.replay())
    forget_code()
    stopship("plan", str(made.folder), "--detect", "5pt")
    assert "of another stack than the accepted" in stopship.said


def test_dollars_are_told_where_the_accepted_run_tells_them(tmp_path: Path, stopship: Command) -> None:
    made = make(tmp_path / "s", replay="", rules="", draws=0, every=7, extra={"cost_usd": 0.5})
    forget_code()
    stopship("plan", str(made.folder), "--detect", "1pt")
    assert "$" in stopship.said


def test_a_deterministic_target_is_planned_in_cases_alone(tmp_path: Path, stopship: Command) -> None:
    made = make(tmp_path / "s", rules="")
    forget_code()
    assert stopship("plan", str(made.folder), "--detect", "2pt", "--cohort", "lang=de") == 0
    assert "more cases" in stopship.said
    assert "more outputs" not in stopship.said
    assert "without noise" in stopship.said


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--detect", "5"), "is no drop"),
        (("--detect", "0pt"), "is no drop"),
        (("--detect", "5%"), "is judged in pt"),
        (("--detect", "5pt", "--rule", "rihgt"), "did you mean 'right'"),
        (("--detect", "5pt", "--rule", "mostly-right"), "compares no mean"),
        (("--detect", "5pt", "--cohort", "lang=fr"), "there is no such cohort"),
    ],
)
def test_what_cannot_be_planned_is_said(
    tmp_path: Path, stopship: Command, words: tuple[str, ...], said: str
) -> None:
    made = make(tmp_path / "s")
    forget_code()
    assert stopship("plan", str(made.folder), *words) == 2
    assert said in " ".join(stopship.err.split())


def test_a_watched_cohort_is_not_planned_for(tmp_path: Path, stopship: Command) -> None:
    made = make(tmp_path / "s", rules="")
    made.edit("suite.toml", "lang = {}", 'lang = { watch = ["de"] }')
    forget_code()
    assert stopship("plan", str(made.folder), "--detect", "5pt", "--cohort", "lang=de") == 2
    assert "watched, not tested" in stopship.err
