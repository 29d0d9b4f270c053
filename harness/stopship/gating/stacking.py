"""The stack that a replay puts cases to: locked and verified, or with pins replaced by hand.

Decides whether a stack may answer. Never lets a drifted pin answer, nor an unlocked one unnoticed.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from stopship.errors import EvidenceError, UsageError, nearest
from stopship.model.change import Drift
from stopship.pinning.lock import verify_stack
from stopship.pinning.stacks import OpenStack, open_stack, opened_stack
from stopship.store.shown import quoted, shown
from stopship.store.stackfile import StackFile, read_stack_file
from stopship.store.trees import is_folder


class DriftError(EvidenceError):
    """A pin is not what was locked."""

    def __init__(self, path: Path, drifts: Sequence[Drift]) -> None:
        self.drifts = tuple(drifts)
        axes = ", ".join(one.axis for one in drifts)
        name = shown(path)
        super().__init__(
            f"the stack has drifted from its lock in {axes}",
            where=name,
            do=f"undo the change, or make it a version of its own: stopship pins verify {name}; "
            f"stopship pins lock {name}",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Answering:
    """An open stack, and what was replaced in it by hand."""

    stack: OpenStack
    path: Path
    replaced: tuple[str, ...] = ()  # axes


def answering(path: Path, pins: Sequence[str] = ()) -> Answering:
    """The verified stack of a stack file; `pins` (`prompt=other.j2`) replace contents or versions.

    Raises EvidenceError where the stack is not locked or has drifted.
    """
    locked, drifts = verify_stack(path)
    if drifts:
        raise DriftError(path, drifts)
    if not pins:
        opened = open_stack(path)
        if opened.stack_id != locked.stack_id:
            raise EvidenceError("a pin has changed while it was read", where=shown(path), do="run again")
        return Answering(stack=opened, path=path)
    file = read_stack_file(path)
    replaced = []
    for text in pins:
        axis, sign, value = text.partition("=")
        if not sign or not axis or not value:
            raise UsageError(
                f"--pin {quoted(text)} replaces nothing", do="write --pin AXIS=FILE, or AXIS=VERSION"
            )
        file = _replaced(file, axis, value)
        replaced.append(axis)
    return Answering(stack=opened_stack(file, None), path=path, replaced=tuple(replaced))


def _replaced(file: StackFile, name: str, value: str) -> StackFile:
    axis = next((one for one in file.axes if one.name == name), None)
    if axis is None:
        raise UsageError(
            f"the stack has no axis {quoted(name)}",
            where=shown(file.path),
            do=nearest(name, [one.name for one in file.axes]),
        )
    if not axis.key:
        changed = replace(axis, version=value)
    elif axis.key in ("file", "path") or (axis.key == "paths" and len(axis.paths) == 1):
        path = Path(value)
        is_folder(path)  # raises where there is no such file
        place = os.path.relpath(path, file.folder).replace(os.sep, "/")
        changed = replace(axis, version=f"{axis.version}+{path.name}", paths=(place,))
    else:
        raise UsageError(
            f"the axis {quoted(name)} is not one file or folder",
            where=shown(file.path),
            do="write a stack file of its own for this change",
        )
    return replace(file, axes=tuple(changed if one is axis else one for one in file.axes))
