"""Where two traces of one case part.

Decides the first step that differs. Never says which of the two is right.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from stopship.model.canonical import canonical_bytes
from stopship.model.case import Json

_PARTS = ("kind", "name", "input", "output")  # of a step, in the order in which a difference is looked for


@dataclass(frozen=True, slots=True, kw_only=True)
class Parting:
    """The first difference of two traces."""

    step: int  # from 1; 0: the traces tell no steps, or all steps are the same
    what: str  # `retrieval search: output`, `output`
    good: Json
    bad: Json


def parting(good: Mapping[str, Json], bad: Mapping[str, Json]) -> Parting | None:
    """The first step at which the traces differ, else the output if that differs; None where all is equal."""
    one, two = _steps(good), _steps(bad)
    for index in range(max(len(one), len(two))):
        first = one[index] if index < len(one) else None
        second = two[index] if index < len(two) else None
        if not _same(first, second):
            return _of_step(index + 1, first, second)
    if not _same(good.get("output"), bad.get("output")):
        return Parting(step=0, what="output", good=good.get("output"), bad=bad.get("output"))
    return None


def _of_step(number: int, good: Json, bad: Json) -> Parting:
    if isinstance(good, dict) and isinstance(bad, dict):
        names = [*_PARTS, *sorted((good.keys() | bad.keys()) - set(_PARTS))]
        part = next(name for name in names if not _same(good.get(name), bad.get(name)))
        return Parting(step=number, what=f"{_title(good)}: {part}", good=good.get(part), bad=bad.get(part))
    what = _title(good) if isinstance(good, dict) else _title(bad) if isinstance(bad, dict) else "step"
    return Parting(step=number, what=what, good=good, bad=bad)


def _title(step: Mapping[str, Json]) -> str:
    return " ".join(str(step[name]) for name in ("kind", "name") if step.get(name)) or "step"


def _steps(trace: Mapping[str, Json]) -> list[Json]:
    found = trace.get("steps")
    return found if isinstance(found, list) else []


def _same(one: Json, two: Json) -> bool:
    return canonical_bytes(one) == canonical_bytes(two)
