"""Make one arm of the arms of repeated outputs.

A case is one case however often it was asked: repeats are never independent cases. Scores nothing anew.
"""

from collections import Counter
from collections.abc import Sequence
from hashlib import sha256
from math import fsum

from stopship.errors import EvidenceError
from stopship.steps.scored import (
    FAILED,
    LOST,
    NO_ANSWER,
    OPENING,
    RAISED,
    SCORED,
    STATE_LABELS,
    UNSCORED,
    Arm,
    Samples,
    ScoreColumn,
)

_FIRST = (UNSCORED, SCORED, FAILED, RAISED, NO_ANSWER, LOST)  # a case is in the first state of a sample
_RANK = {state: rank for rank, state in enumerate((RAISED, FAILED, NO_ANSWER, UNSCORED, SCORED, LOST))}


def merged(arms: Sequence[Arm]) -> Arm:
    """One arm of case means from the arms of sample 0, 1, … of the same cases, in any order.

    What a sample without a score counts for depends on the metric: each state is counted, and `metric`
    weighs it.
    """
    if len(arms) == 1:
        return arms[0]
    held: dict[str, list[tuple[Arm, int]]] = {}
    for arm in arms:
        for row, key in enumerate(arm.keys):
            held.setdefault(key, []).append((arm, row))
    whole = Arm(
        name=arms[0].name,
        scores={spec: ScoreColumn(samples=Samples()) for spec in arms[0].scores},
        groups={name: bytearray() for name in arms[0].groups},
        excluded=set().union(*(one.excluded for one in arms)),
        seen=set().union(*(one.seen for one in arms)),
        lost=sorted(one for arm in arms for one in arm.lost),
        missed=sum(one.missed for one in arms),
        outputs=sum(one.outputs for one in arms),
        repeats=len(arms),
    )
    for key, samples in held.items():
        _add_merged_row(whole, key, samples)
        for spec, column in whole.scores.items():
            _add_merged_score(column, key, spec, [(arm.scores[spec], row) for arm, row in samples])
    return whole


def _add_merged_row(whole: Arm, key: str, samples: Sequence[tuple[Arm, int]]) -> None:
    told = {
        (
            *(column[row] for column in (arm.cohorts, arm.clusters, arm.asked, arm.expected) if column),
            *(flags[row] for flags in arm.groups.values()),
        )
        for arm, row in samples
    }
    if len(told) > 1 or key in whole.excluded:
        raise EvidenceError(
            f"the case {key!r} is not the same in each of its {len(samples)} samples",
            where=whole.name,
            do="repeats are outputs of one case: replay it again",
        )
    first, at = samples[0]
    whole.keys.append(key)
    whole.cohorts += first.cohorts[at : at + 1]
    whole.clusters += first.clusters[at : at + 1]
    whole.asked += first.asked[at : at + 1]
    whole.expected += first.expected[at : at + 1]
    for name, flags in first.groups.items():
        whole.groups[name].append(flags[at])
    digests = sorted(arm.digests[row] for arm, row in samples)
    whole.digests.append(digests[0] if len(digests) == 1 else sha256(b"".join(digests)).digest())
    whole.answered.append(min(arm.answered[row] for arm, row in samples))
    whole.openings.append(_openings({arm.openings[row] for arm, row in samples}))


def _openings(told: set[bytes]) -> bytes:
    """What the samples began with, each once; a byte cut out of a character would be no text."""
    texts = sorted(one.decode("utf-8", "surrogatepass") for one in told if one)
    joined = " || ".join(one[: OPENING // len(texts)] for one in texts)
    return joined.encode("utf-8", "surrogatepass")


def _add_merged_score(
    column: ScoreColumn, key: str, spec: str, cells: Sequence[tuple[ScoreColumn, int]]
) -> None:
    assert column.samples is not None  # noqa: S101  # made by `merged` alone
    states = Counter(one.states[row] for one, row in cells)
    values = [one.values[row] for one, row in cells if one.states[row] == SCORED]
    column.samples.values.extend(sorted(values))
    column.samples.sums.append(fsum(values))
    column.samples.least.append(min(values, default=0.0))
    column.samples.most.append(max(values, default=0.0))
    for state, count in enumerate(column.samples.tally):
        count.append(states[state])
    reasons = sorted((_RANK[one.states[row]], one.reasons[row]) for one, row in cells)
    state = next(one for one in _FIRST if states[one])
    if state == UNSCORED and states[SCORED] + states[FAILED] + states[RAISED]:
        column.fault = column.fault or (
            f"{spec} finds something to judge in one output of the case {key!r} and nothing in another"
        )
    column.add(
        state,
        fsum(values) / len(values) if values else 0.0,
        _merged_label([one.labels[row] or _plain_value(one, row) for one, row in cells], cells),
        next((reason for _, reason in reasons if reason), ""),
    )


def _plain_value(column: ScoreColumn, row: int) -> str:
    return f"{column.values[row]:.6g}" if column.states[row] == SCORED else STATE_LABELS[column.states[row]]


def _merged_label(labels: Sequence[str], cells: Sequence[tuple[ScoreColumn, int]]) -> str:
    """The label of all samples, or `2 x answered, 1 x full`; a mean says it all where there are no labels."""
    if not any(one.labels[row] for one, row in cells):
        return ""
    counts = Counter(labels)
    if len(counts) == 1:
        return labels[0]
    return ", ".join(f"{count} x {label}" for label, count in sorted(counts.items()))
