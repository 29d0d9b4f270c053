"""Commands that die before a chosen change of a file.

Run as a script it reads one command a line, and forks for each: nothing is imported twice.
"""

import gc
import importlib
import json
import os
import pkgutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_CHANGES = ("open", "os.mkdir", "os.remove", "os.rmdir", "os.rename", "os.truncate")


def _arm(folder: str, number: int) -> None:
    """From now on this process dies before its change of that number in a folder; 0: it only looks on."""
    left = number

    def hook(event: str, given: Sequence[Any]) -> None:
        nonlocal left
        if event not in _CHANGES or not given:
            return
        path = given[0]
        if event in ("os.remove", "os.rmdir") and given[1] > 0:
            path = f"/proc/self/fd/{given[1]}/{path}"
            is_inside = os.readlink(os.path.dirname(path)).startswith(folder)  # noqa: PTH115, PTH120
        else:
            is_text = isinstance(path, str | os.PathLike)
            is_inside = is_text and os.path.abspath(path).startswith(folder)  # noqa: PTH100
        if is_inside and _is_change(event, path, given):
            left -= 1
            if not left:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)


def _is_change(event: str, path: str, given: Sequence[Any]) -> bool:
    if event == "open":
        return type(given[2]) is int and bool(given[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))
    if event == "os.mkdir":
        return not os.path.lexists(path)
    if event in ("os.remove", "os.rmdir"):
        return os.path.lexists(path)
    return True


class Forks:
    """Commands in processes that are forked from one, which has imported everything."""

    def __init__(self, process: "subprocess.Popen[str]", said: Path) -> None:
        self._process, self._said = process, said

    def __call__(self, folder: Path, *words: str, at: int = 0, **env: str) -> tuple[int, str]:
        """How the command ends in a folder, and what it says. `at`: which change it dies before."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        told = {"folder": str(folder), "words": words, "at": at, "env": env, "said": str(self._said)}
        self._process.stdin.write(json.dumps(told) + "\n")
        self._process.stdin.flush()
        code = int(self._process.stdout.readline())
        return code, self._said.read_text("utf-8")


@contextmanager
def forks(said: Path) -> Iterator[Forks]:
    """`said`: a file for what a command says."""
    env = {name: one for name, one in os.environ.items() if name not in ("CI", "STOPSHIP_STORE")}
    command = [sys.executable, __file__]
    with subprocess.Popen(
        command, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield Forks(process, said)
        assert process.stdin is not None
        process.stdin.close()


def _serve() -> None:
    import pytest  # noqa: F401  # forks are pytest, too

    import stopship

    for one in pkgutil.walk_packages(stopship.__path__, "stopship."):
        if ".template" not in one.name and not one.name.endswith("__main__"):
            importlib.import_module(one.name)
    gc.freeze()
    for line in sys.stdin:
        told = json.loads(line)
        child = os.fork()
        if not child:
            _child(told)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


def _child(told: Mapping[str, Any]) -> None:
    """Never comes back."""
    code = 70
    try:
        descriptor = os.open(told["said"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
        os.dup2(descriptor, 1)
        os.dup2(descriptor, 2)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.chdir(told["folder"])
        os.environ.update(told["env"])
        _arm(f"{told['folder']}/", told["at"])
        code = _ran(told["words"])
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(code)


def _ran(words: list[str]) -> int:
    if words[0] == "pytest":
        import pytest

        return int(pytest.main(words[1:]))
    from stopship.cli.main import entry

    sys.argv = ["stopship", *words]
    try:
        entry()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    return 0


if __name__ == "__main__":
    _serve()
