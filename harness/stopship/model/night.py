"""A night of a monitor: how many fresh outputs of one stack were worse than fresh ones of another.

Data alone. Every night stands by itself; what they say together is computed anew whenever they are read.
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What one night shows of one rule in one scope."""

    rule: str
    scope: str
    alpha: float  # this scope's part of the suite's error rate
    pairs: int  # outputs of both arms that were held against each other
    worse: int
    better: int
    changes: tuple[tuple[float, int], ...] = ()  # of a score that is not 0 or 1: difference, how many pairs


@dataclass(frozen=True, slots=True, kw_only=True)
class Night:
    """One line of a history."""

    night: str  # ISO date
    about: Mapping[str, str]  # what was compared with what, by whose rules: digests; equal in a segment
    runs: tuple[str, str]  # ids: outputs of the accepted stack, outputs of the present one
    seen: tuple[Seen, ...]
