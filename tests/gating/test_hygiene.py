"""Which runs may be a baseline: not one that chose its cases, nor the one that won; a choice is flagged."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.families import first_fast
from tests.gating.making import TODAY, Made, make
from tests.gating.test_draws import noisy

from stopship.errors import EvidenceError, UsageError
from stopship.gating.accepting import Decision, accept
from stopship.gating.replay import planned
from stopship.gating.stacking import answering
from stopship.model.run import Run
from stopship.model.verdict import Verdict
from stopship.store.pointer import parsed_pointer, read_pointer, rendered_pointer
from stopship.store.runs import seal_run

SELECTED = '[columns]\nselected_by = "selected_by"\n[decide]'


def chosen_by(made: Made, run: str, *keys: str) -> None:
    """Say in the labels which run's outputs chose these cases."""
    rows = made.rows("labels.jsonl")
    named = [{**one, "selected_by": run if one["key"] in keys else ""} for one in rows]
    made.write_rows("labels.jsonl", named)
    if "selected_by" not in made.file.read_text("utf-8"):
        made.edit("suite.toml", "[decide]", SELECTED)


def baseline_of(made: Made) -> str:
    accepted = made.place.pointer().baseline
    assert accepted is not None
    return accepted.run


@pytest.mark.parametrize("digits", [8, 12, 64])
def test_a_baseline_whose_outputs_chose_a_case_is_void(tmp_path: Path, digits: int) -> None:
    made = make(tmp_path / "s")
    assert made.gate().verdict is Verdict.SHIP
    chosen_by(made, baseline_of(made)[:digits], "c07", "c09")
    record = made.gate()
    assert record.verdict is Verdict.VOID
    assert "chose 2 cases ('c07', 'c09'), so it is no baseline" in record.reasons[0]


def test_cases_that_another_run_chose_are_no_fault(tmp_path: Path) -> None:
    made = make(tmp_path / "s")
    chosen_by(made, "0123456789abcdef", "c07")
    assert made.gate().verdict is Verdict.SHIP


@pytest.mark.parametrize("odd", ["0123456", "tomorrow", "0123456Z", 7])
def test_a_cell_that_names_no_run_is_void(tmp_path: Path, odd: Any) -> None:
    made = make(tmp_path / "s")
    chosen_by(made, odd, "c07")
    record = made.gate()
    assert record.verdict is Verdict.VOID
    assert "names no run" in record.reasons[0]


def test_a_column_that_no_case_has_is_a_fault_of_the_suite(tmp_path: Path) -> None:
    made = make(tmp_path / "s")
    made.edit("suite.toml", "[decide]", SELECTED)
    with pytest.raises(UsageError, match="the selected_by column 'selected_by' is in no case"):
        made.open()


def test_the_run_that_chose_a_case_is_not_accepted(tmp_path: Path) -> None:
    made = noisy(tmp_path / "s", is_accepted=False, rules="")
    run = made.replay()
    chosen_by(made, run.id, "c07")
    with pytest.raises(EvidenceError, match="so it is no baseline"):
        made.accept(run)
    done = made.accept(made.replay(fresh=True))
    assert done.run.id != run.id


def test_an_anchor_that_chose_a_case_is_void(tmp_path: Path) -> None:
    made = make(tmp_path / "s", anchor=', anchor_margin = "30pt"')
    made.stack("next", wrong=["c30"])
    made.accept(made.replay("next"), stack="next")
    anchor = made.place.pointer().anchor
    assert anchor is not None
    chosen_by(made, anchor.run, "c07")
    record = made.gate("next")
    assert record.verdict is Verdict.VOID
    assert "the outputs of the anchor" in record.reasons[0]


def accepting(made: Made, run: Run, kept: Run) -> None:
    accept(made.open(), made.place, run, Decision(because="it won", today=TODAY), lambda: kept)


def test_the_run_that_won_is_never_the_baseline_of_a_target_that_varies(tmp_path: Path) -> None:
    made = noisy(tmp_path / "s", rules="")
    run = made.replay(fresh=True)
    done = made.accept(run)
    assert done.is_redrawn
    assert done.run.head.epoch != run.head.epoch
    assert baseline_of(made) == done.run.id != run.id


def test_a_redraw_that_is_the_winner_or_of_its_draw_or_of_another_stack_is_refused(tmp_path: Path) -> None:
    made = noisy(tmp_path / "s", rules="")
    run = made.replay(fresh=True)
    more = made.replay(repeats=2)
    made.stack("other", draws=10_000)
    for kept in (run, more, made.replay("other")):
        with pytest.raises(EvidenceError):
            accepting(made, run, kept)
    assert baseline_of(made) != run.id


def test_the_winner_sealed_as_deterministic_or_as_recorded_is_refused(tmp_path: Path) -> None:
    made = noisy(tmp_path / "s", rules="")
    run = made.replay(fresh=True)
    for change in ({"deterministic": True}, {"deterministic": True, "target": "recorded"}):
        head = replace(run.head, **change)
        odd = seal_run(made.place.runs, head, run.rows, run.outcomes, provenance={})
        with pytest.raises(EvidenceError, match="a VOID run cannot be accepted"):
            made.accept(odd)


