"""Five digests, kept apart, and the key under which a run may be served."""

import json
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.examples import tries
from tests.gating.making import LIMIT, MUST, Made, make

from stopship.gating.epochs import Draw
from stopship.gating.replay import planned
from stopship.gating.stacking import answering

COLUMN = """
[[rule]]
id = "kept"
score = "regex(pattern='q')"
compare = { better = "higher", margin = "40pt" }
"""
RULES = MUST + LIMIT + COLUMN


def five(made: Made) -> dict[str, str]:
    opened = made.open()
    return {
        "cases": opened.cases_digest,
        "labels": opened.labels_digest,
        "stack": answering(made.folder / "stack.toml").stack.stack_id,
        "scorers": opened.scorers_digest,
        "rules": opened.rules_digest,
    }


def one_more(made: Made) -> None:
    made.write_rows("cases.jsonl", [*made.rows("cases.jsonl"), {"key": "new", "asked": "n"}])
    made.write_rows("labels.jsonl", [*made.rows("labels.jsonl"), {"key": "new"}])


def replay_key(made: Made, **how: Any) -> str:
    draw = Draw(epoch=how.pop("epoch", None))
    return planned(made.open(), made.place, answering(made.folder / "stack.toml"), draw=draw, **how).identity


def change_row(made: Made, name: str, row: int, column: str, value: object) -> None:
    rows = made.rows(name)
    rows[row][column] = value
    made.write_rows(name, rows)


def relock(made: Made, file: str, old: str, new: str) -> None:
    from stopship.pinning.lock import lock_stack

    made.edit(file, old, new)
    lock_stack(made.folder / "stack.toml")


def turn_round(made: Made) -> None:
    made.edit("suite.toml", COLUMN, "")
    made.edit("suite.toml", MUST, COLUMN + MUST)


def rename(made: Made) -> None:
    relock(made, "app/answer.py", "def answer", "def other")
    made.edit("suite.toml", "y:answer", "y:other")


CHANGES: list[tuple[str, str, Callable[[Made], None]]] = [
    ("cases", "a word of a case", lambda m: change_row(m, "cases.jsonl", 7, "asked", "q7?")),
    ("cases", "a cohort of a case", lambda m: change_row(m, "cases.jsonl", 7, "lang", "fr")),
    (
        "cases",
        "a case more",
        one_more,
    ),
    ("labels", "a label", lambda m: change_row(m, "labels.jsonl", 7, "wanted", "other")),
    ("labels", "a label more", lambda m: change_row(m, "labels.jsonl", 7, "more", 1)),
    ("stack", "a pinned text", lambda m: relock(m, "stack.json", "{}", "{} ")),
    ("stack", "a version", lambda m: relock(m, "stack.toml", "m1", "m2")),
    ("stack", "the target's code", lambda m: relock(m, "app/answer.py", "told = ", "told  = ")),
    ("scorers", "a scorer's code", lambda m: m.edit("scorers.py", "return", "return  ")),
    (
        "scorers",
        "a scorer's arguments",
        lambda m: m.edit("suite.toml", "regex(pattern='q')", "regex(pattern='q.')"),
    ),
    ("scorers", "another scorer", lambda m: m.edit("suite.toml", "regex(pattern='q')", "contains(text='q')")),
    ("rules", "a margin", lambda m: m.edit("suite.toml", "20pt", "21pt")),
    ("rules", "a cohort margin", lambda m: m.edit("suite.toml", "40pt", "41pt")),
    ("rules", "a limit", lambda m: m.edit("suite.toml", "at_least = 0.3", "at_least = 0.31")),
    ("rules", "a must-pass choice", lambda m: m.edit("suite.toml", "tag=incident", "tag=inc*")),
    ("rules", "the error rate", lambda m: m.edit("suite.toml", "alpha = 0.05", "alpha = 0.06")),
    (
        "rules",
        "what undecided means",
        lambda m: m.edit("suite.toml", "alpha = 0.05", 'alpha = 0.05\nundecided = "allow"'),
    ),
    ("rules", "a cohort column", lambda m: m.edit("suite.toml", "lang = {}", "")),
    ("rules", "a cohort's mode", lambda m: m.edit("suite.toml", "lang = {}", 'lang = { prove = ["en"] }')),
    ("rules", "the cluster", lambda m: m.edit("suite.toml", "[replay]", '[replay]\ncluster = "lang"')),
    (
        "rules",
        "losses tolerated",
        lambda m: m.edit("suite.toml", "[replay]", "[replay]\nlimits = { errors = 0.03 }"),
    ),
]
NOTHING: list[tuple[str, Callable[[Made], None]]] = [
    ("the order of cases", lambda m: m.write_rows("cases.jsonl", m.rows("cases.jsonl")[::-1])),
    ("the order of labels", lambda m: m.write_rows("labels.jsonl", m.rows("labels.jsonl")[::-1])),
    (
        "a note",
        lambda m: m.edit("suite.toml", 'id    = "mostly-right"', 'id    = "mostly-right"\nnote = "x"'),
    ),
    ("the order of rules", turn_round),
]


