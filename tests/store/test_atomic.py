"""A file is written whole or not at all, and nothing else is left in its folder."""

import errno
import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from stopship.errors import StopshipError, UsageError
from stopship.store.atomic import write_atomically


@pytest.fixture(autouse=True)
def in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def listing() -> list[str]:
    return sorted(os.listdir())  # noqa: PTH208  # names, hidden ones too


def refusal(path: Path, kind: type[StopshipError] = UsageError) -> str:
    before = listing()
    with pytest.raises(kind) as caught:
        write_atomically(path, b"new")
    assert type(caught.value) is kind
    assert listing() == before
    return str(caught.value)


@pytest.mark.parametrize("data", [b"", b"new", b"x" * 3_000_000], ids=["empty", "short", "long"])
def test_the_bytes_arrive_and_nothing_else_is_left(data: bytes) -> None:
    for _ in range(2):  # a new file, then an existing one
        write_atomically(Path("out.json"), data)
        assert Path("out.json").read_bytes() == data
        assert listing() == ["out.json"]


def test_a_new_file_has_the_mode_of_any_new_file_and_an_old_one_keeps_its_own() -> None:
    Path("usual").write_bytes(b"")
    write_atomically(Path("new"), b"")
    assert Path("new").stat().st_mode == Path("usual").stat().st_mode
    Path("new").chmod(0o640)
    write_atomically(Path("new"), b"2")
    assert stat.S_IMODE(Path("new").stat().st_mode) == 0o640


def test_a_link_stays_and_its_file_is_replaced() -> None:
    Path("folder").mkdir()
    Path("folder/real").write_bytes(b"old")
    Path("link").symlink_to("folder/real")
    write_atomically(Path("link"), b"new")
    assert Path("link").is_symlink()
    assert Path("folder/real").read_bytes() == b"new"
    assert os.listdir("folder") == ["real"]  # noqa: PTH208


def test_a_link_to_a_file_not_yet_there_makes_that_file() -> None:
    Path("link").symlink_to("real")
    write_atomically(Path("link"), b"new")
    assert Path("link").is_symlink()
    assert Path("real").read_bytes() == b"new"


def test_a_name_as_long_as_the_system_allows_is_written() -> None:
    write_atomically(Path("n" * 255), b"new")
    assert Path("n" * 255).read_bytes() == b"new"


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("gone/out", "gone/out: the folder does not exist\n  make the folder first"),
        ("folder", "folder: is a folder, not a file\n  name a file in it"),
        ("file/out", "file/out: a part of the path is a file, not a folder\n  check the path"),
        ("loop", "loop: is a symbolic link that leads to itself\n  mend or remove the link"),
        ("n" * 256, "n" * 256 + ": the name is too long\n  choose a shorter one"),
        ("a\0b", "a\\x00b: is not a path\n  check the path"),
        ("gone\x1b[31m/out", "gone\\x1b[31m/out: the folder does not exist\n  make the folder first"),
    ],
)
def test_a_path_that_cannot_be_written_is_a_mistake_in_the_command(path: str, message: str) -> None:
    Path("folder").mkdir()
    Path("file").write_bytes(b"")
    Path("loop").symlink_to("loop")
    assert refusal(Path(path)) == message


def test_a_write_protected_file_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("out").write_bytes(b"old")
    Path("out").chmod(0o444)
    if os.access("out", os.W_OK):  # a privileged user may write anything
        monkeypatch.setattr(os, "access", lambda *_: False)
    assert refusal(Path("out")) == (
        "out: may not be written by this user\n  grant write access to the file and its folder"
    )
    assert Path("out").read_bytes() == b"old"


def failing(number: int) -> object:
    def fail(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    return fail


@pytest.mark.parametrize("step", ["write", "fsync", "open"])
@pytest.mark.parametrize(
    ("number", "kind", "message"),
    [
        (errno.ENOSPC, StopshipError, "out: not written: the disk is full\n  free some space and run again"),
        (errno.EDQUOT, StopshipError, "out: not written: the disk is full\n  free some space and run again"),
        (errno.EIO, StopshipError, "out: not written: Input/output error\n  write somewhere else"),
        (errno.EROFS, UsageError, "out: is on a read-only file system\n  write somewhere else"),
    ],
)
def test_a_failure_at_any_step_leaves_the_old_file_and_no_other(
    monkeypatch: pytest.MonkeyPatch, step: str, number: int, kind: type[StopshipError], message: str
) -> None:
    Path("out").write_bytes(b"old")
    with monkeypatch.context() as patched:
        patched.setattr(os, step, failing(number))
        assert refusal(Path("out"), kind) == message
    assert Path("out").read_bytes() == b"old"


def test_an_interruption_leaves_the_old_file_and_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(_: int) -> None:
        raise KeyboardInterrupt

    Path("out").write_bytes(b"old")
    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_atomically(Path("out"), b"new")
    assert Path("out").read_bytes() == b"old"
    assert listing() == ["out"]


def test_a_reader_sees_the_old_file_or_the_new_one_whole() -> None:
    path, sizes = Path("out"), (1_000, 200_000)
    write_atomically(path, b"x" * sizes[0])
    done = threading.Event()
    seen: set[int] = set()

    def look() -> None:
        while not done.is_set():
            seen.add(len(path.read_bytes()))

    reader = threading.Thread(target=look)
    reader.start()
    for turn in range(40):
        write_atomically(path, b"x" * sizes[turn % 2])
    done.set()
    reader.join()
    assert seen <= set(sizes)


def test_a_pipe_is_written_directly() -> None:
    os.mkfifo("pipe")
    got: list[bytes] = []
    reader = threading.Thread(target=lambda: got.append(Path("pipe").read_bytes()))
    reader.start()
    write_atomically(Path("pipe"), b"x" * 100_000)
    reader.join()
    assert got == [b"x" * 100_000]
    assert listing() == ["pipe"]


def test_the_null_device_stays_a_device() -> None:
    write_atomically(Path(os.devnull), b"new")
    assert stat.S_ISCHR(Path(os.devnull).stat().st_mode)


@pytest.mark.parametrize("target", ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"])
@pytest.mark.parametrize("goes_to", ["pipe", "file"])
def test_standard_output_gets_the_bytes_in_their_turn(target: str, goes_to: str) -> None:
    program = (
        "import sys; from pathlib import Path; from stopship.store.atomic import write_atomically\n"
        f"print('before'); write_atomically(Path({target!r}), b'report\\n'); print('after')"
    )
    command = [sys.executable, "-c", program]
    if goes_to == "pipe":
        out = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout
    else:
        with Path("log").open("wb") as log:
            subprocess.run(command, check=True, stdout=log)
        out = Path("log").read_bytes()
    assert out == b"before\nreport\nafter\n"
    assert listing() == ([] if goes_to == "pipe" else ["log"])
