"""Responses that the gateway makes itself: recorded answers, and refusals that SDKs turn into exceptions.

Decides how each reads to the client. Never touches an upstream.
"""

import json
from collections.abc import Sequence

from aiohttp import web

from stopship.model.exchange import Answer
from stopship.parts.gateway.bodies import NotKept, parts_of

MISSED = 424  # Failed Dependency: no SDK retries it, and no model API uses it
_TOGETHER = 64 * 1024  # bytes that are written at once
_SAFE = {  # what the SDKs of OpenAI and Anthropic read before they retry
    "x-should-retry": "false",
    "Server": "stopship",
}


def refusal(status: int, kind: str, text: str) -> web.Response:
    """An error as OpenAI and Anthropic write theirs, so that the client's exception holds the text."""
    error = {"type": kind, "message": text, "code": kind, "param": None}
    body = json.dumps({"type": "error", "error": error}).encode()
    return web.Response(status=status, body=body, content_type="application/json", headers=_SAFE)


async def serve(request: web.BaseRequest, answer: Answer) -> web.StreamResponse:
    """Give a recorded answer, broken off where it broke off; raises NotKept before anything is sent.

    An answer without a status stands for a connection that was closed without one.
    """
    if answer.status is None:
        if not answer.error:
            raise NotKept("it has neither a status nor an error")
        raise hang_up(request)
    if not 200 <= answer.status <= 599:
        raise NotKept(f"{answer.status} is no status of a response")
    kind, headers, pieces, is_cut = parts_of(answer.result)
    head = {"Content-Type": kind, "Server": "stopship", **headers}
    if not kind:
        del head["Content-Type"]
    if not is_cut and (len(pieces) == 1 or request.method == "HEAD"):
        return web.Response(status=answer.status, body=pieces[0], headers=head)
    response = web.StreamResponse(status=answer.status, headers=head)
    await response.prepare(request)
    for one in _gathered(pieces):
        await response.write(one)
    if is_cut:
        raise hang_up(request)
    return response


def hang_up(request: web.BaseRequest) -> ConnectionError:
    """Close the connection after what was written; the error tells the server that this request is over."""
    if request.transport is not None:
        request.transport.close()
    return ConnectionResetError("closed as the upstream closed it")


def _gathered(pieces: Sequence[bytes]) -> Sequence[bytes]:
    """The pieces in few writes: a client reads events from the bytes, whatever their packets."""
    found, held, size = [], list[bytes](), 0
    for one in pieces:
        held.append(one)
        size += len(one)
        if size >= _TOGETHER:
            found.append(b"".join(held))
            held, size = [], 0
    return [*found, b"".join(held)] if held else found
