"""Accepting: what may become a baseline, waivers and their end, the anchor, fresh outputs, accidents."""

import errno
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from tests.gating.making import LIMIT, TODAY, Made, key, make

from stopship.errors import EvidenceError, UsageError
from stopship.gating import accepting
from stopship.gating.accepting import Decision, accept
from stopship.model.run import Run
from stopship.model.verdict import Verdict
from stopship.store.runs import seal_run

WRONG = [key(i) for i in range(20, 45)]
UNTIL, AFTER = date(2026, 4, 1), date(2026, 4, 2)
WAIVED: dict[str, Any] = {"waived": ("right",), "until": UNTIL, "because": "index rebuild"}


def test_the_first_accepted_run_is_baseline_and_anchor(tmp_path: Path) -> None:
    made = make(tmp_path / "s")
    pointer = made.place.pointer()
    assert pointer.baseline == pointer.anchor
    assert pointer.baseline is not None
    assert pointer.baseline.verdict == "NEW"
    assert pointer.history == ()


def test_a_suite_that_only_compares_gets_its_first_baseline(tmp_path: Path) -> None:
    made = make(tmp_path / "s", rules="")
    assert made.gate().verdict is Verdict.SHIP


def test_a_first_run_that_breaks_a_promise_is_refused(tmp_path: Path) -> None:
    made = make(tmp_path / "s", is_accepted=False, wrong=["c01"])
    with pytest.raises(UsageError, match="breaks incidents, which need no baseline"):
        made.accept(made.replay())


FIRST: dict[str, Any] = {"until": UNTIL, "because": "known since May"}


def test_a_team_with_a_known_broken_incident_begins_with_a_waiver_for_it(tmp_path: Path) -> None:
    made = make(tmp_path / "s", is_accepted=False, wrong=["c01"])
    with pytest.raises(UsageError, match="--accept-regression incidents --until"):
        made.accept(made.replay())
    done = made.accept(made.replay(), waived=("incidents",), **FIRST)
    assert [(one.rule, one.until) for one in done.waivers] == [("incidents", "2026-04-01")]
    assert made.gate().verdict is Verdict.SHIP
    assert made.gate(today=AFTER).verdict is Verdict.STOP
    made.stack("worse", wrong=["c01", "c02"])
    assert made.gate("worse").verdict is Verdict.STOP
    made.stack("mended")
    mended = made.accept(made.replay("mended"))
    assert [one.rule for one in mended.lifted] == ["incidents"]


def test_a_first_baseline_may_break_a_limit_for_a_time(tmp_path: Path) -> None:
    rules = LIMIT.replace("at_least = 0.3", "at_least = 0.95")
    made = make(tmp_path / "s", rules=rules, is_accepted=False, wrong=[key(i) for i in range(40, 55)])
    with pytest.raises(UsageError, match="breaks mostly-right, which need no baseline"):
        made.accept(made.replay())
    made.accept(made.replay(), waived=("mostly-right",), **FIRST)
    assert made.gate().verdict is Verdict.SHIP
    assert made.gate(today=AFTER).verdict is Verdict.STOP


def test_a_refusal_names_the_whole_waiver(tmp_path: Path) -> None:
    made = make(tmp_path / "s")
    made.stack("bad", wrong=[*WRONG, "c01"])
    whole = "--accept-regression incidents --accept-regression right --until YYYY-MM-DD"
    with pytest.raises(UsageError, match=whole):
        made.accept(made.replay("bad"))
    whole = "--accept-regression right --accept-regression incidents --until YYYY-MM-DD"
    with pytest.raises(UsageError, match=whole):
        made.accept(made.replay("bad"), **WAIVED)


def test_a_void_run_is_refused(tmp_path: Path) -> None:
    made = make(tmp_path / "s")
    with pytest.raises(EvidenceError, match="a VOID run cannot be accepted"):
        made.accept(made.shard(1, 2))
    with pytest.raises(EvidenceError, match="an experiment never ships"):
        made.accept(made.replay(pins=["model=m9"]))


def test_a_reason_must_be_given(tmp_path: Path) -> None:
    made = make(tmp_path / "s")
    with pytest.raises(UsageError, match="--because is blank"):
        made.accept(made.replay(), because=" \n")


