"""Runs are found by the beginning of their ids, and shards make the run that they are parts of."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from time import process_time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.examples import tries

from stopship.errors import EvidenceError, UsageError
from stopship.model.run import Outcome, Run, RunHead, case_digest
from stopship.model.stack import Kind, Pin, Stack, content_of, stack_of
from stopship.store.runs import find_runs, merged, read_run, resolve, seal_run


def stack(version: str = "m1") -> Stack:
    pin = Pin(axis="model", version=version, kind=Kind.VERSION, content=content_of(Kind.VERSION, []))
    return stack_of([pin])


ROWS = {f"k{i}": {"question": f"why {i}? \ud83d", "n": 1e20} for i in range(6)}
PLANNED = {key: case_digest(row) for key, row in ROWS.items()}
HEAD = RunHead(suite="support", target="app.py:answer", cases="c" * 64, planned=PLANNED, stack=stack())


def sealed(folder: Path, keys: Sequence[str] = tuple(ROWS), head: RunHead = HEAD) -> Run:
    outcomes = [
        Outcome(key=key, sample=sample, trace={"output": key, "n": 1e20})
        for key in keys
        for sample in range(head.repeats)
    ]
    part = replace(head, planned={key: PLANNED[key] for key in keys})
    return seal_run(folder, part, {key: ROWS[key] for key in keys}, outcomes, provenance={})


@settings(max_examples=tries(30), deadline=None)
@given(st.lists(st.integers(1, 3), min_size=6, max_size=6), st.integers(1, 2), st.permutations([1, 2, 3]))
def test_shards_make_the_undisturbed_run(
    tmp_path_factory: pytest.TempPathFactory, shard_of: list[int], repeats: int, order: list[int]
) -> None:
    folder = tmp_path_factory.mktemp("runs")
    head = replace(HEAD, repeats=repeats)
    shards = [
        sealed(
            folder,
            [key for key, one in zip(ROWS, shard_of, strict=True) if one == index],
            replace(head, selection=f"shard {index}/3"),
        )
        for index in order
    ]
    whole = sealed(folder, head=head)
    made = merged(shards, PLANNED)
    assert replace(made, place="") == replace(whole, place="")


def test_lacking_shards_leave_a_partial_run(tmp_path: Path) -> None:
    part = sealed(tmp_path, ["k0", "k1"], replace(HEAD, selection="shard 1/3"))
    made = merged([part], PLANNED)
    assert made.head.selection == "2 of 6 cases"
    assert made.id != sealed(tmp_path).id


def test_what_a_person_did_to_the_plan_stays_said(tmp_path: Path) -> None:
    mark = "pins replaced by hand: prompt"
    shards = [
        sealed(tmp_path, keys, replace(HEAD, selection=f"shard {index}/2; {mark}"))
        for index, keys in enumerate((["k0", "k1", "k2"], ["k3", "k4", "k5"]), 1)
    ]
    assert merged(shards, PLANNED).head.selection == mark
    bare = sealed(tmp_path, ["k3", "k4", "k5"], replace(HEAD, selection="shard 2/2"))
    with pytest.raises(EvidenceError, match="not selected alike"):
        merged([shards[0], bare], PLANNED)


def test_a_case_in_two_shards_is_an_error(tmp_path: Path) -> None:
    one, two = sealed(tmp_path, ["k0", "k1"]), sealed(tmp_path, ["k1", "k2"])
    with pytest.raises(EvidenceError, match="case 'k1' stands in two shards"):
        merged([one, two], PLANNED)
    with pytest.raises(EvidenceError, match="stands in two shards"):
        merged([one, one], PLANNED)
    with pytest.raises(UsageError, match="no run to merge"):
        merged([], PLANNED)


@pytest.mark.parametrize(
    "change",
    [
        {"suite": "x"}, {"target": "x"}, {"cases": "d" * 64}, {"stack": stack("m2")}, {"repeats": 2},
        {"epoch": 1}, {"deterministic": True},
    ],
    ids=lambda one: next(iter(one)),
)  # fmt: skip
def test_runs_of_other_plans_are_no_shards(tmp_path: Path, change: dict[str, object]) -> None:
    other = sealed(tmp_path, ["k3"], replace(HEAD, **change))  # type: ignore[arg-type]  # one field each
    with pytest.raises(EvidenceError, match=f"no shards of one plan\n.*{next(iter(change))} is "):
        merged([sealed(tmp_path, ["k0"]), other], PLANNED)


def test_cases_that_the_suite_no_longer_has_are_refused(tmp_path: Path) -> None:
    run = sealed(tmp_path)
    with pytest.raises(EvidenceError, match="1 cases are not, or no longer, those of the suite: 'k5'"):
        merged([run], {key: one for key, one in PLANNED.items() if key != "k5"})
    with pytest.raises(EvidenceError, match="'k5'"):
        merged([run], {**PLANNED, "k5": "0" * 64})


def test_a_run_is_named_by_the_beginning_of_its_id_or_its_path(tmp_path: Path) -> None:
    run = sealed(tmp_path / "store")
    sealed(tmp_path / "cache")
    folders = [tmp_path / "none", tmp_path / "store", tmp_path / "cache"]
    folder = tmp_path / "store" / run.id
    for name in (run.id, run.short, run.id[:4], run.id.upper(), str(folder)):
        assert resolve(name, folders) == folder
    assert find_runs(tmp_path / "store") == [run.id]
    assert find_runs(tmp_path / "none") == []
    for name in (run.id[:3], "zzzz", "", "..", "\0", "x" * 5000, "\x1b[31m"):
        with pytest.raises(UsageError, match=f"there are: {run.short}") as caught:
            resolve(name, folders)
        assert "\x1b" not in str(caught.value)
    with pytest.raises(UsageError, match="there are no runs yet"):
        resolve("abcd", [tmp_path / "none"])


def test_an_ambiguous_beginning_lists_at_most_ten(tmp_path: Path) -> None:
    for index in range(12):
        (tmp_path / f"abcd{index:060x}").mkdir()
    (tmp_path / ".stopship-1.tmp").mkdir()
    with pytest.raises(UsageError, match=r"'abcd' means 12 runs") as caught:
        resolve("abcd", [tmp_path])
    assert caught.value.do.count("abcd") == 10
    assert "(12 in all)" in caught.value.do


@pytest.mark.slow
def test_ten_thousand_outcomes_are_read_at_the_speed_of_json(tmp_path: Path) -> None:
    rows = {f"case-{i:05d}": {"question": "why " * 60, "n": i} for i in range(10_000)}
    head = replace(HEAD, planned={key: case_digest(row) for key, row in rows.items()})
    outcomes = [Outcome(key=key, trace={"output": "because " * 200}, took_ms=12.5) for key in rows]
    run = seal_run(tmp_path, head, rows, outcomes, provenance={})
    tables = [path.read_bytes() for path in (tmp_path / run.id).glob("*.jsonl")]
    ours, plain = [], []
    for _ in range(3):
        started = process_time()
        found = read_run(tmp_path / run.id)
        ours.append(process_time() - started)
        started = process_time()
        for table in tables:
            assert [json.loads(line) for line in table.splitlines()]
        plain.append(process_time() - started)
    assert found == run
    assert min(ours) < 10 * min(plain)
