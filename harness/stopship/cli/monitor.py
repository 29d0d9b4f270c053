"""`stopship monitor`: watch a stack night after night, without ever asking too often."""

import time
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from stopship.cli.suites import stack_option
from stopship.errors import UsageError
from stopship.store.shown import quoted

if TYPE_CHECKING:
    from stopship.gating.monitoring import Monitored

STOP = 20
_SHOWN = 14  # nights


@click.command(
    short_help="Watch a stack night after night.",
    epilog="""\b
Examples:
  stopship monitor suites/support
  stopship monitor suites/support --stack suites/support/stacks/live.toml --night 2030-01-31
""",
)
@click.argument("suite", type=click.Path(path_type=Path))
@stack_option
@click.option("--night", metavar="DATE", help="The night that is drawn, YYYY-MM-DD.  [default: today]")
@click.option(
    "--history",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Where the nights are kept.  [default: monitor.jsonl beside the suite]",
)
def monitor(suite: Path, stack_file: Path | None, night: str | None, history: Path | None) -> int:
    """Draw fresh outputs of the accepted and of the present stack of SUITE, and say whether all nights
    together prove the present one worse.

    Valid at any look: stop after any night, miss nights, go on for ever. It can prove harm; it never proves
    that a build is good. A night is drawn once: running it again draws and appends nothing.

    Exits 0, 20 once harm is proven (until the baseline or the present stack changes), 22 VOID.
    """
    from stopship.cli.replay import Progress
    from stopship.cli.reporting import columns
    from stopship.cli.suites import desk
    from stopship.gating.monitoring import HISTORY, Watching
    from stopship.gating.monitoring import monitor as monitored
    from stopship.report.layout import wrapped

    at = desk(suite)
    today = datetime.now(tz=UTC).date()
    chosen = _night(night, today)
    path = history or at.opened.folder / HISTORY
    bar = Progress()
    watching = Watching(
        night=chosen,
        present=at.answering(stack_file),
        history=path,
        tell=bar.tell,
        provenance={"started": int(time.time())},
    )
    found = monitored(at.opened, at.place, watching)
    bar.end()
    margins = {one.id: one.margin.share for one in at.opened.rules if one.margin is not None}
    for line in _head(found, at.opened.suite.name, chosen, margins):
        click.echo(wrapped(line, first="", then="    ", columns=columns()) if line else "")
    for line in _table(found):
        click.echo(line)
    return STOP if found.proven else 0


def _night(text: str | None, today: date) -> date:
    if text is None:
        return today
    try:
        found = date.fromisoformat(text)
    except ValueError as err:
        raise UsageError(f"--night {quoted(text)} is no date", do="write it as YYYY-MM-DD") from err
    if found > today:
        raise UsageError(f"--night {text} is still to come", do=f"name a night up to {today}")
    return found


def _head(found: "Monitored", suite: str, night: date, margins: dict[str, float]) -> list[str]:
    from stopship.report.neutral import plain
    from stopship.steps.monitoring import nights_for, nights_to_come

    name = plain(suite, 60)
    lines = []
    if found.proven:
        lines.append(f"STOP  {name}: the present stack is proven worse than the accepted one   exit {STOP}")
        lines += [
            f"  {plain(one.rule, 60)} in {plain(one.scope, 60)}: "
            f"e reached {_e(1 / one.alpha)} on {one.proven_on}"
            for one in found.proven
        ]
        lines.append("  this holds until another run is accepted or the present stack changes")
    else:
        lines.append(f"{name}: no harm is proven   exit 0")
    lines.append(
        f"  night {night}: {'drawn' if found.is_drawn else 'drawn before, nothing drawn or appended'}"
    )
    if found.began:
        lines.append(f"  a new segment begins, as {', '.join(found.began)} changed: e starts from 1 again")
    if found.is_same:
        lines.append(
            "  both arms are the accepted stack: what is seen is its own noise, or what it stands on"
        )
    for one in found.trails:
        if one.scope != "all" or one.proven_on:
            continue
        told = nights_to_come(one)
        loss = nights_for(one, margins.get(one.rule, 0.05))
        where = f"  {plain(one.rule, 60)} in all: "
        what = f"{told} more nights like these would prove harm" if told else "nothing points to harm"
        margin = f"{100 * margins.get(one.rule, 0.05):g} points"
        after = (
            f"a loss of {margin} takes about {_nights(loss)}"
            if loss
            else f"a loss of {margin} takes too long"
        )
        lines.append(f"{where}{what}; {after} to prove")
    lines += [f"  {plain(rule, 60)} is not watched: {why}" for rule, why in found.unwatched]
    return [*lines, ""]


def _nights(count: int) -> str:
    return "1 night" if count == 1 else f"{count} nights"


def _table(found: "Monitored") -> list[str]:
    """Night by night, `all` first; cohorts that show nothing are counted."""
    from stopship.report.layout import table
    from stopship.report.neutral import plain

    shown = [one for one in found.trails if one.scope == "all" or max(it.e for _, _, it in one.nights) >= 2]
    rows = [("night", "rule", "scope", "pairs", "worse", "better", "e", "needed", "")]
    for one in shown:
        for night, seen, look in one.nights[-_SHOWN:]:
            mark = "PROVEN" if look.e >= 1 / seen.alpha else ""
            counts = (str(seen.pairs), str(seen.worse), str(seen.better))
            named = (night, plain(one.rule, 40), plain(one.scope, 40))
            rows.append((*named, *counts, _e(look.e), _e(1 / seen.alpha), mark))
    lines = table(rows, left=frozenset((0, 1, 2, 8)))
    quiet = len(found.trails) - len(shown)
    if quiet:
        lines.append(
            f" {quiet} cohorts with an e below 2 are not shown"
            if quiet > 1
            else " 1 cohort with an e below 2 is not shown"
        )
    return lines


def _e(value: float) -> str:
    if value >= 1e6:
        return f"{value:.0e}"
    return f"{value:.3g}" if value < 1000 else f"{value:.0f}"
