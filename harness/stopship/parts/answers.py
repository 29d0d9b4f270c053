"""Write down what a marked function was given and what it gave, and give it again.

Decides which values can be recorded, and how an error is raised anew. Never makes a call.
"""

import builtins
import os
from pathlib import Path

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

_NOWHERE = Path(os.devnull)  # an error is recorded without the line of a file: that moves with every edit


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
