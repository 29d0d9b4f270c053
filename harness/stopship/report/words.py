"""How findings read: which come first, and how their numbers are written.

Shared by every face of the record, so that all say the same. Never computes a statistic.
"""

from stopship.model.rule import MIN_COHORT, Mode
from stopship.model.verdict import PROVEN, Decision, Finding, Record, Verdict

HEADLINES = {
    Verdict.SHIP: "every stop-ship rule is proven within its margin",
    Verdict.STOP: "it got worse",
    Verdict.UNDECIDED: "the evidence is complete but too thin to decide",
    Verdict.VOID: "the evidence cannot be judged",
}


def headline(record: Record) -> str:
    """`STOP  candidate 7c1e5a2b vs baseline 3fa0c911   exit 20`."""
    sides = ""
    if record.baseline and record.candidate:
        sides = f"  candidate {record.candidate.digest[:8]} vs baseline {record.baseline.digest[:8]}"
    allowed = " (allowed)" if record.allowed else ""
    return f"{record.verdict.value}{sides}   exit {record.exit_code}{allowed}"


def summary(record: Record) -> str:
    """What the verdict means, in a few words."""
    said = HEADLINES[record.verdict]
    if record.allowed:
        said += "; allowed to pass: no loss at or beyond a margin"
    warned = sum(1 for one in record.findings if not one.stops and one.decision is Decision.REGRESSION)
    if warned and record.verdict is Verdict.SHIP:
        said += f"; {warned} {'check' if warned == 1 else 'checks'} of warning rules broken"
    return said


def reason_lines(record: Record) -> list[list[str]]:
    """The lines of each reason. Only an unreadable file's has two: what is wrong, and what to do."""
    at_most = 1 if record.baseline is None else 0
    return [one.split("\n", at_most) for one in record.reasons]


def by_urgency(record: Record) -> list[Finding]:
    """Broken first (cohorts before `all`), then what holds, then `all` of each rule, guards, watched ones."""

    def rank(one: Finding) -> tuple[int, bool, float, str, str]:
        if one.decision is Decision.ERROR:
            group = 0
        elif one.is_broken:
            group = 1
        elif one.holds or (not one.stops and one.decision in (Decision.REGRESSION, Decision.SUSPECT)):
            group = 2
        elif one.scope == "all":
            group = 3
        else:
            group = 5 if one.mode is Mode.WATCH else 4
        return (group, one.scope == "all", one.delta if one.delta is not None else 0.0, one.rule, one.scope)

    return sorted(record.findings, key=rank)


def status(one: Finding) -> str:
    """`BROKEN p .021`, `broken (warning)`, `suspect p .04`, `not proven`, `ok`, `watched`."""
    if one.decision is Decision.ERROR:
        return "VOID"
    if one.decision is Decision.UNTESTED:
        return "watched"
    if one.decision is Decision.REGRESSION:
        return f"BROKEN p {probability(one.p_adjusted)}" if one.stops else "broken (warning)"
    if one.decision is Decision.SUSPECT:
        return f"suspect p {probability(one.p)}"
    if one.decision is Decision.BLIND:
        return "not proven (blind)"
    if one.decision is Decision.INCONCLUSIVE:
        return "not proven"
    return {Decision.IMPROVED: "ok, improved", Decision.PASS_DEGRADED: "ok, slightly worse"}.get(
        one.decision, "ok"
    )


def probability(p: float | None) -> str:
    """A p-value to two significant figures, without a leading zero: `.021`, `<.0001`."""
    if p is None:
        return "-"
    if p < 0.0001:
        return "<.0001"
    digits = 2 if p >= 0.1 else 3 if p >= 0.01 else 4
    return f"{p:.{digits}f}".lstrip("0") if p < 1 else "1"


def share(value: float | None, one: Finding) -> str:
    """A share as people read it: points of the range, or per cent of the baseline's mean."""
    if value is None:
        return "-"
    if one.kind == "limit":
        return f"{value:+.3g}"
    return f"{value * 100:+.1f} {'%' if one.relative else 'pt'}"


def allowed(one: Finding) -> str:
    if one.kind == "limit":
        return one.limit
    if one.margin is None:
        return "-"
    return f"-{one.margin * 100:g} {'%' if one.relative else 'pt'}"


def mean(value: float | None) -> str:
    """A mean in the score's own unit to four significant figures, and never in powers of ten above 1."""
    if value is None:
        return "-"
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.4g}"


COLUMNS = ("rule", "scope", "cases", "worse", "better", "change", "could be", "allowed", "")
LEGEND = "change: minus is worse; could be: the worst that these cases do not rule out (95 %)"


def row(one: Finding) -> tuple[str, ...]:
    """The cells of a finding under COLUMNS; names are as they are in the data, to be neutralised.

    A limit judges the candidate alone: `worse` is what lies outside it, `change` the mean itself.
    """
    is_limit = one.kind == "limit"
    return (
        one.rule,
        one.scope,
        str(one.n),
        f"{one.worse} out" if is_limit else str(one.worse),
        "-" if is_limit else str(one.better),
        f"is {mean(one.candidate)}" if is_limit else share(one.delta, one),
        mean(_could_be(one)) if is_limit else share(one.lower, one),
        allowed(one),
        status(one),
    )


def sentence(one: Finding) -> str:
    """A broken finding in one line, counts before averages."""
    if one.kind == "limit":
        return (
            f"{one.rule} in {one.scope}: {one.worse} of {one.n} cases outside, mean {mean(one.candidate)}, "
            f"allowed {allowed(one)}, p {probability(one.p_adjusted)}"
        )
    return (
        f"{one.rule} in {one.scope}: {one.worse} of {one.n} cases worse, {one.better} better, "
        f"mean {mean(one.baseline)} -> {mean(one.candidate)}, change {share(one.delta, one)}, "
        f"allowed {allowed(one)}, p {probability(one.p_adjusted)}"
    )


def _could_be(one: Finding) -> float | None:
    """The worst mean that the data still allow, in the score's own unit."""
    if one.candidate is None or one.delta is None or one.lower is None:
        return None
    room = one.delta - one.lower
    return one.candidate + room if one.limit.startswith("at most") else one.candidate - room


def _has_nothing_to_tell(one: Finding) -> bool:
    """A guard with so few cases for this score that it could not be a guard, and none of them worse."""
    return one.mode is Mode.GUARD and one.decision is Decision.BLIND and one.n < MIN_COHORT and not one.worse


def split_for_people(record: Record) -> tuple[list[Finding], list[Finding], list[Finding]]:
    """Findings worth a line each, cohort checks that are fine, and watched cohorts."""
    shown: list[Finding] = []
    fine: list[Finding] = []
    watched: list[Finding] = []
    for one in by_urgency(record):
        if one.mode is Mode.WATCH or _has_nothing_to_tell(one):
            watched.append(one)
        elif one.scope != "all" and one.decision in PROVEN:
            fine.append(one)
        else:
            shown.append(one)
    return shown, fine, watched
