"""Two draws of one stack, whose cases change places at random, or are made to fail.

Moves scores that exist, so that a thousand resamples can be judged without a scorer. Scores nothing, judges
nothing.
"""

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from stopship.steps.metric import Counts, Flags
from stopship.steps.pair import LOST_LIMIT, Pairing, pair
from stopship.steps.scored import LOST, SCORED, UNSCORED, Arm, Samples, ScoreColumn
from stopship.steps.stats.sample import Codes, Floats

Cell = TypeVar("Cell")


@dataclass(frozen=True, kw_only=True)
class Failing:
    """Cases of the candidate that are made to score worst by one scorer."""

    scorer: str  # its spec
    cases: Codes  # places in the pairing
    worst: float


@dataclass(frozen=True, kw_only=True)
class _Column:
    """One metric over the rows of one arm after the other: shape (2 n,) but for `scores`."""

    values: Floats
    states: Codes
    labels: Sequence[str]
    reasons: Sequence[str]
    fault: str
    scores: Floats | None = None  # of repeats: every score, row after row
    sums: Floats | None = None
    least: Floats | None = None
    most: Floats | None = None
    tally: Counts | None = None  # shape (states, 2 n)


class Twins:
    """Two arms of the same cases. Row i of either is case i of the pairing."""

    def __init__(self, pairing: Pairing, *, lost_limit: float = LOST_LIMIT) -> None:
        old, new = pairing.baseline, pairing.candidate
        rows = [pairing.before.tolist(), [len(old.keys) + one for one in pairing.after.tolist()]]
        joined = {spec: _joined(old.scores[spec], new.scores[spec]) for spec in old.scores}
        arms = [_rows_of(arm, which.tolist()) for arm, which in ((old, pairing.before), (new, pairing.after))]
        for arm, own in zip(arms, rows, strict=True):
            arm.scores.update({spec: _picked(column, np.array(own)) for spec, column in joined.items()})
            arm.repeats = max(old.repeats, new.repeats)
        self.pairing = pair(arms[0], arms[1], pairing.columns, lost_limit=lost_limit)
        self._columns = {spec: _joined(arms[0].scores[spec], arms[1].scores[spec]) for spec in arms[0].scores}
        clusters = self.pairing.clusters
        self.units = np.arange(len(self.pairing.keys)) if clusters is None else clusters

    @property
    def n(self) -> int:
        return len(self.pairing.keys)

    def swapped(self, units: Flags, failing: Failing | None = None) -> Pairing:
        """The pairing with the arms changing places in the chosen units (clusters, or cases), shape (units,).

        `failing` cases of what is then the candidate score worst.
        """
        places = np.arange(self.n)
        turned = units[self.units]
        before, after = np.where(turned, places + self.n, places), np.where(turned, places, places + self.n)
        old = replace(self.pairing.baseline, scores=self._scores(before))
        new = replace(self.pairing.candidate, scores=self._scores(after))
        if failing is not None:
            new.scores[failing.scorer] = _failed(new.scores[failing.scorer], failing)
        return replace(self.pairing, baseline=old, candidate=new)

    def _scores(self, rows: Codes) -> dict[str, ScoreColumn]:
        return {spec: _picked(column, rows) for spec, column in self._columns.items()}


def _rows_of(arm: Arm, rows: Sequence[int]) -> Arm:
    """The chosen rows of an arm, without scores."""

    def chosen(column: Sequence[Cell]) -> list[Cell]:
        return [column[row] for row in rows] if column else []

    keys = chosen(arm.keys)
    return Arm(
        name=arm.name,
        keys=keys,
        digests=chosen(arm.digests),
        cohorts=chosen(arm.cohorts),
        clusters=chosen(arm.clusters),
        asked=chosen(arm.asked),
        expected=chosen(arm.expected),
        answered=bytearray(chosen(arm.answered)),
        openings=chosen(arm.openings),
        groups={name: bytearray(chosen(flags)) for name, flags in arm.groups.items()},
        seen=arm.seen,
        lost=[one for one in arm.lost if one[0] in set(keys)],
        outputs=arm.outputs,
        repeats=arm.repeats,
    )


