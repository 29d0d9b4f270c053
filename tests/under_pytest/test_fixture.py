"""The fixture `stopship_run` asks and judges as the items do."""

from pathlib import Path

import pytest
from tests.under_pytest.sessions import BAD, Desk, outcomes
from tests.under_pytest.small import Small, asked, write

pytest_plugins = ["pytester"]

SHIPS = 'def test_ships(stopship_run):\n    assert stopship_run("suites/small").verdict.value == "SHIP"\n'


def said(desk: Desk, *words: str, call: str = 'stopship_run("suites/small")') -> str:
    """What a test sees of the record, written down by it."""
    desk.write(
        "test_own.py",
        "from pathlib import Path\n"
        "def test_own(stopship_run):\n"
        f"    record = {call}.record\n"
        "    told = [record.verdict.value, *record.reasons, *record.notes]\n"
        '    Path("told.txt").write_text("\\n".join(told))\n',
    )
    done = desk.pytest("test_own.py", *words)
    assert done.ret == 0, done.stdout.str()
    return (desk.root / "told.txt").read_text()


def test_it_gives_the_record_and_the_scores_of_a_suite_that_ships(desk: Desk) -> None:
    desk.suite()
    desk.write(
        "test_own.py",
        SHIPS + '    assert set(stopship_run("suites/small").scores("right").values()) == {1.0}\n',
    )
    assert outcomes(desk.pytest("test_own.py")) == {"passed": 1}


def test_without_a_baseline_it_is_void_unless_the_suite_is_said_to_be_new(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = desk.suite()
    (folder / "baseline.json").unlink()
    assert said(desk).startswith("VOID\nno baseline")
    assert said(desk, "--stopship-new-suite").startswith("SHIP")
    monkeypatch.setenv("CI", "true")
    desk.write("test_own.py", SHIPS)
    assert desk.pytest("test_own.py").ret == 1


def test_a_new_suite_that_has_a_baseline_is_compared_with_it(desk: Desk) -> None:
    desk.suite()
    assert said(desk, "--stopship-new-suite").startswith("SHIP")


def test_it_answers_with_the_stack_of_the_session_or_with_its_own(desk: Desk) -> None:
    desk.suite()
    assert said(desk, "--stopship-stack", BAD).startswith("STOP")
    own = f'stopship_run("suites/small", stack="{BAD}")'
    assert said(desk, call=own).startswith("STOP")
    good = 'stopship_run("suites/small", stack="suites/small/stack.toml")'
    assert said(desk, "--stopship-stack", BAD, call=good).startswith("SHIP")


def test_a_revision_judges_it(desk: Desk) -> None:
    folder = desk.suite()
    git = ["git", "-c", "user.name=n", "-c", "user.email=e@example.org", "-C", str(desk.root)]
    for words in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "first"]):
        assert desk.pytester.run(*git, *words).ret == 0
    text = (folder / "suite.toml").read_text("utf-8")
    (folder / "suite.toml").write_text(text.replace('"20pt"', '"90pt"'), encoding="utf-8")
    told = said(desk, "--stopship-stack", BAD, "--stopship-baseline-ref", "HEAD")
    assert told.startswith("STOP")
    assert "rules, labels, scorers and pointer are those of" in told


def test_blind_rules_fail_the_test_without_a_traceback_unless_allowed(desk: Desk) -> None:
    write(desk.root / "suites" / "small", Small(count=12, margin="1pt", is_accepted=False, is_noisy=True))
    desk.write("test_own.py", SHIPS)
    done = desk.pytest("test_own.py", "--stopship-new-suite")
    assert outcomes(done) == {"failed": 1}
    assert "never decide" in done.stdout.str()
    assert "never decide" not in said(desk, "--stopship-new-suite", "--stopship-allow-blind")


def network(desk: Desk) -> Path:
    return desk.suite(Small(is_noisy=True, replay="network = true"))


@pytest.mark.slow
def test_a_target_over_the_network_is_asked_only_where_that_was_asked_for(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = network(desk)
    desk.write("test_own.py", SHIPS)
    done = desk.pytest("test_own.py", "-rs")
    assert outcomes(done) == {"skipped": 1}
    assert "--stopship-live" in done.stdout.str()
    assert desk.pytest("test_own.py", "--stopship-gate=require").ret != 0
    monkeypatch.setenv("CI", "true")
    assert desk.pytest("test_own.py").ret == 1
    assert asked(folder) == []
    assert desk.pytest("test_own.py", "--stopship-live").ret == 0
    assert len(asked(folder)) == 60
    assert desk.pytest("test_own.py").ret == 0, "what is sealed is served"
    assert len(asked(folder)) == 60


def test_what_is_wrong_with_the_evidence_fails_the_test_in_a_few_lines(desk: Desk) -> None:
    folder = desk.suite()
    (folder / "policy-good.txt").write_text('["c01"]', encoding="utf-8")
    desk.write("test_own.py", SHIPS)
    done = desk.pytest("test_own.py")
    assert outcomes(done) == {"failed": 1}
    assert "drifted from its lock" in done.stdout.str()
    desk.write("test_own.py", SHIPS.replace("suites/small", "suites/smal"))
    assert outcomes(desk.pytest("test_own.py")) == {"failed": 1}


def test_two_tests_on_one_suite_and_its_items_draw_each_sample_once(desk: Desk) -> None:
    folder = desk.suite(Small(is_noisy=True))
    for name in ("one", "two"):
        desk.write(f"test_{name}.py", SHIPS)
    done = desk.pytest("test_one.py", "suites", "test_two.py", "-p", "no:randomly")
    assert done.ret == 0, done.stdout.str()
    assert outcomes(done) == {"passed": 63}
    assert len(asked(folder)) == len(set(asked(folder))) == 60


def test_the_fixture_is_no_suite_that_a_required_gate_misses(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.suite()
    desk.write("test_own.py", SHIPS)
    monkeypatch.setenv("CI", "true")
    assert desk.pytest("test_own.py").ret == 0
