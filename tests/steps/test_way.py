"""The way to decide an open check: the cheapest of more cases and more outputs, and only what would help."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.steps.arms import SUITE, arm, gate, repeated, rule

from stopship.model.suite import Estimand
from stopship.model.verdict import Decision, Finding, Verdict, Way
from stopship.report.remarks import notes
from stopship.steps.terms import Terms

AGAIN = replace(SUITE, can_repeat=True)
ONCE = replace(SUITE, deterministic=True)
COUNTED = replace(AGAIN, terms=Terms(estimand=Estimand.SUITE))


def flipping(n: int, worse: int, better: int) -> tuple[list[int], list[int]]:
    before = [1] * worse + [0] * better + [1] * (n - worse - better)
    after = [0] * worse + [1] * better + [1] * (n - worse - better)
    return before, after


def whole(before: Any, after: Any, **more: Any) -> Finding:
    record = gate(before, after, [rule()], **more)
    return next(one for one in record.findings if one.scope == "all")


def way(n: int, worse: int, better: int, **more: Any) -> Way | None:
    before, after = flipping(n, worse, better)
    return first(whole(arm(before), arm(after), **more))


def first(found: Finding) -> Way | None:
    """The cheapest way."""
    return found.ways[0] if found.ways else None


def test_too_few_cases_ask_for_more_of_them_and_never_for_more_outputs() -> None:
    assert way(40, 1, 1, about=AGAIN) == Way(kind="cases", cases=124, repeats=1, calls=168)


def test_noise_in_enough_cases_can_be_met_by_cases_or_by_outputs() -> None:
    before, after = flipping(200, 30, 30)
    cases, outputs = whole(arm(before), arm(after), about=AGAIN).ways
    assert (cases.kind, outputs.kind) == ("cases", "outputs")
    assert cases.calls <= outputs.calls
    assert outputs == Way(kind="outputs", cases=200, repeats=4, calls=2 * 200 * 3)
    assert whole(arm(before), arm(after), about=ONCE).ways == (cases,)


def test_the_outputs_that_were_drawn_count_so_bad_luck_asks_for_more() -> None:
    asked = []
    for worse, better in ((30, 30), (33, 27)):
        before, after = flipping(200, worse, better)
        asked.append(
            next(
                one.repeats
                for one in whole(arm(before), arm(after), about=AGAIN).ways
                if one.kind == "outputs"
            )
        )
    assert asked[0] < asked[1]


def test_what_gives_the_same_every_time_is_never_asked_again() -> None:
    for n, worse, better in ((40, 0, 0), (60, 3, 3), (200, 12, 12), (200, 30, 30)):
        found = way(n, worse, better, about=ONCE)
        assert found is None or found.kind == "cases"


@settings(deadline=None)  # a simulation
@given(st.integers(30, 300), st.integers(0, 30), st.integers(0, 30), st.booleans())
def test_a_way_is_shown_only_where_the_build_is_open_and_asks_for_something(
    n: int, worse: int, better: int, can_repeat: bool
) -> None:
    if worse + better > n:
        return
    before, after = flipping(n, worse, better)
    found = whole(arm(before), arm(after), about=replace(SUITE, can_repeat=can_repeat))
    assert not found.ways or found.holds
    assert not found.ways or found.decision in (Decision.BLIND, Decision.INCONCLUSIVE)
    assert [one.calls for one in found.ways] == sorted(one.calls for one in found.ways)
    for one in found.ways:
        assert one.calls > 0
        assert (one.cases > found.n, one.repeats > 1) == (one.kind == "cases", one.kind == "outputs")


def test_a_loss_at_the_margin_and_a_baseline_that_cannot_fall_have_no_way() -> None:
    assert way(60, 4, 0, about=AGAIN) is None
    before = [0] * 59 + [1]
    assert whole(arm(before), arm(before), about=AGAIN).ways == ()


def test_a_change_that_may_be_real_is_taken_for_what_it_seems() -> None:
    before, after = flipping(500, 52, 38)
    found = whole(arm(before), arm(after), about=ONCE)
    assert found.cases_needed is not None
    assert found.cases_needed < 500  # had nothing changed, it would have shipped as likely as not
    ((kind, cases),) = [(one.kind, one.cases) for one in found.ways]
    assert kind == "cases"
    assert 2000 < cases < 3000


def draws(n: int, patterns: Sequence[Sequence[int]]) -> Any:
    """An arm of outputs: pattern i for every i-th case."""
    return repeated([[patterns[i % len(patterns)][r] for i in range(n)] for r in range(len(patterns[0]))])


def test_where_the_cases_are_all_there_are_only_outputs_are_asked_for() -> None:
    before = draws(40, [(1, 0), (1, 1), (0, 1), (1, 1)])
    after = draws(40, [(0, 1), (1, 1), (1, 0), (1, 1)])
    found = whole(before, after, about=COUNTED)
    (one,) = found.ways
    assert (one.kind, one.cases) == ("outputs", 40)
    assert one.calls == 2 * 40 * (one.repeats - 2)
    still = replace(COUNTED, can_repeat=False)
    assert whole(before, after, about=still).ways == ()


def test_change_that_lasts_is_not_averaged_away_by_outputs() -> None:
    before = draws(100, [(1, 1), (0, 0)])
    after = draws(100, [(0, 0), (1, 1)])
    found = whole(before, after, about=AGAIN)
    assert [one.kind for one in found.ways] == ["cases"]


def test_dollars_are_told_where_outputs_tell_their_costs_and_the_report_says_all_of_it() -> None:
    before, after = flipping(40, 1, 1)
    about = replace(AGAIN, usd=0.25)
    record = gate(arm(before), arm(after), [rule()], about=about)
    (found,) = [one for it in record.findings for one in it.ways]
    assert found.usd == pytest.approx(168 * 0.25)
    said = [one for one in notes(record) if one.startswith("the cheapest way")]
    assert said == [
        (
            "the cheapest way to decide right in all: 124 cases instead of 40, 168 outputs to draw on both "
            "sides, about $42.00"
        )
    ]


def test_where_one_of_the_open_checks_has_no_way_none_is_promised() -> None:
    before, after = flipping(60, 4, 0)
    hopeless = rule(id="hopeless")
    easy = rule(id="easy", margin=0.07)
    record = gate(arm(before), arm(after), [hopeless, easy], about=AGAIN)
    assert record.verdict is Verdict.UNDECIDED
    assert not [one for one in notes(record) if one.startswith("the cheapest way")]
