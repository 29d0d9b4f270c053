"""What goes wrong between target and model is recorded as it was, in order, and served so."""

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from http.client import HTTPException
from typing import Any

import anthropic
import openai
import pytest
from tests.endpoints.running import Endpoint
from tests.parts.gateway.asking import CASE, MESSAGES, anthropic_at, before, chat, fetched, message, openai_at
from tests.parts.gateway.memory import Memory

from stopship.parts.gateway.seam import Limits, Place
from stopship.parts.gateway.server import Gateway
from stopship.parts.gateway.upstreams import Upstream

pytestmark = pytest.mark.slow

ASKS = [
    pytest.param(lambda way, **more: chat(openai_at(way, **more)), id="openai"),
    pytest.param(lambda way, **more: message(anthropic_at(way, **more)), id="anthropic"),
]
BODY = {"model": "m-1", "messages": [{"role": "user", "content": "hello there"}]}


@contextmanager
def raw_upstream(*responses: bytes, pause_s: float = 0.0, end: bool = True) -> Iterator[str]:
    """An upstream that sends these bytes to one connection after the other, whatever it is asked."""
    with socket.create_server(("127.0.0.1", 0)) as listening, ExitStack() as held:

        def serve() -> None:
            with suppress(OSError):  # whoever asked has gone, or the test is over
                for response in responses:
                    connection = held.enter_context(listening.accept()[0])
                    connection.settimeout(20)
                    connection.recv(65536)
                    for piece in response.split(b"<pause>"):
                        connection.sendall(piece)
                        time.sleep(pause_s)
                    if end:
                        connection.close()

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        listening.shutdown(socket.SHUT_RDWR)
    thread.join(5)


@pytest.mark.parametrize("ask", ASKS)
@pytest.mark.parametrize("fault", ["429", "429-date", "500", "503", "closed", "half"])
def test_an_error_and_then_a_success_is_a_sequence_that_is_served_in_its_order(
    endpoint: Endpoint, ask: Any, fault: str
) -> None:
    endpoint.plan(rates={fault: 1.0}, first=1)
    memory = Memory("all")
    with before(endpoint, memory) as gateway:
        live = ask(gateway.admit(CASE), max_retries=2)
    assert endpoint.requests == 2
    (recording,) = memory.recordings
    first, second = recording.answers
    assert first.error
    assert not first.is_reusable
    assert (second.error, second.is_reusable, second.status) == ("", True, 200)
    frozen = memory.again("frozen")
    with before(endpoint, frozen) as gateway:
        assert ask(gateway.admit(CASE), max_retries=2) == live
    with (
        before(endpoint, memory.again("frozen")) as gateway,
        pytest.raises((openai.APIError, anthropic.APIError)),
    ):
        ask(gateway.admit(CASE), max_retries=0)  # another policy of retries meets the error
    assert len(frozen.asked) == 2
    assert endpoint.requests == 2


def test_what_a_429_asks_of_its_client_is_kept(endpoint: Endpoint) -> None:
    endpoint.plan(rates={"429": 1.0}, retry_after="7")
    memory = Memory("all")
    frozen = memory
    for _ in range(2):
        with before(endpoint, frozen) as gateway:
            url = gateway.admit(CASE).base_urls["up"] + "/v1/chat/completions"
            status, body, headers = fetched(url, BODY)
        assert (status, headers["Retry-After"]) == (429, "7")
        assert b"was asked for" in body
        frozen = memory.again("frozen")
    assert memory.answers[0].error.startswith("HTTP 429: ")
    assert endpoint.requests == 1


@pytest.mark.parametrize("is_stream", [False, True])
def test_half_an_answer_breaks_off_where_it_broke_off(endpoint: Endpoint, is_stream: bool) -> None:
    endpoint.plan(rates={"half": 1.0})
    memory = Memory("all")

    def pieces(gateway: Gateway) -> list[Any]:
        found: list[Any] = []
        client = openai_at(gateway.admit(CASE))
        try:
            made: Any = client.chat.completions.create(model="m", messages=MESSAGES, stream=is_stream)
            found.extend(made)
        except Exception as err:  # noqa: BLE001  # which one is compared
            found.append(type(err).__name__)
        return found

    with before(endpoint, memory) as gateway:
        live = pieces(gateway)
    (answer,) = memory.answers
    assert not answer.is_reusable
    assert "after " in answer.error
    with before(endpoint, memory.again("frozen")) as gateway:
        assert pieces(gateway) == live
    assert isinstance(live[-1], str)
    assert len(live) > 1 or not is_stream


