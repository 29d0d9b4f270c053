"""Which request meets which fault: by a header, by its path, or by a plan of rates.

A draw hangs on the plan's seed, the request's body and how often that body came before: never on the order
in which requests arrive. So a test can tell beforehand what every one of them meets.
"""

import hashlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

FAULTS = (
    *("429", "429-date", "500", "503", "slow", "half", "invalid-json", "wrong-type", "closed", "redirect"),
    *("400", "401", "404", "echo-key"),
)
HEADER = "x-fault"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is posted to `/plan`."""

    rates: Mapping[str, float] = field(default_factory=dict)  # fault -> share of the requests
    first: int | None = None  # only so many requests with the same body meet one; None: all may
    seed: int = 0
    delay_s: float = 0.0  # before every answer
    together: int = 0  # so many requests have to be there at one time before any is answered; at most 30 s
    slow_s: float = 5.0  # before an answer that is slow
    retry_after: str = "0"  # of a 429: seconds; of `429-date` it is seconds from now

    def fault(self, body: bytes, before: int) -> str:
        """The fault of a request whose body came so often before; "": none."""
        if self.first is not None and before >= self.first:
            return ""
        data = b"%d:%d:" % (self.seed, before) + body
        drawn = int.from_bytes(hashlib.sha256(data).digest()[:8], "big") / 2**64
        for name, rate in self.rates.items():
            if drawn < rate:
                return name
            drawn -= rate
        return ""


def plan_of(told: Mapping[str, Any]) -> Plan:
    """A plan as it was posted; a fault that is not known is an error of the test."""
    plan = Plan(**told)
    unknown = set(plan.rates) - set(FAULTS)
    if unknown:
        raise ValueError(f"no such faults: {sorted(unknown)}")
    return plan


@dataclass(slots=True)
class Counts:
    """What was asked since the plan was posted."""

    plan: Plan = field(default_factory=Plan)
    requests: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    bodies: Counter[bytes] = field(default_factory=Counter)
    in_flight: int = 0
    peak: int = 0  # most requests at one time
    headers: list[dict[str, str]] = field(default_factory=list)  # of the latest requests

    def met(self, path: str, headers: Mapping[str, str], body: bytes) -> str:
        """Count a request; the fault that it meets. `/fault/503/v1/…` and a header name one."""
        key = hashlib.sha256(body).digest()
        before = self.bodies[key]
        self.bodies[key] += 1
        self.requests += 1
        self.headers = [*self.headers[-49:], dict(headers)]
        if named := headers.get(HEADER, ""):
            fault = named
        elif path.startswith("/fault/"):
            fault = path.split("/")[2]
        else:
            fault = self.plan.fault(body, before)
        if fault:
            self.faults[fault] += 1
        return fault

    @property
    def told(self) -> dict[str, Any]:
        return {
            "requests": self.requests,
            "faults": dict(self.faults),
            "different": len(self.bodies),
            "peak": self.peak,
            "headers": self.headers,
        }
