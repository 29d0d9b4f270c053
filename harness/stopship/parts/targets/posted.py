"""The target `[replay.http]`: a case is posted to an address, and the answer is text or a trace, as JSON.

Decides what is sent. What answers there is no pin; it may tell under `observed` which pins it runs.
"""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from stopship.model.case import Case, Json
from stopship.parts.targets.network import BadAnswer, Foreign, PerLoop, of_status
from stopship.parts.targets.posting import clients, library, posted, text_of


@dataclass(frozen=True, slots=True, kw_only=True)
class PostedTarget(Foreign):
    """A service behind an address."""

    url: str
    _clients: PerLoop[Any] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_clients", clients(self.url, "http"))

    def prepare(self) -> None:
        library("http")
        self.key()

    async def ask(self, case: Case, stack: Any, sample: int, epoch: int) -> Any:
        client, key = await self._clients.get(), self.key()
        asked = json.dumps(request_of(case, stack, sample, epoch), ensure_ascii=False)
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        async with posted(client, self.url, asked.encode("utf-8", "replace"), headers) as answer:
            text, told, status = await text_of(answer), answer.headers, answer.status
        if status != 200:
            after = told.get("Retry-After")
            raise of_status(status, text, after, time.time(), is_model=False)
        kind = told.get("Content-Type", "")
        if "json" not in kind:
            raise BadAnswer(f"answered {kind or 'without a content type'}, expected application/json")
        try:
            return json.loads(text)
        except (ValueError, RecursionError) as err:
            raise BadAnswer(f"answered what is no JSON: {err}") from err


def request_of(case: Case, stack: Any, sample: int, epoch: int) -> dict[str, Json]:
    """What a service or a command is asked; the versions of the stack's pins tell it which stack is meant."""
    pins: Mapping[str, Json] = {one.axis: one.version for one in stack.stack.pins}
    return {
        "key": case.key,
        "case": dict(case.row),
        "input": case.input,
        "sample": sample,
        "epoch": epoch,
        "stack": dict(pins),
    }
