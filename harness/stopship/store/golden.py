"""`golden.json`: which must-pass cases were admitted, one a line, small enough to review in a pull request.

Decides what such a file may say. Never looks whether its runs exist, and never guesses a field.
"""

import json
import os
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

from stopship.errors import EvidenceError
from stopship.model.canonical import digest
from stopship.model.golden import Admission
from stopship.store.atomic import write_atomically
from stopship.store.evidencefiles import read_bytes
from stopship.store.runplan import is_digest
from stopship.store.shown import at, quoted, shown

FORMAT = 1
_TOP = ("format", "admitted", "seal")
_FIELDS = ("rule", "key", "case", "judged", "times", "stack", "run", "admitted")
_DIGESTS = ("case", "judged", "stack", "run")
_MEND = "take the file from version control, or remove it and admit anew: stopship golden admit"


def read_golden(path: Path) -> tuple[Admission, ...]:
    """The admissions of a file; none where there is no file. EvidenceError for anything not well written."""
    if not os.path.lexists(path):
        return ()
    return parsed_golden(read_bytes(path, _MEND), shown(path))


def write_golden(path: Path, admissions: Sequence[Admission]) -> None:
    """Write the file whole. Raises EvidenceError for admissions that could not be read back."""
    data = rendered_golden(admissions)
    parsed_golden(data, shown(path))
    write_atomically(path, data)


def rendered_golden(admissions: Sequence[Admission]) -> bytes:
    """The bytes of the file, equal for equal admissions in any order."""
    rows = [_row(one) for one in sorted(admissions, key=lambda one: (one.rule, one.key))]
    lines = ",".join(f"\n  {json.dumps(row)}" for row in rows)
    return (f'{{\n "format": {FORMAT},\n "admitted": [{lines}\n ],\n "seal": "{_seal(rows)}"\n}}\n').encode(
        "ascii"
    )


def parsed_golden(data: bytes, name: str) -> tuple[Admission, ...]:
    """The admissions that the bytes of a file are, called `name` in messages."""
    try:
        document = json.loads(data.decode("utf-8-sig"))
    except (ValueError, RecursionError) as err:
        raise EvidenceError("is not whole JSON", where=name, do=_MEND) from err
    if not isinstance(document, dict):
        raise EvidenceError("holds no JSON object", where=name, do=_MEND)
    version = document.get("format")
    if type(version) is not int or version != FORMAT:
        found = f"format {version}" if type(version) is int else "no format number"
        raise EvidenceError(
            f"{found}; this stopship reads format {FORMAT}", where=name, do="use the stopship that wrote it"
        )
    rows = document.get("admitted")
    if document.keys() != set(_TOP) or not isinstance(rows, list):
        raise EvidenceError(f"holds other fields than {', '.join(_TOP)}", where=name, do=_MEND)
    found_here: dict[tuple[str, str], Admission] = {}
    for number, row in enumerate(rows):
        where = at(name, f"admitted[{number}]")
        one = _admission(row, where)
        if (one.rule, one.key) in found_here:
            raise EvidenceError(f"{quoted(one.key)} is admitted twice", where=where, do=_MEND)
        found_here[one.rule, one.key] = one
    if rendered_golden(tuple(found_here.values())) != data:
        raise EvidenceError("was changed by hand: its bytes are not those of its seal", where=name, do=_MEND)
    return tuple(found_here.values())


def _admission(row: object, where: str) -> Admission:
    if not isinstance(row, dict) or row.keys() != set(_FIELDS):
        raise EvidenceError(f"expected the fields {', '.join(_FIELDS)}", where=where, do=_MEND)
    for key in _DIGESTS:
        if not is_digest(row[key]):
            raise EvidenceError(f"{key} is not 64 hexadecimal digits", where=where, do=_MEND)
    if not all(isinstance(row[key], str) and row[key] for key in ("rule", "key")):
        raise EvidenceError("rule or key is no text", where=where, do=_MEND)
    if type(row["times"]) is not int or row["times"] < 1:
        raise EvidenceError("times is no number from 1 on", where=where, do=_MEND)
    try:
        date.fromisoformat(row["admitted"])
    except (TypeError, ValueError) as err:
        raise EvidenceError("admitted is no date such as 2026-03-01", where=where, do=_MEND) from err
    return Admission(**row)


def _row(one: Admission) -> dict[str, Any]:
    return {key: getattr(one, key) for key in _FIELDS}


def _seal(rows: Sequence[dict[str, Any]]) -> str:
    return digest({"format": FORMAT, "admitted": list(rows)})
