"""The world of a replay: what holds for all its outputs, and what is kept of each.

Decides when what an output recorded is filed, and how its calls are told. Never answers a call: that is the
desk's.
"""

import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Protocol

from stopship.boundaries import Boundary, watch
from stopship.errors import StopshipError, UsageError
from stopship.gating.budget import Budget
from stopship.gating.desk import OutputDesk
from stopship.gating.heard import ANSWERED_BY, Heard
from stopship.model.case import Json
from stopship.model.exchange import NO_CLOCK, Asked, Fidelity, Record, Recording
from stopship.model.run import Outcome, Status
from stopship.parts.isolation import isolate
from stopship.store.shown import quoted

Place = tuple[str, int]  # key of the case, and sample
Unseen = Callable[[str, Boundary | None], StopshipError | None]
"""Why a file may not be read, within a call that is being made or outside of any; None: it may."""


def seen_all(_path: str, _within: Boundary | None) -> None:
    """Anything may be read."""


def ignored(_program: str) -> None:
    """Nobody wants to know."""


class Shelf(Protocol):
    """Where recordings are kept."""

    def cleaned(self, asked: Asked) -> Asked:
        """The call without secrets, as it is written down and found again."""

    def blanked(self, value: Json, /) -> Json:
        """A value without secrets, as it is written down."""

    def of_ask(self, ask: str) -> tuple[Recording, ...]: ...
    def made(self, key: str) -> Recording | None:
        """What this very replay has recorded, though it was broken off since."""

    def of_key(self, key: str) -> Recording | None: ...
    def of_case(self, case: str) -> tuple[Recording, ...]: ...
    def add(self, recording: Recording) -> None: ...


class Opening(Protocol):
    """A gateway that outputs are let into; `gating.waypoint` has the one there is."""

    def opened(self) -> Callable[[], None]:
        """Open it; gives the way to shut it."""

    def admit(self, desk: "OutputDesk", /) -> None: ...
    def dismiss(self, desk: "OutputDesk", /) -> Heard: ...


