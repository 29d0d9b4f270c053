"""The noise floor of a suite: what two draws of one stack differ by, rule by rule and cohort by cohort.

Pure. Measures; judges nothing.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from stopship.model.noise import ScopeNoise
from stopship.model.rule import Rule
from stopship.steps.metric import measure, repeated
from stopship.steps.pair import SELECTION, Pairing, chosen
from stopship.steps.stats.noise import flip_share, within_variance
from stopship.steps.stats.repeated import RepeatedSample, Repeats

_DIGITS = 6  # of what is filed: more would only be noise in a review


def noise_floor(pairing: Pairing, rules: Sequence[Rule]) -> tuple[ScopeNoise, ...]:
    """The noise of every stop-ship rule with a margin in all its scopes, and of limits over all cases.

    A case's outputs of both draws are one pool, as one stack gave them all. A rule that cannot be read at all
    has none.
    """
    return tuple(one for rule in rules if rule.stops for one in _of_rule(pairing, rule))


def _of_rule(pairing: Pairing, rule: Rule) -> Iterator[ScopeNoise]:
    if rule.margin is None and rule.limit is None:
        return
    own = chosen(pairing, f"{SELECTION}{rule.id}") if rule.where else pairing
    measured = measure(own, rule.scorer, rule.better)
    if measured.fault:
        return
    scopes = own.scopes if rule.margin is not None else own.scopes[:1]
    relative = not rule.scorer.scale.is_bounded
    for scope in scopes:
        kept = scope.members[measured.kept[scope.members]]
        if not len(kept):
            continue
        sample = repeated(own, rule, measured, kept, seed=b"")
        unit = abs(float(np.mean(sample.baseline.means))) if relative else sample.span
        pool = pooled(sample)
        yield ScopeNoise(
            rule=rule.id,
            scope=scope.name,
            cases=len(kept),
            flips=round(flip_share(pool), _DIGITS),
            variance=round(within_variance(pool) / unit**2, _DIGITS) if unit else 0.0,
            delta=round(sample.mean / unit, _DIGITS) if unit else 0.0,
            relative=relative,
        )


def pooled(sample: RepeatedSample) -> Repeats:
    """The outputs of both arms, case by case."""
    arms = (sample.baseline, sample.candidate)
    cases = np.concatenate([one.cases for one in arms])
    counts = arms[0].counts + arms[1].counts
    order = np.argsort(cases, kind="stable")
    starts = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    return Repeats(values=np.concatenate([one.values for one in arms])[order], starts=starts)
