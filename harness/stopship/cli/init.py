"""`stopship init`: a suite to start from, which ships as it is."""

import os
import shlex
from datetime import UTC, datetime
from pathlib import Path

import click

from stopship.cli.suites import STORE


@click.command(
    short_help="Make a suite to start from.",
    epilog="""\b
Example:
  stopship init suites/support
""",
)
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
def init(folder: Path) -> int:
    """Make a small working suite in DIR, which is new or empty: a support assistant, questions to it, rules.

    Its stacks are locked and its first run is accepted, so the gate ships it as it is. Replace its parts by
    yours, one at a time.
    """
    from stopship.gating.beginning import begin
    from stopship.report.neutral import plain

    done = begin(folder, today=datetime.now(tz=UTC).date(), store=os.environ.get(STORE) or None)
    click.echo(
        f"{plain(done.name)}: {done.cases} cases, {done.stacks} stacks locked, first run {done.run} accepted"
    )
    for line in _next(folder):
        click.echo(plain(line))
    return 0


def _next(folder: Path) -> list[str]:
    """What to type next, from here."""
    at = f"./{folder}" if str(folder).startswith("-") else str(folder)
    inside = "" if at == "." else f"{at}/"
    suite, bad = shlex.quote(at), shlex.quote(f"{inside}stacks/bad-prompt.toml")
    return [
        "next:",
        f"  stopship gate {suite}  # SHIP, exit 0",
        f"  pytest {suite}  # the same, as tests",
        f"  stopship gate {suite} --stack {bad}  # STOP, exit 20, and why",
        f"  stopship repro fees-de-05 --suite {suite} --good baseline --bad {bad}",
        f"then read {shlex.quote(f'{inside}README.md')}: which part to replace by yours first",
    ]
