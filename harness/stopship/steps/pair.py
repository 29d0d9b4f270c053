"""Pair each case with itself in the baseline, and say what cannot be paired.

A case on one side only is kept and named: a gate must not call unseen fine. Computes differences, tests
nothing.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stopship.model.columns import Columns
from stopship.model.rule import MIN_COHORT, Mode
from stopship.model.score import Direction, Scorer
from stopship.steps.arm import FAILED, NO_ANSWER, RAISED, SCORED, UNSCORED, Arm
from stopship.steps.stats.sample import Codes, Floats

Flags = NDArray[np.bool_]
LOST_BASELINE = 0.20  # of the baseline's outputs that may be missing
LOST_SHARE = 0.02  # of the baseline's outputs on which a scorer may fail by its own fault


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """A slice of the pairs: `all`, or one value of a cohort column. `members` are indices, shape (k,)."""

    name: str
    mode: Mode
    members: Codes


@dataclass(frozen=True, kw_only=True)
class Pairing:
    """Two arms, case by case. `before[i]` and `after[i]` are the rows of case `keys[i]` in each arm."""

    baseline: Arm
    candidate: Arm
    keys: tuple[str, ...]
    before: Codes
    after: Codes
    new_keys: tuple[str, ...]  # only in the candidate: judged by limits alone
    clusters: Codes | None
    scopes: tuple[Scope, ...]
    faults: tuple[str, ...]  # why no number may be read; empty: pairs are sound


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One metric over the pairs; every array has shape (pairs,). Values in the score's own unit."""

    before: Floats
    after: Floats
    kept: Flags  # both values exist
    unscored: Flags
    left_out: Flags
    unreadable: Flags
    fault: str  # why this metric cannot be judged; empty: it can


def pair(baseline: Arm, candidate: Arm, columns: Columns) -> Pairing:
    """Match the arms by key; order of rows plays no part."""
    rows_before = {key: i for i, key in enumerate(baseline.keys)}
    rows_after = {key: i for i, key in enumerate(candidate.keys)}
    keys = tuple(sorted(rows_before.keys() & rows_after.keys()))
    before = np.array([rows_before[key] for key in keys], dtype=np.int64)
    after = np.array([rows_after[key] for key in keys], dtype=np.int64)
    faults = _unmatched(rows_before.keys() - rows_after.keys(), candidate)
    faults += _moved(rows_after.keys() - rows_before.keys(), baseline)
    faults += _contradictions(baseline, candidate, keys, before, after, columns)
    return Pairing(
        baseline=baseline,
        candidate=candidate,
        keys=keys,
        before=before,
        after=after,
        new_keys=tuple(sorted(rows_after.keys() - rows_before.keys() - baseline.excluded)),
        clusters=_clusters(baseline, before),
        scopes=_scopes(baseline, before, columns),
        faults=tuple(faults),
    )


def _unmatched(keys: Iterable[str], candidate: Arm) -> list[str]:
    missing = sorted(keys)
    moved = [key for key in missing if key in candidate.excluded]
    lost = [key for key in missing if key not in candidate.excluded]
    faults = []
    if lost:
        faults.append(f"the candidate has no record of {_some(lost, 'case')} of the baseline")
    if moved:
        faults.append(f"{_some(moved, 'case')}: the filter matches in the baseline and not in the candidate")
    return faults


def _moved(keys: Iterable[str], baseline: Arm) -> list[str]:
    moved = sorted(key for key in keys if key in baseline.excluded)
    if not moved:
        return []
    return [f"{_some(moved, 'case')}: the filter matches in the candidate and not in the baseline"]


def _contradictions(
    baseline: Arm, candidate: Arm, keys: Sequence[str], before: Codes, after: Codes, columns: Columns
) -> list[str]:
    faults = []
    for index, dimension in enumerate(columns.cohorts):
        faults += _differing(
            lambda arm, row, index=index: arm.cohorts[row][index],  # type: ignore[misc]  # default binds the loop variable
            f"the cohort {dimension!r}",
            (baseline, candidate, keys, before, after),
        )
    named: list[tuple[str | None, str, Callable[[Arm, int], object]]] = [
        (columns.cluster, "the cluster", lambda arm, row: arm.clusters[row]),
        (columns.input, "the input", lambda arm, row: arm.asked[row]),
        (columns.expected, "the expected value", lambda arm, row: arm.expected[row]),
    ]
    for column, noun, read in named:
        if column is not None:
            faults += _differing(
                read, f"{noun} (column {column!r})", (baseline, candidate, keys, before, after)
            )
    return faults


