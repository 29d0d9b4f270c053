"""`stopship show`, `diff`, `push`, `pull`: look at runs, and move them between the desk and the store."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from stopship.cli.reporting import columns
from stopship.cli.suites import Desk, desk_with, suite_option
from stopship.errors import UsageError
from stopship.store.shown import quoted, shown

if TYPE_CHECKING:
    from stopship.gating.workplace import Workplace
    from stopship.model.run import Run
    from stopship.report.runs import Said

_RUN = "RUN is `baseline`, `anchor`, the beginning of an id, or the folder of a run."


def finds(name: str) -> "Callable[[Workplace], bool]":
    """Whether a suite knows a run of the name. A run that is damaged is found, too."""

    def holds(place: "Workplace") -> bool:
        try:
            place.find(name)
        except UsageError:
            return False
        return True

    return holds


@click.command(short_help="Show a run, or one case of it.", epilog=_RUN)
@click.argument("run", metavar="RUN")
@click.option("--case", "key", metavar="KEY", help="One case: input, steps, output, scores.")
@suite_option
def show(run: str, key: str | None, suite_path: Path | None) -> int:
    """Show what a run is a replay of and how it went, or one case of it in full."""
    from stopship.gating.evidence import drawn_faults
    from stopship.report.runs import case_lines, run_lines

    at = desk_with(suite_path, finds(run), f"know a run {quoted(run)}")
    found = at.place.run(run)
    if key is None:
        lines = run_lines(found, columns=columns(), faults=drawn_faults(found, "this run"))
    elif key not in found.rows:
        from stopship.errors import nearest

        raise UsageError(f"the run has no case {quoted(key)}", do=nearest(key, list(found.rows)))
    else:
        row = {**found.rows[key], **at.opened.labels.get(key, {})}
        lines = case_lines(found, key, row, _scores(at, found, key), _parted(at, found, key))
    for line in lines:
        click.echo(line)
    return 0


def _parted(at: Desk, run: "Run", key: str) -> dict[int, int]:
    """The first call of each output of a case that the accepted run does not make, by sample."""
    from stopship.model.calls import parting

    accepted = at.place.pointer().baseline
    own = [one for one in run.outcomes if one.key == key]
    if accepted is None or accepted.run == run.id or not any(one.calls for one in own):
        return {}
    found = parting(at.place.kept(accepted.run).outcomes, own)
    return {sample: number for (_, sample), number in found.parted}


def _scores(at: Desk, run: "Run", key: str) -> "list[list[Said]]":
    """What each rule says of each output of a case, by today's labels and scorers."""
    from stopship.gating.evidence import arm_of_one, concerns
    from stopship.report.runs import Said
    from stopship.steps.scored import SCORED, STATE_LABELS

    if key not in at.opened.cases:
        return [[] for one in run.outcomes if one.key == key]
    found = []
    for one in (one for one in run.outcomes if one.key == key):
        arm = arm_of_one(at.opened, one, run.place)
        said = []
        for rule in (it for it in at.opened.rules if concerns(it, at.opened.row(key))):
            column = arm.scores[rule.scorer.spec]
            state, label = column.states[0], column.labels[0]
            value = f"{column.values[0]:.6g}" if state == SCORED else STATE_LABELS[state] or "unscored"
            said.append(
                Said(
                    rule=rule.id,
                    value=f"{value} {label}".strip() if label != value else value,
                    reason=column.reasons[0],
                )
            )
        found.append(said)
    return found


@click.command(short_help="What changed between two runs.", epilog=_RUN)
@click.argument("old", metavar="RUN")
@click.argument("new", metavar="RUN")
@suite_option
def diff(old: str, new: str, suite_path: Path | None) -> int:
    """Show what changed between the stacks of two runs, and which outputs changed with it. Judges nothing."""
    from stopship.gating.gate import changes_between
    from stopship.report.runs import Moved, diff_lines

    at = desk_with(suite_path, finds(old), f"know a run {quoted(old)}")
    runs = (at.place.run(old), at.place.run(new))
    if runs[0].head.suite != runs[1].head.suite:
        raise UsageError("these are runs of two suites", do="compare runs of one suite")
    outputs = [_outputs(one) for one in runs]
    shared = [key for key in outputs[0] if key in outputs[1]]
    moved = [
        Moved(key=key, before=outputs[0][key], after=outputs[1][key])
        for key in shared
        if outputs[0][key] != outputs[1][key]
    ]
    counts = {
        "same": len(shared) - len(moved),
        "old": len(outputs[0]) - len(shared),
        "new": len(outputs[1]) - len(shared),
    }
    for line in diff_lines(*runs, changes_between(at.place, *runs), moved, counts):
        click.echo(line)
    return 0


def _outputs(run: "Run") -> dict[str, str]:
    """The first output of each case, as text."""
    import json

    found: dict[str, str] = {}
    for one in run.outcomes:
        output = one.trace.get("output")
        text = output if isinstance(output, str) else json.dumps(output, ensure_ascii=False, sort_keys=True)
        found.setdefault(one.key, text if one.status.value == "ok" else f"({one.status.value}: {one.error})")
    return found


@click.command(short_help="Put a run into the suite's store.", epilog=_RUN)
@click.argument("run", metavar="RUN")
@suite_option
def push(run: str, suite_path: Path | None) -> int:
    """Copy a sealed run from the working folder into the suite's store, where others find it."""
    at = desk_with(suite_path, finds(run), f"know a run {quoted(run)}")
    folder = at.place.find(run)
    found = _of_this_suite(at, folder)
    at.place.store.put_run(folder)
    click.echo(f"run {found.short} is in {at.place.store.name}")
    return 0


@click.command(short_help="Fetch a run from the suite's store.", epilog=_RUN)
@click.argument("run", metavar="RUN")
@suite_option
def pull(run: str, suite_path: Path | None) -> int:
    """Copy a run from the suite's store into the working folder, verified."""
    from stopship.store.remote import open_store

    at = desk_with(suite_path, finds(run), f"know a run {quoted(run)}")
    folder = at.place.find(run)
    found = _of_this_suite(at, folder)
    open_store(".", at.place.made()).put_run(folder)
    click.echo(f"run {found.short} is in {shown(at.place.runs)}")
    return 0


def _of_this_suite(at: Desk, folder: Path) -> "Run":
    from stopship.store.runs import read_run

    run = read_run(folder)
    if run.head.suite != at.opened.suite.name:
        raise UsageError(
            f"this is a run of the suite {quoted(run.head.suite)}, not of {quoted(at.opened.suite.name)}",
            where=run.place,
            do="name its suite with --suite",
        )
    return run
