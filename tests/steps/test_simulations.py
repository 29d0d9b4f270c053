"""The promises of the gate, on many random suites: how often it stops, ships and finds by mistake.

Every stream is seeded, so each figure is the same on every run; the figures measured when these were
written stand beside the tables.
"""

from collections.abc import Callable, Iterator
from functools import lru_cache

import numpy as np
import pytest

from stopship.model.rule import ALPHA, Margin, Mode, Severity
from stopship.model.score import Direction
from stopship.model.verdict import Finding, Verdict, compose
from stopship.steps.decide import Numbers, absolute_numbers, decide, relative_numbers
from stopship.steps.stats.bounds import lower_bound
from stopship.steps.stats.multiplicity import weighted_holm
from stopship.steps.stats.planning import minimum_detectable_effect
from stopship.steps.stats.pvalues import mcnemar_mid_p, sign_flip_p
from stopship.steps.stats.sample import Floats, Sample
from stopship.steps.weights import ALL_WEIGHT

pytestmark = pytest.mark.slow

Generator = np.random.Generator
MOST_PASSES = 0.075  # P(pass | true drop = margin): the score bound itself reaches .072 just above n_min


def binary(worse: int, better: int, n: int) -> Sample:
    return Sample(
        differences=np.repeat([-1.0, 1.0, 0.0], [worse, better, n - worse - better]), is_binary=True
    )


def counts(rng: Generator, n: int, flips: float, drop: float, times: int) -> Iterator[tuple[int, int]]:
    """(worse, better) of many suites in which `flips` of the cases change, for a mean change of -drop."""
    shares = [(flips + drop) / 2, (flips - drop) / 2, 1 - flips]
    for worse, better, _ in rng.multinomial(n, shares, size=times).tolist():
        yield worse, better


@lru_cache(maxsize=100_000)
def numbers_of(worse: int, better: int, n: int, margin: float) -> Numbers:
    return absolute_numbers(binary(worse, better, n), Margin(margin), alpha=ALPHA)


def verdict(scopes: list[Numbers]) -> Verdict:
    """The verdict of one rule: `all` first, to be proven, then cohorts on guard."""
    cohorts = len(scopes) - 1
    weights = [ALL_WEIGHT, *[(1 - ALL_WEIGHT) / cohorts] * cohorts] if cohorts else [1.0]
    adjusted = weighted_holm([one.test.p for one in scopes], weights)
    findings = []
    for i, (one, p, weight) in enumerate(zip(scopes, adjusted, weights, strict=True)):
        decision = decide(one, p_adjusted=p, alpha=ALPHA, adjusted_alpha=ALPHA * weight)
        mode = Mode.GUARD if i else Mode.PROVE
        findings.append(
            Finding(
                rule="r",
                metric="m",
                scope=str(i),
                kind="compare",
                mode=mode,
                severity=Severity.STOP_SHIP,
                decision=decision,
            )
        )
    return compose(findings)


@pytest.mark.parametrize("flips", [0.05, 0.1, 0.29])
def test_an_identical_build_of_twenty_cohorts_is_stopped_at_most_as_often_as_alpha_says(flips: float) -> None:
    rng = np.random.default_rng(1)
    times, stops = 4000, 0
    for _ in range(times):
        pairs = list(counts(rng, 40, flips, 0.0, 20))
        worse, better = (sum(x) for x in zip(*pairs, strict=True))
        scopes = [numbers_of(worse, better, 800, 0.05), *(numbers_of(b, c, 40, 0.10) for b, c in pairs)]
        stops += verdict(scopes) is Verdict.STOP
    assert stops / times <= ALPHA + 3 * (ALPHA * (1 - ALPHA) / times) ** 0.5


@pytest.mark.parametrize("flips", [0.05, 0.10, 0.29])
@pytest.mark.parametrize("n", [60, 200])
def test_a_binary_score_that_drops_by_the_margin_rarely_passes(n: int, flips: float) -> None:
    rng = np.random.default_rng(2)
    times = 40_000
    pairs = counts(rng, n, flips, 0.05, times)
    passed = sum(numbers_of(worse, better, n, 0.05).lower > -0.05 for worse, better in pairs)
    assert passed / times <= MOST_PASSES


