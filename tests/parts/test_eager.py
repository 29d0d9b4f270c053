"""Coroutines whose first step is made at once."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from stopship.parts.targets.eager import begun


def in_loop(body: Callable[[asyncio.AbstractEventLoop], Awaitable[Any]]) -> Any:
    async def run() -> Any:
        return await body(asyncio.get_running_loop())

    return asyncio.run(run())


def test_what_does_not_wait_is_done_at_once_with_its_value() -> None:
    async def write() -> int:
        return 7

    async def body(loop: asyncio.AbstractEventLoop) -> Any:
        found = begun(loop, write())
        return found.done(), await found

    assert in_loop(body) == (True, 7)


def test_what_it_raises_at_once_is_raised_to_whoever_began_it() -> None:
    async def write() -> None:
        raise ConnectionResetError("gone")

    async def body(loop: asyncio.AbstractEventLoop) -> None:
        with pytest.raises(ConnectionResetError, match="gone"):
            begun(loop, write())

    in_loop(body)


def test_what_waits_goes_on_in_a_task_from_where_it_was() -> None:
    steps: list[str] = []

    async def write(ready: "asyncio.Future[str]") -> str:
        steps.append("first")
        steps.append(await ready)
        await asyncio.sleep(0)
        try:
            await asyncio.wait_for(asyncio.sleep(9), 0.01)
        except TimeoutError:
            steps.append("late")
        return "end"

    async def body(loop: asyncio.AbstractEventLoop) -> Any:
        ready: asyncio.Future[str] = loop.create_future()
        found = begun(loop, write(ready))
        assert steps == ["first"]
        assert not found.done()
        ready.set_result("second")
        return await found

    assert in_loop(body) == "end"
    assert steps == ["first", "second", "late"]


def test_what_waits_can_be_cancelled_and_can_refuse() -> None:
    async def write(ends: list[str]) -> str:
        try:
            await asyncio.sleep(9)
        except asyncio.CancelledError:
            ends.append("cancelled")
            if len(ends) > 1:
                raise
        return "stays"

    async def body(loop: asyncio.AbstractEventLoop) -> Any:
        first, second = begun(loop, write([])), begun(loop, write(["before"]))
        await asyncio.sleep(0)
        first.cancel()
        second.cancel()
        return await asyncio.gather(first, second, return_exceptions=True)

    stays, gone = in_loop(body)
    assert stays == "stays"
    assert isinstance(gone, asyncio.CancelledError)
