"""Sealed runs in folders named by their ids: sealed, found, named and put together.

Decides when a run is whole enough to be filed, and whose times hold. Never changes sealed evidence.
"""

import json
import os
import re
import shutil
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from stopship.errors import EvidenceError, UsageError
from stopship.model.case import Json
from stopship.model.run import SHORT_ID, Outcome, Run, RunHead, isolation_of
from stopship.store.atomic import exchange
from stopship.store.evidencefiles import cannot_write, make_folder, reason, sync_folder, write_once
from stopship.store.keyed import Rows
from stopship.store.runcodec import MANIFEST, encoded
from stopship.store.runlines import outcomes_in
from stopship.store.runplan import is_digest, listed
from stopship.store.runreading import read_any, read_run
from stopship.store.shown import quoted, shown
from stopship.store.temporary import folder_in

__all__ = ["file_run", "find_runs", "merged", "read_run", "resolve", "seal_run"]

LEAST_PREFIX = 4  # hexadecimal digits that may stand for an id
_LISTED = 10
_PREFIX = re.compile(r"[0-9a-f]{1,64}")
_PART = re.compile(r"shard \d+/\d+|\d+ of \d+ cases")  # what a selection of cases is called


def seal_run(
    folder_of_runs: Path,
    head: RunHead,
    rows: Mapping[str, Mapping[str, Json]],
    outcomes: Iterable[Outcome],
    *,
    provenance: Mapping[str, Json],
) -> Run:
    """File a complete replay under its id, and read it back.

    Equal evidence has one id, whatever the order of the outcomes and however long they took. Raises
    EvidenceError for outcomes that are not exactly what was planned, for values that JSON cannot keep, and
    for a damaged run in the place.
    """
    coded = encoded(head, rows, outcomes, provenance)
    return file_run(folder_of_runs, coded.id, coded.files)


def file_run(folder_of_runs: Path, run_id: str, files: Mapping[str, Iterable[bytes]]) -> Run:
    """Put a run's files in place whole: written beside, read back, renamed.

    An equal run there is kept, unless its outputs took other times: they were drawn anew since, and what
    they took now is what holds.
    """
    target = folder_of_runs / run_id
    make_folder(folder_of_runs)
    is_there = os.path.lexists(target)
    files = {**files, MANIFEST: [b"".join(files[MANIFEST])]}
    if is_there:
        known = read_run(target)
        if _times((target / MANIFEST).read_bytes()) == _times(*files[MANIFEST]):
            return known
    try:
        temporary, held = folder_in(folder_of_runs)
    except OSError as err:
        raise cannot_write(target, err) from err
    try:
        for name, chunks in files.items():
            write_once(temporary / name, chunks)
        sync_folder(temporary)
        found = read_any(temporary)
        if found.id != run_id:
            raise EvidenceError(
                f"what was to be filed is the run {found.short}, not {shown(run_id)[:SHORT_ID]}",
                where=shown(target),
                do="fetch the run again, or replay again with --fresh",
            )
        if is_there:
            exchange(temporary, target)
        else:
            temporary.rename(target)
    except OSError as err:
        if is_there or not os.path.lexists(target):
            raise cannot_write(target, err) from err
        found = read_run(target)  # another process was first
    finally:
        with suppress(OSError):
            shutil.rmtree(temporary)
        os.close(held)
    sync_folder(folder_of_runs)
    return replace(found, place=shown(target))


def _times(manifest: bytes) -> str:
    """The digest of what a manifest says that outputs took; "": it says nothing that could be read."""
    try:
        return str(json.loads(manifest)["beside"]["timings"]["digest"])
    except (ValueError, KeyError, TypeError):
        return ""


def find_runs(folder: Path) -> list[str]:
    """The ids of the runs in a folder, damaged ones too; none where there is no folder."""
    try:
        return sorted(one.name for one in folder.iterdir() if is_digest(one.name) and one.is_dir())
    except FileNotFoundError:
        return []
    except (OSError, ValueError) as err:
        raise EvidenceError(
            f"cannot be read: {reason(err)}", where=shown(folder), do="name a folder that may be read"
        ) from err


