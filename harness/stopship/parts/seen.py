"""What else than an opened file tells a target something of its work tree: a listing, code that is run, and
the files that a command names.

Decides whether that is the target's doing. What libraries list for themselves is none of it: Python lists
every folder on its way to a module, and the metadata of a package is looked for in all of them.
"""

import os
import re
import shlex
import sys
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from contextlib import suppress
from pathlib import Path
from types import CodeType, FrameType

_INSTALLED = tuple(f"{os.sep}{one}{os.sep}" for one in ("site-packages", "dist-packages"))
_PYTHON = str(Path(os.__file__).parent) + os.sep
_CACHE = "__pycache__"
_OURS = {__name__, "stopship.parts.isolation"}  # where the interpreter tells of it
_PATHS = {  # of the standard library: they work for their caller
    *("os", "pathlib", "pathlib._local", "pathlib._abc", "pathlib._os", "pathlib.types"),
}
_LISTS = _PATHS | {"glob", "pkgutil", "functools"} | _OURS
_OPENS = _PATHS | {"codecs", "tokenize"} | _OURS
_SHELLS = ("sh", "bash", "dash", "zsh", "ksh")
_TO_A_FILE = re.compile(r"[0-9]?>>?\s*[^\s&;|]+")  # of a shell's words: what it writes


class Listed(str):
    """A folder of which the names were listed."""

    __slots__ = ()


class Ran(str):
    """A file whose code is run, or read."""

    __slots__ = ()


def listed(path: object) -> Listed | None:
    """The folder, where the user's own code lists it, by its path."""
    told = os.curdir if path is None else path
    if not isinstance(told, str | bytes | os.PathLike):
        return None
    asking = _asking(_LISTS)
    if not asking or _is_installed(asking) or asking.startswith(_PYTHON):
        return None
    return Listed(Path(os.fsdecode(told)).absolute())


def ran(code: object) -> Ran | None:
    """The file of a code object that is run: as a file, or by an import, whoever makes it."""
    if not isinstance(code, CodeType) or code.co_name != "<module>":
        return None
    file = code.co_filename
    if file.startswith(("<", _PYTHON)) or _is_installed(file):
        return None
    return Ran(Path(file).absolute())


def loaded(file: object) -> Ran | None:
    """The file of a compiled module, where it is loaded from one."""
    return Ran(Path(file).absolute()) if isinstance(file, str) and not _is_installed(file) else None


def read_as_code(path: str) -> Ran | None:
    """A file of Python code that is opened for its text, to run or to show it, by the user's own code or by a
    package. Not what Python opens for a traceback, or to import it; bytecode it opens only to do that."""
    if path.endswith(".pyc"):
        return Ran(path) if Path(path).parent.name != _CACHE and not _is_installed(path) else None
    if not path.endswith(".py"):
        return None
    asking = _asking(_OPENS)
    is_python = asking.startswith(_PYTHON) and not _is_installed(asking)
    return Ran(path) if asking and not is_python else None


def named(words: Sequence[str], folder: str) -> Iterator[str]:
    """The files that the words of a command name, seen from the folder in which it is run: the program, what
    it is given, also behind `=` or `@`, and what a line for a shell has as a word. Other texts are none."""
    is_shell = Path(words[0]).name in _SHELLS if words else False
    for number, word in enumerate(words):
        parts = [word]
        if len(words) == 1 or (is_shell and words[number - 1] == "-c"):
            with suppress(ValueError):  # a quotation mark that is left open
                parts = shlex.split(_TO_A_FILE.sub(" ", word))
        for place, part in enumerate(parts):
            is_program = number == place == 0
            if is_program and os.sep not in part:
                continue  # it is looked for on the PATH
            for one in {part, part.partition("=")[2], part.removeprefix("@")} - {""}:
                path = os.path.join(folder, one)  # noqa: PTH118  # a word may be no path at all
                if "\0" not in path and os.path.isfile(path):  # noqa: PTH113  # ditto
                    yield Ran(path) if is_program or path.endswith(".py") else path


def _asking(helpers: AbstractSet[str]) -> str:
    """The file of the first code above this, but for helpers; "": the interpreter's own, or none."""
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001  # how a frame is had
    while frame is not None:
        file, name = frame.f_code.co_filename, frame.f_globals.get("__name__")
        is_text = file.startswith("<") and not file.startswith("<frozen ")  # code that was made at run time
        if name not in helpers and not is_text:
            return "" if file.startswith("<") else file
        frame = frame.f_back
    return ""


def _is_installed(file: str) -> bool:
    return any(one in file for one in _INSTALLED)
