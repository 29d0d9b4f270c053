"""The noise of two draws, what rules make of it by chance, and whether they see what was broken."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.examples import tries
from tests.steps.arms import BIT, COLUMNS, COST, LOST, NO_ANSWER, SUITE, arm, must, repeated, rule, selecting

from stopship.model.columns import Columns
from stopship.model.noise import NoiseFloor, ScopeNoise, Share
from stopship.model.rule import Mode
from stopship.steps.alarms import Court, false_alarms, field_of, planted
from stopship.steps.dealt import Dealt
from stopship.steps.forecast import ScopeSize, chances, measured_chance
from stopship.steps.judge import judge
from stopship.steps.noisefloor import noise_floor
from stopship.steps.pair import Pairing, pair
from stopship.steps.swapped import Failing, Twins
from stopship.steps.terms import Terms

BITS = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 1)), min_size=8, max_size=40)
SOURCE = np.random.Generator(np.random.PCG64(7))


def pairing(
    before: Sequence[float | str], after: Sequence[float | str], columns: Columns = COLUMNS, **more: Any
) -> Pairing:
    return pair(arm(before, columns, **more), arm(after, columns, **more), columns)


def noisy(n: int, flips: float, columns: Columns = COLUMNS, **more: Any) -> Pairing:
    """Two draws of one stack, of whose cases a share flips."""
    first = (SOURCE.random(n) < 0.7).astype(int)
    second = np.where(SOURCE.random(n) < flips, 1 - first, first)
    return pairing([int(one) for one in first], [int(one) for one in second], columns, **more)


def court(pairs: Pairing, rules: Sequence[Any], **more: Any) -> Court:
    twins, about = Twins(pairs), more.pop("about", SUITE)
    look = Dealt(before=twins, after=twins, about=about)
    return Court(looks=(look,), rules=rules, alpha=0.05, seed="a" * 64, **more)


@given(BITS)
def test_swapping_every_unit_is_the_comparison_the_other_way_round(cases: list[tuple[int, int]]) -> None:
    before, after = zip(*cases, strict=True)
    pairs = pairing(before, after)
    twins = Twins(pairs)
    turned = twins.swapped(np.ones(twins.n, dtype=np.bool_))
    other = pairing(after, before)
    assert judge(turned, [rule()]) == judge(other, [rule()])
    same = twins.swapped(np.zeros(twins.n, dtype=np.bool_))
    assert judge(same, [rule(), must()]) == judge(pairs, [rule(), must()])


@given(BITS, st.randoms(use_true_random=False))
@settings(max_examples=tries(30))
def test_swapping_single_cases_of_repeats_is_what_arms_swapped_by_hand_give(
    cases: list[tuple[int, int]], random: Any
) -> None:
    n = len(cases)
    first = [[one[0] for one in cases], [random.choice([0, 1, NO_ANSWER]) for _ in cases]]
    second = [[one[1] for one in cases], [random.choice([0, 1, LOST]) for _ in cases]]
    swap = [random.random() < 0.5 for _ in cases]
    rules = [rule(), must()]
    twins = Twins(pair(repeated(first), repeated(second), COLUMNS, lost_limit=1.0), lost_limit=1.0)
    units = np.zeros(twins.n, dtype=np.bool_)
    units[:] = swap
    by_hand = [
        repeated([[(b if swap[i] else a)[r][i] for i in range(n)] for r in (0, 1)])
        for a, b in ((first, second), (second, first))
    ]
    expected = judge(pair(by_hand[0], by_hand[1], COLUMNS, lost_limit=1.0), rules)
    assert judge(twins.swapped(units), rules) == expected


def test_cases_of_one_cluster_change_places_together() -> None:
    columns = Columns(key="id", cluster="talk")
    cells = {"talk": ["a", "a", "b", "b"]}
    pairs = pairing([1, 1, 1, 1], [0, 0, 0, 0], columns, cells=cells)
    one = court(pairs, [rule()])
    for units in one.swaps(20):
        values = list(one.twins.swapped(units).candidate.scores["bit"].values)
        assert values[0] == values[1]
        assert values[2] == values[3]


@given(st.sets(st.integers(0, 9), min_size=1))
def test_planted_cases_fail_in_every_output_and_no_others_do(cases: set[int]) -> None:
    chosen = np.array(sorted(cases))
    failing = Failing(scorer="bit", cases=chosen, worst=0.0)
    for samples in ([[1] * 10], [[1] * 10, [1, 0] * 5]):
        twins = Twins(pair(repeated(samples), repeated(samples), COLUMNS))
        after = twins.swapped(np.zeros(10, dtype=np.bool_), failing)
        wanted = [[0 if i in cases else one for i, one in enumerate(sample)] for sample in samples]
        by_hand = pair(repeated(samples), repeated(wanted), COLUMNS)
        assert judge(after, [rule(), must()]) == judge(by_hand, [rule(), must()])


def test_the_flips_of_two_single_outputs_are_the_cases_that_differ() -> None:
    columns = Columns(key="id", cohorts=("lang",))
    cells = {"lang": ["de"] * 5 + ["en"] * 5}
    pairs = pairing([1] * 10, [0, 0, 1, 1, 1, 1, 1, 1, 1, 1], columns, cells=cells)
    found = {one.scope: one for one in noise_floor(pairs, [rule()])}
    assert {name: one.flips for name, one in found.items()} == {"all": 0.2, "lang=de": 0.4, "lang=en": 0.0}
    assert found["all"].variance == pytest.approx(0.1)
    assert found["all"].delta == pytest.approx(-0.2)
    assert found["lang=de"].cases == 5


def test_noise_without_a_range_is_told_in_shares_of_the_mean() -> None:
    pairs = pairing([10.0, 10.0], [12.0, 10.0], scorer=COST)
    (found,) = noise_floor(pairs, [rule(COST, margin=0.2)])
    assert found.relative
    assert found.delta == pytest.approx(0.1)
    assert found.variance == pytest.approx(1.0 / 100)


def test_a_build_that_changed_nothing_is_stopped_no_more_often_than_alpha() -> None:
    alarms = false_alarms(court(noisy(200, 0.3), [rule()]), 400)
    stopped = alarms.share("STOP")
    assert sum(alarms.verdicts.values()) == 400
    assert stopped.value <= 0.05 + 3 * stopped.error
    assert alarms.share("UNDECIDED").value > 0.5  # 5 points of 200 cases of which 30 % flip


def test_a_suite_without_noise_ships_every_time_and_one_with_a_flaky_incident_stops() -> None:
    still = false_alarms(court(pairing([1] * 100, [1] * 100), [rule()]), 20)
    assert still.verdicts == {"SHIP": 20}
    flaky = false_alarms(court(pairing([1] * 100, [0] + [1] * 99), [must()]), 100)
    assert 30 <= flaky.verdicts["STOP"] <= 70
    assert flaky.named == (("closed in all (every case passes)", flaky.verdicts["STOP"]),)


def test_the_same_evidence_gives_the_same_shares() -> None:
    pairs = noisy(100, 0.3)
    assert false_alarms(court(pairs, [rule()]), 50) == false_alarms(court(pairs, [rule()]), 50)


def test_a_planted_regression_is_blocked_and_its_cohort_named() -> None:
    columns = Columns(key="id", cohorts=("lang",))
    cells = {"lang": ["de", "en"] * 150}
    one = court(noisy(300, 0.02, columns, cells=cells), [rule()])
    where = field_of(one, one.rules[0], "lang=de")
    assert where is not None
    found = planted(one, where, 30, 50)
    assert (found.failed, found.cases) == (30, 150)
    assert found.drop == pytest.approx(-0.2, abs=0.02)
    assert found.alarms.verdicts == {"STOP": 50}
    assert found.named == found.blocked == 50
    assert field_of(one, one.rules[0], "lang=fr") is None


def test_more_planted_cases_are_never_blocked_less_often() -> None:
    one = court(noisy(100, 0.1), [rule()])
    where = field_of(one, one.rules[0], "all")
    assert where is not None
    blocked = [planted(one, where, count, 60).blocked for count in (2, 8, 30)]
    assert blocked == sorted(blocked)
    assert blocked[0] < blocked[2]


def test_a_share_that_was_never_seen_has_an_error_all_the_same() -> None:
    assert 0 < Share(count=0, rounds=200).error < 0.01
    assert Share(count=100, rounds=200).error == pytest.approx(0.035, abs=0.001)


def size(scope: str, n: int, mode: Mode = Mode.PROVE) -> ScopeSize:
    return ScopeSize(rule="right", scope=scope, mode=mode, n=n, n_effective=float(n), margin=0.05)


def floor(*scopes: tuple[str, int, float]) -> NoiseFloor:
    told = [
        ScopeNoise(rule="right", scope=name, cases=n, flips=flips, variance=flips / 2, delta=0.0)
        for name, n, flips in scopes
    ]
    empty = NoiseFloor(
        suite="s", stack="", cases="", labels="", scorers={}, outputs=2, runs=(), scopes=tuple(told)
    )
    return replace(empty, suite="small")


def test_measured_noise_of_so_many_flips_forecasts_what_the_table_does() -> None:
    sizes = [size("all", 300)]
    for flips, p in chances(sizes, [rule()], alpha=0.05):
        ((told, measured),) = measured_chance(sizes, [rule()], floor(("all", 300, flips)), alpha=0.05)
        assert told == flips
        assert measured == pytest.approx(p)


def test_few_cases_are_not_taken_at_their_word() -> None:
    noise = floor(("all", 300, 0.2), ("lang=de", 60, 0.0))
    sizes = [size("all", 300), size("lang=de", 60)]
    ((_, once),) = measured_chance(sizes, [rule()], noise, alpha=0.05)
    known = floor(("all", 300, 0.2), ("lang=de", 100, 0.0))
    ((_, trusted),) = measured_chance(sizes, [rule()], known, alpha=0.05)
    assert trusted > once


def test_a_rule_that_was_not_measured_leaves_the_table() -> None:
    assert measured_chance([size("all", 300)], [rule(id="new")], floor(("all", 300, 0.1)), alpha=0.05) == ()


def test_the_terms_of_the_look_reach_every_resample() -> None:
    pairs = pairing([1] * 60, [0] * 6 + [1] * 54, selecting([rule()]))
    one = court(pairs, [rule()])
    strict = court(pairs, [rule()], about=replace(SUITE, alpha_share=0.001))
    assert false_alarms(strict, 200).verdicts.get("STOP", 0) == 0
    assert judge(pairs, [rule()], Terms(alpha=0.00005, suspicion=0.05)) == strict.judged(
        np.zeros(60, dtype=np.bool_)
    )
    assert BIT.spec in one.twins.pairing.candidate.scores
