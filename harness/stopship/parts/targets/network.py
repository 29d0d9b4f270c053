"""What all targets outside of this process share: their two ways to fail, their secrets, their connections.

Decides what of an answer that never came was infrastructure's doing. Everything that leaves such a target, an
answer or an error, passes `Foreign.call`, where secrets are blanked: nothing leaves by another way.
"""

import asyncio
import os
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Generic, Protocol, TypeVar
from weakref import WeakKeyDictionary

from stopship.errors import EvidenceError, StopshipError, Unavailable
from stopship.model.case import Case, Json
from stopship.parts.targets.blanking import Secrets, secrets_of
from stopship.parts.targets.outcome import seconds_until
from stopship.parts.user_code import Raised, caught_async, own_case

LONGEST_TEXT = 300  # characters of what an endpoint says of an error
_CLIENTS = frozenset({"aiohttp", "ssl"})  # their errors are the network's


class NoAnswer(Unavailable):
    """Infrastructure gave no answer: nothing is known of the stack. `retry_after_s`: when to come again."""

    def __init__(self, what: str, retry_after_s: float | None = None) -> None:
        super().__init__(what)
        self.retry_after_s = retry_after_s


class Crashed(NoAnswer):
    """The service broke down over what it was asked. It may have been chance, so it is asked again; where it
    still does, that is its own failure."""


class BadAnswer(Exception):  # noqa: N818  # says what came back
    """What was asked failed by its own doing."""


class Pins(Protocol):
    """What a target reads of a stack."""

    def version(self, axis: str, /) -> str: ...
    def text(self, axis: str, /) -> str: ...
    def value(self, axis: str, /) -> Json: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Foreign(ABC):
    """A target that is asked over a connection. `ask` does it; `call` is what the engine knows."""

    spec: str  # as runs name it
    path: Path  # the suite file, which says what the target is
    digest: str  # of everything that the suite says of it
    key_env: str = ""
    is_async: bool = True
    unknown: ClassVar[type[Exception]] = NoAnswer  # what an error is that nobody foresaw
    is_ours: ClassVar[bool] = True  # nothing of the user's runs in this process in a call
    _secrets: list[Secrets] = field(default_factory=list, repr=False, compare=False)  # found once

    def call(self, case: Case, stack: Any, sample: int = 0, epoch: int = 0) -> Awaitable[Any]:
        return self._told(own_case(case), stack, sample, epoch)

    async def _told(self, case: Case, stack: Any, sample: int, epoch: int) -> Any:
        """The one way out: an answer, or an error of ours, with every secret blanked."""
        found = await caught_async(self.ask(case, stack, sample, epoch))
        secrets = self.secrets()
        if not isinstance(found, Raised):
            return secrets.blanked(found)
        error = found.error
        if isinstance(error, asyncio.CancelledError):
            raise error
        raise _retold(error, secrets, self.spec_short, self.unknown) from None

    @property
    def spec_short(self) -> str:
        return self.spec.partition(" ")[0]

    def prepare(self) -> None:
        """Load what it needs before the first case waits for it. EvidenceError where something is missing."""
        self.key()

    @abstractmethod
    def ask(self, case: Case, stack: Pins, sample: int, epoch: int) -> Awaitable[Any]:
        """Text or a trace. May raise anything."""

    def secrets(self) -> Secrets:
        """What must not get out."""
        if not self._secrets:
            self._secrets.append(secrets_of(os.environ, self.key_env))
        return self._secrets[0]

    def key(self) -> str:
        """The key, from the environment alone; "": the target has none. EvidenceError where it is missing."""
        if not self.key_env:
            return ""
        value = os.environ.get(self.key_env, "").strip()
        if not value:
            raise EvidenceError(
                f"the target needs a key, and the environment has no {self.key_env}",
                where=str(self.path),
                do=f"set {self.key_env}, or name another variable as key_env",
            )
        return sendable(self.key_env, value)


def sendable(name: str, value: str) -> str:
    """The value of a variable, as a header; EvidenceError for one that no header can hold."""
    if any(ord(one) < 32 or ord(one) == 127 or 0xD800 <= ord(one) <= 0xDFFF for one in value):
        raise EvidenceError(
            f"{name} cannot be sent: it holds a line end, another control character or what is no UTF-8",
            do=f"set {name} to its value alone; nothing was asked",
        )
    return value


def _retold(error: BaseException, secrets: Secrets, name: str, unknown: type[Exception]) -> BaseException:
    """An exception of any library as one of ours, in blanked words; cut after that, never before."""
    if isinstance(error, StopshipError):
        what = short(secrets.blanked(error.what))
        return type(error)(what, where=secrets.blanked(error.where), do=secrets.blanked(error.do))
    text = short(secrets.blanked(str(error)))
    if isinstance(error, NoAnswer):
        return type(error)(text, error.retry_after_s)
    if isinstance(error, TimeoutError):
        return TimeoutError(text)
    if isinstance(error, BadAnswer):
        return BadAnswer(text)
    kind = type(error).__name__
    if type(error).__module__.partition(".")[0] in _CLIENTS or isinstance(error, OSError):
        if getattr(error, "status", None) == 407:  # of a proxy that was asked for a connection
            return _refusal(f"HTTP 407: {text}")
        is_late = "Timeout" in kind and not any(one in kind for one in ("Connect", "Connection", "Pool"))
        return TimeoutError(text) if is_late else NoAnswer(f"{kind}: {text}")
    return unknown(f"{name}: {kind}: {text}")


def short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= LONGEST_TEXT else text[: LONGEST_TEXT - 1] + "…"


def of_status(status: int, said: str, retry_after: str | None, now: float, *, is_model: bool) -> Exception:
    """What an HTTP status other than 200 says. At a model's address only a 4xx says something of the stack,
    at that of the user's own service a 500 as well, where it stands.

    A key, an account or a proxy that refuses, and a model that is not there, end the run: every case would
    fail for it alike. `said` is not cut: it may hold a secret.
    """
    text = f"HTTP {status}" + (f": {said}" if said else "")
    if status in (401, 402, 407) or (is_model and status in (403, 404)):
        return _refusal(text)
    if status == 500 and not is_model:
        return Crashed(text, seconds_until(retry_after, now))
    if status in (408, 425, 429) or status >= 500 or (is_model and status < 400):
        return NoAnswer(text, seconds_until(retry_after, now))
    return BadAnswer(text)


def _refusal(text: str) -> EvidenceError:
    return EvidenceError(
        f"the endpoint refuses to answer at all: {text}",
        do="mend the key, the account, the proxy, the address or the pinned model; nothing more is asked",
    )


Client = TypeVar("Client")


@dataclass(frozen=True, slots=True)
class PerLoop(Generic[Client]):
    """One client for each event loop, closed when its loop ends: an asynchronous generator holds it, and a
    loop closes all of those at its end."""

    make: Callable[[], Client]
    close: Callable[[Client], Awaitable[object]]
    _held: "WeakKeyDictionary[asyncio.AbstractEventLoop, tuple[Client, AsyncIterator[Client]]]" = field(
        default_factory=WeakKeyDictionary
    )

    async def get(self) -> Client:
        loop = asyncio.get_running_loop()
        if (found := self._held.get(loop)) is not None:
            return found[0]
        client = self.make()  # without a pause before it is kept: two calls must not make two
        holder = self._hold(client)
        self._held[loop] = client, holder
        await anext(holder)
        return client

    async def _hold(self, client: Client) -> AsyncIterator[Client]:
        try:
            yield client
        finally:
            await self.close(client)
