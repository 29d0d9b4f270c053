"""The command, away from any CI that runs these tests."""

import pytest
from tests.cli.running import Command


@pytest.fixture
def stopship(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Command:
    for name in ("CI", "GITHUB_ACTIONS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLUMNS", "80")  # help texts wrap at the width of the terminal
    return Command(capsys, monkeypatch)
