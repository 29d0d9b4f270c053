"""Lock a stack, and hold it against its lock.

Decides in which order things are written: the lock last. Never calls a stack locked that it could not read.
"""

import os
from dataclasses import dataclass
from pathlib import Path

from stopship.errors import EvidenceError, UsageError
from stopship.model.change import Drift, PinChange
from stopship.model.stack import Kind, Stack
from stopship.pinning.gather import declared_store, own_files
from stopship.pinning.stacks import OpenStack, drifts_of, kept_in, opened_stack, texts_at
from stopship.steps.pindiff import compare
from stopship.store.atomic import write_atomically
from stopship.store.contents import Contents, Texts
from stopship.store.lockfile import lock_path, read_lock, rendered
from stopship.store.shown import shown
from stopship.store.stackfile import StackFile, read_stack_file, together


@dataclass(frozen=True, slots=True, kw_only=True)
class Locked:
    """What locking did."""

    stack: Stack
    lock: Path
    changes: tuple[PinChange, ...]  # since the earlier lock; all new where there was none
    earlier: str  # "", or why the earlier lock could not be read
    is_first: bool
    store: str  # where its texts are kept, without credentials


def lock_stack(path: Path, store: Path | str | None = None) -> Locked:
    """Keep the texts of a stack and write its lock, the lock last; a lock that would not change stays.

    `store`: a folder, or the text of a folder or URL; else the one that the stack file names.
    """
    file = read_stack_file(path)
    contents = texts_at(store, path) if store else Contents(declared_store(file))
    opened = opened_stack(file, contents.keep)
    _refuse_pinned_store(opened, file, contents)
    for pin in opened.stack.pins:
        if pin.kind is Kind.VALUE and (data := opened.read(pin, None)) is not None:
            contents.keep(pin.content, data)
    lock = lock_path(path)
    earlier, why = Stack(()), ""
    is_first = not os.path.lexists(lock)
    if not is_first:
        try:
            earlier = read_lock(lock)
        except EvidenceError as err:
            why = err.what
    data = rendered(opened.stack)
    changes = compare(earlier, opened.stack, kept_in(contents), opened.read)
    if not _holds(lock, data):
        write_atomically(lock, data)
    return Locked(
        stack=opened.stack,
        lock=lock,
        changes=changes,
        earlier=why,
        is_first=is_first,
        store=contents.name,
    )


def verify_stack(path: Path) -> tuple[Stack, tuple[Drift, ...]]:
    """The locked stack, and every pin that is something else now.

    Raises EvidenceError for a lock that is missing or damaged, UsageError for a stack file with faults.
    """
    file = read_stack_file(path)
    if file.faults:
        raise together(path, list(file.faults))
    lock = lock_path(path)
    if not os.path.lexists(lock):
        do = f"lock it: stopship pins lock {shown(path)}"
        raise EvidenceError("the stack is not locked: there is no such file", where=shown(lock), do=do)
    locked = read_lock(lock)
    return locked, drifts_of(locked, file)


def _refuse_pinned_store(opened: OpenStack, file: StackFile, contents: Texts) -> None:
    """A store inside a pinned folder changes the pin with every lock, unless the stack file names it."""
    if not isinstance(contents, Contents):
        return
    blobs = os.path.realpath(contents.folder)
    if blobs in own_files(file):
        return
    for pin in opened.stack.pins:
        if pin.kind not in (Kind.FOLDER, Kind.PATHS):
            continue
        for root in opened._roots[pin.axis]:  # noqa: SLF001  # of this module
            if Path(blobs).is_relative_to(os.path.realpath(root)):
                what = f"the store lies in a folder that [{shown(pin.axis)}] pins"
                raise UsageError(
                    what, where=shown(contents.folder), do='name it in the stack file: store = "…"'
                )


def _holds(path: Path, data: bytes) -> bool:
    try:
        return path.read_bytes() == data
    except OSError:
        return False
