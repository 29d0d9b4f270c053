"""How near the engine comes to the rate that an endpoint of 20 ms allows at 64 in flight.

    python benchmarks/endpoints.py [--calls 3000] [--rounds 5] [--check]

The endpoint is a process of its own that does as little as HTTP needs. The ideal is 64 answers each 20 ms,
3 200 a second. In every round the same requests are made by the engine through the target, by a loop of
64 tasks over aiohttp alone, and, for models, over the official SDK alone, their answers read and dropped.
Printed is the best round of each after one to warm up, as other work on a machine only ever slows one down,
and the median of CPU for a call. `--check` exits with 1 where the engine is below 80 % of the ideal.
"""

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.endpoints.answers import anthropic_answer, openai_answer
from tests.endpoints.suites import plan_of, write_suite

from stopship.gating.asking import asking
from stopship.gating.replay import Replay
from stopship.model.run import Status
from stopship.parts.targets.posted import request_of

IN_FLIGHT, DELAY_S = 64, 0.02
IDEAL, PROMISED = IN_FLIGHT / DELAY_S, 0.8
PATHS = {"http": "/answer", "openai": "/v1/chat/completions", "anthropic": "/v1/messages"}
MESSAGES = [{"role": "user", "content": "question"}]
ANSWERS = {
    "/answer": {"output": "an answer", "observed": {"model": "m-1"}},
    "/v1/chat/completions": openai_answer({"model": "m-1", "messages": MESSAGES}),
    "/v1/messages": anthropic_answer({"model": "m-1", "messages": MESSAGES}),
}


class Endpoint(asyncio.Protocol):
    """Answers each request after the delay, in one write."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport, self._held = transport, b""

    def data_received(self, data: bytes) -> None:
        self._held += data
        head, found, body = self._held.partition(b"\r\n\r\n")
        if not found:
            return
        length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
        if len(body) >= length:
            self._held = body[length:]
            answer = WRITTEN[head.split(b" ", 2)[1].decode()]
            asyncio.get_running_loop().call_later(DELAY_S, self._transport.write, answer)  # type: ignore[attr-defined]


def _written(value: object) -> bytes:
    body = json.dumps(value).encode()
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    return head % len(body) + body


WRITTEN = {path: _written(one) for path, one in ANSWERS.items()}


async def serve() -> None:
    server = await asyncio.get_running_loop().create_server(Endpoint, "127.0.0.1", 0, backlog=1024)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


@contextmanager
def running() -> Iterator[str]:
    """The address of an endpoint that ends with this process."""
    command = [sys.executable, __file__, "--serve"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        try:
            yield child.stdout.readline().strip()
        finally:
            child.kill()


def planned(folder: Path, kind: str, url: str, calls: int) -> Replay:
    urls = {"openai": f'base_url = "{url}/v1"', "anthropic": f'base_url = "{url}"'}
    table = urls.get(kind, f'url = "{url}/answer"')
    return plan_of(write_suite(folder, kind, table, asked=calls, replay=f"concurrency = {IN_FLIGHT}"))


def through_the_engine(plan: Replay) -> float:
    """Answers a second."""
    assert plan.target is not None
    rate = Path(plan.place.folder / "rate")
    own, stack = plan.opened.suite.replay, plan.answering.stack
    with asking(own, plan.target, stack, total=plan.total, known=(), rate=rate) as engine:
        began, jobs = time.perf_counter(), list(plan.jobs())
        count = sum(1 for one in engine.outcomes(jobs) if one.status is Status.OK)
        took = time.perf_counter() - began
    assert count == plan.total
    return count / took


async def _by_hand(ask: Callable[[int], Awaitable[object]], calls: int) -> float:
    numbers = iter(range(calls))

    async def worker() -> None:
        for number in numbers:
            await ask(number)

    began = time.perf_counter()
    await asyncio.gather(*(worker() for _ in range(IN_FLIGHT)))
    return calls / (time.perf_counter() - began)


async def by_loop(kind: str, plan: Replay, url: str) -> float:
    """What aiohttp alone reaches, answers a second."""
    import aiohttp

    jobs = list(plan.jobs())
    asked: list[object] = [
        request_of(one.case, plan.answering.stack, 0, 0)
        if kind == "http"
        else {"model": "m-1", "messages": [{"role": "user", "content": one.case.row["asked"]}]}
        for one in jobs
    ]
    bodies = [json.dumps(one).encode() for one in asked]
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

        async def post(number: int) -> Any:
            sent = {"data": bodies[number], "headers": {"Content-Type": "application/json"}}
            async with session.post(f"{url}{PATHS[kind]}", **sent) as answer:
                return json.loads(await answer.read())

        return await _by_hand(post, len(jobs))


async def by_sdk(kind: str, plan: Replay, url: str) -> float:
    """What the official SDK alone reaches, answers a second."""
    asked = [str(one.case.row["asked"]) for one in plan.jobs()]
    if kind == "openai":
        import openai

        async with openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="k", max_retries=0) as client:

            def chat(number: int) -> Awaitable[object]:
                user = {"role": "user", "content": asked[number]}
                messages: Any = [{"role": "system", "content": "be brief"}, user]
                return client.chat.completions.create(model="m-1", messages=messages)

            return await _by_hand(chat, len(asked))
    import anthropic

    async with anthropic.AsyncAnthropic(base_url=url, api_key="k", max_retries=0) as talker:

        def message(number: int) -> Awaitable[object]:
            messages: Any = [{"role": "user", "content": asked[number]}]
            return talker.messages.create(model="m-1", max_tokens=99, messages=messages, system="be brief")

        return await _by_hand(message, len(asked))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--calls", type=int, default=3000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve:
        asyncio.run(serve())
        return 0
    low = []
    print(f"{IN_FLIGHT} in flight, {DELAY_S * 1000:g} ms: at most {IDEAL:,.0f} answers a second")
    with running() as url, tempfile.TemporaryDirectory() as folder:
        for kind in PATHS:
            plan = planned(Path(folder) / kind, kind, url, given.calls)
            engine, loop, sdk, cpu = [], [], [], []
            for _ in range(given.rounds + 1):
                loop.append(asyncio.run(by_loop(kind, plan, url)))
                before = time.process_time()
                engine.append(through_the_engine(plan))
                cpu.append((time.process_time() - before) / given.calls * 1000)
                sdk += [asyncio.run(by_sdk(kind, plan, url))] if kind != "http" else []
            share = max(engine[1:]) / IDEAL
            beside = max(engine[1:]) / max(loop[1:])
            official = f"  SDK alone {max(sdk[1:]):5.0f}/s" if sdk else ""
            print(
                f"{kind:10} engine {max(engine[1:]):5.0f}/s  {share:.0%} of the ideal  "
                f"{median(cpu[1:]):.2f} ms CPU a call  aiohttp alone {max(loop[1:]):5.0f}/s, "
                f"ratio {beside:.2f}{official}"
            )
            low += [f"{kind} (aiohttp alone {max(loop[1:]) / IDEAL:.0%})"] if share < PROMISED else []
    if low:
        print(f"below {PROMISED:.0%} of the ideal: {', '.join(low)}")
    return 1 if low and given.check else 0


if __name__ == "__main__":
    sys.exit(main())
