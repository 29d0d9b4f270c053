"""The laws of the gate, whole path: two files in, one record out."""

import random
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.examples import tries
from tests.making import scored, verdict_on, write_jsonl

from stopship.model.columns import Columns
from stopship.model.verdict import Verdict
from stopship.report import jsonrecord

BINARY = "column(score) better=higher margin=5pt"
BOUNDED = "column(score, bounds=0..1) better=higher margin=5pt"
LAW = settings(
    max_examples=tries(120), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)

sizes = st.integers(20, 220)
seeds = st.integers(0, 2**32)
levels = st.sampled_from([(0.0, 1.0), (0.0, 0.5, 1.0), (0.0, 0.25, 0.5, 0.9, 1.0)])


def _pair(n: int, seed: int, values: tuple[float, ...]) -> tuple[list[float], list[float], list[str]]:
    """Two columns of scores, of which few to many differ, and a cohort each."""
    draw = random.Random(seed)  # noqa: S311  # not a secret
    churn = draw.choice([0.0, 0.02, 0.1, 0.4])
    before = [draw.choice(values) if draw.random() < 0.4 else max(values) for _ in range(n)]
    after = [draw.choice(values) if draw.random() < churn else one for one in before]
    return before, after, [draw.choice(["de", "en", "en", "fr"]) for _ in range(n)]


@LAW
@given(sizes, seeds, levels, st.booleans())
def test_a_case_that_is_not_better_made_worse_never_turns_a_verdict_into_ship(
    tmp_path: Path, n: int, seed: int, values: tuple[float, ...], with_cohorts: bool
) -> None:
    before, after, lang = _pair(n, seed, values)
    columns = Columns(key="id", cohorts=("lang",) if with_cohorts else ())
    rule = BINARY if values == (0.0, 1.0) else BOUNDED

    def verdict() -> Verdict:
        return verdict_on(
            tmp_path, scored(before, lang=lang), scored(after, lang=lang), rule, columns=columns
        ).verdict

    first = verdict()
    draw = random.Random(seed + 1)  # noqa: S311  # not a secret
    worsened = [i for i in range(n) if after[i] <= before[i] and after[i] > 0]
    for i in draw.sample(worsened, min(len(worsened), draw.choice([1, 1, 2, 5]))):
        after[i] = draw.choice([one for one in values if one < after[i]])
    if first is not Verdict.SHIP:
        assert verdict() is not Verdict.SHIP


@LAW
@given(sizes, seeds, st.data())
def test_a_record_missing_from_the_candidate_is_void(
    tmp_path: Path, n: int, seed: int, data: st.DataObject
) -> None:
    before, after, _ = _pair(n, seed, (0.0, 1.0))
    dropped = data.draw(st.sets(st.integers(0, n - 1), min_size=1, max_size=n - 1))
    rows = [row for i, row in enumerate(scored(after)) if i not in dropped]
    record = verdict_on(tmp_path, scored(before), rows, BINARY)
    assert record.verdict is Verdict.VOID
    assert record.exit_code == 22
    assert "no record" in record.reasons[0]


@LAW
@given(sizes, seeds, st.data())
def test_taking_an_output_away_never_turns_a_verdict_into_ship(
    tmp_path: Path, n: int, seed: int, data: st.DataObject
) -> None:
    before, after, _ = _pair(n, seed, (0.0, 1.0))
    rows = [{**row, "output": "yes" if row["score"] else "no"} for row in scored(after)]
    base = [{**row, "output": "yes" if row["score"] else "no"} for row in scored(before)]
    first = verdict_on(tmp_path, base, rows, "contains(text=yes) margin=5pt").verdict
    for i in data.draw(st.sets(st.integers(0, n - 1), min_size=1, max_size=5)):
        if after[i] <= before[i]:
            rows[i]["output"] = data.draw(st.sampled_from([None, "", "  \n"]))
    if first is not Verdict.SHIP:
        assert verdict_on(tmp_path, base, rows, "contains(text=yes) margin=5pt").verdict is not Verdict.SHIP


