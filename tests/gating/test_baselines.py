"""What is compared with what: the first day, cases that come, go and change, what is judged anew for free."""

from pathlib import Path

import pytest
from tests.gating.making import LIMIT, MUST, TODAY, Made, key, make

from stopship.errors import EvidenceError, UsageError
from stopship.gating.gate import Asked, gate
from stopship.gating.opened import blind_fault
from stopship.model.verdict import Verdict

WRONG = [key(i) for i in range(20, 45)]


def test_without_a_baseline_a_good_run_is_void_and_limits_are_judged(tmp_path: Path) -> None:
    made = make(tmp_path / "s", is_accepted=False)
    record = made.gate()
    assert (record.verdict, record.reasons) == (Verdict.VOID, ("no baseline",))
    assert {one.kind for one in record.findings} == {"limit", "must_pass"}


def test_a_new_suite_ships_on_limits_and_must_pass_alone(tmp_path: Path) -> None:
    made = make(tmp_path / "s", is_accepted=False)
    assert made.gate(is_new_suite=True).verdict is Verdict.SHIP


@pytest.mark.parametrize("wrong", [["c01"], [key(i) for i in range(5, 60)]], ids=["must pass", "limit"])
def test_on_the_first_day_a_broken_promise_stops(tmp_path: Path, wrong: list[str]) -> None:
    made = make(tmp_path / "s", is_accepted=False, wrong=wrong)
    assert made.gate().verdict is Verdict.STOP


def test_a_new_suite_of_comparisons_alone_is_void(tmp_path: Path) -> None:
    made = make(tmp_path / "s", is_accepted=False, rules="")
    assert made.gate(is_new_suite=True).verdict is Verdict.VOID


def test_new_suite_with_a_baseline_is_void(tmp_path: Path) -> None:
    made = make(tmp_path / "s")
    assert "--new-suite with a baseline" in made.gate(is_new_suite=True).reasons[0]


def more(made: Made, name: str, tag: str = "") -> None:
    made.write_rows(
        "cases.jsonl", [*made.rows("cases.jsonl"), {"key": name, "asked": "new", "lang": "en", "tag": tag}]
    )
    made.write_rows("labels.jsonl", [*made.rows("labels.jsonl"), {"key": name, "wanted": "new"}])


def test_a_new_case_is_listed_and_compared_with_nothing(tmp_path: Path) -> None:
    made = make(tmp_path / "s")
    more(made, "fresh")
    made.stack("stack", wrong=["fresh"])
    record = made.gate()
    assert record.verdict is Verdict.SHIP
    assert record.new_keys == ("fresh",)
    assert next(one for one in record.findings if one.rule == "right").worse == 0


def test_a_new_case_that_must_pass_and_fails_stops(tmp_path: Path) -> None:
    made = make(tmp_path / "s")
    more(made, "fresh", tag="incident")
    made.stack("stack", wrong=["fresh"])
    record = made.gate()
    assert record.verdict is Verdict.STOP
    assert "fresh" in record.reasons[0]


def drop(made: Made, name: str) -> None:
    for file in ("cases.jsonl", "labels.jsonl"):
        made.write_rows(file, [one for one in made.rows(file) if one["key"] != name])


def test_a_removed_case_needs_a_reason(tmp_path: Path) -> None:
    made = make(tmp_path / "s")
    drop(made, "c30")
    record = made.gate()
    assert record.verdict is Verdict.VOID
    assert "1 case removed ('c30') since the baseline without a reason" in record.reasons[0]
    made.edit("suite.toml", "[decide]", '[removed]\nc30 = "asked twice"\n[decide]')
    record = made.gate()
    assert record.verdict is Verdict.SHIP
    assert "removed since the baseline: 'c30': asked twice" in record.notes


def test_a_changed_case_is_void_with_what_to_do(tmp_path: Path) -> None:
    made = make(tmp_path / "s")
    rows = made.rows("cases.jsonl")
    rows[30]["asked"] = "other"
    made.write_rows("cases.jsonl", rows)
    record = made.gate()
    assert record.verdict is Verdict.VOID
    assert "give a changed case a new key" in record.reasons[0]


def test_a_run_of_earlier_cases_is_void(tmp_path: Path) -> None:
    made = make(tmp_path / "s")
    run = made.replay()
    more(made, "fresh")
    record = made.judge(run)
    assert record.verdict is Verdict.VOID
    assert "1 case new ('fresh'); replay again" in record.reasons[0]