@pytest.mark.parametrize(
    ("said", "error"),
    [
        ({}, "this run is a STOP: right got worse"),
        ({"waived": ("right",)}, "a waiver needs a rule and an end"),
        ({"until": UNTIL}, "a waiver needs a rule and an end"),
        ({"waived": ("rihgt",), "until": UNTIL}, "did you mean 'right'"),
        ({"waived": ("incidents",), "until": UNTIL}, "this rule is not broken"),
        ({"waived": ("right",), "until": date(2026, 2, 28)}, "has passed"),
    ],
)
def test_a_stop_needs_each_broken_rule_waived_with_an_end(
    tmp_path: Path, said: dict[str, Any], error: str
) -> None:
    made = make(tmp_path / "s")
    made.stack("bad", wrong=WRONG)
    before = (made.folder / "baseline.json").read_bytes()
    with pytest.raises(UsageError, match=error):
        made.accept(made.replay("bad"), **said)
    assert (made.folder / "baseline.json").read_bytes() == before


def test_every_broken_rule_needs_its_own_waiver(tmp_path: Path) -> None:
    made = make(tmp_path / "s")
    made.stack("bad", wrong=[*WRONG, "c01"])
    with pytest.raises(UsageError, match="incidents got worse"):
        made.accept(made.replay("bad"), **WAIVED)
    both = {**WAIVED, "waived": ("right", "incidents")}
    assert made.accept(made.replay("bad"), **both).record.verdict is Verdict.STOP


def waived(folder: Path, **how: Any) -> Made:
    """A suite whose baseline has a waiver for the rule `right`."""
    made = make(folder / "s", **how)
    made.stack("bad", wrong=WRONG)
    made.accept(made.replay("bad"), **WAIVED)
    return made


def test_a_waiver_in_force_is_printed(tmp_path: Path) -> None:
    made = waived(tmp_path)
    record = made.gate("bad", today=UNTIL)
    assert record.verdict is Verdict.SHIP
    assert "waiver until 2026-04-01 for right: index rebuild" in record.notes


def test_after_a_waiver_the_rule_is_held_to_the_run_before_it(tmp_path: Path) -> None:
    made = waived(tmp_path)
    record = made.gate("bad", today=AFTER)
    assert record.verdict is Verdict.STOP
    assert {one.kind for one in record.findings if one.is_broken} == {"waiver"}
    assert made.gate(today=AFTER).verdict is Verdict.SHIP


def test_a_missing_run_before_a_waiver_is_void_after_its_end(tmp_path: Path) -> None:
    made = waived(tmp_path)
    pointer = made.place.pointer()
    assert pointer.baseline is not None
    shutil.rmtree(made.folder / "store" / "runs" / pointer.baseline.waivers[0].before)
    assert made.gate("bad", today=AFTER).verdict is Verdict.VOID


def test_a_waiver_renewed_is_still_held_to_the_run_before_the_first(tmp_path: Path) -> None:
    made = waived(tmp_path)
    first = made.place.pointer().history[0]
    made.accept(made.replay("bad"), today=AFTER, waived=("right",), until=date(2026, 5, 1))
    again = made.place.pointer().baseline
    assert again is not None
    assert [(one.before, one.until) for one in again.waivers] == [(first.run, "2026-05-01")]


def test_a_run_that_mends_lifts_the_waiver_and_one_that_does_not_keeps_it(tmp_path: Path) -> None:
    made = waived(tmp_path)
    made.stack("other", wrong=WRONG, extra={"citations": []})
    kept = made.accept(made.replay("other"))
    pointer = made.place.pointer()
    assert kept.lifted == ()
    assert pointer.baseline is not None
    assert [one.rule for one in pointer.baseline.waivers] == ["right"]
    mended = made.accept(made.replay())
    assert [one.rule for one in mended.lifted] == ["right"]
    pointer = made.place.pointer()
    assert pointer.baseline is not None
    assert pointer.baseline.waivers == ()


def test_history_keeps_every_baseline_in_order(tmp_path: Path) -> None:
    made = make(tmp_path / "s")
    runs = [made.place.pointer().baseline]
    for name in ("a", "b"):
        made.stack(name)
        made.accept(made.replay(name))
        runs.append(made.place.pointer().baseline)
    assert [*made.place.pointer().history, made.place.pointer().baseline] == runs
    assert made.place.pointer().anchor == runs[0]


