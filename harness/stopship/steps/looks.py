"""How often growing evidence is looked at, and what each look may spend of the error rate.

Decides all of it from the suite file, before the first outcome. Never sees one.
"""

from dataclasses import dataclass

from stopship.model.suite import Escalate
from stopship.steps.stats.bounds import LEVEL
from stopship.steps.stats.spending import increments, obrien_fleming, power_family

_LEAST = 1e-12  # share of alpha of a look: next to nothing, and not nothing
COHORTS_SHARE = 0.2  # of alpha, for cohorts that are screened and confirmed
_ROUNDS_END = 0.8  # of the information, where cases that differ are asked again after the last round
_FIRST_LOOK = 0.5  # where they are asked again after one look


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """One look at all cases."""

    number: int = 1
    of: int = 1
    outputs: int = 1  # a case and arm
    alpha_share: float = 1.0  # of the suite's alpha, that a STOP may spend here
    level: float = LEVEL  # one-sided, of the bounds that a pass has to clear here


@dataclass(frozen=True, slots=True, kw_only=True)
class Looks:
    """Every look that a suite plans. All shares of alpha together are at most 1."""

    rounds: tuple[Look, ...]
    discordant_share: float = 0.0
    cohorts_share: float = 0.0


ONE_LOOK = Look()


def looks_of(escalate: Escalate, *, repeats: int, alpha: float) -> Looks:
    """The looks of a suite whose first one draws `repeats` outputs a case and arm.

    Towards STOP the rounds spend alpha as O'Brien and Fleming do: next to nothing early. Towards SHIP they
    spend 5 % by the square root of the information, as most builds changed nothing and should ship early.
    Information is taken as the number of outputs, which is what it is where all noise is within cases, and
    the increments are a union bound, which holds whatever the information really is.
    """
    cohorts = COHORTS_SHARE if escalate.cohorts else 0.0
    outputs = escalate.rounds or (repeats,)
    fractions = [one / outputs[-1] for one in outputs]
    end = 1.0 if not escalate.discordant else _ROUNDS_END if escalate.rounds else _FIRST_LOOK
    whole = alpha * (1 - cohorts)
    marks = [one * end for one in fractions] + ([1.0] if escalate.discordant else [])
    spent = [max(one / alpha, _LEAST) for one in increments(whole, marks, obrien_fleming)]
    spent[-1] -= sum(spent) - whole / alpha
    missed = increments(1 - LEVEL, fractions, power_family(0.5))
    rounds = tuple(
        Look(number=i + 1, of=len(outputs), outputs=one, alpha_share=spent[i], level=1 - missed[i])
        for i, one in enumerate(outputs)
    )
    return Looks(
        rounds=rounds,
        discordant_share=spent[-1] if escalate.discordant else 0.0,
        cohorts_share=cohorts,
    )


def look_at(looks: Looks, outputs: int) -> Look:
    """The look of a suite at so many outputs a case; one of its own where the suite plans none there."""
    found = next((one for one in looks.rounds if one.outputs == outputs), None)
    if found is not None:
        return found
    return Look(outputs=outputs, alpha_share=1 - looks.cohorts_share - looks.discordant_share)
