"""Where a stack has the file that a suite means.

Decides which file of another stack stands for one of the suite's own. Never reads one.
"""

from pathlib import Path

from stopship.errors import StopshipError
from stopship.gating.opened import OpenSuite
from stopship.model.stack import PinnedFile
from stopship.pinning.stacks import OpenStack, names_in
from stopship.store.stackfile import read_stack_file
from stopship.store.stackwords import label


def place_of(opened: OpenSuite, stack: OpenStack, own: Path, written: str) -> tuple[Path, PinnedFile] | None:
    """Where the stack has the file that the suite means by its own, and what is pinned of it."""
    held = stack.held()
    if (here := held.get(str(own.resolve()))) is not None:
        return own, here[1]
    for axis, name in _names(opened, stack, own, written):
        if (place := stack.place(axis, name)) is not None:
            return place, held[str(place.resolve())][1]
    return None


def _names(opened: OpenSuite, stack: OpenStack, own: Path, written: str) -> list[tuple[str, str]]:
    """What pins may call the file: as the suite's own stack does; else by its path in the suite."""
    try:
        found = names_in(read_stack_file(opened.folder / opened.suite.stack), own)
    except StopshipError:
        found = []
    return found or [(pin.axis, label(written)) for pin in stack.stack.pins]
