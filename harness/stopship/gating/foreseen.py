"""What a replay would cost, told beforehand from what the accepted run needed.

Estimates for people: counts what would be drawn, made and served. Never asks a target.
"""

from collections import Counter
from dataclasses import dataclass
from math import fsum

from stopship.errors import EvidenceError
from stopship.gating.outside import recordings_of
from stopship.gating.pricing import Prices, open_prices, own_provider
from stopship.gating.replay import Replay
from stopship.model.exchange import CODE, CallKind, Fidelity, Record, Recording, Served, call_pins
from stopship.model.run import Outcome, Run
from stopship.model.suite import COMMAND

TOKENS = ("input_total", "output_total")  # of `usage`


@dataclass(frozen=True, slots=True, kw_only=True)
class Foreseen:
    """The cost of a replay, by the run that is accepted."""

    outputs: int  # of the whole plan
    drawn: int  # of these, what earlier replays hold
    known: int  # outputs of the accepted run that are a guide to those still to be drawn; 0: there is none
    served: int  # calls
    made: tuple[tuple[str, int], ...]  # by `tool search`, and how often
    tokens: tuple[tuple[str, float], ...]
    usd: float | None  # None: not told
    priced: int  # outputs whose cost is in it
    endpoint: str  # which target makes one call an output; "": none, or it tells no calls of its own


def foreseen(plan: Replay, *, is_anew: bool = False) -> Foreseen:
    """What a replay of this plan would still draw, and what that takes. `is_anew`: in a draw of its own."""
    drawn = {} if is_anew else plan.drawn
    is_served = plan.served_id is not None and not is_anew
    done = plan.total if is_served else len(drawn)
    asked = [] if is_served else plan.jobs(frozenset(drawn))
    left = [(job.key, job.sample) for job in asked]
    accepted = plan.place.pointer().baseline
    guide = _first_samples(plan.place.kept(accepted.run)) if accepted is not None and left else {}
    told = [(place, guide[place[0]]) for place in left if place[0] in guide]
    kept = recordings_of(plan.place) if any(one.calls for _, one in told) else None
    served, made = 0, Counter[str]()
    for (_, sample), one in told:
        for call in one.calls:
            found = kept.of_ask(call.ask) if kept is not None else ()
            is_kept = (
                plan.outside.record is not Record.ALL
                and (plan.head.deterministic or not is_anew)
                and _is_kept(plan, call, sample, found)
            )
            if plan.outside.fidelity.freezes(CallKind(call.kind)) or is_kept:
                served += 1
            else:
                made[f"{call.kind} {call.name}"] += 1
    costs = _costs(plan, [one for _, one in told])
    table = plan.opened.suite.replay.table
    return Foreseen(
        outputs=plan.total,
        drawn=done,
        known=len(told),
        served=served,
        made=tuple(sorted(made.items())),
        tokens=tuple((name, total) for name in TOKENS if (total := _tokens(told, name))),
        usd=fsum(costs) if costs else None,
        priced=len(costs),
        endpoint=table.kind if table is not None and table.kind != COMMAND else "",
    )


def _costs(plan: Replay, outcomes: list[Outcome]) -> list[float]:
    """What outputs cost: as the target tells, else by the price list that is installed."""
    told = [one.trace.get("cost_usd") for one in outcomes]
    found = [float(one) for one in told if isinstance(one, int | float) and not isinstance(one, bool)]
    untold = [one for one, cost in zip(outcomes, told, strict=True) if cost is None and "usage" in one.trace]
    try:
        prices = open_prices(own_provider(plan.opened.suite.replay)) if untold else None
    except EvidenceError:  # no list is installed
        return found
    more = [_price(prices, one) for one in untold] if prices is not None else []
    return [*found, *(one for one in more if one is not None)]


def _price(prices: Prices, one: Outcome) -> float | None:
    try:
        return prices.usd(one.trace)
    except EvidenceError:
        return None


def _first_samples(run: Run) -> dict[str, Outcome]:
    return {one.key: one for one in reversed(run.outcomes)}


def _is_kept(plan: Replay, call: Served, sample: int, found: tuple[Recording, ...]) -> bool:
    """Whether the very call was made before: of this sample and draw, under the pins of this stack.

    A marked function is taken to be the one that was recorded: its code is known once it is called. Decisions
    that may vary are made anew.
    """
    is_step = plan.outside.fidelity is Fidelity.STEP
    if is_step and not plan.head.deterministic and CallKind(call.kind) is CallKind.MODEL:
        return False
    digests = {pin.axis: pin.digest for pin in plan.head.stack.pins}
    return any(
        (one.asked.sample, one.asked.epoch) == (sample, plan.head.epoch)
        and all(digests.get(axis, "") == said for axis, said in call_pins(one.asked).items() if axis != CODE)
        for one in found
        if one.asked.call.name == call.name
    )


def _tokens(told: list[tuple[tuple[str, int], Outcome]], name: str) -> float:
    amounts = [
        amount
        for _, one in told
        if isinstance(usage := one.trace.get("usage"), dict)
        and isinstance(amount := usage.get(name), int | float)
    ]
    return fsum(amounts)
