"""Repeats inside cases: against scipy and full enumeration, the laws, and false alarms."""

from itertools import combinations, product
from math import comb

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.examples import tries
from tests.steps.stats.repeating import Scores, edits, outputs, sample_of, shuffled

from stopship.steps.stats import within
from stopship.steps.stats.hypergeometric import lattice
from stopship.steps.stats.pvalues import mcnemar_mid_p
from stopship.steps.stats.repeated import (
    RepeatedSample,
    Repeats,
    binary_sample,
    repeats_of,
    repeats_of_counts,
)
from stopship.steps.stats.within import smallest_within_p, within_case_exact, within_p

TRIES = st.integers(1, 5)


@st.composite
def counted(draw: st.DrawFn, most: int = 40) -> list[tuple[int, int, int, int]]:
    """(kb, Rb, kc, Rc) of each case."""
    rows = []
    for _ in range(draw(st.integers(1, most))):
        rb, rc = draw(TRIES), draw(TRIES)
        rows.append((draw(st.integers(0, rb)), rb, draw(st.integers(0, rc)), rc))
    return rows


def exact(rows: list[tuple[int, int, int, int]]) -> float:
    return within_case_exact(*(list(column) for column in zip(*rows, strict=True)))


def by_dictionary(rows: list[tuple[int, int, int, int]]) -> float:
    """The same by convolving the sums of differences as whole numbers of sixtieths, with scipy's pmf."""
    from scipy.stats import hypergeom

    sums = {0: 1.0}
    observed = 0
    for kb, rb, kc, rc in rows:
        observed += kc * 60 // rc - kb * 60 // rb
        more: dict[int, float] = {}
        for x in range(max(0, kb + kc - rb), min(rc, kb + kc) + 1):
            chance = float(hypergeom.pmf(x, rb + rc, kb + kc, rc))
            step = x * 60 // rc - (kb + kc - x) * 60 // rb
            for at, held in sums.items():
                more[at + step] = more.get(at + step, 0.0) + held * chance
        sums = more
    below = sum(chance for at, chance in sums.items() if at < observed)
    return below + sums[observed] / 2


@given(counted())
@example([(1, 4, 0, 1), (2, 3, 5, 5)])  # the whole range in one transform, observed beyond its half
@example([(0, 1, 1, 2)])  # observed at the top
@settings(max_examples=tries(60), deadline=None)
def test_the_exact_p_is_the_convolution_of_scipys_hypergeometrics(
    rows: list[tuple[int, int, int, int]],
) -> None:
    if all(kb + kc in (0, rb + rc) for kb, rb, kc, rc in rows):
        assert exact(rows) == 1.0
    else:
        assert exact(rows) == pytest.approx(by_dictionary(rows), rel=1e-8)


@given(outputs(binary=True, most_cases=3, most_repeats=3))
@settings(max_examples=tries(40), deadline=None)
def test_the_exact_p_counts_every_way_to_deal_the_outputs(arms: tuple[Scores, Scores]) -> None:
    below, equal, ways = enumerated(*arms)
    if equal == ways:
        return  # nothing varies: 1 by convention
    p = within_p(sample_of(*arms, binary=True), alpha=0.05).p
    assert p == pytest.approx((below + equal / 2) / ways, rel=1e-9)


@given(outputs(binary=False, most_cases=2, most_repeats=3))
@settings(max_examples=tries(40), deadline=None)
def test_the_counted_p_is_the_share_of_deals_as_low_as_what_came_out(arms: tuple[Scores, Scores]) -> None:
    below, equal, ways = enumerated(*arms)
    test = within_p(sample_of(*arms, binary=False), alpha=0.05)
    assert test.name == "within-case-counted"
    assert test.p == pytest.approx((below + equal) / ways, rel=1e-9)


def enumerated(before: Scores, after: Scores) -> tuple[int, int, int]:
    """How many deals have a lower sum of mean differences, an equal one, and how many there are."""
    moves = []
    for base, cand in zip(before, after, strict=True):
        pool = [*cand, *base]
        means = []
        for chosen in combinations(range(len(pool)), len(cand)):
            taken = sum(pool[i] for i in chosen)
            means.append(taken / len(cand) - (sum(pool) - taken) / len(base))
        moves.append([one - means[0] for one in means])
    sums = [sum(one) for one in product(*moves)]
    equal = sum(abs(one) < 1e-9 for one in sums)
    return sum(one <= -1e-9 for one in sums), equal, len(sums)


def test_a_counted_p_agrees_with_the_permutation_test_of_scipy() -> None:
    from scipy.stats import permutation_test

    before, after = [0.9, 0.7, 0.85, 0.6], [0.5, 0.65, 0.3, 0.62]
    found = permutation_test(
        (np.array(after), np.array(before)),
        lambda a, b: np.mean(a) - np.mean(b),
        alternative="less",
        n_resamples=10_000,
    )
    assert within_p(sample_of([before], [after], binary=False), alpha=0.05).p == pytest.approx(found.pvalue)


