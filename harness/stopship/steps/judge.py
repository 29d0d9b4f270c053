"""Turn a pairing into findings: every rule in every scope, with one error rate for all of them.

Pure: no files, no clock, no randomness but signs drawn from the cases' own digest. Anything it cannot see
counts against shipping.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256

import numpy as np

from stopship.model.rule import DEFAULT_COHORT_MARGIN, DEFAULT_MARGIN, Margin, Mode, Rule, Severity
from stopship.model.score import Direction, Kind
from stopship.model.suite import Estimand
from stopship.model.verdict import PROVEN, Decision, Finding
from stopship.steps.decide import Numbers, absolute_numbers, decide, explain, relative_numbers
from stopship.steps.decide_suite import SuiteNumbers, suite_numbers
from stopship.steps.limits import limit_finding
from stopship.steps.metric import CandidateOnly, Measured, measure, measure_candidate, repeated
from stopship.steps.must_pass import must_pass_finding
from stopship.steps.pair import SELECTION, Pairing, Scope, chosen, kept_clusters
from stopship.steps.scored import Arm
from stopship.steps.stats.multiplicity import weighted_holm
from stopship.steps.stats.sample import Codes, Floats, Sample
from stopship.steps.tail import Pairs, tail_finding
from stopship.steps.tail_limit import tail_limit_finding
from stopship.steps.terms import ONE_SAMPLE, Reference, Terms
from stopship.steps.weights import rule_weights, scope_weight


@dataclass(frozen=True, slots=True)
class _Tested:
    scope: Scope
    kept: Codes  # indices of the pairs with a value
    numbers: Numbers | SuiteNumbers
    weight: float  # of the scope within the rule


def judge(
    pairing: Pairing,
    rules: Sequence[Rule],
    terms: Terms = ONE_SAMPLE,
    *,
    references: Sequence[Reference] = (),
) -> tuple[Finding, ...]:
    """Every finding of every rule. No pairing may have faults."""
    shares = rule_weights(rules, alpha=terms.alpha)
    findings: list[Finding] = []
    for rule, share in zip(rules, shares, strict=True):
        group = f"{SELECTION}{rule.id}" if rule.where else ""
        held_to = [(one, own) for one in references for own in one.rules if own.id == rule.id]
        is_held = rule.is_waived and rule.limit is not None and rule.margin is None
        part = share / max(1, (rule.margin is not None) + (rule.limit is not None) + len(held_to) + is_held)
        if rule.margin is not None:
            own_pairs = chosen(pairing, group) if group else pairing
            findings += [_expecting(rule, one) for one in _compare(own_pairs, rule, part, terms)]
        if rule.limit is not None:
            pairs = chosen(pairing, group) if group else pairing
            candidate = measure_candidate(
                pairing.candidate, rule.scorer, rule.better, pairing=pairs, group=group
            )
            limited = replace(rule, severity=Severity.WARN) if rule.is_waived else rule
            findings.append(_limited(limited, candidate, part, terms))
        if is_held:
            own_pairs = chosen(pairing, group) if group else pairing
            findings += _compare(own_pairs, _no_further(rule), part, terms)
        for reference, adapted in held_to:
            findings += _against(reference, adapted, group, part, terms)
        if rule.must_pass is not None:
            spared = terms.excused.get(rule.id, frozenset())
            findings.append(must_pass_finding(rule, pairing.candidate, pairing.baseline, excused=spared))
    return tuple(findings)


def judge_alone(candidate: Arm, rules: Sequence[Rule], terms: Terms = ONE_SAMPLE) -> tuple[Finding, ...]:
    """What can be said without a baseline: limits and `must_pass`, at the error rates they have with one."""
    findings = []
    for rule, share in zip(rules, rule_weights(rules, alpha=terms.alpha), strict=True):
        if rule.limit is not None:
            group = f"{SELECTION}{rule.id}" if rule.where else ""
            measured = measure_candidate(candidate, rule.scorer, rule.better, group=group)
            part = share / (2 if rule.margin is not None else 1)
            findings.append(_limited(rule, measured, part, terms))
        if rule.must_pass is not None:
            spared = terms.excused.get(rule.id, frozenset())
            findings.append(must_pass_finding(rule, candidate, None, excused=spared))
    return tuple(findings)


def _limited(rule: Rule, measured: CandidateOnly, weight: float, terms: Terms) -> Finding:
    """The finding of a promise about a mean, a rate or a tail."""
    if rule.limit is not None and rule.limit.tail:
        return _at_last(tail_limit_finding(rule, measured, weight=weight, alpha=terms.alpha), terms)
    return limit_finding(rule, measured, weight=weight, alpha=terms.alpha, level=terms.level)


def _at_last(finding: Finding, terms: Terms) -> Finding:
    """A tail passes at the last look alone: its bounds are made for one look at 95 %."""
    if terms.is_last or finding.decision not in PROVEN:
        return finding
    return replace(finding, decision=Decision.INCONCLUSIVE, why="a tail is judged at the last look")


def _against(reference: Reference, rule: Rule, group: str, weight: float, terms: Terms) -> Iterator[Finding]:
    """The rule's comparison with another run, named for what that run is."""
    pairing = chosen(reference.pairing, group) if group else reference.pairing
    if reference.kind == "anchor":
        pairing = replace(pairing, scopes=pairing.scopes[:1])
    for one in _compare(pairing, rule, weight, terms):
        yield replace(one, kind=reference.kind)


