"""Evidence of a network target under `fresh`: what is too old is drawn anew, or VOID; never judged."""

import os
import time
from pathlib import Path
from typing import Any

import pytest
from tests.gating.making import TODAY, Made, make
from tests.gating.test_draws import asked

from stopship.errors import EvidenceError, UsageError
from stopship.gating.accepting import Accepting, Decision, accept
from stopship.gating.epochs import Draw
from stopship.gating.performing import replay
from stopship.gating.replay import Replayed, planned
from stopship.gating.selection import Selection
from stopship.gating.stacking import answering
from stopship.model.run import Run
from stopship.model.verdict import Verdict
from stopship.store.runs import merged

DAY = 86_400
NOW = int(time.time())
FRESH = 'network = true\nfresh = "7d"'


def networked(folder: Path, **how: Any) -> Made:
    return make(folder, **{"replay": FRESH, "draws": 10_000, "is_accepted": False, "rules": "", **how})


def drawn(made: Made, at: int | None, *, now: int | None = NOW, **how: Any) -> Replayed:
    """A replay that says it was started at a time; `now` is when it is asked for."""
    plan = planned(made.open(), made.place, answering(made.folder / "stack.toml"), now=now, **how)
    return replay(plan, resume=True, provenance={} if at is None else {"started": at})


def accepted(made: Made, run: Run, *, at: int) -> Accepting:
    decision = Decision(because="reviewed", today=TODAY, now=at)
    redraw = Draw(purpose=f"accept {run.id}")
    return accept(made.open(), made.place, run, decision, lambda: drawn(made, at, now=None, draw=redraw).run)


def test_a_run_says_when_it_was_drawn_and_its_id_does_not(tmp_path: Path) -> None:
    made = make(tmp_path / "s", is_accepted=False)
    run = drawn(made, 1000).run
    assert run.started == 1000
    assert made.place.run(run.id).started == 1000
    other = make(tmp_path / "t", is_accepted=False)
    assert drawn(other, 2000).run.id == run.id


@pytest.mark.parametrize("told", [None, "soon", True, -1, 1.5])
def test_a_run_that_tells_no_time_has_none(tmp_path: Path, told: Any) -> None:
    made = networked(tmp_path / "s")
    plan = planned(made.open(), made.place, answering(made.folder / "stack.toml"))
    assert replay(plan, provenance={"started": told}).run.started is None


def test_an_old_candidate_is_void_with_its_age(tmp_path: Path) -> None:
    made = networked(tmp_path / "s")
    accepted(made, drawn(made, NOW).run, at=NOW)
    run = drawn(made, NOW - 9 * DAY, draw=Draw(is_new=True)).run
    record = made.judge(run, now=NOW)
    assert record.verdict is Verdict.VOID
    assert (
        "was drawn 9 days ago, and evidence of this target is fresh for 7 days: replay again"
        in (record.reasons[0])
    )


def test_a_candidate_within_the_age_is_judged(tmp_path: Path) -> None:
    made = networked(tmp_path / "s")
    accepted(made, drawn(made, NOW).run, at=NOW)
    run = drawn(made, NOW - 6 * DAY, draw=Draw(is_new=True)).run
    assert made.judge(run, now=NOW).verdict is Verdict.SHIP


def test_an_unknown_or_future_age_is_void_and_so_is_a_gate_without_a_clock(
    tmp_path: Path,
) -> None:
    made = networked(tmp_path / "s")
    good = drawn(made, NOW).run
    accepted(made, good, at=NOW)
    unknown = drawn(made, None, draw=Draw(is_new=True)).run
    assert "does not say when" in made.judge(unknown, now=NOW).reasons[0]
    assert "nobody says what time it is" in made.judge(good).reasons[0]
    assert "from now, by its own clock" in made.judge(good, now=NOW - 3 * DAY).reasons[0]


def test_a_suite_without_fresh_never_asks_for_an_age(tmp_path: Path) -> None:
    made = networked(tmp_path / "s", replay="network = true")
    accepted(made, drawn(made, None).run, at=5)
    assert made.judge(drawn(made, 5, draw=Draw(is_new=True)).run).verdict is Verdict.SHIP


