"""From numbers to a decision in one scope, and the numbers themselves.

The order of the table in `decide` is the law of the gate: a pass is proven, a stop is proven, and what is
neither is said to be so.
"""

from dataclasses import dataclass

import numpy as np

from stopship.model.rule import Margin
from stopship.model.score import Direction
from stopship.model.verdict import PROVEN, Decision
from stopship.steps.stats.bounds import lower_bound, smallest_n, upper_bound
from stopship.steps.stats.planning import cases_to_decide, chance_of_pass, minimum_detectable_effect
from stopship.steps.stats.pvalues import MIN_CLUSTERS, SKEWED_T_FROM, Test, p_worse, smallest_p, t_p
from stopship.steps.stats.sample import Codes, Floats, Sample

_LEANING_P = 0.25  # a one-sided p up to which the numbers are said to lean worse
_WINSOR = 0.99  # quantile of both arms pooled at which unbounded scores are cut


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbers:
    """What a scope says about a metric; shares of the range, or of the baseline's mean (negative: worse)."""

    sample: Sample
    scale: float  # what one share is in the unit of the sample: the span, or the baseline's mean
    estimate: float
    lower: float
    upper: float
    bound: str
    test: Test
    smallest_p: float
    smallest_n: float
    margin: float

    @property
    def n_effective(self) -> float:
        return self.sample.n_effective

    @property
    def too_few_clusters(self) -> bool:
        return self.sample.clusters is not None and self.sample.n_clusters < MIN_CLUSTERS

    def mde(self, alpha: float) -> float:
        return minimum_detectable_effect(self.sample, alpha=alpha) / self.scale

    def chance_of_pass(self) -> float:
        return 0.0 if self.too_few_clusters else chance_of_pass(self.sample, margin=self.margin * self.scale)

    def cases_needed(self) -> int:
        return cases_to_decide(self.sample, margin=self.margin * self.scale)

    @property
    def leaning(self) -> str:
        worse = self.estimate < 0 and (self.test.p <= _LEANING_P or self.estimate <= -self.margin)
        return "leaning worse" if worse else "no sign of harm"


def absolute_numbers(sample: Sample, margin: Margin, *, alpha: float) -> Numbers:
    """A bounded metric against a margin in points of its range; the sample's span is 1."""
    bound = lower_bound(sample)
    return Numbers(
        sample=sample,
        scale=sample.span,
        estimate=sample.mean / sample.span,
        lower=bound.value / sample.span,
        upper=upper_bound(sample) / sample.span,
        bound=bound.binding,
        test=p_worse(sample, alpha=alpha),
        smallest_p=smallest_p(sample, alpha=alpha),
        smallest_n=smallest_n(margin.share),
        margin=margin.share,
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
) -> Numbers | None:
    """An unbounded metric against a share of the baseline's mean; None where that mean is not positive.

    Both arms are cut at the pooled 99th percentile, which is also the span. The slack (1 + m) baseline -
    candidate (lower better) or candidate - (1 - m) baseline (higher better) goes through the guarded bound;
    p compares the arms themselves: Student's t from 30 cases on, since such scores are skewed.
    """
    cut = float(np.quantile(np.concatenate([before, after]), _WINSOR))
    base, cand = np.minimum(before, cut), np.minimum(after, cut)
    mean = float(np.mean(base))
    if not mean > 0 or not cut > 0:
        return None
    share = margin.share
    if better is Direction.LOWER:
        differences, slack = base - cand, (1 + share) * base - cand
    else:
        differences, slack = cand - base, cand - (1 - share) * base
    sample = Sample(differences=differences, span=cut, clusters=clusters, seed=seed)
    guarded = lower_bound(Sample(differences=slack, span=cut, clusters=clusters))
    use_t = clusters is None and sample.n >= SKEWED_T_FROM
    return Numbers(
        sample=sample,
        scale=mean,
        estimate=sample.mean / mean,
        lower=guarded.value / mean - share,
        upper=upper_bound(sample) / mean,
        bound=guarded.binding,
        test=Test(t_p(sample), "paired-t") if use_t else p_worse(sample, alpha=alpha),
        smallest_p=0.0 if use_t else smallest_p(sample, alpha=alpha),
        smallest_n=smallest_n(min(share * mean / cut, 0.999)),
        margin=share,
    )


def decide(numbers: Numbers, *, p_adjusted: float, alpha: float, adjusted_alpha: float) -> Decision:
    """The first line of the table that applies. `adjusted_alpha`: the level left after all corrections."""
    if numbers.too_few_clusters:
        return Decision.BLIND
    if numbers.lower > 0:
        return Decision.IMPROVED
    proven_worse = p_adjusted <= alpha
    if numbers.lower > -numbers.margin:
        return Decision.PASS_DEGRADED if proven_worse else Decision.PASS
    if proven_worse and numbers.estimate < 0:
        return Decision.REGRESSION
    if numbers.n_effective < numbers.smallest_n or numbers.smallest_p > adjusted_alpha:
        return Decision.BLIND
    if numbers.test.p <= alpha and numbers.estimate <= -numbers.margin:
        return Decision.SUSPECT
    return Decision.INCONCLUSIVE


def explain(decision: Decision, numbers: Numbers) -> str:
    """One sentence on what a decision that is not a pass would need."""
    if decision in PROVEN or decision is Decision.REGRESSION:
        return ""
    if numbers.too_few_clusters:
        return f"{numbers.sample.n_clusters} clusters decide nothing; at least {MIN_CLUSTERS} are needed"
    if numbers.estimate <= -numbers.margin:
        return "the loss seen is at or beyond the margin: more cases will not make it ship"
    needed = numbers.cases_needed()
    return f"about {needed} cases would decide for a candidate that changed nothing"
