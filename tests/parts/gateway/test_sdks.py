"""Real SDKs that know a base_url alone are recorded, and served the same without their upstream."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import anthropic
import openai
import pytest
from tests.endpoints.running import Endpoint
from tests.parts.gateway.asking import (
    CASE,
    KEY,
    MESSAGES,
    TOOL,
    anthropic_at,
    before,
    chat,
    message,
    openai_at,
)
from tests.parts.gateway.memory import Memory

from stopship.model.canonical import canonical_bytes
from stopship.model.exchange import CallKind, Effect
from stopship.parts.gateway.server import Admission

FUNCTIONS = [{"type": "function", "function": {"name": "find", "parameters": TOOL}}]
TOOLS = [{"name": "find", "input_schema": TOOL}]
CALLS: dict[str, Callable[[Admission], Any]] = {
    "openai": lambda way: chat(openai_at(way)),
    "openai stream": lambda way: chat(openai_at(way), stream=True, stream_options={"include_usage": True}),
    "openai tools": lambda way: chat(openai_at(way), tools=FUNCTIONS),
    "openai tools stream": lambda way: chat(openai_at(way), tools=FUNCTIONS, stream=True),
    "anthropic": lambda way: message(anthropic_at(way)),
    "anthropic stream": lambda way: message(anthropic_at(way), stream=True),
    "anthropic tools": lambda way: message(anthropic_at(way), tools=TOOLS),
    "anthropic tools stream": lambda way: message(anthropic_at(way), tools=TOOLS, stream=True),
}


def data(found: Any) -> Any:
    return [one.model_dump() for one in found] if isinstance(found, list) else found.model_dump()


@pytest.mark.parametrize("name", CALLS)
def test_what_was_recorded_is_served_the_same(endpoint: Endpoint, name: str) -> None:
    memory = Memory("all")
    with before(endpoint, memory) as gateway:
        live = data(CALLS[name](gateway.admit(CASE)))
    frozen = memory.again("frozen")
    with before(endpoint, frozen) as gateway:
        served = data(CALLS[name](gateway.admit(CASE)))
    assert served == live
    assert endpoint.requests == 1
    assert memory.answers[0].is_reusable


def test_a_call_is_what_is_asked_and_of_whom(endpoint: Endpoint) -> None:
    memory = Memory("all")
    with before(endpoint, memory) as gateway:
        chat(openai_at(gateway.admit(CASE)), temperature=0.5)
    asked = memory.asked[0]
    assert (asked.case, asked.sample) == ("case-1", 0)
    assert asked.call.kind is CallKind.MODEL
    assert asked.call.name == "POST up/v1/chat/completions"
    assert asked.call.request == {"model": "m-1", "messages": MESSAGES, "temperature": 0.5}
    assert asked.call.effect is Effect.READ
    assert asked.call.pins == ("model",)


def test_async_clients_ask_many_at_once_and_each_gets_its_own(endpoint: Endpoint) -> None:
    endpoint.plan(together=9)  # answered once so many are there, however slow this machine is
    memory = Memory("all")
    how: Any = {
        "api_key": "none",
        "max_retries": 0,
        "timeout": 60,
    }  # connecting, too: 5 s are their own limit

    async def ask(gateway: Any) -> list[str]:
        async def one(number: int, clients: tuple[Any, Any]) -> str:
            way = gateway.admit(type(CASE)(f"case-{number}", number))
            url = way.base_urls["up"]
            if number % 2:
                client = clients[0].with_options(base_url=url + "/v1", api_key=way.key)
                stream = await chat_of(client, f"hello {number}")
                return "".join([part.choices[0].delta.content or "" async for part in stream])
            client = clients[1].with_options(base_url=url, api_key=way.key)
            text = [{"role": "user", "content": f"hello {number}"}]
            found = await client.messages.create(model="m-1", max_tokens=9, messages=text)
            return str(found.content[0].text)

        async with openai.AsyncOpenAI(**how) as first, anthropic.AsyncAnthropic(**how) as second:
            return list(await asyncio.gather(*(one(number, (first, second)) for number in range(40))))

    async def chat_of(client: Any, text: str) -> Any:
        return await client.chat.completions.create(
            model="m-1", messages=[{"role": "user", "content": text}], stream=True
        )

    with before(endpoint, memory) as gateway:
        live = asyncio.run(ask(gateway))
    assert all(found.endswith(f"hello {number}") for number, found in enumerate(live))
    assert {(one.case, one.sample) for one in memory.asked} == {(f"case-{n}", n) for n in range(40)}
    assert endpoint.counts["peak"] >= 9
    with before(endpoint, memory.again("frozen")) as gateway:
        assert asyncio.run(ask(gateway)) == live
    assert endpoint.requests == 40


CHILD = """
import json, sys
from urllib.request import Request, urlopen
base, stream = sys.argv[1], sys.argv[2] == "stream"
body = {"model": "m-1", "messages": [{"role": "user", "content": "from a child"}], "stream": stream}
kind = {"Content-Type": "application/json"}
asked = Request(base + "/v1/chat/completions", json.dumps(body).encode(), kind)
with urlopen(asked, timeout=20) as answer:
    sys.stdout.buffer.write(answer.read())
