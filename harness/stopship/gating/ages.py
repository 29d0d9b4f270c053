"""How old the evidence of a network target is, and whether it may still be judged.

Decides by what a run says of itself and the time that it is told. Never asks a clock.
"""

from collections.abc import Iterable

from stopship.gating.opened import OpenSuite
from stopship.model.run import Run
from stopship.model.suite import ReplayPlan
from stopship.store.shown import quoted

_SKEW_S = 3600  # by which the clocks of two machines may differ
_DAY_S, _HOUR_S = 86_400, 3_600
AGAIN = "replay again"
ACCEPT_AGAIN = "accept anew: stopship replay SUITE --fresh, then stopship accept RUN --because TEXT"


def oldest(started: Iterable[int | None]) -> int | None:
    """When the oldest of several was drawn; None where that of one is unknown, and of none."""
    found: list[int] = []
    for one in started:
        if one is None:
            return None
        found.append(one)
    return min(found, default=None)


def is_stale(plan: ReplayPlan, started: int | None, now: int) -> bool:
    """Whether evidence may no longer serve under `fresh`; unknown age and a future one are stale, too."""
    if plan.fresh_s is None:
        return False
    return started is None or now - started > plan.fresh_s or started > now + _SKEW_S


def stale_faults(opened: OpenSuite, run: Run, name: str, now: int | None, do: str) -> list[str]:
    """Why a run is too old to be judged; none for a suite without `fresh`. `name`: `the baseline`."""
    plan = opened.suite.replay
    if plan.fresh_s is None:
        return []
    allowed = f"evidence of this target is fresh for {age(plan.fresh_s)}"
    if now is None:
        return [f"nobody says what time it is, and {allowed}"]
    if run.started is None:
        return [f"{name} {quoted(run.short)} does not say when it was drawn, and {allowed}: {do}"]
    if not is_stale(plan, run.started, now):
        return []
    if run.started > now:
        return [
            f"{name} {quoted(run.short)} was drawn {age(run.started - now)} from now, by its own clock: {do}"
        ]
    return [f"{name} {quoted(run.short)} was drawn {age(now - run.started)} ago, and {allowed}: {do}"]


def age(seconds: float) -> str:
    """`9 days`, `1 hour`, `under an hour`."""
    for unit, noun in ((_DAY_S, "day"), (_HOUR_S, "hour")):
        if seconds >= unit:
            count = int(seconds // unit)
            return f"{count} {noun}{'s' if count != 1 else ''}"
    return "under an hour"
