"""Whether a run may be what others are compared with, by where it comes from.

Decides which runs flatter a baseline: those whose outputs chose its cases, and one picked among several.
Never looks at a score.
"""

import re

from stopship.errors import EvidenceError
from stopship.gating.ages import is_stale
from stopship.gating.draws import Draws
from stopship.gating.opened import OpenSuite
from stopship.gating.workplace import Workplace
from stopship.model.run import Run
from stopship.store.shown import quoted

LEAST = 8  # hexadecimal digits that name a run in a case
_RUN = re.compile(rf"[0-9a-f]{{{LEAST},64}}")
DRAWS = "draws"  # in the working folder


def selection_faults(opened: OpenSuite, run: Run, name: str) -> list[str]:
    """Why a run is no baseline for cases that were chosen by its own outputs, or by nobody knows whose.

    A case that was kept because it passed, passes less often than it did; one kept because it failed, fails
    less often: held against the very outputs that chose it, every unchanged build looks worse, or better.
    """
    column = opened.suite.columns.selected_by
    if column is None:
        return []
    chosen, odd = [], []
    for key in opened.cases:
        cell = opened.row(key).get(column)
        if cell is None or cell == "":
            continue
        if not isinstance(cell, str) or not _RUN.fullmatch(cell):
            odd.append(key)
        elif run.id.startswith(cell):
            chosen.append(key)
    faults = []
    if odd:
        faults.append(
            f"{_some(odd)}: the column {quoted(column)} names no run: write its id, or the first {LEAST} "
            "or more digits of it"
        )
    if chosen:
        faults.append(
            f"the outputs of {name} {quoted(run.short)} chose {_some(chosen)}, so it is no baseline: "
            "draw fresh outputs, stopship replay SUITE --fresh, and accept that run"
        )
    return faults


def refuse_selecting(opened: OpenSuite, run: Run) -> None:
    """Raise EvidenceError where a run that is to be accepted chose cases of the suite."""
    if faults := selection_faults(opened, run, "the run"):
        raise EvidenceError(faults[0])


def refuse_the_winner(run: Run, kept: Run) -> None:
    """Raise EvidenceError where what is to be the baseline is not a fresh draw of the accepted stack."""
    if kept.head.stack.stack_id != run.head.stack.stack_id:
        raise EvidenceError(f"{kept.short} was not answered by the stack of the accepted run {run.short}")
    if kept.id == run.id or kept.head.epoch == run.head.epoch:
        raise EvidenceError(
            f"{kept.short} holds the outputs that won the gate: a baseline is a fresh draw of the same stack"
        )


def picked_among(opened: OpenSuite, place: Workplace, run: Run, now: int | None) -> int:
    """How many draws of this stack and these cases could have been accepted.

    Sealed runs of the working folder, each epoch once; without draws that have a purpose of their own, and
    without those that are too old.
    """
    plan = opened.suite.replay
    for folder in sorted((place.folder / DRAWS).glob("*")):
        if not (folder / run.id).exists():
            continue
        draws = Draws(folder=folder, runs=place.runs)
        purposes = set(draws.purposes.values())
        epochs = {
            one.head.epoch
            for one in draws.sealed()
            if one.head.cases == run.head.cases
            and not one.head.selection
            and (now is None or not is_stale(plan, one.started, now))
        }
        return max(1, len(epochs - purposes))
    return 1


def _some(keys: list[str]) -> str:
    listed = ", ".join(quoted(key) for key in keys[:3]) + (", …" if len(keys) > 3 else "")
    return f"{len(keys)} case{'s' if len(keys) != 1 else ''} ({listed})"
