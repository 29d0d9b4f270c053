"""What a plan asks for detects what it promises, and asks for no more than that."""

from math import floor

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.steps.arms import COST, rule

from stopship.model.noise import Design, NoiseFloor, PlanRow, ScopeNoise
from stopship.model.rule import Limit, Mode, Severity
from stopship.steps.forecast import ScopeSize
from stopship.steps.plans import Planning, levels_of, plan_rows
from stopship.steps.stats.noise import Noise, detectable_drop


def size(scope: str = "all", n: int = 200, mode: Mode = Mode.PROVE, worth: float = 1.0) -> ScopeSize:
    return ScopeSize(rule="right", scope=scope, mode=mode, n=n, n_effective=n * worth, margin=0.05)


def floor_of(flips: float, n: int = 200) -> NoiseFloor:
    scope = ScopeNoise(rule="right", scope="all", cases=n, flips=flips, variance=flips / 2, delta=0.0)
    return NoiseFloor(
        suite="s", stack="", cases="", labels="", scorers={}, outputs=2, runs=(), scopes=(scope,)
    )


def asked(drop: float, **more: object) -> Planning:
    told = {"alpha": 0.05, "cases": 200, "repeats": 1, "kept": 1, "suite": False, "usd": 0.01} | more
    return Planning(drop=drop, **told)  # type: ignore[arg-type]


def row(flips: float, drop: float, n: int = 200, **more: object) -> PlanRow:
    (found,) = plan_rows([size(n=n)], [rule()], "all", asked(drop, **more), floor_of(flips, n))
    return found


@given(st.floats(0, 0.4), st.floats(0.01, 0.3), st.integers(30, 2000))
def test_every_design_detects_the_drop_and_one_case_fewer_does_not(flips: float, drop: float, n: int) -> None:
    found = row(flips, drop, n)
    noise = Noise(baseline=flips / 2, candidate=flips / 2, is_binary=True, rate=1.0)
    for name, one in found.designs:
        if isinstance(one, str):
            continue
        assert detectable_drop(noise, one.cases, one.repeats, one.repeats, alpha=0.05) <= drop + 1e-9
        if name == "more cases":
            fewer = detectable_drop(noise, one.cases - 1, one.repeats, one.repeats, alpha=0.05)
            assert fewer > drop - 1e-9 or one.cases == n
        if name == "more outputs":
            assert one.cases == n
            assert detectable_drop(noise, n, one.repeats - 1, one.repeats - 1, alpha=0.05) > drop - 1e-9


@given(st.floats(0, 0.4), st.floats(0.01, 0.3), st.integers(30, 2000))
def test_nothing_is_cheaper_than_the_cheapest(flips: float, drop: float, n: int) -> None:
    designs = dict(row(flips, drop, n).designs)
    able = [one for one in designs.values() if isinstance(one, Design)]
    best = designs.get("cheapest")
    if best is None:  # one way, or none
        assert len(able) <= 1
    else:
        assert isinstance(best, Design)
        assert all(best.build <= one.build for one in able)


def test_a_suite_that_detects_it_already_needs_nothing() -> None:
    (name, one), *others = row(0.05, 0.3).designs
    assert (name, others) == ("enough as it is", [])
    assert one == Design(cases=200, repeats=1, once=0, build=200, usd=2.0)


def test_what_is_to_be_drawn_is_counted_for_the_whole_suite() -> None:
    (designs,) = [dict(one.designs) for one in [row(0.3, 0.05, n=500, cases=800)]]
    more = designs["more outputs"]
    assert isinstance(more, Design)
    assert more.repeats > 1
    assert more.build == 800 * more.repeats
    assert more.once == 800 * (more.repeats - 1)
    added = designs["cheapest"]
    assert isinstance(added, Design)
    assert added.build == (800 + added.cases - 500) * added.repeats


def test_cases_that_belong_together_count_as_fewer() -> None:
    noise = floor_of(0.2)
    (alone,) = plan_rows([size()], [rule()], "all", asked(0.05), noise)
    (together,) = plan_rows([size(worth=0.5)], [rule()], "all", asked(0.05), noise)
    assert together.detects > alone.detects
    first, second = (dict(one.designs)["cheapest"] for one in (alone, together))
    assert isinstance(first, Design)
    assert isinstance(second, Design)
    assert second.cases == pytest.approx(2 * first.cases, abs=1)


def test_where_the_cases_are_all_there_are_only_outputs_are_planned() -> None:
    assert [name for name, _ in row(0.3, 0.05, suite=True).designs] == ["cheapest"]
    ((_, one),) = row(0.3, 0.05, suite=True).designs
    assert isinstance(one, Design)
    assert one.cases == 200
    assert one.repeats > 1


def test_where_nothing_varies_only_cases_are_planned() -> None:
    ((name, one),) = row(0.0, 0.01, varies=False).designs
    assert name == "more cases"
    assert isinstance(one, Design)
    assert one.repeats == 1


def test_the_level_is_shared_as_the_gate_shares_it() -> None:
    rules = [
        rule(),
        rule(id="other", limit=Limit(0.5, at_most=False)),
        rule(id="said", severity=Severity.WARN),
    ]
    sizes = [
        size(),
        size("lang=de", 60, Mode.GUARD),
        size("lang=en", 60, Mode.PROVE),
        size("x", 5, Mode.WATCH),
    ]
    ((_, _, whole),) = levels_of(sizes, rules, "all", 0.05)
    ((_, _, cohort),) = levels_of(sizes, rules, "lang=de", 0.05)
    assert whole == pytest.approx(0.05 / 2 / 2)
    assert cohort == pytest.approx(0.05 / 2 / 4)
    assert list(levels_of(sizes, rules, "x", 0.05)) == []
    others = [ScopeSize(rule="other", scope="all", mode=Mode.PROVE, n=9, n_effective=9.0, margin=0.05)]
    ((_, _, halved),) = levels_of(others, rules, "all", 0.05)
    assert halved == pytest.approx(0.05 / 2 / 2)


def test_without_measured_noise_there_is_a_table_and_for_unbounded_scores_nothing() -> None:
    rows = plan_rows([size()], [rule()], "all", asked(0.05), None)
    assert [one.flips for one in rows] == [0.02, 0.05, 0.10]
    assert [floor(one.detects * 1000) for one in rows] == sorted(floor(one.detects * 1000) for one in rows)
    assert plan_rows([size()], [rule(COST)], "all", asked(0.05), None) == ()
