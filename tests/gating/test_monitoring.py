"""A monitor: fresh outputs of both arms every night, one history, and what all nights prove together."""

import json
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.gating.making import COUNT, LIMIT, Made, make
from tests.gating.test_golden import flaky

from stopship.errors import EvidenceError, UsageError
from stopship.gating.monitoring import HISTORY, Monitored, Watching, monitor
from stopship.gating.stacking import answering
from stopship.model.night import Night, Seen
from stopship.model.run import Run
from stopship.steps.monitoring import trails
from stopship.store.atomic import write_atomically
from stopship.store.nights import ABOUT, append_night, head_path, read_history
from stopship.store.runs import read_run


def suite(folder: Path, **how: Any) -> Made:
    """An accepted stack that fails a tenth of its outputs, and one beside it that fails far more."""
    made = flaky(folder, **{"rate": 0.1, "rules": "", **how})
    made.stack("worse", rate=0.5)
    return made


def watch(made: Made, night: str, stack: str = "stack") -> Monitored:
    watching = Watching(
        night=date.fromisoformat(night),
        present=answering(made.folder / f"{stack}.toml"),
        history=made.folder / HISTORY,
    )
    return monitor(made.open(), made.place, watching)


def asked(made: Made) -> int:
    return len((made.folder / ".draws").read_bytes())


def history(made: Made) -> tuple[Night, ...]:
    return read_history(made.folder / HISTORY, "small")


def runs(made: Made) -> list[Run]:
    return [read_run(made.place.runs / one) for night in history(made) for one in night.runs]


def test_a_stack_that_got_worse_is_proven_so_and_stays_so(tmp_path: Path) -> None:
    made = suite(tmp_path / "s")
    nights = [f"2026-03-{day:02d}" for day in range(1, 6)]
    found = [watch(made, night, "worse") for night in nights]
    assert found[-1].proven
    assert {one.rule for one in found[-1].proven} == {"right"}
    assert not found[-1].is_same
    assert "all" in {one.scope for one in found[-1].proven}
    first = next(one.proven_on for one in found[-1].proven if one.scope == "all")
    assert watch(made, "2026-03-20", "worse").proven
    assert first in nights


def test_nights_in_which_nothing_got_worse_prove_nothing(tmp_path: Path) -> None:
    made = suite(tmp_path / "s")
    for day in range(1, 6):
        found = watch(made, f"2026-03-{day:02d}")
    assert found.is_same
    assert not found.proven
    assert {(one.rule, one.scope) for one in found.trails} == {
        (rule, scope) for rule in ("right", "answered") for scope in ("all", "lang=de", "lang=en")
    }


def test_the_same_night_again_draws_nothing_and_appends_nothing(tmp_path: Path) -> None:
    made = suite(tmp_path / "s")
    first = watch(made, "2026-03-01")
    before, data = asked(made), (made.folder / HISTORY).read_bytes()
    again = watch(made, "2026-03-01")
    assert (first.is_drawn, again.is_drawn) == (True, False)
    assert again.trails == first.trails
    assert asked(made) == before
    assert (made.folder / HISTORY).read_bytes() == data


def test_every_night_draws_both_arms_anew_and_never_what_was_accepted(tmp_path: Path) -> None:
    made = suite(tmp_path / "s")
    before = asked(made)
    watch(made, "2026-03-01")
    watch(made, "2026-03-04")
    assert asked(made) == before + 4 * COUNT
    pointer = made.place.pointer()
    assert pointer.baseline is not None
    epochs = [one.head.epoch for one in runs(made)]
    assert len({*epochs, made.place.kept(pointer.baseline.run).head.epoch, made.replay().head.epoch}) == 6


def test_a_night_that_was_drawn_and_not_appended_is_appended_from_the_same_outputs(tmp_path: Path) -> None:
    made = suite(tmp_path / "s")
    watch(made, "2026-03-01")
    data = (made.folder / HISTORY).read_bytes()
    head = head_path(made.folder / HISTORY)
    (made.folder / HISTORY).unlink()
    head.unlink()
    before = asked(made)
    watch(made, "2026-03-01")
    assert asked(made) == before
    assert (made.folder / HISTORY).read_bytes() == data


