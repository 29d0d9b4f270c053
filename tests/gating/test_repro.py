"""One case on two stacks: who fails what, how likely that is chance, and where the traces part."""

import shutil
from math import comb
from pathlib import Path

import pytest
from tests.gating.making import Made, make
from tests.gating.test_digests import recorded

from stopship.errors import UsageError
from stopship.gating.gate import kept_texts
from stopship.gating.repro import Repro, Tally, repro
from stopship.gating.workplace import workplace
from stopship.pinning.lock import lock_stack
from stopship.store.lockfile import read_lock
from stopship.store.suitefile import read_suite


def of(made: Made, good: str, bad: str, times: int = 10, key: str = "c30") -> Repro:
    return repro(made.open(), made.place, key, good=good, bad=bad, times=times)


def tally(found: Repro, rule: str = "right") -> Tally:
    return next(one for one in found.tallies if one.rule == rule)


def test_two_stack_files_are_asked_and_chance_plays_no_part(tmp_path: Path) -> None:
    made = make(tmp_path / "s")
    bad = made.stack("bad", wrong=["c30"])
    found = of(made, str(made.folder / "stack.toml"), str(bad))
    one = tally(found)
    assert (one.good, one.good_tries, one.bad, one.bad_tries, one.chance) == (0, 10, 10, 10, None)
    assert found.is_reproduced
    assert found.parting is not None
    assert (found.parting.step, found.parting.what) == (1, "model m1: output")
    assert [it.axis for it in found.changes if not it.is_same] == ["prompt"]


def test_a_target_that_varies_has_the_chance_of_fisher(tmp_path: Path) -> None:
    made = make(tmp_path / "s", replay="")
    bad = made.stack("bad", draws=0, every=2)  # every second answer is wrong
    found = of(made, "baseline", str(bad))
    one = tally(found)
    assert (one.good, one.bad) == (0, 5)
    assert one.chance == pytest.approx(comb(10, 5) / comb(20, 5))
    assert found.bad.distinct > 1
    assert found.parting is not None
    assert found.parting.bad == "no"  # an answer that fails, though others did not


def test_what_may_well_be_chance_is_no_reproduction(tmp_path: Path) -> None:
    made = make(tmp_path / "s", replay="")
    bad = made.stack("bad", draws=0, every=2)  # every second answer is wrong
    found = of(made, "baseline", str(bad), times=3)
    assert tally(found).bad > tally(found).good
    assert found.chance is not None
    assert found.chance > 0.05
    assert (found.is_reproduced, found.is_perhaps) == (False, True)
    surely = of(made, "baseline", str(bad), times=12)
    assert (surely.is_reproduced, surely.is_perhaps) == (True, False)


def test_equal_stacks_reproduce_nothing(tmp_path: Path) -> None:
    made = make(tmp_path / "s")
    found = of(made, "baseline", "anchor", times=2)
    assert not found.is_reproduced
    assert found.parting is None
    assert not found.good.is_recorded


def test_a_run_whose_stack_is_gone_speaks_for_itself(tmp_path: Path) -> None:
    made = make(tmp_path / "s")
    bad = made.stack("bad", wrong=["c30"])
    run = made.replay("bad")
    made.stack("bad", wrong=["c31"])
    (kept,) = (made.folder / "pins").rglob(run.head.stack.pin("prompt").content)
    kept.unlink()
    assert bad.exists()
    found = of(made, "baseline", run.short, times=3)
    assert found.bad.is_recorded
    assert "the text of 'bad.json', digest " in found.bad.why
    assert (tally(found).bad, tally(found).bad_tries, tally(found).good_tries) == (1, 1, 3)


def test_recorded_outputs_are_read_once_from_stack_files_and_runs(tmp_path: Path) -> None:
    made = recorded(tmp_path)
    run = made.replay()
    found = of(made, str(made.folder / "stack.toml"), run.id)
    assert found.good.is_recorded
    assert found.bad.is_recorded
    assert len(found.good.outcomes) == 1
    assert not found.is_reproduced


def test_a_case_without_what_others_have_can_be_looked_at(tmp_path: Path) -> None:
    made = make(tmp_path / "s", is_accepted=False, replay='cluster = "talk"')
    rows = made.rows("cases.jsonl")
    made.write_rows(
        "cases.jsonl", [{**one, "talk": one["key"]} if one["key"] != "c30" else one for one in rows]
    )
    made.accept(made.replay())
    assert not of(made, "baseline", "baseline").is_reproduced


def test_an_output_that_failed_parts_with_its_reason(tmp_path: Path) -> None:
    made = make(tmp_path / "s")
    bad = made.stack("bad", **{"raise": ["c30"]})
    found = of(made, "baseline", str(bad), times=1)
    assert tally(found, "answered").bad == 1
    assert "no answer for c30" in tally(found, "answered").why


def test_what_fails_every_time_on_both_sides_is_told_apart(tmp_path: Path) -> None:
    made = make(tmp_path / "s")
    first, second = (str(made.stack(name, wrong=["c30"])) for name in ("bad", "worse"))
    assert tally(of(made, first, second)).is_alike
    assert not tally(of(made, "baseline", second)).is_alike
    assert not tally(of(made, "baseline", "baseline")).is_alike


def test_an_unknown_case_or_run_is_a_usage_error(tmp_path: Path) -> None:
    made = make(tmp_path / "s")
    with pytest.raises(UsageError, match="no case is called 'c3'"):
        of(made, "baseline", "baseline", key="c3")
    with pytest.raises(UsageError, match="no run is called"):
        of(made, "baseline", "nowhere")
    part = made.shard(1, 60)
    absent = next(one for one in made.open().cases if one not in part.head.planned)
    made.stack("stack", wrong=["c59"])
    shutil.rmtree(made.folder / "pins")
    with pytest.raises(UsageError, match="has no case"):
        of(made, "baseline", part.id, key=absent)


def test_texts_behind_a_url_are_read_once_and_do_without_it_afterwards(tmp_path: Path) -> None:
    made = make(tmp_path / "s", is_accepted=False)
    stack = read_lock(made.folder / "stack.lock.json")
    pin = stack.pin("prompt")
    url = f"file://{tmp_path}/there"
    lock_stack(made.folder / "stack.toml", url)
    shutil.rmtree(made.folder / "pins")
    suite = read_suite(made.file)
    assert kept_texts(workplace(suite, store=url))(pin, pin.files[0]) == b"{}"
    shutil.rmtree(tmp_path / "there")
    assert kept_texts(workplace(suite, store=url))(pin, pin.files[0]) == b"{}"
    shutil.rmtree(made.folder / ".stopship")
    assert kept_texts(workplace(suite, store="nowhere://x/y"))(pin, pin.files[0]) is None
