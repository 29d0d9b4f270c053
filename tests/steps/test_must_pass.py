"""Cases that must pass: zero tolerance, and never green without evidence."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.examples import tries
from tests.steps import arms
from tests.steps.arms import (
    INCIDENTS,
    LOST,
    NO_ANSWER,
    NOTHING,
    RAISED,
    UNREADABLE,
    arm,
    gate,
    must,
    repeated,
    selecting,
)

from stopship.model.rule import Severity
from stopship.model.score import Direction
from stopship.model.verdict import Decision, Finding, Verdict
from stopship.steps.must_pass import must_pass_finding
from stopship.steps.repeats import merged

ALL_RIGHT = [1.0] * 10


def judged(outputs: list[arms.Output], **more: Any) -> Finding:
    return must_pass_finding(must(**more), arm(outputs), None)


@pytest.mark.parametrize("output", [0.0, NO_ANSWER, UNREADABLE, RAISED])
def test_one_failure_among_many_passes_stops(output: arms.Output) -> None:
    found = judged([*ALL_RIGHT, output])
    assert (found.decision, found.n, found.worse, found.worse_keys) == (
        Decision.REGRESSION,
        11,
        1,
        ("c0010",),
    )
    assert found.is_broken


@pytest.mark.parametrize("output", [NOTHING, LOST])
@pytest.mark.parametrize("other", [1.0, 0.0])
def test_missing_evidence_on_a_case_that_must_pass_is_void_even_beside_a_failure(
    output: arms.Output, other: float
) -> None:
    found = judged([other, output])
    assert found.decision is Decision.ERROR
    assert "1 case ('c0001') that must pass could not be judged" in found.why


def test_a_waiver_excuses_the_cases_that_failed_in_the_accepted_run_and_no_other() -> None:
    waived, accepted = must(is_waived=True), arm([0.0, 1.0, 1.0])
    assert must_pass_finding(waived, arm([0.0, 1.0, 1.0]), accepted).decision is Decision.PASS
    worse = must_pass_finding(waived, arm([0.0, 0.0, 1.0]), accepted)
    assert (worse.decision, worse.worse_keys) == (Decision.REGRESSION, ("c0001",))
    assert must_pass_finding(must(), arm([0.0, 1.0, 1.0]), accepted).decision is Decision.REGRESSION


def test_a_waived_failure_is_told_with_its_case_and_the_last_day() -> None:
    waived, accepted = must(is_waived=True, waived_until="2026-03-07"), arm([0.0, 0.0, 1.0])
    found = must_pass_finding(waived, arm([0.0, 1.0, 1.0]), accepted)
    assert (found.decision, found.waived_keys, found.waived_until) == (
        Decision.PASS,
        ("c0000",),
        "2026-03-07",
    )
    both = must_pass_finding(waived, arm([0.0, 1.0, 0.0]), accepted)
    assert (both.worse_keys, both.waived_keys) == (("c0002",), ("c0000",))
    mended = must_pass_finding(waived, arm([1.0, 1.0, 1.0]), accepted)
    assert (mended.waived_keys, mended.waived_until) == ((), "")


def test_no_case_at_all_is_void() -> None:
    rule = must(must_pass=INCIDENTS)
    found = must_pass_finding(rule, arm([1.0], selecting([rule]), cells={"tag": ["sampled"]}), None)
    assert found.decision is Decision.ERROR
    assert "tag=incident" in found.why


def test_only_the_chosen_cases_must_pass() -> None:
    rule = must(must_pass=INCIDENTS)
    columns = selecting([rule])
    found = must_pass_finding(rule, arm([1.0, 0.0], columns, cells={"tag": ["incident", "sampled"]}), None)
    assert (found.decision, found.n) == (Decision.PASS, 1)


def test_the_best_end_is_the_low_one_where_lower_is_better() -> None:
    assert judged([0.0, 0.0], better=Direction.LOWER).decision is Decision.PASS
    assert judged([0.0, 1.0], better=Direction.LOWER).worse == 1


def test_nearly_full_marks_fail_even_where_the_mean_rounds_to_full() -> None:
    near = 1 - 2**-53
    found = must_pass_finding(
        must(scorer=arms.SHARE), repeated([[1.0], [1.0], [near]], scorer=arms.SHARE), None
    )
    assert found.decision is Decision.REGRESSION


def test_a_score_without_a_range_can_have_no_best() -> None:
    found = must_pass_finding(must(scorer=arms.COST), arm([1.0], scorer=arms.COST), None)
    assert found.decision is Decision.ERROR


@pytest.mark.parametrize("output", [0.0, NO_ANSWER, UNREADABLE])
def test_every_sample_must_pass(output: arms.Output) -> None:
    samples: list[list[arms.Output]] = [[1.0, 1.0], [1.0, output], [1.0, 1.0]]
    found = must_pass_finding(must(), repeated(samples), None)
    assert (found.decision, found.worse_keys) == (Decision.REGRESSION, ("c0001",))


def test_a_lost_sample_of_a_case_that_must_pass_is_void() -> None:
    found = must_pass_finding(must(), repeated([[1.0], [LOST], [1.0]]), None)
    assert found.decision is Decision.ERROR


def test_a_rule_that_warns_reports_a_failure_and_stops_nothing() -> None:
    found = judged([0.0], severity=Severity.WARN)
    assert found.decision is Decision.REGRESSION
    assert not found.is_broken


def test_a_new_case_must_pass_too() -> None:
    record = gate(arm([1.0] * 200), arm([1.0] * 200 + [0.0]), [arms.rule(), must()])
    assert record.verdict is Verdict.STOP
    assert record.reasons == ("closed in all: 1 of 201 cases that must pass failed ('c0200')",)
    assert [(one.key, one.before, one.after) for one in record.findings[-1].worst] == [("c0200", "", "0")]


@pytest.mark.parametrize(
    ("before", "after", "decision", "verdict"),
    [
        ([0.0, 1.0], [1.0, 1.0], Decision.IMPROVED, Verdict.SHIP),
        ([NO_ANSWER, 1.0], [1.0, 1.0], Decision.IMPROVED, Verdict.SHIP),
        ([1.0, 1.0], [1.0, 1.0], Decision.INCONCLUSIVE, Verdict.UNDECIDED),
        ([RAISED, 1.0], [1.0, 1.0], Decision.INCONCLUSIVE, Verdict.UNDECIDED),
        ([NOTHING, 1.0], [1.0, 1.0], Decision.INCONCLUSIVE, Verdict.UNDECIDED),
        ([1.0], [1.0, 1.0], Decision.INCONCLUSIVE, Verdict.UNDECIDED),
        ([0.0, 0.0], [1.0, 0.0], Decision.REGRESSION, Verdict.STOP),
    ],
)
@pytest.mark.parametrize("allow", [False, True])
def test_a_fix_ships_only_where_the_baseline_fails_and_the_candidate_passes(
    before: list[arms.Output], after: list[arms.Output], decision: Decision, verdict: Verdict, allow: bool
) -> None:
    record = gate(arm(before), arm(after), [must(expects_improvement=True)], allow=allow)
    assert (record.findings[0].decision, record.verdict) == (decision, verdict)
    assert not record.allowed


@given(
    st.lists(
        st.sampled_from([1.0, 0.0, NO_ANSWER, UNREADABLE, RAISED, NOTHING, LOST]), min_size=1, max_size=8
    ),
    st.integers(1, 3),
)
@settings(max_examples=tries(200), deadline=None)
def test_whatever_is_not_a_pass_never_ships(outputs: list[arms.Output], repeats: int) -> None:
    arms_of_samples = [arm(outputs if i == 0 else [1.0] * len(outputs)) for i in range(repeats)]
    found = must_pass_finding(must(), merged(arms_of_samples), None)
    assert (found.decision is Decision.PASS) == all(one == 1.0 for one in outputs)
