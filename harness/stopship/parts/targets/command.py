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
from codecs import BOM_UTF8
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from stopship.boundaries import Door, desk_here
from stopship.errors import EvidenceError
from stopship.model.case import Case, Json
from stopship.model.exchange import NO_CLOCK
from stopship.parts.targets.blanking import Secrets
from stopship.parts.targets.network import BadAnswer, Foreign, NoAnswer, PerLoop
from stopship.parts.targets.posted import request_of
from stopship.parts.targets.secluded import NotSecluded, refusal, started
from stopship.parts.user_code import show

LONGEST_LINE = 64 * 1024 * 1024  # bytes of one answer
ENDS_S = 0.1  # what a process may still do when its input has ended
LOOKS_S = 0.1  # how often a process is looked at: what it leaves behind may hold its output open
SAYS_S = 1.0  # how long what a process wrote is read when it has ended
PRINTS = "target prints"
STILL = {"TZ": "UTC", "PYTHONHASHSEED": "0"}  # where the environment does not say: equal on every machine


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandTarget(Foreign):
    """A program."""

    run: tuple[str, ...]  # pinned files as absolute paths
    folder: Path  # where it runs
    unknown: ClassVar[type[Exception]] = BadAnswer  # what it does is all its own
    hidden: frozenset[str] = frozenset()  # variables that it does not get: keys that the gateway holds
    _pools: PerLoop["Pool"] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_pools", PerLoop(self._made, Pool.close))

    def _made(self) -> "Pool":
        given = {name: one for name, one in os.environ.items() if name not in self.hidden}
        environment = {**STILL, **given}
        return Pool(self.run, self.folder, environment, self.secrets())

    async def ask(self, case: Case, stack: Any, sample: int, epoch: int) -> Any:
        pool = await self._pools.get()
        files = {axis: str(path) for axis, path in stack.files().items()}
        asked = {**request_of(case, stack, sample, epoch), "files": files, **_desk()}
        return _read(await pool.answer(asked))


def _desk() -> dict[str, Json]:
    """What else its output has: the time, where its case tells one, a seed, and where the gateway stands in.

    The seed keeps to 53 bits: a number of JSON that any language reads as it stands.
    """
    desk = desk_here()
    if desk is None:
        return {}
    now: dict[str, Json] = {"now": desk.now.isoformat()} if desk.now is not NO_CLOCK else {}
    ways: dict[str, Json] = {"base_urls": {**desk.base_urls}, "api_key": desk.api_key}
    return {"seed": desk.rng.getrandbits(53), **now, **(ways if desk.base_urls else {})}


def _read(told: dict[str, Any]) -> Any:
    error = told.get("error")
    if told.get("lost") is True:  # whatever stands beside it
        raise NoAnswer(str(error or "the command says that infrastructure lost it"))
    if error is not None:
        raise BadAnswer(str(error))
    return {name: one for name, one in told.items() if name != "id"}


class Ended(BadAnswer):
    """The process has ended, with this exit code, and did not answer. None: it lives, and can say no more."""

    def __init__(self, code: int | None) -> None:
        how = "closed its output" if code is None else f"ended with exit {code}"
        how = f"was ended by signal {-code}" if code is not None and code < 0 else how
        super().__init__(f"the command {how} before it answered")
        self.code = code


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
        """The answer of a process; one that did not give it, in time or at all, is ended.

        A program may end between two cases: it has not seen the next one. Who ends with exit 0 after it had
        answered others did so, and a new process is asked; who breaks down fails its case.
        """
        self._number += 1
        asked = {"id": self._number, **request}
        while self._idle:
            child = self._idle.pop()
            if child.is_over:
                self._end(child)
                continue
            try:
                return await self._asked(child, asked)
            except Ended as err:
                if err.code != 0:
                    raise
                break
        return await self._asked(await self._started(), asked)

    async def _asked(self, child: "Child", request: dict[str, Any]) -> dict[str, Any]:
        is_answered = False
        try:
            found = await child.ask(request)
            is_answered = True
            return found
        finally:
            if is_answered:
                self._idle.append(child)
            else:  # it failed, or nobody waits any more
                self._end(child)

    def _end(self, child: "Child") -> None:
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
        if not self._all:
            return
        for one in self._all:
            one.end()
        ends = [asyncio.ensure_future(one.ended()) for one in self._all]
        await asyncio.wait(ends, timeout=ENDS_S)
        for one in self._all:
            one.kill()
        await asyncio.wait(ends, timeout=SAYS_S)
        for one in self._all:
            one.let_go()
        for end in ends:
            end.cancel()
        await asyncio.wait(ends)  # a pipe closes at the next turn of the loop


class Child:
    """One process."""

    def __init__(self, process: Process, secrets: Secrets, leave: Callable[[], object]) -> None:
        self._process, self._secrets, self._leave = process, secrets, leave
        self._telling = asyncio.ensure_future(self._tell())
        self._exit = asyncio.ensure_future(self._exited())

    @property
    def is_over(self) -> bool:
        """Whether it can answer no more."""
        assert self._process.stdout is not None  # noqa: S101  # it was opened so
        return self._process.returncode is not None or self._process.stdout.at_eof()

    async def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        answer = asyncio.ensure_future(self._answered(request))
        try:
            await asyncio.wait({answer, self._exit}, return_when=asyncio.FIRST_COMPLETED)
            if not answer.done():  # it has ended: only what it wrote before is waited for
                await asyncio.wait({answer}, timeout=SAYS_S)
            if not answer.done():
                raise Ended(self._process.returncode)
            return answer.result()
        finally:
            answer.cancel()

    async def _exited(self) -> None:
        """Wait until it has ended. `Process.wait` also waits for whoever else holds its output."""
        while self._process.returncode is None:
            await asyncio.sleep(LOOKS_S)

    async def _answered(self, request: dict[str, Any]) -> dict[str, Any]:
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
                await asyncio.wait({self._exit}, timeout=SAYS_S)
                raise Ended(self._process.returncode)
            line = line.removeprefix(BOM_UTF8)
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

    def let_go(self) -> None:
        """Close its pipes, whoever else holds their other ends."""
        self._exit.cancel()
        self._process._transport.close()  # type: ignore[attr-defined]  # noqa: SLF001  # there is no other way

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
        raise BadAnswer(f"the command answered with the id {found.get('id')!r}, and was asked {number}")
    return dict(found)
