"""Laws of the statistics: worse never helps, order plays no part, every number is finite."""

from dataclasses import replace
from math import isfinite

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.examples import tries
from tests.families import first_fast

from stopship.model.rule import ALPHA, Margin
from stopship.steps.decide import absolute_numbers
from stopship.steps.stats import bounds, planning
from stopship.steps.stats.bounds import lower_bound, smallest_n, upper_bound
from stopship.steps.stats.planning import minimum_detectable_effect
from stopship.steps.stats.pvalues import mcnemar_mid_p, sign_flip_p
from stopship.steps.stats.sample import Codes, Floats, Sample
from stopship.steps.stats.tails import binomial_at_most, binomial_probability
from stopship.steps.stats.tango import tango_lower

STEPS = st.integers(-20, 20).map(lambda x: x / 20)
LOSSES = st.integers(-20, 0).map(lambda x: x / 20)
COARSE = st.sampled_from([-1.0, -0.5, -0.03, 0.0, 0.03, 0.5, 1.0])
Edit = tuple[list[float], list[float], list[int]]  # differences before and after, clusters


@st.composite
def edits(draw: st.DrawFn, values: st.SearchStrategy[float] = STEPS, most: int = 40) -> Edit:
    """Differences, the same with some that are not gains made worse, and a cluster for each case."""
    kind = draw(st.sampled_from(["any", "coarse", "alike", "one gain"]))
    n = draw(st.integers(1, most))
    if kind == "any":
        before = draw(st.lists(values, min_size=n, max_size=n))
    elif kind == "coarse":
        before = draw(st.lists(COARSE, min_size=n, max_size=n))
    else:
        before = [draw(LOSSES)] * n
        before[0] = 0.0 if kind == "alike" else 1.0
    after = list(before)
    open_to = [i for i, one in enumerate(before) if one <= 0]
    for i in draw(st.lists(st.sampled_from(open_to), max_size=3)) if open_to else []:
        after[i] = min(after[i], draw(LOSSES))
    most_clusters = draw(st.sampled_from([3, 7, 12, n]))
    codes = draw(st.lists(st.integers(0, max(1, most_clusters)), min_size=n, max_size=n))
    return before, after, codes


def coded(clusters: list[int]) -> Codes:
    return np.unique(clusters, return_inverse=True)[1].astype(np.int64)


def lower(differences: list[float], clusters: Codes | None = None) -> float:
    return lower_bound(Sample(differences=np.array(differences), clusters=clusters)).value


@given(edits())
@example(([0.0, -1.0], [-0.8, -1.0], [0, 1]))
@example(([0.0, -0.6, -0.6], [-0.1, -0.6, -0.6], [0, 1, 2]))
@settings(max_examples=tries(400), deadline=None)
def test_a_case_made_worse_never_raises_the_lower_bound(edit: Edit) -> None:
    before, after, _ = edit
    assert lower(after) <= lower(before) + 1e-12


@given(edits())
@example(([1.0] * 19 + [0.0] * 81, [1.0] * 19 + [-1.0] + [0.0] * 80, [0] * 20 + list(range(1, 81))))
@example(([1.0, 0.0, 0.0, 0.2], [1.0, 0.0, -0.5, 0.2], [1, 0, 1, 0]))
@example(([-1.0, 0.0, -1.0, -1.0], [-1.0, -0.99, -1.0, -1.0], [1, 2, 0, 0]))
@settings(max_examples=tries(400), deadline=None)
def test_a_case_made_worse_never_raises_the_lower_bound_of_clusters(edit: Edit) -> None:
    before, after, clusters = edit
    assert lower(after, coded(clusters)) <= lower(before, coded(clusters)) + 1e-12


@pytest.mark.parametrize("margin", [0.05, 0.1])
@pytest.mark.parametrize("together", [2, 5])
@pytest.mark.parametrize("cases", [200, 400, 1000, 2000])
def test_clusters_that_break_as_a_whole_by_the_margin_seldom_pass(
    cases: int, together: int, margin: float
) -> None:
    """Exactly, of builds with two outputs a case whose other cases did not change."""
    groups, clusters = cases // together, np.arange(cases) // together

    def passes(broken: int) -> bool:
        differences = np.where(clusters < broken, -1.0, 0.0)
        sample = Sample(differences=differences, clusters=clusters, outputs=(2.0, 2.0))
        return lower_bound(sample).value > -margin

    most = max((one for one in range(int(groups * margin) + 1) if passes(one)), default=-1)
    assert most < 0 or binomial_at_most(most, groups, margin) <= 0.075


