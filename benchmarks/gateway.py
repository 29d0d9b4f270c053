"""What the local gateway costs: requests a second through it, against the ideal rate of its endpoint.

    python benchmarks/gateway.py [--seconds 3] [--rounds 3] [--check]

An endpoint that answers after 20 ms, and 64 connections that each ask it again and again, are processes of
their own; the gateway runs in this one, as it does beside the engine. The ideal is 64 requests each 20 ms.
Rounds of direct, recorded and served requests are interleaved; ratios are medians. `--check` exits with 1
where less than 40 % of the ideal goes through recorded or served.
"""

import argparse
import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.parts.gateway.memory import Memory

from stopship.model.exchange import Answer
from stopship.parts.gateway.seam import Place
from stopship.parts.gateway.server import Gateway
from stopship.parts.gateway.upstreams import Upstream

IN_FLIGHT, DELAY_S, PROMISE = 64, 0.020, 0.40
IDEAL = IN_FLIGHT / DELAY_S
TEXT = "A customer asks how long a refund takes, and whether the fee comes back. " * 20
CHUNK = {
    "id": "c",
    "object": "chat.completion.chunk",
    "choices": [{"index": 0, "delta": {"content": "word "}}],
}


class Endpoint(asyncio.Protocol):
    """Answers each request after the delay, in one write or in 20 events; as little as HTTP needs."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport, self._held = transport, b""

    def data_received(self, data: bytes) -> None:
        self._held += data
        head, found, body = self._held.partition(b"\r\n\r\n")
        if not found:
            return
        length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
        if len(body) >= length:
            answer = STREAM if b'"stream": true' in body else WHOLE
            self._held = body[length:]
            asyncio.get_running_loop().call_later(DELAY_S, self._transport.write, answer)  # type: ignore[attr-defined]


def _whole() -> bytes:
    message = {"role": "assistant", "content": TEXT[:600], "refusal": None}
    value = {"id": "c", "object": "chat.completion", "choices": [{"index": 0, "message": message}]}
    body = json.dumps(value).encode()
    return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (
        len(body),
        body,
    )


def _stream() -> bytes:
    events = [f"data: {json.dumps(CHUNK)}\n\n".encode()] * 20 + [b"data: [DONE]\n\n"]
    parts = b"".join(b"%x\r\n%s\r\n" % (len(one), one) for one in events)
    return (
        b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n%s0\r\n\r\n"
        % parts
    )


WHOLE, STREAM = _whole(), _stream()


async def ask(port: int, path: str, seconds: float, is_stream: bool) -> int:
    """How many requests 64 connections got answered, each with a body of its own."""
    until, answered = time.perf_counter() + seconds, 0

    async def one(number: int) -> None:
        nonlocal answered
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        turn = 0
        while time.perf_counter() < until:
            content = f"{number} {turn % 8} {TEXT}"
            value = {"model": "m", "messages": [{"role": "user", "content": content}], "stream": is_stream}
            body = json.dumps(value).encode()
            head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n"
            writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
            told = await reader.readuntil(b"\r\n\r\n")
            assert told.startswith(b"HTTP/1.1 200"), told
            length = told.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]
            if length:
                await reader.readexactly(int(length))
            else:
                await reader.readuntil(b"\r\n0\r\n\r\n")
            answered += 1
            turn += 1
        writer.close()

    await asyncio.gather(*(one(number) for number in range(IN_FLIGHT)))
    return answered


class Same(Memory):
    """As `Memory`, but what was recorded is served as often as it is asked."""

    def _next(self, key: str) -> Answer | None:
        found = self.kept.get(key, [])
        return found[-1] if found else None


def load(port: int, path: str, seconds: float, is_stream: bool) -> float:
    """The rate that a process of its own sees."""
    words = ["--load", str(port), path, str(seconds), str(int(is_stream))]
    done = subprocess.run([sys.executable, __file__, *words], check=True, capture_output=True, text=True)
    return float(done.stdout)


def measure(port: int, seconds: float, is_stream: bool) -> dict[str, float]:
    """Rates of one round, and CPU of this process for each request."""
    found = {"direct": load(port, "/v1/chat/completions", seconds, is_stream)}
    memory: Memory = Same("all")
    upstreams = {"up": Upstream(url=f"http://127.0.0.1:{port}")}
    for name in ("recorded", "served"):
        with Gateway(upstreams, memory, environ={}) as gateway:
            path = f"/{gateway.admit(Place('case-1')).token}/up/v1/chat/completions"
            before = time.process_time()
            found[name] = load(gateway.port, path, seconds, is_stream)
            spent = time.process_time() - before
            found[f"{name} ms of CPU"] = spent / (found[name] * seconds) * 1000
            if gateway.bug is not None:
                raise gateway.bug
        frozen = Same("frozen")
        frozen.kept.update(memory.kept)
        frozen.keys, frozen.by_key = memory.keys, memory.by_key
        memory = frozen
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    with subprocess.Popen(
        [sys.executable, __file__, "--endpoint"], stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        port = int(child.stdout.readline())
        broken = False
        for kind, is_stream in (("whole", False), ("streams", True)):
            rounds = [measure(port, options.seconds, is_stream) for _ in range(options.rounds)]
            for name in ("direct", "recorded", "served"):
                rate = median(one[name] for one in rounds)
                cpu = median(one.get(f"{name} ms of CPU", 0.0) for one in rounds)
                told = f"{cpu:.2f} ms of CPU a request" if cpu else ""
                print(f"{kind:8} {name:9} {rate:6.0f}/s  {rate / IDEAL:4.0%} of the ideal  {told}")
                broken = broken or (not is_stream and rate / IDEAL < PROMISE and name != "direct")
        child.terminate()
    raise SystemExit(1 if options.check and broken else 0)


async def endpoint() -> None:
    server = await asyncio.get_running_loop().create_server(Endpoint, "127.0.0.1", 0, backlog=256)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


def part(words: Sequence[str]) -> None:
    """What the other processes do."""
    if words[0] == "--endpoint":
        asyncio.run(endpoint())
    seconds = float(words[3])
    print(asyncio.run(ask(int(words[1]), words[2], seconds, words[4] == "1")) / seconds)


if __name__ == "__main__":
    if sys.argv[1:2] in (["--endpoint"], ["--load"]):
        part(sys.argv[1:])
    else:
        main()
