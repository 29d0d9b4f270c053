"""What is sent to an address besides the body, and how a stream falls into lines."""

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.endpoints.running import Endpoint
from tests.endpoints.suites import plan_of, write_suite

from stopship.errors import EvidenceError
from stopship.gating.performing import replay
from stopship.model.run import Status
from stopship.parts.targets.anthropic_messages import AnthropicTarget
from stopship.parts.targets.openai_chat import BASE_URL, OpenAITarget
from stopship.parts.targets.posting import lines_of, proxy_of

pytest.importorskip("aiohttp")
pytest.importorskip("jinja2")

STREAM = "data: {1\u2028}\r\ndata: é\n\ndata: b\rdata: c\r\r\n: comment\n\ndata: [DONE]"
LINES = ["data: {1\u2028}", "data: é", "", "data: b", "data: c", "", ": comment", "", "data: [DONE]"]


async def _cut(data: bytes, cuts: list[int]) -> AsyncIterator[bytes]:
    for begin, end in pairwise([0, *sorted(cuts), len(data)]):
        yield data[begin:end]


@given(st.lists(st.integers(0, len(STREAM.encode())), max_size=6))
def test_lines_are_the_same_wherever_a_stream_is_cut(cuts: list[int]) -> None:
    async def read() -> list[str]:
        return [one async for one in lines_of(_cut(STREAM.encode(), cuts))]

    assert asyncio.run(read()) == LINES


def test_a_key_stands_where_the_protocol_wants_it_and_nothing_without_one(
    tmp_path: Path, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("A_KEY", "sk-0123456789")
    monkeypatch.setenv("OPENAI_ORG_ID", "org-of-somebody")
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "x-more: y")
    sent = {}
    for kind, tail in (("openai", "/v1"), ("anthropic", "")):
        for key in ("", '\nkey_env = "A_KEY"'):
            endpoint.plan()
            table = f'base_url = "{endpoint.url}{tail}"{key}'
            file = write_suite(tmp_path / f"{kind}{len(key)}", kind, table, asked=1)
            assert {one.status for one in replay(plan_of(file)).run.outcomes} == {Status.OK}
            sent[kind, bool(key)] = endpoint.counts["headers"][0]
    assert sent["openai", True]["authorization"] == "Bearer sk-0123456789"
    assert sent["anthropic", True]["x-api-key"] == "sk-0123456789"
    assert {sent["anthropic", one]["anthropic-version"] for one in (True, False)} == {"2023-06-01"}
    assert not {"authorization", "x-api-key"} & ({*sent["openai", False]} | {*sent["anthropic", False]})
    assert all(one["user-agent"].startswith("stopship/") for one in sent.values())
    assert "org-of-somebody" not in json.dumps([*sent.values()])  # it belongs to OpenAI's own address
    assert "x-more" not in json.dumps([*sent.values()])


def test_an_organisation_is_told_to_openai_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_ORG_ID", "org-1")
    common: dict[str, Any] = {"spec": "openai", "path": Path("suite.toml"), "digest": "0"}
    assert OpenAITarget(**common, base_url=BASE_URL).headers("k") == {
        "OpenAI-Organization": "org-1",
        "Authorization": "Bearer k",
    }
    assert OpenAITarget(**common, base_url="http://h/v1").headers("") == {}
    assert "OpenAI-Organization" not in AnthropicTarget(**common, base_url=BASE_URL).headers("k")


def test_proxies_are_those_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    assert proxy_of("https://api.example/v1") is None
    monkeypatch.setenv("ALL_PROXY", "http://all:1")
    assert proxy_of("https://api.example/v1") == "http://all:1"
    monkeypatch.setenv("HTTPS_PROXY", "http://own:1")
    assert proxy_of("https://api.example/v1") == "http://own:1"
    monkeypatch.setenv("HTTPS_PROXY", "own:1")
    assert proxy_of("https://api.example/v1") == "http://own:1"
    monkeypatch.setenv("HTTPS_PROXY", "socks5://me:secret@own:1")
    with pytest.raises(EvidenceError, match="a proxy of the kind 'socks5', expected http") as caught:
        proxy_of("https://api.example/v1")
    assert "secret" not in str(caught.value)
    monkeypatch.setenv("NO_PROXY", "api.example")
    assert proxy_of("https://api.example/v1") is None


Served = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@contextmanager
def serving(serve: Served) -> Iterator[str]:
    """A server that answers as it likes, in a thread."""
    loop = asyncio.new_event_loop()
    server = loop.run_until_complete(asyncio.start_server(serve, "127.0.0.1", 0))
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.run_until_complete(_ended(server))
        loop.close()


async def _ended(server: asyncio.Server) -> None:
    server.close()
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for one in tasks:
        one.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await asyncio.sleep(0.01)  # connections are closed in the next turn


def answering(*more: str) -> Served:
    """Every request is told its key, and then more that nobody asked for."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
                key = json.loads(await reader.readexactly(length))["key"]
                for text in (key, *more):
                    body = json.dumps({"output": text}).encode()
                    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n")
                    writer.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
                    await asyncio.sleep(0.01)
        except (asyncio.IncompleteReadError, OSError):
            pass  # whoever asked has gone
        finally:
            writer.close()

    return serve


def test_an_answer_that_nobody_asked_for_is_not_the_next_cases(tmp_path: Path) -> None:
    """A connection on which something came in since its last answer is out of step with what is asked."""
    with serving(answering("of nobody")) as url:
        pace = "per_minute = 1200\nconcurrency = 1"
        file = write_suite(tmp_path, "http", f'url = "{url}"', asked=8, replay=pace)
        outcomes = replay(plan_of(file)).run.outcomes
    assert [one.trace.get("output") for one in outcomes] == [one.key for one in outcomes]


def test_a_large_case_is_sent_where_warnings_are_errors_too(tmp_path: Path) -> None:
    with serving(answering()) as url:
        file = write_suite(tmp_path, "http", f'url = "{url}"', asked=["x" * 3_000_000, "short"])
        outcomes = replay(plan_of(file)).run.outcomes
    assert [one.trace.get("output") for one in outcomes] == [one.key for one in outcomes]
