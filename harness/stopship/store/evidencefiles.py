"""Files of evidence: made once, read whole, every fault of the disk in words.

Decides whose fault a failing disk is. Never overwrites a file and never follows it with a guess.
"""

import errno
import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from stopship.errors import EvidenceError, StopshipError, UsageError
from stopship.store.shown import shown

_CHUNK = 1 << 20
FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
MANY = frozenset({errno.EMFILE, errno.ENFILE})  # open files, of the process and of the machine
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


def write_once(path: Path, chunks: Iterable[bytes]) -> None:
    """A new file of these pieces that is on the disk when this returns. Raises OSError."""
    with path.open("xb") as stream:
        stream.writelines(chunks)
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
    return b"".join(read_chunks(path, do, most))


def read_chunks(path: Path, do: str, most: int = -1) -> Iterator[bytes]:
    """The bytes of a regular file in pieces, at most `most` of them; EvidenceError as of `read_bytes`."""
    try:
        check_is_evidence(path, do)
        with path.open("rb", buffering=0) as stream:
            while most and (chunk := stream.read(_CHUNK if most < 0 else min(most, _CHUNK))):
                yield chunk
                most -= len(chunk) if most > 0 else 0
    except FileNotFoundError as err:
        raise EvidenceError("is missing", where=shown(path), do=do) from err
    except (OSError, ValueError) as err:
        if isinstance(err, OSError) and err.errno in MANY:
            raise too_many(path) from err
        raise EvidenceError(f"cannot be read: {reason(err)}", where=shown(path), do=do) from err


def check_is_evidence(path: Path, do: str) -> None:
    """Raise EvidenceError where something other than a file is at the path: a pipe would never end."""
    if path.exists() and not path.is_file():
        raise EvidenceError("is not a file", where=shown(path), do=do)


def reason(err: Exception) -> str:
    """Why the system refused, in its words."""
    return shown(os.strerror(err.errno) if isinstance(err, OSError) and err.errno else str(err))


def too_many(path: Path) -> StopshipError:
    """A fault of neither the evidence nor the disk: the process may open no further file."""
    return StopshipError(
        "cannot be opened: too many files are open",
        where=shown(path),
        do="let a process open more (ulimit -n) and run again",
    )


def cannot_write(path: Path, err: Exception) -> StopshipError:
    """The refusal to write at a path."""
    number = err.errno if isinstance(err, OSError) else errno.ENOENT  # ValueError: a NUL in the path
    if number in MANY:
        return too_many(path)
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
