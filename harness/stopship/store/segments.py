"""Files of recordings, named by the SHA-256 of their bytes: `ab/abcdef….jsonl` in a folder.

Decides whether a file is whole, and how recordings are put into files: equal ones into equal files. Never
changes a file that is there.
"""

import os
import re
from collections.abc import Callable, Collection, Iterable, Iterator
from hashlib import sha256
from pathlib import Path

from stopship.errors import EvidenceError
from stopship.model.canonical import canonical_text
from stopship.store.atomic import write_atomically
from stopship.store.evidencefiles import cannot_write, make_folder, read_bytes, reason, sync_folder
from stopship.store.recordinglines import FETCH, HEADER, LINE_LIMIT, Head, check_header, head_of
from stopship.store.shown import at, quoted, shown
from stopship.store.trees import is_left_out

SEGMENT_LIMIT = 2 * LINE_LIMIT  # bytes of a file: hosts of git repositories refuse 100 MB
FULL = 4 << 20  # bytes beyond which a file takes no further line: one at a time is in memory
NAME = re.compile(r"([0-9a-f]{2})/(\1[0-9a-f]{62})\.jsonl")
_SEGMENT = ".jsonl"


Placed = tuple[int, int, Head]
"""One line of a file: its offset, its size without its end, and what it is found by."""


def name_of(data: bytes) -> str:
    """The name of a file of these bytes, with its folder."""
    digest = sha256(data).hexdigest()
    return f"{digest[:2]}/{digest}{_SEGMENT}"


def segment_names(folder: Path) -> list[str]:
    """The names of all files of recordings in a folder, in order; none where there is no folder.

    Raises EvidenceError for anything else that lies there, as a file under another name would be missed.
    """
    found = []
    for entry in _entries(folder):
        if is_left_out(entry.name):
            continue
        inner = _entries(Path(entry.path)) if entry.is_dir() else []
        if not entry.is_dir():
            raise _stray(Path(entry.path))
        for one in inner:
            name = f"{entry.name}/{one.name}"
            if is_left_out(one.name):
                continue
            if NAME.fullmatch(name) is None:
                raise _stray(folder / name)
            found.append(name)
    return sorted(found)


def read_segment(folder: Path, name: str) -> list[Placed]:
    """The lines of a file, all digests checked."""
    data = read_bytes(folder / name, FETCH, SEGMENT_LIMIT + 1)
    return placed_lines(data, name, shown(folder / name))


def placed_lines(data: bytes, name: str, told: str) -> list[Placed]:
    """The lines of a file of a name. Raises EvidenceError that says which line is damaged.

    `told` is what messages call the file.
    """
    if len(data) > SEGMENT_LIMIT:
        raise EvidenceError(f"more than {SEGMENT_LIMIT:,} bytes", where=told, do=FETCH)
    is_named = name_of(data) == name
    if not data.endswith(b"\n"):
        count = data.count(b"\n") + 1
        raise EvidenceError("damaged: it ends within a line", where=at(told, f"line {count}"), do=FETCH)
    check_header(data[: data.index(b"\n")], told)
    lines = list(lines_from(data, len(HEADER), told, 2))
    if not is_named:
        raise EvidenceError(
            "damaged: its bytes have another digest than its name; renamed, or lines were added or cut off",
            where=told,
            do=FETCH,
        )
    return lines


def lines_from(data: bytes, start: int, told: str, number: int, do: str = FETCH) -> Iterator[Placed]:
    """The whole lines of data from a position on, the first of which has this number."""
    end = data.find(b"\n", start)
    while end >= 0:
        try:
            head = head_of(data[start:end])
        except ValueError as err:
            raise EvidenceError(f"damaged: {err}", where=at(told, f"line {number}"), do=do) from err
        yield start, end - start, head
        start, number = end + 1, number + 1
        end = data.find(b"\n", start)


def segments_of(lines: Iterable[bytes]) -> Iterator[bytes]:
    """The bytes of the files that hold these lines, which are in order and carry their ends."""
    parts, size = [HEADER], len(HEADER)
    for line in lines:
        if len(parts) > 1 and size + len(line) > FULL:
            yield b"".join(parts)
            parts, size = [HEADER], len(HEADER)
        parts.append(line)
        size += len(line)
    if len(parts) > 1:
        yield b"".join(parts)


def write_segment(folder: Path, data: bytes) -> Path:
    """Put a file into a folder, whole or not at all; an equal one that is there is left alone.

    Raises EvidenceError for a damaged file in its place, UsageError or StopshipError where the disk refuses.
    """
    path = folder / name_of(data)
    if os.path.lexists(path):
        if read_bytes(path, FETCH, SEGMENT_LIMIT + 1) != data:
            raise EvidenceError(
                "damaged: its bytes have another digest than its name", where=shown(path), do=FETCH
            )
        return path
    make_folder(path.parent)
    write_atomically(path, data)
    sync_folder(folder)
    return path


def forget(folder: Path, cases: Collection[str]) -> int:
    """Take all recordings of some cases out of a folder; how many lines that were."""
    out = {canonical_text(one) for one in cases}
    return forget_lines(folder, lambda _, head: head[2] in out)


def forget_lines(folder: Path, is_out: Callable[[bytes, Head], bool], spared: Collection[str] = ()) -> int:
    """Take some lines, told without their ends, out of a folder of recordings; how many that were.

    `spared`: names of files that stay as they are. Others are written anew before the old ones go. Raises
    EvidenceError for a damaged file.
    """
    count = 0
    for name in segment_names(folder):
        if name in spared:
            continue
        path = folder / name
        data = read_bytes(path, FETCH, SEGMENT_LIMIT + 1)
        lines = placed_lines(data, name, shown(path))
        kept = [
            data[begin : begin + size + 1]
            for begin, size, head in lines
            if not is_out(data[begin : begin + size], head)
        ]
        if len(kept) == len(lines):
            continue
        for part in segments_of(kept):
            write_segment(folder, part)
        try:
            path.unlink()
        except OSError as err:
            raise cannot_write(path, err) from err
        count += len(lines) - len(kept)
    return count


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as found:
            return list(found)
    except FileNotFoundError:
        return []
    except (OSError, ValueError) as err:
        raise EvidenceError(f"cannot be read: {reason(err)}", where=shown(folder), do=FETCH) from err


def _stray(path: Path) -> EvidenceError:
    return EvidenceError(
        f"{quoted(path.name)} is not named as a file of recordings is",
        where=shown(path),
        do="give it its own name back, or move it elsewhere",
    )
