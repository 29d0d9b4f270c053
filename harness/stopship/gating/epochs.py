"""What a plan draws from: the draws of its stack, the epochs that are taken, and what was recorded.

Decides what makes two draws those of one stack, and which draw a replay is. Never draws.
"""

import platform
from collections.abc import Sequence
from dataclasses import dataclass

from stopship import __version__
from stopship.errors import UsageError
from stopship.gating.draws import Draws
from stopship.gating.opened import OpenSuite
from stopship.gating.stacking import Answering
from stopship.gating.targeting import SuiteTarget
from stopship.gating.workplace import Workplace
from stopship.model.canonical import digest
from stopship.model.case import Json
from stopship.model.run import Run
from stopship.model.suite import COMMAND, OUTPUTS, RECORDED
from stopship.parts.targets.recorded import RecordedOutputs, recorded_outputs
from stopship.store import tables
from stopship.store.keyed import Rows
from stopship.store.shown import shown


@dataclass(frozen=True, slots=True, kw_only=True)
class Draw:
    """Which draw of a stack: the current one, a new one, one with a purpose, or an epoch by number."""

    is_new: bool = False
    purpose: str = ""  # "": candidates
    epoch: int | None = None


CURRENT = Draw()


def settings_of(opened: OpenSuite, target: SuiteTarget | None) -> list[Json]:
    """What decides an output beside case, stack and draw; rules and labels do not."""
    columns = opened.suite.columns
    read: list[Json] = [columns.input, columns.output, columns.latency, columns.cost]
    code = target.digest if target is not None else RECORDED
    plan = opened.suite.replay
    is_told = plan.table is not None and plan.table.kind == COMMAND  # the time of the case, and a seed
    if is_told or columns.captured is not None:
        read.append(["now", columns.captured])
    unpinned: list[Json] = [["unpinned", *sorted(plan.unpinned)]] if plan.unpinned else []
    return [code, plan.timeout_s, read, platform.python_version(), __version__, *unpinned]


def draws_of(
    opened: OpenSuite,
    place: Workplace,
    answering: Answering,
    target: SuiteTarget | None,
    told: Sequence[Json] = (),
) -> Draws:
    """The draws of a stack; `told`: what of the world outside decides an output."""
    plan = opened.suite.replay
    settings = settings_of(opened, target)
    stream = digest([opened.suite.name, plan.target, answering.stack.stack.stack_id, settings, *told])
    return Draws(folder=place.folder / "draws" / stream[:16], runs=place.runs)


def approved_epochs(place: Workplace, stack_id: str) -> list[int]:
    """Epochs of approved runs of a stack: their outputs must never come back as somebody else's."""
    pointer = place.pointer()
    approved = {one.run for one in (pointer.baseline, pointer.anchor) if one and one.stack == stack_id}
    return [place.kept(one).head.epoch for one in sorted(approved)]


def recorded_of(opened: OpenSuite, answering: Answering, keys: tuple[str, ...]) -> RecordedOutputs:
    """The outputs that the stack pins on the axis `outputs`."""
    if answering.stack.stack.get(OUTPUTS) is None:
        raise UsageError(
            f"the target is recorded, and the stack has no axis {OUTPUTS!r}",
            where=shown(answering.path),
            do=f'write [{OUTPUTS}] with version = "…" and path = "outputs.jsonl"',
        )
    path = answering.stack.path(OUTPUTS)
    rows = ((row.place, row.values) for row in tables.rows(path))
    return recorded_outputs(rows, opened.suite.columns, keys, shown(path), Rows())


def epoch_of(
    opened: OpenSuite,
    place: Workplace,
    answering: Answering,
    target: SuiteTarget | None,
    draw: Draw,
    known: Sequence[Run],
    told: Sequence[Json] = (),
) -> int:
    """The epoch of a replay; new outputs never take one of an approved run or of one that is `known`."""
    if draw.epoch is not None:
        return draw.epoch
    if target is None or opened.suite.replay.deterministic:
        return 0
    draws = draws_of(opened, place, answering, target, told)
    if not draw.purpose and not draw.is_new:
        return draws.epoch
    place.made()
    taken = [*approved_epochs(place, answering.stack.stack.stack_id), *(one.head.epoch for one in known)]
    return draws.epoch_for(draw.purpose, taken) if draw.purpose else draws.begin_anew(taken)
