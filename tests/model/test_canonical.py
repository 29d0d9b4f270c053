"""Canonical bytes: the fast road and the library agree, and different content never shares bytes."""

import json

import pytest
import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.examples import tries

from stopship.model.canonical import (
    MAX_DEPTH,
    MAX_INTEGER,
    NotCanonical,
    canonical_bytes,
    digest,
    digest_of_set,
)

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-MAX_INTEGER, MAX_INTEGER)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(), inner, max_size=5),
    max_leaves=20,
)


@settings(max_examples=tries(500), deadline=None)
@given(JSON)
def test_the_bytes_are_those_of_the_rfc_8785_library(value: object) -> None:
    assert canonical_bytes(value) == rfc8785.dumps(value)  # type: ignore[arg-type]  # any JSON value


@given(st.lists(st.text() | st.integers(-MAX_INTEGER, MAX_INTEGER) | st.floats(-1e15, 1e15)))
def test_reading_the_bytes_again_gives_the_same_bytes(value: object) -> None:
    assert canonical_bytes(json.loads(canonical_bytes(value))) == canonical_bytes(value)


@given(st.dictionaries(st.text(), JSON, max_size=6))
def test_the_order_of_keys_plays_no_part(row: dict[str, object]) -> None:
    assert digest(dict(reversed(row.items()))) == digest(row)


@pytest.mark.parametrize("value", [2**53, -(2**53), 2**60, float("nan"), float("inf"), {1: 2}, {"a": b"x"}])
def test_what_readers_would_change_is_refused_with_its_path(value: object) -> None:
    with pytest.raises(NotCanonical) as caught:
        canonical_bytes({"usage": [value]})
    assert caught.value.path.startswith("$.usage[0]")


def test_absurd_nesting_is_refused() -> None:
    value: object = 1
    for _ in range(MAX_DEPTH + 2):
        value = [value]
    with pytest.raises(NotCanonical, match="nested deeper"):
        canonical_bytes(value)


def test_two_lone_surrogates_have_two_digests() -> None:
    shapes = [{"a": "\ud800"}, {"a": "\udfff"}, {"a": "\ud800", "b": 1e300}, {"a": "?"}, {"\ud800": 1}]
    assert len({digest(one) for one in shapes}) == len(shapes)


def test_the_digest_of_a_set_knows_repeats_but_no_order() -> None:
    one, two = b"1" * 32, b"2" * 32
    assert digest_of_set([one, two]) == digest_of_set([two, one])
    assert digest_of_set([one, one, two]) != digest_of_set([one, two])
