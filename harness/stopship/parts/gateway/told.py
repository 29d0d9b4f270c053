"""What a response says about itself: an error, a refusal, a stream without its end.

Decides whether an answer may be served again to an unchanged call. Never reads more of a stream than its
beginning, its end and the events that could refuse.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence

from stopship.model.case import Json
from stopship.model.exchange import Answer
from stopship.parts.gateway.bodies import is_json

LONGEST_TOLD = 200
LEFT = "ClientLeft"  # begins the error of a call that its client gave up
_SIGNS = (
    '"refusal"',
    "content_filter",
    '"error"',
    "blockReason",
    "SAFETY",
    "PROHIBITED_CONTENT",
    "BLOCKLIST",
)
_BLOCKED = ("SAFETY", "PROHIBITED_CONTENT", "BLOCKLIST", "RECITATION", "SPII")
_LINE = re.compile(r"\r\n|\n|\r")  # other ends of lines may stand in the data
_LAST = 4  # events at the end of a stream among which its end is told


def answer_of(status: int, result: Mapping[str, Json], cut: str = "") -> Answer:
    """An answer with what it says about itself. `cut` tells why the body broke off; "": it did not."""
    error = cut or _error(status, result)
    is_reusable = not error and not _is_refusal(result)
    return Answer(result=dict(result), error=error, status=status, is_reusable=is_reusable)


def told(error: BaseException) -> str:
    """`TimeoutError: what`, on one line."""
    text = " ".join(str(error).split())
    name = type(error).__name__
    return (f"{name}: {text}" if text else name)[:LONGEST_TOLD]


def _error(status: int, result: Mapping[str, Json]) -> str:
    if status >= 400:
        what = _message(result.get("json"))
        return f"HTTP {status}: {what}" if what else f"HTTP {status}"
    if is_json(str(result["type"])) and "json" not in result:
        return (
            "InvalidJson: its type says JSON, its body is none that can be kept" if _has_body(result) else ""
        )
    events = result.get("events")
    if not isinstance(events, list):
        return ""
    for one in _suspicious(events):
        if one.get("type") == "error" or isinstance(one.get("error"), dict):
            return _message(one) or "the stream tells an error"
    return _unended(events)


def _message(value: Json) -> str:
    """`overloaded_error: Overloaded`, in the shapes that model APIs use."""
    error = value.get("error") if isinstance(value, dict) else None
    if isinstance(error, str):
        return " ".join(error.split())[:LONGEST_TOLD]
    if not isinstance(error, dict):
        return ""
    parts = [error.get(name) for name in ("type", "message")]
    return ": ".join(" ".join(one.split()) for one in parts if isinstance(one, str))[:LONGEST_TOLD]


def _has_body(result: Mapping[str, Json]) -> bool:
    return result.get("text") != ""


def _unended(events: Sequence[Json]) -> str:
    """What is missing at the end of a stream whose protocol has one."""
    first = _data(events[0]) if events else {}
    last = [one for one in events[-_LAST:] if isinstance(one, str)]
    ends = [_data(one) for one in last]
    kinds = {one.get("type") for one in ends}
    if first.get("type") == "message_start":
        is_ended = "message_stop" in kinds
    elif first.get("type") == "response.created":
        is_ended = bool(kinds & {"response.completed", "response.incomplete", "response.failed"})
    elif first.get("object") == "chat.completion.chunk":
        is_ended = any("[DONE]" in one for one in last) or any(
            choice.get("finish_reason") for one in ends for choice in _dicts(one.get("choices"))
        )
    else:
        return ""
    return "" if is_ended else f"HalfStream: no end after {len(events)} events"


def _is_refusal(result: Mapping[str, Json]) -> bool:
    value = result.get("json")
    if isinstance(value, dict):
        return _refuses(value)
    events = result.get("events")
    return isinstance(events, list) and any(_refuses(one) for one in _suspicious(events))


def _refuses(value: Mapping[str, Json]) -> bool:
    """Whether a response, or an event of one, says that the model or a filter refused."""
    if value.get("stop_reason") == "refusal" or str(value.get("type", "")).startswith("response.refusal"):
        return True  # Anthropic's message; OpenAI's events
    for one in _dicts(value.get("choices")):  # OpenAI, chat
        said = one.get("message") or one.get("delta")
        if one.get("finish_reason") == "content_filter" or (isinstance(said, dict) and said.get("refusal")):
            return True
    for one in _dicts(value.get("output")):  # OpenAI, responses
        if any(part.get("type") == "refusal" for part in _dicts(one.get("content"))):
            return True
    for one in _dicts(value.get("candidates")):  # Google
        if one.get("finishReason") in _BLOCKED:
            return True
    inner = [value.get(name) for name in ("delta", "message", "response")]
    details, feedback = value.get("incomplete_details"), value.get("promptFeedback")
    return (
        (isinstance(details, dict) and details.get("reason") == "content_filter")
        or (isinstance(feedback, dict) and bool(feedback.get("blockReason")))
        or any(_refuses(one) for one in inner if isinstance(one, dict))
    )


def _suspicious(events: Sequence[Json]) -> Iterator[Mapping[str, Json]]:
    for one in events:
        if isinstance(one, str) and any(sign in one for sign in _SIGNS):
            yield _data(one)


def _data(event: Json) -> Mapping[str, Json]:
    """The JSON object in an event's data; empty where there is none."""
    if not isinstance(event, str):
        return {}
    lines = [one[5:].strip() for one in _LINE.split(event) if one.startswith("data:")]
    try:
        value = json.loads("\n".join(lines))
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _dicts(value: Json) -> Iterator[Mapping[str, Json]]:
    yield from (one for one in value if isinstance(one, dict)) if isinstance(value, list) else ()
