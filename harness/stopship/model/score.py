"""A scorer's finding on one output, and what kind of number it is.

Never a sentinel: what could not be scored is a type of its own, not NaN, None or -1.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from stopship.model.case import Case, Trace


class Direction(Enum):
    """Which end of a score is good."""

    HIGHER = "higher"
    LOWER = "lower"


class Kind(Enum):
    """What values a score may take; decides the test. Declared, never guessed from data."""

    BINARY = "binary"  # 0 or 1
    BOUNDED = "bounded"  # between two declared ends
    UNBOUNDED = "unbounded"  # any finite number: characters, milliseconds, dollars


@dataclass(frozen=True, slots=True)
class Scale:
    """The declared range of a score. `low` and `high` mean something unless it is unbounded."""

    kind: Kind
    low: float = 0.0
    high: float = 1.0

    @property
    def is_bounded(self) -> bool:
        return self.kind is not Kind.UNBOUNDED

    @property
    def span(self) -> float:
        return self.high - self.low

    def __str__(self) -> str:
        if self.kind is Kind.UNBOUNDED:
            return "unbounded"
        return "0 or 1" if self.kind is Kind.BINARY else f"{self.low:g}..{self.high:g}"


BINARY = Scale(Kind.BINARY)
UNIT = Scale(Kind.BOUNDED, 0.0, 1.0)
UNBOUNDED = Scale(Kind.UNBOUNDED)


@dataclass(frozen=True, slots=True)
class Scored:
    """The scorer read the output. `value` is finite and within the scorer's scale."""

    value: float
    label: str = ""  # a short class name, such as `full` for a full refusal
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Unscored:
    """The case gives the scorer nothing to judge. Depends on the case alone; never counts as a pass."""

    reason: str


@dataclass(frozen=True, slots=True)
class ScoreFailed:
    """The scorer could not read this output. Scores worst where there is a worst."""

    reason: str
    raised: bool = False  # an exception of the scorer itself, not a verdict on the output


Score = Scored | Unscored | ScoreFailed


@dataclass(frozen=True, slots=True, kw_only=True)
class Scorer:
    """A scorer with its arguments filled in, ready to be put to cases.

    `needs` names what a table must carry: `output`, `expected`, `latency`, `cost`, `trace`, or `column:NAME`.
    `digest` covers its code (for a user's file) and its arguments.
    """

    spec: str  # as written, in canonical form: `regex(pattern='^OK')`
    scale: Scale
    better: Direction | None  # None: depends on the use; the rule must say
    needs: frozenset[str]
    digest: str
    score: Callable[[Case, Trace], Score]
    is_users: bool = False  # code of the user's own, loaded from a file
    reads: tuple[str, ...] = ()  # files that it is made of; no report may be written over them
    scores_absence: bool = False  # a missing or blank output is a value to it, not something lost


@dataclass(frozen=True, slots=True, kw_only=True)
class ScorerKind:
    """One entry of `stopship scorers`: what it measures and how it is made from arguments."""

    name: str
    summary: str
    range: str  # as shown: `0 or 1`, `0..1`, `0, 0.5, 1`, `unbounded`
    better: str  # as shown: `higher`, `lower`, `say which`
    needs: str  # as shown: `output, expected`
    arguments: str  # as shown: `pattern='…'`; empty: none
    build: "Callable[[Arguments], Scorer]"


Argument = str | float | bool | tuple[float, float]
"""A value written in a scorer's brackets: text or bare word, number, true or false, or a range `0..1`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arguments:
    """What stood in a scorer's brackets."""

    spec: str  # the whole scorer as written, for messages
    positional: tuple[Argument, ...] = ()
    named: tuple[tuple[str, Argument], ...] = ()
