"""The words of a stack file: which paths may stand in it, which keys are slips, on which line a key is.

Decides on texts alone. Never opens a file.
"""

import datetime as dt
import posixpath
import re
from collections.abc import Iterator

from stopship.model.case import Json
from stopship.store.shown import kind, quoted

_DRIVE = re.compile(r"[A-Za-z]:")


def label(path: str) -> str:
    """The name of a declared path inside a lock: normal, without leading `..`; "" for the own folder."""
    parts = posixpath.normpath(path).split("/")
    while parts and parts[0] in ("..", "."):
        del parts[0]
    return "/".join(parts)


def path_faults(key: str, path: object) -> Iterator[tuple[str, str]]:
    """What is wrong with a declared path, and what to do; at most one."""
    if not isinstance(path, str):
        yield f"{key} holds {toml_kind(path)}, expected a path", "write the path as text"
    elif not path.strip() or not path.isprintable():
        yield f"{key} {quoted(path)} is blank or not printable", "write a path relative to the stack file"
    elif "://" in path:
        yield (
            f"{quoted(path)} is remote",
            'write observe = "file.py:function", which returns the version that is served',
        )
    elif path.startswith("/") or _DRIVE.match(path):
        yield f"{quoted(path)} is absolute", "write it relative to the stack file, so that it holds elsewhere"
    elif "\\" in path:
        yield f"{quoted(path)} has a backslash", "write / between folders"


def as_json(value: object) -> Json:
    """TOML as JSON: dates and times are their text."""
    if isinstance(value, dict):
        return {key: as_json(one) for key, one in value.items()}
    if isinstance(value, list):
        return [as_json(one) for one in value]
    if isinstance(value, dt.date | dt.time):
        return value.isoformat()
    return value


def toml_kind(value: object) -> str:
    return "a date or time" if isinstance(value, dt.date | dt.time) else kind(value)


def is_slip(word: str, known: str) -> bool:
    """Whether one keystroke parts two words: a letter more, less or other, two exchanged, or case."""
    one, two = word.casefold(), known.casefold()
    while one and two and one[0] == two[0]:
        one, two = one[1:], two[1:]
    while one and two and one[-1] == two[-1]:
        one, two = one[:-1], two[:-1]
    return (len(one) <= 1 and len(two) <= 1) or (len(one) == 2 and one == two[::-1])


def line_of(text: str, axis: str, key: str) -> int:
    """The line on which an axis, or a key of it, is written; 0 where it cannot be found."""
    name = f"(?:{re.escape(axis)}|\"{re.escape(axis)}\"|'{re.escape(axis)}')"
    head = re.search(rf"^[ \t]*(?:\[+[ \t]*{name}[ \t]*[.\]]|{name}[ \t]*[.=])", text, re.MULTILINE)
    if not axis or head is None:
        return 0
    start = head.start()
    if key:
        end = re.compile(r"^[ \t]*\[", re.MULTILINE).search(text, head.end())
        word = f"[\"']?{re.escape(key)}[\"']?[ \\t]*[.=]"
        found = re.compile(rf"(?:^[ \t]*|[{{,][ \t]*|\.[ \t]*){word}", re.MULTILINE).search(
            text, head.start(), end.start() if end else len(text)
        )
        start = found.end() - 1 if found else start
    return text.count("\n", 0, start) + 1
