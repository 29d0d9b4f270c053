"""How one call ended, as an outcome.

Decides what is an answer, what the target's own failure, and what infrastructure lost. Never asks again.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from stopship.errors import Missed, OverBudget, StopshipError
from stopship.model.case import Case, Json
from stopship.model.run import Outcome, Status
from stopship.parts.targets.network import Crashed
from stopship.parts.targets.outcome import NotATrace, is_lost, retry_after, told_trace
from stopship.parts.user_code import Raised, caught, told


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One output that is wanted."""

    key: str
    sample: int = 0
    epoch: int = 0
    case: Case  # without labels

    @property
    def place(self) -> tuple[str, int]:
        return self.key, self.sample


@dataclass(frozen=True, slots=True)
class Ending:
    """How a call ended; a StopshipError ends the run. `asks_s`: when an endpoint said to come again."""

    result: Outcome | StopshipError
    asks_s: float | None = None
    is_missed: bool = False  # lost, as no recording answers a call of it: nobody's infrastructure failed
    is_own: bool = False  # lost until it is asked for no more: the target's own failure then

    @property
    def is_lost_outside(self) -> bool:
        """Whether infrastructure lost it, so that it may be there when it is asked for again."""
        is_lost = isinstance(self.result, Outcome) and self.result.status is Status.LOST
        return is_lost and not self.is_missed

    @property
    def standing(self) -> "Ending":
        """What it is where it has been asked for as often as it may be."""
        if not self.is_own or not isinstance(self.result, Outcome):
            return self
        return Ending(replace(self.result, status=Status.FAILED))


def ending(job: Job, found: object, took_ms: float, *, timeout_s: float | None, path: Path) -> Ending:
    """What an attempt gave, as an outcome; reading it may raise anything, as it is the user's object."""
    if timeout_s is not None and took_ms > timeout_s * 1000:
        return out_of_time(job, took_ms / 1000, timeout_s)
    trace = found if isinstance(found, Raised) else caught(told_trace, found)
    if not isinstance(trace, Raised):
        return Ending(_outcome(job, Status.OK, took_ms, trace=trace))
    error = trace.error
    if isinstance(error, NotATrace):
        return Ending(_outcome(job, Status.FAILED, took_ms, error=str(error)))
    if isinstance(error, StopshipError):
        return Ending(error)
    if isinstance(error, OverBudget):
        return Ending(_outcome(job, Status.FAILED, took_ms, error=str(error)))
    is_loss = caught(is_lost, error) is True
    text = caught(told, error, path)
    text = type(error).__name__ if isinstance(text, Raised) else text
    asks = caught(retry_after, error) if is_loss else None
    status = Status.LOST if is_loss else Status.FAILED
    asks_s = asks if isinstance(asks, int | float) else None
    outcome = _outcome(job, status, took_ms, error=text)
    return Ending(
        outcome, asks_s, is_missed=isinstance(error, Missed), is_own=is_loss and isinstance(error, Crashed)
    )


def out_of_time(job: Job, took_s: float, timeout_s: float) -> Ending:
    """A timeout is the target's own failure."""
    error = f"TimeoutError: no answer within {timeout_s:g} s"
    return Ending(_outcome(job, Status.FAILED, took_s * 1000, error=error))


def _outcome(
    job: Job, status: Status, took_ms: float, *, trace: Mapping[str, Json] | None = None, error: str = ""
) -> Outcome:
    return Outcome(
        key=job.key, sample=job.sample, status=status, trace=trace or {}, error=error, took_ms=took_ms
    )
