"""What an endpoint of a model sends back over HTTP: a body, a stream of events, or an error.

Decides what is no answer of the protocol: it says nothing of the model, so the output is lost, never made up.
"""

import json
import time
from collections.abc import AsyncIterator, Mapping
from typing import Any

from stopship.parts.targets.network import BadAnswer, NoAnswer, of_status


def answer_of(text: str, kind: str) -> dict[str, Any]:
    """The body of an answer: an object of JSON under its name, or no answer of the protocol."""
    if "json" not in kind:
        raise NoAnswer(f"the endpoint answered {kind or 'without a content type'}, expected application/json")
    try:
        found = json.loads(text)
    except ValueError as err:
        raise NoAnswer(f"the endpoint answered what is no JSON: {err}") from err
    if not isinstance(found, dict):
        raise NoAnswer("the endpoint answered JSON that is no object")
    return found


async def events_of(lines: AsyncIterator[str], kind: str) -> AsyncIterator[dict[str, Any]]:
    """The events of a stream. One that is no JSON ends it: a client would drop it, and a word, unseen."""
    if "event-stream" not in kind:
        raise NoAnswer(
            f"the endpoint answered {kind or 'without a content type'}, expected text/event-stream"
        )
    data: list[str] = []
    async for raw in lines:
        line = raw.rstrip("\r\n")
        if line.startswith("data:"):
            data.append(line[5:].removeprefix(" "))
        elif not line and data:
            text, data = "\n".join(data), []
            if text == "[DONE]":
                return
            yield answer_of(text, "json")


def status_error(status: int, text: str, after: str | None) -> Exception:
    """What an HTTP status from 300 on says, with the message of the protocol's error."""
    try:
        body = json.loads(text)
    except ValueError:
        body = None
    error = body.get("error") if isinstance(body, dict) else None
    said = next((one["message"] for one in (error, body) if isinstance(one, dict) and "message" in one), "")
    return of_status(status, said if isinstance(said, str) else "", after, time.time(), is_model=True)


def no_answer(error: Mapping[str, Any]) -> Exception:
    """An error that comes inside a stream, after status 200."""
    kind, said = str(error.get("type") or error.get("code") or "error"), str(error.get("message", ""))
    if "invalid_request" in kind:
        return BadAnswer(f"{kind}: {said}")
    return NoAnswer(f"{kind}: {said}")
