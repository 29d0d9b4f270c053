"""The ways to decide a check that was left open: more cases, or more outputs of those that there are.

From the noise seen in this very comparison. Estimates for people, never an input to a verdict.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from math import ceil

import numpy as np

from stopship.model.rule import Rule
from stopship.model.suite import Estimand
from stopship.model.verdict import Decision, Finding, Way
from stopship.steps.about import About
from stopship.steps.metric import measure, repeated, worst_end
from stopship.steps.pair import SELECTION, Pairing, chosen, kept_clusters
from stopship.steps.stats.bounds import LEVEL, Z, smallest_n
from stopship.steps.stats.further import chance_with
from stopship.steps.stats.noise import between_variance, noise_of, repeats_needed
from stopship.steps.stats.planning import Z_POWER
from stopship.steps.stats.pvalues import MIN_CLUSTERS
from stopship.steps.stats.repeated import RepeatedSample
from stopship.steps.stats.sample import Codes
from stopship.steps.stats.suite_bounds import fewest_cases

_POWER, _STEP = 0.8, 1.3
_MOST_REPEATS = 50  # outputs a case that anyone would draw
_OPEN = (Decision.BLIND, Decision.INCONCLUSIVE)


def with_ways(
    findings: Sequence[Finding], pairing: Pairing, rules: Sequence[Rule], about: About
) -> tuple[Finding, ...]:
    """The findings, and with those that leave the build open the ways to decide them, the cheapest first."""
    known = {one.id: one for one in rules}
    return tuple(
        replace(one, ways=_cheapest_first(one, known[one.rule], pairing, about))
        if _is_open(one, known[one.rule], pairing)
        else one
        for one in findings
    )


def _is_open(one: Finding, rule: Rule, pairing: Pairing) -> bool:
    """Whether more of the same evidence could make it ship."""
    if not one.holds or one.decision not in _OPEN or one.kind != "compare" or one.tail or one.expects:
        return False
    if one.delta is None or one.lower is None or one.margin is None or one.delta <= -one.margin:
        return False
    if pairing.clusters is not None and one.n_effective < MIN_CLUSTERS:
        return False
    scale = rule.scorer.scale
    if not scale.is_bounded or one.baseline is None:
        return True
    return abs(one.baseline - worst_end(rule.scorer, rule.better)) / scale.span > one.margin


def _cheapest_first(one: Finding, rule: Rule, pairing: Pairing, about: About) -> tuple[Way, ...]:
    sample, clusters = _sample(one, rule, pairing)
    is_suite = about.terms.estimand is Estimand.SUITE
    found = _for_suite(one, sample, pairing) if is_suite else [*_for_traffic(one, sample, clusters, pairing)]
    able = [way for way in found if about.can_repeat or way.kind == "cases"]
    told = [way if about.usd is None else replace(way, usd=way.calls * about.usd) for way in able]
    return tuple(sorted(told, key=lambda way: (way.calls, way.kind != "cases")))


def _for_traffic(
    one: Finding, sample: RepeatedSample, clusters: Codes | None, pairing: Pairing
) -> Iterator[Way]:
    repeats = max(pairing.baseline.repeats, pairing.candidate.repeats)
    cases = _cases(one)
    yield Way(kind="cases", cases=cases, repeats=repeats, calls=2 * repeats * (cases - one.n))
    assert one.margin is not None  # noqa: S101  # or it were not open
    if one.n_effective < smallest_n(min(one.margin, 0.999)):
        return  # repeats do not lower the floor
    lasting, wanted = _lasting(sample), one.n / cases
    if wanted > lasting:
        outputs = ceil(repeats * (1 - lasting) / (wanted - lasting) - 1e-9)
        unit = abs(float(np.mean(sample.baseline.means))) if one.relative else sample.span
        while repeats < outputs <= _MOST_REPEATS:
            if chance_with(sample, outputs, margin=one.margin * unit, clusters=clusters) >= _POWER:
                yield _outputs(one, outputs, repeats, pairing)
                return
            outputs = max(outputs + 1, ceil(outputs * _STEP))  # the guarded bound is wider than the formula


def _for_suite(one: Finding, sample: RepeatedSample, pairing: Pairing) -> list[Way]:
    """Only outputs: there are no other cases."""
    repeats = max(pairing.baseline.repeats, pairing.candidate.repeats)
    if sample.baseline.counts.max() < 2 or sample.candidate.counts.max() < 2:
        return []
    assert one.margin is not None  # noqa: S101  # or it were not open
    unit = abs(float(np.mean(sample.baseline.means))) if one.relative else sample.span
    needed = repeats_needed(noise_of(sample, suite=True), one.margin * unit, one.n, alpha=1 - LEVEL)
    outputs = repeats + 1
    while outputs <= _MOST_REPEATS:
        if outputs >= needed and fewest_cases(one.margin * unit / sample.span, outputs) <= one.n:
            return [_outputs(one, outputs, repeats, pairing)]
        outputs += 1
    return []


def _outputs(one: Finding, outputs: int, repeats: int, pairing: Pairing) -> Way:
    """More outputs of every case of the suite, in both arms."""
    calls = 2 * len(pairing.keys) * (outputs - repeats)
    return Way(kind="outputs", cases=one.n, repeats=outputs, calls=calls)


def _cases(one: Finding) -> int:
    """The cases that decide with power 80 %.

    For a candidate that changed nothing, where so many are not there yet; else for one whose change is what
    it seems to be, from its standard error (estimate - bound) / z.
    """
    assert one.delta is not None and one.lower is not None and one.margin is not None  # noqa: PT018, S101
    if one.cases_needed is not None and one.cases_needed > one.n:
        return one.cases_needed
    error = (one.delta - one.lower) / Z
    needed = one.n * ((Z + Z_POWER) * error / (one.margin + one.delta)) ** 2
    return max(one.n + 1, ceil(min(needed, 1e15)))


def _lasting(sample: RepeatedSample) -> float:
    """The share of the variance of a case's difference that no further output of it takes away, 0..1.

    None of it where each case has one output: what is chance and what is change cannot be told apart, and a
    candidate that changed nothing has chance alone.
    """
    whole = float(np.var(sample.differences, ddof=1)) if sample.n > 1 else 0.0
    return min(1.0, between_variance(sample) / whole) if whole else 0.0


def _sample(one: Finding, rule: Rule, pairing: Pairing) -> tuple[RepeatedSample, Codes | None]:
    """The single outputs of the finding's scope, and the clusters of its cases."""
    own = chosen(pairing, f"{SELECTION}{rule.id}") if rule.where else pairing
    measured = measure(own, rule.scorer, rule.better)
    scope = next(it for it in own.scopes if it.name == one.scope)
    kept = scope.members[measured.kept[scope.members]]
    return repeated(own, rule, measured, kept, seed=b""), kept_clusters(own, kept)
