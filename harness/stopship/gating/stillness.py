"""Whether a stack held still from its opening until its outputs are sealed.

Decides whether what was answered may be kept. Never takes a file that was put back for one that never moved.
"""

import json
from collections.abc import Sequence
from pathlib import Path

from stopship.errors import EvidenceError
from stopship.gating.stacking import Answering
from stopship.pinning.gather import Stamps
from stopship.report.pins import drift_lines
from stopship.store.atomic import write_atomically
from stopship.store.shown import shown

_BEGUN = "begun.json"  # beside the journals: the stamps of the stack when the first of them was begun
_LISTED = 8


class MovedError(EvidenceError):
    """The stack changed while it answered: with what, nobody knows."""

    def __init__(self, path: Path, moved: Sequence[str]) -> None:
        listed = "".join(f"\n{one}" for one in moved[:_LISTED])
        more = f"\n  and {len(moved) - _LISTED} more" if len(moved) > _LISTED else ""
        super().__init__(
            f"the stack changed while cases were replayed, so nothing is sealed:{listed}{more}",
            where=shown(path),
            do="leave it alone while cases are replayed, and replay again",
        )


def check_still(answering: Answering, journals: Path | None = None) -> None:
    """Raise MovedError unless the stack is, and was all the while, what it was when it was opened.

    Everything is digested and observed anew, and no file may have been touched: one that was put back has
    another inode, or another time of change. `journals`: a folder of journals, whose outputs may be older
    than this process; they are dropped where the stack moved.
    """
    drifts, now = answering.stack.again()
    moved = list(drift_lines(drifts))
    drifted = {one.axis for one in drifts}
    for stamps in (answering.stack.stamps, _read(journals) if journals else {}):
        moved += [line for line in _touched(answering, stamps, now, drifted) if line not in moved]
    if moved:
        if journals is not None:
            drop(journals)
        raise MovedError(answering.path, moved)


def begin(answering: Answering, journals: Path) -> None:
    """Keep the stamps of the stack beside the first journal; later ones of the plan are held against them.

    Raises MovedError, with the journals dropped, where outputs are filed of a stack that was touched since.
    """
    if any(one.stat().st_size for one in journals.glob("journal*.jsonl")) and (before := _read(journals)):
        if moved := _touched(answering, before, answering.stack.stamps, set()):
            drop(journals)
            raise MovedError(answering.path, moved)
        return
    journals.mkdir(parents=True, exist_ok=True)
    write_atomically(journals / _BEGUN, json.dumps(answering.stack.stamps, sort_keys=True).encode())


def begun_at(journals: Path) -> list[int]:
    """When the first journal of a plan was begun, in seconds since 1970; empty: none is."""
    try:
        return [int((journals / _BEGUN).stat().st_mtime)]
    except OSError:
        return []


def end(journals: Path) -> None:
    """Forget the stamps: what was filed is sealed."""
    (journals / _BEGUN).unlink(missing_ok=True)


def _touched(answering: Answering, before: Stamps, now: Stamps, drifted: set[str]) -> list[str]:
    """What has another stamp, axis by axis; those that drifted are told already."""
    lines = []
    for axis, files in sorted(before.items()):
        if axis in drifted:
            continue
        title = answering.stack.stack.pin(axis).title
        for name, stamp in sorted(files.items()):
            if now.get(axis, {}).get(name) != stamp:
                what = "files came or went in it" if name.endswith("/") else "was touched"
                lines.append(f"  {shown(title)}: {shown(name)} {what}")
    return lines


def _read(journals: Path) -> Stamps:
    """The stamps that were kept; none where they cannot be read, as before the first journal."""
    try:
        kept = json.loads((journals / _BEGUN).read_bytes())
        return {axis: {name: tuple(one) for name, one in files.items()} for axis, files in kept.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def drop(journals: Path) -> None:
    for one in journals.glob("journal*.jsonl"):
        one.unlink(missing_ok=True)
    end(journals)
