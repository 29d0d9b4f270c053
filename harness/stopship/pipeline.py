"""The whole path from two files to one record. The only module that knows both files and steps.

Decides which readers and steps run, in which order; computes nothing itself.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

from stopship.errors import EvidenceError, UsageError, nearest
from stopship.model.canonical import digest
from stopship.model.case import Case, Trace
from stopship.model.columns import Columns
from stopship.model.rule import (
    ALPHA,
    ANSWERED,
    ANSWERED_ALPHA,
    ANSWERED_MARGIN,
    DEFAULT_COHORT_MARGIN,
    Margin,
    Mode,
    Rule,
)
from stopship.model.score import BINARY, Direction, Scored, Scorer
from stopship.model.verdict import Record
from stopship.steps.arm import ScoredRow, score_arm
from stopship.steps.conclude import conclude, void
from stopship.steps.pair import pair
from stopship.steps.scored import SCORED, STATE_LABELS, Arm
from stopship.store import tables
from stopship.store.shown import at, shown

CONVENTIONS = {
    "output": "output",
    "expected": "expected",
    "latency": "latency_ms",
    "cost": "cost_usd",
}
"""Column names that are taken where the caller names none and both tables have them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How to judge, beside the rules."""

    alpha: float = ALPHA
    allow_undecided: bool = False
    examples: int | None = None  # worst cases in the record; None: three, and none where all is well
    big_ints: str = "refuse"


def compare_files(
    baseline: Path, candidate: Path, columns: Columns, rules: Sequence[Rule], options: Options
) -> Record:
    """Judge the candidate's file against the baseline's.

    Damaged evidence gives a VOID record; a wrong command raises UsageError.
    """
    judged = list(rules)
    given = columns
    try:
        tables_read = [_opened(path, options) for path in (baseline, candidate)]
        columns = _resolved(given, tables_read, rules)
        if columns.output is not None:
            judged.append(answered_rule())
        scorers = list({one.scorer.spec: one.scorer for one in judged}.values())
        arms = [_scored(one, columns, scorers) for one in tables_read]
        _refuse_late_columns(given, columns, arms, rules)
    except EvidenceError as err:
        return void(str(err), judged, columns, alpha=options.alpha)
    paired = pair(arms[0], arms[1], columns)
    return conclude(
        paired,
        judged,
        columns,
        alpha=options.alpha,
        allow=options.allow_undecided,
        examples=options.examples,
    )


def score_file(
    path: Path, columns: Columns, scorer: Scorer, *, big_ints: str = "refuse"
) -> Iterator[tuple[str, float | None, str, str]]:
    """(key, value, label, reason) of every row, in the file's order; a value that is not there is None."""
    table = _opened(path, Options(big_ints=big_ints))
    columns = _resolved(columns, [table], ())
    _check_needs(scorer, columns, table.columns)
    arm = _scored(table, columns, [scorer])
    scores = arm.scores[scorer.spec]
    for key, state, value, label, reason in zip(
        arm.keys, scores.states, scores.values, scores.labels, scores.reasons, strict=True
    ):
        yield key, value if state == SCORED else None, label or STATE_LABELS[state], reason


def answered_rule() -> Rule:
    """The built-in guard: an output that is there, is not blank and was not held back by a filter."""
    scorer = Scorer(
        spec=ANSWERED,
        scale=BINARY,
        better=Direction.HIGHER,
        needs=frozenset({"output"}),
        digest=digest([ANSWERED, 1]),
        score=_answered,
        scores_absence=True,
    )
    return Rule(
        id=ANSWERED,
        scorer=scorer,
        better=Direction.HIGHER,
        margin=Margin(ANSWERED_MARGIN),
        cohort_margin=Margin(DEFAULT_COHORT_MARGIN),
        mode=Mode.GUARD,
        alpha=ANSWERED_ALPHA,
    )


def _answered(_case: Case, trace: Trace) -> Scored:
    if trace.is_answered and trace.is_filtered:
        return Scored(0.0, "filtered", "the provider's filter held it back")
    return Scored(1.0, "answered") if trace.is_answered else Scored(0.0, "no output", trace.error)


@dataclass(frozen=True, slots=True)
class _Table:
    path: Path
    rows: Iterator[tables.Row]
    columns: frozenset[str]  # of the first row


def _opened(path: Path, options: Options) -> _Table:
    rows = tables.rows(path, big_ints=options.big_ints)
    first = next(rows)  # an empty table is an error of the reader
    return _Table(path, chain([first], rows), frozenset(first.values))


def _scored(table: _Table, columns: Columns, scorers: Sequence[Scorer]) -> Arm:
    name = shown(table.path)

    def placed() -> Iterator[ScoredRow]:
        for row in table.rows:
            yield at(name, row.place), row.values, row.digest

    return score_arm(name, placed(), columns, scorers)


def _resolved(columns: Columns, opened: Sequence[_Table], rules: Sequence[Rule]) -> Columns:
    """The columns with conventional names filled in, checked against what the rules' scorers need.

    A conventional column counts where both tables start with it, or where either does and the verdict
    depends on it: a table that has lost its outputs must not switch off the rule that would notice.
    """
    shared = frozenset.intersection(*(one.columns for one in opened))
    either = frozenset.union(*(one.columns for one in opened))

    def named(role: str) -> str | None:
        given: str | None = getattr(columns, role)
        name = CONVENTIONS[role]
        return given or (name if name in (either if _matters(role, rules) else shared) else None)

    columns = replace(
        columns,
        output=named("output"),
        expected=named("expected"),
        latency=named("latency"),
        cost=named("cost"),
    )
    for rule in rules:
        _check_needs(rule.scorer, columns, either)
    return columns


def _matters(role: str, rules: Sequence[Rule]) -> bool:
    """Whether a verdict hangs on this column."""
    return role == "output" or any(role in one.scorer.needs for one in rules)


def _refuse_late_columns(
    given: Columns, columns: Columns, arms: Sequence[Arm], rules: Sequence[Rule]
) -> None:
    """A conventional column that turns up after the first row would be overlooked: no verdict on that."""
    for role, name in CONVENTIONS.items():
        if getattr(given, role) is not None or getattr(columns, role) is not None:
            continue
        holders = [arm.name for arm in arms if name in arm.seen]
        in_both = role == "expected" and len(holders) == len(arms)
        if holders and (_matters(role, rules) or in_both):
            raise EvidenceError(
                f"the column {name!r} is missing from the first row and stands in a later one",
                where=holders[0],
                do=f"give every row that column, null where there is none, or name it with --{role}",
            )


def _check_needs(scorer: Scorer, columns: Columns, present: frozenset[str]) -> None:
    if "trace" in scorer.needs:
        raise UsageError(
            f"{scorer.spec} reads what a target tells, and a table has no trace",
            do=f"name the column that holds it: column(COL, unbounded); {nearest('usage', sorted(present))}",
        )
    for need in sorted(scorer.needs):
        if need in CONVENTIONS and getattr(columns, need) is None:
            raise UsageError(
                f"{scorer.spec} needs the {need}, and no column is named for it",
                do=f"add --{need} COLUMN; {nearest(need, sorted(present))}",
            )
