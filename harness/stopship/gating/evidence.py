"""Whether two runs may be compared, before any number of them is read; and a run as an arm.

Decides what makes a comparison VOID. Never scores against the other arm.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from stopship.gating.heard import ANSWERED_BY, is_pinned
from stopship.gating.hygiene import selection_faults
from stopship.gating.opened import OpenSuite
from stopship.gating.paths import HELD
from stopship.model.calls import answered_otherwise, is_missed, other_paths
from stopship.model.case import Json, Lost, Trace
from stopship.model.exchange import Fidelity, Source
from stopship.model.rule import Rule
from stopship.model.run import Outcome, Run, Status
from stopship.model.stack import Kind, Stack
from stopship.steps.arm import Arm, Scoring, merged
from stopship.store.shown import quoted

FINGERPRINT = "fingerprint"
_RECORDS = ", as one that records is"


def arm_of(opened: OpenSuite, run: Run, name: str, *, is_part: bool = False) -> Arm:
    """Every case of the run that the suite still has, scored by today's scorers and labels.

    A part of the cases need not hold every column that the suite reads.
    """
    return merged(samples_of(opened, run, name, is_part=is_part))


def samples_of(opened: OpenSuite, run: Run, name: str, *, is_part: bool = False) -> list[Arm]:
    """`arm_of`, an arm for each sample."""
    scored = [Scoring(name, opened.columns, opened.scorers) for _ in range(run.head.repeats)]
    for one in run.outcomes:
        if one.key in opened.cases:
            row = scored_row(opened, one)
            scored[one.sample].add(f"{name}, case {quoted(one.key)}", row, b"", trace_of(one))
    return [one.so_far if is_part else one.finish() for one in scored]


def arm_of_one(opened: OpenSuite, outcome: Outcome, name: str) -> Arm:
    """One output scored alone; columns that this case lacks are no fault, as others have them."""
    scoring = Scoring(name, opened.columns, opened.scorers)
    scoring.add(f"{name}, case {quoted(outcome.key)}", scored_row(opened, outcome), b"", trace_of(outcome))
    return scoring.so_far


def scored_row(opened: OpenSuite, outcome: Outcome) -> dict[str, Json]:
    """What scorers see as the row: the case and its labels; beside them scores that were recorded.

    What the target tells is the trace. Only a field that a `column(…)` rule names, and that is a column of no
    case, no label and nothing else in the suite, is taken from there: no target writes its own label.
    """
    told = {name: outcome.trace[name] for name in opened.told_scores if name in outcome.trace}
    return {**told, **opened.row(outcome.key)}


def concerns(rule: Rule, row: Mapping[str, Json]) -> bool:
    """Whether a rule looks at a case at all."""
    is_chosen = all(one.matches(row) for one in rule.where)
    must_pass = rule.must_pass is not None and all(one.matches(row) for one in rule.must_pass)
    return must_pass or (is_chosen and (rule.margin is not None or rule.limit is not None))


def trace_of(outcome: Outcome) -> Trace | Lost:
    """An outcome as scorers see it. Where the target tells no latency, what the engine measured stands in."""
    if outcome.status is Status.LOST:
        return Lost(outcome.error, is_missed=is_missed(outcome))
    latency = outcome.trace.get("latency_ms")
    return Trace(
        output=outcome.trace.get("output"),
        latency=outcome.took_ms if latency is None else latency,
        cost=outcome.trace.get("cost_usd"),
        record=outcome.trace,
        error=outcome.error,
        is_served=any(one.is_served for one in outcome.calls),
    )


def candidate_faults(opened: OpenSuite, run: Run) -> list[str]:
    """Why the candidate is no complete run of this suite as it stands."""
    head, faults = run.head, []
    if head.suite != opened.suite.name:
        return [f"{run.place} is a run of the suite {quoted(head.suite)}, not of {quoted(opened.suite.name)}"]
    if head.target != opened.suite.replay.target:
        faults.append(
            f"{run.place} was answered by the target {quoted(head.target)}, and the suite says "
            f"{quoted(opened.suite.replay.target)}; replay again"
        )
    plan = opened.suite.replay
    if head.deterministic != plan.deterministic:
        said = "deterministic" if plan.deterministic else "not deterministic"
        faults.append(
            f"the suite says that its target is {said}, and {run.place} was drawn otherwise; replay again"
        )
    if head.fidelity is not plan.fidelity:
        faults.append(
            f"the suite replays {plan.fidelity.value}, and {run.place} is a {head.fidelity.value} replay"
            f"{_RECORDS if head.fidelity is Fidelity.LIVE else ''}: "
            "take a replay without --record and --fidelity"
        )
    if head.repeats < plan.repeats:
        faults.append(
            f"{run.place} holds {head.repeats} of {plan.repeats} outputs a case that the suite "
            "asks for; replay again"
        )
    odd = [key for key, one in head.planned.items() if opened.case_digests.get(key) != one]
    if head.cases != opened.cases_digest or odd:
        new = [] if head.selection else [key for key in opened.cases if key not in head.planned]
        some = [_some(odd, "changed or removed"), _some(new, "new")]
        what = ", ".join(one for one in some if one) or "others than those that were planned"
        faults.append(f"the cases have changed since {run.place} was replayed: {what}; replay again")
    elif missing := [key for key in opened.cases if key not in head.planned]:
        chosen = f" ({head.selection})" if head.selection else ""
        faults.append(f"the candidate is a partial run{chosen}: {_some(missing, 'not replayed')}")
    return faults + drawn_faults(run, "the candidate")


def drawn_faults(run: Run, name: str) -> list[str]:
    """Why what a stack was asked for says nothing about it, whatever it is to be compared with."""
    return told_faults(run.head.stack, run.outcomes, name)


def told_faults(stack: Stack, outcomes: Sequence[Outcome], name: str) -> list[str]:
    """The same of some outputs of a stack."""
    return observed_faults(stack, outcomes, name) + other_pin_faults(outcomes, name)


def other_pin_faults(outcomes: Sequence[Outcome], name: str) -> list[str]:
    """Calls that were answered by another version of a pin than the stack has: they say nothing about it."""
    counts = Counter(
        call.name for one in outcomes for call in one.calls if call.source == Source.OTHER_PIN.value
    )
    return [
        f"{count} {'call' if count == 1 else 'calls'} of {quoted(call)} in {name} "
        f"{'was' if count == 1 else 'were'} served from recordings of another version of a pin "
        "that it names, or of its own code: a frozen replay cannot see that change; record them again, or "
        "replay with another fidelity"
        for call, count in sorted(counts.items())
    ]


def baseline_faults(opened: OpenSuite, run: Run, name: str) -> list[str]:
    """Why a run cannot serve as the one to compare with."""
    head = run.head
    if head.suite != opened.suite.name:
        what = f"the {name} is a run of the suite {quoted(head.suite)}, not of {quoted(opened.suite.name)}"
        do = "call the suite that again, or begin a new baseline: remove baseline.json, replay, accept"
        return [f"{what}: {do}"]
    faults = []
    if head.selection:
        faults.append(f"the {name} is a partial run ({head.selection})")
    excused = {key for key, _ in opened.suite.removed}
    gone = [key for key in head.planned if key not in opened.cases and key not in excused]
    if gone:
        faults.append(
            f"{_some(gone, 'removed')} since the {name} without a reason: give one under [removed], or put "
            "the cases back; with --baseline-ref it has to stand in that revision"
        )
    changed = [
        key for key, one in head.planned.items() if key in opened.cases and opened.case_digests[key] != one
    ]
    if changed:
        faults.append(
            f"{_some(changed, 'asked differently')} than in the {name}: give a changed case a new key, and "
            "the old one a reason under [removed]"
        )
    faults += selection_faults(opened, run, f"the {name}")
    return faults + drawn_faults(run, f"the {name}")


def world_faults(candidate: Run, other: Run, name: str) -> list[str]:
    """Why two runs are not answered by one world: then a difference may be of the world alone."""
    own, its = candidate.head, other.head
    do = "replay the accepted stack and accept it anew"
    if own.fidelity is not its.fidelity:
        return [
            f"the {name} is a {its.fidelity.value} replay, the candidate a {own.fidelity.value} one: {do}"
        ]
    changed = answered_otherwise(other.outcomes, candidate.outcomes)
    if own.fidelity in HELD:
        changed += other_paths(other.outcomes, candidate.outcomes)
    if changed:
        some = _some(sorted({key for key, _ in changed}), "whose calls")
        return [
            f"the recordings have changed since the {name} was replayed, in {some} of the same pins: {do}"
        ]
    return []


def observed_faults(stack: Stack, outcomes: Sequence[Outcome], name: str) -> list[str]:
    """Pins that the traces contradict: what answered was not what was locked."""
    seen: dict[tuple[str, str], list[str]] = {}
    unreadable = []
    for one in outcomes:
        for axis, version in _answered_by(one.trace):
            seen.setdefault((axis, version), []).append(one.key)
        told = one.trace.get("observed")
        if told is None:
            continue
        if not isinstance(told, dict) or not all(isinstance(it, str) for it in told.values()):
            unreadable.append(one.key)
            continue
        for axis, version in told.items():
            if axis == FINGERPRINT and stack.get(axis) is None:
                continue  # of a provider's own machines: told, and held against a pin where there is one
            if not is_pinned(stack, axis, version):
                seen.setdefault((axis, str(version)), []).append(one.key)
    faults = []
    if unreadable:
        some = _some(sorted(set(unreadable)), f"of {name}")
        faults.append(
            f"`observed` is no object of axes and versions in {some}: what answered cannot be checked"
        )
    for (axis, version), keys in sorted(seen.items()):
        pin = stack.get(axis)
        locked = (pin.served if pin.kind is Kind.OBSERVE else pin.version) if pin else "not pinned at all"
        faults.append(
            f"{axis} {quoted(version)} answered {_some(sorted(set(keys)), 'of ' + name)}, and the lock says "
            f"{quoted(locked)}"
        )
    return faults


def _answered_by(trace: Mapping[str, Json]) -> Iterator[tuple[str, str]]:
    """What the gateway heard: the axis of a pin, and another model that answered for it."""
    told = trace.get(ANSWERED_BY)
    for axis, names in told.items() if isinstance(told, dict) else ():
        yield from ((axis, str(one)) for one in (names if isinstance(names, list) else ()))


def _some(keys: Sequence[str], what: str) -> str:
    if not keys:
        return ""
    listed = ", ".join(quoted(key) for key in keys[:3]) + (", …" if len(keys) > 3 else "")
    return f"{len(keys)} case{'s' if len(keys) != 1 else ''} {what} ({listed})"
