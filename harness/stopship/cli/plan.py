"""`stopship plan`: what a suite can detect, and what it would take to detect a given drop."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from stopship.cli.reporting import columns
from stopship.cli.suites import desk
from stopship.errors import UsageError
from stopship.store.shown import quoted

if TYPE_CHECKING:
    from stopship.model.rule import Margin


@click.command(
    short_help="Plan cases, repeats, calls and dollars.",
    epilog="""\b
Examples:
  stopship plan suites/support --detect 5pt
  stopship plan suites/support --detect 10pt --cohort lang=de --rule cites
""",
)
@click.argument("suite", type=click.Path(path_type=Path))
@click.option(
    "--detect",
    required=True,
    metavar="DROP",
    help="The loss to find with power 80 %: 5pt, or 10% of an unbounded score.",
)
@click.option("--cohort", metavar="NAME", help="In this cohort.  [default: all]")
@click.option("--rule", metavar="RULE", help="By this rule.  [default: every stop-ship rule in that unit]")
def plan(suite: Path, detect: str, cohort: str | None, rule: str | None) -> int:
    """Say what SUITE can detect, and the cheapest cases and repeats that would detect a drop.

    Takes the noise in `noise.json`, which `stopship noise` measures, or else a table over 2, 5 and 10 % of
    cases that flip. Draws nothing.
    """
    from stopship.gating.planning import plan_of
    from stopship.report.noise import plan_lines

    wanted = _drop(detect)
    at = desk(suite)
    found = plan_of(at.opened, at.place, wanted, scope=cohort or "all", rule=rule or "")
    for line in plan_lines(found, columns=columns()):
        click.echo(line)
    return 0


def _drop(text: str) -> "Margin":
    from stopship.model.rule import Margin

    relative = text.endswith("%")
    number = text.removesuffix("%") if relative else text.removesuffix("pt")
    try:
        share = float(number) / 100 if number != text else 0.0
    except ValueError:
        share = 0.0
    if not 0 < share < 1:
        raise UsageError(f"--detect {quoted(text)} is no drop", do="write it as 5pt, or as 10%")
    return Margin(share, relative=relative)
