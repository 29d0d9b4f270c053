"""Read a sealed run, and believe nothing in it that was not digested anew.

Decides whether a folder is a whole run. Never mends one: a single changed byte is an error.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

from stopship.errors import EvidenceError
from stopship.model.canonical import NotCanonical
from stopship.model.exchange import Fidelity
from stopship.model.run import ISOLATED, NOT_ISOLATED, Outcome, Run, RunHead
from stopship.model.stack import Stack
from stopship.store.besides import with_beside
from stopship.store.evidencefiles import read_bytes, read_chunks, reason
from stopship.store.keyed import Digests, Rows
from stopship.store.lines import Lines, Splitter
from stopship.store.lockfile import read_lock, rendered
from stopship.store.runcodec import (
    CASES,
    FORMAT,
    LOCK,
    MANIFEST,
    SEALED,
    TIMINGS,
    TRACES,
    manifest_bytes,
    outcome_of,
    parsed,
    row_of,
    run_id,
    timing_start,
)
from stopship.store.runlines import Outcomes, row_in
from stopship.store.runplan import check_head, is_digest
from stopship.store.shown import at, quoted, shown

FETCH_AGAIN = "fetch the run again from where it was made, or replay again with --fresh"
_MOST = 16 * 1024 * 1024  # bytes of run.json
_HEAD: dict[str, type] = {
    "suite": str,
    "target": str,
    "cases": str,
    "stack": str,
    "repeats": int,
    "epoch": int,
    "selection": str,
    "deterministic": bool,
}
_FROZEN_HEAD: dict[str, type] = {"fidelity": str, "recordings": str}  # of a replay that is not live
_FIDELITIES = frozenset(one.value for one in Fidelity if one is not Fidelity.LIVE)


def read_run(folder: Path) -> Run:
    """The sealed run of a folder; EvidenceError for anything but a whole one.

    Checked: format, seal, the digest of every file, the id, that the rows are the planned ones and that the
    outcomes are exactly what was planned. A folder whose name is an id must hold the run of that id.
    """
    run = read_any(folder)
    name = folder.resolve().name
    if is_digest(name) and name != run.id:
        raise EvidenceError(
            f"the folder holds the run {run.short}, not that of its name",
            where=shown(folder),
            do=FETCH_AGAIN,
        )
    return run


def read_any(folder: Path) -> Run:
    """The sealed run of a folder of any name."""
    return _Reading(folder).run()


def _started(provenance: Mapping[str, Any]) -> int | None:
    """When the oldest output was asked for; older runs do not say."""
    told = provenance.get("started")
    return told if type(told) is int and told >= 0 else None


def _isolation(provenance: Mapping[str, Any]) -> str:
    told = provenance.get("isolation", "")
    is_told = told == ISOLATED or (isinstance(told, str) and told.startswith(NOT_ISOLATED))
    return str(told) if is_told else ""


class _Reading:
    """One reading of one folder, from the outside in."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.lock = b""
        self.lines: dict[str, Lines] = {}
        self.torn: set[str] = set()  # files whose last line has no end
        self.listings: dict[str, dict[str, Any]] = {}

    def run(self) -> Run:
        names = self._names()
        document = self._manifest()
        self._files(names)
        head = document["head"]
        rows, planned = self._cases()
        made = RunHead(
            suite=head["suite"],
            target=head["target"],
            cases=head["cases"],
            planned=planned,
            stack=self._stack(head["stack"]),
            repeats=head["repeats"],
            epoch=head["epoch"],
            selection=head["selection"],
            deterministic=head["deterministic"],
            fidelity=Fidelity(head.get("fidelity", Fidelity.LIVE.value)),
            recordings=head.get("recordings", ""),
        )
        outcomes = self._outcomes(made)
        return Run(
            id=document["id"],
            head=made,
            rows=rows,
            outcomes=outcomes,
            place=shown(self.folder),
            started=_started(document["beside"]["provenance"]),
            isolation=_isolation(document["beside"]["provenance"]),
        )

    def _names(self) -> set[str]:
        try:
            return {one.name for one in self.folder.iterdir()}
        except FileNotFoundError as err:
            raise EvidenceError("there is no such run", where=shown(self.folder), do=FETCH_AGAIN) from err
        except (OSError, ValueError) as err:
            raise EvidenceError(
                f"cannot be read: {reason(err)}", where=shown(self.folder), do=FETCH_AGAIN
            ) from err

    def _manifest(self) -> dict[str, Any]:
        data = read_bytes(self.folder / MANIFEST, FETCH_AGAIN, _MOST)
        try:
            document = parsed(data)
        except (ValueError, RecursionError) as err:
            raise self._damaged(MANIFEST, "is not whole JSON") from err
        if not isinstance(document, dict):
            raise self._damaged(MANIFEST, "holds no JSON object")
        version = document.get("format")
        if type(version) is not int or version != FORMAT:
            found = f"format {version}" if type(version) is int else "no format number"
            raise EvidenceError(
                f"{found}; this stopship reads format {FORMAT}",
                where=shown(self.folder / MANIFEST),
                do=f"use the stopship that wrote it, or {FETCH_AGAIN}",
            )
        self._keys(document, ("format", "id", "seal", "head", "files", "beside"), "")
        try:
            if manifest_bytes(document) != data:
                raise self._damaged(MANIFEST, "its bytes are not those of its seal")
        except (NotCanonical, RecursionError) as err:
            raise self._damaged(MANIFEST, "holds a value that JSON readers would change") from err
        self._head(document["head"])
        self._listings(document)
        if document["id"] != run_id(document):
            raise self._damaged(MANIFEST, "its id is not that of its head and files")
        return document

    def _head(self, head: object) -> None:
        kinds = _HEAD if not isinstance(head, dict) or "fidelity" not in head else {**_HEAD, **_FROZEN_HEAD}
        fields = self._keys(head, tuple(kinds), "head.")
        if "fidelity" in fields and fields["fidelity"] not in _FIDELITIES:
            raise self._damaged(MANIFEST, "head.fidelity: is not known")
        for key, kind in kinds.items():
            if type(fields[key]) is not kind:
                raise self._damaged(MANIFEST, f"head.{key}: is of another kind than expected")

    def _listings(self, document: Mapping[str, Any]) -> None:
        files = self._keys(document["files"], (LOCK, CASES, TRACES), "files.")
        beside = self._keys(document["beside"], ("timings", "provenance"), "beside.")
        if not isinstance(beside["provenance"], dict):
            raise self._damaged(MANIFEST, "beside.provenance: expected an object")
        for name, one in {**files, TIMINGS: beside["timings"]}.items():
            counted = () if name == LOCK else ("lines",)
            fields = self._keys(one, ("digest", "size", *counted), f"{name}: ")
            numbers = [fields[key] for key in ("size", *counted)]
            if not is_digest(fields["digest"]) or any(type(each) is not int or each < 0 for each in numbers):
                raise self._damaged(MANIFEST, f"{name}: its digest, size or lines are none")
            self.listings[name] = fields

    def _files(self, names: set[str]) -> None:
        """Every file, held against the manifest; all that is wrong is said at once."""
        faults = [f"{shown(one)} does not belong to the run" for one in sorted(names - {MANIFEST, *SEALED})]
        for name in SEALED:
            if name not in names:
                faults.append(f"{name} is missing")
                continue
            size, found, seen = self.listings[name]["size"], sha256(), 0
            for chunk in self._taken_in(name, read_chunks(self.folder / name, FETCH_AGAIN, size + 1)):
                found.update(chunk)
                seen += len(chunk)
            if seen != size:
                faults.append(f"{name} is damaged: {'more' if seen > size else seen} bytes, expected {size}")
            elif found.hexdigest() != self.listings[name]["digest"]:
                faults.append(f"{name} is damaged: its digest is not the one that was sealed")
        if faults:
            raise EvidenceError(
                faults[0] if len(faults) == 1 else f"{len(faults)} faults\n  " + "\n  ".join(faults),
                where=shown(self.folder),
                do=FETCH_AGAIN,
            )

    def _stack(self, stack_id: str) -> Stack:
        stack = read_lock(self.folder / LOCK)
        if rendered(stack) != self.lock or stack.stack_id != stack_id:
            raise self._damaged(LOCK, "is not the stack that the run is sealed with")
        return stack

    def _taken_in(self, name: str, chunks: Iterable[bytes]) -> Iterator[bytes]:
        """The pieces of a file as they come, each kept by its lines. What stands behind the last line end is
        a line of its own, and one too many."""
        lines, splitter = Lines(), Splitter()
        for chunk in chunks:
            yield chunk
            if name == LOCK:
                self.lock += chunk
                continue
            for one in splitter.take(chunk):
                lines.append(one)
        if rest := splitter.rest:
            lines.append(rest)
            self.torn.add(name)
        self.lines[name] = lines

    def _lines(self, name: str) -> Iterator[tuple[int, bytes]]:
        lines = self.lines[name]
        if name in self.torn or len(lines) != self.listings[name]["lines"]:
            raise self._damaged(name, f"holds {len(lines)} lines, expected {self.listings[name]['lines']}")
        return enumerate(lines, 1)

    def _parsed(self, name: str, number: int, line: bytes) -> Any:
        try:
            return parsed(line)
        except (ValueError, RecursionError) as err:
            raise self._damaged(name, f"is not JSON: {shown(err)}", number) from err

    def _cases(self) -> tuple[Rows, Digests]:
        rows = Rows(self.lines[CASES], row_in)
        planned = Digests(rows)
        before: str | None = None
        for number, line in self._lines(CASES):
            value = self._parsed(CASES, number, line)
            try:
                key, said, row = row_of(line, value)
            except ValueError as err:
                raise self._damaged(CASES, str(err), number) from err
            if before is not None and key <= before:
                raise self._damaged(CASES, f"{quoted(key)} stands twice or out of order", number)
            rows.note(key, row)
            planned.append(said)
            before = key
        return rows, planned

    def _outcomes(self, head: RunHead) -> Sequence[Outcome]:
        """All of them, proven; held where they are few."""
        check_head(head)
        count = len(head.planned) * head.repeats
        if {self.listings[name]["lines"] for name in (TRACES, TIMINGS)} != {count}:
            raise self._damaged(TRACES, f"expected {count} outcomes, one for each planned output")
        traces, timings = self.lines[TRACES], self.lines[TIMINGS]
        if traces.is_small and timings.is_small:
            return tuple(self._proven(head))
        for _ in self._proven(head):
            pass
        return Outcomes(traces, timings)

    def _proven(self, head: RunHead) -> Iterator[Outcome]:
        planned = ((key, sample) for key in head.planned for sample in range(head.repeats))
        traces, timings = self._lines(TRACES), self._lines(TIMINGS)
        for place, (number, trace), (_, timing) in zip(planned, traces, timings, strict=True):
            try:
                one = outcome_of(self._parsed(TRACES, number, trace))
            except ValueError as err:
                raise self._damaged(TRACES, str(err), number) from err
            self._check_place(TRACES, number, (one.key, one.sample), place)
            yield self._with_beside(one, number, timing)

    def _with_beside(self, one: Outcome, number: int, line: bytes) -> Outcome:
        """The outcome with what a line of timings tells; lines as they are written need no parser."""
        place = one.key, one.sample
        if line == timing_start(*place) + b"null}":
            return one
        timing = self._parsed(TIMINGS, number, line)
        if not isinstance(timing, dict) or timing.keys() != {"key", "sample", "took_ms"}:
            raise self._damaged(TIMINGS, "is no timing", number)
        self._check_place(TIMINGS, number, (timing["key"], timing["sample"]), place)
        try:
            return with_beside(one, timing["took_ms"])
        except ValueError as err:
            raise self._damaged(TIMINGS, str(err), number) from err

    def _check_place(self, name: str, number: int, found: tuple[str, int], place: tuple[str, int]) -> None:
        if found != place:
            expected = f"{quoted(place[0])}, sample {place[1]}"
            raise self._damaged(name, f"is another outcome than {expected}", number)

    def _keys(self, value: object, keys: tuple[str, ...], before: str) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise self._damaged(MANIFEST, f"{before.rstrip('.: ')}: expected an object")
        if value.keys() != set(keys):
            odd = sorted(value.keys() ^ set(keys))
            what = "is missing" if odd[0] in keys else "is unknown"
            raise self._damaged(MANIFEST, f"{before}{shown(odd[0])} {what}")
        return value

    def _damaged(self, name: str, what: str, line: int = 0) -> EvidenceError:
        where = shown(self.folder / name)
        if line:
            where = at(where, f"line {line}")
        return EvidenceError(f"damaged: {what}", where=where, do=FETCH_AGAIN)
