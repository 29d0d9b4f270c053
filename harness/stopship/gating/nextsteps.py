"""The commands that a person types after a verdict.

Decides which ones help. Never shows one that would not do what it says as typed.
"""

import os
import shlex
from pathlib import Path

from stopship.errors import StopshipError
from stopship.gating.recording import lacks_recordings, record_words
from stopship.gating.workplace import BASELINE, Workplace
from stopship.model.exchange import Fidelity
from stopship.model.run import SHORT_ID, Status
from stopship.model.verdict import Record, Verdict


def next_steps(
    place: Workplace,
    record: Record,
    suite: Path,
    baseline: str | None = None,
    *,
    stack: Path | None = None,
    allow_blind: bool = False,
) -> list[str]:
    """For a first run, how it becomes the baseline; for a worse one, how its worst case is looked at."""
    run = record.candidate.run[:SHORT_ID] if record.candidate is not None else ""
    named = ["--suite", _near(suite)]
    if not run:
        return _not_fetched(place, record, named)
    is_elsewhere = place.pointer_folder is not None  # the pointer here may name another run
    given = ["--stack", _near(stack)] if stack is not None else []
    blind = ["--allow-blind"] if allow_blind else []
    if record.verdict is Verdict.VOID and _lacks_recordings(place, run):
        return _printable(record_words(place, _near(suite), [*given, *blind]))
    if record.verdict is Verdict.VOID and record.baseline is None:
        if is_elsewhere or place.pointer().baseline is not None:
            return []  # accepting would write over a pointer that only this judgement does not see
        if not _is_whole(place, run):
            return []  # it would be refused
        return _printable(["stopship", "accept", run, *named, *given, "--because", "first baseline"])
    if record.verdict not in (Verdict.STOP, Verdict.UNDECIDED):
        return []
    worst = [one.key for one in record.examples]
    if record.baseline is None:
        worst += [key for one in record.findings if one.is_broken or one.holds for key in one.worse_keys[:1]]
        return _printable(["stopship", "show", run, *named, *(f"--case={key}" for key in worst[:1])])
    if not worst:
        return []
    key = worst[0]
    good = baseline or (record.baseline.run[:SHORT_ID] if is_elsewhere else BASELINE)
    case = ["--", key] if key.startswith("-") else []
    is_frozen = place.suite.replay.fidelity is Fidelity.FROZEN  # one recording is one draw
    words = [*named, "--good", good, "--bad", run, *([] if is_frozen else ["--times", "10"]), *case]
    return _printable(["stopship", "repro", *([] if case else [key]), *words])


def _lacks_recordings(place: Workplace, run: str) -> bool:
    """Whether what the run lost is there once it is recorded."""
    try:
        return lacks_recordings(place.suite, place.run(run).outcomes)
    except StopshipError:
        return False


def _is_whole(place: Workplace, run: str) -> bool:
    """Whether the run holds enough to be a baseline."""
    try:
        outcomes = place.run(run).outcomes
    except StopshipError:
        return False
    lost = sum(one.status is Status.LOST for one in outcomes)
    return lost <= place.suite.replay.lost_limit * len(outcomes)


def _not_fetched(place: Workplace, record: Record, named: list[str]) -> list[str]:
    """Where the pointer names a run that only the working folder has: how the store gets it."""
    if record.verdict is not Verdict.VOID:
        return []
    try:
        accepted = place.pointer().baseline
        if accepted is None or not (place.runs / accepted.run).is_dir() or place.store.has_run(accepted.run):
            return []
    except StopshipError:
        return []
    return _printable(["stopship", "push", accepted.run[:SHORT_ID], *named])


def _printable(*lines: list[str]) -> list[str]:
    return [line for line in map(shlex.join, lines) if line.isprintable()]


def _near(path: Path) -> str:
    """The path as a person standing here would type it."""
    absolute = os.path.relpath(path) if path.is_absolute() else str(path)
    return absolute if not absolute.startswith("../../..") else str(path)
