"""`stopship replay`: put a suite's cases to a stack and seal the run."""

import os
import shlex
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from stopship.cli.options import conditions_of
from stopship.cli.reporting import columns, in_ci
from stopship.cli.resuming import says_how_to_go_on
from stopship.cli.suites import Desk, blind_option, desk, stack_option, tell_outlook
from stopship.errors import EvidenceError, UsageError, nearest
from stopship.model.exchange import Fidelity, Record
from stopship.model.run import Status
from stopship.model.suite import Suite
from stopship.report.layout import wrapped
from stopship.report.neutral import plain

if TYPE_CHECKING:
    from stopship.gating.outside import Outside
    from stopship.gating.replay import Replayed
    from stopship.model.run import Run


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
@click.option(
    "--fidelity",
    type=click.Choice([one.value for one in Fidelity]),
    help="What of the world outside is executed.  [default: as the suite says]",
)
@click.option(
    "--record",
    type=click.Choice([one.value for one in Record]),
    default=Record.NONE.value,
    show_default=True,
    help="Write down the calls that are made, of new outputs: of cases without recordings (once), of calls "
    "without one (new), or of all. CI=true records nothing.",
)
@click.option(
    "--allow-effects",
    "effects",
    multiple=True,
    metavar="NAME",
    help="Execute this marked function though it writes. Repeatable.",
)
@click.option("--plan", "only_plan", is_flag=True, help="Say what it would draw, make and cost, and stop.")
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
    fidelity: str | None,
    record: str,
    effects: tuple[str, ...],
    only_plan: bool,
    resume: bool,
    fresh: bool,
    allow_blind: bool,
) -> int:
    """Put the cases of SUITE to its stack, and seal what came out as a run under `.stopship/runs`.

    A replay of the same cases by the same stack is served from the sealed run. Exits 0 where outputs were
    told, though some were lost, and 22 where none was; `gate` judges.
    """
    from stopship.gating.epochs import Draw
    from stopship.gating.evidence import drawn_faults
    from stopship.gating.foreseen import foreseen
    from stopship.gating.performing import refuse_broken_off
    from stopship.gating.performing import replay as replayed
    from stopship.gating.replay import planned
    from stopship.gating.selection import Selection, conditions
    from stopship.gating.selection import shard as shard_of
    from stopship.report.foreseen import plan_lines
    from stopship.report.runs import run_lines

    if resume and fresh:
        raise UsageError("--resume with --fresh: one goes on, the other begins anew", do="give one of them")
    at = desk(suite)
    tell_outlook(at.opened, allow_blind=allow_blind or bool(cases or where or pins))
    chosen = Selection(keys=cases, where=conditions_of(where), shard=shard_of(shard) if shard else None)
    conditions(at.opened, chosen.where)
    outside = _outside(at.opened.suite, fidelity, record, effects)
    is_recording = outside.record is not Record.NONE
    is_recorded_anew = is_recording and not resume and not fresh
    fresh = fresh or is_recorded_anew
    _refuse_replacing(at, outside.record)
    now = int(time.time())
    planning = partial(
        planned,
        at.opened,
        at.place,
        at.answering(stack_file, pins),
        selection=chosen,
        repeats=repeat,
        outside=outside,
        now=None if only_plan or is_recording else now,
    )
    if is_recorded_anew and not only_plan:
        refuse_broken_off(planning())
    plan = planning(draw=Draw(is_new=fresh and not only_plan))
    if resume and is_recording and not only_plan and not plan.is_begun:  # it was killed at its very start
        resume, fresh = False, True
        plan = planning(draw=Draw(is_new=not plan.is_opened))
    if plan.renewed:
        click.echo(plan.renewed, err=True)
    if only_plan:
        for line in plan_lines(**asdict(foreseen(plan, is_anew=fresh or plan.is_stale(now)))):
            click.echo(line)
        return 0
    bar = Progress()
    with says_how_to_go_on():
        done = replayed(plan, resume=resume, fresh=fresh, tell=bar.tell, provenance={"started": now})
    bar.end()
    for line in run_lines(done.run, columns=columns(), faults=drawn_faults(done.run, "this run")):
        click.echo(line)
    for line in _aside(at, done, effects):
        click.echo(line)
    stacks = [str(stack_file)] if stack_file else []
    given = (("--stack", stacks), ("--pin", pins), ("--case", cases), ("--where", where))
    words = [word for name, each in given for one in each for word in (name, one)]
    words += ["--repeat", str(repeat)] if repeat is not None else []
    words += ["--allow-blind"] if allow_blind else []
    return _ended(at, done.run, words, is_recording=is_recording)


