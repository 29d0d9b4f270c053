"""Put findings together into the one record that every report shows.

Decides the verdict, whether an open one is allowed, and the reasons. Reads no files, computes no statistic.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from stopship.model.canonical import digest, digest_of_set
from stopship.model.columns import Columns
from stopship.model.rule import Rule
from stopship.model.verdict import EXIT_CODES, ArmPin, Decision, Finding, Record, Verdict, compose
from stopship.steps.about import About
from stopship.steps.examples import described, examples_of, sides
from stopship.steps.forecast import Forecast, forecast
from stopship.steps.judge import judge, judge_alone
from stopship.steps.pair import Pairing, lost_faults
from stopship.steps.scored import Arm
from stopship.steps.stats.multiplicity import benjamini_hochberg
from stopship.steps.terms import Reference, Terms
from stopship.steps.way import with_ways

_SHOWN = (Decision.REGRESSION, Decision.SUSPECT)  # they have a line of their own
_DISCOVERIES = 0.10  # share of what is listed that may be chance
_EXAMPLES = 3
_KEYS = 3  # of failed cases named in a reason
_OPEN = {
    Decision.BLIND: "not proven",
    Decision.SUSPECT: "looks broken, though not proven over all checks",
    Decision.INCONCLUSIVE: "not proven",
}
NO_BASELINE = "no baseline"


_COMPARED = About()


def conclude(
    pairing: Pairing,
    rules: Sequence[Rule],
    columns: Columns,
    *,
    alpha: float,
    allow: bool,
    examples: int | None,
    about: About = _COMPARED,
    references: Sequence[Reference] = (),
) -> Record:
    """The record of a comparison. `allow`: an UNDECIDED without sign of harm exits 0."""
    faults = pairing.faults
    faults += tuple(f"against the {one.kind}: {why}" for one in references for why in one.pairing.faults)
    findings = (
        ()
        if faults
        else judge(pairing, about.at_this_look(rules), about.terms_at(alpha), references=references)
    )
    own = sides(pairing.baseline, pairing.candidate)
    compared = {
        (one.kind, rule.id): sides(one.pairing.baseline, one.pairing.candidate)
        for one in references
        for rule in one.rules
    }
    findings = _owned(described(about.against_alpha(findings), compared, own), rules)
    findings = with_ways(findings, pairing, rules, about)
    verdict = Verdict.VOID if faults else compose(findings)
    allowed = allow and may_be_allowed(verdict, findings)
    chances = _chances(pairing, rules, findings, alpha=alpha, about=about)
    said = _unchanged(pairing, rules, verdict, alpha=alpha) if about.deterministic else ()
    return replace(
        _blank(verdict, rules, columns, alpha=alpha, about=about),
        exit_code=0 if allowed else EXIT_CODES[verdict],
        allowed=allowed,
        reasons=faults or _reasons(findings, verdict, allow=allow, allowed=allowed),
        counts=_counts(pairing, about),
        baseline=about.baseline or _pin(pairing.baseline),
        candidate=about.candidate or _pin(pairing.candidate),
        findings=findings,
        new_keys=pairing.new_keys,
        also=_also(findings),
        p_ship=chances.p_ship,
        p_ship_assumes=chances.assumes,
        p_ship_measured=chances.is_measured,
        notes=(*about.notes, *said, *([chances.unused] if chances.unused else [])),
        examples=examples_of(findings, compared, own, examples_wanted(examples, verdict)),
    )


def conclude_alone(
    arm: Arm,
    rules: Sequence[Rule],
    columns: Columns,
    *,
    alpha: float,
    allow: bool,
    examples: int | None,
    is_new_suite: bool = False,
    about: About = _COMPARED,
) -> Record:
    """The record of a candidate that has no baseline: limits and `must_pass` are judged on it alone.

    Without a baseline nothing ships, unless the suite is new and these rules say all there is to say.
    """
    faults = tuple(lost_faults(arm, "candidate", about.lost_limit))
    own = sides(None, arm)
    judged = () if faults else judge_alone(arm, about.at_this_look(rules), about.terms_at(alpha))
    findings = _owned(described(about.against_alpha(judged), {}, own), rules)
    verdict = Verdict.VOID if faults else compose(findings)
    if not faults and not (verdict is Verdict.STOP or _has_errors(findings)):
        faults = _unjudged(rules, findings, is_new_suite=is_new_suite)
        verdict = Verdict.VOID if faults else verdict
    allowed = allow and may_be_allowed(verdict, findings)
    return replace(
        _blank(verdict, rules, columns, alpha=alpha, about=about),
        exit_code=0 if allowed else EXIT_CODES[verdict],
        allowed=allowed,
        reasons=faults or _reasons(findings, verdict, allow=allow, allowed=allowed),
        counts={
            "candidate": len(arm.keys),
            "unanswered_candidate": arm.answered.count(0),
            "lost_candidate": len(arm.lost),
        },
        candidate=about.candidate or _pin(arm),
        findings=findings,
        examples=examples_of(findings, {}, own, examples_wanted(examples, verdict)),
    )


def _also(findings: Sequence[Finding]) -> tuple[str, ...]:
    """Losses that decide nothing and stand out all the same: Benjamini & Hochberg at 10 % over all checks."""
    tested = [one for one in findings if one.kind == "compare" and one.p is not None]
    adjusted = benjamini_hochberg([one.p or 0.0 for one in tested])
    return tuple(
        f"{one.title} in {one.scope}: {one.worse} of {one.n} cases worse, {one.better} better"
        for one, q in sorted(zip(tested, adjusted, strict=True), key=lambda it: (it[1], it[0].harm))
        if q <= _DISCOVERIES and (one.delta or 0.0) < 0 and not (one.decision in _SHOWN or one.holds)
        if one.scope != "all"  # which has a line of its own, whatever it decides
    )


def _chances(
    pairing: Pairing, rules: Sequence[Rule], findings: Sequence[Finding], *, alpha: float, about: About
) -> Forecast:
    """P(SHIP) of an identical build and what it assumes; nothing where none could ship or no case flips."""
    is_never = any(one.stops and one.expects_improvement for one in rules)
    if about.deterministic or is_never or not findings:
        return Forecast()
    repeats = 2 / (1 / pairing.baseline.repeats + 1 / pairing.candidate.repeats)
    return forecast(findings, rules, pairing.baseline, alpha=alpha, noise=about.noise, repeats=repeats)


def _unchanged(pairing: Pairing, rules: Sequence[Rule], verdict: Verdict, *, alpha: float) -> tuple[str, ...]:
    """Said of a deterministic target where the baseline itself, judged against itself, would not ship."""
    if verdict not in (Verdict.STOP, Verdict.UNDECIDED):
        return ()
    same = replace(pairing, candidate=pairing.baseline, after=pairing.before, new_keys=())
    plain = [replace(one, expects_improvement=False) for one in rules]
    held = [one for one in judge(same, plain, Terms(alpha=alpha)) if one.is_broken or one.holds]
    named = list(dict.fromkeys(f"{one.title} in {one.scope}" for one in held))
    if not named:
        return ()
    more = f" and {len(named) - _KEYS} more" if len(named) > _KEYS else ""
    verb = "holds" if len(named) == 1 else "hold"
    return (
        f"a build that changed nothing would not ship either: {', '.join(named[:_KEYS])}{more} {verb} it",
    )


def _owned(findings: Sequence[Finding], rules: Sequence[Rule]) -> tuple[Finding, ...]:
    """The findings with what their rules say for people: who is asked, and which harm it is."""
    known = {one.id: one for one in rules}
    return tuple(
        replace(
            one,
            owner=known[one.rule].owner,
            incident_class=kind.value if (kind := known[one.rule].incident_class) else "",
            note=known[one.rule].note,
        )
        for one in findings
    )


def _unjudged(rules: Sequence[Rule], findings: Sequence[Finding], *, is_new_suite: bool) -> tuple[str, ...]:
    """Why a candidate without a baseline cannot ship; empty: its limits and `must_pass` say enough."""
    if not is_new_suite:
        return (NO_BASELINE,)
    if not any(one.stops for one in findings):
        return ("nothing here can be judged without a baseline",)
    return tuple(
        f"{one.id}: an improvement is expected, and nothing shows one without a baseline"
        for one in rules
        if one.stops and one.expects_improvement
    )


def concluded_again(record: Record, findings: tuple[Finding, ...], *, allow: bool) -> Record:
    """The record with findings that further outputs changed, which make no verdict better than it was."""
    verdict = compose(findings)
    if verdict is Verdict.SHIP:
        verdict = record.verdict
    allowed = allow and may_be_allowed(verdict, findings)
    return replace(
        record,
        verdict=verdict,
        exit_code=0 if allowed else EXIT_CODES[verdict],
        allowed=allowed,
        reasons=_reasons(findings, verdict, allow=allow, allowed=allowed),
        findings=findings,
    )


def void(
    reason: str, rules: Sequence[Rule], columns: Columns, *, alpha: float, about: About = _COMPARED
) -> Record:
    """The record where the evidence could not even be read."""
    return replace(_blank(Verdict.VOID, rules, columns, alpha=alpha, about=about), reasons=(reason,))


def conclude_findings(  # noqa: PLR0913  # what `Pairing` tells `conclude` comes one by one
    findings: Sequence[Finding],
    rules: Sequence[Rule],
    columns: Columns,
    *,
    faults: Sequence[str],
    counts: Mapping[str, int],
    pins: tuple[ArmPin, ArmPin],
    new_keys: tuple[str, ...],
    alpha: float,
    allow: bool,
) -> Record:
    """The record of a comparison that was judged from sums: as `conclude`, without cases and a forecast."""
    verdict = Verdict.VOID if faults else compose(findings)
    allowed = allow and may_be_allowed(verdict, findings)
    return replace(
        _blank(verdict, rules, columns, alpha=alpha, about=_COMPARED),
        exit_code=0 if allowed else EXIT_CODES[verdict],
        allowed=allowed,
        reasons=tuple(faults) or _reasons(findings, verdict, allow=allow, allowed=allowed),
        counts=counts,
        baseline=pins[0],
        candidate=pins[1],
        findings=() if faults else tuple(findings),
        new_keys=new_keys,
    )


def _blank(
    verdict: Verdict, rules: Sequence[Rule], columns: Columns, *, alpha: float, about: About
) -> Record:
    """A record without its evidence."""
    return Record(
        verdict=verdict,
        exit_code=EXIT_CODES[verdict],
        allowed=False,
        reasons=(),
        counts={},
        baseline=None,
        candidate=None,
        scorers={
            one.scorer.spec: one.scorer.digest for one in sorted(rules, key=lambda one: one.scorer.spec)
        },
        rules_digest=rules_digest(rules, columns, alpha=alpha),
        alpha=alpha,
        suite=about.suite,
        changes=about.changes,
        notes=about.notes,
        deterministic=about.deterministic,
    )


def rules_digest(rules: Sequence[Rule], columns: Columns, *, alpha: float) -> str:
    """One digest over every rule, every column's meaning and the error rate. Notes change nothing."""
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
    named: dict[str, object] = {
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
    if columns.groups or columns.modes:
        named["groups"] = [[one.name, [str(where) for where in one.where]] for one in columns.groups]
        named["modes"] = [list(one) for one in columns.modes]
    return digest({"rules": listed, "columns": named, "alpha": alpha})


def _pin(arm: Arm) -> ArmPin:
    return ArmPin(digest=digest_of_set(arm.digests), rows=len(arm.keys))


def examples_wanted(examples: int | None, verdict: Verdict) -> int:
    """How many worst cases are shown: as asked, else a few of what does not ship."""
    if examples is not None:
        return examples
    return 0 if verdict is Verdict.SHIP else _EXAMPLES


def _counts(pairing: Pairing, about: About) -> Mapping[str, int]:
    counts = {
        "baseline": len(pairing.baseline.keys),
        "candidate": len(pairing.candidate.keys),
        "paired": len(pairing.keys),
        "missing": len(pairing.baseline.keys) - len(pairing.keys),
        "new": len(pairing.new_keys),
        "unanswered_baseline": pairing.baseline.answered.count(0),
        "unanswered_candidate": pairing.candidate.answered.count(0),
        "left_out_by_filter": len(pairing.baseline.excluded),
    }
    if about.suite:
        counts["lost_baseline"] = len(pairing.baseline.lost)
        counts["lost_candidate"] = len(pairing.candidate.lost)
    return counts


def may_be_allowed(verdict: Verdict, findings: Sequence[Finding]) -> bool:
    """Whether `undecided = allow` covers what holds this verdict."""
    held = [one for one in findings if one.holds]
    if verdict is not Verdict.UNDECIDED or any(one.shows_harm for one in findings):
        return False
    return all(one.may_be_allowed for one in held)


def _has_errors(findings: Sequence[Finding]) -> bool:
    return any(one.stops and one.decision is Decision.ERROR for one in findings)


def _reasons(findings: Sequence[Finding], verdict: Verdict, *, allow: bool, allowed: bool) -> tuple[str, ...]:
    errors = tuple(f"{one.title}: {one.why}" for one in findings if one.decision is Decision.ERROR)
    ordered = sorted(findings, key=_cohorts_first)
    if verdict is Verdict.VOID:
        return errors or ("no stop-ship rule has anything to judge",)
    if verdict is Verdict.STOP:
        return (
            *(
                f"{one.title} in {one.scope}: {_counted(one)}{_asked(one)}"
                for one in ordered
                if one.is_broken
            ),
            *errors,
        )
    if verdict is Verdict.UNDECIDED:
        held = [one for one in ordered if one.holds]
        reasons = tuple(f"{one.title} in {one.scope}: {_open(one)}" for one in held)
        return (*reasons, *_uncovered(held, allow=allow, allowed=allowed), *errors)
    return errors


def _uncovered(held: Sequence[Finding], *, allow: bool, allowed: bool) -> tuple[str, ...]:
    """Why `undecided = allow` does not let this build pass."""
    if not allow or allowed:
        return ()
    fix = ", nor a fix that does not show" if any(one.expects for one in held) else ""
    return (f"`undecided allow` does not cover a suspect scope or a loss at or beyond the margin{fix}",)


def _open(one: Finding) -> str:
    said = _OPEN.get(one.decision, "no improvement")
    return "; ".join(part for part in (", ".join(filter(None, (said, one.leaning))), one.why) if part)


def _cohorts_first(one: Finding) -> tuple[bool, float]:
    return (one.scope == "all", one.harm)


def _asked(one: Finding) -> str:
    return f"; owner {one.owner}" if one.owner else ""


def _counted(one: Finding) -> str:
    if one.kind == "limit":
        return f"{one.candidate:.4g} where {one.limit} is promised"
    if one.kind == "must_pass":
        named = ", ".join(repr(key) for key in one.worse_keys[:_KEYS]) + (", …" if one.worse > _KEYS else "")
        return f"{one.worse} of {one.n} cases that must pass failed ({named})"
    return f"{one.worse} of {one.n} cases got worse, {one.better} better"
