"""What the test endpoint answers: computed from the request alone, so that a test knows it beforehand.

Words in the last message of the user choose more: `[length]`, `[filter]`, `[refuse]`, `[cached]`,
`[other-model]` and, where tools are offered, `[no-tool]`.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

Body = Mapping[str, Any]
FINGERPRINT = "fp_test"
OTHER_MODEL = "another-model"
REFUSAL = "I cannot help with that."


def short_digest(value: object) -> str:
    data = json.dumps(value, sort_keys=True, ensure_ascii=False).encode("utf-8", "surrogatepass")
    return hashlib.sha256(data).hexdigest()[:12]


def plain_answer(body: Body) -> dict[str, Any]:
    """The answer to a case that was posted as JSON."""
    row = body["case"]
    text = f"answer {short_digest([row, body.get('sample', 0)])}"
    return {"output": text, "usage": {"input_total": len(str(row)), "output_total": 2}}


def said(content: object) -> str:
    """The text of a message, whose content is text or a list of parts."""
    if isinstance(content, list):
        return "".join(str(one.get("text", "")) for one in content if isinstance(one, dict))
    return str(content)


class Answer:
    """One answer of a model, before either protocol tells it."""

    def __init__(self, body: Body, schema: Any, tool: tuple[str, Any] | None) -> None:
        messages = body["messages"]
        asked = said(next(one["content"] for one in reversed(messages) if one["role"] == "user"))
        seen = short_digest([messages, body.get("system"), body.get("temperature")])
        self.model = OTHER_MODEL if "[other-model]" in asked else str(body["model"])
        self.tool: tuple[str, str] | None = None  # name and arguments
        self.is_cut, self.is_filtered = "[length]" in asked, "[filter]" in asked
        self.is_refused = "[refuse]" in asked
        self.text = f"answer {seen} to {asked}"
        if self.is_refused:
            self.text = REFUSAL
        elif tool is not None and messages[-1]["role"] == "user" and "[no-tool]" not in asked:
            name, parameters = tool
            self.tool = (name, json.dumps(filled(parameters, asked)))
            self.text = ""
        elif schema is not None:
            self.text = json.dumps(filled(schema, asked), ensure_ascii=False)
        self.read = sum(len(said(one.get("content") or "").split()) for one in messages)
        self.cached = self.read // 2 if "[cached]" in asked else 0
        self.written = max(1, len((self.text or str(self.tool)).split()))
        self.id = f"test-{seen}"

    @property
    def pieces(self) -> list[str]:
        """The text as a stream sends it."""
        words = self.text.split(" ")
        return [one if not number else f" {one}" for number, one in enumerate(words)] if self.text else []


def filled(schema: Any, text: str) -> Any:
    """A value that a JSON schema allows, made of the text."""
    if "enum" in schema:
        return schema["enum"][len(text) % len(schema["enum"])]
    kind = schema.get("type")
    if kind == "object":
        return {name: filled(one, text) for name, one in schema.get("properties", {}).items()}
    if kind == "array":
        return [filled(schema.get("items", {"type": "string"}), text)]
    return {"integer": len(text), "number": len(text) / 2, "boolean": len(text) % 2 == 0}.get(kind, text)


def _openai(body: Body) -> Answer:
    shape = body.get("response_format") or {}
    schema = shape["json_schema"]["schema"] if shape.get("type") == "json_schema" else None
    functions = [one["function"] for one in body.get("tools") or ()]
    tool = (functions[0]["name"], functions[0].get("parameters", {})) if functions else None
    return Answer(body, schema, None if body.get("tool_choice") == "none" else tool)


def openai_answer(body: Body) -> dict[str, Any]:
    """A chat completion."""
    answer = _openai(body)
    message: dict[str, Any] = {"role": "assistant", "content": answer.text, "refusal": None}
    if answer.tool:
        message |= {"content": None, "tool_calls": [_openai_call(answer.tool, answer.id)]}
    if answer.is_refused:
        message |= {"content": None, "refusal": answer.text}
    choice = {"index": 0, "message": message, "finish_reason": _openai_end(answer), "logprobs": None}
    head = _openai_head(answer, "chat.completion")
    return head | {"choices": [choice], "usage": _openai_usage(answer)}


def openai_stream(body: Body) -> Iterator[str]:
    """The same as server-sent events; with usage where it is asked for."""
    answer = _openai(body)
    head = _openai_head(answer, "chat.completion.chunk")
    field = "refusal" if answer.is_refused else "content"
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
    if answer.tool:
        call = _openai_call(answer.tool, answer.id)
        arguments = call["function"]["arguments"]
        first = call | {"index": 0, "function": {"name": answer.tool[0], "arguments": ""}}
        deltas.append({"tool_calls": [first]})
        parts = [arguments[at : at + 7] for at in range(0, len(arguments), 7)]
        deltas += [{"tool_calls": [{"index": 0, "function": {"arguments": one}}]} for one in parts]
    deltas += [{field: one} for one in answer.pieces]
    with_usage = bool((body.get("stream_options") or {}).get("include_usage"))
    rest: dict[str, Any] = {"usage": None} if with_usage else {}
    for delta in deltas:
        yield _event(head | {"choices": [{"index": 0, "delta": delta, "finish_reason": None}]} | rest)
    end = {"index": 0, "delta": {}, "finish_reason": _openai_end(answer)}
    yield _event(head | {"choices": [end]} | rest)
    if with_usage:
        yield _event(head | {"choices": [], "usage": _openai_usage(answer)})
    yield "data: [DONE]\n\n"


def _openai_head(answer: Answer, kind: str) -> dict[str, Any]:
    said = {"id": answer.id, "object": kind, "created": 1_700_000_000, "model": answer.model}
    return said | {"system_fingerprint": FINGERPRINT}


def _openai_call(tool: tuple[str, str], number: str) -> dict[str, Any]:
    return {"id": f"call-{number}", "type": "function", "function": {"name": tool[0], "arguments": tool[1]}}


def _openai_end(answer: Answer) -> str:
    if answer.is_filtered:
        return "content_filter"
    return "tool_calls" if answer.tool else "length" if answer.is_cut else "stop"


def _openai_usage(answer: Answer) -> dict[str, Any]:
    return {
        "prompt_tokens": answer.read,
        "completion_tokens": answer.written,
        "total_tokens": answer.read + answer.written,
        "prompt_tokens_details": {"cached_tokens": answer.cached},
    }


def _anthropic(body: Body) -> Answer:
    shape = (body.get("output_config") or {}).get("format") or {}
    tools = body.get("tools") or ()
    tool = (tools[0]["name"], tools[0].get("input_schema", {})) if tools else None
    return Answer(body, shape.get("schema"), tool)


def anthropic_answer(body: Body) -> dict[str, Any]:
    """A message."""
    answer = _anthropic(body)
    head = _anthropic_head(answer)
    end = {"stop_reason": _anthropic_end(answer), "stop_sequence": None}
    return head | end | {"content": _blocks(answer), "usage": _anthropic_usage(answer)}


def anthropic_stream(body: Body) -> Iterator[str]:
    """The same as server-sent events."""
    answer = _anthropic(body)
    usage = _anthropic_usage(answer)
    started = _anthropic_head(answer) | {"content": [], "stop_reason": None, "stop_sequence": None}
    yield _named("message_start", {"message": started | {"usage": usage | {"output_tokens": 1}}})
    yield _named("ping", {})
    for index, block in enumerate(_blocks(answer)):
        is_text = block["type"] == "text"
        empty: dict[str, Any] = {"text": ""} if is_text else {"input": {}}
        yield _named("content_block_start", {"index": index, "content_block": block | empty})
        deltas: list[dict[str, Any]] = [{"type": "text_delta", "text": one} for one in answer.pieces]
        if not is_text:
            parts = json.dumps(block["input"])
            cut = range(0, len(parts), 7)
            deltas = [{"type": "input_json_delta", "partial_json": parts[at : at + 7]} for at in cut]
        for delta in deltas:
            yield _named("content_block_delta", {"index": index, "delta": delta})
        yield _named("content_block_stop", {"index": index})
    end = {"stop_reason": _anthropic_end(answer), "stop_sequence": None}
    yield _named("message_delta", {"delta": end, "usage": {"output_tokens": answer.written}})
    yield _named("message_stop", {})


def _anthropic_head(answer: Answer) -> dict[str, Any]:
    return {"id": answer.id, "type": "message", "role": "assistant", "model": answer.model}


def _blocks(answer: Answer) -> list[dict[str, Any]]:
    if answer.tool:
        name, arguments = answer.tool
        return [{"type": "tool_use", "id": f"call-{answer.id}", "name": name, "input": json.loads(arguments)}]
    return [{"type": "text", "text": answer.text}] if answer.text else []


def _anthropic_end(answer: Answer) -> str:
    if answer.is_refused:
        return "refusal"
    return "tool_use" if answer.tool else "max_tokens" if answer.is_cut else "end_turn"


def _anthropic_usage(answer: Answer) -> dict[str, Any]:
    """Tokens read from the cache are told apart from the others, as Anthropic does."""
    return {
        "input_tokens": answer.read - answer.cached,
        "output_tokens": answer.written,
        "cache_read_input_tokens": answer.cached,
        "cache_creation_input_tokens": 0,
    }


def _event(value: object) -> str:
    return f"data: {json.dumps(value)}\n\n"


def _named(name: str, value: Mapping[str, Any]) -> str:
    return f"event: {name}\n{_event({'type': name, **value})}"
