"""P(SHIP) of an identical build, against the published table."""

import random
from dataclasses import replace

import pytest
from scipy.stats import beta
from tests.steps import arms

from stopship.model.case import Case, Trace
from stopship.model.noise import NoiseFloor, ScopeNoise
from stopship.model.rule import Limit, Margin, Mode, Rule, Severity
from stopship.model.score import BINARY, Direction, Scored, Scorer
from stopship.model.verdict import Decision, Finding
from stopship.steps.forecast import Promise, assumptions, chances, forecast, promises_of
from stopship.steps.stats.planning import chance_of_pass_at


@pytest.mark.parametrize(
    ("n", "margin", "flips", "published"),
    [
        (300, 0.02, 0.02, 0.68),
        (300, 0.02, 0.05, 0.43),
        (300, 0.02, 0.10, 0.28),
        (300, 0.02, 0.29, 0.16),
        (300, 0.05, 0.02, 1.0),
        (300, 0.05, 0.05, 0.97),
        (300, 0.05, 0.10, 0.84),
        (300, 0.05, 0.29, 0.48),
        (2000, 0.02, 0.05, 0.99),
        (2000, 0.02, 0.10, 0.88),
        (2000, 0.02, 0.29, 0.51),
        (2000, 0.05, 0.05, 1.0),
        (2000, 0.05, 0.10, 1.0),
        (2000, 0.05, 0.29, 0.99),
    ],
)
def test_the_chance_that_an_identical_build_passes_is_the_published_one(
    n: int, margin: float, flips: float, published: float
) -> None:
    assert round(chance_of_pass_at(flips, n, margin=margin), 2) == published


def _never(case: Case, trace: Trace) -> Scored:
    raise AssertionError("a forecast looks at no output")


