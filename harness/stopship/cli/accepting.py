"""`stopship accept`: make a run the one that later runs are compared with."""

import time
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from stopship.cli.runs import finds
from stopship.cli.suites import desk_with, suite_option
from stopship.errors import UsageError
from stopship.store.shown import quoted, shown

if TYPE_CHECKING:
    from stopship.model.run import Run


@click.command(
    short_help="Make a run the baseline.",
    epilog="""\b
Examples:
  stopship accept 7c1e --because "prompt v15: shorter answers, reviewed"
  stopship accept 7c1e --accept-regression cites --until 2030-01-31 --because "index rebuild under way"
""",
)
@click.argument("run", metavar="RUN")
@click.option("--because", required=True, metavar="TEXT", help="Why this run is right to compare with.")
@click.option(
    "--accept-regression",
    "waived",
    multiple=True,
    metavar="RULE",
    help="Accept for a time that this rule is broken. Repeatable.",
)
@click.option("--until", metavar="DATE", help="Last day of the waiver, YYYY-MM-DD.")
@click.option("--anchor", is_flag=True, help="A release: slow decay is measured from here, too.")
@click.option(
    "--stack",
    "stack_file",
    type=click.Path(path_type=Path),
    help="The accepted stack, to draw fresh outputs.",
)
@click.option(
    "--repeat",
    type=click.IntRange(1, 100),
    metavar="N",
    help="Fresh outputs a case, where the target may vary.  [default: as many as RUN has]",
)
@suite_option
def accept(  # one parameter an option
    run: str,
    because: str,
    waived: tuple[str, ...],
    until: str | None,
    anchor: bool,
    stack_file: Path | None,
    repeat: int | None,
    suite_path: Path | None,
) -> int:
    """Judge RUN, and make it the baseline: fresh outputs of its stack where the target may vary.

    A VOID run is refused; a STOP needs --accept-regression with --until, a first baseline that breaks a
    limit or must-pass rule, too. Writes `baseline.json` beside
    the suite and files the run in its store.
    """
    from stopship.gating.accepting import Decision
    from stopship.gating.accepting import accept as accepted
    from stopship.gating.epochs import Draw
    from stopship.gating.performing import replay
    from stopship.gating.rebuilding import answering_of
    from stopship.gating.replay import planned
    from stopship.report.runs import accepted_lines
    from stopship.store.runs import read_run

    at = desk_with(suite_path, finds(run), f"know a run {quoted(run)}")
    folder = at.place.find(run)
    found = read_run(folder)
    decision = Decision(
        because=because,
        today=datetime.now(tz=UTC).date(),
        now=int(time.time()),
        waived=waived,
        until=_date(until),
        as_anchor=anchor,
    )

    def redraw() -> "Run":
        answering = at.answering(stack_file) if stack_file else answering_of(at.opened, at.place, found)
        if answering.stack.stack_id != found.head.stack.stack_id:
            raise UsageError(
                "this is not the stack that the run answered with",
                where=shown(answering.path),
                do="name another --stack",
            )
        plan = planned(
            at.opened,
            at.place,
            answering,
            repeats=repeat or found.head.repeats,
            draw=Draw(purpose=f"accept {found.id}"),
        )
        return replay(plan, resume=True, provenance={"started": int(time.time())}).run

    done = accepted(at.opened, at.place, found, decision, redraw, folder=folder)
    path = str(at.place.pointer_path)
    waived_now = [(one.rule, one.until) for one in done.waivers]
    for line in accepted_lines(
        done.record, done.run, is_redrawn=done.is_redrawn, path=path, waivers=waived_now
    ):
        click.echo(line)
    if done.picked_among > 1:
        click.echo(
            f"  picked among {done.picked_among} sealed runs of this stack and these cases: reports say so"
        )
    for one in done.lifted:
        click.echo(f"  the waiver for {one.rule} is no longer needed and is gone")
    return 0


def _date(text: str | None) -> date | None:
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError as err:
        raise UsageError(f"--until {quoted(text)} is no date", do="write it as YYYY-MM-DD") from err
