"""One call that is made: forwarded to its upstream, passed on as it comes back, and kept as an answer.

Decides where a call ended: answered, broken off, never reached, left by its client. Never serves a recording.
"""

import asyncio
import re
import time
from collections.abc import Sequence
from urllib.parse import urljoin, urlsplit

import aiohttp
from aiohttp import web
from yarl import URL

from stopship.model.exchange import Answer
from stopship.parts.gateway.bodies import EVENTS, result_of
from stopship.parts.gateway.replies import hang_up, refusal
from stopship.parts.gateway.seam import Limits
from stopship.parts.gateway.told import LEFT, answer_of, told
from stopship.parts.gateway.upstreams import PLACEHOLDER, Road, end_to_end
from stopship.parts.targets.eager import written

SMALL = 256 * 1024  # a body of this size, and of known length, is read before it is passed on
_REDIRECTS = (301, 302, 303, 307, 308)
_MOST_REDIRECTS = 5
_NO_BODY = (204, 304)
_LAST_EVENT = re.compile(  # of a stream whose protocol has one; a line end in a text is never a bare one
    rb"(?:^|[\r\n])(?:data: ?\[DONE\]|event: ?(?:message_stop|response\.(?:completed|incomplete|failed))\s)"
)
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


class Live:
    """A call of one request. `go` may be called once; `finish` ends the client's response."""

    def __init__(
        self,
        request: web.BaseRequest,
        session: aiohttp.ClientSession,
        road: Road,
        body: bytes,
        where: tuple[str, str],
        limits: Limits,
    ) -> None:
        self._request, self._session, self._road, self._body = request, session, road, body
        self._path, self._query = where
        self._limits = limits
        self._response: web.StreamResponse | None = None
        self._task: asyncio.Task[object] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._is_left = self._is_broken = self._is_passing = False
        self._held: list[bytes] = []  # from the last event of a stream on: passed on once it is filed
        self._began = 0.0
        self.went = self.is_unseen = False

    async def go(self, unseen: bool) -> Answer:  # as `seam.Go` has it
        """Make the call: `seam.Go`."""
        self.is_unseen = unseen
        if self.went:
            raise RuntimeError("a call is made once")
        headers = self._road.headers(self._request.headers.items())
        self.went, self._task, self._began = True, asyncio.current_task(), time.monotonic()
        if self._is_left:
            return self._left()
        try:
            return await self._forwarded(headers)
        except asyncio.CancelledError:
            if not self._is_left or self._task is None:
                raise
            self._task.uncancel()
            return self._left()
        finally:
            self._task = None
            if self._timer is not None:
                self._timer.cancel()

    def leave(self) -> None:
        """The client has gone. What it waited for is given up; what it was reading is read to its end."""
        self._is_left = True
        if self._task is None:
            return
        if not self._is_passing:
            self._task.cancel()
        elif self._timer is None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(self._limits.linger_s, self._task.cancel)

    async def finish(self) -> web.StreamResponse:
        """The client's response once the answer is filed; raises ConnectionError where it is to break off.

        Clients stop reading at the last event of a stream, so they get that one here.
        """
        if self._held and self._response is not None:
            await self._write(self._response, b"".join(self._held))
        if self._is_broken or self._response is None:
            raise hang_up(self._request)
        return self._response

    @property
    def is_begun(self) -> bool:
        """Whether the client has got a part of a response that cannot be taken back."""
        return self._response is not None and self._response.prepared

    def broken_off(self) -> ConnectionError:
        """End the client's response where it is."""
        return hang_up(self._request)

    async def _forwarded(self, headers: list[tuple[str, str]]) -> Answer:
        try:
            response = await self._asked(headers)
        except (aiohttp.ClientConnectorError, aiohttp.ClientSSLError) as err:
            return self._told(502, f"cannot reach the upstream {self._road.name!r}", err)
        except TimeoutError as err:
            return self._told(504, f"no answer of the upstream {self._road.name!r} in time", err)
        except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError, ConnectionError) as err:
            self._is_broken = True
            return Answer(error=told(err), is_reusable=False)
        except (aiohttp.ClientError, ValueError) as err:
            return self._told(502, f"the upstream {self._road.name!r} answered no HTTP", err)
        if isinstance(response, Answer):
            return response
        try:
            return await self._passed_on(response)
        finally:
            response.close()

    async def _asked(self, headers: list[tuple[str, str]]) -> aiohttp.ClientResponse | Answer:
        """The upstream's response, after redirects that stay at home."""
        method, url = self._request.method, self._road.target(self._path, self._query)
        for _ in range(_MOST_REDIRECTS + 1):
            response = await self._session.request(
                method,
                URL(url, encoded=True),
                headers=headers,
                data=written(self._body) if self._body or method not in ("GET", "HEAD") else None,
                proxy=self._road.proxy or None,
                allow_redirects=False,
            )
            location = response.headers.get("Location", "")
            if response.status not in _REDIRECTS or not location:
                return response
            response.close()
            url = urljoin(url, location)
            if not self._road.onward(url, method, response.status):
                host = urlsplit(url).netloc[:100]
                text = f"the upstream {self._road.name!r} redirects to {host} with status {response.status}"
                return self._told(502, f"{text}, which is not followed: give the upstream that address")
        return self._told(502, f"the upstream {self._road.name!r} redirects without end")

    async def _passed_on(self, response: aiohttp.ClientResponse) -> Answer:
        """Pass the response on as it comes. A small one is kept back whole until it is filed."""
        length = response.content_length
        if length is not None and length > self._limits.response_bytes:
            return self._told(502, f"{self._too_large()}: it has {length} bytes")
        headers = [*_passable(response), ("Server", "stopship")]
        is_empty = self._request.method == "HEAD" or response.status in _NO_BODY
        self._is_passing = True
        if self.is_unseen:
            raw, cut = await self._read(response, None)
            return self._kept(response, raw, cut)
        if is_empty or (length is not None and length <= SMALL):
            raw, cut = await self._read(response, None)
            if not cut:
                raw = self._without_secrets(raw)
                self._response = web.Response(status=response.status, headers=headers, body=raw)
                return self._kept(response, raw, "")
            out = web.StreamResponse(status=response.status, headers=headers)
            await self._write(out, raw)  # what came of it, and then nothing
        else:
            self._response = out = web.StreamResponse(status=response.status, headers=headers)
            raw, cut = await self._read(response, out)
        self._response, self._is_broken = out, bool(cut)
        return self._kept(response, raw, cut)

    async def _read(
        self, response: aiohttp.ClientResponse, out: web.StreamResponse | None
    ) -> tuple[bytes, str]:
        """The body, and why it broke off ("": it did not), each piece passed on where there is a way out."""
        chunks, size, cut = list[bytes](), 0, ""
        is_stream = response.headers.get("Content-Type", "").lower().startswith(EVENTS)
        try:
            if out is not None:
                await self._write(out, b"")
            while chunk := await self._next(response):
                size += len(chunk)
                if size > self._limits.response_bytes:
                    cut = f"TooLarge: {self._too_large()}"
                    break
                chunks.append(chunk)
                if out is None:
                    continue
                if self._held or (is_stream and _LAST_EVENT.search(chunk)):
                    self._held.append(chunk)
                else:
                    await self._write(out, chunk)
        except asyncio.CancelledError:
            if not self._is_left or self._task is None:
                raise
            self._task.uncancel()
            cut = f"{LEFT}: the client left, and the rest took too long"
        except (aiohttp.ClientError, ConnectionError, TimeoutError) as err:
            cut = told(err)
        return chunks[0] if len(chunks) == 1 else b"".join(chunks), cut

    async def _next(self, response: aiohttp.ClientResponse) -> bytes:
        """The next piece; b"" at the end, or where nothing more comes after the last event of a stream."""
        if not self._held:
            return await response.content.readany()
        try:
            async with asyncio.timeout(self._limits.linger_s):
                return await response.content.readany()
        except TimeoutError:
            return b""

    def _kept(self, response: aiohttp.ClientResponse, raw: bytes, cut: str) -> Answer:
        kind = response.headers.get("Content-Type", "")
        result = result_of(self._without_secrets(raw), kind, response.headers, is_cut=bool(cut))
        if cut:
            events = result.get("events")
            there = f"{len(events)} events" if isinstance(events, list) else f"{len(raw)} bytes"
            cut = f"{cut} (after {there})"
        return answer_of(response.status, result, cut)

    async def _write(self, out: web.StreamResponse, chunk: bytes) -> None:
        """Pass on a piece, or begin; a client that has gone is not a fault of the call."""
        if self._is_left:
            return
        try:
            if not out.prepared:
                await out.prepare(self._request)
            if chunk:
                await out.write(chunk)
        except ConnectionError:
            self.leave()

    def _told(self, status: int, text: str, error: BaseException | None = None) -> Answer:
        """The client is told, and it is kept that it was, so that a replay tells the same."""
        what = f"{text}: {told(error)}" if error is not None else text
        response = refusal(status, "stopship_upstream", what)
        response.headers["x-should-retry"] = "true" if error is not None else "false"
        self._response = response
        raw = response.body if isinstance(response.body, bytes) else b""
        result = result_of(raw, "application/json", response.headers)
        return Answer(result=result, error=told(error) if error else text, status=status, is_reusable=False)

    def _left(self) -> Answer:
        """What a client that gave up was told: nothing."""
        self._is_broken = True
        after = time.monotonic() - self._began
        return Answer(error=f"{LEFT}: the client left after {after:.1f} s, before it was answered",
                      is_reusable=False)  # fmt: skip

    def _without_secrets(self, raw: bytes) -> bytes:
        """What an upstream tells of the key (some do, in errors) is neither kept nor passed on."""
        for one in self._secrets():
            if one in raw:
                raw = raw.replace(one, PLACEHOLDER.encode())
        return raw

    def _secrets(self) -> Sequence[bytes]:
        return self._road.secrets(self._request.headers.items(), self._query)

    def _too_large(self) -> str:
        most = self._limits.response_bytes
        who = f"a response of the upstream {self._road.name!r}"
        return f"{who} is larger than {most} bytes, the most that is kept"


def _passable(response: aiohttp.ClientResponse) -> list[tuple[str, str]]:
    """The headers that go to the client: none with control characters, and no address of another host."""
    pairs = end_to_end(response.headers.items())
    return [
        (name, value) for name, value in pairs if name.lower() != "location" and not _CONTROL.search(value)
    ]
