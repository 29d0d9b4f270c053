"""Keep the outputs of a frozen replay from reaching a network past the boundaries.

Decides which events of the interpreter reach out. Never looks at code that belongs to no replay.
"""

import sys
import threading

from stopship.boundaries import desk_here, is_sealed, is_watched

_EVENTS = frozenset(  # of CPython's table of audit events
    [
        *("socket.connect", "socket.sendto", "socket.sendmsg"),
        *("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr", "socket.getnameinfo"),
    ]
)
_OWN_THREADS = "stopship-"  # what the names of our own threads begin with
_installed = threading.Lock()


class ReachedOut(ConnectionError):  # noqa: N818  # says what the code did
    """Code of a frozen replay tried to open a socket."""


def isolate() -> None:
    """Watch over this process from now on; a hook of the interpreter cannot be taken away again."""
    if _installed.acquire(blocking=False):
        sys.addaudithook(_hook)


def _hook(event: str, arguments: tuple[object, ...]) -> None:
    if event not in _EVENTS or not is_watched():
        return
    desk = desk_here()
    if desk is None:
        thread = threading.current_thread()
        if not is_sealed() or thread is threading.main_thread() or thread.name.startswith(_OWN_THREADS):
            return  # a call that is made may use threads of a pool; tests, scorers; the replay itself
        raise ReachedOut(f"{_told(event, arguments)}: from a thread that belongs to no output of the replay")
    if why := desk.refuse(_told(event, arguments)):
        raise ReachedOut(why)


def _told(event: str, arguments: tuple[object, ...]) -> str:
    """`socket.connect to ('127.0.0.1', 80)`, without anything but the address."""
    told = [one for one in arguments if isinstance(one, str | bytes | tuple | int)][:1]
    return f"{event} to {told[0]!r:.80}" if told else event
