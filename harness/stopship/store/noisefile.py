"""`noise.json`: the measured noise of a suite, beside `suite.toml`, small enough to review in a pull request.

Decides what such a file may say. Never guesses a field and never mends one: it is sealed, as no person
writes it.
"""

import json
import os
from collections.abc import Callable, Mapping
from math import isfinite
from pathlib import Path
from typing import Any

from stopship.errors import EvidenceError, nearest
from stopship.model.canonical import digest
from stopship.model.noise import NoiseFloor, ScopeNoise
from stopship.store.atomic import write_atomically
from stopship.store.evidencefiles import read_bytes
from stopship.store.jsontext import after_space, scanned, scanner
from stopship.store.runplan import is_digest
from stopship.store.shown import kind, quoted, shown

FORMAT = 1
_FILE = ("format", "suite", "stack", "cases", "labels", "scorers", "outputs", "runs", "scopes", "seal")
_SCOPE = ("rule", "scope", "cases", "flips", "variance", "delta", "relative")
_MEND = "take it from version control, or measure anew: stopship noise SUITE"


def read_noise(path: Path) -> NoiseFloor | None:
    """The noise that a file tells; None where there is none. EvidenceError for anything not as written."""
    if not os.path.lexists(path):
        return None
    return parsed_noise(read_bytes(path, _MEND), shown(path))


def write_noise(path: Path, floor: NoiseFloor) -> None:
    """Write the file whole."""
    data = rendered_noise(floor)
    parsed_noise(data, shown(path))
    write_atomically(path, data)


def rendered_noise(floor: NoiseFloor) -> bytes:
    """The bytes of a noise file: equal for equal noise, one scope a line."""
    document = _document(floor)
    scopes = ",\n    ".join(json.dumps(one, ensure_ascii=True, allow_nan=False) for one in document["scopes"])
    head = {**document, "scopes": [], "seal": digest(document)}
    text = json.dumps(head, indent=2, ensure_ascii=True, allow_nan=False)
    filled = f'"scopes": [\n    {scopes}\n  ]' if scopes else '"scopes": []'
    return (text.replace('"scopes": []', filled, 1) + "\n").encode("ascii")


