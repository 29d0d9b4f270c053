"""Read what a target returned or raised.

Decides what is a trace, and which exceptions say nothing about the stack. Never mends a value, never raises
for one but `NotATrace`, and never imports an HTTP library to know its errors.
"""

import errno
import inspect
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from math import isfinite
from typing import Any

from stopship.errors import StopshipError, Unavailable
from stopship.model.canonical import MAX_INTEGER
from stopship.model.case import Json
from stopship.parts.user_code import Raised, caught

MOST_DEPTH = 100  # levels of nesting; a run nests a trace a few levels deeper
MOST_VALUES = 500_000  # values in one trace: lists that share themselves grow without end
TRACE = "text or a trace"

_UNREACHED = frozenset(
    {errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, errno.EHOSTDOWN, errno.ENETRESET}
)
_LOST_NAMES = frozenset(  # classes of errors known by name, their subclasses too
    [
        *("socket.gaierror", "socket.herror", "ssl.SSLError"),
        *("http.client.BadStatusLine", "http.client.IncompleteRead"),
        *("ConnectError", "ConnectionError", "APIConnectionError", "EndpointConnectionError"),
        *("NewConnectionError", "NameResolutionError", "ClientConnectionError", "ClientPayloadError"),
        *("httpx.ReadError", "httpcore.ReadError"),  # archives that cannot be read have such errors, too
        *("RemoteProtocolError", "ServiceUnavailable", "RateLimitError", "InternalServerError"),
    ]
)


class NotATrace(ValueError):  # noqa: N818  # says what the value is
    """What a target returned is neither text nor a trace; the text says why."""


def told_trace(returned: object) -> Mapping[str, Json]:
    """The trace in what a target returned: a copy, of JSON values alone. Raises NotATrace.

    Text is an output. A dict needs `output`; tuples become lists, and a field that is None is not told.
    """
    if isinstance(returned, str):
        return {"output": str.__str__(returned)}
    if not isinstance(returned, dict):
        if inspect.iscoroutine(returned):
            returned.close()  # else Python warns that it was never awaited
            raise NotATrace(f"returned a coroutine, expected {TRACE}: write the target as `async def`")
        raise NotATrace(f"returned {_kind(returned)}, expected {TRACE}")
    try:
        trace = _plainly(returned) or _Reading().of_dict(returned, "", 0)
    except (RuntimeError, RecursionError) as err:  # changed by a thread of the target while it is read
        raise NotATrace("returned a trace that changes while it is read") from err
    if "output" not in trace:
        keys = ", ".join(_key(one) for one in list(trace)[:5]) or "none"
        raise NotATrace(f"returned a trace without 'output'; its keys: {keys}")
    for name, check in _FIELDS.items():
        if name in trace and trace[name] is None:
            del trace[name]
        elif name in trace:
            check(name, trace[name])
    return trace


def json_copy(value: object, path: str) -> Json:
    """A copy of a value of the user's, of JSON values alone; `path` names it. Raises NotATrace."""
    try:
        return _Reading().of(value, path, 0)
    except (RuntimeError, RecursionError) as err:  # changed by a thread of the user's while it is read
        raise NotATrace(f"{path}: changes while it is read") from err


_TEXT = frozenset({str})  # of keys


class _Odd(Exception):  # noqa: N818  # says what the value is
    """A value that is to be read with care."""


def _plainly(returned: dict[Any, Any]) -> dict[str, Json] | None:
    """A copy of a dict of JSON's own types within all limits, as most are; None: it needs care."""
    left = MOST_VALUES

    def copy(value: Any, depth: int) -> Any:
        nonlocal left
        kind = type(value)
        if kind is str or value is None or kind is bool:
            return value
        if kind is int and -MAX_INTEGER <= value <= MAX_INTEGER:
            return value
        if kind is float and isfinite(value):
            return value
        if (kind is not dict and kind is not list) or depth >= MOST_DEPTH or (left := left - len(value)) < 0:
            raise _Odd
        if kind is list:
            return [one if type(one) is str else copy(one, depth + 1) for one in value]
        if not {*map(type, value)} <= _TEXT:
            raise _Odd
        return {key: one if type(one) is str else copy(one, depth + 1) for key, one in value.items()}

    try:
        found: dict[str, Json] = copy(returned, 0)
    except (_Odd, RuntimeError, RecursionError):
        return None
    return found


class _Reading:
    """One returned value being copied."""

    def __init__(self) -> None:
        self.seen = 0

    def of_dict(self, value: dict[object, object], path: str, depth: int) -> dict[str, Json]:
        found: dict[str, Json] = {}
        for key, one in dict.items(value):
            if not isinstance(key, str):
                raise NotATrace(f"{path or 'the trace'}: a key is {_kind(key)}, expected text")
            name = str.__str__(key)
            found[name] = self.of(one, f"{path}.{_key(name)}" if path else _key(name), depth + 1)
        return found

    def of(self, value: object, path: str, depth: int) -> Json:
        self.seen += 1
        if depth > MOST_DEPTH:
            raise NotATrace(f"{path[:60]}…: nested deeper than {MOST_DEPTH} levels")
        if self.seen > MOST_VALUES:
            raise NotATrace(f"returned a trace of more than {MOST_VALUES} values")
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, str):
            return str.__str__(value)
        if isinstance(value, dict):
            return self.of_dict(value, path, depth)
        if isinstance(value, list | tuple):
            return [self.of(one, f"{path}[{index}]", depth + 1) for index, one in enumerate(value)]
        return _number(value, path)


