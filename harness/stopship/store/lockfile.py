"""Write and read `stack.lock.json`: the pins of one stack as they were locked.

Decides what a whole lock is. Never mends one, and trusts nothing in it: every digest is computed anew.
"""

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from stopship.errors import EvidenceError, UsageError, nearest
from stopship.model.canonical import NotCanonical, digest
from stopship.model.stack import (
    SERVED_LIMIT,
    Kind,
    Pin,
    PinnedFile,
    Stack,
    content_of,
    is_inside,
    is_name,
    stack_of,
)
from stopship.store.jsontext import after_space, scanned, scanner
from stopship.store.shown import quoted, shown

FORMAT = 1
_LOCK = ("format", "pins", "seal", "stack_id")
_PIN = ("at", "content", "digest", "files", "kind", "served", "version")
_FILE = ("digest", "path", "size", "text")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_LOCK_AGAIN = "take it from version control, or lock again: stopship pins lock STACK"
_COUNTS = {Kind.FILE: (1, 1), Kind.PATH: (1, 1), Kind.FOLDER: (1, 1), Kind.PATHS: (1, 10**9)}


def lock_path(stack_file: Path) -> Path:
    """Where the lock of a stack file lies: `NAME.lock.json` beside `NAME.toml`."""
    return stack_file.with_name(f"{stack_file.name.removesuffix('.toml')}.lock.json")


def rendered(stack: Stack) -> bytes:
    """The bytes of a lock: equal for equal stacks; one file a line, so that reviews show what changed."""
    document = _document(stack)
    blocks = []
    for axis, pin in document["pins"].items():
        fields = [f"   {_text(key)}: {_text(pin[key])}" for key in sorted(pin) if key != "files"]
        files = ",\n".join(f"    {_text(one)}" for one in pin["files"])
        fields.append('   "files": [' + (f"\n{files}\n   ]" if files else "]"))
        blocks.append(f"  {_text(axis)}: {{\n" + ",\n".join(fields) + "\n  }")
    head = f' "format": {FORMAT},\n "stack_id": "{stack.stack_id}",\n "seal": "{_seal(document)}"'
    body = ",\n".join(blocks)
    return f'{{\n{head},\n "pins": {{\n{body}\n }}\n}}\n'.encode("ascii")


def read_lock(path: Path) -> Stack:
    """The locked stack; EvidenceError for anything but a whole lock of this format."""
    name = shown(path)
    try:
        data = path.read_bytes()
    except FileNotFoundError as err:
        raise EvidenceError("there is no such lock", where=name, do="stopship pins lock STACK") from err
    except (OSError, ValueError) as err:
        reason = getattr(err, "strerror", None) or str(err)
        raise EvidenceError(f"cannot be read: {shown(reason)}", where=name, do="check the path") from err
    try:
        text = data.decode()
    except UnicodeDecodeError as err:
        raise EvidenceError(
            f"damaged: byte {err.start + 1} is not UTF-8", where=name, do=_LOCK_AGAIN
        ) from err
    start = after_space(text, 0)
    document, end = scanned(scanner("refuse"), text, start, name)
    if after_space(text, end) != len(text):
        raise EvidenceError("more text after the JSON ends", where=name, do=_LOCK_AGAIN)
    return _Reading(name).stack(document)


def _document(stack: Stack) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "stack_id": stack.stack_id,
        "pins": {
            one.axis: {
                "version": one.version,
                "kind": one.kind.value,
                "content": one.content,
                "digest": one.digest,
                "at": list(one.at),
                "served": one.served,
                "files": [
                    {"path": file.path, "size": file.size, "digest": file.digest, "text": file.is_text}
                    for file in one.files
                ],
            }
            for one in stack.pins
        },
    }


def _seal(document: dict[str, Any]) -> str:
    """The digest of everything else in the lock: sizes and places count for no pin, yet an edit must show."""
    return digest({key: one for key, one in document.items() if key != "seal"})


def _text(value: object) -> str:
    return json.dumps(value, ensure_ascii=True)


