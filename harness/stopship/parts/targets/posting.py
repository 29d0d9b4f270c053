"""A request that is posted to an address: what all targets behind HTTP share, one client for each event loop.

Decides how an endpoint is reached. Never follows a redirect, keeps a cookie or a retry, or reads `.netrc`.
"""

import re
from codecs import BOM_UTF8
from collections.abc import AsyncGenerator, AsyncIterable, Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from stopship import __version__
from stopship.errors import EvidenceError
from stopship.parts.targets.eager import request_class, written
from stopship.parts.targets.network import NoAnswer, PerLoop
from stopship.parts.targets.prompts import missing

CONNECT_S = 10.0
ANSWER_S = 600.0  # between two pieces of an answer, where the suite has no timeout
LONGEST_REPLY = 64 * 2**20  # bytes
_JSON = {"Content-Type": "application/json"}
_LINE_END = re.compile(rb"\r\n|\n|\r(?=.)", re.DOTALL)


def library(extra: str) -> Any:
    """The client; EvidenceError where it is not installed. `extra`: of the package, which installs it."""
    try:
        import aiohttp
    except ImportError as err:
        raise missing("aiohttp", extra) from err
    return aiohttp


def clients(url: str, extra: str) -> PerLoop[Any]:
    """Clients for an address."""

    def made() -> Any:
        aiohttp = library(extra)
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0),  # how many are in flight is the engine's to say
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_S, sock_read=ANSWER_S),
            headers={"User-Agent": f"stopship/{__version__}"},
            cookie_jar=aiohttp.DummyCookieJar(),  # no case sees what another left behind
            proxy=proxy_of(url),
            request_class=request_class(aiohttp),
            trust_env=False,  # else it reads .netrc for every request, and sends what it finds there
        )

    return PerLoop(made, lambda client: client.close())


def posted(client: Any, url: str, body: bytes, headers: Mapping[str, str]) -> Any:
    """The response of an address to JSON, to be entered. A key among the headers goes there alone."""
    return client.post(url, data=written(body), headers={**_JSON, **headers}, allow_redirects=False)


async def text_of(answer: Any) -> str:
    """The body of a response; NoAnswer where it is larger than any answer."""
    pieces, size = [], 0
    while piece := await answer.content.readany():
        size += len(piece)
        _check_size(size)
        pieces.append(piece)
    return b"".join(pieces).decode("utf-8-sig", "replace")


async def lines_of(chunks: AsyncIterable[bytes]) -> AsyncGenerator[str, None]:
    """The lines of a stream of events, whatever ends them and wherever its pieces are cut. A byte order mark
    before the first one is no part of it."""
    held, size, is_begun = b"", 0, False
    async for chunk in chunks:
        size += len(chunk)
        _check_size(size)
        held += chunk
        if not is_begun:
            if len(held) < len(BOM_UTF8):
                continue
            held, is_begun = held.removeprefix(BOM_UTF8), True
        *lines, held = _LINE_END.split(held)
        for one in lines:
            yield one.decode("utf-8", "replace")
    if held:
        yield held.rstrip(b"\r").decode("utf-8", "replace")


def _check_size(size: int) -> None:
    if size > LONGEST_REPLY:
        raise NoAnswer(f"the endpoint answered more than {LONGEST_REPLY // 2**20} MiB")


def proxy_of(url: str) -> str | None:
    """The proxy that the environment names for an address; EvidenceError for one of another kind."""
    parts, found = urlsplit(url), getproxies()
    proxy = None if proxy_bypass(parts.hostname or "") else found.get(parts.scheme, found.get("all"))
    if not proxy:
        return None
    scheme, mark, _ = proxy.partition("://")
    if mark and scheme.lower() not in ("http", "https"):
        raise EvidenceError(
            f"the environment names a proxy of the kind {scheme!r}, expected http",
            do=f"set {parts.scheme.upper()}_PROXY to one of http, or NO_PROXY to {parts.hostname}",
        )
    return proxy if mark else f"http://{proxy}"


@lru_cache(maxsize=8)
def address_of(base: str, path: str) -> str:
    """A path below an address; what the address has for a query stays behind it."""
    parts = urlsplit(base)
    return parts._replace(path=parts.path.rstrip("/") + path).geturl()
