"""The recorded searches of a case, made anew: what stands in for the target of a retrieval-only replay.

Decides which function makes a recorded search again, and whether it can as it was recorded. Never runs the
target, and never judges what was found.
"""

import asyncio
import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from stopship.boundaries import Boundary, marked_in
from stopship.errors import UsageError
from stopship.gating.engine import Target
from stopship.gating.paths import searches_of
from stopship.model.canonical import canonical_bytes
from stopship.model.case import Case, Json
from stopship.model.exchange import Answer, Asked, Call, CallKind, Effect, Recording
from stopship.parts.answers import told_request
from stopship.parts.later import import_all
from stopship.parts.neighbours import code_of
from stopship.parts.user_code import copied
from stopship.store.shown import quoted, shown

_REST, _NAMED = inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD


class Recorded(Protocol):
    """What is looked up of recordings."""

    def of_ask(self, ask: str) -> tuple[Recording, ...]: ...
    def of_case(self, case: str) -> tuple[Recording, ...]: ...
    def blanked(self, value: Json, /) -> Json: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class _Search:
    """A recorded search that can be made as it was recorded."""

    asked: Asked
    answer: Answer  # as it is recorded
    function: Callable[..., Any]
    bound: inspect.BoundArguments

    def made(self) -> Any:
        found = self.function(*self.bound.args, **self.bound.kwargs)
        return asyncio.run(_awaited(found)) if inspect.isawaitable(found) else found


@dataclass(frozen=True, kw_only=True)
class Searches:
    """A target that makes the searches which were recorded of a case, and tells what they found."""

    target: Target
    shelf: Recorded
    allowed: frozenset[str] = frozenset()  # names of searches that write and may be made
    accepted: Sequence[str] = ()  # ids of accepted stacks, the latest first: their searches hold
    _functions: dict[str, tuple[Boundary, Callable[..., Any]]] = field(default_factory=dict)

    @property
    def is_async(self) -> bool:
        return False

    @property
    def path(self) -> Path:
        return self.target.path

    def call(self, case: Case, stack: object, sample: int = 0, epoch: int = 0) -> object:  # noqa: ARG002
        """The searches of a case with what was found then and now, without secrets: it is filed.

        Raises Missed where it is not recorded which there were; UsageError, before one is made, where one
        cannot be made as it was recorded: its function is gone, or is one of two, or writes, or
        takes other arguments.
        """
        told: list[Json] = []
        for one in [
            self._prepared(*each) for each in searches_of(self.shelf, case.key, sample, self.accepted)
        ]:
            call, recorded = one.asked.call, one.answer
            found = self.shelf.blanked(one.made())
            then: Json = recorded.result if not recorded.error else {"error": recorded.error}
            told.append({"name": call.name, "request": call.request, "recorded": then, "found": found})
        return {"output": [one["found"] for one in told if isinstance(one, dict)], "searches": told}

    def _prepared(self, asked: Asked, answer: Answer) -> _Search:
        call = asked.call
        own, function = self._function(call.name)
        if Effect(own.effect).changes and call.name not in self.allowed:
            raise UsageError(
                f"the search {quoted(call.name)} writes, as what is not declared does, and is not made anew",
                do='mark it with effect="read" where it only reads, or allow it by name: '
                f"--allow-effects {shown(call.name)}",
            )
        return _Search(asked=asked, answer=answer, function=function, bound=_bound(own, call))

    def _function(self, name: str) -> tuple[Boundary, Callable[..., Any]]:
        """The marked search of a name. Raises UsageError where there is none, or more than one."""
        if name in self._functions:
            return self._functions[name]
        found = self._marked(name)
        if not found:
            import_all(self.target.path.resolve())
            found = self._marked(name)
        if not found:
            raise UsageError(
                f"a search {quoted(name)} is recorded, and the target marks no retrieval of that name, in no "
                "file that it imports from beside itself",
                do="mark it with that name again, or forget its recordings: stopship cache forget CASE",
            )
        if len(found) > 1:
            places = " and ".join(sorted(_place(own.function) for own, _ in found))
            raise UsageError(
                f"several marked functions are the retrieval {quoted(name)}: {places}; a recorded search "
                "could be of any",
                do='give one of them a name: @stopship.boundary(..., name="...")',
            )
        self._functions[name] = found[0]
        return found[0]

    def _marked(self, name: str) -> list[tuple[Boundary, Callable[..., Any]]]:
        files = {str(ran.file) for ran in code_of(self.target.path.resolve())}
        found = marked_in(files).items()
        return [one for one in found if (one[0].kind, one[0].name) == (CallKind.RETRIEVAL.value, name)]


def _bound(own: Boundary, call: Call) -> inspect.BoundArguments:
    """The recorded arguments, each as its parameter takes it.

    Raises UsageError where the search would be asked something else than is recorded.
    """
    signature = inspect.signature(own.function)
    given = copied(call.request)
    if not isinstance(given, dict):
        raise _another(call)
    bound = inspect.BoundArguments(signature, {})
    for key, parameter in signature.parameters.items():
        if key in given:
            kind, one = parameter.kind, given[key]
            is_fit = (kind is not _REST or isinstance(one, list)) and (
                kind is not _NAMED or isinstance(one, dict)
            )
            if not is_fit:
                raise _another(call)
            bound.arguments[key] = tuple(one) if kind is _REST and isinstance(one, list) else one
    try:
        told = told_request(call.name, own.told(bound))
        signature.bind(*bound.args, **bound.kwargs)
    except TypeError as err:
        raise UsageError(
            f"the search {quoted(call.name)} cannot be made alone: {err}",
            do="mark a function whose every argument is recorded or has a default",
        ) from err
    if canonical_bytes(told) != canonical_bytes(given):
        raise _another(call)
    return bound


def _another(call: Call) -> UsageError:
    return UsageError(
        f"the search {quoted(call.name)} takes other arguments than were recorded: it would be asked "
        "something else",
        do="record its cases again: stopship replay SUITE --record new",
    )


def _place(function: Callable[..., object]) -> str:
    code = function.__code__
    return f"{function.__qualname__} in {shown(Path(code.co_filename).name)}, line {code.co_firstlineno}"


async def _awaited(found: Any) -> Any:
    return await found
