"""Runs as people read them: one run, one case of it, two runs side by side, a case on two stacks.

Decides wording only; whatever a case, a target or a stack says is neutralised here.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from stopship.model.calls import coverage
from stopship.model.case import Json
from stopship.model.change import PinChange
from stopship.model.exchange import Fidelity
from stopship.model.run import Outcome, Run, Status
from stopship.model.verdict import Record
from stopship.report import words
from stopship.report.layout import WIDTH, table, wrapped
from stopship.report.neutral import plain
from stopship.report.pins import change_lines, short
from stopship.report.shortfall import bad_lines

_KEY, _VALUE, _LINE = 60, 160, 400
_LISTED = 20
_NO_BREAK = "\u00a0"
_TOLD = ("citations", "refusal", "usage", "observed", "cost_usd", "latency_ms")  # of a trace, for people


def run_lines(run: Run, *, columns: int = WIDTH, faults: Sequence[str] = ()) -> list[str]:
    """What the run is a replay of, and how it went. Pins wrap at `columns`, between pins.

    `faults`: why a gate would be VOID, whatever came out.
    """
    head = run.head
    counted, found = Counter(one.status for one in run.outcomes), coverage(run.outcomes)
    each = f", {head.repeats} outputs each" if head.repeats > 1 else ""
    lines = [
        (
            f"run {run.short}  suite {plain(head.suite)}, {_count(len(head.planned))}{each}, "
            f"stack {short(head.stack.stack_id)}"
        ),
        f"  id       {run.id}",
        f"  target   {plain(head.target)}" + (" (deterministic)" if head.deterministic else ""),
        *_pin_lines([plain(one.title) for one in head.stack.pins], columns),
        (
            f"  outputs  {counted[Status.OK]} told, {counted[Status.FAILED]} failed, "
            f"{counted[Status.LOST]} lost{'' if found.missed else ' to infrastructure'}"
        ),
    ]
    if found.calls or head.fidelity is not Fidelity.LIVE:
        missed = f"; {found.missed} outputs lost by a miss" if found.missed else ""
        served = f"{found.served} of {found.calls} served from recordings"
        lines.append(f"  calls    {served}{missed} ({head.fidelity.value})")
    if run.isolation:
        lines.append(f"  network  {plain(run.isolation, _LINE)}")
    if head.selection:
        lines.append(f"  part     {plain(head.selection)}")
    if head.epoch:
        lines.append(f"  epoch    {head.epoch}")
    for one in faults:
        lines += wrapped(
            plain(one, _LINE), first="  void     ", then="           ", columns=columns
        ).splitlines()
    is_all_told = counted[Status.OK] == len(run.outcomes)
    return lines if is_all_told else [*lines, *bad_lines(run.outcomes)]


def _pin_lines(titles: Sequence[str], columns: int) -> list[str]:
    listed = ", ".join(one.replace(" ", _NO_BREAK) for one in titles)
    text = wrapped(listed, first="  pins     ", then="           ", columns=columns)
    return text.replace(_NO_BREAK, " ").splitlines()


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What one rule's scorer says of one output."""

    rule: str
    value: str
    reason: str


def case_lines(
    run: Run,
    key: str,
    row: Mapping[str, Json],
    scores: Sequence[Sequence[Said]],
    parted: Mapping[int, int] = MappingProxyType({}),
) -> list[str]:
    """One case of a run: what was asked, what was done, what came out, what each rule says.

    `parted`: by sample, the first call, from 1 on, that is another one than in the accepted run.
    """
    lines = [f"case {plain(key, _KEY)}  of run {run.short}"]
    lines += [f"  {plain(name)}: {_value(value)}" for name, value in row.items() if name != "key"]
    outcomes = [one for one in run.outcomes if one.key == key]
    for one, said in zip(outcomes, scores, strict=True):
        lines += ["", f"output {one.sample + 1}" if len(outcomes) > 1 else "output"]
        lines += [f"  {line}" for line in _outcome(one)]
        lines += _call_lines(one, parted.get(one.sample))
        if said:
            lines += ["", "scores"]
            rows = [(plain(it.rule, _KEY), plain(it.value, 40), plain(it.reason, _LINE)) for it in said]
            lines += [f" {line.rstrip()}" for line in table(rows, left=frozenset((0, 1, 2)))]
    return lines


