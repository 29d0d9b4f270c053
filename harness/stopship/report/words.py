"""How findings read: which come first, and how their numbers are written.

Shared by every face of the record, so that all say the same. Never computes a statistic.
"""

from collections.abc import Callable

from stopship.model.rule import MIN_COHORT, Mode
from stopship.model.verdict import PROVEN, ArmPin, Decision, Finding, Record, Verdict
from stopship.report.neutral import plain
from stopship.report.pins import change_lines

_SHORT = 8  # characters of a run's id or of a digest in the headline

HEADLINES = {
    Verdict.SHIP: "every stop-ship rule that needs proof is proven within its margin",
    Verdict.STOP: "it got worse",
    Verdict.UNDECIDED: "the evidence is complete but too thin to decide",
    Verdict.VOID: "the evidence cannot be judged",
}


def _named(suite: str) -> str:
    return plain(suite, 80, keep_end=True)


def headline(record: Record, neutral: Callable[[str], str] = _named) -> str:
    """`STOP  support   candidate 7c1e5a2b vs baseline 3fa0c911   exit 20`; `neutral` writes the name."""
    said = [f"{record.verdict.value}  {neutral(record.suite)}" if record.suite else record.verdict.value]
    sides = " vs ".join(
        f"{noun} {_short(arm)}"
        for noun, arm in (("candidate", record.candidate), ("baseline", record.baseline))
        if arm is not None
    )
    if sides and record.suite:
        said.append(sides)
    elif sides:
        said[0] += f"  {sides}"
    allowed = " (allowed)" if record.allowed else ""
    return "   ".join([*said, f"exit {record.exit_code}{allowed}"])


def _short(arm: ArmPin) -> str:
    return plain((arm.run or arm.digest)[:_SHORT])


def change_line(record: Record) -> str:
    """`What changed: prompt v14 -> v15 (9 lines: +7 -2); model same`; empty for two compared files."""
    if not record.suite or record.baseline is None or record.candidate is None:
        return ""
    is_any = any(not one.is_same for one in record.changes)
    return plain(f"What changed: {'; '.join(change_lines(record.changes)) if is_any else 'no pin'}")


def summary(record: Record) -> str:
    """What the verdict means, in a few words."""
    said = _meaning(record)
    if record.allowed:
        said += "; allowed to pass: no loss at or beyond a margin"
    warned = sum(1 for one in record.findings if not one.stops and one.decision is Decision.REGRESSION)
    if warned and record.verdict is Verdict.SHIP:
        said += f"; {warned} {'check' if warned == 1 else 'checks'} of warning rules broken"
    waived = sum(len(one.waived_keys) for one in record.findings)
    if waived and record.verdict is Verdict.SHIP:
        said += f"; {waived} {'failure is' if waived == 1 else 'failures are'} waived"
    return said


def _meaning(record: Record) -> str:
    broken = [one for one in record.findings if one.is_broken]
    held = [one for one in record.findings if one.holds]
    if record.verdict is Verdict.STOP and all(one.kind == "must_pass" for one in broken) and broken:
        return "cases that must pass fail"
    if record.verdict is Verdict.STOP and record.baseline is None and record.candidate is not None:
        return "a promise is broken"
    if record.verdict is Verdict.SHIP and record.baseline is None:
        return "limits and must-pass hold; there is no baseline, so nothing was compared"
    if record.verdict is Verdict.UNDECIDED and held and all(one.expects for one in held):
        return "the improvement that is expected does not show"
    return HEADLINES[record.verdict]


def reason_lines(record: Record) -> list[list[str]]:
    """The lines of each reason. Only an unreadable file's has two: what is wrong, and what to do."""
    at_most = 1 if record.candidate is None else 0
    return [one.split("\n", at_most) for one in record.reasons]


