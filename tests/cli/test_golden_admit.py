"""`stopship golden admit` as a person at a desk meets it."""

from pathlib import Path

import pytest
from tests.cli.running import Command
from tests.gating.making import LIMIT, MUST, forget_code
from tests.gating.test_golden import flaky


@pytest.fixture
def at_desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    flaky(tmp_path / "suites" / "small", flaky={"c01": 0.3}, rules=MUST + LIMIT)
    forget_code()


@pytest.mark.usefixtures("at_desk")
def test_admitting_lists_what_is_refused_and_tells_false_alarms(stopship: Command) -> None:
    assert stopship("golden", "admit", "suites/small") == 0
    assert (
        "2 of 3 must-pass cases admitted: 20 of 20 fresh outputs of the accepted stack pass" in stopship.said
    )
    assert "refused c01 incidents: " in stopship.said
    assert "of 20 pass" in stopship.said
    assert "2 admitted must-pass cases stop a build that changed nothing on about 1.5 % of nights" in (
        stopship.said
    )
    assert Path("suites/small/golden.json").is_file()


def test_a_refusal_shows_the_first_reason_and_what_may_be_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stopship: Command
) -> None:
    monkeypatch.chdir(tmp_path)
    flaky(tmp_path / "suites" / "small", broken=["c02"])
    forget_code()
    assert stopship("golden", "admit", "suites/small") == 0
    assert "refused c02 incidents: 0 of 20 pass; first: KeyError: 'SHOP_KEY'" in stopship.said
    assert "mend what makes it fail and accept the mended stack, whose outputs are new ones" in stopship.said


@pytest.mark.usefixtures("at_desk")
def test_a_rule_with_a_limit_is_told_how_often_an_unchanged_build_misses_it(stopship: Command) -> None:
    assert stopship("golden", "admit", "suites/small", "--rule", "mostly-right", "--times", "3") == 0
    assert "its limit is called broken on 0 % of nights, and not proven on 0 %" in stopship.said
    assert "must-pass" not in stopship.said
    assert not Path("suites/small/golden.json").exists()


@pytest.mark.usefixtures("at_desk")
def test_a_condition_on_a_column_that_no_case_has_is_refused(stopship: Command) -> None:
    assert stopship("golden", "admit", "suites/small", "--where", "tga=incident") == 2
    assert "did you mean 'tag'" in stopship.err


@pytest.mark.usefixtures("at_desk")
def test_accepting_after_several_draws_says_so_and_draws_as_many_outputs_as_asked(stopship: Command) -> None:
    for words in ((), ("--fresh",), ("--fresh",)):
        assert stopship("replay", "suites/small", *words) == 0
    run = next(line.split()[1] for line in stopship.out.splitlines() if line.startswith("  id"))
    because = ("--because", "the third draw", "--repeat", "2")
    waived = ("--accept-regression", "incidents", "--until", "2999-01-01")
    done = stopship("accept", run, *because)
    assert done in (0, 2)
    if done:  # the flaky incident failed in one of the draws
        assert stopship("accept", run, *because, *waived) == 0
    assert "picked among 3 sealed runs of this stack and these cases" in stopship.said
    assert stopship("show", "baseline") == 0
    assert "2 outputs each" in stopship.said
