"""Whatever piece of the evidence is gone or damaged: VOID or an error, never SHIP."""

import json
import shutil
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.examples import tries
from tests.gating.making import LIMIT, TODAY, Made, make
from tests.gating.test_digests import recorded
from tests.gating.test_escalating import flukes, noisy

from stopship.errors import EvidenceError, StopshipError
from stopship.gating.escalating import decided
from stopship.gating.gate import Asked
from stopship.gating.selection import Selection
from stopship.model.verdict import Verdict
from stopship.pinning.lock import lock_stack
from stopship.store.runs import merged


@pytest.fixture(scope="module")
def whole() -> Iterator[Made]:
    """An accepted suite that ships; tests damage copies of it."""
    with TemporaryDirectory() as folder:
        made = make(Path(folder) / "s")
        assert made.gate().verdict is Verdict.SHIP
        yield made


def evidence(made: Made) -> list[Path]:
    """Every file that a verdict rests on."""
    stored = sorted((made.folder / "store" / "runs").rglob("*.json*"))
    names = ("cases.jsonl", "labels.jsonl", "stack.toml", "stack.lock.json", "stack.json", "app/answer.py")
    return [*stored, *(made.folder / one for one in names), made.folder / "baseline.json"]


def verdict(made: Made) -> Verdict | None:
    """The gate's answer; None for an error that people are told of."""
    try:
        return made.gate().verdict
    except StopshipError as err:
        return None if err.exit_code in (2, 22) and str(err).strip() else Verdict.SHIP


@settings(max_examples=tries(40), deadline=None)
@given(pick=st.randoms(use_true_random=False), how=st.sampled_from(["gone", "empty", "cut", "flip", "line"]))
def test_damage_to_any_piece_of_evidence_never_ships(whole: Made, pick: object, how: str) -> None:
    choose = pick
    with TemporaryDirectory() as folder:
        shutil.copytree(whole.folder, Path(folder) / "s")
        made = Made(Path(folder) / "s")
        shutil.rmtree(made.folder / ".stopship")
        paths = evidence(made)
        path = paths[choose.randrange(len(paths))]  # type: ignore[attr-defined]  # a random.Random
        data = path.read_bytes()
        if how == "gone":
            path.unlink()
        elif how == "empty":
            path.write_bytes(b"")
        elif how == "cut":
            path.write_bytes(data[: choose.randrange(len(data))])  # type: ignore[attr-defined]
        elif how == "flip":
            at = choose.randrange(len(data))  # type: ignore[attr-defined]
            path.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
        else:
            lines = data.splitlines(keepends=True)
            del lines[choose.randrange(len(lines))]  # type: ignore[attr-defined]
            path.write_bytes(b"".join(lines))
        found = verdict(made)
        if found is Verdict.SHIP:
            # What is left must be a suite of its own: one label or one blank less, nothing of the run.
            assert path.name in ("labels.jsonl", "stack.toml", "stack.json", "app/answer.py", "baseline.json")
            assert is_harmless(whole, made, path)


def is_harmless(whole: Made, made: Made, path: Path) -> bool:
    """Whether the change says the same, or is told with the verdict."""
    if path.name == "labels.jsonl":
        return any("labels have changed" in one for one in made.gate().notes)
    if path.name == "baseline.json":
        return made.place.pointer().baseline is not None
    return made.gate().candidate == whole.gate().candidate


@pytest.mark.parametrize(
    "name", ["run.json", "cases.jsonl", "traces.jsonl", "timings.jsonl", "stack.lock.json"]
)
@pytest.mark.parametrize("where", ["store", ".stopship"])
@pytest.mark.parametrize("how", ["gone", "flipped"])
def test_each_file_of_the_stored_and_of_the_served_run_counts(
    whole: Made, tmp_path: Path, where: str, name: str, how: str
) -> None:
    shutil.copytree(whole.folder, tmp_path / "s")
    made = Made(tmp_path / "s")
    (path,) = (made.folder / where / "runs").glob(f"*/{name}")
    if how == "gone":
        path.unlink()
    else:
        data = path.read_bytes()
        path.write_bytes(data[:-3] + bytes([data[-3] ^ 1]) + data[-2:])
    assert verdict(made) in (Verdict.VOID, None)


def test_a_damaged_run_of_the_working_folder_is_mended_by_drawing_anew(whole: Made, tmp_path: Path) -> None:
    shutil.copytree(whole.folder, tmp_path / "s")
    made = Made(tmp_path / "s")
    (path,) = (made.folder / ".stopship" / "runs").glob("*/traces.jsonl")
    path.write_bytes(b"")
    with pytest.raises(EvidenceError, match="--fresh"):
        made.replay()
    assert made.judge(made.replay(fresh=True)).verdict is Verdict.SHIP


