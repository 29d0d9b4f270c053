"""The count of a plan's calls: its processes share it; it begins anew only where nobody else is at work."""

import subprocess
import sys
from pathlib import Path

import pytest

from stopship.errors import StopshipError
from stopship.gating.spending import EndedEarly, Meter
from stopship.model.suite import Limits
from stopship.store.tally import CALLS, Tally

OTHER = """\
import os, signal, sys
from pathlib import Path
from stopship.store.tally import Tally

tally = Tally(Path(sys.argv[1]))
for _ in range(5):
    tally.add()
print(tally.count, flush=True)
sys.stdin.read()
if len(sys.argv) > 2:
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_second_process_goes_on_with_the_count_before_anything_is_filed(tmp_path: Path) -> None:
    command = [sys.executable, "-c", OTHER, str(tmp_path), "killed"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"5\n"
        mine = Tally(tmp_path)
        assert mine.count == 5
        assert mine.add() == 6
        mine.close()
        other.communicate()
    anew = Tally(tmp_path)
    assert anew.count == 0  # it was killed, and had filed nothing


def test_two_of_one_process_share_the_count(tmp_path: Path) -> None:
    first = Tally(tmp_path)
    for _ in range(5):
        first.add()
    second = Tally(tmp_path)
    assert (second.count, second.add(), first.add(), second.add()) == (5, 6, 7, 8)
    first.close()
    third = Tally(tmp_path)
    assert third.count == 8
    third.close()
    second.close()
    assert Tally(tmp_path).count == 0


@pytest.mark.parametrize("is_filed", [True, False], ids=["filed", "dropped"])
def test_what_is_filed_keeps_the_count_when_nobody_is_at_work(tmp_path: Path, is_filed: bool) -> None:
    tally = Tally(tmp_path)
    tally.add()
    (tmp_path / "journal.jsonl").write_bytes(b"{}\n" if is_filed else b"")
    tally.close()
    tally.close()
    assert Tally(tmp_path).count == is_filed


def test_a_plan_whose_folder_went_is_counted_anew(tmp_path: Path) -> None:
    folder = tmp_path / "plan"
    late = Tally(folder)
    late.add()
    (folder / CALLS).unlink()
    folder.rmdir()  # the run was sealed
    early = Tally(folder)
    assert early.count == 0
    early.add()
    assert (late.add(), early.count, late.count) == (2, 2, 2)


def test_processes_that_ask_at_once_make_no_call_more_than_is_allowed(tmp_path: Path) -> None:
    """Both look before either counts."""
    meters = [Meter(Limits(calls=5), tally=Stale(tmp_path)) for _ in range(2)]
    begun = [meter.begin() for _ in range(4) for meter in meters]
    assert [one is None for one in begun] == [True] * 5 + [False] * 3
    assert all(isinstance(one, EndedEarly) and "5 calls were made" in str(one) for one in begun[5:])


class Stale(Tally):
    """One whose look comes a moment too early."""

    @property
    def count(self) -> int:
        return 0


def test_a_count_that_cannot_be_kept_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "plan").write_text("a file")
    with pytest.raises(StopshipError, match="cannot be written"):
        Tally(tmp_path / "plan")
