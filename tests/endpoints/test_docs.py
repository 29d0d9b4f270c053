"""What docs/targets.md shows of a suite is what the suite reader reads."""

import re
from pathlib import Path

import pytest

from stopship.store.suitefile import read_suite

PAGE = Path(__file__).parents[2] / "docs" / "targets.md"
BLOCKS = re.findall(r"^```toml\n(.*?)^```$", PAGE.read_text("utf-8"), re.DOTALL | re.MULTILINE)
TOP = 'format = 1\nsuite = "s"\ncases = "c.jsonl"\n'
RULE = '[[rule]]\nid = "r"\nscore = "length"\ncompare = { margin = "5%" }\n'


@pytest.mark.parametrize("block", BLOCKS, ids=range(len(BLOCKS)))
def test_a_shown_table_is_read(tmp_path: Path, block: str) -> None:
    (tmp_path / "suite.toml").write_text(f"{TOP}{block}\n{RULE}", "utf-8")
    found = read_suite(tmp_path / "suite.toml").replay
    assert found.target
    assert len(BLOCKS) == 6
