"""How much outputs vary from run to run, and what cases and repeats that noise asks for.

Estimates for people who plan a suite, never an input to a decision.

Sources: Miller E. Adding error bars to evals. arXiv 2411.00640 (2024), for the variance of the mean; Connor
RJ, Biometrics 43 (1987) 207-211, for why a drop of D needs D of the pairs to change.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, fsum, inf, sqrt

import numpy as np

from stopship.steps.stats.bounds import normal_quantile
from stopship.steps.stats.planning import POWER, added_by_drop, connor
from stopship.steps.stats.repeated import RepeatedSample, Repeats

MOST_REPEATS = 1000  # outputs a case that are thought of


@dataclass(frozen=True, slots=True, kw_only=True)
class Noise:
    """The variances of one metric, in the square of its unit; all 0 for outputs that never vary."""

    baseline: float  # mean over cases of the variance of one output, >= 0
    candidate: float
    between: float = 0.0  # w^2: of the true change between cases
    span: float = 1.0
    is_binary: bool = False
    suite: bool = False  # chance is in the repeats alone: `between` does not count
    rate: float | None = (
        None  # at most this share passes, where outputs pass or fail; None: a drop adds nothing
    )

    def of_a_case(self, baseline_repeats: int, candidate_repeats: int) -> float:
        """The variance of one case's difference of means: w^2 + s_b^2 / R_b + s_c^2 / R_c."""
        between = 0.0 if self.suite else self.between
        return between + self.baseline / baseline_repeats + self.candidate / candidate_repeats

    @property
    def grows(self) -> bool:
        """Whether a drop adds to the variance by what is known of it (`added_by_drop`)."""
        return self.is_binary and not self.suite and self.rate is not None

    def under(self, drop: float, baseline_repeats: int, candidate_repeats: int) -> float:
        """The second moment of a case's difference under a drop.

        Where each case has one output, as many cases must change; of several, the means do.
        """
        moment = self.of_a_case(baseline_repeats, candidate_repeats)
        assert self.rate is not None  # noqa: S101  # `grows` says so
        noise = min(self.baseline, self.rate * (1 - self.rate)) if self.rate < 1 else self.baseline
        added = added_by_drop(drop, rate=self.rate, noise=noise, outputs=candidate_repeats)
        power = 1 if baseline_repeats == candidate_repeats == 1 else 2
        return max(moment + max(0.0, added), drop**power)


@dataclass(frozen=True, slots=True, kw_only=True)
class Design:
    """A way to detect a drop: so many cases, so many outputs of each in each arm."""

    cases: int
    baseline_repeats: int
    candidate_repeats: int
    calls: int  # outputs still to be drawn


def within_variance(arm: Repeats) -> float:
    """The mean over cases of the unbiased variance of one output; cases with one output say nothing.

    Raises ValueError where no case has two outputs.
    """
    repeated = arm.counts > 1
    if not repeated.any():
        raise ValueError("noise shows in cases with two outputs or more; every case has one")
    told = arm.variances[repeated]
    return fsum(told.tolist()) / len(told)


def flip_share(arm: Repeats, *, far: float = 0.0) -> float:
    """psi: the share of cases in which two single outputs of this arm differ by more than `far`.

    The mean over cases of the share of pairs of outputs that differ; for a binary metric twice the within
    variance. Raises ValueError where no case has two outputs.
    """
    shares = []
    for case in np.flatnonzero(arm.counts > 1).tolist():
        values = arm.ordered[arm.starts[case] : arm.starts[case + 1]]
        many = len(values)
        near = np.searchsorted(values, values + far + 1e-12, side="right") - np.arange(1, many + 1)
        shares.append(1 - float(near.sum()) / (many * (many - 1) / 2))
    if not shares:
        raise ValueError("flips show in cases with two outputs or more; every case has one")
    return fsum(shares) / len(shares)


def between_variance(sample: RepeatedSample) -> float:
    """w^2: how much the true change varies between cases, without what the repeats add by chance; >= 0.

    The variance of the case differences less the mean of s_b^2 / R_b + s_c^2 / R_c, over cases with two
    outputs or more in both arms. 0 below two such cases.
    """
    rb, rc = sample.baseline.counts, sample.candidate.counts
    told = (rb > 1) & (rc > 1)
    if np.count_nonzero(told) < 2:
        return 0.0
    by_chance = (sample.baseline.variances / rb + sample.candidate.variances / rc)[told]
    return max(0.0, float(np.var(sample.differences[told], ddof=1)) - float(by_chance.mean()))


def noise_of(sample: RepeatedSample, *, suite: bool) -> Noise:
    """The noise of a pair of runs; the estimand is `suite` or else traffic."""
    return Noise(
        baseline=within_variance(sample.baseline),
        candidate=within_variance(sample.candidate),
        between=between_variance(sample),
        span=sample.span,
        is_binary=sample.is_binary,
        suite=suite,
    )