def findings(rule: str, margin: float, cases: int, cohorts: int) -> tuple[Finding, ...]:
    def one(scope: str, mode: Mode, n: int, margin: float) -> Finding:
        return Finding(
            rule=rule,
            metric=rule,
            scope=scope,
            kind="compare",
            mode=mode,
            severity=Severity.STOP_SHIP,
            decision=Decision.PASS,
            n=n,
            n_effective=float(n),
            margin=margin,
        )

    guards = [one(f"c={i}", Mode.GUARD, cases // cohorts, 0.10) for i in range(cohorts)]
    return (one("all", Mode.PROVE, cases, margin), *guards)


def rule(name: str, margin: float) -> Rule:
    scorer = Scorer(
        spec=name, scale=BINARY, better=Direction.HIGHER, needs=frozenset(), digest="", score=_never
    )
    return Rule(
        id=name, scorer=scorer, better=Direction.HIGHER, margin=Margin(margin), cohort_margin=Margin(0.10)
    )


@pytest.mark.parametrize(("margin", "published"), [(0.02, 0.59), (0.05, 0.96)])
def test_an_identical_build_with_ten_guarded_cohorts_ships_as_often_as_published(
    margin: float, published: float
) -> None:
    told = forecast(findings("one", margin, 500, 10), [rule("one", margin)], arms.arm([1.0]), alpha=0.05)
    assert dict(told.p_ship)[0.05] == pytest.approx(published, abs=0.03)


def test_more_flips_or_more_rules_never_raise_the_chance() -> None:
    nothing = arms.arm([1.0])
    told = forecast(findings("one", 0.05, 500, 10), [rule("one", 0.05)], nothing, alpha=0.05)
    one = [chance for _, chance in told.p_ship]
    two = forecast(
        findings("one", 0.05, 500, 10) + findings("two", 0.05, 500, 10),
        [rule("one", 0.05), rule("two", 0.05)],
        nothing,
        alpha=0.05,
    )
    assert one == sorted(one, reverse=True)
    assert all(both <= alone for (_, both), alone in zip(two.p_ship, one, strict=True))
    assert all(0 <= chance <= 1 for chance in one)


@pytest.mark.parametrize(("n", "misses", "allowed"), [(100, 8, 0.15), (300, 20, 0.10), (60, 0, 0.05)])
def test_the_chance_that_a_limit_is_kept_is_that_of_simulated_flips(
    n: int, misses: int, allowed: float
) -> None:
    promise = rule("one", 0.05)
    promise = replace(promise, margin=None, limit=Limit(1 - allowed, at_most=False))
    told = dict(
        chances([], [promise], alpha=0.05, promises={"one": Promise(n=n, misses=misses, allowed=allowed)})
    )
    chance = random.Random(7)  # noqa: S311  # a simulation
    kept, tries = 0, 4000
    for _ in range(tries):
        changed = sum(chance.random() < 0.05 for _ in range(n))
        worse = sum(chance.random() < 0.5 for _ in range(changed))
        after = misses + 2 * worse - changed
        kept += after < 0 or beta.ppf(0.95, after + 1, n - after) <= allowed
    assert told[0.05] == pytest.approx(kept / tries, abs=0.03)


def test_a_limit_is_in_the_number_once_a_baseline_shows_how_well_it_is_kept() -> None:
    promise = replace(rule("one", 0.05), limit=Limit(0.5, at_most=False))
    assert assumptions([promise]) == ("if its limits are kept",)
    assert assumptions([promise], {"one": Promise(n=9, misses=1, allowed=0.5)}) == ()
    assert assumptions([replace(promise, is_waived=True)]) == ()


def test_a_limit_that_is_waived_plays_no_part() -> None:
    promise = arms.rule(limit=Limit(0.9, at_most=False))
    before = arms.arm([0.0] * 30 + [1.0] * 70)
    found = [replace(findings("right", 0.05, 100, 2)[0], kind="limit")]
    assert promises_of(found, [promise], before) == {"right": Promise(n=100, misses=30, allowed=1 - 0.9)}
    assert promises_of(found, [replace(promise, is_waived=True)], before) == {}


def noise(**flips: float) -> NoiseFloor:
    """What was measured of rules: shares of cases that flip, over all cases."""
    scopes = tuple(
        ScopeNoise(rule=name, scope="all", cases=500, flips=one, variance=one / 2, delta=0.0)
        for name, one in flips.items()
    )
    return NoiseFloor(suite="s", stack="", cases="", labels="", scorers={}, outputs=2, runs=(), scopes=scopes)


@pytest.mark.parametrize("flips", [0.02, 0.05, 0.10])
def test_a_record_takes_the_measured_flips_and_gives_what_the_table_gives_for_them(flips: float) -> None:
    promise = arms.rule(id="one", limit=Limit(0.85, at_most=False))
    found = (*findings("one", 0.05, 500, 10), replace(findings("one", 0.05, 100, 2)[0], kind="limit"))
    baseline = arms.arm([0.0] * 8 + [1.0] * 92)
    assert promises_of(found, [promise], baseline) == {"one": Promise(n=100, misses=8, allowed=1 - 0.85)}
    table = forecast(found, [promise], baseline, alpha=0.05)
    told = forecast(found, [promise], baseline, alpha=0.05, noise=noise(one=flips))
    assert not table.is_measured
    assert told.is_measured
    ((measured, chance),) = told.p_ship
    assert measured == flips
    assert chance == pytest.approx(dict(table.p_ship)[flips])
    assert told.assumes == table.assumes


def test_noise_that_does_not_fit_leaves_the_table_and_says_why() -> None:
    found, nothing = findings("one", 0.05, 500, 10), arms.arm([1.0])
    table = forecast(found, [rule("one", 0.05)], nothing, alpha=0.05)
    for given, why in (
        ("noise.json is out of date, of other cases", "noise.json is out of date, of other cases"),
        (noise(two=0.1), "noise.json is out of date, without the rule one: measure it anew with"),
    ):
        told = forecast(found, [rule("one", 0.05)], nothing, alpha=0.05, noise=given)
        assert told.p_ship == table.p_ship
        assert not told.is_measured
        assert told.unused.startswith(why)


def test_several_outputs_a_case_are_told_to_have_wider_bounds_than_the_number_knows_of() -> None:
    found, nothing = findings("one", 0.05, 500, 10), arms.arm([1.0])
    for repeats, said in ((1, 0), (1.5, 1), (3, 1)):
        told = forecast(found, [rule("one", 0.05)], nothing, alpha=0.05, repeats=repeats)
        assert [one == "as if each case had one output" for one in told.assumes] == [True] * said
