"""What is said beside the table: cases shown, checks without a line of their own, and what numbers hide.

Shared by every face of the record. Never computes a statistic.
"""

from dataclasses import dataclass

from stopship.model.rule import ANSWERED, MIN_COHORT, Mode
from stopship.model.verdict import PROVEN, Decision, Example, Finding, Record, Verdict, Way
from stopship.report import words
from stopship.report.neutral import plain

_ALSO = 3  # checks named beside those that decide
_KEYS, _KEY = 3, 60  # cases named in a note, and characters of each
_NO_PROOF = frozenset((Decision.BLIND, Decision.INCONCLUSIVE))
_TITLES = {"limit": "Cases outside the limit", "must_pass": "Cases that must pass and fail"}


def counted(shown: list[Finding], fine: list[Finding], watched: list[Finding]) -> list[str]:
    """What is said of the findings that have no line of their own, and of guards that have one unproven."""
    said = []
    if any(one.mode is Mode.GUARD and one.decision in _NO_PROOF for one in shown):
        said.append("a guard (a cohort, the rule answered) needs no proof: it stops what is proven worse")
    if fine:
        said.append(f"{_many(len(fine), 'more cohort check')} within the margin")
    if watched:
        worse = sum(1 for one in watched if one.worse)
        found = f"worse cases in {worse}" if worse else "no case got worse there"
        checks = _many(len(watched), "check")
        few = f" with fewer than {MIN_COHORT} cases" if all(one.n < MIN_COHORT for one in watched) else ""
        said.append(f"{checks}{few} counted, not tested: {found}")
    return said


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownCases:
    """Which cases the examples of a record are."""

    title: str
    total: int
    scope: str
    rule: str


def shown_cases(record: Record) -> ShownCases | None:
    """What the examples are taken from: the cases that got worse, or those outside a limit."""
    if not record.examples:
        return None
    first = record.examples[0]
    source = next(
        (
            one
            for one in record.findings
            if (one.kind, one.rule, one.scope) == (first.kind, first.rule, first.scope)
            and any((case.key, case.before) == (first.key, first.before_label) for case in one.worst[:1])
        ),
        None,
    )
    return ShownCases(
        title=_TITLES.get(first.kind if source is not None else "", "Worse cases"),
        total=source.worse if source is not None else len(record.examples),
        scope=first.scope,
        rule=source.title if source is not None else first.rule,
    )


def labels(example: Example) -> list[str]:
    """How a case scored before, where it was asked before, and how it scores now."""
    told = [one for one in (example.before_label, example.after_label) if one]
    return [*told[:-1], f"{told[-1]} ({example.triage})"] if example.triage and told else told


def unproven_guards(record: Record) -> list[Finding]:
    """Guards that did not hold the build and were not proven either: what they could hide is printed."""
    return [
        one
        for one in words.by_urgency(record)
        if one.mode is Mode.GUARD
        and one.stops
        and not one.is_broken
        and not one.holds
        and one.decision not in PROVEN
        and (one.worse or (one.rule != ANSWERED and one.n >= MIN_COHORT))
    ]


