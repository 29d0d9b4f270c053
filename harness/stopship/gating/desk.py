"""The desk of one output: what answers the calls that a target makes to the outside.

Decides for each call whether it is served, made or refused, by the fidelity and the record mode. Never makes
a call that writes unless it is allowed by name, and never serves an answer that another call got.
"""

import os
import random
import threading
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from stopship.boundaries import Boundary, Door, made_here, making
from stopship.errors import Missed, StopshipError, UsageError
from stopship.gating.forced import Forced, path_of, told_path
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
    call_pins,
    pins_digest,
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


class OutputDesk:
    """The calls of one output, in their order. A target may make several at once."""

    def __init__(self, world: "World", key: str, sample: int, now: datetime) -> None:
        self.key, self.sample, self.now = key, sample, now
        self.rng = random.Random(_seed(key, sample, world.epoch))  # noqa: S311  # the same at every replay
        self.served: list[Served] = []
        self.refused: StopshipError | Missed | None = None  # what a call was refused with, for good
        self.base_urls: dict[str, str] = {}
        self.api_key = ""
        self.door: Door | None = None
        self._world = world
        self._writes = 0
        self._attempts: Counter[str] = Counter()
        self._made: dict[str, Recording] = {}
        self._decided: list[tuple[str, int]] = []  # model calls that were answered: ask, and which answer
        self._forced = Forced(world.shelf, key, sample) if world.fidelity is Fidelity.STEP else None
        self._lock = threading.Lock()

    def through(self, boundary: Boundary, arguments: dict[str, object], go: Callable[[], object]) -> object:
        with self._keeping():
            asked, answer = self._begin(boundary, arguments)
            if answer is None:
                with making(boundary):
                    found = caught(go)
                answer = self._made_now(asked, found)
                if isinstance(found, Raised):
                    raise found.error
        return _given(answer)

    async def through_async(
        self, boundary: Boundary, arguments: dict[str, object], go: Callable[[], Awaitable[object]]
    ) -> object:
        with self._keeping():
            asked, answer = self._begin(boundary, arguments)
            if answer is None:
                with making(boundary):
                    found = await caught_async(go())
                answer = self._made_now(asked, found)
                if isinstance(found, Raised):
                    raise found.error
        return _given(answer)

    def recorded(self) -> Iterable[Recording]:
        """What was made and is to be kept; nothing of an output that was refused a call."""
        if self.refused is not None or self._world.record is Record.NONE:
            return ()
        own = path_of(self.key, self.sample, self._world.epoch, self._world.pins)
        path = told_path(self._world.shelf.cleaned(own), self._decided)
        return (*self._made.values(), *([path] if path is not None else []))

    def decisions(self) -> list[Json]:
        """Of a step replay, in the order of the recorded path."""
        return [] if self._forced is None else self._forced.told()

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
        if path.endswith(_CODE):
            return
        if within is not None and (axis := self._world.files.get(os.path.realpath(path))) is not None:
            self.reads(within, axis)
        elif (err := self._world.unseen(path, within)) is not None:
            self._keep(err)
            raise err

    def ask(self, call: Call, code: str = "") -> tuple[Asked, Answer | None]:
        """The call in its place, and what answers it; None: it is to be made. `code`: of a marked function.

        Raises Missed, and UsageError for a pin that the stack does not have: a change of it would go unseen.
        """
        with self._keeping():
            return self._asked(call, {CODE: code} if code else {})

    def _asked(self, call: Call, own: Mapping[str, str]) -> tuple[Asked, Answer | None]:
        if unpinned := [axis for axis in call.pins if axis not in self._world.pins]:
            raise UsageError(
                f"{call.kind.value} {call.name} names the pin {unpinned[0]!r}, which the stack does not have",
                do="pin it in the stack file and lock it, or name the axes that it has: "
                + ", ".join(sorted(self._world.pins)),
            )
        with self._lock:
            told = Asked(
                call=replace(call, pins=(*call.pins, *own)),
                case=self.key,
                sample=self.sample,
                epoch=self._world.epoch,
                world=self._writes,
                pins={**{axis: self._world.pins[axis] for axis in call.pins}, **own},
            )
            asked = self._world.shelf.cleaned(told)
            if made_here() is None:  # else it is a part of the call that is being made
                self._writes += call.effect.changes
            is_frozen = self._world.fidelity.freezes(call.kind) or self._is_refused(call)
            forced = self._forced if call.kind is CallKind.MODEL else None
            if forced is not None:
                forced.begin(asked)
            answer = self._frozen(asked) if is_frozen else self._kept(asked)
            return asked, forced.end(asked, answer) if forced is not None and answer is not None else answer

    def _is_refused(self, call: Call) -> bool:
        """Whether it writes and is not allowed by name."""
        return call.effect.changes and call.name not in self._world.allowed

    @property
    def is_live(self) -> bool:
        """Whether its target may reach whatever it likes."""
        return self._world.fidelity is Fidelity.LIVE

    @property
    def is_forced(self) -> bool:
        """Whether what a model answers is not what the target goes on with."""
        return self._forced is not None

    def made(self, asked: Asked, answer: Answer) -> Answer:
        """A call was made, and this came back; gives what the target goes on with. Raises Missed."""
        with self._keeping(), self._lock:
            self._note(asked, Source.LIVE, answer)
            before = self._made.get(asked.key)
            if before is None and self._world.record is not Record.NONE:
                before = self._before(asked)  # an error, which is evidence
            answers = (*before.answers, answer) if before is not None else (answer,)
            self._made[asked.key] = Recording(asked=asked, answers=answers)
            if asked.call.kind is not CallKind.MODEL:
                return answer
            if not answer.error:
                self._decided.append((asked.ask, len(answers) - 1))
            return answer if self._forced is None else self._forced.end(asked, answer)

    def _begin(self, boundary: Boundary, arguments: dict[str, object]) -> tuple[Asked, Answer | None]:
        self._world.name(boundary)
        isolate()  # what the call reads is to be seen
        call = Call(
            kind=CallKind(boundary.kind),
            name=boundary.name,
            request=told_request(boundary.name, arguments),
            effect=Effect(boundary.effect),
            pins=boundary.pins,
        )
        return self.ask(call, code_digest(boundary.function))

    def _made_now(self, asked: Asked, found: object) -> Answer:
        answer = told_answer(asked.call.name, found)
        if not isinstance(found, Raised) or isinstance(found.error, Exception):
            return self.made(asked, answer)  # else it was cancelled, which is no answer
        return answer

    def _frozen(self, asked: Asked) -> Answer:
        """The recorded answer, attempt by attempt. Only what does not write may be repeated."""
        known = self._world.shelf.of_ask(asked.ask)
        if asked.call.kind is CallKind.MODEL:  # one recording is one draw: it is no second sample
            known = tuple(one for one in known if one.asked.sample == self.sample)
            if not self._world.fidelity.freezes(CallKind.MODEL):  # a write, which is not made again
                known = tuple(one for one in known if one.asked.epoch == asked.epoch)
        found = self._best(asked, known)
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
                return found.answers[attempt]
        raise self._miss(asked, attempt)

    def _kept(self, asked: Asked) -> Answer | None:
        """An answer that the very same call got before, where one may be used again."""
        world = self._world
        if asked.key in self._made:
            return None
        if world.fidelity is Fidelity.RETRIEVAL_ONLY:  # how a search answers today is what is asked
            return None
        found = self._before(asked)
        if found is not None and found.answers[-1].is_reusable:
            self._note(asked, Source.RECORDING, found.answers[-1], len(found.answers) - 1)
            if asked.call.kind is CallKind.MODEL:
                self._decided.append((asked.ask, len(found.answers) - 1))
            return found.answers[-1]
        if world.record is Record.ONCE and world.shelf.of_case(self.key):
            raise self._miss(asked, 0)
        return None

    def _before(self, asked: Asked) -> Recording | None:
        """What was recorded of the very same call; where all is made anew, by this replay."""
        shelf = self._world.shelf
        return shelf.made(asked.key) if self._world.record is Record.ALL else shelf.of_key(asked.key)

    def _best(self, asked: Asked, found: tuple[Recording, ...]) -> Recording | None:
        """Of several recordings of a call that of the same pins, then of the same sample, then the first."""

        def place(one: Recording) -> tuple[bool, bool, int, int, str]:
            told = one.asked
            is_other = call_pins(told) != call_pins(asked)
            return is_other, told.sample != self.sample, told.sample, told.epoch, told.key

        return min(found, key=place, default=None)

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

    def _note(self, asked: Asked, source: Source, answer: Answer | None, attempt: int = 0) -> None:
        call = asked.call
        self.served.append(
            Served(
                kind=call.kind.value,
                name=call.name,
                ask=asked.ask,
                source=source.value,
                attempt=attempt,
                pins=pins_digest(asked),
                got=answer.digest if answer is not None else "",
            )
        )


def _given(answer: Answer) -> Json:
    """What the caller gets: a copy of the result, or the error raised anew."""
    if answer.error:
        raise raised_as(answer)
    return copied(answer.result)


def _seed(key: str, sample: int, epoch: int) -> int:
    named = f"{key}\x00{sample}\x00{epoch}".encode("utf-8", "surrogatepass")
    return int.from_bytes(sha256(named).digest()[:8], "big")
