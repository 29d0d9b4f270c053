"""Labels of flips: the table, and that worse never makes a flip look less broken."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stopship.steps.triage import Fresh, Label, triage


def fresh(before: int, of: int, after: int, of_after: int) -> Fresh:
    return Fresh(baseline_passed=before, baseline_tries=of, candidate_passed=after, candidate_tries=of_after)


@pytest.mark.parametrize(
    ("counts", "label"),
    [
        ((4, 4, 0, 4), Label.CONFIRMED),
        ((3, 4, 0, 4), Label.CONFIRMED),
        ((2, 4, 0, 4), Label.FLAKY_BASELINE),
        ((0, 4, 4, 4), Label.FLAKY_BASELINE),
        ((4, 4, 1, 4), Label.NOISE),
        ((4, 4, 4, 4), Label.NOISE),
        ((5, 5, 0, 3), Label.UNTRIED),
        ((3, 3, 0, 4), Label.UNTRIED),
        ((0, 0, 0, 0), Label.UNTRIED),
        ((5, 6, 0, 5), Label.CONFIRMED),
        ((4, 6, 0, 5), Label.FLAKY_BASELINE),
    ],
)
def test_fresh_outputs_give_the_label(counts: tuple[int, int, int, int], label: Label) -> None:
    assert triage(fresh(*counts)).label is label


@st.composite
def tried(draw: st.DrawFn) -> tuple[int, int, int, int]:
    of, of_after = draw(st.integers(0, 9)), draw(st.integers(0, 9))
    return draw(st.integers(0, of)), of, draw(st.integers(0, of_after)), of_after


@given(tried())
def test_a_worse_candidate_never_stops_being_confirmed_and_never_has_a_higher_p(
    counts: tuple[int, int, int, int],
) -> None:
    before, of, after, of_after = counts
    if after == 0:
        return
    here, worse = triage(fresh(before, of, after, of_after)), triage(fresh(before, of, after - 1, of_after))
    assert worse.p <= here.p + 1e-12
    assert here.label is not Label.CONFIRMED or worse.label is Label.CONFIRMED


@given(tried())
def test_the_p_is_fishers_by_scipy(counts: tuple[int, int, int, int]) -> None:
    from scipy.stats import fisher_exact

    before, of, after, of_after = counts
    table = np.array([[of_after - after, after], [of - before, before]])
    expected = fisher_exact(table, alternative="greater").pvalue if of and of_after else 1.0
    assert triage(fresh(*counts)).p == pytest.approx(expected, abs=1e-9)


def test_confirmed_regressions_are_listed_first() -> None:
    assert next(iter(Label)) is Label.CONFIRMED