def _no_further(rule: Rule) -> Rule:
    """The rule whose limit is waived, as a comparison with the accepted run: it may be no worse than that."""
    is_bounded = rule.scorer.scale.is_bounded
    margin = Margin(DEFAULT_MARGIN) if is_bounded else Margin(DEFAULT_COHORT_MARGIN, relative=True)
    cohort = Margin(max(DEFAULT_COHORT_MARGIN, margin.share), relative=not is_bounded)
    return replace(rule, margin=margin, cohort_margin=cohort, limit=None)


def _expecting(rule: Rule, finding: Finding) -> Finding:
    """A comparison of which an improvement is expected: `all` must show it."""
    if not rule.expects_improvement or finding.scope != "all":
        return finding
    is_told = finding.decision in (Decision.ERROR, Decision.IMPROVED, Decision.REGRESSION, Decision.SUSPECT)
    why = finding.why if is_told else "an improvement is expected"
    return replace(finding, expects=True, why=why, cases_needed=None)


def _compare(pairing: Pairing, rule: Rule, weight: float, terms: Terms) -> list[Finding]:
    measured = measure(pairing, rule.scorer, rule.better)
    if measured.fault or not measured.kept.any():
        why = measured.fault or _nothing(rule, measured)
        return [_error(rule, measured, why)]
    if why := _lost_too_much(pairing, rule, measured):
        return [_error(rule, measured, why)]
    if rule.margin is not None and rule.margin.tail is not None:
        return [_at_last(_tail(pairing, rule, measured, weight, terms.alpha), terms)]
    tested, untested = [], []
    gating = sum(1 for one in pairing.scopes if one.mode is not Mode.WATCH and one.name != "all")
    for scope in pairing.scopes:
        kept = scope.members[measured.kept[scope.members]]
        if scope.mode is Mode.WATCH or not len(kept):
            untested.append((scope, kept))
            continue
        share = scope_weight(is_all=scope.name == "all", cohorts=gating)
        adjusted = terms.alpha * weight * share
        numbers = _numbers(pairing, rule, scope, kept, measured, adjusted, terms)
        if numbers is None and scope.name == "all":
            why = (
                "the baseline's mean, cut at the 99th percentile, is not above zero: no percent of it exists"
            )
            return [_error(rule, measured, why)]
        if numbers is None:
            untested.append((scope, kept))
            continue
        tested.append(_Tested(scope, kept, numbers, share))
    holm = weighted_holm([one.numbers.test.p for one in tested], [one.weight for one in tested])
    findings = {
        one.scope.name: _finding(pairing, rule, measured, one, min(1.0, p / weight), weight, terms)
        for one, p in zip(tested, holm, strict=True)
    }
    for scope, kept in untested:
        findings[scope.name] = _counted(pairing, rule, measured, scope, kept)
    return [findings[scope.name] for scope in pairing.scopes]


