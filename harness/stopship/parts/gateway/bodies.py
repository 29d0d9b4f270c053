"""Bodies of HTTP as JSON values, and back.

Decides what is kept as JSON, as text, as events or as bytes. What is written back has the same bytes, except
a JSON body, which has the same values.
"""

import base64
import binascii
import json
import re
from collections.abc import Iterable, Mapping
from typing import NoReturn

from stopship.model.canonical import NotCanonical, check_canonical
from stopship.model.case import Json

KEPT_HEADERS = ("retry-after", "retry-after-ms", "x-should-retry", "request-id", "x-request-id")
EVENTS = "text/event-stream"
_EVENT_END = re.compile(rb"\r\n\r\n|\n\n|\r\r")
_BOUNDARY = re.compile(r'boundary="?([^";,]{1,70})"?', re.IGNORECASE)
_HEADER_VALUE = re.compile(r"[\x20-\x7e]{0,512}")


class NotKept(ValueError):  # noqa: N818  # says what the value is
    """A recorded result that no response can be made of; the text says why."""


def request_of(raw: bytes, kind: str) -> Json:
    """What a request's body asks: JSON as its value, else text, else `{"base64": …}`; None without a body.

    The boundary of a multipart body is drawn anew at each call, so it is written down as `boundary`.
    """
    if not raw:
        return None
    found = _BOUNDARY.search(kind) if kind.lower().startswith("multipart/") else None
    if found is not None:
        raw = raw.replace(b"--" + found[1].encode("utf-8", "replace"), b"--boundary")
    elif is_json(kind) or raw.lstrip()[:1] in (b"{", b"["):
        value = _parsed(raw)
        if value is not _UNREAD:
            return value
    return _text(raw)


def result_of(raw: bytes, kind: str, headers: Mapping[str, str], *, is_cut: bool = False) -> dict[str, Json]:
    """A response's type, kept headers and body, as `Answer.result` has them."""
    result: dict[str, Json] = {"type": shown(kind)}
    kept = {name: shown(headers[name]) for name in KEPT_HEADERS if name in headers}
    if kept:
        result["headers"] = kept
    if is_cut:
        result["cut"] = True
    if kind.lower().startswith(EVENTS):
        return result | {"events": [_text(one) for one in events_of(raw)]}
    if is_json(kind) and not is_cut:
        value = _parsed(raw)
        if value is not _UNREAD:
            return result | {"json": value}
    text = _text(raw)
    return result | (text if isinstance(text, dict) else {"text": text})


def parts_of(result: Json) -> tuple[str, dict[str, str], list[bytes], bool]:
    """Type, headers, body in pieces, and whether it breaks off, of what `result_of` gave.

    Raises NotKept: a recording is a file, which anybody may have edited.
    """
    if not isinstance(result, dict) or not isinstance(result.get("type"), str):
        raise NotKept("it has no type")
    headers = result.get("headers", {})
    if not isinstance(headers, dict) or not set(headers) <= set(KEPT_HEADERS):
        raise NotKept("its headers are not those that are kept")
    for one in (result["type"], *headers.values()):
        if not isinstance(one, str) or not _HEADER_VALUE.fullmatch(one):
            raise NotKept("a header is not printable text")
    return result["type"], headers, _pieces(result), result.get("cut") is True


def events_of(raw: bytes) -> Iterable[bytes]:
    """The events of a stream, each with the blank line that ends it; what follows the last is a piece too."""
    begin = 0
    for end in _EVENT_END.finditer(raw):
        yield raw[begin : end.end()]
        begin = end.end()
    if begin < len(raw):
        yield raw[begin:]


def is_json(kind: str) -> bool:
    """Whether a content type says JSON."""
    bare = kind.partition(";")[0].strip().lower()
    return bare == "application/json" or bare.endswith("+json")


def shown(value: str) -> str:
    """A header's value as it is kept: printable ASCII, not endless."""
    return "".join(one if " " <= one <= "~" else "?" for one in value[:512])


def _pieces(result: Mapping[str, Json]) -> list[bytes]:
    if "json" in result:
        return [json.dumps(result["json"], separators=(",", ":")).encode()]
    events = result.get("events")
    if isinstance(events, list):
        return [_bytes(one) for one in events]
    if "text" in result:
        return [_bytes(result["text"])]
    if "base64" in result:
        return [_bytes({"base64": result["base64"]})]
    raise NotKept("it has no body")


def _text(raw: bytes) -> Json:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(raw).decode()}


def _bytes(piece: Json) -> bytes:
    try:
        if isinstance(piece, str):
            return piece.encode()
        if isinstance(piece, dict) and isinstance(piece.get("base64"), str):
            return base64.b64decode(piece["base64"], validate=True)
    except (UnicodeEncodeError, binascii.Error, ValueError) as err:
        raise NotKept(f"its body is broken: {err}") from err
    raise NotKept("its body is no text")


_UNREAD = object()


def _parsed(raw: bytes) -> Json:
    """The JSON value, if it can be kept as one: no key twice, no number that a reader would round."""
    try:
        value: Json = json.loads(raw, object_pairs_hook=_object, parse_constant=_not_json)
        check_canonical(value)
    except (ValueError, RecursionError, NotCanonical):
        return _UNREAD
    return value


def _object(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("a key stands twice")
    return made


def _not_json(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")