def test_a_head_that_was_left_behind_is_brought_up_when_the_night_is_asked_for_again(tmp_path: Path) -> None:
    """Whoever appended the night was killed before the head counted it, and it could be cut off unseen."""
    made = suite(tmp_path / "s")
    watch(made, "2026-03-01")
    head = head_path(made.folder / HISTORY)
    behind = head.read_bytes()
    watch(made, "2026-03-02")
    whole = head.read_bytes()
    head.write_bytes(behind)
    assert not watch(made, "2026-03-02").is_drawn
    assert head.read_bytes() == whole


def test_a_missed_night_is_no_problem_and_an_earlier_one_is_refused(tmp_path: Path) -> None:
    made = suite(tmp_path / "s")
    watch(made, "2026-03-01")
    watch(made, "2026-03-09")
    assert [one.night for one in history(made)] == ["2026-03-01", "2026-03-09"]
    with pytest.raises(UsageError, match="lies before the last night"):
        watch(made, "2026-03-08")


def test_alpha_is_shared_by_rules_and_half_of_each_part_is_for_all_cases(tmp_path: Path) -> None:
    made = suite(tmp_path / "s")
    shares = {(one.rule, one.scope): one.alpha for one in watch(made, "2026-03-01").trails}
    assert shares["right", "all"] == pytest.approx(0.025)
    assert shares["right", "lang=de"] == shares["right", "lang=en"] == pytest.approx(0.0125)
    assert sum(shares.values()) == pytest.approx(0.05 + 0.01)


def test_a_silent_output_counts_alike_in_both_arms(tmp_path: Path) -> None:
    made = make(tmp_path / "s", replay="", rules="", silent=["c05"])
    made.stack("other", silent=["c06"])
    seen = {(one.rule, one.scope): one for one in watch(made, "2026-03-01", "other").trails}
    (_, night, _) = seen["answered", "all"].nights[0]
    assert (night.pairs, night.worse, night.better) == (COUNT, 1, 1)
    (_, night, _) = seen["right", "all"].nights[0]
    assert (night.pairs, night.worse, night.better) == (COUNT, 1, 1)


def test_changed_labels_begin_a_new_segment_and_unprove_nothing(tmp_path: Path) -> None:
    made = suite(tmp_path / "s")
    for day in range(1, 6):
        watch(made, f"2026-03-{day:02d}", "worse")
    rows = made.rows("labels.jsonl")
    made.write_rows("labels.jsonl", [{**rows[0], "wanted": "other"}, *rows[1:]])
    found = watch(made, "2026-03-06", "worse")
    assert found.began == ("the labels",)
    assert len(found.trails[0].nights) == 1
    assert found.proven


def test_another_present_stack_and_another_baseline_begin_from_nothing(tmp_path: Path) -> None:
    made = suite(tmp_path / "s", rate=0.03)
    for day in range(1, 6):
        watch(made, f"2026-03-{day:02d}", "worse")
    found = watch(made, "2026-03-05")
    assert found.began == ("the present stack",)
    assert found.is_drawn
    assert not found.proven
    made.accept(made.replay(fresh=True))
    found = watch(made, "2026-03-06")
    assert found.began == ("the baseline",)


def test_a_stack_that_comes_back_is_drawn_anew_on_the_same_night(tmp_path: Path) -> None:
    made = suite(tmp_path / "s")
    for stack in ("worse", "stack", "worse"):
        watch(made, "2026-03-01", stack)
    told = [one.runs for one in history(made)]
    assert len({one for both in told for one in both}) == 6


def test_a_target_that_cannot_vary_is_refused(tmp_path: Path) -> None:
    made = make(tmp_path / "s")
    with pytest.raises(UsageError, match="the same output every night"):
        watch(made, "2026-03-01")
    made = make(tmp_path / "t", replay="", is_accepted=False)
    with pytest.raises(EvidenceError, match="no baseline"):
        watch(made, "2026-03-01")


