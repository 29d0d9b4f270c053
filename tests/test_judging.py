"""`judge_columns`: the verdict of `compare` from arrays, and never a green one on missing evidence."""

import doctest
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.making import verdict_on

import stopship
from stopship import judging
from stopship.errors import UsageError
from stopship.model.columns import Columns
from stopship.model.verdict import Decision, Record, Verdict
from stopship.report.text import render

ROOT = Path(__file__).parents[1]
GOOD = "column(good) better=higher margin=5pt"
SHARE = "column(share, bounds=0..1) better=higher margin=5pt"
Table = dict[str, Any]


def table(n: int = 600, seed: int = 0) -> Table:
    rng = np.random.default_rng(seed)
    return {
        "id": np.arange(n),
        "good": (rng.random(n) < 0.9).astype(np.float32),
        "share": rng.random(n, dtype=np.float32),
        "lang": np.array(["de", "en", "fr"])[rng.integers(0, 3, n)],
        "paid": rng.random(n) < 0.1,
        "user": rng.integers(0, n // 4, n),
    }


def changed(old: Table, **columns: Any) -> Table:
    return {**old, **columns}


def judged(before: Table, after: Table, *rules: str, **more: Any) -> Record:
    given: dict[str, Any] = {"key": "id"}
    return stopship.judge_columns(before, after, rules or (GOOD,), **(given | more))


def rows(one: Table) -> list[Mapping[str, object]]:
    listed = {name: values.tolist() for name, values in one.items()}
    return [dict(zip(listed, cells, strict=True)) for cells in zip(*listed.values(), strict=True)]


@pytest.mark.parametrize("cluster", [None, "user"])
@pytest.mark.parametrize("loss", [0.0, 0.03, 0.3])
def test_arrays_are_judged_as_the_files_of_the_same_rows(
    tmp_path: Path, cluster: str | None, loss: float
) -> None:
    rng = np.random.default_rng(5)
    before = table()
    hit = (rng.random(600) < loss) & (before["lang"] == "de")
    share = np.clip(before["share"] + rng.normal(0, 0.05, 600), 0, 1)
    after = changed(before, good=np.where(hit, 0, before["good"]), share=np.where(hit, 0, share))
    columns = Columns(key="id", cohorts=("lang", "paid"), cluster=cluster)
    by_rows = verdict_on(tmp_path, rows(before), rows(after), GOOD, SHARE, columns=columns)
    by_columns = judged(before, after, GOOD, SHARE, cohorts=["lang", "paid"], cluster=cluster)
    assert by_columns.verdict is by_rows.verdict
    assert by_columns.rules_digest == by_rows.rules_digest
    for mine, theirs in zip(by_columns.findings, by_rows.findings, strict=True):
        assert (mine.scope, mine.mode, mine.n) == (theirs.scope, theirs.mode, theirs.n)
        assert (mine.worse, mine.better) == (theirs.worse, theirs.better)
        assert mine.lower == pytest.approx(theirs.lower, abs=1e-9)
        if not mine.test.endswith("sign-flip"):
            assert mine.decision is theirs.decision


def test_the_order_of_rows_changes_nothing_in_the_record() -> None:
    before = table()
    after = changed(before, share=np.clip(before["share"] * 0.97, 0, 1))
    straight = judged(before, after, GOOD, SHARE, cohorts=["lang"], cluster="user")
    rng = np.random.default_rng(1)
    mixed = []
    for one in (before, after):
        order = rng.permutation(600)
        mixed.append({name: values[order] for name, values in one.items()})
    assert judged(mixed[0], mixed[1], GOOD, SHARE, cohorts=["lang"], cluster="user") == straight


def test_text_keys_and_whole_number_keys_give_the_same_findings() -> None:
    before = table()
    told = [f"case-{i:04d}" for i in range(600)]
    by_number = judged(before, before)
    by_text = judged(changed(before, id=np.array(told)), changed(before, id=np.array(told)))
    assert by_text.findings == by_number.findings
    assert by_text.baseline != by_number.baseline


def test_several_batches_say_what_one_says(monkeypatch: pytest.MonkeyPatch) -> None:
    before = table()
    after = changed(before, share=np.clip(before["share"] * 0.97, 0, 1))
    whole = judged(before, after, GOOD, SHARE, cohorts=["lang"], cluster="user")
    monkeypatch.setattr("stopship.steps.columnar._BATCH", 37)
    parts = judged(before, after, GOOD, SHARE, cohorts=["lang"], cluster="user")
    for mine, theirs in zip(parts.findings, whole.findings, strict=True):
        rounded = {
            name: pytest.approx(getattr(theirs, name), rel=1e-9)
            for name in (
                "delta",
                "lower",
                "upper",
                "baseline",
                "candidate",
                "mde",
                "p",
                "p_adjusted",
                "p_pass",
            )
        }
        assert {name: getattr(mine, name) for name in rounded} == rounded
        assert replace(theirs, **{name: getattr(mine, name) for name in rounded}) == mine


OLD = table()
HALF = np.arange(600) < 300


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (OLD, {name: values[:-1] for name, values in OLD.items()}),
        (OLD, changed(OLD, id=np.arange(1, 601))),
        (OLD, changed(OLD, id=np.arange(1000, 1600))),
        (OLD, changed(OLD, id=np.zeros(600, dtype=int))),
        (OLD, changed(OLD, id=np.arange(600).astype(str))),
        (OLD, changed(OLD, id=np.arange(600).astype(float))),
        (OLD, changed(OLD, id=np.ma.array(np.arange(600), mask=~HALF))),
        (changed(OLD, id=np.array([""] * 600)), changed(OLD, id=np.array([""] * 600))),
        (OLD, changed(OLD, good=OLD["good"][:-1])),
        (OLD, changed(OLD, good=np.where(HALF, np.nan, OLD["good"]))),
        (OLD, changed(OLD, good=np.where(HALF, np.inf, OLD["good"]))),
        (OLD, changed(OLD, good=OLD["good"] * 0.5)),
        (OLD, changed(OLD, good=OLD["good"].astype(object))),
        (OLD, changed(OLD, good=OLD["good"].astype(str))),
        (OLD, changed(OLD, good=OLD["good"].reshape(-1, 1))),
        (OLD, changed(OLD, good=np.ma.array(OLD["good"], mask=HALF))),
        (OLD, changed(OLD, good=np.ma.array(OLD["good"], mask=True))),
        (changed(OLD, good=np.ma.array(OLD["good"], mask=True)), OLD),
        (changed(OLD, good=np.ma.array(OLD["good"], mask=True)),) * 2,
        (changed(OLD, good=np.full(600, np.nan)),) * 2,
        ({name: values[:0] for name, values in OLD.items()}, OLD),
        (OLD, {name: values[:0] for name, values in OLD.items()}),
        ({name: values[:0] for name, values in OLD.items()},) * 2,
        (OLD, changed(OLD, lang=OLD["lang"][::-1])),
        (OLD, changed(OLD, lang=np.array(["de"] * 600))),
        (OLD, changed(OLD, lang=np.ma.array(OLD["lang"], mask=~HALF))),
        (OLD, changed(OLD, lang=np.arange(600) / 2)),
        (OLD, changed(OLD, lang=OLD["lang"][1:])),
        (OLD, changed(OLD, user=OLD["user"] + 1)),
        (OLD, changed(OLD, user=np.ma.array(OLD["user"], mask=HALF))),
        (OLD, changed(OLD, user=OLD["user"][1:])),
    ],
    ids=[
        "a case is missing",
        "one missing, one new",
        "no case in common",
        "equal keys",
        "keys of another type",
        "keys that are floats",
        "keys masked",
        "keys blank",
        "a score short",
        "NaN",
        "infinite",
        "neither 0 nor 1",
        "objects",
        "scores as text",
        "two dimensions",
        "half masked in one",
        "candidate masked",
        "baseline masked",
        "both masked",
        "both NaN",
        "no baseline",
        "no candidate",
        "nothing",
        "cohorts reversed",
        "cohorts gone",
        "cohorts masked in one",
        "cohorts as floats",
        "cohorts short",
        "clusters renamed",
        "clusters masked",
        "clusters short",
    ],
)
def test_missing_or_contradictory_evidence_is_void(before: Table, after: Table) -> None:
    record = judged(before, after, cohorts=["lang"], cluster="user")
    assert record.verdict is Verdict.VOID
    assert record.exit_code == 22
    assert record.reasons
    assert "VOID" in render(record)


