"""A process that a target starts is not watched over, and the run says so."""

from pathlib import Path

import pytest
from tests.cli.test_unpinned import Desk
from tests.families import first_fast

STARTS = """
import subprocess
import sys
import stopship
@stopship.boundary(kind="tool", effect="read")
def tool():
    return subprocess.run([sys.executable, "-c", "print(1)"], capture_output=True, text=True).stdout
def answer(case, stack):
    return {answer}
"""


@pytest.mark.parametrize(
    ("answer", "fidelity", "is_told"),
    first_fast(
        [
            ("subprocess.run(['true']) and 'refund'", "frozen-tools", True),
            ("subprocess.run(['true']) and 'refund'", "live", False),
            ("tool()", "frozen-retrieval", False),
            ("subprocess.run(['uname', '-p'], capture_output=True) and 'refund'", "frozen-tools", False),
        ]
    ),
    ids=["started", "live", "within a marked function", "of the machine"],
)
def test_a_run_says_that_its_target_started_a_process(
    answer: str, fidelity: str, is_told: bool, tmp_path: Path
) -> None:
    desk = Desk(tmp_path / "repo").made(STARTS.format(answer=answer), f'fidelity = "{fidelity}"')
    done = desk.replay("--case", "c01")
    assert done.returncode == 0, done.stderr
    said = "not isolated: the target started true, which nothing watches over"
    assert (said in " ".join(done.stdout.split())) == is_told
