"""What stands beside an outcome and does not identify it: its time, and where its calls were answered from.

Decides how that is written: a number, null, or a list of both. Trusts nothing that it reads.
"""

from dataclasses import replace
from math import isfinite

from stopship.errors import EvidenceError
from stopship.model.canonical import MAX_INTEGER, canonical_bytes
from stopship.model.case import Json
from stopship.model.exchange import CallKind, Served, Source
from stopship.model.run import Outcome
from stopship.store.shown import quoted

_KINDS = frozenset(one.value for one in CallKind)
_SOURCES = frozenset(one.value for one in Source)


def beside_bytes(one: Outcome) -> bytes:
    """As JSON; EvidenceError for a time that is none."""
    took = one.took_ms
    if took is not None and (isinstance(took, bool) or not isfinite(took) or not 0 <= took <= MAX_INTEGER):
        raise EvidenceError(
            f"took_ms is {took}, expected milliseconds from 0 on", where=f"case {quoted(one.key)}"
        )
    if not one.calls:
        return b"null" if took is None else canonical_bytes(took)
    calls = [
        [call.kind, call.name, call.ask, call.source, call.attempt, call.pins, call.got] for call in one.calls
    ]
    return canonical_bytes([took, calls])


def with_beside(one: Outcome, value: object) -> Outcome:
    """The outcome with what parsed JSON tells beside it. Raises ValueError that says what is wrong."""
    took, calls = beside_of(value)
    return replace(one, took_ms=took, calls=calls)


def beside_of(value: object) -> tuple[float | None, tuple[Served, ...]]:
    """The time that an output took, and its calls, as parsed JSON tells them. Raises ValueError."""
    if not isinstance(value, list):
        return _took(value), ()
    if len(value) != 2 or not isinstance(value[1], list):
        raise ValueError("what stands beside it is neither a time nor a time with calls")
    return _took(value[0]), tuple(_call(call) for call in value[1])


def _took(value: object) -> float | None:
    if value is None:
        return None
    if type(value) not in (int, float) or not 0 <= value <= MAX_INTEGER:  # type: ignore[operator]  # a number
        raise ValueError("took_ms is no time")
    return float(value)  # type: ignore[arg-type]  # a number


def _call(value: Json) -> Served:
    if not isinstance(value, list) or len(value) != 7:
        raise ValueError("one of its calls is none")
    kind, name, ask, source, attempt, pins, got = value
    if kind not in _KINDS or source not in _SOURCES or type(attempt) is not int or attempt < 0:
        raise ValueError("one of its calls is of no known kind or source")
    if not type(name) is type(ask) is type(pins) is type(got) is str:
        raise ValueError("one of its calls has no name")
    return Served(kind=kind, name=name, ask=ask, source=source, attempt=attempt, pins=pins, got=got)
