"""Calls that leave a stack (to a model, a tool, a retriever), and what answered them.

Decides which two calls are the same and what a recording's key holds. Never runs one, never reads a file.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum
from functools import cached_property, lru_cache

from stopship.model.canonical import digest
from stopship.model.case import Json

SHORT = 16  # characters of a digest that stands beside an outcome
CODE = "its code"  # beside the axes that a call names: no axis has a space
PATH = "(path)"  # name of the recording that holds the order of an output's model calls
ADAPTER = 1  # version of how calls are written down; part of every key


class CallKind(Enum):
    """What is called; its worth is the word people write."""

    MODEL = "model"
    TOOL = "tool"
    RETRIEVAL = "retrieval"


class Effect(Enum):
    """What a call does to the world. What is not declared is taken to write."""

    NONE = "none"  # pure: the same arguments give the same answer
    READ = "read"
    WRITE = "write"

    @property
    def changes(self) -> bool:
        """Whether what is asked afterwards may be answered otherwise."""
        return self._value_ == "write"  # asked for at every call: looking up a member takes longer


class Source(Enum):
    """Where an answer came from."""

    LIVE = "live"  # the call was made
    RECORDING = "recording"  # what another replay, or production, was told
    OTHER_PIN = "other-pin"  # the same, of a stack with another version of a pin that the call names
    MISS = "miss"  # nothing was recorded that answers it


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call as it crosses the boundary."""

    kind: CallKind
    name: str  # of the tool, the retriever, or the model's endpoint: `POST /v1/chat/completions`
    request: Json  # arguments, or the whole body of the request; never a header
    effect: Effect = Effect.WRITE
    pins: tuple[str, ...] = ()  # axes of the stack that its answer depends on


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A call in its place: of which case and sample, after how many writes, of which stack."""

    call: Call
    case: str  # key of the case
    sample: int = 0
    epoch: int = 0  # of the draw: fresh outputs are never served from older ones
    world: int = 0  # how many writes of this case came before: a read after a write is another read
    pins: Mapping[str, str] = field(default_factory=dict)  # axis -> digest, of the axes that the call names

    @cached_property
    def ask(self) -> str:
        """What is asked, whatever stack asks it: by this a frozen call finds its recording."""
        call = self.call
        return digest(["ask", ADAPTER, self.case, call.kind.value, call.name, call.request, self.world])

    @cached_property
    def key(self) -> str:
        """Everything that can change the answer: by this an unchanged call is served again."""
        return digest(["key", self.ask, self.sample, self.epoch, call_pins(self)])


def upstream_of(name: str) -> str:
    """The upstream of a call through the gateway: `openai` of `POST openai/v1/chat/completions`."""
    return name.partition(" ")[2].partition("/")[0]


def pins_digest(asked: Asked) -> str:
    """One short digest of the pins that the call names."""
    return _pins_digest(tuple(call_pins(asked).items()))


@lru_cache(maxsize=256)  # most calls of a replay name the same pins
def _pins_digest(pins: tuple[tuple[str, str], ...]) -> str:
    return digest(dict(pins))[:SHORT]


def call_pins(asked: Asked) -> dict[str, str]:
    """The pins that the call names, with their digests; an axis that the stack lacks has the digest ''."""
    return {axis: asked.pins.get(axis, "") for axis in sorted(asked.call.pins)}


NO_CLOCK = datetime(2000, 1, 1, tzinfo=UTC)  # of a case that does not say when it was captured


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back: a result, or an error that is data as well."""

    result: Json = None
    error: str = ""  # "": it went well; else `TimeoutError: …`, as it was told
    status: int | None = None  # of HTTP, where there is one
    is_reusable: bool = True  # False: a refusal, an error or a timeout; evidence, and never served to a retry

    @property
    def digest(self) -> str:
        """What tells two answers apart."""
        return digest(["answer", self.result, self.error, self.status])[:SHORT]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """One call and everything that answered it, attempt by attempt."""

    asked: Asked
    answers: tuple[Answer, ...]  # in order: an error first and then a success is a retry that worked


def best_of(asked: Asked, found: Sequence[Recording]) -> Recording | None:
    """Of several recordings of a call that of the same pins, then of the same sample, then the first."""

    def place(one: Recording) -> tuple[bool, bool, int, int, str]:
        told = one.asked
        is_other = call_pins(told) != call_pins(asked)
        return is_other, told.sample != asked.sample, told.sample, told.epoch, told.key

    return found[0] if len(found) == 1 else min(found, key=place, default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """One call of a replay, and where its answer came from. Stands beside the digested part of a run."""

    kind: str
    name: str
    ask: str  # digest
    source: str  # of `Source`
    attempt: int = 0  # which answer of the recording
    pins: str = ""  # digest of the pins that the call names, as its answer had them
    got: str = ""  # digest of the answer; "": none came

    @classmethod
    def of(cls, asked: Asked, source: "Source", answer: Answer | None, attempt: int) -> "Served":
        """What is told of a call and of what answered it."""
        return cls(
            kind=asked.call.kind.value,
            name=asked.call.name,
            ask=asked.ask,
            source=source.value,
            attempt=attempt,
            pins=pins_digest(asked),
            got=answer.digest if answer is not None else "",
        )

    @property
    def is_served(self) -> bool:
        """Whether a recording answered it."""
        return self.source in (Source.RECORDING.value, Source.OTHER_PIN.value)


class Fidelity(Enum):
    """What of a stack's world is executed in a replay, and what is served from recordings."""

    LIVE = "live"  # everything is executed
    FROZEN_RETRIEVAL = "frozen-retrieval"  # retrieval is served; models and tools are executed
    FROZEN_TOOLS = "frozen-tools"  # retrieval and tools are served; models are executed
    FROZEN = "frozen"  # everything is served: nothing leaves the process
    STEP = "step"  # as frozen-tools; each decision is asked for anew, and the recorded one is gone on with
    RETRIEVAL_ONLY = "retrieval-only"  # the recorded searches are made anew, and nothing else

    def freezes(self, kind: CallKind) -> bool:
        """Whether calls of this kind are served, and never made."""
        return kind in _FROZEN[self]


_FROZEN = {
    Fidelity.LIVE: frozenset[CallKind](),
    Fidelity.FROZEN_RETRIEVAL: frozenset({CallKind.RETRIEVAL}),
    Fidelity.FROZEN_TOOLS: frozenset({CallKind.RETRIEVAL, CallKind.TOOL}),
    Fidelity.FROZEN: frozenset(CallKind),
    Fidelity.STEP: frozenset({CallKind.RETRIEVAL, CallKind.TOOL}),
    Fidelity.RETRIEVAL_ONLY: frozenset({CallKind.TOOL, CallKind.MODEL}),
}


class Record(Enum):
    """What a replay writes down of the calls that it makes."""

    NONE = "none"  # nothing; what is recorded is served
    ONCE = "once"  # cases without any recording; another call of a case that has some is a miss
    NEW = "new"  # what is not recorded yet
    ALL = "all"  # everything anew; nothing is served but what the fidelity freezes
