"""Score one side of a comparison, output by output.

Decides what each output says about each metric; keeps numbers, labels and the opening of each output, never
whole rows, so that memory does not grow with the length of the answers. Where outputs come from is the
caller's.
"""

from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from math import isfinite
from sys import intern

from stopship.errors import EvidenceError, UsageError, nearest
from stopship.model.canonical import canonical_bytes
from stopship.model.case import Case, Json, Lost, Trace, is_blank
from stopship.model.columns import Columns, cell_text, cohort_value
from stopship.model.score import Scored, ScoreFailed, Scorer, Unscored
from stopship.steps.repeats import merged
from stopship.steps.scored import FAILED, LOST, NO_ANSWER, OPENING, RAISED, SCORED, UNSCORED, Arm, ScoreColumn

__all__ = ["Arm", "ScoredRow", "Scoring", "merged", "score_arm"]

REASON = 200
MOST_COHORTS = 5_000  # values of one cohort column
_LARGEST = 1e100  # of a score: squares and sums of larger ones overflow

ScoredRow = tuple[str, Mapping[str, Json], bytes]
"""Where the row stands (for messages), its cells, and the digest of its canonical content."""


def score_arm(name: str, rows: Iterable[ScoredRow], columns: Columns, scorers: Sequence[Scorer]) -> Arm:
    """Put every row that `where` means to every scorer; output, latency and cost are columns of the row.

    Raises what `Scoring` raises, and UsageError for one of those columns that no row has.
    """
    scoring = Scoring(name, columns, scorers)
    for place, row, digest in rows:
        scoring.add(place, row, digest, _trace(row, columns))
    return scoring.finish(roles=(columns.output, columns.latency, columns.cost))


def _trace(row: Mapping[str, Json], columns: Columns) -> Trace:
    return Trace(
        row.get(columns.output) if columns.output is not None else None,
        row.get(columns.latency) if columns.latency is not None else None,
        row.get(columns.cost) if columns.cost is not None else None,
        columns.output is not None,
    )


class Scoring:
    """One arm in the making: each output is scored as it comes.

    Raises EvidenceError for a missing, blank or repeated key and for what a scorer refuses to read as
    evidence; UsageError for columns that no row has and where no row is left.
    """

    def __init__(self, name: str, columns: Columns, scorers: Sequence[Scorer]) -> None:
        self._columns = columns
        self._scorers = scorers
        self._arm = Arm(
            name=name,
            scores={one.spec: ScoreColumn() for one in scorers},
            groups={one.name: bytearray() for one in columns.groups},
        )
        self._places: dict[str, str] = {}
        self._values: dict[str, str] = {}  # cells of cohort columns -> cohort values, each found once
        self._shape: object = None

    def add(self, place: str, row: Mapping[str, Json], digest: bytes, trace: Trace | Lost) -> int | None:
        """Score one output; its index in the arm, or None where `where` leaves the row out."""
        arm, columns = self._arm, self._columns
        if row.keys() != self._shape:
            self._shape = row.keys()
            arm.seen.update(row)
            if not self._places and columns.key and columns.key not in row:
                _refuse_missing([columns.key], arm)
        key = _key(row.get(columns.key), columns.key, place) if columns.key else str(len(self._places) + 1)
        if key in self._places:
            raise EvidenceError(
                f"the key {key!r} stands twice, first at {self._places[key]}",
                where=place,
                do="every case needs a key of its own: name another --key, or remove the repeated row",
            )
        self._places[key] = place
        if columns.where and any(not one.matches(row) for one in columns.where):
            arm.excluded.add(key)
            return None
        _add_row(arm, key, row, digest, columns)
        if columns.cohorts:
            arm.cohorts.append(tuple([self._cohort(row.get(one)) for one in columns.cohorts]))
        if isinstance(trace, Lost):
            _add_lost(arm, key, trace)
        else:
            _add_output(arm, trace)
            if self._scorers:
                _add_scores(arm, _case(key, row, columns), trace, place, self._scorers)
        return len(arm.keys) - 1

    def _cohort(self, cell: Json) -> str:
        if type(cell) is not str:
            return intern(cohort_value(cell))
        found = self._values.get(cell)
        if found is None:
            found = self._values[cell] = cohort_value(cell)
        return found

    @property
    def so_far(self) -> Arm:
        """The arm with the outputs that were added."""
        return self._arm

    def finish(self, *, roles: Sequence[str | None] = ()) -> Arm:
        """The arm, once every output is in. `roles`: columns that its outputs were read from."""
        _check_columns(self._arm, self._columns, self._scorers, roles)
        return self._arm


def _key(cell: Json, column: str, place: str) -> str:
    if cell is None or is_blank(cell):
        raise EvidenceError(
            f"no key: the column {column!r} is {'missing or null' if cell is None else 'blank'} here",
            where=place,
            do="every row needs a key that both files share; fill it in or name another --key",
        )
    if isinstance(cell, bool | list | dict):
        raise EvidenceError(
            f"the key in column {column!r} is a {type(cell).__name__}, expected text or a number",
            where=place,
            do="name a --key column that holds text or numbers",
        )
    return cell_text(cell)


def _add_row(arm: Arm, key: str, row: Mapping[str, Json], digest: bytes, columns: Columns) -> None:
    arm.keys.append(key)
    arm.digests.append(digest)
    arm.outputs += 1
    for group in columns.groups:
        arm.groups[group.name].append(group.holds(row))
    if columns.cluster is not None:
        arm.clusters.append(cell_text(row.get(columns.cluster)))
    if columns.input is not None:
        arm.asked.append(_short_digest(row.get(columns.input)))
    if columns.expected is not None:
        arm.expected.append(_short_digest(row.get(columns.expected)))


