"""What this many cases can detect and decide: MDE, the n that would decide, P(pass) of an identical build.

Estimates for people, never an input to a decision.

Sources: Connor RJ. Moments size for testing differences in proportions for the paired-sample design.
Biometrics 43 (1987) 207-211; Miller E. Adding error bars to evals. arXiv 2411.00640 (2024).
"""

from collections.abc import Callable
from math import ceil, erf, sqrt

from stopship.steps.stats.bounds import Z, lower_bound, normal_quantile, smallest_n
from stopship.steps.stats.moments import Moments
from stopship.steps.stats.tails import binomial_at_most, binomial_probability
from stopship.steps.stats.tango import score_statistic

POWER = 0.80
_NORMAL_FROM = 250  # of the variance of the number of changed cases
Z_POWER = normal_quantile(POWER)


def minimum_detectable_effect(sample: Moments, *, alpha: float, rate: float | None = None) -> float:
    """The smallest true drop that this scope finds with power 80 % at level `alpha`, at most the span.

    Connor's equation: the test sees the second moment of the differences as it is under the drop, which is
    what was seen plus what the drop adds. `rate`: the share that the baseline passes, of a metric whose
    outputs pass or fail, where a drop is taken to spread over all outputs in proportion; what it adds follows
    from that. Without it a drop adds nothing, but where the differences are -1, 0 or 1 a drop of 5 points
    still needs 5 % of the cases to change. Where nothing changed, z^2 / (n + z^2) of the cases might have.
    """
    z = normal_quantile(1 - min(alpha, 0.5))
    n = sample.n_effective
    floor = Z * Z / (n + Z * Z)
    if sample.is_binary and not sample.is_clustered:
        changed = sample.worse + sample.better
        moment = changed / sample.n if changed else floor
        added = _added(sample, moment, rate) if rate is not None else lambda drop: drop - moment
        return connor(moment, n, z, added)
    moment = (sample.standard_error / sample.span) ** 2 * n or floor
    if rate is None:
        return min(sample.span, sample.span * (z + Z_POWER) * sqrt(moment / n))
    seen = sample.sum_of_squares / sample.span**2 / sample.n or floor
    of_a_case = _added(sample, seen, rate)
    return sample.span * connor(moment, n, z, lambda drop: of_a_case(drop) * n / sample.n)


def _added(sample: Moments, moment: float, rate: float) -> Callable[[float], float]:
    """`added_by_drop`, with the noise of one output read off the differences.

    The moment is never below that of the drop alone: the drop itself where each case has one output, whose
    difference is -1, 0 or 1; its square where there are several, over which it spreads.
    """
    before, after = sample.outputs
    noise = min(moment / (1 / before + 1 / after), rate * (1 - rate))
    power = 1 if max(before, after) == 1 else 2

    def added(drop: float) -> float:
        return max(added_by_drop(drop, rate=rate, noise=noise, outputs=after), drop**power - moment)

    return added


def added_by_drop(drop: float, *, rate: float, noise: float, outputs: float) -> float:
    """What a drop adds to the second moment of a case's difference, for outputs that pass or fail.

    With the rates p of the cases, E p = `rate` and E p (1 - p) = `noise`, the drop taking the share
    t = drop / E p of every p: t^2 E p^2 for the loss itself, and (q (1 - q) - p (1 - p)) / R_c for the
    `outputs` R_c of the candidate, which pass with q = (1 - t) p.
    """
    share = min(1.0, drop / rate) if rate > 0 else 1.0
    squared = rate - noise  # E p^2
    return share * share * squared + ((2 * share - share * share) * squared - drop) / outputs


def cases_to_decide(sample: Moments, *, margin: float) -> int:
    """How many cases an unchanged candidate needs to be proven within `margin` with power 80 %.

    max(n_min, (z_.95 + z_.80)^2 psi / margin^2) with psi the variance of one case's difference; both in the
    unit of the differences; margin > 0. With clusters psi carries the design effect.
    """
    share = margin / sample.span
    if sample.is_binary and not sample.is_clustered:
        variance = (sample.worse + sample.better) / sample.n
    else:
        variance = (sample.standard_error / sample.span) ** 2 * sample.n
    needed = min((Z + Z_POWER) ** 2 * variance / max(share, 1e-6) ** 2, 1e15)
    design = sample.n / sample.n_effective
    return int(max(ceil(smallest_n(min(share, 0.999)) * design), ceil(needed)))