def test_rules_that_nights_cannot_speak_of_are_named(tmp_path: Path) -> None:
    latency = '\n[[rule]]\nid = "slow"\nscore = "latency"\ncompare = { margin = "50%" }\n'
    made = suite(tmp_path / "s", rules=latency + LIMIT)
    found = watch(made, "2026-03-01")
    assert [rule for rule, _ in found.unwatched] == ["slow"]
    assert {one.rule for one in found.trails} == {"right", "answered"}
    shares = [one.alpha for one in found.trails if one.rule == "right"]
    assert sum(shares) == pytest.approx(0.05)


def test_a_night_that_infrastructure_lost_is_void_and_not_counted(tmp_path: Path) -> None:
    made = suite(tmp_path / "s")
    made.stack("down", lost=["c05", "c06"])
    with pytest.raises(EvidenceError, match="this night cannot be judged"):
        watch(made, "2026-03-01", "down")
    assert not (made.folder / HISTORY).exists()


def edited(line: bytes, **fields: Any) -> bytes:
    return json.dumps({**json.loads(line), **fields}).encode()


def test_an_edited_cut_or_reordered_history_is_void(tmp_path: Path) -> None:
    made = suite(tmp_path / "s")
    for day in range(1, 5):
        watch(made, f"2026-03-{day:02d}")
    path = made.folder / HISTORY
    lines = path.read_bytes().splitlines()
    assert len(lines) == 4
    seen = json.loads(lines[1])["seen"]
    fewer = edited(lines[1], seen=[{**seen[0], "worse": 0}, *seen[1:]])
    for damaged in (
        [lines[0], *lines[2:]],
        lines[1:],
        [lines[1], lines[0], *lines[2:]],
        [lines[0], fewer, *lines[2:]],
        [lines[0], edited(lines[1], night="2026-03-01"), *lines[2:]],
        [*lines, lines[3]],
        [*lines, b""],
        [*lines, b"{}"],
        [*lines[:3], edited(lines[3], suite="other")],
        [*lines[:3], edited(lines[3], format=2)],
    ):
        path.write_bytes(b"".join(one + b"\n" for one in damaged))
        with pytest.raises(EvidenceError):
            watch(made, "2026-03-09")
    path.write_bytes(b"\n".join(lines))
    with pytest.raises(EvidenceError, match="no end"):
        watch(made, "2026-03-09")
    path.write_bytes(b"".join(one + b"\n" for one in lines))
    assert watch(made, "2026-03-09").is_drawn


def nights_of(path: Path, count: int) -> list[Night]:
    nights: list[Night] = []
    for day in range(1, count + 1):
        further = a_night(f"2026-03-{day:02d}", [("right", 1, 0)])
        append_night(path, "small", nights, further)
        nights.append(further)
    return nights


@pytest.mark.parametrize("left", [0, 1, 3])
def test_nights_that_are_cut_off_are_an_error_that_says_how_many_there_were(
    tmp_path: Path, left: int
) -> None:
    path = tmp_path / HISTORY
    nights_of(path, 4)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:left]))
    with pytest.raises(EvidenceError) as caught:
        read_history(path, "small")
    told = str(caught.value)
    assert HISTORY in told
    assert f"cut off after line {left}: its head counts 4 nights" in told
    assert "take the file and its head from version control" in told


def test_a_history_without_its_head_and_a_head_without_its_history_are_errors(tmp_path: Path) -> None:
    path = tmp_path / HISTORY
    nights_of(path, 2)
    whole = path.read_bytes()
    path.unlink()
    with pytest.raises(EvidenceError, match="cut off after line 0"):
        read_history(path, "small")
    path.write_bytes(whole)
    head_path(path).unlink()
    with pytest.raises(EvidenceError, match=r"monitor\.jsonl\.head: is missing: .* holds 2 nights"):
        read_history(path, "small")


