"""What a model decided in one answer: which tools it called with which arguments, or what it said.

Decides which two answers are one decision. Knows the answers of OpenAI's chat completions and responses and
of Anthropic's messages, whole or as a stream; any other answer is its own decision.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from stopship.model.case import Json

_DONE = "[DONE]"  # ends a stream of OpenAI's


def decision_of(result: Json) -> dict[str, Json]:
    """`{"calls": [[name, arguments], …], "words": …}`, or `{"value": …}` for an answer of another form."""
    body: Any = result
    if isinstance(result, dict) and isinstance(result.get("type"), str):  # as the gateway keeps it
        events = result.get("events")
        body = _gathered(events) if isinstance(events, list) else result.get("json", result)
    found = _said(body) if isinstance(body, dict) else None
    if found is None:
        return {"value": result}
    calls, words = found
    return {"calls": [[name, _parsed(given)] for name, given in calls], "words": words}


def is_same(one: Mapping[str, Json], other: Mapping[str, Json], *, words: bool) -> bool:
    """Whether two decisions are one. `words`: what is said has to be equal, too, where no tool is called."""
    if "calls" not in one or "calls" not in other:
        return one == other
    if one["calls"] or other["calls"]:
        return one["calls"] == other["calls"]
    return not words or one["words"] == other["words"]


_Said = tuple[list[tuple[str, Json]], str]


def _said(body: Mapping[str, Any]) -> _Said | None:
    """Calls and words of a whole answer; None: it is of no known form."""
    choices, content, output = body.get("choices"), body.get("content"), body.get("output")
    if isinstance(choices, list) and choices and isinstance(choices[0], dict):
        message = choices[0].get("message")
        if isinstance(message, dict):
            called = [one.get("function") for one in _dicts(message.get("tool_calls"))]
            return _calls(called, "arguments"), _text(message.get("content"))
    if isinstance(content, list) and body.get("type") == "message":
        parts = _dicts(content)
        used = [one for one in parts if one.get("type") == "tool_use"]
        return _calls(used, "input"), "".join(_text(one.get("text")) for one in parts)
    if isinstance(output, list) and body.get("object") == "response":
        parts = _dicts(output)
        used = [one for one in parts if one.get("type") == "function_call"]
        said = [_text(it.get("text")) for one in parts for it in _dicts(one.get("content"))]
        return _calls(used, "arguments"), "".join(said)
    return None


def _gathered(events: Iterable[Json]) -> dict[str, Any]:
    """The whole answer that a stream tells piece by piece; {}: it is of no known form."""
    words, calls, kind = "", dict[int, dict[str, str]](), ""
    for told in _data(events):
        if told.get("type") == "response.completed" and isinstance(told.get("response"), dict):
            whole: dict[str, Any] = told["response"]
            return whole
        for choice in _dicts(told.get("choices")):
            kind, delta = "chat", choice.get("delta")
            if not isinstance(delta, dict) or choice.get("index", 0) != 0:
                continue
            words += _text(delta.get("content"))
            for one in _dicts(delta.get("tool_calls")):
                _add(calls, one.get("index"), one.get("function"), "arguments")
        if told.get("type") == "content_block_start":
            kind, block = "message", told.get("content_block")
            if isinstance(block, dict) and block.get("type") == "tool_use":
                _add(calls, told.get("index"), {"name": block.get("name")}, "arguments")
        if told.get("type") == "content_block_delta" and isinstance(delta := told.get("delta"), dict):
            kind = "message"
            words += _text(delta.get("text"))
            if "partial_json" in delta:
                _add(calls, told.get("index"), delta, "partial_json")
    used = [one for _, one in sorted(calls.items())]
    if kind == "message":
        blocks: list[Any] = [
            {"type": "tool_use", "name": one["name"], "input": _parsed(one["arguments"] or "{}")}
            for one in used
        ]
        return {"type": "message", "content": [{"type": "text", "text": words}, *blocks]}
    if kind == "chat":
        return {
            "choices": [{"message": {"content": words, "tool_calls": [{"function": one} for one in used]}}]
        }
    return {}


def _add(calls: dict[int, dict[str, str]], index: object, told: object, arguments: str) -> None:
    if isinstance(index, int) and isinstance(told, dict):
        one = calls.setdefault(index, {"name": "", "arguments": ""})
        one["name"] += _text(told.get("name"))
        one["arguments"] += _text(told.get(arguments))


def _data(events: Iterable[Json]) -> Iterable[dict[str, Any]]:
    for event in events:
        if not isinstance(event, str):
            continue
        lines = [line[5:].strip() for line in event.splitlines() if line.startswith("data:")]
        text = "\n".join(lines)
        if text and text != _DONE and isinstance(told := _parsed(text), dict):
            yield told


def _calls(told: Iterable[Any], arguments: str) -> list[tuple[str, Json]]:
    return [(_text(one.get("name")), one.get(arguments)) for one in told if isinstance(one, dict)]


def _parsed(text: Json) -> Json:
    """Arguments as the value that they are written for; text that is no JSON stays what it is."""
    if not isinstance(text, str):
        return text
    try:
        value: Json = json.loads(text)
    except (ValueError, RecursionError):
        return text
    return value


def _dicts(value: object) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
