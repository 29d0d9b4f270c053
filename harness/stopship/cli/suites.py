"""What every command on a suite needs: the suite opened, its workplace, its stack, its outlook told.

Decides which suite is meant where none is named. Never replays or judges.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from stopship.errors import StopshipError, UsageError

if TYPE_CHECKING:
    from stopship.gating.opened import OpenSuite
    from stopship.gating.stacking import Answering
    from stopship.gating.workplace import Workplace

Command = TypeVar("Command", bound=Callable[..., object])
STORE = "STOPSHIP_STORE"
_LISTED = 12  # suites

suite_option = click.option(
    "--suite",
    "suite_path",
    type=click.Path(path_type=Path),
    help="The suite.  [default: the only one below this folder]",
)
stack_option = click.option(
    "--stack", "stack_file", type=click.Path(path_type=Path), help="Stack file.  [default: the suite's]"
)
blind_option = click.option(
    "--allow-blind", is_flag=True, help="Go on with rules that have too few cases to decide."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """One suite, opened to be worked on."""

    opened: "OpenSuite"
    place: "Workplace"
    commit: str = ""  # of --baseline-ref

    def stack_path(self, stack_file: Path | None) -> Path:
        return stack_file or self.opened.folder / self.opened.suite.stack

    def answering(self, stack_file: Path | None, pins: Sequence[str] = ()) -> "Answering":
        """The verified stack; EvidenceError where it has drifted."""
        from stopship.gating.stacking import answering

        return answering(self.stack_path(stack_file), pins)


def desk(path: Path, *, baseline_ref: str | None = None, expect: Sequence[str] = ()) -> Desk:
    """Open the suite at a path."""
    from dataclasses import replace

    from stopship.gating.gitref import suite_at
    from stopship.gating.opened import open_suite
    from stopship.gating.workplace import find_suite_file, workplace
    from stopship.store.suitefile import read_suite

    file = find_suite_file(path)
    refuse_stack_file(file)
    suite = read_suite(file)
    place = workplace(suite, store=os.environ.get(STORE) or None)
    if baseline_ref is None:
        return Desk(opened=open_suite(file, expect=expect), place=place)
    judged_by, commit = suite_at(place, suite, baseline_ref)
    opened = open_suite(file, judged_by=judged_by, expect=expect)
    return Desk(opened=opened, place=replace(place, pointer_folder=judged_by.parent), commit=commit)


def refuse_stack_file(path: Path) -> None:
    """UsageError where a file that is to be a suite is a stack, instead of a fault for each of its lines."""
    import tomllib

    from stopship.store.shown import shown

    try:
        document = tomllib.loads(path.read_text("utf-8-sig"))
    except (OSError, ValueError, RecursionError):
        return  # read_suite says what is wrong with it
    is_pinned = any(isinstance(one, dict) and "version" in one for one in document.values())
    if is_pinned and "suite" not in document:
        raise UsageError(
            "this is a stack file",
            where=shown(path),
            do="name the suite, and the stack with --stack",
        )


def desk_of(suite_path: Path | None) -> Desk:
    """The suite that `--suite` names, or the only one here."""
    from stopship.gating.workplace import only_suite

    return desk(suite_path or only_suite(Path.cwd()))


def desk_with(suite_path: Path | None, holds: "Callable[[Workplace], bool]", what: str) -> Desk:
    """The suite that `--suite` names, or the one here that holds what is asked for. No other is opened."""
    from stopship.gating.workplace import only_suite, suites_below, workplace
    from stopship.store.shown import shown
    from stopship.store.suitefile import read_suite

    found = [suite_path] if suite_path else suites_below(Path.cwd())
    if len(found) < 2:
        return desk(found[0] if found else only_suite(Path.cwd()))
    fitting, faults = [], []
    for one in found:
        try:
            if holds(workplace(read_suite(one), store=os.environ.get(STORE) or None)):
                fitting.append(one)
        except StopshipError as err:
            faults.append(err)
    if len(fitting) == 1:
        return desk(fitting[0])
    held = "none of" if not fitting else f"{len(fitting)} of"
    listed = ", ".join(shown(os.path.relpath(one.parent)) for one in (fitting or found)[:_LISTED])
    listed += ", …" if len(fitting or found) > _LISTED else ""
    unread = "".join(f"\n  could not be looked into: {one}" for one in faults)
    raise UsageError(
        f"{held} the {len(found)} suites here {what}{unread}", do=f"name one with --suite: {listed}"
    )


def tell_outlook(opened: "OpenSuite", *, allow_blind: bool) -> None:
    """Say on standard error what the suite can decide; refuse rules that never can."""
    from stopship.cli.reporting import columns
    from stopship.report.layout import wrapped

    click.echo(wrapped(outlook_of(opened), first="", then="  ", columns=columns()), err=True)
    refuse_blind(opened, allow_blind=allow_blind)


def outlook_of(opened: "OpenSuite") -> str:
    """One line on what the suite can decide."""
    from stopship.report.runs import outlook_line

    found = opened.outlook
    return outlook_line(
        opened.suite.name,
        found.cases,
        found.clusters,
        found.p_ship,
        because=found.because or ("its target is deterministic" if opened.suite.replay.deterministic else ""),
        assumes=found.assumes,
        is_measured=found.is_measured,
        noise=found.noise,
    )


def refuse_blind(opened: "OpenSuite", *, allow_blind: bool) -> None:
    """UsageError for cohorts that no case is in, and for rules that could never decide on these cases."""
    from stopship.gating.opened import blind_fault

    fault = blind_fault(opened, allow_blind=allow_blind)
    if fault is not None:
        raise fault
