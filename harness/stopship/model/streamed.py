"""The whole answer that a model's stream tells piece by piece.

Decides how the pieces of OpenAI's and Anthropic's streams are put together. Never judges what they say, and
leaves no piece out that it cannot place: a stream that holds one is of no known form.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from stopship.model.case import Json

_DONE = "[DONE]"  # ends a stream of OpenAI's
_ENDS = {"response.completed", "response.incomplete", "response.failed"}  # each tells the whole response
_BESIDE = {"message_start", "message_stop", "content_block_stop", "ping"}  # tell nothing of a decision
_PIECES = {  # of a block of a message: the field that grows
    "text_delta": "text",
    "input_json_delta": "partial_json",
    "thinking_delta": "thinking",
    "signature_delta": "signature",
}
_HEAD = {  # fields of a chunk of a chat that tell nothing of a decision
    *("id", "object", "created", "model", "usage", "system_fingerprint", "service_tier", "provider"),
    *("type", "obfuscation", "timings", "x_groq"),
}
_UNTOLD = {"citations_delta"}  # where a text comes from


class _Unread(Exception):  # noqa: N818  # says what the piece is
    """A piece that has no place."""


def events_of(events: Sequence[Json]) -> list[dict[str, Any]] | None:
    """What each event of a stream tells; None: one of them is no JSON object."""
    found = []
    for event in events:
        if not isinstance(event, str):
            return None
        lines = [line[5:].strip() for line in event.splitlines() if line.startswith("data:")]
        text = "\n".join(lines)
        if not text or text == _DONE:
            continue
        try:
            told = json.loads(text)
        except (ValueError, RecursionError):
            return None
        if not isinstance(told, dict):
            return None
        found.append(told)
    return found


def gathered(told: Iterable[Mapping[str, Any]]) -> dict[str, Any] | None:
    """The answer as it would have come whole; None: the stream is of no known form."""
    events = list(told)
    if any(one.get("error") for one in events):
        return None
    for one in events:
        if one.get("type") in _ENDS and isinstance(one.get("response"), dict):
            whole: dict[str, Any] = one["response"]
            return whole
    try:
        if any("choices" in one for one in events):
            return _chat(events)
        if any(str(one.get("type", "")).startswith(("message_", "content_block_")) for one in events):
            return _message(events)
    except _Unread:
        return None
    return None


def _chat(events: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    choices: dict[int, dict[str, Any]] = {}
    for event in events:
        told = event.get("choices", [] if event.keys() <= _HEAD else None)
        if not isinstance(told, list):
            raise _Unread
        for choice in told:
            if not isinstance(choice, dict) or not isinstance(place := choice.get("index", 0), int):
                raise _Unread
            message = choices.setdefault(place, {})
            if isinstance(choice.get("text"), str):  # of a completion, as there were before chats
                _grow(message, {"content": choice["text"]})
            elif "delta" in choice or choice.keys() - {"index", "finish_reason"}:
                _grow(message, choice.get("delta"))
    return {"choices": [{"index": at, "message": one} for at, one in sorted(choices.items())]}


def _grow(one: dict[str, Any], piece: object) -> None:
    """Add a piece of a message or a call: texts go on, calls lie by index and id, the rest holds as told."""
    if not isinstance(piece, dict):
        raise _Unread
    for key, told in piece.items():
        before = one.get(key)
        if told is None:
            one.setdefault(key, None)
        elif key == "tool_calls":
            one[key] = _with_calls(before or [], told)
        elif isinstance(told, dict):
            one[key] = before if isinstance(before, dict) else {}
            _grow(one[key], told)
        elif isinstance(told, str) and isinstance(before, str) and key not in ("id", "type", "role"):
            one[key] = before + told
        elif isinstance(told, list) and isinstance(before, list):
            one[key] = [*before, *told]
        else:
            one[key] = told


def _with_calls(calls: list[dict[str, Any]], told: object) -> list[dict[str, Any]]:
    """Each piece goes to the call of its index and id; one that tells neither to the last call."""
    if not isinstance(told, list):
        raise _Unread
    for piece in told:
        if not isinstance(piece, dict):
            raise _Unread
        place, own = piece.get("index"), piece.get("id")
        found = calls if place is None else [one for one in calls if one.get("index") == place]
        if own:
            found = [one for one in found if not one.get("id") or one["id"] == own]
        found = found[-1:]
        if not found:
            found = [{}]
            calls.append(found[0])
        _grow(found[0], piece)
    return sorted(calls, key=lambda one: one["index"] if isinstance(one.get("index"), int) else len(calls))


def _message(events: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    blocks: dict[int, dict[str, Any]] = {}
    whole: dict[str, Any] = {"type": "message"}
    for event in events:
        kind, place = event.get("type"), event.get("index")
        if kind in _BESIDE:
            continue
        if kind == "message_delta" and isinstance(delta := event.get("delta"), dict):
            whole |= delta
        elif kind == "content_block_start" and isinstance(place, int):
            block = event.get("content_block")
            if not isinstance(block, dict):
                raise _Unread
            blocks[place] = dict(block)
        elif kind == "content_block_delta" and isinstance(place, int):
            _extend(blocks.setdefault(place, {}), event.get("delta"))
        else:
            raise _Unread
    for block in blocks.values():
        if (text := block.pop("partial_json", "")) != "":
            block["input"] = text
    return whole | {"content": [block for _, block in sorted(blocks.items())]}


def _extend(block: dict[str, Any], delta: object) -> None:
    if not isinstance(delta, dict):
        raise _Unread
    kind = delta.get("type")
    if kind in _UNTOLD:
        return
    fields = [_PIECES[kind]] if kind in _PIECES else [one for one in _PIECES.values() if one in delta]
    if len(fields) != 1 or not isinstance(told := delta.get(fields[0]), str):
        raise _Unread
    before = block.get(fields[0])
    block[fields[0]] = (before if isinstance(before, str) else "") + told
