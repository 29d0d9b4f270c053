"""Where calls run: in threads for a plain function, on one event loop for an async one.

Decides nothing about a call. Never holds the interpreter at its exit: every thread here is a daemon.
"""

import asyncio
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any

from stopship.parts.user_code import caught, caught_async

_ANSWERS_S = 0.5  # an event loop that takes longer to answer is held up by what runs on it
_CLOSES_S = 0.5

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


class LoopLane:
    """One event loop in a thread of its own; one that is held up is left behind for a new one."""

    def __init__(self, call: Callable[[Any], Any], landed: Landed, clock: Callable[[], float]) -> None:
        self._call, self._landed, self._clock = call, landed, clock
        self._loops: list[tuple[asyncio.AbstractEventLoop, threading.Thread]] = []
        self._tasks: dict[Flight, asyncio.Task[None]] = {}
        self._open()

    def begin(self, flight: Flight) -> None:
        loop, thread = self._loops[-1]
        if threading.current_thread() is thread:
            loop.call_soon(self._begin, flight)  # without a wake-up call to itself
        else:
            loop.call_soon_threadsafe(self._begin, flight)

    def give_up(self, flights: Sequence[Flight]) -> None:
        """Cancel the calls; a loop that does not even answer is left behind."""
        loop, _ = self._loops[-1]
        answered = threading.Event()
        for one in flights:
            one.is_given_up = True
            task = self._tasks.get(one)
            if task is not None:
                task.get_loop().call_soon_threadsafe(task.cancel)
        loop.call_soon_threadsafe(answered.set)
        if not answered.wait(_ANSWERS_S):
            self._open()

    def close(self) -> bool:
        """Whether nothing runs any more."""
        for loop, _ in self._loops:
            loop.call_soon_threadsafe(loop.stop)
        self._loops[-1][1].join(_CLOSES_S)
        return not any(thread.is_alive() for _, thread in self._loops)

    def _open(self) -> None:
        loop = asyncio.new_event_loop()
        thread = threading.Thread(target=self._turn, args=(loop,), name="stopship-target", daemon=True)
        self._loops.append((loop, thread))
        thread.start()

    def _begin(self, flight: Flight) -> None:
        if not flight.is_given_up:
            self._tasks[flight] = asyncio.get_running_loop().create_task(self._fly(flight))

    async def _fly(self, flight: Flight) -> None:
        began = self._clock()
        try:
            found = caught(self._call, flight.job)  # makes the coroutine
            if hasattr(found, "__await__"):
                found = await caught_async(found)
            took_ms = (self._clock() - began) * 1000
        finally:
            self._tasks.pop(flight, None)
        self._landed(flight, found, took_ms)

    @staticmethod
    def _turn(loop: asyncio.AbstractEventLoop) -> None:
        asyncio.set_event_loop(loop)
        try:
            loop.run_forever()
        finally:
            tasks = asyncio.all_tasks(loop)
            for one in tasks:
                one.cancel()
            if tasks:
                loop.run_until_complete(asyncio.wait(tasks, timeout=_CLOSES_S / 2))
            loop.run_until_complete(loop.shutdown_asyncgens())
            loop.close()
