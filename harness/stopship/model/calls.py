"""Where the calls of outputs were answered from, and where two runs part in what they asked.

Pure: counts what runs tell beside their outcomes. Judges nothing.
"""

from collections.abc import Iterable, Mapping, Sequence
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
    """Where each output of the later run first asks something else than the same one of the earlier run."""
    old: Mapping[Place, Outcome] = {(one.key, one.sample): one for one in before}
    both = [(place, old[place].calls, one.calls) for one in after if (place := (one.key, one.sample)) in old]
    told = [one for one in both if one[1] or one[2]]
    parted = [(place, first) for place, a, b in told if (first := first_difference(a, b)) is not None]
    return Parting(outputs=len(told), parted=tuple(sorted(parted)))


def answered_otherwise(before: Iterable[Outcome], after: Iterable[Outcome]) -> tuple[Place, ...]:
    """Outputs in which a recording answered a call otherwise than the same call of the earlier run.

    The call asked the same under the same pins: what differs is the recordings, and nothing of the stack.
    """
    known: dict[tuple[str, int, str, str, int], str] = {}
    for one in before:
        for call in one.calls:
            if call.is_served:
                known.setdefault((one.key, one.sample, call.ask, call.pins, call.attempt), call.got)
    return tuple(
        sorted(
            {
                (one.key, one.sample)
                for one in after
                for call in one.calls
                if call.is_served
                and known.get((one.key, one.sample, call.ask, call.pins, call.attempt), call.got) != call.got
            }
        )
    )


def other_paths(before: Iterable[Outcome], after: Iterable[Outcome]) -> tuple[Place, ...]:
    """Outputs held against other recorded decisions or searches than the same ones of the earlier run."""
    old = {(one.key, one.sample): _path(one) for one in before}
    both = [(place, _path(one)) for one in after if (place := (one.key, one.sample)) in old]
    return tuple(sorted(place for place, path in both if path and old[place] and path != old[place]))


def _path(one: Outcome) -> list[Json]:
    told = one.trace.get("decisions") or one.trace.get("searches")
    return [it.get("recorded") for it in told if isinstance(it, dict)] if isinstance(told, list) else []


def first_difference(before: Sequence[Served], after: Sequence[Served]) -> int | None:
    """The number of the first call that is another one, from 1 on; None where all are the same."""
    for number, (old, new) in enumerate(zip(before, after, strict=False), 1):
        if old.ask != new.ask:
            return number
    return None if len(before) == len(after) else min(len(before), len(after)) + 1
