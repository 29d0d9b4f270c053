"""Call a user's function: what it raises becomes data, and what it prints acts on nothing.

Decides how an exception reads and where printed text goes. Never ends a run for what one call did.
"""

import inspect
import io
import os
import re
import sys
import threading
import traceback
from collections.abc import Awaitable, Callable
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn, TextIO, cast

from stopship.errors import UsageError, nearest
from stopship.model.case import Case, Json
from stopship.parts.aside import executing
from stopship.parts.isolation import isolate
from stopship.parts.neighbours import PRIVATE, Executed, execute

LONGEST_TOLD = 200  # characters of an exception's text


@dataclass(frozen=True, slots=True)
class Raised:
    """What the user's code raised."""

    error: BaseException


def caught(function: Callable[..., Any], *arguments: object) -> Any:
    """Call the user's code; what it raises becomes data.

    A user's function may raise anything, and one case it cannot read must not end the run of the
    others. SystemExit and its like are caught too, and `os._exit` is one of them: no function of theirs
    ends the gate. KeyboardInterrupt is the person's own where Python delivers it: in the main thread.
    """
    try:
        with _NO_WAY_OUT:
            return function(*arguments)
    except BaseException as err:  # see above
        if isinstance(err, KeyboardInterrupt) and threading.current_thread() is threading.main_thread():
            raise
        return Raised(err)


_real_exit = os._exit
_inside = 0  # calls of user code under way in this process


class EndedError(SystemExit):
    """User code called `os._exit`, which would have ended the process without a verdict."""


def _exit(status: int = 0) -> NoReturn:
    if _inside and os.getpid() == _home:
        raise EndedError(f"os._exit({status})")
    _real_exit(status)


class _NoWayOut:
    """Meanwhile `os._exit` raises in this process. A child that was forked may end as it likes."""

    def __enter__(self) -> None:
        global _inside, _home  # `os._exit` is one for the whole process
        with _counting:
            _inside, _home = _inside + 1, _pid or _own_pid()
            os._exit = _exit

    def __exit__(self, *_error: object) -> None:
        global _inside  # noqa: PLW0603  # as above
        with _counting:
            _inside -= 1
            if not _inside:
                os._exit = _real_exit


def _own_pid() -> int:
    """This process, kept until it is forked: asking the system at every call of user code takes longer."""
    global _pid, _forgets  # noqa: PLW0603  # a process has one id
    if not _forgets and hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=_forked)
        _forgets = True
    _pid = os.getpid() if _forgets else 0
    return _pid or os.getpid()


def _forked() -> None:
    global _pid  # noqa: PLW0603  # as above
    _pid = 0


_home = _pid = 0
_forgets = False  # whether a child asks again
_counting = threading.Lock()
_NO_WAY_OUT = _NoWayOut()  # holds nothing: a call of user code costs a microsecond less than with a generator


async def caught_async(awaitable: Awaitable[Any]) -> Any:
    """Wait for the user's coroutine; what it raises becomes data, a cancellation included."""
    try:
        with _NO_WAY_OUT:
            return await awaitable
    except BaseException as err:  # noqa: BLE001  # as above; the event loop never runs in the main thread
        return Raised(err)


def attempt(function: Callable[..., Any], *arguments: object, prints: str = "scorer prints") -> Any:
    """Call the user's code as `caught` does. What it prints goes to standard error, escaped.

    A model's output in it must not act. For one thread at a time: standard output is the process's own.
    """
    with redirect_stdout(cast("TextIO", _Told(prints))):
        return caught(function, *arguments)


class _Told(io.TextIOBase):
    """A stand-in for standard output that passes lines on to standard error, harmless."""

    def __init__(self, prints: str) -> None:
        self._prints = prints

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        for line in filter(None, text.splitlines()):  # `print` writes the line's end by itself
            show(line, self._prints)
        return len(text)


def show(line: str, prints: str) -> None:
    """A line that the user's code printed, on standard error, so that it acts on nothing."""
    shown = "".join(one if one.isprintable() else ascii(one)[1:-1] for one in line)
    sys.stderr.write(f"{prints}: {shown.replace('##', '# #')}\n")


class _ByThread:
    """Standard output for the thread that made it; for every other thread a stand-in."""

    def __init__(self, own: TextIO, others: _Told) -> None:
        self._own = own
        self._others = others
        self._owner = threading.get_ident()

    def __getattr__(self, name: str) -> Any:
        is_owner = threading.get_ident() == self._owner
        return getattr(self._own if is_owner else self._others, name)


