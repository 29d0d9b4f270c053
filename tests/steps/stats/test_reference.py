"""Our statistics against scipy, statsmodels and formulas written out independently, on random inputs."""

import gc
from collections.abc import Iterator
from math import sqrt
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from tests.examples import tries

from stopship.model.rule import Limit
from stopship.steps.limits import rate_bounds
from stopship.steps.stats.bounds import Z, _t_bound, normal_quantile
from stopship.steps.stats.multiplicity import benjamini_hochberg, weighted_holm
from stopship.steps.stats.pvalues import mcnemar_mid_p, sign_flip_p, t_p
from stopship.steps.stats.sample import Codes, Floats, Sample
from stopship.steps.stats.tails import binomial_at_least
from stopship.steps.stats.tango import tango_lower, tango_upper

COUNTS = st.integers(0, 400)


@pytest.fixture(autouse=True, scope="module")
def no_collecting() -> Iterator[None]:
    """statsmodels collects garbage in every call, which takes a third of a second late in a run."""
    collect = gc.collect
    gc.collect = lambda *_: 0
    yield
    gc.collect = collect


SCORES = st.floats(-1, 1).map(lambda x: round(x, 4))


@st.composite
def clustered(draw: st.DrawFn) -> tuple[Floats, Codes]:
    n = draw(st.integers(3, 60))
    differences = draw(arrays(np.float64, n, elements=SCORES))
    codes = draw(arrays(np.int64, n, elements=st.integers(0, 8)))
    return differences, np.unique(codes, return_inverse=True)[1].astype(np.int64)


@given(COUNTS, COUNTS)
@settings(deadline=None)
def test_mid_p_is_the_binomial_tail_with_half_of_the_observed_term(worse: int, better: int) -> None:
    from scipy.stats import binom

    n = worse + better
    expected = float(binom.sf(worse, n, 0.5) + binom.pmf(worse, n, 0.5) / 2) if n else 1.0
    assert mcnemar_mid_p(worse, better) == pytest.approx(expected, rel=1e-9, abs=1e-300)


@given(COUNTS, COUNTS)
@settings(max_examples=tries(50), deadline=None)
def test_the_exact_tail_is_half_of_the_exact_two_sided_mcnemar(worse: int, better: int) -> None:
    from statsmodels.stats.contingency_tables import mcnemar

    if worse == better:
        return  # the two-sided p is capped at 1 there
    two_sided = float(mcnemar([[7, worse], [better, 5]], exact=True).pvalue)
    more = max(worse, better)
    assert min(1.0, 2 * binomial_at_least(more, worse + better, 0.5)) == pytest.approx(two_sided, rel=1e-9)


@given(arrays(np.float64, st.integers(2, 80), elements=SCORES))
@settings(max_examples=tries(60), deadline=None)
def test_the_t_bound_and_p_are_those_of_scipy(differences: Floats) -> None:
    from scipy.stats import ttest_1samp

    sample = Sample(differences=differences)
    if sample.standard_error < 1e-6:
        return
    greater = ttest_1samp(differences, 0.0, alternative="greater").confidence_interval(0.95)
    assert _t_bound(sample, 0.95) == pytest.approx(float(greater.low), rel=1e-9, abs=1e-12)
    less = ttest_1samp(differences, 0.0, alternative="less")
    assert t_p(sample) == pytest.approx(float(less.pvalue), rel=1e-7, abs=1e-300)


@given(st.integers(1, 500), st.floats(0, 1), st.booleans())
@settings(max_examples=tries(60), deadline=None)
def test_the_bounds_of_a_rate_are_those_of_clopper_and_pearson(n: int, share: float, at_most: bool) -> None:
    from statsmodels.stats.proportion import proportion_confint

    hits = round(share * n)
    limit = Limit(0.3, at_most=at_most)
    values = np.repeat([1.0, 0.0], [hits, n - hits])
    lower, upper, *_ = rate_bounds(values, limit.value, at_most=at_most)
    low, high = proportion_confint(hits, n, alpha=0.10, method="beta")
    low, high = 0.0 if hits == 0 else float(low), 1.0 if hits == n else float(high)
    inside = (0.3 - high, 0.3 - low) if at_most else (low - 0.3, high - 0.3)
    assert (lower, upper) == pytest.approx(inside, abs=1e-9)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=40))
@settings(max_examples=tries(60), deadline=None)
def test_equal_weights_give_the_holm_of_statsmodels(p_values: list[float]) -> None:
    from statsmodels.stats.multitest import multipletests

    expected = multipletests(p_values, method="holm")[1].tolist()
    assert weighted_holm(p_values, [0.25] * len(p_values)) == pytest.approx(expected, rel=1e-9, abs=1e-300)


