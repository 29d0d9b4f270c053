"""A call that was not served, in at most six lines: how far it came, the closest recording, what to do.

Decides wording only; whatever a call or a recording says is neutralised here.
"""

import json
import re
import shlex

from stopship.model.case import Json
from stopship.model.exchange import CODE, Asked, CallKind, upstream_of
from stopship.model.fields import DECIDING, fault_of
from stopship.model.miss import Difference, Drift, Miss, Phase
from stopship.report.neutral import plain
from stopship.report.pins import short

_NAME, _VALUE, _PATH = 60, 50, 60
_PARTED = 30  # characters shown of each of two texts from where they part
_SHOWN = 3  # differences
_DO = "do       "  # what a line begins with that says what helps
_AGAIN = "record the case again"
_REAL = f"{_AGAIN}, or it is a real change of behaviour"
_INDEX = re.compile(r"\[\d+\]")


def miss_lines(miss: Miss) -> list[str]:
    """Why the call was not served. Six lines at most."""
    lines = [f"not served: {called(miss.asked)}: {_phase(miss)}"]
    if miss.closest is not None:
        lines.append(f"  closest  {_place(miss.closest.asked)}")
    lines += difference_lines(miss.differences)
    return [*lines, f"  {_DO}{_remedy(miss)}"]


def miss_text(miss: Miss) -> str:
    """The same as one line, what differs first: it may be cut short."""
    first, *rest = (one.strip().removeprefix(_DO) for one in miss_lines(miss))
    return "; ".join([first, *sorted(rest, key=lambda one: one.startswith("closest "))])


def difference_lines(found: tuple[Difference, ...]) -> list[str]:
    """One line for each of the first three differences."""
    lines = [f"  {plain(one.path, _PATH, keep_end=True)}  {_drift(one)}" for one in found[:_SHOWN]]
    if len(found) > _SHOWN:
        lines[-1] += f"; and {len(found) - _SHOWN} more fields"
    return lines


def called(asked: Asked) -> str:
    """`refund-de-017, tool lookup`."""
    return f"{plain(asked.case, _NAME)}, {asked.call.kind.value} {plain(asked.call.name, _NAME)}"


def value(one: Json, limit: int = _VALUE) -> str:
    """A JSON value on one line, cut short."""
    return plain(json.dumps(one, ensure_ascii=False, sort_keys=True), limit, keep_end=True)


def _phase(miss: Miss) -> str:
    asked, closest = miss.asked, miss.closest
    if miss.phase is Phase.WORLD and closest is not None:
        return f"{miss.phase.value}: asked after {_writes(asked)}, recorded after {_writes(closest.asked)}"
    if miss.phase is Phase.ATTEMPTS and closest is not None:
        count = len(closest.answers)
        return f"{miss.phase.value}: attempt {miss.attempt + 1}, and {count} recorded"
    return miss.phase.value


def _place(asked: Asked) -> str:
    pins = "".join(
        f", {plain(axis, 20)} {plain(short(one)) or 'not in the stack'}" for axis, one in asked.pins.items()
    )
    return f"{called(asked)}, sample {asked.sample}, after {_writes(asked)}{pins}"


def _writes(asked: Asked) -> str:
    return f"{asked.world} write" if asked.world == 1 else f"{asked.world} writes"


def _drift(one: Difference) -> str:
    if one.drift is Drift.MISSING_HERE:
        return f"{one.drift.value}: recorded {value(one.expected)}"
    if one.drift is Drift.MISSING_THERE:
        return f"{one.drift.value}: asked {value(one.found)}"
    expected, found = from_where_they_part(one.expected, one.found)
    return f"{one.drift.value}: recorded {value(expected)}, asked {value(found)}"


def from_where_they_part(old: Json, new: Json, limit: int = _VALUE) -> tuple[Json, Json]:
    """Two long texts without most of what they begin with alike, which would be all that is shown of them."""
    if not isinstance(old, str) or not isinstance(new, str) or max(len(old), len(new)) <= limit:
        return old, new
    same = next((at for at, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), _VALUE)
    begin = max(old.rfind(each, 0, same) for each in " \n") + 1  # of the word in which they part
    return (f"…{old[begin:]}"[:_PARTED], f"…{new[begin:]}"[:_PARTED]) if begin else (old, new)


def _remedy(miss: Miss) -> str:
    if miss.phase is Phase.EFFECT:
        name = miss.asked.call.name
        always = f"effects = [{value(name, _NAME)}] in the suite"
        return f"allow it: --allow-effects {plain(shlex.quote(name), _NAME)}, or {always}"
    if miss.phase is Phase.NO_CASE:
        return "record it"
    if miss.phase is Phase.NO_NAME:
        listed = ", ".join(plain(one, _NAME) for one in miss.known[:5])
        more = f" and {len(miss.known) - 5} more" if len(miss.known) > 5 else ""
        return f"the case has {listed}{more}: {_REAL}"
    if miss.phase is Phase.WORLD:
        return f"a write was added or left out before this call: {_REAL}"
    if miss.phase is Phase.ATTEMPTS:
        return f"the call is made more often than it was: {_REAL}"
    if miss.phase is Phase.PLACE:
        return "record the case with this stack and sample"
    if miss.is_drift:
        return _noise(miss)
    return f"the request has another shape: {_REAL}"


def _noise(miss: Miss) -> str:
    """How to say that a field decides no answer: by argument of a marked function, by path of a request
    through the gateway. What always decides one is not offered."""
    call = miss.asked.call
    if call.kind is not CallKind.MODEL or CODE in call.pins:
        field = "leave an argument that cannot change the answer out with ignore=(…)"
        return f"only values differ: {field}, or {_AGAIN}"
    paths = dict.fromkeys(_INDEX.sub("", one.path).removeprefix("$").lstrip(".") for one in miss.differences)
    if not upstream_of(call.name) or any(
        path.partition(".")[0] in DECIDING or fault_of(path) or "[" in path for path in paths
    ):
        return f"only values differ: {_REAL}"
    upstream = plain(upstream_of(call.name), _NAME)
    listed = ", ".join(value(one, _PATH) for one in [*paths][:_SHOWN])
    more = ", …" if len(paths) > _SHOWN else ""
    which = "it" if len(paths) == 1 else "they"
    return (
        f"ignore = [{listed}{more}] in [replay.upstreams.{upstream}] if {which} cannot change the answer, "
        f"else {_AGAIN}"
    )