def _mild(rng: Generator, n: int, drop: float) -> Floats:
    return -(rng.beta(2, 5, n) - 2 / 7) - drop


def _skewed(rng: Generator, n: int, drop: float) -> Floats:
    return -rng.beta(0.2, 0.2 * (1 / drop - 1), n)


def _both_ways(rng: Generator, n: int, drop: float) -> Floats:
    return rng.beta(1, 3, n) - rng.beta(1, 3 * 0.25 / (0.25 + drop) - drop / (0.25 + drop), n)


def _breakage(rng: Generator, n: int, drop: float) -> Floats:
    broken = rng.random(n) < drop
    return np.where(broken, -1.0, np.round(rng.normal(0, 0.02, n), 3))


def _few_changes(rng: Generator, n: int, drop: float) -> Floats:
    return np.where(rng.random(n) < 0.2, -rng.beta(0.5, 0.5 * (0.2 / drop - 1), n), 0.0)


@pytest.mark.parametrize(
    ("draw", "n", "margin"),
    [
        (_mild, 60, 0.05),
        (_mild, 200, 0.05),
        (_skewed, 60, 0.05),
        (_skewed, 200, 0.05),
        (_skewed, 50, 0.10),
        (_both_ways, 50, 0.10),
        (_both_ways, 200, 0.05),
        (_few_changes, 60, 0.05),
        (_few_changes, 200, 0.05),
        (_breakage, 60, 0.05),
        (_breakage, 300, 0.01),
        (_breakage, 800, 0.01),
    ],
)
def test_a_bounded_score_that_drops_by_the_margin_rarely_passes(
    draw: Callable[[Generator, int, float], Floats], n: int, margin: float
) -> None:
    rng = np.random.default_rng(3)
    times, passed = 5000, 0
    for _ in range(times):
        sample = Sample(differences=draw(rng, n, margin))
        passed += lower_bound(sample).value > -margin
    assert passed / times <= MOST_PASSES


@pytest.mark.parametrize(("clusters", "size", "margin"), [(20, 10, 0.15), (60, 10, 0.06), (250, 4, 0.05)])
def test_clustered_cases_that_drop_by_the_margin_rarely_pass(clusters: int, size: int, margin: float) -> None:
    rng = np.random.default_rng(4)
    codes = np.repeat(np.arange(clusters), size)
    times, passed = 4000, 0
    for _ in range(times):
        shared = rng.normal(0, 0.1, clusters)[codes]  # rho = .5
        differences = np.clip(shared + rng.normal(0, 0.1, len(codes)) - margin, -1, 1)
        passed += lower_bound(Sample(differences=differences, clusters=codes)).value > -margin
    assert passed / times <= MOST_PASSES


@pytest.mark.parametrize("size", [10, 4])
def test_an_identical_build_of_clusters_is_stopped_at_most_as_often_as_alpha_says(size: int) -> None:
    rng = np.random.default_rng(5)
    codes = np.repeat(np.arange(20), size)
    times, stops = 1000, 0
    for _ in range(times):
        differences = np.clip(rng.normal(0, 0.2, 20)[codes] + rng.normal(0, 0.2, len(codes)), -1, 1)
        sample = Sample(differences=differences, clusters=codes, seed=rng.bytes(8))
        stops += verdict([absolute_numbers(sample, Margin(0.05), alpha=ALPHA)]) is Verdict.STOP
    assert stops / times <= ALPHA + 3 * (ALPHA * (1 - ALPHA) / times) ** 0.5


