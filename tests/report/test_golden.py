"""Every face of every verdict, as files to read. `STOPSHIP_UPDATE_GOLDEN=1` writes them anew."""

import json
import os
from collections.abc import Mapping
from pathlib import Path

import pytest
from tests.report.records import RECORDS

from stopship.model.verdict import Record
from stopship.report import annotations, jsonrecord, junit, markdown, text

GOLDEN = Path(__file__).parent / "golden"
NEXT = ["stopship compare before.jsonl after.jsonl --key id --cohort lang --rule exact --where lang=de"]
ORDINARY = [name for name in RECORDS if name != "hostile"]


def rounded(value: object) -> object:
    """Numbers to nine figures: the last ones depend on the machine's mathematics library."""
    if isinstance(value, float):
        return float(f"{value:.9g}")
    if isinstance(value, dict):
        return {name: rounded(one) for name, one in value.items()}
    return [rounded(one) for one in value] if isinstance(value, list) else value


def check(name: str, shown: str) -> None:
    file = GOLDEN / name
    if os.environ.get("STOPSHIP_UPDATE_GOLDEN") == "1":
        file.write_text(shown, encoding="utf-8", newline="")
    with file.open(encoding="utf-8", newline="") as written:
        assert shown == written.read(), f"{name} reads differently; STOPSHIP_UPDATE_GOLDEN=1 writes it anew"


@pytest.mark.parametrize("name", RECORDS)
def test_text(records: Mapping[str, Record], name: str) -> None:
    shown = text.render(records[name], next_steps=NEXT if name == "stop" else [])
    check(f"{name}.txt", shown + annotations.render(records[name]))


@pytest.mark.parametrize("name", RECORDS)
def test_markdown(records: Mapping[str, Record], name: str) -> None:
    shown = markdown.render(records[name], next_steps=NEXT if name == "stop" else [], show_outputs=True)
    check(f"{name}.md", shown)


@pytest.mark.parametrize("name", RECORDS)
def test_junit(records: Mapping[str, Record], name: str) -> None:
    check(f"{name}.xml", junit.render(records[name]).decode())


@pytest.mark.parametrize("name", RECORDS)
def test_json(records: Mapping[str, Record], name: str) -> None:
    shown = json.loads(jsonrecord.render(records[name]))
    check(f"{name}.json", json.dumps(rounded(shown), sort_keys=True, indent=1) + "\n")


@pytest.mark.parametrize("name", ORDINARY)
def test_ordinary_names_fit_a_hundred_columns(records: Mapping[str, Record], name: str) -> None:
    shown = text.render(records[name])
    assert max(map(len, shown.splitlines())) <= 100


@pytest.mark.parametrize("name", RECORDS)
def test_the_verdict_comes_first(records: Mapping[str, Record], name: str) -> None:
    record = records[name]
    assert text.render(record).startswith(record.verdict.value)
    assert record.verdict.value in markdown.render(record).splitlines()[1]


def test_ci_shows_no_output_of_a_model(records: Mapping[str, Record]) -> None:
    for face in (text, markdown):
        assert "cannot help" in face.render(records["stop"])
        assert "cannot help" not in face.render(records["stop"], show_outputs=False)


@pytest.mark.parametrize(
    "step", ["stopship compare '::error::'", "stopship compare '##[error]'", "a\nb", "é\x1b"]
)
def test_a_next_step_is_shown_as_typed_or_not_at_all(records: Mapping[str, Record], step: str) -> None:
    for face in (text, markdown):
        assert "Next:" not in face.render(records["stop"], next_steps=[step])
