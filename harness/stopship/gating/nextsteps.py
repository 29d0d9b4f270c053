"""The commands that a person types after a verdict.

Decides which ones help. Never shows one that would not do what it says as typed.
"""

import os
import shlex
from pathlib import Path

from stopship.gating.workplace import BASELINE, Workplace
from stopship.model.verdict import Record, Verdict


def next_steps(place: Workplace, record: Record, suite: Path, baseline: str | None = None) -> list[str]:
    """For a first run, how it becomes the baseline; for a worse one, how its worst case is looked at."""
    named = ["--suite", _near(suite)]
    run = record.candidate.run[:12] if record.candidate is not None else ""
    if not run:
        return []
    if record.verdict is Verdict.VOID and record.baseline is None and place.pointer().baseline is None:
        return _printable(
            ["stopship", "replay", _near(suite)],
            ["stopship", "accept", run, *named, "--because", "first baseline"],
        )
    if record.verdict not in (Verdict.STOP, Verdict.UNDECIDED) or not record.examples:
        return []
    good = ["--good", baseline or BASELINE]
    words = ["repro", record.examples[0].key, *named, *good, "--bad", run, "--times", "10"]
    return _printable(["stopship", *words])


def _printable(*lines: list[str]) -> list[str]:
    return [line for line in map(shlex.join, lines) if line.isprintable()]


def _near(path: Path) -> str:
    """The path as a person standing here would type it."""
    absolute = os.path.relpath(path) if path.is_absolute() else str(path)
    return absolute if not absolute.startswith("../../..") else str(path)
