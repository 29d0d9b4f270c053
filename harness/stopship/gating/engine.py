"""Put cases to a target, several at a time, and tell how each attempt ended.

Decides when an attempt is over: answered, failed, lost or out of time. Never scores, files or repeats one,
and never lets one of them end the others; damage that the stack itself reports ends all.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

from stopship.errors import StopshipError
from stopship.gating.lanes import Flight, LoopLane, ThreadLane
from stopship.model.case import Case, Json
from stopship.model.run import Outcome, Status
from stopship.parts.targets.outcome import NotATrace, is_lost, told_trace
from stopship.parts.user_code import Raised, attempt, caught, tell_others, told

PRINTS = "target prints"
TOGETHER = 8  # cases in flight of an async target, where the suite does not say
_PATIENCE_S = 0.5  # how often a wait looks up: on some systems Ctrl-C does not end one

Clock = Callable[[], float]


class Target(Protocol):
    """What answers cases: `PythonTarget`, or a stand-in."""

    @property
    def is_async(self) -> bool: ...
    @property
    def path(self) -> Path: ...
    def call(self, case: Case, stack: object, sample: int = 0, epoch: int = 0, /) -> object: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One output that is wanted."""

    key: str
    sample: int = 0
    epoch: int = 0
    case: Case  # without labels


Place = tuple[str, int]  # key and sample