def detectable_drop(
    noise: Noise,
    cases: int,
    baseline_repeats: int,
    candidate_repeats: int,
    *,
    alpha: float,
    power: float = POWER,
) -> float:
    """The smallest true drop > 0 found with this power at level `alpha`, in the metric's unit.

    (z_alpha + z_power) sqrt(variance of a case / n), at most the span. For a binary metric never below
    z^2 / (u + z^2): a drop of D needs D of the cases to change, whatever the noise.
    Without noise the variance of a case's difference is D - D^2, and u = n; with the suite estimand each case
    broken for good adds R_b + R_c - 1 to the square of the test's statistic, and u = n (R_b + R_c - 1).
    """
    if noise.grows:
        moment = noise.of_a_case(baseline_repeats, candidate_repeats)
        z = normal_quantile(1 - min(alpha, 0.5))

        def added(drop: float) -> float:
            return noise.under(drop, baseline_repeats, candidate_repeats) - moment

        return min(noise.span, connor(moment, cases, z, added, z_power=normal_quantile(power)))
    z = _z(alpha, power)
    drop = z * sqrt(noise.of_a_case(baseline_repeats, candidate_repeats) / cases)
    units = cases * _units(noise, baseline_repeats, candidate_repeats)
    return min(noise.span, max(drop, z * z / (units + z * z) if noise.is_binary else 0.0))


def cases_needed(
    noise: Noise,
    drop: float,
    baseline_repeats: int,
    candidate_repeats: int,
    *,
    alpha: float,
    power: float = POWER,
) -> int:
    """The fewest cases that detect a true drop > 0, in the metric's unit, with this power."""
    if noise.grows:
        psi = noise.under(drop, baseline_repeats, candidate_repeats)
        reach = normal_quantile(1 - min(alpha, 0.5)) * sqrt(psi)
        reach += normal_quantile(power) * sqrt(max(psi - drop * drop, 0.0))
        return max(1, ceil(min(reach * reach / drop**2, 1e15) - 1e-9))
    z = _z(alpha, power)
    needed = z * z * noise.of_a_case(baseline_repeats, candidate_repeats) / drop**2
    if noise.is_binary:
        units = _units(noise, baseline_repeats, candidate_repeats)
        needed = max(needed, z * z * (1 - drop) / drop / units)
    return max(1, ceil(min(needed, 1e15) - 1e-9))


def repeats_needed(noise: Noise, drop: float, cases: int, *, alpha: float, power: float = POWER) -> float:
    """The fewest outputs per case and arm, alike in both, that detect the drop; infinite where none do."""
    if noise.grows:
        for one in range(1, MOST_REPEATS + 1):
            if cases_needed(noise, drop, one, one, alpha=alpha, power=power) <= cases:
                return float(one)
        return inf
    z = _z(alpha, power)
    left = drop**2 * cases / (z * z) - (0.0 if noise.suite else noise.between)
    noisy = noise.baseline + noise.candidate
    if left < 0 or (left == 0 and noisy):
        return inf
    repeats = max(1, ceil(noisy / left - 1e-9)) if noisy else 1
    if noise.is_binary:
        units = z * z * (1 - drop) / drop / cases
        if units > 1 + 1e-9 and not noise.suite:
            return inf
        repeats = max(repeats, ceil((units + 1) / 2 - 1e-9))
    return float(repeats)


def cheapest(
    noise: Noise,
    drop: float,
    *,
    alpha: float,
    most_cases: float = inf,
    most_repeats: int = 10,
    baseline_kept: Sequence[int] = (),
    power: float = POWER,
) -> tuple[Design, ...]:
    """Every design that detects the drop, fewest calls first; ties: fewer repeats, as new cases teach more.

    Both arms are drawn with the same number of repeats; `baseline_kept` names numbers of repeats that the
    baseline already has in every case, which cost nothing. Empty where `most_cases` are too few at any
    number of repeats.
    """
    repeats = range(1, most_repeats + 1)
    pairs = [(one, one, one + one) for one in repeats]
    pairs += [(kept, one, one) for kept in baseline_kept for one in repeats]
    found = []
    for before, after, drawn in pairs:
        cases = cases_needed(noise, drop, before, after, alpha=alpha, power=power)
        if cases <= most_cases:
            calls = cases * drawn
            found.append(Design(cases=cases, baseline_repeats=before, candidate_repeats=after, calls=calls))
    return tuple(sorted(found, key=lambda one: (one.calls, one.candidate_repeats, one.baseline_repeats)))


def _units(noise: Noise, baseline_repeats: int, candidate_repeats: int) -> int:
    return baseline_repeats + candidate_repeats - 1 if noise.suite else 1


def _z(alpha: float, power: float) -> float:
    return normal_quantile(1 - min(alpha, 0.5)) + normal_quantile(power)
