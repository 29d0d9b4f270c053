"""Made-up worlds whose truth is known: what every case scores on average, and outputs drawn from that.

`agent`: pass or fail, rates beta-binomial, success .42, two runs of one build differ in 29 % of the cases.
`reliable`: the same with success .95 and 8 %; `rare`: with .08 and 7 %.
`judge`: bounded scores that vary from run to run. `churn`: every second case really changed, for the better
as often as for the worse. `coins`: a given share of the cases flips, the others never do. `settled`: nothing
varies from run to run.
"""

from dataclasses import dataclass, field, replace
from functools import cache

import numpy as np
from numpy.typing import NDArray

from stopship.steps.stats.sample import Codes, Floats

_BETA = {
    "agent": (0.42, 0.29),
    "churn": (0.42, 0.29),
    "reliable": (0.95, 0.08),
    "rare": (0.08, 0.07),
}  # success, flips: 2 E p (1 - p)
_JUDGE_NOISE = 5.7  # concentration of one score around its case's mean: two runs differ by .25 (sd)
_SHOCK = 1.5  # of a whole conversation in one run, in logits
_PASSING = 0.9  # of the cases that never flip

Generator = np.random.Generator


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What is simulated, by name, so that equal worlds have equal streams."""

    name: str
    n: int
    drop: float = 0.0  # the true mean drop: of the traffic, or of these very cases
    shape: str = "spread"  # over all cases, or `broken`: some cases fail for good
    exact: bool = False  # the drop is that of these very cases
    flips: float = 0.0  # of `coins`
    clusters: int = 0  # conversations of equal size; 0: every case is its own
    pairs: int = 0  # so many pairs of equal inputs, which belong together; the other cases are alone
    cohorts: int = 0
    hit: float = 0.0  # a further drop of the first cohort alone


@dataclass(frozen=True, kw_only=True)
class Build:
    """One baseline and one candidate: the true mean of every case in each, shape (n,)."""

    world: World
    rng: Generator = field(repr=False)
    before: Floats
    after: Floats

    def draw(self, rates: Floats, rows: Codes, repeats: int) -> Floats:
        """Fresh outputs of the chosen cases, shape (rows, repeats)."""
        means = np.broadcast_to(rates[rows][:, None], (len(rows), repeats))
        if self.world.clusters:
            own = np.arange(self.world.n) % self.world.clusters
            means = _shaken(means, self.rng.normal(0, _SHOCK, (self.world.clusters, repeats))[own[rows]])
        if self.world.name == "judge":
            a, b = _JUDGE_NOISE * means, _JUDGE_NOISE * (1 - means)
            scores = self.rng.beta(np.maximum(a, 1e-6), np.maximum(b, 1e-6))
            return np.where(means <= 0, 0.0, np.round(scores, 6))
        return (self.rng.random(means.shape) < means).astype(np.float64)

    def same_again(self) -> "Build":
        """The next build, which changed nothing: it answers as the candidate does."""
        return replace(self, before=self.after)


def _shaken(means: Floats, shocks: Floats) -> Floats:
    """Means moved by shocks in logits, around centres from which they are these means on average.

    Shocks around the means themselves would make a drop of 10 points one of 8.7.
    """
    centres, averages = _centres()
    moved = 1 / (1 + np.exp(-np.interp(means, averages, centres) - shocks))
    return np.where((means <= 0) | (means >= 1), means, moved)


@cache
def _centres() -> tuple[Floats, Floats]:
    """Logits, and the mean that each has under shocks (Gauss-Hermite)."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(41)
    centres = np.linspace(-14, 14, 2801)
    moved = 1 / (1 + np.exp(-centres[:, None] - _SHOCK * nodes))
    return centres, moved @ weights / weights.sum()


def build_of(world: World, rng: Generator) -> Build:
    """Cases of this world, and a candidate with the drop that it names."""
    before = _rates(world, rng)
    after = before
    if world.name == "churn":
        other = np.where(rng.random(world.n) < 0.5, _rates(world, rng), before)
        swapped = rng.random(world.n) < 0.5
        before, after = np.where(swapped, other, before), np.where(swapped, before, other)
    if world.drop:
        after = _dropped(world, after, rng)
    if world.hit:
        first = cohort_codes(world) == 0
        after = np.where(first, after * (1 - world.hit / max(world.hit, float(after[first].mean()))), after)
    return Build(world=world, rng=rng, before=before, after=after)


def mean_of(world: World) -> float:
    """The mean score of the traffic of a world."""
    if world.name in _BETA:
        return _BETA[world.name][0]
    return {"judge": 0.5, "settled": 1.0}.get(world.name, _PASSING)


def cohort_codes(world: World) -> NDArray[np.int64]:
    """The cohort of each case, shape (n,)."""
    return np.arange(world.n) * max(1, world.cohorts) // world.n


def _rates(world: World, rng: Generator) -> Floats:
    if world.name in _BETA:
        mean, flips = _BETA[world.name]
        size = (flips / 2) / (mean * (1 - mean) - flips / 2)  # of the beta distribution: a + b
        return rng.beta(mean * size, (1 - mean) * size, world.n)
    if world.name == "judge":
        return rng.beta(2, 2, world.n)
    if world.name == "settled":
        return np.ones(world.n)
    coins = rng.random(world.n) < 2 * world.flips  # a coin that is thrown twice differs every second time
    return np.where(coins, 0.5, (rng.random(world.n) < _PASSING).astype(np.float64))


def _dropped(world: World, rates: Floats, rng: Generator) -> Floats:
    mean = float(rates.mean()) if world.exact else mean_of(world)
    share = min(1.0, world.drop / mean)
    if world.shape == "spread":
        return rates * (1 - share)
    if not world.exact:
        return np.where(rng.random(world.n) < share, 0.0, rates)
    some = np.arange(world.n) < world.n / 4
    left = max(0.0, 1 - world.drop * world.n / float(rates[some].sum()))
    return np.where(some, rates * left, rates)