def test_a_whole_store_that_is_gone_is_void(whole: Made, tmp_path: Path) -> None:
    shutil.copytree(whole.folder, tmp_path / "s")
    made = Made(tmp_path / "s")
    shutil.rmtree(made.folder / "store")
    record = made.gate()
    assert record.verdict is Verdict.VOID
    assert "is not in the store" in record.reasons[0]
    assert "stopship push" in record.reasons[0]


@pytest.mark.parametrize("left", [[1], [2], [1, 2], [1, 3], [2, 3]])
def test_a_missing_shard_is_void_and_names_cases(whole: Made, tmp_path: Path, left: list[int]) -> None:
    shutil.copytree(whole.folder, tmp_path / "s")
    made = Made(tmp_path / "s")
    run = merged([made.shard(i, 3) for i in left], planned=made.open().case_digests)
    record = made.judge(run)
    assert record.verdict is Verdict.VOID
    assert "not replayed ('c" in record.reasons[0]


def test_a_run_of_some_cases_never_ships_though_they_are_all_well(whole: Made) -> None:
    run = whole.replay(selection=Selection(keys=("c01", "c02")))
    record = whole.judge(run)
    assert record.verdict is Verdict.VOID
    assert "58 cases not replayed" in record.reasons[0]


def test_a_run_of_another_target_is_void(whole: Made, tmp_path: Path) -> None:
    shutil.copytree(whole.folder, tmp_path / "s")
    made = Made(tmp_path / "s")
    run = made.replay()
    made.edit("suite.toml", "app/answer.py:answer", "app/other.py:answer")
    record = made.judge(run)
    assert record.verdict is Verdict.VOID
    assert "was answered by the target 'app/answer.py:answer'" in record.reasons[0]


def test_a_target_that_no_pin_holds_may_not_answer(whole: Made, tmp_path: Path) -> None:
    shutil.copytree(whole.folder, tmp_path / "s")
    made = Made(tmp_path / "s")
    made.edit("stack.toml", '[code]\npaths = ["app"]\n', "")
    lock_stack(made.folder / "stack.toml")
    with pytest.raises(EvidenceError, match="no pin of the stack holds the target"):
        made.replay()


def copied(whole: Made, folder: Path) -> Made:
    shutil.copytree(whole.folder, folder / "s")
    return Made(folder / "s")


def test_a_lost_row_of_labels_is_void_and_an_empty_one_is_said_on_purpose(
    whole: Made, tmp_path: Path
) -> None:
    made = copied(whole, tmp_path)
    rows = made.rows("labels.jsonl")
    made.write_rows("labels.jsonl", [*rows[:7], *rows[8:]])
    with pytest.raises(EvidenceError, match=r"1 of 60 cases have no row of labels: 'c07'"):
        made.open()
    made.write_rows("labels.jsonl", [*rows[:7], {"key": "c07"}, *rows[8:]])
    assert made.open().labels["c07"] == {}


@pytest.mark.parametrize("field", ["stack", "cases"])
@pytest.mark.parametrize("whose", ["baseline", "anchor"])
def test_a_pointer_that_says_of_its_run_what_is_not_so_is_void(
    tmp_path: Path, whose: str, field: str
) -> None:
    made = make(tmp_path / "s", anchor=', anchor_margin = "25pt"')
    made.stack("next", wrong=["c30"])
    made.accept(made.replay("next"), stack="next")
    path = made.folder / "baseline.json"
    document = json.loads(path.read_bytes())
    document[whose][field] = "0" * 64
    path.write_text(json.dumps(document), "utf-8")
    record = made.gate("next")
    assert record.verdict is Verdict.VOID
    assert f"baseline.json was changed by hand: it says {field}" in record.reasons[0]


@pytest.mark.parametrize("gone", ["baseline", "anchor"])
def test_a_pointer_that_lacks_what_was_accepted_is_void(whole: Made, tmp_path: Path, gone: str) -> None:
    made = copied(whole, tmp_path)
    path = made.folder / "baseline.json"
    path.write_text(json.dumps({**json.loads(path.read_bytes()), gone: None}), "utf-8")
    assert made.judge(made.replay(), is_new_suite=True).verdict is Verdict.VOID
    assert made.gate().verdict is Verdict.VOID


@pytest.mark.parametrize(
    "told", ["m1", ["m1"], {"model": None}, {"model": 7}, {"model": {"name": "m1"}}, 1, True]
)
def test_what_was_observed_must_be_told_so_that_it_can_be_checked(tmp_path: Path, told: object) -> None:
    made = recorded_with(tmp_path, observed=told)
    record = made.gate()
    assert record.verdict is Verdict.VOID
    assert "`observed` is no object of axes and versions in 60 cases" in record.reasons[0]


