"""What a report tells of outputs that ended before they were done."""

from types import SimpleNamespace
from typing import Any

import pytest

from stopship.gating.cuts import cut_notes
from stopship.model.case import Case, Trace
from stopship.model.run import Outcome, Status
from stopship.pipeline import answered_rule


def run(*ends: str | None) -> Any:
    """A run whose outputs ended so; `lost` is one that infrastructure lost."""
    outcomes = [
        Outcome(key=f"c{number}", status=Status.LOST, trace={})
        if end == "lost"
        else Outcome(key=f"c{number}", trace={"output": "x", "finish_reason": end})
        for number, end in enumerate(ends)
    ]
    return SimpleNamespace(outcomes=outcomes)


@pytest.mark.parametrize(
    ("candidate", "baseline", "notes"),
    [
        (["length"] * 3, ["stop"] * 3, ["cut at their limit of tokens: 3 of 3 outputs, 0 in the baseline"]),
        (["length", "stop"], ["length", "stop"], []),
        (["stop", "stop"], ["length", "stop"], []),
        (["length", "stop", None], ["length", "stop", "lost", "stop", "stop"], 1),
        (["length", "stop"] * 2, ["length", "stop"], []),
        (["length", "lost"], None, ["cut at their limit of tokens: 1 of 1 outputs"]),
        (["content_filter"], ["stop"], 1),
        (["lost"], ["lost"], []),
        ([], [], []),
    ],
)
def test_more_cut_or_filtered_outputs_than_before_are_told(
    candidate: list[str | None], baseline: list[str | None] | None, notes: list[str] | int
) -> None:
    found = cut_notes(run(*candidate), None if baseline is None else run(*baseline))
    assert (list(found) if isinstance(notes, list) else len(found)) == notes


def test_another_number_of_outputs_is_said() -> None:
    (found,) = cut_notes(run("content_filter", "stop"), run("content_filter", *["stop"] * 3))
    name = "held back by the provider's filter (they count as unanswered)"
    assert found == f"{name}: 1 of 2 outputs, 1 of 4 in the baseline"


def test_what_a_filter_held_back_is_unanswered_whatever_there_is_of_it() -> None:
    score = answered_rule().scorer.score
    for reason, value in (("content_filter", 0.0), ("length", 1.0), ("stop", 1.0)):
        found = score(Case("k"), Trace("text", record={"output": "text", "finish_reason": reason}))
        assert getattr(found, "value", None) == value
