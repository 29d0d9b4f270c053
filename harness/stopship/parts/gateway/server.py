"""The gateway itself: an HTTP endpoint on loopback, in a thread with an event loop of its own.

Decides who is let in: requests that name a case and sample by their token. Waits for nothing that may last.
"""

import asyncio
import logging
import secrets
import socket
import threading
from collections.abc import Callable, Mapping
from contextvars import Context
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import aiohttp
from aiohttp import web

from stopship.parts.gateway.desk import Desk
from stopship.parts.gateway.seam import Exchange, Limits, Place
from stopship.parts.gateway.upstreams import PLACEHOLDER, Upstream, roads
from stopship.parts.targets.eager import in_step

HOST = "127.0.0.1"
_HEADER_BYTES = 32 * 1024
_WAITING = 1024  # connections that are not yet accepted
_CLOSES_S = 0.5
_QUIET = logging.Logger("stopship.gateway", logging.CRITICAL + 1)  # requests hold keys: nothing is logged


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """One sample's way in."""

    place: Place
    token: str
    base_urls: Mapping[str, str]  # by the name of an upstream: what stands in for its address
    key: str = PLACEHOLDER  # for SDKs that want one


class Gateway:
    """Open it with `start` or `with`, `admit` each sample, close it after use. Methods are for any thread."""

    def __init__(
        self,
        upstreams: Mapping[str, Upstream],
        exchange: Exchange,
        *,
        environ: Mapping[str, str],
        limits: Limits | None = None,
    ) -> None:
        """UsageError where an upstream's name or address cannot be used. `environ` has keys and proxies."""
        self._roads = roads(upstreams, environ)
        self._exchange, self._limits = exchange, limits or Limits()
        self._places: dict[str, Place] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._server: web.Server | None = None
        self.port = 0
        self.bug: BaseException | None = None  # the first one: for the engine to raise

    def start(self) -> Self:
        """Listen on a free port; OSError where there is none."""
        listening = socket.create_server((HOST, 0), backlog=_WAITING)
        listening.setblocking(False)
        self.port = listening.getsockname()[1]
        self._loop = asyncio.new_event_loop()
        is_open = threading.Event()
        self._thread = threading.Thread(
            target=self._turn, args=(self._loop, listening, is_open), name="stopship-gateway", daemon=True
        )
        self._thread.start()
        is_open.wait()
        return self

    def admit(self, place: Place) -> Admission:
        """Let one sample in: addresses that nobody can guess, good until it is dismissed."""
        token = secrets.token_urlsafe(18)
        self._places[token] = place
        base = f"http://{HOST}:{self.port}/{token}"
        return Admission(place=place, token=token, base_urls={name: f"{base}/{name}" for name in self._roads})

    def dismiss(self, admission: Admission) -> None:
        """Nothing that this sample asks from now on is answered; what it has asked goes on."""
        self._places.pop(admission.token, None)

    def take(self, listening: socket.socket, /) -> Callable[[], object]:
        """Answer what comes in at this socket, too, as at one's own, until what is given back is called."""
        taking = self._taken(listening)
        try:
            if self._loop is not None:  # in no context: what is forwarded is no call of the output that asks
                return Context().run(asyncio.run_coroutine_threadsafe, taking, self._loop).cancel
        except RuntimeError:  # it was closed a moment ago
            pass
        taking.close()
        listening.close()
        return lambda: None

    async def _taken(self, listening: socket.socket) -> None:
        assert self._server is not None  # noqa: S101  # made before anything else runs on this loop
        listening.setblocking(False)
        with listening:
            listener = await asyncio.get_running_loop().create_server(self._server, sock=listening)
            try:
                await asyncio.Future()  # until it is cancelled
            finally:
                listener.close()

    def close(self) -> None:
        """Cut off what is under way; may be called twice."""
        self._places.clear()
        loop, thread, self._loop, self._thread = self._loop, self._thread, None, None
        if loop is not None and thread is not None:
            loop.call_soon_threadsafe(loop.stop)
            thread.join(_CLOSES_S)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _turn(
        self, loop: asyncio.AbstractEventLoop, listening: socket.socket, is_open: threading.Event
    ) -> None:
        asyncio.set_event_loop(loop)
        loop.set_exception_handler(self._lost)
        session, desk, server, listener = loop.run_until_complete(self._open(listening))
        try:
            is_open.set()
            loop.run_forever()
        finally:
            desk.is_closing = True
            listener.close()
            for one in server.connections:
                one.force_close()
            tasks = asyncio.all_tasks(loop)
            for task in tasks:
                task.cancel()
            if tasks:
                loop.run_until_complete(asyncio.wait(tasks, timeout=_CLOSES_S / 2))
            loop.run_until_complete(session.close())
            loop.run_until_complete(loop.shutdown_asyncgens())
            loop.close()

    async def _open(
        self, listening: socket.socket
    ) -> tuple[aiohttp.ClientSession, Desk, web.Server, asyncio.Server]:
        limits = self._limits
        session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, ttl_dns_cache=60),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=limits.connect_s, sock_read=limits.read_s),
            skip_auto_headers=("User-Agent", "Accept", "Content-Type"),
            request_class=in_step(aiohttp),
            trust_env=False,
            max_line_size=_HEADER_BYTES,
            max_field_size=_HEADER_BYTES,
        )
        desk = Desk(
            exchange=self._exchange,
            roads=self._roads,
            places=self._places,
            limits=limits,
            session=session,
            bug=self._keep,
        )
        desk.hosts = frozenset((f"{HOST}:{self.port}", f"localhost:{self.port}"))
        server = web.Server(
            desk.handle,
            handler_cancellation=True,
            access_log=None,
            logger=_QUIET,
            lingering_time=2.0,
            max_line_size=_HEADER_BYTES,
            max_field_size=_HEADER_BYTES,
        )
        self._server = server
        listener = await asyncio.get_running_loop().create_server(server, sock=listening)
        return session, desk, server, listener

    def _keep(self, error: BaseException) -> None:
        self.bug = self.bug or error

    def _lost(self, _loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """What asyncio would log: a bug is kept, a connection that ended is not one."""
        error = context.get("exception")
        if isinstance(error, Exception) and not isinstance(error, OSError):
            self._keep(error)