def test_a_chain_of_small_losses_is_stopped_by_the_anchor(tmp_path: Path) -> None:
    made = make(tmp_path / "s", anchor=', anchor_margin = "20pt"')
    verdicts = []
    for step in range(1, 9):
        name = f"loss{step}"
        made.stack(name, wrong=[key(i) for i in range(20, 20 + 3 * step)])
        run = made.replay(name)
        record = made.judge(run)
        verdicts.append(record.verdict)
        if record.verdict is Verdict.STOP:
            break
        made.accept(run)
    assert verdicts[0] is Verdict.SHIP
    assert verdicts[-1] is Verdict.STOP
    assert {one.kind for one in record.findings if one.is_broken} == {"anchor"}


def test_a_release_moves_the_anchor(tmp_path: Path) -> None:
    made = make(tmp_path / "s", anchor=', anchor_margin = "20pt"')
    made.stack("a", wrong=["c30"])
    made.accept(made.replay("a"), as_anchor=True)
    pointer = made.place.pointer()
    assert pointer.anchor == pointer.baseline
    assert len(pointer.history) == 1


def test_a_waiver_in_force_covers_the_anchor_too(tmp_path: Path) -> None:
    made = waived(tmp_path, anchor=', anchor_margin = "20pt"')
    assert made.gate("bad", today=UNTIL).verdict is Verdict.SHIP
    record = made.gate("bad", today=AFTER)
    assert {one.kind for one in record.findings if one.is_broken} == {"anchor", "waiver"}


def test_fresh_outputs_become_the_baseline_and_the_winning_run_never_does(tmp_path: Path) -> None:
    made = make(tmp_path / "s", replay="", draws=10_000, is_accepted=False)
    run = made.replay()
    done = made.accept(run)
    pointer = made.place.pointer()
    assert done.is_redrawn
    assert pointer.baseline is not None
    assert pointer.baseline.run == done.run.id != run.id
    assert (run.head.epoch, done.run.head.epoch) == (0, 1)
    assert [one.trace for one in done.run.outcomes] != [one.trace for one in run.outcomes]
    assert made.place.store.list_runs() == [done.run.id]
    assert made.judge(made.replay()).verdict is Verdict.SHIP


def test_a_deterministic_target_is_not_asked_again(tmp_path: Path) -> None:
    made = make(tmp_path / "s", is_accepted=False)
    run = made.replay()

    def never() -> Run:
        raise AssertionError("drawn anew")

    done = accept(made.open(), made.place, run, Decision(because="x", today=TODAY), never)
    assert (done.is_redrawn, done.run.id) == (False, run.id)


def test_a_fresh_draw_that_is_worse_is_refused_and_not_drawn_again(tmp_path: Path) -> None:
    made = make(tmp_path / "s", replay="", draws=10_000)
    made.stack("lucky", draws=180, every=2)  # the second sixty answers are half wrong
    run = made.replay("lucky")
    before = made.place.pointer()
    said = []
    for _ in range(2):
        with pytest.raises(UsageError) as refused:
            made.accept(run, stack="lucky")
        said.append(str(refused.value))
    assert "a fresh draw of the accepted stack is a STOP: " in said[0]
    assert said[0] == said[1]
    assert made.place.pointer() == before


def test_a_fresh_draw_that_is_void_is_refused(tmp_path: Path) -> None:
    made = make(tmp_path / "s", replay="", draws=10_000)
    run = made.replay()

    def partly() -> Run:
        return made.shard(1, 2)

    with pytest.raises(EvidenceError, match="VOID"):
        accept(made.open(), made.place, run, Decision(because="x", today=TODAY), partly)


def test_a_waived_loss_that_the_fresh_draw_does_not_show_is_waived_all_the_same(tmp_path: Path) -> None:
    made = make(tmp_path / "s", replay="", draws=10_000)
    made.stack("bad", wrong=WRONG, draws=10_000)
    bad, good = made.replay("bad"), made.replay(epoch=7)
    head = replace(bad.head, epoch=7)
    better = seal_run(made.place.runs, head, good.rows, good.outcomes, provenance={})
    done = accept(made.open(), made.place, bad, Decision(today=TODAY, **WAIVED), lambda: better)
    assert done.run.id == better.id