@pytest.mark.parametrize(("n", "flips"), [(60, 0.29), (200, 0.10), (200, 0.29), (800, 0.10), (800, 0.29)])
def test_a_drop_of_the_detectable_size_is_found_eight_times_in_ten(n: int, flips: float) -> None:
    changed = round(n * flips)
    drop = minimum_detectable_effect(binary(changed // 2, changed - changed // 2, n), alpha=ALPHA)
    assert _power(n, max(flips, drop), drop) == pytest.approx(0.80, abs=0.06)


@pytest.mark.parametrize(("n", "changed"), [(60, 0), (60, 6), (200, 0), (800, 0)])
def test_a_drop_of_the_detectable_size_is_found_more_often_where_no_pair_gets_better(
    n: int, changed: int
) -> None:
    drop = minimum_detectable_effect(binary(changed // 2, changed - changed // 2, n), alpha=ALPHA)
    flips = max(drop, changed / n)
    assert 0.80 <= _power(n, flips, drop) <= 0.88  # .860 to .865


def _power(n: int, flips: float, drop: float) -> float:
    times = 20_000
    pairs = counts(np.random.default_rng(6), n, flips, drop, times)
    return sum(_mid_p(worse, better) <= ALPHA for worse, better in pairs) / times


_mid_p = lru_cache(maxsize=100_000)(mcnemar_mid_p)


@pytest.mark.parametrize("n", [50, 200])
def test_a_drop_of_the_detectable_size_in_a_continuous_score_is_found_eight_times_in_ten(n: int) -> None:
    rng = np.random.default_rng(7)
    times, found = 800, 0
    for _ in range(times):
        noise = rng.normal(0, 0.2, n)
        drop = minimum_detectable_effect(Sample(differences=noise), alpha=ALPHA)
        shifted = rng.normal(-drop, 0.2, n)
        found += sign_flip_p(shifted, seed=rng.bytes(8), alpha=ALPHA) <= ALPHA
    assert found / times == pytest.approx(0.80, abs=0.06)


def _latencies(rng: Generator, n: int, spread: float, ratio: float) -> tuple[Floats, Floats]:
    common = rng.normal(6, spread, n)
    noise = 0.2
    return np.exp(common + rng.normal(0, noise, n)), ratio * np.exp(common + rng.normal(0, noise, n))


def _relative(before: Floats, after: Floats, margin: float) -> Numbers:
    numbers = relative_numbers(
        before, after, None, Direction.LOWER, Margin(margin, relative=True), alpha=ALPHA, seed=b""
    )
    assert numbers is not None
    return numbers


@pytest.mark.parametrize("n", [50, 200])
@pytest.mark.parametrize(("spread", "margin"), [(0.3, 0.10), (0.6, 0.10), (0.3, 0.25), (0.6, 0.25)])
def test_latencies_that_grow_by_the_margin_rarely_pass(n: int, spread: float, margin: float) -> None:
    rng = np.random.default_rng(8)
    times = 2000
    every = (_relative(*_latencies(rng, n, spread, 1 + margin), margin) for _ in range(times))
    assert sum(one.lower > -margin for one in every) / times <= MOST_PASSES


@pytest.mark.parametrize("n", [50, 200])
@pytest.mark.parametrize("spread", [0.3, 0.6])
def test_equal_latencies_are_rarely_stopped(n: int, spread: float) -> None:
    rng = np.random.default_rng(9)
    times = 2000
    every = [_relative(*_latencies(rng, n, spread, 1.0), 0.10) for _ in range(times)]
    assert sum(one.test.p <= ALPHA for one in every) / times <= 0.07
    assert sum(verdict([one]) is Verdict.STOP for one in every) / times <= 0.07


def test_a_cohort_that_breaks_is_stopped() -> None:
    rng = np.random.default_rng(10)
    times, stops = 500, 0
    for _ in range(times):
        pairs = list(counts(rng, 40, 0.03, 0.0, 20))
        pairs[3] = next(counts(rng, 40, 0.42, 0.40, 1))
        worse, better = (sum(x) for x in zip(*pairs, strict=True))
        scopes = [numbers_of(worse, better, 800, 0.05), *(numbers_of(b, c, 40, 0.10) for b, c in pairs)]
        stops += verdict(scopes) is Verdict.STOP
    assert stops / times >= 0.90
