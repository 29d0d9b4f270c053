"""The lines of a journal: a header that names the plan, then one outcome a line with its own digest.

Decides which lines are whole, and which outcome holds. What follows the last line end is torn and dropped;
other damage is an error, and so is an output that is told in two ways.
"""

import os
import re
import weakref
from array import array
from hashlib import sha256
from pathlib import Path

from stopship.errors import EvidenceError
from stopship.model.canonical import canonical_bytes
from stopship.model.run import Outcome
from stopship.store.besides import beside_bytes, with_beside
from stopship.store.evidencefiles import cannot_write, reason
from stopship.store.lazy import Lazy
from stopship.store.lines import Splitter
from stopship.store.runcodec import evidence_bytes, outcome_of, parsed
from stopship.store.shown import at, quoted, shown

FORMAT = 1
FRESH = "start over: stopship replay SUITE --fresh"  # where the caller knows no better command
Place = tuple[str, int]
"""Key and sample."""
_CHUNK = 1 << 20
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


class Filed(Lazy[Place, Outcome]):
    """What a journal has told so far, by key and sample, in the order of its lines; each outcome is read when
    it is asked for. It grows at its end alone: every reader sees the same beginning."""

    def __init__(self, name: str, plan_digest: str, descriptor: int = -1, do: str = FRESH) -> None:
        """`descriptor`: of the journal, which may be closed before this is; -1: there is none yet."""
        try:
            self._descriptor = os.dup(descriptor) if descriptor >= 0 else -1
        except OSError as err:
            raise cannot_write(Path(name), err) from err
        if self._descriptor >= 0:
            weakref.finalize(self, os.close, self._descriptor)
        self.size = 0  # bytes of whole lines that were taken in
        self._ends = array("Q")  # of each line
        self._lines: dict[Place, int] = {}  # the first line of each
        super().__init__(self._lines)
        self._own = bytearray()  # for each line, whether this process wrote it
        self._name, self._plan, self._do = name, plan_digest, do

    def take_in(self) -> bool:
        """What the journal holds by now, too; whether a torn line stands behind it. Raises EvidenceError for
        a damaged line, and where what was read of it is no longer there."""
        if self._descriptor < 0:
            return False
        size = os.fstat(self._descriptor).st_size
        if size == self.size:
            return False
        if size < self.size:
            raise EvidenceError(
                f"damaged: it was cut while it was in use, {self.size:,} bytes were filed",
                where=self._name,
                do=self._do,
            )
        start, splitter = self.size, Splitter()
        while chunk := self._read(start, _CHUNK):
            start += len(chunk)
            for line in splitter.take(chunk):
                self._take(line)
        return start > self.size

    def note(self, one: Outcome, size: int) -> None:
        """A line that this process has just written itself."""
        self._ended(size)
        self._own[-1] = True
        self._lines.setdefault((one.key, one.sample), len(self._ends))

    def begun(self, size: int) -> None:
        """The header was just written."""
        self._ended(size)

    def is_own(self, place: Place) -> bool:
        """Whether this process has told of it."""
        return place in self._lines and bool(self._own[self._lines[place] - 1])

    def __getitem__(self, place: Place) -> Outcome:
        number = self._lines[place]
        start = self._ends[number - 2]
        one, _ = self._outcome(number, self._read(start, self._ends[number - 1] - start - 1))
        if (one.key, one.sample) != place:
            raise EvidenceError(
                "damaged: the line is another than was read before",
                where=at(self._name, f"line {number}"),
                do=self._do,
            )
        return one

    def _read(self, start: int, size: int) -> bytes:
        try:
            return os.pread(self._descriptor, size, start)
        except OSError as err:
            raise EvidenceError(f"cannot be read: {reason(err)}", where=self._name, do=self._do) from err

    def _ended(self, size: int) -> None:
        self.size += size
        self._ends.append(self.size)
        self._own.append(False)

    def _take(self, line: bytes) -> None:
        number = len(self._ends) + 1
        if number == 1:
            check_header(line, self._plan, self._name, self._do)
        else:
            one, told = self._outcome(number, line)
            first = self._lines.setdefault((one.key, one.sample), number)
            if first != number and evidence_bytes(self[one.key, one.sample]) != told:
                raise EvidenceError(
                    f"case {quoted(one.key)}, sample {one.sample} is told otherwise than in line {first}",
                    where=at(self._name, f"line {number}"),
                    do=self._do,
                )
        self._ended(len(line) + 1)

    def _outcome(self, number: int, line: bytes) -> tuple[Outcome, bytes]:
        """The outcome of a line, and the bytes that tell it."""
        where = at(self._name, f"line {number}")
        found = _LINE.fullmatch(line)
        if found is None or _digest(line[line.index(b",") + 1 :], self._plan) != found[1]:
            raise EvidenceError("damaged: the line is not that of its digest", where=where, do=self._do)
        try:
            return with_beside(outcome_of(parsed(found[2])), parsed(found[3])), found[2]
        except (ValueError, RecursionError) as err:
            raise EvidenceError(f"damaged: {shown(err)}", where=where, do=self._do) from err
