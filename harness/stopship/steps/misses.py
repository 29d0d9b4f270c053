"""Why a call of a frozen replay was not served: how far the search came, and what the closest one lacks.

Pure. Explains only: the closest recording is shown to people, and never served.
"""

import re
from collections.abc import Iterator, Sequence

from stopship.model.canonical import canonical_bytes, canonical_text
from stopship.model.case import Json
from stopship.model.exchange import Asked, Recording
from stopship.model.miss import Difference, Drift, Miss, Phase

MOST = 200  # differences that are listed, and recordings that are looked at closely
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")


def explain_miss(
    asked: Asked, recordings: Sequence[Recording], *, attempt: int = 0, is_refused: bool = False
) -> Miss:
    """Say why a call was not served, given all recordings of its case.

    `attempt` is which answer of the call was wanted, from 0 on. `is_refused`: it is not made, as it writes.
    """
    if is_refused:
        return Miss(phase=Phase.EFFECT, asked=asked, attempt=attempt)
    of_case = [one for one in recordings if one.asked.case == asked.case]
    known = tuple(sorted({f"{it.asked.call.kind.value} {it.asked.call.name}" for it in of_case}))
    if not of_case:
        return Miss(phase=Phase.NO_CASE, asked=asked, attempt=attempt)
    call = asked.call
    request = canonical_bytes(call.request)
    equal = [one for one in of_case if canonical_bytes(one.asked.call.request) == request]
    named = [one for one in of_case if (one.asked.call.kind, one.asked.call.name) == (call.kind, call.name)]
    if not named:
        closest = equal[0] if equal else None
        return Miss(phase=Phase.NO_NAME, asked=asked, attempt=attempt, closest=closest, known=known)
    same = [one for one in named if one in equal]
    if not same:
        closest = min(named[:MOST], key=lambda one: _distance(asked, one))
        found = differences(closest.asked.call.request, call.request)
        return Miss(
            phase=Phase.NO_EQUAL,
            asked=asked,
            attempt=attempt,
            closest=closest,
            differences=found,
            known=known,
        )
    phase, closest = _of_equal(asked, same, attempt)
    return Miss(phase=phase, asked=asked, attempt=attempt, closest=closest, known=known)


def _of_equal(asked: Asked, same: Sequence[Recording], attempt: int) -> tuple[Phase, Recording]:
    """The request was recorded: what stands in the way is its place, or that it is asked once too often."""
    here = [one for one in same if one.asked.world == asked.world]
    if not here:
        return Phase.WORLD, min(same, key=lambda one: abs(one.asked.world - asked.world))
    own = [one for one in here if one.asked.key == asked.key]
    longest = max(own or here, key=lambda one: len(one.answers))
    is_used_up = bool(own) or attempt >= len(longest.answers)
    return (Phase.ATTEMPTS if is_used_up else Phase.PLACE), longest


def differences(expected: Json, found: Json) -> tuple[Difference, ...]:
    """The fields in which a request differs from a recorded one, in order, at most 200 of them."""
    listed: list[Difference] = []
    for one in _differences(expected, found, "$"):
        listed.append(one)
        if len(listed) == MOST:
            break
    return tuple(listed)


def _differences(expected: Json, found: Json, path: str) -> Iterator[Difference]:
    if isinstance(expected, dict) and isinstance(found, dict):
        for key in sorted(expected.keys() | found.keys()):
            yield from _member(expected, found, key, _below(path, key))
    elif isinstance(expected, list) and isinstance(found, list):
        yield from _items(expected, found, path)
    elif _type(expected) is not _type(found):
        yield Difference(path=path, drift=Drift.TYPE, expected=expected, found=found)
    elif expected != found:
        yield Difference(path=path, drift=Drift.VALUE, expected=expected, found=found)


def _member(expected: dict[str, Json], found: dict[str, Json], key: str, path: str) -> Iterator[Difference]:
    if key not in found:
        yield Difference(path=path, drift=Drift.MISSING_HERE, expected=expected[key])
    elif key not in expected:
        yield Difference(path=path, drift=Drift.MISSING_THERE, found=found[key])
    else:
        yield from _differences(expected[key], found[key], path)


def _items(expected: list[Json], found: list[Json], path: str) -> Iterator[Difference]:
    """Items in their places; where one list is longer, equal items at both ends stay paired."""
    if len(expected) == len(found):
        for index, (old, new) in enumerate(zip(expected, found, strict=True)):
            yield from _differences(old, new, f"{path}[{index}]")
        return
    shorter = min(len(expected), len(found))
    before = next((i for i in range(shorter) if not _is_same(expected[i], found[i])), shorter)
    room = shorter - before
    behind = next((i for i in range(room) if not _is_same(expected[-1 - i], found[-1 - i])), room)
    old_end, new_end = len(expected) - behind, len(found) - behind
    for index in range(before, max(old_end, new_end)):
        place = f"{path}[{index}]"
        if index >= new_end:
            yield Difference(path=place, drift=Drift.MISSING_HERE, expected=expected[index])
        elif index >= old_end:
            yield Difference(path=place, drift=Drift.MISSING_THERE, found=found[index])
        else:
            yield from _differences(expected[index], found[index], place)


def _distance(asked: Asked, one: Recording) -> tuple[float, int, str]:
    """How far a recording is from a call: fields first, then the likeness of texts, then its place."""
    found = differences(one.asked.call.request, asked.call.request)
    fields = sum(2 if it.drift.is_structural else 1 for it in found)
    unlike = sum(_unlike(it) for it in found) / (len(found) or 1)
    return fields + unlike / 2, abs(one.asked.world - asked.world), one.asked.key


def _unlike(one: Difference) -> float:
    """From 0 (two texts alike but for a little in the middle) to 1 (nothing in common, or no texts)."""
    old, new = one.expected, one.found
    if not isinstance(old, str) or not isinstance(new, str) or not old or not new:
        return 1.0
    shorter = min(len(old), len(new))
    head = next((i for i in range(shorter) if old[i] != new[i]), shorter)
    tail = next((i for i in range(shorter - head) if old[-1 - i] != new[-1 - i]), shorter - head)
    return 1 - (head + tail) / max(len(old), len(new))


def _is_same(old: Json, new: Json) -> bool:
    return next(_differences(old, new, "$"), None) is None


def _below(path: str, key: str) -> str:
    if _PLAIN.fullmatch(key):
        return f"{path}.{key}"
    return f"{path}[{canonical_text(key).decode('utf-8', 'surrogatepass')}]"


def _type(value: Json) -> type:
    """1 and 1.0 are one JSON number; true is none."""
    return float if type(value) is int else type(value)
