"""Read a text as JSON, strictly.

Decides what is JSON: no NaN, no doubled keys, no bottomless nesting, no number beyond a double. Never
mends a text and never unwraps a fenced block.
"""

import json
from collections import Counter
from math import isfinite

from stopship.model.canonical import MAX_DEPTH
from stopship.model.case import Json
from stopship.parts.arguments import shown

_MAX_INTEGER_BITS = 14_000  # about 4 200 digits; Python refuses to print longer ones


class NotJson(ValueError):  # noqa: N818  # named for the finding, as NotCanonical is
    """Text or a value that a strict JSON reader refuses, with the reason."""


def parsed(value: Json) -> Json:
    """The JSON value of a text, or a structured value as it is; NotJson for what JSON cannot hold."""
    if not isinstance(value, str):
        _check(value, 0)
        return value
    try:
        read: Json = json.loads(
            value, object_pairs_hook=_no_duplicates, parse_constant=_no_constant, parse_float=_finite
        )
    except NotJson:
        raise
    except json.JSONDecodeError as err:
        if value.lstrip().startswith("```"):
            raise NotJson("it looks like a fenced block (```); only the bare JSON counts") from err
        raise NotJson(f"{err.msg} at line {err.lineno}, column {err.colno}") from err
    except ValueError as err:
        raise NotJson("an integer has thousands of digits") from err
    except RecursionError as err:
        raise NotJson(f"nested deeper than {MAX_DEPTH} levels") from err
    # Hooks have seen the floats, keys and constants: only depth and the size of integers are left.
    if value.count("[") + value.count("{") > MAX_DEPTH or len(value) > _MAX_INTEGER_BITS // 4:
        _check(read, 0)
    return read


def _check(value: Json, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise NotJson(f"nested deeper than {MAX_DEPTH} levels")
    if value is None or isinstance(value, str | bool):
        return
    if isinstance(value, dict):
        for key, one in value.items():
            if not isinstance(key, str):
                raise NotJson(f"the key {shown(key)} is not text")
            _check(one, depth + 1)
    elif isinstance(value, list):
        for one in value:
            _check(one, depth + 1)
    elif isinstance(value, int):
        if value.bit_length() > _MAX_INTEGER_BITS:
            raise NotJson("an integer has thousands of digits")
    elif not isinstance(value, float):
        raise NotJson(f"a {type(value).__name__} is no JSON value")
    elif not isfinite(value):
        raise NotJson(f"{value} is no JSON number")


def _no_duplicates(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    value = dict(pairs)
    if len(value) != len(pairs):
        twice = next(key for key, count in Counter(key for key, _ in pairs).items() if count > 1)
        raise NotJson(f"the key {shown(twice)} occurs twice")
    return value


def _no_constant(name: str) -> Json:
    raise NotJson(f"{name} is no JSON number")


def _finite(text: str) -> float:
    number = float(text)
    if not isfinite(number):
        raise NotJson(f"the number {shown(text, 40)} is too large")
    return number
