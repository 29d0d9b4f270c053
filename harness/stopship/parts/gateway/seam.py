"""What the gateway and the owner of the recordings say to each other.

Decides nothing: whoever implements `Exchange` decides what is served, made or missed. Needs no library.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from stopship.model.exchange import Answer, Call


@dataclass(frozen=True, slots=True)
class Place:
    """Of which case and sample a call is."""

    case: str  # key of the case
    sample: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one call may take."""

    request_bytes: int = 64 * 2**20
    response_bytes: int = 64 * 2**20
    connect_s: float = 20.0
    read_s: float = 600.0  # between two pieces of a response
    linger_s: float = 10.0  # how long a response is read to its end whose client has left


class Miss(Exception):  # noqa: N818  # says what happened
    """For an exchange to raise: nothing recorded answers this call. The target is told the text."""


Go = Callable[[bool], Awaitable[Answer]]
"""Make the call: forward it, pass on to the client what comes back, and give it as an answer. Where it is
to be unseen, nothing is passed on: the client gets what `answer` returns.

Once a call. It returns errors as answers (a status from 400 on, a closed connection, half a stream) and
raises only what says nothing about the call: EvidenceError where a key is not set, as for every other case,
and CancelledError where the gateway closes; then nothing may be filed.
"""


class Exchange(Protocol):
    """Owns the recordings. Both methods run on the gateway's event loop: they must not block it."""

    async def answer(self, call: Call, place: Place, go: Go, /) -> Answer:
        """A recorded answer, or what `await go()` gave once it is filed; raises Miss.

        The client of a live call gets the end of its response only when this returns: what cannot be filed
        (any exception) is cut off, or answered with an error where nothing was sent yet. A StopshipError is
        told to the target and to `refused`; any other exception is a bug, which `Gateway.bug` keeps.
        """
        ...

    def refused(self, place: Place, why: str, /) -> None:
        """A request of this place was never put to `answer`, or its answer could not be served."""
        ...