@given(st.integers(0, 30), st.integers(0, 30), st.integers(0, 30))
def test_one_output_in_each_arm_is_mcnemars_mid_p(worse: int, better: int, same: int) -> None:
    if worse + better + same == 0:
        return
    rows = [(1, 1, 0, 1)] * worse + [(0, 1, 1, 1)] * better + [(1, 1, 1, 1)] * same
    assert exact(rows) == pytest.approx(mcnemar_mid_p(worse, better), rel=1e-9)


@given(st.integers(2, 400))
@settings(max_examples=tries(30), deadline=None)
def test_the_far_tail_keeps_its_digits(n: int) -> None:
    """All lost but one output: a tail that a plain transform would drown in its rounding."""
    rows = [(3, 5, 0, 5)] * (n - 1) + [(3, 5, 1, 5)]
    least, one_more = comb(5, 3) / comb(10, 3), comb(5, 1) * comb(5, 2) / comb(10, 3)
    most = comb(5, 1) * comb(5, 3) / comb(10, 4), comb(5, 4) / comb(10, 4)  # the last case: one pass, none
    logs = (n - 1) * np.log(least)
    others = (n - 1) * one_more / least  # one pass in one of the others, and none in the last
    expected = logs + np.log(most[1] + (most[0] + most[1] * others) / 2)
    assert np.log(exact(rows)) == pytest.approx(max(expected, -1000 * np.log(2)), rel=1e-10)


@given(edits(binary=True))
@settings(max_examples=tries(300), deadline=None)
def test_a_worse_output_never_raises_the_exact_p(pair: tuple[RepeatedSample, RepeatedSample]) -> None:
    before, after = (within_p(one, alpha=0.05) for one in pair)
    assert before.name == after.name
    assert after.p <= before.p * (1 + 1e-9) or (after.p == 1.0 and before.p > 0.5)


@given(edits(binary=False, most_cases=2, most_repeats=3))
@settings(max_examples=tries(200), deadline=None)
def test_a_worse_output_never_raises_the_counted_p(pair: tuple[RepeatedSample, RepeatedSample]) -> None:
    before, after = (within_p(one, alpha=0.05) for one in pair)
    assert before.name == after.name == "within-case-counted"
    assert after.p <= before.p


@given(edits(binary=False, most_cases=15, fewest=3))
@settings(max_examples=tries(100), deadline=None)
def test_a_worse_output_never_raises_the_drawn_p(pair: tuple[RepeatedSample, RepeatedSample]) -> None:
    before, after = (within._drawn(one, rounds=499) for one in pair)
    assert after <= before


@given(edits(binary=False, most_cases=3, fewest=8, most_repeats=10))
@settings(max_examples=tries(40), deadline=None)
def test_a_worse_output_never_raises_a_p_drawn_by_order(pair: tuple[RepeatedSample, RepeatedSample]) -> None:
    before, after = (within._drawn(one, rounds=99) for one in pair)
    assert after <= before


@given(outputs(binary=False), st.integers(0, 2**32 - 1))
@settings(max_examples=tries(60), deadline=None)
def test_the_order_of_the_outputs_of_a_case_is_irrelevant(arms: tuple[Scores, Scores], seed: int) -> None:
    rng = np.random.default_rng(seed)
    turned = sample_of(*(shuffled(arm, rng) for arm in arms), binary=False)
    assert within_p(turned, alpha=0.05) == within_p(sample_of(*arms, binary=False), alpha=0.05)


@given(counted(), st.randoms(use_true_random=False))
@settings(max_examples=tries(40), deadline=None)
def test_the_order_of_the_cases_is_irrelevant_to_the_exact_p(
    rows: list[tuple[int, int, int, int]], random: st.DataObject
) -> None:
    turned = list(rows)
    random.shuffle(turned)  # type: ignore[attr-defined]
    assert exact(turned) == pytest.approx(exact(rows), rel=1e-9)


@given(outputs(binary=True, most_cases=20))
@settings(max_examples=tries(100), deadline=None)
def test_no_outcome_reaches_a_p_below_the_smallest(arms: tuple[Scores, Scores]) -> None:
    one = sample_of(*arms, binary=True)
    lost = sample_of([[1.0] * len(x) for x in arms[0]], [[0.0] * len(x) for x in arms[1]], binary=True)
    smallest = smallest_within_p(one, alpha=0.05)
    assert within_p(one, alpha=0.05).p >= smallest * (1 - 1e-9)
    assert within_p(lost, alpha=0.05).p == pytest.approx(smallest, rel=1e-9)


@given(outputs(binary=False, most_cases=4))
@settings(max_examples=tries(60), deadline=None)
def test_the_smallest_p_of_scores_is_reached_where_all_is_lost(arms: tuple[Scores, Scores]) -> None:
    lost = sample_of([[1.0] * len(x) for x in arms[0]], [[0.0] * len(x) for x in arms[1]], binary=False)
    found, smallest = within_p(lost, alpha=0.05), smallest_within_p(lost, alpha=0.05)
    if found.name == "within-case-counted":
        assert found.p == pytest.approx(smallest, rel=1e-9)
    else:
        assert smallest <= found.p <= 5 * smallest  # the observed deal itself may be drawn