def notes(record: Record) -> list[str]:
    """Sentences on what the numbers do not show by themselves."""
    said = _on_the_arms(record)
    blank = [record.counts.get(f"unanswered_{arm}", 0) for arm in ("candidate", "baseline")]
    if any(blank):
        sides = f"{blank[0]} of the candidate" + (
            f", {blank[1]} of the baseline; the candidate's score worst, "
            "pairs without one in the baseline are left out"
            if record.baseline
            else "; they score worst"
        )
        said.append(f"outputs missing or blank: {sides}")
    said += _lost(record)
    own = [one for one in record.findings if one.scope == "all" and one.kind in ("compare", "limit")]
    missing = sum(blank)
    outside = [note for one in own for note in _outside(one, missing)]
    said += dict.fromkeys(outside)  # a rule with a limit has two findings on the same cases
    watched = [one for one in record.findings if one.mode is Mode.WATCH and one.worse > one.better]
    if watched:
        small = "too small to test" if all(one.n < MIN_COHORT for one in watched) else "watched, not tested"
        worst = max(watched, key=lambda one: (one.worse - one.better, one.scope, one.rule))
        said.append(
            f"{small}, and worst of its kind: {worst.scope} by {worst.title}, "
            f"{worst.worse} of {_many(worst.n, 'case')} worse, {worst.better} better"
        )
    said += waived(record)
    guards = unproven_guards(record)
    if guards:
        said.append(_weakest(guards))
    said += _beyond_the_first_look(record)
    if record.also:
        listed = "; ".join(record.also[:_ALSO]) + ("; …" if len(record.also) > _ALSO else "")
        said.append(f"also look at, though it blocks nothing (false discovery rate 10 %): {listed}")
    if way := _way(record):
        said.append(way)
    if record.p_ship:
        said.append(_forecast(record) + "".join(f"; {one}" for one in record.p_ship_assumes))
    if record.deterministic:
        said.append("deterministic target: no flips, so a build that changed nothing gives the same outputs")
    return [*said, *record.notes]


def waived(record: Record) -> list[str]:
    """Which cases that must pass fail, and do not stop the build."""
    said = []
    for one in (it for it in record.findings if it.waived_keys):
        named = ", ".join(plain(repr(key), _KEY, keep_end=True) for key in one.waived_keys[:_KEYS])
        named += ", …" if len(one.waived_keys) > _KEYS else ""
        until = f" until {one.waived_until}" if one.waived_until else ""
        failed = f"{len(one.waived_keys)} of {_many(one.n, 'case')} that must pass failed ({named})"
        said.append(f"{one.rule}: {failed}, as in the accepted run: waived{until}")
    return said


def _beyond_the_first_look(record: Record) -> list[str]:
    """Which look this is, and what was drawn for it."""
    said = []
    if record.estimand != "traffic":
        said.append("these cases are all that is judged: chance is in what each is answered this time")
    number, count = record.look
    if count > 1:
        said.append(
            f"look {number} of {count}: a pass has to clear bounds of {100 * record.level:.1f} %, so that "
            "all looks together err no more than one"
        )
    for one in record.escalation:
        cost = "" if one.usd is None else f", about ${one.usd:.2f}"
        said.append(f"{one.what} ({_many(one.cases, 'case')}, {_many(one.outputs, 'output')}{cost})")
    return said


def _way(record: Record) -> str:
    """How the build can be decided: by what its most demanding check asks for. Empty: nothing is known to."""
    held = [one for one in record.findings if one.holds]
    found = [one for one in held if one.ways]
    if record.verdict is not Verdict.UNDECIDED or not found or len(found) < len(held):
        return ""  # of a check that no evidence of this kind would decide, the others say nothing
    one = max(found, key=lambda it: (it.ways[0].calls, it.title, it.scope))
    which = f"{one.title} in {one.scope}"
    which += f", which takes most of the {len(found)} checks that hold the build" if len(found) > 1 else ""
    ways = "; or ".join(_way_line(one, way) for way in one.ways)
    return f"the cheapest way to decide {which}: {ways}"


def _way_line(one: Finding, way: Way) -> str:
    cases = f"{_many(way.cases, 'case')} instead of {one.n}"
    more = cases if way.kind == "cases" else f"{_many(way.repeats, 'output')} of every case"
    usd = "" if way.usd is None else f", about ${way.usd:.2f}"
    return f"{more}, {_many(way.calls, 'output')} to draw on both sides{usd}"


