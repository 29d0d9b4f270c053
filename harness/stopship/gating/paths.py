"""The path of an output: the decisions of its models and its searches, in the order in which they began.

Decides which calls stand on it, and which of several recorded ones an output is kept on. Never answers one.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from stopship.errors import Missed
from stopship.model.canonical import digest, digest_of_set
from stopship.model.case import Json
from stopship.model.exchange import (
    PATH,
    Answer,
    Asked,
    Call,
    CallKind,
    Effect,
    Fidelity,
    Recording,
    call_pins,
)
from stopship.store.shown import quoted

RECORD_AGAIN = "record the case again: stopship replay SUITE --record new --case KEY"
HELD = frozenset({Fidelity.STEP, Fidelity.RETRIEVAL_ONLY})  # outputs are kept on what was recorded
_MODELS, _SEARCHES = "models", "searches"


class Recorded(Protocol):
    """What is looked up of recordings."""

    def of_ask(self, ask: str) -> tuple[Recording, ...]: ...
    def of_case(self, case: str) -> tuple[Recording, ...]: ...


@dataclass(frozen=True, slots=True)
class Step:
    """One call of a path, and which of its answers stood there."""

    ask: str
    attempt: int
    key: str = ""  # "": of a path that was written without


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptPath:
    """A path as it was recorded."""

    asked: Asked
    models: tuple[Step, ...]
    searches: tuple[Step, ...] | None  # None: it was written without, which is not that there were none


@dataclass(slots=True, kw_only=True)
class Slot:
    """The place of one call, reserved when the call begins."""

    kind: CallKind
    ask: str
    key: str
    attempt: int | None = None  # None: nothing answered it
    is_free: bool = False  # for the same call made again


class Track:
    """The calls of one output as they begin and end. Not for several threads: its desk holds a lock."""

    def __init__(self) -> None:
        self._slots: list[Slot] = []

    def begin(self, asked: Asked) -> Slot:
        """The place of a call; a call that is made again stands where it stood."""
        for one in self._slots:
            if one.is_free and one.key == asked.key:
                one.is_free = False
                return one
        slot = Slot(kind=asked.call.kind, ask=asked.ask, key=asked.key)
        self._slots.append(slot)
        return slot

    def end(self, slot: Slot, answer: Answer, attempt: int, key: str) -> None:
        """A call was answered, by this answer of the recording of that key. An error decides nothing."""
        slot.is_free = bool(answer.error)
        if not answer.error or slot.kind is CallKind.RETRIEVAL:
            slot.attempt, slot.key = attempt, key

    def free(self, slot: Slot) -> None:
        """A call was given up."""
        slot.is_free = True

    def told(self, asked: Asked) -> Recording:
        """The path as it is kept, though nothing was called: that differs from no path at all."""
        path = {_MODELS: self._steps(CallKind.MODEL), _SEARCHES: self._steps(CallKind.RETRIEVAL)}
        return Recording(asked=asked, answers=(Answer(result=path),))

    def _steps(self, kind: CallKind) -> Json:
        """Equal calls cannot be told apart: whichever was answered first, their answers stand in order."""
        attempts: dict[str, list[int]] = {}
        done = [one for one in self._slots if one.kind is kind and one.attempt is not None]
        for one in done:
            attempts.setdefault(one.key, []).append(one.attempt or 0)
        rest = {key: iter(sorted(listed)) for key, listed in attempts.items()}
        return [[one.ask, next(rest[one.key]), one.key] for one in done]


def path_of(case: str, sample: int, epoch: int, pins: Mapping[str, str]) -> Asked:
    """What the path of an output is kept under: the whole stack is in its key."""
    call = Call(kind=CallKind.MODEL, name=PATH, request=None, effect=Effect.READ, pins=tuple(sorted(pins)))
    return Asked(call=call, case=case, sample=sample, epoch=epoch, pins=dict(pins))


def is_path(one: Recording) -> bool:
    """Whether a recording is a path, and of no call."""
    return one.asked.call.name == PATH


def kept_path(shelf: Recorded, case: str, sample: int, accepted: Sequence[str]) -> KeptPath | None:
    """The path that an output is kept on, whichever stack answers now; None: none is recorded.

    That of the stack that is accepted goes first, then those of stacks that were (`accepted`: their ids, the
    latest first), then that of the same sample, then the oldest. Raises Missed for one that we did not write.
    """
    places = {stack: place for place, stack in reversed([*enumerate(accepted)])}

    def order(one: Recording) -> tuple[int, bool, int, int, str]:
        told = one.asked
        place = places.get(_stack_of(told), len(accepted)) if accepted else 0
        return place, told.sample != sample, told.sample, told.epoch, told.key

    found = min(shelf.of_ask(path_of(case, 0, 0, {}).ask), key=order, default=None)
    if found is None:
        return None
    told = found.answers[0].result
    if isinstance(told, dict) and told.keys() == {_MODELS, _SEARCHES}:
        searches = _read(told[_SEARCHES])
        return KeptPath(asked=found.asked, models=_read(told[_MODELS]), searches=searches)
    return KeptPath(asked=found.asked, models=_read(told), searches=None)


def path_under(shelf: Recorded, case: str, sample: int, stack: str) -> KeptPath | None:
    """The path that was recorded under one stack, of this sample before others; None: there is none."""
    found = kept_path(shelf, case, sample, (stack,))
    return found if found is not None and _stack_of(found.asked) == stack else None


def step_of(shelf: Recorded, path: KeptPath, step: Step) -> tuple[Asked, Answer] | None:
    """The call of a step and the answer that stood there; None where it is recorded no more."""

    def order(one: Recording) -> tuple[bool, bool, int, int, str]:
        told, its = one.asked, path.asked
        is_other = any(its.pins.get(axis, said) != said for axis, said in call_pins(told).items())
        return is_other, told.sample != its.sample, told.sample, told.epoch, told.key

    found = [one for one in shelf.of_ask(step.ask) if step.key in ("", one.asked.key)]
    best = min(found, key=order, default=None)
    if best is None or step.attempt >= len(best.answers):
        return None
    return best.asked, best.answers[step.attempt]


def searches_of(
    shelf: Recorded, case: str, sample: int, accepted: Sequence[str]
) -> list[tuple[Asked, Answer]]:
    """The searches that an output is held against, each once, as it was first answered.

    Raises Missed where it is not known which there were: none are those of a path that has none.
    """
    path = kept_path(shelf, case, sample, accepted)
    if path is None or path.searches is None:
        return _searches_without(shelf, case, sample)
    found: dict[str, tuple[Asked, Answer]] = {}
    for step in path.searches:
        one = step_of(shelf, path, step)
        if one is None:
            raise Missed(f"a search of the case {quoted(case)} is not recorded any more; {RECORD_AGAIN}")
        found.setdefault(step.ask, one)
    return _in_order(found.values())


def _searches_without(shelf: Recorded, case: str, sample: int) -> list[tuple[Asked, Answer]]:
    """Where no path tells of searches: all that are recorded."""

    def order(one: Recording) -> tuple[bool, int, int, str]:
        told = one.asked
        return told.sample != sample, told.sample, told.epoch, told.key

    first: dict[str, Recording] = {}
    for one in sorted(shelf.of_case(case), key=order):
        if one.asked.call.kind is CallKind.RETRIEVAL:
            first.setdefault(one.asked.ask, one)
    if not first:
        raise Missed(
            f"no search of the case {quoted(case)} is recorded, nor that it makes none; {RECORD_AGAIN}"
        )
    return _in_order((one.asked, one.answers[-1]) for one in first.values())


def _in_order(found: Iterable[tuple[Asked, Answer]]) -> list[tuple[Asked, Answer]]:
    """By the writes before them: a search that follows a write is made after it."""
    return sorted(found, key=lambda one: (one[0].world, one[0].call.name, one[0].ask))


def held_on(shelf: Recorded, fidelity: Fidelity, cases: Iterable[str], accepted: Sequence[str]) -> str:
    """A digest of what outputs are kept on; "" where a fidelity keeps them on nothing."""
    if fidelity not in HELD:
        return ""
    return digest([_held(shelf, fidelity, case, accepted) for case in cases])


def _held(shelf: Recorded, fidelity: Fidelity, case: str, accepted: Sequence[str]) -> Json:
    try:
        if fidelity is Fidelity.RETRIEVAL_ONLY:
            return [asked.key for asked, _ in searches_of(shelf, case, 0, accepted)]
        path = kept_path(shelf, case, 0, accepted)
    except Missed:  # told where the case is answered
        return ""
    return path.asked.key if path is not None else ""


def _stack_of(asked: Asked) -> str:
    """The id of the stack whose path it is; "": its pins are none that we wrote."""
    try:
        return digest_of_set([bytes.fromhex(one) for one in asked.pins.values()])
    except ValueError:
        return ""


def _read(result: Json) -> tuple[Step, ...]:
    steps = []
    for one in result if isinstance(result, list) else [None]:
        match one:
            case [str(ask), int(attempt), *key] if attempt >= 0 and _is_key(key):
                steps.append(Step(ask, attempt, *map(str, key)))
            case _:
                raise Missed(f"the recorded path of this case is not one that we wrote; {RECORD_AGAIN}")
    return tuple(steps)


def _is_key(told: Sequence[Json]) -> bool:
    return len(told) <= 1 and all(isinstance(one, str) for one in told)
