"""The bytes of a sealed run, and the run that such bytes are.

Decides what identifies a run: its head, its cases and its traces, by the bytes of their files. Times and
provenance stand beside it. Never touches a disk, and trusts nothing that it has not digested.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from itertools import pairwise
from math import isfinite
from typing import Any

from stopship.errors import EvidenceError
from stopship.model.canonical import MAX_INTEGER, NotCanonical, canonical_bytes, canonical_text, digest
from stopship.model.case import Json
from stopship.model.exchange import Served
from stopship.model.run import Outcome, RunHead, Status
from stopship.store.besides import beside_bytes
from stopship.store.lines import Lines
from stopship.store.lockfile import rendered
from stopship.store.runplan import Place, check_head, check_plan, is_digest
from stopship.store.shown import quoted, shown

FORMAT = 1
MANIFEST, LOCK, CASES, TRACES, TIMINGS = (
    "run.json",
    "stack.lock.json",
    "cases.jsonl",
    "traces.jsonl",
    "timings.jsonl",
)
SEALED = (LOCK, CASES, TRACES, TIMINGS)  # what the manifest vouches for
_EVIDENCE = (CASES, TRACES)
_OUTCOME = frozenset({"error", "key", "sample", "status", "trace"})
_REPLAY_AGAIN = "replay again, with a target that tells plain JSON"
_STATUS = {one.value: one for one in Status}


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoded:
    """A run as the bytes of its files."""

    id: str
    manifest: bytes
    lock: bytes
    cases: Lines
    traces: Lines
    timings: Lines

    @property
    def files(self) -> dict[str, Iterable[bytes]]:
        """Each in pieces. `run.json` comes last: without it no folder is a run."""
        tables = {CASES: self.cases, TRACES: self.traces, TIMINGS: self.timings}
        return {
            LOCK: [self.lock],
            **{name: one.chunks() for name, one in tables.items()},
            MANIFEST: [self.manifest],
        }


def encoded(
    head: RunHead,
    rows: Mapping[str, Mapping[str, Json]],
    outcomes: Iterable[Outcome],
    provenance: Mapping[str, Json] | None = None,
) -> Encoded:
    """The files of a run; equal for equal evidence, whatever the order it came in.

    Raises EvidenceError where outcomes are not exactly the planned keys times repeats, where a row is not
    the planned one, and for values that have no canonical JSON, with key and path.
    """
    check_head(head)
    places, traces, timings = _in_order(outcomes)
    check_plan(head, rows, places)
    cases = Lines(_case_line(key, rows[key], head.planned[key]) for key in sorted(head.planned))
    tables = {CASES: cases, TRACES: traces, TIMINGS: timings}
    lock = rendered(head.stack)
    listed = {
        LOCK: _listing([lock]),
        **{name: _listing(one.chunks(), len(one)) for name, one in tables.items()},
    }
    document: dict[str, Any] = {
        "format": FORMAT,
        "head": _head_document(head),
        "files": {name: listed[name] for name in SEALED if name != TIMINGS},
        "beside": {"timings": listed[TIMINGS], "provenance": dict(provenance or {})},
    }
    document["id"] = run_id(document)
    try:
        manifest = manifest_bytes(document)
    except (NotCanonical, RecursionError) as err:
        raise _refused("the run's provenance", err) from err
    return Encoded(
        id=document["id"], manifest=manifest, lock=lock, cases=cases, traces=traces, timings=timings
    )


def _in_order(outcomes: Iterable[Outcome]) -> tuple[list[Place], Lines, Lines]:
    """The places of outcomes by key, then sample, and their lines of traces and timings in that order."""
    places: list[Place] = []
    traces, timings = Lines(), Lines()
    for one in outcomes:
        places.append((one.key, one.sample))
        traces.append(evidence_bytes(one))
        timings.append(_timing_line(one))
    if all(one <= other for one, other in pairwise(places)):
        return places, traces, timings
    order = sorted(range(len(places)), key=places.__getitem__)
    return (
        [places[one] for one in order],
        Lines(traces[one] for one in order),
        Lines(timings[one] for one in order),
    )


def run_id(document: Mapping[str, Any]) -> str:
    """The id of a run: a digest of its head and of its files of cases and traces."""
    digests = {name: document["files"][name]["digest"] for name in _EVIDENCE}
    return digest({"head": document["head"], "files": digests})


def manifest_bytes(document: Mapping[str, Any]) -> bytes:
    """The bytes of `run.json`, sealed over all that it says."""
    unsealed = {key: one for key, one in document.items() if key != "seal"}
    whole = {**unsealed, "seal": digest(unsealed)}
    text = json.dumps(whole, ensure_ascii=False, indent=1, sort_keys=True)
    return text.encode("utf-8", "surrogatepass") + b"\n"


def evidence_bytes(one: Outcome) -> bytes:
    """The canonical bytes of an outcome, without the time it took. Raises EvidenceError."""
    if one.status is not Status.OK and one.trace:
        raise EvidenceError(
            f"the output is {one.status.value}, and yet has a trace", where=f"case {quoted(one.key)}"
        )
    head = canonical_bytes(
        {"error": one.error, "key": one.key, "sample": one.sample, "status": one.status.value}
    )
    try:
        trace = canonical_bytes(dict(one.trace))
    except (NotCanonical, RecursionError) as err:
        raise _refused(f"case {quoted(one.key)}, sample {one.sample}, trace", err) from err
    return head[:-1] + b',"trace":' + trace + b"}"


def outcome_of(value: object, took_ms: float | None = None, calls: tuple[Served, ...] = ()) -> Outcome:
    """The outcome that parsed evidence bytes are. Raises ValueError that says what is wrong."""
    if not isinstance(value, dict) or value.keys() != _OUTCOME:
        raise ValueError("is no outcome")
    status, trace, sample = _STATUS.get(str(value["status"])), value["trace"], value["sample"]
    if not isinstance(value["key"], str) or not isinstance(value["error"], str):
        raise ValueError("its key or error is not text")  # noqa: TRY004  # one kind for all that is damaged
    if type(sample) is not int or sample < 0 or status is None or not isinstance(trace, dict):
        raise ValueError("its sample, status or trace is none")
    if trace and status is not Status.OK:
        raise ValueError("it has a trace, and yet no output")
    return Outcome(
        key=value["key"],
        sample=sample,
        status=status,
        trace=trace,
        error=value["error"],
        took_ms=took_ms,
        calls=calls,
    )


def parsed(line: bytes) -> Json:
    """The JSON value of one line that this module wrote. Raises ValueError or RecursionError."""
    text = line.decode("utf-8", "surrogatepass")
    value: Json
    try:
        value, end = _DECODER.raw_decode(text)
    except json.JSONDecodeError:
        end = -1
    if end != len(text):
        value = _DECODER.decode(text)  # white space around the value, or an error that says what is wrong
    return value


def row_of(line: bytes, value: object) -> tuple[str, str, dict[str, Json]]:
    """Key, digest and row of a line of cases, the digest held against the row's own bytes.

    The row stands at the end of its line in canonical form, so that one SHA-256 proves it. Raises ValueError.
    """
    if not isinstance(value, dict) or value.keys() != {"digest", "key", "row"}:
        raise ValueError("is no case")
    key, row, said = value["key"], value["row"], value["digest"]
    if not isinstance(key, str) or not isinstance(row, dict) or not is_digest(said):
        raise ValueError("its key, row or digest is none")
    start = _case_start(key, said)
    if not line.startswith(start) or sha256(line[len(start) : -1]).hexdigest() != said:
        raise ValueError("the row is not the one of its digest")
    return key, said, row


def _case_start(key: str, row_digest: str) -> bytes:
    return b'{"digest":"%s","key":%s,"row":' % (row_digest.encode("ascii"), canonical_text(key))


def _case_line(key: str, row: Mapping[str, Json], planned: str) -> bytes:
    where = f"case {quoted(key)}"
    try:
        data = canonical_bytes(dict(row))
    except (NotCanonical, RecursionError) as err:
        raise _refused(f"{where}, row", err) from err
    found = sha256(data).hexdigest()
    if found != planned:
        raise EvidenceError(
            f"its row has the digest {found[:12]}, and {shown(planned)[:12]} was planned",
            where=where,
            do="the cases changed while they were replayed: replay again",
        )
    return _case_start(key, found) + data + b"}"


def timing_start(key: str, sample: int) -> bytes:
    """What a line of timings begins with; the time and `}` follow."""
    return b'{"key":%s,"sample":%d,"took_ms":' % (canonical_text(key), sample)


def _timing_line(one: Outcome) -> bytes:
    return timing_start(one.key, one.sample) + beside_bytes(one) + b"}"


def _head_document(head: RunHead) -> dict[str, Any]:
    return {
        "suite": head.suite,
        "target": head.target,
        "cases": head.cases,
        "stack": head.stack.stack_id,
        "repeats": head.repeats,
        "epoch": head.epoch,
        "selection": head.selection,
        "deterministic": head.deterministic,
        **head.told_fidelity,
    }


def _listing(chunks: Iterable[bytes], lines: int | None = None) -> dict[str, Json]:
    found, size = sha256(), 0
    for one in chunks:
        found.update(one)
        size += len(one)
    told: dict[str, Json] = {"digest": found.hexdigest(), "size": size}
    return told if lines is None else {**told, "lines": lines}


def _refused(where: str, err: Exception) -> EvidenceError:
    what = (
        f"{shown(err.path)}: {shown(err.what)}" if isinstance(err, NotCanonical) else "nested far too deeply"
    )
    return EvidenceError(what, where=where, do=_REPLAY_AGAIN)


@lru_cache(4096)
def _integer(digits: str) -> int | float:
    """1e20 is written without its exponent, and is a float."""
    return int(digits) if len(digits) < 20 and abs(int(digits)) <= MAX_INTEGER else _finite(digits)


def _finite(text: str) -> float:
    value = float(text)
    if not isfinite(value):
        raise ValueError("holds a number that is infinite")
    return value


def _no_constant(text: str) -> None:
    raise ValueError(f"holds {text}, which is not JSON")


_DECODER = json.JSONDecoder(parse_int=_integer, parse_float=_finite, parse_constant=_no_constant)
scan: Callable[[str, int], tuple[Any, int]] = _DECODER.scan_once  # type: ignore[attr-defined]  # in no stub
"""The JSON value at a position, and where it ends. Raises ValueError, StopIteration or RecursionError."""
