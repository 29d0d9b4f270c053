"""Promises (`limit`) of cases that belong together, by candidates that sit exactly at their limit."""

from dataclasses import dataclass
from functools import lru_cache
from itertools import product

import numpy as np
from tests.simulations.figures import stream
from tests.steps.arms import BIT, SHARE

from stopship.model.rule import Limit, Rule
from stopship.model.score import Direction
from stopship.model.verdict import Decision
from stopship.steps.limits import limit_finding
from stopship.steps.metric import CandidateOnly

_ALIKE = 2.0  # a + b of the beta distribution of a cluster's own rate: rho = 1 / (1 + a + b)
_SPREAD = 3.0  # of a graded score around its cluster's mean


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A suite of n cases in clusters of `size`; 0: one pair, the others alone."""

    rate: float
    n: int
    size: int
    is_graded: bool = False

    def __str__(self) -> str:
        how = f"clusters of {self.size}" if self.size else "one pair"
        return f"{'graded' if self.is_graded else 'binary'} {self.rate:g}, n={self.n}, {how}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Proven:
    """Shares of builds exactly at the limit."""

    runs: int
    passes: float
    stops: float


HELD = tuple(
    Held(rate=rate, n=n, size=size, is_graded=graded)
    for rate, n, size, graded in product((0.8, 0.9, 0.95, 0.98), (200, 500), (0, 2, 5), (False, True))
)


@lru_cache(maxsize=128)
def at_limit(held: Held, runs: int) -> Proven:
    """How often a candidate whose true mean is its limit is proven within it, and beyond it."""
    rng = stream("limit", held)
    scorer = SHARE if held.is_graded else BIT
    limit = Limit(held.rate, at_most=False)
    rule = Rule(id="r", scorer=scorer, better=Direction.HIGHER, limit=limit)
    cases = np.arange(held.n)
    codes = cases // held.size if held.size else np.maximum(cases, 1)
    keys = tuple(f"k{i:04d}" for i in cases)
    told = []
    for _ in range(runs):
        own = rng.beta(_ALIKE * held.rate, _ALIKE * (1 - held.rate), codes.max() + 1)[codes]
        if held.is_graded:
            own = np.clip(own, 1e-6, 1 - 1e-6)
            values = rng.beta(_SPREAD * own, _SPREAD * (1 - own))
        else:
            values = (rng.random(held.n) < own).astype(np.float64)
        measured = CandidateOnly(values=values, keys=keys, clusters=codes, unscored=0, left_out=0, fault="")
        told.append(limit_finding(rule, measured, weight=1.0, alpha=0.05).decision)
    return Proven(
        runs=runs,
        passes=sum(one is Decision.PASS for one in told) / max(runs, 1),
        stops=sum(one is Decision.REGRESSION for one in told) / max(runs, 1),
    )
