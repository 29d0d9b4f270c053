"""The stack that a replay puts cases to: locked and verified, or with pins replaced by hand.

Decides whether a stack may answer. Never lets a drifted pin answer, nor an unlocked one unnoticed.
"""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from stopship.errors import EvidenceError, UsageError, nearest
from stopship.model.change import Drift
from stopship.pinning.lock import verify_stack
from stopship.pinning.stacks import OpenStack, open_stack, opened_stack
from stopship.store.lockfile import lock_path, read_lock
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
    opened = _as_locked(path)
    if opened is None:
        _, drifts = verify_stack(path)
        if drifts:
            raise DriftError(path, drifts)
        raise EvidenceError("a pin has changed while it was read", where=shown(path), do="run again")
    if not pins:
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


def _as_locked(path: Path) -> OpenStack | None:
    """The open stack where it is the locked one; None where anything is wrong, which verifying tells."""
    try:
        opened = open_stack(path)
        return opened if read_lock(lock_path(path)).stack_id == opened.stack_id else None
    except (EvidenceError, UsageError):
        return None


def answering_as(files: Iterable[Path], stack_id: str) -> Answering | None:
    """The first of these stack files that is locked as the stack wanted and has not drifted."""
    for file in files:
        try:
            if lock_path(file).is_file() and read_lock(lock_path(file)).stack_id == stack_id:
                return answering(file)
        except (EvidenceError, UsageError):
            continue  # damaged or drifted: not the stack that is wanted
    return None


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
        try:
            is_folder(path)
        except EvidenceError as err:
            do = "name a file relative to the folder you are in"
            raise UsageError(f"--pin {quoted(name)}: {err.what}", where=err.where, do=do) from err
        place = os.path.relpath(path, file.folder).replace(os.sep, "/")
        changed = replace(axis, version=f"{axis.version}+{path.name}", paths=(place,))
    else:
        raise UsageError(
            f"the axis {quoted(name)} is not one file or folder",
            where=shown(file.path),
            do="write a stack file of its own for this change",
        )
    return replace(file, axes=tuple(changed if one is axis else one for one in file.axes))
