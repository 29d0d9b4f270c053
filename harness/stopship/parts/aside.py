"""What the modules read that a user's file executes as it is loaded, whoever asked for that file.

Decides to which modules a reading belongs: to all that are being executed above it. A scorer may load a
module before the target does, which then reads nothing any more.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

_under_way: list[object] = []  # files that are being executed
_read: dict[str, dict[str, None]] = {}  # by the real path of a module: what its execution read, in order


@contextmanager
def executing() -> Iterator[None]:
    """Meanwhile a user's file is executed."""
    mark = object()
    _under_way.append(mark)
    try:
        yield
    finally:
        _under_way.remove(mark)


def note(path: str) -> None:
    """Something is read."""
    if not _under_way:
        return
    there = type(path)(Path(path).absolute())
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001  # how a frame is had
    while frame is not None:
        file = frame.f_code.co_filename
        if frame.f_code.co_name == "<module>" and not file.startswith("<"):
            _read.setdefault(os.path.realpath(file), {})[there] = None
        frame = frame.f_back


def read_by(module: Path) -> list[str]:
    """What the execution of a module read, by its real path."""
    return list(_read.get(str(module), ()))
