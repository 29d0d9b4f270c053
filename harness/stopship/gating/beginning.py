"""Make a suite that ships as it is: a copy of the template, locked, replayed, its run accepted.

Decides where it is built and when it becomes visible: whole, or not at all. Never writes over what is there.
"""

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import date
from errno import EEXIST
from functools import partial
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from stopship.errors import UsageError
from stopship.gating.accepting import Decision, accept
from stopship.gating.epochs import CURRENT, Draw
from stopship.gating.opened import WORK, open_suite
from stopship.gating.performing import replay
from stopship.gating.replay import planned
from stopship.gating.stacking import answering
from stopship.gating.workplace import SUITE_FILE, workplace
from stopship.model.run import Run
from stopship.pinning.lock import lock_stack
from stopship.store.shown import quoted, shown
from stopship.store.suitefile import LONGEST_NAME
from stopship.store.temporary import folder_in, sweep

BECAUSE = "first baseline, made by stopship init"
TEMPLATE_NAME = 'suite  = "support"\n'  # the line of the template's suite file that is written anew
GIT_FILES = {
    ".gitattributes": "# Locks, runs and kept texts are digests of bytes: git must leave line ends alone.\n"
    "* -text\npins/** -text\nruns/** -text\n",
    ".gitignore": f"{WORK}/\n.stopship-*.tmp\n__pycache__/\n",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """A suite that was made."""

    name: str
    run: str  # short id of its baseline
    cases: int
    stacks: int


def begin(folder: Path, *, today: date, store: str | None = None) -> Begun:
    """Make a suite in a folder that is new or empty, called as the folder.

    `store` (STOPSHIP_STORE) stands in for the suite's own, as everywhere. Raises UsageError where something
    is in the way, where the name cannot name a suite, and where nothing can be written.
    """
    name = _name(folder)
    _refuse_taken(folder)
    try:
        with _workshop(folder) as building:
            _copy(files("stopship") / "template", building)
            _call(building / SUITE_FILE, name)
            for file, text in GIT_FILES.items():
                (building / file).write_bytes(text.encode())
            begun = _first_baseline(building, today, store)
            _reveal(building, folder)
    except OSError as err:
        reason = err.strerror or str(err)
        raise UsageError(
            f"the suite cannot be written: {shown(reason)}",
            where=shown(folder),
            do="name a folder that you may make or write to; nothing was left behind",
        ) from err
    return begun


def _name(folder: Path) -> str:
    if "\0" in str(folder):
        raise UsageError("is not a path", where=shown(folder), do="check the path")
    name = folder.name if folder.name not in ("", "..") else folder.absolute().resolve().name
    if not name.strip() or not name.isprintable() or "\\" in name or len(name) > LONGEST_NAME:
        what = f"{quoted(name)} cannot name a suite"
        do = f"take at most {LONGEST_NAME} printable characters, without \\"
        raise UsageError(what, where=shown(folder), do=do)
    return name


def _refuse_taken(folder: Path) -> None:
    try:
        is_folder = folder.is_dir()
        if is_folder:
            sweep(folder)  # what an earlier call left that was killed
        is_there = is_folder or folder.is_symlink() or folder.exists()
        is_empty = is_folder and next(folder.iterdir(), None) is None
    except OSError as err:
        reason = err.strerror or str(err)
        raise UsageError(
            f"cannot be looked into: {shown(reason)}", where=shown(folder), do="name another folder"
        ) from err
    if is_there and not is_folder:
        raise UsageError("is no folder", where=shown(folder), do="name a folder that is new or empty")
    if is_there and not is_empty and _is_half(folder):
        do = "empty the folder, its hidden files too, and run again"
        raise UsageError("an earlier init was broken off here: a part of a suite", where=shown(folder), do=do)
    if is_there and not is_empty:
        do = f"name a folder that is new or empty, such as {shown(folder / 'suite')}"
        raise UsageError("the folder is not empty", where=shown(folder), do=do)


def _is_half(folder: Path) -> bool:
    """Whether what lies there is the beginning of a suite that was being put in its place."""
    first = min(GIT_FILES)
    try:
        is_ours = (folder / first).read_bytes() == GIT_FILES[first].encode()
        return is_ours and not (folder / SUITE_FILE).exists()
    except OSError:
        return False


@contextmanager
def _workshop(folder: Path) -> Iterator[Path]:
    """A hidden folder on the same file system: in an existing folder, beside one that is yet to come."""
    made: list[Path] = []
    beside = folder if folder.exists() else folder.parent
    try:
        for one in reversed([one for one in (beside, *beside.parents) if not one.exists()]):
            one.mkdir()
            made.append(one)
        hidden, held = folder_in(beside)
        try:
            building = hidden / "suite"  # of its own: what is hidden stays held until it is gone
            building.mkdir()
            yield building
        finally:
            shutil.rmtree(hidden, ignore_errors=True)
            os.close(held)
    except BaseException:
        for one in reversed(made):
            with suppress(OSError):
                one.rmdir()
        raise


def _copy(source: Traversable, target: Path) -> None:
    """The files as they are, writable also where the package is not; no bytecode."""
    for one in source.iterdir():
        if one.is_dir():
            if one.name != "__pycache__":
                (target / one.name).mkdir()
                _copy(one, target / one.name)
        elif not one.name.endswith(".pyc"):
            (target / one.name).write_bytes(one.read_bytes())


def _call(file: Path, name: str) -> None:
    text = file.read_bytes().decode()
    told = json.dumps(name, ensure_ascii=False)  # printable, without \: also a string of TOML
    file.write_bytes(text.replace(TEMPLATE_NAME, f"suite  = {told}\n", 1).encode())


def _first_baseline(folder: Path, today: date, store: str | None) -> Begun:
    """Lock every stack, replay the suite's own, and accept what came out."""
    opened = open_suite(folder / SUITE_FILE)
    suite = opened.suite
    stacks = [folder / suite.stack, *sorted((folder / "stacks").glob("*.toml"))]
    for one in stacks:
        lock_stack(one)
    place = workplace(suite, store=store)
    answers = answering(folder / suite.stack)

    def drawn(draw: Draw = CURRENT) -> Run:
        return replay(planned(opened, place, answers, draw=draw)).run

    first = drawn()
    anew = partial(drawn, Draw(purpose=f"accept {first.id}"))
    done = accept(opened, place, first, Decision(because=BECAUSE, today=today), anew)
    shutil.rmtree(place.folder)  # working state: the first gate shows that the suite needs none
    return Begun(name=suite.name, run=done.run.short, cases=len(opened.cases), stacks=len(stacks))


def _reveal(building: Path, folder: Path) -> None:
    """Put the suite in its place at once; in a folder that exists, its suite file last."""
    if not folder.exists():
        building.rename(folder)
        return
    moved: list[Path] = []
    try:
        for one in sorted(building.iterdir(), key=lambda it: (it.name == SUITE_FILE, it.name)):
            _move(one, folder / one.name)
            moved.append(folder / one.name)
    except BaseException:
        for one in moved:
            with suppress(OSError):
                one.rename(building / one.name)
        raise


def _move(source: Path, target: Path) -> None:
    if target.exists():
        raise FileExistsError(EEXIST, "something has come to be there meanwhile")
    source.rename(target)
