"""Which file of a stack is the target, and whether the stack pins all the code that it runs.

Decides whose code answers: every stack with its own. Never lets code answer that no pin holds.
"""

from pathlib import Path

from stopship.errors import EvidenceError, StopshipError
from stopship.gating.opened import OpenSuite
from stopship.gating.stacking import Answering
from stopship.model.stack import PinnedFile
from stopship.parts.targets.python import PythonTarget, load_target
from stopship.pinning.stacks import OpenStack, names_in
from stopship.store.shown import quoted, shown
from stopship.store.stackfile import read_stack_file
from stopship.store.stackwords import label


def target_of(opened: OpenSuite, answering: Answering) -> PythonTarget:
    """The target that a stack answers with: the suite's file where the stack pins that very file, else the
    stack's own file of the same axis and name.

    Raises EvidenceError where no pin holds it: a change of it would go unseen.
    """
    file, _, function = opened.suite.replay.target.rpartition(":")
    where = shown(opened.suite.path)
    found = _place(opened, answering.stack, opened.folder / file)
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
    return target


def _place(opened: OpenSuite, stack: OpenStack, own: Path) -> tuple[Path, PinnedFile] | None:
    """Where the stack has the file that the suite means by its own, and what is pinned of it."""
    held = stack.held()
    if (here := held.get(str(own.resolve()))) is not None:
        return own, here[1]
    for axis, name in _names(opened, stack, own):
        if (place := stack.place(axis, name)) is not None:
            return place, held[str(place.resolve())][1]
    return None


def _names(opened: OpenSuite, stack: OpenStack, own: Path) -> list[tuple[str, str]]:
    """What pins may call the target: as the suite's own stack does; else by its path in the suite."""
    try:
        found = names_in(read_stack_file(opened.folder / opened.suite.stack), own)
    except StopshipError:
        found = []
    name = label(opened.suite.replay.target.rpartition(":")[0])
    return found or [(pin.axis, name) for pin in stack.stack.pins]
