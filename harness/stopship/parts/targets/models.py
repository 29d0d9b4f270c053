"""A model behind an address: what the suite says of it, what is asked, and the trace of what it answered.

Decides how the words of two protocols are told in one. Never chooses a model, and never retries.
"""

import json
import time
from abc import abstractmethod
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, ClassVar, TypeGuard

from stopship.errors import UsageError
from stopship.model.case import Case, Json
from stopship.parts.targets.network import Foreign, NoAnswer, PerLoop, Pins
from stopship.parts.targets.outcome import NotATrace, told_trace
from stopship.parts.targets.posting import address_of, clients, library, lines_of, posted, text_of
from stopship.parts.targets.prompts import load_templates, messages_of
from stopship.parts.targets.protocol import an_object, answer_of, events_of, status_error

MOST_TOKENS_TOLD = 10**12  # of one answer; a number beyond it is no count


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelTarget(Foreign):
    """A model's endpoint. Texts that name an axis are empty where the suite gives none."""

    base_url: str
    model: str = ""  # "": the version of the pin `model`
    prompt: str = "prompt"  # axis
    tools: str = ""  # axis
    schema: str = ""  # axis
    params: Mapping[str, Json] = field(default_factory=dict)
    params_axis: str = ""  # axis whose value is laid over `params`
    stream: bool = False
    kind: ClassVar[str]  # as the suite calls it
    endpoint: ClassVar[str]  # added to the address
    _clients: PerLoop[Any] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_clients", clients(self.base_url, self.kind))

    async def ask(self, case: Case, stack: Pins, sample: int, epoch: int) -> Any:  # noqa: ARG002  # a model has no draws
        body = self.body(stack, messages_of(stack.text(self.prompt), case, f"the pin {self.prompt}"))
        began = time.perf_counter()
        if not self.stream:
            return self.told(await self.whole(body))
        reading = Streamed()
        async with aclosing(self.events(body)) as events:
            async for event in events:
                if self.read(reading, event) and reading.first_ms is None:
                    reading.first_ms = (time.perf_counter() - began) * 1000
        if not reading.is_complete:
            raise NoAnswer("the stream ended before the answer did")
        found = self.told(self.trace(reading.whole()))
        if reading.first_ms is not None:
            found["timings"] = {"first_token_ms": round(reading.first_ms, 3)}
        return found

    def told(self, trace: dict[str, Json]) -> dict[str, Json]:
        """The trace with the served model. One that the suite itself names is no pin to be held against."""
        observed = trace["observed"]
        if not isinstance(observed, dict) or not (served := observed.get("model")):
            return trace
        rest = {axis: one for axis, one in observed.items() if axis != "model" or one != self.model}
        return {**trace, "model": served, "observed": rest}

    @abstractmethod
    def body(self, stack: Pins, messages: list[dict[str, Json]]) -> dict[str, Any]:
        """The body of the request."""

    def prepare(self) -> None:
        library(self.kind)
        load_templates()
        self.key()

    @abstractmethod
    def headers(self, key: str) -> dict[str, str]:
        """What the protocol wants beside the body; "": there is no key."""

    async def _asked(self, body: dict[str, Any]) -> Any:
        """The response to a body, to be entered."""
        client = await self._clients.get()
        sent = json.dumps(body, ensure_ascii=False).encode("utf-8", "replace")
        return posted(client, address_of(self.base_url, self.endpoint), sent, self.headers(self.key()))

    async def whole(self, body: dict[str, Any]) -> dict[str, Json]:
        """The trace of an answer that comes at once."""
        async with await self._asked(body) as answer:
            await check_status(answer)
            text, kind = await text_of(answer), answer.headers.get("Content-Type", "")
        return self.trace(answer_of(text, kind))

    async def events(self, body: dict[str, Any]) -> AsyncGenerator[dict[str, Any], None]:
        """The events of an answer that streams."""
        async with await self._asked(body) as answer:
            await check_status(answer)
            lines = lines_of(answer.content.iter_any())
            async for event in events_of(lines, answer.headers.get("Content-Type", "")):
                yield event

    @abstractmethod
    def read(self, reading: "Streamed", event: dict[str, Any]) -> bool:
        """Take in one event; whether it brought a part of the answer."""

    @abstractmethod
    def trace(self, answer: Mapping[str, Any]) -> dict[str, Json]:
        """What an answer says, in the words of a trace."""

    def settings(self, stack: Pins) -> dict[str, Json]:
        """The parameters: the suite's, and over them those that the stack pins."""
        pinned = stack.value(self.params_axis) if self.params_axis else {}
        if not isinstance(pinned, dict):
            raise UsageError(f"the axis {self.params_axis!r} is no table", do="write value = { … }")
        return {**self.params, **pinned}

    def pinned_model(self, stack: Pins) -> str:
        return self.model or stack.version("model")

    def json_of(self, stack: Pins, axis: str) -> Any:
        """The value of a pinned JSON file."""
        try:
            return _parsed(stack.text(axis))
        except ValueError as err:
            raise UsageError(f"the file of the axis {axis!r} is not JSON: {err}") from err


