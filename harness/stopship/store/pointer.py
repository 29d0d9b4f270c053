"""`baseline.json`: which runs a suite is compared with, small enough to review in a pull request.

Decides what a pointer file may say. Never looks whether the runs exist, and never guesses a field.
"""

import json
import os
import re
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

from stopship.errors import EvidenceError, nearest
from stopship.model.run import Accepted, Pointer, Waiver
from stopship.store.atomic import write_atomically
from stopship.store.evidencefiles import read_bytes
from stopship.store.jsontext import after_space, scanned, scanner
from stopship.store.runplan import is_digest
from stopship.store.shown import at, kind, quoted, shown

FORMAT = 1
VERDICTS = ("SHIP", "STOP", "UNDECIDED", "NEW")  # VOID is never accepted
_POINTER = ("format", "baseline", "anchor", "history")
_ACCEPTED = (
    "run",
    "stack",
    "cases",
    "labels",
    "rules",
    "scorers",
    "accepted",
    "because",
    "verdict",
    "waivers",
)
_PICKED = "picked_among"  # stands there only where it is more than 1
_WAIVER = ("rule", "until", "because", "before")
_ISO = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_MARKER = re.compile(r"^(?:<{7}|\|{7}|={7}|>{7})(?:[ \r]|$)", re.MULTILINE)
_MEND = "mend it there, or take the file from version control"


def read_pointer(path: Path) -> Pointer:
    """The pointer of a file; empty where there is none. EvidenceError for anything not well written."""
    if not os.path.lexists(path):
        return Pointer()
    return parsed_pointer(read_bytes(path, "take the file from version control"), shown(path))


def write_pointer(path: Path, pointer: Pointer) -> None:
    """Write the file whole. Raises EvidenceError for a pointer that could not be read back."""
    data = rendered_pointer(pointer)
    parsed_pointer(data, shown(path))
    write_atomically(path, data)


def rendered_pointer(pointer: Pointer) -> bytes:
    """The bytes of a pointer file: equal for equal pointers, one fact a line; nothing invisible in it."""
    document = {
        "format": FORMAT,
        "baseline": _accepted(pointer.baseline),
        "anchor": _accepted(pointer.anchor),
        "history": [_accepted(one) for one in pointer.history],
    }
    text = json.dumps(document, indent=2, ensure_ascii=False)
    return (
        "".join(one if one.isprintable() or one == "\n" else _escape(one) for one in text) + "\n"
    ).encode()


