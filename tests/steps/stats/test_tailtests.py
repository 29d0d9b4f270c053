"""Tails against scipy and numpy on random values, and what must hold of them whatever the values are."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from tests.examples import tries

from stopship.steps.stats.sample import Floats
from stopship.steps.stats.tailtests import (
    Toll,
    exceedance_test,
    influence,
    order_bounds,
    quantile,
    quantile_lower,
    ranks,
    tail_mean_differences,
    tail_mean_lower,
    tail_mean_slack,
    tail_mean_test,
    tail_mean_upper,
)

RELATIVE = Toll()
SEEDS = st.integers(0, 2**32 - 1)
SHARES = st.sampled_from([0.8, 0.9, 0.95])


def latencies(seed: int, n: int, *, noise: float = 0.1) -> tuple[Floats, Floats]:
    rng = np.random.default_rng(seed)
    before = np.exp(rng.normal(0, 0.8, n))
    return before, before * np.exp(rng.normal(0, noise, n))


@given(SEEDS, SHARES, st.integers(50, 300))
@settings(max_examples=tries(40), deadline=None)
def test_the_exceedance_p_is_the_mid_p_of_scipys_binomial(seed: int, share: float, n: int) -> None:
    before, after = latencies(seed, n, noise=0.5)
    test, threshold = exceedance_test(before, after, share, budget=None, clusters=None, seed=b"", alpha=0.05)
    assert threshold == np.quantile(np.concatenate([before, after]), share)
    worse = int(((after > threshold) & (before <= threshold)).sum())
    better = int(((before > threshold) & (after <= threshold)).sum())
    coin = stats.binom(worse + better, 0.5)
    expected = coin.sf(worse) + coin.pmf(worse) / 2 if worse + better else 1.0
    assert test.p == pytest.approx(float(expected), rel=1e-9)


@given(SEEDS, SHARES, st.integers(50, 300))
@settings(max_examples=tries(40), deadline=None)
def test_the_p_of_the_mean_beyond_is_scipys_paired_t_of_the_influence_values(
    seed: int, share: float, n: int
) -> None:
    before, after = latencies(seed, n)
    sides = [influence(one, share) for one in (before, after)]
    expected = stats.ttest_rel(sides[1], sides[0], alternative="greater")
    sample = tail_mean_differences(before, after, share, None)
    assert tail_mean_test(sample, alpha=0.05).p == pytest.approx(float(expected.pvalue), rel=1e-7)


@given(SEEDS, SHARES)
@settings(max_examples=tries(40), deadline=None)
def test_the_influence_values_average_to_the_mean_of_the_worst_share(seed: int, share: float) -> None:
    values, _ = latencies(seed, 200)  # of which the shares are whole numbers
    worst = np.sort(values)[round(200 * share) :]
    assert float(influence(values, share).mean()) == pytest.approx(float(worst.mean()))
    for at in np.quantile(values, [0.1, 0.7, 0.93, 0.99]):
        assert influence(values, share, at=float(at)).mean() >= worst.mean() - 1e-9


@given(st.integers(30, 5_000), SHARES)
@settings(max_examples=tries(60), deadline=None)
def test_order_statistics_bound_a_quantile_as_scipys_binomial_says(n: int, share: float) -> None:
    beyond = stats.binom(n, 1 - share)
    fewest, most = ranks(float(n), share)
    assert beyond.cdf(fewest) <= 0.05 < beyond.cdf(fewest + 1) + 1e-12
    assert beyond.sf(most) <= 0.05 + 1e-12
    assert beyond.sf(most - 1) > 0.05 - 1e-12
    values = np.arange(float(n))
    low, high = order_bounds(values, share, float(n))
    assert low <= quantile(values, share)
    assert high is None or high >= quantile(values, share)


def test_ten_cases_beyond_are_the_fewest_that_could_prove_anything() -> None:
    for share, n in ((0.8, 50), (0.9, 100), (0.95, 200), (0.99, 1000)):
        assert ranks(float(n), share)[0] >= 4  # four crossings are the fewest with a mid-p of .05 or less


@given(SEEDS, SHARES, st.sampled_from([0.0, 0.1, 0.5]))
@settings(max_examples=tries(40), deadline=None)
def test_the_bounds_do_not_depend_on_order(seed: int, share: float, noise: float) -> None:
    before, after = latencies(seed, 240, noise=noise)
    order = np.random.default_rng(seed).permutation(240)

    def numbers(x: Floats, y: Floats) -> list[float]:
        mean = tail_mean_lower(x, y, share, RELATIVE, 0.2, worst=None, clusters=None)[0]
        upper = tail_mean_upper(y, share, worst=None, clusters=None)
        quantiles = quantile_lower(x, y, share, RELATIVE, None)
        return [-99.0 if one is None else one for one in (quantiles, mean, upper)]

    assert numbers(before, after) == pytest.approx(numbers(before[order], after[order]), rel=1e-9)


@given(SEEDS, SHARES, st.sampled_from([0.0, 0.05, 0.5]), st.integers(0, 299), st.floats(0.001, 20))
@settings(max_examples=tries(120), deadline=None)
def test_a_worse_case_never_raises_the_bound_of_a_quantile(
    seed: int, share: float, noise: float, case: int, by: float
) -> None:
    before, after = latencies(seed, 300, noise=noise)
    bound = quantile_lower(before, after, share, RELATIVE, None)
    after[case] += by
    worse = quantile_lower(before, after, share, RELATIVE, None)
    assert worse is None or (bound is not None and worse <= bound)


@given(SEEDS, SHARES, st.sampled_from([0.0, 0.05, 0.5]), st.integers(0, 299), st.floats(0.001, 20))
@settings(max_examples=tries(120), deadline=None)
def test_a_case_no_better_than_before_that_gets_worse_never_raises_the_bound_of_the_mean_beyond(
    seed: int, share: float, noise: float, case: int, by: float
) -> None:
    before, after = latencies(seed, 300, noise=noise)
    after[case] = max(after[case], before[case])
    bound = tail_mean_slack(before, after, share, RELATIVE, 0.2, worst=None, clusters=None).value
    upper = tail_mean_upper(after, share, worst=None, clusters=None)
    after[case] += by
    worse = tail_mean_slack(before, after, share, RELATIVE, 0.2, worst=None, clusters=None).value
    assert worse <= bound + 1e-9
    assert tail_mean_upper(after, share, worst=None, clusters=None) >= upper - 1e-9


@given(SEEDS, SHARES, st.sampled_from([0.05, 0.2, 1.0]))
@settings(max_examples=tries(40), deadline=None)
def test_the_printed_bound_clears_the_margin_exactly_where_the_slack_is_proven(
    seed: int, share: float, margin: float
) -> None:
    before, after = latencies(seed, 400, noise=0.05)
    lower, _ = tail_mean_lower(before, after, share, RELATIVE, margin, worst=None, clusters=None)
    slack = tail_mean_slack(before, after, share, RELATIVE, margin, worst=None, clusters=None).value
    assert (slack > 0) is (lower is not None and lower > -margin)


def test_a_budget_that_no_case_exceeds_does_not_deafen_the_test() -> None:
    before, _ = latencies(1, 400)
    test, threshold = exceedance_test(
        before, before * 2, 0.95, budget=1e6, clusters=None, seed=b"", alpha=0.05
    )
    assert threshold == np.quantile(np.concatenate([before, before * 2]), 0.95)
    assert test.p < 0.001
    below = float(np.quantile(before, 0.9))
    assert (
        exceedance_test(before, before * 2, 0.95, budget=below, clusters=None, seed=b"", alpha=0.05)[1]
        == below
    )


def test_cases_counted_twice_as_one_cluster_prove_less_than_as_cases_of_their_own() -> None:
    found = []
    for seed in range(40):
        before, after = (np.repeat(one, 2) for one in latencies(seed, 300, noise=0.05))
        clustered = quantile_lower(before, after, 0.9, RELATIVE, np.repeat(np.arange(300), 2))
        alone = quantile_lower(before, after, 0.9, RELATIVE, None)
        assert clustered is not None
        assert alone is not None
        found.append(clustered - alone)
    assert np.mean(found) < -0.01  # formulas differ, so that one pair of bounds may lie the other way round
