"""Scorers that read numbers: numeric from the output, latency and cost from their cells, usage from a trace.

Decides which number an output states and whether it is near enough. Never picks one of several
different numbers unless told which.
"""

import re
from collections.abc import Callable
from decimal import Context, Decimal, InvalidOperation

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
from stopship.parts.arguments import BLANK, NO_EXPECTED, NO_OUTPUT, Given, plain_number, shown

_VERSION = 1  # raise it whenever any scorer here would score an old output differently

# A sign counts only where no letter or digit stands before it, so that `10-20` holds 10 and 20 and
# `COVID-19` holds no number. Digits inside a word, a version (1.2.3) or 1_000 are no number; a unit or
# a percent sign may follow. A comma separates thousands or else ends the number.
_NUMBER = re.compile(
    r"""(?<![A-Za-z0-9_]) (?<![0-9]\.) (?<![A-Za-z_][-−])
        (?P<sign>[-+−]?) [$€£¥₹]? (?P<inner>[-+−]?)
        (?P<digits> [0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]+)? | [0-9]+(?:\.[0-9]+)? | (?<!\.)\.[0-9]+ )
        (?P<power>[eE][-+]?[0-9]+)?
        (?! [0-9_] | \.[0-9] | [xX][0-9A-Fa-f] )""",
    re.VERBOSE,
)
_LARGEST_POWER = 400  # beyond any double; keeps the arithmetic below from overflowing
_CONTEXT = Context(prec=60)


def _numeric(arguments: Arguments) -> Scorer:
    given = Given("numeric", arguments, takes=("tolerance", "relative", "pick"), positions=("tolerance",))
    absolute = Decimal(repr(given.number("tolerance")))
    relative = Decimal(repr(given.number("relative")))
    pick = given.choice("pick", ("only", "first", "last"))

    def score(case: Case, trace: Trace) -> Score:
        if not case.has_expected:
            return NO_EXPECTED
        expected = _read(case.expected, "only")
        if isinstance(expected, ScoreFailed):
            return Unscored(f"the expected value has no single number: {expected.reason}")
        if trace.output is None or is_blank(trace.output):
            return NO_OUTPUT
        found = _read(trace.output, pick)
        if isinstance(found, ScoreFailed):
            return found
        allowed = max(absolute, _CONTEXT.multiply(relative, abs(expected))) if relative else absolute
        is_near = found == expected or abs(_CONTEXT.subtract(found, expected)) <= allowed
        near = f" +- {_brief(allowed)}" if allowed else ""
        return Scored(float(is_near), "", f"found {_brief(found)}, expected {_brief(expected)}{near}")

    return given.scorer(
        score, scale=BINARY, better=Direction.HIGHER, needs=("output", "expected"), version=_VERSION
    )


def _read(value: Json, pick: str) -> Decimal | ScoreFailed:
    if isinstance(value, str):
        return _read_text(value, pick)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return ScoreFailed(f"not a number: {shown(value)}")
    number = Decimal(value) if isinstance(value, int) else Decimal(repr(value))
    return number if _is_usable(number) else ScoreFailed(f"not a usable number: {shown(value)}")


def _read_text(text: str, pick: str) -> Decimal | ScoreFailed:
    found: list[Decimal] = []
    for match in _NUMBER.finditer(text):
        signs = match["sign"] + match["inner"]  # on either side of the currency: -$5 and $-5
        is_negative = signs in ("-", "−")
        plain = match["digits"].replace(",", "") + (match["power"] or "")
        try:
            number = Decimal("-" + plain if is_negative else plain)
        except InvalidOperation:  # an exponent of twenty digits
            number = Decimal("Infinity")
        if not _is_usable(number):
            return ScoreFailed(f"not a usable number: {shown(match[0])}")
        found.append(number)
        if pick == "first":
            break
    if not found:
        return ScoreFailed(f"no number in {shown(text)}")
    if pick == "only" and (count := len(set(found))) > 1:
        few = ", ".join(_brief(one) for one in dict.fromkeys(found[:4]))
        more = "" if count <= 4 else ", …"
        return ScoreFailed(f"{count} different numbers ({few}{more}); pick=last takes the last one")
    return found[-1]


def _is_usable(number: Decimal) -> bool:
    return number.is_finite() and (not number or abs(number.adjusted()) <= _LARGEST_POWER)


def _brief(number: Decimal) -> str:
    text = str(number)
    return text if len(text) <= 20 else f"{number:.12g}"


def _usage(arguments: Arguments) -> Scorer:
    """Builds `usage(NAME)`: one number of what the target says it used, such as `output_total` tokens."""
    given = Given("usage", arguments, takes=("name",), positions=("name",))
    name = given.unnamed("name")
    nothing = Unscored(f"the target tells no usage {name!r}")

    def score(case: Case, trace: Trace) -> Score:  # noqa: ARG001  # every scorer has this signature
        told = trace.usage.get(name)
        if told is None:
            return nothing
        number = plain_number(told)
        if number is None:
            return ScoreFailed(f"the usage {name!r} is not a number: {shown(told)}")
        if number < 0:
            return ScoreFailed(f"the usage {name!r} is negative: {shown(told)}")
        return Scored(number, "", f"{name} {number:g}")

    return given.scorer(score, scale=UNBOUNDED, better=Direction.LOWER, needs=("trace",), version=_VERSION)


def _measured(name: str, read: Callable[[Trace], Json]) -> Callable[[Arguments], Scorer]:
    """Builds `latency` or `cost`: the cell as it is recorded, in the recorder's own unit."""

    def score(case: Case, trace: Trace) -> Score:  # noqa: ARG001  # every scorer has this signature
        if name == "latency" and trace.is_served:
            return Unscored("a part of it was served from recordings: its time says nothing")
        cell = read(trace)
        if cell is None or is_blank(cell):
            return BLANK
        number = plain_number(cell)
        if number is None:
            return ScoreFailed(f"the {name} is not a number: {shown(cell)}")
        if number < 0:
            return ScoreFailed(f"the {name} is negative: {shown(cell)}")
        return Scored(number, "", f"{name} {number:g}")

    def build(arguments: Arguments) -> Scorer:
        given = Given(name, arguments, takes=())
        return given.scorer(score, scale=UNBOUNDED, better=Direction.LOWER, needs=(name,), version=_VERSION)

    return build


def _latency_of(trace: Trace) -> Json:
    return trace.latency


def _cost_of(trace: Trace) -> Json:
    return trace.cost


KINDS: tuple[ScorerKind, ...] = (
    ScorerKind(
        name="numeric",
        summary="the number in the output equals the expected one, within a tolerance",
        range="0 or 1",
        better="higher",
        needs="output, expected",
        arguments="tolerance=0, relative=0, pick=only|first|last",
        build=_numeric,
    ),
    ScorerKind(
        name="latency",
        summary="the recorded latency, in the unit it was recorded in",
        range="unbounded",
        better="lower",
        needs="latency",
        arguments="",
        build=_measured("latency", _latency_of),
    ),
    ScorerKind(
        name="cost",
        summary="the recorded cost, in the unit it was recorded in",
        range="unbounded",
        better="lower",
        needs="cost",
        arguments="",
        build=_measured("cost", _cost_of),
    ),
    ScorerKind(
        name="usage",
        summary="one number of what the target says it used, such as tokens",
        range="unbounded",
        better="lower",
        needs="a suite's trace",
        arguments="NAME",
        build=_usage,
    ),
)
