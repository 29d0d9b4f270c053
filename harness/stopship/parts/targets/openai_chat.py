"""The target `[replay.openai]`: a chat completion of OpenAI's, or of any endpoint that speaks like it.

Decides how its answer reads as a trace. Never retries: the engine does.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from stopship.model.case import Json
from stopship.parts.targets.models import ModelTarget, Streamed, arguments_of, kept, trace_of, usage_of
from stopship.parts.targets.network import NoAnswer, Pins, sendable
from stopship.parts.targets.protocol import an_object, finish_of, name_of, no_answer, objects, text_in

_OWN_HEADERS = {"OPENAI_ORG_ID": "OpenAI-Organization", "OPENAI_PROJECT_ID": "OpenAI-Project"}
_LEGACY = (-1, 0)  # where a stream's `function_call` is put together, beside its calls of tools
_RESPONSES = (
    "the endpoint answered as OpenAI's /responses does, and a chat completion was asked for: put its "
    "address behind a target of your own, or a program"
)
BASE_URL = "https://api.openai.com/v1"
_FINISH = {"stop": "stop", "length": "length", "tool_calls": "tool_call", "function_call": "tool_call"}
_FINISH |= {"content_filter": "content_filter"}
_FINISH |= {"eos": "stop", "model_length": "length"}  # as some endpoints call them


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenAITarget(ModelTarget):
    """A chat completion."""

    kind = "openai"
    endpoint = "/chat/completions"

    def headers(self, key: str) -> dict[str, str]:
        told = {"Authorization": f"Bearer {key}"} if key else {}
        if self.base_url != BASE_URL:
            return told
        named = {
            header: sendable(name, os.environ.get(name, "").strip()) for name, header in _OWN_HEADERS.items()
        }
        return {name: one for name, one in named.items() if one} | told

    def body(self, stack: Pins, messages: list[dict[str, Json]]) -> dict[str, Any]:
        made: dict[str, Any] = {"model": self.pinned_model(stack), "messages": messages}
        if self.tools:
            made["tools"] = self.json_of(stack, self.tools)
        if self.schema:
            schema = {"name": "answer", "schema": self.json_of(stack, self.schema), "strict": True}
            made["response_format"] = {"type": "json_schema", "json_schema": schema}
        if self.stream:
            made |= {"stream": True, "stream_options": {"include_usage": True}}
        return {**made, **self.settings(stack)}

    def read(self, reading: Streamed, event: dict[str, Any]) -> bool:
        if _is_response(event):
            raise NoAnswer(_RESPONSES)
        reading.answer |= {name: one for name, one in event.items() if name != "choices" and one is not None}
        reading.whole = lambda: _put_together(reading)
        choice = _first(event) or {}
        delta = an_object(choice.get("delta"), "a piece")
        said, refused = text_in(delta.get("content"), "a piece"), text_in(delta.get("refusal"), "a refusal")
        calls = objects(delta.get("tool_calls"), "calls of tools")
        legacy = an_object(delta.get("function_call"), "a call of a function")
        reading.text.append(said)
        reading.refusal.append(refused)
        for call in calls:
            _add(reading, call)
        if legacy:
            part = reading.parts.setdefault(_LEGACY, {"name": "", "arguments": ""})
            part["name"] += text_in(legacy.get("name"), "a name")
            part["arguments"] += _piece(legacy.get("arguments"))
        if end := choice.get("finish_reason"):
            reading.end, reading.is_complete = end, True
        return bool(said or refused or calls or legacy)

    def trace(self, answer: Mapping[str, Any]) -> dict[str, Json]:
        choice = _first(answer)
        if choice is None or not isinstance(choice.get("message"), dict):
            raise NoAnswer(_RESPONSES if _is_response(answer) else "the endpoint answered without a choice")
        finish, message = finish_of(choice.get("finish_reason"), _FINISH), choice["message"]
        refused = text_in(message.get("refusal"), "a refusal")
        text, calls = text_in(message.get("content"), "a message") or refused, _calls(message)
        if finish == "tool_call" and not calls and not text:
            raise NoAnswer("the endpoint says that it called a tool, and tells no call")
        return trace_of(
            text=text,
            calls=calls,
            finish="refusal" if refused else finish,
            refusal="refusal" if refused else "filtered" if finish == "content_filter" else "",
            usage=_usage(answer.get("usage")),
            observed={"model": answer.get("model"), "fingerprint": answer.get("system_fingerprint")},
        )


def _first(answer: Mapping[str, Any]) -> dict[str, Any] | None:
    """The first of the choices, which alone is the answer; None: it is not among these."""
    found = [one for one in objects(answer.get("choices"), "choices") if not one.get("index")]
    if found and found[0].get("error"):
        raise no_answer(found[0]["error"])
    return found[0] if found else None


def _calls(message: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """The tools that are called, each with what it is given; `function_call` is how one was before tools."""
    calls = []
    for one in objects(message.get("tool_calls"), "calls of tools"):
        kind = _kind(one)
        told = an_object(one.get(kind), "a call of a tool")
        given = _arguments(told.get("arguments")) if kind == "function" else kept(told.get("input"))
        calls.append((name_of(told), given))
    if legacy := an_object(message.get("function_call"), "a call of a function"):
        call = name_of(legacy), _arguments(legacy.get("arguments"))
        calls += [call] if call not in calls else []  # some endpoints tell the same call in both ways
    return calls


def _kind(call: Mapping[str, Any]) -> str:
    """A function, which is given JSON, or a custom tool, which is given a text."""
    kind = call.get("type") or ("custom" if "custom" in call else "function")
    if kind not in ("function", "custom"):
        raise NoAnswer(f"the endpoint answered a call of a tool of the kind {kind!r}, which is not known")
    return str(kind)


def _is_response(answer: Mapping[str, Any]) -> bool:
    """Whether it, or an event, is one of another protocol of OpenAI's, at `/responses`."""
    return answer.get("object") == "response" or str(answer.get("type")).startswith("response.")


