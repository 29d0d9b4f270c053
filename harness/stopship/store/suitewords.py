"""The words of a suite file: on which line a key stands, which keys were meant, one table read key by key.

Decides on texts and single values. Never opens a file, and never knows what a suite is.
"""

import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from stopship.errors import UsageError
from stopship.model.columns import Condition, condition_of
from stopship.store.shown import quoted, shown
from stopship.store.stackwords import path_faults, toml_kind

_STRINGS = re.compile(
    r'"""(?:[^\\]|\\.)*?"{3,5}|' + r"'''.*?'{3,5}" + r'|"(?:[^"\\\n]|\\.)*"|' + r"'[^'\n]*'|\#[^\n]*",
    re.DOTALL,
)
_KEY = r"""(?:"(?:[^"\\\n]|\\.)*"|'[^'\n]*'|[A-Za-z0-9_-]+)"""
_KEYS = rf"{_KEY}(?:[ \t]*\.[ \t]*{_KEY})*"
_HEADER = re.compile(rf"[ \t]*(\[\[?)[ \t]*({_KEYS})[ \t]*\]")
_ENTRY = re.compile(rf"[ \t]*({_KEYS})[ \t]*=")

Keys = tuple[str | int, ...]
"""Where a value stands in a document: `("rule", 1, "compare", "margin")`."""


class Lines:
    """The lines of a TOML text on which tables and keys begin, repeated and dotted ones included."""

    def __init__(self, text: str) -> None:
        self._text = _masked(text, keep=lambda one: one[0] != "#" and one[:3] not in ('"""', "'''"))
        self._starts: list[tuple[Keys, int]] = list(_entries(self._text, _masked(text, keep=lambda _: False)))

    def of(self, path: Keys) -> int:
        """The line of a value, else of the table around it; 0 where neither can be found."""
        for length in range(len(path), 0, -1):
            for number, (found, start) in enumerate(self._starts):
                if found[:length] == path[:length]:
                    end = self._starts[number + 1][1] if number + 1 < len(self._starts) else len(self._text)
                    return self._text.count("\n", 0, self._inside(path[length:], start, end)) + 1
        return 0

    def _inside(self, rest: Keys, start: int, end: int) -> int:
        """Where the rest of a path stands in an inline table or list; `start` where it does not."""
        for key in rest:
            word = re.compile(rf"[{{,\s.]([\"']?){re.escape(str(key))}\1[ \t]*[.=]")
            if isinstance(key, int) or (found := word.search(self._text, start, end)) is None:
                break
            start = found.start() + 1
        return start


def _masked(text: str, *, keep: Callable[[str], bool]) -> str:
    """The text with its strings and comments blanked, but for those to keep; line ends stay."""
    return _STRINGS.sub(lambda one: one[0] if keep(one[0]) else re.sub(r"[^\n]", " ", one[0]), text)


def _entries(text: str, bare: str) -> "list[tuple[Keys, int]]":
    found: list[tuple[Keys, int]] = []
    table: Keys = ()
    counts: dict[Keys, int] = {}
    depth, at = 0, 0
    for line in text.splitlines(keepends=True):
        plain = bare[at : at + len(line)]
        if depth == 0 and (header := _HEADER.match(line)):
            table = _indexed(_names(header[2]), counts, opens=header[1] == "[[")
            found.append((table, at))
        else:
            if depth == 0 and (entry := _ENTRY.match(line)):
                found.append((table + _names(entry[1]), at))
            depth += sum(map(plain.count, "[{")) - sum(map(plain.count, "]}"))
        at += len(line)
    return found


def _indexed(names: Keys, counts: dict[Keys, int], *, opens: bool) -> Keys:
    """A header's names with the number of each repeated table on the way; `opens` begins one more."""
    path: Keys = ()
    for position, name in enumerate(names):
        path += (name,)
        if opens and position == len(names) - 1:
            counts[path] = counts.get(path, 0) + 1
        if path in counts:
            path += (counts[path] - 1,)
    return path


def _names(dotted: str) -> Keys:
    names = []
    for one in re.findall(_KEY, dotted):
        try:
            names.append(str(tomllib.loads(f"x = {one}")["x"]) if one[0] in "\"'" else one)
        except tomllib.TOMLDecodeError:
            names.append(one)
    return tuple(names)


def meant(key: str, known: Sequence[str]) -> str:
    """The remedy for an unknown key: the nearest one that is known, and all of them."""
    close = get_close_matches(key, known, n=1, cutoff=0.6)
    slip = f"did you mean {close[0]!r}?  " if close else ""
    return f"{slip}keys here: {', '.join(known)}"