@pytest.mark.slow
def test_ten_thousand_random_edits_never_raise_the_lower_bound() -> None:
    rng = np.random.default_rng(20260101)
    raised = 0
    for trial in range(10_000):
        n = int(rng.choice([2, 3, 5, 8, 12, 20, 40]))
        scale = rng.choice([0.02, 0.2, 1.0])
        before = np.round(np.clip(rng.normal(-0.05, scale, n) * (rng.random(n) < rng.random()), -1, 1), 2)
        clusters = None if trial % 2 else coded(np.minimum(rng.geometric(0.2, n), 12).tolist())
        not_better = np.flatnonzero(before <= 0)
        if not len(not_better):
            continue
        after = before.copy()
        chosen = rng.choice(not_better, size=min(len(not_better), int(rng.integers(1, 4))), replace=False)
        after[chosen] += (-1 - after[chosen]) * rng.choice([1.0, 0.5, 0.05])
        raised += lower(after.tolist(), clusters) > lower(before.tolist(), clusters) + 1e-12
    assert raised == 0


@pytest.mark.parametrize("repeats", first_fast([2, 3, 5]))
def test_random_edits_of_means_of_several_outputs_never_raise_the_lower_bound(repeats: int) -> None:
    rng = np.random.default_rng(repeats)
    raised = lowered = 0
    for _ in range(3_000):
        n = int(rng.choice([25, 60, 120]))
        changes = rng.integers(-1, 2, n) * (rng.random(n) < rng.choice([0.2, 0.5, 0.9]))
        before = changes * np.minimum(rng.geometric(0.6, n), repeats) / repeats
        after = before.copy()
        chosen = rng.choice(np.flatnonzero(before <= 0), size=int(rng.integers(1, 4)))
        after[chosen] = np.maximum(-1, after[chosen] - rng.integers(1, repeats + 1) / repeats)
        here, there = (
            lower_bound(Sample(differences=one, outputs=(repeats, repeats))).value for one in (before, after)
        )
        raised += there > here + 1e-12
        lowered += there < here - 1e-12
    assert raised == 0 < lowered


