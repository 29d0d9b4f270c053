"""From numbers to a decision in one scope, and the numbers themselves.

The order of the table in `decide` is the law of the gate: a pass is proven, a stop is proven, and what is
neither is said to be so.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from stopship.model.rule import Margin
from stopship.model.score import Direction
from stopship.model.verdict import PROVEN, Decision
from stopship.steps.stats.bounds import LEVEL, Bound, lower_bound, smallest_n, upper_bound
from stopship.steps.stats.moments import Moments
from stopship.steps.stats.planning import cases_to_decide, chance_of_pass, minimum_detectable_effect
from stopship.steps.stats.pvalues import MIN_CLUSTERS, SKEWED_T_FROM, Test, p_worse, smallest_p, t_p
from stopship.steps.stats.sample import Codes, Floats, Sample

LEANING_P = 0.25  # a one-sided p up to which the numbers are said to lean worse
_LOWER_CUTS = (0.9, 0.95, 0.975, 0.99)  # quantiles of the baseline
_WINSOR = 0.99  # quantile of both arms pooled at which unbounded scores are cut


class AnyNumbers(Protocol):
    """What a decision is made from, whatever the unit of chance is."""

    @property
    def estimate(self) -> float: ...
    @property
    def lower(self) -> float: ...
    @property
    def margin(self) -> float: ...
    @property
    def test(self) -> Test: ...
    @property
    def smallest_p(self) -> float: ...
    @property
    def too_few_clusters(self) -> bool: ...
    @property
    def n_clusters(self) -> int: ...
    @property
    def is_vacuous(self) -> bool: ...
    @property
    def is_small(self) -> bool: ...
    @property
    def needs(self) -> str: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbers:
    """What a scope says about a metric; shares of the range, or of the baseline's mean (negative: worse)."""

    sample: Moments
    scale: float  # what one share is in the unit of the sample: the span, or the baseline's mean
    estimate: float
    lower: float
    upper: float
    bound: str
    test: Test
    smallest_p: float
    smallest_n: float
    margin: float
    largest_loss: float  # what the candidate could lose at most: 0 where the baseline is at the worst end
    is_rate: bool = False  # whether every output passes or fails

    @property
    def n_effective(self) -> float:
        return self.sample.n_effective

    @property
    def n_clusters(self) -> int:
        return self.sample.n_clusters

    @property
    def too_few_clusters(self) -> bool:
        return self.sample.is_clustered and self.sample.n_clusters < MIN_CLUSTERS

    @property
    def is_vacuous(self) -> bool:
        """Whether losing everything would still be within the margin: then no candidate could fail."""
        return self.largest_loss <= self.margin

    @property
    def is_small(self) -> bool:
        """Whether not even a candidate without any change could be proven within the margin."""
        return self.n_effective < self.smallest_n

    def mde(self, alpha: float) -> float:
        rate = self.largest_loss if self.is_rate else None
        return minimum_detectable_effect(self.sample, alpha=alpha, rate=rate) / self.scale

    def chance_of_pass(self) -> float:
        return 0.0 if self.too_few_clusters else chance_of_pass(self.sample, margin=self.margin * self.scale)

    def cases_needed(self) -> int:
        return cases_to_decide(self.sample, margin=self.margin * self.scale)

    @property
    def needs(self) -> str:
        return f"about {self.cases_needed()} cases would decide for a candidate that changed nothing"

    @property
    def leaning(self) -> str:
        worse = self.estimate < 0 and (self.test.p <= LEANING_P or self.estimate <= -self.margin)
        return "leaning worse" if worse else "no sign of harm"


def absolute_numbers(
    sample: Moments,
    margin: Margin,
    *,
    alpha: float,
    largest_loss: float = 1.0,
    is_rate: bool = False,
    level: float = LEVEL,
) -> Numbers:
    """A bounded metric against a margin in points of its range; the sample's span is 1."""
    bound = lower_bound(sample, level=level)
    return Numbers(
        sample=sample,
        scale=sample.span,
        estimate=sample.mean / sample.span,
        lower=bound.value / sample.span,
        upper=upper_bound(sample) / sample.span,
        bound=bound.binding,
        test=p_worse(sample, alpha=alpha),
        smallest_p=smallest_p(sample, alpha=alpha),
        smallest_n=smallest_n(margin.share, level=level),
        margin=margin.share,
        largest_loss=largest_loss,
        is_rate=is_rate,
    )


