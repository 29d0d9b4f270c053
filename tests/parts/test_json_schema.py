"""The scorer `json_schema`: the first faults with their paths, and schemas that cannot be used."""

import json
from pathlib import Path

import pytest
from tests.parts.test_scorers import put, value

from stopship.catalog import scorer
from stopship.errors import UsageError
from stopship.model.score import Scored, ScoreFailed


def schema_scorer(tmp_path: Path, schema: object) -> str:
    file = tmp_path / "schema.json"
    file.write_text(schema if isinstance(schema, str) else json.dumps(schema))
    return f"json_schema(schema='{file}')"


def test_json_schema_tells_the_first_faults_with_their_paths(tmp_path: Path) -> None:
    items = {"type": "array", "items": {"$ref": "#/$defs/n"}}
    schema = {"properties": {"a": items}, "required": ["b"], "$defs": {"n": {"type": "integer"}}}
    text = schema_scorer(tmp_path, schema)
    assert value(text, '{"a": [1], "b": 0}') == 1
    assert value(text, {"a": [1], "b": 0}) == 1
    found = put(text, '{"a": [1, "x", "y", "z", "w"]}')
    assert isinstance(found, Scored)
    assert found.value == 0
    assert '$.a[1]: "x" is not of type "integer"' in found.reason
    assert found.reason.endswith("; 2 more")
    assert isinstance(put(text, '"\\ud800"'), ScoreFailed)


@pytest.mark.parametrize(
    ("schema", "told"),
    [
        pytest.param({"$ref": "http://127.0.0.1:9/x"}, "nothing is fetched", id="http"),
        pytest.param({"$ref": "other.json"}, "nothing is fetched", id="file"),
        pytest.param({"properties": {"a": {"$ref": "https://h/x"}}}, "nothing is fetched", id="nested"),
        pytest.param({"$schema": "https://h/draft", "type": "object"}, "nothing is fetched", id="draft"),
        pytest.param({"type": "wat"}, "cannot be used", id="invalid"),
        pytest.param({"$ref": "#/nowhere"}, "cannot be used", id="dangling"),
        pytest.param({"pattern": "(?=a)"}, "linear time", id="look-around"),
        pytest.param("{", "is not JSON", id="not JSON"),
        pytest.param([], "cannot be used", id="a list"),
    ],
)
def test_a_schema_that_cannot_be_used_is_refused_at_once(schema: object, told: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=told):
        scorer(schema_scorer(tmp_path, schema))


def test_a_missing_schema_is_a_usage_error_and_its_content_is_in_the_digest(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot read the schema"):
        scorer(f"json_schema(schema='{tmp_path}/none.json')")
    first = scorer(schema_scorer(tmp_path, {"type": "object"}))
    second = scorer(schema_scorer(tmp_path, {"type": "array"}))
    assert first.spec == second.spec
    assert first.digest != second.digest
