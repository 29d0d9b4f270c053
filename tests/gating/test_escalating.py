"""Drawing more where one look does not decide: both arms alike, in a budget; no part ever makes a SHIP."""

import json
from pathlib import Path
from typing import Any

import pytest
from tests.families import first_fast
from tests.gating.making import TODAY, Made, make

from stopship.gating.escalating import Means, decided
from stopship.gating.gate import Asked
from stopship.model.run import Run
from stopship.model.verdict import Decision, Record, Verdict
from stopship.pinning.lock import lock_stack

TARGET = """\
import json
from hashlib import sha256
from pathlib import Path

DRAWS = Path(__file__).parents[1] / ".asked"


def answer(case, stack):
    told = json.loads(stack.text("prompt"))
    with DRAWS.open("a") as file:
        file.write(f"{stack.version('prompt')} {case.key}\\n")
    number = DRAWS.read_text().count(f" {case.key}\\n")
    seed = f"{told.get('seed', 0)} {case.key} {number}".encode()
    lot = int.from_bytes(sha256(seed).digest()[:4], "big") / 2**32
    rates = told.get("rates", {})
    rate = rates.get(case.key, rates.get(case.row["lang"], rates.get("*", 0.0)))
    lines = DRAWS.read_text().splitlines()
    turn = lines.count(f"{stack.version('prompt')} {case.key}")
    is_wrong = lot < rate or turn in told.get("wrong_at", {}).get(case.key, ())
    text = "no" if is_wrong else case.row["asked"]
    if len(lines) > told.get("switched_after", len(lines)):
        return {"output": text, "observed": {"model": "m9"}}
    return {"output": text, "cost_usd": 0.01, **told.get("extra", {})}
"""


def noisy(folder: Path, escalate: str = "", *, replay: str = "", **rates: float) -> Made:
    """An accepted suite of sixty cases whose answers fail at these rates: by language, case, or `every`."""
    made = make(folder, replay=replay, rules="", is_accepted=False)
    (made.folder / "app" / "answer.py").write_text(TARGET, "utf-8")
    made.edit("suite.toml", "[cohorts]", f"{escalate}\n[cohorts]")
    stack(made, "stack", **rates)
    made.accept(made.replay())
    return made


def stack(made: Made, name: str, **rates: float) -> None:
    """A stack whose answers fail at these rates; `seed` gives other luck."""
    seed = rates.pop("seed", 0)
    told = {("*" if key == "every" else key): rate for key, rate in rates.items()}
    made.stack(name, rates=told, seed=seed)
    lock_stack(made.folder / f"{name}.toml")


def gate(made: Made, name: str = "stack", *, run: Run | None = None, **means: Any) -> Record:
    opened = made.open()
    candidate = run or made.replay(name, opened=opened)
    return decided(opened, made.place, candidate, Asked(today=TODAY), Means(**means))


def asked(made: Made, name: str) -> int:
    """How often a stack was asked so far."""
    return (made.folder / ".asked").read_text("utf-8").count(f"{name} c")


ROUNDS = "[escalate]\nrounds = [1, 2, 4]\n"


def test_rounds_draw_both_arms_alike_until_it_is_decided_and_say_so(tmp_path: Path) -> None:
    made = noisy(tmp_path / "s", ROUNDS, every=0.3)
    stack(made, "next", every=0.3, seed=1)
    record = gate(made, "next")
    assert record.escalation
    assert {one.kind for one in record.escalation} == {"round"}
    rounds = 1 + len(record.escalation)
    outputs = [1, 2, 4][rounds - 1]
    assert asked(made, "next") == 60 * outputs
    assert asked(made, "stack") == 60 + 60 * outputs  # sixty more chose the baseline
    assert record.look == (rounds, 3)
    assert sum(one.outputs for one in record.escalation) == 2 * 60 * (outputs - 1)
    assert record.escalation[0].usd == pytest.approx(1.2)
    again = gate(made, "next")
    assert asked(made, "next") == 60 * outputs
    assert (again.verdict, again.findings) == (record.verdict, record.findings)


def test_the_levels_of_all_looks_miss_together_no_more_than_one(tmp_path: Path) -> None:
    from stopship.model.suite import Escalate
    from stopship.steps.looks import looks_of

    for escalate in (
        Escalate(rounds=(1, 2, 3, 5)),
        Escalate(rounds=(1, 5), discordant=5, cohorts=5),
        Escalate(),
    ):
        looks = looks_of(escalate, repeats=1, alpha=0.05)
        assert sum(1 - one.level for one in looks.rounds) == pytest.approx(0.05)
        shares = sum(one.alpha_share for one in looks.rounds) + looks.discordant_share + looks.cohorts_share
        assert shares == pytest.approx(1.0)
        assert [one.outputs for one in looks.rounds] == list(escalate.rounds or (1,))


