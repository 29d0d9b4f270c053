"""Make a run the one that later runs are compared with.

Decides what may become a baseline: never a VOID run, and a regression only with a reason and an end date.
"""

import fcntl
import shlex
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from stopship.errors import EvidenceError, UsageError, nearest
from stopship.gating.gate import Asked, gate
from stopship.gating.hygiene import picked_among, refuse_selecting, refuse_the_winner
from stopship.gating.opened import OpenSuite
from stopship.gating.workplace import Workplace, typed
from stopship.model.run import Accepted, Pointer, Run, Waiver
from stopship.model.verdict import Record, Verdict
from stopship.store.evidencefiles import reason
from stopship.store.pointer import write_pointer
from stopship.store.shown import quoted, shown

NEW = "NEW"  # the verdict of a first baseline
_NOTHING_TO_JUDGE = "nothing here can be judged without a baseline"  # as `conclude` says it
Redrawn = Callable[[], Run]
"""Fresh outputs of the accepted stack, in an epoch of their own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What a person says in accepting."""

    because: str
    today: date
    now: int | None = None  # seconds since 1970; only a suite with `fresh` needs it
    waived: tuple[str, ...] = ()  # ids of rules whose regression is accepted
    until: date | None = None
    as_anchor: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepting:
    """What accepting did."""

    record: Record  # of the accepted run against the baseline before it
    run: Run  # the baseline from now on: fresh outputs where the target may vary
    is_redrawn: bool
    waivers: tuple[Waiver, ...]  # that hold from now on
    lifted: tuple[Waiver, ...]  # waivers that the new baseline no longer needs
    picked_among: int = 1  # sealed runs of this stack and these cases


def accept(
    opened: OpenSuite,
    place: Workplace,
    run: Run,
    decision: Decision,
    redraw: Redrawn,
    *,
    folder: Path | None = None,
) -> Accepting:
    """Judge the run, draw fresh outputs where needed, file them, and move the pointer, in this order.

    `folder`: where the run lies, if not under its id in the workplace. What is filed before the pointer moves
    does no harm: broken off anywhere, accepting again finishes it, and leaves a pointer that moved as it is.
    Raises EvidenceError for a VOID run, UsageError where a regression is not waived properly.
    """
    if not decision.because.strip():
        raise UsageError("--because is blank", do="say in a sentence why this run is right to compare with")
    with _alone(place):
        return _accepted_alone(opened, place, run, decision, redraw, folder)


def _accepted_alone(
    opened: OpenSuite,
    place: Workplace,
    run: Run,
    decision: Decision,
    redraw: Redrawn,
    folder: Path | None,
) -> Accepting:
    pointer = place.pointer()
    asked = Asked(
        today=decision.today, now=decision.now, is_accepting=True, is_new_suite=pointer.baseline is None
    )
    one, is_redrawn = pointer.baseline, not run.head.deterministic
    if one is not None and _says(pointer, one, opened, run, decision):
        kept = redraw() if is_redrawn else run
        is_filed = kept.id == one.run and place.kept(one.run).outcomes == kept.outcomes  # with the same times
        if is_filed:  # whoever gave this command was killed once the pointer had moved
            record = gate(opened, place, run, asked)
            return Accepting(record=record, run=kept, is_redrawn=is_redrawn, waivers=one.waivers, lifted=())
    record = gate(opened, place, run, asked)
    is_first = pointer.baseline is None
    refuse_selecting(opened, run)
    broken = _broken(record, place, is_first=is_first)
    _check_waiver(decision, opened, broken)
    _refuse_unwaived(broken, decision, "this run", is_first=is_first)
    kept = redraw() if is_redrawn else run
    if is_redrawn:
        again = _broken(gate(opened, place, kept, asked), place, is_first=is_first)
        refuse_the_winner(run, kept)
        _refuse_unwaived(again, decision, "a fresh draw of the accepted stack", is_first=is_first)
    waivers, lifted = _waivers(opened, place, kept, decision, pointer)
    place.store.put_run(folder if folder is not None and not is_redrawn else place.find(kept.id))
    if place.pointer() != pointer:
        raise UsageError(
            "the pointer was moved while this run was judged",
            where=shown(place.pointer_path),
            do="look at what was accepted, then accept again",
        )
    verdict = NEW if is_first else record.verdict.value
    picked = picked_among(opened, place, run, decision.now) if is_redrawn else 1
    accepted = replace(_accepted(opened, kept, decision, verdict, waivers), picked_among=picked)
    history = (*pointer.history, pointer.baseline) if pointer.baseline else pointer.history
    anchor = accepted if decision.as_anchor or pointer.anchor is None else pointer.anchor
    write_pointer(place.pointer_path, Pointer(baseline=accepted, anchor=anchor, history=history))
    return Accepting(
        record=record,
        run=kept,
        is_redrawn=is_redrawn,
        waivers=waivers,
        lifted=lifted,
        picked_among=picked,
    )


