"""How often the limit of a rule would be called broken, or not proven, on a build that changed nothing.

For people who choose a limit; never an input to a verdict. Draws nights from the outputs that each case gave:
the cases stay, their outputs come anew. Randomness comes from the cases' digest alone.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from stopship.model.rule import Rule
from stopship.model.verdict import Decision
from stopship.steps.limits import limit_finding
from stopship.steps.metric import CandidateOnly, measure_candidate
from stopship.steps.pair import SELECTION
from stopship.steps.scored import Arm
from stopship.steps.stats.sample import Floats

NIGHTS = 2000  # drawn: a share of 5 % is known to one point


@dataclass(frozen=True, slots=True, kw_only=True)
class NightRate:
    """Shares of the drawn nights; all of them are of one and the same build."""

    rule: str
    broken: float  # the limit's own test says that it is not kept: a STOP
    unproven: float  # neither kept nor broken for certain: UNDECIDED
    mean: float  # over all outputs
    cases: int
    nights: int = NIGHTS


def night_rate(
    rule: Rule, samples: Sequence[Arm], *, outputs: int, weight: float, alpha: float, seed: bytes
) -> NightRate | str:
    """The rate of a rule with a limit, from one arm a sample of the same cases; or why there is none.

    A night draws `outputs` of each case with replacement. `weight`: the limit's part of the suite's alpha.
    """
    if rule.limit is None or rule.limit.tail is not None:
        return "it promises no rate and no mean"
    group = f"{SELECTION}{rule.id}" if rule.where else ""
    found = [measure_candidate(one, rule.scorer, rule.better, group=group) for one in samples]
    if fault := next((one.fault for one in found if one.fault), ""):
        return fault
    first = found[0]
    if not first.keys or any(one.keys != first.keys for one in found):
        return "not every output of every case could be judged"
    values = np.stack([one.values for one in found])
    draws = np.random.default_rng(np.frombuffer(seed, dtype=np.uint64))
    known: dict[bytes, Decision] = {}
    decisions: Counter[Decision] = Counter()
    for _ in range(NIGHTS):
        picked = draws.integers(0, len(samples), (outputs, len(first.keys)))
        night = np.take_along_axis(values, picked, axis=0).mean(axis=0)
        mark = _mark(night, first)
        if mark not in known:
            known[mark] = _decision(rule, first, night, outputs=outputs, weight=weight, alpha=alpha)
        decisions[known[mark]] += 1
    broken, kept = decisions[Decision.REGRESSION], decisions[Decision.PASS]
    return NightRate(
        rule=rule.id,
        broken=broken / NIGHTS,
        unproven=(NIGHTS - broken - kept) / NIGHTS,
        mean=float(values.mean()),
        cases=len(first.keys),
    )


def _mark(night: Floats, cases: CandidateOnly) -> bytes:
    """What the decision hangs on: which values there are, and where clusters count, of which case."""
    return (np.sort(night) if cases.clusters is None else night).tobytes()


def _decision(
    rule: Rule, cases: CandidateOnly, night: Floats, *, outputs: int, weight: float, alpha: float
) -> Decision:
    measured = CandidateOnly(
        values=night,
        keys=cases.keys,
        clusters=cases.clusters,
        unscored=0,
        left_out=0,
        fault="",
        is_single=outputs == 1,
    )
    return limit_finding(rule, measured, weight=weight, alpha=alpha).decision
