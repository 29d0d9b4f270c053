"""Which files and folders were made in this process while a target was loaded or at work.

Decides what of the work tree is the target's own making, which needs no pin. Never takes a file for it that
somebody else has put in its place.
"""

import os
from pathlib import Path

from stopship.boundaries import is_at_work

_own: set[str] = set()


def made(path: str) -> None:
    """A file is opened empty, or a folder made: what it holds from now on was written here."""
    if is_at_work():
        _own.add(str(Path(path).absolute()))


def moved(source: str, to: str) -> None:
    """A file or a folder takes another name, and the place of what had it."""
    here, there = str(Path(source).absolute()), str(Path(to).absolute())
    if here in _own:
        _own.update(
            there + one[len(here) :] for one in list(_own) if one == here or one.startswith(here + os.sep)
        )
    else:
        _own.discard(there)


def is_own(path: str | os.PathLike[str]) -> bool:
    """Whether what stands in a file was written by this process."""
    return str(Path(path).absolute()) in _own