def test_what_was_observed_and_agrees_ships(tmp_path: Path) -> None:
    assert recorded_with(tmp_path, observed={"outputs": "2"}).gate().verdict is Verdict.SHIP


def recorded_with(folder: Path, **fields: object) -> Made:
    """An accepted suite of recorded outputs whose next recording tells more."""
    made = recorded(folder)
    made.accept(made.replay())
    made.write_rows("outputs.jsonl", [{**row, **fields} for row in made.rows("outputs.jsonl")])
    made.edit("stack.toml", 'version = "1"', 'version = "2"')
    lock_stack(made.folder / "stack.toml")
    return made


def test_a_run_with_fewer_outputs_or_another_kind_of_target_than_the_suite_says_is_void(
    whole: Made, tmp_path: Path
) -> None:
    made = copied(whole, tmp_path)
    run = made.replay()
    made.edit("suite.toml", "deterministic = true", "repeats = 3")
    record = made.judge(run)
    assert record.verdict is Verdict.VOID
    assert "the suite says that its target is not deterministic" in record.reasons[0]
    assert "holds 1 of 3 outputs a case" in record.reasons[1]


def test_the_baseline_is_no_candidate_of_a_target_that_may_vary(tmp_path: Path) -> None:
    made = make(tmp_path / "s", replay="", draws=10_000)
    pointer = made.place.pointer()
    assert pointer.baseline is not None
    record = made.judge(made.place.kept(pointer.baseline.run))
    assert record.verdict is Verdict.VOID
    assert "the candidate is the baseline itself" in record.reasons[0]


def test_a_cohort_that_infrastructure_lost_is_void_though_few_cases_are(tmp_path: Path) -> None:
    made = make(tmp_path / "s", replay="deterministic = true\nlimits = { errors = 0.3 }")
    german = [f"c{i:02d}" for i in range(3, 60, 2)]
    made.stack("lost", lost=german[:3])
    assert made.gate("lost").verdict is Verdict.SHIP  # 3 of 30 are no more than a tenth
    made.stack("more", lost=german[:4])
    record = made.gate("more")
    assert record.verdict is Verdict.VOID  # `answered` has the least cohort margin
    assert "answered: infrastructure lost 4 of 30 cases in lang=de" in record.reasons[0]


def test_a_waived_limit_may_be_no_worse_than_the_run_that_was_accepted(tmp_path: Path) -> None:
    limit = (
        '[[rule]]\nid = "held"\nscore = "scorers.py:right"\nlimit = { better = "higher", at_least = 0.9 }\n'
    )
    made = make(tmp_path / "s", rules=limit)
    made.edit("suite.toml", "20pt", "60pt")
    made.edit("suite.toml", "40pt", "65pt")
    bad = [f"c{i:02d}" for i in range(20, 40)]
    made.stack("bad", wrong=bad)
    made.accept(made.replay("bad"), stack="bad", waived=("held",), until=date(2030, 1, 1))
    assert made.gate("bad").verdict is Verdict.SHIP
    made.stack("worse", wrong=[f"c{i:02d}" for i in range(10, 45)])
    record = made.gate("worse")
    assert record.verdict is Verdict.STOP
    assert any("held in all: 15 of 60 cases got worse" in one for one in record.reasons)


def test_an_unchanged_build_that_cannot_keep_a_limit_is_told_in_the_report(tmp_path: Path) -> None:
    rules = LIMIT.replace("at_least = 0.3", "at_least = 0.95")
    made = make(tmp_path / "s", rules=rules, wrong=["c50", "c51", "c52"])
    record = made.gate()
    assert record.verdict is Verdict.UNDECIDED
    assert "a build that changed nothing would not ship either: mostly-right in all holds it" in record.notes


@pytest.mark.parametrize("allows", [None, True])
def test_a_stop_that_fresh_outputs_do_not_show_is_void_where_the_candidate_never_ships(
    tmp_path: Path, allows: bool | None
) -> None:
    """Looked at again it is what it would be at once: UNDECIDED for a build, VOID for an experiment."""
    made = noisy(tmp_path / "s", replay="network = true", every=0.02)
    run, opened = flukes(made), made.open()
    build = decided(opened, made.place, run, Asked(today=TODAY))
    assert build.verdict is Verdict.UNDECIDED
    asked = Asked(today=TODAY, never_ships="of another stack", allow_undecided=allows)
    record = decided(opened, made.place, run, asked)
    assert [one.kind for one in record.escalation] == ["confirm"]
    assert (record.verdict, record.exit_code, record.allowed) == (Verdict.VOID, 22, False)
    assert record.reasons[0] == "of another stack"
