"""What many gates in a row come to: chains of builds with acceptance, looks at growing evidence, nights.

All builds are unchanged, so that every STOP is a mistake.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from math import sqrt

import numpy as np
from tests.simulations.building import Block
from tests.simulations.figures import Setup, gate_of, stream
from tests.simulations.worlds import World, build_of

from stopship.model.rule import ALPHA
from stopship.model.suite import Escalate
from stopship.model.verdict import Verdict
from stopship.steps.looks import ONE_LOOK
from stopship.steps.stats.evalues import looks as e_looks
from stopship.steps.stats.pvalues import mcnemar_mid_p

BUILDS = 40
ACCEPTED = 3  # fresh outputs a case of an accepted stack
FRESH, WINNER, BEST, BEST_OF_FIVE = (
    "fresh outputs",
    "the winner",
    "the winner if it looks better",
    "best of five",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """Shares of all builds of so many chains."""

    runs: int  # chains
    stops: float
    ships: float
    error: float = 0.0  # three standard errors of `stops`: the builds of a chain share baselines


@lru_cache(maxsize=64)
def chain(world: World, accepting: str, runs: int) -> Chain:
    """Builds one after another, each judged at one output a case; SHIP makes a new baseline."""
    rng = stream("chain", world, accepting)
    setup = Setup(world=world)
    stops, ships = np.zeros(runs), 0
    for number in range(runs):
        build = build_of(world, rng)
        every = np.arange(world.n)

        def drawn(repeats: int) -> Block:
            return every, build.draw(build.after, every, repeats)  # noqa: B023  # used in this round alone

        baseline = drawn(ACCEPTED if accepting == FRESH else 1)
        history = [baseline]
        for _ in range(BUILDS):
            gate = gate_of(setup, build)
            gate.old = [baseline]
            told = gate.decide()
            stops[number] += told.verdict is Verdict.STOP
            ships += told.verdict is Verdict.SHIP
            history = [*history, *gate.new][-5:]
            if accepting == BEST_OF_FIVE:
                baseline = max(history, key=_mean)
            elif told.verdict is Verdict.SHIP:
                baseline = _accepted(accepting, baseline, gate.new[0], drawn(ACCEPTED))
    if not runs:
        return Chain(runs=0, stops=0.0, ships=0.0)
    shares = stops / BUILDS
    return Chain(
        runs=runs,
        stops=float(shares.mean()),
        ships=ships / runs / BUILDS,
        error=3 * float(shares.std(ddof=1)) / sqrt(runs),
    )


def _accepted(accepting: str, old: Block, winner: Block, fresh: Block) -> Block:
    if accepting == FRESH:
        return fresh
    return winner if accepting == WINNER or _mean(winner) >= _mean(old) else old


def _mean(block: Block) -> float:
    return float(block[1].mean())


@dataclass(frozen=True, slots=True, kw_only=True)
class Peeking:
    """How often an unchanged build was stopped at any look."""

    runs: int
    naive: float  # every look at the whole alpha
    ours: float


@lru_cache(maxsize=16)
def peeking(world: World, outputs: Sequence[int], runs: int) -> Peeking:
    """Looks after so many outputs a case: each at alpha, and as the gate spends it."""
    rng = stream("peeking", world, outputs)
    naive = ours = 0
    setup = Setup(world=world, repeats=outputs[0], escalate=Escalate(rounds=tuple(outputs)))
    for _ in range(runs):
        build = build_of(world, rng)
        gate = gate_of(setup, build)
        verdicts = (gate.look(replace(ONE_LOOK, outputs=one))[0] for one in outputs)
        naive += any(one is Verdict.STOP for one in verdicts)
        ours += gate_of(setup, build).decide().verdict is Verdict.STOP
    return Peeking(runs=runs, naive=naive / max(1, runs), ours=ours / max(1, runs))


@lru_cache(maxsize=16)
def nights(world: World, count: int, runs: int) -> Peeking:
    """Fresh outputs of both arms every night: McNemar's test on all so far, and the e-process."""
    rng = stream("nights", world, count)
    naive = ours = 0
    for _ in range(runs):
        build = build_of(world, rng)
        every = np.arange(world.n)
        differing = build.draw(build.after, every, count) - build.draw(build.before, every, count)
        worse, better = (differing < 0).sum(axis=0), (differing > 0).sum(axis=0)
        so_far = zip(np.cumsum(worse).tolist(), np.cumsum(better).tolist(), strict=True)
        naive += any(mcnemar_mid_p(b, c) <= ALPHA for b, c in so_far)
        ours += e_looks(list(zip(worse.tolist(), better.tolist(), strict=True)))[-1].stops(ALPHA)
    return Peeking(runs=runs, naive=naive / max(1, runs), ours=ours / max(1, runs))