def test_a_head_that_was_edited_or_is_of_another_history_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / HISTORY
    nights_of(path, 3)
    whole = head_path(path).read_bytes()
    for edit in (
        whole.replace(b'"nights":3', b'"nights":2'),
        whole[:-5],
        b"",
        b"[]",
        whole.replace(b'"format":2', b'"format":9'),
        whole.replace(b'"suite":"small"', b'"suite":"other"'),
    ):
        assert edit != whole
        head_path(path).write_bytes(edit)
        with pytest.raises(EvidenceError, match="head"):
            read_history(path, "small")
    nights_of(tmp_path / "other", 2)
    head_path(path).write_bytes(head_path(tmp_path / "other").read_bytes())
    assert len(read_history(path, "small")) == 3
    changed = a_night("2026-03-03", [("right", 0, 1)])
    append_night(tmp_path / "other", "small", read_history(tmp_path / "other", "small"), changed)
    head_path(path).write_bytes(head_path(tmp_path / "other").read_bytes())
    with pytest.raises(EvidenceError, match="another than the one that its head names"):
        read_history(path, "small")


def test_a_death_between_the_history_and_its_head_leaves_both_readable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / HISTORY
    known: list[Night] = []
    for day in range(1, 4):

        def die_at_the_head(where: Path, data: bytes) -> None:
            if path.exists() and where == head_path(path):
                raise KeyboardInterrupt
            write_atomically(where, data)

        monkeypatch.setattr("stopship.store.nights.write_atomically", die_at_the_head)
        further = a_night(f"2026-03-{day:02d}", [("right", 1, 0)])
        with pytest.raises(KeyboardInterrupt):
            append_night(path, "small", known, further)
        known.append(further)
        assert read_history(path, "small") == tuple(known)


def test_a_history_written_before_heads_were_is_read_and_goes_on_with_one(tmp_path: Path) -> None:
    from stopship.store.nights import _line, _start

    path = tmp_path / HISTORY
    before, lines, nights = _start("small"), [], []
    for day in (1, 2):
        nights.append(a_night(f"2026-03-{day:02d}", [("right", 1, 0)]))
        line, before = _line(nights[-1], before, "small", 1)
        lines.append(line)
    path.write_bytes(b"".join(lines))
    assert read_history(path, "small") == tuple(nights)
    append_night(path, "small", nights, a_night("2026-03-03", [("right", 0, 0)]))
    assert path.read_bytes().startswith(b"".join(lines))
    assert len(read_history(path, "small")) == 3
    path.write_bytes(b"".join(lines))
    with pytest.raises(EvidenceError, match="cut off after line 2"):
        read_history(path, "small")


def test_two_that_append_at_once_do_not_overwrite_each_other(tmp_path: Path) -> None:
    path = tmp_path / HISTORY
    one = a_night("2026-03-01", [("right", 1, 0)])
    append_night(path, "small", (), one)
    with pytest.raises(EvidenceError, match="has changed"):
        append_night(path, "small", (), one)
    assert read_history(path, "small") == (one,)
    with pytest.raises(EvidenceError):
        read_history(path, "other")


def a_night(night: str, counts: list[tuple[str, int, int]], **how: Any) -> Night:
    seen = tuple(
        Seen(rule=rule, scope="all", alpha=0.05, pairs=60, worse=worse, better=better, **how)
        for rule, worse, better in counts
    )
    return Night(night=night, about=dict.fromkeys(ABOUT, "a" * 64), runs=("b" * 64, "c" * 64), seen=seen)


def test_a_score_with_a_range_is_kept_by_its_differences(tmp_path: Path) -> None:
    path = tmp_path / HISTORY
    changes = ((-0.25, 3), (0.1, 1))
    append_night(path, "small", (), a_night("2026-03-01", [("right", 3, 1)], changes=changes))
    (night,) = read_history(path, "small")
    assert night.seen[0].changes == changes
    (trail,) = trails([night])
    assert 1.0 < trail.last.e < 20.0


def test_looking_every_night_stops_an_unchanged_stack_no_more_often_than_alpha() -> None:
    rng = np.random.default_rng(7)
    stopped = 0
    for _ in range(400):
        changed = rng.binomial(60, 0.29, 40)
        worse = rng.binomial(changed, 0.5)
        nights = [
            a_night(f"2026-{i // 28 + 1:02d}-{i % 28 + 1:02d}", [("right", int(w), int(c - w))])
            for i, (w, c) in enumerate(zip(worse, changed, strict=True))
        ]
        stopped += bool(trails(nights)[0].proven_on)
    assert stopped <= 400 * 0.05 + 3 * (400 * 0.05 * 0.95) ** 0.5
