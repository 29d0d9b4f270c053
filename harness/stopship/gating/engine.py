"""Put cases to a target, several at a time, and tell how each attempt ended.

Decides when an attempt is over: answered, failed, lost or out of time; what was lost is asked for again as
its pace says. Never scores or files one, and never lets one of them end the others; damage that the stack
itself reports ends all, and a limit that is reached ends what has not begun.
"""

import heapq
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

from stopship.errors import StopshipError
from stopship.gating.endings import Ending, Job, ending, out_of_time
from stopship.gating.lanes import Flight, LoopLane, ThreadLane
from stopship.gating.pacing import Pace
from stopship.gating.spending import EndedEarly, Meter
from stopship.model.case import Case
from stopship.model.run import Outcome
from stopship.parts.user_code import attempt, tell_others

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


Place = tuple[str, int]  # key and sample


@dataclass(slots=True)
class _Tries:
    """How often one output was asked for, and since when."""

    began: float
    calls: int = 0


class Engine:
    """Runs jobs: `outcomes` as they end, or `start` and then `wait` for each by name. Close it after use."""

    def __init__(  # noqa: PLR0913  # one argument for each thing that decides how it is asked
        self,
        target: Target,
        stack: object,
        *,
        concurrency: int | None = None,
        timeout_s: float | None = None,
        pace: Pace | None = None,
        meter: Meter | None = None,
        clock: Clock = time.perf_counter,
        finish: Callable[[Outcome], Outcome] = lambda one: one,
        leave: Callable[[], None] = lambda: None,
    ) -> None:
        """`pace`: how fast, and how often again; `meter`: what may be spent and lost; None: no limits.
        `finish`: what an outcome becomes before it is given; `leave`: what closing calls."""
        self._target, self._stack, self._clock, self._finish = target, stack, clock, finish
        self.concurrency = concurrency or (TOGETHER if target.is_async else 1)
        self._timeout_s = timeout_s
        self._pace, self.meter = pace, meter
        is_timed = timeout_s is not None or pace is not None
        self._is_inline = self.concurrency == 1 and not is_timed and not target.is_async
        lock = threading.RLock()
        self._changed = threading.Condition(lock)  # something has ended
        self._timing = threading.Condition(lock)  # something is due earlier than the watch thinks
        self._wakes_at = 0.0  # on the clock
        self._queue: deque[Job] = deque()
        self._flying: dict[Place, Flight] = {}
        self._ended: dict[Place, Outcome | StopshipError] = {}
        self._tries: dict[Place, _Tries] = {}  # of those that are not given up
        self._later: list[tuple[float, int, Job, bool]] = []  # due, order, job, whether it has its slot
        self._order = self._slots = 0  # slots that were taken and have not come
        self._stop: StopshipError | None = None  # why nothing more may begin
        self._is_abandoned = False  # nor be waited for
        self._awaits_one = False
        self._is_telling = False  # soon
        self._under_way: set[Place] = set()  # until its outcome is given
        self._lane: ThreadLane | LoopLane | None = None
        self._undo: Callable[[], None] = lambda: None
        self._leave = leave
        self._is_closed = False

    def outcomes(self, jobs: Iterable[Job]) -> Iterator[Outcome]:
        """Each job's outcome as it ends, in any order. Few jobs are drawn ahead, so that memory stays flat.

        Raises UsageError or EvidenceError where the target met one: a file of the stack has changed. Where a
        limit is reached, all that was answered is given first.
        """
        if self._is_inline:
            for job in jobs:
                yield self._given(self._run_here(job))
            self._check_known()
            return
        source, wanted, is_drawn, is_cut = iter(jobs), set[Place](), False, False
        while True:
            while not is_drawn and len(wanted) < 2 * self.concurrency:
                drawn = next(source, None)
                is_cut = drawn is not None and self._stop is not None
                is_drawn = drawn is None or is_cut
                if drawn is not None and not is_cut:
                    wanted.add(drawn.place)
                    self._add([drawn])
            if not wanted and is_cut:
                raise self._stopped()
            if not wanted:
                self._check_known()
                return  # whatever limit the last one reached
            places = self._next_of(wanted)
            if places is None:
                raise self._stopped()
            wanted.difference_update(places)
            for found in self._taken(places):
                yield self._given(found)

    def start(self, jobs: Iterable[Job]) -> None:
        """Begin with these jobs, in their order. What ends is kept until it is waited for."""
        self._add(jobs)

    def wait(self, key: str, sample: int = 0) -> Outcome:
        """The outcome of a job that was started; once. One that has not begun goes to the front."""
        place = (key, sample)
        with self._changed:
            queued = next((one for one in self._queue if one.place == place), None)
            if queued is not None:
                self._queue.remove(queued)
                if self._is_inline:
                    self._under_way.remove(place)
                    return self._given(self._run_here(queued))
                self._queue.appendleft(queued)
            elif place not in self._under_way:
                raise LookupError(f"no job {place} was started")
        if self._next_of({place}) is None:
            raise self._stopped()
        found = self._taken([place])[0]
        self._check_known()
        return self._given(found)

    def close(self) -> None:
        """Cancel what has not begun, and leave behind what has; waits for nothing that may last."""
        with self._changed:
            self._is_closed = True
            self._queue.clear()
            self._flying.clear()
            self._changed.notify_all()
            self._timing.notify_all()
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
                if job.place in self._under_way:
                    raise ValueError(f"the job {job.place} stands twice")
                self._under_way.add(job.place)
                self._queue.append(job)
            if not self._is_inline:
                self._fill()
                self._changed.notify_all()

    def _taken(self, places: Iterable[Place]) -> list[Outcome | StopshipError]:
        with self._changed:
            self._under_way.difference_update(places)
            return [self._ended.pop(one) for one in places]

    def _next_of(self, wanted: set[Place]) -> list[Place] | None:
        """Wait until some of these have ended, and give them; None where none of them will any more."""
        most = max(1, self.concurrency // 2)  # at once, so that what is drawn ahead lasts meanwhile
        with self._changed:
            self._awaits_one = len(wanted) == 1
            while True:
                found = [*islice((one for one in self._ended if one in wanted), most)]
                if found:
                    self._is_telling = False
                    return found
                if self._is_closed:
                    raise RuntimeError("the engine was closed while a job was waited for")
                if self._stop is not None and (self._is_abandoned or not wanted & self._flying.keys()):
                    return None
                self._changed.wait(_PATIENCE_S)

    def _stopped(self) -> StopshipError:
        assert self._stop is not None  # noqa: S101  # or the job would have ended
        is_over = self.meter is not None and isinstance(self._stop, EndedEarly)
        return self.meter.final() if is_over and self.meter is not None else self._stop

    def _check_known(self) -> None:
        """Raise where it is not known what was spent: a limit of it holds for what was in flight, too."""
        if self.meter is not None and self.meter.is_unknown and self._stop is not None:
            raise self._stop

    def _fill(self) -> None:
        """Begin as many queued jobs as may be in flight. The lock is held."""
        while self._queue and self._stop is None and len(self._flying) + self._slots < self.concurrency:
            job = self._queue.popleft()
            wait = self._pace.slot() if self._pace is not None else 0.0
            if wait > 0:
                self._slots += 1
                self._put_off(job, wait, has_slot=True)
            else:
                self._begin(job)

    def _begin(self, job: Job) -> None:
        self._stop = self._stop or (self.meter.begin() if self.meter is not None else None)
        if self._stop is not None:
            return
        if self._lane is None:
            self._lane = self._opened()
        now = self._clock()
        self._tries.setdefault(job.place, _Tries(now)).calls += 1
        flight = Flight(job, now)
        self._flying[job.place] = flight
        self._lane.begin(flight)
        if self._timeout_s is not None:
            self._wake_watch(now + self._timeout_s)

    def _wake_watch(self, due: float) -> None:
        if due < self._wakes_at:
            self._timing.notify()

    def _put_off(self, job: Job, wait: float, *, has_slot: bool) -> None:
        if self._lane is None:
            self._lane = self._opened()
        self._order += 1
        due = self._clock() + wait
        heapq.heappush(self._later, (due, self._order, job, has_slot))
        self._wake_watch(due)

    def _opened(self) -> ThreadLane | LoopLane:
        self._undo = tell_others(PRINTS)
        if self._timeout_s is not None or self._pace is not None or self.meter is not None:
            threading.Thread(target=self._watch, name="stopship-watch", daemon=True).start()
        if not self._target.is_async:
            return ThreadLane(self._call, self._landed, self._clock)
        is_ours = getattr(self._target, "is_ours", False) is True
        return LoopLane(self._call, self._landed, self._clock, is_ours=is_ours)

    def _call(self, job: Job) -> Any:
        return self._target.call(job.case, self._stack, job.sample, job.epoch)

    def _landed(self, flight: Flight, found: object, took_ms: float) -> None:
        """A call has ended, in a thread of its lane; one that was given up is nobody's any more."""
        if flight.is_given_up:
            return  # it was cancelled: whoever gave it up says how it ended
        ended = self._read(flight.job, found, took_ms)
        with self._changed:
            self._end(flight, ended)

    def _end(self, flight: Flight, ended: Ending) -> None:
        job: Job = flight.job
        if self._flying.get(job.place) is not flight:
            return
        del self._flying[job.place]
        wait = self._wait_after(job, ended)
        if wait is not None and self._stop is None:
            self._put_off(job, wait, has_slot=False)
        else:
            ended = ended.standing if wait is None else ended
            self._tries.pop(job.place, None)
            self._ended[job.place] = ended.result
            self._count(ended)
            if isinstance(ended.result, StopshipError):
                self._stop = self._stop or ended.result  # every case would fail for it alike
        self._fill()
        self._tell()

    def _tell(self) -> None:
        """Wake who waits: at once where more is to be drawn or a single one is waited for; else once for all
        that end within a moment, as a thread that is woken thousands of times a second takes their time."""
        is_urgent = self._awaits_one or not self._queue or self._stop is not None
        lane = self._lane
        if is_urgent or lane is None or not (self._is_telling or lane.later(self._told)):
            self._changed.notify_all()
        else:
            self._is_telling = True

    def _told(self) -> None:
        with self._changed:
            self._is_telling = False
            self._changed.notify_all()

    def _wait_after(self, job: Job, ended: Ending) -> float | None:
        """The seconds after which a lost output may be asked for again; None: it may not, or was not lost."""
        if self._pace is None or not ended.is_lost_outside:
            return None
        tries = self._tries[job.place]
        return self._pace.again(job, tries.calls, self._clock() - tries.began, ended.asks_s)

    def _count(self, ended: Ending) -> None:
        if self.meter is not None and isinstance(ended.result, Outcome):
            over = self.meter.end(ended.result, is_missed=ended.is_missed)
            self._stop = self._stop or over

    def _watch(self) -> None:
        """Give up what is out of time, and begin what was put off. Runs in a thread of its own."""
        while True:
            with self._changed:
                if self._is_closed:
                    return
                now = self._clock()
                if self._stop is None and self.meter is not None and (over := self.meter.over()) is not None:
                    self._stop, self._is_abandoned = over, True
                    self._changed.notify_all()
                self._begin_due(now)
                late = self._late(now)
                lane = self._lane
                if not late:
                    wait = self._until_due(now)
                    self._wakes_at = now + wait
                    self._timing.wait(wait)
                    continue
            if lane is not None:
                lane.give_up(late)  # may take a moment: without the lock
            with self._changed:
                for one in late:
                    took_s = self._clock() - one.began
                    self._end(one, out_of_time(one.job, took_s, self._timeout_s or 0.0))

    def _begin_due(self, now: float) -> None:
        while self._later and self._later[0][0] <= now:
            _, _, job, has_slot = heapq.heappop(self._later)
            if has_slot:
                self._slots -= 1
                self._begin(job)
            else:
                self._queue.appendleft(job)
        self._fill()

    def _late(self, now: float) -> list[Flight]:
        limit = self._timeout_s
        return [] if limit is None else [one for one in self._flying.values() if now - one.began >= limit]

    def _until_due(self, now: float) -> float:
        """Seconds until something has to be done."""
        due = [now + _PATIENCE_S, *(one[0] for one in self._later[:1])]
        if self._timeout_s is not None:
            due += [one.began + self._timeout_s for one in self._flying.values()]
        if self.meter is not None and (left := self.meter.seconds_left) is not None:
            due.append(now + max(left, 0.001))
        return max(0.0, min(due) - now)

    def _run_here(self, job: Job) -> Outcome | StopshipError:
        if self._stop is None and self.meter is not None:
            self._stop = self.meter.begin()
        if self._stop is not None:
            return self._stop
        began = self._clock()
        found = attempt(self._call, job, prints=PRINTS)
        ended = self._read(job, found, (self._clock() - began) * 1000).standing
        self._count(ended)
        return ended.result

    def _read(self, job: Job, found: object, took_ms: float) -> Ending:
        return ending(job, found, took_ms, timeout_s=self._timeout_s, path=self._target.path)

    def _given(self, ended: Outcome | StopshipError) -> Outcome:
        if isinstance(ended, StopshipError):
            raise ended
        try:
            return self._finish(ended)
        except StopshipError as err:  # every further output would be asked for in vain
            with self._changed:
                self._stop = self._stop or err
            raise
