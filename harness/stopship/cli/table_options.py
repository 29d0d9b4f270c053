"""The options that say which column of a table means what; every command that reads tables has them."""

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

import click

from stopship.errors import UsageError

Command = TypeVar("Command", bound=Callable[..., object])

_OPTIONS = (
    click.option("--output", metavar="COL", help="Column with the system's answer."),
    click.option(
        "--input",
        "input_",
        metavar="COL",
        help="Column with what was asked; compared files must agree on it.",
    ),
    click.option(
        "--expected", metavar="COL", help="Column with the expected answer; compared files must agree on it."
    ),
    click.option("--latency", metavar="COL", help="Column with the time an answer took."),
    click.option("--cost", metavar="COL", help="Column with what an answer cost."),
    click.option(
        "--big-ints",
        type=click.Choice(["refuse", "string"]),
        default="refuse",
        show_default=True,
        help="Integers beyond 2^53: refuse the file, or read them as text.",
    ),
)
CONVENTIONS = "Columns called output, expected, latency_ms and cost_usd are taken where none is named."


def refuse_empty(**named: str | None) -> None:
    """Raise UsageError for an option given as an empty text: mostly a variable that was never set."""
    for name, value in named.items():
        if value is not None and not value.strip():
            option = f"--{name.strip('_').replace('_', '-')}"
            raise UsageError(f"{option} is empty", do="name a column, or leave the option out")


def table_options(command: Command) -> Command:
    """Add the options of `_OPTIONS`, in their order."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def is_device(path: Path) -> bool:
    """Whether a path names an open stream or device: /dev/stdout may lead to a file that is not ours."""
    return path.absolute().parts[1:2] in (("dev",), ("proc",))


def refuse_overwriting(inputs: Iterable[Path], outputs: Iterable[Path | None]) -> None:
    """Raise UsageError where a report would be written over an input or another report."""
    taken = {os.path.realpath(one) for one in inputs}
    for one in outputs:
        if one is None or is_device(one) or not (one.is_file() or not one.exists()):
            continue  # nothing asked for, or a device such as /dev/stdout
        if not one.parent.is_dir():
            raise UsageError(
                f"there is no folder {str(one.parent)!r} to write into", do="make it, or name another"
            )
        real = os.path.realpath(one)
        if real in taken:
            raise UsageError(
                f"{str(one)!r} would be written over another file of this command", do="name another file"
            )
        taken.add(real)
