"""Zero tolerance: every chosen case of the candidate must score best, whatever the baseline did.

No test and no margin: one failure stops the build, and what could not be judged is never a pass. Looks at the
baseline for one thing alone: whether it failed where an improvement is expected.
"""

from dataclasses import replace

import numpy as np

from stopship.model.rule import Mode, Rule
from stopship.model.score import Direction
from stopship.model.verdict import Decision, Finding
from stopship.steps.metric import Flags, Side, rows_of, side
from stopship.steps.pair import MUST, some
from stopship.steps.scored import FAILED, LOST, NO_ANSWER, RAISED, SCORED, UNSCORED, Arm

EVERY = "every case passes"


def must_pass_finding(
    rule: Rule, candidate: Arm, baseline: Arm | None, *, excused: frozenset[str] = frozenset()
) -> Finding:
    """The finding of a rule's `must_pass`; `baseline` tells whether anything improved, and what is waived.

    `excused` cases failed only once of three outputs, which is no failure where two of three decide.
    Under a waiver the cases that fail in the accepted run may go on failing; no other case may.
    """
    rows = rows_of(candidate, _group(rule))
    found = side(candidate, rule.scorer, rows)
    keys = [candidate.keys[row] for row in rows.tolist()]
    failed = _failing(rule, found)
    failed &= np.array([key not in excused for key in keys], dtype=np.bool_)
    unknown = found.has(UNSCORED, LOST)
    excepted = np.zeros_like(failed)
    if rule.is_waived and baseline is not None:
        excepted = failed & _failed_before(rule, keys, baseline)
        failed &= ~excepted
    waived = tuple(keys[i] for i in np.flatnonzero(excepted))
    worse = tuple(keys[i] for i in np.flatnonzero(failed))
    common = Finding(
        rule=rule.id,
        metric=rule.scorer.spec,
        scope="all",
        kind="must_pass",
        mode=Mode.PROVE,
        severity=rule.severity,
        decision=Decision.REGRESSION if worse else Decision.PASS,
        n=len(rows),
        n_effective=float(len(rows)),
        unscored=int(found.unscored.sum()),
        unreadable=int(found.unreadable.sum()),
        worse=len(worse),
        limit=EVERY,
        worse_keys=worse,
        waived_keys=waived,
        waived_until=rule.waived_until if waived else "",
        expects=rule.expects_improvement,
    )
    fault = _fault(rule, found, keys, unknown)
    if fault:
        return replace(common, decision=Decision.ERROR, why=fault)
    return _expected(common, rule, keys, baseline) if rule.expects_improvement and not worse else common


def falls_short(rule: Rule, arm: Arm, row: int) -> bool:
    """Whether one case of an arm fails a rule's `must_pass`, whatever the baseline did."""
    return bool(_failing(rule, side(arm, rule.scorer, np.array([row], dtype=np.int64)))[0])


def _failing(rule: Rule, found: Side) -> Flags:
    """Rows in which some sample is short of the best, or has nothing to show."""
    return _short_of_best(rule, found) | found.has(FAILED, RAISED, NO_ANSWER)


def _group(rule: Rule) -> str:
    return f"{MUST}{rule.id}" if rule.must_pass else ""


def _short_of_best(rule: Rule, found: Side) -> Flags:
    """Rows with a score that is not the best one in some sample."""
    is_higher = rule.better is Direction.HIGHER
    best = rule.scorer.scale.high if is_higher else rule.scorer.scale.low
    is_best: Flags = np.equal(found.least if is_higher else found.most, best)
    return found.has(SCORED) & ~is_best


def _fault(rule: Rule, found: Side, keys: list[str], unknown: Flags) -> str:
    """Why nothing can be said of these cases; empty: every sample passed or failed."""
    if not rule.scorer.scale.is_bounded:
        return "a score without a range has no best end, so no case can pass"
    if not keys:
        where = " and ".join(str(one) for one in rule.must_pass or ())
        return f"no case matches {where}: nothing is checked" if where else "there is no case to check"
    if unknown.any():
        first = int(np.flatnonzero(unknown)[0])
        cases = some([keys[i] for i in np.flatnonzero(unknown)], "case")
        return f"{cases} that must pass could not be judged: {found.reasons[first] or 'no reason given'}"
    return found.fault


def _expected(passed: Finding, rule: Rule, keys: list[str], baseline: Arm | None) -> Finding:
    """Passing is an improvement only where the baseline failed on one of the same cases."""
    if baseline is None:
        return replace(
            passed, decision=Decision.INCONCLUSIVE, why="without a baseline nothing shows what was broken"
        )
    shared, old = _in_baseline(rule, keys, baseline)
    failed = _short_of_best(rule, old) | old.has(FAILED, NO_ANSWER)
    mended = tuple(shared[i] for i in np.flatnonzero(failed))
    if mended:
        return replace(passed, decision=Decision.IMPROVED, better=len(mended), better_keys=mended)
    if not shared:
        why = "the baseline has none of these cases: nothing shows what was broken"
    elif not old.has(UNSCORED, RAISED, LOST).any():
        why = "the baseline passes them all: these cases do not show what was broken"
    else:
        why = "the baseline fails none of them for certain: these cases do not show what was broken"
    return replace(passed, decision=Decision.INCONCLUSIVE, why=why)


def _in_baseline(rule: Rule, keys: list[str], baseline: Arm) -> tuple[list[str], Side]:
    """Those of the cases that the baseline has, and what it scored on them."""
    rows = {key: row for row, key in enumerate(baseline.keys)}
    shared = [key for key in keys if key in rows]
    return shared, side(baseline, rule.scorer, np.array([rows[key] for key in shared], dtype=np.int64))


def _failed_before(rule: Rule, keys: list[str], baseline: Arm) -> Flags:
    """Which of the cases failed in the baseline, too."""
    shared, old = _in_baseline(rule, keys, baseline)
    known = {shared[i] for i in np.flatnonzero(_failing(rule, old))}
    return np.array([key in known for key in keys], dtype=np.bool_)