class _Reading:
    """Checks one parsed lock, from the outside in."""

    def __init__(self, name: str) -> None:
        self.name = name

    def stack(self, document: object) -> Stack:
        if not isinstance(document, dict):
            raise self._damaged("holds no JSON object")
        version = document.get("format")
        if type(version) is not int or version != FORMAT:
            found = f"format {version}" if type(version) is int else "no format number"
            raise EvidenceError(
                f"{found}; this stopship reads format {FORMAT}",
                where=self.name,
                do="use the stopship that wrote it, or lock again: stopship pins lock STACK",
            )
        self._keys(document, _LOCK, "")
        pins = document["pins"]
        if not isinstance(pins, dict) or not pins:
            raise self._damaged("pins: expected an object with at least one axis")
        stack = stack_of(self._pin(axis, one) for axis, one in pins.items())
        self._same("stack_id", document["stack_id"], stack.stack_id)
        try:
            self._same("seal", document["seal"], _seal(document))
        except NotCanonical as err:
            raise self._damaged(f"{err.path}: {err.what}") from err
        return stack

    def _pin(self, axis: str, pin: object) -> Pin:
        at = f"pins.{shown(axis)}"
        if not is_name(axis):
            raise self._damaged(f"{quoted(axis)} cannot name an axis")
        fields = self._object(pin, _PIN, at)
        try:
            kind = Kind(fields["kind"])
        except ValueError as err:
            kinds = ", ".join(one.value for one in Kind)
            raise self._damaged(f"{at}.kind: {quoted(str(fields['kind']))} is none of {kinds}") from err
        version, served = fields["version"], fields["served"]
        if not (is_name(version) or (version == "" and kind is Kind.PATHS)):
            raise self._damaged(f"{at}.version: expected printable text")
        if (
            not isinstance(served, str)
            or len(served) > SERVED_LIMIT
            or bool(served) != (kind is Kind.OBSERVE)
        ):
            raise self._damaged(f"{at}.served: expected what an observe function returned, and only for one")
        files = tuple(self._files(fields["files"], at))
        places = tuple(self._places(fields["at"], at))
        self._check_counts(kind, files, places, at)
        content = self._digest(fields["content"], f"{at}.content")
        if kind is not Kind.VALUE:
            self._same(f"{at}.content", content, content_of(kind, files, served=served))
        pin_ = Pin(
            axis=axis, version=version, kind=kind, content=content, at=places, files=files, served=served
        )
        self._same(f"{at}.digest", fields["digest"], pin_.digest)
        return pin_

    def _check_counts(
        self, kind: Kind, files: tuple[PinnedFile, ...], places: tuple[str, ...], at: str
    ) -> None:
        least, most = _COUNTS.get(kind, (0, 0))
        many = 10**9 if kind in (Kind.FOLDER, Kind.PATHS) else most
        if not (least <= len(places) <= most and min(least, 1) <= len(files) <= many):
            raise self._damaged(f"{at}: {len(places)} places and {len(files)} files do not fit its kind")
        names = [one.path for one in files]
        if names != sorted(set(names)):
            raise self._damaged(f"{at}.files: out of order, or one stands twice")
        if kind in (Kind.FILE, Kind.PATH) and places != tuple(names):
            raise self._damaged(f"{at}.at: is not its one file")

    def _files(self, files: object, at: str) -> Iterator[PinnedFile]:
        if not isinstance(files, list):
            raise self._damaged(f"{at}.files: expected an array")
        for index, one in enumerate(files):
            place = f"{at}.files[{index}]"
            fields = self._object(one, _FILE, place)
            path, size, text = fields["path"], fields["size"], fields["text"]
            if not is_inside(path):
                raise self._damaged(f"{place}.path: {quoted(str(path))} is no path inside the stack's folder")
            if type(size) is not int or size < 0 or not isinstance(text, bool):
                raise self._damaged(f"{place}: expected a size in bytes, and true or false for text")
            yield PinnedFile(
                path=path, size=size, digest=self._digest(fields["digest"], f"{place}.digest"), is_text=text
            )

    def _places(self, places: object, at: str) -> Iterator[str]:
        if not isinstance(places, list):
            raise self._damaged(f"{at}.at: expected an array")
        for one in places:
            if one != "" and not is_inside(one):
                raise self._damaged(f"{at}.at: {quoted(str(one))} is no path inside the stack's folder")
            yield one

    def _object(self, value: object, keys: tuple[str, ...], at: str) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise self._damaged(f"{at}: expected an object")
        self._keys(value, keys, f"{at}.")
        return value

    def _keys(self, value: dict[str, Any], keys: tuple[str, ...], at: str) -> None:
        for key in value:
            if key not in keys:
                raise self._damaged(f"{at}{shown(key)}: unknown key; {nearest(key, keys)}")
        for key in keys:
            if key not in value:
                raise self._damaged(f"{at}{key}: is missing")

    def _digest(self, value: object, at: str) -> str:
        if not isinstance(value, str) or not _DIGEST.fullmatch(value):
            raise self._damaged(f"{at}: expected 64 hexadecimal digits")
        return value

    def _same(self, at: str, written: object, real: str) -> None:
        if written != real:
            raise self._damaged(f"{at}: is {quoted(str(written), 12)}, but its content gives {real[:12]!r}")

    def _damaged(self, what: str) -> EvidenceError:
        return EvidenceError(f"damaged or edited: {what}", where=self.name, do=_LOCK_AGAIN)


def stack_name(path: Path) -> str:
    """The name of the stack file that a lock belongs to; UsageError for a file that is neither."""
    if path.name.endswith(".lock.json"):
        return f"{path.name.removesuffix('.lock.json')}.toml"
    if path.suffix == ".toml":
        return path.name
    do = "name NAME.toml or NAME.lock.json"
    if not os.path.lexists(path):  # a run, more likely than not
        do += "; of runs: stopship diff baseline RUN"
    raise UsageError("is neither a stack file nor a lock", where=shown(path), do=do)