@pytest.mark.parametrize("ask", ASKS)
def test_a_refusal_is_evidence_and_serves_no_retry(endpoint: Endpoint, ask: Any) -> None:
    memory = Memory("all")
    with before(endpoint, memory) as gateway:
        way = gateway.admit(CASE)
        is_openai = "chat" in ask.__code__.co_names
        for is_stream in (False, True):
            for word in ("[refuse]", "[filter]") if is_openai else ("[refuse]",):
                client = openai_at(way) if is_openai else anthropic_at(way)
                (chat if is_openai else message)(client, f"please {word}", stream=is_stream)
    assert len(memory.answers) == (4 if is_openai else 2)
    assert [one.is_reusable for one in memory.answers] == [False] * len(memory.answers)
    assert {one.error for one in memory.answers} == {""}


@pytest.mark.parametrize("ask", ASKS)
def test_an_answer_that_is_no_json_is_an_error(endpoint: Endpoint, ask: Any) -> None:
    endpoint.plan(rates={"invalid-json": 1.0})
    memory = Memory("all")
    with before(endpoint, memory) as gateway:
        url = gateway.admit(CASE).base_urls["up"] + "/v1/messages"
        _, live, _ = fetched(url, BODY)
    assert memory.answers[0].error.startswith("InvalidJson")
    with before(endpoint, memory.again("frozen")) as gateway:
        _, served, _ = fetched(gateway.admit(CASE).base_urls["up"] + "/v1/messages", BODY)
    assert served == live


@pytest.mark.parametrize("ask", ASKS)
def test_a_redirect_at_home_is_followed_only_if_it_stays_the_same_request(
    endpoint: Endpoint, ask: Any
) -> None:
    memory = Memory("all")
    with (
        before(endpoint, memory, prefix="/fault/redirect") as gateway,
        pytest.raises((openai.APIStatusError, anthropic.APIStatusError)) as caught,
    ):
        ask(gateway.admit(CASE))
    assert getattr(caught.value, "status_code", 0) == 502
    assert "redirects to 127.0.0.1" in str(caught.value)


