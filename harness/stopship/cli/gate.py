"""`stopship gate`: replay a suite, or take runs of it, and judge them against the baseline."""

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from stopship.cli.replay import Progress
from stopship.cli.reporting import Reports, report_options
from stopship.cli.suites import Desk, blind_option, desk, refuse_stack_file, stack_option, tell_outlook
from stopship.cli.table_options import refuse_overwriting
from stopship.errors import EvidenceError, UsageError

if TYPE_CHECKING:
    from stopship.gating.gate import Asked
    from stopship.model.run import Run
    from stopship.model.suite import Suite
    from stopship.model.verdict import Record


@click.command(
    short_help="Judge a suite against its baseline.",
    epilog="""\b
Examples:
  stopship gate suites/support
  stopship gate suites/support --stack suites/support/stacks/next.toml --json verdict.json
  stopship gate suites/support --candidate 7c1e --candidate a90b --baseline-ref origin/main
""",
)
@click.argument("suite", type=click.Path(path_type=Path))
@stack_option
@click.option(
    "--candidate",
    "candidates",
    multiple=True,
    metavar="RUN",
    help="A run instead of a new replay; several are the shards of one. Repeatable.",
)
@click.option("--baseline", metavar="RUN", help="Compare with this run instead of the accepted one.")
@click.option(
    "--baseline-ref",
    metavar="GITREF",
    help="Take rules, labels, scorers and the pointer from this revision, not from the change.",
)
@click.option(
    "--rescore",
    is_flag=True,
    help="Judge the outputs of the accepted run by today's scorers, labels and rules. Nothing is executed.",
)
@click.option("--new-suite", is_flag=True, help="No baseline yet: limits and must-pass rules alone decide.")
@click.option(
    "--expect", multiple=True, metavar="RULE", help="This rule must be proven improved, too. Repeatable."
)
@click.option("--fresh", is_flag=True, help="Draw new outputs, whatever an earlier replay gave.")
@click.option(
    "--undecided",
    type=click.Choice(["hold", "allow"]),
    help="allow: UNDECIDED without sign of harm exits 0.  [default: as the suite says]",
)
@blind_option
@report_options
def gate(  # noqa: PLR0913  # one parameter an option
    suite: Path,
    stack_file: Path | None,
    candidates: tuple[str, ...],
    baseline: str | None,
    baseline_ref: str | None,
    rescore: bool,
    new_suite: bool,
    expect: tuple[str, ...],
    fresh: bool,
    undecided: str | None,
    allow_blind: bool,
    examples: int | None,
    no_examples: bool,
    json_file: Path | None,
    markdown_file: Path | None,
    junit_file: Path | None,
) -> int:
    """Judge SUITE: replay its cases with its stack, and compare with the accepted run.

    Exits 0 SHIP, 20 STOP, 21 UNDECIDED, 22 VOID.
    """
    _refuse_together(candidates, baseline, baseline_ref, rescore=rescore, new_suite=new_suite, fresh=fresh)
    reports = Reports(
        json_file=json_file,
        markdown_file=markdown_file,
        junit_file=junit_file,
        examples=examples,
        no_examples=no_examples,
    )
    written = _make_way(suite, stack_file, reports)
    from stopship.gating.edits import edit_note
    from stopship.gating.gate import Asked, other_stack, void_gate, void_unopened
    from stopship.gating.nextsteps import next_steps

    try:
        at = desk(suite, baseline_ref=baseline_ref, expect=expect)
    except EvidenceError as err:
        record = void_unopened(written, [str(err)])
        reports.give(record)
        return record.exit_code
    sources = [Path(one) for rule in at.opened.rules for one in rule.scorer.reads]
    refuse_overwriting(sources, reports.files)
    tell_outlook(at.opened, allow_blind=allow_blind)
    reports = _as_the_suite_says(reports, at)
    try:
        run, notes = _accepted(at) if rescore else _candidate(at, stack_file, candidates, fresh=fresh)
        other = other_stack(at.stack_path(stack_file), run) if candidates or rescore else ""
        against = at.place.run(baseline) if baseline else None
        if against is not None:
            notes.append(f"compared with {against.short} as asked: anchor and waivers play no part")
    except EvidenceError as err:
        record = void_gate(at.opened, [str(err), *_drifted(err)])
        reports.give(record, next_steps(at.place, record, suite))
        return record.exit_code
    notes += edit_note(written, at.opened.suite) if at.commit else []
    asked = Asked(
        today=datetime.now(tz=UTC).date(),
        now=int(time.time()),
        baseline=against,
        is_new_suite=new_suite,
        is_rescore=rescore,
        examples=reports.wanted,
        allow_undecided=None if undecided is None else undecided == "allow",
        notes=tuple(notes),
        never_ships=other and f"{other}: name its stack file with --stack",
    )
    record = _judged(at, run, asked, stack_file)
    steps = next_steps(at.place, record, suite, baseline, stack=stack_file, allow_blind=allow_blind)
    reports.give(record, steps)
    return record.exit_code


