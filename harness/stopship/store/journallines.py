"""The lines of a journal: a header that names the plan, then one outcome a line with its own digest.

Decides which lines are whole. What follows the last line end is torn and dropped; other damage is an error.
"""

import re
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

from stopship.errors import EvidenceError
from stopship.model.canonical import canonical_bytes
from stopship.model.run import Outcome
from stopship.store.evidencefiles import read_bytes
from stopship.store.runcodec import evidence_bytes, outcome_of, parsed, took_bytes, took_of
from stopship.store.shown import at, quoted, shown

FORMAT = 1
FRESH = "start over with --fresh"
_LINE = re.compile(rb'\{"digest":"([0-9a-f]{64})","outcome":(.*),"took_ms":([^,"{}]*)\}', re.DOTALL)


def header(plan_digest: str) -> bytes:
    """The first line of a journal of a plan, its end included."""
    return canonical_bytes({"format": FORMAT, "plan": plan_digest}) + b"\n"


def line_of(one: Outcome, plan_digest: str) -> bytes:
    """The line of an outcome, its end included. Raises EvidenceError for what JSON cannot keep."""
    body = b'"outcome":' + evidence_bytes(one) + b',"took_ms":' + took_bytes(one) + b"}"
    return b'{"digest":"' + _digest(body, plan_digest) + b'",' + body + b"\n"


def _digest(body: bytes, plan_digest: str) -> bytes:
    """Over the plan too, so that a line pasted from another journal is damage."""
    return sha256(plan_digest.encode("utf-8", "surrogatepass") + b"\n" + body).hexdigest().encode("ascii")


def check_header(line: bytes, plan_digest: str, name: str) -> None:
    """Refuse the first line of another plan or format, and any other."""
    if line + b"\n" == header(plan_digest):
        return
    where = at(name, "line 1")
    try:
        document = parsed(line)
    except (ValueError, RecursionError) as err:
        raise EvidenceError("damaged: is not the header of a journal", where=where, do=FRESH) from err
    if isinstance(document, dict) and document.keys() == {"format", "plan"}:
        if document["format"] != FORMAT:
            raise EvidenceError(
                f"format {quoted(str(document['format']))}; this stopship reads format {FORMAT}",
                where=where,
                do=f"use the stopship that wrote it, or {FRESH}",
            )
        if document["plan"] != plan_digest:
            raise EvidenceError("the journal is of another plan", where=where, do=FRESH)
    raise EvidenceError("damaged: is not the header of a journal", where=where, do=FRESH)


def whole_lines(path: Path, plan_digest: str) -> Iterator[tuple[str, bytes, Outcome]]:
    """Place, bytes of the evidence and outcome of every whole line."""
    name = shown(path)
    lines = read_bytes(path, FRESH).split(b"\n")[:-1]  # what stands behind the last line end is torn
    if lines:
        check_header(lines[0], plan_digest, name)
    for number, line in enumerate(lines[1:], 2):
        where = at(name, f"line {number}")
        found = _LINE.fullmatch(line)
        if found is None or _digest(line[line.index(b",") + 1 :], plan_digest) != found[1]:
            raise EvidenceError("damaged: the line is not that of its digest", where=where, do=FRESH)
        try:
            one = outcome_of(parsed(found[2]), took_of(parsed(found[3])))
        except (ValueError, RecursionError) as err:
            raise EvidenceError(f"damaged: {shown(err)}", where=where, do=FRESH) from err
        yield where, found[2], one
