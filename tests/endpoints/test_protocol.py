"""Answers that no model means: broken off, in pieces that belong together, or in other shapes than agreed."""

import json
from pathlib import Path
from typing import Any

import pytest
from tests.endpoints.scripted import Asked, Reply, one_outcome, serving, stream, table, whole
from tests.endpoints.suites import plan_of, write_suite

from stopship.errors import UsageError
from stopship.gating.performing import replay
from stopship.model.run import Outcome, Status
from stopship.parts.targets import posting

pytest.importorskip("aiohttp")
pytest.importorskip("jinja2")

STREAM = "stream = true"
DONE = "data: [DONE]\n\n"


def chat(content: object, finish: object = "stop", **more: Any) -> dict[str, Any]:
    message = {"role": "assistant", "content": content, **more}
    return {"model": "m-1", "choices": [{"index": 0, "message": message, "finish_reason": finish}]}


def chunk(delta: dict[str, Any], finish: object = None, **more: Any) -> dict[str, Any]:
    return {"model": "m-1", "choices": [{"index": 0, "delta": delta, "finish_reason": finish, **more}]}


def message(reason: object, *blocks: dict[str, Any]) -> dict[str, Any]:
    content = list(blocks) or [{"type": "text", "text": "half"}]
    return {"type": "message", "model": "m-1", "content": content, "stop_reason": reason}


def called(arguments: object, name: object = "pay") -> dict[str, Any]:
    return {"id": "a", "type": "function", "function": {"name": name, "arguments": arguments}}


def usage(**told: Any) -> dict[str, Any]:
    return {**chat("x"), "usage": {"prompt_tokens": 3, **told}}


def lost(one: Outcome) -> str:
    assert one.status is Status.LOST, one
    return one.error


@pytest.mark.parametrize("finish", ["error", "abort", None, "never-heard-of"])
def test_an_answer_that_was_broken_off_is_none(tmp_path: Path, finish: str | None) -> None:
    assert "broke the answer off" in lost(one_outcome(tmp_path / "w", "openai", whole(chat("half", finish))))
    streamed = stream(chunk({"content": "half"}), chunk({}, finish), DONE)
    why = "broke the answer off" if finish else "the stream ended before the answer did"
    assert why in lost(one_outcome(tmp_path / "s", "openai", streamed, STREAM))


def test_a_choice_that_tells_an_error_is_none(tmp_path: Path) -> None:
    told = chat("half", "error")
    told["choices"][0]["error"] = {"code": 502, "message": "upstream died"}
    assert lost(one_outcome(tmp_path, "openai", whole(told))) == "NoAnswer: 502: upstream died"


@pytest.mark.parametrize("reason", [None, "pause_turn"])
def test_a_message_that_is_to_go_on_is_none(tmp_path: Path, reason: str | None) -> None:
    text = {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "half"}}
    end = {"type": "message_delta", "delta": {"stop_reason": reason}, "usage": {"output_tokens": 1}}
    start = {"type": "message_start", "message": {"model": "m-1"}}
    streamed = stream(start, text, end, {"type": "message_stop"})
    assert "broke the answer off" in lost(one_outcome(tmp_path / "w", "anthropic", whole(message(reason))))
    assert "broke the answer off" in lost(one_outcome(tmp_path / "s", "anthropic", streamed, STREAM))


@pytest.mark.parametrize(
    "event",
    [
        {"error": "worker crashed"},
        {"error": {"message": "worker crashed"}},
        {"object": "error", "message": "worker crashed"},
        'event: error\ndata: {"message": "worker crashed"}\n\n',
        '{"message": "worker crashed"}\n\n',
    ],
)
def test_an_error_in_a_stream_is_one_whatever_shape_it_has(tmp_path: Path, event: object) -> None:
    reply = stream(chunk({"content": "half"}), event, chunk({}, "stop"), DONE)
    lost(one_outcome(tmp_path, "openai", reply, STREAM))