def _piece(given: Any) -> str:
    """What is given, as a text that may go on."""
    return json.dumps(given, ensure_ascii=False) if isinstance(given, dict) else text_in(given, "arguments")


def _add(reading: Streamed, call: dict[str, Any]) -> None:
    """A piece of a call of a tool. Not every endpoint numbers its calls: another id begins another call."""
    kind = _kind(call)
    function = an_object(call.get(kind), "a call of a tool")
    index, told = call.get("index") or 0, call.get("id")
    if not isinstance(index, int):
        raise NoAnswer("the endpoint answered a call of a tool whose index is no number")
    name = text_in(function.get("name"), "a name")
    more = _piece(function.get("arguments" if kind == "function" else "input"))
    before = [place for place in reading.parts if place[0] == index]
    part = reading.parts[before[-1]] if before else None
    if part is None or _is_another(part, told, name, more):
        part = reading.parts[index, len(before)] = {"id": told, "type": kind, "name": "", "arguments": ""}
    part["name"] += name
    part["arguments"] += more


def _is_another(part: Mapping[str, Any], told: object, name: str, more: str) -> bool:
    """Whether a piece belongs to another call than the latest of its index. Arguments without a name go on
    with what has begun, whatever id they have."""
    if told:
        return told != part["id"] and bool(name or not more)
    return bool(name and part["arguments"])


def _arguments(given: Any) -> Json:
    return arguments_of(given) if isinstance(given, str) else kept(given)


def _usage(told: Any) -> dict[str, Json]:
    """What was read from the cache is a part of what went in."""
    details = told.get("prompt_tokens_details") if isinstance(told, dict) else None
    cached = details.get("cached_tokens") if isinstance(details, dict) else None
    return usage_of(told, given=("prompt_tokens",), made="completion_tokens", cached=cached)


def _put_together(reading: Streamed) -> dict[str, Any]:
    parts = [reading.parts[place] for place in sorted(reading.parts) if place != _LEGACY]
    calls = [
        {"function": one}
        if one["type"] == "function"
        else {"type": "custom", "custom": {"name": one["name"], "input": one["arguments"]}}
        for one in parts
    ]
    message = {
        "content": "".join(reading.text),
        "refusal": "".join(reading.refusal),
        "tool_calls": calls,
        "function_call": reading.parts.get(_LEGACY),
    }
    return {**reading.answer, "choices": [{"message": message, "finish_reason": reading.end}]}
