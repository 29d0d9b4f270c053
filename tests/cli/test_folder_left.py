"""A target that leaves the working folder of the process is told so: a suite may be named from there."""

from pathlib import Path

import pytest
from tests.cli.test_unpinned import Desk
from tests.families import first_fast

WAYS = {
    "in an output": "import os\ndef answer(case, stack):\n    os.chdir('..')\n    return 'refund'\n",
    "async": "import os\nasync def answer(case, stack):\n    os.chdir('..')\n    return 'refund'\n",
    "at load": "import os\nos.chdir('..')\ndef answer(case, stack):\n    return 'refund'\n",
}


@pytest.mark.parametrize("way", first_fast(WAYS))
def test_who_leaves_the_working_folder_ends_the_replay_and_hears_why(way: str, tmp_path: Path) -> None:
    desk = Desk(tmp_path / "repo").made(WAYS[way])
    done = desk.replay()
    text = " ".join((done.stdout + done.stderr).split())
    assert done.returncode in (2, 22), text
    assert f"changes the working folder to {tmp_path}" in text
    assert "Traceback" not in text
    assert desk.sealed() == 0


@pytest.mark.slow
def test_who_comes_back_may_leave_it(tmp_path: Path) -> None:
    leaves = "import contextlib\ndef answer(case, stack):\n    with contextlib.chdir('/'):\n        pass\n"
    done = Desk(tmp_path / "repo").made(leaves + "    return 'refund'\n").replay()
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
def test_a_suite_that_is_named_by_its_whole_path_is_found_from_anywhere(way: str, tmp_path: Path) -> None:
    desk = Desk(tmp_path / "repo").made(WAYS[way])
    done = desk.run("replay", str(desk.folder), "--allow-blind")
    assert done.returncode == 0, done.stderr
