"""What changed between two stacks, pin by pin and file by file.

Pure: contents come through the callers' readers. Never calls two pins the same unless their digests are.
"""

import json
from collections.abc import Callable

from stopship.model.change import FileChange, PinChange
from stopship.model.stack import Kind, Pin, PinnedFile, Stack
from stopship.steps.linediff import counted, unified

Read = Callable[[Pin, PinnedFile | None], bytes | None]
"""The bytes of one file of a pin, or of its value; None where they are not at hand."""


def compare(old: Stack, new: Stack, read_old: Read, read_new: Read) -> tuple[PinChange, ...]:
    """Every axis of either stack, by name."""
    axes = sorted({one.axis for one in (*old.pins, *new.pins)})
    return tuple(_change(axis, old.get(axis), new.get(axis), read_old, read_new) for axis in axes)


def file_changes(old: Pin, new: Pin) -> list[FileChange]:
    """The files of two pins that differ, by name. One file against one is one change under any name."""
    if {old.kind, new.kind} <= {Kind.FILE, Kind.PATH}:
        pairs = [(new.files[0].path, old.files[0], new.files[0])]
    else:
        before = {one.path: one for one in old.files}
        after = {one.path: one for one in new.files}
        pairs = [(path, before.get(path), after.get(path)) for path in sorted(before.keys() | after.keys())]  # type: ignore[misc]
    return [
        FileChange(path=path, old=one, new=two)
        for path, one, two in pairs
        if one is None or two is None or one.digest != two.digest
    ]


def _change(axis: str, old: Pin | None, new: Pin | None, read_old: Read, read_new: Read) -> PinChange:
    if old is None or new is None or (old.kind, old.content) == (new.kind, new.content):
        return PinChange(axis=axis, old=old, new=new)
    if old.kind is new.kind is Kind.VALUE:
        found = [_counted(FileChange(path=""), read_old(old, None), read_new(new, None), as_value=True)]
    else:
        found = [
            _counted(
                one,
                b"" if one.old is None else read_old(old, one.old),
                b"" if one.new is None else read_new(new, one.new),
            )
            for one in file_changes(old, new)
        ]
    return PinChange(axis=axis, old=old, new=new, files=tuple(found))


def _counted(
    change: FileChange, old: bytes | None, new: bytes | None, *, as_value: bool = False
) -> FileChange:
    if old is None or new is None:
        return change
    before, after = (value_lines(one) if as_value else _decoded(one) for one in (old, new))
    added, removed = counted(before, after)
    return FileChange(
        path=change.path,
        old=change.old,
        new=change.new,
        is_counted=True,
        added=added,
        removed=removed,
        lines=tuple(unified(before, after)),
    )


def value_lines(data: bytes) -> str:
    """A value as people read it, one entry a line."""
    try:
        return json.dumps(json.loads(data), indent=1, ensure_ascii=False, sort_keys=True) + "\n"
    except (ValueError, RecursionError):  # a forged lock; its bytes still can be shown
        return _decoded(data)


def _decoded(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")