def test_a_stale_baseline_is_void_and_accepting_anew_is_the_remedy(tmp_path: Path) -> None:
    made = networked(tmp_path / "s")
    accepted(made, drawn(made, NOW - 9 * DAY, now=None).run, at=NOW - 9 * DAY)
    run = drawn(made, NOW, draw=Draw(is_new=True)).run
    record = made.judge(run, now=NOW)
    assert record.verdict is Verdict.VOID
    assert "the baseline" in record.reasons[0]
    assert "accept anew: stopship replay SUITE --fresh" in record.reasons[0]
    accepted(made, run, at=NOW)
    assert made.judge(drawn(made, NOW, draw=Draw(is_new=True)).run, now=NOW).verdict is Verdict.SHIP


def test_an_old_run_cannot_be_accepted(tmp_path: Path) -> None:
    made = networked(tmp_path / "s")
    old = drawn(made, NOW - 9 * DAY).run
    with pytest.raises(EvidenceError, match="was drawn 9 days ago"):
        accepted(made, old, at=NOW)


def test_a_replay_is_not_served_from_an_old_run_and_says_that_it_draws_anew(tmp_path: Path) -> None:
    made = networked(tmp_path / "s")
    old = drawn(made, NOW - 9 * DAY)
    before = asked(made)
    plan = planned(made.open(), made.place, answering(made.folder / "stack.toml"), now=NOW)
    assert "older than 7 days, or of unknown age: it is drawn anew" in plan.renewed
    new = replay(plan, provenance={"started": NOW})
    assert (old.run.head.epoch, new.run.head.epoch) == (0, 1)
    assert asked(made) == 2 * before
    again = drawn(made, NOW)
    assert again.is_served
    assert again.run.id == new.run.id


def test_two_processes_that_find_it_old_begin_one_new_epoch(tmp_path: Path) -> None:
    made = networked(tmp_path / "s")
    drawn(made, NOW - 9 * DAY)
    stack = answering(made.folder / "stack.toml")
    plans = [planned(made.open(), made.place, stack, now=NOW) for _ in range(2)]
    assert [one.head.epoch for one in plans] == [1, 1]


def test_a_run_is_as_old_as_the_oldest_output_that_it_takes_over(tmp_path: Path) -> None:
    made = networked(tmp_path / "s")
    drawn(made, NOW - 5 * DAY, selection=Selection(keys=("c03",)))
    run = drawn(made, NOW).run
    assert run.started == NOW - 5 * DAY
    assert drawn(made, NOW, repeats=2).run.started == NOW - 5 * DAY
    assert planned(made.open(), made.place, answering(made.folder / "stack.toml"), now=NOW + 3 * DAY).renewed


def test_a_replay_that_was_broken_off_is_as_old_as_its_journal(tmp_path: Path) -> None:
    made = networked(tmp_path / "s")
    plan = planned(made.open(), made.place, answering(made.folder / "stack.toml"), now=NOW)
    plan.place.made()
    with plan.journal(lambda _: None) as journal, plan.engine() as engine:
        for outcome in engine.outcomes(list(plan.jobs())[:3]):
            journal.add(outcome)
    began = NOW - 2 * DAY
    os.utime(plan.journal_folder / "begun.json", (began, began))
    assert drawn(made, NOW).run.started == began


def test_shards_are_as_old_as_the_oldest_of_them(tmp_path: Path) -> None:
    made = networked(tmp_path / "s")
    parts = [
        drawn(made, NOW - days * DAY, selection=Selection(shard=(index, 2))).run
        for index, days in ((1, 3), (2, 1))
    ]
    planned_keys = made.open().case_digests
    assert merged(parts, planned=planned_keys).started == NOW - 3 * DAY


def test_fresh_of_a_deterministic_target_is_a_fault(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="answers the same at any time"):
        networked(tmp_path / "s", replay=FRESH + "\ndeterministic = true").open()
