"""Whether a response is an answer of the model that was asked, and which model it names.

Decides what is infrastructure's doing: a status that says nothing of the request, a connection that failed, a
body that is none of the protocol. Never asks again, and never judges what a model said.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from stopship.model.case import Json
from stopship.model.exchange import Answer, Call
from stopship.model.streamed import events_of
from stopship.parts.gateway.bodies import is_json
from stopship.parts.gateway.told import LEFT, LONGEST_TOLD
from stopship.parts.gateway.upstreams import READS

_AGAIN = (401, 402, 407, 408, 425, 429)  # say nothing of what was asked
_OF_MODELS = (403, 404)  # where a model is asked: it is not there, or not for this key
_LISTS = {"/chat/completions": "choices", "/v1/messages": "content", "/v1/responses": "output"}
_OWN = "invalid_request"  # in the kind of an error: the request was wrong


def unanswered(call: Call, answer: Answer) -> str:
    """Why a model gave no answer through no fault of who asked it; "": it did, or the fault is theirs.

    A client that left before it was answered has given up by itself.
    """
    if answer.error.startswith(LEFT):
        return ""
    if answer.status is None:
        return answer.error
    method, _, rest = call.name.partition(" ")
    path = rest.partition("?")[0]
    is_asked = method == "POST" and path.endswith(READS)
    if answer.status >= 300:
        is_none = answer.status >= 500 or answer.status in _AGAIN
        is_none = is_none or (is_asked and (answer.status in _OF_MODELS or answer.status < 400))
        return (answer.error or f"HTTP {answer.status}") if is_none else ""
    result = answer.result
    if not is_asked or not isinstance(result, dict) or result.get("cut") is True:
        return "" if answer.error.startswith("InvalidJson") else answer.error
    if isinstance(result.get("events"), list):
        return _of_stream(result["events"], answer.error)
    return _of_body(result, path)


def models_in(result: Json) -> frozenset[str]:
    """The models that an answer, whole or streamed, says it is of; most say one, or none."""
    return frozenset(
        name
        for body in _bodies(result)
        for one in (body, body.get("message"), body.get("response"))
        if isinstance(one, dict) and isinstance(name := one.get("model"), str) and name
    )


def _bodies(result: Json) -> Iterator[Mapping[str, Any]]:
    if not isinstance(result, dict):
        return
    events = result.get("events")
    if isinstance(events, list):
        yield from events_of(events) or ()
    elif isinstance(body := _value(result), dict):
        yield body


def _of_stream(events: list[Json], error: str) -> str:
    if error:
        return "" if _OWN in error.partition(":")[0] else error
    told = events_of(events)
    if told is None:
        return "an event of its stream is no JSON"
    for one in told:
        whole = one.get("response")
        if found := one.get("error") or (whole.get("error") if isinstance(whole, dict) else None):
            return _of_error(found)
    return "" if told else "its stream has no event"


def _of_body(result: Mapping[str, Json], path: str) -> str:
    kind = str(result.get("type", ""))
    value = _value(result)
    if value is None:
        if kind and not kind.startswith("text/") and not is_json(kind):
            return ""  # of a protocol that is not JSON
        return f"it answered {kind or 'without a content type'} where JSON was asked for"
    if not isinstance(value, dict):
        return "it answered JSON that is no object" if _list_of(path) else ""
    if error := value.get("error"):
        return _of_error(error)
    name = _list_of(path)
    if name and not isinstance(value.get(name), list):
        return f"it answered JSON without {name!r}, which is no answer of its protocol"
    if name == "choices":
        first = next((one for one in value["choices"] if isinstance(one, dict)), None)
        if first is None:
            return "it answered without a choice"
        if error := first.get("error"):
            return _of_error(error)
        if first.get("finish_reason") in ("error", "abort"):
            return f"it broke the answer off: it ends with the reason {first['finish_reason']!r}"
    return ""


def _of_error(error: Any) -> str:
    """What an error says that comes with status 200; "" where it says that the request was wrong."""
    told = error if isinstance(error, dict) else {"message": error}
    kind = str(told.get("type") or told.get("code") or "error")
    what = " ".join(f"{kind}: {told.get('message', '')}".split())
    return "" if _OWN in kind else what[:LONGEST_TOLD]


def _list_of(path: str) -> str:
    """The list that every answer at this path has; "": none is known."""
    return next((name for end, name in _LISTS.items() if path.endswith(end)), "")


def _value(result: Mapping[str, Json]) -> Any:
    """The body as JSON, though it cannot be kept as such, or is told to be of another type; else None."""
    if "json" in result:
        return result["json"]
    try:
        return json.loads(str(result.get("text", "")))
    except (ValueError, RecursionError):
        return None
