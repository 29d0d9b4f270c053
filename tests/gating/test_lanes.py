"""Calls on one event loop: each its own, however a task goes on with the next one."""

import asyncio
import time
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from stopship.gating.endings import Job
from stopship.gating.engine import Engine
from stopship.model.case import Case
from stopship.model.run import Status

TRIES = 5  # of what is to be quick: another process may hold the machine up meanwhile
SEEN: ContextVar[str] = ContextVar("seen", default="")


@dataclass(frozen=True)
class Waiting:
    """An async target; of our own, where tasks are used again."""

    answer: Callable[[str], Any]
    is_ours: bool = True
    is_async: bool = True
    path: Path = Path(__file__)

    def call(self, case: Case, stack: object, sample: int = 0, epoch: int = 0, /) -> Any:  # noqa: ARG002
        return self.answer(case.key)


def jobs(count: int) -> list[Job]:
    return [Job(key=f"c{i}", case=Case(f"c{i}")) for i in range(count)]


def test_what_a_case_sets_in_its_context_is_not_seen_by_the_next_one() -> None:
    async def answer(key: str) -> str:
        before = SEEN.get()
        SEEN.set(key)
        await asyncio.sleep(0.002)
        return before

    with Engine(Waiting(answer, is_ours=False), None, concurrency=2) as engine:
        assert {one.trace["output"] for one in engine.outcomes(jobs(12))} == {""}


@pytest.mark.parametrize("is_ours", [True, False])
def test_a_call_that_is_out_of_time_takes_no_other_with_it(is_ours: bool) -> None:
    async def answer(key: str) -> str:
        try:
            await asyncio.sleep(9 if int(key[1:]) % 5 == 0 else 0.005)
        except asyncio.CancelledError:
            return "it goes on"
        return key

    with Engine(Waiting(answer, is_ours), None, concurrency=4, timeout_s=0.25) as engine:
        found = {one.key: one.status for one in engine.outcomes(jobs(40))}
    late = {key for key, status in found.items() if status is not Status.OK}
    assert late == {f"c{i}" for i in range(0, 40, 5)}


def cancel_all() -> None:
    for one in asyncio.all_tasks():
        one.cancel()


def stop_all() -> None:
    asyncio.get_running_loop().stop()


@pytest.mark.parametrize("is_ours", [True, False])
@pytest.mark.parametrize("end", [cancel_all, stop_all])
def test_whatever_a_target_does_to_its_event_loop_every_call_ends(
    end: Callable[[], None], is_ours: bool
) -> None:
    async def answer(key: str) -> str:
        if key == "c5":
            end()
        await asyncio.sleep(0.002)
        return key

    with Engine(Waiting(answer, is_ours), None, concurrency=4) as engine:
        found = {one.key: one for one in engine.outcomes(jobs(40))}
    assert len(found) == 40
    told = [key for key, one in found.items() if one.trace.get("output") == key]
    assert len(told) >= (36 if end is cancel_all else 40)  # four were under way


def test_calls_that_never_wait_leave_the_others_their_turn() -> None:
    begun: list[str] = []

    async def answer(key: str) -> str:
        begun.append(key)
        if key == "c0":
            await asyncio.sleep(0)
        return f"{key} after {len(begun)}"

    with Engine(Waiting(answer), None, concurrency=2) as engine:
        found = {one.key: one.trace["output"] for one in engine.outcomes(jobs(60))}
    assert int(str(found["c0"]).rpartition(" ")[2]) < 60


def test_an_outcome_is_given_while_others_are_in_flight() -> None:
    is_given, took = Event(), list[float]()

    async def answer(key: str) -> str:
        until = time.monotonic() + 5
        while key != "c0" and not is_given.is_set() and time.monotonic() < until:
            await asyncio.sleep(0.001)
        return key

    for _ in range(TRIES):
        is_given.clear()
        began = time.monotonic()
        with Engine(Waiting(answer), None, concurrency=4) as engine:
            outcomes = engine.outcomes(jobs(20))
            assert next(outcomes).key == "c0"
            took.append(time.monotonic() - began)
            is_given.set()
            assert len(list(outcomes)) == 19
    assert min(took) < 0.4  # without the look-up of those who wait


def test_an_outcome_that_is_waited_for_by_name_is_given_though_many_are_queued() -> None:
    async def answer(key: str) -> str:
        await asyncio.sleep(0.003 if key == "c1" else 0.3)
        return key

    took = []
    for _ in range(TRIES):
        with Engine(Waiting(answer), None, concurrency=2) as engine:
            engine.start(jobs(30))
            began = time.monotonic()
            assert engine.wait("c1").status is Status.OK
            took.append(time.monotonic() - began)
    assert min(took) < 0.25
