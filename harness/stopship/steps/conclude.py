"""Put findings together into the one record that every report shows.

Decides the verdict, whether an open one is allowed, the reasons and the examples. Reads no files.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from stopship.model.canonical import digest, digest_of_set
from stopship.model.columns import Columns
from stopship.model.rule import Mode, Rule
from stopship.model.verdict import (
    EXIT_CODES,
    ArmPin,
    Decision,
    Example,
    Finding,
    Record,
    Verdict,
    WorseCase,
    compose,
)
from stopship.steps.arm import Arm
from stopship.steps.forecast import forecast
from stopship.steps.judge import judge
from stopship.steps.pair import Pairing

_EXAMPLES = 3
_OPEN = {
    Decision.BLIND: "not proven",
    Decision.SUSPECT: "looks broken, though not proven over all checks",
    Decision.INCONCLUSIVE: "not proven",
}
_SIFTED = 100  # of the worst cases, from which those are described that most checks find worse
_WORST = 20  # cases a finding describes one by one; all of them are named by key


def conclude(
    pairing: Pairing,
    rules: Sequence[Rule],
    columns: Columns,
    *,
    alpha: float,
    allow: bool,
    examples: int | None,
) -> Record:
    """The record of a comparison. `allow`: an UNDECIDED without sign of harm exits 0."""
    sound = not pairing.faults
    findings = judge(pairing, rules, alpha=alpha) if sound else ()
    often = Counter(key for one in findings if one.is_broken or one.holds for key in one.worse_keys)
    rows = {key: i for i, key in enumerate(pairing.keys)}
    findings = tuple(_with_worst(pairing, one, often, rows) for one in findings)
    verdict = compose(findings) if sound else Verdict.VOID
    held = [one for one in findings if one.holds]
    if examples is None:
        examples = 0 if verdict is Verdict.SHIP else _EXAMPLES
    harmed = any(one.shows_harm for one in findings)
    allowed = (
        verdict is Verdict.UNDECIDED and allow and all(one.may_be_allowed for one in held) and not harmed
    )
    return Record(
        verdict=verdict,
        exit_code=0 if allowed else EXIT_CODES[verdict],
        allowed=allowed,
        reasons=_reasons(pairing, findings, verdict, allow=allow, allowed=allowed),
        counts=_counts(pairing),
        baseline=_pin(pairing.baseline),
        candidate=_pin(pairing.candidate),
        scorers={
            one.scorer.spec: one.scorer.digest for one in sorted(rules, key=lambda one: one.scorer.spec)
        },
        rules_digest=rules_digest(rules, columns, alpha=alpha),
        alpha=alpha,
        findings=findings,
        new_keys=pairing.new_keys,
        p_ship=forecast(findings, rules, alpha=alpha) if sound else (),
        examples=_examples(pairing, findings, examples),
    )


def void(reason: str, rules: Sequence[Rule], columns: Columns, *, alpha: float) -> Record:
    """The record where the evidence could not even be read."""
    return Record(
        verdict=Verdict.VOID,
        exit_code=EXIT_CODES[Verdict.VOID],
        allowed=False,
        reasons=(reason,),
        counts={},
        baseline=None,
        candidate=None,
        scorers={
            one.scorer.spec: one.scorer.digest for one in sorted(rules, key=lambda one: one.scorer.spec)
        },
        rules_digest=rules_digest(rules, columns, alpha=alpha),
        alpha=alpha,
    )


def rules_digest(rules: Sequence[Rule], columns: Columns, *, alpha: float) -> str:
    """One digest over every rule, every column's meaning and the error rate."""
    listed = [
        {
            "id": one.id,
            "score": one.scorer.spec,
            "better": one.better.value,
            "margin": str(one.margin) if one.margin else None,
            "cohort_margin": str(one.cohort_margin) if one.cohort_margin else None,
            "limit": str(one.limit) if one.limit else None,
            "severity": one.severity.value,
            "mode": one.mode.value,
            "alpha": one.alpha,
        }
        for one in rules
    ]
    named = {
        "key": columns.key,
        "output": columns.output,
        "input": columns.input,
        "expected": columns.expected,
        "latency": columns.latency,
        "cost": columns.cost,
        "cohorts": list(columns.cohorts),
        "cluster": columns.cluster,
        "where": [str(one) for one in columns.where],
    }
    return digest({"rules": listed, "columns": named, "alpha": alpha})