def test_a_run_held_against_itself_is_void_however_it_is_named(tmp_path: Path) -> None:
    made = noisy(tmp_path / "s", rules="")
    run = made.replay(fresh=True)
    record = made.judge(run, baseline=run)
    assert record.verdict is Verdict.VOID
    assert "one draw says nothing about another" in record.reasons[0]
    assert made.judge(made.place.kept(baseline_of(made))).verdict is Verdict.VOID


def test_a_baseline_picked_among_several_draws_is_flagged(tmp_path: Path) -> None:
    made = noisy(tmp_path / "s", is_accepted=False, rules="")
    made.replay()
    made.replay(repeats=2)
    made.shard(1, 3)
    one = made.accept(made.replay())
    assert one.picked_among == 1
    made.replay(fresh=True)
    made.replay(fresh=True)
    last = made.replay(fresh=True)
    done = made.accept(last)
    assert done.picked_among == 4
    assert read_pointer(made.place.pointer_path).baseline.picked_among == 4  # type: ignore[union-attr]
    notes = made.judge(made.replay(fresh=True)).notes
    assert any("picked among 4 sealed runs of its stack and cases" in note for note in notes)


def test_a_deterministic_target_has_nothing_to_pick_from(tmp_path: Path) -> None:
    made = make(tmp_path / "s")
    assert made.accept(made.replay()).picked_among == 1
    assert "picked_among" not in made.place.pointer_path.read_text("utf-8")


@pytest.mark.parametrize("odd", [1, 0, -2, "3", True, None, 2.0])
def test_a_pointer_says_a_number_of_runs_or_nothing(tmp_path: Path, odd: Any) -> None:
    made = make(tmp_path / "s")
    pointer = made.place.pointer()
    assert pointer.baseline is not None
    told = replace(pointer, baseline=replace(pointer.baseline, picked_among=3))
    assert parsed_pointer(rendered_pointer(told), "x") == told
    document = json.loads(rendered_pointer(pointer))
    assert "picked_among" not in document["baseline"]
    document["baseline"]["picked_among"] = odd
    with pytest.raises(EvidenceError, match="picked_among"):
        parsed_pointer(json.dumps(document).encode(), "x")


def many(folder: Path, anchor: str) -> Made:
    """Four hundred cases, a margin of 3 points, and a stack for each of ten small losses."""
    made = make(folder, is_accepted=False, rules="", anchor=anchor)
    made.edit("suite.toml", 'margin = "20pt"', 'margin = "3pt"')
    cases = [{"key": f"k{i:03d}", "asked": f"q{i}", "lang": "en", "tag": ""} for i in range(400)]
    made.write_rows("cases.jsonl", cases)
    made.write_rows("labels.jsonl", [{"key": row["key"], "wanted": row["asked"]} for row in cases])
    for step in range(1, 11):
        made.stack(f"step{step}", wrong=[f"k{i:03d}" for i in range(4 * step)])
    made.accept(made.replay())
    return made


def chain(made: Made) -> list[Verdict]:
    """Ten losses of one point each, every one accepted that may be."""
    verdicts = []
    for step in range(1, 11):
        record = made.gate(f"step{step}")
        verdicts.append(record.verdict)
        if record.verdict is not Verdict.SHIP:
            broken = {one.kind for one in record.findings if one.is_broken or one.holds}
            assert broken == {"anchor"}
            break
        made.accept(made.replay(f"step{step}"), stack=f"step{step}")
    return verdicts


@pytest.mark.parametrize("anchor", first_fast([', anchor_margin = "6pt"', ""]), ids=["with", "without"])
def test_ten_losses_of_a_point_pass_one_by_one_and_the_anchor_ends_them(tmp_path: Path, anchor: str) -> None:
    verdicts = chain(many(tmp_path / "s", anchor))
    if not anchor:
        assert verdicts == [Verdict.SHIP] * 10
    else:
        assert 3 <= len(verdicts) <= 7
        assert verdicts[-1] is not Verdict.SHIP


def test_ten_losses_at_once_are_stopped_by_the_anchor_though_the_last_point_alone_passes(
    tmp_path: Path,
) -> None:
    made = many(tmp_path / "s", "")
    for step in range(1, 10):
        made.accept(made.replay(f"step{step}"), stack=f"step{step}")
    assert made.gate("step10").verdict is Verdict.SHIP
    made.edit("suite.toml", 'margin = "3pt"', 'margin = "3pt", anchor_margin = "5pt"')
    record = made.gate("step10")
    assert record.verdict is Verdict.STOP
    assert {one.kind for one in record.findings if one.is_broken} == {"anchor"}


def test_a_redrawn_baseline_may_have_more_outputs_than_the_candidate(tmp_path: Path) -> None:
    made = noisy(tmp_path / "s", is_accepted=False, rules="")
    opened = made.open()
    plan = planned(opened, made.place, answering(made.folder / "stack.toml"))
    assert plan.head.repeats == 1
    run = made.replay()
    accepting(made, run, made.replay(epoch=5, repeats=3))
    assert made.place.kept(baseline_of(made)).head.repeats == 3
    assert made.judge(made.replay(fresh=True)).verdict is Verdict.SHIP
