"""A target that is a function of the user's: `file.py:function`, called as `answer(case, stack)`.

Decides what can be called so, and hands each call a case of its own. Never reads what comes back.
"""

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from stopship.boundaries import Loaded, loading, marked_in
from stopship.errors import UsageError
from stopship.model.case import Case
from stopship.parts.neighbours import code_of
from stopship.parts.own_code import code_digest
from stopship.parts.user_code import function_of, load, own_case, routine

_TAKES = "case, stack"
_loaded_with: dict[Path, Loaded] = {}  # file -> what its loading did
_DRAW = ("sample", "epoch")  # numbers of the draw that a target may take by name


@dataclass(frozen=True, slots=True, kw_only=True)
class PythonTarget:
    """A function that answers cases."""

    spec: str  # `app/answer.py:answer`
    path: Path
    digest: str  # SHA-256 of the bytes of the file that run
    is_async: bool
    takes: frozenset[str]  # of `sample` and `epoch`, by name
    takes_third: bool  # the sample, as the third argument of any name
    function: Callable[..., object]
    opened: Sequence[str] = ()  # files that its loading read; grows while threads of it are at work
    started: tuple[str, ...] = ()  # processes that its loading began

    def call(self, case: Case, stack: object, sample: int = 0, epoch: int = 0) -> object:
        """What the function returns for a copy of the case: a coroutine where it is async."""
        mine = own_case(case)
        if self.takes_third:
            return self.function(mine, stack, sample)
        draw = {"sample": sample, "epoch": epoch}
        return self.function(mine, stack, **{name: draw[name] for name in self.takes})


def load_target(path: Path, function: str, where: str) -> PythonTarget:
    """The function of a file; UsageError where there is none, or none that takes a case and a stack."""
    with loading() as now:
        loaded = load(path, where)
    did = _loaded_with.setdefault(path.resolve(), now)  # a file is executed once
    if did.called:
        raise UsageError(
            f"{function} cannot be replayed: loading {path} calls the marked function {did.called[0]!r}",
            where=where,
            do="call it within the target: what runs when a file is loaded belongs to no case",
        )
    files = {str(ran.file) for ran in code_of(path.resolve())}
    for own in marked_in(files):
        code_digest(own.function)  # now: what they reach may change while they are at work
    found = function_of(loaded, path, function, where, takes=_TAKES, gives="the output", may_wait=True)
    takes, takes_third = _taken(found, function, where)
    return PythonTarget(
        spec=f"{path.as_posix()}:{function}",
        path=path,
        digest=loaded.sha256,
        is_async=inspect.iscoroutinefunction(routine(found)) or inspect.iscoroutinefunction(found),
        takes=takes,
        takes_third=takes_third,
        function=found,
        opened=did.opened,
        started=tuple(did.started),
    )


def _taken(function: Callable[..., object], name: str, where: str) -> tuple[frozenset[str], bool]:
    """Which numbers of a draw are passed by name, and whether the sample is the third argument.

    UsageError where the function cannot be called.
    """
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # some functions written in C do not tell; the first call will
        return frozenset(), False
    kinds = (inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    by_name = frozenset(
        one for one in _DRAW if one in signature.parameters and signature.parameters[one].kind in kinds
    )
    third = list(signature.parameters.values())[2:3]
    is_third = (
        not by_name
        and bool(third)
        and third[0].kind in (third[0].POSITIONAL_ONLY, third[0].POSITIONAL_OR_KEYWORD)
        and third[0].default is third[0].empty
    )
    try:
        signature.bind(*((None, None, 0) if is_third else (None, None)), **dict.fromkeys(by_name, 0))
    except TypeError as err:
        raise UsageError(
            f"{name}{signature} cannot be called as {name}({_TAKES}): {err}",
            where=where,
            do=f"a target takes the case and the stack: `def {name}({_TAKES}): …`, and `sample` and "
            "`epoch` if it likes",
        ) from err
    return by_name, is_third
