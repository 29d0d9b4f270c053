"""Mark the functions of an application that reach outside: tools, retrieval, models.

In production a marked function is the function itself. In a replay the call is served from recordings, made
and recorded, or refused, as the replay says. Decides nothing about which; imports the standard library alone.
"""

import inspect
import random
import threading
import time
import uuid as uuids
from collections.abc import Awaitable, Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeVar, cast
from urllib.parse import urlsplit
from weakref import WeakSet

if TYPE_CHECKING:
    import socket

OWN_THREADS = "stopship-"  # what the names of our own threads begin with
_OWN = "__stopship_boundary__"  # where a marked function keeps what it says of itself
Function = TypeVar("Function", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True, kw_only=True)
class Boundary:
    """What a marked function says of itself."""

    kind: str  # model, tool, retrieval
    name: str
    effect: str  # none, read, write
    pins: tuple[str, ...]  # axes of the stack that its answers depend on
    function: Callable[..., object]  # itself, unmarked
    ignored: frozenset[str] = frozenset()  # arguments that cannot change the answer

    def told(self, bound: inspect.BoundArguments) -> dict[str, object]:
        """What is asked, by parameter, with the defaults of what is not given."""
        bound.apply_defaults()
        return {key: one for key, one in bound.arguments.items() if key not in self.ignored}


class Door(Protocol):
    """A gateway, for a program that has no other network."""

    port: int

    def take(self, listening: "socket.socket", /) -> Callable[[], object]:
        """Answer what comes in at this socket, too, until what is given back is called."""


class Desk(Protocol):
    """What stands between one output of a replay and the outside."""

    now: datetime
    base_urls: dict[str, str]  # by upstream: where the gateway stands in for it
    api_key: str  # what the gateway takes for one
    door: Door | None  # the gateway, where a program may reach nothing else

    @property
    def rng(self) -> random.Random: ...

    def lose(self, why: str) -> None:
        """The output is lost, whatever its target makes of what it met."""

    def reads(self, within: Boundary, axis: str) -> None:
        """Raises where a call that is being made reads a pin which it does not name."""

    def opens(self, within: Boundary | None, path: str) -> None:
        """The same for a file that is opened to be read; and where a target opens one that no pin holds."""

    def starts(self, program: str) -> None:
        """A process is started, which nobody watches over."""

    def pinned(self, axis: str) -> Path:
        """The file or folder of an axis of the stack that answers."""

    def refuse(self, reached: str) -> str:
        """Why this output may not reach for a network now, noted against it; "": it may."""

    def through(self, boundary: Boundary, arguments: dict[str, object], go: Callable[[], object]) -> object:
        """What the call gives: `go` makes it."""

    async def through_async(
        self, boundary: Boundary, arguments: dict[str, object], go: Callable[[], Awaitable[object]]
    ) -> object:
        """The same for an async function."""


@dataclass(slots=True)
class _Process:
    """How many replays that watch over calls are under way in this process."""

    watching: int = field(default=0)
    sealed: int = field(default=0)  # of these, in which nothing may be made at all
    loading: "list[Loaded]" = field(default_factory=list)  # files of targets that are being executed
    loaded: "list[Loaded]" = field(default_factory=list)  # what has left threads behind
    desks: dict[int, Desk] = field(default_factory=dict)  # of outputs under way
    marked: "WeakSet[Callable[..., Any]]" = field(default_factory=WeakSet)
    ports: set[int] = field(default_factory=set)  # of gateways, which may be reached


class _Thread(threading.local):
    """Where code that lost its context is, on a thread that works for one output alone."""

    desk: Desk | None = None
    making: Boundary | None = None


_thread = _Thread()
_desk: ContextVar[Desk | None] = ContextVar("stopship_desk", default=None)
_making: ContextVar[Boundary | None] = ContextVar("stopship_making", default=None)
_process = _Process()


class LooseCall(RuntimeError):  # noqa: N818  # says what the call is
    """A marked function was called during a replay by code that belongs to no output."""