def parsed_noise(data: bytes, name: str) -> NoiseFloor:
    """The noise that the bytes of a file tell, called `name` in messages. All faults are said at once."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as err:
        raise EvidenceError(f"byte {err.start + 1} is not UTF-8", where=name, do=_MEND) from err
    start = after_space(text, 0)
    if start == len(text):
        raise EvidenceError("the file is empty", where=name, do=_MEND)
    document, end = scanned(scanner("refuse"), text, start, name)
    if after_space(text, end) != len(text):
        raise EvidenceError("more text after the JSON ends", where=name, do=_MEND)
    return _Reading(name).noise(document)


def _document(floor: NoiseFloor) -> dict[str, Any]:
    """What is sealed."""
    return {
        "format": FORMAT,
        "suite": floor.suite,
        "stack": floor.stack,
        "cases": floor.cases,
        "labels": floor.labels,
        "scorers": dict(sorted(floor.scorers.items())),
        "outputs": floor.outputs,
        "runs": list(floor.runs),
        "scopes": [{key: getattr(one, key) for key in _SCOPE} for one in floor.scopes],
    }


class _Reading:
    """One reading of one file; faults gather in it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.faults: list[str] = []

    def noise(self, document: object) -> NoiseFloor:
        version = document.get("format", FORMAT) if isinstance(document, dict) else FORMAT
        if type(version) is int and version != FORMAT:
            raise EvidenceError(
                f"format {shown(version)[:20]}; this stopship reads format {FORMAT}",
                where=self.name,
                do="use the stopship that wrote it, or measure anew: stopship noise SUITE",
            )
        fields = self._object(document, _FILE, "")
        self._told(fields, "format", lambda one: type(one) is int, f"the number {FORMAT}")
        self._told(fields, "suite", lambda one: isinstance(one, str), "text")
        for key in ("stack", "cases", "labels", "seal"):
            self._told(fields, key, is_digest, "64 hexadecimal digits")
        self._told(fields, "scorers", _are_digests, "an object of digests")
        self._told(fields, "outputs", lambda one: type(one) is int and one > 1, "a number from 2 on")
        self._told(fields, "runs", _is_list_of_digests, "an array of digests")
        self._told(fields, "scopes", lambda one: isinstance(one, list), "an array")
        scopes = [self._scope(one, f"scopes[{i}]") for i, one in enumerate(fields.get("scopes") or ())]
        named = [(one.rule, one.scope) for one in scopes if one is not None]
        self.faults += [f"{rule} in {scope} stands twice" for rule, scope in _twice(named)]
        self._give_up()
        told = {key: one for key, one in fields.items() if key not in ("format", "seal")}
        told |= {"runs": tuple(fields["runs"]), "scopes": tuple(one for one in scopes if one is not None)}
        floor = NoiseFloor(**told)
        if digest(_document(floor)) != fields["seal"]:
            self.faults.append("the seal does not fit what is sealed: it was changed by hand, or cut")
        self._give_up()
        return floor

    def _scope(self, value: object, where: str) -> ScopeNoise | None:
        before = len(self.faults)
        fields = self._object(value, _SCOPE, where)
        for key in ("rule", "scope"):
            self._told(fields, key, lambda one: isinstance(one, str), "text", where)
        self._told(fields, "cases", lambda one: type(one) is int and one > 0, "a number from 1 on", where)
        self._told(fields, "flips", lambda one: _is_number(one) and 0 <= one <= 1, "a share", where)
        self._told(fields, "variance", lambda one: _is_number(one) and one >= 0, "a number from 0 on", where)
        self._told(fields, "delta", _is_number, "a number", where)
        self._told(fields, "relative", lambda one: isinstance(one, bool), "true or false", where)
        return None if len(self.faults) > before else ScopeNoise(**fields)

    def _object(self, value: object, keys: tuple[str, ...], where: str) -> dict[str, Any]:
        """The known fields that are there."""
        if not isinstance(value, dict):
            self.faults.append(f"{where or 'the file'}: is {kind(value)}, expected an object")
            return {}
        dot = f"{where}." if where else ""
        for key in value:
            if key not in keys:
                self.faults.append(f"{dot}{shown(key)}: unknown key; {shown(nearest(key, keys))}")
        self.faults += [f"{dot}{key}: is missing" for key in keys if key not in value]
        return {key: one for key, one in value.items() if key in keys}

    def _told(
        self, fields: Mapping[str, Any], key: str, fits: Callable[[Any], bool], what: str, where: str = ""
    ) -> None:
        if key in fields and not fits(fields[key]):
            one = fields[key]
            found = quoted(one, 24) if isinstance(one, str) else kind(one)
            found = shown(one)[:24] if type(one) in (int, float) else found
            self.faults.append(f"{where}{'.' if where else ''}{key}: is {found}, expected {what}")

    def _give_up(self) -> None:
        if self.faults:
            many = f"{len(self.faults)} faults\n  " + "\n  ".join(self.faults)
            raise EvidenceError(self.faults[0] if len(self.faults) == 1 else many, where=self.name, do=_MEND)


def _is_number(value: object) -> bool:
    return type(value) in (int, float) and isfinite(value)  # type: ignore[arg-type]  # type was checked


def _are_digests(value: object) -> bool:
    return isinstance(value, dict) and all(is_digest(one) for one in value.values())


def _is_list_of_digests(value: object) -> bool:
    return isinstance(value, list) and all(is_digest(one) for one in value)


def _twice(names: list[tuple[str, str]]) -> list[tuple[str, str]]:
    return sorted({one for one in names if names.count(one) > 1})
