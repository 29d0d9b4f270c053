"""The accepted run that items are held against: scored once, by today's scorers and labels.

Decides whether there is one to hold them against. Never says why there is none: the gate does.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from stopship.gating.evidence import arm_of, baseline_faults
from stopship.gating.gate import waived_on
from stopship.gating.opened import OpenSuite
from stopship.gating.workplace import BASELINE, Workplace
from stopship.model.run import Run
from stopship.steps.metric import worths
from stopship.steps.scored import Arm


@dataclass(frozen=True, slots=True, kw_only=True)
class Before:
    """The baseline, scored."""

    run: Run
    arm: Arm
    rows: Mapping[str, int]  # key -> row
    worths: Mapping[str, Sequence[float | None]]  # rule -> of each row; None: nothing to compare with
    waived: frozenset[str]  # rules whose cases may go on failing where they fail in it


def before(opened: OpenSuite, place: Workplace, today: date) -> Before | None:
    """The run that the pointer names, where it can be compared with. EvidenceError: it cannot be read."""
    accepted = place.pointer().baseline
    if accepted is None:
        return None
    run = place.kept(accepted.run)
    if baseline_faults(opened, run, BASELINE):
        return None
    arm = arm_of(opened, run, f"baseline {run.short}")
    return Before(
        run=run,
        arm=arm,
        rows={key: i for i, key in enumerate(arm.keys)},
        worths={
            one.id: worths(arm, one.scorer, one.better) for one in opened.rules if one.margin is not None
        },
        waived=frozenset(waived_on(today, accepted)),
    )
