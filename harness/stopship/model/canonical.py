"""Canonical bytes of JSON values (RFC 8785) and their digests.

Decides what counts as the same content. Never rounds: a number that JSON readers would change is refused.
"""

import hashlib
import json
from collections.abc import Callable, Iterable
from json.encoder import encode_basestring
from math import isfinite
from typing import Any

import rfc8785

from stopship.model.case import Json

MAX_INTEGER = 2**53 - 1  # the largest integer every JSON reader keeps exactly (RFC 8785, I-JSON)
MAX_DEPTH = 200  # nesting that no honest record reaches; far below the interpreter's own limit

_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), sort_keys=True)


def _pieces_of() -> Callable[[Json, int], Iterable[str]]:
    """What writes a value in pieces. `encode` makes one anew for each value, which takes a third of its time.
    Nobody promises how Python's own maker is called: where it is called otherwise, `encode` writes.
    """
    make: Any = getattr(json.encoder, "c_make_encoder", None)
    try:
        made: Callable[[Json, int], Iterable[str]] = make(
            None, _ENCODER.default, encode_basestring, None, ":", ",", True, False, True
        )
        if "".join(made([{"b": "é", "a": [1, 0.5, None, True]}], 0)) == '[{"a":[1,0.5,null,true],"b":"é"}]':
            return made
    except TypeError:
        pass
    return lambda value, _level: [_ENCODER.encode(value)]


_pieces = _pieces_of()
_PLAIN_LOW, _PLAIN_HIGH = 1e-4, 1e16  # between these Python and ECMAScript write a float alike


class NotCanonical(ValueError):  # noqa: N818  # says what the value is
    """A value with no canonical form. `path` is like `$.usage.tokens[3]`."""

    def __init__(self, path: str, what: str) -> None:
        self.path = path
        self.what = what
        super().__init__(f"{path}: {what}")


def canonical_bytes(value: Json) -> bytes:
    """RFC 8785 bytes of a JSON value.

    Lone surrogates, which RFC 8785 leaves out, are encoded as WTF-8 does, so that two different texts
    never share bytes. Raises NotCanonical for NaN, infinities, integers beyond 2^53 - 1, keys that are
    not text, other types, and nesting deeper than 200.
    """
    if not _is_plain(value, 0):
        _check(value, "$", 0)
        value = _with_whole_numbers(value)
        if not _is_plain(value, 0):
            return _written(value)
    return "".join(_pieces(value, 0)).encode("utf-8", "surrogatepass")


def canonical_text(text: str) -> bytes:
    """The canonical bytes of a text, as `canonical_bytes` writes it."""
    return encode_basestring(text).encode("utf-8", "surrogatepass")


def read_back(value: Json) -> Json:
    """The value as a reader of its canonical bytes has it: keys in their order, 1.0 as 1."""
    if isinstance(value, list):
        return [read_back(one) for one in value]
    if isinstance(value, dict):
        return {key: read_back(value[key]) for key in sorted(value, key=_place_of_key)}
    return _with_whole_numbers(value)


def check_canonical(value: Json) -> None:
    """Raise NotCanonical, or RecursionError, where `canonical_bytes` would."""
    if not _is_plain(value, 0):
        _check(value, "$", 0)


def digest(value: Json) -> str:
    """SHA-256 of the canonical bytes, in hexadecimal."""
    return hashlib.sha256(canonical_bytes(value)).hexdigest()


def digest_of_set(digests: "list[bytes]") -> str:
    """One digest of many SHA-256 digests (raw, 32 bytes each) that does not depend on their order."""
    return hashlib.sha256(b"".join(sorted(digests))).hexdigest()


def _is_plain(value: Json, depth: int) -> bool:
    """Whether the standard library's encoder writes this value exactly as RFC 8785 wants it."""
    kind = type(value)
    if kind is str or kind is bool or value is None:
        return True
    if kind is int:
        return -MAX_INTEGER <= value <= MAX_INTEGER  # type: ignore[operator]  # kind was checked
    if kind is float:
        size: float = abs(value)  # type: ignore[arg-type]  # kind was checked
        return _PLAIN_LOW <= size < _PLAIN_HIGH and not value.is_integer()  # type: ignore[attr-defined]  # ditto
    if depth >= MAX_DEPTH:
        return False
    if kind is list:
        for one in value:  # type: ignore[attr-defined]  # noqa: SIM110  # ditto; a generator takes longer
            if type(one) is not str and not _is_plain(one, depth + 1):
                return False
        return True
    if kind is dict:
        for key, one in value.items():  # type: ignore[attr-defined]  # ditto
            if type(key) is not str or not key.isascii():
                return False
            if type(one) is not str and not _is_plain(one, depth + 1):
                return False
        return True
    return False


def _check(value: Json, path: str, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise NotCanonical(path[:80] + "…", f"nested deeper than {MAX_DEPTH} levels")
    if value is None or isinstance(value, bool | str):
        return
    if isinstance(value, int):
        if not -MAX_INTEGER <= value <= MAX_INTEGER:
            raise NotCanonical(
                path, f"the integer {_short(value)} is beyond 2^53 - 1, so readers would round it"
            )
    elif isinstance(value, float):
        if not isfinite(value):
            raise NotCanonical(path, f"{value} is not a JSON number")
    elif isinstance(value, list):
        for index, one in enumerate(value):
            _check(one, f"{path}[{index}]", depth + 1)
    elif isinstance(value, dict):
        for key, one in value.items():
            if not isinstance(key, str):
                raise NotCanonical(path, f"the key {key!r} is not text")
            _check(one, f"{path}.{key}", depth + 1)
    else:
        raise NotCanonical(path, f"{type(value).__name__} is not a JSON type")


def _with_whole_numbers(value: Json) -> Json:
    """The value with floats such as 1.0 as integers, which RFC 8785 writes alike."""
    if isinstance(value, float):
        return int(value) if value.is_integer() and abs(value) <= MAX_INTEGER else value
    if isinstance(value, list):
        return [_with_whole_numbers(one) for one in value]
    if isinstance(value, dict):
        return {key: _with_whole_numbers(one) for key, one in value.items()}
    return value


def _written(value: Json) -> bytes:
    """Any checked value, its numbers written by the rfc8785 library, its keys in UTF-16 order."""
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")
    if isinstance(value, list):
        return b"[" + b",".join(_written(one) for one in value) + b"]"
    if isinstance(value, dict):
        pairs = sorted(value.items(), key=lambda pair: _place_of_key(pair[0]))
        return b"{" + b",".join(_written(key) + b":" + _written(one) for key, one in pairs) + b"}"
    return rfc8785.dumps(value)  # type: ignore[arg-type]  # None, bool, int or float: checked before


def _place_of_key(key: str) -> bytes:
    return key.encode("utf-16-be", "surrogatepass")


def _short(number: int) -> str:
    return str(number) if abs(number) < 10**40 else f"of about {len(hex(number)) * 4} bits"
