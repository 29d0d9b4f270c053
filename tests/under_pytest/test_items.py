"""What is collected, what fails an item, and what an item carries."""

import xml.etree.ElementTree as ET  # our own file

import pytest
from tests.under_pytest.sessions import APART, BAD, Desk, ended, outcomes
from tests.under_pytest.small import Small

pytest_plugins = ["pytester"]


def test_node_ids_are_the_keys_and_collecting_alone_judges_nothing(desk: Desk) -> None:
    folder = desk.suite(Small(keys=("b", "a", *(f"c{i}" for i in range(58)))))
    done = desk.pytest("--collect-only", "-q", "suites")
    assert done.ret == 0
    ids = [line for line in done.stdout.str().splitlines() if "::" in line]
    assert ids[:2] == ["suites/small/suite.toml::b", "suites/small/suite.toml::a"]
    assert len(ids) == 60
    assert "SHIP " not in done.stdout.str()
    assert not (folder / ".stopship" / "work").exists()


@pytest.mark.parametrize("how", [(), ("-q",)])
def test_a_gate_stands_on_a_line_of_its_own(desk: Desk, how: tuple[str, ...]) -> None:
    desk.suite(Small())
    lines = desk.pytest("suites", *how).stdout.str().splitlines()
    assert [one for one in lines if "%]" in one]
    assert all(one.rstrip().endswith("%]") for one in lines if "%]" in one), lines


def test_a_case_that_got_worse_passes_and_says_so_and_is_what_worse_reruns(desk: Desk) -> None:
    desk.suite(Small(wrong=("c05", *(f"c{i}" for i in range(20, 45)))))
    done = desk.pytest("suites", "--stopship-stack", BAD, "--junitxml=out.xml", "-v")
    assert done.ret == 20
    assert outcomes(done) == {"passed": 59, "failed": 2}
    assert [ended(done, one) for one in ("c05", "c20", "gate")] == ["FAILED", "PASSED", "FAILED"]
    cases = {one.get("name"): one for one in ET.parse(desk.root / "out.xml").iter("testcase")}  # noqa: S314
    assert {one.tag for one in cases["c20"]} == {"properties"}
    said = {one.get("name"): one.get("value") for one in cases["c20"].iter("property")}
    assert said["worse"] == "c20 by right"
    assert said["stopship.score.right"] == "0"
    gate = cases["gate"]
    failure = gate.find("failure")
    assert failure is not None
    assert str(failure.get("message")).startswith("STOP  small")
    assert "26 of 60 cases got worse" in str(failure.text) or "BROKEN" in str(failure.text)
    assert {one.get("name") for one in gate.iter("property")} >= {"stopship.verdict", "stopship.exit_code"}
    again = desk.pytest("suites", "--stopship-stack", BAD, "--stopship-worse", "-q")
    assert outcomes(again) == {
        "passed": 25, "failed": 1, "skipped": 1, **({} if desk.workers else {"deselected": 34}),
    }  # fmt: skip
    assert again.ret == 1
    assert "34 of 60 cases were not selected" in again.stdout.str()


def test_a_failed_target_and_a_failed_scorer_fail_their_items_and_a_lost_case_is_skipped(
    desk: Desk,
) -> None:
    how = Small(
        more_app="from stopship.errors import Unavailable\n"
        "if key == 'c01' and wrong: raise ValueError('\\x1b[31mno\\n::error::it')\n"
        "if key == 'c02' and wrong: raise Unavailable('down')\n"
        "if key == 'c03' and wrong: raise SystemExit(0)\n"
        "import pytest\n"
        "if key == 'c06' and wrong: pytest.skip('me')",
        more_scorers="if case.key == 'c04' and trace.text == 'no': raise KeyError('x')",
        wrong=("c04",),
    )
    desk.suite(how)
    done = desk.pytest("suites", "--stopship-stack", BAD, "-v", "-rs")
    text = done.stdout.str()
    for key in ("c01", "c03", "c04", "c06"):
        assert ended(done, key) == "FAILED"
    assert ended(done, "c02") == "SKIPPED"
    assert "lost, no evidence" in text
    assert "the target failed: ValueError" in text
    assert "the scorer scorers.py:right failed" in text
    assert done.ret != 0


@APART  # what it logs would reach the report of this test, too
def test_what_a_target_prints_and_keys_that_would_act_are_shown_harmless(desk: Desk) -> None:
    keys = (
        "gate", "gate'", "with space", "ümläut 日本", "::error::x", "a::b", "p[1]", "p[2", "new\nline",
        "new\\nline", "\x1b[31mred", "\u202eback", "x" * 300, "\ud83d", "cases 1-100", "-k", "é\x00",
    )  # fmt: skip
    how = Small(
        keys=(*keys, *(f"c{i}" for i in range(50))),
        more_app="import logging\n"
        "if wrong: print('\\x1b[31m::error::hi\\n::error::there')\n"
        "if wrong: logging.warning('\\x1b[31m%s', key)",
        incidents=keys,
        wrong=keys,
    )
    desk.suite(how)
    done = desk.pytest("suites", "-v", "--junitxml=out.xml")
    assert done.ret == 0
    assert outcomes(done) == {"passed": 68}
    bad = desk.pytest("suites", "--stopship-stack", BAD, "--junitxml=out.xml")
    assert bad.ret == 20
    assert outcomes(bad) == {"passed": 50, "failed": 18}
    ET.parse(desk.root / "out.xml")  # noqa: S314
    one = desk.pytest("suites/small/suite.toml::a: :b", "suites/small/suite.toml::p[1]", "-q")
    assert outcomes(one) == {"passed": 2, "skipped": 1}


def test_past_the_limit_items_hold_a_hundred_cases(desk: Desk) -> None:
    desk.suite(Small(keys=tuple(f"k{i}" for i in range(250)), wrong=("k7", "k8", "k120"), incidents=("k7",)))
    done = desk.pytest("suites", "-v", "-o", "stopship_items=249")
    assert done.ret == 0
    assert outcomes(done) == {"passed": 4}
    assert [ended(done, one) for one in ("cases 201-250", "gate")] == ["PASSED", "PASSED"]
    part = desk.pytest("suites", "-o", "stopship_items=249", "-k", "cases and 201", "-q")
    assert part.ret == 0
    assert "200 of 250 cases were not selected" in part.stdout.str()
    bad = desk.pytest("suites", "-o", "stopship_items=249", "--stopship-stack", BAD)
    assert bad.ret == 20
    assert outcomes(bad) == {"passed": 2, "failed": 2}
    worse = desk.pytest("suites", "-o", "stopship_items=249", "--stopship-stack", BAD, "--stopship-worse")
    assert outcomes(worse)["passed"] == 1
    assert desk.pytest("suites", "-o", "stopship_items=none").ret == 4


@pytest.mark.parametrize("how", [("--dist", "loadfile"), ("--dist", "worksteal")], ids=lambda one: one[1])
@pytest.mark.slow
def test_other_ways_to_distribute_give_the_verdict_too(desk_of_two: Desk, how: tuple[str, ...]) -> None:
    desk_of_two.suite()
    done = desk_of_two.pytest("suites", *how, "-q")
    assert outcomes(done) == {"passed": 61}
    assert done.ret == 0
