"""The target `[replay.command]`: a program in any language that answers lines of JSON with lines of JSON.

Decides which line answers which case. A process is kept for many cases, and a new one begins where it ended;
none outlives the event loop that it was started on. Where a replay is not live, it has no network but the
gateway, if the system allows that.
"""

import asyncio
import json
import os
import signal
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stopship.boundaries import Door, desk_here
from stopship.errors import EvidenceError
from stopship.model.case import Case, Json
from stopship.parts.targets.network import BadAnswer, Foreign, NoAnswer, PerLoop, Secrets
from stopship.parts.targets.posted import request_of
from stopship.parts.targets.secluded import NotSecluded, refusal, started
from stopship.parts.user_code import show

LONGEST_LINE = 64 * 1024 * 1024  # bytes of one answer
ENDS_S = 0.1  # what a process may still do when its input has ended
PRINTS = "target prints"


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandTarget(Foreign):
    """A program."""

    run: tuple[str, ...]  # pinned files as absolute paths
    folder: Path  # where it runs
    hidden: frozenset[str] = frozenset()  # variables that it does not get: keys that the gateway holds
    _pools: PerLoop["Pool"] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_pools", PerLoop(self._made, Pool.close))

    def _made(self) -> "Pool":
        environment = {name: one for name, one in os.environ.items() if name not in self.hidden}
        return Pool(self.run, self.folder, environment, self.secrets())

    async def ask(self, case: Case, stack: Any, sample: int, epoch: int) -> Any:
        pool = await self._pools.get()
        return _read(await pool.answer({**request_of(case, stack, sample, epoch), **_gateway()}))


def _gateway() -> dict[str, Json]:
    """Where the gateway stands in for the upstreams, and what it takes for a key; nothing without one."""
    desk = desk_here()
    return {"base_urls": {**desk.base_urls}, "api_key": desk.api_key} if desk and desk.base_urls else {}


def _read(told: dict[str, Any]) -> Any:
    error = told.get("error")
    if error is not None:
        raise NoAnswer(str(error)) if told.get("lost") is True else BadAnswer(str(error))
    return {name: one for name, one in told.items() if name != "id"}


class Pool:
    """The processes of one event loop: each answers one case at a time."""

    def __init__(
        self, run: tuple[str, ...], folder: Path, environment: Mapping[str, str], secrets: Secrets
    ) -> None:
        self._run, self._folder, self._environment, self._secrets = run, folder, environment, secrets
        self._idle: list[Child] = []
        self._all: set[Child] = set()  # those that have been killed, too, until they have ended
        self._burials: set[asyncio.Future[None]] = set()
        self._number = 0

    async def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """The answer of a process; one that did not give it, in time or at all, is ended."""
        self._number += 1
        number = self._number
        child = self._idle.pop() if self._idle else await self._started()
        is_answered = False
        try:
            found = await child.ask({"id": number, **request})
            is_answered = True
            return found
        finally:
            if is_answered:
                self._idle.append(child)
            else:  # it failed, or nobody waits any more
                child.kill()
                self._burials.add(burial := asyncio.ensure_future(self._bury(child)))
                burial.add_done_callback(self._burials.discard)

    async def _bury(self, child: "Child") -> None:
        await child.ended()
        self._all.discard(child)

    async def _started(self) -> "Child":
        desk = desk_here()
        door = desk.door if desk is not None and not refusal() else None
        try:
            process, leave = await self._process(door)
        except NotSecluded as err:
            raise EvidenceError(
                f"the command {self._run[0]!r} cannot be isolated: {err}",
                do="a trial went well: look at the limits of this system, or replay live",
            ) from err
        except (OSError, ValueError) as err:
            raise EvidenceError(
                f"the command {self._run[0]!r} cannot be started: {getattr(err, 'strerror', err)}",
                do="install it, or mend [replay.command] run",
            ) from err
        child = Child(process, self._secrets, leave)
        self._all.add(child)
        return child

    async def _process(self, door: Door | None) -> tuple[Process, Callable[[], object]]:
        """A process, and what is called when it has ended. `door`: all that it may reach, if any."""
        pipes: dict[str, Any] = {
            "stdin": PIPE,
            "stdout": PIPE,
            "stderr": PIPE,
            "limit": LONGEST_LINE,
            "start_new_session": True,  # an interrupt is ours to hand on, to it and its own children
        }
        if door is None:
            plain = asyncio.create_subprocess_exec(
                *self._run, cwd=self._folder, env=self._environment, **pipes
            )
            return await plain, lambda: None
        process, listening = await started(self._run, self._folder, self._environment, door.port, **pipes)
        return process, door.take(listening)

    async def close(self) -> None:
        for one in self._all:
            one.end()
        if self._all:
            await asyncio.wait([asyncio.ensure_future(one.ended()) for one in self._all], timeout=ENDS_S)
        for one in self._all:
            one.kill()
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(asyncio.gather(*(one.ended() for one in self._all)), 1.0)


class Child:
    """One process."""

    def __init__(self, process: Process, secrets: Secrets, leave: Callable[[], object]) -> None:
        self._process, self._secrets, self._leave = process, secrets, leave
        self._telling = asyncio.ensure_future(self._tell())

    async def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        assert self._process.stdin is not None  # noqa: S101  # it was opened so
        assert self._process.stdout is not None  # noqa: S101  # ditto
        with suppress(ConnectionError):  # that it has ended is told below
            self._process.stdin.write(json.dumps(request).encode() + b"\n")
            await self._process.stdin.drain()
        while True:
            try:
                line = await self._process.stdout.readline()
            except ValueError as err:
                raise BadAnswer(f"the command answered a line of more than {LONGEST_LINE} bytes") from err
            if not line.endswith(b"\n"):
                code = await self._process.wait()
                how = f"was ended by signal {-code}" if code < 0 else f"ended with exit {code}"
                raise BadAnswer(f"the command {how} before it answered")
            if line.lstrip().startswith(b"{"):
                return _answer(line, request["id"])
            self._show(line)  # whatever else it prints

    async def _tell(self) -> None:
        """Pass on what it prints on standard error, harmless."""
        assert self._process.stderr is not None  # noqa: S101  # it was opened so
        while True:
            try:
                line = await self._process.stderr.readline()
            except ValueError:
                continue  # longer than any line that a person reads
            if not line:
                return
            self._show(line)

    def _show(self, line: bytes) -> None:
        text = line.decode("utf-8", "replace").rstrip("\r\n")
        if text:
            show(self._secrets.blanked(text), PRINTS)

    def end(self) -> None:
        """Let it end by itself: its input is over."""
        if self._process.stdin is not None:
            self._process.stdin.close()

    async def ended(self) -> None:
        await self._process.wait()
        self._leave()
        await self._telling

    def kill(self) -> None:
        """End it and what it has started."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)


def _answer(line: bytes, number: int) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError) as err:
        raise BadAnswer(f"the command answered what is no JSON: {err}") from err
    if found.get("id") != number:
        raise BadAnswer(f"the command answered with the id {found.get('id')!r:.40}, and was asked {number}")
    return dict(found)
