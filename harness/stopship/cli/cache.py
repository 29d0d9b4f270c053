"""`stopship cache`: the kept answers of the outside world, looked at, checked, packed and unpacked."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from stopship.cli.suites import STORE, desk, desk_of, suite_option
from stopship.errors import EvidenceError, StopshipError, UsageError, nearest
from stopship.store.shown import quoted, shown

if TYPE_CHECKING:
    from stopship.gating.workplace import Workplace
    from stopship.model.exchange import Recording
    from stopship.model.stack import Stack
    from stopship.report.recordings import Explained
    from stopship.store.recordings import Recordings

_LISTED = 8  # faults that are shown
_FILE = click.Path(path_type=Path)


@click.group(short_help="Look at the recordings of a suite, check and pack them.")
def cache() -> None:
    """Recordings: what models, tools and retrievers answered, kept in the suite's store under `recordings/`.

    A frozen replay is served from them, and asks nobody.
    """


@cache.command("list")
@suite_option
def list_(suite_path: Path | None) -> int:
    """List the cases that have recordings, and how many."""
    from stopship.report.recordings import list_lines

    place = _place(suite_path)
    found = _opened(place)
    _say(list_lines(found.cases(), files=len(found.files), place=place.store.name))
    return 0


@cache.command()
@suite_option
def completeness(suite_path: Path | None) -> int:
    """Say how many cases each fidelity can replay from what is recorded, and what the others lack.

    A case that lacks something is lost in such a replay, and counts against the limits of the gate. This goes
    by what the accepted run called: a replay of another stack may ask otherwise.
    """
    from stopship.gating.completeness import completeness as complete
    from stopship.gating.completeness import told_by_itself
    from stopship.gating.outside import accepted_stacks
    from stopship.model.stack import changed_axes
    from stopship.report.recordings import basis_lines, completeness_lines

    at = desk_of(suite_path)
    accepted = at.place.pointer().baseline
    run = at.place.kept(accepted.run) if accepted is not None else None
    present, cases, shelf = _present(at.place), tuple(at.opened.cases), _opened(at.place)
    repeats = at.opened.suite.replay.repeats
    changed = changed_axes(run.head.stack, present) if run is not None and present is not None else ()
    own = present.stack_id if present is not None and (run is None or changed) else ""
    found = complete(
        cases,
        shelf,
        run.outcomes if run is not None else (),
        repeats=repeats,
        accepted=accepted_stacks(at.place),
        present=own,
    )
    _say(completeness_lines([(one.fidelity.value, one.cases, one.lacking) for one in found]))
    by_itself = told_by_itself(cases, shelf, own, repeats=repeats) if own else 0
    _say(basis_lines(run, present, changed, own=by_itself, cases=len(cases)))
    return 0


@cache.command()
@click.argument("case", metavar="CASE")
@suite_option
def explain(case: str, suite_path: Path | None) -> int:
    """Say what is in the key of each recording of CASE, and why two of one name have two keys.

    What is asked is served where kind, name, request, case and the number of writes before it are those
    recorded. The key adds the sample and the pins that the call names: by it, an unchanged call is known.
    """
    from stopship.report.recordings import explain_lines

    place = _place(suite_path)
    opened = _opened(place)
    found = opened.of_case(case)
    if not found:
        raise _unknown(case, list(opened.cases()))
    ignored = {one.name: one.ignore for one in place.suite.replay.upstreams if one.ignore}
    _say(
        explain_lines(case, _explained(found), place=place.store.name, stack=_present(place), ignored=ignored)
    )
    return 0


@cache.command()
@suite_option
def check(suite_path: Path | None) -> int:
    """Read every recording and check every digest. Exits 0 where all is whole, else 22 with its faults."""
    from stopship.report.recordings import counted
    from stopship.store.recordings import Recordings
    from stopship.store.segments import read_segment

    place = _place(suite_path)
    folder, names = _fetched(place)
    found, faults = Recordings(folder, []), []
    for name in names:
        try:
            found.take_in(name, read_segment(folder, name))
        except EvidenceError as err:
            faults.append(err)
    faults += found.faults()
    for one in faults[:_LISTED]:
        click.echo(str(one))
    if len(faults) > _LISTED:
        click.echo(f"and {counted(len(faults) - _LISTED, 'fault')} more")
    said = f"{counted(len(found), 'recording')} in {counted(len(names), 'file')}"
    click.echo(f"VOID   {counted(len(faults), 'fault')}   {said}   exit 22" if faults else f"whole    {said}")
    return EvidenceError.exit_code if faults else 0


@cache.command()
@click.argument("file", metavar="FILE", type=_FILE)
@suite_option
def pack(file: Path, suite_path: Path | None) -> int:
    """Write all recordings into FILE, a tar archive. Equal recordings give equal bytes."""
    from stopship.report.recordings import counted
    from stopship.store.packs import pack as packed

    place = _place(suite_path)
    found = _opened(place)
    if not len(found):
        raise UsageError("there are no recordings", where=place.store.name, do="record the cases first")
    packed(found, file)
    said = f"{counted(len(found), 'recording')} of {counted(len(found.cases()), 'case')}"
    click.echo(f"packed {said} into {shown(str(file))}")
    return 0


@cache.command()
@click.argument("file", metavar="FILE", type=_FILE)
@suite_option
def unpack(file: Path, suite_path: Path | None) -> int:
    """Add the recordings of FILE, which `pack` wrote, to those of the suite.

    All of it is checked before anything is written. An archive that answers a call otherwise than the suite's
    recordings is refused.
    """
    from stopship.report.recordings import counted
    from stopship.store.packs import unpack as unpacked

    place = _place(suite_path)
    count, new = unpacked(file, _opened(place), place.store.put_recordings)
    said = f"unpacked {counted(count, 'file')} of recordings, {new} of them new, into {place.store.name}"
    click.echo(said)
    return 0


@cache.command()
@click.argument("cases", metavar="CASE...", nargs=-1, required=True)
@suite_option
def forget(cases: tuple[str, ...], suite_path: Path | None) -> int:
    """Take all recordings of each CASE out of the suite's store, to record it again.

    A case that has no recordings is an error, unless it is a case of the suite: it may be forgotten already.
    """
    from stopship.report.recordings import counted
    from stopship.store.segments import forget as forgotten

    place = _place(suite_path)
    if place.store.local is None:
        raise UsageError("recordings behind a URL are not forgotten from here", where=place.store.name,
                         do="fetch the store, forget the case there, and upload it")  # fmt: skip
    folder, _ = _fetched(place)
    known = _opened(place).cases()
    if unknown := [one for one in cases if one not in known]:
        asked = desk(place.suite.path).opened.cases  # of these one may be forgotten already
        for one in unknown:
            if one not in asked:
                raise _unknown(one, sorted({*known, *asked}))
    count = forgotten(folder, cases)
    click.echo(f"forgot {counted(count, 'recording')} of {counted(len(set(cases)), 'case')}")
    return 0


def _unknown(case: str, known: list[str]) -> UsageError:
    do = nearest(case, known) if known else "nothing is recorded in this suite: docs/replay.md says how"
    return UsageError(f"no recordings of a case {quoted(case)}", do=do)


def _place(suite_path: Path | None) -> "Workplace":
    from stopship.gating.workplace import find_suite_file, only_suite, workplace
    from stopship.store.suitefile import read_suite

    suite = read_suite(find_suite_file(suite_path or only_suite(Path.cwd())))
    return workplace(suite, store=os.environ.get(STORE) or None)


def _fetched(place: "Workplace") -> tuple[Path, list[str]]:
    return place.store.fetch_recordings(place.cache)


def _opened(place: "Workplace") -> "Recordings":
    from stopship.store.recordings import Recordings

    return Recordings(*_fetched(place))


def _present(place: "Workplace") -> "Stack | None":
    """The stack of the suite as it is locked."""
    from stopship.store.lockfile import lock_path, read_lock

    try:
        return read_lock(lock_path(place.suite.folder / place.suite.stack))
    except StopshipError:
        return None


def _explained(found: "Sequence[Recording]") -> "list[Explained]":
    """Each recording, held against the closest one before it of the same kind and name."""
    from stopship.report.recordings import Explained
    from stopship.steps.callorder import closest_before, in_call_order
    from stopship.steps.misses import differences

    ordered = in_call_order(found)
    told: list[Explained] = []
    for number, one in enumerate(ordered, 1):
        before = closest_before(ordered, number - 1)
        if before is None:
            told.append(Explained(recording=one, number=number))
            continue
        fields = differences(ordered[before].asked.call.request, one.asked.call.request)
        told.append(Explained(recording=one, number=number, other=told[before], differences=fields))
    return told


def _say(lines: Sequence[str] | Iterator[str]) -> None:
    for line in lines:
        click.echo(line)
