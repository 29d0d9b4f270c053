"""The target `[replay.http]`: a case is posted to an address, and the answer is text or a trace, as JSON.

Decides what is sent. What answers there is no pin; it may tell under `observed` which pins it runs.
"""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from stopship.model.case import Case, Json
from stopship.parts.targets.network import BadAnswer, Foreign, PerLoop, of_status, short
from stopship.parts.targets.prompts import missing
from stopship.parts.targets.protocol import ANSWER_S, CONNECT_S


@dataclass(frozen=True, slots=True, kw_only=True)
class PostedTarget(Foreign):
    """A service behind an address."""

    url: str
    _clients: PerLoop[Any] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_clients", PerLoop(self._made, lambda client: client.close()))

    def prepare(self) -> None:
        _library()
        self.key()

    def _made(self) -> Any:
        aiohttp = _library()
        key = self.key()
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0),  # how many are in flight is the engine's to say
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_S, sock_read=ANSWER_S),
            headers={"Authorization": f"Bearer {key}"} if key else {},
            cookie_jar=aiohttp.DummyCookieJar(),  # no case sees what another left behind
            proxy=_proxy(self.url),
            trust_env=False,  # else it reads .netrc for every request, and sends what it finds there
        )

    async def ask(self, case: Case, stack: Any, sample: int, epoch: int) -> Any:
        client = await self._clients.get()
        asked = json.dumps(request_of(case, stack, sample, epoch), ensure_ascii=False)
        sent = {"data": asked.encode("utf-8", "replace"), "allow_redirects": False}
        async with client.post(self.url, headers={"Content-Type": "application/json"}, **sent) as answer:
            data = await answer.read()
            headers, status = answer.headers, answer.status
        text = data.decode("utf-8", "replace")
        if status != 200:
            after = headers.get("Retry-After")
            raise of_status(status, short(text), after, time.time(), is_model=False)
        kind = headers.get("Content-Type", "")
        if "json" not in kind:
            raise BadAnswer(f"answered {kind or 'without a content type'}, expected application/json")
        try:
            return json.loads(text)
        except ValueError as err:
            raise BadAnswer(f"answered what is no JSON: {err}") from err


def request_of(case: Case, stack: Any, sample: int, epoch: int) -> dict[str, Json]:
    """What a service or a command is asked; the versions of the stack's pins tell it which stack is meant."""
    pins: Mapping[str, Json] = {one.axis: one.version for one in stack.stack.pins}
    return {
        "key": case.key,
        "case": dict(case.row),
        "input": case.input,
        "sample": sample,
        "epoch": epoch,
        "stack": dict(pins),
    }


def _proxy(url: str) -> str | None:
    """The proxy that the environment names for an address."""
    parts = urlsplit(url)
    return None if proxy_bypass(parts.hostname or "") else getproxies().get(parts.scheme)


def _library() -> Any:
    try:
        import aiohttp
    except ImportError as err:
        raise missing("aiohttp", "http") from err
    return aiohttp
