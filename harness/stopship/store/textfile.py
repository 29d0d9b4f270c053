"""Text files as bytes, lines and whole texts: gzip by content, UTF-8 only.

Decides whether a file can be opened and is UTF-8 text. Never guesses another encoding.
"""

import io
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from gzip import BadGzipFile, GzipFile
from pathlib import Path
from typing import BinaryIO, cast

from stopship.errors import EvidenceError, UsageError
from stopship.store.shown import at, shown

_BUFFER = 1 << 18
_GZIP = b"\x1f\x8b"
_UTF8_MARK = b"\xef\xbb\xbf"
_OTHER_MARKS = (  # the four-byte marks first: the UTF-32 one begins like the UTF-16 one
    (b"\xff\xfe\x00\x00", "UTF-32"),
    (b"\x00\x00\xfe\xff", "UTF-32"),
    (b"\xff\xfe", "UTF-16"),
    (b"\xfe\xff", "UTF-16"),
)
FETCH_AGAIN = "fetch or export the file again"
_AS_UTF8 = "save the file as UTF-8 (in a spreadsheet: the format 'CSV UTF-8')"


def check_is_file(path: Path) -> None:
    """Refuse a path that is missing, a folder, or out of reach."""
    try:
        is_folder = path.is_dir()
        path.stat()
    except (OSError, ValueError) as err:  # ValueError: a NUL character in the path
        raise cannot_open(path, err) from err
    if is_folder:
        raise UsageError("is a folder, not a file", where=shown(path), do="name one file in it")


def cannot_open(path: Path, err: Exception) -> UsageError:
    """The refusal of a path that the system will not open."""
    if isinstance(err, FileNotFoundError):
        return UsageError("there is no such file", where=shown(path), do="check the path")
    if isinstance(err, PermissionError):
        return UsageError("may not be read by this user", where=shown(path), do="grant read access to it")
    reason = os.strerror(err.errno) if isinstance(err, OSError) and err.errno else str(err)
    return UsageError(f"cannot be opened: {shown(reason)}", where=shown(path), do="check the path")


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """The bytes of a file, unpacked when it is gzip inside.

    Damage that shows while the caller reads (a cut or corrupt gzip stream, a failing disk) is raised
    here as EvidenceError.
    """
    name = shown(path)
    try:
        raw = path.open("rb", buffering=_BUFFER)
    except OSError as err:
        raise cannot_open(path, err) from err
    with raw:
        try:
            yield _unpacked(raw, name)
        except (EOFError, BadGzipFile, zlib.error) as err:
            raise EvidenceError("the gzip stream is damaged or cut off", where=name, do=FETCH_AGAIN) from err
        except OSError as err:
            reason = os.strerror(err.errno) if err.errno else type(err).__name__
            raise EvidenceError(f"reading failed: {reason}", where=name, do=FETCH_AGAIN) from err


def _unpacked(raw: BinaryIO, name: str) -> BinaryIO:
    head = cast("io.BufferedReader", raw).peek(2)[:2]
    if not head:
        raise EvidenceError("the file is empty", where=name, do=FETCH_AGAIN)
    if head == _GZIP:
        # A buffer of our own: GzipFile hands out lines through Python code, ten times as slowly.
        packed = cast("io.RawIOBase", GzipFile(fileobj=raw))
        return io.BufferedReader(packed, _BUFFER)
    if name.lower().endswith(".gz"):
        raise EvidenceError(
            "the name ends in .gz but the content is not gzip",
            where=name,
            do=f"{FETCH_AGAIN}, or take .gz off its name if it is plain text",
        )
    return raw


def lines(stream: BinaryIO, name: str) -> Iterator[tuple[int, str]]:
    """Line numbers and lines, their ends (\\n or \\r\\n) kept; only \\n ends a line."""
    for number, line in enumerate(stream, 1):
        data = _without_mark(line, name) if number == 1 else line
        try:
            text = data.decode()
        except UnicodeDecodeError as err:
            raise _not_utf8(data, err.start, name, number) from err
        yield number, text


def whole_text(stream: BinaryIO, name: str) -> str:
    """The whole file as one text."""
    data = _without_mark(stream.read(), name)
    try:
        return data.decode()
    except UnicodeDecodeError as err:
        start = data.rfind(b"\n", 0, err.start) + 1
        number = data.count(b"\n", 0, start) + 1
        raise _not_utf8(data[start:], err.start - start, name, number) from err


def _without_mark(data: bytes, name: str) -> bytes:
    for mark, encoding in _OTHER_MARKS:
        if data.startswith(mark):
            raise EvidenceError(
                f"the text is {encoding} by its byte order mark, expected UTF-8", where=name, do=_AS_UTF8
            )
    if b"\0" in data[:2]:
        raise EvidenceError("begins with NUL bytes, as UTF-16 does; expected UTF-8", where=name, do=_AS_UTF8)
    return data.removeprefix(_UTF8_MARK)


def _not_utf8(data: bytes, offset: int, name: str, number: int) -> EvidenceError:
    return EvidenceError(
        f"byte {offset + 1} of the line, 0x{data[offset]:02X}, is not UTF-8",
        where=at(name, f"line {number}"),
        do=_AS_UTF8,
    )
