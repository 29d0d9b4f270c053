"""The command, away from any CI that runs these tests."""

from collections.abc import Iterator

import pytest
from tests.cli.killing import Forks, forks
from tests.cli.running import Command


@pytest.fixture(scope="module")
def forked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forks]:
    """Commands that may be killed before any change of a file."""
    with forks(tmp_path_factory.mktemp("said") / "said") as found:
        yield found


@pytest.fixture
def stopship(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Command:
    for name in ("CI", "GITHUB_ACTIONS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLUMNS", "80")  # help texts wrap at the width of the terminal
    return Command(capsys, monkeypatch)