@pytest.mark.parametrize(
    ("own", "change"), [(own, do) for own, _, do in CHANGES], ids=[one for _, one, _ in CHANGES]
)
def test_a_change_moves_exactly_its_own_digest(
    tmp_path: Path, own: str, change: Callable[[Made], None]
) -> None:
    made = make(tmp_path / "s", rules=RULES, is_accepted=False)
    before = five(made)
    change(made)
    after = five(made)
    assert {name for name in before if before[name] != after[name]} == {own}


@pytest.mark.parametrize("change", [do for _, do in NOTHING], ids=[one for one, _ in NOTHING])
def test_what_means_nothing_moves_no_digest(tmp_path: Path, change: Callable[[Made], None]) -> None:
    made = make(tmp_path / "s", rules=RULES, is_accepted=False)
    before = five(made)
    change(made)
    assert five(made) == before


def test_a_rule_that_goes_takes_its_scorer_along(tmp_path: Path) -> None:
    made = make(tmp_path / "s", rules=RULES, is_accepted=False)
    before = five(made)
    made.edit("suite.toml", COLUMN, "")
    after = five(made)
    assert {name for name in before if before[name] != after[name]} == {"rules", "scorers"}


def test_two_rules_that_swap_their_scorers_are_seen(tmp_path: Path) -> None:
    made = make(tmp_path / "s", rules=RULES, is_accepted=False)
    before = five(made)
    text = (made.folder / "suite.toml").read_text("utf-8")
    first, second = '"scorers.py:right"', "\"regex(pattern='q')\""
    swapped = text.replace(first, "@", 1).replace(second, first).replace("@", second)
    (made.folder / "suite.toml").write_text(swapped, "utf-8")
    assert five(made)["scorers"] != before["scorers"]


WORDS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)


@settings(max_examples=tries(40), deadline=None)
@given(
    row=st.integers(0, 59),
    column=st.sampled_from(["asked", "lang", "new"]),
    value=WORDS,
    is_label=st.booleans(),
)
def test_any_cell_of_a_case_or_a_label_belongs_to_one_digest(
    row: int, column: str, value: str, is_label: bool
) -> None:
    with TemporaryDirectory() as folder:
        made = make(Path(folder) / "s", is_accepted=False)
        before = five(made)
        name, column = ("labels.jsonl", "wanted") if is_label else ("cases.jsonl", column)
        is_changed = made.rows(name)[row].get(column) != value
        change_row(made, name, row, column, value)
        after = five(made)
        moved = {one for one in before if before[one] != after[one]}
        assert moved == ({name.removesuffix(".jsonl")} if is_changed else set())


KEYED = [(name, do) for own, name, do in CHANGES if own in ("cases", "stack")] + [
    ("a timeout", lambda m: m.edit("suite.toml", "[replay]", "[replay]\ntimeout = 5")),
    ("the number of outputs", lambda m: m.edit("suite.toml", "[replay]", "[replay]\nrepeats = 2")),
    (
        "what the input is called",
        lambda m: m.edit("suite.toml", "[replay]", '[columns]\ninput = "asked"\n[replay]'),
    ),
    ("another function", rename),
]
UNKEYED = [(name, do) for own, name, do in CHANGES if own in ("labels", "scorers", "rules")]


