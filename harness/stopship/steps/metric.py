"""One metric over the pairs, or over the candidate alone, and why it may not be read.

A sample without an answer counts for the worst end where there is one; a lost one counts for nothing.
Tests nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stopship.model.rule import Rule
from stopship.model.score import Direction, Kind, Scorer
from stopship.steps.pair import Pairing, clusters_of, some
from stopship.steps.scored import FAILED, LOST, NO_ANSWER, RAISED, SCORED, UNSCORED, Arm, Samples
from stopship.steps.stats.repeated import RepeatedSample, Repeats
from stopship.steps.stats.sample import Codes, Floats

Flags = NDArray[np.bool_]
Counts = NDArray[np.int64]
LOST_BASELINE = 0.20  # of the baseline's outputs that may be missing
LOST_SHARE = 0.02  # of the baseline's outputs on which a scorer may fail by its own fault


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One metric over the pairs; every array has shape (pairs,). Values in the score's own unit."""

    before: Floats
    after: Floats
    outputs_before: Counts  # behind each value
    outputs_after: Counts
    kept: Flags  # both values exist
    unscored: Flags
    left_out: Flags
    lost: Flags  # infrastructure lost every output of the case, in either arm
    unreadable: Flags
    fault: str  # why this metric cannot be judged; empty: it can

    def outputs(self, kept: Codes) -> tuple[float, float]:
        """How many outputs stand behind a value in each arm, as harmonic means over the kept pairs."""
        before, after = self.outputs_before[kept], self.outputs_after[kept]
        return len(kept) / float((1 / before).sum()), len(kept) / float((1 / after).sum())


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """What chosen rows of an arm scored; every array has shape (rows,), `tally` (states, rows)."""

    sums: Floats
    least: Floats
    most: Floats
    tally: Counts
    values: Floats  # every score that exists, row after row: tally[SCORED] of each
    reasons: Sequence[str]
    fault: str

    def has(self, *states: int) -> Flags:
        """Rows with a sample in any of these states."""
        return np.asarray(self.tally[list(states)].any(axis=0), dtype=np.bool_)

    @property
    def unscored(self) -> Flags:
        return self.has(UNSCORED)

    @property
    def lost(self) -> Flags:
        return self.has(LOST) & ~self.has(*range(LOST))

    @property
    def unreadable(self) -> Flags:
        return self.has(FAILED, RAISED)

    @property
    def judged(self) -> Flags:
        """Rows in which the scorer found something to judge."""
        return self.has(SCORED, FAILED, RAISED)

    def mean(self, worst: float, *failing: int) -> tuple[Floats, Counts]:
        """Case means with the samples in these states at the worst end, and how many samples each is of.

        The worst end itself where there is none.
        """
        at_worst = self.tally[list(failing)].sum(axis=0) if failing else np.zeros_like(self.tally[0])
        count = self.tally[SCORED] + at_worst
        values = (self.sums + at_worst * worst) / np.maximum(count, 1)
        return np.where(count > 0, values, worst), count


def side(arm: Arm, scorer: Scorer, rows: Codes) -> Side:
    """The metric of a scorer in the given rows of an arm."""
    column = arm.scores[scorer.spec]
    if column.samples is None:
        values = np.frombuffer(column.values, dtype=np.float64)[rows]
        states = np.frombuffer(bytes(column.states), dtype=np.uint8)[rows]
        sums = least = most = values
        tally = (states == np.arange(LOST + 1)[:, None]).astype(np.int64)
        scores = values[states == SCORED]
    else:
        held = column.samples
        scores = _picked(held, rows)
        sums, least, most = (
            np.frombuffer(one, dtype=np.float64)[rows] for one in (held.sums, held.least, held.most)
        )
        tally = np.array([np.array(one, dtype=np.int64)[rows] for one in held.tally])
    reasons = [column.reasons[row] for row in rows.tolist()]
    return Side(
        sums=sums,
        least=least,
        most=most,
        tally=tally,
        values=scores,
        reasons=reasons,
        fault=column.fault,
    )


def _picked(held: Samples, rows: Codes) -> Floats:
    """The scores of the chosen rows, row after row."""
    counts = np.array(held.tally[SCORED], dtype=np.int64)
    ends = np.cumsum(counts)
    places = [np.arange(ends[row] - counts[row], ends[row]) for row in rows.tolist()]
    chosen = np.concatenate(places) if places else np.zeros(0, dtype=np.int64)
    picked: Floats = np.frombuffer(held.values, dtype=np.float64)[chosen]
    return picked


