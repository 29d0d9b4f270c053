"""The noise floor of a suite, and what it would take to detect a drop, as people read them.

Decides wording only.
"""

from collections.abc import Sequence

from stopship.model.noise import Alarms, Design, NoiseReport, Plan, PlanRow, Planted, ScopeNoise, Share
from stopship.model.verdict import Verdict
from stopship.report.layout import WIDTH, table, wrapped
from stopship.report.neutral import plain
from stopship.report.words import probability

_NAME = 48
_NAMED = 5  # checks that are told
_LINE = 400
_ORDER = (Verdict.STOP.value, Verdict.UNDECIDED.value, Verdict.SHIP.value, Verdict.VOID.value)


def noise_lines(found: NoiseReport, *, columns: int = WIDTH, written: str = "") -> list[str]:
    """What varies, how often these rules would be wrong of it, and whether they see a planted regression."""
    floor = found.floor
    draws = " and ".join(dict.fromkeys(one[:12] for one in floor.runs))
    if found.still:
        head = f"{plain(floor.suite)}: no noise, as {plain(found.still, _LINE)}"
    else:
        head = (
            f"{plain(floor.suite)}: the accepted stack against itself, runs {draws}, "
            f"{floor.outputs} outputs a case in all"
        )
    lines = [wrapped(head, first="", then="  ", columns=columns)]
    if not found.still:
        titles = ("rule", "scope", "cases", "flips", "within-case variance", "difference")
        lines += ["", *table([titles, *map(_row, _worth_a_row(floor.scopes))], left=frozenset((0, 1)))]
        lines.append(
            " flips: cases that change between two single outputs; difference: chance alone;"
            " a rule that flips nowhere has one line"
        )
    lines += ["", *_alarms(found, columns)]
    if found.planted is not None:
        lines += ["", *_planted(found.planted, columns)]
    if written:
        lines += ["", f"written to {plain(written)}: review it with the suite"]
    return lines


def _worth_a_row(scopes: Sequence[ScopeNoise]) -> list[ScopeNoise]:
    """All scopes of rules that flip at all, and `all` of the others."""
    flipping = {one.rule for one in scopes if one.flips}
    return [one for one in scopes if one.rule in flipping or one.scope == "all"]


def _row(one: ScopeNoise) -> tuple[str, ...]:
    unit = "%" if one.relative else "pt"
    return (
        plain(one.rule, _NAME, keep_end=True),
        plain(one.scope, _NAME, keep_end=True),
        str(one.cases),
        f"{one.flips * 100:.1f} %",
        f"{one.variance:.4f}",
        f"{one.delta * 100:+.1f} {unit}",
    )


def _alarms(found: NoiseReport, columns: int) -> list[str]:
    alarms = found.alarms
    by = f"by these rules at alpha {found.level:.3g}"
    if found.still:
        only = ", ".join(one for one in _ORDER if alarms.verdicts.get(one))
        lines = [f"a build that changed nothing, {by}: always {only}"]
    else:
        lines = [f"a build that changed nothing, {by}, {alarms.rounds} resamples of these outputs:"]
        lines.append(f"  {_shares(alarms)}")
    lines = _told(lines, alarms, columns)
    for word, said in (("included", found.included), ("left out", found.left_out)):
        lines += [
            wrapped(f"{word}: {plain(one, _LINE)}", first="  ", then="    ", columns=columns) for one in said
        ]
    return lines


def _planted(one: Planted, columns: int) -> list[str]:
    rounds = one.alarms.rounds
    head = (
        f"planted: {one.failed} random cases of {one.cases} in {plain(one.scope, _NAME)} fail "
        f"{plain(one.rule, _NAME)}, a change of {one.drop * 100:+.1f} pt; {rounds} resamples:"
    )
    where = f"{plain(one.rule, _NAME)} broken in {_share(Share(count=one.blocked, rounds=rounds))}"
    where += f", named in {plain(one.scope, _NAME)}: {_share(Share(count=one.named, rounds=rounds))}"
    lines = [wrapped(head, first="", then="  ", columns=columns), f"  {_shares(one.alarms)}", f"  {where}"]
    return _told(lines, one.alarms, columns)


def _told(lines: list[str], alarms: Alarms, columns: int) -> list[str]:
    said = list(lines)
    for word, checks in (("broken", alarms.named), ("held by", alarms.held)):
        named = [
            f"{plain(name, 2 * _NAME)} {_share(Share(count=count, rounds=alarms.rounds))}"
            for name, count in checks[:_NAMED]
        ]
        if named:
            said.append(wrapped(f"{word}: {'; '.join(named)}", first="  ", then="    ", columns=columns))
    if alarms.void:
        said.append(wrapped(f"VOID: {plain(alarms.void, _LINE)}", first="  ", then="    ", columns=columns))
    return said


def _shares(alarms: Alarms) -> str:
    told = [one for one in _ORDER if one != Verdict.VOID.value or alarms.verdicts.get(one)]
    blocked = _share(Share(count=alarms.blocked, rounds=alarms.rounds))
    return f"{', '.join(f'{one} {_share(alarms.share(one))}' for one in told)}; blocked {blocked}"


def _share(one: Share) -> str:
    """`4.5 % (+- 1.5)`: a share and its Monte-Carlo standard error."""
    return f"{one.value * 100:.1f} % (+- {one.error * 100:.1f})"


def plan_lines(plan: Plan, *, columns: int = WIDTH) -> list[str]:
    """What the suite detects now, and what it would take to detect the drop."""
    unit = "%" if plan.relative else "pt"
    head = (
        f"{plain(plan.suite)}: to detect a drop of {plan.detect * 100:g} {unit} with power 80 %, "
        f"{plain(plan.source, _LINE)}"
    )
    lines = [wrapped(head, first="", then="  ", columns=columns)]
    for row in plan.rows:
        lines += ["", *_plan_row(row, unit, columns)]
    return lines


def _plan_row(row: PlanRow, unit: str, columns: int) -> list[str]:
    detects = f"{row.detects * 100:.1f} {unit}" if row.detects < 1 else "no drop"
    head = (
        f"{plain(row.rule, _NAME)} in {plain(row.scope, _NAME)}: {_count(row.cases, 'case')}, "
        f"{_count(row.repeats, 'output')} each, {row.flips * 100:.1f} % flip; detects {detects} now "
        f"(level {probability(row.alpha)})"
    )
    cells, said = [], []
    for name, one in row.designs:
        if isinstance(one, str):
            said.append(f"{name}: {one}")
        else:
            cells.append((name, *_design(one)))
    lines = [wrapped(head, first="", then="  ", columns=columns)]
    lines += [f"  {line.strip()}" for line in table(cells, left=frozenset((0, 1, 2, 3, 4)))] if cells else []
    return [*lines, *(wrapped(one, first="  ", then="    ", columns=columns) for one in said)]


def _design(one: Design) -> Sequence[str]:
    usd = "" if one.usd is None else f"${one.usd:.2f} a build"
    return (
        f"{_count(one.cases, 'case')}, {_count(one.repeats, 'output')} each",
        f"{_count(one.build, 'call')} a build",
        f"{_count(one.once, 'call')} once for the baseline",
        usd,
    )


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
