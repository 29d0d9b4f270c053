"""Fields of a request that cannot change its answer, by dotted paths: `metadata.request_id`.

Decides which fields a path names, and which may not be named. Never guesses that a field is one of them.
"""

from collections.abc import Sequence

from stopship.model.case import Json

DECIDING = frozenset(
    {
        *("model", "messages", "input", "prompt", "system", "instructions", "contents"),
        *("systemInstruction", "system_instruction", "tools", "functions"),
    }
)
"""Fields of the protocols of models that always decide: without one of them all requests would be one."""


def fault_of(path: str) -> str:
    """Why a path names no field that may be left out; "": it does."""
    if not all(path.split(".")):
        return "is no dotted path of a field"
    if path in DECIDING:
        return "decides what a model answers"
    return ""


def without(value: Json, paths: Sequence[str]) -> Json:
    """The value without the fields of these paths. A list on the way stands for each of its items."""
    for path in paths:
        value = _without(value, path.split("."))
    return value


def _without(value: Json, names: Sequence[str]) -> Json:
    if isinstance(value, list):
        return [_without(one, names) for one in value]
    if not isinstance(value, dict) or names[0] not in value:
        return value
    if len(names) == 1:
        return {name: one for name, one in value.items() if name != names[0]}
    return {name: _without(one, names[1:]) if name == names[0] else one for name, one in value.items()}
