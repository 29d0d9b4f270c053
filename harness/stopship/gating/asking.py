"""The engine as a suite says that its target is asked: how many at once, how fast, and what a run may spend.

Decides nothing beyond the words of the suite.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

from stopship.gating.budget import budget_of
from stopship.gating.engine import Engine, Target
from stopship.gating.pacing import pace_of
from stopship.gating.pricing import Prices, open_prices, own_provider
from stopship.gating.spending import Meter
from stopship.model.case import Json
from stopship.model.run import Outcome
from stopship.model.suite import Limits, ReplayPlan
from stopship.store.slots import Slots
from stopship.store.tally import Tally


def asking(  # noqa: PLR0913  # one argument for each thing that decides how it is asked
    plan: ReplayPlan,
    target: Target,
    stack: object,
    *,
    total: int | None,
    known: Iterable[Outcome],
    rate: Path,
    calls: Path | None = None,
    finish: Callable[[Outcome], Outcome] = lambda one: one,
    enter: Callable[[], Callable[[], None]] = lambda: lambda: None,
    is_frozen: bool = False,
) -> Engine:
    """The engine. `total`: outputs of a run of all cases; `known`: those that there are; `rate`: a file;
    `calls`: a folder of journals, where what is filed is asked for.
    `finish`: what an outcome becomes; `enter`: called once all is there, gives what closing calls.
    `is_frozen`: nothing is asked, so there is no rate to keep, and nothing is spent but time.

    Raises EvidenceError where limits are in dollars and no price list is installed.
    """
    is_costly = plan.network or plan.table is not None  # else the run is soon over, and tells all losses
    plan = _unpaid(plan) if is_frozen else plan
    meter = Meter(
        plan.limits,
        total=total if is_costly else None,
        lost_limit=plan.lost_limit,
        known=known,
        prices=_prices(plan),
        tally=Tally(calls) if calls is not None and plan.limits.calls is not None else None,
    )
    slots = Slots(rate, plan.per_minute) if plan.per_minute is not None else None
    return Engine(
        target,
        stack,
        concurrency=plan.concurrency,
        timeout_s=plan.timeout_s,
        pace=pace_of(plan, slots),
        meter=meter,
        finish=finish,
        leave=_in_turn(enter(), meter.close),
    )


def _in_turn(*calls: Callable[[], None]) -> Callable[[], None]:
    def call() -> None:
        for one in calls:
            one()

    return call


def _unpaid(plan: ReplayPlan) -> ReplayPlan:
    limits = replace(plan.limits, calls=None, tokens=None, usd=None)
    return replace(plan, limits=limits, per_minute=None, retries=0)


def _prices(plan: ReplayPlan) -> Prices | None:
    if plan.limits.usd is None:
        return None
    return open_prices(own_provider(plan))


def spent_of(plan: ReplayPlan, engine: Engine, *, is_frozen: bool = False) -> dict[str, Json]:
    """What a run cost, to be said beside it: where somebody may be charged."""
    is_charged = not is_frozen and (plan.table is not None or plan.limits != Limits())
    told = engine.meter.told if is_charged and engine.meter is not None else {}
    if plan.limits.case_usd is not None:  # what is served is priced, too: as if it had been asked
        told["prices"] = budget_of(plan).prices.name
    return {"spent": told} if told else {}
