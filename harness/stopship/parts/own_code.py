"""The code of its own file that a marked function runs, as one digest.

Decides what of a file a function reaches: by the names that its code holds, and by what it closes over, is
wrapped in or inherits. Never takes in data that it reads, nor what it imports from elsewhere: those are pins
of their own.
"""

import inspect
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property, lru_cache, partial, partialmethod
from hashlib import sha256
from types import CodeType, FunctionType, MethodType

_MOST_FUNCTIONS = 1024
_LARGEST = 1000  # entries of a table that may be one of functions; a larger one is data
_DEEPEST = 4  # tables in tables, and instances in instances
_LEAVES = (str, int, float, bool, bytes, type(None))  # which reach nothing
_TABLES = (dict, list, tuple, set, frozenset, OrderedDict, defaultdict)
_BEHIND = (MethodType, staticmethod, classmethod, property, cached_property, partial, partialmethod)


@lru_cache(maxsize=_MOST_FUNCTIONS)
def code_digest(function: Callable[..., object]) -> str:
    """A digest of what a function does: its source, and that of what it reaches in its own file."""
    found = _Reached(function).sources
    return sha256("\0".join(f"{name}\0{source}" for name, source in sorted(found)).encode()).hexdigest()


class _Reached:
    """The functions and classes of one file that a function reaches."""

    def __init__(self, function: Callable[..., object]) -> None:
        inner = inspect.unwrap(function)
        self._module = inner.__globals__.get("__name__") if isinstance(inner, FunctionType) else None
        self.sources: set[tuple[str, str]] = set()  # name in the file, and text
        seen: dict[int, object] = {}  # holds what it has seen: an id is given again
        waiting: list[tuple[object, int]] = [(function, 0)]
        while waiting:
            one, depth = waiting.pop()
            if id(one) not in seen and depth <= _DEEPEST:
                seen[id(one)] = one
                waiting += self._next(one, depth)

    def _next(self, one: object, depth: int) -> Iterable[tuple[object, int]]:
        """What is reached from there; noting its source where it is of the file."""
        if type(one) is FunctionType:  # never isinstance: a proxy would be asked for what it stands for
            return [(each, 0) for each in self._of_function(one, is_told=False)]
        if issubclass(type(one), type) and isinstance(one, type):
            return [(each, 0) for each in self._of_class(one)]
        if type(one) in _TABLES and isinstance(one, dict | list | tuple | set | frozenset):
            inside = one.values() if isinstance(one, dict) else one
            return (
                [(each, depth + 1) for each in inside if type(each) not in _LEAVES]
                if len(one) <= _LARGEST
                else []
            )
        if parts := _parts(one):
            return [(each, depth) for each in parts]
        found: list[tuple[object, int]] = []
        if any(self._is_own(each) for each in type(one).__mro__):
            found = [(type(one), 0), *((each, depth + 1) for each in _attributes(one))]
        wrapped = inspect.getattr_static(one, "__wrapped__", None)
        return found if wrapped is None else [*found, (wrapped, 0)]

    def _of_function(self, one: FunctionType, *, is_told: bool) -> Iterator[object]:
        """`is_told`: its source is part of another one that is noted."""
        yield from _held(one)
        if one.__globals__.get("__name__") != self._module:
            return
        if not is_told:
            self.sources.add((one.__code__.co_qualname, _source(one.__code__)))
        yield from (one.__globals__[name] for name in _named(one.__code__) if name in one.__globals__)

    def _of_class(self, one: type) -> Iterator[object]:
        yield type(one)
        for each in one.__mro__:
            if not self._is_own(each):
                continue
            self.sources.add((each.__qualname__, _source(each)))
            for value in vars(each).values():
                for part in _parts(value) or (value,):
                    is_mine = isinstance(part, FunctionType) and part.__code__.co_qualname.startswith(
                        f"{each.__qualname__}."
                    )
                    if is_mine and isinstance(part, FunctionType):
                        yield from self._of_function(part, is_told=True)
                    else:
                        yield part

    def _is_own(self, one: type) -> bool:
        return one.__module__ == self._module


def _parts(one: object) -> tuple[object, ...]:
    """What stands behind a method, a property or the like; nothing where it is none of these."""
    if not issubclass(type(one), _BEHIND):
        return ()
    if isinstance(one, MethodType):
        return one.__func__, one.__self__
    if isinstance(one, staticmethod | classmethod):
        return (one.__func__,)
    if isinstance(one, property):
        return one.fget, one.fset, one.fdel
    if isinstance(one, cached_property):
        return (one.func,)
    if isinstance(one, partial | partialmethod):
        return one.func, one.args, one.keywords
    return ()


def _held(one: FunctionType) -> Iterator[object]:
    """What a function closes over, has as defaults, and wraps."""
    for cell in one.__closure__ or ():
        try:
            yield cell.cell_contents
        except ValueError:  # not bound yet
            continue
    yield from one.__defaults__ or ()
    yield from (one.__kwdefaults__ or {}).values()
    if "__wrapped__" in vars(one):
        yield vars(one)["__wrapped__"]


def _attributes(one: object) -> Iterator[object]:
    """What an instance holds, without asking it."""
    if issubclass(type(one), tuple) and isinstance(one, tuple):
        yield from tuple.__iter__(one)
    slots = [vars(each).get("__slots__", ()) for each in type(one).__mro__]
    names = [name for each in slots for name in ([each] if isinstance(each, str) else each)]
    for name in ("__dict__", *names):
        try:
            held = object.__getattribute__(one, name)
        except AttributeError:
            continue
        yield held


def _named(code: CodeType) -> Iterator[str]:
    """The names that a code holds, and those within it."""
    yield from code.co_names
    for one in code.co_consts:
        if isinstance(one, CodeType):
            yield from _named(one)


def _source(one: CodeType | type) -> str:
    try:
        return inspect.getsource(one)
    except (OSError, TypeError):  # there is no file: what runs must do
        return one.co_code.hex() if isinstance(one, CodeType) else ""
