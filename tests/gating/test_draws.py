"""One sample, one draw: what is drawn once is never drawn again, and never comes back as somebody else's."""

from pathlib import Path

import pytest
from tests.gating.making import COUNT, Made, make

from stopship.errors import EvidenceError
from stopship.gating.epochs import Draw
from stopship.model.run import Run


def noisy(folder: Path, **how: object) -> Made:
    """A suite whose target gives another output every time it is asked."""
    return make(folder, replay="", draws=10_000, **how)  # type: ignore[arg-type]


def asked(made: Made) -> int:
    """How often the target was asked so far."""
    path = made.folder / ".draws"
    return len(path.read_bytes()) if path.exists() else 0


def outputs(run: Run) -> dict[tuple[str, int], object]:
    return {(one.key, one.sample): one.trace["output"] for one in run.outcomes}


def test_more_outputs_a_case_go_on_from_those_that_there_are(tmp_path: Path) -> None:
    made = noisy(tmp_path / "s", is_accepted=False)
    first = outputs(made.replay())
    three = outputs(made.replay(repeats=3))
    assert {place: one for place, one in three.items() if place[1] == 0} == first
    assert asked(made) == 3 * COUNT


def test_a_part_and_the_whole_share_their_draws_in_either_order(tmp_path: Path) -> None:
    made = noisy(tmp_path / "s", is_accepted=False)
    part = outputs(made.shard(1, 3))
    whole = outputs(made.replay())
    assert {place: whole[place] for place in part} == part
    assert asked(made) == COUNT
    other = outputs(made.shard(2, 3))
    assert {place: whole[place] for place in other} == other
    assert asked(made) == COUNT


def test_the_same_replay_again_asks_nothing_and_gives_the_same_run(tmp_path: Path) -> None:
    made = noisy(tmp_path / "s", is_accepted=False)
    first = made.replay()
    assert made.replay().id == first.id
    assert asked(made) == COUNT


def test_fresh_outputs_are_another_epoch_which_later_replays_stay_in(tmp_path: Path) -> None:
    made = noisy(tmp_path / "s", is_accepted=False)
    first = made.replay()
    second = made.replay(fresh=True)
    assert (first.head.epoch, second.head.epoch) == (0, 1)
    assert outputs(first).items().isdisjoint(outputs(second).items())
    assert made.replay().id == second.id
    assert made.replay(repeats=2).head.epoch == 1
    assert asked(made) == 3 * COUNT


def test_draws_with_a_purpose_are_their_own_and_the_same_whenever_they_are_asked_for(tmp_path: Path) -> None:
    made = noisy(tmp_path / "s", is_accepted=False)
    candidate = made.replay()
    one = made.replay(draw=Draw(purpose="confirm a"))
    other = made.replay(draw=Draw(purpose="confirm b"))
    assert len({candidate.head.epoch, one.head.epoch, other.head.epoch}) == 3
    assert made.replay(draw=Draw(purpose="confirm a")).id == one.id
    assert made.replay().id == candidate.id
    assert asked(made) == 3 * COUNT


def test_an_approved_draw_never_comes_back_as_a_candidate(tmp_path: Path) -> None:
    made = noisy(tmp_path / "s")
    pointer = made.place.pointer()
    assert pointer.baseline is not None
    approved = made.place.kept(pointer.baseline.run)
    seen = {made.replay().head.epoch, *(made.replay(fresh=True).head.epoch for _ in range(3))}
    assert approved.head.epoch not in seen
    assert len(seen) == 4


def test_sample_and_epoch_reach_a_target_that_takes_them(tmp_path: Path) -> None:
    made = noisy(tmp_path / "s", is_accepted=False)
    told = "def answer(case, stack, *, epoch, sample=0):\n    return f'{epoch} {sample}'\n"
    (made.folder / "app" / "answer.py").write_text(told, "utf-8")
    made.stack("stack")
    made.replay(fresh=True)
    run = made.replay(repeats=2)
    assert {one.trace["output"] for one in run.outcomes} == {"1 0", "1 1"}


def test_lost_outputs_are_asked_for_again(tmp_path: Path) -> None:
    made = make(tmp_path / "s", replay="limits = { errors = 0.5 }", is_accepted=False, lost=["c05"])
    made.replay()
    both = made.replay(repeats=2)
    assert [one.status.value for one in both.outcomes if one.key == "c05"] == ["lost", "lost"]


def test_a_damaged_run_lends_nothing(tmp_path: Path) -> None:
    made = noisy(tmp_path / "s", is_accepted=False)
    run = made.replay()
    path = made.place.runs / run.id / "traces.jsonl"
    path.write_bytes(path.read_bytes().replace(b"q7", b"q8", 1))
    again = made.replay(repeats=2)
    assert asked(made) == 3 * COUNT
    assert len(again.outcomes) == 2 * COUNT


def test_a_damaged_list_of_epochs_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    made = noisy(tmp_path / "s", is_accepted=False)
    made.replay(fresh=True)
    (path,) = (made.folder / ".stopship" / "draws").glob("*/epochs.json")
    for text in ("{", "[]", '{"epoch": true, "purposes": {}}', '{"epoch": -1, "purposes": {}}', "7"):
        path.write_text(text, "utf-8")
        with pytest.raises(EvidenceError, match="delete it"):
            made.replay()