def test_new_labels_score_both_runs_anew_and_nothing_is_asked(tmp_path: Path) -> None:
    made = make(tmp_path / "s")
    run = made.replay()
    labels = [
        {**one, "wanted": "nothing"} if one["key"] in WRONG else one for one in made.rows("labels.jsonl")
    ]
    made.write_rows("labels.jsonl", labels)
    assert made.replay().id == run.id
    record = made.judge(run)
    assert any("labels have changed" in one for one in record.notes)
    right = next(one for one in record.findings if one.rule == "right" and one.scope == "all")
    assert (right.worse, right.better) == (0, 0)
    assert right.baseline == right.candidate == pytest.approx(35 / 60)


def test_a_changed_margin_is_judged_anew_and_printed(tmp_path: Path) -> None:
    made = make(tmp_path / "s")
    made.stack("worse", wrong=[key(i) for i in range(20, 29)])
    run = made.replay("worse")
    strict = made.judge(run).verdict
    made.edit("suite.toml", '"20pt"', '"35pt"')
    record = made.judge(run)
    assert (strict, record.verdict) == (Verdict.STOP, Verdict.SHIP)
    assert (
        "rule right has changed since the baseline was accepted: margin=20pt -> margin=35pt" in record.notes
    )


def test_a_changed_error_rate_is_printed(tmp_path: Path) -> None:
    made = make(tmp_path / "s")
    made.edit("suite.toml", "alpha = 0.05", "alpha = 0.2")
    said = "[decide] has changed since the baseline was accepted: alpha=0.05 -> alpha=0.2"
    assert said in made.gate().notes


def test_changed_cohorts_are_judged_anew_and_printed(tmp_path: Path) -> None:
    made = make(tmp_path / "s")
    made.edit("suite.toml", "lang = {}", "tag = {}")
    record = made.gate()
    assert record.verdict is Verdict.SHIP
    assert "tag=(none)" in {one.scope for one in record.findings}
    assert any(one.startswith("[cohorts] has changed") for one in record.notes)


def test_a_rule_that_is_gone_is_printed(tmp_path: Path) -> None:
    made = make(tmp_path / "s")
    made.edit("suite.toml", MUST, "")
    assert any(one.startswith("rule incidents is gone since") for one in made.gate().notes)


def test_a_changed_scorer_scores_both_runs_anew_and_says_so(tmp_path: Path) -> None:
    made = make(tmp_path / "s")
    made.edit("scorers.py", "return ", "return True or ")
    made.stack("worse", wrong=WRONG)
    record = made.judge(made.replay("worse"))
    assert record.verdict is Verdict.SHIP
    assert any("the scorer scorers.py:right has changed" in one for one in record.notes)


def test_a_run_with_a_pin_replaced_by_hand_never_ships_and_may_stop(tmp_path: Path) -> None:
    made = make(tmp_path / "s")
    made.stack("same")
    made.stack("worse", wrong=WRONG)
    fine = made.judge(made.replay(pins=[f"prompt={made.folder}/same.json"]))
    bad = made.judge(made.replay(pins=[f"prompt={made.folder}/worse.json"]))
    assert (fine.verdict, bad.verdict) == (Verdict.VOID, Verdict.STOP)
    assert fine.exit_code == 22
    assert "an experiment never ships" in fine.reasons[0]


def test_undecided_is_allowed_for_no_experiment(tmp_path: Path) -> None:
    made = make(tmp_path / "s")
    made.edit("suite.toml", "at_least = 0.3", "at_least = 0.97")
    assert made.gate().verdict is Verdict.UNDECIDED
    made.stack("same")
    run = made.replay(pins=[f"prompt={made.folder}/same.json"])
    record = made.judge(run, allow_undecided=True)
    assert (record.verdict, record.exit_code, record.allowed) == (Verdict.VOID, 22, False)


def test_another_baseline_may_be_named(tmp_path: Path) -> None:
    made = make(tmp_path / "s")
    made.stack("worse", wrong=WRONG)
    worse = made.replay("worse")
    assert made.judge(worse, baseline=worse).verdict is not Verdict.STOP
    assert made.judge(made.replay(), baseline=worse).verdict is Verdict.SHIP


def test_what_is_expected_to_improve_must(tmp_path: Path) -> None:
    made = make(tmp_path / "s", wrong=WRONG, rules=MUST)
    made.stack("fix")
    opened = made.open(expect=["right"])
    place = made.place
    same = gate(opened, place, made.replay(opened=opened), Asked(today=TODAY))
    fixed = gate(opened, place, made.replay("fix", opened=opened), Asked(today=TODAY))
    assert (same.verdict, fixed.verdict) == (Verdict.UNDECIDED, Verdict.SHIP)


@pytest.mark.parametrize(
    ("name", "said"), [("rihgt", "no rule has this id"), ("mostly-right", "compares nothing")]
)
def test_what_cannot_improve_cannot_be_expected(tmp_path: Path, name: str, said: str) -> None:
    made = make(tmp_path / "s", is_accepted=False)
    with pytest.raises(UsageError, match=said):
        made.open(expect=[name])


