"""One request of a target: whose it is, what it asks, and who answers it.

Decides which requests are put to the exchange. Never logs one, and never keeps a header.
"""

import asyncio
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import unquote

import aiohttp
from aiohttp import web

from stopship.errors import StopshipError
from stopship.model.exchange import Answer, Call, CallKind
from stopship.model.fields import without
from stopship.parts.gateway.bodies import NotKept, request_of
from stopship.parts.gateway.live import Live
from stopship.parts.gateway.replies import MISSED, refusal, serve
from stopship.parts.gateway.seam import Exchange, Limits, Miss, Place
from stopship.parts.gateway.upstreams import Road, without_secrets

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
_PATH = re.compile(r"/([^/?#]*)/([^/?#]*)(/[^?#]*)?(?:\?([^#]*))?")


class Refused(Exception):  # noqa: N818  # says what happened
    """A request that is never put to the exchange."""

    def __init__(self, status: int, kind: str, text: str) -> None:
        self.status, self.kind, self.text = status, kind, text
        super().__init__(text)


@dataclass(frozen=True, slots=True)
class Address:
    """What the path of a request names."""

    road: Road
    path: str
    query: str


class Desk:
    """Answers requests, each as what it is."""

    def __init__(
        self,
        *,
        exchange: Exchange,
        roads: Mapping[str, Road],
        places: Mapping[str, Place],
        limits: Limits,
        session: aiohttp.ClientSession,
        bug: Callable[[BaseException], None],
    ) -> None:
        self._exchange, self._roads, self._places, self._limits = exchange, roads, places, limits
        self._session, self._bug = session, bug
        self.is_closing = False
        self.hosts: frozenset[str] = frozenset()
        self.tasks: set[asyncio.Task[Answer]] = set()

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """The handler of every request."""
        place: Place | None = None
        try:
            token, address = self._addressed(request)
            place = self._place(token)
            found = address()
            body = await self._read(request)
            call = _call(request, found, body)
            return await self._answered(request, call, place, found, body)
        except Refused as err:
            if place is not None:
                self._exchange.refused(place, err.text)
            return refusal(err.status, err.kind, err.text)

    def _place(self, token: str) -> Place:
        place = self._places.get(token)
        if place is None:
            whose = "this address belongs to no case that is being replayed"
            raise Refused(403, "stopship_token", f"{whose}: its replay is over, or it is of another run")
        return place

    def _addressed(self, request: web.BaseRequest) -> tuple[str, Callable[[], Address]]:
        """The token in a request's path, and the way to read the rest once the token is known."""
        if request.headers.get("Host", "").lower() not in self.hosts:
            raise Refused(403, "stopship_host", "this endpoint serves 127.0.0.1 and localhost alone")
        found = _PATH.fullmatch(request.raw_path)
        if found is None:
            raise Refused(404, "stopship_path", "an address here is /TOKEN/UPSTREAM/…")
        token, name, path, query = found.groups()

        def rest() -> Address:
            road = self._roads.get(name)
            if road is None:
                known = ", ".join(sorted(self._roads)) or "none"
                raise Refused(404, "stopship_path", f"there is no upstream {name[:64]!r}; there are: {known}")
            if any(unquote(one) in (".", "..") for one in (path or "").split("/")):
                raise Refused(400, "stopship_path", "a path with '..' or '.' in it is not forwarded")
            return Address(road, path or "", query or "")

        return token, rest

    async def _read(self, request: web.BaseRequest) -> bytes:
        """The body, within its limit."""
        if request.method not in METHODS:
            raise Refused(405, "stopship_method", f"{request.method} is neither forwarded nor recorded")
        if "websocket" in request.headers.get("Upgrade", "").lower():
            raise Refused(400, "stopship_websocket", "websockets are neither forwarded nor recorded")
        most = self._limits.request_bytes
        large = Refused(
            413, "stopship_too_large", f"the request is larger than {most} bytes, the most that is kept"
        )
        if (request.content_length or 0) > most:
            raise large
        if request.headers.get("Expect", "").lower() == "100-continue":
            await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            request.writer.output_size = 0  # the response itself has not begun
        if not request.can_read_body:
            return b""
        chunks, size = list[bytes](), 0
        try:
            while chunk := await request.content.readany():
                chunks.append(chunk)
                size += len(chunk)
                if size > most:
                    raise large
        except web.RequestPayloadError as err:
            raise Refused(400, "stopship_request", "the body of the request cannot be read") from err
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    async def _answered(
        self, request: web.BaseRequest, call: Call, place: Place, address: Address, body: bytes
    ) -> web.StreamResponse:
        where = (address.path, address.query)
        live = Live(request, self._session, address.road, body, where, self._limits)
        task = asyncio.ensure_future(self._exchange.answer(call, place, live.go))
        self.tasks.add(task)
        task.add_done_callback(self._ended)
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError:
            if not self.is_closing:  # else it is the gateway that leaves, which is no attempt of the target's
                live.leave()
            raise
        if task.cancelled():
            raise ConnectionResetError("the gateway closes")
        error = task.exception()
        if error is None and live.went and not live.is_unseen:
            return await live.finish()
        if live.went and live.is_begun:
            raise live.broken_off()
        if isinstance(error, Miss):
            return refusal(MISSED, "stopship_miss", str(error))
        if isinstance(error, StopshipError):
            text = "; ".join(line.strip() for line in str(error).splitlines())
            raise Refused(MISSED, "stopship_error", text) from error
        if error is not None:
            raise Refused(500, "stopship_bug", "a bug in stopship's gateway; its own report tells more")
        try:
            return await serve(request, task.result())
        except NotKept as err:
            text = f"the recording of {call.name!r} cannot be served: {err}"
            raise Refused(MISSED, "stopship_recording", text) from err

    def _ended(self, task: asyncio.Task[Answer]) -> None:
        self.tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None and not isinstance(error, Miss | StopshipError):
            self._bug(error)


def _call(request: web.BaseRequest, address: Address, body: bytes) -> Call:
    """What is asked: method, upstream, path and body. No header, key in a query or ignored field is."""
    road, query = address.road, without_secrets(address.query)
    return Call(
        kind=CallKind.MODEL,
        name=f"{request.method} {road.name}{address.path}{'?' + query if query else ''}",
        request=without(request_of(body, request.headers.get("Content-Type", "")), road.upstream.ignore),
        effect=road.effect(request.method, address.path),
        pins=road.upstream.pins,
    )
