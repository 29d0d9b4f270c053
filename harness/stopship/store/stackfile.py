"""Read `stack.toml`: what each axis declares, with every fault of the file and its line.

Decides what a stack file may say. Never opens what it names, and never takes a misspelt key for content.
"""

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stopship.errors import StopshipError, UsageError
from stopship.model.canonical import NotCanonical, canonical_bytes
from stopship.model.stack import NAME_LIMIT, TEXT_LIMIT, is_name
from stopship.store.shown import quoted, shown
from stopship.store.stackwords import as_json, is_slip, label, line_of, path_faults, toml_kind

CONTENT_KEYS = ("file", "path", "paths", "value", "observe")
RESERVED = ("version", *CONTENT_KEYS)
_OBSERVE = re.compile(r"(?P<file>.+\.py):(?P<function>[A-Za-z_][A-Za-z0-9_]*)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """What one table of the file declares."""

    name: str
    version: str
    key: str  # of CONTENT_KEYS; "": nothing but a version
    where: str  # `stack.toml:5 [prompt]`
    paths: tuple[str, ...] = ()  # of `file`, `path` and `paths`, as written; of `observe` its file
    value: bytes = b""  # canonical JSON
    function: str = ""  # of `observe`


@dataclass(frozen=True, slots=True, kw_only=True)
class StackFile:
    """A stack file's axes that are well written, and the faults of the rest."""

    path: Path
    axes: tuple[Axis, ...]
    store: str  # "": not named
    faults: tuple[StopshipError, ...]

    @property
    def folder(self) -> Path:
        """What every path in the file is relative to."""
        return self.path.parent


def read_stack_file(path: Path) -> StackFile:
    """The declared axes and the faults; raises UsageError where the file cannot be read as TOML at all."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as err:
        raise UsageError(
            f"byte {err.start + 1} is not UTF-8", where=shown(path), do="save it as UTF-8"
        ) from err
    except FileNotFoundError as err:
        raise UsageError("there is no such stack file", where=shown(path), do="check the path") from err
    except (OSError, ValueError) as err:
        reason = getattr(err, "strerror", None) or str(err)
        raise UsageError(
            f"cannot be read: {shown(reason)}", where=shown(path), do="name a stack file"
        ) from err
    try:
        document = tomllib.loads(text)
    except (ValueError, RecursionError) as err:  # ValueError: also thousands of digits
        what = "nested too deeply" if isinstance(err, RecursionError) else str(err)
        raise UsageError(f"is not TOML: {shown(what)}", where=shown(path), do="mend it there") from err
    return _Reading(path, text).stack_file(document)


class _Reading:
    """One reading of one file; faults gather in it."""

    def __init__(self, path: Path, text: str) -> None:
        self.path = path
        self.text = text
        self.faults: list[StopshipError] = []

    def stack_file(self, document: dict[str, Any]) -> StackFile:
        store = document.pop("store", "")
        if not isinstance(store, str) or "://" in store or "\0" in store:
            self._fault("store", "", "store must be the path of a folder", 'write store = "FOLDER"')
            store = ""
        axes = []
        for name, table in document.items():
            if not isinstance(table, dict):
                what = f"unknown key {quoted(name)}; an axis is a table with a version and its content"
                slip = "did you mean 'store'? " if is_slip(name, "store") else ""
                self._fault(name, "", what, f"{slip}write [{shown(name)}], or store = for the store's folder")
            elif not is_name(name):
                what = f"{quoted(name)} cannot name an axis"
                self._fault(name, "", what, f"take printable text of at most {NAME_LIMIT} characters")
            elif axis := self._axis(name, table):
                axes.append(axis)
        if not document:
            self._fault("", "", "declares no axis", 'write [prompt] with version = "…" and file = "…"')
        return StackFile(path=self.path, axes=tuple(axes), store=store, faults=tuple(self.faults))

    def _axis(self, name: str, table: dict[str, Any]) -> Axis | None:
        before = len(self.faults)
        own = {key: one for key, one in table.items() if key not in RESERVED}
        key = self._content_key(name, table, own)
        version = self._version(name, table, key)
        paths, value, function = self._content(name, key, table, own)
        if len(self.faults) > before:
            return None
        where = self._where(name, "")
        return Axis(
            name=name, version=version, key=key, where=where, paths=paths, value=value, function=function
        )

    def _content_key(self, name: str, table: dict[str, Any], own: dict[str, Any]) -> str:
        """The one key that says what the content is; keys that are not ours are together the value."""
        for key, one in own.items():
            if slip := next((known for known in RESERVED if is_slip(key, known)), None):
                do = f"did you mean {slip!r}?  keys here: {', '.join(RESERVED)}; a value of your own goes "
                self._fault(name, key, f"unknown key {quoted(key)}", f"{do}into value = {{ … }}")
            elif isinstance(one, str) and self._is_there(one):
                what = f"{quoted(key)} names {quoted(one)}, which is there, but would pin its name alone"
                do = "write file = or path = before it; if it is a mere text, move it into value = { … }"
                self._fault(name, key, what, do)
        given = [key for key in CONTENT_KEYS if key in table]
        if len(given) > 1:
            what = f"has {' and '.join(given)}: a pin has one content"
            self._fault(name, given[1], what, "keep one of them, and give the other an axis of its own")
        elif given and own:
            what = f"has {given[0]} and also {', '.join(map(quoted, sorted(own)))}: a pin has one content"
            do = "move them into value = { … }" if given == ["value"] else "give them an axis of their own"
            self._fault(name, min(own), what, do)
        return given[0] if given else "value" if own else ""

    def _version(self, name: str, table: dict[str, Any], key: str) -> str:
        if "version" not in table:
            if key != "paths":
                self._fault(name, "", "has no version", 'write version = "…"; only `paths` go without one')
            return ""
        version = table["version"]
        if not isinstance(version, str):
            what = f"version is {toml_kind(version)}, expected text"
            self._fault(name, "version", what, f'write version = "{shown(version)}"')
        elif not is_name(version):
            what = f"version {quoted(version)} is blank, too long or not printable"
            self._fault(name, "version", what, f"take printable text of at most {NAME_LIMIT} characters")
        return version if isinstance(version, str) else ""

    def _content(
        self, name: str, key: str, table: dict[str, Any], own: dict[str, Any]
    ) -> tuple[tuple[str, ...], bytes, str]:
        """Paths, value and function; each empty where the content is another."""
        if key == "value":
            return (), self._value(name, table.get("value", own)), ""
        if key == "observe":
            file, function = self._observe(name, table[key])
            return (file,), b"", function
        if not key:
            return (), b"", ""
        given = table[key]
        listed = given if key == "paths" and isinstance(given, list) else [given]
        if key == "paths" and (not isinstance(given, list) or not given):
            self._fault(name, key, "paths must be a list of files and folders", 'write paths = ["app"]')
        elif key != "paths" and isinstance(given, list):
            self._fault(name, key, f"{key} is a list, expected one path", 'write paths = ["…"] for several')
        else:
            for one in listed:
                for what, do in path_faults(key, one):
                    self._fault(name, key, what, do)
        return tuple(dict.fromkeys(one for one in listed if isinstance(one, str))), b"", ""

    def _value(self, name: str, value: object) -> bytes:
        try:
            data = canonical_bytes(as_json(value))
        except RecursionError:
            self._fault(name, "", "the value is nested too deeply", "flatten it")
            return b""
        except NotCanonical as err:
            at = err.path.removeprefix("$.")
            self._fault(name, "", f"the value at {quoted(at)}: {err.what}", "write it as text")
            return b""
        if len(data) > TEXT_LIMIT:
            self._fault(name, "", f"the value takes {len(data)} bytes", 'put it in a file: file = "…"')
        return data

    def _observe(self, name: str, given: object) -> tuple[str, str]:
        found = _OBSERVE.fullmatch(given) if isinstance(given, str) else None
        if found is None:
            what = f"observe is {toml_kind(given)}, expected file.py:function"
            self._fault(name, "observe", what, 'write observe = "observers.py:index_version"')
            return "", ""
        for what, do in path_faults("observe", found["file"]):
            self._fault(name, "observe", what, do)
        return found["file"], found["function"]

    def _is_there(self, text: str) -> bool:
        """Whether a value looks like a path and something lies there: surely meant to be pinned."""
        if len(text) > 1000 or not ("/" in text or "." in text) or list(path_faults("", text)):
            return False
        try:
            return label(text) != "" and (self.path.parent / text).exists()
        except OSError:
            return False

    def _fault(self, axis: str, key: str, what: str, do: str) -> None:
        self.faults.append(UsageError(what, where=self._where(axis, key), do=do))

    def _where(self, axis: str, key: str) -> str:
        line = line_of(self.text, axis, key)
        place = f"{shown(self.path)}:{line}" if line else shown(self.path)
        return f"{place} [{shown(axis)}]" if axis and axis != "store" else place


def together(path: Path, faults: list[StopshipError]) -> StopshipError:
    """All faults of one file as one error, a wrong file before unreadable content."""
    kinds = [UsageError] if any(isinstance(one, UsageError) for one in faults) else [type(faults[0])]
    if len(faults) == 1:
        return faults[0]
    listed = "\n".join("  " + str(one).replace("\n", "\n  ") for one in faults)
    return kinds[0](f"{len(faults)} faults\n{listed}", where=shown(path))