def parsed_pointer(data: bytes, name: str) -> Pointer:
    """The pointer that the bytes of a file are, called `name` in messages. All faults are said at once."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as err:
        raise EvidenceError(f"byte {err.start + 1} is not UTF-8", where=name, do="save it as UTF-8") from err
    if marker := _MARKER.search(text):
        line = text.count("\n", 0, marker.start()) + 1
        raise EvidenceError(
            "a merge left its conflict markers here: two changes moved the pointer",
            where=at(name, f"line {line}"),
            do="keep one side whole and remove the markers, then accept the other run anew",
        )
    start = after_space(text, 0)
    if start == len(text):
        raise EvidenceError(
            "the file is empty", where=name, do="take it from version control, or remove it to begin anew"
        )
    document, end = scanned(scanner("refuse"), text, start, name)
    if after_space(text, end) != len(text):
        raise EvidenceError("more text after the JSON ends", where=name, do=_MEND)
    return _Reading(name).pointer(document)


class _Reading:
    """One reading of one file; faults gather in it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.faults: list[str] = []

    def pointer(self, document: object) -> Pointer:
        if isinstance(document, dict):
            version = document.get("format", FORMAT)
            if type(version) is int and version != FORMAT:
                raise EvidenceError(
                    f"format {shown(version)[:20]}; this stopship reads format {FORMAT}",
                    where=self.name,
                    do="use the stopship that wrote it",
                )
        fields = self._object(document, _POINTER, "")
        if "format" in fields and type(fields["format"]) is not int:
            self._expected("format", f"the number {FORMAT}", fields["format"])
        baseline = self._accepted(fields.get("baseline"), "baseline")
        anchor = self._accepted(fields.get("anchor"), "anchor")
        history = self._list(fields.get("history", []), "history")
        earlier = [self._accepted(one, f"history[{index}]", may_be_null=False) for index, one in history]
        if self.faults:
            first = self.faults[0]
            many = f"{len(self.faults)} faults\n  " + "\n  ".join(self.faults)
            raise EvidenceError(first if len(self.faults) == 1 else many, where=self.name, do=_MEND)
        if baseline is None and (anchor or earlier):
            self._lacks("baseline", "and runs were accepted before")
        if baseline is not None and anchor is None:
            self._lacks("anchor", "and there is a baseline: the first one accepted is an anchor too")
        return Pointer(
            baseline=baseline, anchor=anchor, history=tuple(one for one in earlier if one is not None)
        )

    def _lacks(self, what: str, why: str) -> None:
        do = "take the file from version control; it is written by stopship accept alone"
        raise EvidenceError(f"{what} is null, {why}", where=self.name, do=do)

    def _accepted(self, value: object, where: str, *, may_be_null: bool = True) -> Accepted | None:
        if value is None and may_be_null:
            return None
        before = len(self.faults)
        value, picked = self._picked(value, where)
        fields = self._object(value, _ACCEPTED, where)
        for key in ("run", "stack", "cases", "labels"):
            if key in fields and not (is_digest(fields[key]) or (key == "labels" and fields[key] == "")):
                self._expected(f"{where}.{key}", "64 hexadecimal digits", fields[key])
        for key in ("rules", "scorers"):
            self._texts(fields, key, where, are_digests=key == "scorers")
        self._date(fields, "accepted", where)
        self._text(fields, "because", where, may_be_blank=True)
        if "verdict" in fields and fields["verdict"] not in VERDICTS:
            self._expected(f"{where}.verdict", f"one of {', '.join(VERDICTS)}", fields["verdict"])
        waived = self._list(fields.get("waivers", []), f"{where}.waivers")
        waivers = [self._waiver(one, f"{where}.waivers[{index}]") for index, one in waived]
        names = [one.rule for one in waivers if one is not None]
        for name in sorted({one for one in names if names.count(one) > 1}):
            self.faults.append(f"{where}.waivers: the rule {quoted(name)} is waived twice")
        if len(self.faults) > before:
            return None
        kept = tuple(one for one in waivers if one is not None)
        return Accepted(**{**fields, "waivers": kept, _PICKED: picked})

    def _picked(self, value: object, where: str) -> tuple[object, int]:
        """The rest of an acceptance, and among how many runs it was picked; older pointers do not say."""
        if not isinstance(value, dict) or _PICKED not in value:
            return value, 1
        picked = value[_PICKED]
        if type(picked) is not int or picked <= 1:
            self._expected(f"{where}.{_PICKED}", "a number from 2 on", picked)
        return {key: one for key, one in value.items() if key != _PICKED}, picked

    def _waiver(self, value: object, where: str) -> Waiver | None:
        before = len(self.faults)
        fields = self._object(value, _WAIVER, where)
        self._text(fields, "rule", where)
        self._text(fields, "because", where)
        self._date(fields, "until", where)
        if "before" in fields and not is_digest(fields["before"]):
            self._expected(f"{where}.before", "64 hexadecimal digits", fields["before"])
        return None if len(self.faults) > before else Waiver(**fields)

    def _object(self, value: object, keys: tuple[str, ...], where: str) -> dict[str, Any]:
        """The known fields that are there."""
        if not isinstance(value, dict):
            self._expected(where or "the file", "an object", value)
            return {}
        dot = f"{where}." if where else ""
        for key in value:
            if key not in keys:
                self.faults.append(f"{dot}{shown(key)}: unknown key; {shown(nearest(key, keys))}")
        self.faults += [f"{dot}{key}: is missing" for key in keys if key not in value]
        return {key: one for key, one in value.items() if key in keys}

    def _list(self, value: object, where: str) -> list[tuple[int, object]]:
        if not isinstance(value, list):
            self._expected(where, "an array", value)
            return []
        return list(enumerate(value))

    def _texts(self, fields: Mapping[str, Any], key: str, where: str, *, are_digests: bool) -> None:
        value = fields.get(key, {})
        if not isinstance(value, dict):
            self._expected(f"{where}.{key}", "an object", value)
            return
        for name, one in value.items():
            place = f"{where}.{key}.{quoted(name)}"
            if are_digests and not is_digest(one):
                self._expected(place, "64 hexadecimal digits", one)
            elif not isinstance(one, str):
                self._expected(place, "text", one)

    def _text(self, fields: Mapping[str, Any], key: str, where: str, *, may_be_blank: bool = False) -> None:
        value = fields.get(key, "x")
        if not isinstance(value, str):
            self._expected(f"{where}.{key}", "text", value)
        elif not may_be_blank and not value.strip():
            self.faults.append(f"{where}.{key}: is blank, expected a word or a reason")

    def _date(self, fields: Mapping[str, Any], key: str, where: str) -> None:
        value = fields.get(key, "2000-01-01")
        try:
            if isinstance(value, str) and _ISO.fullmatch(value):
                date.fromisoformat(value)
                return
        except ValueError:
            pass  # the 30th of February
        self._expected(f"{where}.{key}", "a date such as 2026-03-01", value)

    def _expected(self, where: str, what: str, value: object) -> None:
        found = quoted(value, 24) if isinstance(value, str) else kind(value)
        if type(value) in (int, float):
            found = shown(value)[:24]
        self.faults.append(f"{where}: is {found}, expected {what}")


def _accepted(one: Accepted | None) -> dict[str, Any] | None:
    if one is None:
        return None
    fields: dict[str, Any] = {key: getattr(one, key) for key in _ACCEPTED}
    fields["rules"] = dict(sorted(one.rules.items()))
    fields["scorers"] = dict(sorted(one.scorers.items()))
    fields["waivers"] = [{key: getattr(each, key) for key in _WAIVER} for each in one.waivers]
    if one.picked_among > 1:
        fields[_PICKED] = one.picked_among
    return fields


def _escape(character: str) -> str:
    return json.dumps(character)[1:-1]  # ASCII: as one or two \\u escapes
