"""Label a case that flipped from pass to fail by asking both arms again.

A label tells people where to look first; it is no decision and never turns a verdict. Counts only: what
counts as a pass was decided by a rule.
"""

from dataclasses import dataclass
from enum import Enum

from stopship.steps.stats.fisher import at_least_as_many

FRESH = 4  # outputs of each arm, none of them one that made the case flip
_HELD = 3  # of every four fresh outputs of the baseline must pass


class Label(Enum):
    """What fresh outputs say of a flip, in the order in which a report lists them."""

    CONFIRMED = "confirmed"  # the candidate never passes, the baseline holds
    UNTRIED = "untried"  # fewer than 4 fresh outputs in an arm: nothing is said
    FLAKY_BASELINE = "flaky-baseline"  # the baseline does not hold itself
    NOISE = "noise"  # the baseline holds, and the candidate passes at times


@dataclass(frozen=True, slots=True, kw_only=True)
class Fresh:
    """Fresh outputs of one case: how many passed of how many, in each arm."""

    baseline_passed: int
    baseline_tries: int
    candidate_passed: int
    candidate_tries: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Triage:
    """The label of one flip and how likely so large a difference is by chance alone."""

    label: Label
    p: float  # Fisher's one-sided p of the fresh outputs; 1 where an arm has none


def triage(fresh: Fresh) -> Triage:
    """Confirmed only where the candidate passes none and the baseline at least three of every four.

    The flip itself is no evidence: it is why the case was chosen. Fewer than four fresh outputs in an arm
    leave a flip untried, which is not noise.
    """
    p = at_least_as_many(
        fresh.candidate_tries - fresh.candidate_passed,
        fresh.candidate_tries,
        fresh.baseline_tries - fresh.baseline_passed,
        fresh.baseline_tries,
    )
    return Triage(label=_label(fresh), p=p)


def _label(fresh: Fresh) -> Label:
    if min(fresh.baseline_tries, fresh.candidate_tries) < FRESH:
        return Label.UNTRIED
    if FRESH * fresh.baseline_passed < _HELD * fresh.baseline_tries:
        return Label.FLAKY_BASELINE
    return Label.NOISE if fresh.candidate_passed else Label.CONFIRMED
