"""Fields that cannot change an answer: a named one changes no key, every other does."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.examples import tries
from tests.store.recorded import VALUES

from stopship.model.canonical import canonical_bytes
from stopship.model.case import Json
from stopship.model.exchange import Asked, Call, CallKind
from stopship.model.fields import DECIDING, fault_of, without

NAMES = st.sampled_from(["a", "b", "metadata", "request_id", "model"])
OBJECTS = st.dictionaries(NAMES, VALUES, max_size=4)


def key(request: Json, *ignore: str) -> str:
    call = Call(kind=CallKind.MODEL, name="POST up/v1/chat", request=without(request, ignore))
    return replace(Asked(call=call, case="c1")).key


def put(request: Json, path: list[str], value: Json) -> Json:
    """The request with a value at a path; objects are made on the way."""
    found = dict(request) if isinstance(request, dict) else {}
    found[path[0]] = put(found.get(path[0]), path[1:], value) if path[1:] else value
    return found


@settings(max_examples=tries(200), deadline=None)
@given(OBJECTS, st.lists(NAMES, min_size=1, max_size=3), VALUES, VALUES)
def test_a_named_field_changes_no_key(
    request: dict[str, Json], path: list[str], old: Json, new: Json
) -> None:
    told = [put(request, path, one) for one in (old, new)]
    assert key(told[0], ".".join(path)) == key(told[1], ".".join(path))


@settings(max_examples=tries(200), deadline=None)
@given(OBJECTS, st.lists(NAMES, min_size=1, max_size=3), NAMES, VALUES, VALUES)
def test_a_field_that_is_not_named_changes_the_key(
    request: dict[str, Json], path: list[str], name: str, old: Json, new: Json
) -> None:
    ignored = [name, "x"]  # a field of another path
    told = [put(request, path, one) for one in (old, new)]
    is_apart = path[0] != name and canonical_bytes(old) != canonical_bytes(new)
    assert (key(told[0], ".".join(ignored)) != key(told[1], ".".join(ignored))) or not is_apart


def test_a_list_on_the_way_stands_for_each_of_its_items() -> None:
    told: Json = {"messages": [{"id": "1", "content": "x"}, {"id": "2", "content": "y"}, "z"], "id": "3"}
    assert without(told, ["messages.id"]) == {
        "messages": [{"content": "x"}, {"content": "y"}, "z"],
        "id": "3",
    }
    assert without(told, ["nothing.here", "id.more"]) == told
    assert without("text", ["id"]) == "text"
    assert without(None, ["id"]) is None


@pytest.mark.parametrize("path", ["", ".", "a..b", "a.", *sorted(DECIDING)])
def test_what_is_no_path_or_always_decides_may_not_be_named(path: str) -> None:
    assert fault_of(path)
    assert not fault_of("metadata.request_id")
    assert not fault_of("messages.id")
