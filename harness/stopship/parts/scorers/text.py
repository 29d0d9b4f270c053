"""Scorers that read an output as text: exact, contains, regex, length.

Decides equality, containment, matching and size. Never looks at meaning: close wording is `similarity`.
"""

import re
import warnings
from collections.abc import Callable

from stopship.errors import UsageError
from stopship.model.canonical import NotCanonical, canonical_bytes
from stopship.model.case import Case, Json, Trace, is_blank
from stopship.model.score import (
    BINARY,
    UNBOUNDED,
    Arguments,
    Direction,
    Score,
    Scored,
    ScoreFailed,
    Scorer,
    ScorerKind,
    Unscored,
)
from stopship.parts.arguments import NO_EXPECTED, NO_OUTPUT, Given, as_text, shown

_VERSION = 1  # raise it whenever any scorer here would score an old output differently

# Findings are frozen, so each call returns the same object: building one costs more than the comparison.
_EQUAL = Scored(1.0, reason="equal to the expected value")
_DIFFERS = Scored(0.0, reason="differs from the expected value")
_UNLIKE = Scored(0.0, reason="one is text and the other structured JSON; json_equal compares their values")
_FOUND = Scored(1.0, reason="contains the text")
_NOT_FOUND = Scored(0.0, reason="does not contain the text")


def _exact(arguments: Arguments) -> Scorer:
    given = Given("exact", arguments, takes=("ignore_case", "strip"))
    prepare = _preparation(ignore_case=given.flag("ignore_case"), strip=given.flag("strip"))

    def score(case: Case, trace: Trace) -> Score:
        expected, output = case.expected, trace.output
        if isinstance(expected, str) and isinstance(output, str):
            if is_blank(expected):
                return NO_EXPECTED
            if is_blank(output):
                return NO_OUTPUT
            if expected == output:
                return _EQUAL
            return _EQUAL if prepare and prepare(expected) == prepare(output) else _DIFFERS
        return _exact_of_other_types(expected, output, prepare)

    return given.scorer(
        score, scale=BINARY, better=Direction.HIGHER, needs=("output", "expected"), version=_VERSION
    )


def _exact_of_other_types(expected: Json, output: Json, prepare: Callable[[str], str] | None) -> Score:
    """Two structured values are compared as JSON (true is not 1; 1 is 1.0), text with other as text."""
    if expected is None or is_blank(expected):
        return NO_EXPECTED
    try:
        wanted = canonical_bytes(expected)  # before the output is looked at: Unscored is the case's own
    except (NotCanonical, RecursionError) as err:
        return Unscored(f"the expected value is not plain JSON: {err}")
    if output is None or is_blank(output):
        return NO_OUTPUT
    if isinstance(expected, str) or isinstance(output, str):
        one, other = as_text(expected), as_text(output)
        is_equal = one == other or (prepare is not None and prepare(one) == prepare(other))
        return _EQUAL if is_equal else _UNLIKE
    try:
        return _EQUAL if canonical_bytes(output) == wanted else _DIFFERS
    except (NotCanonical, RecursionError) as err:
        return ScoreFailed(f"not plain JSON: {err}")


def _preparation(*, ignore_case: bool, strip: bool) -> Callable[[str], str] | None:
    if ignore_case and strip:
        return lambda text: text.strip().casefold()
    if ignore_case:
        return str.casefold
    return str.strip if strip else None