def test_a_byte_order_mark_takes_no_word_with_it(tmp_path: Path) -> None:
    pieces = chunk({"content": "never "}), chunk({"content": "take two"}), chunk({}, "stop"), DONE
    found = one_outcome(tmp_path / "s", "openai", stream(*pieces, before=b"\xef\xbb\xbf"), STREAM)
    assert found.trace["output"] == "never take two"
    status, kind, body = whole({"output": "x"})
    found = one_outcome(tmp_path / "h", "http", (status, kind, b"\xef\xbb\xbf" + body))
    assert found.trace["output"] == "x"


def test_another_choice_is_no_part_of_the_answer_and_ends_it_not(tmp_path: Path) -> None:
    half = chunk({"content": "half"}), chunk({"content": " OTHER"}, "stop", index=1)
    assert "before the answer did" in lost(one_outcome(tmp_path / "h", "openai", stream(*half, DONE), STREAM))
    found = one_outcome(tmp_path / "w", "openai", stream(*half, chunk({}, "stop"), DONE), STREAM)
    assert found.trace["output"] == "half"


@pytest.mark.parametrize("index", [{}, {"index": 0}])
def test_calls_that_are_not_numbered_are_told_apart_by_their_ids(
    tmp_path: Path, index: dict[str, int]
) -> None:
    pieces: list[tuple[str, str, str]] = [("a", "look", '{"q"'), ("a", "", ": 1}"), ("b", "pay", '{"q": 2}')]
    calls = [{**index, "id": one, "function": {"name": n, "arguments": a}} for one, n, a in pieces]
    calls.append({**index, "id": "c", "function": {"name": None, "arguments": " "}})  # an id that changes
    events = [chunk({"tool_calls": [one]}) for one in calls]
    found = one_outcome(tmp_path, "openai", stream(*events, chunk({}, "tool_calls"), DONE), STREAM)
    assert found.trace["steps"] == [
        {"kind": "tool", "name": "look", "input": {"q": 1}},
        {"kind": "tool", "name": "pay", "input": {"q": 2}},
    ]


@pytest.mark.parametrize(
    "arguments",
    ['{"n": 12345678901234567890}', '{"x": NaN}', '{"a": 1, "a": 2}', "[" * 150 + "]" * 150, "{broken"],
    ids=["20 digits", "NaN", "twins", "deep", "no JSON"],
)
def test_arguments_that_json_cannot_keep_stay_as_the_model_wrote_them(tmp_path: Path, arguments: str) -> None:
    told = whole(chat(None, "tool_calls", tool_calls=[called(arguments)]))
    found = one_outcome(tmp_path / "o", "openai", told)
    assert found.trace["output"] == f"pay({arguments})"
    block = {"type": "tool_use", "name": "pay", "input": {}}
    streamed = stream(
        {"type": "message_start", "message": {"model": "m-1"}},
        {"type": "content_block_start", "index": 0, "content_block": block},
        {"type": "content_block_delta", "index": 0, "delta": {"partial_json": arguments}},
        {"type": "message_delta", "delta": {"stop_reason": "tool_use"}},
        {"type": "message_stop"},
    )
    found = one_outcome(tmp_path / "a", "anthropic", streamed, STREAM)
    assert found.trace["output"] == f"pay({arguments})"


def test_a_long_number_that_comes_as_json_stays_the_number_it_is(tmp_path: Path) -> None:
    block = {"type": "tool_use", "name": "pay", "input": {"n": 12345678901234567890}}
    found = one_outcome(tmp_path, "anthropic", whole(message("tool_use", block)))
    assert found.trace["output"] == 'pay({"n": 12345678901234567890})'


@pytest.mark.parametrize(
    "value",
    [
        {"choices": ["x"]},
        {"choices": [None]},
        {"choices": {}},
        chat({"no": "text"}),
        chat("x", tool_calls=["f"]),
        chat("x", tool_calls=[called("{}", None)]),
        chat("x", tool_calls=[{"function": "f"}]),
        {**chat("x"), "usage": [1]},
        {"error": "no credit"},
    ],
)
def test_what_is_no_answer_of_the_protocol_says_nothing_of_the_model(tmp_path: Path, value: object) -> None:
    lost(one_outcome(tmp_path, "openai", whole(value)))


