"""Arms as scoring leaves them, from arrays of outputs: the gate is fed what it is fed in earnest."""

from array import array
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from tests.simulations.worlds import World, cohort_codes
from tests.steps.arms import BIT, SHARE

from stopship.model.columns import Columns
from stopship.model.rule import Margin, Rule
from stopship.model.score import Direction, Scorer
from stopship.steps.scored import Arm, Samples, ScoreColumn
from stopship.steps.stats.sample import Codes, Floats

Block = tuple[Codes, Floats]
"""Cases, shape (rows,), and outputs of each, shape (rows, repeats)."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What both arms share: keys, cohorts, clusters and the score."""

    keys: tuple[str, ...]
    cohorts: tuple[str, ...]  # of each case; (): there are none
    clusters: tuple[str, ...]
    scorer: Scorer
    columns: Columns

    @property
    def every(self) -> Codes:
        return np.arange(len(self.keys))


def plan_of(world: World) -> Plan:
    """The cases of a world as a suite would plan them."""
    cohorts = tuple(f"c{one:02d}" for one in cohort_codes(world)) if world.cohorts else ()
    clusters = tuple(f"t{i % world.clusters:03d}" for i in range(world.n)) if world.clusters else ()
    if world.pairs:
        clusters = tuple(f"t{i // 2 if i < 2 * world.pairs else i:04d}" for i in range(world.n))
    return Plan(
        keys=tuple(f"k{i:05d}" for i in range(world.n)),
        cohorts=cohorts,
        clusters=clusters,
        scorer=SHARE if world.name == "judge" else BIT,
        columns=Columns(
            key="id", cohorts=("part",) if cohorts else (), cluster="thread" if clusters else None
        ),
    )


def rule_of(plan: Plan, margin: float = 0.05) -> Rule:
    """A rule that compares, with the margins of the defaults."""
    return Rule(
        id="right",
        scorer=plan.scorer,
        better=Direction.HIGHER,
        margin=Margin(margin),
        cohort_margin=Margin(max(margin, 0.10)),
    )


def arm_of(plan: Plan, blocks: Sequence[Block], name: str = "candidate") -> Arm:
    """One arm of all these outputs; a case without any is not in it. In order of case."""
    cases = np.concatenate([np.repeat(rows, outputs.shape[1]) for rows, outputs in blocks])
    values = np.concatenate([outputs.ravel() for _, outputs in blocks])
    order = np.lexsort((values, cases))
    rows, starts, counts = np.unique(cases[order], return_index=True, return_counts=True)
    ordered = values[order]
    sums = np.add.reduceat(ordered, starts)
    listed = rows.tolist()
    many = len(listed)
    repeats = sum(outputs.shape[1] for _, outputs in blocks)
    tally = tuple(array("I", [0]) * many for _ in range(6))
    tally[0][:] = array("I", counts.tolist())
    samples = Samples(
        values=_array(ordered),
        sums=_array(sums),
        least=_array(ordered[starts]),
        most=_array(ordered[starts + counts - 1]),
        tally=tally,
    )
    column = ScoreColumn(
        values=_array(sums / counts),
        states=bytearray(many),
        labels=[""] * many,
        reasons=[""] * many,
        samples=samples if repeats > 1 else None,
    )
    return Arm(
        name=name,
        keys=[plan.keys[i] for i in listed],
        digests=[b""] * many,
        cohorts=[(plan.cohorts[i],) for i in listed] if plan.cohorts else [()] * many,
        clusters=[plan.clusters[i] for i in listed] if plan.clusters else [],
        answered=bytearray([1]) * many,
        openings=[b""] * many,
        scores={plan.scorer.spec: column},
        outputs=len(values),
        repeats=repeats,
    )


def _array(values: Floats) -> "array[float]":
    found = array("d")
    found.frombytes(np.ascontiguousarray(values, dtype=np.float64).tobytes())
    return found
