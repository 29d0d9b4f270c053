"""How often must-pass cases stop a build that changed nothing, from how they were admitted.

For people who choose k and the confirmation; never an input to a verdict. Each case was admitted with k
passes of k outputs of the baseline; its rate of failure q is unknown and is what an identical build fails
with, too.

Sources: a uniform prior on q, so Beta(1, k + 1) afterwards (Laplace's rule of succession); Clopper CJ,
Pearson ES 1934 for the upper bound of q.
"""

from enum import Enum
from math import ceil, expm1, log, log1p

from stopship.steps.stats.bounds import LEVEL


class Confirmation(Enum):
    """What stops a build."""

    FIRST_FAIL = "first-fail"  # one failed output
    TWO_OF_THREE = "2-of-3"  # a failed output, and at least one of two more


def expected_false_alarms(cases: int, passes: int, confirmation: Confirmation, *, outputs: int = 1) -> float:
    """P(a run of an identical build is stopped), expected over what `passes` of as many leave open.

    One case of one output: E q = 1 / (k + 2), or E[q (1 - (1 - q)^2)] = 2 E q^2 - E q^3; the cases fail
    independently. `outputs` a case and run: with 2-of-3 one or two, brought to three where one failed.
    Too high for cases that were chosen because they never failed elsewhere, too low for cases admitted after
    several attempts.
    """
    k = passes
    one = outputs / (k + 1 + outputs)
    if confirmation is Confirmation.TWO_OF_THREE:
        second = 2 / ((k + 2) * (k + 3))
        third = 3 * second / (k + 4)
        one = 2 * second - third if outputs == 1 else 3 * second - 2 * third
    return _any_of(cases, one)


def most_false_alarms(
    cases: int, passes: int, confirmation: Confirmation, *, outputs: int = 1, level: float = LEVEL
) -> float:
    """P(a run of an identical build is stopped) if every case fails as often as `passes` of as many allow.

    q at its one-sided upper bound, 1 - (1 - level)^(1 / k); 1 for no passes.
    """
    q = -expm1(log1p(-level) / passes) if passes else 1.0
    if confirmation is Confirmation.FIRST_FAIL:
        return _any_of(cases * outputs, q)
    return _any_of(cases, q * q * (2 - q) if outputs == 1 else q * q * (3 - 2 * q))


def passes_to_prove(pass_rate: float, *, level: float = LEVEL) -> int:
    """The smallest k for which k of k passes prove a pass rate above `pass_rate`, 0 < pass_rate < 1."""
    return ceil(log1p(-level) / log(pass_rate) - 1e-12)


def _any_of(cases: int, one: float) -> float:
    return 1.0 if one >= 1 and cases else -expm1(cases * log1p(-one)) if cases else 0.0
