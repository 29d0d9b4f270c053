"""The target `[replay.openai]`: a chat completion of OpenAI's, or of any endpoint that speaks like it.

Decides how its answer reads as a trace. Never retries: the engine does.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from stopship.model.case import Json
from stopship.parts.targets.models import ModelTarget, Streamed, arguments_of, count, trace_of
from stopship.parts.targets.network import NoAnswer, Pins
from stopship.parts.targets.protocol import no_answer

_OWN_HEADERS = {"OPENAI_ORG_ID": "OpenAI-Organization", "OPENAI_PROJECT_ID": "OpenAI-Project"}
BASE_URL = "https://api.openai.com/v1"
_FINISH = {"stop": "stop", "length": "length", "tool_calls": "tool_call", "function_call": "tool_call"}
_FINISH |= {"content_filter": "content_filter"}


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenAITarget(ModelTarget):
    """A chat completion."""

    kind = "openai"
    endpoint = "/chat/completions"

    def headers(self, key: str) -> dict[str, str]:
        named = {header: os.environ.get(name, "") for name, header in _OWN_HEADERS.items()}
        own = {name: one for name, one in named.items() if one and self.base_url == BASE_URL}
        return own | ({"Authorization": f"Bearer {key}"} if key else {})

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
        if isinstance(event.get("error"), dict):
            raise no_answer(event["error"])
        reading.answer |= {name: one for name, one in event.items() if name != "choices" and one is not None}
        reading.whole = lambda: _put_together(reading)
        choices = event.get("choices") or [{}]
        delta = choices[0].get("delta") or {}
        reading.text.append(delta.get("content") or "")
        reading.refusal.append(delta.get("refusal") or "")
        for call in delta.get("tool_calls") or ():
            part = reading.parts.setdefault(call.get("index", 0), {"name": "", "arguments": ""})
            function = call.get("function") or {}
            part["name"] += function.get("name") or ""
            part["arguments"] += function.get("arguments") or ""
        if choices[0].get("finish_reason"):
            reading.end, reading.is_complete = choices[0]["finish_reason"], True
        return bool(delta.get("content") or delta.get("refusal") or delta.get("tool_calls"))

    def trace(self, answer: Mapping[str, Any]) -> dict[str, Json]:
        choices = answer.get("choices")
        if not isinstance(choices, list) or not choices or not isinstance(choices[0].get("message"), dict):
            raise NoAnswer("the endpoint answered without a choice")
        message = choices[0]["message"]
        functions = [one.get("function") or {} for one in message.get("tool_calls") or ()]
        calls = [(str(one.get("name")), arguments_of(one.get("arguments"))) for one in functions]
        is_refused = bool(message.get("refusal"))
        end = str(choices[0].get("finish_reason"))
        finish = "refusal" if is_refused else _FINISH.get(end, "error")
        return trace_of(
            text=message.get("content") or message.get("refusal") or "",
            calls=calls,
            finish=finish,
            refusal="refusal" if is_refused else "filtered" if finish == "content_filter" else "",
            usage=_usage(answer.get("usage")),
            observed={"model": answer.get("model"), "fingerprint": answer.get("system_fingerprint")},
        )


def _usage(told: Any) -> dict[str, Json]:
    """Tokens; what was read from the cache is a part of what went in."""
    if not isinstance(told, dict):
        return {}
    details = told.get("prompt_tokens_details") or {}
    return {
        "input_total": count(told, "prompt_tokens"),
        "output_total": count(told, "completion_tokens"),
        "cached": count(details, "cached_tokens"),
        "raw": told,
    }


def _put_together(reading: Streamed) -> dict[str, Any]:
    calls = [{"function": reading.parts[number]} for number in sorted(reading.parts)]
    message = {
        "content": "".join(reading.text),
        "refusal": "".join(reading.refusal),
        "tool_calls": calls,
    }
    return {**reading.answer, "choices": [{"message": message, "finish_reason": reading.end}]}
