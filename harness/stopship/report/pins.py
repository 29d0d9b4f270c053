"""Pinned stacks as people read them: what changed, what drifted, what is pinned.

Decides wording only; every name from a file is neutralised here. Computes no difference.
"""

from collections.abc import Iterator, Sequence

from stopship.model.change import Drift, FileChange, PinChange
from stopship.model.stack import KEEPS, SHORT, TEXT_LIMIT, Kind, Pin, PinnedFile, Stack
from stopship.report.layout import table
from stopship.report.neutral import plain

_NAMES = 60  # characters of a file's name
_VERSIONS = 40  # of a version, and of what is served
_LISTED = 8  # files of one pin in a sentence
_DRIFTED = 20  # files of one pin in a list
_KINDS = {
    Kind.VERSION: "version alone",
    Kind.FILE: "file",
    Kind.PATH: "data file",
    Kind.FOLDER: "data folder",
    Kind.PATHS: "files",
    Kind.VALUE: "value",
    Kind.OBSERVE: "observed",
}


def short(digest: str) -> str:
    """As much of a digest as a person compares."""
    return digest[:SHORT]


def size(count: int) -> str:
    """`512 bytes`, `12 KB`, `1.3 MB`."""
    for unit, per in (("GB", 10**9), ("MB", 10**6), ("KB", 10**3)):
        if count >= per:
            return f"{count / per:.1f} {unit}" if count < 10 * per else f"{count // per} {unit}"
    return "1 byte" if count == 1 else f"{count} bytes"


def change_lines(changes: Sequence[PinChange]) -> list[str]:
    """One line for every axis that changed, and one for all that did not."""
    lines = [_change(one) for one in changes if not one.is_same]
    same = [plain(one.axis, _NAMES) for one in changes if one.is_same]
    return [*lines, f"{', '.join(same)} same"] if same else lines


def diff_lines(change: PinChange) -> Iterator[str]:
    """The unified diff of each text of a pin."""
    for one in change.files:
        if one.lines:
            old, new = (
                _file_name(change.axis, it.path if it is not None else one.path) for it in (one.old, one.new)
            )
            yield "--- (new)" if one.old is None and one.new is not None else f"--- {old}"
            yield "+++ (gone)" if one.new is None and one.old is not None else f"+++ {new}"
            yield from (line[:1] + plain(line[1:]) for line in one.lines)


def _file_name(axis: str, path: str) -> str:
    return plain(f"{axis}/{path}" if path else axis)


def drift_lines(drifts: Sequence[Drift]) -> Iterator[str]:
    """What is not as it was locked: the pin, its files, digests before and after."""
    for one in drifts:
        if one.fault is not None:
            title = _title(one.old) if one.old is not None else plain(one.axis, _NAMES)
            yield f"  {title}: {plain(one.fault.what)}"
        elif one.new is None and one.old is not None:
            yield f"  {_title(one.old)}: locked, but no longer in the stack file"
        elif one.old is None and one.new is not None:
            yield f"  {_title(one.new)}: in the stack file, but not locked"
        elif one.old is not None and one.new is not None:
            yield from _drifted(one.old, one.new, one.files)


def stack_table(stack: Stack) -> list[str]:
    """Axis, version, kind, digest and files of every pin."""
    rows = [("axis", "version", "kind", "digest", "content")]
    rows += [
        (
            plain(one.axis, _NAMES),
            plain(one.version, _VERSIONS),
            _KINDS[one.kind],
            short(one.digest),
            _held(one),
        )
        for one in stack.pins
    ]
    return table(rows, left=frozenset(range(5)))


def _held(pin: Pin) -> str:
    if pin.kind is Kind.OBSERVE:
        return f"served {_quoted(pin.served)}"
    if not pin.files:
        return ""
    total = size(sum(one.size for one in pin.files))
    if len(pin.files) == 1:
        return f"{plain(pin.files[0].path, _NAMES, keep_end=True)}, {total}{_note(pin, pin.files[0])}"
    return f"{len(pin.files)} files, {total}"


def _note(pin: Pin, file: PinnedFile) -> str:
    if file.is_text:
        return ""
    return ", binary" if file.size <= TEXT_LIMIT else ", too large to keep" if pin.kind in KEEPS else ""


