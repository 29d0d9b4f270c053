"""`stopship repro`: one case, two stacks, often enough to see whether one of them fails it."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from stopship.cli.suites import desk_with, suite_option
from stopship.store.shown import quoted

if TYPE_CHECKING:
    from stopship.gating.workplace import Workplace


@click.command(
    short_help="Put one case to two stacks, many times.",
    epilog="""\b
Example:
  stopship repro refund-de-017 --good baseline --bad suites/support/stacks/next.toml --times 10
""",
)
@click.argument("case", metavar="CASE")
@click.option(
    "--good", required=True, metavar="STACK|RUN", help="A stack file, a run, `baseline` or `anchor`."
)
@click.option("--bad", required=True, metavar="STACK|RUN", help="The same, for the side that is suspected.")
@click.option(
    "--times",
    type=click.IntRange(1, 100),
    default=10,
    show_default=True,
    help="Outputs a side; one where the suite replays frozen, as a recording is one draw.",
)
@suite_option
def repro(case: str, good: str, bad: str, times: int, suite_path: Path | None) -> int:
    """Show how often each side fails which rule, whether that can be chance, and where the traces part.

    Exits 0 whatever comes out: it shows, `gate` decides.
    """
    from stopship.gating.casefiles import cases_of
    from stopship.gating.repro import Side
    from stopship.gating.repro import repro as reproduced
    from stopship.model.exchange import Fidelity
    from stopship.model.suite import RECORDED
    from stopship.report.neutral import plain
    from stopship.report.pins import change_lines, diff_lines
    from stopship.report.runs import ShownSide, ShownTally, parting_lines, repro_lines

    def holds(place: "Workplace") -> bool:
        return case in cases_of(place.suite)

    at = desk_with(suite_path, holds, f"have a case {quoted(case)}")
    found = reproduced(at.opened, at.place, case, good=good, bad=bad, times=times)

    def shown(side: Side) -> ShownSide:
        return ShownSide(
            name=side.name,
            stack=side.stack.stack_id,
            times=len(side.outcomes),
            distinct=side.distinct,
            is_recorded=side.is_recorded,
        )

    tallies = [
        ShownTally(
            rule=one.rule,
            good=f"{one.good} of {one.good_tries}",
            bad=f"{one.bad} of {one.bad_tries}",
            chance=one.chance,
            is_failed=bool(one.good or one.bad),
            why=one.why,
            is_alike=one.is_alike,
        )
        for one in found.tallies
    ]
    lines = repro_lines(
        case,
        (shown(found.good), shown(found.bad)),
        tallies,
        reproduced=found.is_reproduced,
        perhaps=found.chance if found.is_perhaps else None,
        faults=found.faults,
        lost=found.lost,
    )
    for word, side in (("bad", found.bad), ("good", found.good)):
        if side.why and at.opened.suite.replay.target != RECORDED:
            first, *further = side.why.splitlines()
            told = [f"  {word} was not asked anew: {plain(first)}"]
            lines[3:3] = [*told, *(f"    {plain(one.strip())}" for one in further)]
    if at.opened.suite.replay.fidelity is Fidelity.FROZEN and times > 1:
        lines.insert(
            3, "  asked once, whatever --times says: the suite replays frozen, and a recording is one draw"
        )
    if found.deterministic and max(found.good.distinct, found.bad.distinct) > 1:
        lines.append(
            "  the target is declared deterministic and is not: its outputs differ from time to time"
        )
    if found.parting is not None:
        part = found.parting
        lines += ["", *parting_lines(part.step, part.what, part.good, part.bad)]
    else:
        lines += ["", "the traces are the same"]
    lines += ["", "stacks:", *(f"  {one}" for one in change_lines(found.changes))]
    for change in found.changes:
        if not change.is_same:
            lines += [f"    {one}" for one in list(diff_lines(change))[:40]]
    for line in lines:
        click.echo(line)
    return 0
