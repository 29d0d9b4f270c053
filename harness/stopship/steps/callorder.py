"""The recordings of a case in the order in which their calls were made, as far as it is known.

Decides what stands before what, and what is most like it. Never says that an order is known where none is.
"""

from collections.abc import Sequence

from stopship.model.exchange import PATH, Recording, call_pins
from stopship.steps.misses import differences


def in_call_order(found: Sequence[Recording]) -> list[Recording]:
    """By kind and name; model calls and searches by their place on an output's path, which comes last."""
    turns: dict[str, int] = {}
    for one in found:
        for turn, ask in enumerate(_asks(one)):
            turns[ask] = min(turn, turns.get(ask, turn))

    def place(one: Recording) -> tuple[bool, str, str, int, int, int, int]:
        asked = one.asked
        turn = turns.get(asked.ask, len(turns))
        is_path, call = asked.call.name == PATH, asked.call
        name = call.kind.value, call.name
        return is_path, *name, asked.world, turn, asked.sample, asked.epoch

    return sorted(found, key=place)


def closest_before(ordered: Sequence[Recording], number: int) -> int | None:
    """Where, of its kind and name before it, the one stands that differs least; None: it is the first."""
    own = ordered[number].asked
    before = [at for at in range(number) if _name(ordered[at]) == _name(ordered[number])]

    def distance(at: int) -> tuple[int, int]:
        other = ordered[at].asked
        pins, others = call_pins(own), call_pins(other)
        changed = sum(pins.get(axis) != others.get(axis) for axis in pins.keys() | others.keys())
        places = (own.world != other.world) + (own.sample != other.sample) + (own.epoch != other.epoch)
        return len(differences(other.call.request, own.call.request)) + changed + places, -at

    return min(before, key=distance, default=None)


def _name(one: Recording) -> tuple[str, str]:
    return one.asked.call.kind.value, one.asked.call.name


def _asks(one: Recording) -> list[str]:
    """Of a path: what was asked, model calls and searches each in their order."""
    told = one.answers[0].result if one.asked.call.name == PATH and one.answers else None
    listed = [*told.values()] if isinstance(told, dict) else [told]
    steps = [step for several in listed if isinstance(several, list) for step in several]
    return [str(step[0]) for step in steps if isinstance(step, list) and step]
