"""Two draws of one stack, dealt out as the arms of every look of a gate.

Moves outputs that exist: which of them the baseline and the candidate have at a look, and what the others say
of must-pass cases that failed. Scores nothing, judges nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from stopship.model.rule import Rule
from stopship.model.score import Direction
from stopship.model.verdict import Finding
from stopship.steps.about import About
from stopship.steps.metric import Counts, Flags
from stopship.steps.pair import Pairing
from stopship.steps.scored import SCORED, Arm
from stopship.steps.swapped import Failing, Twins
from stopship.steps.terms import Reference


@dataclass(frozen=True, kw_only=True)
class Retries:
    """What further outputs of must-pass cases say, which a gate asks for where one fails."""

    outputs: int  # a case, those of the look included
    keys: Sequence[str]  # the cases, in the rows of the twins
    specs: Mapping[str, str]  # rule that asks again -> its scorer
    passes: Mapping[str, tuple[Counts, Counts]]  # rule -> outputs that score best, draw by draw

    def excused(
        self, findings: Sequence[Finding], turned: Flags, failing: Failing | None = None
    ) -> dict[str, frozenset[str]]:
        """By rule: the cases that failed and, of all their outputs, failed only once. `turned`: rows whose
        candidate is the first draw."""
        found = {}
        for one in findings:
            if one.kind != "must_pass" or not one.is_broken or one.rule not in self.passes:
                continue
            first, second = self.passes[one.rule]
            passed = np.where(turned, first, second)
            if failing is not None and failing.scorer == self.specs[one.rule]:
                passed[failing.cases] = 0
            enough = {key for key, count in zip(self.keys, passed.tolist(), strict=True) if self._is(count)}
            if spared := enough.intersection(one.worse_keys):
                found[one.rule] = frozenset(spared)
        return found

    def _is(self, passed: int) -> bool:
        return passed >= self.outputs - 1


@dataclass(frozen=True, kw_only=True)
class Dealt:
    """One look: the outputs that each arm has at it, and by what it is judged."""

    before: Twins  # of as many outputs a case as the baseline has
    after: Twins  # of as many as the candidate has; the same cases in the same rows
    about: About  # the look: its share of alpha, its level
    retries: Retries | None = None  # None: must-pass cases that failed are not asked again

    def pairing(self, units: Flags, failing: Failing | None = None) -> Pairing:
        """The arms with the chosen units having changed places; `failing` cases of the candidate fail."""
        new = self.after.swapped(units, failing)
        if self.before is self.after:
            return new
        return replace(self.before.swapped(units), candidate=new.candidate)


def retries_of(
    rules: Sequence[Rule], draws: tuple[Sequence[Arm], Sequence[Arm]], keys: Sequence[str]
) -> Retries:
    """What the samples of two draws say of the cases; `rules` are those that ask again."""
    return Retries(
        outputs=len(draws[0]),
        keys=keys,
        specs={one.id: one.scorer.spec for one in rules},
        passes={one.id: (_passes(one, draws[0], keys), _passes(one, draws[1], keys)) for one in rules},
    )


def _passes(rule: Rule, samples: Sequence[Arm], keys: Sequence[str]) -> Counts:
    best = rule.scorer.scale.high if rule.better is Direction.HIGHER else rule.scorer.scale.low
    found = np.zeros(len(keys), dtype=np.int64)
    for arm in samples:
        column, row_of = arm.scores[rule.scorer.spec], {key: row for row, key in enumerate(arm.keys)}
        rows = [row_of[key] for key in keys]
        found += [column.states[row] == SCORED and column.values[row] == best for row in rows]
    return found


def held_to(references: Sequence[Reference], candidate: Arm) -> tuple[Reference, ...]:
    """The references with another candidate, whose rows are the same cases."""
    return tuple(replace(one, pairing=replace(one.pairing, candidate=candidate)) for one in references)
