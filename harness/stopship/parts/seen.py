"""What else than an opened file tells a target something of its work tree: a listing, and code that is run.

Decides whether the user's own code asked for it. What libraries list or run for themselves is none of that:
Python lists every folder on its way to a module, and the metadata of a package is looked for in all of them.
"""

import os
import sys
from collections.abc import Set as AbstractSet
from pathlib import Path
from types import CodeType, FrameType

_INSTALLED = tuple(f"{os.sep}{one}{os.sep}" for one in ("site-packages", "dist-packages"))
_PYTHON = str(Path(os.__file__).parent) + os.sep
_OURS = {__name__, "stopship.parts.isolation"}  # where the interpreter tells of it
_PATHS = {  # of the standard library: they work for their caller
    *("os", "pathlib", "pathlib._local", "pathlib._abc", "pathlib._os", "pathlib.types"),
}
_LISTS = _PATHS | {"glob"} | _OURS
_OPENS = _PATHS | {"codecs"} | _OURS
_RUNS = {
    *("runpy", "importlib", "importlib.util", "importlib._bootstrap", "importlib._bootstrap_external"),
    *("_frozen_importlib", "_frozen_importlib_external", "stopship.parts.neighbours", *_OURS),
}


class Listed(str):
    """A folder of which the names were listed."""

    __slots__ = ()


class Ran(str):
    """A file whose code is run, or read as a text."""

    __slots__ = ()


def listed(path: object) -> Listed | None:
    """The folder, where the user's own code lists it, by its path."""
    told = os.curdir if path is None else path
    if not isinstance(told, str | bytes | os.PathLike) or not _is_users(_LISTS):
        return None
    return Listed(Path(os.fsdecode(told)).absolute())


def ran(code: object) -> Ran | None:
    """The file of a code object, where the user's own code runs it: as a file, or by an import."""
    if not isinstance(code, CodeType) or code.co_name != "<module>" or code.co_filename.startswith("<"):
        return None
    return Ran(Path(code.co_filename).absolute()) if _is_users(_RUNS) else None


def read_as_text(path: str, mode: object) -> Ran | None:
    """A file of Python code that the user's own code opens as a text, to run or to show it. Whatever shows a
    traceback opens such a file for its bytes."""
    is_text = isinstance(mode, str) and "b" not in mode
    return Ran(path) if is_text and path.endswith(".py") and _is_users(_OPENS) else None


def _is_users(helpers: AbstractSet[str]) -> bool:
    """Whether the first code above this, but for helpers, is the user's own."""
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001  # how a frame is had
    while frame is not None:
        file, name = frame.f_code.co_filename, frame.f_globals.get("__name__")
        is_text = file.startswith("<") and not file.startswith("<frozen ")  # code that was made at run time
        if name not in helpers and not is_text:
            return not file.startswith(("<", _PYTHON)) and not any(one in file for one in _INSTALLED)
        frame = frame.f_back
    return False
