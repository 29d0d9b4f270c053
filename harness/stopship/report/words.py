"""How findings read: which come first, and how their numbers are written.

Shared by every face of the record, so that all say the same. Never computes a statistic.
"""

from stopship.model.rule import Mode
from stopship.model.verdict import PROVEN, Decision, Finding, Record, Verdict

HEADLINES = {
    Verdict.SHIP: "nothing got worse by more than the rules allow",
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
    """`BROKEN p .021`, `suspect p .04`, `not proven`, `ok`, `watched`."""
    if one.decision is Decision.ERROR:
        return "VOID"
    if one.decision is Decision.UNTESTED:
        return "watched"
    if one.decision is Decision.REGRESSION:
        word = "BROKEN" if one.stops else "broken (warning)"
        return f"{word} p {probability(one.p_adjusted)}"
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
    return "-" if value is None else f"{value:.4g}"


COLUMNS = ("rule", "scope", "cases", "worse", "better", "change", "could be", "allowed", "")


def row(one: Finding) -> tuple[str, ...]:
    """The cells of a finding under COLUMNS; names are as they are in the data, to be neutralised."""
    return (
        one.rule,
        one.scope,
        str(one.n),
        str(one.worse),
        str(one.better) if one.kind == "compare" else "-",
        mean(one.candidate) if one.kind == "limit" else share(one.delta, one),
        mean(_could_be(one)) if one.kind == "limit" else share(one.lower, one),
        allowed(one),
        status(one),
    )


def _could_be(one: Finding) -> float | None:
    """The worst mean that the data still allow, in the score's own unit."""
    if one.candidate is None or one.delta is None or one.lower is None:
        return None
    room = one.delta - one.lower
    return one.candidate + room if one.limit.startswith("at most") else one.candidate - room


def split_for_people(record: Record) -> tuple[list[Finding], list[Finding], list[Finding]]:
    """Findings worth a line each, cohort checks that are fine, and watched cohorts."""
    ordered = by_urgency(record)
    watched = [one for one in ordered if one.mode is Mode.WATCH]
    fine = [
        one for one in ordered if one.mode is not Mode.WATCH and one.scope != "all" and one.decision in PROVEN
    ]
    shown = [one for one in ordered if one not in watched and one not in fine]
    return shown, fine, watched


def unproven_guards(record: Record) -> list[Finding]:
    """Guards that did not hold the build and were not proven either: what they could hide is printed."""
    return [
        one
        for one in by_urgency(record)
        if one.mode is Mode.GUARD
        and one.stops
        and not one.is_broken
        and not one.holds
        and one.decision not in PROVEN
    ]


def notes(record: Record) -> list[str]:
    """Sentences on what the numbers do not show by themselves."""
    said = []
    if record.new_keys:
        said.append(f"{len(record.new_keys)} new cases have no baseline; only limits judge them")
    if record.counts.get("unanswered_candidate") or record.counts.get("unanswered_baseline"):
        said.append(
            f"{record.counts['unanswered_candidate']} outputs of the candidate are missing or blank, "
            f"{record.counts['unanswered_baseline']} of the baseline; they score worst"
        )
    for one in record.findings:
        if one.scope == "all" and one.unscored:
            said.append(
                f"{one.rule}: {one.unscored} cases give it nothing to judge and are outside its count"
            )
        if one.scope == "all" and one.left_out:
            said.append(
                f"{one.rule}: {one.left_out} pairs without an output are left out; `answered` counts them"
            )
    guards = unproven_guards(record)
    if guards:
        widest = min(guards, key=lambda one: one.lower if one.lower is not None else 0.0)
        said.append(
            f"{len(guards)} cohort checks are not proven; the weakest, {widest.rule} in {widest.scope}, could hide "
            f"{share(widest.lower, widest)} and would notice {_drop(widest)}"
        )
    if record.p_ship:
        chances = ", ".join(f"{chance:.2f} at {flips * 100:g} %" for flips, chance in record.p_ship)
        said.append(f"a build that changed nothing would ship with probability {chances} of cases flipping")
    return said


def _drop(one: Finding) -> str:
    return (
        "-"
        if one.mde is None
        else f"a drop of {one.mde * 100:.1f} {'%' if one.relative else 'pt'} (power 80 %)"
    )
