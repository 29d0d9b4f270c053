"""What a replay would cost, told beforehand from what the accepted run needed.

Estimates for people: ranges where a changed stack may ask otherwise than the accepted. Never asks a target.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from math import fsum

from stopship.errors import EvidenceError
from stopship.gating.outside import recordings_of
from stopship.gating.pricing import Prices, open_prices, own_provider
from stopship.gating.replay import Replay
from stopship.model.exchange import CODE, CallKind, Fidelity, Record, Recording, Served, call_pins
from stopship.model.run import Outcome
from stopship.model.stack import Kind, Pin, Stack, changed_axes
from stopship.model.suite import COMMAND
from stopship.store.recordings import Recordings

TOKENS = ("input_total", "output_total")  # of `usage`
_MODEL = "model"  # the axis that names a model


class _Fate(Enum):
    """What becomes of a call of the accepted run."""

    SERVED = "served"
    MADE = "made"
    EITHER = "either"  # served where it is asked as before, else made
    DOUBTFUL = "doubtful"  # served where it is asked as before, else lost: it is never made


@dataclass(frozen=True, slots=True, kw_only=True)
class Foreseen:
    """The cost of a replay, by the run that is accepted. Two numbers are the least and the most."""

    outputs: int  # of the whole plan
    drawn: int  # of these, what earlier replays hold
    known: int  # outputs of the accepted run that are a guide to those still to be drawn; 0: there is none
    served: int  # calls, at most: as if each were asked as it was
    made: tuple[tuple[str, int, int], ...]  # by `tool search`, and how often
    doubtful: int  # of those served, which are lost where they are asked otherwise
    changed: tuple[str, ...]  # axes that are not those of the accepted stack
    tokens: tuple[tuple[str, float, float], ...]  # of outputs that ask a model anew
    usd: tuple[float, float] | None  # the same; None: not told
    priced: int  # outputs whose cost is known
    endpoint: str  # which target makes one call an output; "": none, or it tells no calls of its own


@dataclass(frozen=True, slots=True)
class _Told:
    """An output of the accepted run, with what becomes of its calls in the replay."""

    outcome: Outcome
    fates: tuple[_Fate, ...]

    @property
    def spends(self) -> tuple[bool, bool]:
        """Whether a model is paid for it, at least and at most; it is where no call of one was seen."""
        asked = [
            fate
            for call, fate in zip(self.outcome.calls, self.fates, strict=True)
            if CallKind(call.kind) is CallKind.MODEL
        ]
        least = _Fate.MADE in asked or not asked
        return least, least or _Fate.EITHER in asked


def foreseen(plan: Replay, *, is_anew: bool = False) -> Foreseen:
    """What a replay of this plan would still draw, and what that takes. `is_anew`: in a draw of its own."""
    drawn = {} if is_anew else plan.drawn
    is_served = plan.served_id is not None and not is_anew
    done = plan.total if is_served else len(drawn)
    left = [] if is_served else [(job.key, job.sample) for job in plan.jobs(frozenset(drawn))]
    accepted = plan.place.pointer().baseline
    run = plan.place.kept(accepted.run) if accepted is not None and left else None
    before = run.head.stack if run is not None else plan.head.stack
    changed = changed_axes(before, plan.head.stack)
    guide = {one.key: one for one in reversed(run.outcomes)} if run is not None else {}  # first samples
    places = [place for place in left if place[0] in guide]
    kept = recordings_of(plan.place) if any(guide[key].calls for key, _ in places) else None
    parting = _parting(plan, before, changed, kept, [guide[key] for key, _ in places])
    told = [
        _Told(guide[key], tuple(_fates(plan, guide[key], sample, kept, parting, is_anew=is_anew)))
        for key, sample in places
    ]
    counts = Counter[tuple[str, _Fate]]()
    for one in told:
        counts.update(
            (f"{call.kind} {call.name}", fate)
            for call, fate in zip(one.outcome.calls, one.fates, strict=True)
        )
    least = {name: count for (name, fate), count in counts.items() if fate is _Fate.MADE}
    either = {name: count for (name, fate), count in counts.items() if fate is _Fate.EITHER}
    costs = _costs(plan, told, before)
    table = plan.opened.suite.replay.table
    return Foreseen(
        outputs=plan.total,
        drawn=done,
        known=len(told),
        served=counts.total() - sum(least.values()),
        made=tuple(
            (name, least.get(name, 0), least.get(name, 0) + either.get(name, 0))
            for name in sorted(least.keys() | either.keys())
        ),
        doubtful=sum(count for (_, fate), count in counts.items() if fate is _Fate.DOUBTFUL),
        changed=changed,
        tokens=tuple((name, *amounts) for name in TOKENS if (amounts := _tokens(told, name))[1]),
        usd=_range(costs) if costs else None,
        priced=len(costs),
        endpoint=table.kind if table is not None and table.kind != COMMAND else "",
    )


@dataclass(frozen=True, slots=True)
class _Parting:
    """From where on calls may be asked otherwise than in the accepted run."""

    at_once: bool  # from the first call on
    at_model: bool  # from the first call of a model on


def _parting(
    plan: Replay, before: Stack, changed: Sequence[str], kept: Recordings | None, outcomes: Sequence[Outcome]
) -> _Parting:
    """What changed axes may change of what is asked.

    An axis that no call names is read by the target itself, and may change whatever it asks; one that calls
    name changes what answers them, which a model is told. A step replay goes on with what was recorded: there
    it takes other code to ask something else.
    """
    if plan.outside.fidelity is Fidelity.STEP:
        stacks = (before, plan.head.stack)
        is_code = any(_is_code(stack.get(axis)) for axis in changed for stack in stacks)
        return _Parting(is_code, bool(changed))
    asks = {call.ask for one in outcomes for call in one.calls} if changed and kept is not None else ()
    named = {
        axis for ask in asks for one in (kept.of_ask(ask) if kept else ()) for axis in one.asked.call.pins
    }
    return _Parting(bool(set(changed) - named), bool(changed))


def _is_code(pin: Pin | None) -> bool:
    return pin is not None and (pin.kind is Kind.PATHS or any(one.path.endswith(".py") for one in pin.files))


def _fates(
    plan: Replay, one: Outcome, sample: int, kept: Recordings | None, parting: _Parting, *, is_anew: bool
) -> Iterable[_Fate]:
    """What becomes of each call of an output, in their order."""
    outside = plan.outside
    may_part = parting.at_once
    for call in one.calls:
        kind = CallKind(call.kind)
        may_part = may_part or (parting.at_model and kind is CallKind.MODEL)
        if outside.fidelity.freezes(kind):
            is_held = outside.fidelity is Fidelity.STEP and not parting.at_once
            yield _Fate.DOUBTFUL if may_part and not is_held else _Fate.SERVED
        elif (
            kept is None
            or outside.record is Record.ALL
            or (is_anew and not plan.head.deterministic)
            or not _is_kept(plan, call, sample, kept.of_ask(call.ask))
        ):
            yield _Fate.MADE
        elif may_part:
            yield _Fate.DOUBTFUL if outside.record is Record.ONCE else _Fate.EITHER
        else:
            yield _Fate.SERVED


def _costs(plan: Replay, told: Sequence[_Told], before: Stack) -> list[tuple[float, float]]:
    """What outputs cost, at least and at most: as the target tells, else by the price list."""
    found = []
    try:
        needed = any("cost_usd" not in one.outcome.trace and "usage" in one.outcome.trace for one in told)
        prices = open_prices(own_provider(plan.opened.suite.replay)) if needed else None
    except EvidenceError:  # no list is installed
        prices = None
    for one in told:
        cost = one.outcome.trace.get("cost_usd")
        if cost is None and prices is not None and "usage" in one.outcome.trace:
            cost = _price(prices, _of_present(one.outcome, before, plan.head.stack))
        if isinstance(cost, int | float) and not isinstance(cost, bool):
            found.append(_spent(one, cost))
    return found


def _of_present(one: Outcome, before: Stack, now: Stack) -> Outcome:
    """The output as if the model of the present stack had told it, where that of the accepted stack did."""
    old, new = before.get(_MODEL), now.get(_MODEL)
    if old is None or new is None or old.version == new.version:
        return one
    observed = one.trace.get("observed")
    own = one.trace.get("model") or (observed.get("model") if isinstance(observed, dict) else None)
    return replace(one, trace={**one.trace, "model": new.version}) if own == old.version else one


def _price(prices: Prices, one: Outcome) -> float | None:
    try:
        return prices.usd(one.trace)
    except EvidenceError:
        return None


def _spent(one: _Told, amount: float) -> tuple[float, float]:
    least, most = one.spends
    return amount * least, amount * most


def _range(found: Sequence[tuple[float, float]]) -> tuple[float, float]:
    return fsum(least for least, _ in found), fsum(most for _, most in found)


def _is_kept(plan: Replay, call: Served, sample: int, found: tuple[Recording, ...]) -> bool:
    """Whether the very call was made before: of this sample and draw, under the pins of this stack.

    A marked function is taken to be the one that was recorded: its code is known once it is called. Decisions
    that may vary are made anew.
    """
    if plan.outside.fidelity is Fidelity.RETRIEVAL_ONLY:  # how a search answers today is what is asked
        return False
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


def _tokens(told: Sequence[_Told], name: str) -> tuple[float, float]:
    return _range(
        [
            _spent(one, amount)
            for one in told
            if isinstance(usage := one.outcome.trace.get("usage"), dict)
            and isinstance(amount := usage.get(name), int | float)
        ]
    )
