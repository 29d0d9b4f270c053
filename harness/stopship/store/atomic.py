"""Files written whole or not at all.

Decides how bytes reach a path. Never leaves a half-written file; a temporary one only where its process is
killed, and takes it away the next time.
"""

import ctypes
import errno
import os
import re
import stat
import sys
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from stopship.errors import StopshipError, UsageError
from stopship.store.shown import shown
from stopship.store.temporary import file_in, named

_DESCRIPTOR = re.compile(r"/(?:dev/fd|proc/(?:self|\d+)/fd)/(\d+)")
_HERE, _EXCHANGE = -100, 2  # AT_FDCWD and RENAME_EXCHANGE of Linux
_STANDARD = {"/dev/stdout": 1, "/dev/stderr": 2}
_REMEDIES = {  # what the reader can do about it; anything else is a failure of the machine
    errno.ENOENT: ("the folder does not exist", "make the folder first"),
    errno.ENOTDIR: ("a part of the path is a file, not a folder", "check the path"),
    errno.EISDIR: ("is a folder, not a file", "name a file in it"),
    errno.EACCES: ("may not be written by this user", "grant write access to the file and its folder"),
    errno.EPERM: ("may not be written by this user", "grant write access to the file and its folder"),
    errno.EROFS: ("is on a read-only file system", "write somewhere else"),
    errno.ENAMETOOLONG: ("the name is too long", "choose a shorter one"),
    errno.ELOOP: ("is a symbolic link that leads to itself", "mend or remove the link"),
}


def write_atomically(path: Path, data: bytes | Iterable[bytes]) -> None:
    """Put the bytes, in one or in pieces, at the path: readers see the old file or the new one, whole, also
    after a crash.

    A symbolic link stays and the file it leads to is replaced; an existing file keeps its mode. Pipes,
    terminals and other special files (/dev/stdout) are written directly, since they cannot be replaced.
    Raises UsageError when the path cannot be written, StopshipError when the machine fails (a full disk).
    """
    try:
        descriptor = _descriptor(path)
        if descriptor is not None:
            _write_descriptor(descriptor, data)
            return
        mode = _mode(path)
        if mode is not None and stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, "")
        if mode is not None and not stat.S_ISREG(mode):
            with path.open("wb", buffering=0) as special:
                _write_all(special.fileno(), data)
            return
        if mode is not None and not os.access(path, os.W_OK):
            raise PermissionError(errno.EACCES, "")
        _replace(Path(os.path.realpath(path)), data, mode)
    except OSError as err:
        raise _cannot_write(path, err) from err
    except ValueError as err:  # a NUL character in the path
        raise UsageError("is not a path", where=shown(path), do="check the path") from err


def _replace(target: Path, data: bytes | Iterable[bytes], mode: int | None) -> None:
    # In the same folder, because a rename is atomic only within one file system. Held until it is renamed.
    temporary, descriptor = file_in(target.parent)
    try:
        if mode is not None:
            os.fchmod(descriptor, stat.S_IMODE(mode))
        _write_all(descriptor, data)
        os.fsync(descriptor)
        temporary.replace(target)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise
    finally:
        os.close(descriptor)
    _sync_folder(target.parent)


def exchange(one: Path, other: Path) -> None:
    """Let two folders change places: at no moment is either missing, where the system can do that.

    Raises OSError.
    """
    swap = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    paths = [os.fsencode(path.absolute()) for path in (one, other)]
    if swap is not None and swap(_HERE, paths[0], _HERE, paths[1], _EXCHANGE) == 0:
        return
    aside = named(other.parent)  # one after the other
    other.rename(aside)
    one.rename(other)
    aside.rename(one)


def _sync_folder(folder: Path) -> None:
    """Make the rename itself survive a power cut, where the file system can."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _mode(path: Path) -> int | None:
    """Mode of the file the path leads to; None when there is none yet."""
    try:
        return path.stat().st_mode
    except FileNotFoundError:
        return None


def _descriptor(path: Path) -> int | None:
    """The open file that a path like /dev/stdout means.

    Opening such a path anew would truncate or overwrite what was already sent to a redirected stdout.
    """
    text = os.path.abspath(path)  # noqa: PTH100  # Path.resolve would follow the link to the file itself
    named = _DESCRIPTOR.fullmatch(text)
    if named:
        owner = text.split("/")[2]
        return int(named[1]) if owner in {"fd", "self", str(os.getpid())} else None
    return _STANDARD.get(text)


def _write_descriptor(descriptor: int, data: bytes | Iterable[bytes]) -> None:
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError, AttributeError):  # closed, or replaced by something without a file
            if stream.fileno() == descriptor:
                stream.flush()  # what was printed before must come out before
    _write_all(descriptor, data)


def _write_all(descriptor: int, data: bytes | Iterable[bytes]) -> None:
    for one in [data] if isinstance(data, bytes) else data:
        rest = memoryview(one)
        while rest:
            rest = rest[os.write(descriptor, rest) :]


def _cannot_write(path: Path, err: OSError) -> StopshipError:
    if err.errno in _REMEDIES:
        what, do = _REMEDIES[err.errno]
        return UsageError(what, where=shown(path), do=do)
    if err.errno in {errno.ENOSPC, errno.EDQUOT}:
        return StopshipError(
            "not written: the disk is full", where=shown(path), do="free some space and run again"
        )
    reason = os.strerror(err.errno) if err.errno else str(err)
    return StopshipError(f"not written: {shown(reason)}", where=shown(path), do="write somewhere else")
