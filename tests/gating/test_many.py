"""A suite whose cases and outputs lie on the disk gives what it gives in memory, to the byte."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.gating.making import TODAY, Made, make

from stopship.errors import EvidenceError
from stopship.gating.drawing import joined
from stopship.gating.epochs import Draw
from stopship.gating.performing import replay
from stopship.gating.replay import planned
from stopship.gating.selection import Selection
from stopship.gating.stacking import answering
from stopship.model.run import Run
from stopship.report.jsonrecord import render
from stopship.store import lines
from stopship.store.journal import Journal
from stopship.store.runlines import Outcomes
from stopship.store.runs import merged, read_run

BAD: dict[str, Any] = {
    "wrong": ["c05", "c07", "c09"],
    "raise": ["c11"],
    "lost": ["c13"],
    "extra": {"usage": {"output": 7}},
}


def spilled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "MOST", 0)


def record(made: Made, run: Run) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(render(made.judge(run)))
    return found


@pytest.mark.parametrize("replaying", ["deterministic = true", "repeats = 3\ndeterministic = false"])
def test_run_and_verdict_are_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, replaying: str
) -> None:
    told = []
    for folder, prepare in (("a", lambda _: None), ("b", spilled)):
        prepare(monkeypatch)
        made = make(tmp_path / folder / "s", replay=replaying)
        made.stack("stack", **BAD)
        run = made.replay(fresh=True)
        told.append((run.id, record(made, run), list(run.rows), [one.key for one in run.outcomes]))
        assert isinstance(run.outcomes, tuple) == (folder == "a")
    assert told[0] == told[1]


def test_a_sealed_run_is_equal_however_it_is_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = make(tmp_path / "s", is_accepted=False, **BAD)
    run = made.replay()
    spilled(monkeypatch)
    again = read_run(made.place.runs / run.id)
    assert isinstance(again.outcomes, Outcomes)
    assert again == run
    assert run == again
    assert again.outcomes[3:5] == run.outcomes[3:5]
    assert again.outcomes[-1] == run.outcomes[-1]
    assert again.outcomes != run.outcomes[1:]
    assert replace(again, outcomes=(*again.outcomes[1:], again.outcomes[0])) != run


def test_shards_merge_to_the_same_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = make(tmp_path / "s", is_accepted=False, **BAD)
    whole = made.replay(fresh=True)
    spilled(monkeypatch)
    parts = [made.shard(index, 3) for index in (3, 1, 2)]
    found = merged(parts, made.open().case_digests)
    assert found.id == whole.id
    assert [replace(one, took_ms=None) for one in found.outcomes] == [
        replace(one, took_ms=None) for one in whole.outcomes
    ]


def broken_off(made: Made, at: int) -> None:
    """A replay that files some outputs and ends as if it were killed."""
    plan = planned(made.open(), made.place, answering(made.folder / "stack.toml"))

    def tell(done: int, _total: int) -> None:
        if done == at:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        replay(plan, tell=tell)


@pytest.mark.parametrize("prepare", [lambda _: None, spilled])
def test_going_on_seals_what_an_undisturbed_replay_seals(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, prepare: Callable[[pytest.MonkeyPatch], None]
) -> None:
    prepare(monkeypatch)
    whole = make(tmp_path / "a" / "s", is_accepted=False).replay()
    made = make(tmp_path / "b" / "s", is_accepted=False)
    broken_off(made, 17)
    assert made.replay(resume=True).id == whole.id


def test_a_filed_outcome_that_is_changed_before_it_is_sealed_is_damage(tmp_path: Path) -> None:
    made = make(tmp_path / "s", is_accepted=False)
    plan = planned(made.open(), made.place, answering(made.folder / "stack.toml"))
    path = plan.journal_folder / "journal.jsonl"

    def tell(done: int, total: int) -> None:
        if done == total:
            with path.open("r+b") as file:
                text = file.read()
                file.seek(text.index(b'"q3"'))
                file.write(b'"q4"')

    with pytest.raises(EvidenceError, match="damaged: the line is not that of its digest"):
        replay(plan, tell=tell)
    assert not plan.place.runs.exists() or list(plan.place.runs.iterdir()) == []


def test_the_journal_of_a_plan_tells_what_was_filed_though_it_is_gone(tmp_path: Path) -> None:
    made = make(tmp_path / "s", is_accepted=False)
    broken_off(made, 9)
    plan = planned(made.open(), made.place, answering(made.folder / "stack.toml"))
    with Journal(plan.journal_folder, plan.identity) as journal:
        filed = journal.filed()
        keys = [key for key, _ in filed]
        journal.finish()
        assert [one.key for one in filed.values()] == keys
        assert len(keys) >= 9


def test_a_gate_over_runs_on_the_disk_is_dated_and_decided_alike(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = make(tmp_path / "s")
    run = made.replay(fresh=True)
    first = made.judge(run, today=TODAY)
    spilled(monkeypatch)
    assert made.judge(read_run(made.place.runs / run.id), today=TODAY).verdict is first.verdict


@pytest.mark.parametrize("prepare", [lambda _: None, spilled])
def test_a_run_with_further_outputs_has_them_by_key_then_sample(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, prepare: Callable[[pytest.MonkeyPatch], None]
) -> None:
    prepare(monkeypatch)
    made = make(tmp_path / "s", replay="deterministic = false", is_accepted=False)
    whole = made.replay()
    further = made.replay(selection=Selection(keys=("c03", "c50")), repeats=2, draw=Draw(purpose="more"))
    found = joined(whole, further)
    places = [(one.key, one.sample) for one in found.outcomes]
    assert places == sorted(places)
    assert len(places) == len(whole.outcomes) + 4
    assert [sample for key, sample in places if key == "c50"] == [0, 1, 2]
