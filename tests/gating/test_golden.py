"""Admission of must-pass cases: K of K fresh outputs, drawn once; what the gate then says of them."""

import json
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from tests.gating.making import COUNT, LIMIT, MUST, TODAY, Made, make

from stopship.errors import EvidenceError, UsageError
from stopship.gating.admissions import golden_notes, percent
from stopship.gating.golden import Admitting, Wanted, admit
from stopship.gating.opened import GOLDEN
from stopship.model.columns import condition_of
from stopship.model.verdict import Verdict
from stopship.steps.stats.golden import Confirmation, expected_false_alarms
from stopship.store.golden import read_golden

FLAKY = """\
import hashlib

from stopship.errors import Unavailable

def answer(case, stack):
    import json
    from pathlib import Path
    told = json.loads(stack.text("prompt"))
    path = Path(__file__).parents[1] / ".draws"
    number = len(path.read_bytes()) if path.exists() else 0
    path.write_bytes(b"." * (number + 1))
    is_later = number >= 120  # the first outputs and those of the acceptance are good
    if is_later and case.key in told.get("lost", ()):
        raise Unavailable("HTTP 503")
    if is_later and case.key in told.get("broken", ()):
        raise KeyError("SHOP_KEY")
    draw = hashlib.sha256(f"{case.key} {number}".encode()).digest()[0] / 256
    rate = told.get("flaky", {}).get(case.key, told.get("rate", 0.0)) if is_later else 0.0
    return "no" if draw < rate else f"{case.row['asked']} {number}"
"""


def flaky(folder: Path, **how: Any) -> Made:
    """A suite whose cases fail now and then, each as often as its prompt says."""
    how = {"rules": MUST, "replay": "", **how}
    made = make(folder, is_accepted=False, **how)
    (made.folder / "app" / "answer.py").write_text(FLAKY, "utf-8")
    made.stack("stack", **{k: v for k, v in how.items() if k in ("flaky", "rate", "lost", "broken")})
    made.accept(made.replay())
    return made


def admitted(made: Made, **how: Any) -> Admitting:
    return admit(made.open(), made.place, Wanted(**{"today": TODAY, **how}))


def asked(made: Made) -> int:
    return len((made.folder / ".draws").read_bytes())


def notes(made: Made) -> str:
    return "\n".join(golden_notes(made.open(), made.place))


def test_a_case_that_passes_every_time_is_admitted_and_one_that_fails_once_is_refused(tmp_path: Path) -> None:
    made = flaky(tmp_path / "s", flaky={"c01": 0.3})
    found = admitted(made)
    assert [one.key for one in found.admitted] == ["c00", "c02"]
    (refused,) = found.refused
    assert (refused.key, refused.of) == ("c01", 20)
    assert 0 < refused.passed < 20
    assert [(one.key, one.times) for one in read_golden(made.folder / GOLDEN)] == [("c00", 20), ("c02", 20)]


def test_a_refusal_says_why_the_first_output_that_did_not_pass_fails(tmp_path: Path) -> None:
    made = flaky(tmp_path / "s", flaky={"c01": 1.0}, broken=["c02"])
    found = {one.key: one for one in admitted(made).refused}
    assert found["c02"].why.startswith("KeyError: 'SHOP_KEY'")
    assert found["c01"].passed == 0
    assert found["c01"].why.startswith("the output 'no")


def test_a_refused_case_is_not_asked_until_it_passes(tmp_path: Path) -> None:
    made = flaky(tmp_path / "s", flaky={"c01": 0.3})
    first = admitted(made)
    before = asked(made)
    again = admitted(made)
    assert asked(made) == before
    assert again.refused == first.refused
    assert again.run.id == first.run.id
    more = admitted(made, times=25)
    assert asked(made) == before + 3 * 5
    assert more.refused[0].passed - first.refused[0].passed <= 5


def test_the_admitted_outputs_are_neither_the_baselines_nor_a_candidates(tmp_path: Path) -> None:
    made = flaky(tmp_path / "s")
    found = admitted(made)
    pointer = made.place.pointer()
    assert pointer.baseline is not None
    epochs = {made.replay().head.epoch, made.place.kept(pointer.baseline.run).head.epoch}
    assert found.run.head.epoch not in epochs


