"""What a gate that cannot decide says would decide it, end to end."""

import json
from pathlib import Path
from typing import Any

from tests.cli.running import Command
from tests.gating.making import Made, forget_code, make


def undecided(folder: Path, replay: str, **prompt: Any) -> Made:
    """A suite with a margin that sixty cases cannot prove."""
    made = make(folder, replay=replay, rules="", is_accepted=False, **prompt)
    made.edit("suite.toml", 'margin = "20pt"', 'margin = "6pt"')
    made.accept(made.replay())
    return made


def test_a_noisy_target_is_told_cases_and_outputs_with_dollars(tmp_path: Path, stopship: Command) -> None:
    made = undecided(tmp_path / "s", "", draws=0, every=9, extra={"cost_usd": 0.25})
    forget_code()
    record = tmp_path / "verdict.json"
    assert stopship("gate", str(made.folder), "--json", str(record)) == 21
    assert "the cheapest way to decide right in all" in stopship.said
    assert "outputs of every case" in stopship.said
    found = json.loads(record.read_text("utf-8"))["findings"]
    (ways,) = [one["ways"] for one in found if "ways" in one]
    assert [one["kind"] for one in ways] == ["cases", "outputs"]
    assert all(one["usd"] == 0.25 * one["calls"] for one in ways)


def test_a_deterministic_target_is_told_cases_alone(tmp_path: Path, stopship: Command) -> None:
    made = undecided(tmp_path / "s", "deterministic = true")
    made.stack("next", wrong=["c20"])
    forget_code()
    assert stopship("gate", str(made.folder), "--stack", str(made.folder / "next.toml")) == 21
    assert "the cheapest way to decide right in all" in stopship.said
    assert "outputs of every case" not in stopship.said
