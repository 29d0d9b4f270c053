"""Keep the outputs of a frozen replay from reaching a network past the boundaries, and see what calls read.

Decides which events of the interpreter reach out. Never looks at code that belongs to no replay.
"""

import _posixsubprocess
import os
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from stopship.boundaries import (
    OWN_THREADS,
    desk_here,
    is_sealed,
    is_watched,
    lose_all,
    made_here,
    opens,
    ports,
    starts,
)
from stopship.parts import aside, ownfiles
from stopship.parts.seen import listed, loaded, named, ran, read_as_code

_EVENTS = frozenset(  # of CPython's table of audit events
    [
        *("socket.connect", "socket.sendto", "socket.sendmsg"),
        *("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr", "socket.getnameinfo"),
    ]
)
_STARTS = ("subprocess.Popen", "os.posix_spawn", "os.system", "os.exec", "os.fork", "os.forkpty", "pty.spawn")
_OF_THE_MACHINE = ("uname", "lsb_release", "ldconfig", "lscpu", "getconf")  # what libraries ask about it
_TRACKER = "resource_tracker import main"  # of multiprocessing, for any lock: it removes what others leave
_TELLING: dict[str, Callable[[tuple[object, ...]], str | None]] = {  # of a folder, or of code
    "os.listdir": lambda told: listed(told[0]),
    "os.scandir": lambda told: listed(told[0]),
    "exec": lambda told: ran(told[0]),
    "import": lambda told: loaded(told[1]),
}
_HERE = ("127.0.0.1", "localhost", b"127.0.0.1", b"localhost")
_installed = threading.Lock()


class ReachedOut(ConnectionError):  # noqa: N818  # says what the code did
    """Code of a frozen replay tried to open a socket."""


def isolate() -> None:
    """Watch over this process from now on; a hook of the interpreter cannot be taken away again."""
    if _installed.acquire(blocking=False):
        sys.addaudithook(_hook)
        _watch_spawning()


def _watch_spawning() -> None:
    """See what multiprocessing and joblib start: they call this function themselves, which tells no event."""
    spawn = _posixsubprocess.fork_exec

    def seen(words: Sequence[Any], /, *rest: Any) -> int:
        told = [one for one in words or () if isinstance(one, str | bytes)]
        if not any(_TRACKER in os.fsdecode(one) for one in told):
            _started((None, told))
        return spawn(words, *rest)

    setattr(_posixsubprocess, "fork_exec", seen)  # noqa: B010  # mypy takes an assignment for a mistake


def _hook(event: str, arguments: tuple[object, ...]) -> None:
    if event in ("open", "sqlite3.connect", "ctypes.dlopen"):
        _opened(event, arguments)
        return
    if event in _TELLING:
        if (found := _TELLING[event](arguments)) is not None:
            _read(found)
        return
    if event in ("os.mkdir", "os.rename"):
        _made(event, arguments)
        return
    if event in _STARTS:
        _started(arguments)
        return
    if event not in _EVENTS or not is_watched():
        return
    if _is_gateway(arguments):
        return
    desk = desk_here()
    if desk is None:
        thread = threading.current_thread()
        if not is_sealed() or thread is threading.main_thread() or thread.name.startswith(OWN_THREADS):
            return  # a call that is made may use threads of a pool; tests, scorers; the replay itself
        why = f"{_told(event, arguments)}: from a thread that belongs to no output of the replay"
        lose_all(why)
        raise ReachedOut(why)
    if why := desk.refuse(_told(event, arguments)):
        raise ReachedOut(why)


def _opened(event: str, arguments: tuple[object, ...]) -> None:
    """A file is opened, a database or a library of C: what is only written to tells nothing."""
    path, flags = arguments[0], arguments[-1]
    if not isinstance(path, str | bytes | os.PathLike):
        return
    if event == "open":
        name = os.fsdecode(path)
        how = flags if isinstance(flags, int) else 0
        if how & os.O_TRUNC or (how & os.O_CREAT and not os.path.lexists(path)):
            ownfiles.made(name)
        elif how & os.O_ACCMODE != os.O_WRONLY:
            _read(read_as_code(name) or name)
        return
    name = os.fsdecode(path)
    if event == "ctypes.dlopen" and os.sep not in name:
        return  # one of the system's, by its name
    _read(unquote(urlsplit(name).path) if name.startswith("file:") else name)


def _read(path: str) -> None:
    """Something is read: by an output, or by a module that is executed before any."""
    aside.note(path)
    opens(path)


def _made(event: str, arguments: tuple[object, ...]) -> None:
    """A folder is made that was not there before, or a file moved."""
    paths = [os.fsdecode(one) for one in arguments[:2] if isinstance(one, str | bytes | os.PathLike)]
    if event == "os.rename" and len(paths) > 1:
        ownfiles.moved(*paths)
    elif event == "os.mkdir" and paths and not os.path.lexists(paths[0]):
        ownfiles.made(paths[0])


def _started(arguments: tuple[object, ...]) -> None:
    """A process is started, which nothing here watches over: it may read the files that its words name."""
    if made_here() is not None:
        return
    words = arguments[1] if len(arguments) > 1 and isinstance(arguments[1], list | tuple) else arguments[:1]
    told = [os.fsdecode(one) for one in words if isinstance(one, str | bytes | os.PathLike)]
    name = Path(told[0].split()[0]).name if told and told[0].strip() else "a process"
    if name not in _OF_THE_MACHINE:
        starts(name)
    folder = arguments[2] if len(arguments) > 2 else None
    here = os.fsdecode(folder) if isinstance(folder, str | bytes | os.PathLike) else os.getcwd()  # noqa: PTH109
    for file in named(told, here):
        _read(file)


def _is_gateway(arguments: tuple[object, ...]) -> bool:
    """Whether the address, or the host and port that are looked up, are those of a gateway."""
    for one in arguments:
        if isinstance(one, tuple) and len(one) > 1:
            return one[0] in _HERE and one[1] in ports()
    named = [one for one in arguments if isinstance(one, str | bytes | int)][:2]
    return len(named) == 2 and named[0] in _HERE and str(named[1]) in {str(port) for port in ports()}


def _told(event: str, arguments: tuple[object, ...]) -> str:
    """`socket.connect to ('127.0.0.1', 80)`, without anything but the address."""
    told = [one for one in arguments if isinstance(one, str | bytes | tuple | int)][:1]
    return f"{event} to {told[0]!r:.80}" if told else event