def _differing(
    read: Callable[[Arm, int], object], noun: str, arms: tuple[Arm, Arm, Sequence[str], Codes, Codes]
) -> list[str]:
    baseline, candidate, keys, before, after = arms
    rows = zip(keys, before.tolist(), after.tolist(), strict=True)
    differing = [key for key, old, new in rows if read(baseline, old) != read(candidate, new)]
    return [f"{noun} of {_some(differing, 'case')} differs between the files"] if differing else []


def _some(keys: Sequence[str], noun: str) -> str:
    shown = ", ".join(repr(key) for key in keys[:3]) + (", …" if len(keys) > 3 else "")
    return f"{len(keys)} {noun}{'s' if len(keys) != 1 else ''} ({shown})"


def _clusters(arm: Arm, rows: Codes) -> Codes | None:
    """Cluster codes of the pairs; equal inputs under different keys are one cluster.

    None where every case stands alone. A case without a cluster value is a cluster of its own.
    """
    if not arm.clusters and not arm.asked:
        return None
    parent: dict[object, object] = {}

    def root(node: object) -> object:
        while parent.setdefault(node, node) != node:
            parent[node] = parent[parent[node]]
            node = parent[node]
        return node

    listed = rows.tolist()
    for row in listed:
        names = [("cluster", arm.clusters[row])] if arm.clusters and arm.clusters[row] else []
        shared: list[tuple[str, object]] = [*names]
        if arm.asked and arm.asked[row]:
            shared.append(("input", arm.asked[row]))
        for one in shared:
            parent[root(("row", row))] = root(one)
    codes: dict[object, int] = {}
    found = np.array([codes.setdefault(root(("row", row)), len(codes)) for row in listed], dtype=np.int64)
    return None if len(codes) == len(listed) else found


def _scopes(arm: Arm, rows: Codes, columns: Columns) -> tuple[Scope, ...]:
    scopes = [Scope(name="all", mode=Mode.PROVE, members=np.arange(len(rows)))]
    listed = rows.tolist()
    for index, dimension in enumerate(columns.cohorts):
        plan: dict[str, int] = {}
        for values in arm.cohorts:
            plan[values[index]] = plan.get(values[index], 0) + 1
        members: dict[str, list[int]] = {}
        for position, row in enumerate(listed):
            members.setdefault(arm.cohorts[row][index], []).append(position)
        for value in sorted(members):
            mode = Mode.GUARD if plan[value] >= MIN_COHORT else Mode.WATCH
            scope = Scope(
                name=f"{dimension}={value}", mode=mode, members=np.array(members[value], dtype=np.int64)
            )
            scopes.append(scope)
    return tuple(scopes)


def measure(pairing: Pairing, scorer: Scorer, better: Direction) -> Measured:
    """The metric of a scorer over all pairs, with failures at the worst end where there is one."""
    before, states_before = _column(pairing.baseline, scorer, pairing.before)
    after, states_after = _column(pairing.candidate, scorer, pairing.after)
    unscored = (states_before == UNSCORED) | (states_after == UNSCORED)
    if scorer.scale.is_bounded:
        worst = scorer.scale.low if better is Direction.HIGHER else scorer.scale.high
        before = np.where(states_before == SCORED, before, worst)
        after = np.where(states_after == SCORED, after, worst)
        left_out = ~unscored & np.isin(states_before, (NO_ANSWER, RAISED))
    else:
        left_out = ~unscored & ((states_before == NO_ANSWER) | (states_after == NO_ANSWER))
    return Measured(
        before=before,
        after=after,
        kept=~unscored & ~left_out,
        unscored=unscored,
        left_out=left_out,
        unreadable=np.isin(states_before, (FAILED, RAISED)) | np.isin(states_after, (FAILED, RAISED)),
        fault=_metric_fault(pairing, scorer, states_before, states_after),
    )


