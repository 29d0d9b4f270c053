"""The history of a monitor: one night a line, each with a digest over the line before it.

Decides whether a history is whole. Never mends one, and never changes a line that stands in it: what was
edited, cut inside or put in another order is damage.
"""

import json
import os
from collections.abc import Mapping, Sequence
from datetime import date
from math import isfinite
from pathlib import Path
from typing import Any

from stopship.errors import EvidenceError
from stopship.model.canonical import NotCanonical, canonical_bytes, digest
from stopship.model.night import Night, Seen
from stopship.store.atomic import write_atomically
from stopship.store.evidencefiles import read_bytes
from stopship.store.runplan import is_digest
from stopship.store.shown import at, shown

FORMAT = 1
ABOUT = ("baseline", "accepted_stack", "present_stack", "cases", "labels", "scorers", "rules")
_LINE = ("format", "suite", "night", "about", "runs", "seen", "before", "digest")
_SEEN = ("rule", "scope", "alpha", "pairs", "worse", "better", "changes")
_MEND = "take the file from version control, or move it away to begin anew"


def read_history(path: Path, suite: str) -> tuple[Night, ...]:
    """The nights of a file, oldest first; none where there is no file. EvidenceError for any damage."""
    if not os.path.lexists(path):
        return ()
    data = read_bytes(path, _MEND)
    lines = data.split(b"\n")
    if lines.pop():
        raise EvidenceError("damaged: its last line has no end", where=shown(path), do=_MEND)
    before = _start(suite)
    nights: list[Night] = []
    for number, line in enumerate(lines, 1):
        night, before = _night(line, before, suite, at(shown(path), f"line {number}"))
        if nights and night.night < nights[-1].night:
            raise EvidenceError(
                "damaged: nights go backwards", where=at(shown(path), f"line {number}"), do=_MEND
            )
        nights.append(night)
    return tuple(nights)


def append_night(path: Path, suite: str, nights: Sequence[Night], further: Night) -> None:
    """Put a night behind those that were read. Raises EvidenceError where the file has changed meanwhile."""
    if read_history(path, suite) != tuple(nights):
        raise EvidenceError("has changed while a night was drawn", where=shown(path), do="run again")
    before, lines = _start(suite), []
    for one in (*nights, further):
        line, before = _line(one, before, suite)
        lines.append(line)
    write_atomically(path, b"".join(lines))


def _start(suite: str) -> str:
    """What the first line stands behind: no line of another suite's history can."""
    return digest({"format": FORMAT, "suite": suite})


def _line(one: Night, before: str, suite: str) -> tuple[bytes, str]:
    body: dict[str, Any] = {
        "format": FORMAT,
        "suite": suite,
        "night": one.night,
        "about": dict(one.about),
        "runs": list(one.runs),
        "seen": [
            {**{key: getattr(it, key) for key in _SEEN[:-1]}, "changes": [list(pair) for pair in it.changes]}
            for it in one.seen
        ],
        "before": before,
    }
    own = digest(body)
    return canonical_bytes({**body, "digest": own}) + b"\n", own


def _night(line: bytes, before: str, suite: str, where: str) -> tuple[Night, str]:
    try:
        document = _object(json.loads(line))
        if document["format"] != FORMAT:
            raise EvidenceError(
                f"format {shown(document['format'])[:20]}; this stopship reads format {FORMAT}",
                where=where,
                do="use the stopship that wrote it",
            )
        if document["suite"] != suite:
            raise EvidenceError(
                f"it is of the suite {shown(document['suite'])[:60]}",
                where=where,
                do="name another --history",
            )
        night = _of(document)
        written, own = _line(night, before, suite)
    except (ValueError, TypeError, KeyError, RecursionError, OverflowError, NotCanonical) as err:
        raise EvidenceError(f"damaged: {shown(err)[:200]}", where=where, do=_MEND) from err
    if written != line + b"\n" or document["before"] != before:
        raise EvidenceError("damaged: it was edited, or a line before it was", where=where, do=_MEND)
    return night, own


def _object(value: object) -> dict[str, Any]:
    if not isinstance(value, dict) or value.keys() != set(_LINE):
        raise ValueError("it has other fields than a night")
    return value


def _of(document: Mapping[str, Any]) -> Night:
    """The night that parsed JSON is. Raises ValueError or TypeError."""
    about, runs = document["about"], document["runs"]
    if about.keys() != set(ABOUT) or not all(is_digest(one) or one == "" for one in about.values()):
        raise ValueError("it does not say what was compared")
    if len(runs) != 2 or not all(map(is_digest, runs)):
        raise ValueError("it names no two runs")
    date.fromisoformat(document["night"])
    seen = tuple(map(_seen, document["seen"]))
    if len({(one.rule, one.scope) for one in seen}) != len(seen):
        raise ValueError("it tells a scope twice")
    return Night(night=document["night"], about=about, runs=(runs[0], runs[1]), seen=seen)


def _seen(row: Mapping[str, Any]) -> Seen:
    if row.keys() != set(_SEEN):
        raise ValueError("it has other fields than a scope")
    counts = [row["pairs"], row["worse"], row["better"], *(count for _, count in row["changes"])]
    if (
        not all(type(one) is int and one >= 0 for one in counts)
        or row["worse"] + row["better"] > row["pairs"]
    ):
        raise ValueError("its counts are none")
    if not isinstance(row["rule"], str) or not isinstance(row["scope"], str):
        raise ValueError("its rule or scope is no text")  # noqa: TRY004  # one kind for all damage
    alpha, changes = float(row["alpha"]), tuple((float(value), count) for value, count in row["changes"])
    if not 0 < alpha < 1 or not all(isfinite(value) and -1 <= value <= 1 and value for value, _ in changes):
        raise ValueError("its alpha or its differences are out of range")
    return Seen(**{**row, "alpha": alpha, "changes": changes})