def worst_end(scorer: Scorer, better: Direction) -> float:
    """The worst score of a scorer with a range; 0 where there is none."""
    if not scorer.scale.is_bounded:
        return 0.0
    return scorer.scale.low if better is Direction.HIGHER else scorer.scale.high


def measure(pairing: Pairing, scorer: Scorer, better: Direction) -> Measured:
    """The metric of a scorer over all pairs, with failures at the worst end where there is one.

    A sample that the baseline never answered is no evidence against it, so it is not counted as worst there.
    """
    old = side(pairing.baseline, scorer, pairing.before)
    new = side(pairing.candidate, scorer, pairing.after)
    unscored, lost = old.unscored | new.unscored, old.lost | new.lost
    worst = worst_end(scorer, better)
    if scorer.scale.is_bounded:
        before, outputs_before = old.mean(worst, FAILED)
        after, outputs_after = new.mean(worst, FAILED, NO_ANSWER, RAISED)
        left_out = ~unscored & ~lost & (outputs_before == 0)
    else:
        (before, outputs_before), (after, outputs_after) = old.mean(worst), new.mean(worst)
        left_out = ~unscored & ~lost & (_silent(old) | _silent(new))
    return Measured(
        before=before,
        after=after,
        outputs_before=outputs_before,
        outputs_after=outputs_after,
        kept=~unscored & ~left_out & ~lost,
        unscored=unscored,
        left_out=left_out,
        lost=lost,
        unreadable=old.unreadable | new.unreadable,
        fault=_metric_fault(pairing, scorer, old, new),
    )


def repeated(pairing: Pairing, rule: Rule, measured: Measured, kept: Codes, *, seed: bytes) -> RepeatedSample:
    """The single outputs of both arms in the kept pairs, oriented so that higher is better.

    Failures stand at the worst end, as in `measure`; a silent output of the baseline is none.
    """
    scorer, sign = rule.scorer, 1.0 if rule.better is Direction.HIGHER else -1.0
    worst = worst_end(scorer, rule.better)
    is_bounded = scorer.scale.is_bounded
    old = side(pairing.baseline, scorer, pairing.before[kept])
    new = side(pairing.candidate, scorer, pairing.after[kept])
    return RepeatedSample(
        baseline=_single(old, sign, worst, (FAILED,) if is_bounded else ()),
        candidate=_single(new, sign, worst, (FAILED, NO_ANSWER, RAISED) if is_bounded else ()),
        span=scorer.scale.span if is_bounded else float(np.max(np.abs(measured.before[kept]))) or 1.0,
        is_binary=scorer.scale.kind is Kind.BINARY,
        seed=seed,
    )


def _single(found: Side, sign: float, worst: float, failing: Sequence[int]) -> Repeats:
    scored = found.tally[SCORED]
    failed = found.tally[list(failing)].sum(axis=0) if failing else np.zeros_like(scored)
    counts = scored + failed
    starts = np.concatenate([[0], np.cumsum(counts)])
    values = np.full(int(starts[-1]), worst)
    first = np.concatenate([[0], np.cumsum(scored)])[:-1]
    within = np.arange(len(found.values)) - np.repeat(first, scored)
    values[np.repeat(starts[:-1], scored) + within] = found.values
    return Repeats(values=sign * values, starts=starts.astype(np.int64))


def worths(baseline: Arm, scorer: Scorer, better: Direction) -> list[float | None]:
    """What is compared of each row of a baseline, as `measure` takes it, with the good end up.

    None where a row is no evidence.
    """
    found = side(baseline, scorer, np.arange(len(baseline.keys)))
    means, outputs = found.mean(worst_end(scorer, better), *([FAILED] if scorer.scale.is_bounded else []))
    kept = (outputs > 0) & ~found.unscored & ~found.lost
    signed = means if better is Direction.HIGHER else -means
    return [one if is_kept else None for one, is_kept in zip(signed.tolist(), kept.tolist(), strict=True)]


def _silent(one: Side) -> Flags:
    """Rows in which no sample has anything but a missing output."""
    return one.has(NO_ANSWER) & ~one.judged