class Table:
    """One table of a file, read key by key. A wrong value is a fault and gives the default."""

    def __init__(
        self, values: Mapping[str, Any], path: Keys, told: str, fault: "Callable[[Keys, str, str, str], None]"
    ) -> None:
        self.values = values
        self.path = path
        self.told = told  # `[replay]`, `[[rule]] 'cites'`; "": the top of the file
        self._fault = fault

    def fault(self, key: str, what: str, do: str) -> None:
        """A fault of one key; "": of the table."""
        self._fault((*self.path, key) if key else self.path, self.told, what, do)

    def only(self, *known: str) -> None:
        """Every other key is a fault."""
        for key in self.values:
            if key not in known:
                self.fault(key, f"unknown key {quoted(key)}", meant(key, known))

    def text(self, key: str, default: str = "", *, required: str = "") -> str:
        """A text that is not blank and printable; `required`: what to write where it is missing."""
        if key not in self.values:
            if required:
                self.fault("", f"has no {key}", f"write {required}")
            return default
        value = self.values[key]
        if not isinstance(value, str):
            example = required or f'{key} = "…"'
            self.fault(key, f"{key} is {toml_kind(value)}, expected text", f"write {example}")
        elif not value.strip() or not value.isprintable():
            self.fault(key, f"{key} {quoted(value)} is blank or not printable", f"write {required or 'text'}")
        else:
            return value
        return default

    def choice(self, key: str, known: Sequence[str], default: str = "") -> str:
        """One of a few words."""
        value = self.text(key, default)
        if value != default and value not in known:
            close = get_close_matches(value, known, n=1, cutoff=0.6)
            slip = f"did you mean {close[0]!r}?  " if close else ""
            self.fault(key, f"{key} {quoted(value)} is not known", f"{slip}there are: {', '.join(known)}")
            return default
        return value

    def flag(self, key: str) -> bool:
        value = self.values.get(key, False)
        if not isinstance(value, bool):
            self.fault(key, f"{key} is {toml_kind(value)}, expected true or false", f"write {key} = true")
            return False
        return value

    def number(self, key: str, default: float, allowed: Callable[[float], bool], told: str) -> float:
        """A number within what is allowed, as `told` says; NaN never is."""
        if key not in self.values:
            return default
        value = self.values[key]
        if isinstance(value, bool) or not isinstance(value, int | float):
            self.fault(key, f"{key} is {toml_kind(value)}, expected a number", f"write {told}")
        elif not allowed(value):
            self.fault(key, f"{key} = {shown(str(value)[:40])} is out of range", f"write {told}")
        else:
            return value
        return default

    def whole(self, key: str, default: int, most: int) -> int:
        """A whole number from 1 on."""
        told = f"a whole number from 1 to {most}"
        if isinstance(self.values.get(key), float):
            self.fault(key, f"{key} is not a whole number", f"write {told}")
            return default
        return int(self.number(key, default, lambda one: 1 <= one <= most, told))

    def texts(self, key: str, example: str) -> tuple[str, ...]:
        """A list of different texts, none blank."""
        listed = self.values.get(key, [])
        if not isinstance(listed, list):
            self.fault(key, f"{key} is {toml_kind(listed)}, expected a list", f"write {key} = [{example}]")
            return ()
        kept: dict[str, None] = {}
        for one in listed:
            if not isinstance(one, str):
                self.fault(key, f"{key} holds {toml_kind(one)}, expected text", f'write "{shown(one)}"')
            elif not one.strip():
                self.fault(key, f"{key} holds a blank text", f"write {key} = [{example}]")
            elif one in kept:
                self.fault(key, f"{key} names {quoted(one)} twice", "name it once")
            else:
                kept[one] = None
        return tuple(kept)

    def conditions(self, key: str = "where") -> tuple[Condition, ...]:
        """A list of `COLUMN=GLOB` and `COLUMN!=GLOB`."""
        found = []
        for one in self.texts(key, '"tier!=free"'):
            try:
                found.append(condition_of(one))
            except UsageError as err:
                self.fault(key, f"{key}: {err.what}", err.do)
        return tuple(found)

    def table(self, key: str, told: str = "") -> "Table | None":
        """A table inside this one; None where it is not there or no table."""
        if key not in self.values:
            return None
        value = self.values[key]
        if not isinstance(value, dict):
            self.fault(key, f"{key} is {toml_kind(value)}, expected a table", f"write {key} = {{ … }}")
            return None
        return Table(value, (*self.path, key), told or self.told, self._fault)

    def check_path(self, key: str, path: str) -> None:
        """A fault where text is no relative path with `/` between folders; `..` is allowed."""
        for what, _ in path_faults(key, path):
            self.fault(key, what, "write a path relative to the suite file, with / between folders")