def test_equal_tables_ship_and_a_broken_cohort_stops() -> None:
    assert judged(OLD, OLD, cohorts=["lang"]).verdict is Verdict.SHIP
    broken = changed(OLD, good=np.where((OLD["lang"] == "de") & (OLD["id"] % 2 == 0), 0, OLD["good"]))
    record = judged(OLD, broken, cohorts=["lang"])
    assert record.verdict is Verdict.STOP
    assert "lang=de" in render(record)


def test_new_cases_are_counted_and_not_judged() -> None:
    more = {name: np.concatenate([values, values[:50]]) for name, values in OLD.items()}
    more["id"] = np.arange(650)
    more["good"][600:] = 0
    record = judged(OLD, more)
    assert record.verdict is Verdict.SHIP
    assert record.counts["new"] == len(record.new_keys) == 50
    assert record.findings[0].n == 600


def test_a_score_masked_in_both_tables_is_outside_the_count() -> None:
    hidden = changed(OLD, good=np.ma.array(OLD["good"], mask=~HALF))
    record = judged(hidden, hidden)
    assert (record.findings[0].n, record.findings[0].unscored) == (300, 300)
    assert record.verdict is Verdict.SHIP


def test_a_cohort_without_a_single_score_holds_nothing_and_is_said_to_be_blind() -> None:
    hidden = changed(OLD, good=np.ma.array(OLD["good"], mask=OLD["lang"] == "de"))
    found = {one.scope: one for one in judged(hidden, hidden, cohorts=["lang"]).findings}
    assert found["lang=de"].decision is Decision.BLIND
    proven = judged(hidden, hidden, cohorts=["lang"], modes={"lang=de": "prove"})
    assert proven.verdict is Verdict.UNDECIDED


