"""`stopship score`: what a scorer says of every row of one file."""

import json
from pathlib import Path

import click

from stopship.cli.table_options import CONVENTIONS, refuse_empty, refuse_overwriting, table_options
from stopship.model.columns import Columns


@click.command(
    short_help="Put every row of a file to one scorer.",
    epilog="""\b
Example:
  stopship score refusal answers.csv --key id --output answer
Rows without an output have a null value and the label 'no output'.
"""
    + CONVENTIONS,
)
@click.argument("scorer", metavar="SCORER")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--key", metavar="COL", help="Column that names a row.  [default: the row's number]")
@table_options
@click.option("--jsonl", type=click.Path(path_type=Path), help="Write to this file instead of the terminal.")
def score(  # noqa: PLR0913  # one parameter an option
    scorer: str,
    file: Path,
    key: str | None,
    output: str | None,
    input_: str | None,
    expected: str | None,
    latency: str | None,
    cost: str | None,
    big_ints: str,
    jsonl: Path | None,
) -> int:
    """Put every row of FILE to SCORER; print one JSON object a row: key, value, label, reason."""
    from stopship import catalog
    from stopship.pipeline import score_file

    refuse_empty(key=key, output=output, input_=input_, expected=expected, latency=latency, cost=cost)
    put = catalog.scorer(scorer)
    refuse_overwriting((file, *map(Path, put.reads)), (jsonl,))
    columns = Columns(
        key=key or "", output=output, input=input_, expected=expected, latency=latency, cost=cost
    )
    lines = [
        json.dumps({"key": name, "value": value, "label": label, "reason": reason})
        for name, value, label, reason in score_file(file, columns, put, big_ints=big_ints)
    ]
    text = "".join(f"{line}\n" for line in lines)
    if jsonl is None:
        click.echo(text, nl=False)
        return 0
    from stopship.store.atomic import write_atomically

    write_atomically(jsonl, text.encode("ascii"))
    click.echo(f"{len(lines)} rows scored by {scorer}", err=True)
    return 0