def test_without_admissions_the_gate_says_how_many_are_lacking_and_how_to_admit_them(tmp_path: Path) -> None:
    made = flaky(tmp_path / "s")
    record = made.gate()
    assert any("3 of 3 must-pass cases are not admitted" in one for one in record.notes)
    assert any("stopship golden admit SUITE" in one for one in record.notes)


def test_once_all_are_admitted_the_gate_tells_false_alarms_alone(tmp_path: Path) -> None:
    made = flaky(tmp_path / "s")
    admitted(made)
    (note,) = golden_notes(made.open(), made.place)
    # three cases, K = 20, 2-of-3: 1 - (1 - (4 / (22 * 23) - 6 / (22 * 23 * 24)))^3
    assert "3 admitted must-pass cases stop a build that changed nothing on about 2.2 % of nights" in note
    assert note in made.gate().notes


def test_the_safety_class_stops_on_the_first_failure_and_its_false_alarms_say_so(tmp_path: Path) -> None:
    made = flaky(tmp_path / "s", rules=MUST.replace("score     =", 'class     = "safety"\nscore     ='))
    admitted(made)
    assert "on about 13 % of nights" in notes(made)  # 1 - (1 - 1 / 22)^3


def test_more_passes_make_fewer_false_alarms(tmp_path: Path) -> None:
    made = flaky(tmp_path / "s")
    admitted(made, times=60)
    assert "on about 0.3 % of nights" in notes(made)


def test_a_deterministic_target_is_told_nothing_and_needs_no_admission(tmp_path: Path) -> None:
    made = make(tmp_path / "s")
    assert golden_notes(made.open(), made.place) == []
    with pytest.raises(UsageError, match="needs no admission"):
        admitted(made)


def test_without_a_baseline_nothing_is_admitted(tmp_path: Path) -> None:
    made = make(tmp_path / "s", replay="", is_accepted=False)
    with pytest.raises(EvidenceError, match="no baseline"):
        admitted(made)


def test_an_admission_of_another_case_does_not_count(tmp_path: Path) -> None:
    made = flaky(tmp_path / "s")
    admitted(made)
    rows = made.rows("cases.jsonl")
    made.write_rows("cases.jsonl", [{**rows[0], "hint": "now"}, *rows[1:]])
    assert "1 of 3 must-pass case is not admitted" in notes(made)


def test_an_admission_by_other_labels_or_another_scorer_does_not_count(tmp_path: Path) -> None:
    made = flaky(tmp_path / "s")
    admitted(made)
    rows = made.rows("labels.jsonl")
    made.write_rows("labels.jsonl", [{**rows[0], "wanted": "other"}, *rows[1:]])
    assert "1 of 3 must-pass case is not admitted" in notes(made)
    made.edit("scorers.py", "trace.text", "str(trace.text)")
    assert "3 of 3 must-pass cases are not admitted" in notes(made)


def test_changed_labels_admit_anew_from_the_outputs_that_there_are(tmp_path: Path) -> None:
    made = flaky(tmp_path / "s")
    admitted(made)
    before = asked(made)
    rows = made.rows("labels.jsonl")
    made.write_rows("labels.jsonl", [{**rows[0], "wanted": "other"}, *rows[1:]])
    assert [one.key for one in admitted(made).refused] == ["c00"]
    assert asked(made) == before
    assert [one.key for one in read_golden(made.folder / GOLDEN)] == ["c01", "c02"]


def test_a_part_leaves_the_other_admissions_alone(tmp_path: Path) -> None:
    made = flaky(tmp_path / "s")
    admitted(made)
    admitted(made, where=(condition_of("key=c01"),), times=30)
    assert [one.times for one in read_golden(made.folder / GOLDEN)] == [20, 30, 20]


def test_lost_outputs_are_no_passes(tmp_path: Path) -> None:
    made = flaky(tmp_path / "s", replay="limits = { errors = 0.9 }", lost=["c02"])
    (refused,) = admitted(made).refused
    assert (refused.key, refused.passed, refused.of) == ("c02", 0, 0)


def test_a_damaged_file_of_admissions_is_void(tmp_path: Path) -> None:
    made = flaky(tmp_path / "s")
    admitted(made)
    path = made.place.golden_path
    path.write_text(path.read_text("utf-8").replace('"times": 20', '"times": 60'), "utf-8")
    record = made.gate()
    assert record.verdict is Verdict.VOID
    assert "was changed by hand" in record.reasons[0]


