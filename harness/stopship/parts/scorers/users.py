"""Scorers of the user's own: `file.py:function`, called as `function(case, trace)`.

Decides how such code is called and how its answer is read. Never lets it change another scorer's case,
never lets one of its exceptions end a run, and never takes a number for a score without a declared range.
"""

import inspect
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from math import isfinite
from numbers import Real
from pathlib import Path

from stopship.errors import UsageError
from stopship.model.canonical import digest
from stopship.model.case import Case, Trace
from stopship.model.score import (
    BINARY,
    Argument,
    Arguments,
    Kind,
    Scale,
    Score,
    Scored,
    ScoreFailed,
    Scorer,
    ScorerKind,
    Unscored,
)
from stopship.parts.arguments import Given, outside, written
from stopship.parts.user_code import Raised, attempt, copied, function_of, load, own_case, told

_EXPECTED = "expected a number, True or False, or Scored, Unscored or ScoreFailed"


def _user_scorer(arguments: Arguments) -> Scorer:
    """The first unnamed argument is the head, `path/file.py:function`; the rest stood in brackets."""
    head, *unnamed = arguments.positional
    file, _, name = str(head).rpartition(":")
    path = Path(file)
    loaded = load(path, arguments.spec)
    function = function_of(loaded, path, name, arguments.spec, takes="case, trace", gives="the score")
    given = Given(
        str(head),
        replace(arguments, positional=tuple(unnamed)),
        takes=("bounds", *_keywords(function), *_any_keyword(function, arguments)),
        words=("unbounded",),
    )
    scale = given.scale()
    keywords = {key: _passed(given.value(key)) for key, _ in arguments.named if key != "bounds"}
    _check_call(function, keywords, name, given.where)
    settings = [[key, written(value)] for key, value in sorted(given.settings.items())]
    return Scorer(
        spec=given.spec(_head(path, name)),
        scale=scale or BINARY,
        better=None,
        needs=frozenset(),
        digest=digest([loaded.sha256, name, list(given.words), settings]),
        score=_scoring(function, keywords, scale, path, name),
        is_users=True,
        reads=(str(path),),
    )


def _head(path: Path, name: str) -> str:
    """`path:function`, in quotes where it holds a character that ends a bare name."""
    head = f"{path.as_posix()}:{name}"
    return written(head) if any(one.isspace() or one in "()'\",=" for one in head) else head


def _scoring(
    function: Callable[..., object],
    keywords: dict[str, object],
    scale: Scale | None,
    path: Path,
    name: str,
) -> Callable[[Case, Trace], Score]:
    def call(case: Case, trace: Trace) -> Score | float:
        return _plain(function(own_case(case), _own_trace(trace), **keywords))

    def score(case: Case, trace: Trace) -> Score:
        found = attempt(call, case, trace)
        if isinstance(found, Raised):
            return ScoreFailed(told(found.error, path), raised=True)
        if isinstance(found, Unscored | ScoreFailed):
            return found
        scored = found if isinstance(found, Scored) else Scored(found)
        value = scored.value
        if not isfinite(value):
            return ScoreFailed(f"returned {value}, which is no finite number", raised=True)
        if scale is None and value not in (0.0, 1.0):
            raise UsageError(
                f"{name} returned {value:g}, which is neither 0 nor 1",
                where=f"case {case.key}",
                do=f"floats need bounds: write {_head(path, name)}(bounds=0..1) "
                f"or {_head(path, name)}(unbounded)",
            )
        if scale is not None and scale.kind is Kind.BOUNDED and not scale.low <= value <= scale.high:
            raise outside(value, scale, what=f"the score of {name}", key=case.key)
        return scored

    return score


def _plain(found: object) -> Score | float:
    """What the function returned, its number as a float; a type that is no score is a ScoreFailed."""
    if isinstance(found, float):
        return float(found)
    if isinstance(found, Unscored | ScoreFailed):
        return found
    if isinstance(found, Scored):
        value = _number(found.value)
        if value is None:
            return ScoreFailed(
                f"returned a Scored with a {type(found.value).__name__}; {_EXPECTED}", raised=True
            )
        return Scored(value, str(found.label), str(found.reason))
    number = _number(found)
    if number is None:
        article = "an" if type(found).__name__[0] in "aeiouAEIOU" else "a"
        what = "None" if found is None else f"{article} {type(found).__name__}"
        return ScoreFailed(f"returned {what}; {_EXPECTED}", raised=True)
    return number


def _number(value: object) -> float | None:
    """The float of a number or bool, of numpy's scalars too; None for anything else."""
    if type(value).__module__ == "numpy" and getattr(value, "shape", None) == ():
        value = value.item()  # type: ignore[attr-defined]  # numpy scalars and 0-d arrays have it
    if not isinstance(value, Real | Decimal):
        return None
    try:
        return float(value)
    except OverflowError:
        return float("inf")  # an integer beyond the range of floats; refused as not finite


def _own_trace(trace: Trace) -> Trace:
    if isinstance(trace.output, list | dict):
        return replace(trace, output=copied(trace.output))
    return trace


def _keywords(function: Callable[..., object]) -> tuple[str, ...]:
    """The parameters after case and trace that can be given by name."""
    parameters = list(_parameters(function).values())
    kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    positional = [one for one in parameters if one.kind is not inspect.Parameter.KEYWORD_ONLY]
    return tuple(one.name for one in parameters if one.kind in kinds and one not in positional[:2])


def _any_keyword(function: Callable[..., object], arguments: Arguments) -> tuple[str, ...]:
    """Every name that was given, for a function that takes `**options`."""
    open_ended = inspect.Parameter.VAR_KEYWORD
    if any(one.kind is open_ended for one in _parameters(function).values()):
        return tuple(name for name, _ in arguments.named)
    return ()


def _parameters(function: Callable[..., object]) -> dict[str, inspect.Parameter]:
    try:
        return dict(inspect.signature(function).parameters)
    except (TypeError, ValueError):  # some functions written in C do not tell
        return {}


def _check_call(function: Callable[..., object], keywords: dict[str, object], name: str, where: str) -> None:
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # some functions written in C do not tell; the first call will
        return
    try:
        signature.bind(None, None, **keywords)
    except TypeError as err:
        raise UsageError(
            f"{name}{signature} cannot be called as {name}(case, trace): {err}",
            where=where,
            do="a scorer takes the case and the trace; others need a default or a value in the brackets",
        ) from err


def _passed(value: Argument | None) -> object:
    """An argument as the function gets it: whole numbers as int, so that `k=3` can count."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


KINDS: tuple[ScorerKind, ...] = (
    ScorerKind(
        name="FILE.py:FUNCTION",
        summary="a function of your own: def f(case, trace) -> bool, number or Scored",
        range="0 or 1, or as declared",
        better="say which",
        needs="what the function reads",
        arguments="bounds=LO..HI or unbounded, and the function's own",
        build=_user_scorer,
    ),
)
