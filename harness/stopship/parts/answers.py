"""Write down what a marked function was given and what it gave, and give it again.

Decides which values can be recorded, and how an error is raised anew. Never makes a call.
"""

import builtins
import inspect
import os
import sys
from collections.abc import Callable
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from types import CodeType, FunctionType

from stopship.errors import RecordedError, UsageError
from stopship.model.canonical import read_back
from stopship.model.case import Json
from stopship.model.exchange import Answer
from stopship.parts.targets.outcome import NotATrace, json_copy
from stopship.parts.user_code import Raised, caught, told

_PLAIN_ERRORS = {  # errors that hold one text and nothing else
    one.__name__: one
    for one in vars(builtins).values()
    if isinstance(one, type) and issubclass(one, Exception) and one.__init__ is not UnicodeError.__init__
    if not issubclass(one, UnicodeError | ExceptionGroup)
}

_MOST_FUNCTIONS = 1024
_NOWHERE = Path(os.devnull)  # an error is recorded without the line of a file: that moves with every edit


@lru_cache(maxsize=_MOST_FUNCTIONS)
def code_digest(function: Callable[..., object]) -> str:
    """A digest of what a function does: its source, and that of what it names in its own file.

    Data that it reads, and what it imports from elsewhere, are not in it: they are pins of its own.
    """
    found: dict[str, str] = {}
    _gather(function, found)
    return sha256("\0".join(f"{name}\0{found[name]}" for name in sorted(found)).encode()).hexdigest()


def _gather(one: object, found: dict[str, str]) -> None:
    inner = inspect.unwrap(one) if callable(one) else one
    if not isinstance(inner, FunctionType | type) or inner.__qualname__ in found:
        return
    try:
        source = inspect.getsource(inner)
    except (OSError, TypeError):  # there is no file: what runs must do
        source = inner.__code__.co_code.hex() if isinstance(inner, FunctionType) else ""
    found[inner.__qualname__] = source
    names = vars(sys.modules[inner.__module__]) if inner.__module__ in sys.modules else {}
    known = inner.__globals__ if isinstance(inner, FunctionType) else names
    for name in _named(inner):
        other = known.get(name)
        if getattr(other, "__module__", None) == inner.__module__:
            _gather(other, found)


def _named(one: FunctionType | type) -> set[str]:
    """The names that a function's code holds, or that of the functions of a class."""
    if isinstance(one, type):
        return {
            name for each in vars(one).values() if isinstance(each, FunctionType) for name in _named(each)
        }
    waiting, names = [one.__code__], set[str]()
    while waiting:
        code = waiting.pop()
        names |= set(code.co_names)
        waiting += [each for each in code.co_consts if isinstance(each, CodeType)]
    return names


def told_request(name: str, arguments: dict[str, object]) -> Json:
    """The arguments as JSON. Raises UsageError for one that is none: two of them could not be told apart."""
    request: dict[str, Json] = {}
    for key, one in arguments.items():
        try:
            request[key] = json_copy(one, key)
        except NotATrace as err:
            raise UsageError(
                f"the boundary {name}: {err}",
                do=f'pass plain JSON values, or leave it out of the key with ignore=("{key}",)',
            ) from err
    return request


def told_answer(name: str, found: object) -> Answer:
    """What came back, as it is recorded and will be read. Raises UsageError for a result that is no JSON.

    A target that writes it into its next call has to write the same when it is served.
    """
    if isinstance(found, Raised):
        status = caught(getattr, found.error, "status_code", None)
        text = caught(told, found.error, _NOWHERE)
        return Answer(
            error=type(found.error).__name__ if isinstance(text, Raised) else text,
            status=status if type(status) is int else None,
            is_reusable=False,
        )
    try:
        return Answer(result=read_back(json_copy(found, "the result")))
    except NotATrace as err:
        raise UsageError(
            f"the boundary {name}: {err}", do="return plain JSON values: text, numbers, lists, dicts"
        ) from err


def raised_as(answer: Answer) -> Exception:
    """The error that a recorded call ended with, of a class of the same name."""
    name, _, text = answer.error.partition(": ")
    if (plain := _PLAIN_ERRORS.get(name)) is not None:
        return plain(text)
    kind = type(name if name.isidentifier() else "RecordedError", (RecordedError,), {})
    error: Exception = kind(text or answer.error)
    if answer.status is not None:
        error.status_code = answer.status  # type: ignore[attr-defined]  # as clients of HTTP name it
    return error
