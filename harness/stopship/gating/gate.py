"""Judge a run of a suite against its baseline, its anchor, and the runs that expired waivers hold it to.

Decides what is compared with what. Never reads a number of evidence that is missing, drifted or partial.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path

from stopship.errors import EvidenceError
from stopship.gating.admissions import golden_notes
from stopship.gating.ages import ACCEPT_AGAIN, AGAIN, stale_faults
from stopship.gating.cuts import cut_notes
from stopship.gating.drawing import costs_of
from stopship.gating.evidence import arm_of, baseline_faults, candidate_faults, drawn_faults, world_faults
from stopship.gating.isolating import isolation_notes
from stopship.gating.opened import POINTER, OpenSuite, noise_of
from stopship.gating.outside import call_notes
from stopship.gating.reading import unpinned_notes
from stopship.gating.stacking import answering
from stopship.gating.workplace import ANCHOR, BASELINE, CACHE, Workplace
from stopship.model.change import PinChange
from stopship.model.columns import Columns
from stopship.model.rule import Rule
from stopship.model.run import Accepted, Run, Version
from stopship.model.stack import Pin, PinnedFile
from stopship.model.suite import RECORDED, Suite
from stopship.model.verdict import EXIT_CODES, ArmPin, Record, Verdict
from stopship.pinning.stacks import store_beside
from stopship.steps.about import About
from stopship.steps.arm import Arm
from stopship.steps.conclude import conclude, conclude_alone, void
from stopship.steps.looks import ONE_LOOK, Look
from stopship.steps.pair import pair
from stopship.steps.pindiff import Read, compare
from stopship.steps.terms import Reference, Terms
from stopship.store.contents import Contents, Texts
from stopship.store.shown import quoted, shown


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """How this gate is asked to judge, beside what the suite says."""

    today: date
    now: int | None = None  # seconds since 1970; only a suite with `fresh` needs it
    is_accepting: bool = False  # a stale baseline is about to be replaced
    baseline: Run | None = None  # instead of the one that the pointer names
    is_rescore: bool = False  # the accepted outputs themselves are judged, by today's scorers
    is_new_suite: bool = False  # limits and must-pass alone decide where there is no baseline
    examples: int | None = None
    allow_undecided: bool | None = None  # None: as the suite says
    notes: tuple[str, ...] = ()
    look: Look = ONE_LOOK
    extended: Run | None = None  # the accepted run with more outputs of its own draw
    excused: Mapping[str, frozenset[str]] = field(default_factory=dict)  # must-pass: failed once of three
    never_ships: str = ""  # why the candidate may stop a build and never ship one
    arms: Mapping[Version, Arm] = field(default_factory=dict)  # of runs whose cases are all scored already


def gate(opened: OpenSuite, place: Workplace, candidate: Run, asked: Asked) -> Record:
    """The verdict record; VOID where evidence is missing, damaged or of something else."""
    try:
        return _judged(opened, place, candidate, asked)
    except EvidenceError as err:
        return void_gate(opened, [str(err)])


def void_unopened(suite: Suite, reasons: Sequence[str]) -> Record:
    """The record where not even the cases or labels of the suite could be read."""
    record = void("", (), Columns(key=suite.columns.key), alpha=suite.decide.alpha)
    return replace(record, reasons=tuple(reasons), suite=suite.name)


def void_gate(opened: OpenSuite, reasons: Sequence[str], notes: Sequence[str] = ()) -> Record:
    """The record where the evidence could not even be gathered."""
    record = void("", opened.rules, opened.columns, alpha=opened.suite.decide.alpha)
    return replace(
        record,
        reasons=tuple(reasons),
        suite=opened.suite.name,
        notes=tuple(notes),
        rules_digest=opened.rules_digest,
    )


def _judged(opened: OpenSuite, place: Workplace, candidate: Run, asked: Asked) -> Record:
    faults = candidate_faults(opened, candidate)
    faults += stale_faults(opened, candidate, "the candidate", asked.now, AGAIN)
    pointer = place.pointer()
    accepted = pointer.baseline if asked.baseline is None else None
    baseline = asked.baseline or (place.kept(accepted.run) if accepted else None)
    if baseline is not None and accepted is not None:
        faults += pointer_faults(accepted, baseline)
    is_same = baseline is not None and candidate.id == baseline.id and not asked.is_rescore
    if is_same and not opened.suite.replay.deterministic:
        faults.append("the candidate is the baseline itself: one draw says nothing about another")
    if baseline is not None and asked.is_new_suite:
        faults.append("--new-suite with a baseline: it would not be compared with")
    if baseline is not None:
        faults += baseline_faults(opened, baseline, BASELINE)
        faults += [] if asked.is_accepting else world_faults(candidate, baseline, BASELINE)
    if asked.extended is not None and asked.extended is not baseline:
        faults += drawn_faults(asked.extended, "the baseline asked again")
        faults += world_faults(candidate, asked.extended, "baseline asked again")
    if baseline is not None and not asked.is_accepting:
        faults += stale_faults(opened, baseline, "the baseline", asked.now, ACCEPT_AGAIN)
    if faults:
        return void_gate(opened, faults)
    after = _arm(opened, candidate, asked, "candidate")
    about_calls = (*call_notes(candidate, baseline), *isolation_notes(candidate.isolation))
    about_calls += cut_notes(candidate, baseline)
    own_notes = (*asked.notes, *golden_notes(opened, place), *unpinned_notes(opened.suite), *about_calls)
    about = _about(opened, candidate, asked, own_notes)
    alpha, allow = opened.suite.decide.alpha, allows(opened, asked)
    if baseline is None:
        record = conclude_alone(
            after,
            opened.rules,
            opened.columns,
            alpha=alpha,
            allow=allow,
            examples=asked.examples,
            is_new_suite=asked.is_new_suite,
            about=about,
        )
    else:
        references, said = references_of(opened, place, candidate, after, baseline, accepted, asked)
        waived = waived_on(asked.today, accepted)
        rules = [
            replace(one, is_waived=one.id in waived, waived_until=waived.get(one.id, ""))
            for one in opened.rules
        ]
        before = _arm(opened, asked.extended or baseline, asked, "baseline")
        record = conclude(
            pair(before, after, opened.columns, lost_limit=about.lost_limit),
            rules,
            opened.columns,
            alpha=alpha,
            allow=allow,
            examples=asked.examples,
            about=replace(
                about,
                baseline=_pin(baseline),
                noise=noise_of(opened.noise, baseline.head.stack.stack_id),
                changes=changes_between(place, baseline, candidate),
                notes=(*own_notes, *said, *_since(opened, accepted), *_removed(opened, baseline)),
            ),
            references=references,
        )
    record = replace(
        record,
        rules_digest=opened.rules_digest,
        estimand=opened.suite.decide.estimand.value,
        look=(asked.look.number, asked.look.of),
        level=asked.look.level,
    )
    return unless_it_never_ships(record, candidate, asked)


def _about(opened: OpenSuite, candidate: Run, asked: Asked, notes: tuple[str, ...]) -> About:
    """What is known before a baseline is looked at."""
    plan, look = opened.suite.replay, asked.look
    return About(
        suite=opened.suite.name,
        candidate=_pin(candidate),
        notes=notes,
        deterministic=plan.deterministic,
        can_repeat=not plan.deterministic and plan.target != RECORDED,
        usd=usd_of(candidate),
        lost_limit=plan.lost_limit,
        terms=Terms(
            level=look.level,
            is_last=look.number == look.of,
            estimand=opened.suite.decide.estimand,
            excused=asked.excused,
        ),
        alpha_share=look.alpha_share,
    )


def pointer_faults(accepted: Accepted, run: Run) -> list[str]:
    """What the pointer says of a run that the run itself does not."""
    told = {"stack": (accepted.stack, run.head.stack.stack_id), "cases": (accepted.cases, run.head.cases)}
    return [
        f"{POINTER} was changed by hand: it says {name} {quoted(said[:12])} of the run {run.short}, "
        f"which has {quoted(found[:12])}; accept a run anew, or bring the pointer back"
        for name, (said, found) in told.items()
        if said != found
    ]


def _arm(opened: OpenSuite, run: Run, asked: Asked, name: str) -> Arm:
    return asked.arms.get(run.version) or arm_of(opened, run, f"{name} {run.short}")


def usd_of(run: Run) -> float | None:
    """What an output of a run cost on average, where the target told."""
    costs = costs_of(run.outcomes)
    return sum(costs) / len(costs) if costs else None


def allows(opened: OpenSuite, asked: Asked) -> bool:
    """Whether an UNDECIDED without sign of harm exits 0."""
    own = opened.suite.decide.allow_undecided
    return own if asked.allow_undecided is None else asked.allow_undecided


def unless_it_never_ships(record: Record, candidate: Run, asked: Asked) -> Record:
    """The record, VOID where the candidate may only stop a build: with pins replaced, or of another stack."""
    if candidate.head.selection:
        why = f"{candidate.head.selection}: an experiment never ships; lock a stack file that says so"
        record = never_green(record, why)
    return never_green(record, asked.never_ships)


def never_green(record: Record, reason: str) -> Record:
    """What is not the stack that would ship may be seen to fail; it can never ship."""
    if not reason or record.verdict in (Verdict.STOP, Verdict.VOID):
        return record
    return replace(
        record,
        verdict=Verdict.VOID,
        exit_code=EXIT_CODES[Verdict.VOID],
        allowed=False,
        reasons=(reason, *record.reasons),
    )


def references_of(  # as `_judged` has them
    opened: OpenSuite,
    place: Workplace,
    candidate: Run,
    after: Arm,
    baseline: Run,
    accepted: Accepted | None,
    asked: Asked,
) -> tuple[tuple[Reference, ...], list[str]]:
    """The anchor, and the runs that rules are held to again because a waiver is over."""
    if accepted is None:
        return (), []
    found: list[Reference] = []
    said = []
    today = asked.today
    anchor = place.pointer().anchor
    waived = waived_on(today, accepted)
    measured = [one for one in opened.rules if one.anchor_margin is not None and one.id not in waived]
    cumulative = [_anchored(one) for one in measured]
    if anchor is not None and cumulative and anchor.run != baseline.id:
        run = place.kept(anchor.run)
        if wrong := pointer_faults(anchor, run):
            raise EvidenceError(wrong[0])
        _check_reference(opened, run, ANCHOR, candidate, asked)
        found.append(_reference(opened, "anchor", run, after, cumulative))
        said.append(f"anchor {run.short}, accepted {anchor.accepted}")
    for waiver in accepted.waivers:
        if waiver.rule in waived:
            said.append(f"waiver until {waiver.until} for {waiver.rule}: {waiver.because}")
            continue
        said.append(
            f"the waiver for {waiver.rule} ended on {waiver.until}: held to {waiver.before[:12]} again"
        )
        rules = [one for one in opened.rules if one.id == waiver.rule and one.margin is not None]
        if rules:
            run = place.kept(waiver.before)
            _check_reference(opened, run, "run before the waiver", candidate, asked)
            found.append(_reference(opened, "waiver", run, after, rules))
    return tuple(found), said


def waived_on(today: date, accepted: Accepted | None) -> dict[str, str]:
    """Ids of the rules whose regression is accepted to this day, with the last day of each."""
    waivers = accepted.waivers if accepted is not None else ()
    return {one.rule: one.until for one in waivers if date.fromisoformat(one.until) >= today}


def _check_reference(opened: OpenSuite, run: Run, name: str, candidate: Run, asked: Asked) -> None:
    faults = baseline_faults(opened, run, name)
    faults += [] if asked.is_accepting else world_faults(candidate, run, name)
    if faults:
        raise EvidenceError(faults[0])


def _reference(opened: OpenSuite, kind: str, run: Run, after: Arm, rules: Sequence[Rule]) -> Reference:
    before = arm_of(opened, run, f"{kind} {run.short}")
    paired = pair(before, after, opened.columns, lost_limit=opened.suite.replay.lost_limit)
    if paired.faults:
        raise EvidenceError(paired.faults[0])
    return Reference(kind=kind, pairing=paired, rules=tuple(rules))


def _anchored(rule: Rule) -> Rule:
    return replace(rule, margin=rule.anchor_margin, cohort_margin=None, limit=None, must_pass=None)


def _since(opened: OpenSuite, accepted: Accepted | None) -> list[str]:
    """What changed in the suite since its baseline was accepted. Nothing of it needs a new replay."""
    if accepted is None:
        return []
    said = []
    if accepted.picked_among > 1:
        said.append(
            f"the baseline was picked among {accepted.picked_among} sealed runs of its stack and cases: a "
            "choice among draws favours lucky ones"
        )
    now = opened.rule_texts
    for rule in sorted(now.keys() | accepted.rules.keys()):
        old, new = accepted.rules.get(rule), now.get(rule)
        if rule in opened.settings:
            if old is not None and new is not None and old != new:
                said.append(f"{rule} has changed since the baseline was accepted: {_difference(old, new)}")
        elif old is None:
            said.append(f"rule {rule} is new since the baseline was accepted: {new}")
        elif new is None:
            said.append(f"rule {rule} is gone since the baseline was accepted; it was: {old}")
        elif old != new:
            said.append(f"rule {rule} has changed since the baseline was accepted: {_difference(old, new)}")
    if accepted.labels != opened.labels_digest:
        said.append("labels have changed since the baseline was accepted: both runs were scored anew")
    for spec, one in sorted(opened.scorer_digests.items()):
        if spec in accepted.scorers and accepted.scorers[spec] != one:
            said.append(
                f"the scorer {spec} has changed since the baseline was accepted: both runs were scored anew"
            )
    return said


def _removed(opened: OpenSuite, baseline: Run) -> list[str]:
    """Cases that the baseline has and the suite has given up, each with its reason; slips among them."""
    return [
        f"removed since the baseline: {quoted(key)}: {why}"
        if key in baseline.head.planned
        else f"[removed] names {quoted(key)}, which is no case of the baseline: a slip, or it may go"
        for key, why in opened.suite.removed
    ]


def other_stack(path: Path, candidate: Run) -> str:
    """Why a run that was handed in is no run of the stack that is to ship; "" where it is.

    Raises EvidenceError where that stack is not locked or has drifted.
    """
    if answering(path).stack.stack_id == candidate.head.stack.stack_id:
        return ""
    return f"{candidate.short} answered with another stack than {shown(path)}, and speaks for that one alone"


def _difference(old: str, new: str) -> str:
    """The words of two rule texts that differ: `margin=5pt -> margin=7pt`."""
    before, after = old.split(" "), new.split(" ")
    gone = [one for one in before if one not in after]
    come = [one for one in after if one not in before]
    return f"{' '.join(gone) or '(nothing)'} -> {' '.join(come) or '(nothing)'}"


def _pin(run: Run) -> ArmPin:
    return ArmPin(digest=run.id, rows=len(run.head.planned), stack=run.head.stack.stack_id, run=run.id)


def changes_between(place: Workplace, old: Run, new: Run) -> tuple[PinChange, ...]:
    """Axis by axis, with lines counted where the texts are kept."""
    read = kept_texts(place)
    return compare(old.head.stack, new.head.stack, read, read)


def kept_texts(place: Workplace) -> Read:
    """The texts of pins, from wherever this suite keeps them. What cannot be had is told as not at hand:
    a store that cannot be reached takes the lines from a report, and is asked once."""
    sources = texts_of(place)

    def read(pin: Pin, file: PinnedFile | None) -> bytes | None:
        wanted = file.digest if file is not None and file.is_text else pin.content if file is None else ""
        for one in list(sources) if wanted else ():
            try:
                if one.has(wanted):
                    return one.read(wanted)
            except EvidenceError:
                if not isinstance(one, Contents):
                    sources.remove(one)
        return None

    return read


def texts_of(place: Workplace) -> list[Texts]:
    """Where texts of pins may be kept, the nearest first: beside the stack file, its store, the suite's."""
    stack = place.suite.folder / place.suite.stack
    near = list(dict.fromkeys([stack.parent, store_beside(stack)]))
    return [*map(Contents, near), place.store.texts(place.folder / CACHE)]