def test_a_redirect_takes_the_key_to_no_other_host() -> None:
    with raw_upstream(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno") as other:
        away = f"HTTP/1.1 307 Away\r\nLocation: {other}/v1\r\nContent-Length: 0\r\n\r\n".encode()
        with raw_upstream(away) as home:
            memory = Memory("all")
            upstreams = {"up": Upstream(url=home, key_env="K")}
            with Gateway(upstreams, memory, environ={"K": "secret-secret"}) as gateway:
                status, body, headers = fetched(gateway.admit(CASE).base_urls["up"] + "/v1", BODY)
    assert status == 502
    assert b"which is not followed" in body
    assert headers["x-should-retry"] == "false"
    assert "Location" not in headers


def test_a_redirect_that_stays_is_followed() -> None:
    there = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nthere"
    away = b"HTTP/1.1 307 Away\r\nLocation: /v1/\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    memory = Memory("all")
    with (
        raw_upstream(away, there) as home,
        Gateway({"up": Upstream(url=home)}, memory, environ={}) as gateway,
    ):
        assert fetched(gateway.admit(CASE).base_urls["up"] + "/v1", BODY)[:2] == (200, b"there")


def test_an_upstream_that_is_not_there_says_so() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    memory = Memory("all")
    with Gateway({"up": Upstream(url=url)}, memory, environ={}) as gateway:
        status, body, headers = fetched(gateway.admit(CASE).base_urls["up"] + "/v1", BODY)
        assert gateway.bug is None
    assert (status, headers["x-should-retry"]) == (502, "true")
    assert "cannot reach the upstream 'up'" in json.loads(body)["error"]["message"]
    assert memory.answers[0].error.startswith("ClientConnectorError")
    assert memory.answers[0].status == 502


def test_an_upstream_that_takes_too_long_is_a_504_of_its_own() -> None:
    memory = Memory("all")
    with raw_upstream(b"", end=False) as url:
        limits = Limits(read_s=0.2)
        with Gateway({"up": Upstream(url=url)}, memory, environ={}, limits=limits) as gateway:
            assert fetched(gateway.admit(CASE).base_urls["up"] + "/v1", BODY)[0] == 504
            assert gateway.bug is None
    assert "Timeout" in memory.answers[0].error
    assert not memory.answers[0].is_reusable


@pytest.mark.parametrize(
    "response",
    [
        b"nonsense\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: a\x00b\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\nhello",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70_000 + b"\r\n\r\n",
        b"",
    ],
    ids=["nonsense", "nul", "two lengths", "bad chunk", "bad gzip", "huge header", "nothing"],
)
def test_an_upstream_that_speaks_no_http_is_an_error_that_is_kept(response: bytes) -> None:
    memory = Memory("all")
    with raw_upstream(response) as url, Gateway({"up": Upstream(url=url)}, memory, environ={}) as gateway:
        address = gateway.admit(CASE).base_urls["up"] + "/v1"
        try:
            status = fetched(address, BODY)[0]
        except (OSError, HTTPException):  # closed, or cut off
            status = 0
        assert gateway.bug is None
    assert status in (0, 200, 502)
    (answer,) = memory.answers
    assert answer.error
    assert not answer.is_reusable


def test_ansi_in_an_upstreams_header_reaches_no_recording() -> None:
    response = b"HTTP/1.1 200 OK\r\nContent-Type: text/\x1b[31mplain\r\nContent-Length: 2\r\n\r\nok"
    memory = Memory("all")
    with raw_upstream(response) as url, Gateway({"up": Upstream(url=url)}, memory, environ={}) as gateway:
        fetched(gateway.admit(CASE).base_urls["up"] + "/v1", BODY)
        assert gateway.bug is None
    assert "\x1b" not in str(memory.answers)


def test_cookies_go_neither_way() -> None:
    response = b"HTTP/1.1 200 OK\r\nSet-Cookie: a=b\r\nX-Other: c\r\nContent-Length: 2\r\n\r\nok"
    memory = Memory("all")
    with raw_upstream(response) as url, Gateway({"up": Upstream(url=url)}, memory, environ={}) as gateway:
        _, _, headers = fetched(gateway.admit(CASE).base_urls["up"] + "/v1", BODY, {"Cookie": "x=y"})
    assert "Set-Cookie" not in headers
    assert headers["X-Other"] == "c"
    assert memory.answers[0].result == {"type": "", "text": "ok"}


@pytest.mark.parametrize("size", [1_000_000, 50_000_000])
def test_a_response_beyond_the_limit_is_cut_with_its_reason(size: int) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\n"
    memory = Memory("all")
    limits = Limits(response_bytes=2_000_000)
    with (
        raw_upstream(head + b"x" * size) as url,
        Gateway({"up": Upstream(url=url)}, memory, environ={}, limits=limits) as gateway,
    ):
        address = gateway.admit(CASE).base_urls["up"] + "/v1"
        if size < limits.response_bytes:
            assert len(fetched(address, BODY)[1]) == size
        else:
            with pytest.raises(Exception, match="Incomplete"):
                fetched(address, BODY)
    assert memory.answers[0].error.startswith("TooLarge: " if size > limits.response_bytes else "")
    assert memory.answers[0].is_reusable is (size < limits.response_bytes)


def test_an_error_inside_a_stream_and_a_stream_without_end_are_no_answers() -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"
    overloaded = b'data: {"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}\n\n'
    start = b'event: message_start\ndata: {"type":"message_start","message":{}}\n\n'
    memory = Memory("all")
    with (
        raw_upstream(head + start + overloaded, head + start) as url,
        Gateway({"up": Upstream(url=url)}, memory, environ={}) as gateway,
    ):
        address = gateway.admit(CASE).base_urls["up"] + "/v1/messages"
        assert fetched(address, BODY)[1] == start + overloaded
        fetched(address, BODY)
    errors = [one.error for one in memory.answers]
    assert errors == ["overloaded_error: Overloaded", "HalfStream: no end after 1 events"]
    assert not any(one.is_reusable for one in memory.answers)


def test_a_client_that_gives_up_leaves_an_attempt_without_an_answer(endpoint: Endpoint) -> None:
    endpoint.plan(rates={"slow": 1.0}, first=1, slow_s=3)
    memory = Memory("all")
    with before(endpoint, memory) as gateway:
        live = chat(openai_at(gateway.admit(CASE), timeout=0.5, max_retries=1))
    first, second = memory.answers
    assert first.error.startswith("ClientLeft: the client left after ")
    assert (first.status, first.is_reusable, second.is_reusable) == (None, False, True)
    with before(endpoint, memory.again("frozen")) as gateway:
        assert chat(openai_at(gateway.admit(CASE), timeout=0.5, max_retries=1)) == live


def test_a_stream_whose_client_stops_early_is_still_recorded_whole() -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"
    events = [b"data: %d\n\n" % number for number in range(4)]
    memory = Memory("all")
    with (
        raw_upstream(head + b"<pause>".join(events), pause_s=0.2) as url,
        Gateway({"up": Upstream(url=url)}, memory, environ={}) as gateway,
    ):
        way = gateway.admit(CASE)
        host = ("127.0.0.1", gateway.port)
        with socket.create_connection(host) as client:
            path = way.base_urls["up"].partition(str(gateway.port))[2]
            client.sendall(f"GET {path}/v1 HTTP/1.1\r\nHost: 127.0.0.1:{gateway.port}\r\n\r\n".encode())
            client.recv(100)
        until = time.monotonic() + 10
        while not memory.answers and time.monotonic() < until:
            time.sleep(0.02)
        assert gateway.bug is None
    assert memory.answers[0].result == {
        "type": "text/event-stream",
        "events": [one.decode() for one in events],
    }
    assert memory.answers[0].is_reusable


@pytest.mark.parametrize("mode", ["none", "once", "new", "all", "frozen"])
def test_the_modes_of_an_exchange_decide_what_is_asked_live(endpoint: Endpoint, mode: str) -> None:
    memory = Memory("all")
    with before(endpoint, memory) as gateway:
        chat(openai_at(gateway.admit(CASE)), "known")
    endpoint.plan()
    again = memory.again(mode)
    with before(endpoint, again) as gateway:
        way, other = gateway.admit(CASE), gateway.admit(Place("case-2"))
        chat(openai_at(way), "known")
        for one in (way, other):
            with suppress(openai.APIStatusError):
                chat(openai_at(one), "new")
    live = {"none": 0, "once": 1, "new": 2, "all": 3, "frozen": 0}[mode]
    assert endpoint.requests == live
    assert len(again.missed) == {"none": 2, "once": 1, "new": 0, "all": 0, "frozen": 2}[mode]


def test_what_came_in_between_two_calls_is_not_the_answer_to_the_second() -> None:
    """The first upstream answers and adds an answer to nothing; whoever asks again meets the second one."""
    told = [json.dumps(chat_answer(one)).encode() for one in ("first", "of nobody", "second")]
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    first, nobody, second = (head % len(one) + one for one in told)
    memory = Memory("all")
    texts = []
    with (
        raw_upstream(first + b"<pause>" + nobody, second, pause_s=0.05, end=False) as url,
        Gateway({"up": Upstream(url=url)}, memory, environ={}) as gateway,
    ):
        client = openai_at(gateway.admit(CASE), max_retries=2)
        for text in ("one", "two"):
            texts.append(chat(client, text).choices[0].message.content)
            time.sleep(0.2)
    assert texts == ["first", "second"]


@pytest.mark.parametrize("size", [1000, 3_000_000])
def test_a_request_of_any_size_is_passed_on_where_warnings_are_errors(endpoint: Endpoint, size: int) -> None:
    endpoint.plan()
    with before(endpoint, Memory("all")) as gateway:
        assert chat(openai_at(gateway.admit(CASE)), "x" * size).choices[0].message.content


def chat_answer(text: str) -> dict[str, Any]:
    message = {"role": "assistant", "content": text}
    return {
        "id": "1",
        "object": "chat.completion",
        "created": 1,
        "model": "m-1",
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
    }
