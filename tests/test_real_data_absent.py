"""What the examples on real data say where the data is not at hand."""

import subprocess
import sys
from pathlib import Path

import pytest

TAU = Path(__file__).parents[1] / "examples" / "real-data" / "tau.py"


@pytest.mark.parametrize(
    ("words", "lacks"), [(("make", "nowhere", "out"), "trial-0.json"), (("tell", "out"), "runs")]
)
def test_a_folder_that_is_not_there_is_one_line(tmp_path: Path, words: tuple[str, ...], lacks: str) -> None:
    done = subprocess.run(
        [sys.executable, str(TAU), *words], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert f"{lacks}: no such" in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "out").exists()