def _column(arm: Arm, scorer: Scorer, rows: Codes) -> tuple[Floats, NDArray[np.uint8]]:
    column = arm.scores[scorer.spec]
    values = np.frombuffer(column.values, dtype=np.float64)
    return values[rows], np.frombuffer(bytes(column.states), dtype=np.uint8)[rows]


def _metric_fault(
    pairing: Pairing, scorer: Scorer, before: NDArray[np.uint8], after: NDArray[np.uint8]
) -> str:
    """Why no number of this metric may be read; empty where all is sound."""
    one_armed = one_armed_fault(pairing, scorer, before, after)
    if one_armed:
        return one_armed
    unreadable = np.isin(before, (FAILED, RAISED)) | np.isin(after, (FAILED, RAISED))
    if not scorer.scale.is_bounded and unreadable.any():
        why = _first_reason(pairing, scorer, unreadable, FAILED, RAISED)
        return (
            f"{_chosen(pairing, unreadable)} cannot be read, and an unbounded score has no worst value: {why}"
        )
    if (before != UNSCORED).any() and not (before == SCORED).any():
        why = _first_reason(pairing, scorer, before != UNSCORED, FAILED, RAISED, NO_ANSWER)
        return f"none of the baseline's outputs could be scored: {why}"
    raised = before == RAISED
    if raised.sum() > LOST_SHARE * (before != UNSCORED).sum():
        why = _first_reason(pairing, scorer, raised, RAISED)
        return f"the scorer failed on {_chosen(pairing, raised)} of the baseline: {why}"
    unanswered = before == NO_ANSWER
    if unanswered.sum() > LOST_BASELINE * (before != UNSCORED).sum():
        return f"the baseline has no output for {_chosen(pairing, unanswered)}: too many to compare with"
    return ""


def one_armed_fault(
    pairing: Pairing, scorer: Scorer, before: NDArray[np.uint8], after: NDArray[np.uint8]
) -> str:
    """Why cases that have something to score in one file only make a metric VOID; empty: there are none."""
    judged = np.array([SCORED, FAILED, RAISED], dtype=np.uint8)
    one_armed = ((before == UNSCORED) & np.isin(after, judged)) | (
        (after == UNSCORED) & np.isin(before, judged)
    )
    if not one_armed.any():
        return ""
    why = _first_reason(pairing, scorer, one_armed, UNSCORED)
    return f"{_chosen(pairing, one_armed)} can be scored in one file and not in the other: {why}"


def _chosen(pairing: Pairing, chosen: Flags) -> str:
    return _some([pairing.keys[i] for i in np.flatnonzero(chosen)], "case")


def _first_reason(pairing: Pairing, scorer: Scorer, chosen: Flags, *states: int) -> str:
    index = int(np.flatnonzero(chosen)[0])
    for arm, rows in ((pairing.baseline, pairing.before), (pairing.candidate, pairing.after)):
        column = arm.scores[scorer.spec]
        if column.states[rows[index]] in states:
            return column.reasons[rows[index]] or "no reason given"
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


def measure_candidate(pairing: Pairing, scorer: Scorer, better: Direction) -> CandidateOnly:
    """The metric of a scorer over all of the candidate, in order of key."""
    arm = pairing.candidate
    rows = np.array(sorted(range(len(arm.keys)), key=arm.keys.__getitem__), dtype=np.int64)
    values, states = _column(arm, scorer, rows)
    _, before = _column(pairing.baseline, scorer, pairing.before)
    _, after = _column(arm, scorer, pairing.after)
    fault = one_armed_fault(pairing, scorer, before, after)
    if scorer.scale.is_bounded:
        worst = scorer.scale.low if better is Direction.HIGHER else scorer.scale.high
        values = np.where(states == SCORED, values, worst)
        left_out = np.zeros(len(rows), dtype=np.bool_)
    else:
        left_out = states == NO_ANSWER
        unreadable = int(np.isin(states, (FAILED, RAISED)).sum())
        fault = fault or (f"{unreadable} values cannot be read" if unreadable else "")
    kept = (states != UNSCORED) & ~left_out
    return CandidateOnly(
        values=values[kept],
        keys=tuple(arm.keys[i] for i in rows[kept]),
        clusters=_clusters(arm, rows[kept]),
        unscored=int((states == UNSCORED).sum()),
        left_out=int(left_out.sum()),
        fault=fault,
    )