def _call_lines(one: Outcome, parted: int | None) -> list[str]:
    """Where each call of an output was answered from; none where it made none."""
    if not one.calls:
        return []
    served = sum(call.is_served for call in one.calls)
    head = f"calls, {served} of {len(one.calls)} served from recordings"
    if parted is not None:
        head += f"; call {parted} is the first that is another one than in the accepted run"
    rows = [
        (str(number), f"{call.kind} {plain(call.name, _KEY)}", call.source, short(call.ask))
        for number, call in enumerate(one.calls, 1)
    ]
    return ["", head, *(f" {line.rstrip()}" for line in table(rows, left=frozenset((1, 2, 3))))]


def _outcome(one: Outcome) -> list[str]:
    if one.status is not Status.OK:
        return [f"{one.status.value}: {plain(one.error, _LINE)}"]
    lines = [_value(one.trace.get("output"), _LINE)]
    steps = one.trace.get("steps")
    for number, step in enumerate(steps if isinstance(steps, list) else [], 1):
        lines.append(f"step {number}  {_step(step)}")
    told = [name for name in _TOLD if name in one.trace]
    return [*lines, *(f"{name}: {_value(one.trace[name])}" for name in told)]


def _step(step: Json) -> str:
    if not isinstance(step, dict):
        return _value(step)
    title = " ".join(plain(str(step[name]), 40) for name in ("kind", "name") if step.get(name))
    return f"{title}: {_value(step.get('input'), 80)} -> {_value(step.get('output'), 80)}"


def _value(value: Json, limit: int = _VALUE) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return plain(text, limit) or '""'


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """A case whose output is another one in the second run."""

    key: str
    before: str
    after: str


def diff_lines(
    old: Run, new: Run, changes: Sequence[PinChange], moved: Sequence[Moved], counts: Mapping[str, int]
) -> list[str]:
    """What changed between the stacks of two runs, and which outputs with it."""
    lines = [f"{old.short} -> {new.short}  suite {plain(new.head.suite)}"]
    lines += [f"  {one}" for one in change_lines(changes)]
    lines.append(
        f"outputs: {counts['same']} the same, {len(moved)} other, {counts['old']} only in {old.short}, "
        f"{counts['new']} only in {new.short}"
    )
    for one in moved[:_LISTED]:
        lines.append(f"  {plain(one.key, _KEY)}")
        lines += [f"    - {plain(one.before, _VALUE)}", f"    + {plain(one.after, _VALUE)}"]
    if len(moved) > _LISTED:
        lines.append(f"  … and {len(moved) - _LISTED} more")
    return lines


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownSide:
    """One side of a reproduction, in words."""

    name: str
    stack: str
    times: int
    distinct: int
    is_recorded: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownTally:
    """How often each side fails a rule, in numbers."""

    rule: str
    good: str  # `0 of 10`
    bad: str
    chance: float | None  # None: it plays no part
    is_failed: bool  # by either side, once at least
    why: str
    is_alike: bool = False  # by both sides, every time


def repro_lines(
    key: str,
    sides: tuple[ShownSide, ShownSide],
    tallies: Sequence[ShownTally],
    *,
    reproduced: bool,
    perhaps: float | None = None,
    faults: Sequence[str] = (),
    lost: Sequence[str] = (),
) -> list[str]:
    """Who fails what, how often, and whether that can be chance; `perhaps`: how likely, where it may be.

    `faults` and `lost`: why nothing was tested, of what was told and of what was not.
    """
    head = "reproduced" if reproduced else "not reproduced"
    if faults or lost:
        head = "not tested: the gate says VOID of what was asked" if faults else "not tested"
    if perhaps is not None:
        can_ask = not all(one.is_recorded for one in sides)
        more = "ask more often with --times" if can_ask else "recorded outputs cannot be asked more often"
        head = f"perhaps: by chance p {words.probability(perhaps)}; {more}"
    lines = [f"{plain(key, _KEY)}: {head}"]
    for word, side in zip(("good", "bad"), sides, strict=True):
        how = f"asked {side.times} {'time' if side.times == 1 else 'times'}"
        how = "as recorded, not asked anew" if side.is_recorded else how
        other = f", {side.distinct} different outputs" if side.distinct > 1 else ""
        lines.append(f"  {word:<5} {plain(side.name, _KEY)} (stack {short(side.stack)}), {how}{other}")
    for one in (*faults, *lost):
        lines += wrapped(plain(one, _LINE), first="  ", then="    ").splitlines()
    rows = [("rule", "good fails", "bad fails", "by chance", "")]
    rows += [
        (plain(one.rule, _KEY), one.good, one.bad, _chance(one), plain(_said(one), _VALUE)) for one in tallies
    ]
    return [*lines, "", *(f" {line.rstrip()}" for line in table(rows, left=frozenset((0, 4))))]