def resolve(name: str, folders: Sequence[Path]) -> Path:
    """The folder of the run that an id, its beginning or a path means. The first folder that has it wins.

    Raises UsageError for a name that means nothing or more than one run, with what there is.
    """
    path = Path(name)
    if _is_run(path):
        return path
    known: dict[str, Path] = {}
    for folder in folders:
        for one in find_runs(folder):
            known.setdefault(one, folder / one)
    do = _there_is(sorted(known))
    if _PREFIX.fullmatch(name.lower()):
        if len(name) < LEAST_PREFIX:
            raise UsageError(
                f"{quoted(name)} is too short for a run, expected at least {LEAST_PREFIX} digits", do=do
            )
        meant = [one for one in sorted(known) if one.startswith(name.lower())]
        if len(meant) == 1:
            return known[meant[0]]
        if meant:
            raise UsageError(f"{quoted(name)} means {len(meant)} runs", do=_there_is(meant))
    raise UsageError(f"no run is called {quoted(name)}", do=do)


def merged(runs: Sequence[Run], planned: Mapping[str, str]) -> Run:
    """The run that shards make together. `planned` is what the whole suite has to answer: key -> digest.

    Complete, it is equal to one undisturbed run, id and all. Where cases of `planned` are lacking it says so
    as its selection, `17 of 451 cases`, and so counts as partial. Nothing is written. Raises EvidenceError
    where the runs are not of one plan, where a case stands in two, and where one is not in `planned`.
    """
    if not runs:
        raise UsageError("no run to merge", do="name the runs of all shards")
    _check_one_plan(runs)
    digests: dict[str, str] = {}
    owner: dict[str, Run] = {}
    for run in runs:
        for key in run.head.planned:
            if key in owner:
                raise EvidenceError(
                    f"case {quoted(key)} stands in two shards, {owner[key].place} and {run.place}",
                    do="name each shard once",
                )
            owner[key] = run
        digests.update(run.head.planned)
    if odd := [key for key in sorted(digests) if planned.get(key) != digests[key]]:
        raise EvidenceError(
            f"{len(odd)} cases are not, or no longer, those of the suite: {listed(odd)}",
            where=owner[odd[0]].place,
            do="replay the shards of the suite as it stands",
        )
    rows = Rows.of((key, owner[key].rows[key]) for key in sorted(owner))
    outcomes = (one for run in runs for one in run.outcomes)
    head = replace(runs[0].head, planned=digests, selection=_selection(runs, len(digests), len(planned)))
    coded = encoded(head, rows, outcomes)
    times = [run.started for run in runs if run.started is not None]
    started = min(times) if len(times) == len(runs) else None
    return Run(
        id=coded.id,
        head=head,
        rows=rows,
        outcomes=outcomes_in(coded.traces, coded.timings),
        place=" + ".join(run.place for run in runs),
        started=started,
        isolation=isolation_of([run.isolation for run in runs]),
    )


def _selection(runs: Sequence[Run], count: int, total: int) -> str:
    """What the whole is a part of, and what a person did to its plan (`pins replaced by hand`), kept."""
    marks = {tuple(one for one in run.head.selection.split("; ") if not _PART.fullmatch(one)) for run in runs}
    if len(marks) > 1:
        said = ", ".join(sorted(quoted(run.head.selection) for run in runs)[:5])
        raise EvidenceError(f"the shards were not selected alike: {said}", do="replay them with one command")
    part = [f"{count} of {total} cases"] if count < total else []
    return "; ".join([*part, *(one for one in marks.pop() if one)])


def _check_one_plan(runs: Sequence[Run]) -> None:
    first = _plan(runs[0])
    faults = [
        f"{run.place}: {name} is {shown(value)[:60]}, and {shown(first[name])[:60]} in {runs[0].place}"
        for run in runs[1:]
        for name, value in _plan(run).items()
        if value != first[name]
    ]
    if faults:
        raise EvidenceError(
            "the runs are no shards of one plan\n  " + "\n  ".join(faults[:_LISTED]),
            do="merge runs of one suite, stack and epoch",
        )


def _plan(run: Run) -> dict[str, object]:
    head = run.head
    return {
        "suite": head.suite,
        "target": head.target,
        "cases": head.cases,
        "stack": head.stack.stack_id,
        "repeats": head.repeats,
        "epoch": head.epoch,
        "deterministic": head.deterministic,
        **head.told_fidelity,
    }


def _is_run(path: Path) -> bool:
    try:
        return (path / MANIFEST).is_file()
    except (OSError, ValueError):
        return False


def _there_is(ids: Sequence[str]) -> str:
    if not ids:
        return "there are no runs yet: `stopship replay SUITE` makes one"
    more = f", … ({len(ids)} in all)" if len(ids) > _LISTED else ""
    return "there are: " + ", ".join(one[:SHORT_ID] for one in ids[:_LISTED]) + more