@pytest.mark.slow
def test_repeats_that_share_no_lattice_are_drawn_and_agree_with_the_exact_p() -> None:
    rng = np.random.default_rng(3)
    tries = np.array([7, 8, 9, 10, 11, 5] * 5)
    kb, kc = rng.binomial(tries, 0.7), rng.binomial(tries[::-1], 0.62)
    sample = binary_sample(kb, tries, kc, tries[::-1], seed=b"x")
    assert lattice(tries, tries[::-1])[1] > 2_000
    found = within_p(sample, alpha=0.05)
    assert found.name == "within-case-drawn"
    assert found.p == pytest.approx(within_case_exact(kb, tries, kc, tries[::-1]), abs=0.02)


def test_the_drawn_the_normal_and_the_exact_p_tell_the_same() -> None:
    rng = np.random.default_rng(5)
    rate = rng.random(300)
    sample = binary_sample(rng.binomial(3, rate), 3, rng.binomial(5, rate * 0.96), 5, seed=b"x")
    exact_p = within_p(sample, alpha=0.05).p
    assert 0.01 < exact_p < 0.6
    assert within._drawn(sample, rounds=99_999) == pytest.approx(exact_p, abs=0.01)
    assert within._normal(sample) == pytest.approx(exact_p, abs=0.01)


def test_very_many_cases_of_scores_take_the_normal_approximation() -> None:
    rng = np.random.default_rng(5)
    n = within.NORMAL_ABOVE + 1
    starts = np.arange(0, 2 * n + 1, 2)
    arms = [Repeats(values=rng.random(2 * n) - shift, starts=starts) for shift in (0.0, 0.015)]
    test = within_p(RepeatedSample(baseline=arms[0], candidate=arms[1]), alpha=0.05)
    assert test.name == "within-case-normal"
    assert test.p < 1e-4


def test_two_thousand_cases_of_five_outputs_are_exact_in_a_moment() -> None:
    import time

    rng = np.random.default_rng(1)
    rate = rng.random(2_000)
    kb, kc = rng.binomial(5, rate), rng.binomial(5, rate)
    within_case_exact(kb[:50], 5, kc[:50], 5)
    began = time.process_time()
    within_case_exact(kb, 5, kc, 5)
    assert time.process_time() - began < 4  # .1 on an idle machine; one by one it is minutes


def test_nothing_that_varies_says_nothing() -> None:
    assert within_case_exact([5, 0], 5, [5, 0], 5) == 1.0
    assert within_p(sample_of([[0.5, 0.5]], [[0.5, 0.5]], binary=False), alpha=0.05).p == 1.0


def test_a_case_without_an_output_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one output"):
        repeats_of([[1.0], []])
    with pytest.raises(ValueError, match="same cases"):
        RepeatedSample(baseline=repeats_of([[1.0]]), candidate=repeats_of([[1.0], [1.0]]))


def test_counts_become_outputs_case_by_case() -> None:
    arm = repeats_of_counts([2, 0, 1], [3, 1, 1])
    assert arm.counts.tolist() == [3, 1, 1]
    assert arm.sums.tolist() == [2.0, 0.0, 1.0]
    assert arm.variances.tolist() == pytest.approx([1 / 3, 0.0, 0.0])


@pytest.mark.slow
def test_equal_repeats_hold_where_cases_changed_both_ways_and_unequal_ones_do_not() -> None:
    """Measured .019 and .137: a baseline that never varies against a candidate that passes half the time."""
    rng = np.random.default_rng(9)

    def found(before: int, after: int) -> float:
        fixed = np.repeat([0, before], 25)
        outcomes = rng.binomial(after, 0.5, (1_000, 50))
        return sum(within_case_exact(fixed, before, one, after) <= 0.05 for one in outcomes) / 1_000

    assert found(3, 3) <= 0.05
    assert found(5, 1) > 0.10


@pytest.mark.slow
@pytest.mark.parametrize(("n", "repeats"), [(50, 3), (200, 3), (50, 5), (50, 2)])
def test_the_same_agent_twice_is_found_worse_in_at_most_five_of_a_hundred(n: int, repeats: int) -> None:
    """Measured .044 to .054 exact (mid-p), .025 to .045 drawn; one standard error is .005 and .009."""
    rng = np.random.default_rng(11)
    found = drawn = 0
    for turn in range(2_000):
        rate = rng.beta(0.8, 0.6, n)
        kb, kc = rng.binomial(repeats, rate), rng.binomial(repeats, rate)
        found += within_case_exact(kb, repeats, kc, repeats) <= 0.05
        if turn < 600:
            sample = binary_sample(kb, repeats, kc, repeats, seed=turn.to_bytes(4, "big"))
            drawn += within._drawn(sample, rounds=399) <= 0.05
    assert found / 2_000 <= 0.05 + 3 * 0.005
    assert drawn / 600 <= 0.05 + 3 * 0.009
