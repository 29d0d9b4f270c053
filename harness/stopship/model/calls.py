"""Where the calls of outputs were answered from, and where two runs part in what they asked.

Pure: counts what runs tell beside their outcomes. Judges nothing.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from stopship.model.case import Json
from stopship.model.exchange import Served, Source
from stopship.model.run import Outcome

Place = tuple[str, int]  # key of the case, and sample


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """The calls of a run."""

    calls: int
    served: int  # from recordings
    missed: int  # outputs lost because a call was not served
    outputs: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Parting:
    """Outputs of two runs that asked otherwise."""

    outputs: int  # that both runs have, and in which either called anything
    parted: tuple[tuple[Place, int], ...]  # place, and number of its first call that differs, from 1 on


def is_missed(outcome: Outcome) -> bool:
    """Whether a call of an output was not served: then the output is lost."""
    return any(call.source == Source.MISS.value for call in outcome.calls)


def coverage(outcomes: Iterable[Outcome]) -> Coverage:
    """How much of a run was served."""
    calls = served = missed = outputs = 0
    for one in outcomes:
        outputs += 1
        calls += len(one.calls)
        served += sum(call.is_served for call in one.calls)
        missed += is_missed(one)
    return Coverage(calls=calls, served=served, missed=missed, outputs=outputs)


def parting(before: Iterable[Outcome], after: Iterable[Outcome]) -> Parting:
    """Where each output of the later run first asks something else than the same one of the earlier run.

    Here and below outcomes come by key, then sample, as those of a run do.
    """
    outputs, parted = 0, []
    for place, old, new in _in_both(before, after):
        if old.calls or new.calls:
            outputs += 1
            if (first := first_difference(old.calls, new.calls)) is not None:
                parted.append((place, first))
    return Parting(outputs=outputs, parted=tuple(parted))


def answered_otherwise(before: Iterable[Outcome], after: Iterable[Outcome]) -> tuple[Place, ...]:
    """Outputs in which a recording answered a call otherwise than the same call of the earlier run.

    The call asked the same under the same pins: what differs is the recordings, and nothing of the stack.
    """
    return tuple(place for place, old, new in _in_both(before, after) if _is_told_otherwise(old, new))


def _is_told_otherwise(old: Outcome, new: Outcome) -> bool:
    known: dict[tuple[str, str, int], str] = {}
    for call in old.calls:
        if call.is_served:
            known.setdefault((call.ask, call.pins, call.attempt), call.got)
    served = (call for call in new.calls if call.is_served)
    return any(known.get((call.ask, call.pins, call.attempt), call.got) != call.got for call in served)


def other_paths(before: Iterable[Outcome], after: Iterable[Outcome]) -> tuple[Place, ...]:
    """Outputs held against other recorded decisions or searches than the same ones of the earlier run."""
    both = ((place, _path(old), _path(new)) for place, old, new in _in_both(before, after))
    return tuple(place for place, old, new in both if old and new and old != new)


def _in_both(before: Iterable[Outcome], after: Iterable[Outcome]) -> Iterator[tuple[Place, Outcome, Outcome]]:
    """The same outputs of two runs; one of each is in memory at a time."""
    earlier = _in_order(before)
    old = next(earlier, None)
    for new in _in_order(after):
        place = new.key, new.sample
        while old is not None and (old.key, old.sample) < place:
            old = next(earlier, None)
        if old is not None and (old.key, old.sample) == place:
            yield place, old, new


def _in_order(outcomes: Iterable[Outcome]) -> Iterator[Outcome]:
    """Raises ValueError where they are not: pairs would be missed unseen."""
    last: Place | None = None
    for one in outcomes:
        place = one.key, one.sample
        if last is not None and place <= last:
            raise ValueError(f"{place} comes behind {last}")
        yield one
        last = place


def _path(one: Outcome) -> list[Json]:
    told = one.trace.get("decisions") or one.trace.get("searches")
    return [it.get("recorded") for it in told if isinstance(it, dict)] if isinstance(told, list) else []


def first_difference(before: Sequence[Served], after: Sequence[Served]) -> int | None:
    """The number of the first call that is another one, from 1 on; None where all are the same."""
    for number, (old, new) in enumerate(zip(before, after, strict=False), 1):
        if old.ask != new.ask:
            return number
    return None if len(before) == len(after) else min(len(before), len(after)) + 1
