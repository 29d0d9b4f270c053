"""Ask a user's function what is being served.

Decides what counts as an answer. Never lets what the function raises escape as it is.
"""

import inspect
from collections.abc import Callable
from pathlib import Path

from stopship.errors import EvidenceError
from stopship.model.stack import SERVED_LIMIT
from stopship.parts.user_code import Raised, attempt, load, told
from stopship.store.shown import quoted, shown
from stopship.store.stackfile import Axis
from stopship.store.trees import is_folder


def observed(path: Path, axis: Axis) -> str:
    """What the user's function says is being served."""
    is_folder(path)  # raises where there is no such file
    outcome = load(path, axis.where).outcome
    do = "it must return the version or digest that is served, as text"
    if isinstance(outcome, Raised):
        raise EvidenceError(f"{shown(path)} cannot be loaded: {shown(told(outcome.error, path))}", do=do)
    function: Callable[[], object] | None = getattr(outcome, axis.function, None)
    if not inspect.isfunction(function) or inspect.iscoroutinefunction(function):
        raise EvidenceError(f"{shown(path)} has no plain function {axis.function!r}", do=do)
    served = attempt(function)
    if isinstance(served, Raised):
        raise EvidenceError(f"{axis.function} failed: {shown(told(served.error, path))}", do=do)
    if not isinstance(served, str) or not served.strip() or len(served) > SERVED_LIMIT:
        found = quoted(served) if isinstance(served, str) else f"a value of type {type(served).__name__}"
        raise EvidenceError(
            f"{axis.function} returned {found}, expected text of 1 to {SERVED_LIMIT} characters", do=do
        )
    return served
