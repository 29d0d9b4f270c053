"""Start the test endpoint in a process of its own, give it plans, and ask what it counted."""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A running endpoint. `url` is its root: OpenAI's protocol is at `/v1`, plain JSON at `/answer`."""

    url: str

    def plan(self, **plan: Any) -> None:
        """Begin anew with a plan of `faults.Plan`: `plan(rates={"503": 0.3}, first=1)`."""
        self._ask("/plan", plan)

    @property
    def counts(self) -> dict[str, Any]:
        """What was asked since the plan."""
        return self._ask("/counts", None)

    @property
    def requests(self) -> int:
        return int(self.counts["requests"])

    def _ask(self, path: str, body: Mapping[str, Any] | None) -> dict[str, Any]:
        data = None if body is None else json.dumps(body).encode()
        with urlopen(Request(self.url + path, data), timeout=20) as answer:  # noqa: S310  # our own
            found: dict[str, Any] = json.load(answer)
            return found


@contextmanager
def running() -> Iterator[Endpoint]:
    """An endpoint as long as it is needed; it ends with this process, however that ends."""
    child = subprocess.Popen(
        [sys.executable, "-m", "tests.endpoints.server"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdin is not None
    assert child.stdout is not None
    try:
        yield Endpoint(child.stdout.readline().strip())
    finally:
        child.stdin.close()
        child.wait(20)
        child.stdout.close()
