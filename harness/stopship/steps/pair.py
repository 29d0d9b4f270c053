"""Pair each case with itself in the baseline, and say what cannot be paired.

A case on one side only is kept and named: a gate must not call unseen fine. Computes differences, tests
nothing.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from stopship.model.columns import Columns
from stopship.model.rule import MIN_COHORT, Mode
from stopship.steps.scored import Arm
from stopship.steps.stats.sample import Codes

LOST_LIMIT = 0.02  # of an arm's outputs that infrastructure may lose
SELECTION = "rule:"  # a group of this name and a rule's id holds the cases that the rule looks at
MUST = "must:"  # and this one those that must pass; every other group is a named cohort


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
    columns: Columns

    @property
    def is_single(self) -> bool:
        """Whether each case has one output in each arm, so that a score of 0 or 1 differs by -1, 0 or 1."""
        return self.baseline.repeats == self.candidate.repeats == 1


def pair(
    baseline: Arm,
    candidate: Arm,
    columns: Columns,
    *,
    lost_limit: float = LOST_LIMIT,
    is_part: bool = False,
) -> Pairing:
    """Match the arms by key; order of rows plays no part. A part of the cases need not hold every cohort."""
    rows_before = {key: i for i, key in enumerate(baseline.keys)}
    rows_after = {key: i for i, key in enumerate(candidate.keys)}
    keys = tuple(sorted(rows_before.keys() & rows_after.keys()))
    before = np.array([rows_before[key] for key in keys], dtype=np.int64)
    after = np.array([rows_after[key] for key in keys], dtype=np.int64)
    faults = _unmatched(rows_before.keys() - rows_after.keys(), candidate)
    faults += _moved(rows_after.keys() - rows_before.keys(), baseline)
    faults += lost_faults(baseline, "baseline", lost_limit) + lost_faults(candidate, "candidate", lost_limit)
    if baseline is not candidate:
        faults += _contradictions(baseline, candidate, keys, before, after, columns)
    scopes = tuple(_scopes(baseline, before, columns))
    names = Counter(one.name for one in scopes)
    faults += [f"two cohorts are called {name!r}" for name, count in names.items() if count > 1]
    faults += [] if is_part else _unproven(columns, scopes)
    return Pairing(
        baseline=baseline,
        candidate=candidate,
        keys=keys,
        before=before,
        after=after,
        new_keys=tuple(sorted(rows_after.keys() - rows_before.keys() - baseline.excluded)),
        clusters=clusters_of(baseline, before),
        scopes=scopes,
        faults=tuple(faults),
        columns=columns,
    )


def chosen(pairing: Pairing, group: str) -> Pairing:
    """The pairs in one group, with the scopes that they fall into."""
    flags = pairing.baseline.groups[group]
    kept = np.array([i for i, row in enumerate(pairing.before.tolist()) if flags[row]], dtype=np.int64)
    before = pairing.before[kept]
    return replace(
        pairing,
        keys=tuple(pairing.keys[i] for i in kept.tolist()),
        before=before,
        after=pairing.after[kept],
        clusters=None if pairing.clusters is None else pairing.clusters[kept],
        scopes=tuple(_scopes(pairing.baseline, before, pairing.columns, group)),
    )


def kept_clusters(pairing: Pairing, kept: Codes) -> Codes | None:
    """The cluster of each kept pair, numbered from 0; None where every case is its own."""
    if pairing.clusters is None:
        return None
    names, codes = np.unique(pairing.clusters[kept], return_inverse=True)
    return None if len(names) == len(codes) else codes.astype(np.int64)


def lost_faults(arm: Arm, noun: str, limit: float) -> list[str]:
    """Why an arm of which too much was lost says nothing; `limit` is a share of its outputs."""
    if not arm.lost or len(arm.lost) / arm.outputs <= limit:
        return []
    key, reason = min(arm.lost)
    share = f"{100 * len(arm.lost) / arm.outputs:.3g} %, allowed {100 * limit:.3g} %"
    found = f"{len(arm.lost)} of {arm.outputs} outputs of the {noun} were lost{_why_lost(arm)} ({share})"
    return [f"{found}: first: {key!r}: {reason}"]


def _why_lost(arm: Arm) -> str:
    if not arm.missed:
        return " to infrastructure"
    some = "" if arm.missed == len(arm.lost) else f"{arm.missed} of them "
    return f", {some}as a call was not served"


def _unproven(columns: Columns, scopes: Sequence[Scope]) -> list[str]:
    held = {one.name for one in scopes if len(one.members)}
    empty = [scope for scope, mode in columns.modes if Mode(mode) is Mode.PROVE and scope not in held]
    return [f"the cohort {one!r} must be proven, and no pair is in it" for one in empty]


def _unmatched(keys: Iterable[str], candidate: Arm) -> list[str]:
    missing = sorted(keys)
    moved = [key for key in missing if key in candidate.excluded]
    lost = [key for key in missing if key not in candidate.excluded]
    faults = []
    if lost:
        faults.append(f"the candidate has no record of {some(lost, 'case')} of the baseline")
    if moved:
        faults.append(f"{some(moved, 'case')}: the filter matches in the baseline and not in the candidate")
    return faults


def _moved(keys: Iterable[str], baseline: Arm) -> list[str]:
    moved = sorted(key for key in keys if key in baseline.excluded)
    if not moved:
        return []
    return [f"{some(moved, 'case')}: the filter matches in the candidate and not in the baseline"]


def _contradictions(
    baseline: Arm, candidate: Arm, keys: Sequence[str], before: Codes, after: Codes, columns: Columns
) -> list[str]:
    told: list[tuple[str, Sequence[object], Sequence[object]]] = []
    for index, dimension in enumerate(columns.cohorts):
        sides = [[one[index] for one in arm.cohorts] for arm in (baseline, candidate)]
        told.append((f"the cohort {dimension!r}", sides[0], sides[1]))
    for group in columns.groups:
        name = group.name
        noun = f"membership in the cohort {name!r}"
        for prefix, said in ((SELECTION, "the choice of cases by rule"), (MUST, "what must pass by rule")):
            noun = f"{said} {name.removeprefix(prefix)!r}" if name.startswith(prefix) else noun
        told.append((noun, baseline.groups[name], candidate.groups[name]))
    if columns.cluster is not None:
        told.append((f"the cluster (column {columns.cluster!r})", baseline.clusters, candidate.clusters))
    if columns.input is not None:
        told.append((f"the input (column {columns.input!r})", baseline.asked, candidate.asked))
    if columns.expected is not None:
        noun = f"the expected value (column {columns.expected!r})"
        told.append((noun, baseline.expected, candidate.expected))
    rows = list(zip(keys, before.tolist(), after.tolist(), strict=True))
    faults = []
    for noun, old, new in told:
        if differing := [key for key, i, j in rows if old[i] != new[j]]:
            faults.append(f"{noun} of {some(differing, 'case')} differs between the files")
    return faults


def some(keys: Sequence[str], noun: str) -> str:
    shown = ", ".join(repr(key) for key in keys[:3]) + (", …" if len(keys) > 3 else "")
    return f"{len(keys)} {noun}{'s' if len(keys) != 1 else ''} ({shown})"


def clusters_of(arm: Arm, rows: Codes) -> Codes | None:
    """Cluster codes of the pairs; equal inputs under different keys are one cluster.

    None where every case stands alone. A case without a cluster value is a cluster of its own.
    """
    if not arm.clusters and not arm.asked:
        return None
    listed = rows.tolist()
    parent = list(range(len(listed)))  # by position; cases of one cluster lead to one position

    def root(node: int) -> int:
        while parent[node] != node:
            parent[node] = parent[parent[node]]
            node = parent[node]
        return node

    shared: tuple[Sequence[str | bytes], ...] = (arm.clusters, arm.asked)
    for column in shared:
        first: dict[str | bytes, int] = {}  # where a value stands first
        for position, row in enumerate(listed if column else ()):
            if column[row] and (other := first.setdefault(column[row], position)) != position:
                parent[root(position)] = root(other)
    codes: dict[int, int] = {}
    found = np.array([codes.setdefault(root(one), len(codes)) for one in range(len(listed))], dtype=np.int64)
    return None if len(codes) == len(listed) else found


def _scopes(arm: Arm, rows: Codes, columns: Columns, group: str = "") -> Iterator[Scope]:
    """`all`, each value of each cohort column, each named cohort; of one group's cases where it is named."""
    planned = [i for i in range(len(arm.keys)) if not group or arm.groups[group][i]]
    modes = dict(columns.modes)

    def scope(name: str, plan: int, members: Sequence[int]) -> Scope:
        mode = Mode(modes[name]) if name in modes else Mode.GUARD if plan >= MIN_COHORT else Mode.WATCH
        return Scope(name=name, mode=mode, members=np.array(members, dtype=np.int64))

    yield Scope(name="all", mode=Mode.PROVE, members=np.arange(len(rows)))
    listed = rows.tolist()
    for index, dimension in enumerate(columns.cohorts):
        plan = Counter(arm.cohorts[i][index] for i in planned)
        members: dict[str, list[int]] = {}
        for position, row in enumerate(listed):
            members.setdefault(arm.cohorts[row][index], []).append(position)
        for value in sorted(members):
            yield scope(f"{dimension}={value}", plan[value], members[value])
    for one in columns.groups:
        if not one.name.startswith((SELECTION, MUST)):
            flags = arm.groups[one.name]
            inside = [position for position, row in enumerate(listed) if flags[row]]
            if inside or not group:
                yield scope(one.name, sum(flags[i] for i in planned), inside)
