"""A target that is a function of the user's: `file.py:function`, called as `answer(case, stack)`.

Decides what can be called so, and hands each call a case of its own. Never reads what comes back.
"""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from stopship.errors import UsageError
from stopship.model.case import Case
from stopship.parts.user_code import function_of, load, own_case, routine

_TAKES = "case, stack"


@dataclass(frozen=True, slots=True, kw_only=True)
class PythonTarget:
    """A function that answers cases."""

    spec: str  # `app/answer.py:answer`
    path: Path
    digest: str  # SHA-256 of the bytes of the file that run
    is_async: bool
    takes_sample: bool | str  # "sample": by name; True: as the third argument
    function: Callable[..., object]

    def call(self, case: Case, stack: object, sample: int = 0) -> object:
        """What the function returns for a copy of the case: a coroutine where it is async."""
        mine = own_case(case)
        if self.takes_sample == "sample":
            return self.function(mine, stack, sample=sample)
        return self.function(mine, stack, sample) if self.takes_sample else self.function(mine, stack)


def load_target(path: Path, function: str, where: str) -> PythonTarget:
    """The function of a file; UsageError where there is none, or none that takes a case and a stack."""
    loaded = load(path, where)
    found = function_of(loaded, path, function, where, takes=_TAKES, gives="the output", may_wait=True)
    return PythonTarget(
        spec=f"{path.as_posix()}:{function}",
        path=path,
        digest=loaded.sha256,
        is_async=inspect.iscoroutinefunction(routine(found)) or inspect.iscoroutinefunction(found),
        takes_sample=_takes_sample(found, function, where),
        function=found,
    )


def _takes_sample(function: Callable[..., object], name: str, where: str) -> bool | str:
    """How the number of the sample is passed; UsageError where the function cannot be called."""
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # some functions written in C do not tell; the first call will
        return False
    third = list(signature.parameters.values())[2:3]
    by_name = signature.parameters.get("sample")
    if by_name is not None and by_name.kind in (by_name.KEYWORD_ONLY, by_name.POSITIONAL_OR_KEYWORD):
        way: bool | str = "sample"
    elif third and third[0].kind in (third[0].POSITIONAL_ONLY, third[0].POSITIONAL_OR_KEYWORD):
        way = third[0].default is third[0].empty
    else:
        way = False
    try:
        keywords = {"sample": 0} if way == "sample" else {}
        signature.bind(*((None, None, 0) if way is True else (None, None)), **keywords)
    except TypeError as err:
        raise UsageError(
            f"{name}{signature} cannot be called as {name}({_TAKES}): {err}",
            where=where,
            do=f"a target takes the case and the stack: `def {name}({_TAKES}): …`, and `sample` if it likes",
        ) from err
    return way