def _metric_fault(pairing: Pairing, scorer: Scorer, old: Side, new: Side) -> str:
    """Why no number of this metric may be read; empty where all is sound."""
    one_armed = old.fault or new.fault or _one_armed_fault(pairing, old, new)
    if one_armed:
        return one_armed
    unreadable = old.unreadable | new.unreadable
    if not scorer.scale.is_bounded and unreadable.any():
        why = _first_reason(unreadable, (old, new), FAILED, RAISED)
        return (
            f"{_chosen(pairing, unreadable)} cannot be read, and an unbounded score has no worst value: {why}"
        )
    asked = ~old.unscored & ~old.lost
    if asked.any() and not old.has(SCORED).any():
        why = _first_reason(asked, (old, new), FAILED, RAISED, NO_ANSWER)
        return f"none of the baseline's outputs could be scored: {why}"
    outputs = int(old.tally[:LOST, asked].sum())
    raised = old.tally[RAISED]
    if raised.sum() > LOST_SHARE * outputs:
        why = _first_reason(raised > 0, (old, new), RAISED)
        return f"the scorer failed on {_chosen(pairing, raised > 0)} of the baseline: {why}"
    unanswered = old.tally[NO_ANSWER]
    if unanswered.sum() > LOST_BASELINE * outputs:
        cases = _chosen(pairing, unanswered > 0)
        return f"the baseline has no output for {cases}: too many to compare with"
    return ""


def _one_armed_fault(pairing: Pairing, old: Side, new: Side) -> str:
    """Why cases that have something to score in one file only make a metric VOID; empty: there are none."""
    one_armed = (old.unscored & new.judged) | (new.unscored & old.judged)
    if not one_armed.any():
        return ""
    why = _first_reason(one_armed, (old, new), UNSCORED)
    return f"{_chosen(pairing, one_armed)} can be scored in one file and not in the other: {why}"


def _chosen(pairing: Pairing, chosen: Flags) -> str:
    return some([pairing.keys[i] for i in np.flatnonzero(chosen)], "case")


def _first_reason(chosen: Flags, sides: Sequence[Side], *states: int) -> str:
    index = int(np.flatnonzero(chosen)[0])
    for one in sides:
        if one.tally[list(states), index].any():
            return one.reasons[index] or "no reason given"
    return "no reason given"


@dataclass(frozen=True, slots=True, kw_only=True)
class CandidateOnly:
    """A metric over every row of the candidate, new cases included, for limits. Shape (rows,)."""

    values: Floats
    keys: tuple[str, ...]
    clusters: Codes | None
    unscored: int
    left_out: int
    fault: str
    is_single: bool = True  # one output a case: a score of 0 or 1 is a rate, not a mean


def rows_of(arm: Arm, group: str = "") -> Codes:
    """The rows of an arm in order of key; of one group where it is named."""
    chosen = (i for i in range(len(arm.keys)) if not group or arm.groups[group][i])
    return np.array(sorted(chosen, key=arm.keys.__getitem__), dtype=np.int64)


def measure_candidate(
    arm: Arm, scorer: Scorer, better: Direction, *, pairing: Pairing | None = None, group: str = ""
) -> CandidateOnly:
    """The metric of a scorer over all of an arm, or over one group, in order of key.

    With a pairing, a case that can be scored in one arm only is a fault here too.
    """
    rows = rows_of(arm, group)
    found = side(arm, scorer, rows)
    fault = found.fault
    if pairing is not None:
        old = side(pairing.baseline, scorer, pairing.before)
        fault = fault or _one_armed_fault(pairing, old, side(arm, scorer, pairing.after))
    worst = worst_end(scorer, better)
    if scorer.scale.is_bounded:
        values, _ = found.mean(worst, FAILED, NO_ANSWER, RAISED)
        left_out = np.zeros(len(rows), dtype=np.bool_)
    else:
        values, _ = found.mean(worst)
        left_out = _silent(found) & ~found.unscored
        unreadable = int(found.unreadable.sum())
        fault = fault or (f"{unreadable} values cannot be read" if unreadable else "")
    kept = ~found.unscored & ~found.lost & ~left_out
    return CandidateOnly(
        values=values[kept],
        keys=tuple(arm.keys[i] for i in rows[kept]),
        clusters=clusters_of(arm, rows[kept]),
        unscored=int(found.unscored.sum()),
        left_out=int(left_out.sum()),
        fault=fault,
        is_single=arm.repeats == 1,
    )
