"""Families of tests that differ in one thing: the first is a fast test, the others are slow ones."""

from collections.abc import Iterable
from typing import Any

import pytest


def first_fast(ways: Iterable[Any]) -> list[Any]:
    """The values of one or several parameters, all but the first of them marked as slow."""
    first, *others = ways
    return [first, *(_slow(one) for one in others)]


def _slow(way: Any) -> Any:
    return pytest.param(*(way if isinstance(way, tuple) else (way,)), marks=pytest.mark.slow)
