"""Load a user's `file.py` and find the function in it.

Decides what counts as a scorer function, and runs a file once, from the bytes that were digested. Never
leaves the file's folder importable, and never lets what the file raises escape as it is.
"""

import hashlib
import inspect
import io
import os
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

from stopship.errors import UsageError, nearest


@dataclass(frozen=True, slots=True)
class Raised:
    """What the user's code raised."""

    error: BaseException


@dataclass(frozen=True, slots=True)
class Loaded:
    """A user's file, executed once: its module, or what it raised, and the digest of what was run."""

    outcome: ModuleType | Raised
    sha256: str


# A file is executed once in a process, however many rules name it. Modules beside it are kept by folder:
# two suites may each have a `helpers.py`.
_loaded: dict[Path, Loaded] = {}
_siblings: dict[Path, dict[str, ModuleType]] = {}


def attempt(function: Callable[..., Any], *arguments: object) -> Any:
    """Call the user's code; what it raises becomes data.

    A user's function may raise anything, and one case it cannot read must not end the run of the
    others. SystemExit and its like are caught too: no scorer ends the gate. KeyboardInterrupt is the
    person's own. What the code prints goes to standard error, escaped: a model's output in it must not act.
    """
    try:
        with redirect_stdout(_Told()):
            return function(*arguments)
    except KeyboardInterrupt:
        raise
    except BaseException as err:  # noqa: BLE001  # see above
        return Raised(err)


class _Told(io.TextIOBase):
    """A stand-in for standard output that passes lines on to standard error, harmless."""

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        for line in text.splitlines():
            shown = "".join(one if one.isprintable() else ascii(one)[1:-1] for one in line)
            sys.stderr.write(f"scorer prints: {shown.replace('##', '# #')}\n")
        return len(text)


def told(error: BaseException, path: Path) -> str:
    """`ValueError: what (checks.py line 12)`: the last line of the user's file that was running."""
    name = type(error).__name__
    # The traceback module copes with exceptions whose own text raises.
    lines = traceback.format_exception_only(type(error), error)
    line = next((one for one in lines if name in one.partition(":")[0]), lines[-1])
    text = " ".join(line.partition(":")[2].split())
    what = f"{name}: {text}" if text else name
    what = what if len(what) <= 200 else what[:199] + "…"
    file = str(path.resolve())
    frames = traceback.walk_tb(error.__traceback__)
    at = [line_number for frame, line_number in frames if frame.f_code.co_filename == file]
    if isinstance(error, SyntaxError) and error.filename == file and error.lineno:
        at.append(error.lineno)
    return f"{what} ({path.name} line {at[-1]})" if at else what


def function_of(loaded: Loaded, path: Path, name: str, where: str) -> Callable[..., object]:
    """The named function, once it is known to be one that can score; UsageError for anything else."""
    module = loaded.outcome
    if isinstance(module, Raised):
        raise UsageError(
            f"{path} cannot be loaded: {told(module.error, path)}",
            where=where,
            do="it must load with the packages of this environment",
        ) from module.error
    function: object = getattr(module, name, None)
    if name not in vars(module):
        own = [
            key
            for key, value in vars(module).items()
            if getattr(value, "__module__", None) == module.__name__ and callable(value)
        ]
        raise UsageError(f"{path} has no function {name!r}", where=where, do=nearest(name, own))
    if not callable(function):
        raise UsageError(
            f"{name!r} in {path} is a {type(function).__name__}, not a function",
            where=where,
            do=f"write it as `def {name}(case, trace): …`",
        )
    code = function if inspect.isroutine(function) else getattr(function, "__call__", function)  # noqa: B004
    is_waiting = inspect.iscoroutinefunction(code) or inspect.isasyncgenfunction(code)
    if is_waiting or inspect.isgeneratorfunction(code):
        raise UsageError(
            f"{name!r} in {path} is {'an async function' if is_waiting else 'a generator'}",
            where=where,
            do=f"write it as a plain `def {name}(case, trace): …` that returns the score",
        )
    return function


class _Loader(SourceFileLoader):
    """Runs exactly the bytes that were digested: no second read of the file, no stale bytecode."""

    def __init__(self, fullname: str, path: str, source: bytes) -> None:
        super().__init__(fullname, path)
        self._source = source

    def get_code(self, fullname: str) -> CodeType | None:  # noqa: ARG002  # the signature of the base class
        code: CodeType = self.source_to_code(self._source, self.path)
        return code


def load(path: Path, where: str) -> Loaded:
    """Execute a file under a private name, or give what its first execution left."""
    try:
        resolved = path.resolve()
        if (before := _loaded.get(resolved)) is not None:
            return before
        source = resolved.read_bytes()
    except (OSError, ValueError, RuntimeError) as err:  # a name no file can have; a ring of links
        raise UsageError(
            f"cannot read {path}: {getattr(err, 'strerror', err)}",
            where=where,
            do="paths are relative to the folder the command runs in",
        ) from err
    name = f"_stopship_user_{hashlib.sha256(os.fsencode(resolved)).hexdigest()[:16]}"
    spec = spec_from_file_location(name, resolved, loader=_Loader(name, str(resolved), source))
    if spec is None or spec.loader is None:  # never with a loader given; the signature allows it
        raise UsageError(f"cannot load {path}", where=where)
    module = module_from_spec(spec)
    sys.modules[name] = module  # dataclasses and pickling look their module up by name
    with _importable(resolved.parent):
        raised = attempt(spec.loader.exec_module, module)
    if isinstance(raised, Raised):
        del sys.modules[name]
    outcome = raised if isinstance(raised, Raised) else module
    _loaded[resolved] = Loaded(outcome, hashlib.sha256(source).hexdigest())
    return _loaded[resolved]


@contextmanager
def _importable(folder: Path) -> Iterator[None]:
    """Let a file import its neighbours while it loads, without lending their names to anybody else."""
    place = str(folder)
    if place in sys.path:
        yield
        return
    before = set(sys.modules)
    sys.modules.update(_siblings.get(folder, {}))
    sys.path.insert(0, place)
    try:
        yield
    finally:
        if place in sys.path:
            sys.path.remove(place)
        kept = _siblings.setdefault(folder, {})
        for name in [one for one in sys.modules if one not in before]:
            if _is_beside(sys.modules.get(name.partition(".")[0]), folder):
                kept[name] = sys.modules[name]
        for name in kept:
            sys.modules.pop(name, None)


def _is_beside(module: ModuleType | None, folder: Path) -> bool:
    """Whether a module stands in the folder itself; an environment inside the folder does not."""
    places = [getattr(module, "__file__", None), *(getattr(module, "__path__", None) or ())]
    return any(Path(one).parent == folder for one in places if isinstance(one, str))