@pytest.mark.parametrize("change", [do for _, do in KEYED], ids=[one for one, _ in KEYED])
def test_what_can_change_an_answer_changes_the_key_of_a_replay(
    tmp_path: Path, change: Callable[[Made], None]
) -> None:
    made = make(tmp_path / "s", rules=RULES, is_accepted=False)
    before = replay_key(made)
    change(made)
    assert replay_key(made) != before


@pytest.mark.parametrize("change", [do for _, do in UNKEYED], ids=[one for one, _ in UNKEYED])
def test_labels_scorers_and_rules_leave_the_key_of_a_replay_alone(
    tmp_path: Path, change: Callable[[Made], None]
) -> None:
    made = make(tmp_path / "s", rules=RULES, is_accepted=False)
    before = replay_key(made)
    change(made)
    assert replay_key(made) == before


def test_another_epoch_and_another_number_of_outputs_are_other_replays(tmp_path: Path) -> None:
    made = make(tmp_path / "s", is_accepted=False)
    assert len({replay_key(made), replay_key(made, epoch=1), replay_key(made, repeats=2)}) == 3


def test_what_the_columns_of_recorded_outputs_are_called_changes_the_key(tmp_path: Path) -> None:
    made = recorded(tmp_path)
    first = made.replay()
    made.edit("suite.toml", "[decide]", '[columns]\noutput = "other"\n[decide]')
    second = made.replay()
    assert first.id != second.id
    assert {one.trace["output"] for one in second.outcomes} == {"another"}


def recorded(folder: Path, **more: object) -> Made:
    """A suite whose outputs lie in a table that the stack pins."""
    made = make(folder / "s", replay="", is_accepted=False)
    made.edit("suite.toml", '"app/answer.py:answer"', '"recorded"')
    rows = [
        {"key": one["key"], "output": one["asked"], "other": "another", **more}
        for one in made.rows("cases.jsonl")
    ]
    made.write_rows("outputs.jsonl", rows)
    (made.folder / "stack.toml").write_text('[outputs]\nversion = "1"\npath = "outputs.jsonl"\n', "utf-8")
    relock(made, "stack.toml", "1", "1")
    return made


def test_a_target_cannot_write_a_label_that_a_case_lacks(tmp_path: Path) -> None:
    extra = {"wanted": "no", "lang": "xx", "key": "c00", "tag": "", "expected": "no", "score": 1}
    made = make(tmp_path / "s", is_accepted=False, wrong=["c09"], extra=extra)
    change_row(made, "labels.jsonl", 9, "wanted", None)
    made.write_rows(
        "labels.jsonl", [{k: v for k, v in row.items() if v} for row in made.rows("labels.jsonl")]
    )
    opened = made.open()
    run = made.replay(opened=opened)
    from stopship.gating.evidence import arm_of, scored_row

    rows = {one.key: scored_row(opened, one) for one in run.outcomes}
    assert "wanted" not in rows["c09"]
    assert all(row == opened.row(one) for one, row in rows.items())
    arm = arm_of(opened, run, "candidate")
    assert {one for row in arm.cohorts for one in row} == {"de", "en"}
    assert arm.scores["scorers.py:right"].values[arm.keys.index("c09")] == 0


def test_only_a_recorded_score_comes_from_the_outputs(tmp_path: Path) -> None:
    made = recorded(tmp_path, score=1, wanted="faked")
    made.edit(
        "suite.toml", MUST, '[[rule]]\nid = "s"\nscore = "column(score)"\ncompare = { better = "higher" }\n'
    )
    opened = made.open()
    assert opened.told_scores == {"score"}
    row = json.loads(json.dumps(opened.row("c01")))
    from stopship.gating.evidence import scored_row

    found = [scored_row(opened, one) for one in made.replay(opened=opened).outcomes if one.key == "c01"]
    assert found == [{**row, "score": 1}]