@pytest.mark.parametrize(("n", "margin"), [(100, 0.05), (200, 0.05), (100, 0.10), (400, 0.02), (200, 0.02)])
def test_a_pair_of_cases_that_belong_together_loosens_no_proof(n: int, margin: float) -> None:
    """Cases break for good, as many as the margin on average; two unchanged ones are one cluster."""
    together = np.arange(n)
    together[-1] = n - 2
    passes = 0.0
    for broken in range(n // 2):
        differences = np.repeat([-1.0, 0.0], [broken, n - broken])
        alone, paired = (
            lower_bound(Sample(differences=differences, is_binary=True, clusters=clusters)).value
            for clusters in (None, together)
        )
        assert paired <= alone + 0.005  # one case fewer is worth no more
        passes += binomial_probability(broken, n, margin) * (paired > -margin)
    assert passes <= 0.075


def test_clusters_that_break_whole_seldom_pass_at_the_margin() -> None:
    rng = np.random.default_rng(5)
    for groups, size in ((100, 2), (100, 5), (200, 2)):
        codes = np.repeat(np.arange(groups), size)
        passed = 0
        for _ in range(300):
            differences = np.repeat(-(rng.random(groups) < 0.05).astype(float), size)
            sample = Sample(differences=differences, is_binary=True, clusters=codes)
            passed += lower_bound(sample).value > -0.05
        assert passed / 300 <= 0.075 + 3 * (0.075 * 0.925 / 300) ** 0.5


@pytest.mark.parametrize(("n", "margin", "outputs"), first_fast([(25, 0.1, 3), (40, 0.1, 5), (60, 0.05, 3)]))
def test_unequal_numbers_of_outputs_seldom_pass_at_the_margin(n: int, margin: float, outputs: int) -> None:
    rng = np.random.default_rng(n)
    size = 0.04 / (0.95 * 0.05 - 0.04)
    passed = 0
    for _ in range(3_000):
        rates = rng.beta(0.95 * size, 0.05 * size, n)
        old = rng.binomial(outputs, rates) / outputs
        new = rng.binomial(1, rates * (1 - margin / 0.95))
        sample = Sample(differences=new - old, outputs=(outputs, 1.0))
        passed += lower_bound(sample).value > -margin
    assert passed / 3_000 <= 0.075 + 3 * (0.075 * 0.925 / 3_000) ** 0.5


def test_equal_changes_of_several_outputs_fill_the_score_bound_in_proportion() -> None:
    differences = np.repeat([-0.2, 0.2, 0.0], [30, 30, 140])
    single, several = (
        lower_bound(Sample(differences=differences, outputs=one)) for one in ((1, 1), (5.0, 5.0))
    )
    assert single.value == pytest.approx(0.2 * tango_lower(19, 0, 200, z=bounds.Z))
    assert several.value > single.value
    half = Sample(differences=np.repeat([-0.2, 0.2, 0.0], [30, 10, 160]), outputs=(5.0, 5.0))
    assert lower_bound(half).value <= 0.2 * tango_lower(19 * 19 / 29, 10 * 19 / 29, 200, z=bounds.Z)


@pytest.mark.parametrize("n", [50, 200, 800])
@pytest.mark.parametrize("rate", [0.42, 0.95])
def test_a_drop_is_expected_to_change_further_cases_where_outputs_pass_or_fail(n: int, rate: float) -> None:
    flips = 2 * rate * (1 - rate) * 0.6
    pairs = _binary(round(n * flips / 2), round(n * flips / 2), n)
    seen = (pairs.worse + pairs.better) / n
    drop = minimum_detectable_effect(pairs, alpha=ALPHA, rate=rate)
    psi = seen + drop * (1 - seen / rate)  # some of the lost passes would have flipped anyway
    power = (drop * n**0.5 - bounds.Z * psi**0.5) / (psi - drop * drop) ** 0.5
    assert power == pytest.approx(planning.Z_POWER, abs=1e-6)
    assert drop > minimum_detectable_effect(pairs, alpha=ALPHA)


def test_more_outputs_a_case_let_a_smaller_drop_be_seen() -> None:
    rng = np.random.default_rng(3)
    rates = rng.beta(0.9, 1.2, 300)
    found = []
    for repeats in (2, 3, 5):
        old, new = (rng.binomial(repeats, rates) / repeats for _ in range(2))
        sample = Sample(differences=new - old, outputs=(repeats, repeats))
        found.append(minimum_detectable_effect(sample, alpha=ALPHA, rate=float(old.mean())))
        assert found[-1] > minimum_detectable_effect(sample, alpha=ALPHA)
    assert found == sorted(found, reverse=True)


def test_a_drop_spreads_over_several_outputs_of_few_cases() -> None:
    """Of 50 cases with five outputs, the moment is far below the drop that would be noticed."""
    rng = np.random.default_rng(3)
    rates = rng.beta(0.6, 0.9, 50)
    means = [(rng.random((50, 5)) < rates[:, None]).mean(axis=1) for _ in range(2)]
    several = Sample(differences=means[1] - means[0], outputs=(5.0, 5.0))
    found = minimum_detectable_effect(several, alpha=ALPHA, rate=0.4)
    assert minimum_detectable_effect(several, alpha=ALPHA) < found < 0.11


def test_a_worse_pair_never_raises_the_score_bound_of_a_binary_score() -> None:
    for n in (1, 2, 5, 20, 60):
        for worse in range(n):
            for better in range(n - worse):
                here, there = (lower_bound(_binary(worse + more, better, n)).value for more in (0, 1))
                assert there <= here + 1e-12, (worse, better, n)


def _binary(worse: int, better: int, n: int) -> Sample:
    return Sample(
        differences=np.repeat([-1.0, 1.0, 0.0], [worse, better, n - worse - better]), is_binary=True
    )


@given(st.integers(0, 300), st.integers(0, 300))
@settings(deadline=None)
def test_a_worse_pair_never_raises_mid_p(worse: int, better: int) -> None:
    assert mcnemar_mid_p(worse + 1, better) <= mcnemar_mid_p(worse, better)


@given(edits(most=24))
@example(([-0.1] * 16 + [0.0] * 2, [-0.1] * 16 + [-1.0, 0.0], [0] * 18))
@example(([-0.3] * 9 + [0.2] * 7 + [0.0], [-0.3] * 9 + [0.2] * 7 + [-0.05], [0] * 17))
@settings(max_examples=tries(150), deadline=None)
def test_a_case_made_worse_never_raises_the_sign_flip_p(edit: Edit) -> None:
    before, after, _ = edit
    assert _flipped(np.array(after)) <= _flipped(np.array(before))


@given(st.lists(STEPS, min_size=15, max_size=20), st.data())
@settings(max_examples=tries(150), deadline=None)
def test_a_cluster_sum_made_worse_never_raises_the_sign_flip_p(
    sums: list[float], data: st.DataObject
) -> None:
    before, after = np.array(sums), np.array(sums)
    i = data.draw(st.integers(0, len(sums) - 1))
    after[i] = min(after[i], data.draw(STEPS))
    assert _flipped(after) <= _flipped(before)


def test_a_small_gain_that_vanishes_never_raises_the_sign_flip_p_at_the_switch_to_exact_signs() -> None:
    rng = np.random.default_rng(7)
    for _ in range(60):
        before = np.append(rng.normal(-0.1, 0.3, 16), 1e-4)
        after = before.copy()
        after[-1] = 0.0
        assert _flipped(after) <= _flipped(before)


def _flipped(values: Floats) -> float:
    return sign_flip_p(values, seed=b"law", alpha=ALPHA)


@given(edits(), st.randoms(use_true_random=False), st.booleans())
@settings(deadline=None)
def test_the_order_of_cases_changes_no_bit_of_a_bound(edit: Edit, random: object, binary: bool) -> None:
    before = [float(np.sign(x)) for x in edit[0]] if binary else edit[0]
    shuffled = list(before)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    one, two = (Sample(differences=np.array(x), is_binary=binary) for x in (before, shuffled))
    assert lower_bound(one) == lower_bound(two)
    assert upper_bound(one) == upper_bound(two)
    assert one.standard_error == two.standard_error


@given(edits(), st.permutations(range(60)))
@settings(deadline=None)
def test_renaming_clusters_changes_no_bit_of_a_bound(edit: Edit, names: list[int]) -> None:
    codes = coded(edit[2])
    renamed = coded([names[code] for code in codes])
    one, two = (Sample(differences=np.array(edit[0]), clusters=x) for x in (codes, renamed))
    assert lower_bound(one) == lower_bound(two)
    assert one.standard_error == two.standard_error
    assert one.n_effective == two.n_effective


def test_a_hundred_other_names_of_clusters_change_no_bit_of_a_bound() -> None:
    rng = np.random.default_rng(5)
    differences, codes = np.round(rng.normal(-0.2, 0.3, 240), 2), np.arange(240) // 3
    found = {
        lower_bound(Sample(differences=differences, clusters=rng.permutation(80)[codes])) for _ in range(100)
    }
    assert len(found) == 1


@given(edits(), st.sampled_from(["alone", "clustered", "binary"]))
@settings(deadline=None)
def test_the_mean_lies_between_its_bounds(edit: Edit, kind: str) -> None:
    before = np.array(edit[0])
    if kind == "binary":
        sample = Sample(differences=np.sign(before), is_binary=True)
    else:
        sample = Sample(differences=before, clusters=coded(edit[2]) if kind == "clustered" else None)
    assert lower_bound(sample).value <= sample.mean + 1e-15
    assert upper_bound(sample) >= sample.mean - 1e-15


EXTREMES: dict[str, Sample] = {
    "one case": Sample(differences=np.array([0.0])),
    "one lost case": Sample(differences=np.array([-1.0])),
    "one gained pair": _binary(0, 1, 1),
    "one lost pair": _binary(1, 0, 1),
    "two cases": Sample(differences=np.array([-1.0, 1.0])),
    "all lost": Sample(differences=np.full(100, -1.0)),
    "all gained": Sample(differences=np.full(100, 1.0)),
    "all pairs lost": _binary(100, 0, 100),
    "all pairs gained": _binary(0, 100, 100),
    "all equal, no error": Sample(differences=np.full(3000, -0.1)),
    "as small as floats go": Sample(differences=np.full(50, -1e-300)),
    "large and small": Sample(differences=np.array([1e-300, -1.0, 1e-9, 0.0] * 10)),
    "tiny span": Sample(differences=np.full(10, -1e-300), span=1e-300),
    "huge span": Sample(differences=np.array([-1e150, 1e149] * 20), span=1e150),
    "a million pairs, none changed": _binary(0, 0, 10**6),
    "a million pairs, one lost": _binary(1, 0, 10**6),
    "half a million lost, half gained": _binary(500_000, 500_000, 10**6),
    "one cluster": Sample(differences=np.full(30, -0.2), clusters=np.zeros(30, dtype=np.int64)),
    "one cluster of pairs": replace(_binary(3, 2, 30), clusters=np.zeros(30, dtype=np.int64)),
    "two clusters": Sample(differences=np.array([-1.0, 1.0, 0.0]), clusters=np.array([0, 1, 1])),
    "clusters that cancel": Sample(
        differences=np.tile([1.0, -1.0], 300), clusters=np.repeat(np.arange(300), 2)
    ),
}


@pytest.mark.parametrize("sample", EXTREMES.values(), ids=EXTREMES.keys())
def test_every_number_of_an_extreme_sample_is_finite_and_raises_no_warning(sample: Sample) -> None:
    with np.errstate(all="raise", under="ignore"):  # numpy ignores underflow too: to 0 is right here
        numbers = absolute_numbers(sample, Margin(0.05), alpha=ALPHA)
        found = [
            numbers.lower,
            numbers.upper,
            numbers.estimate,
            numbers.test.p,
            numbers.smallest_p,
            numbers.n_effective,
            numbers.mde(ALPHA),
            numbers.mde(1e-9),
            numbers.chance_of_pass(),
            float(numbers.cases_needed()),
        ]
    assert all(isfinite(one) for one in found)
    assert 0 < numbers.test.p <= 1
    assert 0 <= numbers.chance_of_pass() <= 1
    assert 0 < numbers.mde(ALPHA) <= 1
    assert numbers.cases_needed() >= smallest_n(0.05)
