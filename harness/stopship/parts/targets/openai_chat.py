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
        reading.answer |= {name: one for name, one in event.items() if name != "choices" and one is not None}
        reading.whole = lambda: _put_together(reading)
        choice = _first(event) or {}
        delta = an_object(choice.get("delta"), "a piece")
        said, refused = text_in(delta.get("content"), "a piece"), text_in(delta.get("refusal"), "a refusal")
        calls = objects(delta.get("tool_calls"), "calls of tools")
        reading.text.append(said)
        reading.refusal.append(refused)
        for call in calls:
            _add(reading, call)
        if end := choice.get("finish_reason"):
            reading.end, reading.is_complete = end, True
        return bool(said or refused or calls)

    def trace(self, answer: Mapping[str, Any]) -> dict[str, Json]:
        choice = _first(answer)
        if choice is None or not isinstance(choice.get("message"), dict):
            raise NoAnswer("the endpoint answered without a choice")
        finish, message = finish_of(choice.get("finish_reason"), _FINISH), choice["message"]
        asked = objects(message.get("tool_calls"), "calls of tools")
        functions = [an_object(one.get("function"), "a call of a tool") for one in asked]
        refused = text_in(message.get("refusal"), "a refusal")
        return trace_of(
            text=text_in(message.get("content"), "a message") or refused,
            calls=[(name_of(one), _arguments(one.get("arguments"))) for one in functions],
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


def _add(reading: Streamed, call: dict[str, Any]) -> None:
    """A piece of a call of a tool. Not every endpoint numbers its calls: another id begins another call."""
    function = an_object(call.get("function"), "a call of a tool")
    index, told = call.get("index") or 0, call.get("id")
    if not isinstance(index, int):
        raise NoAnswer("the endpoint answered a call of a tool whose index is no number")
    name, given = text_in(function.get("name"), "a name"), function.get("arguments")
    more = json.dumps(given, ensure_ascii=False) if isinstance(given, dict) else text_in(given, "arguments")
    before = [place for place in reading.parts if place[0] == index]
    part = reading.parts[before[-1]] if before else None
    if part is None or _is_another(part, told, name, more):
        part = reading.parts[index, len(before)] = {"id": told, "name": "", "arguments": ""}
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
    calls = [{"function": reading.parts[place]} for place in sorted(reading.parts)]
    message = {
        "content": "".join(reading.text),
        "refusal": "".join(reading.refusal),
        "tool_calls": calls,
    }
    return {**reading.answer, "choices": [{"message": message, "finish_reason": reading.end}]}
