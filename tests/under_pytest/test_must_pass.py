"""Items and gate agree on the cases that must pass: under a waiver, with a warning, in each sample."""

import json
import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path

import pytest
from tests.under_pytest.sessions import BAD, Desk, ended, outcomes
from tests.under_pytest.small import Small

from stopship.gating.accepting import Decision, accept
from stopship.gating.opened import open_suite
from stopship.gating.performing import replay
from stopship.gating.replay import planned
from stopship.gating.stacking import answering
from stopship.gating.workplace import workplace
from stopship.pinning.lock import lock_stack
from stopship.store.suitefile import read_suite

pytestmark = pytest.mark.slow

pytest_plugins = ["pytester"]

RULE = "never-again"
HOW = Small(incidents=("c05", "c06"), wrong=("c05",))
FIRST = date(2026, 2, 1)


def waived(desk: Desk, until: date, how: Small = HOW) -> Path:
    """A suite whose accepted run fails on c05, by a waiver of the must-pass rule."""
    folder = desk.suite(how)
    opened, place = open_suite(folder / "suite.toml"), workplace(read_suite(folder / "suite.toml"))
    run = replay(planned(opened, place, answering(folder / "stacks/bad.toml"))).run
    decision = Decision(because="known", today=FIRST, waived=(RULE,), until=until)
    accept(opened, place, run, decision, lambda: run)
    return folder


def in_force() -> date:
    return date.today() + timedelta(days=3)  # far enough from midnight anywhere


def worsen(folder: Path, *wrong: str) -> str:
    """One more stack, wrong on these cases; its file."""
    (folder / "policy-third.txt").write_text(json.dumps(wrong), encoding="utf-8")
    text = (folder / "stacks/bad.toml").read_text("utf-8")
    path = folder / "stacks/third.toml"
    path.write_text(text.replace('"bad"', '"third"').replace("policy-bad", "policy-third"), encoding="utf-8")
    lock_stack(path)
    return str(path)


def gate(desk: Desk, stack: str) -> int:
    """How the command judges the same stack."""
    words = [sys.executable, "-m", "stopship", "gate", "suites/small", "--stack", stack]
    return subprocess.run(words, cwd=desk.root, capture_output=True, check=False).returncode


def test_a_waived_case_that_failed_in_the_accepted_run_may_go_on_failing(desk: Desk) -> None:
    waived(desk, in_force())
    done = desk.pytest("suites", "--stopship-stack", BAD, "-v")
    assert done.ret == 0, done.stdout.str()
    assert ended(done, "c05") == "PASSED"
    assert outcomes(done) == {"passed": 61}
    assert gate(desk, BAD) == 0


def test_a_waiver_covers_no_other_case(desk: Desk) -> None:
    stack = worsen(waived(desk, in_force()), "c05", "c06")
    done = desk.pytest("suites", "--stopship-stack", stack, "-v")
    assert [ended(done, one) for one in ("c05", "c06", "gate")] == ["PASSED", "FAILED", "FAILED"]
    assert done.ret == gate(desk, stack) == 20


def test_once_a_waiver_is_over_its_cases_fail_again(desk: Desk) -> None:
    waived(desk, FIRST + timedelta(days=1))
    done = desk.pytest("suites", "--stopship-stack", BAD, "-v")
    assert [ended(done, one) for one in ("c05", "gate")] == ["FAILED", "FAILED"]
    assert done.ret == gate(desk, BAD) == 20


def test_a_rule_that_only_warns_fails_no_item(desk: Desk) -> None:
    folder = desk.suite(HOW)
    text = (folder / "suite.toml").read_text("utf-8")
    (folder / "suite.toml").write_text(f'{text}severity = "warn"\n', encoding="utf-8")
    done = desk.pytest("suites", "--stopship-stack", BAD, "-v")
    assert ended(done, "c05") == "PASSED"
    assert done.ret == gate(desk, BAD) == 0


def test_a_case_that_a_rule_does_not_look_at_is_not_worse_by_it(desk: Desk) -> None:
    folder = desk.suite(HOW)
    text = (folder / "suite.toml").read_text("utf-8")
    text = text.replace('score   = "scorers.py:right"', 'score   = "scorers.py:right"\nwhere = ["tag=usual"]')
    (folder / "suite.toml").write_text(text, encoding="utf-8")
    stack = worsen(folder, "c05", "c07")
    desk.pytest("suites", "--stopship-stack", stack, "--junitxml=out.xml")
    found = (desk.root / "out.xml").read_text("utf-8")
    assert "c07 by right" in found
    assert "c05 by right" not in found


@pytest.mark.parametrize(("fails", "once"), [("not mark.exists()", 1), ("True", 0)])
def test_of_a_target_that_varies_the_gate_asks_a_failed_case_again_and_says_what_it_found(
    desk: Desk, fails: str, once: int
) -> None:
    """One failure of three is none, two are; the item leaves the answer to the gate."""
    how = Small(
        replay="repeats = 2",
        is_noisy=True,
        more_app="import os\n"
        "if key == 'c05' and wrong:\n"
        "    from pathlib import Path\n"
        "    mark = Path(__file__).parent / 'once'\n"
        f"    if {fails}:\n"
        "        mark.touch()\n"
        "        return {'output': 'no'}",
    )
    desk.suite(how)
    done = desk.pytest("suites", "--stopship-stack", BAD, "-v")
    assert [ended(done, one) for one in ("c05", "c04")] == ["PASSED", "PASSED"]
    assert f"failed must-pass cases, 3 outputs each: {once} of 1 failed only once" in done.stdout.str()


@pytest.mark.parametrize("words", [("-k", "c05 or c04"), ("suites/small/suite.toml::c05",)], ids=["k", "id"])
def test_in_a_part_no_gate_asks_a_failed_case_again_so_its_item_fails(
    desk_of_any: Desk, words: tuple[str, ...]
) -> None:
    """The same item passes where the gate follows; with a part of the suite nobody would notice."""
    desk_of_any.suite(Small(wrong=("c05",), is_noisy=True))
    named = () if "::" in words[0] else ("suites",)
    done = desk_of_any.pytest(*named, *words, "--stopship-stack", BAD, "-v")
    assert ended(done, "c05") == "FAILED"
    assert done.ret == 1
    assert "gate skipped" in done.stdout.str()
    assert "must-pass never-again: 0" in done.stdout.str()
    assert "only a gate over the whole suite asks it again" in done.stdout.str()


def test_where_the_gate_is_switched_off_every_failure_fails_its_item_and_the_report_says_why(
    desk: Desk,
) -> None:
    desk.suite(Small(wrong=("c05",), is_noisy=True))
    done = desk.pytest("suites", "--stopship-gate=off", "--stopship-stack", BAD, "-v")
    assert [ended(done, one) for one in ("c05", "c04")] == ["FAILED", "PASSED"]
    assert done.ret == 1
    assert "only a gate over the whole suite asks it again" in done.stdout.str()
