"""What of a response is infrastructure's doing, and which model it names."""

import json
from typing import Any

import pytest

from stopship.model.exchange import Answer, Call, CallKind
from stopship.parts.gateway.answered import models_in, unanswered
from stopship.parts.gateway.bodies import result_of
from stopship.parts.gateway.told import answer_of

JSON, SSE, HTML = "application/json", "text/event-stream", "text/html"
CHAT, MESSAGES, RESPONSES = "/v1/chat/completions", "/v1/messages", "/v1/responses"
SAID = {"index": 0, "message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}
WHOLE = {"object": "chat.completion", "model": "m-1", "choices": [SAID]}
MESSAGE = {"type": "message", "model": "m-1", "content": [{"type": "text", "text": "hi"}]}


def call(path: str = CHAT, method: str = "POST") -> Call:
    return Call(kind=CallKind.MODEL, name=f"{method} up{path}", request={"model": "m-1"})


def answer(body: Any, kind: str = JSON, status: int = 200, cut: str = "") -> Answer:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return answer_of(status, result_of(raw, kind, {}, is_cut=bool(cut)), cut)


def stream(*events: Any) -> bytes:
    return "".join(f"data: {one if isinstance(one, str) else json.dumps(one)}\n\n" for one in events).encode()


def chunk(end: str | None = None) -> dict[str, Any]:
    delta = {"index": 0, "delta": {"content": "hi"}, "finish_reason": end}
    return {"object": "chat.completion.chunk", "model": "m-1", "choices": [delta]}


@pytest.mark.parametrize(
    ("path", "given"),
    [
        (CHAT, answer(WHOLE)),
        (CHAT, answer(json.dumps(WHOLE).encode(), "text/plain")),
        (CHAT, answer({**WHOLE, "seed": 12345678901234567890})),  # cannot be kept as JSON, and was read
        (CHAT, answer({**WHOLE, "error": None})),
        (CHAT, answer({**WHOLE, "choices": [{**SAID, "finish_reason": "content_filter"}]})),
        (CHAT, answer(stream(chunk(), chunk("stop"), "[DONE]"), SSE)),
        (MESSAGES, answer(MESSAGE)),
        (RESPONSES, answer({"object": "response", "output": [], "error": None})),
        (MESSAGES, answer({"error": {"type": "invalid_request_error", "message": "no"}}, status=400)),
        (CHAT, answer({"error": {"message": "no"}}, status=422)),
        (CHAT, answer({"error": {"type": "invalid_request_error", "message": "too long"}})),
        (CHAT, answer(stream({"error": {"type": "invalid_request_error", "message": "no"}}), SSE)),
        (CHAT, Answer(error="ClientLeft: the client left after 2.0 s, before it was answered")),
        ("/api/chat", answer(b'{"done": false}\n{"done": true}\n', "application/x-ndjson")),
        ("/v1/audio/speech", answer(b"\xff\x00", "audio/mpeg")),
        ("/v1/files/f-1", answer({"error": {"message": "no such file"}}, status=404)),
    ],
)
def test_an_answer_is_one_and_so_is_the_refusal_of_what_was_asked_wrongly(path: str, given: Answer) -> None:
    assert unanswered(call(path), given) == ""


@pytest.mark.parametrize(
    ("path", "given", "why"),
    [
        (CHAT, answer(b"<html>maintenance</html>", HTML), "it answered text/html where JSON was asked for"),
        (CHAT, answer(b"", ""), "it answered without a content type where JSON was asked for"),
        (CHAT, answer(b'{"choices": [', JSON), "it answered application/json where JSON was asked for"),
        (CHAT, answer([]), "it answered JSON that is no object"),
        (CHAT, answer({"detail": "soon"}), "it answered JSON without 'choices'"),
        (CHAT, answer({"choices": []}), "it answered without a choice"),
        (CHAT, answer({"choices": [{**SAID, "error": {"code": 502, "message": "bad"}}]}), "502: bad"),
        (CHAT, answer({"choices": [{**SAID, "finish_reason": "abort"}]}), "it broke the answer off"),
        (CHAT, answer({"error": {"type": "server_error", "message": "oh"}}), "server_error: oh"),
        (CHAT, answer({"error": "overloaded"}), "error: overloaded"),
        (MESSAGES, answer({"detail": "soon"}), "it answered JSON without 'content'"),
        (CHAT, answer(stream(chunk()), SSE), "HalfStream"),
        (CHAT, answer(stream(chunk(), "{broken", chunk("stop")), SSE), "an event of its stream is no JSON"),
        (CHAT, answer(stream(chunk(), {"error": "gone"}, chunk("stop")), SSE), "error: gone"),
        (
            RESPONSES,
            answer(stream({"type": "response.failed", "response": {"error": {"code": "server"}}}), SSE),
            "server:",
        ),
        (CHAT, answer(b"", SSE), "its stream has no event"),
        (CHAT, answer(b"{", JSON, cut="ClientPayloadError (after 1 bytes)"), "ClientPayloadError"),
        (CHAT, Answer(error="ServerDisconnectedError", is_reusable=False), "ServerDisconnectedError"),
        ("/v1/files/f-1", answer(b"", HTML, 503), "HTTP 503"),
        *((CHAT, answer({}, status=one), f"HTTP {one}") for one in (302, 401, 403, 404, 408, 429, 500, 529)),
    ],
)
def test_what_is_none_of_the_protocol_is_no_answer_of_the_model(path: str, given: Answer, why: str) -> None:
    assert unanswered(call(path), given).startswith(why)


@pytest.mark.parametrize(
    "given",
    [
        answer(WHOLE),
        answer(stream(chunk(), chunk("stop")), SSE),
        answer(MESSAGE),
        answer(stream({"type": "message_start", "message": MESSAGE}, {"type": "message_stop"}), SSE),
        answer(stream({"type": "response.completed", "response": {"model": "m-1"}}), SSE),
    ],
)
def test_an_answer_names_its_model_whole_or_streamed(given: Answer) -> None:
    assert models_in(given.result) == {"m-1"}


def test_an_answer_may_name_no_model() -> None:
    assert models_in({"type": JSON, "json": {"model": None}}) == set()
    assert models_in({"type": SSE, "events": ["data: {broken"]}) == set()
    assert models_in(None) == set()