def _pin(arm: Arm) -> ArmPin:
    return ArmPin(digest=digest_of_set(arm.digests), rows=len(arm.keys))


def _counts(pairing: Pairing) -> Mapping[str, int]:
    return {
        "baseline": len(pairing.baseline.keys),
        "candidate": len(pairing.candidate.keys),
        "paired": len(pairing.keys),
        "missing": len(pairing.baseline.keys) - len(pairing.keys),
        "new": len(pairing.new_keys),
        "unanswered_baseline": pairing.baseline.answered.count(0),
        "unanswered_candidate": pairing.candidate.answered.count(0),
        "left_out_by_filter": len(pairing.baseline.excluded),
    }


def _reasons(
    pairing: Pairing, findings: Sequence[Finding], verdict: Verdict, *, allow: bool, allowed: bool
) -> tuple[str, ...]:
    if pairing.faults:
        return pairing.faults
    reasons = [f"{one.rule}: {one.why}" for one in findings if one.decision is Decision.ERROR]
    if reasons:
        return tuple(reasons)
    if verdict is Verdict.STOP:
        broken = sorted((one for one in findings if one.is_broken), key=_cohorts_first)
        return tuple(f"{one.rule} in {one.scope}: {_counted(one)}" for one in broken)
    if verdict is Verdict.UNDECIDED:
        reasons = [
            f"{one.rule} in {one.scope}: {_OPEN[one.decision]}, {one.leaning}; {one.why}"
            for one in sorted(findings, key=_cohorts_first)
            if one.holds
        ]
        if allow and not allowed:
            reasons.append(
                "`undecided allow` does not cover a suspect scope or a loss at or beyond the margin"
            )
        return tuple(reasons)
    return ()


def _cohorts_first(one: Finding) -> tuple[bool, float]:
    return (one.scope == "all", one.delta or 0.0)


def _counted(one: Finding) -> str:
    if one.kind == "limit":
        return f"{one.candidate:.4g} where {one.limit} is promised"
    return f"{one.worse} of {one.n} cases got worse, {one.better} better"


def _with_worst(
    pairing: Pairing, finding: Finding, often: Mapping[str, int], index: Mapping[str, int]
) -> Finding:
    """The finding with its worst cases described, those first that other checks find worse too."""
    if finding.metric not in pairing.baseline.scores:
        return finding
    before, after = pairing.baseline.scores[finding.metric], pairing.candidate.scores[finding.metric]
    worst = []
    for key in sorted(finding.worse_keys[:_SIFTED], key=lambda key: -often[key])[:_WORST]:
        if key not in index:
            continue  # a new case, known to the candidate alone
        old, new = int(pairing.before[index[key]]), int(pairing.after[index[key]])
        worst.append(
            WorseCase(
                key=key,
                before=before.labels[old] or f"{before.values[old]:.6g}",
                after=after.labels[new] or f"{after.values[new]:.6g}",
                reason=after.reasons[new],
            )
        )
    return replace(finding, worst=tuple(worst))


def _examples(pairing: Pairing, findings: Sequence[Finding], most: int) -> tuple[Example, ...]:
    """The worst cases of the findings that matter most: broken cohorts, then what holds, then the rest."""
    shown = [one for one in _by_urgency(findings) if one.worst][:1]
    found: list[Example] = []
    index = {key: i for i, key in enumerate(pairing.keys)}
    for finding in shown:
        for case in finding.worst[:most]:
            row = index[case.key]
            before = pairing.baseline.openings[int(pairing.before[row])]
            after = pairing.candidate.openings[int(pairing.after[row])]
            found.append(
                Example(
                    key=case.key,
                    rule=finding.rule,
                    scope=finding.scope,
                    before_label=case.before,
                    after_label=case.after,
                    before=before.decode("utf-8", "surrogatepass"),
                    after=after.decode("utf-8", "surrogatepass"),
                    reason=case.reason,
                )
            )
    return tuple(found)


def _by_urgency(findings: Sequence[Finding]) -> list[Finding]:
    def urgency(one: Finding) -> tuple[bool, bool, bool, float]:
        return (not one.is_broken, not one.holds, one.scope == "all", one.delta or 0.0)

    return sorted((one for one in findings if one.mode is not Mode.WATCH), key=urgency)
