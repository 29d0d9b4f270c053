"""What a model decided in one answer: which tools it called with which arguments, or what it said.

Decides which two answers are one decision. Knows the answers of OpenAI's chat completions and responses and
of Anthropic's messages, whole or as a stream. Drops nothing that it does not know: such an answer is its own
decision, without the ids and times that differ each time.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from stopship.model.canonical import NotCanonical, canonical_bytes, check_canonical
from stopship.model.case import Json
from stopship.model.streamed import events_of, gathered

_EACH_TIME = {  # of an answer as a whole: what differs each time that the same is answered
    *("id", "created", "created_at", "completed_at", "createTime", "system_fingerprint", "responseId"),
    *("usage", "usageMetadata", "metrics", "latencyMs"),
    *("total_duration", "load_duration", "prompt_eval_duration", "eval_duration"),
}
_IDS = {"id", "call_id", "tool_use_id"}  # of an item
_THOUGHTS = {"reasoning", "thinking", "redacted_thinking"}
_OF_EVENTS = _EACH_TIME | {"item_id", "sequence_number", "obfuscation"}
_KEPT = {"type", "headers", "cut", "json", "events"}  # as the gateway keeps an answer
_SPEAKING = {"text": "text", "output_text": "text"}
_BESIDE = {  # items and parts that decide nothing: thoughts, and what a tool of the provider found
    *("mcp_list_tools", "mcp_tool_result", *_THOUGHTS),
    *("web_search_tool_result", "web_fetch_tool_result", "tool_search_tool_result"),
    *("code_execution_tool_result", "bash_code_execution_tool_result"),
    "text_editor_code_execution_tool_result",
}
_CALLED = {  # type of an item -> the field of what it is called with
    "tool_use": "input",
    "function_call": "arguments",
    "custom_tool_call": "input",
    "mcp_approval_request": "arguments",
    "computer_call": "action",
    "local_shell_call": "action",
    "shell_call": "action",
    "apply_patch_call": "operation",
}
_HOSTED = {  # the same of tools that the provider runs itself: what is said beside them is the answer
    "server_tool_use": "input",
    "mcp_tool_use": "input",
    "mcp_call": "arguments",
    "web_search_call": "action",
    "file_search_call": "queries",
    "code_interpreter_call": "code",
}
_FREE = {"custom", "custom_tool_call", "code_interpreter_call"}  # they are called with a text, not with JSON
_PLAIN = {"tool_use", "function_call", "function"}  # of these the name alone tells the tool
_TOLD = {"message", "text"}  # what a choice tells: in a chat, and in a completion as there were before
_READ = {"role", "content", "refusal", "tool_calls", "function_call"}  # fields of a message of a chat
_ASIDE = {  # fields that decide nothing
    *("annotations", "reasoning", "reasoning_content", "reasoning_details", "thinking_blocks"),
    "provider_specific_fields",
}


def decision_of(result: Json) -> dict[str, Json]:
    """`{"calls": [[name, arguments], …], "words": …}`, or `{"value": …}` for an answer of another form.

    Beside them, where there are any: `hosted`, the tools that the provider itself ran, `refusal`, and
    `others`, the decisions of further choices.
    """
    body, is_answer = result, False
    if isinstance(result, dict) and "/" in str(result.get("type")) and result.keys() <= _KEPT:
        is_answer = True
        body = result.get("json", result)
        if isinstance(events := result.get("events"), list):
            told = events_of(events)
            body = gathered(told) if told else None
            if body is None:
                value: Json = [_event(one) for one in told] if told else result
                return {"value": value}
    if not isinstance(body, dict):
        return {"value": body}
    try:
        return _decided(body)
    except _Unread:
        return {"value": _value(body, is_answer=is_answer)}


def is_same(one: Mapping[str, Json], other: Mapping[str, Json], *, words: bool) -> bool:
    """Whether two decisions are one. `words`: what is said has to be equal, too, where no tool is called."""
    if "calls" not in one or "calls" not in other:
        return _is_equal(dict(one), dict(other))
    if bool(one.get("refusal")) != bool(other.get("refusal")):
        return False
    if not _is_equal(one.get("hosted", []), other.get("hosted", [])):
        return False
    mine, theirs = _others(one), _others(other)
    if len(mine) != len(theirs):
        return False
    if not all(is_same(a, b, words=words) for a, b in zip(mine, theirs, strict=True)):
        return False
    if one["calls"] or other["calls"]:
        return _is_equal(one["calls"], other["calls"])
    return not words or all(_is_equal(one.get(key), other.get(key)) for key in ("words", "refusal"))


def _others(one: Mapping[str, Json]) -> list[dict[str, Json]]:
    told = one.get("others")
    return [each for each in told if isinstance(each, dict)] if isinstance(told, list) else []


def _is_equal(one: Json, other: Json) -> bool:
    """As JSON: true is not 1, and 1.0 is."""
    return canonical_bytes(one) == canonical_bytes(other)


class _Unread(Exception):  # noqa: N818  # says what the answer is
    """An answer holds something of a form that is not known."""


@dataclass(slots=True)
class _Said:
    """What was read of one answer so far."""

    calls: list[Json] = field(default_factory=list)
    hosted: list[Json] = field(default_factory=list)
    words: str = ""
    refusal: str = ""

    def told(self) -> dict[str, Json]:
        """The decision. Raises _Unread where nothing was read at all: what it says may stand elsewhere."""
        if not (self.calls or self.hosted or self.words or self.refusal):
            raise _Unread
        found: dict[str, Json] = {"calls": self.calls, "words": self.words}
        if self.hosted:
            found["hosted"] = self.hosted
        if self.refusal:
            found["refusal"] = self.refusal
        return found

    def call(self, item: Mapping[str, Any], kind: str, arguments: str) -> None:
        name, server = item.get("name"), item.get("server_label") or item.get("server_name")
        parts = [kind] if kind not in _PLAIN else []
        parts += [one for one in (server, name) if isinstance(one, str)]
        if not parts or (kind in _PLAIN and not isinstance(name, str)):
            raise _Unread
        given = item.get(arguments)
        called: Json = [" ".join(parts), given if kind in _FREE else _parsed(given)]
        (self.hosted if kind in _HOSTED else self.calls).append(called)

    def part(self, part: object) -> None:
        """One item of an answer, or one part of a message."""
        if not isinstance(part, dict):
            raise _Unread
        kind = part.get("type")
        if kind in _SPEAKING and isinstance(part.get("text"), str):
            self.words += part["text"]
        elif kind == "refusal" and isinstance(part.get("refusal"), str):
            self.refusal += part["refusal"]
        elif isinstance(kind, str) and (given := _CALLED.get(kind) or _HOSTED.get(kind)):
            self.call(part, kind, given)
        elif kind == "message" and isinstance(part.get("content"), list):
            for one in part["content"]:
                self.part(one)
        elif kind not in _BESIDE:
            raise _Unread

    def message(self, message: Mapping[str, Any]) -> None:
        """A message of a chat."""
        if any(told for key, told in message.items() if key not in _READ | _ASIDE):
            raise _Unread
        content, refusal = message.get("content"), message.get("refusal")
        if isinstance(content, str):
            self.words += content
        elif isinstance(content, list):
            for one in content:
                self.part(one)
        elif content is not None:
            raise _Unread
        if isinstance(refusal, str):
            self.refusal += refusal
        elif refusal:
            raise _Unread
        for one in _listed(message.get("tool_calls")):
            kind = one.get("type") or "function"
            if kind not in ("function", "custom") or not isinstance(called := one.get(kind), dict):
                raise _Unread
            self.call(called, kind, "arguments" if kind == "function" else "input")
        if isinstance(called := message.get("function_call"), dict):
            self.call(called, "function_call", "arguments")
        elif called:
            raise _Unread


def _decided(body: Mapping[str, Any]) -> dict[str, Json]:
    """The decision of a whole answer. Raises _Unread where some of it is of no known form."""
    if body.get("error"):
        raise _Unread
    choices, content, output = body.get("choices"), body.get("content"), body.get("output")
    if isinstance(choices, list) and choices:
        found = [_chosen(one) for one in sorted(_listed(choices), key=_place)]
        return {**found[0], "others": list(found[1:])} if found[1:] else found[0]
    said = _Said()
    if isinstance(content, list) and body.get("type") == "message":
        said.refusal = "refusal" if body.get("stop_reason") == "refusal" else ""
        parts = content
    elif isinstance(output, list) and body.get("object") == "response":
        parts = output
    elif body.get("role") == "assistant" and "type" not in body and body.keys() & _READ - {"role"}:
        parts = []
        said.message(body)
    else:
        raise _Unread
    for one in parts:
        said.part(one)
    return said.told()


def _chosen(choice: Mapping[str, Any]) -> dict[str, Json]:
    message, text = choice.get("message"), choice.get("text")
    if message is None and isinstance(text, str):  # of a completion, as there were before chats
        message = {"content": text}
    if not isinstance(message, dict):
        raise _Unread
    said = _Said()
    said.message(message)
    return said.told()


def _place(choice: Mapping[str, Any]) -> int:
    told = choice.get("index")
    return told if isinstance(told, int) else 0


def _listed(told: object) -> list[dict[str, Any]]:
    """Each of a list of objects; none where nothing is told. Raises _Unread for anything else."""
    if told is None:
        return []
    if not isinstance(told, list) or not all(isinstance(one, dict) for one in told):
        raise _Unread
    return told


def _value(body: dict[str, Any], *, is_answer: bool) -> Json:
    """An answer of no known form as its own decision. Ids go only where they are known to be ids: what a
    marked function gives may decide by its `id`.
    """
    choices = body.get("choices")
    if isinstance(choices, list) and all(isinstance(one, dict) and one.keys() & _TOLD for one in choices):
        return {**_without(body, _EACH_TIME), "choices": [_bare(one) for one in choices]}
    if body.get("type") == "message" and isinstance(content := body.get("content"), list):
        return {**_without(body, _EACH_TIME), "content": _items(content)}
    if body.get("object") == "response" and isinstance(output := body.get("output"), list):
        return {"output": _items(output), "error": body.get("error")}
    if is_answer or isinstance(body.get("candidates"), list):
        return _without(body, _EACH_TIME)
    return body


def _bare(choice: Json) -> Json:
    """A choice without thoughts, and without the ids of its calls."""
    message = choice.get("message") if isinstance(choice, dict) else None
    if not isinstance(choice, dict) or not isinstance(message, dict):
        return choice
    told = _without(message, _ASIDE)
    if isinstance(calls := message.get("tool_calls"), list):
        told["tool_calls"] = [_without(one, _IDS) for one in calls]
    return {**choice, "message": told}


def _items(told: list[Any]) -> list[Any]:
    """Without thoughts, and without ids."""
    is_thought = [isinstance(one, dict) and one.get("type") in _THOUGHTS for one in told]
    return [_without(one, _IDS) for one, is_one in zip(told, is_thought, strict=True) if not is_one]


def _event(event: Mapping[str, Any]) -> Json:
    inside = _OF_EVENTS | _IDS
    return {
        key: _without(told, inside) if key in ("message", "response", "item", "content_block") else told
        for key, told in event.items()
        if key not in _OF_EVENTS
    }


def _without(one: Json, names: Iterable[str]) -> Any:
    return {key: told for key, told in one.items() if key not in names} if isinstance(one, dict) else one


def _parsed(text: Json) -> Json:
    """Arguments as the value that they are written for; text that is no JSON stays what it is."""
    if not isinstance(text, str):
        return text
    try:
        value: Json = json.loads(text)
        check_canonical(value)
    except (ValueError, RecursionError, NotCanonical):
        return text
    return value
