"""Night after night: fresh outputs of the accepted and of the present stack, and what they prove together.

Decides what a night draws and where a history begins anew. Never uses an output twice: each night has epochs
of its own in both arms, and a night that stands in the history is not drawn again.
"""

import fcntl
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from itertools import groupby
from pathlib import Path

from stopship.errors import EvidenceError, UsageError
from stopship.gating.epochs import Draw
from stopship.gating.evidence import drawn_faults, scored_row, trace_of, world_faults
from stopship.gating.gate import pointer_faults
from stopship.gating.opened import OpenSuite
from stopship.gating.performing import replay
from stopship.gating.rebuilding import answering_of
from stopship.gating.replay import Told, planned
from stopship.gating.stacking import Answering
from stopship.gating.workplace import Workplace, typed
from stopship.model.case import Json
from stopship.model.night import Night
from stopship.model.run import Accepted, Run
from stopship.steps.arm import Arm, Scoring
from stopship.steps.monitoring import Trail, seen_in, trails, watched
from stopship.steps.pair import Pairing, pair
from stopship.store.nights import ABOUT, append_night, finish_night, read_history
from stopship.store.shown import quoted, shown

HISTORY = "monitor.jsonl"  # beside the suite file
_CALLED = {
    "baseline": "the baseline",
    "accepted_stack": "the accepted stack",
    "present_stack": "the present stack",
    "cases": "the cases",
    "labels": "the labels",
    "scorers": "the scorers",
    "rules": "the rules",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Watching:
    """What one call is asked for."""

    night: date
    present: Answering  # the stack that is watched
    history: Path
    tell: Told | None = None
    provenance: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Monitored:
    """What the history says after this night."""

    trails: tuple[Trail, ...]  # of the last segment
    proven: tuple[Trail, ...]  # of every segment with this baseline and this present stack
    unwatched: tuple[tuple[str, str], ...]  # rule -> why nights cannot speak of it
    began: tuple[str, ...]  # what changed, so that a new segment begins with this night
    is_drawn: bool  # False: the night stood in the history already
    is_same: bool  # both arms are one stack: what is measured is its own noise


def monitor(opened: OpenSuite, place: Workplace, watching: Watching) -> Monitored:
    """Draw the night where the history lacks it, append it, and say what all nights prove.

    Raises UsageError for a target that cannot vary and a night before the last; EvidenceError (VOID) where
    the history is damaged, the accepted stack is not at hand, or the night's outputs cannot be judged. Then
    nothing is appended.
    """
    if opened.suite.replay.deterministic:
        raise UsageError(
            "its target gives the same output every night, so nights add nothing to one gate",
            where=shown(opened.suite.path),
            do="use stopship gate; where outputs may vary, leave deterministic out and the target unrecorded",
        )
    accepted = place.pointer().baseline
    if accepted is None:
        raise EvidenceError(
            "no baseline: there is no accepted stack to draw from",
            where=shown(place.pointer_path),
            do=f"stopship replay {typed(opened.folder)}, and accept that run",
        )
    rules, unwatched = watched(opened.rules)
    with _alone(place):
        nights = read_history(watching.history, opened.suite.name)
        about = _about(opened, accepted, watching.present)
        night = watching.night.isoformat()
        if nights and night < nights[-1].night:
            raise UsageError(
                f"--night {night} lies before the last night of the history, {nights[-1].night}",
                where=shown(watching.history),
                do="a missed night needs nothing: go on with the next one",
            )
        segments = _segments(nights)
        continues = bool(segments) and segments[-1][-1].about == about
        began = () if continues or not segments else _changed(segments[-1][-1].about, about)
        is_drawn = not (continues and segments[-1][-1].night == night)
        if is_drawn:
            number = len(segments) + (not continues)
            runs = _drawn(opened, place, accepted, watching, number)
            seen, faults = seen_in(_pairings(opened, runs), rules, alpha=opened.suite.decide.alpha)
            faults = (*drawn_faults(runs[0], "the accepted stack"), *faults)
            faults = (*faults, *drawn_faults(runs[1], "the present stack"))
            faults = (*faults, *world_faults(runs[1], runs[0], "accepted stack"))
            if faults:
                raise EvidenceError(
                    "this night cannot be judged, and is not counted: " + "; ".join(faults[:3]),
                    do="mend the evidence and run again",
                )
            further = Night(night=night, about=about, runs=(runs[0].id, runs[1].id), seen=seen)
            append_night(watching.history, opened.suite.name, nights, further)
            segments = _segments((*nights, further))
        else:
            finish_night(watching.history, opened.suite.name)
    return Monitored(
        trails=trails(segments[-1]),
        proven=_proven(segments),
        unwatched=unwatched,
        began=began,
        is_drawn=is_drawn,
        is_same=about["accepted_stack"] == about["present_stack"],
    )


def _about(opened: OpenSuite, accepted: Accepted, present: Answering) -> dict[str, str]:
    told = {
        "baseline": accepted.run,
        "accepted_stack": accepted.stack,
        "present_stack": present.stack.stack.stack_id,
        "cases": opened.cases_digest,
        "labels": opened.labels_digest,
        "scorers": opened.scorers_digest,
        "rules": opened.rules_digest,
    }
    return {name: told[name] for name in ABOUT}


def _changed(old: Mapping[str, str], new: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(_CALLED[name] for name in ABOUT if old[name] != new[name])


def _segments(nights: Sequence[Night]) -> list[list[Night]]:
    """Nights about the same things, one after another."""
    return [list(group) for _, group in groupby(nights, key=lambda one: dict(one.about))]


def _proven(segments: Sequence[Sequence[Night]]) -> tuple[Trail, ...]:
    """What was proven since the baseline or the present stack changed: other labels unprove nothing."""
    found: list[Trail] = []
    last = segments[-1][-1].about
    for nights in reversed(segments):
        about = nights[-1].about
        if any(about[name] != last[name] for name in ("baseline", "accepted_stack", "present_stack")):
            break
        found = [*(one for one in trails(nights) if one.proven_on), *found]
    return tuple(found)


def _drawn(
    opened: OpenSuite, place: Workplace, accepted: Accepted, watching: Watching, segment: int
) -> tuple[Run, Run]:
    """Fresh outputs of all cases in both arms: accepted, present."""
    kept = place.kept(accepted.run)
    if wrong := pointer_faults(accepted, kept):
        raise EvidenceError(wrong[0])
    purpose = f"monitor {watching.night.isoformat()} #{segment} against {accepted.run}"
    arms = (("accepted", answering_of(opened, place, kept)), ("present", watching.present))
    old, new = (
        replay(
            planned(opened, place, answering, draw=Draw(purpose=f"{purpose}: {name}")),
            resume=True,
            tell=watching.tell,
            provenance=dict(watching.provenance),
        ).run
        for name, answering in arms
    )
    return old, new


def _pairings(opened: OpenSuite, runs: tuple[Run, Run]) -> list[Pairing]:
    limit = opened.suite.replay.lost_limit
    old, new = (_samples(opened, one) for one in runs)
    return [pair(*arms, opened.columns, lost_limit=limit) for arms in zip(old, new, strict=True)]


def _samples(opened: OpenSuite, run: Run) -> list[Arm]:
    """One arm a sample: outputs are held against each other one by one."""
    scored = [Scoring(f"run {run.short}", opened.columns, opened.scorers) for _ in range(run.head.repeats)]
    for one in run.outcomes:
        where = f"run {run.short}, case {quoted(one.key)}"
        scored[one.sample].add(where, scored_row(opened, one), b"", trace_of(one))
    return [one.finish() for one in scored]


@contextmanager
def _alone(place: Workplace) -> Iterator[None]:
    """One monitor of a suite at a time."""
    path = place.made() / "monitoring"
    with path.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as err:
            raise UsageError(
                "another monitor of this suite is at work", where=shown(path), do="wait for it, or end it"
            ) from err
        yield