def _number(value: object, path: str) -> int | float:
    if type(value).__module__ == "numpy" and getattr(value, "shape", None) == ():
        value = value.item()  # type: ignore[attr-defined]  # numpy scalars have it
    if isinstance(value, int):
        if not -MAX_INTEGER <= int.__int__(value) <= MAX_INTEGER:
            raise NotATrace(f"{path}: an integer beyond 2^53 - 1, which readers would round")
        return int.__int__(value)
    if isinstance(value, float):
        if not isfinite(value):
            raise NotATrace(f"{path}: {float.__repr__(value)} is no JSON number")
        return float.__float__(value)
    raise NotATrace(f"{path}: {_kind(value)}, expected a JSON value")


def _key(name: str) -> str:
    """A key as a step of a path, short and printable."""
    return name if name.isprintable() and len(name) <= 40 else repr(name[:40])


def _kind(value: object) -> str:
    name = type(value).__name__
    if value is None:
        return "None"
    return f"{'an' if name[:1] in 'aeiouAEIOU' else 'a'} {name}"


def _list(name: str, value: Json) -> None:
    if not isinstance(value, list):
        raise NotATrace(f"{name}: {_kind(value)}, expected a list")


def _object(name: str, value: Json) -> None:
    if not isinstance(value, dict):
        raise NotATrace(f"{name}: {_kind(value)}, expected a dict")


def _text(name: str, value: Json) -> None:
    if not isinstance(value, str):
        raise NotATrace(f"{name}: {_kind(value)}, expected text")


def _amount(name: str, value: Json) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
        raise NotATrace(f"{name}: {value!r:.40}, expected a number from 0 on")


def _versions(name: str, value: Json) -> None:
    _object(name, value)
    for axis, one in value.items():  # type: ignore[attr-defined]  # a dict: checked above
        _text(f"{name}.{_key(axis)}", one)


_FIELDS: Mapping[str, Callable[[str, Json], None]] = {
    "steps": _list,
    "documents": _list,
    "citations": _list,
    "usage": _object,
    "refusal": _text,
    "latency_ms": _amount,
    "cost_usd": _amount,
    "observed": _versions,
    "timings": _object,
}


def is_lost(error: BaseException) -> bool:
    """Whether an exception says that infrastructure failed, and nothing about the stack.

    Looks at the exception and at those it was raised from. A timeout is the target's own failure, and
    so is whatever cannot be told apart.
    """
    return any(_says_lost(one) for one in _chain(error))


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    following: BaseException | None = error
    while following is not None and id(following) not in seen:
        seen.add(id(following))
        yield following
        hidden = following.__suppress_context__ or following.__cause__ is not None
        following = following.__cause__ if hidden else following.__context__


def _says_lost(error: BaseException) -> bool:
    if not isinstance(error, Exception) or isinstance(error, StopshipError):
        return False  # SystemExit too has a `code`
    if isinstance(error, ExceptionGroup):
        return all(is_lost(one) for one in error.exceptions)
    names = {one.__name__ for one in type(error).__mro__}
    if any("Timeout" in one for one in names):
        return False
    if isinstance(error, ConnectionError | Unavailable):
        return True
    if isinstance(error, OSError) and error.errno in _UNREACHED:
        return True
    full = {f"{one.__module__}.{one.__name__}" for one in type(error).__mro__}
    if (names | full) & _LOST_NAMES or _has_lost_status(error):
        return True
    reason = caught(getattr, error, "reason", None)  # URLError keeps the cause there
    return isinstance(reason, Exception) and reason is not error and _says_lost_once(reason)


def _says_lost_once(reason: Exception) -> bool:
    """As `_says_lost`, without following a further `reason`: they might form a ring."""
    return not isinstance(reason, TimeoutError) and (
        isinstance(reason, ConnectionError | Unavailable)
        or type(reason).__module__ in ("socket", "ssl")
        or (isinstance(reason, OSError) and reason.errno in _UNREACHED)
    )


def _has_lost_status(error: Exception) -> bool:
    """Whether the error, or the response it carries, has an HTTP status of overload or a broken server."""
    response = caught(getattr, error, "response", None)
    for holder in (error, response):
        if holder is None or isinstance(holder, Raised):
            continue
        for name in ("status", "status_code", "code"):
            value = caught(getattr, holder, name, None)
            if (
                isinstance(value, int)
                and not isinstance(value, bool)
                and (value == 429 or 500 <= value <= 599)
            ):
                return True
    return False


def retry_after(error: BaseException) -> float | None:
    """When an endpoint said to come again, in seconds; None where it did not say."""
    for one in _chain(error):
        told = getattr(one, "retry_after_s", None)
        if isinstance(told, int | float):
            return float(told)
        headers = getattr(getattr(one, "response", None), "headers", None)
        if headers is not None and (text := headers.get("retry-after")):
            return seconds_until(str(text), time.time())
    return None


def seconds_until(told: str | None, now: float) -> float | None:
    """The seconds of a `Retry-After` (RFC 9110): a number, or an HTTP date; None where it is neither."""
    if not told:
        return None
    with suppress(ValueError):
        seconds = float(told)
        return seconds if isfinite(seconds) and seconds >= 0 else None
    from email.utils import parsedate_to_datetime

    try:
        return max(0.0, parsedate_to_datetime(told).timestamp() - now)
    except (ValueError, TypeError, OverflowError):
        return None
