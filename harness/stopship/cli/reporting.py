"""The options that say where a verdict is written and what it shows; every command that judges has them."""

import os
import shutil
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import click

from stopship.cli.table_options import is_device
from stopship.errors import UsageError
from stopship.model.verdict import Record

Command = TypeVar("Command", bound=Callable[..., object])

_OPTIONS = (
    click.option(
        "--examples",
        type=click.IntRange(0, 20),
        metavar="N",
        help="Worst cases to show with their outputs.  [default: 3; in CI keys and labels only]",
    ),
    click.option("--no-examples", is_flag=True, help="Show no cases."),
    click.option("--json", "json_file", type=click.Path(path_type=Path), help="Write the verdict record."),
    click.option("--markdown", "markdown_file", type=click.Path(path_type=Path), help="Write a job summary."),
    click.option("--junit", "junit_file", type=click.Path(path_type=Path), help="Write JUnit XML."),
)


def report_options(command: Command) -> Command:
    """Add the options, in the order of the help text."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


@dataclass(frozen=True, slots=True, kw_only=True)
class Reports:
    """Where a verdict goes, and how much of the cases it shows."""

    json_file: Path | None
    markdown_file: Path | None
    junit_file: Path | None
    examples: int | None
    no_examples: bool
    is_redacted: bool = False  # outputs may be shown in CI, too

    def __post_init__(self) -> None:
        if self.examples is not None and self.no_examples:
            raise UsageError("--examples with --no-examples", do="give one of them")

    @property
    def files(self) -> tuple[Path | None, Path | None, Path | None]:
        return self.json_file, self.markdown_file, self.junit_file

    @property
    def wanted(self) -> int | None:
        """How many examples the record holds; None: as many as is usual for its verdict."""
        return 0 if self.no_examples else self.examples

    @property
    def shows_outputs(self) -> bool:
        return self.examples is not None or self.is_redacted or not in_ci()

    def remove(self) -> None:
        """Take away what an earlier run wrote: one that ends without a verdict must not leave a green one."""
        for one in self.files:
            if one is not None and one.is_file() and not is_device(one) and os.access(one, os.W_OK):
                with suppress(OSError):  # what cannot be removed is reported when it cannot be written
                    one.resolve().unlink()

    def give(self, record: Record, next_steps: Sequence[str] = ()) -> None:
        """Write the files, then print the verdict, with annotations for GitHub where it listens."""
        self._write(record, next_steps)
        from stopship.report import annotations, text

        shown = text.render(record, next_steps=next_steps, show_outputs=self.shows_outputs, columns=columns())
        click.echo(shown, nl=False)
        if os.environ.get("GITHUB_ACTIONS", "").lower() == "true":
            click.echo(annotations.render(record), nl=False)

    def _write(self, record: Record, next_steps: Sequence[str]) -> None:
        from stopship.report import jsonrecord, junit, markdown
        from stopship.store.atomic import write_atomically

        if self.json_file is not None:
            write_atomically(self.json_file, jsonrecord.render(record))
        if self.markdown_file is not None:
            shown = markdown.render(record, next_steps=next_steps, show_outputs=self.shows_outputs)
            write_atomically(self.markdown_file, shown.encode())
        if self.junit_file is not None:
            write_atomically(self.junit_file, junit.render(record))


def columns() -> int:
    """Columns that sentences may take: those of the terminal, or of COLUMNS; 60 at least, 100 at most."""
    from stopship.report.layout import WIDTH

    return max(60, min(WIDTH, shutil.get_terminal_size((WIDTH, 24)).columns))


def in_ci() -> bool:
    """Whether CI says so in the environment."""
    return os.environ.get("CI", "").lower() not in ("", "false", "0", "no")