@given(arrays(np.float64, st.integers(2, 9), elements=st.integers(-10, 10).map(lambda x: x / 10)))
@settings(max_examples=tries(40), deadline=None)
def test_sign_flips_of_few_values_are_the_exact_permutation_test_of_scipy(values: Floats) -> None:
    from scipy.stats import permutation_test

    def total(signed: Any, axis: int) -> Any:
        return np.round(np.sum(signed, axis=axis), 9)

    reference = permutation_test(
        (values,), total, permutation_type="samples", n_resamples=2**20, alternative="less", vectorized=True
    )
    assert sign_flip_p(values, seed=b"", alpha=0.05) == pytest.approx(float(reference.pvalue), rel=1e-12)


@pytest.mark.parametrize("n", [17, 40, 200])
def test_drawn_signs_agree_with_the_normal_tail_of_the_same_sum(n: int) -> None:
    from scipy.stats import norm

    rng = np.random.default_rng(n)
    for shift in (0.0, 0.1, 0.2):
        values = rng.normal(-shift, 0.3, n)
        tail = float(norm.cdf(values.sum() / sqrt(float(values @ values))))
        assert sign_flip_p(values, seed=b"n", alpha=0.05) == pytest.approx(tail, abs=0.02)


@given(clustered())
@settings(max_examples=tries(60), deadline=None)
def test_the_clustered_error_is_the_sandwich_of_a_regression_on_a_constant(
    drawn: tuple[Floats, Codes],
) -> None:
    from statsmodels.api import OLS

    differences, codes = drawn
    groups = int(codes.max()) + 1
    if groups < 2:
        return
    n = len(differences)
    residuals = differences - differences.mean()
    meat = sum(float(np.sum(residuals[codes == g])) ** 2 for g in range(groups))
    bread = 1 / float(np.ones(n) @ np.ones(n))
    direct = sqrt(groups / (groups - 1) * bread * meat * bread)
    found = Sample(differences=differences, clusters=codes).standard_error
    assert found == pytest.approx(direct, rel=1e-9, abs=1e-12)
    if direct > 1e-6:
        options = {"groups": codes, "use_correction": True}  # times (n - 1) / (n - k), which is 1 for k = 1
        fitted = OLS(differences, np.ones(n)).fit(cov_type="cluster", cov_kwds=options)
        assert found == pytest.approx(float(fitted.bse[0]), rel=1e-7)


@given(st.integers(0, 60), st.integers(0, 60), st.integers(0, 400), st.sampled_from([0.8, 0.95, 0.99]))
@settings(max_examples=tries(40), deadline=None)
def test_the_score_bound_inverts_the_constrained_likelihood(
    worse: int, better: int, alike: int, level: float
) -> None:
    if worse + better == 0:
        return  # the likelihood has its maximum at a corner; the closed form is checked beside this
    n, z = worse + better + alike, normal_quantile(level)
    found = tango_lower(worse, better, n, z=z)
    if worse == n:
        assert found == pytest.approx(-1.0, abs=1e-9)
        return
    assert found == pytest.approx(_inverted(worse, better, n, z), abs=1e-7)
    assert tango_upper(better, worse, n, z=z) == -found


def _inverted(worse: int, better: int, n: int, z: float) -> float:
    """Where the score statistic, with its variance at the constrained maximum likelihood, equals z."""
    from scipy.optimize import brentq

    def statistic(difference: float) -> float:
        share = _constrained(worse, better, n, difference)
        variance = n * (2 * share + difference - difference**2)
        return (better - worse - n * difference) / sqrt(max(variance, 1e-300)) - z

    return float(brentq(statistic, -1 + 1e-12, (better - worse) / n, xtol=1e-13))


def _constrained(worse: int, better: int, n: int, difference: float) -> float:
    """The most likely share of worsened pairs, given the difference: the zero of the likelihood's slope."""
    from scipy.optimize import brentq

    low, high = max(0.0, -difference), (1 - difference) / 2
    inset = 1e-14 * (high - low) + 1e-300

    def slope(share: float) -> float:
        rest = n - worse - better
        parts = [
            (worse, share, 1.0),
            (better, share + difference, 1.0),
            (rest, 1 - 2 * share - difference, -2.0),
        ]
        return sum(sign * count / max(value, 1e-300) for count, value, sign in parts if count)

    first, last = low + inset, high - inset
    if slope(first) <= 0:
        return low
    if slope(last) >= 0:
        return high
    return float(brentq(slope, first, last, xtol=1e-16, rtol=1e-14))


@pytest.mark.parametrize("n", [1, 2, 7, 52, 133, 5000, 10**6])
def test_the_score_bound_of_no_change_is_the_floor(n: int) -> None:
    assert tango_lower(0, 0, n, z=Z) == pytest.approx(-Z * Z / (n + Z * Z), rel=1e-9)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
@settings(max_examples=tries(60), deadline=None)
def test_the_false_discovery_rate_is_that_of_statsmodels_in_any_order(p_values: list[float]) -> None:
    from statsmodels.stats.multitest import multipletests

    expected = multipletests(p_values, method="fdr_bh")[1].tolist()
    assert benjamini_hochberg(p_values) == pytest.approx(expected, rel=1e-9, abs=1e-300)
    backwards = benjamini_hochberg(p_values[::-1])[::-1]
    assert backwards == benjamini_hochberg(p_values)
