"""A replay that is killed just before any one change of a file goes on from all that was filed."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path

import pytest
from tests.cli.test_kills import NEW, Desk, ended

pytestmark = pytest.mark.slow

HOOK = f"""
import os, signal, sys
folder, left = os.environ["KILLS_FOLDER"], int(os.environ["KILLS_AT"])

def changes(event, path, given):
    if event == "open":
        return type(given[2]) is int and bool(given[2] & {os.O_WRONLY | os.O_RDWR | os.O_CREAT})
    if event == "os.mkdir":
        return not os.path.lexists(path)
    if event in ("os.remove", "os.rmdir"):
        return os.path.lexists(path)
    return event in ("os.rename", "os.truncate")

def hook(event, given):
    global left
    path = given[0] if given else None
    if event in ("os.remove", "os.rmdir") and given[1] > 0:
        path = f"/proc/self/fd/{{given[1]}}/{{path}}"
        inside = os.readlink(os.path.dirname(path)).startswith(folder)
    else:
        inside = isinstance(path, (str, os.PathLike)) and str(path).startswith(folder)
    if inside and changes(event, path, given):
        left -= 1
        if not left:
            os.kill(os.getpid(), signal.SIGKILL)

sys.addaudithook(hook)
from stopship.cli.main import entry
entry()
"""


@dataclass
class Doomed(Desk):
    """A desk whose next replay dies before a change of a file, by its number; 0: in peace."""

    at: int = 0

    def begun(self, *words: str) -> subprocess.Popen[str]:
        env = {name: one for name, one in os.environ.items() if name not in ("CI", "STOPSHIP_STORE")}
        mine = {"KILLS_LOG": str(self.log), "KILLS_FOLDER": f"{self.folder}/", "KILLS_AT": str(self.at)}
        return subprocess.Popen(
            [sys.executable, "-c", HOOK, *words],
            env=env | mine,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )


def killed_everywhere(first: Doomed, folder: Path) -> Iterator[Doomed]:
    """The desk once for each change that a replay of it makes: it died before that change was made."""
    for number in count(1):
        desk = replace(first.copied(folder / f"at{number}"), at=number)
        said = ended(desk.replaying())
        assert said.startswith((f"exit {-signal.SIGKILL}", "exit 0")), said
        if said.startswith("exit 0"):
            assert number > 20  # the changes are seen
            return
        yield replace(desk, at=0)


@pytest.mark.parametrize("words", [(), NEW], ids=["plain", "recording"])
@pytest.mark.parametrize("is_deterministic", ["true", "false"])
def test_nothing_that_was_filed_is_asked_again(
    words: tuple[str, ...], is_deterministic: str, tmp_path: Path
) -> None:
    given = words or ("--allow-effects", "reserve")
    first = Doomed(tmp_path / "first", given, "concurrency = 1", 3, is_deterministic).made()
    undisturbed = first.copied(tmp_path / "undisturbed")
    assert ended(undisturbed.replaying()).startswith("exit 0")
    wanted = undisturbed.run_id()
    for desk in killed_everywhere(first, tmp_path):
        filed, recorded, before = desk.filed, desk.recorded, len(desk.executed)
        is_sealed = bool(list((desk.folder / ".stopship").glob("runs/*/run.json")))
        said = ended(desk.replaying("--resume"))
        assert said.startswith("exit 0"), (desk.folder, said)
        new = desk.executed[before:]
        assert desk.run_id() == wanted, desk.folder
        assert {one for one in new if one.split()[1] in filed} == set(), desk.folder
        assert set(new) & recorded == set(), desk.folder
        assert not (is_sealed and new), desk.folder
        assert "Traceback" not in said
        if is_sealed and is_deterministic == "false":  # what is sealed is drawn from, too
            before = len(desk.executed)
            assert ended(replace(desk, words=given[-2:]).replaying("--repeat", "2")).startswith("exit 0")
            assert len(desk.executed) - before == 3 * 3, desk.folder
