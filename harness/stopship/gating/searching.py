"""The recorded searches of a case, made anew: what stands in for the target of a retrieval-only replay.

Decides which recorded searches a case has. Never runs the target, and never judges what was found.
"""

import asyncio
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

from stopship.boundaries import marked_in
from stopship.errors import Missed, UsageError
from stopship.gating.engine import Target
from stopship.model.case import Case, Json
from stopship.model.exchange import CallKind, Recording
from stopship.parts.neighbours import code_of
from stopship.store.shown import quoted


class Recorded(Protocol):
    """What is looked up of recordings."""

    def of_case(self, case: str) -> tuple[Recording, ...]: ...


@dataclass(frozen=True, kw_only=True)
class Searches:
    """A target that makes the searches which were recorded of a case, and tells what they found."""

    target: Target
    shelf: Recorded

    @property
    def is_async(self) -> bool:
        return False

    @property
    def path(self) -> Path:
        return self.target.path

    def call(self, case: Case, stack: object, sample: int = 0, epoch: int = 0) -> object:  # noqa: ARG002
        """The searches of a case with what was found then and now. Raises Missed where nothing is recorded.

        UsageError where a search was recorded of a function that the target does not have any more.
        """
        kept = self.shelf.of_case(case.key)
        if not kept:
            raise Missed(f"no recordings of the case {quoted(case.key)}, whose searches could be made anew")
        told: list[Json] = []
        for one in _searches(kept, sample):
            call = one.asked.call
            found = self._made(call.name, call.request)
            recorded = one.answers[-1]
            then: Json = recorded.result if not recorded.error else {"error": recorded.error}
            told.append({"name": call.name, "request": call.request, "recorded": then, "found": found})
        return {"output": [one["found"] for one in told if isinstance(one, dict)], "searches": told}

    def _made(self, name: str, request: Json) -> Any:
        function = self._functions.get(name)
        if function is None:
            raise UsageError(
                f"a search {quoted(name)} is recorded, and the target marks no retrieval of that name",
                do="mark it with that name again, or forget its recordings: stopship cache forget CASE",
            )
        given = request if isinstance(request, dict) else {}
        try:
            inspect.signature(function).bind(**given)
        except TypeError as err:
            raise UsageError(
                f"the search {quoted(name)} cannot be made alone: {err}",
                do="mark a function whose every argument is recorded or has a default",
            ) from err
        found = function(**given)
        return asyncio.run(_awaited(found)) if inspect.isawaitable(found) else found

    @cached_property
    def _functions(self) -> Mapping[str, Callable[..., Any]]:
        files = {str(ran.file) for ran in code_of(self.target.path.resolve())}
        found = marked_in(files)
        return {own.name: one for own, one in found.items() if own.kind == CallKind.RETRIEVAL.value}


async def _awaited(found: Any) -> Any:
    return await found


def _searches(kept: tuple[Recording, ...], sample: int) -> list[Recording]:
    """Each search once, as it was first answered: the same ones for either arm of a gate."""

    def order(one: Recording) -> tuple[bool, int, int, str]:
        return one.asked.sample != sample, one.asked.sample, one.asked.epoch, one.asked.key

    first: dict[str, Recording] = {}
    for one in sorted(kept, key=order):
        if one.asked.call.kind is CallKind.RETRIEVAL:
            first.setdefault(one.asked.ask, one)
    return [first[ask] for ask in sorted(first)]
