"""Tails and quantiles against scipy's, over all that a gate may ask, and against exact integers."""

from math import comb

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import bdtr, bdtrc, betaincinv, stdtr, stdtrit

from stopship.steps.stats.tails import (
    binomial_at_least,
    binomial_at_most,
    binomial_probability,
    share_at_tail,
    t_below,
    t_quantile,
)

FAR = 1e-290  # below, doubles themselves lose digits
SHARES = st.one_of(st.just(0.5), st.floats(1e-6, 1 - 1e-6))
LEVELS = st.one_of(
    st.sampled_from([0.95, 0.05, 0.5]),
    st.floats(1e-12, 1 - 1e-12),
    st.floats(0.0, 12.0).map(lambda x: 10**-x / 2),
)
FREEDOM = st.one_of(st.integers(1, 60), st.integers(1, 1_000_000))


@st.composite
def counts(draw: st.DrawFn) -> tuple[int, int, float]:
    """(k, n, share), k often within ten standard deviations of the mean."""
    n, share = draw(st.one_of(st.integers(1, 60), st.integers(1, 100_000))), draw(SHARES)
    away = draw(st.integers(-10, 10)) * (n * share * (1 - share)) ** 0.5
    near = min(n, max(0, round(n * share + away)))
    return draw(st.one_of(st.just(near), st.integers(0, n))), n, share


@given(counts())
@settings(deadline=None)
def test_binomial_tails_are_those_of_scipy(one: tuple[int, int, float]) -> None:
    k, n, share = one
    beyond, below = float(bdtrc(k, n, share)), float(bdtr(k, n, share))
    if beyond > FAR:
        assert binomial_at_least(k + 1, n, share) == pytest.approx(beyond, rel=1e-9)
    if below > FAR:
        assert binomial_at_most(k, n, share) == pytest.approx(below, rel=1e-9)


@given(st.integers(1, 400), st.integers(0, 400))
def test_a_fair_coins_tail_is_the_exact_count(n: int, k: int) -> None:
    exact = sum(comb(n, i) for i in range(min(k, n + 1), n + 1)) / 2**n
    assert binomial_at_least(k, n, 0.5) == pytest.approx(exact, rel=1e-13)
    assert binomial_probability(k, n, 0.5) == pytest.approx(comb(n, k) / 2**n, rel=1e-13)


@given(counts())
@settings(deadline=None)
def test_both_tails_and_the_middle_make_one(one: tuple[int, int, float]) -> None:
    k, n, share = one
    assert binomial_at_most(k, n, share) + binomial_at_least(k + 1, n, share) == pytest.approx(1, abs=1e-12)
    step = binomial_at_least(k, n, share) - binomial_at_least(k + 1, n, share)
    assert step == pytest.approx(binomial_probability(k, n, share), abs=1e-12)


@pytest.mark.parametrize(("share", "most"), [(0.0, 0), (1.0, 7)])
def test_a_certain_share_has_one_outcome(share: float, most: int) -> None:
    assert binomial_at_most(most, 7, share) == 1
    assert binomial_at_least(most, 7, share) == 1
    assert binomial_at_least(most + 1, 7, share) == 0
    assert binomial_at_most(most - 1, 7, share) == 0


@given(FREEDOM, st.floats(-40, 40))
@settings(deadline=None)
def test_students_tail_is_that_of_scipy(df: int, t: float) -> None:
    expected = float(stdtr(df, t))
    if expected > FAR:
        assert t_below(df, t) == pytest.approx(expected, rel=1e-9)


@given(FREEDOM, LEVELS)
@settings(deadline=None)
def test_students_quantile_is_that_of_scipy(df: int, level: float) -> None:
    assert t_quantile(level, df) == pytest.approx(float(stdtrit(df, level)), rel=1e-9, abs=1e-12)


@given(FREEDOM, st.floats(1e-12, 0.5))
@settings(deadline=None)
def test_a_quantile_leaves_its_tail_behind(df: int, tail: float) -> None:
    assert t_below(df, t_quantile(tail, df)) == pytest.approx(tail, rel=1e-10)


@given(st.integers(1, 100_000), st.floats(0, 1), st.sampled_from([0.05, 0.95, 0.5, 0.01]))
@settings(deadline=None)
def test_the_share_at_a_tail_is_the_beta_quantile_of_scipy(n: int, part: float, level: float) -> None:
    k = max(1, round(part * n))
    assert share_at_tail(k, n, level) == pytest.approx(float(betaincinv(k, n - k + 1, level)), rel=1e-9)