def boundary(
    *,
    kind: Literal["model", "tool", "retrieval"],
    effect: Literal["none", "read", "write"] = "write",
    name: str = "",
    pins: Sequence[str] = (),
    ignore: Sequence[str] = (),
) -> Callable[[Function], Function]:
    """Mark a function, plain or async, that reaches outside the stack.

    `effect`: what it does to the world; what is not declared writes, and is never executed in a replay unless
    it is allowed by name. `name`: what it is called in recordings, its own name unless it is given. `pins`:
    the axes of the stack that its answers depend on; a change of another pin leaves its recordings valid.
    `ignore`: arguments that cannot change the answer, such as a client; every other must be JSON. In a replay
    it returns a copy of JSON values, whether the call was made or served.

        @boundary(kind="tool", effect="read", pins=("orders",))
        def find_order(order_id: str) -> dict: ...

    Raises TypeError for a generator, ValueError for a word that is not known.
    """
    if kind not in ("model", "tool", "retrieval"):
        raise ValueError(f"kind {kind!r} is none of model, tool, retrieval")
    if effect not in ("none", "read", "write"):
        raise ValueError(f"effect {effect!r} is none of none, read, write")

    def mark(function: Function) -> Function:
        if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
            raise TypeError(f"{function.__name__} is a generator: mark what returns a whole answer")
        called = name or function.__name__
        own = Boundary(
            kind=kind,
            name=called,
            effect=effect,
            pins=tuple(pins),
            function=function,
            ignored=frozenset(ignore),
        )
        signature = inspect.signature(function)

        def told(args: tuple[object, ...], given: dict[str, object]) -> dict[str, object]:
            return own.told(signature.bind(*args, **given))

        @wraps(function)
        def marked(*args: object, **given: object) -> object:
            desk = _current(own)
            if desk is None:
                return function(*args, **given)
            return desk.through(own, told(args, given), lambda: function(*args, **given))

        @wraps(function)
        async def marked_async(*args: object, **given: object) -> object:
            desk = _current(own)
            if desk is None:
                return await function(*args, **given)
            return await desk.through_async(own, told(args, given), lambda: function(*args, **given))

        found = marked_async if inspect.iscoroutinefunction(function) else marked
        setattr(found, _OWN, own)
        _process.marked.add(found)
        return cast("Function", found)

    return mark


def now() -> datetime:
    """The time: in a replay the moment that the case was captured, the same at every run of it."""
    desk = desk_here()
    return datetime.now(tz=UTC) if desk is None else desk.now


def rng() -> random.Random:
    """Random numbers: in a replay those of this case and sample, the same at every run of it."""
    desk = desk_here()
    return random.Random(time.time_ns()) if desk is None else desk.rng  # noqa: S311  # not for secrets


def uuid4() -> uuids.UUID:
    """A random id: in a replay drawn from `rng`."""
    desk = desk_here()
    return uuids.uuid4() if desk is None else uuids.UUID(int=desk.rng.getrandbits(128), version=4)


def base_url(upstream: str, url: str) -> str:
    """The address of a model API: `url` in production, the gateway in a replay of a suite with this upstream.

    client = OpenAI(base_url=stopship.base_url("openai", "https://api.openai.com/v1"), api_key=...)
    """
    desk = desk_here()
    here = desk.base_urls.get(upstream) if desk is not None else None
    return url if here is None else here + urlsplit(url).path.rstrip("/")


def api_key(upstream: str, key: str | None) -> str | None:
    """The key of a model API: `key` in production; where the gateway adds the real one, a placeholder."""
    desk = desk_here()
    return desk.api_key if desk is not None and upstream in desk.base_urls else key


def pinned(axis: str, path: str | Path) -> Path:
    """A file or folder that the stack pins: `path` in production; in a replay that of the stack that answers,
    which may be another one.

    with stopship.pinned("orders", "orders.json").open() as file: ...
    """
    desk = desk_here()
    return Path(path) if desk is None else desk.pinned(axis)


def ports() -> set[int]:
    """The ports of gateways at work in this process. For the replay engine."""
    return _process.ports


@contextmanager
def at_desk(desk: Desk, *, has_thread: bool) -> Iterator[None]:
    """Everything called meanwhile belongs to this output; where it has the thread to itself, code that lost
    its context too. For the replay engine."""
    token, before = _desk.set(desk), _thread.desk
    _process.desks[id(desk)] = desk
    if has_thread:
        _thread.desk = desk
    try:
        yield
    finally:
        _desk.reset(token)
        _thread.desk = before
        _process.desks.pop(id(desk), None)


@dataclass(frozen=True, slots=True, eq=False)
class Loaded:
    """What a file of a target did while it was executed."""

    called: list[str] = field(default_factory=list)  # marked functions
    opened: list[str] = field(default_factory=list)  # files, to read them
    started: list[str] = field(default_factory=list)  # processes
    threads: "WeakSet[threading.Thread]" = field(default_factory=WeakSet)  # that were left at work


