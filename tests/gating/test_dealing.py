"""The resampled gate is the suite's own: anchor, waivers, looks, second tries; what it lacks is said."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from tests.gating.making import MUST, TODAY, Made, make
from tests.gating.test_escalating import noisy
from tests.gating.test_noising import flaky, measured
from tests.gating.test_references import ANCHOR, BAD

from stopship.gating.dealing import Draws, Trial, trial_of
from stopship.model.noise import NoiseReport
from stopship.model.run import Run
from stopship.report.noise import noise_lines
from stopship.steps.alarms import false_alarms

UNTIL = date(2026, 3, 7)
LATER = date(2026, 3, 8)


def accepted_run(made: Made) -> Run:
    accepted = made.place.pointer().baseline
    assert accepted is not None
    return made.place.kept(accepted.run)


def trial(made: Made, second: Run, today: date = TODAY, *, first: Run | None = None) -> Trial:
    """The gate of a suite on two draws, of which the accepted run is the first where no other is named."""
    accepted = made.place.pointer().baseline
    assert accepted is not None
    run = accepted_run(made)
    draws = Draws(accepted=run, first=first or run, second=second)
    return trial_of(made.open(), made.place, accepted, draws, today)


def said(found: NoiseReport) -> str:
    return " ".join(" ".join(noise_lines(found)).split())


@pytest.mark.parametrize("today", [UNTIL, LATER])
def test_a_resample_in_which_nothing_changes_places_is_the_gate_itself(tmp_path: Path, today: date) -> None:
    made = make(tmp_path / "s", replay="", rules="", anchor=ANCHOR, draws=10_000)
    made.stack("bad", draws=10_000, wrong=BAD)
    made.accept(made.replay("bad"), stack="bad", waived=("right",), until=UNTIL)
    made.stack("bad", draws=10_000, wrong=BAD)
    second = made.replay("bad")
    record = made.judge(second, today=today)
    found = trial(made, second, today)
    judged = found.court.judged(np.zeros(60, dtype=np.bool_))
    kinds = {one.kind for one in judged}
    assert ("waiver" in kinds) is (today == LATER)
    assert ("anchor" in kinds) is (today == LATER)
    facts = [
        [(one.rule, one.kind, one.scope, one.decision, one.delta, one.p_adjusted) for one in told]
        for told in (judged, record.findings)
    ]
    assert facts[0] == facts[1]


def test_an_anchor_that_an_unchanged_build_falls_short_of_stops_every_resample(tmp_path: Path) -> None:
    made = make(tmp_path / "s", rules="", anchor=ANCHOR)
    made.stack("bad", wrong=BAD)
    made.accept(made.replay("bad"), stack="bad", waived=("right",), until=UNTIL)
    held = measured(made, today=UNTIL)
    assert held.alarms.verdicts == {"SHIP": 1}
    assert held.alarms.blocked == 0
    assert [one for one in held.included if one.startswith("waiver until 2026-03-07 for right")]
    over = measured(made, today=LATER)
    assert over.alarms.verdicts == {"STOP": 1}
    assert {name.split(" in ")[0] for name, _ in over.alarms.named} >= {
        "right vs anchor",
        "right (waiver over)",
    }
    assert "included: anchor" in said(over)
    assert "included: the waiver for right ended on 2026-03-07" in said(over)


def test_a_waived_failure_blocks_no_resample(tmp_path: Path) -> None:
    """The accepted run fails a must-pass case; until the day of the waiver it may go on failing."""
    made = make(tmp_path / "s", rules=MUST)
    made.stack("bad", wrong=["c00"])
    made.accept(made.replay("bad"), stack="bad", waived=("incidents",), until=UNTIL)
    assert measured(made, today=UNTIL).alarms.blocked == 0
    assert measured(made, today=LATER).alarms.blocked == 1


def test_what_undecided_allow_lets_pass_is_not_blocked(tmp_path: Path) -> None:
    made = flaky(tmp_path / "s")
    made.edit("suite.toml", '"20pt"', '"7pt"')
    held = measured(made)
    assert held.alarms.verdicts.get("UNDECIDED")
    assert held.alarms.blocked == 50 - held.alarms.verdicts.get("SHIP", 0)
    made.edit("suite.toml", "alpha = 0.05", 'alpha = 0.05\nundecided = "allow"')
    allowed = measured(made)
    assert allowed.alarms.verdicts == held.alarms.verdicts
    assert allowed.alarms.blocked < held.alarms.blocked
    assert "; blocked " in said(allowed)


ROUNDS = "[escalate]\nrounds = [1, 2, 4]\n"


def test_outputs_are_dealt_out_to_the_looks_that_they_reach_and_the_others_are_named(tmp_path: Path) -> None:
    made = noisy(tmp_path / "s", ROUNDS, every=0.3)
    first = measured(made)
    assert not first.included
    assert (
        "left out: looks 2 to 3 of [escalate] rounds, so these are the rates of the first look; "
        "--repeats 4 has them" in said(first)
    )
    some = measured(made, repeats=2)
    assert some.included == ("looks 1 to 2 of 3 of [escalate] rounds, at 1, 2 outputs a case",)
    assert some.left_out[0].startswith("look 3 of [escalate] rounds, so these are the rates of looks 1 to 2;")
    whole = measured(made, repeats=4)
    assert whole.left_out == ()
    assert whole.level == pytest.approx(0.05)
    runs = [made.place.run(one) for one in whole.floor.runs]
    court = trial(made, runs[1], first=runs[0]).court
    assert false_alarms(court, 50) == whole.alarms
    alone = false_alarms(replace(court, looks=court.looks[:1]), 50)
    assert whole.alarms.verdicts.get("UNDECIDED", 0) < alone.verdicts["UNDECIDED"]


def test_more_outputs_than_a_gate_has_tell_the_noise_better_and_change_no_gate(tmp_path: Path) -> None:
    """A gate that compares one output a case is not measured as if it compared three."""
    made = noisy(tmp_path / "s", every=0.3)
    found = measured(made, repeats=3)
    assert found.floor.outputs == 6
    assert trial(made, made.replay(fresh=True)).court.looks[0].after.pairing.is_single
    assert found.left_out == ()
    assert found.alarms.verdicts.get("UNDECIDED", 0) > 10  # 20 points of 60 cases at 1 output each


def test_a_baseline_of_several_outputs_keeps_them_in_every_resample(tmp_path: Path) -> None:
    made = make(tmp_path / "s", replay="repeats = 2", rules="", draws=0, every=7)
    made.edit("suite.toml", "repeats = 2", "repeats = 1")
    run = accepted_run(made)
    assert run.head.repeats == 2
    found = measured(made)
    assert found.left_out == ()
    second = made.place.run(found.floor.runs[1])
    (look,) = trial(made, second).court.looks
    assert look.before.pairing.baseline.repeats == 2
    assert look.after.pairing.candidate.repeats == 1
    short = measured(made, repeats=1)
    assert "left out: outputs that these draws lack: a gate compares 1 outputs" in said(short)
    assert "--repeats 2 has them" in said(short)


def test_must_pass_cases_that_fail_are_judged_by_two_of_three_where_there_are_three(tmp_path: Path) -> None:
    made = noisy(tmp_path / "s", c00=0.2)
    text = (made.folder / "suite.toml").read_text("utf-8") + MUST
    (made.folder / "suite.toml").write_text(text, "utf-8")
    once = measured(made, repeats=2)
    assert "left out: further outputs of must-pass cases that failed" in said(once)
    found = measured(made, repeats=3)
    assert found.included == ("further outputs of must-pass cases that failed: two failures of three stop",)
    court = trial(made, made.place.run(found.floor.runs[1]), first=made.place.run(found.floor.runs[0])).court
    (retries,) = [one.retries for one in court.looks]
    assert retries is not None
    stops = 0
    for draw in (0, 1):
        outputs = [
            it.trace["output"] for it in made.place.run(found.floor.runs[draw]).outcomes if it.key == "c00"
        ]
        assert retries.passes["incidents"][draw][0] == 3 - outputs.count("no")
        stops += outputs[0] == "no" and outputs.count("no") >= 2  # the first output is what a gate asks for
    assert (found.alarms.verdicts.get("STOP", 0) > 0) is (stops > 0)


def test_the_safety_class_is_not_asked_again(tmp_path: Path) -> None:
    made = noisy(tmp_path / "s", c00=0.2)
    text = (made.folder / "suite.toml").read_text("utf-8") + MUST + 'class = "safety"\n'
    (made.folder / "suite.toml").write_text(text, "utf-8")
    assert measured(made, repeats=3).included == ()


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ("[escalate]\ndiscordant = 3\ncohorts = 3\n", "discordant and cohorts: fresh outputs that may stop"),
        ("[escalate]\nconfirm = 2\n", "confirm: fresh outputs, and a STOP that they do not show"),
        ("[escalate]\nconfirm = 2\ncalls = 100\n", "the budget of [escalate]"),
    ],
)
def test_what_needs_fresh_outputs_is_said_to_be_left_out(tmp_path: Path, table: str, told: str) -> None:
    made = noisy(tmp_path / "s", table, every=0.1)
    assert told in said(measured(made))


def test_a_network_target_confirms_its_stops_though_nobody_wrote_so(tmp_path: Path) -> None:
    made = noisy(tmp_path / "s", replay="network = true", every=0.1)
    assert "confirm: fresh outputs" in said(measured(made))


def test_cases_that_the_accepted_run_lacks_are_counted_as_left_out(tmp_path: Path) -> None:
    made = noisy(tmp_path / "s", every=0.1)
    made.write_rows(
        "cases.jsonl", [*made.rows("cases.jsonl"), {"key": "new", "asked": "q", "lang": "de", "tag": ""}]
    )
    made.write_rows("labels.jsonl", [*made.rows("labels.jsonl"), {"key": "new", "wanted": "q"}])
    assert "left out: 1 new case without an output in the accepted run" in said(measured(made))
    assert "new case" not in said(measured(made, repeats=1))


def test_a_still_suite_draws_nothing_so_no_escalation_is_missed(tmp_path: Path) -> None:
    made = make(tmp_path / "s")
    assert measured(made).left_out == ()
