"""A sealed run comes back as it was, whatever it holds; any change of its bytes is refused."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.examples import tries

from stopship.errors import EvidenceError, UsageError
from stopship.model.canonical import canonical_bytes
from stopship.model.case import Json
from stopship.model.run import Outcome, Run, RunHead, Status, case_digest
from stopship.model.stack import Kind, Pin, Stack, content_of, stack_of
from stopship.store.lockfile import read_lock, rendered
from stopship.store.runcodec import CASES, LOCK, MANIFEST, SEALED, TIMINGS, TRACES, manifest_bytes, run_id
from stopship.store.runs import file_run, find_runs, merged, read_run, seal_run

Rows = Mapping[str, Mapping[str, Json]]


def stack(version: str = "m1") -> Stack:
    pin = Pin(axis="model", version=version, kind=Kind.VERSION, content=content_of(Kind.VERSION, []))
    return stack_of([pin])


TEXT = st.text(st.characters(), max_size=8) | st.sampled_from(
    ["\ud83d", "\udc00\ud800", "\0\x1b[31m", "\u202e", "\u2028"]
)
NUMBERS = st.integers(-(2**53) + 1, 2**53 - 1) | st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)
RECORDS = st.dictionaries(TEXT, VALUES, max_size=3)
TOOK = st.none() | st.floats(0, 1e9)


@st.composite
def evidence(draw: st.DrawFn) -> tuple[RunHead, Rows, list[Outcome]]:
    rows = draw(st.dictionaries(TEXT, RECORDS, max_size=4))
    head = head_of(rows, repeats=draw(st.integers(1, 2)), suite=draw(TEXT), epoch=draw(st.integers(0, 3)))
    outcomes = []
    for key in rows:
        for sample in range(head.repeats):
            status = draw(st.sampled_from(Status))
            trace = draw(RECORDS) if status is Status.OK else {}
            outcomes.append(
                Outcome(
                    key=key, sample=sample, status=status, trace=trace, error=draw(TEXT), took_ms=draw(TOOK)
                )
            )
    return head, rows, draw(st.permutations(outcomes))


def head_of(rows: Rows, **more: Any) -> RunHead:
    given_ = {
        "suite": "support",
        "target": "app.py:answer",
        "cases": "c" * 64,
        "planned": {key: case_digest(row) for key, row in rows.items()},
        "stack": stack(),
    }
    return RunHead(**{**given_, **more})


ROWS: Rows = {f"k{i}": {"question": f"why {i}?"} for i in range(6)}
HEAD = head_of(ROWS)
OUTCOMES = [Outcome(key=key, trace={"output": f"because {key}"}, took_ms=1.5) for key in ROWS]


def sealed(
    folder: Path, head: RunHead = HEAD, rows: Rows = ROWS, outcomes: Sequence[Outcome] = OUTCOMES
) -> Run:
    return seal_run(folder, head, rows, outcomes, provenance={"started": "2026-03-01"})


def bytes_of(value: object) -> bytes:
    return canonical_bytes(value)


@settings(max_examples=tries(60), deadline=None)
@given(evidence())
def test_hostile_rows_and_traces_come_back(
    tmp_path_factory: pytest.TempPathFactory, made: tuple[RunHead, Rows, list[Outcome]]
) -> None:
    head, rows, outcomes = made
    run = sealed(tmp_path_factory.mktemp("runs"), head, rows, outcomes)
    assert run.head == head
    assert bytes_of(dict(run.rows)) == bytes_of(dict(rows))
    ordered = sorted(outcomes, key=lambda one: (one.key, one.sample))
    assert [(one.key, one.sample, one.status, one.error) for one in run.outcomes] == [
        (one.key, one.sample, one.status, one.error) for one in ordered
    ]
    for found, put in zip(run.outcomes, ordered, strict=True):
        assert bytes_of(dict(found.trace)) == bytes_of(dict(put.trace))
        assert found.took_ms == put.took_ms


@settings(max_examples=tries(40), deadline=None)
@given(evidence(), st.randoms(use_true_random=False))
def test_order_and_time_never_change_the_id(
    tmp_path_factory: pytest.TempPathFactory, made: tuple[RunHead, Rows, list[Outcome]], random: Any
) -> None:
    head, rows, outcomes = made
    first = sealed(tmp_path_factory.mktemp("a"), head, rows, outcomes)
    again = [replace(one, took_ms=random.random()) for one in random.sample(outcomes, len(outcomes))]
    turned = dict(reversed(list(rows.items())))
    same = head_of(turned, repeats=head.repeats, suite=head.suite, epoch=head.epoch)
    provenance = {"started": "later", "n": 1.0}
    other = seal_run(tmp_path_factory.mktemp("b"), same, turned, again, provenance=provenance)
    assert other.id == first.id
    assert merged([first], head.planned).id == first.id


K0 = {"k0": {"question": "another"}}
FIRST, *REST = OUTCOMES
CHANGES: dict[str, tuple[RunHead, Rows, list[Outcome]]] = {
    "suite": (replace(HEAD, suite="other"), ROWS, OUTCOMES),
    "target": (replace(HEAD, target="other"), ROWS, OUTCOMES),
    "cases": (replace(HEAD, cases="d" * 64), ROWS, OUTCOMES),
    "stack": (replace(HEAD, stack=stack("m2")), ROWS, OUTCOMES),
    "epoch": (replace(HEAD, epoch=1), ROWS, OUTCOMES),
    "selection": (replace(HEAD, selection="shard 1/1"), ROWS, OUTCOMES),
    "deterministic": (replace(HEAD, deterministic=True), ROWS, OUTCOMES),
    "repeats": (replace(HEAD, repeats=2), ROWS, [*OUTCOMES, *(replace(one, sample=1) for one in OUTCOMES)]),
    "row": (head_of({**ROWS, **K0}), {**ROWS, **K0}, OUTCOMES),
    "fewer": (head_of({"k0": ROWS["k0"]}), {"k0": ROWS["k0"]}, OUTCOMES[:1]),
    "trace": (HEAD, ROWS, [replace(FIRST, trace={"output": "x"}), *REST]),
    "error": (HEAD, ROWS, [replace(FIRST, error="x"), *REST]),
    "status": (HEAD, ROWS, [replace(FIRST, trace={}, status=Status.LOST), *REST]),
    "failed": (HEAD, ROWS, [replace(FIRST, trace={}, status=Status.FAILED), *REST]),
}


def test_any_change_of_head_row_or_outcome_changes_the_id(tmp_path: Path) -> None:
    ids = {"": sealed(tmp_path).id}
    for name, (head, rows, outcomes) in CHANGES.items():
        ids[name] = sealed(tmp_path, head, rows, outcomes).id
    assert len(set(ids.values())) == len(CHANGES) + 1, ids


def files_of(folder: Path) -> dict[str, bytes]:
    return {one.name: one.read_bytes() for one in folder.iterdir()}


def test_every_flipped_bit_and_every_cut_is_refused(tmp_path: Path) -> None:
    rows = {"a": {"q": 1.5}}
    run = sealed(tmp_path, head_of(rows), rows, [Outcome(key="a", trace={"output": "x"}, took_ms=2.0)])
    folder = tmp_path / run.id
    for name, data in files_of(folder).items():
        damages = [data[:cut] for cut in range(0, len(data), 7)] + [data + b"\n", data + b" ", data[:-1]]
        damages += [
            data[:index] + bytes([data[index] ^ (1 << index % 8)]) + data[index + 1 :]
            for index in range(len(data))
        ]
        damages += [data.replace(b"\n", b"\r\n"), data.replace(b" ", b"\t", 1) if b" " in data else b""]
        for damage in damages:
            (folder / name).write_bytes(damage)
            with pytest.raises(EvidenceError) as caught:
                read_run(folder)
            assert name in str(caught.value)
            assert "again" in caught.value.do
        (folder / name).write_bytes(data)
    assert read_run(folder) == run


@settings(max_examples=tries(80), deadline=None)
@given(evidence(), st.data())
def test_any_damage_of_any_run_is_refused(
    tmp_path_factory: pytest.TempPathFactory, made: tuple[RunHead, Rows, list[Outcome]], data: st.DataObject
) -> None:
    runs = tmp_path_factory.mktemp("runs")
    folder = runs / sealed(runs, *made).id
    name = data.draw(st.sampled_from([MANIFEST, *SEALED]))
    whole = (folder / name).read_bytes()
    start = data.draw(st.integers(0, len(whole)))
    end = data.draw(st.integers(start, min(len(whole), start + 4)))
    damage = whole[:start] + data.draw(st.binary(max_size=4)) + whole[end:]
    (folder / name).write_bytes(damage)
    if damage == whole:
        read_run(folder)
    else:
        with pytest.raises(EvidenceError):
            read_run(folder)


def test_missing_and_extra_files_are_all_named(tmp_path: Path) -> None:
    folder = tmp_path / sealed(tmp_path).id
    (folder / TIMINGS).unlink()
    (folder / "notes\x1b.txt").write_text("x")
    with pytest.raises(
        EvidenceError, match=r"2 faults\n  notes\\x1b.txt does not belong .*\n  timings.jsonl is miss"
    ):
        read_run(folder)
    (folder / MANIFEST).unlink()
    with pytest.raises(EvidenceError, match=r"run.json: is missing"):
        read_run(folder)
    with pytest.raises(EvidenceError, match="there is no such run"):
        read_run(tmp_path / "nothing")


def forged(folder: Path, change: Callable[[dict[str, Any]], object], **files: bytes) -> None:
    """The run changed, with every digest, the id and the seal made to fit, as a forger would."""
    document = json.loads((folder / MANIFEST).read_bytes())
    for stem, data in files.items():
        name = {"cases": CASES, "traces": TRACES, "timings": TIMINGS, "lock": LOCK}[stem]
        (folder / name).write_bytes(data)
        listing = document["beside"]["timings"] if stem == "timings" else document["files"][name]
        listing.update(digest=sha256(data).hexdigest(), size=len(data))
        if "lines" in listing:
            listing["lines"] = data.count(b"\n")
    change(document)
    document["id"] = run_id(document)
    (folder / MANIFEST).write_bytes(manifest_bytes(document))


def nothing(document: dict[str, Any]) -> None:
    pass


HEADS: list[tuple[str, Any]] = [
    ("suite", 1), ("cases", "x"), ("repeats", 0), ("repeats", True), ("epoch", -1), ("stack", "a" * 64),
    ("deterministic", 0), ("selection", None), ("more", 1),
]  # fmt: skip


@pytest.mark.parametrize(("key", "value"), HEADS, ids=lambda one: str(one)[:12])
def test_a_forged_head_is_refused(tmp_path: Path, key: str, value: object) -> None:
    run = sealed(tmp_path / "runs")
    folder = (tmp_path / "runs" / run.id).rename(tmp_path / "forged")
    forged(folder, lambda document: document["head"].update({key: value}))
    with pytest.raises(EvidenceError):
        read_run(folder)


def test_forged_lines_are_refused(tmp_path: Path) -> None:
    run = sealed(tmp_path / "runs")
    folder = (tmp_path / "runs" / run.id).rename(tmp_path / "forged")
    assert read_run(folder).id == run.id  # a name that is no id may be anything
    cases, traces, timings = ((folder / one).read_bytes() for one in (CASES, TRACES, TIMINGS))
    first = traces[: traces.index(b"\n") + 1]
    attempts: list[tuple[str, dict[str, bytes]]] = [
        ("row is not the one of its digest", {"cases": cases.replace(b"why 3?", b"why 4?")}),
        ("row is not the one of its digest", {"cases": cases.replace(b'{"digest"', b'{ "digest"', 1)}),
        ("stands twice or out of order", {"cases": cases + cases[: cases.index(b"\n") + 1]}),
        ("expected 6 outcomes", {"traces": traces[len(first) :]}),
        ("another outcome", {"traces": traces.replace(b'"k3"', b'"k4"')}),
        ("another outcome", {"timings": timings.replace(b'"k3"', b'"k4"')}),
        ("took_ms is no time", {"timings": timings.replace(b"1.5", b"-15", 1)}),
        ("not JSON", {"timings": timings.replace(b"1.5", b"NaN", 1)}),
        ("not JSON", {"traces": traces.replace(b'"because k3"', b"1e999")}),
        ("not JSON", {"traces": traces.replace(b'"because k3"', b"9" * 400)}),
        ("not JSON", {"traces": traces.replace(b'"because k3"', b"[" * 100_000)}),
        ("is no outcome", {"traces": traces.replace(b'"error":"",', b"", 1)}),
        ("yet no output", {"traces": traces.replace(b'"ok"', b'"lost"', 1)}),
        ("holds 7 lines, expected 6", {"traces": traces + b"{}"}),
    ]
    for what, files in attempts:
        forged(folder, nothing, cases=cases, traces=traces, timings=timings)
        forged(folder, nothing, **files)
        with pytest.raises(EvidenceError) as caught:
            read_run(folder)
        assert what in str(caught.value)
    forged(folder, nothing, cases=cases, traces=traces, timings=timings, lock=rendered(stack("m2")))
    with pytest.raises(EvidenceError, match="is not the stack that the run is sealed with"):
        read_run(folder)


def test_a_newer_format_says_so(tmp_path: Path) -> None:
    folder = tmp_path / sealed(tmp_path).id
    document = json.loads((folder / MANIFEST).read_bytes())
    (folder / MANIFEST).write_bytes(manifest_bytes({**document, "format": 2}))
    with pytest.raises(EvidenceError, match="format 2; this stopship reads format 1"):
        read_run(folder)


def test_a_run_in_the_folder_of_another_is_refused(tmp_path: Path) -> None:
    run = sealed(tmp_path)
    (tmp_path / run.id).rename(tmp_path / ("0" * 64))
    with pytest.raises(EvidenceError, match="not that of its name"):
        read_run(tmp_path / ("0" * 64))


def test_the_lock_of_a_run_is_a_lock(tmp_path: Path) -> None:
    assert read_lock(tmp_path / sealed(tmp_path).id / LOCK) == HEAD.stack


def test_outcomes_must_be_exactly_the_planned_ones(tmp_path: Path) -> None:
    odd = Outcome(key="zz", trace={})
    with pytest.raises(EvidenceError) as caught:
        sealed(tmp_path, outcomes=[*OUTCOMES[1:], OUTCOMES[1], odd])
    said = str(caught.value)
    assert "1 outputs are missing: 'k0'" in said
    assert "not planned: 'zz'" in said
    assert "more than once: 'k1'" in said
    with pytest.raises(EvidenceError, match="'k0' sample 1"):
        sealed(tmp_path, head=replace(HEAD, repeats=2))
    assert find_runs(tmp_path) == []


def test_rows_must_be_the_planned_ones(tmp_path: Path) -> None:
    with pytest.raises(EvidenceError, match="case 'k0': its row has the digest"):
        sealed(tmp_path, rows={**ROWS, "k0": {"question": "another"}})
    with pytest.raises(EvidenceError, match="1 planned cases have no row: 'k5'"):
        sealed(tmp_path, rows={key: row for key, row in ROWS.items() if key != "k5"})
    with pytest.raises(EvidenceError, match="rows are of no planned case: 'new'"):
        sealed(tmp_path, rows={**ROWS, "new": {}})


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 2**53, 2**60, {1: 2}, {"a"}, b"x"])
def test_values_that_json_cannot_keep_are_refused_with_key_and_path(tmp_path: Path, value: object) -> None:
    bad = replace(OUTCOMES[2], trace={"usage": {"tokens": [1, value]}})
    with pytest.raises(EvidenceError, match=r"case 'k2', sample 0, trace: \$\.usage\.tokens\[1\]"):
        sealed(tmp_path, outcomes=[bad if one.key == "k2" else one for one in OUTCOMES])
    with pytest.raises(EvidenceError, match=r"provenance: \$\.beside\.provenance\.seed"):
        seal_run(tmp_path, HEAD, ROWS, OUTCOMES, provenance={"seed": value})
    planned = {**HEAD.planned, "k2": "0" * 64}
    with pytest.raises(EvidenceError, match=r"case 'k2', row: \$\.n"):
        sealed(tmp_path, head=replace(HEAD, planned=planned), rows={**ROWS, "k2": {"n": value}})


@pytest.mark.parametrize("took", [float("nan"), float("inf"), -1.0, True])
def test_a_time_that_is_none_is_refused(tmp_path: Path, took: float) -> None:
    with pytest.raises(EvidenceError, match="case 'k0': took_ms is"):
        sealed(tmp_path, outcomes=[replace(OUTCOMES[0], took_ms=took), *OUTCOMES[1:]])


def test_a_head_that_no_run_can_have_is_refused(tmp_path: Path) -> None:
    heads = [replace(HEAD, cases="x"), replace(HEAD, repeats=0), replace(HEAD, epoch=-1)]
    for head in [*heads, replace(HEAD, stack=stack_of([]))]:
        with pytest.raises(EvidenceError, match="the run: "):
            sealed(tmp_path, head=head)
    with pytest.raises(EvidenceError, match="lost, and yet has a trace"):
        sealed(tmp_path, outcomes=[replace(OUTCOMES[0], status=Status.LOST), *OUTCOMES[1:]])


def test_an_equal_run_is_reused_and_a_damaged_one_is_an_error(tmp_path: Path) -> None:
    run = sealed(tmp_path)
    before = files_of(tmp_path / run.id)
    inode = (tmp_path / run.id).stat().st_ino
    assert sealed(tmp_path) == run
    assert files_of(tmp_path / run.id) == before
    assert (tmp_path / run.id).stat().st_ino == inode
    (tmp_path / run.id / TRACES).write_bytes(b"")
    with pytest.raises(EvidenceError, match=r"traces\.jsonl is damaged"):
        sealed(tmp_path)
    assert [one.name for one in tmp_path.iterdir()] == [run.id]


def test_what_cannot_be_read_back_is_never_filed(tmp_path: Path) -> None:
    run = sealed(tmp_path / "a")
    files = {name: [data] for name, data in files_of(tmp_path / "a" / run.id).items()}
    for broken in ({**files, TRACES: []}, {**files, "more": []}):
        with pytest.raises(EvidenceError):
            file_run(tmp_path / "b", run.id, broken)
    with pytest.raises(EvidenceError, match="what was to be filed is the run"):
        file_run(tmp_path / "b", "0" * 64, files)
    assert list((tmp_path / "b").iterdir()) == []


def test_a_folder_that_cannot_be_written_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="cannot be written"):
        sealed(tmp_path / "file" / "runs")


def test_an_id_that_does_not_follow_from_the_contents_is_refused(tmp_path: Path) -> None:
    run = sealed(tmp_path)
    folder = (tmp_path / run.id).rename(tmp_path / ("0" * 64))
    document = json.loads((folder / MANIFEST).read_bytes())
    (folder / MANIFEST).write_bytes(manifest_bytes({**document, "id": "0" * 64}))
    with pytest.raises(EvidenceError, match="its id is not that of its head and files"):
        read_run(folder)
