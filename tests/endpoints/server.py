"""`python -m tests.endpoints.server`: serves on a free port of this machine, and prints its address.

Speaks HTTP/1.1 by hand, as half of its work is to speak it wrongly. It answers every path that ends in
`/chat/completions`, `/messages` and `/answer`; `POST /plan` begins anew with a plan of faults, `GET /counts`
tells what was asked since.
"""

import asyncio
import contextlib
import json
import sys
import time
from collections.abc import Iterable, Mapping
from email.utils import formatdate
from typing import Any

from tests.endpoints.answers import (
    anthropic_answer,
    anthropic_stream,
    openai_answer,
    openai_stream,
    plain_answer,
)
from tests.endpoints.faults import Counts, plan_of

REASONS = {200: "OK", 302: "Found", 400: "Bad Request", 404: "Not Found", 429: "Too Many Requests"}
ANSWERED = ("/chat/completions", "/messages", "/answer")
JSON = "application/json"
TOGETHER_S = 30.0  # how long a request waits for others


class Server:
    """One endpoint with its plan and its counts."""

    def __init__(self) -> None:
        self.counts = Counts()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """All requests of one connection."""
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while (head := await _head(reader)) is not None:
                path, headers = head
                body = await reader.readexactly(int(headers.get("content-length", 0)))
                if not await self._answer(writer, path, headers, body):
                    break
        writer.close()

    async def _answer(
        self, writer: asyncio.StreamWriter, path: str, headers: Mapping[str, str], body: bytes
    ) -> bool:
        """Whether the connection goes on."""
        if path == "/plan":
            self.counts = Counts(plan_of(json.loads(body)))
            return await _send(writer, 200, {})
        if path == "/counts":
            return await _send(writer, 200, self.counts.told)
        counts = self.counts
        fault = counts.met(path, headers, body)
        counts.in_flight += 1
        counts.peak = max(counts.peak, counts.in_flight)
        try:
            until = time.monotonic() + TOGETHER_S
            while counts.peak < counts.plan.together and time.monotonic() < until:
                await asyncio.sleep(0.005)
            if counts.plan.delay_s:
                await asyncio.sleep(counts.plan.delay_s)
            return await self._with(fault, writer, path, headers, body)
        finally:
            counts.in_flight -= 1

    async def _with(
        self, fault: str, writer: asyncio.StreamWriter, path: str, headers: Mapping[str, str], body: bytes
    ) -> bool:
        plan = self.counts.plan
        if fault == "slow":
            await asyncio.sleep(plan.slow_s)
        elif fault == "closed":
            writer.transport.abort()
            return False
        elif fault == "redirect":
            return await _send(writer, 302, {}, {"Location": "/elsewhere"})
        elif fault == "wrong-type":
            return await _send(writer, 200, "<html>maintenance</html>", kind="text/html")
        elif fault == "echo-key":
            key = headers.get("authorization", "") or headers.get("x-api-key", "")
            return await _send(writer, 400, _error(400, f"the key {key} may not"))
        elif fault.partition("-")[0].isdigit():
            status = int(fault.partition("-")[0])
            after = plan.retry_after
            if fault.endswith("date"):
                after = formatdate(time.time() + float(after), usegmt=True)
            extra = {"Retry-After": after} if status == 429 else {}
            return await _send(writer, status, _error(status, f"status {status} was asked for"), extra)
        if not path.endswith(ANSWERED):
            return await _send(writer, 404, _error(404, "no such path"))
        return await _tell(writer, path, json.loads(body), fault)


async def _tell(writer: asyncio.StreamWriter, path: str, body: dict[str, Any], fault: str) -> bool:
    """The answer as it should be, or cut in half, or with half of its JSON."""
    is_openai, is_anthropic = path.endswith("/chat/completions"), path.endswith("/messages")
    if body.get("stream") and (is_openai or is_anthropic):
        events = openai_stream(body) if is_openai else anthropic_stream(body)
        return await _stream(writer, list(events), fault)
    if is_openai:
        value = openai_answer(body)
    elif is_anthropic:
        value = anthropic_answer(body)
    else:
        value = plain_answer(body)
    text = json.dumps(value)
    if fault == "invalid-json":
        return await _send(writer, 200, text[: len(text) // 2], kind=JSON)
    if fault == "half":
        _write_head(writer, 200, JSON, {"Content-Length": str(len(text.encode()))})
        writer.write(text.encode()[: len(text) // 2])
        return await _cut(writer)
    return await _send(writer, 200, value)


async def _stream(writer: asyncio.StreamWriter, events: list[str], fault: str) -> bool:
    _write_head(writer, 200, "text/event-stream", {"Transfer-Encoding": "chunked"})
    if fault == "invalid-json":
        events[len(events) // 2] = "data: {broken\n\n"
    for number, one in enumerate(events):
        if fault == "half" and number >= len(events) // 2:
            return await _cut(writer)
        data = one.encode()
        writer.write(b"%x\r\n%s\r\n" % (len(data), data))
        await writer.drain()
    writer.write(b"0\r\n\r\n")
    await writer.drain()
    return True


async def _cut(writer: asyncio.StreamWriter) -> bool:
    await writer.drain()
    await asyncio.sleep(0.005)  # what was sent arrives before the connection ends
    writer.transport.abort()
    return False


async def _send(
    writer: asyncio.StreamWriter,
    status: int,
    value: object,
    extra: Mapping[str, str] | None = None,
    *,
    kind: str = JSON,
) -> bool:
    data = (value if isinstance(value, str) else json.dumps(value)).encode()
    _write_head(writer, status, kind, {"Content-Length": str(len(data)), **(extra or {})})
    writer.write(data)
    await writer.drain()
    return True


def _write_head(writer: asyncio.StreamWriter, status: int, kind: str, headers: Mapping[str, str]) -> None:
    lines: Iterable[str] = (f"{name}: {one}" for name, one in {"Content-Type": kind, **headers}.items())
    head = "\r\n".join([f"HTTP/1.1 {status} {REASONS.get(status, 'Status')}", *lines])
    writer.write(f"{head}\r\n\r\n".encode())


def _error(status: int, text: str) -> dict[str, Any]:
    """An error in the shape that both protocols read."""
    return {"type": "error", "error": {"type": f"status_{status}", "message": text, "code": None}}


async def _head(reader: asyncio.StreamReader) -> tuple[str, dict[str, str]] | None:
    try:
        data = await reader.readuntil(b"\r\n\r\n")
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
    first, *lines = data.decode("latin-1").split("\r\n")
    _, path, _ = first.split(" ")
    named = (line.partition(":") for line in lines if line)
    return path.partition("?")[0], {name.lower(): value.strip() for name, _, value in named}


async def main() -> None:
    server = await asyncio.start_server(Server().serve, "127.0.0.1", 0, limit=2**20, backlog=512)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    loop = asyncio.get_running_loop()
    await loop.run_in_executor(None, sys.stdin.read)  # until whoever started it is gone


if __name__ == "__main__":
    asyncio.run(main())
