"""How near the engine comes to the rate that an endpoint and a client allow.

    python benchmarks/endpoints.py [--calls 1500] [--rounds 5] [--check]

An endpoint in a process of its own answers after 20 ms, and 64 calls are in flight. The ideal rate of a
round is what the target's own client reaches there without stopship: the same requests, by so many tasks of
one event loop, their answers read and dropped. In the next moment the engine asks the same through the
target. Printed are both rates, the medians of interleaved rounds after one to warm up, and the median of
their ratios. 64 / 20 ms = 3 200 a second is out of reach for the clients themselves on a small machine.
`--check` exits with 1 where a ratio is below what is promised.
"""

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.endpoints.running import Endpoint, running
from tests.endpoints.suites import plan_of, write_suite

from stopship.gating.asking import asking
from stopship.gating.replay import Replay
from stopship.model.run import Status
from stopship.parts.targets.posted import request_of

IN_FLIGHT, DELAY_S = 64, 0.02
PROMISED = 0.8
KINDS = ("http", "openai", "anthropic")


def planned(folder: Path, kind: str, endpoint: Endpoint, calls: int) -> Replay:
    urls = {"openai": f'base_url = "{endpoint.url}/v1"', "anthropic": f'base_url = "{endpoint.url}"'}
    table = urls.get(kind, f'url = "{endpoint.url}/answer"')
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


async def by_hand(kind: str, plan: Replay, endpoint: Endpoint) -> float:
    """What the client alone reaches, answers a second."""
    jobs = list(plan.jobs())
    asked = [str(one.case.row["asked"]) for one in jobs]
    if kind == "http":
        import aiohttp

        bodies = [json.dumps(request_of(one.case, plan.answering.stack, 0, 0)).encode() for one in jobs]
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

            async def post(number: int) -> Any:
                kind = {"Content-Type": "application/json"}
                async with session.post(
                    f"{endpoint.url}/answer", data=bodies[number], headers=kind
                ) as answer:
                    return json.loads(await answer.read())

            return await _by_hand(post, len(jobs))
    if kind == "openai":
        import openai

        async with openai.AsyncOpenAI(base_url=f"{endpoint.url}/v1", api_key="k", max_retries=0) as client:

            def chat(number: int) -> Awaitable[object]:
                user = {"role": "user", "content": asked[number]}
                messages: Any = [{"role": "system", "content": "be brief"}, user]
                return client.chat.completions.create(model="m-1", messages=messages)

            return await _by_hand(chat, len(jobs))
    import anthropic

    async with anthropic.AsyncAnthropic(base_url=endpoint.url, api_key="k", max_retries=0) as talker:

        def message(number: int) -> Awaitable[object]:
            messages: Any = [{"role": "user", "content": asked[number]}]
            return talker.messages.create(model="m-1", max_tokens=99, messages=messages, system="be brief")

        return await _by_hand(message, len(jobs))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--calls", type=int, default=1500)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--check", action="store_true")
    given = parser.parse_args()
    low = []
    print(
        f"{IN_FLIGHT} in flight, {DELAY_S * 1000:g} ms: at most {IN_FLIGHT / DELAY_S:,.0f} answers a second"
    )
    with running() as endpoint, tempfile.TemporaryDirectory() as folder:
        for kind in KINDS:
            plan = planned(Path(folder) / kind, kind, endpoint, given.calls)
            alone, engine = [], []
            for number in range(given.rounds + 1):
                endpoint.plan(delay_s=DELAY_S)
                theirs = asyncio.run(by_hand(kind, plan, endpoint))
                mine = through_the_engine(plan)
                if number:
                    alone.append(theirs)
                    engine.append(mine)
            ratio = median(one / other for one, other in zip(engine, alone, strict=True))
            peak = endpoint.counts["peak"]
            print(
                f"{kind:10} client alone {median(alone):7.0f}/s  engine {median(engine):7.0f}/s  "
                f"ratio {ratio:.2f}  most in flight {peak}"
            )
            low += [kind] if ratio < PROMISED else []
    if low:
        print(f"below {PROMISED:.0%} of the client alone: {', '.join(low)}")
    return 1 if low and given.check else 0


if __name__ == "__main__":
    sys.exit(main())
