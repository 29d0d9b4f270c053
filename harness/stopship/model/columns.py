"""Which column of a table means what, and which rows are meant.

Decides how a cell becomes a key, a cohort or a filter text; never reads a file.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import translate
from functools import lru_cache

from stopship.errors import UsageError
from stopship.model.canonical import canonical_bytes
from stopship.model.case import Json, is_blank

NO_VALUE = "(none)"  # the cohort of a case that carries no value


@dataclass(frozen=True, slots=True)
class Condition:
    """`column=glob` or `column!=glob` on the cell's text: `*`, `?`, `[…]` as for file names; case counts."""

    column: str
    glob: str
    negated: bool = False

    def matches(self, row: Mapping[str, Json]) -> bool:
        text = cell_text(row.get(self.column))
        return (_pattern(self.glob).match(text) is not None) is not self.negated

    def __str__(self) -> str:
        return f"{self.column}{'!=' if self.negated else '='}{self.glob}"


def condition_of(text: str) -> Condition:
    """`COLUMN=GLOB` or `COLUMN!=GLOB`, split at the first equals sign; UsageError for anything else."""
    column, sign, glob = text.partition("=")
    negated = column.endswith("!")
    column = column.removesuffix("!")
    if not sign or not column:
        raise UsageError(
            f"{text!r} is no condition",
            do="write COLUMN=GLOB or COLUMN!=GLOB, for instance 'tier!=free'",
        )
    return Condition(column, glob, negated)


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """A named set of cases: a cohort that no single column tells, or the cases that one rule looks at."""

    name: str
    where: tuple[Condition, ...]

    def holds(self, row: Mapping[str, Json]) -> bool:
        return all(one.matches(row) for one in self.where)


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """The columns of a comparison, by name. None: the tables carry no such thing."""

    key: str  # empty: rows are named by their number (never in a comparison)
    output: str | None = None
    input: str | None = None
    expected: str | None = None
    latency: str | None = None
    cost: str | None = None
    cohorts: tuple[str, ...] = ()
    cluster: str | None = None
    where: tuple[Condition, ...] = ()
    groups: tuple[Group, ...] = ()  # named cohorts, judged like the values of a cohort column
    modes: tuple[tuple[str, str], ...] = ()  # scope (`lang=en`, or a group's name) -> prove, guard or watch

    def named(self) -> tuple[str, ...]:
        """Every column that a table must have, once, without those of scorers."""
        single = (self.key, self.output, self.input, self.expected, self.latency, self.cost, self.cluster)
        every = [one for one in single if one]
        return tuple(dict.fromkeys([*every, *self.cohorts, *(one.column for one in self.where)]))


def cell_text(value: Json) -> str:
    """A cell as people would type it: numbers without a trailing `.0`, `true`, `false`, '' for none."""
    if type(value) is str:
        return value
    if value is None:
        return ""
    return canonical_bytes(value).decode("utf-8", "surrogatepass")


def cohort_value(value: Json) -> str:
    """A cell as a cohort value; a missing or blank one is the cohort `(none)`."""
    text = cell_text(value)
    return NO_VALUE if not text or is_blank(text) else text


@lru_cache(maxsize=256)
def _pattern(glob: str) -> re.Pattern[str]:
    return re.compile(translate(glob))
