"""Turn sums over very many pairs into findings: the rules, weights and decisions of `judge`, without a row.

Decides nothing by itself that `decide` does not; takes comparisons in points alone, and refuses other rules.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256

import numpy as np

from stopship.errors import UsageError
from stopship.model.rule import ALPHA, MIN_COHORT, Margin, Mode, Rule
from stopship.model.score import Direction
from stopship.model.verdict import Decision, Finding
from stopship.steps.decide import Numbers, absolute_numbers, decide
from stopship.steps.judge import decided
from stopship.steps.stats.multiplicity import weighted_holm
from stopship.steps.stats.summed import Summed
from stopship.steps.sums import MetricSums
from stopship.steps.weights import rule_weights, scope_weight

SumsOf = Callable[[Rule], MetricSums]


@dataclass(frozen=True, slots=True)
class _Scope:
    """A place in the arrays of the sums."""

    index: int
    name: str
    mode: Mode

    @property
    def is_all(self) -> bool:
        return self.index == 0


def refuse_rules(rules: Sequence[Rule]) -> None:
    """Raise UsageError for a rule that sums cannot judge."""
    for one in rules:
        what = _beyond_sums(one)
        if what:
            raise UsageError(
                f"{one.id}: {what}",
                do="sums judge comparisons in points of a range; judge this rule with `stopship compare`",
            )


def judge_sums(
    rules: Sequence[Rule],
    sums_of: SumsOf,
    *,
    modes: Mapping[str, Mode] | None = None,
    alpha: float = ALPHA,
) -> tuple[Finding, ...]:
    """Every finding of every rule, without the keys of cases.

    `sums_of` gives the sums of a rule's metric, and is asked once a rule, so that one metric at a time need
    be held. `modes`: of scopes by name, where a cohort is not a guard from 25 rows on. Raises UsageError for
    rules that `refuse_rules` does not let by.
    """
    refuse_rules(rules)
    findings: list[Finding] = []
    for rule, weight in zip(rules, rule_weights(rules, alpha=alpha), strict=True):
        findings += _compare(rule, sums_of(rule), modes or {}, weight, alpha)
    return tuple(findings)


def _beyond_sums(rule: Rule) -> str:
    if rule.margin is None or rule.limit is not None:
        return "a limit or `must_pass` looks at the candidate alone"
    if rule.margin.relative or not rule.scorer.scale.is_bounded:
        return "a margin in percent depends on where scores are cut, which takes the scores themselves"
    if rule.must_pass is not None or rule.where or rule.anchor_margin is not None:
        return "`must_pass`, `where` and `anchor_margin` choose cases or runs, which sums do not tell apart"
    if rule.expects_improvement:
        return "`expect` is for fixes, whose cases are few"
    return ""


def _compare(
    rule: Rule, sums: MetricSums, modes: Mapping[str, Mode], weight: float, alpha: float
) -> list[Finding]:
    scopes = _scopes(sums, modes)
    why = _fault(rule, sums, scopes)
    if why:
        return [replace(_counted(rule, sums, scopes[0]), decision=Decision.ERROR, why=why)]
    gating = sum(1 for one in scopes if one.mode is not Mode.WATCH and not one.is_all)
    tested = []
    for scope in scopes:
        if scope.mode is not Mode.WATCH and sums.n[scope.index]:
            share = scope_weight(is_all=scope.is_all, cohorts=gating)
            tested.append((scope, share, _numbers(rule, sums, scope, alpha * weight * share)))
    holm = weighted_holm([one.test.p for *_, one in tested], [share for _, share, _ in tested])
    findings = {
        scope.name: _finding(
            _counted(rule, sums, scope), numbers, min(1.0, p / weight), weight * share, alpha
        )
        for (scope, share, numbers), p in zip(tested, holm, strict=True)
    }
    for scope in scopes:
        if scope.name not in findings:
            findings[scope.name] = _untested(_counted(rule, sums, scope))
    return [findings[one.name] for one in scopes]


def _scopes(sums: MetricSums, modes: Mapping[str, Mode]) -> list[_Scope]:
    names = sums.book.scopes
    if unknown := sorted(set(modes) - set(names[1:])):
        raise UsageError(
            f"the cohort {unknown[0]!r} has a mode, and the code book has no such cohort",
            do="write a mode as 'column=value' of a value that cases have",
        )
    found = [_Scope(0, "all", Mode.PROVE)]
    for index, name in enumerate(names[1:], start=1):
        is_large = int(sums.rows[index]) >= MIN_COHORT
        found.append(_Scope(index, name, modes.get(name) or (Mode.GUARD if is_large else Mode.WATCH)))
    return found


def _fault(rule: Rule, sums: MetricSums, scopes: Sequence[_Scope]) -> str:
    """Why no number of this metric may be read; empty where all is sound."""
    if rule.scorer.scale.kind.value == "binary" and not sums.is_binary:
        return "the sums are those of a metric that is not binary"
    if count := int(sums.one_armed[0]):
        cases = f"{count} case{'s' if count != 1 else ''}"
        return f"{cases} can be scored in one arm and not in the other"
    if not sums.n[0]:
        return "no case has anything that this score could judge"
    if empty := [one.name for one in scopes if not sums.rows[one.index]]:
        return f"no case is in the cohort {empty[0]!r}"
    return ""


def _numbers(rule: Rule, sums: MetricSums, scope: _Scope, alpha: float) -> Numbers:
    at, scale = scope.index, rule.scorer.scale
    baseline = float(sums.before[at, 0]) / int(sums.n[at])
    is_higher = rule.better is Direction.HIGHER
    largest_loss = (baseline - scale.low if is_higher else scale.high - baseline) / scale.span
    return absolute_numbers(
        _summed(rule, sums, scope),
        _margin(rule, scope),
        largest_loss=largest_loss,
        is_rate=sums.is_binary,
        alpha=alpha,
    )


def _margin(rule: Rule, scope: _Scope) -> Margin:
    margin = rule.margin if scope.is_all else rule.cohort_margin or rule.margin
    assert margin is not None  # noqa: S101  # `refuse_rules` lets no other rule by
    return margin


def _summed(rule: Rule, sums: MetricSums, scope: _Scope) -> Summed:
    at = scope.index
    units = None if sums.clusters is None else sums.clusters.units(at)
    extremes = np.concatenate([sums.losses[at], sums.gains[at]])
    kept, streams = sums.kept.of(at)
    n = int(sums.n[at])
    named = "\x00".join((rule.scorer.spec, scope.name, str(n)))
    return Summed(
        n=n,
        total=float(sums.difference[at, 0]),
        sum_of_squares=float(sums.square[at, 0]),
        worse=int(sums.worse[at]),
        better=int(sums.better[at]),
        extremes=extremes[extremes != 0],
        kept=kept,
        streams=streams,
        units=None if units is None or len(units.sizes) == n else units,
        is_binary=sums.is_binary,
        seed=sha256(named.encode("utf-8", "surrogatepass")).digest(),
    )


def _finding(counted: Finding, numbers: Numbers, p_adjusted: float, weight: float, alpha: float) -> Finding:
    adjusted_alpha = alpha * weight
    decision = decide(numbers, p_adjusted=p_adjusted, alpha=alpha, adjusted_alpha=adjusted_alpha)
    return decided(counted, numbers, decision, p_adjusted, adjusted_alpha)


def _counted(rule: Rule, sums: MetricSums, scope: _Scope) -> Finding:
    """The counts of a scope, which is all a watched one has."""
    at, n, scale = scope.index, int(sums.n[scope.index]), rule.scorer.scale
    sign = 1.0 if rule.better is Direction.HIGHER else -1.0
    baseline = float(sums.before[at, 0]) / n if n else None
    change = sign * scale.span * float(sums.difference[at, 0]) / n if n else 0.0
    margin = _margin(rule, scope)
    return Finding(
        rule=rule.id,
        metric=rule.scorer.spec,
        scope=scope.name,
        kind="compare",
        mode=rule.mode if scope.is_all else scope.mode,
        severity=rule.severity,
        decision=Decision.UNTESTED,
        n=n,
        n_effective=float(n),
        unscored=int(sums.unscored[at]),
        left_out=int(sums.one_armed[at]),
        worse=int(sums.worse[at]),
        better=int(sums.better[at]),
        baseline=baseline,
        candidate=None if baseline is None else baseline + change,
        margin=margin.share,
    )


def _untested(counted: Finding) -> Finding:
    if counted.mode is Mode.WATCH:
        return counted
    why = "no case here has anything that this score could judge"
    return replace(counted, decision=Decision.BLIND, why=why)
