"""`stopship monitor` as a person at a desk meets it."""

from pathlib import Path

import pytest
from tests.cli.running import Command
from tests.gating.making import forget_code, make
from tests.gating.test_monitoring import suite


@pytest.fixture
def at_desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    suite(tmp_path / "suites" / "small")
    forget_code()


WORSE = ("monitor", "suites/small", "--stack", "suites/small/worse.toml")


@pytest.mark.usefixtures("at_desk")
def test_a_worse_stack_exits_20_from_the_night_on_which_it_is_proven(stopship: Command) -> None:
    codes = [stopship(*WORSE, "--night", f"2026-03-{day:02d}") for day in range(1, 5)]
    assert codes[-1] == 20
    assert codes == sorted(codes)
    assert "STOP small: the present stack is proven worse than the accepted one exit 20" in stopship.said
    assert "PROVEN" in stopship.out
    rows = [line.split() for line in stopship.out.splitlines() if line.startswith(" 2026-03")]
    assert [row[0] for row in rows if row[1:3] == ["right", "all"]] == [f"2026-03-0{d}" for d in range(1, 5)]
    assert stopship(*WORSE, "--night", "2026-03-04") == 20
    assert "drawn before, nothing drawn or appended" in stopship.said


@pytest.mark.usefixtures("at_desk")
def test_an_unchanged_stack_exits_0_and_is_told_what_it_takes(stopship: Command) -> None:
    assert stopship("monitor", "suites/small", "--night", "2026-03-01", "--history", "nights.jsonl") == 0
    assert "small: no harm is proven exit 0" in stopship.said
    assert "right in all:" in stopship.said
    assert "a loss of 20 points takes about" in stopship.said
    assert "both arms are the accepted stack" in stopship.said
    assert Path("nights.jsonl").is_file()
    assert not Path("suites/small/monitor.jsonl").exists()


@pytest.mark.usefixtures("at_desk")
def test_a_damaged_history_exits_22(stopship: Command) -> None:
    assert stopship("monitor", "suites/small", "--night", "2026-03-01") == 0
    path = Path("suites/small/monitor.jsonl")
    path.write_bytes(path.read_bytes().replace(b'"worse":', b'"worse": ', 1))
    assert stopship("monitor", "suites/small", "--night", "2026-03-02") == 22
    assert "damaged" in stopship.err


@pytest.mark.usefixtures("at_desk")
@pytest.mark.parametrize("night", ["2026-02-30", "soon", "2999-01-01"])
def test_a_night_must_be_a_day_that_has_come(stopship: Command, night: str) -> None:
    assert stopship("monitor", "suites/small", "--night", night) == 2


def test_a_deterministic_suite_is_refused_with_the_reason(stopship: Command, tmp_path: Path) -> None:
    made = make(tmp_path / "s")
    assert stopship("monitor", str(made.folder)) == 2
    assert "gives the same output every night" in stopship.err
