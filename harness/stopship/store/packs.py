"""All recordings of a folder in one plain file, and back: a tar archive for the artefacts of a CI.

Decides what an archive may hold: what `pack` writes, byte for byte. Never follows a name or a link of an
archive, and writes nothing before all of it is checked.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from tarfile import BLOCKSIZE, RECORDSIZE, USTAR_FORMAT, TarInfo
from typing import BinaryIO

from stopship.errors import EvidenceError
from stopship.store.atomic import write_atomically
from stopship.store.evidencefiles import reason
from stopship.store.recordings import Recordings
from stopship.store.segments import NAME, SEGMENT_LIMIT, name_of, segments_of
from stopship.store.shown import quoted, shown

FOLDER = "recordings"  # what all names in an archive begin with
_PACK = "pack it again: stopship cache pack FILE"
_FETCH = "fetch the file again"
_NAME_BYTES, _SIZE_BYTES = slice(0, 100), slice(124, 136)  # of a header (POSIX 1003.1-1988, ustar)


def packed(found: Recordings) -> bytes:
    """The archive of all recordings: equal ones give equal bytes, in whatever files they lie.

    Raises EvidenceError where a call is answered in two ways.
    """
    members = sorted((name_of(data), data) for data in segments_of(found.lines()))
    parts: list[bytes] = []
    for name, data in members:
        parts += [_header(name, len(data)), data, b"\0" * (-len(data) % BLOCKSIZE)]
    return b"".join((*parts, _end(sum(map(len, parts)))))


def pack(found: Recordings, path: Path) -> None:
    """Write the archive of all recordings, whole or not at all."""
    write_atomically(path, packed(found))


def unpack(path: Path, known: Recordings, write: Callable[[str, bytes], object]) -> tuple[int, int]:
    """Add what an archive holds to recordings that are known; how many files there were, and how many new.

    `known` holds those of the archive afterwards, and is of no further use. `write` is given the name and
    the bytes of each new file. Raises EvidenceError, before anything is written, for an archive that is not
    as `pack` writes it, for damage in it, and where it answers a call otherwise than what is known.
    """
    before, names = set(known.files), []
    for name, data, begin in _members(path):
        known.take_in_packed(name, data, path, begin)
        names.append(name)
    conflicts = known.conflicts()
    if conflicts:
        one = conflicts[0]
        raise EvidenceError(
            f"{len(conflicts)} calls are answered otherwise than in the folder, the first: {one.what}",
            where=shown(path),
            do="unpack it into another folder, or forget those cases first: stopship cache forget CASE",
        )
    for name, data, _ in _members(path):
        if name not in before:
            if name_of(data) != name:
                raise _refused(path, "changed while it was unpacked", _FETCH)
            write(name, data)
    return len(names), len([one for one in names if one not in before])


def _members(path: Path) -> Iterator[tuple[str, bytes, int]]:
    """Name and bytes of each file, and where these begin. Every other byte is what `pack` writes."""
    try:
        if path.exists() and not path.is_file():  # a pipe would never end
            raise _refused(path, "is not a file", "name the file that pack wrote")
        with path.open("rb") as stream:
            last = ""
            while (header := _read(stream, BLOCKSIZE, path)) != b"\0" * BLOCKSIZE:
                name, size = _announced(header, path)
                if name <= last:
                    raise _refused(path, f"{quoted(name)} stands twice, or out of order", _PACK)
                begin, data = stream.tell(), _read(stream, size, path)
                if any(_read(stream, -size % BLOCKSIZE, path)):
                    raise _refused(path, f"something stands behind {quoted(name)}", _PACK)
                yield name, data, begin
                last = name
            at = stream.tell() - BLOCKSIZE
            if header + stream.read(2 * RECORDSIZE) != _end(at):
                raise _refused(path, "is cut off, or something stands behind its end", _FETCH)
    except OSError as err:
        raise EvidenceError(f"cannot be read: {reason(err)}", where=shown(path), do=_FETCH) from err
    except ValueError as err:
        raise EvidenceError("is not a path", where=shown(path), do="check the path") from err


def _announced(header: bytes, path: Path) -> tuple[str, int]:
    """Name and size of the next file. Links, folders, sparse files, long names, owners: none is ours."""
    name = header[_NAME_BYTES].rstrip(b"\0").decode("latin-1").removeprefix(f"{FOLDER}/")
    size = -1
    with suppress(ValueError):
        size = int(header[_SIZE_BYTES].rstrip(b"\0"), 8)
    if NAME.fullmatch(name) is None:
        raise _refused(path, f"holds {quoted(name)}, which is no file of recordings", _PACK)
    if size > SEGMENT_LIMIT:
        raise _refused(path, f"{quoted(name)} has {size:,} bytes, at most {SEGMENT_LIMIT:,} are read", _PACK)
    if size < 0 or header != _header(name, size):
        raise _refused(path, f"{quoted(name)} is a link, or not packed by stopship", _PACK)
    return name, size


def _header(name: str, size: int) -> bytes:
    one = TarInfo(f"{FOLDER}/{name}")
    one.size, one.mode, one.mtime = size, 0o644, 0
    return one.tobuf(USTAR_FORMAT, "ascii", "strict")


def _end(at: int) -> bytes:
    """Two empty blocks, and as many as fill a record."""
    whole = -(-(at + 2 * BLOCKSIZE) // RECORDSIZE) * RECORDSIZE
    return b"\0" * (whole - at)


def _read(stream: BinaryIO, size: int, path: Path) -> bytes:
    data = stream.read(size)
    if len(data) != size:
        raise _refused(path, "is cut off", _FETCH)
    return data


def _refused(path: Path, what: str, do: str) -> EvidenceError:
    return EvidenceError(what, where=shown(path), do=do)