def _joined(old: ScoreColumn, new: ScoreColumn) -> _Column:
    both = (old, new)
    common = _Column(
        values=_floats([one.values for one in both]),
        states=np.array([*old.states, *new.states], dtype=np.int64),
        labels=[*old.labels, *new.labels],
        reasons=[*old.reasons, *new.reasons],
        fault=old.fault or new.fault,
    )
    if old.samples is None and new.samples is None:
        return common
    held = [_samples(one) for one in both]
    return replace(
        common,
        scores=_floats([one.values for one in held]),
        sums=_floats([one.sums for one in held]),
        least=_floats([one.least for one in held]),
        most=_floats([one.most for one in held]),
        tally=np.hstack([np.array([list(it) for it in one.tally], dtype=np.int64) for one in held]),
    )


def _samples(column: ScoreColumn) -> Samples:
    """Single outputs as samples of one, where the other arm has several."""
    if column.samples is not None:
        return column.samples
    states = np.frombuffer(bytes(column.states), dtype=np.uint8)
    tally = (states == np.arange(LOST + 1)[:, None]).astype(np.int64)
    scores = np.frombuffer(column.values, dtype=np.float64)[states == SCORED]
    once = [array("d", column.values) for _ in range(3)]
    return Samples(
        values=_doubles(scores), sums=once[0], least=once[1], most=once[2], tally=tuple(map(_counts, tally))
    )


def _picked(column: _Column, rows: Codes) -> ScoreColumn:
    listed = rows.tolist()
    return ScoreColumn(
        values=_doubles(column.values[rows]),
        states=bytearray(column.states[rows].astype(np.uint8).tobytes()),
        labels=[column.labels[row] for row in listed],
        reasons=[column.reasons[row] for row in listed],
        samples=_picked_samples(column, rows),
        fault=column.fault,
    )


def _picked_samples(column: _Column, rows: Codes) -> Samples | None:
    if column.tally is None or column.scores is None:
        return None
    assert column.sums is not None and column.least is not None and column.most is not None  # noqa: PT018, S101
    counts = column.tally[SCORED]
    starts = np.cumsum(counts) - counts
    own = counts[rows]
    within = np.arange(int(own.sum())) - np.repeat(np.cumsum(own) - own, own)
    return Samples(
        values=_doubles(column.scores[np.repeat(starts[rows], own) + within]),
        sums=_doubles(column.sums[rows]),
        least=_doubles(column.least[rows]),
        most=_doubles(column.most[rows]),
        tally=tuple(map(_counts, column.tally[:, rows])),
    )


def _failed(column: ScoreColumn, failing: Failing) -> ScoreColumn:
    """The column with every output of the failing cases at the worst end."""
    values = np.array(column.values)
    values[failing.cases] = failing.worst
    states = np.array(column.states, dtype=np.uint8)
    states[failing.cases] = SCORED
    told = replace(column, values=_doubles(values), states=bytearray(states.tobytes()))
    held = column.samples
    if held is None:
        return told
    tally = np.array([list(one) for one in held.tally], dtype=np.int64)
    is_failing = np.zeros(tally.shape[1], dtype=np.bool_)
    is_failing[failing.cases] = True
    before = tally[SCORED].copy()
    outputs = tally.sum(axis=0) - tally[LOST] - tally[UNSCORED]
    tally[:LOST, is_failing] = 0
    tally[SCORED, is_failing] = outputs[is_failing]
    scores = np.full(int(tally[SCORED].sum()), failing.worst)
    starts = np.cumsum(tally[SCORED]) - tally[SCORED]
    within = np.arange(int(before.sum())) - np.repeat(np.cumsum(before) - before, before)
    kept = np.repeat(~is_failing, before)
    scores[(np.repeat(starts, before) + within)[kept]] = np.array(held.values)[kept]
    sums, least, most = (np.array(one) for one in (held.sums, held.least, held.most))
    sums[is_failing] = failing.worst * outputs[is_failing]
    least[is_failing] = most[is_failing] = failing.worst
    samples = Samples(
        values=_doubles(scores),
        sums=_doubles(sums),
        least=_doubles(least),
        most=_doubles(most),
        tally=tuple(map(_counts, tally)),
    )
    return replace(told, samples=samples)


def _floats(columns: "Sequence[array[float]]") -> Floats:
    return np.concatenate([np.array(one, dtype=np.float64) for one in columns])


def _doubles(values: Floats) -> "array[float]":
    made = array("d")
    made.frombytes(np.ascontiguousarray(values, dtype=np.float64).tobytes())
    return made


def _counts(values: Codes) -> "array[int]":
    return array("I", values.tolist())
