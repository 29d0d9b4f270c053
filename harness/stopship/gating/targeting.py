"""Which file of a stack is the target, and whether the stack pins all the code that it runs.

Decides whose code answers: every stack with its own. Never lets code answer that no pin holds.
"""

import os
from pathlib import Path
from typing import Protocol

from stopship.errors import EvidenceError
from stopship.gating.engine import Target
from stopship.gating.foreign import table_target
from stopship.gating.opened import OpenSuite
from stopship.gating.placing import place_of
from stopship.gating.reading import reading_of
from stopship.gating.stacking import Answering
from stopship.gating.stillness import drop
from stopship.parts.neighbours import code_of, imported_elsewhere
from stopship.parts.targets.python import PythonTarget, load_target
from stopship.store.shown import quoted, shown


class SuiteTarget(Target, Protocol):
    """A target that a suite names; its digest is that of its code, or of all that the suite says of it."""

    @property
    def digest(self) -> str: ...


def target_of(opened: OpenSuite, answering: Answering) -> SuiteTarget:
    """The target that a stack answers with: the suite's file where the stack pins that very file, else the
    stack's own file of the same axis and name; or what a table of the suite describes.

    Raises EvidenceError where no pin holds it: a change of it would go unseen.
    """
    if (table := opened.suite.replay.table) is not None:
        return table_target(opened, answering, table)
    file, _, function = opened.suite.replay.target.rpartition(":")
    where = shown(opened.suite.path)
    found = place_of(opened, answering.stack, opened.folder / file, file)
    target = load_target(found[0] if found else opened.folder / file, function, where)
    if found is None:
        raise EvidenceError(
            f"no pin of the stack holds the target {quoted(file)}: a change of it would go unseen",
            where=shown(answering.path),
            do='write [code] with paths = ["…"] that names it or its folder, and lock the stack',
        )
    if target.digest != found[1].digest:
        raise EvidenceError(
            "has changed since this process executed it", where=shown(found[0]), do="run again"
        )
    check_code(target, answering, opened)
    return target


def check_code(
    target: SuiteTarget, answering: Answering, opened: OpenSuite, journals: Path | None = None
) -> None:
    """Raise EvidenceError where the target has executed or read a file of the suite's or of the repository's
    that the stack does not pin.

    Imports may come as late as the last case, and so may what its threads read: it is asked again before
    anything is sealed. `journals`: a folder of them, which are dropped then: asked again, it may be late.
    """
    if not isinstance(target, PythonTarget):
        return  # it runs nothing in this process
    try:
        _check(target, answering, opened)
    except EvidenceError:
        if journals is not None:
            drop(journals)
        raise


def _check(target: PythonTarget, answering: Answering, opened: OpenSuite) -> None:
    held, reading = answering.stack.held(), reading_of(opened, answering, target.path)
    executed = code_of(target.path.resolve())
    for ran in executed:
        if (found := held.get(str(ran.file))) is None:
            by = f" (imported by {_told(ran.importer, answering)})" if ran.importer else ""
            raise EvidenceError(
                f"no pin of the stack holds {_told(ran.file, answering)}, which the target runs{by}: "
                "a change of it would go unseen",
                where=shown(answering.path),
                do=f"write {_line(target, answering, ran.file)}, and lock the stack",
            )
        if found[1].digest != ran.sha256:
            what = "has changed since this process executed it"
            raise EvidenceError(what, where=shown(ran.file), do="run again")
    for ran in executed:
        reading.check_executed(ran.file)
    reading.check_modules(imported_elsewhere(target.path.resolve()))
    reading.check_known(target.opened)


def _line(target: PythonTarget, answering: Answering, file: Path) -> str:
    """What to write in the stack file so that it pins this file too."""
    pin, _ = answering.stack.held()[str(target.path.resolve())]
    listed = [*answering.stack.declared(pin.axis), _told(file, answering)]
    paths = ", ".join(f'"{shown(one)}"' for one in listed)
    return f"[{shown(pin.axis)}] paths = [{paths}]"


def _told(file: Path, answering: Answering) -> str:
    """A file as the stack file would name it."""
    return os.path.relpath(file, os.path.realpath(answering.path.parent)).replace(os.sep, "/")