@contextmanager
def loading() -> Iterator[Loaded]:
    """Meanwhile a file of a target is executed: a marked function belongs to no output, and is refused. Gives
    what it did, once it is done, and its threads after it. For the replay engine."""
    found, before = Loaded(), set(threading.enumerate())
    _process.loading.append(found)
    try:
        yield found
    finally:
        found.threads.update(set(threading.enumerate()) - before)
        _process.loaded.append(found)
        _process.loading.remove(found)


def watch(*, is_sealed: bool) -> Callable[[], None]:
    """From now on a marked function that belongs to no output is refused outside the main thread, where tests
    and scorers run; gives the way back. `is_sealed`: nothing may be made at all. For the replay engine."""
    _process.watching += 1
    _process.sealed += is_sealed
    ended = threading.Lock()

    def end() -> None:
        if ended.acquire(blocking=False):
            _process.watching -= 1
            _process.sealed -= is_sealed

    return end


@contextmanager
def making(boundary: Boundary) -> Iterator[None]:
    """Meanwhile a call across a boundary is made: it may reach out. For the replay engine."""
    token, before = _making.set(boundary), _thread.making
    _thread.making = boundary if _thread.desk is not None else None
    try:
        yield
    finally:
        _making.reset(token)
        _thread.making = before


def made_here() -> Boundary | None:
    """The call across a boundary within which this code runs, as it is being made.

    Where the context knows its output, it knows the call: another one of this thread is none of its own.
    """
    return _making.get() if _desk.get() is not None else _thread.making


def marked_in(files: Collection[str]) -> dict[Boundary, Callable[..., Any]]:
    """The marked functions that stand in some files, by what they say of themselves. For the engine."""
    found = [(getattr(one, _OWN), one) for one in list(_process.marked)]
    return {own: one for own, one in found if own.function.__code__.co_filename in files}


def reads(axis: str) -> None:
    """A pin of the stack is read. For the replay engine: raises what the desk says where that goes unseen."""
    desk = desk_here()
    if desk is not None and (within := made_here()) is not None:
        desk.reads(within, axis)


def opens(path: str) -> None:
    """A file is opened to be read. For the replay engine: raises what the desk says where that is unseen."""
    if (desk := desk_here()) is not None:
        desk.opens(made_here(), path)
    elif _process.loading:
        _process.loading[-1].opened.append(path)
    elif desks := loose_desks():
        for one in desks:
            one.opens(None, path)
    else:
        for loaded in (it for it in _process.loaded if threading.current_thread() in it.threads):
            loaded.opened.append(path)


def starts(program: str) -> None:
    """A process is started, which nothing here watches over. For the replay engine."""
    if (desk := desk_here()) is None and _process.loading:
        _process.loading[-1].started.append(program)
        return
    for one in [desk] if desk is not None else loose_desks():
        one.starts(program)


def is_at_work() -> bool:
    """Whether a target is being loaded, or an output under way."""
    return bool(_process.desks or _process.loading)


def loose_desks() -> list[Desk]:
    """The outputs under way, where this is a thread that belongs to none and may work for any of them."""
    own = threading.current_thread()
    if not _process.desks or own is threading.main_thread() or own.name.startswith(OWN_THREADS):
        return []
    return list(_process.desks.values())


def desk_here() -> Desk | None:
    """The desk of the output that this code works for."""
    return _desk.get() or _thread.desk


def lose_all(why: str) -> None:
    """Code that belongs to no output did what none may: any output under way may have taken its fruit."""
    for desk in list(_process.desks.values()):
        desk.lose(why)


def is_watched() -> bool:
    """Whether a replay that watches over calls is under way in this process."""
    return bool(_process.watching)


def is_sealed() -> bool:
    """Whether one is under way in which nothing may be made."""
    return bool(_process.sealed)


def _current(own: Boundary) -> Desk | None:
    desk = desk_here()
    if desk is not None:
        return desk
    if _process.loading:
        _process.loading[-1].called.append(own.name)
        raise LooseCall(
            f"{own.name} was called while the file of the target was loaded: it belongs to no case"
        )
    if _process.watching and threading.current_thread() is not threading.main_thread():
        why = (
            f"{own.name} was called during a replay from a thread that belongs to no output: "
            "start threads with contextvars.copy_context().run"
        )
        lose_all(why)
        raise LooseCall(why)
    return None
