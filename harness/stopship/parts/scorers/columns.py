"""The scorer `column`: a score that the table already carries.

Decides how a cell is read and that it keeps to its declared scale. Never guesses a scale from data.
"""

from collections.abc import Callable

from stopship.errors import UsageError
from stopship.model.case import Case, Json, Trace
from stopship.model.score import (
    BINARY,
    Arguments,
    Kind,
    Scale,
    Score,
    Scored,
    ScoreFailed,
    Scorer,
    ScorerKind,
)
from stopship.parts.arguments import BLANK, Given, outside, plain_number, shown, written

_VERSION = 1  # raise it whenever an old cell would score differently

_NO, _YES = Scored(0.0, reason="0 in the table"), Scored(1.0, reason="1 in the table")
_BINARY_CELLS: dict[Json, Scored] = {  # 0, 0.0 and False are one key, as are 1, 1.0 and True
    **dict.fromkeys((0, "0", "0.0", "false", "False", "FALSE"), _NO),
    **dict.fromkeys((1, "1", "1.0", "true", "True", "TRUE"), _YES),
}


def _column(arguments: Arguments) -> Scorer:
    given = Given("column", arguments, takes=("name", "bounds"), positions=("name",), words=("unbounded",))
    name = given.unnamed("name")
    scale = given.scale()
    return given.scorer(
        _declared(name, scale) if scale else _undeclared(name),
        scale=scale or BINARY,
        better=None,
        needs=(f"column:{name}",),
        version=_VERSION,
    )


def _undeclared(name: str) -> Callable[[Case, Trace], Score]:
    def score(case: Case, trace: Trace) -> Score:  # noqa: ARG001  # every scorer has this signature
        cell = case.row.get(name)
        try:
            found = _BINARY_CELLS.get(cell)
        except TypeError:  # a list or an object cannot be looked up
            found = None
        return found if found else _binary_or_fault(cell, name, case.key)

    return score


def _binary_or_fault(cell: Json, name: str, key: str) -> Score:
    if cell is None or (isinstance(cell, str) and not cell.strip()):
        return BLANK
    if isinstance(cell, str) and (found := _BINARY_CELLS.get(cell.strip().lower())):
        return found
    number = plain_number(cell)
    if number is None:
        return ScoreFailed(f"not a number: {shown(cell)}")
    if number in (0.0, 1.0):
        return _YES if number else _NO
    quoted = written(name)
    raise UsageError(
        f"the column {name!r} holds {number:g}, which is neither 0 nor 1",
        where=f"case {key}",
        do=f"declare its range: column({quoted}, bounds=LO..HI) or column({quoted}, unbounded)",
    )


def _declared(name: str, scale: Scale) -> Callable[[Case, Trace], Score]:
    low, high = scale.low, scale.high
    is_unbounded = scale.kind is Kind.UNBOUNDED

    def score(case: Case, trace: Trace) -> Score:  # noqa: ARG001  # every scorer has this signature
        cell = case.row.get(name)
        if cell is None or cell == "":
            return BLANK
        number = plain_number(cell)
        if number is None:
            return BLANK if isinstance(cell, str) and cell.isspace() else _unread(cell)
        if is_unbounded or low <= number <= high:
            return Scored(number, "", "as in the table")
        raise outside(number, scale, what=f"the column {name!r}", key=case.key)

    return score


def _unread(cell: Json) -> ScoreFailed:
    return ScoreFailed(f"not a number: {shown(cell)}")


KINDS: tuple[ScorerKind, ...] = (
    ScorerKind(
        name="column",
        summary="a score that the table already carries; 0 or 1 unless its range is declared",
        range="0 or 1, or as declared",
        better="say which",
        needs="that column",
        arguments="NAME, bounds=LO..HI or unbounded",
        build=_column,
    ),
)
