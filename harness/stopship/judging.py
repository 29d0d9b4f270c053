"""The door for Python callers with very many scores: two tables of columns in, one record out.

Decides nothing; refuses what columns alone cannot tell. Never makes a row an object.
"""

from collections.abc import Mapping, Sequence

from stopship.cli.options import rules_of
from stopship.errors import EvidenceError, UsageError, nearest
from stopship.model.columns import Columns
from stopship.model.rule import ALPHA, Mode
from stopship.model.verdict import Record
from stopship.steps.columnar import Table, column_of, mode_faults, pair_columns
from stopship.steps.conclude import conclude_findings, void
from stopship.steps.judge_sums import judge_sums, refuse_rules


def judge_columns(  # noqa: PLR0913  # two tables, and one parameter for each thing a column may mean
    before: Table,
    after: Table,
    rules: Sequence[str],
    *,
    key: str,
    cohorts: Sequence[str] = (),
    cluster: str | None = None,
    modes: Mapping[str, str] | None = None,
    alpha: float = ALPHA,
    allow_undecided: bool = False,
) -> Record:
    """Judge the scores of one table against those of another, as `stopship compare` judges two files.

    `before` and `after` hold numpy arrays of shape (rows,) by name: the key (text or whole numbers, once
    each), scores (numbers or booleans; masked where a case has none), cohorts (text, whole numbers or
    booleans) and the cluster (text or whole numbers). Rules are written as for `compare`, and each reads a
    column: `column(NAME) better=higher margin=5pt`, `column(NAME, bounds=0..1) better=lower`. `modes` maps
    `column=value` to `prove`, `guard` or `watch`.

    The record is VOID where the evidence is: a key that is repeated, blank or in the baseline alone; a cohort
    or cluster that differs; a score in one table alone, NaN, infinite or outside its bounds; no case at all,
    or none in a cohort that has a mode. Raises UsageError for rules that columns alone cannot decide (limits,
    margins in percent, scorers of outputs), for a column that is not there and for a word that is no mode.
    There is no built-in `answered`: give it as a column of 0 and 1.

    >>> import numpy as np
    >>> ids, good = np.arange(1000), np.ones(1000)
    >>> judge_columns({"id": ids, "good": good}, {"id": ids, "good": good},
    ...               ["column(good) better=higher margin=5pt"], key="id").verdict.value
    'SHIP'
    """
    judged = rules_of(list(rules))
    refuse_rules(judged)
    names = [column_of(one) for one in judged]
    told = {scope: _mode(mode, scope) for scope, mode in (modes or {}).items()}
    columns = Columns(
        key=key,
        cohorts=tuple(dict.fromkeys(cohorts)),
        cluster=cluster,
        modes=tuple((scope, mode.value) for scope, mode in told.items()),
    )
    try:
        paired = pair_columns(before, after, columns)
        faults = paired.faults or mode_faults(columns, paired.book)
        findings = () if faults else judge_sums(judged, paired.sums_of, modes=told, alpha=alpha)
        used = sorted({*names, *columns.cohorts, *([cluster] if cluster else [])})
        pins = [paired.pin(side, used) for side in (paired.baseline, paired.candidate)]
    except EvidenceError as err:
        return void(str(err), judged, columns, alpha=alpha)
    return conclude_findings(
        findings,
        judged,
        columns,
        faults=faults,
        counts=paired.counts(),
        pins=(pins[0], pins[1]),
        new_keys=paired.new_keys,
        alpha=alpha,
        allow=allow_undecided,
    )


def _mode(word: str, scope: str) -> Mode:
    try:
        return Mode(word)
    except ValueError:
        raise UsageError(
            f"{word!r} is no mode", where=scope, do=nearest(word, [one.value for one in Mode])
        ) from None