def _lost_too_much(pairing: Pairing, rule: Rule, measured: Measured) -> str:
    """Why losses, few among all cases, are too many in a cohort: they could hide more than its margin."""
    for scope in pairing.scopes[1:]:  # of all cases the pairing allows a share
        lost = int(measured.lost[scope.members].sum())
        margin = margin_of(rule, scope)
        allowed = max(DEFAULT_COHORT_MARGIN, 0.0 if margin.relative else margin.share)
        if scope.mode is not Mode.WATCH and lost > 1 and lost > allowed * len(scope.members):
            return (
                f"infrastructure lost {lost} of {len(scope.members)} cases in {scope.name}, which could hide "
                "more than is allowed there: ask for them again"
            )
    return ""


def _tail(pairing: Pairing, rule: Rule, measured: Measured, weight: float, alpha: float) -> Finding:
    """The comparison of a tail, which looks at all pairs as a whole."""
    kept = np.flatnonzero(measured.kept)
    keys = [pairing.keys[i] for i in kept]
    pairs = Pairs(
        before=measured.before[kept],
        after=measured.after[kept],
        keys=keys,
        clusters=kept_clusters(pairing, kept),
        seed=seed_of(rule, pairing.scopes[0], keys),
    )
    return replace(
        tail_finding(rule, pairs, weight=weight, alpha=alpha),
        unscored=int(measured.unscored.sum()),
        left_out=int(measured.left_out.sum()),
        unreadable=int(measured.unreadable.sum()),
    )


def _nothing(rule: Rule, measured: Measured) -> str:
    if rule.where and not len(measured.kept):
        return f"no pair matches {' and '.join(str(one) for one in rule.where)}"
    return "no case has anything that this score could judge"


def _numbers(
    pairing: Pairing, rule: Rule, scope: Scope, kept: Codes, measured: Measured, alpha: float, terms: Terms
) -> Numbers | SuiteNumbers | None:
    margin = margin_of(rule, scope)
    clusters = kept_clusters(pairing, kept)
    seed = seed_of(rule, scope, [pairing.keys[i] for i in kept])
    before, after = measured.before[kept], measured.after[kept]
    if terms.estimand is Estimand.SUITE:
        return suite_numbers(
            repeated(pairing, rule, measured, kept, seed=seed),
            margin,
            alpha=alpha,
            largest_loss=_largest_loss(rule, before),
            level=terms.level,
        )
    if margin.relative:
        return relative_numbers(
            before, after, clusters, rule.better, margin, alpha=alpha, seed=seed, level=terms.level
        )
    sign = 1.0 if rule.better is Direction.HIGHER else -1.0
    is_rate = rule.scorer.scale.kind is Kind.BINARY
    sample = Sample(
        differences=sign * (after - before) / rule.scorer.scale.span,
        is_binary=is_rate and pairing.is_single,
        outputs=measured.outputs(kept),
        clusters=clusters,
        seed=seed,
    )
    loss = _largest_loss(rule, before)
    return absolute_numbers(
        sample, margin, largest_loss=loss, is_rate=is_rate, alpha=alpha, level=terms.level
    )


def _largest_loss(rule: Rule, before: Floats) -> float:
    """What the candidate could lose at most, as a share."""
    scale = rule.scorer.scale
    if not scale.is_bounded:
        return float("inf") if rule.better is Direction.LOWER else 1.0
    worst = scale.low if rule.better is Direction.HIGHER else scale.high
    return float(np.mean(np.abs(before - worst))) / scale.span


def margin_of(rule: Rule, scope: Scope) -> Margin:
    """The margin that holds in a scope."""
    margin = rule.margin if scope.name == "all" else rule.cohort_margin or rule.margin
    assert margin is not None  # noqa: S101  # only rules that compare come here
    return margin


def seed_of(rule: Rule, scope: Scope, keys: Sequence[str]) -> bytes:
    """What random signs and relabelings are drawn from: the cases' identity."""
    named = "\x00".join((rule.scorer.spec, scope.name, *keys))
    return sha256(named.encode("utf-8", "surrogatepass")).digest()


def _finding(
    pairing: Pairing,
    rule: Rule,
    measured: Measured,
    one: _Tested,
    p_adjusted: float,
    weight: float,
    terms: Terms,
) -> Finding:
    numbers = one.numbers
    adjusted_alpha = terms.alpha * weight * one.weight
    decision = decide(
        numbers,
        p_adjusted=p_adjusted,
        alpha=terms.alpha,
        adjusted_alpha=adjusted_alpha,
        suspicion=terms.suspicion,
    )
    counted = _counted(pairing, rule, measured, one.scope, one.kept)
    return decided(counted, numbers, decision, p_adjusted, adjusted_alpha)


