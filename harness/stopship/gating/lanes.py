"""Where calls run: in threads for a plain function, on one event loop for an async one.

Decides nothing about a call. Never holds the interpreter at its exit: every thread here is a daemon.
"""

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from contextvars import copy_context
from dataclasses import dataclass, field
from functools import partial
from queue import SimpleQueue
from typing import Any

from stopship.parts.user_code import Raised, caught, caught_async

_ANSWERS_S = 0.5  # an event loop that takes longer to answer is held up by what runs on it
_CLOSES_S = 0.5
_MOMENT_S = 0.002
_WAITED_MS = 1.0  # a shorter call may not have waited at all: others have their turn before the next one

Landed = Callable[["Flight", object, float], None]  # flight, what it gave, milliseconds


@dataclass(eq=False, slots=True)
class Flight:
    """One call under way."""

    job: Any
    began: float  # on the engine's clock
    is_given_up: bool = False


class ThreadLane:
    """Threads that each make one call at a time; one that is given up is replaced."""

    def __init__(self, call: Callable[[Any], object], landed: Landed, clock: Callable[[], float]) -> None:
        self._call, self._landed, self._clock = call, landed, clock
        self._idle: list[SimpleQueue[Flight | None]] = []
        self._lock = threading.Lock()
        self._busy = 0  # threads in a call, given up or not
        self._is_closed = False

    def begin(self, flight: Flight) -> None:
        with self._lock:
            self._busy += 1
            inbox = self._idle.pop() if self._idle else None
        if inbox is None:
            inbox = SimpleQueue()
            threading.Thread(target=self._serve, args=(inbox,), name="stopship-target", daemon=True).start()
        inbox.put(flight)

    def give_up(self, flights: Sequence[Flight]) -> None:
        """The thread may go on; it takes no further call."""
        for one in flights:
            one.is_given_up = True

    def later(self, _tell: Callable[[], None]) -> bool:
        """Whether somebody will be told in a moment: a thread has no moment in which it is not at work."""
        return False

    def close(self) -> bool:
        """Whether nothing runs any more."""
        with self._lock:
            self._is_closed = True
            for inbox in self._idle:
                inbox.put(None)
            self._idle.clear()
            return not self._busy

    def _serve(self, inbox: "SimpleQueue[Flight | None]") -> None:
        while (flight := inbox.get()) is not None:
            began = self._clock()
            found = caught(self._call, flight.job)
            took_ms = (self._clock() - began) * 1000
            with self._lock:
                self._busy -= 1
                if flight.is_given_up or self._is_closed:
                    return
                self._idle.append(inbox)
            self._landed(flight, found, took_ms)
            del flight, found  # nothing of a case stays while the thread is idle


@dataclass(frozen=True, eq=False, slots=True)
class _Turning:
    """An event loop, the thread that it runs in, and what has to begin on it when a call has landed."""

    loop: asyncio.AbstractEventLoop
    thread: threading.Thread
    following: deque[Flight] = field(default_factory=deque)


