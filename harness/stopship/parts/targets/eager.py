"""Requests of aiohttp whose body is on its way as soon as they are sent, on a connection that is in step.

Decides when the first step of writing is made, and where nothing may be sent. Never changes what is written.
"""

import asyncio
import sys
from collections.abc import Callable, Coroutine, Generator
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from typing import Any

LARGE = 2**19  # bytes; aiohttp warns of a body from 2**20 on that is sent at once, which may be an error


def written(body: bytes) -> bytes | BytesIO:
    """A body as it is handed to the library: a large one is written piece by piece."""
    return body if len(body) <= LARGE else BytesIO(body)


def in_step(aiohttp: Any) -> Any:
    """A class of requests, given the library, that are not sent where more came in since the last answer.

    It would be taken for the answer to this request: the library looks at that when an answer ends, not when
    its connection is used again. Such a connection is left, as if it had been closed.
    """

    class InStep(aiohttp.ClientRequest):  # type: ignore[misc]  # the library is loaded by name
        async def send(self, conn: Any) -> Any:
            if conn.protocol is not None and conn.protocol.should_close:
                raise aiohttp.ServerDisconnectedError("an answer came in that nobody had asked for")
            return await super().send(conn)

    return InStep


def request_class(aiohttp: Any) -> Any:
    """The class of requests of a target, given the library: in step, and begun at once.

    From Python 3.12 on aiohttp begins to write at once by itself. Before, a body waits in a task of its own
    until all that has come in meanwhile is read: answers that came together lead to requests that leave
    together, and 64 calls in flight keep in step for good (82 % of the ideal rate of an endpoint, not 90 %).
    """
    if sys.version_info >= (3, 12):
        return in_step(aiohttp)

    class Request(in_step(aiohttp)):  # type: ignore[misc]  # the library is loaded by name
        async def send(self, conn: Any) -> Any:
            before = self.loop.get_task_factory()
            self.loop.set_task_factory(begun)
            try:
                return await super().send(conn)  # without a pause in which others would make tasks
            finally:
                self.loop.set_task_factory(before)

    return Request


def begun(
    loop: asyncio.AbstractEventLoop, coroutine: Coroutine[Any, Any, Any], **_more: Any
) -> "asyncio.Future[Any]":
    """A coroutine whose first step is made at once: done, or a task for the rest where it waits."""
    try:
        waits_for = coroutine.send(None)
    except StopIteration as end:
        done: asyncio.Future[Any] = loop.create_future()
        done.set_result(end.value)
        return done
    return asyncio.Task(_ended(_Rest(coroutine, waits_for)), loop=loop)


async def _ended(rest: "_Rest") -> Any:
    return await rest


@dataclass(frozen=True, slots=True)
class _Rest:
    """A coroutine that has begun, and what it waits for."""

    coroutine: Coroutine[Any, Any, Any]
    waits_for: Any

    def __await__(self) -> Generator[Any, Any, Any]:
        waits_for = self.waits_for
        while True:
            try:
                told = yield waits_for
            except BaseException as err:  # noqa: BLE001  # a cancellation included: the coroutine takes it
                step: Callable[[], Any] = partial(self.coroutine.throw, err)
            else:
                step = partial(self.coroutine.send, told)
            try:
                waits_for = step()
            except StopIteration as end:
                return end.value