def decided(
    counted: Finding, numbers: Numbers | SuiteNumbers, decision: Decision, p_adjusted: float, alpha: float
) -> Finding:
    """A finding of counts, with its decision and the numbers behind it; `alpha`: adjusted."""
    is_open = decision in (Decision.BLIND, Decision.INCONCLUSIVE) and numbers.estimate > -numbers.margin
    return replace(
        counted,
        decision=decision,
        n_effective=numbers.n_effective,
        delta=numbers.estimate,
        lower=numbers.lower,
        upper=numbers.upper,
        p=numbers.test.p,
        p_adjusted=p_adjusted,
        test=numbers.test.name,
        bound=numbers.bound,
        mde=numbers.mde(alpha),
        p_pass=numbers.chance_of_pass(),
        leaning=numbers.leaning,
        cases_needed=numbers.cases_needed() if is_open else None,
        why=explain(decision, numbers),
    )


def _counted(pairing: Pairing, rule: Rule, measured: Measured, scope: Scope, kept: Codes) -> Finding:
    """The counts of a scope, which is all a watched or empty one has."""
    sign = 1.0 if rule.better is Direction.HIGHER else -1.0
    change = sign * (measured.after[kept] - measured.before[kept])
    worse, better = kept[change < 0], kept[change > 0]
    margin = margin_of(rule, scope)
    size = dict(zip(kept.tolist(), change.tolist(), strict=True))
    decision, why = _untested(measured, scope, kept, worse)
    return Finding(
        rule=rule.id,
        metric=rule.scorer.spec,
        scope=scope.name,
        kind="compare",
        mode=rule.mode if scope.name == "all" else scope.mode,
        severity=rule.severity,
        decision=decision,
        n=len(kept),
        n_effective=float(len(kept)),
        unscored=int(measured.unscored[scope.members].sum()),
        left_out=int(measured.left_out[scope.members].sum()),
        unreadable=int(measured.unreadable[scope.members].sum()),
        worse=len(worse),
        better=len(better),
        baseline=float(np.mean(measured.before[kept])) if len(kept) else None,
        candidate=float(np.mean(measured.after[kept])) if len(kept) else None,
        margin=margin.share,
        relative=margin.relative,
        why=why,
        worse_keys=_by_size(pairing, worse, size),
        better_keys=_by_size(pairing, better, {i: -d for i, d in size.items()}),
    )


def _untested(measured: Measured, scope: Scope, kept: Codes, worse: Codes) -> tuple[Decision, str]:
    """What is said of a scope before, or without, any test."""
    if scope.mode is Mode.WATCH:
        return Decision.UNTESTED, ""
    if not len(kept) and (measured.left_out | measured.lost)[scope.members].any():
        return Decision.ERROR, f"{scope.name} has no output to compare with or to compare"
    if not len(kept):
        return Decision.BLIND, "no case here has anything that this score could judge"
    if len(worse):
        return Decision.SUSPECT, "the baseline's mean is zero here, and some cases got worse"
    return Decision.BLIND, "the baseline's mean is zero here: no percent of it exists"


def _by_size(pairing: Pairing, chosen: Codes, size: dict[int, float]) -> tuple[str, ...]:
    ordered = sorted(chosen.tolist(), key=lambda i: (size[i], pairing.keys[i]))
    return tuple(pairing.keys[i] for i in ordered)


def _error(rule: Rule, measured: Measured, why: str) -> Finding:
    return Finding(
        rule=rule.id,
        metric=rule.scorer.spec,
        scope="all",
        kind="compare",
        mode=rule.mode,
        severity=rule.severity,
        decision=Decision.ERROR,
        n=int(measured.kept.sum()),
        unscored=int(measured.unscored.sum()),
        left_out=int(measured.left_out.sum()),
        margin=rule.margin.share if rule.margin else None,
        relative=bool(rule.margin and rule.margin.relative),
        tail=str(rule.margin.tail) if rule.margin and rule.margin.tail else "",
        why=why,
    )
