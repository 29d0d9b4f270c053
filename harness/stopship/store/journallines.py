"""The lines of a journal: a header that names the plan, then one outcome a line with its own digest.

Decides which lines are whole, and which outcome holds. What follows the last line end is torn and dropped;
other damage is an error, and so is an output that is told in two ways.
"""

import re
from hashlib import sha256

from stopship.errors import EvidenceError
from stopship.model.canonical import canonical_bytes
from stopship.model.run import Outcome
from stopship.store.besides import beside_bytes, with_beside
from stopship.store.runcodec import evidence_bytes, outcome_of, parsed
from stopship.store.shown import at, quoted, shown

FORMAT = 1
FRESH = "start over: stopship replay SUITE --fresh"  # where the caller knows no better command
Place = tuple[str, int]
"""Key and sample."""
_LINE = re.compile(rb'\{"digest":"([0-9a-f]{64})","outcome":(.*),"took_ms":(.*)\}', re.DOTALL)


def header(plan_digest: str) -> bytes:
    """The first line of a journal of a plan, its end included."""
    return canonical_bytes({"format": FORMAT, "plan": plan_digest}) + b"\n"


def line_of(one: Outcome, plan_digest: str) -> bytes:
    """The line of an outcome, its end included. Raises EvidenceError for what JSON cannot keep."""
    body = b'"outcome":' + evidence_bytes(one) + b',"took_ms":' + beside_bytes(one) + b"}"
    return b'{"digest":"' + _digest(body, plan_digest) + b'",' + body + b"\n"


def _digest(body: bytes, plan_digest: str) -> bytes:
    """Over the plan too, so that a line pasted from another journal is damage."""
    return sha256(plan_digest.encode("utf-8", "surrogatepass") + b"\n" + body).hexdigest().encode("ascii")


def check_header(line: bytes, plan_digest: str, name: str, do: str = FRESH) -> None:
    """Refuse the first line of another plan or format, and any other."""
    if line + b"\n" == header(plan_digest):
        return
    where = at(name, "line 1")
    try:
        document = parsed(line)
    except (ValueError, RecursionError) as err:
        raise EvidenceError("damaged: is not the header of a journal", where=where, do=do) from err
    if isinstance(document, dict) and document.keys() == {"format", "plan"}:
        if document["format"] != FORMAT:
            raise EvidenceError(
                f"format {quoted(str(document['format']))}; this stopship reads format {FORMAT}",
                where=where,
                do=f"use the stopship that wrote it, or {do}",
            )
        if document["plan"] != plan_digest:
            raise EvidenceError("the journal is of another plan", where=where, do=do)
    raise EvidenceError("damaged: is not the header of a journal", where=where, do=do)


class Filed:
    """What a journal has told so far. It grows at its end alone: every reader sees the same beginning."""

    def __init__(self, name: str, plan_digest: str, do: str = FRESH) -> None:
        self.outcomes: dict[Place, Outcome] = {}
        self.size = 0  # bytes of whole lines that were taken in
        self._lines = 0
        self._where: dict[Place, int] = {}  # line
        self._name, self._plan, self._do = name, plan_digest, do

    def take_in(self, data: bytes) -> None:
        """More bytes of the journal, from `size` on. Raises EvidenceError for a damaged line."""
        end = data.rfind(b"\n") + 1
        lines = data[:end].split(b"\n")[:-1]
        for number, line in enumerate(lines, self._lines + 1):
            if number == 1:
                check_header(line, self._plan, self._name, self._do)
            else:
                self._add(number, line)
        self._lines += len(lines)
        self.size += end

    def note(self, one: Outcome, size: int) -> None:
        """A line that this process has just written itself."""
        self._lines += 1
        self.size += size
        self.outcomes.setdefault((one.key, one.sample), one)
        self._where.setdefault((one.key, one.sample), self._lines)

    def begun(self, size: int) -> None:
        """The header was just written."""
        self._lines, self.size = 1, size

    def _add(self, number: int, line: bytes) -> None:
        where = at(self._name, f"line {number}")
        found = _LINE.fullmatch(line)
        if found is None or _digest(line[line.index(b",") + 1 :], self._plan) != found[1]:
            raise EvidenceError("damaged: the line is not that of its digest", where=where, do=self._do)
        try:
            one = with_beside(outcome_of(parsed(found[2])), parsed(found[3]))
        except (ValueError, RecursionError) as err:
            raise EvidenceError(f"damaged: {shown(err)}", where=where, do=self._do) from err
        known = self.outcomes.setdefault((one.key, one.sample), one)
        first = self._where.setdefault((one.key, one.sample), number)
        if known is not one and evidence_bytes(known) != found[2]:
            raise EvidenceError(
                f"case {quoted(one.key)}, sample {one.sample} is told otherwise than in line {first}",
                where=where,
                do=self._do,
            )
