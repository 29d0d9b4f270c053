"""Files and folders as names, sizes and digests.

Decides which files of a folder count and reads each once. Never follows a link out of the folder, never
waits on a pipe, and never leaves a file out because it cannot be read.
"""

import hashlib
import os
import stat
from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase
from pathlib import Path

from stopship.errors import EvidenceError
from stopship.model.stack import TEXT_LIMIT, PinnedFile
from stopship.store.shown import shown

Keep = Callable[[str, bytes], None]
"""Called with the digest and the bytes of each text as it is read."""

LEFT_OUT = frozenset(
    {
        *("__pycache__", ".git", ".stopship"),
        *(".pytest_cache", ".mypy_cache", ".ruff_cache", ".hypothesis"),
        *(".idea", ".vscode", ".DS_Store", "Thumbs.db"),
    }
)
LEFT_OUT_PATTERNS = ("*.pyc", "*~", ".*.sw?", "#*#", ".#*", ".stopship-*.tmp")
LINKED_LIMIT = 100_000  # entries reached through links to folders: links to links multiply

_CHUNK = 1 << 20
_FLAGS = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
_CHECK = "check the path in the stack file; paths are relative to it"
_LEAVE_OUT = "pin a folder without it"


def read_file(path: Path, name: str, keep: Keep | None = None) -> PinnedFile:
    """Digest a file from one reading; a text goes to `keep` as it was read.

    Raises EvidenceError for a path that is no readable regular file. `name` is what the pin calls it.
    """
    try:
        descriptor = os.open(path, _FLAGS)  # not blocking, should it be a pipe
        try:
            _check_regular(path, os.fstat(descriptor).st_mode)
            head = b""
            while len(head) <= TEXT_LIMIT and (more := os.read(descriptor, TEXT_LIMIT + 1 - len(head))):
                head += more
            sha256, size = hashlib.sha256(head), len(head)
            while size > TEXT_LIMIT and (chunk := os.read(descriptor, _CHUNK)):
                sha256.update(chunk)
                size += len(chunk)
        finally:
            os.close(descriptor)
    except (OSError, ValueError) as err:
        raise cannot_read(path, err) from err
    is_text = size <= TEXT_LIMIT and _is_text(head)
    if is_text and keep is not None:
        keep(sha256.hexdigest(), head)
    return PinnedFile(path=name, size=size, digest=sha256.hexdigest(), is_text=is_text)


def files_in(folder: Path, skip: frozenset[str]) -> Iterator[tuple[str, Path]]:
    """The name within the folder and the path of every file that counts, in no order.

    `skip` holds real paths that are passed over beside LEFT_OUT. A link counts as what it leads to, which
    must lie in the folder; raises EvidenceError for one that does not, and for what cannot be read.
    """
    top = os.path.realpath(folder)
    waiting = [("", top, frozenset({top}), False)]
    linked = 0
    while waiting:
        prefix, real_folder, above, by_link = waiting.pop()
        for entry in _entries(Path(real_folder), folder / prefix):
            name = prefix + entry.name
            if is_left_out(entry.name) or entry.path in skip:
                continue
            is_link = entry.is_symlink()
            real = _led_to(entry, top, folder / name) if is_link else entry.path
            linked += by_link or is_link
            if linked > LINKED_LIMIT:
                raise _fault(f"its links lead to more than {LINKED_LIMIT} files", folder, _LEAVE_OUT)
            if entry.is_dir():
                if real in above:
                    raise _fault("is a link to a folder that holds it", folder / name, "remove the link")
                waiting.append((f"{name}/", real, above | {real}, by_link or is_link))
            elif entry.is_file():
                yield name, Path(real)
            else:
                raise _is_special(folder / name)


def is_left_out(name: str) -> bool:
    """Whether files of this name never count: caches, version control, what editors leave behind."""
    return name in LEFT_OUT or any(fnmatchcase(name, one) for one in LEFT_OUT_PATTERNS)


def is_folder(path: Path) -> bool:
    """Whether the path leads to a folder; EvidenceError where it leads nowhere."""
    try:
        return stat.S_ISDIR(path.stat().st_mode)
    except (OSError, ValueError, RuntimeError) as err:
        raise cannot_read(path, err) from err


def cannot_read(path: Path, err: Exception) -> EvidenceError:
    """The refusal of a path that the system does not read."""
    if isinstance(err, FileNotFoundError):
        if path.is_symlink():
            return _fault("is a link that leads nowhere", path, "mend or remove the link")
        return _fault("there is no such file", path, _CHECK)
    if isinstance(err, PermissionError):
        return _fault("may not be read by this user", path, "grant read access to it")
    reason = os.strerror(err.errno) if isinstance(err, OSError) and err.errno else str(err)
    return _fault(f"cannot be read: {shown(reason)}", path, _CHECK)


def _entries(folder: Path, told: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as found:
            return list(found)
    except OSError as err:
        raise cannot_read(told, err) from err


def _led_to(entry: os.DirEntry[str], top: str, told: Path) -> str:
    """The real path behind a link inside the folder."""
    try:
        real = os.path.realpath(entry.path, strict=True)
    except FileNotFoundError as err:
        raise _fault("is a link that leads nowhere", told, "mend or remove the link") from err
    except OSError as err:
        raise cannot_read(told, err) from err
    if real != top and not real.startswith(top.rstrip(os.sep) + os.sep):
        raise _fault(
            "is a link that leaves the folder", told, "put the file itself there, or pin what it leads to"
        )
    return real


def _is_text(data: bytes) -> bool:
    if b"\0" in data:
        return False
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _check_regular(path: Path, mode: int) -> None:
    if stat.S_ISDIR(mode):
        do = "pin a folder with `paths` (code, texts) or `path` (data)"
        raise _fault("is a folder, not a file", path, do)
    if not stat.S_ISREG(mode):
        raise _is_special(path)


def _is_special(path: Path) -> EvidenceError:
    return _fault("is a pipe, socket or device, not a file", path, _LEAVE_OUT)


def _fault(what: str, path: Path, do: str) -> EvidenceError:
    return EvidenceError(what, where=shown(path), do=do)