def test_a_limit_for_noisy_cases_is_rated_by_nights_of_the_accepted_stack(tmp_path: Path) -> None:
    def rule(least: float) -> str:
        return LIMIT.replace("0.3", str(least)).replace("limit", 'where = ["lang=en"]\nlimit')

    made = flaky(tmp_path / "s", rate=0.2, rules=rule(0.5))
    (easy,) = admitted(made, rules=("mostly-right",)).rates
    assert easy.cases == COUNT // 2
    assert easy.mean == pytest.approx(0.8, abs=0.06)
    assert easy.broken == 0.0
    before = asked(made)
    made.edit("suite.toml", "at_least = 0.5", "at_least = 0.99")
    (hard,) = admitted(made, rules=("mostly-right",)).rates
    assert hard.broken > 0.9
    assert asked(made) == before
    made.edit("suite.toml", "at_least = 0.99", "at_least = 0.75")
    (near,) = admitted(made, rules=("mostly-right",)).rates
    assert near.unproven > 0.6


def test_a_rule_without_cases_that_must_pass_or_a_limit_is_refused(tmp_path: Path) -> None:
    made = flaky(tmp_path / "s")
    with pytest.raises(UsageError, match="neither must-pass cases nor a limit"):
        admitted(made, rules=("right",))
    with pytest.raises(UsageError, match="no rule has this id"):
        admitted(made, rules=("rihgt",))


def test_the_file_of_admissions_reads_back_and_refuses_anything_else(tmp_path: Path) -> None:
    from stopship.store.golden import parsed_golden, rendered_golden

    made = flaky(tmp_path / "s")
    found = admitted(made).admitted
    assert parsed_golden(rendered_golden(found[::-1]), "x") == tuple(sorted(found, key=lambda one: one.key))
    document = json.loads(rendered_golden(found))
    for odd in (
        {**document, "format": 2},
        {**document, "more": 1},
        {**document, "seal": "0" * 64},
        {**document, "admitted": document["admitted"][:2]},
    ):
        with pytest.raises(EvidenceError):
            parsed_golden(json.dumps(odd).encode(), "x")
    for data in (b"", b"[]", b"{", b"\xff"):
        with pytest.raises(EvidenceError):
            parsed_golden(data, "x")
    with pytest.raises(EvidenceError, match="twice"):
        parsed_golden(rendered_golden([found[0], replace(found[0], times=3)]), "x")


def test_a_waived_must_pass_case_may_fail_until_the_day_and_no_other_case_may(tmp_path: Path) -> None:
    made = make(tmp_path / "s", rules=MUST)
    made.stack("bad", wrong=["c01"])
    run = made.replay("bad")
    with pytest.raises(UsageError, match="incidents got worse"):
        made.accept(run, stack="bad")
    with pytest.raises(UsageError, match="needs a rule and an end"):
        made.accept(run, stack="bad", waived=("incidents",))
    done = made.accept(
        run, stack="bad", waived=("incidents",), until=date(2026, 3, 7), because="ticket 7: prompt v16"
    )
    assert [(one.rule, one.until, one.because) for one in done.waivers] == [
        ("incidents", "2026-03-07", "ticket 7: prompt v16")
    ]
    held = made.gate("bad", today=date(2026, 3, 7))
    assert held.verdict is Verdict.SHIP
    assert "waiver until 2026-03-07 for incidents: ticket 7: prompt v16" in held.notes
    (finding,) = (one for one in held.findings if one.kind == "must_pass")
    assert (finding.waived_keys, finding.waived_until) == (("c01",), "2026-03-07")
    made.stack("worse", wrong=["c01", "c02"])
    other = made.gate("worse", today=date(2026, 3, 7))
    assert other.verdict is Verdict.STOP
    assert [one.worse_keys for one in other.findings if one.is_broken] == [("c02",)]
    ended = made.gate("bad", today=date(2026, 3, 8))
    assert ended.verdict is Verdict.STOP
    assert any("the waiver for incidents ended on 2026-03-07" in one for one in ended.notes)


def test_the_false_alarms_in_the_documentation_are_those_that_are_computed() -> None:
    text = (Path(__file__).parents[2] / "docs" / "suites.md").read_text("utf-8")
    for k in (5, 20, 60):
        told = [
            percent(expected_false_alarms(n, k, how))
            for how in (Confirmation.TWO_OF_THREE, Confirmation.FIRST_FAIL)
            for n in (10, 50)
        ]
        assert f"| {k} of {k} | {' | '.join(told)} |" in text
