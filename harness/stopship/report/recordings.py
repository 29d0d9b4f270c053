"""Recordings of a case as people read them: what is in each key, and why two of one name have two keys.

Decides wording only; whatever a call or an answer says is neutralised here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from stopship.model.canonical import digest
from stopship.model.exchange import ADAPTER, CODE, PATH, Answer, Asked, Recording, call_pins, upstream_of
from stopship.model.miss import Difference, Drift
from stopship.model.run import Run
from stopship.model.stack import Stack
from stopship.report.layout import table, wrapped
from stopship.report.misses import from_where_they_part, value
from stopship.report.neutral import plain
from stopship.report.pins import short

_NAME, _REQUEST, _PATH, _VALUE = 60, 70, 50, 24
_MAY_PART = "a replay of another stack may ask otherwise, and what it asks so is a miss"
_PARTED = 36  # of two texts that are shown from where they part
_ANSWERS, _FIELDS = 4, 3  # shown of each
_EVIDENCE = " (evidence: served only where frozen, in its order)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """A recording, and an earlier one of the same kind and name that it is held against."""

    recording: Recording
    number: int  # from 1 on
    other: "Explained | None" = None
    differences: tuple[Difference, ...] = ()  # of the other's request and this one


def list_lines(counts: Mapping[str, int], *, files: int, place: str) -> list[str]:
    """How many recordings each case has."""
    rows = [[plain(case, _NAME, keep_end=True), str(count)] for case, count in counts.items()]
    total = sum(counts.values())
    head = f"{counted(total, 'recording')} of {counted(len(counts), 'case')} in {counted(files, 'file')}"
    return [f"{head}   {plain(place)}", *(table(rows, left=frozenset({0})) if rows else [])]


def completeness_lines(found: Sequence[tuple[str, int, Sequence[tuple[str, str]]]]) -> list[str]:
    """One line a fidelity: how many cases it can replay, how many it cannot, and the first of these."""
    rows = [["fidelity", "cases", "not", "of which the first lacks"]]
    for fidelity, cases, lacking in found:
        first = ": ".join(plain(one, _NAME, keep_end=True) for one in lacking[0]) if lacking else ""
        rows.append([fidelity, str(cases), str(len(lacking)), first])
    return table(rows, left=frozenset({0, 3}))


def basis_lines(
    run: Run | None, present: Stack | None, changed: Sequence[str], *, own: int, cases: int
) -> list[str]:
    """Which run and stack `completeness_lines` go by. `changed`: axes of the present stack that are others;
    `own`: cases whose order of calls is recorded under it."""
    if run is None:
        said = [
            "no run is accepted: this goes by what is recorded alone, whatever stack it was recorded under",
            _MAY_PART,
        ]
    elif present is None or not changed:
        said = [
            f"by the calls of the accepted run {run.short}, of stack {short(run.head.stack.stack_id)}",
            _MAY_PART,
        ]
    else:
        axes = ", ".join(plain(one, _NAME) for one in changed)
        here, there = short(present.stack_id), short(run.head.stack.stack_id)
        said = [
            f"the present stack {here} has another {axes} than that of the accepted run {run.short}, {there}",
            f"{own} of {cases} cases: by the order of calls that is recorded under the present stack",
        ]
        if own < cases:
            said.append(
                f"{cases - own}: by the calls of the accepted run; a replay of the present stack may ask "
                "otherwise, and what it asks so is a miss"
            )
    return [line for one in said for line in wrapped(one, first="", then="  ").splitlines()]


def explain_lines(
    case: str,
    found: Sequence[Explained],
    *,
    place: str,
    stack: Stack | None = None,
    ignored: Mapping[str, Sequence[str]] = MappingProxyType({}),
) -> list[str]:
    """What is in the key of each recording of a case. `stack`: the present one, whose versions are named.
    `ignored`: by upstream, the fields that the suite leaves out of requests."""
    head = f"{plain(case, _NAME, keep_end=True)}: {counted(len(found), 'recording')}, adapter {ADAPTER}"
    lines = [f"{head}   {plain(place)}"]
    if any(one.recording.asked.call.name == PATH for one in found):
        lines.append(
            "an order is of the models and searches of an output: step and retrieval-only replays follow it"
        )
    asks = {one.recording.asked.ask: one.number for one in found}
    asks |= {one.recording.asked.key: one.number for one in found}
    for one in found:
        asked = one.recording.asked
        call, epoch = asked.call, f", epoch {asked.epoch}" if asked.epoch else ""
        pins = ", ".join(_named_pin(axis, said, stack) for axis, said in call_pins(asked).items())
        if call.name == PATH:
            lines += [
                f"{one.number}  order of calls   key {short(asked.key)}",
                f"   place    sample {asked.sample}{epoch}",
                f"   pins     {pins or 'none'}",
                f"   calls    {_order(one.recording, asks)}",
            ]
            continue
        fields = () if CODE in call.pins else ignored.get(upstream_of(call.name), ())
        lines += [
            f"{one.number}  {call.kind.value} {plain(call.name, _NAME)}   key {short(asked.key)}",
            f"   request  {short(digest(call.request))}  {value(call.request, _REQUEST)}",
            *(
                [f"   ignored  {', '.join(plain(it, _NAME) for it in fields)}, as the suite says"]
                if fields
                else []
            ),
            f"   place    sample {asked.sample}{epoch}, after {counted(asked.world, 'write')}",
            f"   pins     {pins or 'none'}",
            f"   answers  {_answers(one.recording.answers)}",
        ]
        if one.other is not None:
            lines.append(f"   differs  from {one.other.number}: {'; '.join(_why(one, one.other))}")
    return lines


def _order(recording: Recording, asks: Mapping[str, int]) -> str:
    """The numbers of the recordings that models and searches of an output were answered from, in order."""
    told = recording.answers[0].result if recording.answers else None
    listed = told if isinstance(told, dict) else {"models": told}
    parts = []
    for kind, steps in listed.items():
        rows = [one for one in steps if isinstance(one, list) and one] if isinstance(steps, list) else []
        found = [one[2] if len(one) > 2 and one[2] in asks else one[0] for one in rows]  # by key, else by ask
        numbers = [str(asks.get(str(one), "one that is not recorded any more")) for one in found]
        parts += [f"{plain(kind, _NAME)} {', then '.join(numbers)}"] if numbers else []
    return "; ".join(parts) or "none"


def _named_pin(axis: str, said: str, stack: Stack | None) -> str:
    """`prompt v14 2f00aa`, or that it is not the present one. A function's own code is no such pin."""
    name, pin = plain(axis, _NAME), stack.get(axis) if stack is not None else None
    if pin is None:
        return f"{name} {_pin(said)}"
    if pin.digest == said:
        return f"{plain(pin.title, _NAME)} {_pin(said)}"
    return f"{name} {_pin(said)} (not the present one)"


