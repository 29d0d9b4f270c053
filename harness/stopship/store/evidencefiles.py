"""Files of evidence: made once, read whole, every fault of the disk in words.

Decides whose fault a failing disk is. Never overwrites a file and never follows it with a guess.
"""

import errno
import os
from contextlib import suppress
from pathlib import Path

from stopship.errors import EvidenceError, StopshipError, UsageError
from stopship.store.shown import shown

FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_PEOPLES = frozenset(  # what the reader's choice of a path explains; the rest is the machine's failure
    {
        errno.ENOENT,
        errno.ENOTDIR,
        errno.EISDIR,
        errno.EEXIST,
        errno.EACCES,
        errno.EPERM,
        errno.EROFS,
        errno.ENAMETOOLONG,
        errno.ELOOP,
    }
)


def make_folder(folder: Path) -> None:
    """The folder, with those above it; UsageError where it cannot be made."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as err:
        raise cannot_write(folder, err) from err


def write_once(path: Path, data: bytes) -> None:
    """A new file that is on the disk when this returns. Raises OSError."""
    with path.open("xb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())


def sync_folder(folder: Path) -> None:
    """Make names in the folder survive a power cut, where the file system can."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def read_bytes(path: Path, do: str, most: int = -1) -> bytes:
    """The bytes of a regular file, at most `most` of them; EvidenceError where it cannot be read."""
    try:
        if path.exists() and not path.is_file():  # a pipe would never end
            raise EvidenceError("is not a file", where=shown(path), do=do)
        with path.open("rb") as stream:
            return stream.read(most)
    except FileNotFoundError as err:
        raise EvidenceError("is missing", where=shown(path), do=do) from err
    except (OSError, ValueError) as err:
        raise EvidenceError(f"cannot be read: {reason(err)}", where=shown(path), do=do) from err


def reason(err: Exception) -> str:
    """Why the system refused, in its words."""
    return shown(os.strerror(err.errno) if isinstance(err, OSError) and err.errno else str(err))


def cannot_write(path: Path, err: Exception) -> StopshipError:
    """The refusal to write at a path."""
    number = err.errno if isinstance(err, OSError) else errno.ENOENT  # ValueError: a NUL in the path
    if number in FULL:
        return StopshipError(
            "not written: the disk is full", where=shown(path), do="free some space and run again"
        )
    if number in _PEOPLES:
        return UsageError(
            f"cannot be written: {reason(err)}",
            where=shown(path),
            do="grant write access to the folder, or name another one",
        )
    return StopshipError(f"not written: {reason(err)}", where=shown(path), do="write somewhere else")
