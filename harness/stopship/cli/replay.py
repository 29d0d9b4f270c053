"""`stopship replay`: put a suite's cases to a stack and seal the run."""

import sys
import time
from pathlib import Path

import click

from stopship.cli.options import conditions_of
from stopship.cli.reporting import columns
from stopship.cli.suites import blind_option, desk, stack_option, tell_outlook
from stopship.errors import UsageError


@click.command(
    short_help="Put a suite's cases to a stack.",
    epilog="""\b
Examples:
  stopship replay suites/support
  stopship replay suites/support --stack suites/support/stacks/next.toml --where lang=de
  stopship replay suites/support --pin prompt=drafts/system.j2 --case refund-de-017 --repeat 5
""",
)
@click.argument("suite", type=click.Path(path_type=Path))
@stack_option
@click.option(
    "--pin",
    "pins",
    multiple=True,
    metavar="AXIS=FILE",
    help="Replace one pin: its file, or its version where it has none. Such a run never ships. Repeatable.",
)
@click.option("--case", "cases", multiple=True, metavar="KEY", help="Only this case. Repeatable.")
@click.option(
    "--where", multiple=True, metavar="'COL=GLOB'", help="Only these cases; also 'COL!=GLOB'. Repeatable."
)
@click.option("--repeat", type=click.IntRange(1, 100), metavar="N", help="Outputs a case.")
@click.option("--shard", metavar="I/N", help="Only the I-th of N parts; `gate` takes all parts together.")
@click.option("--resume", is_flag=True, help="Go on with a replay that was broken off.")
@click.option("--fresh", is_flag=True, help="Draw new outputs, whatever an earlier replay gave.")
@blind_option
def replay(  # noqa: PLR0913  # one parameter an option
    suite: Path,
    stack_file: Path | None,
    pins: tuple[str, ...],
    cases: tuple[str, ...],
    where: tuple[str, ...],
    repeat: int | None,
    shard: str | None,
    resume: bool,
    fresh: bool,
    allow_blind: bool,
) -> int:
    """Put the cases of SUITE to its stack, and seal what came out as a run under `.stopship/runs`.

    A replay of the same cases by the same stack is served from the sealed run.
    """
    from stopship.gating.epochs import Draw
    from stopship.gating.replay import planned
    from stopship.gating.replay import replay as replayed
    from stopship.gating.selection import Selection, conditions
    from stopship.gating.selection import shard as shard_of
    from stopship.report.runs import run_lines

    if resume and fresh:
        raise UsageError("--resume with --fresh: one goes on, the other begins anew", do="give one of them")
    at = desk(suite)
    tell_outlook(at.opened, allow_blind=allow_blind or bool(cases or where or pins))
    chosen = Selection(keys=cases, where=conditions_of(where), shard=shard_of(shard) if shard else None)
    conditions(at.opened, chosen.where)
    answers, draw = at.answering(stack_file, pins), Draw(is_new=fresh)
    now = int(time.time())
    plan = planned(at.opened, at.place, answers, selection=chosen, repeats=repeat, draw=draw, now=now)
    if plan.renewed:
        click.echo(plan.renewed, err=True)
    bar = Progress()
    done = replayed(plan, resume=resume, fresh=fresh, tell=bar.tell, provenance={"started": now})
    bar.end()
    for line in run_lines(done.run, columns=columns()):
        click.echo(line)
    if done.is_served:
        click.echo("  served from the sealed run of this very replay; --fresh draws anew")
    if done.ignored:
        click.echo(f"  {done.ignored} recorded outputs of cases that the suite does not have were ignored")
    return 0


_BAR = 30  # characters
LINE_EVERY_S = 5.0  # in CI


class Progress:
    """Counts outputs on standard error: a bar on a terminal, elsewhere a line once in a while."""

    def __init__(self) -> None:
        self.is_terminal = sys.stderr is not None and sys.stderr.isatty()
        self.last = 0.0  # when the bar was drawn; 0: never
        self.line = time.monotonic()  # when a line was written, or the replay began

    def tell(self, done: int, total: int) -> None:
        now = time.monotonic()
        if self.is_terminal:
            if done == total or now - self.last > 0.1:
                self.last = now
                full = done * _BAR // total
                bar = "#" * full + "." * (_BAR - full)
                click.echo(f"\r[{bar}] {done} of {total} outputs", nl=False, err=True)
        elif now - self.line >= LINE_EVERY_S:
            self.line = now
            click.echo(f"{done} of {total} outputs", err=True)

    def end(self) -> None:
        if self.is_terminal and self.last:
            click.echo("", err=True)
