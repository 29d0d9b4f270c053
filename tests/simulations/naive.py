"""Rules that teams write by hand, on the same outputs as the gate: how often each blocks.

Outputs are arrays of shape (cases, repeats); every rule says whether it blocks the candidate.
"""

from collections.abc import Callable, Mapping
from functools import lru_cache
from math import sqrt

import numpy as np
from tests.simulations.building import Block
from tests.simulations.figures import Setup, gate_of, stream
from tests.simulations.worlds import build_of, mean_of

from stopship.model.verdict import Verdict
from stopship.steps.stats.bounds import Z, t_quantile
from stopship.steps.stats.sample import Floats

Rule = Callable[[Floats, Floats, float], bool]
"""(baseline, candidate, the true mean of the traffic) -> blocked."""
OURS = "the gate: STOP"
OURS_OPEN = "the gate: not SHIP"


def _drop(old: Floats, new: Floats) -> float:
    return float(old.mean() - new.mean())


def _unpaired(old: Floats, new: Floats, _true: float) -> bool:
    means = old.mean(axis=1), new.mean(axis=1)
    error = sqrt(sum(float(one.var(ddof=1)) / len(one) for one in means))
    return _drop(old, new) > Z * error


def _pooled(old: Floats, new: Floats, _true: float) -> bool:
    differences = (new - old).ravel()
    return float(-differences.mean()) > Z * float(differences.std(ddof=1)) / sqrt(len(differences))


def _unless_proven(margin: float) -> Rule:
    def blocks(old: Floats, new: Floats, _true: float) -> bool:
        d = new.mean(axis=1) - old.mean(axis=1)
        lower = d.mean() - t_quantile(0.95, len(d) - 1) * d.std(ddof=1) / sqrt(len(d))
        return bool(lower <= -margin)

    return blocks


RULES: Mapping[str, Rule] = {
    "mean drop > 0": lambda old, new, _: _drop(old, new) > 1e-12,
    "mean drop > 2 points": lambda old, new, _: _drop(old, new) > 0.02 + 1e-12,
    "any case regresses": lambda old, new, _: bool((new.mean(axis=1) < old.mean(axis=1) - 1e-12).any()),
    "absolute threshold, 2 points below the truth": lambda _, new, true: float(new.mean()) < true - 0.02,
    "unpaired z": _unpaired,
    "repeats pooled as cases": _pooled,
    "block unless proven within 5 points": _unless_proven(0.05),
    "block unless proven within 2 points": _unless_proven(0.02),
}


@lru_cache(maxsize=32)
def blocked(setup: Setup, runs: int) -> Mapping[str, float]:
    """How often each rule blocks; the gate last, by STOP and by whatever is not SHIP."""
    rng = stream("naive", setup)
    found = dict.fromkeys([*RULES, OURS, OURS_OPEN], 0)
    for _ in range(runs):
        build = build_of(setup.world, rng)
        gate = gate_of(setup, build)
        verdict = gate.decide().verdict
        old, new = (_outputs(blocks) for blocks in (gate.old, gate.new))
        for name, rule in RULES.items():
            found[name] += rule(old, new, mean_of(setup.world))
        found[OURS] += verdict is Verdict.STOP
        found[OURS_OPEN] += verdict is not Verdict.SHIP
    return {name: count / max(1, runs) for name, count in found.items()}


def _outputs(blocks: list[Block]) -> Floats:
    return np.concatenate([outputs for _, outputs in blocks], axis=1)
