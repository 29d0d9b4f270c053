"""Evidence that is missing, lost, late or thin never ends in SHIP: each way it once could, or might."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from tests.making import Row, verdict_on

from stopship.cli.options import rules_of
from stopship.errors import UsageError
from stopship.model.columns import Columns
from stopship.model.verdict import Decision, Record, Verdict
from stopship.pipeline import Options, compare_files

Rows = list[dict[str, object]]
COLUMN = "column(ok) better=higher margin=5pt"


def rows(n: int, **cells: object) -> Rows:
    """n rows; a cell may be a function of the row's number."""
    return [
        {"id": f"c{i:04d}", **{name: one(i) if callable(one) else one for name, one in cells.items()}}
        for i in range(n)
    ]


def judged(folder: Path, before: Sequence[Row], after: Sequence[Row], *rules: str, **more: object) -> Record:
    return verdict_on(folder, before, after, *rules, columns=Columns(key="id", **more))  # type: ignore[arg-type]  # names of columns


def users(folder: Path, body: str) -> str:
    (folder / "own.py").write_text(
        f"from stopship import Scored, Unscored\ndef f(case, trace):\n{body}\n", "utf-8"
    )
    return f"{folder / 'own.py'}:f better=higher"


@pytest.mark.parametrize("first", [True, False], ids=["in the first row", "in the last row"])
def test_outputs_missing_from_one_row_are_noticed_wherever_it_stands(tmp_path: Path, first: bool) -> None:
    before = rows(200, output="fine", ok=1)
    after = rows(200, output=lambda i: "" if i < 150 else "fine", ok=1)
    del after[0]["output"]
    if not first:
        after = [*after[1:], after[0]]
    assert judged(tmp_path, before, after, COLUMN).verdict is Verdict.STOP


