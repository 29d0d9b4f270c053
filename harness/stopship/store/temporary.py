"""What is written beside its place, under a name of its own, and held by a lock of the kernel's.

Decides which of these a process left that was killed, and takes them away. Never one that is being written.
"""

import fcntl
import os
import re
import secrets
import shutil
import stat
from contextlib import suppress
from pathlib import Path

_NAME = re.compile(r"\.stopship-[0-9a-f]{16}\.tmp")


def file_in(folder: Path) -> tuple[Path, int]:
    """A new file in a folder, and the descriptor to write it by, which holds it. Raises OSError."""
    sweep(folder)
    while True:
        path = named(folder)
        # 0o666 lets the umask decide
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        if _is_held(descriptor, path):
            return path, descriptor
        os.close(descriptor)


def folder_in(folder: Path) -> tuple[Path, int]:
    """A new folder in a folder, and a descriptor that holds it until it is closed. Raises OSError."""
    sweep(folder)
    while True:
        path = named(folder)
        path.mkdir()
        with suppress(FileNotFoundError):  # swept before it was held
            descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            if _is_held(descriptor, path):
                return path, descriptor
            os.close(descriptor)


def sweep(folder: Path) -> None:
    """Take away what killed processes left in a folder. What cannot be removed stays, and does no harm."""
    with suppress(OSError):
        with os.scandir(folder) as found:
            left = [one.path for one in found if _NAME.fullmatch(one.name)]
        for one in left:
            with suppress(OSError):
                _remove_unless_held(one)


def named(folder: Path) -> Path:
    """A name that nobody has, for what is swept where its process is killed."""
    return folder / f".stopship-{secrets.token_hex(8)}.tmp"


def _is_held(descriptor: int, path: Path) -> bool:
    """Lock what was made just now; False: it was swept in the moment before."""
    with suppress(OSError):  # a file system without locks: there nothing is swept, either
        fcntl.flock(descriptor, fcntl.LOCK_EX)
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


def _remove_unless_held(path: str) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            shutil.rmtree(path)
        else:
            Path(path).unlink()
    finally:
        os.close(descriptor)