def _contains(arguments: Arguments) -> Scorer:
    given = Given("contains", arguments, takes=("text", "ignore_case"), positions=("text",))
    fixed = given.text("text")
    ignore_case = given.flag("ignore_case")
    folded = fixed.casefold() if ignore_case else fixed

    def score_fixed(case: Case, trace: Trace) -> Score:  # noqa: ARG001  # every scorer has this signature
        output = trace.output
        if not isinstance(output, str):
            if output is None:
                return NO_OUTPUT
            output = as_text(output)
        elif is_blank(output):
            return NO_OUTPUT
        return _FOUND if folded in (output.casefold() if ignore_case else output) else _NOT_FOUND

    def score_expected(case: Case, trace: Trace) -> Score:
        wanted, output = case.expected, trace.output
        if not isinstance(wanted, str):
            if wanted is None:
                return NO_EXPECTED
            wanted = as_text(wanted)
        elif is_blank(wanted):
            return NO_EXPECTED
        if not isinstance(output, str):
            if output is None:
                return NO_OUTPUT
            output = as_text(output)
        elif is_blank(output):
            return NO_OUTPUT
        if ignore_case:
            wanted, output = wanted.casefold(), output.casefold()
        return _FOUND if wanted in output else _NOT_FOUND

    return given.scorer(
        score_fixed if fixed else score_expected,
        scale=BINARY,
        better=Direction.HIGHER,
        needs=("output",) if fixed else ("output", "expected"),
        version=_VERSION,
    )


def _regex(arguments: Arguments) -> Scorer:
    given = Given("regex", arguments, takes=("pattern", "ignore_case"), positions=("pattern",))
    pattern = given.text("pattern", required=True)
    search = _compiled(pattern, re.IGNORECASE if given.flag("ignore_case") else 0, given.where).search
    matches, no_match = Scored(1.0, reason="matches the pattern"), Scored(0.0, reason="no match")

    def score(case: Case, trace: Trace) -> Score:  # noqa: ARG001  # every scorer has this signature
        if trace.output is None or is_blank(text := trace.text):
            return NO_OUTPUT
        return matches if search(text) else no_match

    return given.scorer(score, scale=BINARY, better=Direction.HIGHER, needs=("output",), version=_VERSION)


def _compiled(pattern: str, flags: int, where: str) -> re.Pattern[str]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # `[[]` warns of a future meaning; it means one thing today
            return re.compile(pattern, flags)
    except (re.error, OverflowError, RecursionError) as err:
        at = getattr(err, "pos", None)
        place = f" at position {at}: {shown(pattern[at:], 20)}" if isinstance(at, int) else ""
        raise UsageError(
            f"invalid pattern: {getattr(err, 'msg', err)}{place}",
            where=where,
            do="patterns are those of Python's re module; escape signs that are meant as they stand",
        ) from err


def _length(arguments: Arguments) -> Scorer:
    given = Given("length", arguments, takes=("unit",), positions=("unit",))
    unit = given.choice("unit", ("chars", "words", "lines"))
    splits: dict[str, Callable[[str], list[str]]] = {"words": str.split, "lines": str.splitlines}
    split = splits.get(unit)

    def score(case: Case, trace: Trace) -> Score:  # noqa: ARG001  # every scorer has this signature
        text = trace.output
        if not isinstance(text, str):
            if text is None:
                return NO_OUTPUT
            text = as_text(text)
        size = len(split(text)) if split else len(text)
        return Scored(float(size), "", f"{size} {unit}")

    return given.scorer(score, scale=UNBOUNDED, better=None, needs=("output",), version=_VERSION)


KINDS: tuple[ScorerKind, ...] = (
    ScorerKind(
        name="exact",
        summary="the output equals the expected value, as text or as JSON values",
        range="0 or 1",
        better="higher",
        needs="output, expected",
        arguments="ignore_case=false, strip=false",
        build=_exact,
    ),
    ScorerKind(
        name="contains",
        summary="the output contains a text: the one given, else the expected value",
        range="0 or 1",
        better="higher",
        needs="output, expected (unless text is given)",
        arguments="text='…', ignore_case=false",
        build=_contains,
    ),
    ScorerKind(
        name="regex",
        summary="a regular expression is found in the output",
        range="0 or 1",
        better="higher",
        needs="output",
        arguments="pattern='…', ignore_case=false",
        build=_regex,
    ),
    ScorerKind(
        name="length",
        summary="size of the output in characters, words or lines",
        range="unbounded",
        better="say which",
        needs="output",
        arguments="unit=chars|words|lines",
        build=_length,
    ),
)