def _refuse_replacing(at: Desk, record: Record) -> None:
    if record is Record.ALL and at.place.store.local is None:
        raise UsageError(
            "--record all replaces recordings, and a store behind a URL only takes new ones",
            do="record into a folder (`store` in suite.toml, or STOPSHIP_STORE), or use --record new",
        )


def _ended(at: Desk, run: "Run", given: list[str], *, is_recording: bool) -> int:
    """Say what was not told, and what makes it told. The exit code: 22 where nothing was."""
    from stopship.gating.recording import lacks_recordings, record_words
    from stopship.report.shortfall import short_line

    limit = at.opened.suite.replay.lost_limit
    if line := short_line(run, limit):
        click.echo(wrapped(line, first="", then="  ", columns=columns()))
    if lacks_recordings(at.opened.suite, run.outcomes):
        words = shlex.join(record_words(at.place, os.path.relpath(at.opened.folder), given))
        if plain(words, len(words)) == words:
            click.echo(f"Next:  {words}")
    elif is_recording and (said := at.opened.suite.replay.fidelity) is not Fidelity.LIVE:
        click.echo(
            f"  recorded; the suite replays {said.value}, so a gate takes a replay of it, and not this run"
        )
    is_told = any(one.status is Status.OK for one in run.outcomes)
    return 0 if is_told else EvidenceError.exit_code


def _aside(at: Desk, done: "Replayed", effects: Sequence[str]) -> list[str]:
    """Where the run came from, and what was named for nothing: slips, more often than not."""
    from stopship.gating.recording import marked

    said = ["served from the sealed run of this very replay; --fresh draws anew"] if done.is_served else []
    names = {call.name for one in done.run.outcomes for call in one.calls} | set(marked(at.place))
    unused, why = sorted(set(effects) - names), "nothing of that name is marked, and nothing was called"
    said += [f"--allow-effects {plain(one)}: {why}; {plain(nearest(one, list(names)))}" for one in unused]
    if done.ignored:
        said.append(f"{done.ignored} recorded outputs of cases that the suite does not have were ignored")
    return [f"  {one}" for one in said]


def _outside(suite: "Suite", fidelity: str | None, record: str, effects: tuple[str, ...]) -> "Outside":
    """What the options make of what the suite says about the world outside."""
    from stopship.gating.outside import outside_of

    said = outside_of(suite)
    mode = Record(record)
    if mode is not Record.NONE and in_ci():
        click.echo("CI=true: nothing is recorded", err=True)
        mode = Record.NONE
    made = replace(
        said,
        fidelity=Fidelity(fidelity)
        if fidelity
        else Fidelity.LIVE
        if mode is not Record.NONE
        else said.fidelity,
        record=mode,
        effects=said.effects | set(effects),
    )
    if mode is not Record.NONE and made.fidelity is not Fidelity.LIVE:
        raise UsageError(
            f"--record {record} with --fidelity {made.fidelity.value}: what is frozen is not made",
            do="record a live replay: leave --fidelity out",
        )
    if (fidelity or effects or mode is not Record.NONE) and (why := suite.replay.no_calls):
        raise UsageError(why, do="leave --fidelity, --record and --allow-effects out")
    return made


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
