"""Laws that hold for every scorer of texts, whatever an output or a cell holds."""

import json
from math import isfinite

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.parts.test_scorers import ANSWERED, JSON, value

from stopship.catalog import scorer
from stopship.errors import EvidenceError, UsageError
from stopship.model.case import Case, Json, Trace
from stopship.model.score import Kind, Scored, Unscored


@pytest.mark.parametrize("text", ANSWERED)
@given(output=JSON, expected=JSON)
def test_every_json_value_gets_a_score_within_the_scale(text: str, output: Json, expected: Json) -> None:
    made = scorer(text)
    found = made.score(Case("k", {}, None, expected), Trace(output))
    if isinstance(found, Scored):
        assert isfinite(found.value)
        assert not made.scale.is_bounded or made.scale.low <= found.value <= made.scale.high
        assert made.scale.kind is not Kind.BINARY or found.value in (0, 1)
    assert found.reason


@pytest.mark.parametrize("text", ANSWERED)
@given(output=JSON, other=JSON, expected=JSON)
def test_unscored_never_depends_on_the_output(text: str, output: Json, other: Json, expected: Json) -> None:
    made = scorer(text)
    first, second = (made.score(Case("k", {}, None, expected), Trace(one)) for one in (output, other))
    assert isinstance(first, Unscored) == isinstance(second, Unscored)


@given(cell=JSON)
@pytest.mark.parametrize("text", ["column(a)", "column(a, bounds=-1..1)", "column(a, unbounded)", "latency"])
def test_any_cell_gives_a_score_or_a_documented_error(text: str, cell: Json) -> None:
    made = scorer(text)
    try:
        found = made.score(Case("k", {"a": cell}), Trace("x", latency=cell))
    except (UsageError, EvidenceError):
        return
    if isinstance(found, Scored):
        assert isfinite(found.value)
        assert not made.scale.is_bounded or made.scale.low <= found.value <= made.scale.high


FINITE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)


@given(FINITE, st.booleans())
def test_json_equal_is_reflexive_over_any_spelling(whole: Json, ignore_order: bool) -> None:
    text = f"json_equal(ignore_order={str(ignore_order).lower()})"
    assert value(text, json.dumps(whole, indent=1), json.dumps(whole, sort_keys=True)) == 1


@given(st.lists(FINITE, max_size=5).flatmap(lambda one: st.tuples(st.just(one), st.permutations(one))))
def test_json_equal_ignores_any_order_when_told(pair: tuple[list[Json], list[Json]]) -> None:
    assert value("json_equal(ignore_order=true)", json.dumps(pair[0]), json.dumps(pair[1])) == 1


@given(FINITE, FINITE)
def test_json_equal_is_symmetric(one: Json, other: Json) -> None:
    there, back = json.dumps(one), json.dumps(other)
    for text in ("json_equal", "json_equal(ignore_order=true)"):
        assert value(text, there, back) == value(text, back, there)