def test_a_build_that_is_clearly_worse_is_stopped_at_once(tmp_path: Path) -> None:
    made = noisy(tmp_path / "s", "", every=0.05)
    stack(made, "bad", every=0.9)
    record = gate(made, "bad")
    assert record.verdict is Verdict.STOP
    assert record.escalation == ()
    assert asked(made, "bad") == 60


def test_the_budget_ends_it_and_what_is_left_undone_is_said(tmp_path: Path) -> None:
    made = noisy(tmp_path / "s", ROUNDS + "calls = 100\n", every=0.3)
    stack(made, "next", every=0.3, seed=1)
    record = gate(made, "next")
    assert record.verdict is Verdict.UNDECIDED
    assert record.escalation == ()
    assert any(
        "no further round: it takes 120 outputs, and the budget has 100 left" in one for one in record.notes
    )
    assert asked(made, "next") == 60


def test_a_budget_in_dollars_counts_what_the_target_tells(tmp_path: Path) -> None:
    made = noisy(tmp_path / "s", ROUNDS + "usd = 1.0\n", every=0.3)
    stack(made, "next", every=0.3, seed=1)
    record = gate(made, "next")
    assert any("it takes about $1.20, and the budget has $1.00 left" in one for one in record.notes)


DISCORDANT = "[escalate]\ndiscordant = 8\n"


def test_cases_that_differ_asked_again_may_stop_a_build(tmp_path: Path) -> None:
    made = noisy(tmp_path / "s", DISCORDANT, every=0.02)
    made.edit("suite.toml", "20pt", "10pt")
    stack(made, "bad", every=0.02, **{f"c{i:02d}": 0.97 for i in range(20, 31)})
    record = gate(made, "bad")
    assert record.verdict is Verdict.STOP
    assert [one.kind for one in record.escalation] == ["discordant"]
    broken = next(one for one in record.findings if one.is_broken)
    assert broken.why == "broken once the cases that differ were asked again in both arms"
    assert broken.n == 60
    assert asked(made, "bad") == 60 + 8 * record.escalation[0].cases
    assert asked(made, "stack") == 120 + 8 * record.escalation[0].cases


@pytest.mark.parametrize("seed", first_fast(range(6)))
def test_cases_that_differ_asked_again_never_make_a_build_ship(tmp_path: Path, seed: int) -> None:
    made = noisy(tmp_path / "s", DISCORDANT, every=0.3)
    stack(made, "next", every=0.35, seed=seed + 1)
    record = gate(made, "next")
    if record.escalation:
        assert record.verdict in (Verdict.UNDECIDED, Verdict.STOP)


def test_a_stop_of_a_network_target_must_show_on_fresh_outputs_of_both_arms(tmp_path: Path) -> None:
    made = noisy(tmp_path / "s", replay="network = true", every=0.02)
    stack(made, "bad", every=0.02, de=0.9)
    record = gate(made, "bad")
    assert record.verdict is Verdict.STOP
    assert [one.kind for one in record.escalation] == ["confirm"]
    assert "checks confirmed" in record.escalation[0].what
    assert asked(made, "bad") == 120
    opened = made.open()
    assert opened.suite.escalate.confirm is None
    fluke = flukes(made)
    record = gate(made, "stack", run=fluke)
    assert record.verdict is Verdict.UNDECIDED
    refuted = [one for one in record.findings if one.why.startswith("not confirmed: on fresh outputs")]
    assert refuted
    assert all(one.decision is Decision.SUSPECT for one in refuted)


def flukes(made: Made) -> Run:
    """A run of the accepted stack on a day when everything German went wrong, though the stack is well."""
    from dataclasses import replace

    from stopship.store.runs import seal_run

    run = made.replay("stack")
    rows = run.rows
    outcomes = [
        replace(one, trace={**one.trace, "output": "no"}) if rows[one.key]["lang"] == "de" else one
        for one in run.outcomes
    ]
    head = replace(run.head, epoch=77)
    return seal_run(made.place.runs, head, rows, outcomes, provenance={})


def test_where_the_baseline_cannot_be_asked_a_stop_stays_a_stop(tmp_path: Path) -> None:
    made = noisy(tmp_path / "s", replay="network = true", every=0.02)
    stack(made, "bad", de=0.9)
    run = made.replay("bad")
    record = gate(made, "bad", run=run, may_draw=False)
    assert record.verdict is Verdict.STOP
    assert any(
        "nothing more was drawn: the target is reached over the network" in one for one in record.notes
    )


