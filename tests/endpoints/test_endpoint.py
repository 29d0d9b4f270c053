"""The endpoint that other tests trust: the real SDKs read it, and its faults are what they are called."""

import asyncio
import json
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from tests.endpoints.answers import FINGERPRINT, OTHER_MODEL, openai_answer
from tests.endpoints.faults import plan_of
from tests.endpoints.running import Endpoint

openai = pytest.importorskip("openai")
anthropic = pytest.importorskip("anthropic")
TOOL = {"type": "object", "properties": {"q": {"type": "string"}, "n": {"type": "integer"}}}


def openai_client(endpoint: Endpoint, prefix: str = "") -> Any:
    url = f"{endpoint.url}{prefix}/v1"
    return openai.AsyncOpenAI(base_url=url, api_key="k", max_retries=0)


def ask_openai(endpoint: Endpoint, text: str, prefix: str = "", **more: Any) -> Any:
    async def ask() -> Any:
        async with openai_client(endpoint, prefix) as client:
            asked = {"model": "m-1", "messages": [{"role": "user", "content": text}], **more}
            found = await client.chat.completions.create(**asked)
            return [one async for one in found] if more.get("stream") else found

    return asyncio.run(ask())


def ask_anthropic(endpoint: Endpoint, text: str, prefix: str = "", **more: Any) -> Any:
    async def ask() -> Any:
        url = f"{endpoint.url}{prefix}"
        async with anthropic.AsyncAnthropic(base_url=url, api_key="k", max_retries=0) as client:
            asked = {
                "model": "m-1",
                "max_tokens": 99,
                "messages": [{"role": "user", "content": text}],
                **more,
            }
            found = await client.messages.create(**asked)
            return [one async for one in found] if more.get("stream") else found

    return asyncio.run(ask())


def test_an_answer_is_computed_from_the_request_alone(endpoint: Endpoint) -> None:
    body = {"model": "m-1", "messages": [{"role": "user", "content": "hello"}]}
    found = ask_openai(endpoint, "hello")
    assert found.choices[0].message.content == openai_answer(body)["choices"][0]["message"]["content"]
    assert (found.model, found.system_fingerprint) == ("m-1", FINGERPRINT)
    assert ask_openai(endpoint, "hello [other-model]").model == OTHER_MODEL
    assert endpoint.counts["requests"] == endpoint.counts["different"] == 2


def test_openai_tools_schemas_and_reasons(endpoint: Endpoint) -> None:
    tools = [{"type": "function", "function": {"name": "find", "parameters": TOOL}}]
    choice = ask_openai(endpoint, "hello", tools=tools).choices[0]
    assert choice.finish_reason == "tool_calls"
    assert json.loads(choice.message.tool_calls[0].function.arguments) == {"q": "hello", "n": 5}
    shape = {"type": "json_schema", "json_schema": {"name": "x", "schema": TOOL}}
    found = ask_openai(endpoint, "hello", response_format=shape)
    assert json.loads(found.choices[0].message.content) == {"q": "hello", "n": 5}
    assert ask_openai(endpoint, "[length]").choices[0].finish_reason == "length"
    assert ask_openai(endpoint, "[filter]").choices[0].finish_reason == "content_filter"
    assert ask_openai(endpoint, "[refuse]").choices[0].message.refusal
    assert ask_openai(endpoint, "[cached] b c d").usage.prompt_tokens_details.cached_tokens == 2


def test_openai_streams_with_usage(endpoint: Endpoint) -> None:
    whole = ask_openai(endpoint, "hello there")
    chunks = ask_openai(endpoint, "hello there", stream=True, stream_options={"include_usage": True})
    told = "".join(one.choices[0].delta.content or "" for one in chunks if one.choices)
    assert told == whole.choices[0].message.content
    assert chunks[-1].usage.total_tokens == whole.usage.total_tokens


def test_anthropic_answers_tools_and_streams(endpoint: Endpoint) -> None:
    whole = ask_anthropic(endpoint, "hello [cached] x y")
    assert whole.stop_reason == "end_turn"
    assert whole.usage.cache_read_input_tokens == 2
    events = ask_anthropic(endpoint, "hello [cached] x y", stream=True)
    told = "".join(one.delta.text for one in events if one.type == "content_block_delta")
    assert told == whole.content[0].text
    tools = [{"name": "find", "input_schema": TOOL}]
    assert ask_anthropic(endpoint, "hello", tools=tools).content[0].input == {"q": "hello", "n": 5}
    assert ask_anthropic(endpoint, "[refuse]").stop_reason == "refusal"


@pytest.mark.parametrize("ask", [ask_openai, ask_anthropic])
@pytest.mark.parametrize(
    ("fault", "status"), [("429", 429), ("500", 500), ("503", 503), ("400", 400), ("redirect", 404)]
)
def test_faults_by_path_have_their_status(endpoint: Endpoint, ask: Any, fault: str, status: int) -> None:
    with pytest.raises((openai.APIStatusError, anthropic.APIStatusError)) as caught:
        ask(endpoint, "hello", f"/fault/{fault}")
    assert caught.value.status_code == status  # both SDKs follow the redirect, to where nothing is


@pytest.mark.parametrize("ask", [ask_openai, ask_anthropic])
@pytest.mark.parametrize("fault", ["closed", "half"])
def test_a_cut_connection_is_a_connection_error(endpoint: Endpoint, ask: Any, fault: str) -> None:
    with pytest.raises((openai.APIConnectionError, anthropic.APIConnectionError)):
        ask(endpoint, "hello", f"/fault/{fault}")


def test_faults_by_header_say_when_to_come_again(endpoint: Endpoint) -> None:
    endpoint.plan(retry_after="7")
    for fault, pattern in (("429", "7"), ("429-date", "GMT")):
        headers = {"x-fault": fault, "content-type": "application/json"}
        asked = Request(f"{endpoint.url}/answer", b'{"case": {}}', headers)  # noqa: S310  # our own
        with pytest.raises(HTTPError) as caught:
            urlopen(asked, timeout=10)  # noqa: S310  # ditto
        with caught.value as answer:
            assert pattern in answer.headers["Retry-After"]


def test_a_plan_draws_by_body_and_attempt_whatever_the_order() -> None:
    plan = plan_of({"rates": {"503": 0.3, "429": 0.2}, "seed": 4})
    bodies = [b"%d" % number for number in range(2000)]
    drawn = [plan.fault(one, 0) for one in bodies]
    assert drawn == [plan.fault(one, 0) for one in bodies]
    assert 0.25 < drawn.count("503") / 2000 < 0.35
    assert 0.15 < drawn.count("429") / 2000 < 0.25
    assert plan_of({"rates": {"503": 1.0}, "first": 1}).fault(b"x", 1) == ""
    with pytest.raises(ValueError, match="no such faults"):
        plan_of({"rates": {"504": 1.0}})
