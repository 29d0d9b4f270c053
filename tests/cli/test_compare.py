"""`stopship compare` as a person and a build see it: text, files, exit codes."""

import gzip
import json
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from tests.cli.running import EXAMPLE, Command
from tests.making import scored, write_jsonl

RULES = (
    "--key", "id", "--output", "answer", "--cohort", "lang",
    "--rule", "refusal margin=5pt", "--rule", "contains margin=5pt",
)  # fmt: skip
BEFORE, BROKEN, FIXED = (str(EXAMPLE / f"{name}.jsonl") for name in ("before", "broken", "fixed"))


def test_the_repaired_example_ships(stopship: Command) -> None:
    assert stopship("compare", BEFORE, FIXED, *RULES) == 0
    assert stopship.out.startswith("SHIP  candidate ")
    assert stopship.err == ""


def test_the_broken_example_stops_and_names_the_cohort_first(stopship: Command) -> None:
    assert stopship("compare", BEFORE, BROKEN, *RULES) == 20
    lines = stopship.out.splitlines()
    assert lines[0].startswith("STOP  candidate ")
    assert "lang=de" in lines[3]
    assert "refund-de-" in stopship.out
    assert "--where lang=de --examples 20" in lines[-1]


def test_in_ci_examples_show_keys_and_labels_but_no_output(
    stopship: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CI", "true")
    stopship("compare", BEFORE, BROKEN, *RULES)
    assert "refund-de-" in stopship.out
    assert "Rechtsberatung" not in stopship.out
    stopship("compare", BEFORE, BROKEN, *RULES, "--examples", "3")
    assert "Rechtsberatung" in stopship.out


def test_no_examples_names_no_case(stopship: Command) -> None:
    stopship("compare", BEFORE, BROKEN, *RULES, "--no-examples")
    assert "refund-de-" not in stopship.out


def test_on_github_each_broken_rule_and_scope_is_annotated(
    stopship: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    stopship("compare", BEFORE, BROKEN, *RULES)
    annotated = [line for line in stopship.out.splitlines() if line.startswith("::error ")]
    assert 1 <= len(annotated) <= 10
    assert any("refusal in lang=de" in line for line in annotated)


def test_every_report_is_written_and_says_the_same(stopship: Command, tmp_path: Path) -> None:
    files = {name: tmp_path / f"out.{name}" for name in ("json", "markdown", "junit")}
    words = [word for name, path in files.items() for word in (f"--{name}", str(path))]
    assert stopship("compare", BEFORE, BROKEN, *RULES, *words) == 20
    record = json.loads(files["json"].read_text(encoding="utf-8"))
    assert (record["format"], record["verdict"], record["exit_code"]) == (1, "STOP", 20)
    assert "STOP" in files["markdown"].read_text(encoding="utf-8")
    suite = ET.fromstring(files["junit"].read_bytes()).find("testsuite")  # noqa: S314  # written by this test's own run
    assert suite is not None
    assert int(suite.attrib["failures"]) >= 2
    broken = [one for one in record["findings"] if one["decision"] == "regression"]
    assert {one["scope"] for one in broken} >= {"lang=de"}
    for one in broken:
        assert one["worse"] == len(one["worse_keys"]) > 0


def test_a_void_run_writes_over_the_record_of_an_earlier_one(stopship: Command, tmp_path: Path) -> None:
    """A green record of yesterday must not survive beside today's damage."""
    record = tmp_path / "verdict.json"
    assert stopship("compare", BEFORE, FIXED, *RULES, "--json", str(record)) == 0
    damaged = tmp_path / "damaged.jsonl"
    damaged.write_bytes(Path(FIXED).read_bytes()[:-20])
    assert stopship("compare", BEFORE, str(damaged), *RULES, "--json", str(record)) == 22
    assert json.loads(record.read_text(encoding="utf-8"))["verdict"] == "VOID"
    assert "damaged.jsonl" in stopship.out


def test_a_run_without_a_verdict_leaves_no_record_of_an_earlier_one(
    stopship: Command, tmp_path: Path
) -> None:
    record = tmp_path / "verdict.json"
    assert stopship("compare", BEFORE, FIXED, *RULES, "--json", str(record)) == 0
    assert stopship("compare", BEFORE, str(tmp_path / "never-made.jsonl"), *RULES, "--json", str(record)) == 2
    assert not record.exists()


def test_a_report_is_never_written_over_a_scorer(stopship: Command, tmp_path: Path) -> None:
    own = tmp_path / "own.py"
    own.write_text("def f(case, trace): return True", encoding="utf-8")
    words = ("--key", "id", "--output", "answer", "--rule", f"{own}:f better=higher", "--json", str(own))
    assert stopship("compare", BEFORE, BROKEN, *words) == 2
    assert own.read_text(encoding="utf-8").startswith("def f")


def test_gzip_csv_and_json_give_the_same_numbers_as_jsonl(stopship: Command, tmp_path: Path) -> None:
    zipped = tmp_path / "broken.jsonl.gz"
    zipped.write_bytes(gzip.compress(Path(BROKEN).read_bytes()))
    rows = [json.loads(line) for line in Path(BROKEN).read_text(encoding="utf-8").splitlines()]
    array = tmp_path / "broken.json"
    array.write_text(json.dumps(rows), encoding="utf-8")
    stopship("compare", BEFORE, BROKEN, *RULES)
    expected = stopship.out.partition("\n\nNext:")[0]
    for path in (zipped, array):
        stopship("compare", BEFORE, str(path), *RULES)
        assert stopship.out.partition("\n\nNext:")[0] == expected


def test_undecided_holds_unless_it_is_allowed(stopship: Command, tmp_path: Path) -> None:
    before, after = (str(write_jsonl(tmp_path / f"{name}.jsonl", scored([1.0] * 30))) for name in ("a", "b"))
    words = ("compare", before, after, "--key", "id", "--rule", "column(score) better=higher margin=5pt")
    assert stopship(*words) == 21
    assert "about 52 cases would decide" in stopship.said
    assert stopship(*words, "--undecided", "allow") == 0
    assert stopship.out.startswith("UNDECIDED")
    assert "(allowed)" in stopship.out


def test_allowing_undecided_never_covers_a_loss_beyond_the_margin(stopship: Command, tmp_path: Path) -> None:
    before = str(write_jsonl(tmp_path / "a.jsonl", scored([1.0] * 30)))
    after = str(write_jsonl(tmp_path / "b.jsonl", scored([1.0] * 27 + [0.0] * 3)))
    rule = "column(score) better=higher margin=5pt"
    words = ("compare", before, after, "--key", "id", "--rule", rule, "--undecided", "allow")
    assert stopship(*words) == 21
    assert "does not cover" in stopship.out


def test_a_warning_rule_never_stops(stopship: Command) -> None:
    rules = ("--rule", "contains margin=50pt", "--rule", "refusal margin=1pt severity=warn")
    assert stopship("compare", BEFORE, BROKEN, "--key", "id", "--output", "answer", *rules) == 0
    assert "broken (warning)" in stopship.out


def test_a_limit_needs_no_better_baseline(stopship: Command) -> None:
    rule = "refusal better=lower at_most=0.01"
    assert stopship("compare", BROKEN, BROKEN, "--key", "id", "--output", "answer", "--rule", rule) == 20
    assert "at most 0.01" in stopship.out


def test_equal_inputs_under_different_keys_are_one_cluster(stopship: Command, tmp_path: Path) -> None:
    """Three hundred copies of one question are one piece of evidence."""
    rows = scored([1.0] * 300, question=["the same"] * 300)
    path = str(write_jsonl(tmp_path / "a.jsonl", rows))
    words = ("compare", path, path, "--key", "id", "--rule", "column(score) better=higher margin=5pt")
    assert stopship(*words) == 0
    assert stopship(*words, "--input", "question") == 21
    assert "1 cluster decides nothing" in stopship.said


WRONG: list[tuple[tuple[str, ...], int, str]] = [
    (("--key", "nr", *RULES[2:]), 2, "no column 'nr'"),
    (("--key", "id", "--output", "anser", "--rule", "refusal"), 2, "did you mean 'answer'?"),
    (("--key", "id", "--output", "answer"), 2, "no rule"),
    (("--key", "id", "--output", "answer", "--rule", "refusl"), 2, "did you mean 'refusal'?"),
    (("--key", "id", "--output", "answer", "--rule", "refusal margn=5pt"), 2, "did you mean 'margin'?"),
    (("--key", "id", "--output", "answer", "--rule", "refusal margin=5"), 2, "has no unit"),
    (("--key", "id", "--output", "answer", "--rule", "refusal margin=5%"), 2, "is in %"),
    (("--key", "id", "--output", "answer", "--rule", "refusal margin=0pt"), 2, "no candidate could ever"),
    (("--key", "id", "--output", "answer", "--rule", "refusal margin=100pt"), 2, "every candidate"),
    (("--key", "id", "--output", "answer", "--rule", "refusal margin=nanpt"), 2, "is not a number"),
    (("--key", "id", "--output", "answer", "--rule", "refusal at_most=0"), 2, "no number of cases"),
    (("--key", "id", "--output", "answer", "--rule", "refusal at_most=1"), 2, "every candidate keeps it"),
    (("--key", "id", "--output", "answer", "--rule", "refusal better=higher at_most=0.5"), 2, "at_least"),
    (("--key", "id", "--output", "answer", "--rule", "length better=lower"), 2, "margin=10%"),
    (("--key", "id", "--output", "answer", "--rule", "length margin=10%"), 2, "which end is good"),
    (("--key", "id", "--output", "answer", "--rule", "refusal severity=warn"), 2, "nothing could stop"),
    (("--key", "id", "--output", "answer", "--rule", "cost margin=10%"), 2, "add --cost COLUMN"),
    (("--key", "id", "--rule", "refusal"), 2, "add --output COLUMN"),
    (
        ("--key", "id", "--output", "answer", "--rule", "refusal", "--cohort", "lng"),
        2,
        "did you mean 'lang'?",
    ),
    (
        ("--key", "id", "--output", "answer", "--rule", "refusal", "--where", "lang=xx"),
        2,
        "no row matches",
    ),
    (("--key", "id", "--output", "answer", "--rule", "refusal", "--where", "lang"), 2, "is no condition"),
    (
        ("--key", "id", "--output", "answer", "--rule", "column(score) better=higher"),
        2,
        "no column 'score'",
    ),
    (
        ("--key", "id", "--output", "answer", "--rule", "column(latency_ms) better=lower"),
        2,
        "bounds=LO..HI",
    ),
    (("--key", "lang", "--output", "answer", "--rule", "refusal"), 22, "stands twice"),
    (("--output", "answer", "--rule", "refusal"), 2, "Missing option '--key'"),
    (("--key", "", "--output", "answer", "--rule", "refusal"), 2, "--key is empty"),
    (
        ("--key", "id", "--output", "answer", "--cluster", "", "--rule", "refusal"),
        2,
        "--cluster is empty",
    ),
    (("--key", "id", "--output", "answer", "--rule", "refusal margin=1e-300pt"), 2, "no candidate could"),
    (("--key", "id", "--rule", "refusal", "--json", "nowhere/x.json"), 2, "there is no folder"),
    (("--key", "id", "--rule", "refusal", "--undecided", "perhaps"), 2, "perhaps"),
    (("--key", "id", "--rule", "refusal", "--examples", "3", "--no-examples"), 2, "one of them"),
    (("--key", "id", "--rule", "refusal", "--json", BROKEN), 2, "would be written over"),
]


@pytest.mark.parametrize(("words", "code", "told"), WRONG)
def test_a_wrong_command_says_what_to_do(
    stopship: Command, words: tuple[str, ...], code: int, told: str
) -> None:
    assert stopship("compare", BEFORE, BROKEN, *words) == code
    said = " ".join((stopship.out + stopship.err).split())
    assert told in said
    assert "Traceback" not in said


@pytest.mark.parametrize("name", ["nowhere.jsonl", ".", "table.xyz"])
def test_a_path_that_is_no_table_is_a_usage_error(
    stopship: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "table.xyz").write_text("x", encoding="utf-8")
    assert stopship("compare", BEFORE, name, *RULES) == 2
    assert "error: " in stopship.err
    assert "Traceback" not in stopship.err


def test_a_fault_of_our_own_shows_a_traceback_and_exits_70(
    stopship: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("planted")

    monkeypatch.setattr("stopship.pipeline.compare_files", broken)
    assert stopship("compare", BEFORE, BROKEN, *RULES) == 70
    assert "RuntimeError: planted" in stopship.err
    assert "this is a bug in stopship" in stopship.err