"""


@pytest.mark.parametrize("kind", ["stream", "whole"])
def test_another_process_needs_the_address_alone_and_streams_are_served_byte_for_byte(
    endpoint: Endpoint, kind: str
) -> None:
    def child(way: Admission) -> bytes:
        done = subprocess.run(
            [sys.executable, "-c", CHILD, way.base_urls["up"], kind], check=True, capture_output=True, env={}
        )
        return done.stdout

    memory = Memory("all")
    with before(endpoint, memory) as gateway:
        live = child(gateway.admit(CASE))
    with before(endpoint, memory.again("frozen")) as gateway:
        served = child(gateway.admit(CASE))
    assert endpoint.counts["headers"][0]["authorization"] == f"Bearer {KEY}"  # though the child sent none
    if kind == "stream":
        assert served == live
        assert live.endswith(b"data: [DONE]\n\n")
        result: Any = memory.answers[0].result
        assert "".join(result["events"]).encode() == live
    else:
        assert json.loads(served) == json.loads(live)


@pytest.mark.parametrize("ask", [lambda w: chat(openai_at(w)), lambda w: message(anthropic_at(w))])
def test_the_key_is_given_by_the_gateway_and_stands_in_no_recording(endpoint: Endpoint, ask: Any) -> None:
    memory = Memory("all")
    with before(endpoint, memory) as gateway:
        way = gateway.admit(CASE)
        assert KEY not in str(way)
        ask(way)
    headers = endpoint.counts["headers"][0]
    assert KEY in (headers.get("x-api-key", "") + headers.get("authorization", ""))
    assert way.key not in str(headers)
    kept = b"".join(
        canonical_bytes([one.asked.call.request, one.answers[0].result]) for one in memory.recordings
    )
    for secret in (KEY, way.key, way.token, "x-api-key", "authorization", "user-agent"):
        assert secret.encode() not in kept.lower()


@pytest.mark.parametrize("ask", [lambda w: chat(openai_at(w)), lambda w: message(anthropic_at(w))])
def test_a_key_that_an_upstream_tells_reaches_neither_recording_nor_target(
    endpoint: Endpoint, ask: Any
) -> None:
    memory = Memory("all")
    with (
        before(endpoint, memory, prefix="/fault/echo-key") as gateway,
        pytest.raises((openai.BadRequestError, anthropic.BadRequestError)) as caught,
    ):
        ask(gateway.admit(CASE))
    assert "may not" in str(caught.value)
    assert KEY not in str(caught.value)
    assert KEY not in str(memory.answers)


@pytest.mark.parametrize("ask", [lambda w: chat(openai_at(w)), lambda w: message(anthropic_at(w))])
def test_a_miss_is_an_exception_with_its_text_that_no_sdk_retries(endpoint: Endpoint, ask: Any) -> None:
    memory = Memory("frozen")
    with (
        before(endpoint, memory) as gateway,
        pytest.raises((openai.APIStatusError, anthropic.APIStatusError)) as caught,
    ):
        ask(gateway.admit(CASE))
    assert getattr(caught.value, "status_code", 0) == 424
    assert "nothing was recorded that answers POST up/v1/" in str(caught.value)
    assert len(memory.missed) == 1
    assert endpoint.requests == 0


@pytest.mark.parametrize("many", [3])
def test_a_miss_is_not_retried_by_clients_that_retry(endpoint: Endpoint, many: int) -> None:
    memory = Memory("frozen")
    with before(endpoint, memory) as gateway:
        way = gateway.admit(CASE)
        with pytest.raises(openai.APIStatusError):
            chat(openai_at(way, max_retries=many))
        with pytest.raises(anthropic.APIStatusError):
            message(anthropic_at(way, max_retries=many))
    assert len(memory.missed) == 2
