"""A replay that is killed just before any one change of a file goes on from all that was filed."""

import signal
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path

import pytest
from tests.cli.killing import Forks
from tests.cli.test_kills import NEW, Desk

pytestmark = pytest.mark.slow


@dataclass
class Doomed(Desk):
    """A desk whose next replay dies before a change of a file, by its number; 0: in peace."""

    forks: Forks | None = None
    at: int = 0

    def replayed(self, *words: str) -> str:
        assert self.forks is not None
        told = ("replay", ".", "--allow-blind", *self.words, *words)
        code, said = self.forks(self.folder, *told, at=self.at, KILLS_LOG=str(self.log))
        return f"exit {code} {said}"


def killed_everywhere(first: Doomed, folder: Path) -> Iterator[Doomed]:
    """The desk once for each change that a replay of it makes: it died before that change was made."""
    for number in count(1):
        desk = replace(first.copied(folder / f"at{number}"), at=number)
        said = desk.replayed()
        assert said.startswith((f"exit {-signal.SIGKILL}", "exit 0")), said
        if said.startswith("exit 0"):
            assert number > 20  # the changes are seen
            return
        yield replace(desk, at=0)


@pytest.mark.parametrize("words", [(), NEW], ids=["plain", "recording"])
@pytest.mark.parametrize("is_deterministic", ["true", "false"])
def test_nothing_that_was_filed_is_asked_again(
    words: tuple[str, ...], is_deterministic: str, tmp_path: Path, forked: Forks
) -> None:
    given = words or ("--allow-effects", "reserve")
    first = Doomed(tmp_path / "first", given, "concurrency = 1", 3, is_deterministic, forked).made()
    undisturbed = first.copied(tmp_path / "undisturbed")
    assert undisturbed.replayed().startswith("exit 0")
    wanted = undisturbed.run_id()
    for desk in killed_everywhere(first, tmp_path):
        filed, recorded, before = desk.filed, desk.recorded, len(desk.executed)
        is_sealed = bool(list((desk.folder / ".stopship").glob("runs/*/run.json")))
        said = desk.replayed("--resume")
        assert said.startswith("exit 0"), (desk.folder, said)
        new = desk.executed[before:]
        assert desk.run_id() == wanted, desk.folder
        assert {one for one in new if one.split()[1] in filed} == set(), desk.folder
        assert set(new) & recorded == set(), desk.folder
        assert not (is_sealed and new), desk.folder
        assert "Traceback" not in said
        if is_sealed and is_deterministic == "false":  # what is sealed is drawn from, too
            before = len(desk.executed)
            assert replace(desk, words=given[-2:]).replayed("--repeat", "2").startswith("exit 0")
            assert len(desk.executed) - before == 3 * 3, desk.folder