def _change(change: PinChange) -> str:
    old, new = change.old, change.new
    if new is None:
        return f"{_title(old)} removed" if old is not None else ""
    if old is None:
        return f"{_title(new)} new"
    return f"{_versions(old, new, is_other=change.is_other_content)}{_details(change)}"


def _title(pin: Pin) -> str:
    return f"{plain(pin.axis, _NAMES)} {plain(pin.version, _VERSIONS)}".rstrip()


def _versions(old: Pin, new: Pin, *, is_other: bool) -> str:
    if old.version == new.version:
        return f"{_title(new)} changed without a new version" if new.version else _title(new)
    versions = [plain(one.version, _VERSIONS) or "(no version)" for one in (old, new)]
    moved = f"{plain(new.axis, _NAMES)} {versions[0]} -> {versions[1]}"
    return moved if is_other or new.kind is Kind.VERSION else f"{moved} with the same content"


def _details(change: PinChange) -> str:
    """What stands in brackets behind an axis with other content."""
    old, new = change.old, change.new
    if old is None or new is None or not change.is_other_content:
        return ""
    if Kind.OBSERVE is old.kind is new.kind:
        return f" (served {_quoted(old.served)} -> {_quoted(new.served)})"
    kinds = f"{_KINDS[old.kind]} -> {_KINDS[new.kind]}" if old.kind is not new.kind else ""
    if not change.files:
        return f" ({kinds})" if kinds else ""
    if len(change.files) == 1 and new.kind not in (Kind.PATHS, Kind.FOLDER):
        found = _one_file(change.files[0])
    else:
        named = [_named(one) for one in change.files[:_LISTED]]
        if len(change.files) > _LISTED:
            named.append(f"and {len(change.files) - _LISTED} more")
        found = f"{_plural(len(change.files), 'file')}: {', '.join(named)}"
    return f" ({'; '.join(one for one in (kinds, found) if one)})"


def _one_file(change: FileChange) -> str:
    if change.is_counted:
        if not change.added and not change.removed:
            return "the same value, written otherwise"
        return f"{_plural(change.added + change.removed, 'line')}: +{change.added} -{change.removed}"
    if change.old is None or change.new is None:
        return "" if change.path else "the earlier value is not kept"
    sizes = f"{size(change.old.size)} -> {size(change.new.size)}"
    is_binary = not change.new.is_text and change.new.size <= TEXT_LIMIT
    return f"binary, {sizes}" if is_binary else sizes


def _named(change: FileChange) -> str:
    name = plain(change.path, _NAMES, keep_end=True)
    if change.old is None:
        return f"{name} new"
    if change.new is None:
        return f"{name} gone"
    if change.is_counted:
        return f"{name} +{change.added} -{change.removed}"
    return f"{name} {size(change.old.size)} -> {size(change.new.size)}"


def _drifted(old: Pin, new: Pin, files: Sequence[FileChange]) -> Iterator[str]:
    is_other = (old.kind, old.content) != (new.kind, new.content)
    head = _title(old)
    if old.version != new.version:
        moved = " -> ".join(plain(one.version, _VERSIONS) or "(no version)" for one in (old, new))
        yield f"  {plain(old.axis, _NAMES)}: version {moved}" + (
            "" if is_other else ", the content is the same"
        )
    if not is_other:
        return
    if old.kind is not new.kind:
        yield f"  {head}: {_KINDS[old.kind]} -> {_KINDS[new.kind]}"
    elif old.kind is Kind.OBSERVE:
        yield f"  {head}: served {_quoted(old.served)} -> {_quoted(new.served)}"
    elif not files:
        yield f"  {head}: value {short(old.content)} -> {short(new.content)}"
    for one in files[:_DRIFTED]:
        name = plain(one.path, _NAMES, keep_end=True)
        if one.old is None:
            yield f"  {head}: {name} is new"
        elif one.new is None:
            yield f"  {head}: {name} is gone"
        else:
            yield f"  {head}: {name} {short(one.old.digest)} -> {short(one.new.digest)}"
    if len(files) > _DRIFTED:
        yield f"  {head}: and {_plural(len(files) - _DRIFTED, 'more file')}"


def _quoted(text: str) -> str:
    return f"'{plain(text, _VERSIONS)}'"


def _plural(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
