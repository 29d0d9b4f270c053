"""What a person sees while a replay is under way."""

import io
import re

import pytest

from stopship.cli.replay import Progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_has_a_bar_that_fills(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Terminal()
    monkeypatch.setattr("sys.stderr", screen)
    bar = Progress()
    for done in range(1, 301):
        bar.tell(done, 300)
    bar.end()
    drawn = screen.getvalue().split("\r")[1:]
    assert len(drawn) < 20
    assert drawn[-1] == f"[{'#' * 30}] 300 of 300 outputs\n"
    assert all(re.fullmatch(r"\[#*\.*\] \d+ of 300 outputs\n?", one) and len(one) < 60 for one in drawn)


def test_elsewhere_a_line_is_written_once_in_a_while(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = 0.0
    monkeypatch.setattr("stopship.cli.replay.time.monotonic", lambda: now)
    bar = Progress()
    for done in range(1, 1001):
        now = done * 0.02
        bar.tell(done, 1000)
    bar.end()
    assert capsys.readouterr().err.splitlines() == [
        f"{done} of 1000 outputs" for done in (250, 500, 750, 1000)
    ]