def _on_the_arms(record: Record) -> list[str]:
    """What the two sides are, and which cases only one has."""
    said = []
    old, new = record.baseline, record.candidate
    if old and new and record.suite and old.run and old.run == new.run:
        said.append("the candidate and the baseline are the same run")
    if old and new and not record.suite and old.digest == new.digest:
        said.append("both files hold the same rows: is the candidate the new run?")
    if record.findings and not record.suite and all(one.rule != ANSWERED for one in record.findings):
        said.append("no output column is named, so missing outputs are not looked for (the rule `answered`)")
    if record.suite and new and not old and record.verdict in (Verdict.STOP, Verdict.UNDECIDED):
        said.append(
            "no baseline: only limits and must-pass rules were judged. To begin with what is broken now, "
            "accept the run with --accept-regression RULE --until DATE for each broken rule"
            if record.verdict is Verdict.STOP
            else "no baseline: only limits and must-pass rules were judged"
        )
    if record.new_keys:
        judges = "limits and must-pass" if record.suite else "limits"
        named = ", ".join(plain(repr(key), _KEY, keep_end=True) for key in record.new_keys[:_KEYS])
        named += ", …" if len(record.new_keys) > _KEYS else ""
        new_cases = _many(len(record.new_keys), "new case")
        said.append(f"{new_cases} without a baseline ({named}): only {judges} judge them")
    return said


def _lost(record: Record) -> list[str]:
    """What was kept from everybody; within what is allowed, or the verdict would be VOID."""
    lost = [record.counts.get(f"lost_{arm}", 0) for arm in ("candidate", "baseline")]
    if not any(lost):
        return []
    sides = f"{lost[0]} of the candidate" + (f", {lost[1]} of the baseline" if record.baseline else "")
    return [f"outputs lost: {sides}; no rule counts them, whatever they would have been"]


def _forecast(record: Record) -> str:
    (flips, chance), *others = record.p_ship
    where = f"where {flips * 100:g} % of its cases flip by chance"
    if record.p_ship_measured:
        where = f"with the noise measured in noise.json ({flips * 100:.2g} % of its cases flip by chance)"
    if max(p for _, p in record.p_ship) < 0.005:
        few = "too few cases for these margins"
        return f"even a build that changed nothing would hardly ever ship, P < 0.01 {where}: {few}"
    more = "".join(f", {p:.2f} at {share * 100:g} %" for share, p in others)
    return f"a build that changed nothing ships with probability {chance:.2f} {where}{more}"


def _outside(one: Finding, missing: int) -> list[str]:
    """Cases that the rule's numbers do not hold; `missing`: outputs that are not there, in both arms."""
    said = []
    if one.unscored:
        which = "which does not count" if one.unscored == 1 else "which do not count"
        said.append(f"{one.rule}: nothing to judge in {_many(one.unscored, 'case')}, {which}")
    if one.left_out and one.decision is not Decision.ERROR:
        pairs = _many(one.left_out, "pair")
        said.append(
            f"{one.rule}: {pairs} without an output left out; the rule `answered` counts them"
            if one.left_out <= missing
            else f"{one.rule}: {pairs} left out, as an output or the baseline's score is missing"
        )
    if one.unreadable:
        said.append(f"{one.rule}: unreadable outputs in {_many(one.unreadable, 'pair')}; they score worst")
    if (
        one.relative
        and not one.tail
        and one.baseline
        and one.candidate is not None
        and one.margin is not None
    ):
        change = one.candidate / one.baseline - 1
        if abs(change) > one.margin >= abs(one.delta or 0.0):
            said.append(
                f"{one.rule}: the plain mean went from {words.mean(one.baseline)} to "
                f"{words.mean(one.candidate)} ({change * 100:+.0f} %) through a few extreme values; "
                "this rule cuts both files at their 99th percentile and does not see them"
            )
    return said


def _weakest(guards: list[Finding]) -> str:
    widest = min(guards, key=lambda one: one.lower if one.lower is not None else 0.0)
    unit = "%" if widest.relative else "pt"
    notices = (
        ""
        if widest.mde is None
        else f"; it would notice a drop of {widest.mde * 100:.1f} {unit} (power 80 %)"
    )
    return (
        f"{_many(len(guards), 'guard')} not proven, which does not hold the build; the weakest, "
        f"{widest.title} in {widest.scope}, could hide {words.share(widest.lower, widest)}{notices}"
    )


def _many(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"
