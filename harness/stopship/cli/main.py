"""The `stopship` command. Loads a subcommand only when it is called, and turns errors into exit codes.

Users' mistakes are shown without a traceback; a fault of ours is shown with one and exits 70.
"""

import os
import sys
from contextlib import suppress
from importlib import import_module

import click

from stopship import __version__
from stopship.cli.ending import INTERRUPTED, ended_line, ends_on_sigterm
from stopship.errors import StopshipError, nearest

_COMMANDS = {
    "init": "stopship.cli.init",
    "gate": "stopship.cli.gate",
    "replay": "stopship.cli.replay",
    "accept": "stopship.cli.accepting",
    "show": "stopship.cli.runs",
    "diff": "stopship.cli.runs",
    "repro": "stopship.cli.repro",
    "noise": "stopship.cli.noise",
    "plan": "stopship.cli.plan",
    "golden": "stopship.cli.golden",
    "monitor": "stopship.cli.monitor",
    "push": "stopship.cli.runs",
    "pull": "stopship.cli.runs",
    "compare": "stopship.cli.compare",
    "score": "stopship.cli.score",
    "scorers": "stopship.cli.listing",
    "doctor": "stopship.cli.listing",
    "pins": "stopship.cli.pins",
    "cache": "stopship.cli.cache",
}


class _LazyGroup(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  # click's signature
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002  # ditto
        if cmd_name not in _COMMANDS:
            return None
        command = getattr(import_module(_COMMANDS[cmd_name]), cmd_name)
        assert isinstance(command, click.Command)  # noqa: S101  # the table above is ours
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does, with the nearest command named where there is no such one."""
        name = args[0]
        if name not in _COMMANDS and not name.startswith("-"):
            ctx.fail(f"No such command {name[:60]!r}; {nearest(name, list(_COMMANDS))}")
        return super().resolve_command(ctx, args)


@click.command(
    cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(__version__, message="stopship %(version)s")
def cli() -> None:
    """Compare the outputs of an AI system before and after a change, and stop the build if it got worse.

    Exit codes: 0 SHIP, 20 STOP, 21 UNDECIDED, 22 VOID (the evidence cannot be judged), 2 wrong command,
    130 Ctrl-C, 143 SIGTERM, 70 a fault of stopship itself.
    """


def _discard_output() -> None:
    """Send what is still buffered to nowhere, so that leaving does not fail once more."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def entry() -> None:
    """The console script."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    with ends_on_sigterm() as came:
        status = _status(came)
    sys.exit(status if isinstance(status, int) else 0)


def _status(came: list[int]) -> object:
    """Run the command; its exit code. `came`: codes of signals that end it."""
    try:
        status = cli.main(prog_name="stopship", standalone_mode=False)
        if sys.stdout is not None:
            sys.stdout.flush()
    except (click.exceptions.Abort, KeyboardInterrupt):
        click.echo(ended_line(came, sys.argv[1] if len(sys.argv) > 1 else ""), err=True)
        status = came[0] if came else INTERRUPTED
    except click.ClickException as err:
        err.show()
        status = err.exit_code
    except StopshipError as err:
        click.echo(f"error: {err}", err=True)
        status = err.exit_code
    except BrokenPipeError:
        _discard_output()  # the reader has gone; nothing more can be said
        status = 1
    except OSError as err:
        if err.filename is not None:
            raise
        _discard_output()
        click.echo(f"error: the output could not be written: {err.strerror}", err=True)
        status = 1
    except Exception:  # noqa: BLE001  # the outermost frame: our own bug, shown in full
        import traceback

        traceback.print_exc()
        click.echo(
            "this is a bug in stopship, not in your input; please report it with the text above", err=True
        )
        status = 70
    return status