def test_confirm_false_takes_a_stop_at_its_word(tmp_path: Path) -> None:
    made = noisy(tmp_path / "s", "[escalate]\nconfirm = false\n", replay="network = true", every=0.02)
    stack(made, "bad", de=0.9)
    assert gate(made, "bad").escalation == ()


COHORTS = "[escalate]\ncohorts = 6\n"


def test_a_small_cohort_that_drops_is_confirmed_on_fresh_outputs(tmp_path: Path) -> None:
    made = noisy(tmp_path / "s", COHORTS, every=0.0)
    rows = made.rows("cases.jsonl")
    made.write_rows(
        "cases.jsonl", [{**row, "lang": "nl" if i >= 56 else row["lang"]} for i, row in enumerate(rows)]
    )
    (made.folder / "baseline.json").unlink()
    made.accept(made.replay())
    made.edit("suite.toml", "20pt", "9pt")
    stack(made, "bad", nl=0.8)
    record = gate(made, "bad")
    assert record.verdict is Verdict.STOP
    assert [one.kind for one in record.escalation] == ["cohorts"]
    broken = [one for one in record.findings if one.is_broken]
    assert {one.scope for one in broken} == {"lang=nl"}
    assert broken[0].why.startswith("confirmed on captured cases")


def test_a_small_cohort_is_screened_though_all_the_rest_would_ship(tmp_path: Path) -> None:
    made = noisy(tmp_path / "s", COHORTS, every=0.0)
    rows = made.rows("cases.jsonl")
    made.write_rows(
        "cases.jsonl", [{**row, "lang": "nl" if i >= 56 else row["lang"]} for i, row in enumerate(rows)]
    )
    (made.folder / "baseline.json").unlink()
    made.accept(made.replay())
    stack(made, "bad", nl=0.8)
    record = gate(made, "bad")
    assert record.verdict is Verdict.STOP
    assert [one.kind for one in record.escalation] == ["cohorts"]
    lucky = once_wrong(made, "stack", "c57")
    record = gate(made, "stack", run=lucky)
    assert record.verdict is Verdict.SHIP
    assert [one.kind for one in record.escalation] == ["cohorts"]


def test_flips_are_labelled_by_fresh_outputs_and_confirmed_ones_come_first(tmp_path: Path) -> None:
    made = noisy(tmp_path / "s", "[escalate]\ntriage = 4\n", every=0.0)
    stack(made, "bad", de=0.55, **{f"c{i:02d}": 1.0 for i in range(41, 60, 2)})
    record = gate(made, "bad")
    assert record.verdict is Verdict.STOP
    worst = next(one for one in record.findings if one.is_broken and one.scope == "lang=de").worst
    found = [one.triage for one in worst]
    assert "confirmed" in found
    assert "noise" in found
    assert found == sorted(found, key=["confirmed", "untried", "flaky-baseline", "noise", ""].index)
    from stopship.report.text import render

    assert "(confirmed)" in render(record)


MUST_ONE = """
[[rule]]
id        = "golden"
class     = "{of}"
score     = "scorers.py:right"
must_pass = {{ where = ["tag=incident"] }}
"""


@pytest.mark.parametrize(
    ("of", "rate", "verdict"),
    [
        ("correctness", 0.0, Verdict.SHIP),
        ("correctness", 1.0, Verdict.STOP),
        ("safety", 0.0, Verdict.STOP),
    ],
)
def test_a_must_pass_case_stops_by_two_of_three_and_the_safety_class_by_one(
    tmp_path: Path, of: str, rate: float, verdict: Verdict
) -> None:
    made = noisy(tmp_path / "s", every=0.0)
    made.file.write_text(made.file.read_text("utf-8") + MUST_ONE.format(of=of), "utf-8")
    stack(made, "next", c01=rate)
    run = once_wrong(made, "next", "c01")
    record = gate(made, "next", run=run)
    assert record.verdict is verdict
    drawn = [one.kind for one in record.escalation]
    assert drawn == ([] if of == "safety" else ["must_pass"])
    assert asked(made, "next") == 60 + (0 if of == "safety" else 2)


def once_wrong(made: Made, name: str, key: str) -> Run:
    """A run in which one case went wrong, whatever its rate is."""
    from dataclasses import replace

    from stopship.store.runs import seal_run

    run = made.replay(name)
    outcomes = [
        replace(one, trace={**one.trace, "output": "no"}) if one.key == key else one for one in run.outcomes
    ]
    return seal_run(made.place.runs, run.head, run.rows, outcomes, provenance={})


