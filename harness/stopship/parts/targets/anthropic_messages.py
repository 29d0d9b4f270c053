"""The target `[replay.anthropic]`: a message of Anthropic's.

Decides how its answer reads as a trace. Never retries: the engine does.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from stopship.model.case import Json
from stopship.parts.targets.models import ModelTarget, Streamed, arguments_of, count, trace_of
from stopship.parts.targets.network import NoAnswer, Pins
from stopship.parts.targets.protocol import no_answer

BASE_URL = "https://api.anthropic.com"
VERSION = "2023-06-01"  # of the protocol
MOST_TOKENS = 4096  # the protocol needs a number; `params = { max_tokens = … }` gives another
_FINISH = {"end_turn": "stop", "stop_sequence": "stop", "max_tokens": "length", "tool_use": "tool_call"}
_FINISH |= {"model_context_window_exceeded": "length", "refusal": "refusal"}
_INPUT = ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")


@dataclass(frozen=True, slots=True, kw_only=True)
class AnthropicTarget(ModelTarget):
    """A message."""

    kind = "anthropic"
    endpoint = "/v1/messages"

    def headers(self, key: str) -> dict[str, str]:
        return {"anthropic-version": VERSION, **({"x-api-key": key} if key else {})}

    def body(self, stack: Pins, messages: list[dict[str, Json]]) -> dict[str, Any]:
        """System messages stand apart in this protocol."""
        system = [str(one["content"]) for one in messages if one["role"] == "system"]
        rest = [one for one in messages if one["role"] != "system"]
        made: dict[str, Any] = {
            "model": self.pinned_model(stack),
            "messages": rest,
            "max_tokens": MOST_TOKENS,
        }
        if system:
            made["system"] = "\n\n".join(system)
        if self.tools:
            made["tools"] = self.json_of(stack, self.tools)
        if self.schema:
            schema = {"type": "json_schema", "schema": self.json_of(stack, self.schema)}
            made["output_config"] = {"format": schema}
        if self.stream:
            made["stream"] = True
        return {**made, **self.settings(stack)}

    def read(self, reading: Streamed, event: dict[str, Any]) -> bool:
        kind = event.get("type")
        reading.whole = lambda: _put_together(reading)
        delta = event.get("delta") or {}
        if kind == "error":
            raise no_answer(event.get("error") or {})
        if kind == "message_start":
            reading.answer |= event.get("message") or {}
        elif kind == "content_block_start":
            reading.parts[event["index"]] = {**event["content_block"], "json": ""}
        elif kind == "content_block_delta":
            part = reading.parts.setdefault(event["index"], {"type": "text", "text": "", "json": ""})
            part["text"] = part.get("text", "") + delta.get("text", "")
            part["json"] += delta.get("partial_json", "")
            return bool(delta.get("text") or delta.get("partial_json"))
        elif kind == "message_delta":
            reading.end = delta.get("stop_reason")
            reading.answer["usage"] = {**(reading.answer.get("usage") or {}), **(event.get("usage") or {})}
        elif kind == "message_stop":
            reading.is_complete = True
        return False

    def trace(self, answer: Mapping[str, Any]) -> dict[str, Json]:
        blocks = answer.get("content")
        if not isinstance(blocks, list):
            raise NoAnswer("the endpoint answered without content")
        calls = [(str(one.get("name")), one.get("input")) for one in blocks if one.get("type") == "tool_use"]
        finish = _FINISH.get(str(answer.get("stop_reason")), "error")
        usage = answer.get("usage")
        return trace_of(
            text="".join(str(one.get("text", "")) for one in blocks if one.get("type") == "text"),
            calls=calls,
            finish=finish,
            refusal="refusal" if finish == "refusal" else "",
            usage=_usage(usage) if isinstance(usage, dict) else {},
            observed={"model": answer.get("model")},
        )


def _usage(told: dict[str, Any]) -> dict[str, Json]:
    """Tokens; this protocol tells those of the cache apart, so that what went in is the sum."""
    return {
        "input_total": count(told, *_INPUT),
        "output_total": count(told, "output_tokens"),
        "cached": count(told, "cache_read_input_tokens"),
        "raw": told,
    }


def _put_together(reading: Streamed) -> dict[str, Any]:
    blocks = []
    for number in sorted(reading.parts):
        part = dict(reading.parts[number])
        told = part.pop("json")
        blocks.append({**part, "input": arguments_of(told)} if told else part)
    return {**reading.answer, "content": blocks, "stop_reason": reading.end}
