"""`stopship score`, `scorers`, `doctor` and the command itself."""

import json
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest
from tests.cli.running import EXAMPLE, Command
from tests.making import write_jsonl

from stopship import __version__, catalog

BROKEN = str(EXAMPLE / "broken.jsonl")


def test_every_row_is_one_json_object(stopship: Command) -> None:
    assert stopship("score", "refusal", BROKEN, "--key", "id", "--output", "answer") == 0
    rows = [json.loads(line) for line in stopship.out.splitlines()]
    assert len(rows) == 300
    assert {tuple(sorted(row)) for row in rows} == {("key", "label", "reason", "value")}
    refused = [row for row in rows if row["label"] == "full"]
    assert {row["key"].rsplit("-", 1)[0] for row in refused} == {"refund-de"}
    assert all(row["value"] == 1 for row in refused)


def test_without_a_key_rows_go_by_number(stopship: Command) -> None:
    assert stopship("score", "length(unit=words)", BROKEN, "--output", "answer") == 0
    assert [json.loads(line)["key"] for line in stopship.out.splitlines()][:3] == ["1", "2", "3"]


def test_scores_go_to_a_file(stopship: Command, tmp_path: Path) -> None:
    target = tmp_path / "scores.jsonl"
    assert (
        stopship("score", "contains", BROKEN, "--key", "id", "--output", "answer", "--jsonl", str(target))
        == 0
    )
    assert stopship.out == ""
    assert len(target.read_text(encoding="utf-8").splitlines()) == 300


def test_what_could_not_be_scored_has_no_value_and_a_reason(stopship: Command, tmp_path: Path) -> None:
    rows: list[dict[str, object]] = [
        {"id": "none", "output": None, "expected": "4"},
        {"id": "blank", "output": " ", "expected": "4"},
        {"id": "words", "output": "many", "expected": "4"},
        {"id": "nothing to expect", "output": "4", "expected": ""},
        {"id": "right", "output": "4", "expected": "4"},
    ]
    stopship("score", "numeric", str(write_jsonl(tmp_path / "t.jsonl", rows)), "--key", "id")
    found = {row["key"]: row for row in map(json.loads, stopship.out.splitlines())}
    assert {key: (row["value"], row["label"]) for key, row in found.items()} == {
        "none": (None, "no output"),
        "blank": (None, "no output"),
        "words": (None, "unreadable"),
        "nothing to expect": (None, "unscored"),
        "right": (1.0, found["right"]["label"]),
    }
    assert all(row["reason"] for row in found.values())


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("refusl", BROKEN), "did you mean 'refusal'?"),
        (("refusal", BROKEN, "--output", "anser"), "did you mean 'answer'?"),
        (("refusal", BROKEN), "add --output COLUMN"),
        (("length", BROKEN, "--output", "answer", "--jsonl", BROKEN), "would be written over"),
        (("refusal", "nowhere.csv", "--output", "answer"), "nowhere.csv"),
    ],
)
def test_a_wrong_command_says_what_to_do(stopship: Command, words: tuple[str, ...], told: str) -> None:
    assert stopship("score", *words) == 2
    assert told in stopship.err
    assert "Traceback" not in stopship.err


def test_every_scorer_is_listed(stopship: Command) -> None:
    assert stopship("scorers") == 0
    for kind in catalog.kinds():
        assert kind.name in stopship.out


def test_doctor_finds_this_installation_complete(stopship: Command) -> None:
    assert stopship("doctor") == 0
    assert "MISSING" not in stopship.out


def test_doctor_says_what_is_missing_for_what(stopship: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    real = metadata.version

    def without_pyarrow(name: str) -> str:
        if name == "pyarrow":
            raise metadata.PackageNotFoundError(name)
        return real(name)

    monkeypatch.setattr(metadata, "version", without_pyarrow)
    assert stopship("doctor") == 1
    assert any(
        "pyarrow" in line and "MISSING" in line and "Parquet" in line for line in stopship.out.splitlines()
    )


def test_the_version_is_printed(stopship: Command) -> None:
    assert stopship("--version") == 0
    assert stopship.out == f"stopship {__version__}\n"


def test_doctor_tells_what_only_some_targets_need_and_is_well_without(
    stopship: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert stopship("doctor") == 0
    assert "aiohttp" in stopship.out
    real = metadata.version

    def without(name: str) -> str:
        if name in ("aiohttp", "jinja2", "genai-prices"):
            raise metadata.PackageNotFoundError(name)
        return real(name)

    monkeypatch.setattr(metadata, "version", without)
    assert stopship("doctor") == 0
    said = stopship.said
    assert "aiohttp not there the gateway, and [replay.openai], [replay.anthropic], [replay.http]:" in said
    for extra in ("gateway", "openai", "prices"):
        assert f"pip install 'stopship[{extra}]'" in said


@pytest.mark.parametrize("command", [(), ("compare",), ("score",), ("scorers",), ("doctor",)])
def test_help_fits_a_terminal(stopship: Command, command: tuple[str, ...]) -> None:
    stopship(*command, "--help")
    assert stopship.code == 0
    assert all(len(line) <= 100 for line in stopship.out.splitlines())


def test_a_reader_that_goes_away_is_no_fault() -> None:
    command = f"{sys.executable} -m stopship score refusal {BROKEN} --output answer | head -n 1"
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True)
    assert done.stdout.count("\n") == 1
    assert "Traceback" not in done.stderr


def test_a_full_disk_is_an_error_and_no_bug() -> None:
    command = f"{sys.executable} -m stopship score refusal {BROKEN} --output answer > /dev/full"
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "could not be written: No space left on device" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_report_on_standard_output_leaves_the_log_where_it_is(tmp_path: Path) -> None:
    log = tmp_path / "log.txt"
    log.write_text("earlier\n", encoding="utf-8")
    words = "--key id --output answer --rule 'refusal margin=5pt' --json /dev/stdout"
    command = f"{sys.executable} -m stopship compare {BROKEN} {BROKEN} {words} >> {log}"
    subprocess.run(["sh", "-c", command], check=True)
    assert log.read_text(encoding="utf-8").startswith("earlier\n")
    assert '"verdict": "SHIP"' in log.read_text(encoding="utf-8")