def _said(one: ShownTally) -> str:
    if not one.is_alike:
        return one.why
    return f"fails on both sides: {one.why}" if one.why else "fails on both sides"


def _chance(one: ShownTally) -> str:
    if not one.is_failed or one.is_alike:
        return "-"
    return "no" if one.chance is None else f"p {words.probability(one.chance)}"


def parting_lines(step: int, what: str, good: Json, bad: Json) -> list[str]:
    """The first step at which two traces part."""
    where = (
        f"first parted at step {step}, {plain(what, _VALUE)}"
        if step
        else f"the steps are the same; {plain(what)} differs"
    )
    first, second = _around(_value(good, 100_000), _value(bad, 100_000))
    return [where, f"  good  {first}", f"  bad   {second}"]


def _around(one: str, two: str) -> tuple[str, str]:
    """Two texts, both cut to where they begin to differ."""
    at = next((i for i, (a, b) in enumerate(zip(one, two, strict=False)) if a != b), min(len(one), len(two)))
    start = max(0, at - 30) if at > 60 else 0
    lead = "…" if start else ""
    return lead + plain(one[start:], _VALUE), lead + plain(two[start:], _VALUE)


def accepted_lines(
    record: Record,
    run: Run,
    *,
    is_redrawn: bool,
    path: str,
    waivers: Sequence[tuple[str, str]] = (),
) -> list[str]:
    """What accepting a run did; `waivers` are (rule, last day)."""
    said = f"{plain(record.suite)}: run {run.short} is the baseline"
    if is_redrawn:
        said += " (fresh outputs of the accepted stack)"
    judged = f"judged {record.verdict.value} against the baseline before it"
    if record.baseline is None:
        judged = "first baseline"
    elif record.baseline.run == run.id:
        judged = "it was the baseline already, and is again"
    return [
        said,
        f"  {judged}; the pointer is {plain(path)}: review it with the change",
        *_failed_lines(run),
        *(f"  {plain(rule)} may stay broken until {until}" for rule, until in waivers),
    ]


def _failed_lines(run: Run) -> list[str]:
    """How much of a baseline is no answer: a candidate that fails there, too, is no worse than it."""
    bad = [one for one in run.outcomes if one.status is Status.FAILED]
    if not bad:
        return []
    first = f"{plain(bad[0].key, _KEY)} first: {plain(bad[0].error, _LINE)}"
    return [f"  {len(bad)} of {len(run.outcomes)} outputs failed, {first}"]


def outlook_line(
    name: str,
    cases: int,
    clusters: int,
    p_ship: Sequence[tuple[float, float]],
    *,
    because: str = "",
    assumes: Sequence[str] = (),
    is_measured: bool = False,
    noise: str = "",
) -> str:
    """What a suite can decide, said when it is loaded: `helpdesk: 451 cases in 233 clusters; …`.

    `because`: why the chance is one for all shares of flips; `assumes`: what it takes for granted;
    `noise`: why flips that were measured are not those of `p_ship`.
    """
    size = _count(cases)
    if clusters and clusters != cases:
        size += f" in {clusters} clusters"
    taken = ", ".join(assumes)
    if not p_ship:
        chance = "cannot be told of limits before there is a baseline, nor of rules in percent"
    elif because:
        chance = f"{_p(p_ship[0][1])}{' ' if taken else ''}{taken}, as {plain(because, _LINE)}"
    elif is_measured:
        (flips, p), *_ = p_ship
        chance = f"{_p(p)} with the noise measured in noise.json ({flips * 100:.2g} % of cases flip)"
        chance += f"; {taken}" if taken else ""
    else:
        chance = ", ".join(f"{_p(p)} where {flips * 100:g} % of cases flip" for flips, p in p_ship)
        chance += f"; {taken}" if taken else ""
    said = f"{plain(name)}: {size}; a build that changed nothing: P(SHIP) {chance}"
    return f"{said}; {plain(noise, _LINE)}" if noise else said


def _count(cases: int) -> str:
    return f"{cases} case{'s' if cases != 1 else ''}"


def _p(chance: float) -> str:
    return "1" if chance == 1 else "0" if chance == 0 else f"{chance:.2f}" if chance < 0.995 else ">.99"
