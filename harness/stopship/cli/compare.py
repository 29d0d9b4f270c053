"""`stopship compare`: two files of recorded outputs in, one verdict out."""

import shlex
import sys
from pathlib import Path

import click

from stopship.cli.options import conditions_of, rules_of
from stopship.cli.reporting import Reports, report_options
from stopship.cli.table_options import (
    CONVENTIONS,
    refuse_empty,
    refuse_overwriting,
    table_options,
)
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
    "[tail=p95] [severity=warn]. `stopship scorers` lists scorers; margins default to 5pt, 10pt for cohorts. "
    "Repeatable.",
)
@click.option(
    "--undecided",
    type=click.Choice(["hold", "allow"]),
    default="hold",
    show_default=True,
    help="allow: UNDECIDED without sign of harm exits 0.",
)
@report_options
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
    reports = Reports(
        json_file=json_file,
        markdown_file=markdown_file,
        junit_file=junit_file,
        examples=examples,
        no_examples=no_examples,
    )
    refuse_empty(key=key, output=output, input_=input_, expected=expected, latency=latency, cost=cost)
    refuse_empty(cluster=cluster, **{f"cohort{i}": one for i, one in enumerate(cohorts)})
    judged = rules_of(rules)
    sources = [Path(one) for rule in judged for one in rule.scorer.reads]
    refuse_overwriting((baseline, candidate, *sources), reports.files)
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
        examples=reports.wanted,
        big_ints=big_ints,
    )
    reports.remove()
    record = compare_files(baseline, candidate, columns, judged, options)
    reports.give(record, _next_steps(record, sys.argv[1:] if sys.argv else [], examples=examples))
    return record.exit_code


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
