"""What a candidate is held to must be whole, of this suite and as it was locked: whatever is not is VOID."""

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.gating.making import LIMIT, MUST, TODAY, Made, make

from stopship.gating.selection import Selection
from stopship.model.run import Run
from stopship.model.verdict import Record, Verdict
from stopship.store.pointer import read_pointer, write_pointer
from stopship.store.runs import seal_run

ANCHOR = ', anchor_margin = "25pt"'
BAD = [f"c{i:02d}" for i in range(20, 40)]


def sealed_as(made: Made, run: Run, **head: object) -> Run:
    """The same outcomes under another head, in the store."""
    changed = replace(run.head, **head)  # type: ignore[arg-type]
    return seal_run(made.folder / "store" / "runs", changed, run.rows, run.outcomes, provenance={})


def observed(made: Made, run: Run, **pins: str) -> Run:
    """The same run, in the store, with a trace that says what really answered."""
    first, *others = run.outcomes
    told = replace(first, trace={**first.trace, "observed": pins})
    return seal_run(made.folder / "store" / "runs", run.head, run.rows, [told, *others], provenance={})


def refused(record: Record, why: str) -> None:
    assert record.verdict is Verdict.VOID
    assert why in record.reasons[0]


def test_a_candidate_or_a_baseline_of_another_suite(tmp_path: Path) -> None:
    made = make(tmp_path / "s")
    run = made.replay()
    other = sealed_as(made, run, suite="other")
    refused(made.judge(other), "is a run of the suite 'other'")
    refused(made.judge(run, baseline=other), "the baseline is a run of the suite 'other'")


def test_a_partial_baseline(tmp_path: Path) -> None:
    made = make(tmp_path / "s")
    keys = tuple(made.open().cases)
    part = made.replay(selection=Selection(keys=keys[:59]))
    refused(made.judge(made.replay(), baseline=part), "the baseline is a partial run (59 of 60 cases)")


def test_a_baseline_that_something_else_answered(tmp_path: Path) -> None:
    made = make(tmp_path / "s")
    run = made.replay()
    refused(
        made.judge(run, baseline=observed(made, run, model="m9")),
        "model 'm9' answered 1 case of the baseline",
    )


@pytest.mark.parametrize("whose", ["anchor", "waiver"])
@pytest.mark.parametrize(
    ("what", "why"),
    [("suite", "is a run of the suite 'other'"), ("observed", "model 'm9' answered"), ("lost", "were lost")],
)
def test_an_anchor_or_a_run_before_a_waiver_that_is_none(
    tmp_path: Path, whose: str, what: str, why: str
) -> None:
    made = make(tmp_path / "s", anchor=ANCHOR)
    made.stack("next", wrong=["c30"] if whose == "anchor" else BAD)
    waived: dict[str, Any] = {} if whose == "anchor" else {"waived": ("right",), "until": TODAY}
    made.accept(made.replay("next"), stack="next", **waived)
    run = made.replay()
    if what == "suite":
        odd = sealed_as(made, run, suite="other")
    elif what == "observed":
        odd = observed(made, run, model="m9")
    else:
        made.stack("down", lost=[f"c{i:02d}" for i in range(5, 15)])
        odd = made.replay("down")
        made.place.store.put_run(made.place.find(odd.id))
    pointer = read_pointer(made.place.pointer_path)
    accepted = pointer.baseline
    assert accepted is not None
    if whose == "anchor":
        anchor = replace(accepted, run=odd.id, stack=odd.head.stack.stack_id)
        pointer = replace(pointer, anchor=anchor)
    else:
        waivers = tuple(replace(one, before=odd.id) for one in accepted.waivers)
        pointer = replace(pointer, baseline=replace(accepted, waivers=waivers))
    write_pointer(made.place.pointer_path, pointer)
    refused(made.gate("next", today=TODAY + timedelta(days=1)), why)


def test_a_waiver_holds_through_its_last_day(tmp_path: Path) -> None:
    made = make(tmp_path / "s")
    made.stack("bad", wrong=BAD)
    made.accept(made.replay("bad"), stack="bad", waived=("right",), until=date(2026, 3, 7))
    assert made.gate("bad", today=date(2026, 3, 7)).verdict is Verdict.SHIP
    assert made.gate("bad", today=date(2026, 3, 8)).verdict is Verdict.STOP


def test_a_waived_limit_is_reported_and_does_not_stop(tmp_path: Path) -> None:
    made = make(tmp_path / "s", rules=MUST + LIMIT.replace("0.3", "0.9"))
    made.edit("suite.toml", "20pt", "60pt")
    made.edit("suite.toml", "40pt", "65pt")
    made.stack("bad", wrong=BAD)
    made.accept(made.replay("bad"), stack="bad", waived=("mostly-right",), until=date(2026, 3, 7))
    assert made.gate("bad", today=date(2026, 3, 7)).verdict is Verdict.SHIP
    assert made.gate("bad", today=date(2026, 3, 8)).verdict is Verdict.STOP
