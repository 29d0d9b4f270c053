"""Absolute promises about the candidate alone."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.examples import tries
from tests.families import first_fast

from stopship.model.case import Case, Trace
from stopship.model.rule import Limit, Rule
from stopship.model.score import BINARY, UNIT, Direction, Scale, Scored, Scorer
from stopship.model.verdict import Decision, Finding
from stopship.steps.limits import _level_outside, limit_finding
from stopship.steps.metric import CandidateOnly
from stopship.steps.stats.sample import Codes, Floats, Sample
from stopship.steps.stats.tails import binomial_at_most


def _never(case: Case, trace: Trace) -> Scored:
    raise AssertionError("a limit is judged from scores, not from outputs")


def judged(values: Floats, limit: Limit, scale: Scale, clusters: Codes | None = None) -> Finding:
    scorer = Scorer(spec="s", scale=scale, better=None, needs=frozenset(), digest="", score=_never)
    better = Direction.LOWER if limit.at_most else Direction.HIGHER
    keys = tuple(f"{i:06}" for i in range(len(values)))
    measured = CandidateOnly(values=values, keys=keys, clusters=clusters, unscored=0, left_out=0, fault="")
    return limit_finding(
        Rule(id="r", scorer=scorer, better=better, limit=limit), measured, weight=1.0, alpha=0.05
    )


@given(st.integers(1, 300), st.floats(0, 1), st.integers(1, 99))
@settings(max_examples=tries(80), deadline=None)
def test_at_most_of_a_rate_is_at_least_of_its_complement(n: int, share: float, percent: int) -> None:
    hits = np.repeat([1.0, 0.0], [round(n * share), n - round(n * share)])
    most = judged(hits, Limit(percent / 100, at_most=True), BINARY)
    least = judged(1 - hits, Limit(1 - percent / 100, at_most=False), BINARY)
    assert most.decision is least.decision
    assert (most.lower, most.upper, most.p) == pytest.approx((least.lower, least.upper, least.p), abs=1e-9)


@given(st.lists(st.integers(0, 20), min_size=1, max_size=60), st.integers(1, 19))
@settings(max_examples=tries(40), deadline=None)
def test_at_most_of_a_mean_is_at_least_of_its_mirror(twentieths: list[int], limit: int) -> None:
    values = np.array(twentieths) / 20
    most = judged(values, Limit(limit / 20, at_most=True), UNIT)
    least = judged(1 - values, Limit(1 - limit / 20, at_most=False), UNIT)
    assert (most.lower, most.upper) == pytest.approx((least.lower, least.upper), abs=1e-9)
    if abs(most.delta or 0.0) > 1e-9:  # at the limit itself p is 1/2 or 1, by the last bit of the mean
        assert most.p == pytest.approx(least.p, abs=1e-9)


@pytest.mark.parametrize(("limit", "first"), [(0.01, 299), (0.05, 59), (0.1, 29)])
def test_a_rate_without_a_hit_passes_from_the_known_n_on_and_is_blind_below(limit: float, first: int) -> None:
    for n in range(1, first + 20):
        found = judged(np.zeros(n), Limit(limit, at_most=True), BINARY)
        assert found.decision is (Decision.PASS if n >= first else Decision.BLIND), n


def test_a_mean_of_nothing_but_zeros_passes_at_most_4_percent_from_65_cases_on() -> None:
    for n in range(1, 200):
        found = judged(np.zeros(n), Limit(0.04, at_most=True), UNIT)
        assert found.decision is (Decision.PASS if n >= 65 else Decision.BLIND), n


@pytest.mark.parametrize("scale", [BINARY, UNIT], ids=str)
def test_a_broken_promise_is_a_regression(scale: Scale) -> None:
    values = np.repeat([1.0, 0.0], [60, 140])
    assert judged(values, Limit(0.1, at_most=True), scale).decision is Decision.REGRESSION


@pytest.mark.parametrize("together", [2, 30])
def test_a_promise_that_is_kept_with_room_is_proven_where_some_cases_belong_together(together: int) -> None:
    values = np.repeat([1.0, 0.0], [427, 24])[np.random.default_rng(1).permutation(451)]
    clusters = np.maximum(np.arange(451) - together + 1, 0)  # the first `together` are one conversation
    found = judged(values, Limit(0.9, at_most=False), BINARY, clusters)
    assert found.decision is Decision.PASS
    assert found.lower is not None
    apart = judged(values, Limit(0.9, at_most=False), BINARY).lower
    assert apart is not None
    assert found.lower == pytest.approx(apart, abs=0.015)


def at_the_limit(*, cases: int, together: int, rate: float, loss: float, scale: Scale) -> float:
    """P(proven) of a stack exactly at its limit whose conversations come out right or not as a whole: exact.

    A conversation that is not right costs each of its cases `loss`.
    """
    groups = cases // together
    share = (1 - rate) / loss
    clusters = np.arange(cases) // together

    def is_proven(wrong: int) -> bool:
        values = np.where(clusters < wrong, 1 - loss, 1.0)
        return judged(values, Limit(rate, at_most=False), scale, clusters).decision is Decision.PASS

    low, high = -1, groups  # most that are proven, fewest that are not: worse never helps
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if is_proven(middle) else (low, middle)
    return binomial_at_most(low, groups, share) if low >= 0 else 0.0


@pytest.mark.parametrize(("scale", "loss"), first_fast([(BINARY, 1.0), (UNIT, 1.0), (UNIT, 0.5)]), ids=str)
@pytest.mark.parametrize("rate", first_fast([0.8, 0.9, 0.95, 0.98]))
@pytest.mark.parametrize("together", first_fast([2, 5]))
@pytest.mark.parametrize("cases", first_fast([200, 400, 1000]))
def test_a_promise_is_seldom_proven_at_the_limit_where_conversations_fail_as_a_whole(
    cases: int, together: int, rate: float, scale: Scale, loss: float
) -> None:
    found = at_the_limit(cases=cases, together=together, rate=rate, loss=loss, scale=scale)
    assert found <= 0.075


@pytest.mark.parametrize(("limit", "fewest"), [(0.9, 25), (0.95, 52), (0.98, 133)])
@pytest.mark.parametrize("scale", [BINARY, UNIT], ids=str)
def test_conversations_without_a_loss_prove_a_promise_as_soon_as_as_many_cases_prove_a_mean(
    scale: Scale, limit: float, fewest: int
) -> None:
    for groups in (fewest - 1, fewest):
        found = judged(np.ones(5 * groups), Limit(limit, at_most=False), scale, np.arange(5 * groups) // 5)
        assert (found.decision is Decision.PASS) is (groups == fewest)


@pytest.mark.parametrize("scale", [BINARY, UNIT], ids=str)
def test_four_tenths_of_what_is_allowed_are_proven_where_conversations_fail_as_a_whole(scale: Scale) -> None:
    clusters = np.arange(1000) // 5
    values = np.where(clusters < 4, 0.0, 1.0)
    assert judged(values, Limit(0.95, at_most=False), scale, clusters).decision is Decision.PASS


PROMISES = st.tuples(
    st.lists(st.integers(0, 20), min_size=2, max_size=50),
    st.lists(st.tuples(st.integers(0, 49), st.integers(0, 20)), min_size=1, max_size=4),
    st.lists(st.integers(0, 11), min_size=50, max_size=50),
    st.sampled_from([1, 5, 20]),  # twentieths of a score that are told apart; 20: it passes or fails
    st.integers(1, 19),
    st.booleans(),
)


@given(PROMISES)
@example(([20] * 40 + [0] * 2, [(0, 0)], [i % 12 for i in range(50)], 20, 2, False))
@example(([20] * 10, [(3, 0), (4, 0)], [0, 1, 2, 3, 3, 4, 5, 6, 7, 8] * 5, 20, 10, True))
@settings(max_examples=tries(400), deadline=None)
def test_a_case_made_worse_never_helps_a_promise_of_cases_that_belong_together(
    promise: tuple[list[int], list[tuple[int, int]], list[int], int, int, bool],
) -> None:
    twentieths, edits, codes, step, limit, at_most = promise
    before = np.array([one // step * step for one in twentieths]) / 20
    after = before.copy()
    for at, worse in edits:
        after[at % len(after)] = min(after[at % len(after)], worse // step * step / 20)
    clusters = np.unique(codes[: len(before)], return_inverse=True)[1].astype(np.int64)
    share, scale = limit / 20, BINARY if step == 20 else UNIT
    if at_most:
        before, after, share = 1 - before, 1 - after, 1 - share
    told = Limit(share, at_most=at_most)
    first, second = (judged(values, told, scale, clusters) for values in (before, after))
    assert first.lower is not None
    assert second.lower is not None
    assert second.lower <= first.lower + 1e-12
    assert first.decision is Decision.PASS or second.decision is not Decision.PASS


@pytest.mark.parametrize("scale", [BINARY, UNIT], ids=str)
def test_no_case_is_an_error(scale: Scale) -> None:
    assert judged(np.zeros(0), Limit(0.1, at_most=True), scale).decision is Decision.ERROR


@pytest.mark.parametrize("n", first_fast([20, 100]))
@pytest.mark.parametrize("shape", first_fast(["uniform", "skewed", "rare"]))
@pytest.mark.parametrize("has_best", first_fast([False, True]), ids=["no-best", "best"])
def test_the_level_at_which_a_mean_is_outside_is_conservative_at_the_limit(
    n: int, shape: str, has_best: bool
) -> None:
    worst = {"uniform": -1.0, "skewed": -0.9, "rare": -0.95}[shape] if has_best else 0.0
    rng = np.random.default_rng(n)
    levels = []
    for _ in range(250):
        if shape == "uniform":
            values = rng.uniform(-1, 1, n)
        elif shape == "skewed":
            values = rng.beta(0.5, 4.5, n) - 0.1
        else:
            values = np.where(rng.random(n) < 0.05, 0.95, -0.05)
        span = 2.0 if shape == "uniform" else 1.0
        gained = Sample(differences=values + worst, span=span)
        levels.append(_level_outside(gained, worst, has_end=has_best))
    found = np.array(levels)
    for level in (0.01, 0.05, 0.2):
        error = (level * (1 - level) / len(found)) ** 0.5
        assert float(np.mean(found <= level)) <= level + 3 * error


@given(st.lists(st.integers(0, 20), min_size=2, max_size=40))
@settings(max_examples=tries(40), deadline=None)
def test_the_level_outside_is_at_most_5_percent_exactly_where_the_bound_excludes_the_limit(
    twentieths: list[int],
) -> None:
    found = judged(np.array(twentieths) / 20, Limit(0.3, at_most=True), UNIT)
    assert found.upper is not None
    assert found.p is not None
    if abs(found.upper) > 1e-9:
        assert (found.p <= 0.05) is (found.upper < 0)


def test_worse_cases_are_named_worst_first() -> None:
    values = np.array([0.1, 0.9, 0.2, 0.5])
    found = judged(values, Limit(0.3, at_most=True), UNIT)
    assert found.worse_keys == ("000001", "000003")
    assert found == replace(found, worse=2, better=2)


@given(
    st.lists(st.tuples(st.integers(0, 4), st.integers(0, 11)), min_size=8, max_size=60),
    st.lists(st.integers(0, 59), min_size=1, max_size=6),
    st.sampled_from([0.5, 0.8, 0.9, 0.95]),
    st.booleans(),
    st.booleans(),
)
@settings(max_examples=tries(150), deadline=None)
def test_a_worse_case_never_helps_a_promise_of_cases_that_belong_together(
    rows: list[tuple[int, int]], worse: list[int], limit: float, is_binary: bool, at_most: bool
) -> None:
    values = np.array([float(one >= 1) if is_binary else one / 4 for one, _ in rows])
    clusters = np.unique([own for _, own in rows], return_inverse=True)[1]
    values = 1 - values if at_most else values
    after = values.copy()
    for one in worse:
        after[one % len(rows)] = 1.0 if at_most else 0.0
    scale = BINARY if is_binary else UNIT
    promise = Limit(1 - limit if at_most else limit, at_most=at_most)
    first, second = (judged(one, promise, scale, clusters) for one in (values, after))
    assert first.lower is not None
    assert second.lower is not None
    assert second.lower <= first.lower + 1e-9
    assert not (second.decision is Decision.PASS and first.decision is not Decision.PASS)