@lru_cache(maxsize=16)
def _parsed(text: str) -> Any:
    """A pinned JSON file, for every case the same: it is written into bodies, and never changed."""
    return json.loads(text)


async def check_status(answer: Any) -> None:
    """Raise what a status other than success says."""
    if answer.status >= 300:
        raise status_error(answer.status, await text_of(answer), answer.headers.get("Retry-After"))


class Streamed:
    """An answer that is being put together; `answer` has the shape of one that came at once."""

    def __init__(self) -> None:
        self.answer: dict[str, Any] = {}
        self.parts: dict[tuple[int, int], dict[str, Any]] = {}  # blocks or tool calls, in their order
        self.text: list[str] = []
        self.refusal: list[str] = []
        self.end: Any = None  # the reason that it ends
        self.first_ms: float | None = None
        self.is_complete = False
        self.whole: Callable[[], dict[str, Any]] = dict


def trace_of(
    *,
    text: str,
    calls: list[tuple[str, Any]],
    finish: str,
    refusal: str,
    usage: Mapping[str, Json],
    observed: Mapping[str, object],
) -> dict[str, Json]:
    """A trace. Where a model calls tools and says nothing, the calls are the output: it is not silent."""
    output = text or "\n".join(f"{name}({_arguments(given)})" for name, given in calls)
    steps: list[Json] = [{"kind": "tool", "name": name, "input": given} for name, given in calls]
    told = {axis: one for axis, one in observed.items() if isinstance(one, str) and one}
    found: dict[str, Json] = {"output": output, "finish_reason": finish, "observed": dict(told)}
    if steps:
        found["steps"] = steps
    if refusal:
        found["refusal"] = refusal
    if usage:
        found["usage"] = dict(usage)
    return found


def _arguments(given: Any) -> str:
    return given if isinstance(given, str) else json.dumps(given, ensure_ascii=False, sort_keys=True)


def arguments_of(text: str) -> Json:
    """The arguments of a tool call as JSON. What is no JSON, or none that can be kept, stays the text that
    the model wrote: another number is another call."""
    try:
        found: Json = json.loads(text, object_pairs_hook=_without_twins)
    except (ValueError, RecursionError):
        return text
    return found if _is_kept(found) else text


def kept(value: Json) -> Json:
    """A value that an endpoint gave as JSON; as text where JSON cannot keep it."""
    return value if _is_kept(value) else json.dumps(value, ensure_ascii=False)


def _without_twins(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice")
    return found


def _is_kept(value: Json) -> bool:
    """Whether a step of a trace may hold it."""
    try:
        told_trace({"output": [{"input": value}]})
    except NotATrace:
        return False
    return True


def usage_of(told: Any, *, given: tuple[str, ...], made: str, cached: object) -> dict[str, Json]:
    """Tokens, by the same names in all protocols. What is not told is not there: it is not 0."""
    told = an_object(told, "a usage")
    counts = {"input_total": _sum(told, given), "output_total": _sum(told, (made,))}
    found: dict[str, Json] = {name: one for name, one in counts.items() if one is not None}
    if found:
        found["cached"] = cached if _is_count(cached) else 0
    is_whole = _is_kept(told)  # as nearly all are: its values need no look of their own
    raw: dict[str, Json] = {name: one for name, one in told.items() if is_whole or _is_kept(one)}
    return found | ({"raw": raw} if raw else {})


def _sum(told: Mapping[str, Any], names: tuple[str, ...]) -> int | None:
    counts = [told[name] for name in names if _is_count(told.get(name))]
    return sum(counts) if counts else None


def _is_count(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MOST_TOKENS_TOLD
