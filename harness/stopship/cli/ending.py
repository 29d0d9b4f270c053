"""A command that is told to end: by Ctrl-C, or by SIGTERM, as a job that is stopped is.

Decides that both end alike: what is open is closed, what was answered is filed. A second one ends at once.
"""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

INTERRUPTED, TERMINATED = 130, 143  # 128 and the number of the signal, as a shell says it
_GOES_ON = frozenset(("gate", "accept", "noise", "golden", "monitor"))  # with what they filed


class Terminated(KeyboardInterrupt):
    """SIGTERM, raised where Ctrl-C would be."""


@contextmanager
def ends_on_sigterm() -> Iterator[list[int]]:
    """Meanwhile SIGTERM ends as Ctrl-C does; gives the codes of those that came."""
    came: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield came
        return

    def end(number: int, _: object) -> None:
        signal.signal(number, signal.SIG_DFL)  # a second one ends at once
        came.append(TERMINATED)
        raise Terminated

    before = signal.getsignal(signal.SIGTERM)
    if before is signal.SIG_DFL:  # else somebody wanted it otherwise
        signal.signal(signal.SIGTERM, end)
    try:
        yield came
    finally:
        if before is signal.SIG_DFL:
            signal.signal(signal.SIGTERM, before)


def ended_line(came: list[int], command: str) -> str:
    """What is said of it, with how the command goes on."""
    line = "ended by SIGTERM" if came else "interrupted"
    return (
        f"{line}; what was answered is filed, and the same command goes on with it"
        if command in _GOES_ON
        else line
    )
