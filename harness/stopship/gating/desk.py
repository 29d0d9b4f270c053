"""The desk of one output: what answers the calls that a target makes to the outside.

Decides for each call whether it is served, made or refused, by the fidelity and the record mode. Never makes
a call that writes unless it is allowed by name, and never serves an answer that another call got.
"""

import os
import random
import threading
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING

from stopship.boundaries import Boundary, Door, desk_here, made_here, making
from stopship.errors import Missed, OverBudget, StopshipError, UsageError
from stopship.gating.budget import Account
from stopship.gating.chance import Chance
from stopship.gating.forced import Forced
from stopship.gating.paths import Slot, Track, is_path, path_of
from stopship.model.case import Json
from stopship.model.exchange import (
    CODE,
    Answer,
    Asked,
    Call,
    CallKind,
    Effect,
    Fidelity,
    Record,
    Recording,
    Served,
    Source,
    best_of,
    call_pins,
)
from stopship.parts.answers import raised_as, told_answer, told_request
from stopship.parts.isolation import isolate
from stopship.parts.own_code import code_digest
from stopship.parts.user_code import Raised, caught, caught_async, copied
from stopship.report.misses import miss_text
from stopship.steps.misses import explain_miss

if TYPE_CHECKING:
    from stopship.gating.world import World

_CODE = (".py", ".pyc", ".so", ".pyd")


@dataclass(slots=True, kw_only=True)
class Turn:
    """One call of an output, from its beginning to its end."""

    asked: Asked
    number: int  # among the calls of its output, as they began
    answer: Answer | None = None  # None: it is to be made
    is_nested: bool = False  # a part of another call that is being made
    slot: Slot | None = None  # on the path of the output; None: it is none of its calls
    place: int | None = None  # among the decisions that the output is kept on; None: it is none of them


