"""A mapping whose keys are in memory, and whose values are read when they are asked for.

Decides nothing. Never reads a value to tell whether a key is there.
"""

from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

Key = TypeVar("Key")
Of = TypeVar("Of")


class Lazy(Mapping[Key, Of]):
    """Whoever inherits gives `__getitem__`."""

    def __init__(self, keys: Mapping[Key, Any]) -> None:
        """`keys`: in their order; what is added there is here, too."""
        self._keys = keys

    def __contains__(self, key: object) -> bool:
        return key in self._keys

    def __iter__(self) -> Iterator[Key]:
        return iter(self._keys)

    def __len__(self) -> int:
        return len(self._keys)
