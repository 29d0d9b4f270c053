"""What an item of pytest is told of one case: how it ended, why it fails, by which rules it got worse.

Pure. Decides nothing about the suite: a case that got worse is for the gate to judge.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from stopship.gating.admissions import OF_THREE
from stopship.gating.escalating import asks_again
from stopship.gating.opened import OpenSuite
from stopship.model.rule import Rule
from stopship.model.run import Outcome, Status
from stopship.model.score import Direction
from stopship.steps.arm import Arm
from stopship.steps.metric import worst_end
from stopship.steps.must_pass import falls_short
from stopship.steps.pair import MUST, SELECTION
from stopship.steps.scored import FAILED, LOST, NO_ANSWER, RAISED, SCORED, UNSCORED, ScoreColumn
from stopship.under_pytest.before import Before


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What an item learns of one case."""

    key: str
    status: str
    failures: tuple[str, ...]  # must-pass rules, a failed target, a failed scorer
    worse: tuple[str, ...]  # rules by which the case got worse than in the baseline
    scores: tuple[tuple[str, str], ...]  # rule id and what it scored
    lost: str = ""  # why infrastructure gave no output of it


def told(
    opened: OpenSuite,
    outcomes: Sequence[Outcome],
    arms: Sequence[Arm],
    row: int,
    before: Before | None,
    *,
    is_alone: bool = True,
    is_gated: bool = True,
) -> Judged:
    """What to say of the case whose samples stand in this row of the arms; its scores where it `is_alone`.

    Where a gate follows (`is_gated`) and asks a failed must-pass case again, the answer is the gate's. Where
    none does, nobody would ask, and every failure fails the item.
    """
    key = outcomes[0].key
    failures = [f"the target failed: {one.error}" for one in outcomes if one.status is Status.FAILED]
    lost = [one.error for one in outcomes if one.status is Status.LOST]
    for one in opened.scorers:
        columns = [arm.scores[one.spec] for arm in arms]
        raised = [it.reasons[row] for it in columns if it.states[row] == RAISED]
        failures += [f"the scorer {one.spec} failed: {why}" for why in raised]
    old_row = before.rows.get(key) if before is not None else None
    worse = []
    for rule in opened.rules:
        if _must_pass(rule, arms[0], row):
            short = _short_of_passing(rule, arms, row, before, old_row)
            if len(short) > (_forgiven(opened, rule, len(arms)) if is_gated else 0):
                failures.append(short[0] + ("" if is_gated else _unasked(opened, rule)))
        if before is not None and old_row is not None and _compares(rule, arms[0], row):
            old = before.worths[rule.id][old_row]
            if old is not None and _is_worse(rule, old, arms, row):
                worse.append(rule.id)
    scores = [(one.id, _said(arms[0].scores[one.scorer.spec], row)) for one in opened.rules if is_alone]
    return Judged(
        key=key,
        status=outcomes[0].status.value,
        failures=tuple(dict.fromkeys(failures)),
        worse=tuple(worse),
        scores=tuple(scores),
        lost=lost[0] if len(lost) == len(outcomes) else "",
    )


def _must_pass(rule: Rule, arm: Arm, row: int) -> bool:
    """Whether the build stops where this case does not pass by the rule."""
    if rule.must_pass is None or not rule.stops:
        return False
    return not rule.must_pass or bool(arm.groups[f"{MUST}{rule.id}"][row])


def _short_of_passing(
    rule: Rule, arms: Sequence[Arm], row: int, before: Before | None, old_row: int | None
) -> list[str]:
    """Why the case does not pass: it fails in a sample, or a sample has nothing to judge. Lost is neither.

    Where the rule is waived, a case that fails in the accepted run may go on failing.
    """
    may_fail = (
        before is not None
        and old_row is not None
        and rule.id in before.waived
        and falls_short(rule, before.arm, old_row)
    )
    short = []
    for arm in arms:
        column = arm.scores[rule.scorer.spec]
        if column.states[row] == UNSCORED or (not may_fail and falls_short(rule, arm, row)):
            short.append(f"must-pass {rule.id}: {_said(column, row)} {column.reasons[row]}".rstrip())
    return short


def _forgiven(opened: OpenSuite, rule: Rule, outputs: int) -> int:
    """Outputs that may fail before the item does: where the gate asks again, the answer is the gate's."""
    if not asks_again(opened, rule):
        return 0
    return outputs if outputs < OF_THREE else 1


def _unasked(opened: OpenSuite, rule: Rule) -> str:
    """What a person may do about a failure that a gate would have asked again."""
    return "; only a gate over the whole suite asks it again" if asks_again(opened, rule) else ""


def _compares(rule: Rule, arm: Arm, row: int) -> bool:
    """Whether the rule compares this case with the baseline."""
    return rule.margin is not None and (not rule.where or bool(arm.groups[f"{SELECTION}{rule.id}"][row]))


def _is_worse(rule: Rule, old: float, arms: Sequence[Arm], row: int) -> bool:
    """Whether the mean of what can be compared is worse; one with nothing to judge leaves it out."""
    columns = [arm.scores[rule.scorer.spec] for arm in arms]
    new = [_worth(rule, one, row) for one in columns if one.states[row] != LOST]
    known = [one for one in new if one is not None]
    return len(known) == len(new) > 0 and sum(known) / len(known) < old


def _worth(rule: Rule, column: ScoreColumn, row: int) -> float | None:
    """A score with the good end up; None where there is nothing to compare."""
    state = column.states[row]
    if state == SCORED:
        value = column.values[row]
    elif state in (NO_ANSWER, FAILED, RAISED) and rule.scorer.scale.is_bounded:
        value = worst_end(rule.scorer, rule.better)
    else:
        return None
    return value if rule.better is Direction.HIGHER else -value


def _said(column: ScoreColumn, row: int) -> str:
    state, label = column.states[row], column.labels[row]
    if state == UNSCORED:
        return "unscored"
    return label or f"{column.values[row]:.6g}" if state == SCORED else label or "no output"