class LoopLane:
    """One event loop in a thread of its own; one that is held up is left behind for a new one.

    Where only code of our own runs in a call (`is_ours`), a task goes on with the next one when its own has
    ended, so that a request leaves before the answers of other calls are read; else each call has a task, and
    with it a context, of its own.
    """

    def __init__(
        self,
        call: Callable[[Any], Any],
        landed: Landed,
        clock: Callable[[], float],
        *,
        is_ours: bool = False,
    ) -> None:
        self._call, self._landed, self._clock, self._is_ours = call, landed, clock, is_ours
        self._loops: list[_Turning] = []
        self._tasks: dict[Flight, asyncio.Task[None]] = {}
        self._is_closed = False
        self._context = copy_context()  # what a case sets in its own is not the next one's
        self._open()

    def begin(self, flight: Flight) -> None:
        now = self._loops[-1]
        if threading.current_thread() is now.thread:  # a call has landed: without a wake-up call to itself
            now.following.append(flight)
        else:
            now.loop.call_soon_threadsafe(self._begin, now, flight, context=self._context.copy())

    def give_up(self, flights: Sequence[Flight]) -> None:
        """Cancel the calls; a loop that does not even answer is left behind."""
        loop = self._loops[-1].loop
        answered = threading.Event()
        for one in flights:
            one.is_given_up = True
            task = self._tasks.get(one)
            if task is not None:
                task.get_loop().call_soon_threadsafe(self._cancel, one, task)
        loop.call_soon_threadsafe(answered.set)
        if not answered.wait(_ANSWERS_S):
            self._open()

    def later(self, tell: Callable[[], None]) -> bool:
        """Whether somebody will be told in a moment, on the loop that this is called on."""
        now = self._loops[-1]
        if threading.current_thread() is not now.thread:
            return False
        now.loop.call_later(_MOMENT_S, tell)
        return True

    def close(self) -> bool:
        """Whether nothing runs any more."""
        self._is_closed = True
        for one in self._loops:
            with suppress(RuntimeError):  # it has ended just now
                one.loop.call_soon_threadsafe(one.loop.stop)
        self._loops[-1].thread.join(_CLOSES_S)
        return not any(one.thread.is_alive() for one in self._loops)

    def _open(self) -> None:
        loop = asyncio.new_event_loop()
        thread = threading.Thread(target=self._turn, args=(loop,), name="stopship-target", daemon=True)
        self._loops.append(_Turning(loop, thread))
        thread.start()

    def _begin(self, now: _Turning, flight: Flight) -> None:
        if not flight.is_given_up:
            task = self._tasks[flight] = now.loop.create_task(self._fly(now, flight))
            task.add_done_callback(partial(self._unbegun, now, flight))

    def _unbegun(self, now: _Turning, flight: Flight, task: "asyncio.Task[None]") -> None:
        """A task that the target cancelled before its first step has made no call."""
        if self._tasks.get(flight) is task:
            del self._tasks[flight]
            self._landed(flight, Raised(asyncio.CancelledError()), 0.0)
            self._go_on(now)

    def _go_on(self, now: _Turning) -> None:
        while now.following:
            one = now.following.popleft()
            now.loop.call_soon(self._begin, now, one, context=self._context.copy())

    def _cancel(self, flight: Flight, task: "asyncio.Task[None]") -> None:
        if self._tasks.get(flight) is task:  # else it has gone on with another call
            task.cancel()

    async def _fly(self, now: _Turning, flight: Flight) -> None:
        task = self._tasks[flight]
        while True:
            took_ms = await self._flown(flight)
            has_waited = took_ms >= _WAITED_MS and not flight.is_given_up
            following = now.following.popleft() if now.following and self._is_ours and has_waited else None
            self._go_on(now)
            if following is None:
                return
            flight = following
            self._tasks[flight] = task

    async def _flown(self, flight: Flight) -> float:
        """Make one call, and tell how it ended; gives the milliseconds that it took."""
        began = self._clock()
        try:
            found = caught(self._call, flight.job)  # makes the coroutine
            if hasattr(found, "__await__"):
                found = await caught_async(found)
            took_ms = (self._clock() - began) * 1000
        finally:
            self._tasks.pop(flight, None)
        self._landed(flight, found, took_ms)
        return took_ms

    def _turn(self, loop: asyncio.AbstractEventLoop) -> None:
        asyncio.set_event_loop(loop)
        try:
            while not self._is_closed:
                loop.run_forever()  # a target that stops it stops others, too
        finally:
            tasks = asyncio.all_tasks(loop)
            for one in tasks:
                one.cancel()
            if tasks:
                loop.run_until_complete(asyncio.wait(tasks, timeout=_CLOSES_S / 2))
            loop.run_until_complete(loop.shutdown_asyncgens())
            loop.close()
