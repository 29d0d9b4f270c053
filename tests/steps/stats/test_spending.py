"""What looks may spend: sums, order, and against scipy."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stopship.steps.stats.spending import (
    Spending,
    fractions_of,
    increments,
    obrien_fleming,
    power_family,
)

ALPHAS = st.floats(1e-5, 0.5)
FRACTIONS = st.lists(st.floats(0, 1), max_size=8).map(lambda one: (*sorted(one), 1.0))
FUNCTIONS = st.one_of(st.just(obrien_fleming), st.floats(0.1, 8).map(power_family))


@given(ALPHAS, FRACTIONS, FUNCTIONS)
def test_increments_are_never_negative_and_sum_to_alpha_at_the_last_look(
    alpha: float, fractions: tuple[float, ...], function: Spending
) -> None:
    parts = increments(alpha, fractions, function)
    assert len(parts) == len(fractions)
    assert min(parts) >= 0
    assert sum(parts) == pytest.approx(alpha, rel=1e-12)


@given(ALPHAS, FRACTIONS, FUNCTIONS, st.integers(0, 7))
def test_looks_that_are_never_taken_leave_their_alpha_unspent(
    alpha: float, fractions: tuple[float, ...], function: Spending, taken: int
) -> None:
    assert sum(increments(alpha, fractions[:taken], function)) <= alpha * (1 + 1e-12)


@given(ALPHAS, st.floats(0.01, 1))
def test_obrien_fleming_is_the_formula_by_scipy(alpha: float, fraction: float) -> None:
    from scipy.stats import norm

    expected = 2 * norm.sf(norm.isf(alpha / 2) / fraction**0.5)
    assert obrien_fleming(alpha, fraction) == pytest.approx(expected, rel=1e-7, abs=1e-300)


def test_obrien_fleming_spends_late_and_the_power_family_between() -> None:
    assert increments(0.05, (0.25, 0.5, 0.75, 1.0)) == pytest.approx(
        (8.8575e-5, 0.005486, 0.018051, 0.026375), abs=1e-6
    )
    assert increments(0.04, (0.5, 1.0), power_family(1)) == pytest.approx((0.02, 0.02))
    assert increments(0.04, (0.5, 1.0), power_family(3)) == pytest.approx((0.005, 0.035))


@pytest.mark.parametrize("fractions", [(0.5, 0.4), (-0.1, 1.0), (0.5, 1.1)])
def test_a_look_that_goes_back_is_refused(fractions: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="never fall"):
        increments(0.05, fractions)


@given(st.lists(st.floats(0, 10), min_size=1, max_size=6))
def test_fractions_of_rounds_never_fall_and_end_with_all(variances: list[float]) -> None:
    found = fractions_of(variances)
    assert list(found) == sorted(found)
    assert found[-1] == 1.0
    assert found[0] >= 0.0


def test_rounds_of_repeats_have_the_fractions_of_their_variances() -> None:
    assert fractions_of([1.0, 0.5, 1 / 3, 0.2]) == pytest.approx((0.2, 0.4, 0.6, 1.0))
    assert fractions_of([0.0, 0.0]) == (1.0, 1.0)