def test_the_suite_estimand_judges_these_cases_by_their_outputs(tmp_path: Path) -> None:
    made = noisy(tmp_path / "s", replay="repeats = 6", every=0.1)
    made.edit("suite.toml", "[decide]", '[decide]\nestimand = "suite"')
    stack(made, "bad", every=0.1, c20=1.0, c21=1.0, c22=1.0, c23=1.0, c24=1.0)
    record = gate(made, "bad")
    assert record.estimand == "suite"
    whole = next(one for one in record.findings if one.rule == "right" and one.scope == "all")
    assert whole.test.startswith("within-case")
    assert whole.p is not None
    assert whole.p < 0.01  # five cases that always fail are sure, where they are all that is judged
    assert gate(made, "stack").verdict is Verdict.SHIP


def test_a_deterministic_target_is_judged_as_it_was(tmp_path: Path) -> None:
    made = make(tmp_path / "s")
    made.stack("bad", wrong=["c01"])
    opened = made.open()
    run = made.replay("bad", opened=opened)
    plain = made.judge(run, opened=opened)
    assert decided(opened, made.place, run, Asked(today=TODAY)) == plain
    assert json.dumps(plain.counts)


def test_a_must_pass_case_is_excused_by_all_outputs_of_the_look_that_decides(tmp_path: Path) -> None:
    """One failure of three is none; three of five are, though the first three held but one."""
    made = noisy(tmp_path / "s", "[escalate]\nrounds = [1, 5]\n", every=0.3)
    made.file.write_text(made.file.read_text("utf-8") + MUST_ONE.format(of="correctness"), "utf-8")
    rates = {"*": 0.3, "c00": 0.0, "c01": 0.0, "c02": 0.0}
    made.stack("next", rates=rates, seed=1, wrong_at={"c01": [1, 4, 5]})
    record = gate(made, "next")
    assert [one.kind for one in record.escalation] == ["must_pass", "round", "must_pass"]
    assert "1 of 1 failed only once" in record.escalation[0].what
    assert "0 of 1 failed only once" in record.escalation[2].what
    assert record.verdict is Verdict.STOP
    assert any("golden in all: 1 of 3 cases that must pass failed ('c01')" in one for one in record.reasons)


def test_fresh_outputs_are_never_those_of_a_run_that_was_handed_in(tmp_path: Path) -> None:
    """Runs of another machine have epochs that this one knows nothing of."""
    import shutil

    made = noisy(tmp_path / "s", replay="network = true", every=0.02)
    stack(made, "bad", every=0.02, de=0.9)
    run = made.replay("bad", fresh=True)
    assert run.head.epoch == 1
    kept = made.place.find(run.id)
    aside = tmp_path / run.id
    shutil.copytree(kept, aside)
    shutil.rmtree(made.folder / ".stopship")
    from stopship.store.runs import read_run

    record = gate(made, "bad", run=read_run(aside))
    assert record.verdict is Verdict.STOP
    drawn = [made.place.run(one) for one in record.escalation[0].runs]
    assert run.head.epoch not in {one.head.epoch for one in drawn}
    assert asked(made, "bad") == 120


def test_new_cases_are_not_compared_in_later_rounds(tmp_path: Path) -> None:
    made = noisy(tmp_path / "s", ROUNDS, every=0.3)
    made.write_rows(
        "cases.jsonl", [*made.rows("cases.jsonl"), {"key": "new", "asked": "n", "lang": "de", "tag": ""}]
    )
    made.write_rows("labels.jsonl", [*made.rows("labels.jsonl"), {"key": "new", "wanted": "n"}])
    stack(made, "next", every=0.3, seed=1)
    record = gate(made, "next")
    assert record.escalation
    assert record.new_keys == ("new",)
    assert max(one.n for one in record.findings if one.kind == "compare") == 60


def test_what_was_drawn_from_another_model_than_the_locked_one_decides_nothing(tmp_path: Path) -> None:
    made = noisy(tmp_path / "s", replay="network = true", every=0.02)
    made.stack("bad", rates={"de": 0.9}, switched_after=200)  # confirmed by outputs of another model
    record = gate(made, "bad")
    assert record.verdict is Verdict.STOP
    assert record.escalation == ()
    assert any("nothing more was drawn: model 'm9' answered" in one for one in record.notes)


def test_a_fix_passes_every_time(tmp_path: Path) -> None:
    made = noisy(tmp_path / "s", every=0.0)
    rule = MUST_ONE.format(of="correctness").replace("score ", 'expect    = "improved"\nscore ')
    made.file.write_text(made.file.read_text("utf-8") + rule, "utf-8")
    stack(made, "next", every=0.0)
    record = gate(made, "next", run=once_wrong(made, "next", "c01"))
    assert record.verdict is Verdict.STOP
    assert record.escalation == ()
