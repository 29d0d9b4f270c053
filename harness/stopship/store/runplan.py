"""What a run must hold before it can be sealed: a head, and exactly what was planned.

Decides nothing about a row's or a trace's content. Never lets a missing or an unplanned outcome pass.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from operator import eq

from stopship.errors import EvidenceError
from stopship.model.case import Json
from stopship.model.run import RunHead
from stopship.store.shown import quoted

Place = tuple[str, int]
"""Key and sample."""
_HEX = re.compile(r"[0-9a-f]{64}")


def is_digest(text: object) -> bool:
    """Whether text is 64 hexadecimal digits."""
    return isinstance(text, str) and _HEX.fullmatch(text) is not None


def check_head(head: RunHead) -> None:
    """Refuse a head that no run can have."""
    if not is_digest(head.cases):
        raise EvidenceError(
            f"its cases are {quoted(str(head.cases), 12)}, expected 64 hexadecimal digits", where="the run"
        )
    if type(head.repeats) is not int or type(head.epoch) is not int or head.repeats < 1 or head.epoch < 0:
        raise EvidenceError(
            f"repeats is {head.repeats} and epoch {head.epoch}, expected at least 1 and 0", where="the run"
        )
    if not head.stack.pins:
        raise EvidenceError("its stack has no pins", where="the run", do="stopship pins lock STACK")


def check_plan(head: RunHead, rows: Mapping[str, Mapping[str, Json]], found: Sequence[Place]) -> None:
    """Refuse outcomes that are not exactly the planned keys times repeats, and rows of other keys.

    `found`: the places of the outcomes, by key, then sample.
    """
    planned = ((key, sample) for key in sorted(head.planned) for sample in range(head.repeats))
    is_whole = len(found) == len(head.planned) * head.repeats and all(map(eq, found, planned))
    if is_whole and rows.keys() == head.planned.keys():
        return
    wanted = {(key, sample): None for key in sorted(head.planned) for sample in range(head.repeats)}
    counts = Counter(found)
    faults = [
        (what, places)
        for what, places in (
            ("missing", [one for one in wanted if one not in counts]),
            ("not planned", [one for one in counts if one not in wanted]),
            ("there more than once", [one for one, count in counts.items() if count > 1]),
        )
        if places
    ]
    said = [f"{len(places)} outputs are {what}: {_places(places, head)}" for what, places in faults]
    if lost := sorted(head.planned.keys() - rows.keys()):
        said.append(f"{len(lost)} planned cases have no row: {listed(lost)}")
    if extra := sorted(rows.keys() - head.planned.keys()):
        said.append(f"{len(extra)} rows are of no planned case: {listed(extra)}")
    if said:
        raise EvidenceError(
            "the run is not what was planned: " + "\n  ".join(said),
            where=f"suite {quoted(head.suite)}",
            do="replay what is missing, or start over with --fresh",
        )


def _places(places: Sequence[tuple[str, int]], head: RunHead) -> str:
    plain = head.repeats == 1 and all(sample == 0 for _, sample in places)
    shown_ = [quoted(key) if plain else f"{quoted(key)} sample {sample}" for key, sample in places[:5]]
    return ", ".join(shown_) + (", …" if len(places) > 5 else "")


def listed(keys: Sequence[str], most: int = 5) -> str:
    """The first keys, for a message."""
    return ", ".join(quoted(key) for key in keys[:most]) + (", …" if len(keys) > most else "")
