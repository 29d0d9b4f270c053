"""A model behind an address: what the suite says of it, what is asked, and the trace of what it answered.

Decides how the words of two protocols are told in one. Never chooses a model, and never retries.
"""

import json
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any, ClassVar

from stopship.errors import UsageError
from stopship.model.case import Case, Json
from stopship.parts.targets.network import Foreign, NoAnswer, PerLoop, Pins
from stopship.parts.targets.prompts import load_templates, messages_of
from stopship.parts.targets.protocol import ANSWER_S, CONNECT_S, answer_of, asked, events_of


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
    own: ClassVar[tuple[str, ...]]  # what the client's function takes by name; the rest is more of the body
    _clients: PerLoop[Any] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_clients", PerLoop(self._made, lambda client: client.close()))

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

    def body(self, stack: Pins, messages: list[dict[str, Json]]) -> dict[str, Any]:
        """The body of the request."""
        raise NotImplementedError

    def prepare(self) -> None:
        self.sdk()
        load_templates()
        self.key()

    def sdk(self) -> Any:
        """The client's module; EvidenceError where it is not installed."""
        raise NotImplementedError

    def client(self, sdk: Any, settings: Mapping[str, Any]) -> Any:
        """A client with these settings."""
        raise NotImplementedError

    def resource(self, client: Any) -> Any:
        """What of a client creates answers."""
        raise NotImplementedError

    def _made(self) -> Any:
        sdk = self.sdk()
        settings = {
            "api_key": self.key() or "none",
            "base_url": self.base_url,
            "max_retries": 0,
            "timeout": sdk.Timeout(ANSWER_S, connect=CONNECT_S),
            "http_client": sdk.DefaultAsyncHttpxClient(follow_redirects=False),  # a key goes to one address
        }
        return self.client(sdk, settings)

    def _split(self, body: dict[str, Any]) -> dict[str, Any]:
        own = {name: body[name] for name in self.own if name in body}
        return {**own, "extra_body": {name: one for name, one in body.items() if name not in own}}

    async def whole(self, body: dict[str, Any]) -> dict[str, Json]:
        """The trace of an answer that comes at once."""
        resource = self.resource(await self._clients.get()).with_raw_response
        found = await asked(resource.create(**self._split(body)), self.sdk())
        return self.trace(answer_of(found.http_response.text, found.headers.get("content-type", "")))

    async def events(self, body: dict[str, Any]) -> AsyncGenerator[dict[str, Any], None]:
        """The events of an answer that streams, read by hand: a client drops what it cannot read."""
        resource = self.resource(await self._clients.get()).with_streaming_response
        manager = resource.create(**self._split(body))
        response = await asked(manager.__aenter__(), self.sdk())
        try:
            async for event in events_of(response.iter_lines(), response.headers.get("content-type", "")):
                yield event
        finally:
            await manager.__aexit__(None, None, None)

    def read(self, reading: "Streamed", event: dict[str, Any]) -> bool:
        """Take in one event; whether it brought a part of the answer."""
        raise NotImplementedError

    def trace(self, answer: Mapping[str, Any]) -> dict[str, Json]:
        """What an answer says, in the words of a trace."""
        raise NotImplementedError

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
            return json.loads(stack.text(axis))
        except ValueError as err:
            raise UsageError(f"the file of the axis {axis!r} is not JSON: {err}") from err


class Streamed:
    """An answer that is being put together; `answer` has the shape of one that came at once."""

    def __init__(self) -> None:
        self.answer: dict[str, Any] = {}
        self.parts: dict[int, dict[str, Any]] = {}  # blocks or tool calls, by number
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


def arguments_of(text: Any) -> Json:
    """The arguments of a tool call as JSON; what is no JSON stays the text that the model wrote."""
    try:
        found: Json = json.loads(text)
    except (TypeError, ValueError):
        return str(text)
    return found


def count(usage: Mapping[str, Any], *names: str) -> int:
    """The sum of these counts; one that is missing is none."""
    return sum(one for name in names if isinstance(one := usage.get(name), int) and one >= 0)
