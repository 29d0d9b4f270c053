"""Locks of the kernel's: they go when the process dies, however it dies.

Decides who may go on. Never trusts a lock file that somebody removed meanwhile, and never waits in silence.
"""

import fcntl
import os
from collections.abc import Callable
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from time import monotonic, sleep

from stopship.errors import StopshipError
from stopship.store.evidencefiles import cannot_write, reason
from stopship.store.shown import shown

Say = Callable[[str], None]
"""Called with one line: what is waited for."""
QUIET_S = 0.5  # a wait that is over sooner is not worth a line
_STEP_S = 0.02
_TRIES = 1000  # a folder that is removed as often as it is made is no race any more
_POSITIONS = 2**62


class Patience:
    """Waits in small steps, and says once what for."""

    def __init__(self, what: str, say: Say) -> None:
        self._what, self._say = what, say
        self._since: float | None = None
        self._has_said = False

    @property
    def was_needed(self) -> bool:
        return self._since is not None

    def pause(self) -> None:
        """Let a moment pass."""
        now = monotonic()
        self._since = now if self._since is None else self._since
        if not self._has_said and now - self._since >= QUIET_S:
            self._has_said = True
            self._say(self._what)
        sleep(_STEP_S)


def opened(path: Path) -> int:
    """An open file to append to; it and its folder are made where they are missing."""
    for _ in range(_TRIES):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            return os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW, 0o666)
        except FileNotFoundError:
            continue  # another process removed the folder in this moment
        except FileExistsError as err:
            if os.path.lexists(path.parent) and not path.parent.is_dir():
                raise cannot_write(path.parent, err) from err
        except (OSError, ValueError) as err:
            raise cannot_write(path, err) from err
    raise cannot_write(path, FileNotFoundError(2, ""))


def is_current(descriptor: int, path: Path) -> bool:
    """Whether the open file is still the one that the path leads to."""
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(path))  # noqa: PTH116  # asked for at every output
    except FileNotFoundError:
        return False
    except OSError as err:
        raise cannot_write(path, err) from err


def locked(path: Path, patience: Patience) -> int:
    """The open file that this process alone has locked, once nobody else has."""
    while True:
        descriptor = opened(path)
        try:
            if take(descriptor, path, fcntl.LOCK_EX | fcntl.LOCK_NB) and is_current(descriptor, path):
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        is_stale = not is_current(descriptor, path)
        os.close(descriptor)
        if not is_stale:
            patience.pause()


def take(descriptor: int, path: Path, how: int) -> bool:
    """Lock an open file; False where another has it and `how` says not to wait."""
    try:
        fcntl.flock(descriptor, how)
    except BlockingIOError:
        return False
    except OSError as err:
        raise StopshipError(
            f"cannot be locked: {reason(err)}", where=shown(path), do="work on a local file system"
        ) from err
    return True


def give_back(descriptor: int) -> None:
    """Unlock and close; children that were forked meanwhile hold the lock, too, until it is unlocked."""
    with suppress(OSError):
        fcntl.flock(descriptor, fcntl.LOCK_UN)
    os.close(descriptor)


class Claims:
    """Which process is at work on what, by name: one byte of a file is locked for each.

    The locks are a process's, not an object's: in one process two objects on one file do not exclude each
    other, and closing one of them gives up the claims of both.
    """

    def __init__(self, path: Path, *, is_alone: bool = False) -> None:
        """`is_alone`: no other process may remove the file."""
        self._path, self._is_alone = path, is_alone
        self._descriptor = -1

    def claim(self, name: str) -> bool:
        """Whether nobody else is at work on it; then this process is, until it releases the claim."""
        while True:
            if self._descriptor < 0:
                self._descriptor = opened(self._path)
            try:
                fcntl.lockf(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, _position(name))
            except (BlockingIOError, PermissionError):
                if self._is_current():
                    return False
            except OSError as err:
                raise StopshipError(
                    f"cannot be locked: {reason(err)}",
                    where=shown(self._path),
                    do="work on a local file system",
                ) from err
            else:
                if self._is_current():
                    return True
            self.close()

    def _is_current(self) -> bool:
        return self._is_alone or is_current(self._descriptor, self._path)

    def release(self, name: str) -> None:
        """Give a claim up, where there is one."""
        if self._descriptor >= 0:
            with suppress(OSError):
                fcntl.lockf(self._descriptor, fcntl.LOCK_UN, 1, _position(name))

    def close(self) -> None:
        """Give all claims up."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)


def _position(name: str) -> int:
    """Two names that share one wait for each other, and no worse."""
    text = name.encode("utf-8", "surrogatepass")
    return int.from_bytes(sha256(text).digest()[:8], "big") % _POSITIONS
