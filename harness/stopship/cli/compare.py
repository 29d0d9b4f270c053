"""`stopship compare`: two files of recorded outputs in, one verdict out."""

import os
import shlex
import sys
from contextlib import suppress
from pathlib import Path

import click

from stopship.cli.options import conditions_of, rules_of
from stopship.cli.table_options import (
    CONVENTIONS,
    is_device,
    refuse_empty,
    refuse_overwriting,
    table_options,
)
from stopship.errors import UsageError
from stopship.model.columns import Columns
from stopship.model.verdict import Record, Verdict


@click.command(
    short_help="Judge one file of outputs against another.",
    epilog="""\b
Example:
  stopship compare before.jsonl after.jsonl --key id --cohort lang \\
      --rule 'exact margin=5pt' --rule 'latency margin=10% severity=warn'
"""
    + CONVENTIONS,
)
@click.argument("baseline", type=click.Path(path_type=Path))
@click.argument("candidate", type=click.Path(path_type=Path))
@click.option(
    "--key", required=True, metavar="COL", help="Column that names a case; both files share its values."
)
@table_options
@click.option(
    "--cohort",
    "cohorts",
    multiple=True,
    metavar="COL",
    help="Guard every value of this column with 25 cases or more. Repeatable.",
)
@click.option("--cluster", metavar="COL", help="Column with the conversation or user that cases share.")
@click.option(
    "--where", multiple=True, metavar="'COL=GLOB'", help="Only these rows; also 'COL!=GLOB'. Repeatable."
)
@click.option(
    "--rule",
    "rules",
    multiple=True,
    metavar="RULE",
    help="SCORER better=lower|higher margin=5pt [cohort_margin=10pt] [at_most=X | at_least=X] "
    "[severity=warn]. `stopship scorers` lists scorers; margins default to 5pt, 10pt for cohorts. "
    "Repeatable.",
)
@click.option(
    "--undecided",
    type=click.Choice(["hold", "allow"]),
    default="hold",
    show_default=True,
    help="allow: UNDECIDED without sign of harm exits 0.",
)
@click.option(
    "--examples",
    type=click.IntRange(0, 20),
    metavar="N",
    help="Worst cases to show with their outputs.  [default: 3; in CI keys and labels only]",
)
@click.option("--no-examples", is_flag=True, help="Show no cases.")
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Write the verdict record.")
@click.option("--markdown", "markdown_file", type=click.Path(path_type=Path), help="Write a job summary.")
@click.option("--junit", "junit_file", type=click.Path(path_type=Path), help="Write JUnit XML.")
def compare(  # noqa: PLR0913  # one parameter an option
    baseline: Path,
    candidate: Path,
    key: str,
    output: str | None,
    input_: str | None,
    expected: str | None,
    latency: str | None,
    cost: str | None,
    cohorts: tuple[str, ...],
    cluster: str | None,
    where: tuple[str, ...],
    rules: tuple[str, ...],
    undecided: str,
    examples: int | None,
    no_examples: bool,
    big_ints: str,
    json_file: Path | None,
    markdown_file: Path | None,
    junit_file: Path | None,
) -> int:
    """Judge the outputs in CANDIDATE against those in BASELINE, case by case.

    Files: CSV, JSON, JSONL (each also .gz) or Parquet. Exits 0 SHIP, 20 STOP, 21 UNDECIDED, 22 VOID.
    """
    if examples is not None and no_examples:
        raise UsageError("--examples with --no-examples", do="give one of them")
    refuse_empty(key=key, output=output, input_=input_, expected=expected, latency=latency, cost=cost)
    refuse_empty(cluster=cluster, **{f"cohort{i}": one for i, one in enumerate(cohorts)})
    judged = rules_of(rules)
    reports = (json_file, markdown_file, junit_file)
    sources = [Path(one) for rule in judged for one in rule.scorer.reads]
    refuse_overwriting((baseline, candidate, *sources), reports)
    columns = Columns(
        key=key,
        output=output,
        input=input_,
        expected=expected,
        latency=latency,
        cost=cost,
        cohorts=tuple(dict.fromkeys(cohorts)),
        cluster=cluster,
        where=conditions_of(where),
    )
    from stopship.pipeline import Options, compare_files

    options = Options(
        allow_undecided=undecided == "allow",
        examples=0 if no_examples else examples,
        big_ints=big_ints,
    )
    _remove(reports)
    record = compare_files(baseline, candidate, columns, judged, options)
    show_outputs = examples is not None or os.environ.get("CI", "").lower() in ("", "false", "0", "no")
    next_steps = _next_steps(record, sys.argv[1:] if sys.argv else [], examples=examples)
    _write(record, json_file, markdown_file, junit_file, next_steps=next_steps, show_outputs=show_outputs)
    _show(record, next_steps=next_steps, show_outputs=show_outputs)
    return record.exit_code


def _remove(reports: tuple[Path | None, ...]) -> None:
    """Take away what an earlier run wrote: a run that ends without a verdict must not leave a green one."""
    for one in reports:
        if one is not None and one.is_file() and not is_device(one) and os.access(one, os.W_OK):
            with suppress(OSError):  # what cannot be removed is reported when it cannot be written
                one.resolve().unlink()


def _write(
    record: Record,
    json_file: Path | None,
    markdown_file: Path | None,
    junit_file: Path | None,
    *,
    next_steps: list[str],
    show_outputs: bool,
) -> None:
    from stopship.report import jsonrecord, junit, markdown
    from stopship.store.atomic import write_atomically

    if json_file is not None:
        write_atomically(json_file, jsonrecord.render(record))
    if markdown_file is not None:
        shown = markdown.render(record, next_steps=next_steps, show_outputs=show_outputs)
        write_atomically(markdown_file, shown.encode())
    if junit_file is not None:
        write_atomically(junit_file, junit.render(record))


def _show(record: Record, *, next_steps: list[str], show_outputs: bool) -> None:
    from stopship.report import annotations, text

    click.echo(text.render(record, next_steps=next_steps, show_outputs=show_outputs), nl=False)
    if os.environ.get("GITHUB_ACTIONS", "").lower() == "true":
        click.echo(annotations.render(record), nl=False)


def _without_files(words: list[str]) -> list[str]:
    """The command without the reports it wrote, so that a closer look does not write over them."""
    kept, skip = [], False
    for word in words:
        name, sign, _ = word.partition("=")
        if skip or name in ("--json", "--markdown", "--junit"):
            skip = not skip and not sign
            continue
        kept.append(word)
    return kept


def _next_steps(record: Record, words: list[str], *, examples: int | None) -> list[str]:
    """The command that looks closer at what got worse: this one, narrowed to the scope of the examples."""
    if (
        record.verdict not in (Verdict.STOP, Verdict.UNDECIDED)
        or not record.examples
        or "compare" not in words
    ):
        return []
    scope, added = record.examples[0].scope, []
    column, _, value = scope.partition("=")
    if scope != "all" and value != "(none)":
        glob = value.replace("[", "[[]").replace("*", "[*]").replace("?", "[?]")
        added += ["--where", f"{column}={glob}"]
    elif examples is not None:
        return []
    if examples is None:
        added += ["--examples", "20"]
    line = shlex.join(["stopship", *_with_options(_without_files(words), added)])
    return [line] if line.isprintable() else []


def _with_options(words: list[str], added: list[str]) -> list[str]:
    """The words with options added at the end, or before `--`, after which nothing is an option."""
    at = words.index("--") if "--" in words else len(words)
    return [*words[:at], *added, *words[at:]]
