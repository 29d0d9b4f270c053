"""docs/verdict.schema.json describes every record, and docs/verdict.md explains it."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from tests.report.records import RECORDS

from stopship.model.rule import Mode, Severity
from stopship.model.verdict import EXIT_CODES, FORMAT, Decision, Record, Verdict
from stopship.report import jsonrecord

DOCS = Path(__file__).parents[2] / "docs"
GOLDEN = Path(__file__).parent / "golden"
SCHEMA: dict[str, Any] = json.loads((DOCS / "verdict.schema.json").read_text(encoding="utf-8"))
PAGE = (DOCS / "verdict.md").read_text(encoding="utf-8")
CHECK = jsonschema_rs.Draft202012Validator(SCHEMA)
TOP: dict[str, Any] = SCHEMA["properties"]
FINDING: dict[str, Any] = SCHEMA["$defs"]["finding"]["properties"]


def golden(name: str) -> dict[str, Any]:
    read: dict[str, Any] = json.loads((GOLDEN / f"{name}.json").read_text(encoding="utf-8"))
    return read


def properties(schema: object, path: str = "$") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every property and every object of a schema, with its path."""
    if not isinstance(schema, dict):
        return
    if schema.get("type") == "object":
        yield path, schema
    for name, one in (schema.get("properties", {}) | schema.get("$defs", {})).items():
        yield f"{path}.{name}", one
        yield from properties(one, f"{path}.{name}")
    yield from properties(schema.get("items"), f"{path}[]")


def test_the_schema_is_sound() -> None:
    jsonschema_rs.meta.validate(SCHEMA)


@pytest.mark.parametrize("name", RECORDS)
def test_every_record_is_as_the_schema_says(records: Mapping[str, Record], name: str) -> None:
    for record in (json.loads(jsonrecord.render(records[name])), golden(name)):
        assert [f"{one.instance_path}: {one.message}" for one in CHECK.iter_errors(record)] == []


def test_every_property_is_described_in_a_sentence() -> None:
    for path, one in properties(SCHEMA):
        description = one.get("description", "")
        assert description.endswith("."), path
        assert len(description) > 12, path


def test_no_object_takes_unknown_keys() -> None:
    for path, one in properties(SCHEMA):
        if one.get("type") == "object":
            assert "additionalProperties" in one, path
            assert one["additionalProperties"] is not True, path


def test_the_schema_has_every_key_and_no_more() -> None:
    files, suite = golden("stop"), golden("suite-fix-not-shown")
    assert set(files) == set(SCHEMA["required"])
    assert set(suite) == set(TOP)
    assert set(files["findings"][0]) == set(SCHEMA["$defs"]["finding"]["required"])
    tail = golden("tails-stop")["findings"][0]
    way = next(one for one in golden("undecided")["findings"] if "ways" in one)
    waived = next(one for one in golden("suite-waived")["findings"] if "waived" in one)
    assert set(suite["findings"][0]) | set(tail) | {"ways", "waived"} == set(FINDING)
    assert set(waived["waived"]) == set(FINDING["waived"]["properties"])
    assert set(way["ways"][0]) == set(FINDING["ways"]["items"]["properties"])
    assert set(tail) - {"tail"} == set(SCHEMA["$defs"]["finding"]["required"])
    assert set(suite["counts"]) == set(TOP["counts"]["properties"])
    assert set(suite["pins"]["baseline"]) == set(SCHEMA["$defs"]["arm"]["properties"])


def test_enumerations_are_those_of_the_model() -> None:
    assert TOP["format"]["const"] == FORMAT
    assert TOP["verdict"]["enum"] == [one.value for one in Verdict]
    assert TOP["exit_code"]["enum"] == [EXIT_CODES[one] for one in Verdict]
    assert FINDING["decision"]["enum"] == [one.value for one in Decision]
    assert FINDING["mode"]["enum"] == [one.value for one in Mode]
    assert FINDING["severity"]["enum"] == [one.value for one in Severity]


@pytest.mark.parametrize(
    "change",
    [
        {"verdict": "PASS"},
        {"format": 2},
        {"extra": 1},
        {"exit_code": 1},
        {"alpha": None},
        {"counts": {"paired": -1}},
        {"findings": [{"rule": "exact"}]},
    ],
    ids=str,
)
def test_the_schema_refuses_what_is_no_record(change: dict[str, object]) -> None:
    assert CHECK.is_valid(golden("stop"))
    assert not CHECK.is_valid(golden("stop") | change)


def test_the_page_names_every_key_and_exit_code() -> None:
    for key in (*TOP, *FINDING):
        assert f"`{key}`" in PAGE, key
    for verdict, code in EXIT_CODES.items():
        assert re.search(rf"\| {code} \| .*{verdict.value}", PAGE), verdict


def test_the_page_shows_real_output() -> None:
    text, record = re.findall(r"```(?:text|json)\n(.*?)```", PAGE, re.DOTALL)
    assert text in (GOLDEN / "stop.txt").read_text(encoding="utf-8")
    shown = json.loads(record)
    assert shown in golden("stop")["findings"]