@pytest.mark.parametrize("at", ["put_run", "write_pointer"])
def test_an_accident_between_filing_and_pointing_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    made = make(tmp_path / "s", replay="", draws=10_000)
    made.stack("next", draws=10_000)
    run, before = made.replay("next"), made.place.pointer()

    def dies(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        if at == "put_run":
            patch.setattr("stopship.store.remote.FolderStore.put_run", dies)
        else:
            patch.setattr(accepting, "write_pointer", dies)
        with pytest.raises(KeyboardInterrupt):
            made.accept(run, stack="next")
    assert made.place.pointer() == before
    assert made.gate().verdict is Verdict.SHIP
    done = made.accept(run, stack="next")
    pointer = made.place.pointer()
    assert pointer.baseline is not None
    assert pointer.baseline.run == done.run.id
    assert pointer.history == (before.baseline,)


def within(made: Made, run: Run, do: Callable[[], object]) -> None:
    """Accept a run, and do something else while its fresh outputs are drawn."""

    def redraw() -> Run:
        do()
        return made.replay(epoch=9)

    accept(made.open(), made.place, run, Decision(because="x", today=TODAY), redraw)


@pytest.mark.parametrize("replay", ["", "deterministic = true"], ids=["redrawn", "deterministic"])
def test_the_same_acceptance_again_leaves_the_pointer_as_it_is(tmp_path: Path, replay: str) -> None:
    """Whoever gave it was killed when the pointer had moved, and does not know that it has."""
    made = make(tmp_path / "s", replay=replay)
    made.stack("bad", wrong=WRONG)
    run, path = made.replay("bad"), made.place.pointer_path
    first = made.accept(run, stack="bad", as_anchor=True, **WAIVED)
    before = path.read_bytes()
    again = made.accept(run, stack="bad", as_anchor=True, **WAIVED)
    assert path.read_bytes() == before
    assert (again.run.id, again.waivers, again.lifted) == (first.run.id, first.waivers, ())


@pytest.mark.parametrize(
    "other", [{"because": "for another reason"}, {"today": AFTER}, {"as_anchor": True}, {"labels": True}]
)
def test_another_acceptance_of_the_baseline_is_written(tmp_path: Path, other: dict[str, Any]) -> None:
    made = make(tmp_path / "s", replay="deterministic = true")
    made.stack("next", wrong=["c30"])
    run = made.replay("next")
    made.accept(run)
    if other.pop("labels", False):
        made.edit("suite.toml", "at_least = 0.3", "at_least = 0.2")
    before = made.place.pointer()
    made.accept(run, **other)
    pointer = made.place.pointer()
    assert pointer.history == (*before.history, before.baseline)


def test_two_acceptances_at_once_lose_neither(tmp_path: Path) -> None:
    made = make(tmp_path / "s", replay="", draws=10_000)
    run = made.replay()

    def other() -> None:
        with pytest.raises(UsageError, match="another run of this suite is being accepted"):
            made.accept(run)

    within(made, run, other)
    assert len(made.place.pointer().history) == 1


def test_a_pointer_that_moved_meanwhile_is_not_written_over(tmp_path: Path) -> None:
    made = make(tmp_path / "s", replay="", draws=10_000)

    def pulled() -> None:
        made.edit("baseline.json", '"because": "reviewed"', '"because": "pulled"')

    with pytest.raises(UsageError, match="the pointer was moved while this run was judged"):
        within(made, made.replay(), pulled)
    assert '"pulled"' in (made.folder / "baseline.json").read_text("utf-8")


@pytest.mark.parametrize("number", [errno.EROFS, errno.EACCES])
def test_a_folder_that_cannot_be_written_is_named_with_what_helps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    made = make(tmp_path / "s", is_accepted=False)
    run = made.replay()

    def refuse(path: Path, *how: Any, **more: Any) -> Any:
        if path.name == "accepting":
            raise OSError(number, os.strerror(number), str(path))
        return open_as_ever(path, *how, **more)

    open_as_ever = Path.open
    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(UsageError, match=f"accepting: cannot be written: {os.strerror(number)}") as told:
        made.accept(run)
    assert "make its folder writable" in told.value.do
