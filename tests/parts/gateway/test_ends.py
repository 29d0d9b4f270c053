"""A client that stops reading where its protocol ends is told that end once the answer is filed."""

import json
import socket
from typing import Any
from urllib.parse import urlsplit

import pytest
from tests.parts.gateway.asking import CASE, fetched
from tests.parts.gateway.memory import Memory
from tests.parts.gateway.test_faults import BODY, raw_upstream

from stopship.parts.gateway.seam import Limits
from stopship.parts.gateway.server import Gateway
from stopship.parts.gateway.upstreams import Upstream

pytestmark = pytest.mark.slow

CHUNK = {
    "object": "chat.completion.chunk",
    "model": "m-1",
    "choices": [{"index": 0, "delta": {"content": "data: [DONE]"}, "finish_reason": "stop"}],
}
CHAT = [f"data: {json.dumps(CHUNK)}\n\n", "data: [DONE]\n\n"]
MESSAGE = [
    'event: message_start\ndata: {"type": "message_start", "message": {"model": "m-1"}}\n\n',
    'event: message_stop\ndata: {"type": "message_stop"}\n\n',
]
RESPONSE = [
    'event: response.created\ndata: {"type": "response.created", "response": {}}\n\n',
    'event: response.completed\ndata: {"type": "response.completed", "response": {"model": "m-1"}}\n\n',
]


def chunked(events: list[str], end: bytes = b"<pause>0\r\n\r\n") -> bytes:
    """A stream whose connection ends later than its events do."""
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
    pieces = [b"%x\r\n%s\r\n" % (len(one), one.encode()) for one in events]
    return head + b"<pause>".join(pieces) + end


def until(url: str, path: str, last: str) -> bytes:
    """What is read of a stream until its last event is there, and not a byte more is waited for."""
    to = urlsplit(url)
    body = json.dumps({**BODY, "stream": True}).encode()
    head = f"POST {to.path}{path} HTTP/1.1\r\nHost: {to.netloc}\r\nContent-Type: application/json\r\n"
    with socket.create_connection((to.hostname or "", to.port or 0), timeout=20) as sent:
        sent.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        found = b""
        while last.encode() not in found and (piece := sent.recv(65536)):
            found += piece
    return found


@pytest.mark.parametrize(
    ("path", "events"),
    [("/v1/chat/completions", CHAT), ("/v1/messages", MESSAGE), ("/v1/responses", RESPONSE)],
)
def test_the_end_of_a_stream_is_told_when_its_answer_is_filed(path: str, events: list[str]) -> None:
    memory = Memory("all")
    with (
        raw_upstream(chunked(events), pause_s=0.2) as url,
        Gateway({"up": Upstream(url=url)}, memory, environ={}) as gateway,
    ):
        found = until(gateway.admit(CASE).base_urls["up"], path, events[-1])
        (answer,) = memory.answers
    assert events[-1].encode() in found
    assert (answer.error, answer.is_reusable) == ("", True)


def test_a_short_stream_of_known_length_is_told_once() -> None:
    body = "".join(CHAT).encode()
    head = f"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: {len(body)}\r\n\r\n"
    memory = Memory("all")
    with (
        raw_upstream(head.encode() + body) as url,
        Gateway({"up": Upstream(url=url)}, memory, environ={}) as gateway,
    ):
        told = fetched(gateway.admit(CASE).base_urls["up"] + "/v1/chat/completions", {**BODY, "stream": True})
    assert told[:2] == (200, body)


def test_an_upstream_that_stays_open_after_its_end_is_not_waited_for_for_ever() -> None:
    memory: Any = Memory("all")
    with (
        raw_upstream(chunked(CHAT, b""), pause_s=0.1, end=False) as url,
        Gateway({"up": Upstream(url=url)}, memory, environ={}, limits=Limits(linger_s=0.5)) as gateway,
    ):
        until(gateway.admit(CASE).base_urls["up"], "/v1/chat/completions", CHAT[-1])
        (answer,) = memory.answers
    assert (answer.error, answer.is_reusable) == ("", True)