def _refuse_together(
    candidates: tuple[str, ...],
    baseline: str | None,
    baseline_ref: str | None,
    *,
    rescore: bool,
    new_suite: bool,
    fresh: bool,
) -> None:
    """Raise UsageError for options of which one would do nothing."""
    if candidates and fresh:
        raise UsageError("--candidate with --fresh: nothing is replayed", do="give one of them")
    if rescore and (candidates or fresh or baseline or new_suite):
        raise UsageError(
            "--rescore takes the accepted run, and nothing else",
            do="leave --candidate, --fresh, --baseline and --new-suite out",
        )
    if baseline and baseline_ref:
        raise UsageError(
            "--baseline with --baseline-ref", do="the pointer of the revision names the baseline"
        )


def _judged(at: Desk, run: "Run", asked: "Asked", stack_file: Path | None) -> "Record":
    """The record of a run; nothing more is drawn of one whose outputs are only scored again."""
    from stopship.gating.escalating import Means, decided
    from stopship.gating.gate import gate as judged

    if asked.is_rescore:
        return judged(at.opened, at.place, run, asked)
    bar = Progress()
    means = Means(
        answering=at.answering(stack_file) if stack_file else None,
        tell=bar.tell,
        provenance={"started": int(time.time())},
    )
    record = decided(at.opened, at.place, run, asked, means)
    bar.end()
    return record


def _make_way(path: Path, stack_file: Path | None, reports: Reports) -> "Suite":
    """The suite as written, once earlier reports are gone; none is where a file of the suite lies."""
    from stopship.gating.opened import named_files
    from stopship.gating.workplace import find_suite_file
    from stopship.store.lockfile import lock_path
    from stopship.store.suitefile import read_suite

    file = find_suite_file(path)
    refuse_stack_file(file)
    try:
        suite = read_suite(file)
    except UsageError:
        refuse_overwriting([file], reports.files)
        reports.remove()
        raise
    named = named_files(suite)
    stacks = [suite.folder / suite.stack, *([stack_file] if stack_file else [])]
    refuse_overwriting([*named, *stacks, *map(lock_path, stacks)], reports.files)
    reports.remove()
    return suite


def _as_the_suite_says(reports: Reports, at: Desk) -> Reports:
    from dataclasses import replace

    return replace(reports, is_redacted=at.opened.suite.is_redacted)


def _drifted(err: EvidenceError) -> list[str]:
    """What drifted, line by line, where that is why."""
    from stopship.gating.stacking import DriftError
    from stopship.report.pins import drift_lines

    return [line.strip() for line in drift_lines(err.drifts)] if isinstance(err, DriftError) else []


def _accepted(at: Desk) -> "tuple[Run, list[str]]":
    """The accepted run, to be judged again. Raises EvidenceError where there is none."""
    accepted = at.place.pointer().baseline
    if accepted is None:
        raise EvidenceError("there is no accepted run whose outputs could be scored again")
    said = "rescored: the accepted outputs, by today's scorers, labels and rules; nothing was executed"
    return at.place.kept(accepted.run), [said]


def _candidate(
    at: Desk, stack_file: Path | None, candidates: tuple[str, ...], *, fresh: bool
) -> "tuple[Run, list[str]]":
    """The run to judge, and what to say of it. A replay that was broken off goes on: what is told is told."""
    from stopship.gating.epochs import Draw
    from stopship.gating.performing import replay
    from stopship.gating.replay import planned
    from stopship.store.runs import merged

    notes = [f"rules, labels, scorers and pointer are those of {at.commit[:12]}"] if at.commit else []
    if candidates:
        runs = [at.place.run(one) for one in candidates]
        if len(runs) == 1:
            return runs[0], notes
        notes.append(f"{len(runs)} shards judged as one run")
        return merged(runs, planned=at.opened.case_digests), notes
    bar = Progress()
    now = int(time.time())
    plan = planned(at.opened, at.place, at.answering(stack_file), draw=Draw(is_new=fresh), now=now)
    done = replay(plan, resume=True, fresh=fresh, tell=bar.tell, provenance={"started": now})
    bar.end()
    notes += [plan.renewed] if plan.renewed else []
    if done.ignored:
        notes.append(f"{done.ignored} recorded outputs of cases that the suite does not have were ignored")
    return done.run, notes