def test_a_candidate_that_lost_its_output_column_does_not_pass(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no column 'output'"):
        judged(tmp_path, rows(200, output="fine", ok=1), rows(200, ok=1), COLUMN)


def test_expected_values_that_appear_after_the_first_row_are_void(tmp_path: Path) -> None:
    before, after = rows(200, output="fine", expected="a"), rows(200, output="fine", expected="b")
    del before[0]["expected"], after[0]["expected"]
    record = judged(tmp_path, before, after, "refusal margin=5pt")
    assert record.verdict is Verdict.VOID
    assert "stands in a later one" in record.reasons[0]


@pytest.mark.parametrize(
    ("rule", "cells", "lost"),
    [
        ("latency at_most=150", {"latency_ms": 100}, {"latency_ms": lambda i: None if i < 200 else 100}),
        (
            "column(s, bounds=0..5) better=higher at_least=4",
            {"s": 5},
            {"s": lambda i: None if i < 200 else 5},
        ),
    ],
)
def test_a_limit_does_not_overlook_cells_that_the_candidate_lost(
    tmp_path: Path, rule: str, cells: dict[str, object], lost: dict[str, Callable[[int], object]]
) -> None:
    assert judged(tmp_path, rows(300, **cells), rows(300, **lost), rule).verdict is Verdict.VOID


def test_a_users_scorer_may_not_unscore_what_the_output_says(tmp_path: Path) -> None:
    rule = users(tmp_path, "    return Unscored('?') if 'sorry' in trace.text else True") + " at_least=0.9"
    after = rows(300, output=lambda i: "sorry" if i < 200 else "fine")
    assert judged(tmp_path, rows(300, output="fine"), after, rule).verdict is Verdict.VOID


def test_a_limit_counts_conversations_not_rows(tmp_path: Path) -> None:
    table = rows(100, output="yes", expected="yes", talk=lambda i: i // 20)
    record = judged(tmp_path, table, table, "exact at_least=0.95", cluster="talk")
    assert record.verdict is Verdict.UNDECIDED
    assert record.findings[0].n_effective == 5


def test_outputs_lost_on_both_sides_are_no_evidence(tmp_path: Path) -> None:
    table = rows(60, output=lambda i: None if i < 10 else "yes", expected="yes")
    record = judged(tmp_path, table, table, "exact margin=5pt")
    assert record.verdict is Verdict.UNDECIDED
    assert (record.findings[0].n, record.findings[0].left_out) == (50, 10)


@pytest.mark.parametrize(
    "body", ["    return None", "    return float('nan')", "    return 1 / 0", "    return 'yes'"]
)
def test_a_users_scorer_that_gives_no_number_on_the_baseline_is_void(tmp_path: Path, body: str) -> None:
    rule = users(tmp_path, f"    if case.row['nr'] < 98:\n    {body}\n    return True") + " margin=5pt"
    before = rows(100, output="fine", nr=lambda i: i)
    after = rows(100, output="BROKEN", nr=lambda i: i)
    assert judged(tmp_path, before, after, rule).verdict is Verdict.VOID


def test_a_scorer_that_raises_on_the_baseline_alone_earns_the_candidate_nothing(tmp_path: Path) -> None:
    rule = users(tmp_path, "    assert trace.text != 'odd'\n    return trace.text == 'good'") + " margin=5pt"
    before = rows(100, output=lambda i: "odd" if i < 60 else "good")
    after = rows(100, output=lambda i: "good" if i < 60 else "bad")
    assert judged(tmp_path, before, after, rule).verdict is Verdict.VOID


def test_a_rule_that_no_candidate_could_break_proves_nothing(tmp_path: Path) -> None:
    before = rows(400, output=lambda i: "5" if i < 8 else "in words", expected=5)
    after = rows(400, output="nonsense", expected=5)
    record = judged(tmp_path, before, after, "numeric margin=5pt")
    assert record.verdict is Verdict.UNDECIDED
    assert record.findings[0].decision is Decision.BLIND
    assert "nothing is tested" in record.reasons[0]
    assert record.findings[0].unreadable == 400


def test_a_users_scorer_cannot_read_outputs_that_no_column_names(tmp_path: Path) -> None:
    rule = users(tmp_path, "    return 'BAD' not in trace.text") + " margin=5pt"
    record = judged(tmp_path, rows(100, answer="fine"), rows(100, answer="BAD"), rule)
    assert record.verdict is Verdict.VOID
    assert "no column is named" in record.reasons[0]


def test_answers_that_vanish_from_a_small_table_hold_the_build(tmp_path: Path) -> None:
    before = rows(80, output="fine", latency_ms=100)
    after = rows(80, output=lambda i: None if i < 5 else "fine", latency_ms=100)
    assert judged(tmp_path, before, after, "latency margin=30%").verdict is Verdict.UNDECIDED


def test_failing_fast_is_no_better_than_being_slow(tmp_path: Path) -> None:
    before = rows(60, output="fine", latency_ms=100)
    slow = rows(60, output="fine", latency_ms=lambda i: 300 if i < 5 else 100)
    failed = rows(60, output=lambda i: None if i < 5 else "fine", latency_ms=lambda i: 300 if i < 5 else 100)
    rule = "latency margin=10%"
    assert judged(tmp_path, before, slow, rule).verdict is Verdict.STOP
    assert judged(tmp_path, before, failed, rule).verdict is not Verdict.SHIP


def test_one_extreme_case_does_not_hide_a_slow_cohort(tmp_path: Path) -> None:
    def latency(factor: float, outlier: float) -> Callable[[int], float]:
        return lambda i: (100 + i % 17) * (outlier if i == 0 else factor if i < 30 else 1.0)

    lang = {"lang": lambda i: "de" if i < 30 else "en"}
    before = rows(1030, latency_ms=latency(1.0, 1.0), **lang)
    for outlier in (1.3, 4.0, 20.0, 1000.0):
        after = rows(1030, latency_ms=latency(1.3, outlier), **lang)
        record = judged(tmp_path, before, after, "latency margin=10%", cohorts=("lang",))
        assert record.verdict is not Verdict.SHIP, outlier


@pytest.mark.parametrize("blank", ["\u200b", "\ufeff", " \u200d\n"])
def test_an_invisible_answer_is_no_answer(tmp_path: Path, blank: str) -> None:
    after = rows(100, output=blank)
    assert judged(tmp_path, rows(100, output="fine"), after, "refusal margin=5pt").verdict is Verdict.STOP


def test_a_cluster_column_with_nothing_in_it_is_refused(tmp_path: Path) -> None:
    table = rows(100, ok=1, talk=None)
    with pytest.raises(UsageError, match="blank in every row"):
        judged(tmp_path, table, table, COLUMN, cluster="talk")


def test_a_table_with_another_separator_says_so(tmp_path: Path) -> None:
    for name in ("before", "after"):
        (tmp_path / f"{name}.csv").write_text("id;ok\n1;1\n", encoding="utf-8")
    paths = [tmp_path / f"{name}.csv" for name in ("before", "after")]
    with pytest.raises(UsageError, match="separated by ';'"):
        compare_files(paths[0], paths[1], Columns(key="id"), rules_of([COLUMN]), Options())


def test_a_column_with_a_value_a_row_is_no_cohort(tmp_path: Path) -> None:
    table = rows(5_001, ok=1)
    with pytest.raises(UsageError, match="has 5001 values"):
        judged(tmp_path, table, table, COLUMN, cohorts=("id",))


@pytest.mark.parametrize("value", [1e101, -1e300])
def test_numbers_too_large_to_compare_are_void(tmp_path: Path, value: float) -> None:
    table = rows(100, s=value)
    rule = "column(s, unbounded) better=lower margin=10%"
    assert judged(tmp_path, table, table, rule).verdict is Verdict.VOID


def test_bounds_beyond_all_measure_are_refused(tmp_path: Path) -> None:
    table = rows(100, s=1)
    with pytest.raises(UsageError, match="wider than 1e100"):
        judged(tmp_path, table, table, "column(s, bounds=-1e308..1e308) better=higher")


def test_what_a_users_scorer_prints_does_not_reach_standard_output(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rule = users(tmp_path, "    print('::error::\\x1b[31mred')\n    return True") + " margin=5pt"
    judged(tmp_path, rows(60, output="fine"), rows(60, output="fine"), rule)
    out, err = capsys.readouterr()
    assert out == ""
    assert "scorer prints: ::error::\\x1b[31mred" in err
    assert "\x1b" not in err


def test_a_cohort_that_is_lost_holds_the_build_though_it_is_one_cluster(tmp_path: Path) -> None:
    """Forty cases that ask the same are one piece of evidence, and all of them are gone."""
    cells = {"g": lambda i: "greet" if i < 40 else "rest", "ask": lambda i: "hello" if i < 40 else f"q{i}"}
    before = rows(400, output="yes", expected="yes", **cells)
    after = rows(400, output=lambda i: None if i < 40 else "yes", expected="yes", **cells)
    record = judged(tmp_path, before, after, "exact margin=20pt", cohorts=("g",), input="ask")
    assert record.verdict is not Verdict.SHIP


def test_a_crash_of_the_scorer_on_the_baseline_is_no_gain(tmp_path: Path) -> None:
    rule = users(tmp_path, "    assert trace.text != 'odd'\n    return trace.text == 'good'") + " margin=5pt"
    before = rows(300, output=lambda i: "odd" if i < 6 else "good")
    after = rows(300, output=lambda i: "bad" if 6 <= i < 16 else "good")
    record = judged(tmp_path, before, after, rule)
    assert record.verdict is Verdict.STOP
    assert (record.findings[0].n, record.findings[0].better) == (294, 0)


def test_a_baseline_without_a_fifth_of_its_outputs_is_no_baseline(tmp_path: Path) -> None:
    before = rows(600, output=lambda i: None if i < 300 else "yes", expected="yes")
    after = rows(600, output=lambda i: "WRONG" if i < 300 else "yes", expected="yes")
    assert judged(tmp_path, before, after, "exact margin=5pt").verdict is Verdict.VOID


def test_a_cohort_that_the_baseline_never_answered_is_void(tmp_path: Path) -> None:
    lang = {"lang": lambda i: "de" if i < 30 else "en"}
    before = rows(600, output=lambda i: None if i < 30 else "yes", expected="yes", **lang)
    after = rows(600, output=lambda i: "garbage" if i < 30 else "yes", expected="yes", **lang)
    assert judged(tmp_path, before, after, "exact margin=5pt", cohorts=("lang",)).verdict is Verdict.VOID


def test_a_few_missing_outputs_in_the_baseline_do_not_stop_a_sound_build(tmp_path: Path) -> None:
    before = rows(400, output=lambda i: None if i < 5 else "yes", expected="yes")
    assert judged(tmp_path, before, rows(400, output="yes", expected="yes"), "exact").verdict is Verdict.SHIP


def test_allowing_undecided_does_not_cover_lost_answers(tmp_path: Path) -> None:
    before = rows(6, output="fine", latency_ms=100)
    after = rows(6, output=lambda i: None if i < 3 else "fine", latency_ms=100)
    record = verdict_on(tmp_path, before, after, "latency margin=20%", options=Options(allow_undecided=True))
    assert (record.verdict, record.allowed) == (Verdict.UNDECIDED, False)


def test_a_column_that_no_rule_reads_does_not_matter(tmp_path: Path) -> None:
    rule = users(tmp_path, "    return True") + " margin=5pt"
    before, after = rows(100, output="fine"), rows(100, output="fine", latency_ms=5, expected="x")
    assert judged(tmp_path, before, after, rule).verdict is Verdict.SHIP
    for table in (before, after):
        table[7]["cost_usd"] = 0.1
    assert judged(tmp_path, before, after, "refusal margin=5pt").verdict is Verdict.SHIP


def test_a_cohort_that_costs_nothing_does_not_void_the_rule(tmp_path: Path) -> None:
    tier = {"tier": lambda i: "cached" if i < 30 else "paid"}

    def cost(cached: float) -> Callable[[int], float]:
        return lambda i: cached if i < 30 else 1.0 + i % 3

    table = rows(2000, cost_usd=cost(0.0), **tier)
    assert judged(tmp_path, table, table, "cost margin=10%", cohorts=("tier",)).verdict is Verdict.SHIP
    dearer = rows(2000, cost_usd=cost(0.01), **tier)
    assert judged(tmp_path, table, dearer, "cost margin=10%", cohorts=("tier",)).verdict is Verdict.UNDECIDED


def test_a_margin_of_next_to_nothing_is_no_crash(tmp_path: Path) -> None:
    before = rows(100, cost_usd=5e-324)
    after = rows(100, cost_usd=lambda i: 1.0 if i < 50 else 5e-324)
    assert judged(tmp_path, before, after, "cost margin=50%").verdict is not Verdict.SHIP
