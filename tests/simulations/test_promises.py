"""The promises of the gate, kept by the gate itself in made-up worlds whose truth is known.

Reduced by default; `STOPSHIP_SIMULATE=full python -m pytest -m slow tests/simulations` takes as many runs as
docs/simulations.md was written from. Every stream is seeded: each figure is the same in every sitting.
"""

from dataclasses import replace

import pytest
from tests.simulations import grids, histories, limits
from tests.simulations.figures import (
    IS_FULL,
    TIMES,
    Setup,
    chance_to_ship,
    error,
    further_outputs,
    power_at_mde,
    power_runs_of,
    runs_of,
    simulate,
)
from tests.simulations.worlds import World

from stopship.model.rule import ALPHA
from stopship.model.suite import Escalate

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

MOST_PASSES = 0.075  # P(SHIP | true drop = margin)
UNEQUAL_STOPS = 0.085  # P(STOP | nothing changed) with three or five outputs in the baseline against one
AGENT = World(name="agent", n=200)


@pytest.mark.parametrize("setup", grids.UNCHANGED, ids=str)
def test_an_unchanged_build_is_stopped_at_most_as_often_as_alpha_says(setup: Setup) -> None:
    found = simulate(setup, runs_of(setup))
    assert found.stops <= ALPHA + error(ALPHA, found.runs)


@pytest.mark.parametrize("setup", grids.UNCHANGED_BY_PATH, ids=str)
def test_no_way_to_a_verdict_stops_unchanged_builds_more_often_than_alpha_says(setup: Setup) -> None:
    found = simulate(setup, runs_of(setup))
    assert found.stops <= ALPHA + error(ALPHA, found.runs)


@pytest.mark.parametrize("setup", grids.AT_MARGIN, ids=str)
def test_a_build_that_dropped_by_the_margin_seldom_ships_on_any_way(setup: Setup) -> None:
    found = simulate(setup, runs_of(setup))
    assert found.ships <= MOST_PASSES + error(MOST_PASSES, found.runs)


@pytest.mark.parametrize("setup", grids.UNEQUAL, ids=str)
def test_a_baseline_of_more_outputs_stops_unchanged_builds_little_oftener(setup: Setup) -> None:
    """Not at most alpha: the differences are skewed where few outputs pass. docs/suites.md says so."""
    found = simulate(setup, runs_of(setup))
    assert found.stops <= UNEQUAL_STOPS + error(UNEQUAL_STOPS, found.runs)


@pytest.mark.parametrize("setup", grids.UNEQUAL_AT_MARGIN, ids=str)
def test_a_baseline_of_more_outputs_lets_no_more_builds_at_the_margin_ship(setup: Setup) -> None:
    found = simulate(setup, runs_of(setup))
    assert found.ships <= MOST_PASSES + error(MOST_PASSES, found.runs)


@pytest.mark.parametrize("held", limits.HELD, ids=str)
def test_a_candidate_at_its_limit_is_seldom_proven_within_it_or_beyond_it(held: limits.Held) -> None:
    found = limits.at_limit(held, 2500 if IS_FULL else 40 * TIMES)
    assert found.passes <= MOST_PASSES + error(MOST_PASSES, found.runs)
    assert found.stops <= ALPHA + error(ALPHA, found.runs)


@pytest.mark.parametrize("setup", grids.FURTHER, ids=str)
def test_the_outputs_that_a_report_asks_for_decide_four_times_in_five(setup: Setup) -> None:
    found = further_outputs(setup, 40 * TIMES if not IS_FULL else 1000)
    assert found.runs > 0
    assert found.ships >= 0.75 - error(0.75, found.runs)


@pytest.mark.parametrize("setup", grids.POWER, ids=str)
def test_a_drop_of_the_size_that_is_printed_is_found_eight_times_in_ten(setup: Setup) -> None:
    found = power_at_mde(setup, power_runs_of(setup))
    assert abs(found.found - 0.80) <= 0.05 + error(0.8, found.runs)


@pytest.mark.parametrize("setup", grids.SHIPPING, ids=lambda one: f"{one} m={one.margin} {one.world.flips}")
def test_an_unchanged_build_ships_as_often_as_is_printed(setup: Setup) -> None:
    found = chance_to_ship(setup, runs_of(setup))
    assert abs(found.shipped - found.printed) <= 0.03 + error(found.printed, found.runs)


@pytest.mark.parametrize("setup", grids.BROKEN_COHORTS, ids=str)
def test_asking_a_broken_cohort_again_finds_it_where_one_look_could_not(setup: Setup) -> None:
    """Ten cases a cohort are not tested at one look; forty are."""
    one_look = replace(setup, escalate=Escalate())
    is_taken_back = setup.world.name == "judge" and bool(setup.escalate.rounds)
    runs = runs_of(one_look) if is_taken_back else runs_of(setup)
    once, found = simulate(one_look, runs_of(one_look)), simulate(setup, runs)
    if setup.world.n == 800:
        assert min(once.stops, found.stops) >= 0.85
        assert found.ships <= 0.05
    else:  # of scores, rounds prove the whole at once: .1 more is all that is left (docs/simulations.md)
        assert found.stops >= once.stops + (0.05 if is_taken_back else 0.2)


def test_escalation_takes_nothing_from_what_one_look_finds() -> None:
    """A drop of 10 points: the rounds find it as often as five outputs at once do, with fewer outputs."""
    world = World(name="agent", n=200, drop=0.10)
    at_once = Setup(world=world, repeats=5)
    rounds = Setup(world=world, escalate=Escalate(rounds=grids.ROUNDS))
    fixed, early = simulate(at_once, runs_of(at_once)), simulate(rounds, runs_of(rounds))
    assert early.stops >= fixed.stops - 0.05
    assert early.outputs <= 0.75 * fixed.outputs


@pytest.mark.parametrize("world", grids.CHAINED, ids=lambda one: one.name)
def test_a_chain_of_accepted_builds_stops_good_ones_no_more_often_than_alpha_says(world: World) -> None:
    found = histories.chain(world, histories.FRESH, grids.chains())
    assert found.stops <= ALPHA + found.error


@pytest.mark.parametrize("world", grids.CHAINED, ids=lambda one: one.name)
def test_taking_the_winner_for_the_baseline_would_stop_good_builds_too_often(world: World) -> None:
    ours = histories.chain(world, histories.FRESH, grids.chains())
    winner = histories.chain(world, histories.WINNER, grids.chains())
    better = histories.chain(world, histories.BEST, grids.chains())
    assert min(winner.stops, better.stops) > max(0.07, ours.stops)
    assert histories.chain(world, histories.BEST_OF_FIVE, grids.chains()).stops > 0.12


def test_looking_again_and_again_at_the_whole_alpha_would_stop_too_often() -> None:
    for outputs in grids.PEEKS:
        found = histories.peeking(AGENT, outputs, grids.peeks())
        assert found.ours <= ALPHA + error(ALPHA, found.runs)
    assert found.naive > 0.10


def test_nights_may_be_looked_at_without_end() -> None:
    found = histories.nights(AGENT, grids.NIGHTS, grids.peeks())
    assert found.naive > 0.10
    assert found.ours <= ALPHA + error(ALPHA, found.runs)
