"""The history of a monitor: one night a line, each with a digest over the line before it; and beside it a
sealed head that says how many lines there are, and how the last one ends.

Decides whether a history is whole. Never mends one, and never changes a line that stands in it: what was
edited, cut off or put in another order is damage.
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

FORMAT = 2  # from 2 on a head stands beside the file; lines of format 1 are read as they are
_CHAIN = 1  # of what the first line stands behind
_HEAD = ("format", "suite", "nights", "last", "seal")
ABOUT = ("baseline", "accepted_stack", "present_stack", "cases", "labels", "scorers", "rules")
_LINE = ("format", "suite", "night", "about", "runs", "seen", "before", "digest")
_SEEN = ("rule", "scope", "alpha", "pairs", "worse", "better", "changes")
_MEND = "take the file and its head from version control, or move both away to begin anew"


def head_path(path: Path) -> Path:
    """Where the head of a history stands: beside it."""
    return path.with_name(f"{path.name}.head")


def read_history(path: Path, suite: str) -> tuple[Night, ...]:
    """The nights of a file, oldest first; none where there is no file. EvidenceError for any damage."""
    return _read(path, suite)[1]


def append_night(path: Path, suite: str, nights: Sequence[Night], further: Night) -> None:
    """Put a night behind those that were read. Raises EvidenceError where the file has changed meanwhile.

    The head follows its file, and stands before the first line does: whoever is interrupted between the two
    leaves a head of fewer lines, which the chain of digests makes good.
    """
    data, known, last = _read(path, suite)
    if known != tuple(nights):
        raise EvidenceError("has changed while a night was drawn", where=shown(path), do="run again")
    line, own = _line(further, last, suite, FORMAT)
    if not os.path.lexists(head_path(path)):
        write_atomically(head_path(path), _head_bytes(suite, len(known), last))
    write_atomically(path, data + line)
    write_atomically(head_path(path), _head_bytes(suite, len(known) + 1, own))


def finish_night(path: Path, suite: str) -> None:
    """Let the head count the last line, where whoever appended it was killed before."""
    _, known, last = _read(path, suite)
    if _read_head(path, suite) not in (None, (len(known), last)):
        write_atomically(head_path(path), _head_bytes(suite, len(known), last))


def _read(path: Path, suite: str) -> tuple[bytes, tuple[Night, ...], str]:
    """The bytes of a history, its nights, and the digest of the last."""
    head = _read_head(path, suite)
    data = read_bytes(path, _MEND) if os.path.lexists(path) else b""
    lines = data.split(b"\n")
    if lines.pop():
        where = at(shown(path), f"line {len(lines) + 1}")
        raise EvidenceError("damaged: its last line has no end", where=where, do=_MEND)
    before, needs_head = _start(suite), False
    nights: list[Night] = []
    digests = [before]
    for number, line in enumerate(lines, 1):
        where = at(shown(path), f"line {number}")
        night, before, version = _night(line, before, suite, where)
        if nights and night.night < nights[-1].night:
            raise EvidenceError("damaged: nights go backwards", where=where, do=_MEND)
        needs_head = needs_head or version > 1
        nights.append(night)
        digests.append(before)
    _hold(path, head, digests, needs_head=needs_head)
    return data, tuple(nights), before


def _hold(path: Path, head: tuple[int, str] | None, digests: Sequence[str], *, needs_head: bool) -> None:
    """Hold what was read against the head: lines may have come since, none may have gone."""
    found = len(digests) - 1
    if head is None:
        if needs_head:
            what = f"is missing: {shown(path)} holds {found} nights that a head should count"
            raise EvidenceError(what, where=shown(head_path(path)), do=_MEND)
        return
    count, last = head
    if found < count:
        what = f"damaged: cut off after line {found}: its head counts {count} nights"
        raise EvidenceError(what, where=shown(path), do=_MEND)
    if digests[count] != last:
        what = f"damaged: line {count} is another than the one that its head names"
        raise EvidenceError(what, where=at(shown(path), f"line {count}"), do=_MEND)


def _head_bytes(suite: str, nights: int, last: str) -> bytes:
    body = {"format": FORMAT, "suite": suite, "nights": nights, "last": last}
    return canonical_bytes({**body, "seal": digest(body)}) + b"\n"


def _read_head(path: Path, suite: str) -> tuple[int, str] | None:
    """How many nights the head counts and the digest of the last; None where there is no head."""
    place = head_path(path)
    if not os.path.lexists(place):
        return None
    data = read_bytes(place, _MEND)
    try:
        return _head_of(data, suite, shown(place))
    except (ValueError, TypeError, RecursionError, NotCanonical) as err:
        raise EvidenceError(f"damaged: {shown(err)[:200]}", where=shown(place), do=_MEND) from err


def _head_of(data: bytes, suite: str, where: str) -> tuple[int, str]:
    """What the bytes of a head say. Raises ValueError for any that no head has."""
    told = json.loads(data)
    if not isinstance(told, dict) or told.keys() != set(_HEAD):
        raise ValueError("it has other fields than a head")
    _refuse_other(told, suite, where, known=(FORMAT,))
    nights, last = told["nights"], told["last"]
    if type(nights) is not int or nights < 0 or not is_digest(last):
        raise ValueError("it counts no nights")
    if _head_bytes(suite, nights, last) != data:
        raise ValueError("it was edited")
    return nights, last


def _start(suite: str) -> str:
    """What the first line stands behind: no line of another suite's history can."""
    return digest({"format": _CHAIN, "suite": suite})


def _line(one: Night, before: str, suite: str, version: int) -> tuple[bytes, str]:
    body: dict[str, Any] = {
        "format": version,
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


def _night(line: bytes, before: str, suite: str, where: str) -> tuple[Night, str, int]:
    try:
        document = _object(json.loads(line))
        version = _refuse_other(document, suite, where, known=range(1, FORMAT + 1))
        night = _of(document)
        written, own = _line(night, before, suite, version)
    except (ValueError, TypeError, KeyError, RecursionError, OverflowError, NotCanonical) as err:
        raise EvidenceError(f"damaged: {shown(err)[:200]}", where=where, do=_MEND) from err
    if written != line + b"\n" or document["before"] != before:
        raise EvidenceError("damaged: it was edited, or a line before it was", where=where, do=_MEND)
    return night, own, version


def _refuse_other(told: Mapping[str, Any], suite: str, where: str, *, known: Sequence[int]) -> int:
    """The format; EvidenceError where it is not known, or where the suite is another."""
    version = told["format"]
    if type(version) is not int or version not in known:
        raise EvidenceError(
            f"format {shown(version)[:20]}; this stopship reads formats up to {FORMAT}",
            where=where,
            do="use the stopship that wrote it",
        )
    if told["suite"] != suite:
        raise EvidenceError(
            f"it is of the suite {shown(told['suite'])[:60]}",
            where=where,
            do="name another --history",
        )
    return version


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
