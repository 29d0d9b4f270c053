"""Which fidelities a case can be replayed with, by what is recorded of it.

Decides that from recordings and from what the accepted run called. Never replays a case, and leaves none out.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from stopship.gating.forced import path_of
from stopship.model.exchange import CallKind, Fidelity, Recording, Served
from stopship.model.run import Outcome


class Recorded(Protocol):
    """What is looked up of recordings."""

    def of_ask(self, ask: str) -> tuple[Recording, ...]: ...
    def of_case(self, case: str) -> tuple[Recording, ...]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Completeness:
    """How many cases a fidelity can replay, and why it cannot replay the others."""

    fidelity: Fidelity
    cases: int
    lacking: tuple[tuple[str, str], ...]  # key of a case, and what it lacks


def completeness(
    cases: Sequence[str], shelf: Recorded, outcomes: Iterable[Outcome]
) -> tuple[Completeness, ...]:
    """Each fidelity over all cases. `outcomes`: of the accepted run; none: what cases call is not known.

    Raises EvidenceError for damaged recordings.
    """
    first: Mapping[str, Outcome] = {one.key: one for one in outcomes if one.sample == 0}
    kept = {key: shelf.of_case(key) for key in cases}
    found = []
    for fidelity in Fidelity:
        told = [(key, _lack(fidelity, key, first.get(key), kept[key], shelf)) for key in cases]
        lacking = tuple((key, why) for key, why in told if why)
        found.append(Completeness(fidelity=fidelity, cases=len(told) - len(lacking), lacking=lacking))
    return tuple(found)


def _lack(
    fidelity: Fidelity, key: str, accepted: Outcome | None, kept: tuple[Recording, ...], shelf: Recorded
) -> str:
    """What keeps a case from being replayed so; "": nothing that is known."""
    if fidelity is Fidelity.LIVE:
        return ""
    if fidelity is Fidelity.RETRIEVAL_ONLY:
        has_search = any(one.asked.call.kind is CallKind.RETRIEVAL for one in kept)
        return "" if has_search else "no search is recorded"
    if fidelity is Fidelity.STEP and not shelf.of_ask(path_of(key, 0, 0, {}).ask):
        return "no path is recorded"
    calls: Sequence[Served] = accepted.calls if accepted is not None else ()
    if not calls:
        return "" if kept or accepted is not None else "nothing is recorded"
    for one in calls:
        if fidelity.freezes(CallKind(one.kind)) and not shelf.of_ask(one.ask):
            return f"{one.kind} {one.name} is not recorded"
    return ""
