"""False alarms of must-pass cases: against simulation and the laws."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stopship.steps.stats.golden import (
    Confirmation,
    expected_false_alarms,
    most_false_alarms,
    passes_to_prove,
)

FIRST, TWO = Confirmation.FIRST_FAIL, Confirmation.TWO_OF_THREE
CASES, PASSES = st.integers(0, 500), st.integers(0, 400)


@pytest.mark.parametrize("passes", [1, 5, 20, 60])
@pytest.mark.parametrize("confirmation", [FIRST, TWO])
def test_the_expected_false_alarms_are_those_of_simulated_nights(
    passes: int, confirmation: Confirmation
) -> None:
    rng = np.random.default_rng(passes)
    q = rng.beta(1, passes + 1, (20_000, 10))
    fails = rng.random((3, *q.shape)) < q
    broken = fails[0] if confirmation is FIRST else fails[0] & (fails[1] | fails[2])
    share = float(broken.any(axis=1).mean())
    assert expected_false_alarms(10, passes, confirmation) == pytest.approx(share, abs=0.012)


@pytest.mark.parametrize("confirmation", [FIRST, TWO])
def test_the_most_false_alarms_are_those_of_cases_that_fail_as_often_as_they_may(
    confirmation: Confirmation,
) -> None:
    from scipy.stats import beta

    q = float(beta.ppf(0.95, 1, 20))  # Clopper-Pearson: no failure of 20
    rng = np.random.default_rng(1)
    fails = rng.random((3, 20_000, 5)) < q
    broken = fails[0] if confirmation is FIRST else fails[0] & (fails[1] | fails[2])
    assert most_false_alarms(5, 20, confirmation) == pytest.approx(
        float(broken.any(axis=1).mean()), abs=0.012
    )


def test_twenty_passes_leave_a_night_of_fifty_cases_loud_without_confirmation() -> None:
    """Between the published worlds: .10 and .007 for a steady judge, .86 and .23 for an agent that flips."""
    assert expected_false_alarms(50, 20, FIRST) == pytest.approx(0.902, abs=0.001)
    assert expected_false_alarms(50, 20, TWO) == pytest.approx(0.311, abs=0.001)
    assert expected_false_alarms(50, 60, FIRST) == pytest.approx(0.556, abs=0.001)
    assert expected_false_alarms(50, 60, TWO) == pytest.approx(0.049, abs=0.001)


@given(CASES, PASSES, st.sampled_from([FIRST, TWO]))
def test_more_passes_and_fewer_cases_never_raise_the_false_alarms(
    cases: int, passes: int, confirmation: Confirmation
) -> None:
    for chance in (expected_false_alarms, most_false_alarms):
        here = chance(cases, passes, confirmation)
        assert 0 <= here <= 1
        assert chance(cases, passes + 1, confirmation) <= here + 1e-12
        assert chance(cases + 1, passes, confirmation) >= here - 1e-12


@given(CASES, PASSES)
def test_confirming_never_raises_the_false_alarms(cases: int, passes: int) -> None:
    for chance in (expected_false_alarms, most_false_alarms):
        assert chance(cases, passes, TWO) <= chance(cases, passes, FIRST) + 1e-12


def test_no_case_never_stops() -> None:
    assert expected_false_alarms(0, 0, FIRST) == most_false_alarms(0, 0, FIRST) == 0.0


@pytest.mark.parametrize(("rate", "passes"), [(0.95, 59), (0.99, 299), (0.5, 5), (0.05, 1)])
def test_the_published_numbers_of_passes_prove_their_rates(rate: float, passes: int) -> None:
    assert passes_to_prove(rate) == passes


@given(st.floats(0.01, 0.9999))
def test_one_pass_fewer_would_not_prove_the_rate(rate: float) -> None:
    passes = passes_to_prove(rate)
    assert rate**passes <= 0.05 * (1 + 1e-9)
    assert passes == 1 or rate ** (passes - 1) > 0.05 * (1 - 1e-9)