@dataclass(frozen=True, kw_only=True)
class World:
    """What holds for all outputs of one replay."""

    shelf: Shelf
    fidelity: Fidelity = Fidelity.LIVE
    record: Record = Record.NONE
    allowed: frozenset[str] = frozenset()  # names of calls that write and may be made
    pins: Mapping[str, str] = field(default_factory=dict)  # axis -> digest
    files: Mapping[str, str] = field(default_factory=dict)  # real path of a pinned file -> axis
    unseen: Unseen = seen_all
    started: Callable[[str], None] = ignored  # a process that is not watched
    pinned: Callable[[str], Path] = Path  # where an axis lies
    accepted: Sequence[str] = ()  # ids of accepted stacks, the latest first
    deterministic: bool = True  # the same stack answers the same: what it decided may be served again
    epoch: int = 0
    budget: Budget = field(default_factory=Budget)  # of each output
    gateway: "Opening | None" = None  # opened when the replay begins
    _told: dict[Place, "OutputDesk"] = field(default_factory=dict)
    _functions: dict[tuple[str, str], str] = field(default_factory=dict)  # by kind and name: where it stands
    _heard: dict[Place, Heard] = field(default_factory=dict)  # of the latest attempt
    _held: dict[Place, tuple[Recording, ...]] = field(default_factory=dict)  # of the latest attempt
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _open: dict[Place, int] = field(default_factory=dict)  # attempts that are under way
    _settled: set[Place] = field(default_factory=set)  # while an attempt of it is under way or yet to begin

    def entered(self) -> Callable[[], None]:
        """Watch over this process from now on; gives the way back."""
        if self.fidelity is not Fidelity.LIVE:
            isolate()
        leave = watch(is_sealed=self.fidelity is Fidelity.FROZEN)
        if self.gateway is None:
            return leave
        shut = self.gateway.opened()

        def end() -> None:
            shut()
            leave()

        return end

    def desk(self, key: str, sample: int, clock: datetime | None = None) -> "OutputDesk":
        """What stands between one output and the outside."""
        desk = OutputDesk(self, key, sample, clock or NO_CLOCK)
        with self._lock:
            self._open[key, sample] = self._open.get((key, sample), 0) + 1
        if self.gateway is not None:
            self.gateway.admit(desk)
        return desk

    def close(self, desk: "OutputDesk") -> None:
        """An attempt is done: keep what was recorded, and where its calls were answered from.

        Raises what a call was refused with, whatever the target made of that: Missed where none served it,
        NoAnswer where its model gave none through the gateway.
        """
        place, no_answer = (desk.key, desk.sample), None
        if self.gateway is not None:
            self._heard[place] = heard = self.gateway.dismiss(desk)
            no_answer = heard.no_answer
        desk.finish()
        self._told[place] = desk
        self._held[place] = () if no_answer is not None else tuple(desk.recorded())
        if self._ended(place):
            self._file(place)  # a call that was given up has ended now
        if desk.refused is not None:
            raise desk.refused
        if no_answer is not None:
            raise no_answer

    def name(self, boundary: Boundary) -> None:
        """Raises UsageError for a second function of a kind and name: their recordings would be one."""
        function = boundary.function
        place = f"{function.__module__}.{function.__qualname__}"
        known = self._functions.setdefault((boundary.kind, boundary.name), place)
        if known != place:
            told = ", ".join(sorted(one.rpartition(".<locals>.")[2] for one in (known, place)))
            raise UsageError(
                f"two marked functions are the {boundary.kind} {boundary.name!r} ({told}): each would be "
                "served what the other was told",
                do='give one of them a name: @stopship.boundary(..., name="...")',
            )

    def settle(self, key: str, sample: int, *, is_lost: bool = False) -> None:
        """The output is done: file what its last attempt recorded.

        Nothing of an output that was lost is filed: it is asked for again, and would be served what lost it.
        """
        place = key, sample
        with self._lock:
            if place in self._open or place not in self._told:
                self._settled.add(place)
        if is_lost:
            self._held.pop(place, None)
        self._file(place)

    def told(self, outcome: Outcome) -> Outcome:
        """An outcome with where its calls were answered from, what was decided anew, and which other models
        answered than those that the stack pins; once. One that is over its budget has failed; raises
        EvidenceError where that is not known."""
        place = outcome.key, outcome.sample
        desk, heard = self._told.pop(place, None), self._heard.pop(place, None)
        outcome = self.budget.held(outcome, desk.account if desk is not None else None)
        if desk is None:
            return outcome
        if heard is not None and heard.others:
            outcome = _by_others(outcome, heard.others)
        trace = outcome.trace
        if outcome.status is Status.OK and self.fidelity is Fidelity.STEP:
            trace = {**trace, "decisions": desk.decisions()}
        return replace(outcome, calls=desk.served, trace=trace)

    def _ended(self, place: Place) -> bool:
        """One attempt less is under way; whether the output was settled without it."""
        with self._lock:
            self._open[place] -= 1
            is_settled = place in self._settled
            if not self._open[place]:
                del self._open[place]
                self._settled.discard(place)
            return is_settled

    def _file(self, place: Place) -> None:
        for recording in self._held.pop(place, ()):
            self.shelf.add(recording)


def _by_others(outcome: Outcome, others: Mapping[str, Collection[str]]) -> Outcome:
    """A trace says so, and makes its run VOID; a failure is lost, as it says nothing of the pinned model."""
    if outcome.status is Status.OK:
        told: dict[str, Json] = {axis: list[Json](sorted(names)) for axis, names in others.items()}
        return replace(outcome, trace={**outcome.trace, ANSWERED_BY: told})
    if outcome.status is Status.LOST:
        return outcome
    axis, names = next(iter(sorted(others.items())))
    why = f"{axis} {quoted(min(names))} answered in the place of the pinned one"
    return replace(outcome, status=Status.LOST, error=f"NoAnswer: {why}; then {outcome.error}")
