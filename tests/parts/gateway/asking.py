"""A gateway before the test endpoint, and the real SDKs that ask it."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from email.message import Message
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import anthropic
import openai
from tests.endpoints.running import Endpoint
from tests.parts.gateway.memory import Memory

from stopship.parts.gateway.seam import Limits, Place
from stopship.parts.gateway.server import Admission, Gateway
from stopship.parts.gateway.upstreams import Upstream

KEY = "sk-real-and-secret-0123456789"
ENVIRON = {"MODEL_KEY": KEY}
CASE = Place("case-1", 0)
MESSAGES: list[Any] = [{"role": "user", "content": "hello there, how are you?"}]
TOOL = {"type": "object", "properties": {"q": {"type": "string"}, "n": {"type": "integer"}}}


@contextmanager
def before(
    endpoint: Endpoint, exchange: Memory, limits: Limits | None = None, prefix: str = "", **more: Any
) -> Iterator[Gateway]:
    """A gateway whose upstream `up` is the endpoint; nothing in it may have gone wrong at the end."""
    upstreams = {"up": Upstream(url=endpoint.url + prefix, key_env="MODEL_KEY"), **more}
    with Gateway(upstreams, exchange, environ=ENVIRON, limits=limits) as gateway:
        yield gateway
        assert gateway.bug is None, gateway.bug


def admitted(gateway: Gateway, place: Place = CASE) -> Admission:
    return gateway.admit(place)


def openai_at(way: Admission, **more: Any) -> openai.OpenAI:
    given = {"max_retries": 0, "timeout": 20, **more}
    return openai.OpenAI(base_url=way.base_urls["up"] + "/v1", api_key=way.key, **given)


def anthropic_at(way: Admission, **more: Any) -> anthropic.Anthropic:
    given = {"max_retries": 0, "timeout": 20, **more}
    return anthropic.Anthropic(base_url=way.base_urls["up"], api_key=way.key, **given)


def chat(client: Any, text: str = "", **more: Any) -> Any:
    """One chat completion; a list of chunks for a stream."""
    messages = [{"role": "user", "content": text}] if text else MESSAGES
    found = client.chat.completions.create(model="m-1", messages=messages, **more)
    return list(found) if more.get("stream") else found


def message(client: Any, text: str = "", **more: Any) -> Any:
    """One message of Anthropic's; a list of events for a stream."""
    messages = [{"role": "user", "content": text}] if text else MESSAGES
    found = client.messages.create(model="m-1", max_tokens=99, messages=messages, **more)
    return list(found) if more.get("stream") else found


def fetched(
    url: str, body: object = None, headers: Mapping[str, str] | None = None, method: str | None = None
) -> tuple[int, bytes, Message]:
    """Status, body and headers of a plain request."""
    raw = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
    kind = {"Content-Type": "application/json"} if raw is not None else {}
    asked = Request(url, raw, {**kind, **(headers or {})}, method=method)  # noqa: S310  # our own
    try:
        with urlopen(asked, timeout=20) as answer:  # noqa: S310  # our own
            return answer.status, answer.read(), answer.headers
    except HTTPError as err:
        with err:
            return err.code, err.read(), err.headers
