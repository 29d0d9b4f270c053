"""Which fidelities a case can be replayed with, by what is recorded of it.

Decides that from recordings, from the order of calls that is recorded under the present stack, and from what
the accepted run called. Never replays a case, and leaves none out.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from stopship.errors import Missed
from stopship.gating.forced import Forced
from stopship.gating.paths import KeptPath, Recorded, is_path, path_under, searches_of
from stopship.model.exchange import CallKind, Fidelity
from stopship.model.run import Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Completeness:
    """How many cases a fidelity can replay, and why it cannot replay the others."""

    fidelity: Fidelity
    cases: int
    lacking: tuple[tuple[str, str], ...]  # key of a case, and what it lacks


def completeness(
    cases: Sequence[str],
    shelf: Recorded,
    outcomes: Iterable[Outcome],
    *,
    repeats: int = 1,
    accepted: Sequence[str] = (),
    present: str = "",
) -> tuple[Completeness, ...]:
    """Each fidelity over all cases, with every sample of them. `outcomes`: of the accepted run; none: what
    cases call is not known. `accepted`: ids of accepted stacks, the latest first. `present`: id of a
    stack whose recorded paths go before what the accepted run called; "": of none.

    Raises EvidenceError for damaged recordings.
    """
    known = {(one.key, one.sample): one for one in outcomes}
    found = []
    for fidelity in Fidelity:
        lacking = []
        for key in cases:
            told = [
                _Sample(key, number, known.get((key, number), known.get((key, 0))), shelf, accepted, present)
                for number in range(repeats)
            ]
            why = next(filter(None, (_lack(fidelity, one) for one in told)), "")
            lacking += [(key, why)] if why else []
        found.append(Completeness(fidelity=fidelity, cases=len(cases) - len(lacking), lacking=tuple(lacking)))
    return tuple(found)


def told_by_itself(cases: Sequence[str], shelf: Recorded, present: str, *, repeats: int = 1) -> int:
    """How many cases have a path under the present stack for each of their samples."""

    def is_told(key: str, number: int) -> bool:
        path = path_under(shelf, key, number, present)
        return path is not None and path.asked.sample == number

    return sum(all(is_told(key, number) for number in range(repeats)) for key in cases)


@dataclass(frozen=True, slots=True)
class _Sample:
    """One output, and what is known of it."""

    key: str
    number: int
    accepted: Outcome | None
    shelf: Recorded
    stacks: Sequence[str]
    present: str

    @property
    def name(self) -> str:
        return f"sample {self.number}: " if self.number else ""


def _lack(fidelity: Fidelity, one: _Sample) -> str:
    """What keeps an output from being replayed so; "": nothing that is known."""
    if fidelity is Fidelity.LIVE:
        return ""
    if fidelity is Fidelity.RETRIEVAL_ONLY:
        try:
            searches_of(one.shelf, one.key, one.number, one.stacks)
        except Missed:
            return "no search is recorded"
        return ""
    if fidelity is Fidelity.STEP and (why := Forced(one.shelf, one.key, one.number, one.stacks).lack()):
        return why
    if one.present and (path := path_under(one.shelf, one.key, one.number, one.present)) is not None:
        return _lack_of_path(fidelity, one, path)
    calls = one.accepted.calls if one.accepted is not None else ()
    for call in calls:
        kind, answers = CallKind(call.kind), one.shelf.of_ask(call.ask)
        if kind is CallKind.MODEL:  # one recording is one draw, and no second sample
            answers = tuple(it for it in answers if it.asked.sample == one.number)
        if fidelity.freezes(kind) and not answers:
            return f"{one.name}{call.kind} {call.name} is not recorded"
    return "" if calls else _lack_unknown(fidelity, one)


def _lack_of_path(fidelity: Fidelity, one: _Sample, path: KeptPath) -> str:
    """The same where it is recorded what this very stack asks. Its tools were recorded with its models."""
    for kind, steps in ((CallKind.MODEL, path.models), (CallKind.RETRIEVAL, path.searches or ())):
        if not fidelity.freezes(kind):
            continue
        for step in steps:
            answers = one.shelf.of_ask(step.ask)
            if kind is CallKind.MODEL:
                answers = tuple(it for it in answers if it.asked.sample == one.number)
            if not answers:
                return f"{one.name}a {kind.value} that the present stack asks is not recorded"
    return ""


def _lack_unknown(fidelity: Fidelity, one: _Sample) -> str:
    """The same where nobody tells what is called: a model that one sample asked, another asks, too."""
    kept = one.shelf.of_case(one.key)
    if not kept:
        return "" if one.accepted is not None else "nothing is recorded"
    asked = {it.asked.sample for it in kept if it.asked.call.kind is CallKind.MODEL and not is_path(it)}
    own = {it.asked.sample for it in kept if is_path(it)} | asked
    if fidelity.freezes(CallKind.MODEL) and asked and one.number not in own:
        return f"{one.name}no call of a model is recorded"
    return ""