def test_a_cohort_that_must_be_proven_and_has_no_case_is_void() -> None:
    assert judged(OLD, OLD, cohorts=["lang"], modes={"lang=xx": "prove"}).verdict is Verdict.VOID


def test_blank_and_missing_cohort_cells_are_the_cohort_none() -> None:
    lang = np.ma.array(np.where(HALF, "de", ""), mask=OLD["id"] > 500)
    record = judged(changed(OLD, lang=lang), changed(OLD, lang=lang), cohorts=["lang"])
    assert [one.scope for one in record.findings] == ["all", "lang=(none)", "lang=de"]
    assert [one.n for one in record.findings] == [600, 300, 300]


@pytest.mark.parametrize(
    ("rules", "more"),
    [
        ([], {}),
        (["exact margin=5pt"], {}),
        (["column(share, unbounded) better=lower margin=10%"], {}),
        (["column(good) better=higher at_least=0.5"], {}),
        (["column(good) better=higher margin=5pt severity=warn"], {}),
        (["column(god) better=higher margin=5pt"], {}),
        ([GOOD], {"key": "ident"}),
        ([GOOD], {"cohorts": ["lnag"]}),
        ([GOOD], {"cohorts": ["lang"], "modes": {"lang=de": "proof"}}),
    ],
    ids=["none", "outputs", "percent", "limit", "all warn", "no score", "no key", "no cohort", "no mode"],
)
def test_what_is_asked_wrongly_is_refused(rules: list[str], more: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        stopship.judge_columns(OLD, OLD, rules, **({"key": "id"} | more))


def test_the_digest_of_a_table_covers_what_was_read_and_nothing_under_a_mask() -> None:
    noisy = np.where(HALF, OLD["good"], 7.0)
    plain, other_plain = (
        changed(OLD, good=np.ma.array(numbers, mask=~HALF)) for numbers in (OLD["good"], noisy)
    )
    one, other = judged(plain, plain), judged(other_plain, other_plain)
    assert one.baseline == other.baseline
    assert judged(OLD, OLD).baseline != one.baseline
    assert judged(OLD, changed(OLD, share=OLD["share"] * 0.5)).candidate == judged(OLD, OLD).candidate


def test_the_example_in_the_docstring_runs() -> None:
    assert doctest.testmod(judging).attempted
    assert not doctest.testmod(judging).failed


BLOCKS = re.findall(
    r"^```python\n(.*?)^```$", (ROOT / "docs" / "scale.md").read_text("utf-8"), re.DOTALL | re.MULTILINE
)


def test_the_page_judges_two_parquet_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    told = {"case": OLD["id"], "helpful": OLD["good"], "lang": OLD["lang"], "user": OLD["user"]}
    nulls = pa.array(OLD["share"], mask=OLD["id"] % 50 == 0)
    file = pa.table(told | {"grounded": nulls, "tier": OLD["lang"]})
    for name in ("before", "after"):
        pq.write_table(file, tmp_path / f"{name}.parquet")
    monkeypatch.chdir(tmp_path)
    held: dict[str, Any] = {}
    with pytest.raises(SystemExit):
        exec(BLOCKS[0], held)  # noqa: S102  # the page's own words
    assert held["record"].findings
    assert held["record"].verdict is not Verdict.VOID
    grounded = [one for one in held["record"].findings if "grounded" in one.rule]
    assert grounded[0].unscored == 12


def test_the_page_adds_up_batches() -> None:
    rng = np.random.default_rng(2)
    held: dict[str, Any] = {
        "ids": np.arange(100),
        "codes": rng.integers(0, 2, (100, 1)),
        "users": np.arange(100) // 2,
        "old": rng.random(100),
        "new": rng.random(100),
        "valid": None,
    }
    exec(BLOCKS[1].rpartition("whole =")[0], held)  # noqa: S102
    held["sums_of_another_machine"] = held["sums"]
    exec(BLOCKS[1], held)  # noqa: S102
    assert held["whole"].n[0] == 200
