"""The target `[replay.anthropic]`: a message of Anthropic's.

Decides how its answer reads as a trace. Never retries: the engine does.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from stopship.errors import UsageError
from stopship.model.case import Json
from stopship.parts.targets.models import ModelTarget, Streamed, arguments_of, kept, trace_of, usage_of
from stopship.parts.targets.network import NoAnswer, Pins
from stopship.parts.targets.protocol import an_object, finish_of, name_of, objects, text_in

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
        system = [one.get("content") for one in messages if one["role"] == "system"]
        rest = [one for one in messages if one["role"] != "system"]
        made: dict[str, Any] = {
            "model": self.pinned_model(stack),
            "messages": rest,
            "max_tokens": MOST_TOKENS,
        }
        if system:
            made["system"] = _system(system)
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
        delta = an_object(event.get("delta"), "a piece")
        if kind == "message_start":
            reading.answer |= an_object(event.get("message"), "a message")
        elif kind == "content_block_start":
            block = an_object(event.get("content_block"), "a block")
            reading.parts[_place(event)] = {
                **block,
                "text": text_in(block.get("text"), "a block"),
                "json": "",
            }
        elif kind == "content_block_delta":
            part = reading.parts.setdefault(_place(event), {"type": "text", "text": "", "json": ""})
            said = text_in(delta.get("text"), "a piece")
            given = text_in(delta.get("partial_json"), "arguments")
            part["text"] += said
            part["json"] += given
            return bool(said or given)
        elif kind == "message_delta":
            reading.end = delta.get("stop_reason")
            usage = an_object(reading.answer.get("usage"), "a usage")
            reading.answer["usage"] = {**usage, **an_object(event.get("usage"), "a usage")}
        elif kind == "message_stop":
            reading.is_complete = True
        return False

    def trace(self, answer: Mapping[str, Any]) -> dict[str, Json]:
        if not isinstance(answer.get("content"), list):
            raise NoAnswer("the endpoint answered without content")
        blocks = objects(answer["content"], "blocks")
        finish = finish_of(answer.get("stop_reason"), _FINISH)
        return trace_of(
            text=text_in(blocks, "a block"),
            calls=[(name_of(one), _input(one)) for one in blocks if one.get("type") == "tool_use"],
            finish=finish,
            refusal="refusal" if finish == "refusal" else "",
            usage=_usage(answer.get("usage")),
            observed={"model": answer.get("model")},
        )


def _system(told: list[Json]) -> Json:
    """System messages as one text, or as blocks where one of them has blocks; UsageError for others."""
    texts = [one for one in told if isinstance(one, str)]
    if len(texts) == len(told):
        return "\n\n".join(texts)
    blocks: list[Json] = []
    for one in told:
        if not isinstance(one, str | list):
            raise UsageError(
                "a system message of the prompt has neither text nor blocks as its content",
                do='write {"role": "system", "content": "…"}',
            )
        blocks += [{"type": "text", "text": one}] if isinstance(one, str) else one
    return blocks


def _place(event: Mapping[str, Any]) -> tuple[int, int]:
    number = event.get("index")
    if not isinstance(number, int):
        raise NoAnswer("the endpoint answered a block without its number")
    return number, 0


def _input(block: Mapping[str, Any]) -> Json:
    """What a tool is given; a stream tells it as text."""
    return arguments_of(told) if (told := block.get("json")) else kept(block.get("input"))


def _usage(told: Any) -> dict[str, Json]:
    """This protocol tells tokens of the cache apart, so that what went in is the sum."""
    cached = told.get("cache_read_input_tokens") if isinstance(told, dict) else None
    return usage_of(told, given=_INPUT, made="output_tokens", cached=cached)


def _put_together(reading: Streamed) -> dict[str, Any]:
    blocks = [reading.parts[place] for place in sorted(reading.parts)]
    return {**reading.answer, "content": blocks, "stop_reason": reading.end}