def _case(key: str, row: Mapping[str, Json], columns: Columns) -> Case:
    return Case(
        key,
        row,
        row.get(columns.input) if columns.input is not None else None,
        row.get(columns.expected) if columns.expected is not None else None,
    )


def _add_lost(arm: Arm, key: str, lost: Lost) -> None:
    reason = lost.reason[:REASON] or "lost"
    arm.lost.append((key, reason))
    arm.missed += lost.is_missed
    arm.answered.append(1)  # nobody knows; it is counted as lost
    arm.openings.append(b"")
    for column in arm.scores.values():
        column.add(LOST, label="lost", reason=reason)


def _add_output(arm: Arm, trace: Trace) -> None:
    arm.answered.append(trace.is_answered)
    arm.openings.append((trace.text if trace.has_output else "")[:OPENING].encode("utf-8", "surrogatepass"))


def _add_scores(arm: Arm, case: Case, trace: Trace, place: str, scorers: Sequence[Scorer]) -> None:
    is_answered = arm.answered[-1]
    for scorer in scorers:
        column = arm.scores[scorer.spec]
        if not is_answered and not scorer.scores_absence:
            _add_unanswered(column, scorer, case, trace.error)
            continue
        try:
            score = scorer.score(case, trace)
        except (EvidenceError, UsageError) as err:
            raise type(err)(err.what, where=place, do=err.do) from err
        if type(score) is Scored:
            column.add(
                SCORED, _checked(score.value, scorer, place), intern(score.label), score.reason[:REASON]
            )
        elif type(score) is Unscored:
            column.add(UNSCORED, reason=score.reason[:REASON])
        elif type(score) is ScoreFailed:
            column.add(RAISED if score.raised else FAILED, label="unreadable", reason=score.reason[:REASON])
        else:
            raise TypeError(f"scorer {scorer.spec} gave {score!r}")


def _add_unanswered(column: ScoreColumn, scorer: Scorer, case: Case, error: str) -> None:
    """No output: worst wherever there is a worst, unless the case gives the scorer nothing to judge."""
    if "expected" in scorer.needs and not case.has_expected:
        column.add(UNSCORED, reason="the case has no expected value")
    else:
        column.add(NO_ANSWER, label="no output", reason=error[:REASON] or "no output")


def _checked(value: float, scorer: Scorer, place: str) -> float:
    scale = scorer.scale
    if not abs(value) <= _LARGEST:
        raise EvidenceError(
            f"{scorer.spec} gave {value:g}, beyond 1e100 nothing can be compared",
            where=place,
            do="mend the value, or leave the row out in both files",
        )
    if not isfinite(value) or (scale.is_bounded and not scale.low <= value <= scale.high):
        raise EvidenceError(
            f"{scorer.spec} gave {value!r}, outside its range {scale}",
            where=place,
            do="declare the bounds that the scores really have",
        )
    return float(value)


def _short_digest(value: Json) -> bytes:
    if isinstance(value, str):
        return b"" if is_blank(value) else sha256(value.encode("utf-8", "surrogatepass")).digest()[:16]
    return sha256(canonical_bytes(value)).digest()[:16] if value is not None else b""


def _check_columns(
    arm: Arm, columns: Columns, scorers: Sequence[Scorer], roles: Sequence[str | None]
) -> None:
    if not arm.keys and not arm.excluded:
        raise EvidenceError("there is not a single case", where=arm.name)
    needed = [need.removeprefix("column:") for one in scorers for need in sorted(one.needs) if ":" in need]
    needed += [condition.column for group in columns.groups for condition in group.where]
    elsewhere = {columns.output, columns.latency, columns.cost} - set(roles)
    named = [one for one in columns.named() if one not in elsewhere]
    missing = [one for one in dict.fromkeys([*named, *needed]) if one not in arm.seen]
    if missing:
        _refuse_missing(missing, arm)
    for index, dimension in enumerate(columns.cohorts):
        values = len({one[index] for one in arm.cohorts})
        if values > MOST_COHORTS:
            raise UsageError(
                f"the cohort column {dimension!r} has {values} values, at most {MOST_COHORTS} make sense",
                where=arm.name,
                do="a cohort is a small set of groups, such as a language or a customer tier",
            )
    if columns.cluster is not None and arm.keys and not any(arm.clusters):
        raise UsageError(
            f"the cluster column {columns.cluster!r} is blank in every row",
            where=arm.name,
            do="name the column that says which cases belong together, or leave --cluster out",
        )
    if not arm.keys:
        conditions = ", ".join(str(one) for one in columns.where)
        raise UsageError(
            f"no row matches {conditions}",
            where=arm.name,
            do="check the value: `*` stands for any text, and case counts",
        )


def _refuse_missing(missing: list[str], arm: Arm) -> None:
    lines = [f"{one!r}: {nearest(one, sorted(arm.seen))}" for one in missing]
    noun = "column" if len(missing) == 1 else "columns"
    only = next(iter(arm.seen)) if len(arm.seen) == 1 else ""
    separator = next((one for one in ";\t|" if one in only), "")
    if separator:
        lines.append(
            f"columns seem to be separated by {separator!r}: a .csv is read with commas, a .tsv with tabs"
        )
    raise UsageError(f"no {noun} {', '.join(map(repr, missing))}", where=arm.name, do="\n  ".join(lines))
