"""What an endpoint of a model sends back over HTTP: a body, a stream of events, or an error.

Decides what is no answer of the protocol: it says nothing of the model, so the output is lost, never made up.
"""

import json
import re
import time
from collections.abc import AsyncIterator, Mapping
from typing import Any

from stopship.parts.targets.network import BadAnswer, NoAnswer, of_status

_NO_CREDIT = re.compile(r"credit balance is too low", re.IGNORECASE)  # Anthropic says so with status 400


def answer_of(text: str, kind: str, name: str = "") -> dict[str, Any]:
    """The body of an answer: an object of JSON under its name, or no answer of the protocol.

    `name`: of the event that it came as, "" where it is a whole answer. An error that it tells is raised.
    """
    if "json" not in kind:
        raise NoAnswer(f"the endpoint answered {kind or 'without a content type'}, expected application/json")
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as err:
        raise NoAnswer(f"the endpoint answered what is no JSON: {err}") from err
    if not isinstance(found, dict):
        raise NoAnswer("the endpoint answered JSON that is no object")
    if found.get("error") or "error" in (name, found.get("type"), found.get("object")):
        raise no_answer(found.get("error") or found)
    return found


async def events_of(lines: AsyncIterator[str], kind: str) -> AsyncIterator[dict[str, Any]]:
    """The events of a stream. One that is no JSON ends it: a client would drop it, and a word, unseen."""
    if "event-stream" not in kind:
        raise NoAnswer(
            f"the endpoint answered {kind or 'without a content type'}, expected text/event-stream"
        )
    data: list[str] = []
    name = ""
    async for raw in lines:
        line = raw.rstrip("\r\n")
        if line.startswith("data:"):
            data.append(line[5:].removeprefix(" "))
        elif line.startswith("event:"):
            name = line[6:].strip()
        elif line.startswith("{"):
            raise NoAnswer("the endpoint sent JSON beside the events of its stream")
        elif not line:
            text, event, data, name = "\n".join(data), name, [], ""
            if text == "[DONE]":
                return
            if text:
                yield answer_of(text, "json", event)


def status_error(status: int, text: str, after: str | None) -> Exception:
    """What an HTTP status from 300 on says, with the message of the protocol's error."""
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        body = None
    error = body.get("error") if isinstance(body, dict) else None
    said = next((one["message"] for one in (error, body) if isinstance(one, dict) and "message" in one), "")
    said = said if isinstance(said, str) else ""
    status = 402 if _NO_CREDIT.search(said) and 400 <= status < 500 else status
    return of_status(status, said, after, time.time(), is_model=True)


def no_answer(error: object) -> Exception:
    """An error that comes inside a stream or an answer, after status 200, whatever shape it has."""
    told = error if isinstance(error, Mapping) else {"message": error}
    kind, said = str(told.get("type") or told.get("code") or "error"), str(told.get("message", ""))
    if "invalid_request" in kind:
        return BadAnswer(f"{kind}: {said}")
    return NoAnswer(f"{kind}: {said}")


def an_object(value: Any, what: str) -> dict[str, Any]:
    """An object of an answer; one that is not told is empty."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise NoAnswer(f"the endpoint answered {what} that is no object")
    return value


def objects(value: Any, what: str) -> list[dict[str, Any]]:
    """A list of objects of an answer; one that is not told is empty."""
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
        raise NoAnswer(f"the endpoint answered {what} that are no list of objects")
    return value


def text_in(value: Any, what: str) -> str:
    """A text of an answer, or those of its parts; one that is not told is empty."""
    if value is None:
        return ""
    if isinstance(value, list):
        parts = [one for one in objects(value, what) if one.get("type") == "text"]
        return "".join(text_in(one.get("text"), what) for one in parts)
    if not isinstance(value, str):
        raise NoAnswer(f"the endpoint answered {what} that is no text")
    return value


def name_of(call: Mapping[str, Any]) -> str:
    """The name of a tool that is called."""
    name = call.get("name")
    if not isinstance(name, str) or not name:
        raise NoAnswer("the endpoint answered a call of a tool without its name")
    return name


def finish_of(end: Any, known: Mapping[str, str]) -> str:
    """Why an answer ended, in the words of a trace. One that was broken off, or does not say, is none."""
    found = known.get(end) if isinstance(end, str) else None
    if found is None:
        raise NoAnswer(f"the endpoint broke the answer off: it ends with the reason {end!r}")
    return found
