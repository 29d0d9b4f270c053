"""Opening, locking, holding and restoring stacks on disk."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from tests.examples import tries
from tests.pinning.folders import make_stack, write_files

from stopship.errors import EvidenceError, StopshipError, UsageError
from stopship.pinning import stacks
from stopship.pinning.lock import lock_stack, verify_stack
from stopship.pinning.restore import restore_stack
from stopship.pinning.stacks import open_stack
from stopship.store.lockfile import read_lock
from stopship.store.trees import read_file


def listing(folder: Path) -> set[str]:
    return {one.relative_to(folder).as_posix() for one in folder.rglob("*") if one.is_file()}


def test_a_target_reads_its_stack(tmp_path: Path) -> None:
    path = make_stack(tmp_path, **{"prompts/system.md": "Answer.\r\n"})
    stack = open_stack(path)
    assert stack.version("prompt") == "v14"
    assert stack.version("code") == ""
    assert stack.text("prompt") == "Answer.\r\n"
    assert stack.path("prompt") == tmp_path / "prompts/system.md"
    assert stack.path("index") == tmp_path / "index.db"
    assert stack.path("code") == tmp_path / "app"
    assert stack.value("budget") == {"max_steps": 4}
    assert stack.value("budget") is not stack.value("budget")
    assert stack.stack_id == stack.stack.stack_id == lock_stack(path).stack.stack_id
    for method, axis, what in (
        (stack.text, "code", "has 2 files"),
        (stack.path, "budget", "has 0 paths"),
        (stack.value, "model", "has no value"),
        (stack.text, "promt", "did you mean 'prompt'"),
    ):
        with pytest.raises(UsageError, match=what):
            method(axis)


def test_a_text_that_changed_since_it_was_pinned_is_not_handed_out(tmp_path: Path) -> None:
    stack = open_stack(make_stack(tmp_path))
    (tmp_path / "prompts/system.md").write_bytes(b"Other.\n")
    with pytest.raises(EvidenceError, match="has changed since it was pinned"):
        stack.text("prompt")


def test_a_text_is_read_once_until_its_file_is_touched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stacks, "_SETTLES_NS", -(10**12))  # as if the file were old
    read: list[Path] = []

    def counted(path: Path, *more: Any) -> Any:
        read.append(path)
        return read_file(path, *more)

    monkeypatch.setattr(stacks, "read_file", counted)
    stack, file = open_stack(make_stack(tmp_path)), tmp_path / "prompts/system.md"
    told = file.read_bytes()
    assert [stack.text("prompt").encode() for _ in range(3)] == [told] * 3
    assert len(read) == 1
    file.unlink()
    file.write_bytes(told)
    assert stack.text("prompt").encode() == told
    assert len(read) == 2
    file.write_bytes(told.swapcase())
    with pytest.raises(EvidenceError, match="has changed since it was pinned"):
        stack.text("prompt")
    file.unlink()
    with pytest.raises(EvidenceError, match="there is no such file"):
        stack.text("prompt")


def test_a_text_that_was_just_written_is_read_every_time(tmp_path: Path) -> None:
    stack = open_stack(make_stack(tmp_path))
    assert stack.text("prompt")
    (tmp_path / "prompts/system.md").write_bytes(b"Other.\n")
    with pytest.raises(EvidenceError, match="has changed since it was pinned"):
        stack.text("prompt")


def test_a_long_text_is_read_though_it_is_not_kept(tmp_path: Path) -> None:
    path = make_stack(tmp_path, **{"prompts/system.md": "x" * 300_000})
    assert open_stack(path).text("prompt") == "x" * 300_000
    path = make_stack(tmp_path, **{"prompts/system.md": b"\xff"})
    with pytest.raises(UsageError, match="is not UTF-8"):
        open_stack(path).text("prompt")


def test_a_lock_has_no_place_no_clock_and_the_same_bytes_again(tmp_path: Path) -> None:
    locks = []
    for name in ("a", "elsewhere/deeper"):
        path = make_stack(tmp_path / name)
        lock_stack(path)
        first = (path.parent / "stack.lock.json").read_bytes()
        time.sleep(0.01)
        lock_stack(path)
        assert (path.parent / "stack.lock.json").read_bytes() == first
        locks.append(first)
    assert locks[0] == locks[1]
    assert str(tmp_path).encode() not in locks[0]


def test_a_moved_file_of_the_same_content_is_the_same_pin(tmp_path: Path) -> None:
    path = make_stack(tmp_path)
    before = open_stack(path).stack_id
    (tmp_path / "prompts/system.md").rename(tmp_path / "p.md")
    path.write_text(path.read_text(encoding="utf-8").replace("prompts/system.md", "p.md"), encoding="utf-8")
    assert open_stack(path).stack_id == before


EDITS: dict[str, dict[str, bytes | str]] = {  # axis -> files of a stack in which only it differs
    "prompt": {"prompts/system.md": "Answer.\nBe kind.\r\n"},
    "index": {"index.db": b"\0" * 120_001},
    "code": {"app/tools.py": "TOOLS = [1]\n"},
}


@pytest.mark.parametrize("axis", EDITS)
def test_a_changed_byte_changes_its_own_pin_alone(tmp_path: Path, axis: str) -> None:
    before = open_stack(make_stack(tmp_path))
    after = open_stack(make_stack(tmp_path, **EDITS[axis]))
    changed = [
        a.axis for a, b in zip(before.stack.pins, after.stack.pins, strict=True) if a.digest != b.digest
    ]
    assert changed == [axis]
    assert before.stack_id != after.stack_id


@settings(max_examples=tries(40), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.dictionaries(
        st.text("abcdefg", min_size=1, max_size=3),
        st.one_of(st.binary(max_size=40), st.text(max_size=20).map(str.encode)),
        min_size=1,
        max_size=5,
    ),
    st.recursive(
        st.one_of(
            st.booleans(),
            st.integers(-(2**53) + 1, 2**53 - 1),
            st.floats(allow_nan=False, allow_infinity=False),
            st.text(st.characters(exclude_categories=["Cs"])),
        ),
        lambda inner: st.one_of(
            st.lists(inner, max_size=3),
            st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner, max_size=3),
        ),
        max_leaves=6,
    ),
)
def test_a_restored_stack_has_the_digests_of_the_locked_one(
    tmp_path_factory: pytest.TempPathFactory, files: dict[str, bytes], value: Any
) -> None:
    from stopship.store.restored import _toml

    folder = tmp_path_factory.mktemp("s")
    write_files(folder / "code", dict(files))
    text = f'[code]\npaths = ["code"]\n[tools]\nversion = "1"\nvalue = {_toml(value)}\n'
    (folder / "stack.toml").write_text(text, encoding="utf-8", newline="")
    try:
        locked = lock_stack(folder / "stack.toml").stack
    except UsageError:  # a number that no JSON reader keeps
        assume(False)
    done = restore_stack(folder / "stack.toml", folder / "out")
    again = {one.axis: one.digest for one in open_stack(done.stack_file).stack.pins} if done.pins else {}
    assert again == {one.axis: one.digest for one in done.pins}
    assert {one.axis for one in done.pins} | {one.pin.axis for one in done.refused} == {"code", "tools"}
    assert locked.pin("tools").digest == again["tools"]
    is_text = all(
        b"\0" not in one and one == one.decode("utf-8", "ignore").encode() for one in files.values()
    )
    assert ("code" in again) == is_text


def test_own_files_never_count(tmp_path: Path) -> None:
    """A stack that pins its own folder can be locked twice, and its lock holds."""
    write_files(tmp_path, {"stack.toml": '[all]\npaths = ["."]\n', "a.py": "1"})
    first = lock_stack(tmp_path / "stack.toml").stack
    assert lock_stack(tmp_path / "stack.toml").stack == first
    assert [one.path for one in first.pins[0].files] == ["a.py"]
    assert verify_stack(tmp_path / "stack.toml")[1] == ()
    done = restore_stack(tmp_path / "stack.toml", tmp_path / "out")
    assert not done.refused


def test_a_store_within_a_pinned_folder_must_be_named_in_the_stack_file(tmp_path: Path) -> None:
    path = write_files(tmp_path, {"stack.toml": '[all]\npaths = ["app"]\n', "app/a.py": "1"}) / "stack.toml"
    with pytest.raises(UsageError, match=r"the store lies in a folder that \[all\] pins"):
        lock_stack(path, tmp_path / "app" / "kept")
    write_files(tmp_path, {"stack.toml": 'store = "app/kept"\n[all]\npaths = ["app"]\n'})
    write_files(tmp_path, {"app/kept/pins/sha256/aa/old": "x"})
    lock_stack(path)
    assert verify_stack(path)[1] == ()


def test_two_paths_of_one_name_and_an_empty_folder_are_faults(tmp_path: Path) -> None:
    text = '[a]\npaths = ["app", "../app"]\n[b]\npaths = ["none"]\n[c]\npaths = [".", "app", "./app/a.py"]\n'
    path = write_files(tmp_path / "s", {"stack.toml": text, "app/a.py": "1"}) / "stack.toml"
    (tmp_path / "s/none").mkdir()
    write_files(tmp_path, {"app/a.py": "2"})
    with pytest.raises(EvidenceError) as caught:
        open_stack(path)
    assert "is a second file called 'app/a.py'" in str(caught.value)
    assert "[b]: " in str(caught.value)
    assert "the folder holds no file" in str(caught.value)
    assert "[c]" not in str(caught.value)


def test_a_wrong_stack_keeps_nothing(tmp_path: Path) -> None:
    path = make_stack(tmp_path)
    path.write_text(path.read_text(encoding="utf-8") + "\n[x]\nversion = 3\n", encoding="utf-8")
    before = listing(tmp_path)
    with pytest.raises(UsageError):
        lock_stack(path)
    assert listing(tmp_path) == before


def test_two_locks_at_once_both_leave_a_whole_lock(tmp_path: Path) -> None:
    path = make_stack(tmp_path, **{f"app/m{i}.py": f"{i}\n" for i in range(60)})
    failed: list[BaseException] = []

    def run() -> None:
        try:
            lock_stack(path)
        except StopshipError as err:
            failed.append(err)

    threads = [threading.Thread(target=run) for _ in range(6)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert not failed
    assert verify_stack(path)[1] == ()
    assert not [one for one in listing(tmp_path) if one.endswith(".tmp")]


def test_a_lock_that_is_killed_leaves_the_old_lock_or_the_new(tmp_path: Path) -> None:
    path = make_stack(tmp_path, **{f"app/m{i}.py": f"{i}\n" for i in range(400)})
    lock_stack(path, tmp_path / "first")
    old = (tmp_path / "stack.lock.json").read_bytes()
    write_files(tmp_path, {"app/m0.py": "changed\n"})
    code = "import sys; from pathlib import Path; from stopship.pinning.lock import lock_stack\n"
    code += "lock_stack(Path(sys.argv[1]), Path(sys.argv[2]))"
    for i, after in enumerate((0.15, 0.25, 0.35)):
        child = subprocess.Popen([sys.executable, "-c", code, str(path), str(tmp_path / f"s{i}")])
        time.sleep(after)
        child.send_signal(signal.SIGKILL)
        child.wait()
        lock = tmp_path / "stack.lock.json"
        assert read_lock(lock)
        if lock.read_bytes() != old:
            assert verify_stack(path)[1] == ()
    lock_stack(path)
    assert verify_stack(path)[1] == ()


def test_restoring_never_writes_over_or_through_anything(tmp_path: Path) -> None:
    path = make_stack(tmp_path / "s")
    lock_stack(path)
    (tmp_path / "full").mkdir()
    (tmp_path / "full/x").write_bytes(b"mine")
    (tmp_path / "file").write_bytes(b"mine")
    (tmp_path / "dangling").symlink_to("nowhere")
    for name in ("full", "file", "dangling"):
        with pytest.raises(UsageError, match="is there already and is not an empty folder"):
            restore_stack(path, tmp_path / name)
    with pytest.raises(UsageError, match="cannot be written"):
        restore_stack(path, tmp_path / "file" / "below")
    assert listing(tmp_path / "full") == {"x"}
    (tmp_path / "empty").mkdir()
    assert restore_stack(path, tmp_path / "empty").pins


def test_missing_and_damaged_contents_keep_a_pin_out_whole(tmp_path: Path) -> None:
    path = make_stack(tmp_path / "s")
    stack = lock_stack(path).stack
    blobs = tmp_path / "s/pins/sha256"
    tools = next(one for one in stack.pin("code").files if one.path == "app/tools.py").digest
    (blobs / tools[:2] / tools).unlink()
    prompt = stack.pin("prompt").content
    (blobs / prompt[:2] / prompt).write_bytes(b"forged")
    done = restore_stack(path, tmp_path / "out")
    assert [one.axis for one in done.pins] == ["budget", "model"]
    because = {one.pin.axis: one.because for one in done.refused}
    assert "is not kept here" in because["code"]
    assert "is damaged" in because["prompt"]
    assert listing(tmp_path / "out") == {"stack.toml"}
    text = done.stack_file.read_text(encoding="utf-8")
    assert "# not restored: index 2026-02-28: it is data" in text
    assert {one.axis for one in open_stack(done.stack_file).stack.pins} == {"budget", "model"}


def test_a_restored_folder_that_gathers_more_than_its_own_files_is_told(tmp_path: Path) -> None:
    """`.` pinned a folder without the shared prompt; restored, the prompt would lie within it."""
    text = '[code]\npaths = ["."]\n[prompt]\nversion = "1"\nfile = "../shared/p.md"\n'
    path = write_files(tmp_path / "s", {"stack.toml": text, "a.py": "1"}) / "stack.toml"
    write_files(tmp_path, {"shared/p.md": "x"})
    lock_stack(path)
    done = restore_stack(path, tmp_path / "out")
    assert [one.axis for one in done.pins] == ["prompt"]
    assert "another digest" in done.refused[0].because


def test_names_that_are_no_unicode_survive_lock_and_restore(tmp_path: Path) -> None:
    strange = os.fsdecode(b"caf\xe9.txt")
    path = (
        write_files(tmp_path / "s", {"stack.toml": '[a]\npaths = ["x"]\n', f"x/{strange}": "1"})
        / "stack.toml"
    )
    lock_stack(path)
    assert verify_stack(path)[1] == ()
    restore_stack(path, tmp_path / "out")
    assert [os.fsencode(one.name) for one in (tmp_path / "out/x").iterdir()] == [b"caf\xe9.txt"]
