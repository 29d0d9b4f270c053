"""The numbers of a scope where the cases are all that there is, and chance is in what each is answered.

The same questions as `decide` answers for a sample of traffic, with the output as the unit of chance.
"""

from dataclasses import dataclass
from math import erf, sqrt

import numpy as np

from stopship.model.rule import Margin
from stopship.steps.decide import LEANING_P
from stopship.steps.stats.bounds import LEVEL, Z
from stopship.steps.stats.noise import detectable_drop, noise_of, repeats_needed
from stopship.steps.stats.pvalues import Test
from stopship.steps.stats.repeated import RepeatedSample, Repeats
from stopship.steps.stats.suite_bounds import room, suite_lower, suite_se, suite_upper
from stopship.steps.stats.within import smallest_within_p, within_p


@dataclass(frozen=True, slots=True, kw_only=True)
class SuiteNumbers:
    """What a scope says about a metric; shares of the range, or of the baseline's mean (negative: worse)."""

    sample: RepeatedSample
    scale: float  # what one share is in the unit of the sample
    estimate: float
    lower: float
    upper: float
    bound: str
    test: Test
    smallest_p: float
    margin: float
    largest_loss: float
    alpha: float
    room: float  # what so few outputs leave open though nothing changed, as a share

    @property
    def n_effective(self) -> float:
        return float(self.sample.n)

    @property
    def n_clusters(self) -> int:
        return self.sample.n

    @property
    def too_few_clusters(self) -> bool:
        """Cases that belong together are no matter where chance is in the outputs."""
        return False

    @property
    def is_vacuous(self) -> bool:
        return self.largest_loss <= self.margin

    @property
    def is_small(self) -> bool:
        """Whether not even a candidate without any change could be proven within the margin."""
        return self.room >= self.margin

    def mde(self, alpha: float) -> float:
        rb, rc = self._repeats
        noise = noise_of(self.sample, suite=True)
        return detectable_drop(noise, self.sample.n, rb, rc, alpha=alpha) / self.scale

    def chance_of_pass(self) -> float:
        """P(proven within the margin) of a candidate that changed nothing, with the noise seen here."""
        if self.is_small:
            return 0.0
        error = suite_se(self.sample) / self.scale
        return (1 + erf((self.margin / error - Z) / sqrt(2))) / 2 if error else 1.0

    def cases_needed(self) -> int | None:
        """None: these are the cases. More outputs of each would do, which `needs` says."""
        return None

    @property
    def needs(self) -> str:
        noise = noise_of(self.sample, suite=True)
        wanted = repeats_needed(noise, self.margin * self.scale, self.sample.n, alpha=1 - LEVEL)
        if wanted == float("inf"):
            return "no number of outputs a case would decide"
        outputs = max(int(wanted), 1 + min(self._repeats))
        return f"about {outputs} outputs a case would decide for a candidate that changed nothing"

    @property
    def leaning(self) -> str:
        worse = self.estimate < 0 and (self.test.p <= LEANING_P or self.estimate <= -self.margin)
        return "leaning worse" if worse else "no sign of harm"

    @property
    def _repeats(self) -> tuple[int, int]:
        sides = (self.sample.baseline, self.sample.candidate)
        before, after = (max(1, round(float(np.mean(one.counts)))) for one in sides)
        return before, after


def suite_numbers(
    sample: RepeatedSample, margin: Margin, *, alpha: float, largest_loss: float, level: float = LEVEL
) -> SuiteNumbers | None:
    """A bounded metric against points of its range, or any against a share of the baseline's mean.

    None where that mean is not above zero. Scores are oriented; with a margin in percent the lower bound is
    that of the slack, m baseline + candidate - baseline, case by case.
    """
    if not margin.relative:
        unit, slack, offset = sample.span, sample, 0.0
    else:
        unit = abs(float(np.mean(sample.baseline.means)))
        if not unit > 0:
            return None
        rises = float(np.mean(sample.baseline.means)) > 0  # oriented: higher is better, and above zero
        factor = 1 - margin.share if rises else 1 + margin.share
        slack, offset = _with_baseline(sample, factor), margin.share
    bound = suite_lower(slack, level=level)
    return SuiteNumbers(
        sample=sample,
        scale=unit,
        estimate=sample.mean / unit,
        lower=bound.value / unit - offset,
        upper=suite_upper(sample, level=level) / unit,
        bound=bound.binding,
        test=within_p(sample, alpha=alpha),
        smallest_p=smallest_within_p(sample, alpha=alpha),
        margin=margin.share,
        largest_loss=largest_loss,
        alpha=alpha,
        room=room(sample.baseline.counts, sample.candidate.counts, level=level) * sample.span / unit,
    )


def _with_baseline(sample: RepeatedSample, factor: float) -> RepeatedSample:
    scaled = Repeats(values=sample.baseline.values * factor, starts=sample.baseline.starts)
    return RepeatedSample(
        baseline=scaled, candidate=sample.candidate, span=sample.span, is_binary=False, seed=sample.seed
    )