def _says(pointer: Pointer, baseline: Accepted, opened: OpenSuite, run: Run, decision: Decision) -> bool:
    """Whether the pointer is what this decision about a run of this stack would write, but for the run."""
    own = {(one.rule, one.until) for one in baseline.waivers if one.because == decision.because}
    until = "" if decision.until is None else decision.until.isoformat()
    written = _accepted(opened, run, decision, baseline.verdict, baseline.waivers)
    return (
        own == {(rule, until) for rule in decision.waived}
        and replace(written, run=baseline.run, picked_among=baseline.picked_among) == baseline
        and not (decision.as_anchor and pointer.anchor != baseline)
    )


@contextmanager
def _alone(place: Workplace) -> Iterator[None]:
    """One acceptance of a suite at a time. The lock is the kernel's: it goes when the process dies."""
    path = place.made() / "accepting"
    try:
        file = path.open("a")
    except OSError as err:
        raise UsageError(
            f"cannot be written: {reason(err)}",
            where=shown(path),
            do="accepting writes the pointer and the working folder of the suite: make its folder writable, "
            "or accept in a copy that is",
        ) from err
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as err:
            raise UsageError(
                "another run of this suite is being accepted", where=shown(path), do="wait for it, or end it"
            ) from err
        yield


def _broken(record: Record, place: Workplace, *, is_first: bool) -> list[str]:
    """The rules that the run breaks. Raises EvidenceError for a VOID run."""
    if record.verdict is Verdict.VOID and not (is_first and _is_silent(record)):
        raise EvidenceError(
            "a VOID run cannot be accepted: " + "; ".join(record.reasons[:3]),
            do=f"mend what it says, then: stopship replay {typed(place.suite.folder)}, and accept that run",
        )
    return sorted({one.rule for one in record.findings if one.is_broken})


def _check_waiver(decision: Decision, opened: OpenSuite, broken: Sequence[str]) -> None:
    ids = [one.id for one in opened.own_rules]
    for rule in decision.waived:
        if rule not in ids:
            raise UsageError(
                f"--accept-regression {quoted(rule)}: no rule has this id", do=nearest(rule, ids)
            )
        if rule not in broken:
            raise UsageError(
                f"--accept-regression {quoted(rule)}: this rule is not broken", do="leave the option out"
            )
    if (bool(decision.waived) or decision.until is not None) and not (decision.waived and decision.until):
        raise UsageError(
            "a waiver needs a rule and an end", do="add --accept-regression RULE --until YYYY-MM-DD"
        )
    if decision.until is not None and decision.until < decision.today:
        raise UsageError(f"--until {decision.until} has passed", do="name a day to come")


def _refuse_unwaived(broken: Sequence[str], decision: Decision, what: str, *, is_first: bool) -> None:
    """UsageError that names every broken rule and the whole waiver; waived ones belong into it, too."""
    unwaived = [one for one in broken if one not in decision.waived]
    if not unwaived:
        return
    listed, named = ", ".join(map(shown, unwaived)), dict.fromkeys([*decision.waived, *unwaived])
    options = " ".join(f"--accept-regression {shlex.quote(shown(one))}" for one in named)
    raise UsageError(
        f"{what} breaks {listed}, which need no baseline"
        if is_first
        else f"{what} is a STOP: {listed} got worse",
        do=f"mend it, or accept the loss for a time: {options} --until YYYY-MM-DD --because TEXT",
    )


def _is_silent(record: Record) -> bool:
    """Whether a first run is VOID only because no rule can judge it without a baseline."""
    return not record.findings and record.reasons == (_NOTHING_TO_JUDGE,)


def _waivers(
    opened: OpenSuite, place: Workplace, run: Run, decision: Decision, pointer: Pointer
) -> tuple[tuple[Waiver, ...], tuple[Waiver, ...]]:
    """The waivers of the new baseline, and the old ones that it no longer needs.

    A first baseline has no run before it: what fails in itself is what may go on failing until the day.
    """
    before = pointer.baseline
    new = []
    if decision.until is not None:
        until = decision.until.isoformat()
        new = [
            Waiver(
                rule=one,
                until=until,
                because=decision.because,
                before=run.id if before is None else _root(before, one),
            )
            for one in decision.waived
        ]
    standing: list[Waiver] = []
    lifted: list[Waiver] = []
    for one in before.waivers if before is not None else ():
        if one.rule in decision.waived:
            continue  # waived anew, against the same run
        asked = Asked(
            today=decision.today, now=decision.now, is_accepting=True, baseline=place.kept(one.before)
        )
        held = gate(opened, place, run, asked)
        is_mended = held.verdict is not Verdict.VOID and not any(
            it.is_broken or it.holds for it in held.findings if it.rule == one.rule
        )
        (lifted if is_mended else standing).append(one)
    return (*new, *standing), tuple(lifted)


def _root(before: Accepted, rule: str) -> str:
    """The run that a rule is held to once its waiver ends: the last one without a waiver for it."""
    return next((one.before for one in before.waivers if one.rule == rule), before.run)


def _accepted(
    opened: OpenSuite, run: Run, decision: Decision, verdict: str, waivers: Sequence[Waiver]
) -> Accepted:
    return Accepted(
        run=run.id,
        stack=run.head.stack.stack_id,
        cases=run.head.cases,
        labels=opened.labels_digest,
        rules=opened.rule_texts,
        scorers=opened.scorer_digests,
        accepted=decision.today.isoformat(),
        because=decision.because,
        verdict=verdict,
        waivers=tuple(waivers),
    )