@pytest.mark.parametrize(
    "value",
    [
        message("end_turn") | {"content": ["x"]},
        message("end_turn") | {"content": "x"},
        message("end_turn", {"type": "text", "text": 1}),
        message("tool_use", {"type": "tool_use", "input": {}}),
    ],
)
def test_what_is_no_message_says_nothing_of_the_model(tmp_path: Path, value: object) -> None:
    lost(one_outcome(tmp_path, "anthropic", whole(value)))


@pytest.mark.parametrize(
    "event",
    [
        {"type": "content_block_delta", "delta": {"text": "x"}},
        {"type": "content_block_start", "index": 0, "content_block": "x"},
        {"type": "message_delta", "delta": "x"},
    ],
)
def test_an_event_in_another_shape_loses_the_answer(tmp_path: Path, event: object) -> None:
    lost(one_outcome(tmp_path, "anthropic", stream(event, {"type": "message_stop"}), STREAM))


@pytest.mark.parametrize(
    "told",
    [{"prompt_tokens_details": "none"}, {"queue_time": float("inf")}, {"ended_ns": 1764326239000000000}],
)
def test_odd_words_beside_the_tokens_harm_no_answer(tmp_path: Path, told: dict[str, Any]) -> None:
    found = one_outcome(tmp_path, "openai", whole(usage(**told)))
    counts = found.trace["usage"]
    assert isinstance(counts, dict)
    assert (counts["input_total"], counts["cached"], counts.get("output_total")) == (3, 0, None)


def test_parts_of_a_text_are_the_text(tmp_path: Path) -> None:
    parts = [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "a"}]
    parts.append({"type": "text", "text": "b"})
    assert one_outcome(tmp_path, "openai", whole(chat(parts))).trace["output"] == "ab"


@pytest.mark.parametrize("more", ["", STREAM])
def test_a_reply_without_end_is_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more: str) -> None:
    monkeypatch.setattr(posting, "LONGEST_REPLY", 2**20)
    events = [chunk({"content": "x" * 2**20}), chunk({}, "stop"), DONE]
    reply = stream(*events) if more else whole(chat("x" * 2**20))
    assert "more than 1 MiB" in lost(one_outcome(tmp_path, "openai", reply, more))


def _asked(folder: Path, kind: str, reply: Reply, prompt: str, tail: str = "") -> Asked:
    seen: list[Asked] = []

    def answer(one: Asked) -> Reply:
        seen.append(one)
        return reply

    with serving(answer) as url:
        words = table(kind, url).replace('"\n', f'{tail}"\n', 1)
        replay(plan_of(write_suite(folder, kind, words, asked=1, prompt=prompt)))
    return seen[0]


def test_a_query_stays_behind_the_path(tmp_path: Path) -> None:
    path, _, _ = _asked(tmp_path, "openai", whole(chat("x")), "{{ asked }}", "/?api-version=2024-10-21")
    assert path == "/v1/chat/completions?api-version=2024-10-21"


def test_blocks_of_a_system_prompt_are_sent_as_blocks(tmp_path: Path) -> None:
    block = {"type": "text", "text": "be brief", "cache_control": {"type": "ephemeral"}}
    first = {"role": "system", "content": [block]}
    user = {"role": "user", "content": "hello"}
    prompt = json.dumps([first, {"role": "system", "content": "be kind"}, user])
    _, _, body = _asked(tmp_path / "b", "anthropic", whole(message("end_turn")), prompt)
    assert body["system"] == [block, {"type": "text", "text": "be kind"}]
    prompt = json.dumps([{"role": "system"}, user])
    with pytest.raises(UsageError, match="a system message of the prompt has neither text nor blocks"):
        _asked(tmp_path / "n", "anthropic", whole(message("end_turn")), prompt)