def relative_numbers(
    before: Floats,
    after: Floats,
    clusters: Codes | None,
    better: Direction,
    margin: Margin,
    *,
    alpha: float,
    seed: bytes,
    level: float = LEVEL,
) -> Numbers | None:
    """An unbounded metric against a share of the baseline's mean; None where that mean is not positive.

    Both arms are cut at the pooled 99th percentile, which is also the span. The slack (1 + m) baseline -
    candidate (lower better) or candidate - (1 - m) baseline (higher better) goes through the guarded bound.
    The p is that of sign flips of the uncut differences, so that no outlier of the candidate can hide behind
    the cut; where both call it significant, the smaller p of Student's t on cut values is given.
    """
    cut = float(np.quantile(np.concatenate([before, after]), _WINSOR))
    found = _cut_at(cut, before, after, clusters, better, margin, level)
    if found is None:
        return None
    sample, mean, guarded = found
    for quantile in _LOWER_CUTS:  # a candidate that raises the cut must gain nothing by it
        lower_cut = float(np.quantile(before, quantile))
        other = (
            _cut_at(lower_cut, before, after, clusters, better, margin, level) if lower_cut < cut else None
        )
        if other is not None and other[2].value / other[1] < guarded.value / mean:
            guarded = Bound(other[2].value / other[1] * mean, other[2].binding)
    sign = 1.0 if better is Direction.HIGHER else -1.0
    uncut = Sample(differences=sign * (after - before), span=cut, clusters=clusters, seed=seed)
    return Numbers(
        sample=sample,
        scale=mean,
        estimate=sample.mean / mean,
        lower=guarded.value / mean - margin.share,
        upper=upper_bound(sample) / mean,
        bound=guarded.binding,
        test=_relative_test(uncut, sample, alpha=alpha),
        smallest_p=smallest_p(uncut, alpha=alpha),
        smallest_n=smallest_n(min(margin.share * mean / cut, 0.999), level=level),
        margin=margin.share,
        largest_loss=float("inf") if better is Direction.LOWER else 1.0,
    )


def _cut_at(
    cut: float,
    before: Floats,
    after: Floats,
    clusters: Codes | None,
    better: Direction,
    margin: Margin,
    level: float,
) -> tuple[Sample, float, Bound] | None:
    """The differences cut at `cut`, the baseline's cut mean, and the bound of the slack; None: no mean."""
    base, cand = np.minimum(before, cut), np.minimum(after, cut)
    mean = float(np.mean(base))
    if not mean > 0 or not cut > 0:
        return None
    if better is Direction.LOWER:
        differences, slack = base - cand, (1 + margin.share) * base - cand
    else:
        differences, slack = cand - base, cand - (1 - margin.share) * base
    held = Sample(differences=slack, span=cut, clusters=clusters)
    guarded = lower_bound(held, level=level, is_shifted=True)
    return Sample(differences=differences, span=cut, clusters=clusters), mean, guarded


def _relative_test(uncut: Sample, sample: Sample, *, alpha: float) -> Test:
    test = p_worse(uncut, alpha=alpha)
    if test.p > alpha or sample.clusters is not None or sample.n < SKEWED_T_FROM:
        return test
    refined = t_p(sample)
    return Test(refined, "paired-t") if refined < test.p else test


def decide(
    numbers: "AnyNumbers", *, p_adjusted: float, alpha: float, adjusted_alpha: float, suspicion: float = 0.0
) -> Decision:
    """The first line of the table that applies. `adjusted_alpha`: the level left after all corrections.

    `suspicion`: a raw p up to which a loss at the margin is suspect though this look may spend less. An early
    look can ship and hardly stop: without it a cohort that lost 40 points shipped in 45 of 100 builds.
    """
    if numbers.too_few_clusters:
        return Decision.SUSPECT if numbers.estimate <= -numbers.margin else Decision.BLIND
    if numbers.lower > 0:
        return Decision.IMPROVED
    if numbers.is_vacuous:
        return Decision.BLIND
    proven_worse = p_adjusted <= alpha
    if numbers.lower > -numbers.margin:
        return Decision.PASS_DEGRADED if proven_worse else Decision.PASS
    if proven_worse and numbers.estimate < 0:
        return Decision.REGRESSION
    if numbers.test.p <= max(alpha, suspicion) and numbers.estimate <= -numbers.margin:
        return Decision.SUSPECT
    if numbers.is_small or numbers.smallest_p > adjusted_alpha:
        return Decision.BLIND
    return Decision.INCONCLUSIVE


def explain(decision: Decision, numbers: "AnyNumbers") -> str:
    """One sentence on what a decision that is not a pass would need."""
    if decision in PROVEN or decision is Decision.REGRESSION:
        return ""
    if numbers.too_few_clusters:
        count = numbers.n_clusters
        noun = "cluster decides" if count == 1 else "clusters decide"
        return f"{count} {noun} nothing; at least {MIN_CLUSTERS} are needed"
    if numbers.is_vacuous:
        return (
            "the baseline is so near the worst score that no loss could exceed the margin: nothing is tested"
        )
    if numbers.estimate <= -numbers.margin:
        return "the loss seen is at or beyond the margin: more cases will not make it ship"
    return numbers.needs
