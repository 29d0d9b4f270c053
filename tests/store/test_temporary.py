"""What a killed process was writing is taken away by the next one; what is being written never is."""

import fcntl
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from stopship.store.atomic import write_atomically
from stopship.store.temporary import file_in, folder_in, sweep


def of_a_killed_process(make: Callable[[Path], tuple[Path, int]], folder: Path) -> Path:
    """What it was writing: nobody holds it any more."""
    path, descriptor = make(folder)
    if path.is_dir():
        (path / "half").write_bytes(b"half")
    os.close(descriptor)
    return path


@pytest.mark.parametrize("make", [file_in, folder_in])
def test_what_a_killed_process_left_goes_with_the_next_write(
    tmp_path: Path, make: Callable[[Path], tuple[Path, int]]
) -> None:
    left = of_a_killed_process(make, tmp_path)
    assert left.exists()
    write_atomically(tmp_path / "new", b"whole")
    assert [one.name for one in tmp_path.iterdir()] == ["new"]


@pytest.mark.parametrize("make", [file_in, folder_in])
def test_what_is_being_written_stays(tmp_path: Path, make: Callable[[Path], tuple[Path, int]]) -> None:
    path, descriptor = make(tmp_path)
    write_atomically(tmp_path / "new", b"whole")
    assert path.exists()
    os.close(descriptor)


def test_nothing_of_another_name_is_touched_and_no_link_is_followed(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "kept").write_bytes(b"kept")
    folder = tmp_path / "folder"
    folder.mkdir()
    names = ["x.tmp", ".stopship", ".stopship-1.tmp", ".stopship-0123456789abcdef.tmp.old"]
    for name in names:
        (folder / name).write_bytes(b"")
    (folder / ".stopship-0123456789abcdef.tmp").symlink_to(elsewhere)
    (folder / ".stopship-fedcba9876543210.tmp").symlink_to(elsewhere / "kept")
    sweep(folder)
    assert {one.name for one in folder.iterdir()} >= set(names)
    assert (elsewhere / "kept").read_bytes() == b"kept"


@pytest.mark.parametrize("make", [file_in, folder_in])
def test_what_is_swept_before_it_is_held_is_made_again(
    tmp_path: Path, make: Callable[[Path], tuple[Path, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    lock, swept = fcntl.flock, list[Path]()

    def flock(descriptor: int, how: int) -> None:
        monkeypatch.setattr(fcntl, "flock", lock)
        swept.extend(tmp_path.iterdir())
        sweep(tmp_path)
        lock(descriptor, how)

    monkeypatch.setattr(fcntl, "flock", flock)
    path, descriptor = make(tmp_path)
    os.close(descriptor)
    assert list(tmp_path.iterdir()) == [path]
    assert swept
    assert path not in swept
