"""Start a program where no network is but the gateway's port: in a network namespace of its own, on Linux.

Decides whether this system allows that, by doing it once. Never runs a program that it has begun to seclude
without; the standard library alone, as this file is also what the new process runs first, before the program.
"""

import asyncio
import errno
import json
import os
import socket
import subprocess
import sys
from asyncio.subprocess import Process
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, NoReturn

HOST = "127.0.0.1"
_STARTS_S = 30.0
_NEW_USER, _NEW_NET = 0x10000000, 0x40000000  # of <linux/sched.h>
_GET_FLAGS, _SET_FLAGS, _UP = 0x8913, 0x8914, 0x1  # of <linux/sockios.h> and <linux/if.h>
_WAITING = 1024  # connections that the gateway has not yet accepted
_OUTSIDE = ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1"))  # of nobody (RFC 5737, 3849)
_NETWORK = Path("/proc/self/ns/net")
_LED, _FAILED = b"+", b"-"


class NotSecluded(Exception):  # noqa: N818  # says what happened
    """The system did not give the program a namespace; the text says which step failed."""


@cache
def refusal() -> str:
    """Why programs run with the network of this machine; "": they are secluded. Tried once a process."""
    if not sys.platform.startswith("linux"):
        return f"{sys.platform} has no network namespaces"
    if not sys.executable:
        return "the path of this Python is not known"
    try:
        _trial()
    except NotSecluded as err:
        return str(err)
    except subprocess.TimeoutExpired:
        return "a trial did not end"
    except OSError as err:
        return f"a trial failed: {err.strerror or type(err).__name__}"
    return ""


def _trial() -> None:
    """Lead a process in that only knocks at its own port, and hear that here."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.settimeout(_STARTS_S)
        command = _command(theirs)
        with subprocess.Popen(  # noqa: S603  # this Python, this file
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=[theirs.fileno()],
        ) as child:
            theirs.close()
            try:
                ours.sendall(_request((), os.environ, 0))
                found = _Answer()
                while found.is_open:
                    found.take(ours)
                with found.listening() as listening:
                    listening.settimeout(_STARTS_S)
                    knock, _ = listening.accept()
                    knock.close()
                child.wait(_STARTS_S)
            finally:
                child.kill()


async def started(
    run: Sequence[str], folder: Path, environment: Mapping[str, str], port: int, **pipes: Any
) -> tuple[Process, socket.socket]:
    """The program, and a socket of its namespace that listens at `port` for whoever is to answer there.

    Raises NotSecluded, and OSError or ValueError where the program itself cannot be started.
    """
    ours, theirs = socket.socketpair()
    with ours:
        ours.setblocking(False)
        with theirs:
            process = await asyncio.create_subprocess_exec(
                *_command(theirs), cwd=folder, env=dict(environment), pass_fds=[theirs.fileno()], **pipes
            )
        found = _Answer()
        try:
            async with asyncio.timeout(_STARTS_S):
                with suppress(ConnectionError):  # why it has ended is told below
                    await asyncio.get_running_loop().sock_sendall(ours, _request(run, environment, port))
                while found.is_open:
                    await _readable(ours)
                    found.take(ours)
            return process, found.listening()
        except BaseException as err:
            found.close()
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()
            if isinstance(err, TimeoutError):
                raise NotSecluded(f"it was not there within {_STARTS_S:g} s") from err
            raise


async def _readable(way: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    loop.add_reader(way, ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_reader(way)


class _Answer:
    """What the new process says: that it is in there, with a socket; then its program runs, and no more."""

    def __init__(self) -> None:
        self.is_open = True
        self._said = b""
        self._sockets: list[socket.socket] = []

    def take(self, way: socket.socket) -> None:
        try:
            data, numbers, _, _ = socket.recv_fds(way, 4096, 1, socket.MSG_CMSG_CLOEXEC)
        except ConnectionError:
            data, numbers = b"", []
        self._sockets += [socket.socket(fileno=one) for one in numbers]
        self._said += data
        self.is_open = bool(data)

    def listening(self) -> socket.socket:
        """The socket; raises what went wrong instead."""
        if self._said == _LED and len(self._sockets) == 1:
            return self._sockets.pop()
        self.close()
        led, _, why = self._said.partition(_FAILED)
        if led == _LED and why.isdigit():  # it was in there, and there was no such program
            raise OSError(int(why), os.strerror(int(why)))
        raise NotSecluded(why.decode("utf-8", "replace") or "its first process ended without a word")

    def close(self) -> None:
        for one in self._sockets:
            one.close()
        self._sockets.clear()


def _command(way: socket.socket) -> list[str]:
    """This file, by this Python, without any of the user's modules, variables or start-up files."""
    return [sys.executable, "-I", "-S", str(Path(__file__).resolve()), str(way.fileno())]