@LAW
@given(sizes, seeds, levels)
def test_the_order_of_rows_and_of_keys_changes_no_byte(
    tmp_path: Path, n: int, seed: int, values: tuple[float, ...]
) -> None:
    before, after, lang = _pair(n, seed, values)
    rows = (scored(before, lang=lang), scored(after, lang=lang))
    columns = Columns(key="id", cohorts=("lang",))
    first = jsonrecord.render(verdict_on(tmp_path, rows[0], rows[1], BOUNDED, columns=columns))
    draw = random.Random(seed)  # noqa: S311  # not a secret
    shuffled = [
        [dict(draw.sample(list(row.items()), len(row))) for row in draw.sample(table, n)] for table in rows
    ]
    assert (
        jsonrecord.render(verdict_on(tmp_path, shuffled[0], shuffled[1], BOUNDED, columns=columns)) == first
    )


@LAW
@given(sizes, seeds, levels)
def test_identical_files_never_stop_and_ship_from_the_smallest_n_on(
    tmp_path: Path, n: int, seed: int, values: tuple[float, ...]
) -> None:
    before, _, lang = _pair(n, seed, values)
    table = scored(before, lang=lang)
    record = verdict_on(tmp_path, table, table, BOUNDED, columns=Columns(key="id", cohorts=("lang",)))
    assert record.verdict is (Verdict.SHIP if n >= 52 else Verdict.UNDECIDED)
    finding = record.findings[0]
    assert (finding.worse, finding.better, finding.delta, finding.p) == (0, 0, 0.0, 1.0)


@LAW
@given(sizes, seeds)
def test_swapping_the_files_of_an_identical_pair_changes_nothing(tmp_path: Path, n: int, seed: int) -> None:
    before, _, _ = _pair(n, seed, (0.0, 0.5, 1.0))
    table = scored(before)
    draw = random.Random(seed)  # noqa: S311  # not a secret
    other = draw.sample(table, n)
    there = verdict_on(tmp_path, table, other, BOUNDED)
    back = verdict_on(tmp_path, other, table, BOUNDED)
    assert jsonrecord.render(there) == jsonrecord.render(back)


@LAW
@given(sizes, seeds, st.data())
def test_any_change_of_a_row_changes_the_pin(tmp_path: Path, n: int, seed: int, data: st.DataObject) -> None:
    before, _, _ = _pair(n, seed, (0.0, 1.0))
    first, second = scored(before), scored(before)
    second[data.draw(st.integers(0, n - 1))]["note"] = data.draw(st.text(max_size=3))
    record = verdict_on(tmp_path, first, second, BINARY)
    assert record.baseline is not None
    assert record.candidate is not None
    assert record.baseline.digest != record.candidate.digest


@pytest.mark.parametrize("keep", [0.0, 0.1, 0.5, 0.9, 0.999])
@pytest.mark.parametrize("arm", ["before", "after"])
def test_a_truncated_file_never_ships(tmp_path: Path, keep: float, arm: str) -> None:
    table = scored([1.0] * 100)
    from stopship.cli.options import rules_of
    from stopship.pipeline import Options, compare_files

    paths = {name: write_jsonl(tmp_path / f"{name}.jsonl", table) for name in ("before", "after")}
    whole = paths[arm].read_bytes()
    cut = int(len(whole) * keep)
    cut += (
        whole[cut - 1 : cut] == b"\n"
    )  # a cut between two rows of the baseline cannot be told from a smaller one
    paths[arm].write_bytes(whole[:cut])
    record = compare_files(paths["before"], paths["after"], Columns(key="id"), rules_of([BINARY]), Options())
    assert record.verdict in (Verdict.VOID, Verdict.UNDECIDED)
    assert record.exit_code in (21, 22)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param([], [], id="both empty"),
        pytest.param([], scored([1.0]), id="empty baseline"),
        pytest.param(scored([1.0]), [], id="empty candidate"),
        pytest.param(
            scored([1.0] * 60), [{"id": f"x{i}", "score": 1} for i in range(60)], id="no key in common"
        ),
    ],
)
def test_empty_or_unpaired_evidence_is_void(
    tmp_path: Path, before: list[dict[str, object]], after: list[dict[str, object]]
) -> None:
    assert verdict_on(tmp_path, before, after, BINARY).verdict is Verdict.VOID


def _every_score(value: object) -> Callable[[int], dict[str, object]]:
    return lambda i: {"id": str(i), "score": value}


@pytest.mark.parametrize("value", [None, "", "n/a", "NaN"], ids=["null", "blank", "text", "nan text"])
def test_scores_that_are_unreadable_everywhere_are_void(tmp_path: Path, value: object) -> None:
    table = [_every_score(value)(i) for i in range(100)]
    assert verdict_on(tmp_path, table, table, BOUNDED).verdict is Verdict.VOID
