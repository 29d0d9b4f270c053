"""How fast an endpoint is asked, and how often again for an output that it lost.

Decides when a call may begin. Never asks again for what the target itself failed at: that would hide
failures, and in one arm more than in the other. Waits hang on the job alone: both arms are asked alike.
"""

import hashlib
from dataclasses import dataclass

from stopship.gating.endings import Job
from stopship.model.suite import ReplayPlan
from stopship.store.slots import Slots

FIRST_S, MOST_S = 0.5, 60.0  # of the waits that double
LONGEST_ASKED_S = 600.0  # an endpoint that wants more is lost for this run


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """The rate, the retries, and what one output may take."""

    retries: int = 0
    most_calls: int | None = None  # of one output
    most_s: float | None = None  # of one output, waits included
    slots: Slots | None = None  # None: no limit of the rate
    first_s: float = FIRST_S

    def again(self, job: Job, calls: int, took_s: float, asks_s: float | None) -> float | None:
        """How long to wait before a lost output is asked for again; None: it stays lost."""
        if calls > self.retries or (self.most_calls is not None and calls >= self.most_calls):
            return None
        ceiling = min(MOST_S, self.first_s * 2 ** (calls - 1))
        wait = ceiling * (0.5 + 0.5 * jitter(job, calls))
        if asks_s is not None:
            if asks_s > LONGEST_ASKED_S:
                return None
            wait = asks_s + wait if asks_s > wait else wait
        return None if self.most_s is not None and took_s + wait > self.most_s else wait

    def slot(self) -> float:
        """Seconds until a further call may begin; its slot is taken."""
        return self.slots.take() if self.slots is not None else 0.0


def jitter(job: Job, calls: int) -> float:
    """From 0 up to 1, drawn from the job itself."""
    seed = f"{job.key}\n{job.sample}\n{job.epoch}\n{calls}".encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.sha256(seed).digest()[:8], "big") / 2**64


def pace_of(plan: ReplayPlan, slots: Slots | None) -> Pace | None:
    """How a suite says that its target is asked; None where it says nothing of it."""
    if not plan.retries and slots is None:
        return None
    limits = plan.limits
    return Pace(retries=plan.retries, most_calls=limits.case_calls, most_s=limits.case_seconds, slots=slots)