def _why(one: Explained, other: Explained) -> list[str]:
    """Whatever makes two keys of two calls of one name."""
    old, new = other.recording.asked, one.recording.asked
    told = [f"{plain(it.path, _PATH, keep_end=True)} {_changed(it)}" for it in one.differences[:_FIELDS]]
    if len(one.differences) > _FIELDS:
        told.append(f"{len(one.differences) - _FIELDS} more fields")
    if old.world != new.world:
        told.append(f"after {counted(old.world, 'write')} -> after {counted(new.world, 'write')}")
    if old.sample != new.sample:
        told.append(f"sample {old.sample} -> {new.sample}")
    if old.epoch != new.epoch:
        told.append(f"epoch {old.epoch} -> {new.epoch}")
    return told + _pins_changed(old, new)


def _pins_changed(old: Asked, new: Asked) -> list[str]:
    before, after = call_pins(old), call_pins(new)
    return [
        f"pin {plain(axis, _NAME)} {_named(axis, before)} -> {_named(axis, after)}"
        for axis in sorted(before.keys() | after.keys())
        if before.get(axis) != after.get(axis)
    ]


def _named(axis: str, pins: Mapping[str, str]) -> str:
    return _pin(pins[axis]) if axis in pins else "not named"


def _pin(said: str) -> str:
    return plain(short(said)) or "not in the stack"


def _changed(one: Difference) -> str:
    if one.drift is Drift.MISSING_HERE:
        return f"{value(one.expected, _VALUE)} -> missing"
    if one.drift is Drift.MISSING_THERE:
        return f"missing -> {value(one.found, _VALUE)}"
    old, new = from_where_they_part(one.expected, one.found, _VALUE)
    return f"{value(old, _PARTED)} -> {value(new, _PARTED)}"


def _answers(answers: Sequence[Answer]) -> str:
    told = []
    for one in answers[:_ANSWERS]:
        what = f"error {plain(one.error, _REQUEST)}" if one.error else value(one.result, _REQUEST)
        status = "" if one.status is None else f" ({one.status})"
        told.append(what + status + ("" if one.is_reusable else _EVIDENCE))
    if len(answers) > _ANSWERS:
        told.append(f"{len(answers) - _ANSWERS} more")
    return ", then ".join(told)


def counted(number: int, what: str) -> str:
    """`1 case`, `2 cases`."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
