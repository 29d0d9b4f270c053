"""The recorded path of a case: a step replay asks for each of its decisions anew, and follows none.

Decides which recorded path is the one, and which decision stands at which place. Never judges a decision.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

from stopship.errors import Missed
from stopship.model.case import Json
from stopship.model.decisions import decision_of
from stopship.model.exchange import (
    PATH,
    Answer,
    Asked,
    Call,
    CallKind,
    Effect,
    Recording,
    call_pins,
)

_AGAIN = "record the case again: stopship replay SUITE --record new --case KEY"


class Recorded(Protocol):
    """What is looked up of recordings."""

    def of_ask(self, ask: str) -> tuple[Recording, ...]: ...


def path_of(case: str, sample: int, epoch: int, pins: Mapping[str, str]) -> Asked:
    """What the path of an output is kept under: the whole stack is in its key."""
    call = Call(kind=CallKind.MODEL, name=PATH, request=None, effect=Effect.READ, pins=tuple(sorted(pins)))
    return Asked(call=call, case=case, sample=sample, epoch=epoch, pins=dict(pins))


def told_path(asked: Asked, decided: Sequence[tuple[str, int]]) -> Recording | None:
    """The answered model calls of an output in their order, by ask and attempt; None where it made none."""
    steps: list[Json] = [[ask, attempt] for ask, attempt in decided]
    return Recording(asked=asked, answers=(Answer(result=steps),)) if steps else None


class Forced:
    """The path that one output is kept on. Not for several threads: its desk holds a lock."""

    def __init__(self, shelf: Recorded, case: str, sample: int) -> None:
        self._shelf, self._case, self._sample = shelf, case, sample
        self._steps: list[tuple[str, int]] | None = None
        self._pins: Mapping[str, str] = {}  # of the stack whose path it is
        self._next = 0
        self._places: dict[int, int] = {}  # id of a call under way -> its place
        self._free: list[int] = []  # places whose call ended with an error: a retry stands there
        self.decisions: dict[int, dict[str, Json]] = {}

    def begin(self, asked: Asked) -> None:
        """A model call begins. Raises Missed where the recorded path has no decision at its place."""
        steps = self._path()
        place = self._free.pop(0) if self._free else self._next
        if place >= len(steps):
            raise Missed(
                f"{asked.call.kind.value} {asked.call.name} is decision {place + 1}, and the path of "
                f"this case has {len(steps)} recorded; {_AGAIN}"
            )
        self._next = max(self._next, place + 1)
        self._places[id(asked)] = place

    def end(self, asked: Asked, answer: Answer) -> Answer:
        """A model call was answered: what goes on is the recorded answer, unless that one is an error."""
        place = self._places.pop(id(asked))
        if answer.error:
            self._free = sorted([*self._free, place])
            return answer
        ask, attempt = self._path()[place]
        recorded = self._recorded(ask, attempt, place)
        self.decisions[place] = {
            "step": place + 1,
            "name": asked.call.name,
            "recorded": decision_of(recorded.result),
            "decided": decision_of(answer.result),
        }
        return recorded

    def told(self) -> list[Json]:
        """The decisions in the order of the path; one that was not asked for is none of the recorded ones."""
        try:
            steps = self._path()
            return [
                self.decisions.get(place) or self._skipped(place, *one) for place, one in enumerate(steps)
            ]
        except Missed:
            return [self.decisions[place] for place in sorted(self.decisions)]

    def _skipped(self, place: int, ask: str, attempt: int) -> dict[str, Json]:
        recorded = decision_of(self._recorded(ask, attempt, place).result)
        return {
            "step": place + 1,
            "name": "",
            "recorded": recorded,
            "decided": {"value": None, "missing": True},
        }

    def _recorded(self, ask: str, attempt: int, place: int) -> Answer:
        found = sorted(self._shelf.of_ask(ask), key=self._order)
        if not found or attempt >= len(found[0].answers):
            raise Missed(f"decision {place + 1} of the recorded path is not recorded any more; {_AGAIN}")
        return found[0].answers[attempt]

    def _path(self) -> list[tuple[str, int]]:
        if self._steps is None:
            found = sorted(self._shelf.of_ask(path_of(self._case, 0, 0, {}).ask), key=self._order)
            if not found:
                raise Missed(
                    f"no path of this case is recorded, to ask for its decisions one by one; {_AGAIN}"
                )
            self._pins = found[0].asked.pins
            self._steps = _steps(found[0].answers[0].result)
        return self._steps

    def _order(self, one: Recording) -> tuple[bool, bool, int, int, str]:
        """What belongs to the path first, then to the same sample: the same for either arm of a gate."""
        told = one.asked
        is_other = any(self._pins.get(axis, said) != said for axis, said in call_pins(told).items())
        return is_other, told.sample != self._sample, told.sample, told.epoch, told.key


def _steps(result: Json) -> list[tuple[str, int]]:
    steps = []
    for one in result if isinstance(result, list) else []:
        match one:
            case [str(ask), int(attempt)] if attempt >= 0:
                steps.append((ask, attempt))
            case _:
                raise Missed(f"the recorded path of this case is not one that we wrote; {_AGAIN}")
    return steps
