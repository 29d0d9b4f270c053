"""What a person types to go on with a replay that ended before its end.

Decides the words alone: what was typed, and `--resume`. Never types them.
"""

import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import click

from stopship.report.neutral import plain


def resuming() -> str:
    """The command of this process with `--resume`, or what to add where it cannot be printed."""
    words = [one for one in sys.argv[1:] if one not in ("--fresh", "--resume")]
    line = shlex.join(["stopship", *words, "--resume"])
    return line if plain(line, len(line)) == line else "the same command with --resume"


@contextmanager
def says_how_to_go_on() -> Iterator[None]:
    """Around a replay: whatever ends it early, the command that goes on with it is told."""
    from stopship.gating.spending import EndedEarly

    try:
        yield
    except EndedEarly as err:
        raise EndedEarly(err.what, do=f"{err.do}: {resuming()}") from err
    except KeyboardInterrupt:
        click.echo(f"what was answered is filed; go on with: {resuming()}", err=True)
        raise
