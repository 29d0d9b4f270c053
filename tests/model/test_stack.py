"""Pins and stacks: the same content is the same pin, and any change shows in its digest alone."""

import hashlib
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stopship.errors import UsageError
from stopship.model.stack import Kind, Pin, PinnedFile, Stack, content_of, is_inside, is_name, stack_of

NAMES = st.text(min_size=1, max_size=8)
DIGESTS = st.text("0123456789abcdef", min_size=64, max_size=64)
PINS = st.builds(
    lambda axis, version, kind, content: Pin(axis=axis, version=version, kind=kind, content=content),
    NAMES, NAMES, st.sampled_from(Kind), DIGESTS,
)  # fmt: skip
STACKS = st.lists(PINS, min_size=1, max_size=6, unique_by=lambda one: one.axis)


@given(STACKS, st.randoms())
def test_the_order_of_axes_is_irrelevant(pins: list[Pin], random: Any) -> None:
    shuffled = list(pins)
    random.shuffle(shuffled)
    assert stack_of(shuffled) == stack_of(pins)
    assert stack_of(shuffled).stack_id == stack_of(pins).stack_id


@given(STACKS, st.data())
def test_a_change_of_any_field_changes_its_own_digest_and_the_stack_and_nothing_else(
    pins: list[Pin], data: st.DataObject
) -> None:
    i = data.draw(st.integers(0, len(pins) - 1))
    name, values = data.draw(
        st.sampled_from(
            [("axis", NAMES), ("version", NAMES), ("kind", st.sampled_from(Kind)), ("content", DIGESTS)]
        )
    )
    value = data.draw(values.filter(lambda one: one != getattr(pins[i], name)))
    fields: dict[str, Any] = {name: value}
    changed = [*pins[:i], replace(pins[i], **fields), *pins[i + 1 :]]
    assert [a.digest == b.digest for a, b in zip(pins, changed, strict=True)] == [
        k != i for k in range(len(pins))
    ]
    assert stack_of(changed).stack_id != stack_of(pins).stack_id


def pinned(path: str, digest: str, size: int = 1) -> PinnedFile:
    return PinnedFile(path=path, size=size, digest=digest, is_text=True)


def test_a_folder_is_its_names_and_digests_in_any_order() -> None:
    a, b = pinned("a", "0" * 64), pinned("b", "1" * 64)
    assert content_of(Kind.PATHS, [a, b]) == content_of(Kind.PATHS, [b, a])
    assert content_of(Kind.PATHS, [a]) != content_of(Kind.PATHS, [a, b])
    moved = [pinned("b", "0" * 64), pinned("a", "1" * 64)]
    assert content_of(Kind.PATHS, moved) != content_of(Kind.PATHS, [a, b])


def test_an_axis_that_is_not_there_is_named_with_its_nearest() -> None:
    stack = stack_of([Pin(axis="prompt", version="v1", kind=Kind.VERSION, content="0" * 64)])
    assert stack.version("prompt") == "v1"
    assert stack.get("promt") is None
    with pytest.raises(UsageError) as caught:
        stack.version("promt")
    assert str(caught.value) == ("the stack has no axis 'promt'\n  did you mean 'prompt'?  there are: prompt")


def test_a_stack_without_pins_has_an_id_of_its_own() -> None:
    assert Stack(()).stack_id == stack_of([]).stack_id


@pytest.mark.parametrize("path", ["a", "a/b", "..a", "a..", "\udcff", "a\\b"])
def test_inside(path: str) -> None:
    assert is_inside(path)


@pytest.mark.parametrize("path", ["", "/a", "a/", "..", "../a", "a/../b", "a//b", ".", "a/.", "a\0", None, 3])
def test_outside(path: object) -> None:
    assert not is_inside(path)


@pytest.mark.parametrize("name", ["", "  ", "a\nb", "\u202eb", "x" * 201, None, 3, "\ud800"])
def test_no_name(name: object) -> None:
    assert not is_name(name)


def test_a_digest_is_what_anybody_can_compute() -> None:
    """SHA-256 over the canonical JSON of axis, version, kind and content; of a stack, over its pins."""
    pin = Pin(axis="prompt", version="v1", kind=Kind.FILE, content="a" * 64)
    data = b'["prompt","v1","file","' + b"a" * 64 + b'"]'
    assert pin.digest == hashlib.sha256(data).hexdigest()
    assert stack_of([pin]).stack_id == hashlib.sha256(bytes.fromhex(pin.digest)).hexdigest()
