"""How often the gate ships and stops in a world, and how many runs of a simulation say so.

STOPSHIP_SIMULATE=full takes thousands, a number N takes N times the few of a test.
"""

import os
from dataclasses import dataclass, replace
from functools import lru_cache
from hashlib import sha256
from math import sqrt

import numpy as np
from tests.simulations.building import plan_of, rule_of
from tests.simulations.paths import Gate, Told
from tests.simulations.worlds import Build, World, build_of

from stopship.model.rule import ALPHA
from stopship.model.suite import Escalate, Estimand
from stopship.model.verdict import Verdict
from stopship.steps.about import About
from stopship.steps.way import with_ways

_ASKED = os.environ.get("STOPSHIP_SIMULATE", "1")
IS_FULL = _ASKED == "full"
TIMES = 1 if IS_FULL else int(_ASKED)
ONE_LOOK = Escalate()


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """A world, and how a suite would judge it."""

    world: World
    repeats: int = 1
    kept: int = 0  # outputs of the baseline where it has more than the candidate
    estimand: Estimand = Estimand.TRAFFIC
    escalate: Escalate = ONE_LOOK
    margin: float = 0.05

    def __str__(self) -> str:
        world = self.world
        parts = [world.name, f"n={world.n}", f"R={self.repeats}"]
        parts += ["suite"] if self.estimand is Estimand.SUITE else []
        parts += [f"{self.kept} kept"] if self.kept else []
        parts += [f"{world.clusters} clusters"] if world.clusters else []
        parts += [f"{world.pairs} pairs"] if world.pairs else []
        parts += [f"{world.cohorts} cohorts"] if world.cohorts else []
        parts += [f"{world.drop:g} {world.shape}"] if world.drop else []
        parts += [path_of(self.escalate)] if self.escalate != ONE_LOOK else []
        return " ".join(parts)


def path_of(escalate: Escalate) -> str:
    """The path in words."""
    parts = ["rounds " + " ".join(map(str, escalate.rounds))] if escalate.rounds else []
    for outputs, name in (
        (escalate.discordant, "discordant"),
        (escalate.cohorts, "cohorts"),
        (escalate.confirm, "confirm"),
    ):
        parts += [f"{name} {outputs}"] if outputs else []
    return ", ".join(parts) or "one look"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """What came out of so many runs; all 0 where there were none."""

    runs: int
    stops: float  # shares of the runs
    ships: float
    outputs: float  # drawn in both arms, on average


def runs_of(setup: Setup) -> int:
    """How many runs of a setup: fewer where one takes long."""
    world = setup.world
    outputs = world.n * (max(setup.escalate.rounds, default=0) or setup.repeats)
    is_slow = (
        outputs > 2000
        or (setup.escalate.rounds and world.name == "judge")
        or (world.name == "judge" and outputs * (1 + (setup.estimand is Estimand.SUITE)) > 600)
    )
    if IS_FULL:
        return 1000 if is_slow else 2500
    return (20 if is_slow else 80) * TIMES


def power_runs_of(setup: Setup) -> int:
    """How many runs tell the power: twice as many where few are made, as its error is the larger."""
    few = runs_of(setup)
    return few if IS_FULL or few >= 80 * TIMES else 2 * few


def error(share: float, runs: int) -> float:
    """Three standard errors of a share of so many runs."""
    return 3 * sqrt(share * (1 - share) / runs)


def gate_of(setup: Setup, build: Build) -> Gate:
    plan = _plan(replace(setup.world, drop=0.0, shape="spread", exact=False, flips=0.0, hit=0.0))
    return Gate(
        build=build,
        plan=plan,
        rule=rule_of(plan, setup.margin),
        escalate=setup.escalate,
        repeats=setup.repeats,
        kept=setup.kept,
        estimand=setup.estimand,
    )


_plan = lru_cache(maxsize=64)(plan_of)


def stream(*named: object) -> np.random.Generator:
    """Random numbers that belong to a setup: the same in every sitting and in any order."""
    return np.random.default_rng(list(sha256(repr(named).encode()).digest()[:16]))


@lru_cache(maxsize=512)
def simulate(setup: Setup, runs: int) -> Rates:
    """Fresh cases, a fresh baseline and a fresh candidate in every run."""
    rng = stream(setup)
    told = [gate_of(setup, build_of(setup.world, rng)).decide() for _ in range(runs)]
    return rates_of(told)


def rates_of(told: list[Told]) -> Rates:
    runs = len(told)
    if not runs:
        return Rates(runs=0, stops=0.0, ships=0.0, outputs=0.0)
    return Rates(
        runs=runs,
        stops=sum(one.verdict is Verdict.STOP for one in told) / runs,
        ships=sum(one.verdict is Verdict.SHIP for one in told) / runs,
        outputs=sum(one.outputs for one in told) / runs,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Power:
    """How often a drop of the size that the gate said it would notice is noticed."""

    runs: int
    mde: float  # printed, on average
    found: float


@lru_cache(maxsize=64)
def power_at_mde(setup: Setup, runs: int) -> Power:
    """In every run the report of an unchanged build says what drop it would notice; then comes that drop."""
    rng = stream("power", setup)
    printed, found = 0.0, 0
    for _ in range(runs):
        mde = gate_of(setup, build_of(setup.world, rng)).decide().findings[0].mde
        assert mde is not None
        printed += mde
        dropped = build_of(replace(setup.world, drop=mde), rng)
        p = gate_of(setup, dropped).decide().findings[0].p_adjusted
        found += p is not None and p <= ALPHA
    return Power(runs=runs, mde=printed / max(runs, 1), found=found / max(runs, 1))


@lru_cache(maxsize=64)
def further_outputs(setup: Setup, runs: int) -> Rates:
    """Of open verdicts on unchanged builds: how often the outputs that a report asks for make one ship."""
    rng = stream("further", setup)
    told = list[Told]()
    for _ in range(runs):
        gate = gate_of(setup, build_of(setup.world, rng))
        findings = gate.decide().findings
        about = About(suite="simulated", can_repeat=True)
        found = with_ways(findings, gate.paired(), [gate.rule], about)
        outputs = [way.repeats for one in found for way in one.ways if way.kind == "outputs"]
        if outputs:
            gate.repeats = outputs[0]  # those that were drawn stay: they are why it was left open
            told.append(gate.decide())
    return rates_of(told)


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """P(SHIP) of an unchanged build, as the report prints it and as it is."""

    runs: int
    printed: float
    shipped: float


@lru_cache(maxsize=64)
def chance_to_ship(setup: Setup, runs: int) -> Promise:
    """A world of `coins`, whose share of flips is one that the report names."""
    rng = stream("chance", setup)
    first = gate_of(setup, build_of(setup.world, rng))
    first.decide()
    printed = dict(first.record().p_ship)[setup.world.flips] if runs else 0.0
    return Promise(runs=runs, printed=printed, shipped=simulate(setup, runs).ships)
