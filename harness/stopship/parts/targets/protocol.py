"""What an endpoint of a model sends back over HTTP: a body, a stream of events, or an error.

Decides what is no answer of the protocol: it says nothing of the model, so the output is lost, never made up.
"""

import json
import time
from collections.abc import AsyncIterator, Awaitable, Mapping
from typing import Any

from stopship.parts.targets.network import BadAnswer, NoAnswer, of_status

CONNECT_S = 10.0
ANSWER_S = 600.0  # where the suite has no timeout


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


async def asked(request: Awaitable[Any], errors: Any) -> Any:
    """What a client's request gives; its errors as ours. `errors`: the client's module."""
    try:
        return await request
    except errors.APIStatusError as err:
        raise status_error(err) from err
    except errors.APITimeoutError as err:
        raise timeout_error(err) from err
    except errors.APIError as err:
        raise NoAnswer(f"{type(err.__cause__ or err).__name__}: {err}") from err


def status_error(err: Any) -> Exception:
    body = err.body if isinstance(err.body, dict) else {}
    inner = body.get("error") if isinstance(body.get("error"), dict) else body
    said = inner.get("message") if isinstance(inner, dict) else None
    after = err.response.headers.get("retry-after")
    return of_status(err.status_code, said or "", after, time.time(), is_model=True)


def timeout_error(err: BaseException) -> Exception:
    """Out of time is the target's own failure; a connection that was never made is not."""
    names = {type(one).__name__ for one in (err, err.__cause__, err.__context__) if one is not None}
    if any("Connect" in name or "Pool" in name for name in names):
        return NoAnswer("no connection in time")
    return TimeoutError(f"no answer within {ANSWER_S:g} s")


def no_answer(error: Mapping[str, Any]) -> Exception:
    """An error that comes inside a stream, after status 200."""
    kind, said = str(error.get("type") or error.get("code") or "error"), str(error.get("message", ""))
    if "invalid_request" in kind:
        return BadAnswer(f"{kind}: {said}")
    return NoAnswer(f"{kind}: {said}")
