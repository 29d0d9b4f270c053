"""What an item of pytest is told of one case: how it ended, why it fails, by which rules it got worse.

Pure. Decides nothing about the suite: a case that got worse is for the gate to judge.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from stopship.gating.opened import OpenSuite
from stopship.model.rule import Rule
from stopship.model.run import Outcome, Run, Status
from stopship.model.score import Direction
from stopship.steps.arm import Arm
from stopship.steps.scored import FAILED, NO_ANSWER, RAISED, SCORED, UNSCORED, ScoreColumn

Cells = Sequence[tuple[ScoreColumn, int]]
"""One metric of one case: a column and a row in it for each sample."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What an item learns of one case."""

    key: str
    status: str
    failures: tuple[str, ...]  # must-pass rules, a failed target, a failed scorer
    worse: tuple[str, ...]  # rules by which the case got worse than in the baseline
    scores: tuple[tuple[str, str], ...]  # rule id and what it scored
    lost: str = ""  # why infrastructure gave no output of it


@dataclass(frozen=True, slots=True, kw_only=True)
class Before:
    """The baseline, scored."""

    run: Run
    arm: Arm
    rows: Mapping[str, int]  # key -> row


def told(
    opened: OpenSuite,
    outcomes: Sequence[Outcome],
    arms: Sequence[Arm],
    row: int,
    before: Before | None,
) -> Judged:
    """What to say of the case whose samples stand in this row of the arms."""
    key = outcomes[0].key
    failures = [f"the target failed: {one.error}" for one in outcomes if one.status is Status.FAILED]
    lost = [one.error for one in outcomes if one.status is Status.LOST]
    cells: dict[str, Cells] = {
        one.spec: [(arm.scores[one.spec], row) for arm in arms] for one in opened.scorers
    }
    for spec, found in cells.items():
        failures += [f"the scorer {spec} failed: {c.reasons[i]}" for c, i in found if c.states[i] == RAISED]
    old_row = before.rows.get(key) if before is not None else None
    worse = []
    for rule in opened.rules:
        own = cells[rule.scorer.spec]
        failures += _must_pass(rule, arms, row, own)
        if before is not None and old_row is not None and rule.margin is not None:
            old = _worth(rule, before.arm.scores[rule.scorer.spec], old_row)
            if old is not None and _is_worse(rule, old, own):
                worse.append(rule.id)
    return Judged(
        key=key,
        status=outcomes[0].status.value,
        failures=tuple(dict.fromkeys(failures)),
        worse=tuple(worse),
        scores=tuple((rule.id, _said(*cells[rule.scorer.spec][0])) for rule in opened.rules),
        lost=lost[0] if len(lost) == len(outcomes) else "",
    )


def _must_pass(rule: Rule, arms: Sequence[Arm], row: int, cells: Cells) -> list[str]:
    if rule.must_pass is None or not rule.stops:
        return []
    if rule.must_pass and not arms[0].groups[f"must:{rule.id}"][row]:
        return []
    best = rule.scorer.scale.high if rule.better is Direction.HIGHER else rule.scorer.scale.low
    failed = [(c, i) for c, i in cells if c.states[i] != SCORED or c.values[i] != best]
    return [f"must-pass {rule.id}: {_said(c, i)} {c.reasons[i]}".rstrip() for c, i in failed[:1]]


def _is_worse(rule: Rule, old: float, cells: Cells) -> bool:
    new = [_worth(rule, column, row) for column, row in cells]
    known = [one for one in new if one is not None]
    return len(known) == len(new) and sum(known) / len(known) < old


def _worth(rule: Rule, column: ScoreColumn, row: int) -> float | None:
    """A score with the good end up; None where there is nothing to compare."""
    sign = 1.0 if rule.better is Direction.HIGHER else -1.0
    state = column.states[row]
    if state == SCORED:
        return sign * column.values[row]
    if state in (NO_ANSWER, FAILED, RAISED) and rule.scorer.scale.is_bounded:
        return sign * (rule.scorer.scale.low if rule.better is Direction.HIGHER else rule.scorer.scale.high)
    return None


def _said(column: ScoreColumn, row: int) -> str:
    state, label = column.states[row], column.labels[row]
    if state == UNSCORED:
        return "unscored"
    return label or f"{column.values[row]:.6g}" if state == SCORED else label or "no output"