@pytest.mark.parametrize(("kind", "exit_"), [("raise", 20), ("silent", 20), ("odd", 20)])
def test_a_target_that_fails_scores_worst(tmp_path: Path, kind: str, exit_: int) -> None:
    made = make(tmp_path / "s")
    made.stack("bad", **{kind: WRONG})
    record = made.gate("bad")
    assert record.exit_code == exit_
    assert any(one.rule == "answered" and one.is_broken for one in record.findings)


def test_losses_to_infrastructure_are_left_out_below_their_limit_and_void_above(tmp_path: Path) -> None:
    made = make(tmp_path / "s")
    made.stack("one", lost=["c40"])
    made.stack("two", lost=["c40", "c41"])
    assert made.gate("one").verdict is Verdict.SHIP
    record = made.gate("two")
    assert record.verdict is Verdict.VOID
    assert "2 of 60 outputs of the candidate were lost to infrastructure" in record.reasons[0]


def test_a_first_run_that_lost_too_much_is_not_accepted(tmp_path: Path) -> None:
    from stopship.errors import EvidenceError

    for rules in ("", MUST + LIMIT):
        made = make(tmp_path / f"s{len(rules)}", is_accepted=False, rules=rules, lost=["c40", "c41"])
        with pytest.raises(EvidenceError, match="VOID run cannot be accepted"):
            made.accept(made.replay())


def test_a_run_that_lost_too_much_is_asked_again(tmp_path: Path) -> None:
    made = make(tmp_path / "s", is_accepted=False, lost=["c40", "c41"])
    calls = [made.replay().id for _ in range(2)]
    made2 = made.open()
    from stopship.gating.performing import replay
    from stopship.gating.replay import planned
    from stopship.gating.stacking import answering

    plan = planned(made2, made.place, answering(made.folder / "stack.toml"))
    assert replay(plan).is_served is False
    assert len(set(calls)) == 1


@pytest.mark.parametrize(("said", "verdict"), [("m1", Verdict.SHIP), ("m2", Verdict.VOID)])
def test_what_really_answered_must_be_what_was_locked(tmp_path: Path, said: str, verdict: Verdict) -> None:
    made = make(tmp_path / "s")
    made.stack("seen", extra={"observed": {"model": said}})
    record = made.gate("seen")
    assert record.verdict is verdict
    if verdict is Verdict.VOID:
        assert record.reasons == (
            "model 'm2' answered 60 cases of the candidate ('c00', 'c01', 'c02', …), and the lock says 'm1'",
        )


def test_a_blind_rule_is_refused_with_the_number_it_needs(tmp_path: Path) -> None:
    made = make(tmp_path / "s", is_accepted=False)
    made.edit("suite.toml", '"20pt"', '"1pt"')
    opened = made.open()
    fault = blind_fault(opened, allow_blind=False)
    assert fault is not None
    assert "can never decide" in str(fault)
    assert "needs" in str(fault)
    assert "--allow-blind" in fault.do
    assert blind_fault(opened, allow_blind=True) is None


def test_a_renamed_suite_is_told_how_to_go_on(tmp_path: Path) -> None:
    made = make(tmp_path / "s")
    made.edit("suite.toml", '"small"', '"mine"')
    (reason,) = made.gate().reasons
    assert reason == (
        "the baseline is a run of the suite 'small', not of 'mine': call the suite that again, or begin a "
        "new baseline: remove baseline.json, replay, accept"
    )
    (made.folder / "baseline.json").unlink()
    made.accept(made.replay())
    assert made.gate().exit_code == 0


def test_a_case_that_is_gone_with_its_label_left_behind_is_told_what_to_write(tmp_path: Path) -> None:
    made = make(tmp_path / "s")
    made.write_rows("cases.jsonl", [one for one in made.rows("cases.jsonl") if one["key"] != "c30"])
    with pytest.raises(EvidenceError) as refused:
        made.open()
    told = str(refused.value)
    assert "labels a case that is not there: 'c30'" in told
    assert 'suite.toml under [removed]: "c30" = "…"' in told
    made.edit("suite.toml", "[decide]", '[removed]\n"c30" = "asked twice"\n[decide]')
    assert made.gate().exit_code == 0


def test_a_tombstone_of_no_case_of_the_baseline_is_noted(tmp_path: Path) -> None:
    made = make(tmp_path / "s")
    made.edit("suite.toml", "[decide]", '[removed]\nc3O = "a slip"\n[decide]')
    record = made.gate()
    assert record.exit_code == 0
    assert "[removed] names 'c3O', which is no case of the baseline: a slip, or it may go" in record.notes
