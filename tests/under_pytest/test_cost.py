"""What a warm gate costs, as ratios with generous slack; `benchmarks/gate.py` has the promises."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_gate_costs_much_less_than_one_test_a_case() -> None:
    words = [sys.executable, "benchmarks/gate.py", "--check", "--slack", "1.6"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "BROKEN" not in done.stdout
