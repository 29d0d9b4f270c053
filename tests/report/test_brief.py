"""The few lines below other output, and the first line of a suite's report."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from stopship.model.verdict import Decision, Record, Verdict
from stopship.report import junit, markdown, text, words


def test_a_build_that_ships_takes_one_line(records: Mapping[str, Record]) -> None:
    shown = text.brief(records["suite-ship"])
    assert shown == ["SHIP  support   candidate 7c1e5a2b vs baseline 3fa0c911   exit 0"]


def test_a_build_that_ships_under_a_waiver_says_what_fails(records: Mapping[str, Record]) -> None:
    first, second = text.brief(records["suite-waived"])
    assert first == "SHIP  support   candidate 7c1e5a2b vs baseline 3fa0c911   exit 0"
    failed = "closed: 1 of 10 cases that must pass failed ('c0000'), as in the accepted run"
    assert second == f"  {failed}: waived until 2026-12-24"


def test_a_waived_failure_is_counted_beside_others(records: Mapping[str, Record]) -> None:
    found = next(one for one in records["suite-stop"].findings if one.kind == "must_pass")
    told = words.row(replace(found, waived_keys=("c0009",), waived_until="2026-12-24"))
    assert (told[3], told[-1]) == ("3", "BROKEN; 1 more waived until 2026-12-24")


def test_a_stop_says_what_broke_and_what_changed(records: Mapping[str, Record]) -> None:
    assert text.brief(records["suite-stop"]) == [
        "STOP  support   candidate 7c1e5a2b vs baseline 3fa0c911   exit 20",
        "  closed in all: 2 of 10 cases that must pass failed ('c0000', 'c0001'); owner search",
        "  right in all: 22 of 100 cases got worse, 0 better",
        "  right vs anchor in all: 22 of 100 cases got worse, 0 better",
        "  right (waiver over) in all: 22 of 100 cases got worse, 0 better",
        "  What changed: prompt v14 -> v15 (9 lines: +7 -2); model same",
    ]


@pytest.mark.parametrize("name", ["stop", "hostile", "void-unpaired", "suite-no-baseline", "undecided"])
def test_it_is_the_headline_and_at_most_six_lines(records: Mapping[str, Record], name: str) -> None:
    record = replace(records[name], reasons=records[name].reasons * 10)
    shown = text.brief(record)
    assert shown[0].startswith(record.verdict.value)
    assert 2 <= len(shown) <= 7
    assert all(one.isprintable() for one in shown)


def test_a_suites_name_is_neutralised_in_every_face(records: Mapping[str, Record]) -> None:
    record = replace(records["suite-stop"], suite="\x1b[31m::error::<b>@team\n")
    assert text.render(record).startswith("STOP  \\x1b[31m: :error: :<b>@team\\n   candidate 7c1e5a2b vs")
    assert "@team" not in markdown.render(record)
    assert b"\x1b" not in junit.render(record)
    assert b'testsuite name="\\x1b[31m: :error: :&lt;b&gt;@team\\n"' in junit.render(record)


def test_two_arms_of_the_same_run_are_named_as_such(records: Mapping[str, Record]) -> None:
    record = records["suite-ship"]
    assert "the same run" in text.render(replace(record, baseline=record.candidate))
    assert "the same run" not in text.render(record)


def test_what_could_not_be_judged_comes_after_what_is_broken_unless_it_is_the_verdict(
    records: Mapping[str, Record],
) -> None:
    stop = records["suite-stop"]
    unjudged = replace(stop.findings[-1], rule="a-length", scope="all", decision=Decision.ERROR)
    mixed = replace(stop, findings=(unjudged, *stop.findings))
    ordered = words.by_urgency(mixed)
    broken = sum(one.is_broken for one in ordered)
    assert [one.is_broken for one in ordered[:broken]] == [True] * broken
    assert ordered[broken].rule == "a-length"
    void = replace(mixed, verdict=Verdict.VOID)
    assert words.by_urgency(void)[0].rule == "a-length"
