"""What a verdict is about beyond the outputs: which suite, which runs, at which look.

Data, and what a look may spend of the error rate. Judges nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from stopship.model.change import PinChange
from stopship.model.noise import NoiseFloor
from stopship.model.rule import Rule
from stopship.model.verdict import ArmPin, Finding
from stopship.steps.pair import LOST_LIMIT
from stopship.steps.terms import ONE_SAMPLE, Terms


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What the caller knows beyond the outputs. Two compared files have nothing of it."""

    suite: str = ""
    baseline: ArmPin | None = None  # None: the digest of the arm's own rows
    candidate: ArmPin | None = None
    changes: tuple[PinChange, ...] = ()
    notes: tuple[str, ...] = ()
    deterministic: bool = False  # of the target: no case flips by chance
    can_repeat: bool = False  # asking again may give another output
    usd: float | None = None  # what an output costs on average; None: not told
    noise: NoiseFloor | str | None = None  # of these very cases; a text says why it is of no use
    lost_limit: float = LOST_LIMIT  # of an arm without a baseline; of two, `pair` has it
    terms: Terms = ONE_SAMPLE  # but for alpha
    alpha_share: float = 1.0  # of alpha, that this look may spend

    def terms_at(self, alpha: float) -> Terms:
        """The terms of judging where all looks together may spend `alpha`."""
        return replace(self.terms, alpha=alpha * self.alpha_share, suspicion=alpha)

    def at_this_look(self, rules: Sequence[Rule]) -> list[Rule]:
        """The rules with what this look may spend of an error rate of their own."""
        return [
            one if one.alpha is None else replace(one, alpha=one.alpha * self.alpha_share) for one in rules
        ]

    def against_alpha(self, findings: Sequence[Finding]) -> tuple[Finding, ...]:
        """The findings with p-values to be held against the whole alpha, whatever this look may spend."""
        share = self.alpha_share
        return tuple(
            one if one.p_adjusted is None else replace(one, p_adjusted=min(1.0, one.p_adjusted / share))
            for one in findings
        )