class Engine:
    """Runs jobs: `outcomes` as they end, or `start` and then `wait` for each by name. Close it after use."""

    def __init__(
        self,
        target: Target,
        stack: object,
        *,
        concurrency: int | None = None,
        timeout_s: float | None = None,
        clock: Clock = time.perf_counter,
        finish: Callable[[Outcome], Outcome] = lambda one: one,
        leave: Callable[[], None] = lambda: None,
    ) -> None:
        """`finish`: what an outcome becomes before it is given; `leave`: what closing calls."""
        self._target, self._stack, self._clock, self._finish = target, stack, clock, finish
        self.concurrency = concurrency or (TOGETHER if target.is_async else 1)
        self._timeout_s = timeout_s
        self._is_inline = self.concurrency == 1 and timeout_s is None and not target.is_async
        self._changed = threading.Condition(threading.RLock())
        self._queue: deque[Job] = deque()
        self._flying: dict[Place, Flight] = {}
        self._ended: dict[Place, Outcome | StopshipError] = {}
        self._under_way: set[Place] = set()  # until its outcome is given
        self._lane: ThreadLane | LoopLane | None = None
        self._undo: Callable[[], None] = lambda: None
        self._leave = leave
        self._is_closed = False

    def outcomes(self, jobs: Iterable[Job]) -> Iterator[Outcome]:
        """Each job's outcome as it ends, in any order. Few jobs are drawn ahead, so that memory stays flat.

        Raises UsageError or EvidenceError where the target met one: a file of the stack has changed.
        """
        if self._is_inline:
            for job in jobs:
                yield self._given(self._run_here(job))
            return
        source, wanted, is_drawn = iter(jobs), set[Place](), False
        while True:
            while not is_drawn and len(wanted) < 2 * self.concurrency:
                drawn = next(source, None)
                is_drawn = drawn is None
                if drawn is not None:
                    wanted.add(_place(drawn))
                    self._add([drawn])
            if not wanted:
                return
            place = self._next_of(wanted)
            wanted.remove(place)
            yield self._given(self._taken(place))

    def start(self, jobs: Iterable[Job]) -> None:
        """Begin with these jobs, in their order. What ends is kept until it is waited for."""
        self._add(jobs)

    def wait(self, key: str, sample: int = 0) -> Outcome:
        """The outcome of a job that was started; once. One that has not begun goes to the front."""
        place = (key, sample)
        with self._changed:
            queued = next((one for one in self._queue if _place(one) == place), None)
            if queued is not None:
                self._queue.remove(queued)
                if self._is_inline:
                    self._under_way.remove(place)
                    return self._given(self._run_here(queued))
                self._queue.appendleft(queued)
            elif place not in self._flying and place not in self._ended:
                raise LookupError(f"no job {place} was started")
        self._next_of({place})
        return self._given(self._taken(place))

    def close(self) -> None:
        """Cancel what has not begun, and leave behind what has; waits for nothing that may last."""
        with self._changed:
            self._is_closed = True
            self._queue.clear()
            self._flying.clear()
            self._changed.notify_all()
            lane, self._lane = self._lane, None
        self._leave()
        if lane is None or lane.close():
            self._undo()  # what still runs may still print

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _add(self, jobs: Iterable[Job]) -> None:
        with self._changed:
            if self._is_closed:
                raise RuntimeError("the engine is closed")
            for job in jobs:
                if _place(job) in self._under_way:
                    raise ValueError(f"the job {_place(job)} stands twice")
                self._under_way.add(_place(job))
                self._queue.append(job)
            if not self._is_inline:
                self._fill()
                self._changed.notify_all()

    def _taken(self, place: Place) -> Outcome | StopshipError:
        with self._changed:
            self._under_way.discard(place)
            return self._ended.pop(place)

    def _next_of(self, wanted: set[Place]) -> Place:
        """Wait until one of these has ended."""
        with self._changed:
            while True:
                found = next((one for one in self._ended if one in wanted), None)
                if found is not None:
                    return found
                if self._is_closed:
                    raise RuntimeError("the engine was closed while a job was waited for")
                self._changed.wait(_PATIENCE_S)

    def _fill(self) -> None:
        """Begin as many queued jobs as may be in flight. The lock is held."""
        while self._queue and len(self._flying) < self.concurrency:
            if self._lane is None:
                self._lane = self._opened()
            job = self._queue.popleft()
            flight = Flight(job, self._clock())
            self._flying[_place(job)] = flight
            self._lane.begin(flight)

    def _opened(self) -> ThreadLane | LoopLane:
        self._undo = tell_others(PRINTS)
        if self._timeout_s is not None:
            threading.Thread(target=self._watch, name="stopship-watch", daemon=True).start()
        lane = LoopLane if self._target.is_async else ThreadLane
        return lane(self._call, self._landed, self._clock)

    def _call(self, job: Job) -> Any:
        return self._target.call(job.case, self._stack, job.sample, job.epoch)

    def _landed(self, flight: Flight, found: object, took_ms: float) -> None:
        """A call has ended, in a thread of its lane; one that was given up is nobody's any more."""
        ended = self._read(flight.job, found, took_ms)
        with self._changed:
            self._end(flight, ended)

    def _end(self, flight: Flight, ended: Outcome | StopshipError) -> None:
        place = _place(flight.job)
        if self._flying.get(place) is not flight:
            return
        del self._flying[place]
        self._ended[place] = ended
        self._fill()
        self._changed.notify_all()

    def _watch(self) -> None:
        """Give up what is out of time, as long as the engine is open. Runs in a thread of its own."""
        limit = self._timeout_s or 0.0
        while True:
            with self._changed:
                if self._is_closed:
                    return
                now = self._clock()
                late = [one for one in self._flying.values() if now - one.began >= limit]
                lane = self._lane
                if not late:
                    due = min((one.began for one in self._flying.values()), default=now + _PATIENCE_S) + limit
                    self._changed.wait(max(0.0, min(due - now, _PATIENCE_S)))
                    continue
            if lane is not None:
                lane.give_up(late)  # may take a moment: without the lock
            with self._changed:
                for one in late:
                    self._end(one, self._out_of_time(one.job, self._clock() - one.began))

    def _run_here(self, job: Job) -> Outcome | StopshipError:
        began = self._clock()
        found = attempt(self._call, job, prints=PRINTS)
        return self._read(job, found, (self._clock() - began) * 1000)

    def _read(self, job: Job, found: object, took_ms: float) -> Outcome | StopshipError:
        """What an attempt gave, as an outcome; reading it may raise anything, as it is the user's object."""
        if self._timeout_s is not None and took_ms > self._timeout_s * 1000:
            return self._out_of_time(job, took_ms / 1000)
        trace = found if isinstance(found, Raised) else caught(told_trace, found)
        if not isinstance(trace, Raised):
            return self._outcome(job, Status.OK, took_ms, trace=trace)
        error = trace.error
        if isinstance(error, NotATrace):
            return self._outcome(job, Status.FAILED, took_ms, error=str(error))
        if isinstance(error, StopshipError):
            return error
        status = Status.LOST if caught(is_lost, error) is True else Status.FAILED
        text = caught(told, error, self._target.path)
        text = type(error).__name__ if isinstance(text, Raised) else text
        return self._outcome(job, status, took_ms, error=text)

    def _out_of_time(self, job: Job, took_s: float) -> Outcome:
        error = f"TimeoutError: no answer within {self._timeout_s:g} s"
        return self._outcome(job, Status.FAILED, took_s * 1000, error=error)

    @staticmethod
    def _outcome(
        job: Job, status: Status, took_ms: float, *, trace: Mapping[str, Json] | None = None, error: str = ""
    ) -> Outcome:
        return Outcome(
            key=job.key, sample=job.sample, status=status, trace=trace or {}, error=error, took_ms=took_ms
        )

    def _given(self, ended: Outcome | StopshipError) -> Outcome:
        if isinstance(ended, StopshipError):
            raise ended
        return self._finish(ended)


def _place(job: Job) -> Place:
    return job.key, job.sample
