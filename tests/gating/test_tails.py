"""Rules on tails in a suite, from its file over replays to verdicts."""

from pathlib import Path

import pytest
from tests.gating.making import Made, make

from stopship.errors import UsageError
from stopship.model.verdict import Decision, Finding, Record, Verdict

TARGET = """\
import json


def answer(case, stack):
    told = json.loads(stack.text("prompt"))
    number = int(case.key[1:])
    tokens = round(100 * 1.013 ** (number * 71 % 240))
    if number % told.get("every", 1000) == told.get("every", 1000) - 1:
        tokens *= told["by"]
    trace = {"output": case.row["asked"], "latency_ms": 10 * tokens, "usage": {"output_total": tokens}}
    if told.get("untold"):
        trace["usage"] = {}
    return trace
"""
RULES = """
[[rule]]
id      = "tokens"
class   = "cost"
score   = "usage(output_total)"
compare = { tail = "p90", margin = "30%" }

[[rule]]
id      = "in-time"
class   = "cost"
score   = "latency"
compare = { tail = "cvar90", margin = "50%", anchor_margin = "80%" }
limit   = { tail = "p95", at_most = 30000 }
"""
CASES = 240


def made_suite(folder: Path, *, rules: str = RULES, cases: int = CASES) -> Made:
    made = make(folder, rules=rules, is_accepted=False)
    (folder / "app" / "answer.py").write_text(TARGET, "utf-8")
    rows = [
        {"key": f"c{i:02d}", "asked": f"q{i}", "lang": "de" if i % 2 else "en", "tag": ""}
        for i in range(cases)
    ]
    made.write_rows("cases.jsonl", rows)
    made.write_rows("labels.jsonl", [{"key": row["key"], "wanted": row["asked"]} for row in rows])
    made.stack("stack")
    made.accept(made.replay())
    return made


def found(record: Record, rule: str, kind: str = "compare") -> Finding:
    return next(one for one in record.findings if (one.rule, one.kind) == (rule, kind))


def test_an_unchanged_stack_ships_on_its_tails(tmp_path: Path) -> None:
    record = made_suite(tmp_path / "s").gate()
    assert record.verdict is Verdict.SHIP
    assert [(one.scope, one.tail) for one in record.findings if one.rule == "tokens"] == [("all", "p90")]
    kinds = {(one.kind, one.tail) for one in record.findings if one.rule == "in-time"}
    assert kinds == {("compare", "cvar90"), ("limit", "p95")}


def test_a_few_answers_that_grow_long_stop_the_build(tmp_path: Path) -> None:
    made = made_suite(tmp_path / "s")
    made.stack("longer", every=8, by=6)
    record = made.gate("longer")
    assert record.verdict is Verdict.STOP
    assert found(record, "tokens").decision is Decision.REGRESSION
    assert found(record, "in-time").decision is Decision.REGRESSION
    assert all(int(one.removeprefix("c")) % 8 == 7 for one in found(record, "tokens").worse_keys)


def test_the_anchor_holds_the_same_tail(tmp_path: Path) -> None:
    made = made_suite(tmp_path / "s")
    made.stack("same", every=8, by=1)
    made.accept(made.replay("same"), stack="same")
    made.stack("longer", every=8, by=6)
    one = found(made.gate("longer"), "in-time", "anchor")
    assert (one.tail, one.margin, one.decision) == ("cvar90", 0.8, Decision.REGRESSION)


def test_usage_that_only_one_run_tells_is_void_and_not_zero(tmp_path: Path) -> None:
    made = made_suite(tmp_path / "s")
    made.stack("untold", untold=True)
    record = made.gate("untold")
    assert record.verdict is Verdict.VOID
    assert "can be scored in one file and not in the other" in found(record, "tokens").why


def test_too_few_cases_hold_the_build_and_the_outlook_names_what_can_be_tested(tmp_path: Path) -> None:
    made = made_suite(tmp_path / "s", rules=RULES.replace("p90", "p95"), cases=190)
    few = "190 cases: p95 needs 200 independent cases, and these count as 190"
    why = f"{few}; the highest that they can test is p90"
    assert [str(one) for one in made.open().outlook.blind] == [
        f"{one}: {why}; add cases" for one in ("tokens", "in-time")
    ]
    record = made.gate()
    assert record.verdict is Verdict.UNDECIDED
    assert found(record, "tokens").decision is Decision.BLIND
    assert found(record, "in-time").decision in (Decision.PASS, Decision.IMPROVED)


def test_another_tail_is_another_digest_of_the_rules(tmp_path: Path) -> None:
    made = made_suite(tmp_path / "s")
    before = made.open().rules_digest
    made.edit("suite.toml", 'tail = "p90"', 'tail = "p95"')
    tail = made.open().rules_digest
    made.edit("suite.toml", 'tail = "p95", at_most', 'tail = "p99", at_most')
    assert len({before, tail, made.open().rules_digest}) == 3


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('tail = "p90"', 'tail = "p96"', "did you mean 'p99'?  there are: p80, p90, p95, p99, cvar80"),
        ('tail = "p95", at', 'tail = "median", at', "tail 'median' is not known"),
        ('tail = "p90"', "tail = 95", "tail is a number, expected text"),
        ('tail = "p90"', 'tails = "p90"', "did you mean 'tail'?"),
        ('tail = "p90"', 'tail = "p90", cohort_margin = "40%"', "a tail is judged over all cases"),
        ('score   = "usage(output_total)"', 'score   = "exact"', "a score of 0 or 1 has no tail"),
        ("usage(output_total)", "usage()", "'name' is missing"),
    ],
)
def test_slips_are_refused_with_the_nearest_word(tmp_path: Path, old: str, new: str, told: str) -> None:
    made = made_suite(tmp_path / "s")
    made.edit("suite.toml", old, new)
    with pytest.raises(UsageError) as caught:
        made.open()
    assert told in str(caught.value)