def chance_of_pass(sample: Moments, *, margin: float) -> float:
    """P(proven within `margin`) of a candidate that changed nothing but flips as often as was seen here."""
    share = margin / sample.span
    if sample.n_effective < smallest_n(min(share, 0.999)):
        return 0.0
    if sample.is_binary and not sample.is_clustered:
        return chance_of_pass_at(_flips(sample), sample.n, margin=share)
    if sample.standard_error == 0:
        return 1.0
    width = sample.mean - lower_bound(sample).value  # of the guarded bound, which is wider than Student's
    return _normal_cdf((margin - width) / sample.standard_error)


def chance_of_pass_at(flips: float, n: int, *, margin: float) -> float:
    """P(Tango's bound clears -margin) for n cases of which each flips with probability `flips`, evenly.

    Exact sums over the number of changed cases up to where their probability is below 1e-9; where
    hundreds change, the normal limit at the expected number of them, which is within .002.
    """
    if n < smallest_n(margin):
        return 0.0
    if n * flips * (1 - flips) > _NORMAL_FROM:
        return _limit_of_pass(n * flips, n, margin)
    total = 0.0
    weights = binomial_weights(n, flips)
    allowed = _most_worse(weights[0][0], n, margin)
    for place, (changed, weight) in enumerate(weights):
        if place and score_statistic(allowed + 1, changed - allowed - 1, n, -margin) > Z:
            allowed += 1  # one more change lifts it by 0 or 1
        if allowed >= 0:
            total += weight * binomial_at_most(allowed, changed, 0.5)
    return min(1.0, total)


def _limit_of_pass(changed: float, n: int, margin: float) -> float:
    """The normal limit of `chance_of_pass_at`: better less worse has the variance `changed`."""
    low, high = -changed, changed
    for _ in range(60):
        middle = (low + high) / 2
        if score_statistic((changed - middle) / 2, (changed + middle) / 2, n, -margin) > Z:
            high = middle
        else:
            low = middle
    return _normal_cdf(-high / sqrt(changed))


def _most_worse(changed: int, n: int, margin: float) -> int:
    """The most pairs out of `changed` that may get worse with the bound still clear; -1: none."""
    low, high = -1, changed
    while low < high:
        middle = (low + high + 1) // 2
        if score_statistic(middle, changed - middle, n, -margin) > Z:
            low = middle
        else:
            high = middle - 1
    return low


def binomial_weights(n: int, share: float) -> list[tuple[int, float]]:
    """(k, P(X = k)) for X ~ Binomial(n, share), leaving out tails of less than 1e-9."""
    if share <= 0:
        return [(0, 1.0)]
    spread = 7 * sqrt(n * share * (1 - share)) + 7
    first, last = max(0, int(n * share - spread)), min(n, int(n * share + spread))
    return [(k, binomial_probability(k, n, share)) for k in range(first, last + 1)]


def connor(
    moment: float, n: float, z: float, added: Callable[[float], float], *, z_power: float = Z_POWER
) -> float:
    """The drop D with D sqrt(n) = z sqrt(psi) + z_power sqrt(psi - D^2), psi = moment + max(0, added(D))."""
    low, high = 0.0, 1.0
    for _ in range(60):
        drop = (low + high) / 2
        psi = moment + max(0.0, added(drop))
        if drop * sqrt(n) < z * sqrt(psi) + z_power * sqrt(max(psi - drop * drop, 0.0)):
            low = drop
        else:
            high = drop
    return high


def _flips(sample: Moments) -> float:
    return (sample.worse + sample.better) / sample.n


def _normal_cdf(z: float) -> float:
    return (1 + erf(z / sqrt(2))) / 2