def by_urgency(record: Record) -> list[Finding]:
    """Broken first (cohorts before `all`), then what holds, then `all` of each rule, guards, watched ones.

    What could not be judged comes first where that is the verdict, else after what is broken.
    """

    def rank(one: Finding) -> tuple[int, bool, float, str, str]:
        if one.decision is Decision.ERROR:
            group = 0 if record.verdict is Verdict.VOID else 2
        elif one.is_broken:
            group = 1
        elif one.holds or (not one.stops and one.decision in (Decision.REGRESSION, Decision.SUSPECT)):
            group = 3
        elif one.scope == "all":
            group = 4
        else:
            group = 6 if one.mode is Mode.WATCH else 5
        return (group, one.scope == "all", one.harm, one.rule, one.scope)

    return sorted(record.findings, key=rank)


def status(one: Finding) -> str:
    """How a check stands; of cases that fail under a waiver it is never a mere `ok`."""
    said = _status(one)
    if not one.waived_keys:
        return said
    until = f" until {one.waived_until}" if one.waived_until else ""
    count = len(one.waived_keys)
    if one.worse:
        return f"{said}; {count} more waived{until}"
    waived = f"{count} failed, waived{until}"
    return waived if said == "ok" else f"{said}; {waived}"


def _status(one: Finding) -> str:
    """`BROKEN p .021`, `broken (warning)`, `suspect p .04`, `not improved`, `not proven`, `ok`, `watched`."""
    if one.decision is Decision.ERROR:
        return "VOID"
    if one.decision is Decision.UNTESTED:
        return "watched"
    if one.decision is Decision.REGRESSION and one.kind == "must_pass":
        return "BROKEN" if one.stops else "broken (warning)"
    if one.decision is Decision.REGRESSION:
        return f"BROKEN p {probability(one.p_adjusted)}" if one.stops else "broken (warning)"
    if one.decision is Decision.SUSPECT:
        return f"suspect p {probability(one.p)}"
    if one.expects and one.decision is not Decision.IMPROVED:
        return "not improved"
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
        return one.limit.removeprefix(f"{one.tail} ")
    if one.kind == "must_pass":
        return "all pass"
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

    A limit judges the candidate alone: `worse` is what lies outside it, `change` the mean itself. Of cases
    that must pass, `worse` are those that failed, waived or not.
    """
    is_limit = one.kind == "limit"
    if one.kind == "must_pass":
        worse, better = str(one.worse + len(one.waived_keys)), str(one.better) if one.expects else "-"
        return (one.title, one.scope, str(one.n), worse, better, "-", "-", allowed(one), status(one))
    return (
        one.title,
        one.scope,
        str(one.n),
        f"{one.worse} out" if is_limit else str(one.worse),
        "-" if is_limit else str(one.better),
        _judged(one) + (f"is {mean(one.candidate)}" if is_limit else share(one.delta, one)),
        mean(_could_be(one)) if is_limit else share(one.lower, one),
        "improvement" if one.expects else allowed(one),
        status(one),
    )


def _judged(one: Finding) -> str:
    """Which tail a number is of: `p95 `; empty: the mean."""
    return f"{one.tail} " if one.tail else ""


def sentence(one: Finding) -> str:
    """A broken finding in one line, counts before averages."""
    if one.kind == "must_pass":
        return f"{one.title}: {one.worse} of {one.n} cases that must pass failed"
    if one.kind == "limit":
        return (
            f"{one.title} in {one.scope}: {one.worse} of {one.n} cases outside, "
            f"{one.tail or 'mean'} {mean(one.candidate)}, "
            f"allowed {allowed(one)}, p {probability(one.p_adjusted)}"
        )
    return (
        f"{one.title} in {one.scope}: {one.worse} of {one.n} cases worse, {one.better} better, "
        f"{one.tail or 'mean'} {mean(one.baseline)} -> {mean(one.candidate)}, "
        f"change {share(one.delta, one)}, "
        f"allowed {allowed(one)}, p {probability(one.p_adjusted)}"
    )


def _could_be(one: Finding) -> float | None:
    """The worst mean that the data still allow, in the score's own unit."""
    if one.candidate is None or one.delta is None or one.lower is None:
        return None
    room = one.delta - one.lower
    return one.candidate + room if "at most" in one.limit else one.candidate - room


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
