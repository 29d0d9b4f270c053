"""The recorded searches of a case, made anew: what stands in for the target of a retrieval-only replay.

Decides which function makes a recorded search again. Never runs the target, and never judges what was found.
"""

import asyncio
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

from stopship.boundaries import marked_in
from stopship.errors import UsageError
from stopship.gating.engine import Target
from stopship.gating.paths import searches_of
from stopship.model.case import Case, Json
from stopship.model.exchange import CallKind, Recording
from stopship.parts.neighbours import code_of
from stopship.store.shown import quoted


class Recorded(Protocol):
    """What is looked up of recordings."""

    def of_ask(self, ask: str) -> tuple[Recording, ...]: ...
    def of_case(self, case: str) -> tuple[Recording, ...]: ...
    def blanked(self, value: Json, /) -> Json: ...


@dataclass(frozen=True, kw_only=True)
class Searches:
    """A target that makes the searches which were recorded of a case, and tells what they found."""

    target: Target
    shelf: Recorded
    accepted: Sequence[str] = ()  # ids of accepted stacks, the latest first: their searches hold

    @property
    def is_async(self) -> bool:
        return False

    @property
    def path(self) -> Path:
        return self.target.path

    def call(self, case: Case, stack: object, sample: int = 0, epoch: int = 0) -> object:  # noqa: ARG002
        """The searches of a case with what was found then and now, without secrets: it is filed.

        Raises Missed where it is not recorded which there were.
        UsageError where a search was recorded of a function that the target does not have any more.
        """
        told: list[Json] = []
        for asked, recorded in searches_of(self.shelf, case.key, sample, self.accepted):
            call = asked.call
            found = self.shelf.blanked(self._made(call.name, call.request))
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
