"""`stopship noise`: the accepted stack against itself, drawn once, filed, put to the suite's own rules."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from tests.cli.running import Command
from tests.gating.making import COUNT, TODAY, Made, forget_code, make
from tests.gating.test_draws import asked

from stopship.errors import StopshipError, UsageError
from stopship.gating.noising import Measuring, Plant, measured_noise
from stopship.model.noise import NoiseReport
from stopship.report import jsonrecord, text
from stopship.store.noisefile import read_noise, write_noise


def flaky(folder: Path, every: int = 7, *, rules: str = "") -> Made:
    """A suite whose target gets every seventh output wrong, whichever case it is."""
    return make(folder, replay="", draws=0, every=every, rules=rules)


def measured(made: Made, **how: object) -> NoiseReport:
    told = {"today": TODAY, "rounds": 50} | how
    return measured_noise(made.open(), made.place, Measuring(**told))  # type: ignore[arg-type]


def test_the_noise_of_a_stack_is_drawn_once_and_measured_the_same_again(tmp_path: Path) -> None:
    made = flaky(tmp_path / "s")
    before = asked(made)
    first = measured(made)
    assert asked(made) == before + COUNT
    assert measured(made) == first
    assert asked(made) == before + COUNT
    assert first.still == ""
    (whole, *_) = first.floor.scopes
    assert (whole.rule, whole.scope, whole.cases) == ("right", "all", COUNT)
    assert 0.1 < whole.flips < 0.4
    assert first.floor.outputs == 2


def test_repeats_draw_both_arms_afresh_and_go_on_from_what_there_is(tmp_path: Path) -> None:
    made = flaky(tmp_path / "s")
    before = asked(made)
    measured(made, repeats=2)
    assert asked(made) == before + 4 * COUNT
    found = measured(made, repeats=3)
    assert asked(made) == before + 6 * COUNT
    assert found.floor.outputs == 6
    pointer = made.place.pointer()
    assert pointer.baseline is not None
    assert pointer.baseline.run not in found.floor.runs


def test_noise_never_comes_back_as_a_candidate(tmp_path: Path) -> None:
    made = flaky(tmp_path / "s")
    found = measured(made, repeats=1)
    candidate = made.replay()
    assert candidate.id not in found.floor.runs
    fresh = made.replay(fresh=True)
    noise = [made.place.run(one).head.epoch for one in found.floor.runs]
    assert len({candidate.head.epoch, fresh.head.epoch, *noise}) == 4


@pytest.mark.parametrize("kind", ["deterministic"])
def test_a_target_that_gives_the_same_every_time_has_no_noise_and_is_not_asked(
    tmp_path: Path, kind: str
) -> None:
    made = make(tmp_path / "s", rules="", draws=10_000)
    before = asked(made)
    found = measured(made)
    assert kind in found.still
    assert asked(made) == before
    assert all(one.flips == 0 for one in found.floor.scopes)
    assert sum(found.alarms.verdicts.values()) == 1


def test_a_planted_regression_is_seen_even_where_nothing_varies(tmp_path: Path) -> None:
    made = make(tmp_path / "s", rules="")
    found = measured(made, plant=Plant(share=0.6, scope="lang=de"))
    assert found.planted is not None
    assert found.planted.failed == 18
    assert found.planted.rule == "right"
    assert found.planted.blocked == 50


@pytest.mark.parametrize(
    ("plant", "said"),
    [
        (Plant(share=0.1, scope="lang=fr"), "no case"),
        (Plant(share=0.1, rule="rihgt"), "no rule has this id"),
        (Plant(share=0.1, rule="mostly-right"), "does not compare"),
        (Plant(share=0.001), "not a single one"),
    ],
)
def test_a_plant_that_fits_nowhere_is_refused(tmp_path: Path, plant: Plant, said: str) -> None:
    made = make(tmp_path / "s")
    with pytest.raises(UsageError, match=said):
        measured(made, plant=plant)


def test_without_an_accepted_run_there_is_nothing_to_measure(tmp_path: Path) -> None:
    made = make(tmp_path / "s", is_accepted=False)
    with pytest.raises(StopshipError, match="there is no accepted run"):
        measured(made)


def test_another_stack_is_refused(tmp_path: Path, stopship: Command) -> None:
    made = flaky(tmp_path / "s")
    other = made.stack("next", draws=0, every=3)
    forget_code()
    assert stopship("noise", str(made.folder), "--stack", str(other)) == 2
    assert "not the stack that the accepted run answered with" in stopship.err


def test_measured_noise_says_how_likely_a_build_ships_until_the_cases_change(
    tmp_path: Path, stopship: Command
) -> None:
    made = flaky(tmp_path / "s")
    assert [one for one, _ in made.open().outlook.p_ship] == [0.02, 0.05, 0.10]
    forget_code()
    assert stopship("noise", str(made.folder), "--rounds", "20") == 0
    assert "written to" in stopship.out
    floor = read_noise(made.folder / "noise.json")
    assert floor is not None
    outlook = made.open().outlook
    assert outlook.is_measured
    ((flips, _),) = outlook.p_ship
    assert flips == floor.scopes[0].flips
    forget_code()
    stopship("replay", str(made.folder))
    assert "with the noise measured in noise.json" in " ".join(stopship.err.split())
    rows = made.rows("labels.jsonl")
    made.write_rows("labels.jsonl", [{**one, "note": "x"} for one in rows])
    outlook = made.open().outlook
    assert not outlook.is_measured
    assert len(outlook.p_ship) == 3
    assert "out of date, of other labels" in outlook.noise


def measured_suite(folder: Path) -> tuple[Made, str]:
    """A suite whose noise was measured and written, and the share of cases that flips."""
    made = flaky(folder)
    found = measured(made)
    write_noise(made.folder / "noise.json", found.floor)
    return made, f"{found.floor.scopes[0].flips * 100:.2g} % of its cases flip"


def test_a_record_tells_the_measured_chance_and_is_the_same_verdict_without_it(tmp_path: Path) -> None:
    made, flips = measured_suite(tmp_path / "s")
    run = made.replay()
    with_noise = made.judge(run)
    assert with_noise.p_ship_measured
    assert len(with_noise.p_ship) == 1
    said = " ".join(text.render(with_noise).split())
    assert f"with the noise measured in noise.json ({flips} by chance)" in said
    assert json.loads(jsonrecord.render(with_noise))["p_ship_measured"] is True
    (made.folder / "noise.json").unlink()
    without = made.judge(run)
    assert len(without.p_ship) == 3
    assert not without.p_ship_measured
    informed = replace(with_noise, p_ship=without.p_ship, p_ship_measured=False)
    assert informed == without  # it informs and never decides


def test_noise_of_other_labels_leaves_the_table_in_the_record_and_says_that_it_is_out_of_date(
    tmp_path: Path,
) -> None:
    made, _ = measured_suite(tmp_path / "s")
    rows = made.rows("labels.jsonl")
    made.write_rows("labels.jsonl", [{**one, "note": "x"} for one in rows])
    record = made.gate()
    assert [flips for flips, _ in record.p_ship] == [0.02, 0.05, 0.10]
    assert not record.p_ship_measured
    assert [one for one in record.notes if "noise.json is out of date, of other labels" in one]


def test_noise_of_a_stack_that_is_no_longer_the_accepted_one_is_out_of_date(tmp_path: Path) -> None:
    made, _ = measured_suite(tmp_path / "s")
    made.stack("next", draws=0, every=9)
    made.accept(made.replay("next"), stack="next")
    outlook = made.open().outlook
    assert len(outlook.p_ship) == 3
    assert "of another stack than the accepted one" in outlook.noise
    record = made.gate("next")
    assert len(record.p_ship) == 3
    assert [one for one in record.notes if "of another stack than the accepted one" in one]


def test_a_deterministic_suite_says_nothing_of_a_noise_file(tmp_path: Path) -> None:
    made = make(tmp_path / "s", rules="")
    (made.folder / "noise.json").write_text("{}", "utf-8")
    assert made.open().outlook.noise == ""
    record = made.gate()
    assert record.p_ship == ()
    assert not [one for one in record.notes if "noise.json" in one]


def test_a_noise_file_that_was_changed_by_hand_stops_no_build_and_is_told(
    tmp_path: Path, stopship: Command
) -> None:
    made = flaky(tmp_path / "s")
    forget_code()
    stopship("noise", str(made.folder), "--rounds", "20")
    path = made.folder / "noise.json"
    document = json.loads(path.read_text("utf-8"))
    document["scopes"][0]["flips"] = 0.0
    path.write_text(json.dumps(document), "utf-8")
    outlook = made.open().outlook
    assert not outlook.is_measured
    assert "the seal does not fit" in outlook.noise


@pytest.mark.parametrize(
    "words", [("--plant", "10"), ("--plant", "0pt"), ("--plant", "xpt"), ("--cohort", "lang=de")]
)
def test_a_wrong_option_is_a_usage_error(tmp_path: Path, stopship: Command, words: tuple[str, ...]) -> None:
    made = make(tmp_path / "s")
    forget_code()
    assert stopship("noise", str(made.folder), *words) == 2
    assert "--plant" in stopship.err