def tell_others(prints: str) -> Callable[[], None]:
    """From now on what any thread but this one prints goes to standard error, escaped; gives the way back."""
    before = sys.stdout
    now = cast("TextIO", _ByThread(before, _Told(prints)))
    sys.stdout = now

    def undo() -> None:
        if sys.stdout is now:  # else somebody has replaced it since
            sys.stdout = before

    return undo


def told(error: BaseException, path: Path) -> str:
    """`ValueError: what (checks.py line 12)`: the last line of the user's file that was running."""
    name = type(error).__name__
    # The traceback module copes with exceptions whose own text raises.
    lines = traceback.format_exception_only(type(error), error)
    line = next((one for one in lines if name in one.partition(":")[0]), lines[-1])
    text = re.sub(rf"{PRIVATE}[0-9a-f]+\.", "", " ".join(line.partition(":")[2].split()))
    what = f"{name}: {text}" if text else name
    what = what if len(what) <= LONGEST_TOLD else what[: LONGEST_TOLD - 1] + "…"
    file = str(path.resolve())
    frames = traceback.walk_tb(error.__traceback__)
    at = [line_number for frame, line_number in frames if frame.f_code.co_filename == file]
    if isinstance(error, SyntaxError) and error.filename == file and error.lineno:
        at.append(error.lineno)
    return f"{what} ({path.name} line {at[-1]})" if at else what


# A file is executed once in a process, however many rules name it and threads ask for it.
_loaded: "dict[Path, Loaded]" = {}
_loading = threading.RLock()  # else another thread would take a half-executed module for the whole


@dataclass(frozen=True, slots=True)
class Loaded:
    """A user's file, executed once: its module, or what it raised, and the digest of what was run."""

    outcome: Any  # ModuleType | Raised
    sha256: str


def load(path: Path, where: str) -> Loaded:
    """Execute a file under a private name, or give what its first execution left."""
    isolate()  # what its modules read is to be seen
    with _loading, executing():
        return _load(path, where)


def _load(path: Path, where: str) -> Loaded:
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
    ran = Executed(resolved, source)
    raised = attempt(execute if path.is_absolute() else _staying, ran)
    _loaded[resolved] = Loaded(raised if isinstance(raised, Raised) else ran.module, ran.sha256)
    return _loaded[resolved]


def _staying(ran: Executed) -> None:
    """Execute a file; what changes the working folder raises, as paths are relative to it."""
    home, went = os.getcwd(), None  # noqa: PTH109  # as text
    try:
        execute(ran)
    finally:
        went = folder_left(home)
    if went is not None:
        raise RuntimeError(f"it changes the working folder to {went}: open files from Path(__file__)")


def folder_left(home: str) -> str | None:
    """Where this process is at work instead of here; it is put back. None: it is here."""
    try:
        now = os.getcwd()  # noqa: PTH109  # asked for at every output
    except OSError:
        now = "a folder that was removed"
    if now == home:
        return None
    os.chdir(home)
    return now


def function_of(
    loaded: Loaded, path: Path, name: str, where: str, *, takes: str, gives: str, may_wait: bool = False
) -> Callable[..., object]:
    """The named function, once it is known to be one that can be called; UsageError for anything else."""
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
            do=f"write it as `def {name}({takes}): …`",
        )
    code = routine(function)
    is_waiting = inspect.isasyncgenfunction(code) or (not may_wait and inspect.iscoroutinefunction(code))
    if is_waiting or inspect.isgeneratorfunction(code):
        kind = "an async generator" if may_wait else "an async function"
        raise UsageError(
            f"{name!r} in {path} is {kind if is_waiting else 'a generator'}",
            where=where,
            do=f"write it as a plain `def {name}({takes}): …` that returns {gives}",
        )
    return function


def routine(function: Callable[..., object]) -> Callable[..., object]:
    """What runs when it is called: the function itself, or the `__call__` of an object."""
    return function if inspect.isroutine(function) else getattr(function, "__call__", function)  # noqa: B004


def own_case(case: Case) -> Case:
    """A copy for the user's code, so that what it changes is gone before the next call."""
    row = {key: copied(value) for key, value in case.row.items()}
    return Case(case.key, row, copied(case.input), copied(case.expected))


def copied(value: Json) -> Json:
    """A JSON value of the caller's own."""
    if isinstance(value, dict):
        return {key: copied(one) for key, one in value.items()}
    if isinstance(value, list):
        return [copied(one) for one in value]
    return value
