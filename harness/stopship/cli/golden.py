"""`stopship golden admit`: which must-pass cases the accepted stack passes every time."""

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from stopship.cli.options import conditions_of

if TYPE_CHECKING:
    from stopship.gating.golden import Admitting

_REFUSED = 50  # listed one by one


@click.group(short_help="Admit must-pass cases.")
def golden() -> None:
    """Admit must-pass cases: a case that fails now and then stops builds that changed nothing."""


@golden.command(
    short_help="Draw K outputs of each must-pass case; admit those that pass every time.",
    epilog="""\b
Examples:
  stopship golden admit suites/support
  stopship golden admit suites/support --where 'tag=incident' --times 59
  stopship golden admit suites/support --rule resolves
""",
)
@click.argument("suite", type=click.Path(path_type=Path))
@click.option(
    "--rule",
    "rules",
    multiple=True,
    metavar="ID",
    help="Only this rule; one with a limit tells how often an unchanged build misses it. Repeatable.",
)
@click.option(
    "--where", multiple=True, metavar="'COL=GLOB'", help="Only these cases; also 'COL!=GLOB'. Repeatable."
)
@click.option(
    "--times",
    type=click.IntRange(1, 1000),
    default=20,
    show_default=True,
    metavar="K",
    help="Outputs a case, all of which must pass: 59 prove a pass rate above 95 %, 299 above 99 %.",
)
def admit(suite: Path, rules: tuple[str, ...], where: tuple[str, ...], times: int) -> int:
    """Draw K fresh outputs of the accepted stack of SUITE for each must-pass case, and admit the cases that
    pass K of K.

    Writes `golden.json` beside the suite, to be reviewed. The same outputs serve whenever the command is run
    again: a case that failed one of them is not asked until it passes. Exits 0 whatever comes out.
    """
    from stopship.cli.replay import Progress
    from stopship.cli.reporting import columns
    from stopship.cli.suites import desk
    from stopship.gating.golden import Wanted
    from stopship.gating.golden import admit as admitted
    from stopship.gating.selection import conditions
    from stopship.report.layout import wrapped

    at = desk(suite)
    chosen = conditions_of(where)
    conditions(at.opened, chosen)
    bar = Progress()
    wanted = Wanted(
        today=datetime.now(tz=UTC).date(),
        rules=rules,
        where=tuple(chosen),
        times=times,
        tell=bar.tell,
        provenance={"started": int(time.time())},
    )
    found = admitted(at.opened, at.place, wanted)
    bar.end()
    for line in _lines(found, repeats=at.opened.suite.replay.repeats):
        click.echo(wrapped(line, first="", then="    ", columns=columns()))
    return 0


def _lines(found: "Admitting", *, repeats: int) -> list[str]:
    from stopship.gating.admissions import alarm_text, percent
    from stopship.report.neutral import plain

    lines = []
    if found.admitted or found.refused:
        asked = len(found.admitted) + len(found.refused)
        lines.append(
            f"{len(found.admitted)} of {asked} must-pass cases admitted: {found.times} of {found.times} "
            f"fresh outputs of the accepted stack pass (run {found.run.short})"
        )
    for one in found.refused[:_REFUSED]:
        lost = found.times - one.of
        why = f"{one.passed} of {one.of} pass" + (f"; first: {plain(one.why, 160)}" if one.why else "")
        if lost:
            why += f", {lost} lost to infrastructure; --times {found.times + 1} asks for them again"
        lines.append(f"  refused {plain(one.key, 60)}  {plain(one.rule, 60)}: {why}")
    if len(found.refused) > _REFUSED:
        lines.append(f"  … and {len(found.refused) - _REFUSED} more are refused")
    if found.refused:
        lines.append(
            "  a refused case stays a must-pass case: mend what makes it fail and accept the mended stack, "
            "whose outputs are new ones, or turn it into a rule with limit = { at_least = … }"
        )
    if found.held:
        lines.append(f"  {alarm_text(found.held, repeats=repeats)}")
    lines += [
        f"  {plain(one.rule, 60)}: mean {one.mean:.3g} over {one.cases} cases; on a build that changed "
        f"nothing its limit is called broken on {percent(one.broken)} of nights, and not proven on "
        f"{percent(one.unproven)}"
        for one in found.rates
    ]
    lines += [f"  {plain(rule, 60)}: no rate, as {plain(why, 200)}" for rule, why in found.unrated]
    return lines