def _request(run: Sequence[str], environment: Mapping[str, str], port: int) -> bytes:
    """What is run in there, as bytes in JSON: Python may change variables of its own process as it starts."""
    variables = [[_told(name), _told(one)] for name, one in environment.items()]
    return json.dumps([[_told(one) for one in run], variables, port]).encode() + b"\n"


def _told(text: str) -> str:
    return os.fsencode(text).decode("latin-1")


def _main(number: int) -> None:
    """In the new process: seclude it, hand a listening socket back, and become the program."""
    with socket.socket(fileno=number) as way:
        way.set_inheritable(False)  # its end is the sign that the program runs
        with way.makefile("rb") as lines:
            run, variables, port = json.loads(lines.readline())
        try:
            listening = _secluded(port)
        except NotSecluded as err:
            way.sendall(_FAILED + str(err).encode())
            sys.exit(1)
        with listening:
            socket.send_fds(way, [_LED], [listening.fileno()])
            if not run:
                socket.create_connection(listening.getsockname(), timeout=_STARTS_S).close()
                sys.exit(0)
        try:
            _become([one.encode("latin-1") for one in run], variables)
        except (OSError, ValueError) as err:
            way.sendall(b"%s%d" % (_FAILED, getattr(err, "errno", None) or errno.EINVAL))
            sys.exit(1)


def _become(run: list[bytes], variables: list[list[str]]) -> NoReturn:
    import signal

    for one in (signal.SIGPIPE, signal.SIGXFSZ):  # Python ignores them, and a program would inherit that
        signal.signal(one, signal.SIG_DFL)
    environment = {name.encode("latin-1"): one.encode("latin-1") for name, one in variables}
    os.execvpe(run[0], run, environment)  # noqa: S606  # the command of the suite, as it is written there


def _secluded(port: int) -> socket.socket:
    """A socket that listens in a new network namespace, which this process is in from now on."""
    step = "looking at the network namespace"
    try:
        before, user, group = _NETWORK.stat().st_ino, os.getuid(), os.getgid()
        step = "a new user and network namespace"
        _unshare()
        step = "the user of the new namespace"
        for name, text in (
            ("setgroups", "deny"),
            ("uid_map", f"{user} {user} 1"),
            ("gid_map", f"{group} {group} 1"),
        ):
            Path("/proc/self", name).write_text(text, "ascii")
        step = "its loopback"
        _raise_loopback()
        listening = socket.create_server((HOST, port), backlog=_WAITING)
        step = "looking at the new network namespace"
        is_other = _NETWORK.stat().st_ino != before
    except (OSError, ImportError, AttributeError) as err:
        raise NotSecluded(f"{step}: {getattr(err, 'strerror', None) or err}") from err
    if not is_other or any(_leads_out(family, host) for family, host in _OUTSIDE):
        raise NotSecluded("the new network namespace leads out")
    return listening


def _unshare() -> None:
    if sys.version_info >= (3, 12):
        os.unshare(_NEW_USER | _NEW_NET)
        return
    import ctypes

    if ctypes.CDLL(None, use_errno=True).unshare(_NEW_USER | _NEW_NET):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _raise_loopback() -> None:
    import fcntl
    import struct

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        told = fcntl.ioctl(any_socket, _GET_FLAGS, struct.pack("16sh14x", b"lo", 0))
        flags = struct.unpack("16sh14x", told)[1]
        fcntl.ioctl(any_socket, _SET_FLAGS, struct.pack("16sh14x", b"lo", flags | _UP))


def _leads_out(family: socket.AddressFamily, host: str) -> bool:
    """Whether there is a route to an address of nobody; a datagram socket that is connected sends nothing."""
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as any_socket:
            any_socket.connect((host, 9))
    except OSError:
        return False
    return True


if __name__ == "__main__":
    _main(int(sys.argv[1]))