class OutputDesk:
    """The calls of one output, in their order. A target may make several at once."""

    def __init__(self, world: "World", key: str, sample: int, now: datetime) -> None:
        self.key, self.sample, self.now = key, sample, now
        self._served: list[tuple[int, Served]] = []  # each with its place among the calls that began
        self._begun = 0
        self.account = Account(world.budget)
        self.refused: StopshipError | Missed | None = None  # what a call was refused with, for good
        self.base_urls: dict[str, str] = {}
        self.api_key = ""
        self.door: Door | None = None
        self._world = world
        self._writes = 0
        self._at_work = 0  # calls of marked functions that are being made
        self._attempts: Counter[str] = Counter()  # by ask, of calls that are frozen
        self._used: Counter[str] = Counter()  # by key, of others: how many recorded answers are behind it
        self._made: dict[str, Recording] = {}
        self._track = Track()
        shelf, is_forced = world.shelf, world.fidelity is Fidelity.STEP
        self._forced = Forced(shelf, key, sample, world.accepted, shelf.blanked) if is_forced else None
        self._decisions: list[Json] = []
        self._lock = threading.Lock()
        self._chance = Chance(key, sample, world.epoch)

    @property
    def served(self) -> tuple[Served, ...]:
        """The calls in the order in which they began: which ends first is chance."""
        return tuple(one for _, one in sorted(self._served, key=itemgetter(0)))

    @property
    def rng(self) -> random.Random:
        return self._chance.numbers

    def through(self, boundary: Boundary, arguments: dict[str, object], go: Callable[[], object]) -> object:
        with self._keeping():
            turn = self._begin(boundary, arguments)
            if turn.answer is None:
                with self._working(boundary):
                    found = caught(go)
                turn.answer = self._made_now(turn, found)
                if isinstance(found, Raised):
                    raise found.error
        return _given(turn.answer)

    async def through_async(
        self, boundary: Boundary, arguments: dict[str, object], go: Callable[[], Awaitable[object]]
    ) -> object:
        with self._keeping():
            turn = self._begin(boundary, arguments)
            if turn.answer is None:
                with self._working(boundary):
                    found = await caught_async(go())
                turn.answer = self._made_now(turn, found)
                if isinstance(found, Raised):
                    raise found.error
        return _given(turn.answer)

    def recorded(self) -> Iterable[Recording]:
        """What was made and is to be kept; nothing of an output that was refused a call, but what one that is
        over its budget asked before. Its path has no end, and is not kept."""
        if self._world.record is Record.NONE or isinstance(self.refused, OverBudget):
            return () if self._world.record is Record.NONE else (*self._made.values(),)
        if self.refused is not None:
            return ()
        own = path_of(self.key, self.sample, self._world.epoch, self._world.pins)
        path = self._track.told(self._world.shelf.cleaned(own))
        known = self._before(path.asked)  # of the very same stack: another path would be a second answer
        return (*self._made.values(), *([path] if known is None else []))

    def finish(self) -> None:
        """The attempt is over: what was decided is told, and a path that is not there is kept as a miss."""
        if self._forced is not None and self.refused is None:
            with suppress(StopshipError, Missed), self._keeping(), self._lock:
                self._decisions = self._forced.told()

    def decisions(self) -> list[Json]:
        """Of a step replay that was finished, in the order of the recorded path."""
        return self._decisions

    def refuse(self, reached: str) -> str:
        """Nothing is frozen in a live replay, and a call that is made may reach out; all else may not."""
        if self._world.fidelity is Fidelity.LIVE or made_here() is not None:
            return ""
        why = f"{reached}: a {self._world.fidelity.value} replay opens no socket outside of a marked function"
        self.lose(why)
        return why

    def lose(self, why: str) -> None:
        """Nothing is known of what this output would be."""
        self._keep(Missed(why))

    def starts(self, program: str) -> None:
        if not self.is_live:
            self._world.started(program)

    def pinned(self, axis: str) -> Path:
        return self._world.pinned(axis)

    def end(self, err: StopshipError) -> None:
        """No output can be told: what this one met, every other meets as well."""
        self._keep(err)

    def reads(self, within: Boundary, axis: str) -> None:
        """Raises UsageError where a call that is being made reads a pin which it does not name."""
        if axis not in within.pins and axis in self._world.pins:
            err = UsageError(
                f"{within.kind} {within.name} reads the pin {axis!r}, which it does not name: a change of "
                "it would go unseen",
                do=f'name it: @stopship.boundary(..., pins=("{axis}",)), or pass what was read',
            )
            self._keep(err)
            raise err

    def opens(self, within: Boundary | None, path: str) -> None:
        """The same for a file of a pin; and for one that is no pin's, though the target reads it. What was
        imported is told elsewhere."""
        if within is not None and path.endswith(_CODE):
            return
        if within is None and self._at_work and desk_here() is not self:
            return  # of a thread that has no context: it may be the marked function's own
        if within is not None and (axis := self._world.files.get(os.path.realpath(path))) is not None:
            self.reads(within, axis)
        elif (err := self._world.unseen(path, within)) is not None:
            self._keep(err)
            if desk_here() is self:  # a thread of no output would show it as its own traceback
                raise err

    def ask(self, call: Call) -> Turn:
        """A request that reached the gateway. Who sent it is not known there: while a marked function is at
        work, it is taken for a part of that call.

        Raises Missed, and UsageError for a pin that the stack does not have: a change of it would go unseen.
        """
        with self._keeping():
            return self._asked(call, {}, is_nested=self._at_work > 0)

    def _asked(self, call: Call, own: Mapping[str, str], *, is_nested: bool) -> Turn:
        """The call in its place, and what answers it."""
        if unpinned := [axis for axis in call.pins if axis not in self._world.pins]:
            raise UsageError(
                f"{call.kind.value} {call.name} names the pin {unpinned[0]!r}, which the stack does not have",
                do="pin it in the stack file and lock it, or name the axes that it has: "
                + ", ".join(sorted(self._world.pins)),
            )
        with self._lock:
            self.account.begin()
            told = Asked(
                call=replace(call, pins=(*call.pins, *own)),
                case=self.key,
                sample=self.sample,
                epoch=self._world.epoch,
                world=self._writes,
                pins={**{axis: self._world.pins[axis] for axis in call.pins}, **own},
            )
            self._begun += 1
            turn = Turn(asked=self._world.shelf.cleaned(told), number=self._begun, is_nested=is_nested)
            if not is_nested:
                self._writes += call.effect.changes
            self._take_place(turn)
            is_frozen = self._world.fidelity.freezes(call.kind) or self._is_refused(call)
            found = self._frozen(turn.asked) if is_frozen else self._kept(turn.asked)
            if found is not None:
                recording, attempt = found
                turn.answer = self._ended(turn, recording.answers[attempt], attempt, recording.asked.key)
            return turn

    def _take_place(self, turn: Turn) -> None:
        """A search is one wherever it is made; what a model is asked within a call is no decision."""
        kind = turn.asked.call.kind
        is_decision = kind is CallKind.MODEL and not turn.is_nested
        if is_decision or kind is CallKind.RETRIEVAL:
            turn.slot = self._track.begin(turn.asked)
        if is_decision and self._forced is not None:
            turn.place = self._forced.begin(turn.asked)

    def _ended(self, turn: Turn, answer: Answer, attempt: int, key: str) -> Answer:
        """A call was answered; gives what the target goes on with."""
        if turn.slot is not None:
            self._track.end(turn.slot, answer, attempt, key)
        if turn.place is None or self._forced is None:
            return answer
        return self._forced.end(turn.place, turn.asked, answer)

    def _is_refused(self, call: Call) -> bool:
        """Whether it writes and is not allowed by name."""
        return call.effect.changes and call.name not in self._world.allowed

    @property
    def is_live(self) -> bool:
        """Whether its target may reach whatever it likes."""
        return self._world.fidelity is Fidelity.LIVE

    def made(self, turn: Turn, answer: Answer) -> Answer:
        """A call was made, and this came back; gives what the target goes on with. Raises Missed."""
        asked = turn.asked
        with self._keeping(), self._lock:
            self._note(asked, Source.LIVE, answer, at=turn.number)
            before = self._made.get(asked.key)
            if before is None and self._world.record is not Record.NONE:
                before = self._before(asked)  # an error, which is evidence
            answers = (*before.answers, answer) if before is not None else (answer,)
            self._made[asked.key] = Recording(asked=asked, answers=answers)
            return self._ended(turn, answer, len(answers) - 1, asked.key)

    def left(self, turn: Turn) -> None:
        """A call was given up before anything answered it: the same call made again stands in its place."""
        with self._lock:
            if turn.slot is not None:
                self._track.free(turn.slot)
            if turn.place is not None and self._forced is not None:
                self._forced.free(turn.place)

    @contextmanager
    def _working(self, boundary: Boundary) -> Iterator[None]:
        """Meanwhile a call is made, and requests that reach the gateway are its own."""
        with self._lock:
            self._at_work += 1
        try:
            with making(boundary):
                yield
        finally:
            with self._lock:
                self._at_work -= 1

    def _begin(self, boundary: Boundary, arguments: dict[str, object]) -> Turn:
        self._world.name(boundary)
        isolate()  # what the call reads is to be seen
        call = Call(
            kind=CallKind(boundary.kind),
            name=boundary.name,
            request=told_request(boundary.name, arguments),
            effect=Effect(boundary.effect),
            pins=boundary.pins,
        )
        code = {CODE: code_digest(boundary.function)}
        return self._asked(call, code, is_nested=made_here() is not None)

    def _made_now(self, turn: Turn, found: object) -> Answer:
        answer = told_answer(turn.asked.call.name, found)
        if not isinstance(found, Raised) or isinstance(found.error, Exception):
            return self.made(turn, answer)
        self.left(turn)  # it was cancelled, which is no answer
        return answer

    def _frozen(self, asked: Asked) -> tuple[Recording, int]:
        """The recorded answer, attempt by attempt. Only what does not write may be repeated."""
        known = self._world.shelf.of_ask(asked.ask)
        if asked.call.kind is CallKind.MODEL:  # one recording is one draw: it is no second sample
            known = tuple(one for one in known if one.asked.sample == self.sample)
            if not self._world.fidelity.freezes(CallKind.MODEL):  # a write, which is not made again
                known = tuple(one for one in known if one.asked.epoch == asked.epoch)
        found = best_of(asked, known)
        attempt = self._attempts[asked.ask]
        self._attempts[asked.ask] += 1
        if found is not None:
            last = len(found.answers) - 1
            if attempt > last and found.answers[last].is_reusable and not asked.call.effect.changes:
                attempt = last
            if attempt <= last:
                is_other = call_pins(found.asked) != call_pins(asked)
                source = Source.OTHER_PIN if is_other else Source.RECORDING
                self._note(found.asked, source, found.answers[attempt], attempt)
                return found, attempt
        raise self._miss(asked, attempt)

    def _kept(self, asked: Asked) -> tuple[Recording, int] | None:
        """The answer that the very same call got before, in the order in which they came; None: used up.

        What may not be used again is passed over. Where outputs may vary, no decision of a step replay is
        served: the draw that made the path would be held against itself.
        """
        world = self._world
        is_model = asked.call.kind is CallKind.MODEL
        if asked.key in self._made or (self._forced is not None and is_model and not world.deterministic):
            return None
        if world.fidelity is Fidelity.RETRIEVAL_ONLY:  # how a search answers today is what is asked
            return None
        found, attempt = self._before(asked), self._used[asked.key]
        for number, answer in enumerate(found.answers if found is not None else ()):
            if found is not None and number >= attempt and answer.is_reusable:
                self._used[asked.key] = number + 1
                self._note(asked, Source.RECORDING, answer, number)
                return found, number
        if world.record is Record.ONCE and not all(map(is_path, world.shelf.of_case(self.key))):
            raise self._miss(asked, attempt)
        return None

    def _before(self, asked: Asked) -> Recording | None:
        """What was recorded of the very same call; where all is made anew, by this replay."""
        shelf = self._world.shelf
        return shelf.made(asked.key) if self._world.record is Record.ALL else shelf.of_key(asked.key)

    def _miss(self, asked: Asked, attempt: int) -> Missed:
        self._note(asked, Source.MISS, None, attempt)
        found = explain_miss(
            asked,
            self._world.shelf.of_case(self.key),
            attempt=attempt,
            is_refused=self.is_live and self._is_refused(asked.call),
        )
        return Missed(miss_text(found))

    @contextmanager
    def _keeping(self) -> Iterator[None]:
        """What refuses a call ends the output, though the target catches it."""
        try:
            yield
        except (StopshipError, Missed) as err:
            self._keep(err)
            raise

    def _keep(self, err: StopshipError | Missed) -> None:
        """The first holds; but what ends the replay goes before what loses an output."""
        if self.refused is None or (isinstance(self.refused, Missed) and not isinstance(err, Missed)):
            self.refused = err

    def _note(
        self, asked: Asked, source: Source, answer: Answer | None, attempt: int = 0, at: int = 0
    ) -> None:
        """`at`: the number of a call that was made; 0: the latest, which was answered at once."""
        self._served.append((at or self._begun, Served.of(asked, source, answer, attempt)))
        self.account.end(asked, answer)


def _given(answer: Answer) -> Json:
    """What the caller gets: a copy of the result, or the error raised anew."""
    if answer.error:
        raise raised_as(answer)
    return copied(answer.result)
