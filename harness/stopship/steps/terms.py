"""What findings are made by: the error rate of a look, the bounds of a pass, and what else is compared.

Data alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from stopship.model.rule import ALPHA, Rule
from stopship.model.suite import Estimand
from stopship.steps.pair import Pairing
from stopship.steps.stats.bounds import LEVEL


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What all rules are judged by."""

    alpha: float = ALPHA  # that all stop-ship rules share at this look
    level: float = LEVEL  # one-sided, of the bounds that a pass has to clear at this look
    suspicion: float = 0.0  # a raw p from which harm is suspected, if above alpha: that of all looks together
    is_last: bool = True  # tails pass at the last look alone
    estimand: Estimand = Estimand.TRAFFIC
    excused: Mapping[str, frozenset[str]] = field(default_factory=dict)  # by rule: failed once of three


ONE_SAMPLE = Terms()  # of traffic, looked at once


@dataclass(frozen=True, kw_only=True)
class Reference:
    """Another run that rules hold the candidate to, beside the baseline.

    An `anchor` is looked at as a whole, a `waiver` in every scope. The rules carry the margins that hold.
    """

    kind: str  # anchor | waiver
    pairing: Pairing
    rules: tuple[Rule, ...]
