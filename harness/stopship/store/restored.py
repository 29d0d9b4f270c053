"""Write a restored stack: new files in a folder of its own, and the stack file that points at them.

Decides where bytes go. Never writes over, through or beside anything that exists.
"""

import json
import os
import re
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

from stopship.errors import EvidenceError, UsageError
from stopship.model.canonical import canonical_bytes
from stopship.model.case import Json
from stopship.model.stack import Kind, Pin, value_of
from stopship.store.shown import shown
from stopship.store.temporary import folder_in

_FLAGS = (
    os.O_WRONLY
    | os.O_CREAT
    | os.O_EXCL
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_BINARY", 0)
)
_BARE = re.compile(r"[A-Za-z0-9_-]+")


def check_folder(folder: Path) -> None:
    """Raise UsageError unless the folder is missing or empty."""
    try:
        if not folder.is_symlink() and not folder.exists():
            return
        if folder.is_dir() and not any(folder.iterdir()):
            return
    except (OSError, ValueError) as err:
        raise _cannot_write(folder, err) from err
    raise UsageError(
        "is there already and is not an empty folder", where=shown(folder), do="name a new folder"
    )


def write_folder(folder: Path, files: Iterable[tuple[str, bytes]]) -> None:
    """Make a folder of files, whole or not at all; where it is there, and empty, one file after another.

    Raises UsageError where it cannot be written.
    """
    if folder.exists():
        for name, data in files:
            write_new(folder, name, data)
        return
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        beside, held = folder_in(folder.parent)
    except (OSError, ValueError) as err:
        raise _cannot_write(folder, err) from err
    try:
        for name, data in files:
            write_new(beside, name, data)
        beside.rename(folder)
    except OSError as err:
        raise _cannot_write(folder, err) from err
    finally:
        shutil.rmtree(beside, ignore_errors=True)
        os.close(held)


def write_new(folder: Path, name: str, data: bytes) -> None:
    """Make one file under the folder, and the folders to it; `name` is known to stay inside.

    Raises UsageError where anything of that name has come to be there in the meantime.
    """
    path = folder / name
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, _FLAGS, 0o666)
        with open(descriptor, "wb") as stream:  # noqa: PTH123  # a descriptor, not a path
            stream.write(data)
    except (OSError, ValueError) as err:
        raise _cannot_write(path, err) from err


def stack_text(
    pins: Iterable[Pin],
    values: Mapping[str, bytes],
    left_out: Iterable[tuple[str, str]],
    placed: Mapping[str, str] | None = None,
) -> bytes:
    """A stack file of restored pins. `values` holds canonical JSON by axis; `left_out` titles and reasons.

    `placed`: by axis, where data lies that stays where it is, or what to observe.
    """
    blocks, placed = [], placed or {}
    for pin in pins:
        lines = [f"[{_key(pin.axis)}]"]
        if pin.version:
            lines.append(f"version = {_toml(pin.version)}")
        if pin.kind is Kind.FILE:
            lines.append(f"file = {_toml(pin.at[0])}")
        elif pin.kind is Kind.PATHS:
            lines.append(f"paths = [{', '.join(_toml(one or '.') for one in pin.at)}]")
        elif pin.kind is Kind.VALUE:
            lines.append(f"value = {_toml(_value(values[pin.axis], pin.axis))}")
        elif pin.axis in placed:
            lines.append(f"{'observe' if pin.kind is Kind.OBSERVE else 'path'} = {_toml(placed[pin.axis])}")
        blocks.append("\n".join(lines))
    blocks += [f"# not restored: {shown(title)}: {shown(because)}" for title, because in left_out]
    return ("\n\n".join(blocks) + "\n").encode()


def _value(data: bytes, axis: str) -> Json:
    try:
        value = value_of(data)
        if canonical_bytes(value) == data:
            return value
    except (ValueError, RecursionError):
        pass  # a forged lock
    raise EvidenceError("the kept value is not canonical JSON", where=shown(axis), do="lock the stack again")


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else _toml(name)


def _toml(value: Json) -> str:
    """A JSON value in TOML; raises EvidenceError for what no stack file can have held."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, str):
        text = json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
        if text.isascii() or not any("\ud800" <= char <= "\udfff" for char in text):
            return text
    if isinstance(value, list):
        return f"[{', '.join(map(_toml, value))}]"
    if isinstance(value, dict):
        pairs = ", ".join(f"{_key(key)} = {_toml(one)}" for key, one in value.items())
        return f"{{ {pairs} }}" if pairs else "{}"
    raise EvidenceError("a kept value cannot be written as TOML", do="lock the stack again")


def _cannot_write(path: Path, err: Exception) -> UsageError:
    reason = os.strerror(err.errno) if isinstance(err, OSError) and err.errno else str(err)
    return UsageError(
        f"cannot be written: {shown(reason)}", where=shown(path), do="name a new folder that may be written"
    )
