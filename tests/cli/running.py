"""Run the command in this process and see what a person would see."""

from pathlib import Path

import pytest

from stopship.cli import main

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "support"


class Command:
    """Calls `stopship` with words; `code`, `out` and `err` are what the last call left."""

    def __init__(self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        self.capsys = capsys
        self.monkeypatch = monkeypatch
        self.code, self.out, self.err = 0, "", ""

    @property
    def said(self) -> str:
        """What was printed, its lines joined: for sentences that may wrap."""
        return " ".join(self.out.split())

    def __call__(self, *words: str) -> int:
        self.monkeypatch.setattr("sys.argv", ["stopship", *words])
        with pytest.raises(SystemExit) as stop:
            main.entry()
        self.out, self.err = self.capsys.readouterr()
        self.code = stop.value.code if isinstance(stop.value.code, int) else 1
        return self.code
