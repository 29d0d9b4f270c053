"""Versions that a function observes, stores that a stack file names, and values that come back."""

import hashlib
import json
import time
from pathlib import Path

import pytest
from tests.pinning.folders import make_stack, write_files
from tests.pinning.test_stacks import listing

from stopship.errors import EvidenceError, UsageError
from stopship.model.stack import Kind, Pin, stack_of
from stopship.pinning.lock import lock_stack, verify_stack
from stopship.pinning.restore import restore_stack
from stopship.pinning.stacks import diff_stacks, load_stack, open_stack
from stopship.store.contents import Contents
from stopship.store.lockfile import rendered


def observing(folder: Path, body: str) -> Path:
    text = '[index]\nversion = "1"\nobserve = "o.py:served"\n'
    return write_files(folder, {"stack.toml": text, "o.py": body}) / "stack.toml"


def test_a_served_version_is_pinned_and_its_drift_seen(tmp_path: Path) -> None:
    body = "from pathlib import Path\ndef served():\n    return Path(__file__).with_name('now').read_text()\n"
    path = observing(tmp_path, body)
    (tmp_path / "now").write_text("index-7", encoding="utf-8")
    lock_stack(path)
    assert json.loads((tmp_path / "stack.lock.json").read_bytes())["pins"]["index"]["served"] == "index-7"
    assert verify_stack(path)[1] == ()
    (tmp_path / "now").write_text("index-8", encoding="utf-8")
    (drift,) = verify_stack(path)[1]
    assert drift.old is not None
    assert drift.new is not None
    assert (drift.old.served, drift.new.served) == ("index-7", "index-8")
    (tmp_path / "now").unlink()
    (drift,) = verify_stack(path)[1]
    assert "served failed: FileNotFoundError" in str(drift.fault)
    assert "(o.py line 3)" in str(drift.fault)


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (
            "def served(): return 3",
            "served returned a value of type int, expected text of 1 to 1000 characters",
        ),
        ("def served(): return ' '", "served returned ' ', expected text"),
        ("def served(): return 'x' * 2000", "expected text of 1 to 1000 characters"),
        ("def serve(): return 'x'", "has no plain function 'served'"),
        ("async def served(): return 'x'", "has no plain function 'served'"),
        ("def served(a): return 'x'", "served failed: TypeError"),
        ("def served(): raise SystemExit(0)", "served failed: SystemExit"),
        ("def served(: return 3", "cannot be loaded: SyntaxError"),
        ("raise ValueError('\\x1b[31m')", "cannot be loaded: ValueError: \\x1b[31m"),
    ],
)
def test_an_observer_that_gives_no_version_is_a_fault(tmp_path: Path, body: str, told: str) -> None:
    with pytest.raises(EvidenceError) as caught:
        open_stack(observing(tmp_path, body))
    assert told in str(caught.value)
    assert "stack.toml:1 [index]: " in str(caught.value)


def test_an_observer_that_is_not_there(tmp_path: Path) -> None:
    path = observing(tmp_path, "")
    (tmp_path / "o.py").unlink()
    with pytest.raises(EvidenceError, match="there is no such file"):
        open_stack(path)


def test_a_lock_reads_its_texts_from_the_store_that_its_stack_file_names(tmp_path: Path) -> None:
    path = make_stack(tmp_path / "s")
    path.write_text('store = "../kept"\n' + path.read_text(encoding="utf-8"), encoding="utf-8")
    lock_stack(path)
    assert (tmp_path / "kept/pins/sha256").is_dir()
    stack, read = load_stack(tmp_path / "s/stack.lock.json")
    prompt = stack.pin("prompt")
    assert read(prompt, prompt.files[0]) == b"Answer.\nBe kind.\n"
    path.unlink()
    assert load_stack(tmp_path / "s/stack.lock.json", tmp_path / "kept")[1](prompt, prompt.files[0])
    assert load_stack(tmp_path / "s/stack.lock.json")[1](prompt, prompt.files[0]) is None


@pytest.mark.slow
def test_ten_thousand_files(tmp_path: Path) -> None:
    files: dict[str, bytes | str] = {f"app/d{i % 100}/f{i}.py": f"x = {i}\n" for i in range(10_000)}
    path = write_files(tmp_path, files | {"stack.toml": '[code]\npaths = ["app"]\n'}) / "stack.toml"
    lock_stack(path)
    start = time.monotonic()
    assert verify_stack(path)[1] == ()
    assert time.monotonic() - start < 60


@pytest.mark.parametrize(
    "data",
    [b"{", b"[" * 100_000, b"[" * 900 + b"]" * 900, b'{"a": 1}', b"null", b'"\\ud800"', b"1e999"],
    ids=["cut", "deep", "closed", "spaced", "null", "surrogate", "infinite"],
)
def test_a_forged_value_is_not_restored(tmp_path: Path, data: bytes) -> None:
    digest = hashlib.sha256(data).hexdigest()
    pin = Pin(axis="a", version="1", kind=Kind.VALUE, content=digest)
    (tmp_path / "stack.lock.json").write_bytes(rendered(stack_of([pin])))
    Contents(tmp_path).keep(digest, data)
    done = restore_stack(tmp_path / "stack.lock.json", tmp_path / "out")
    assert [one.pin for one in done.refused] == [pin]
    other = write_files(tmp_path / "o", {"o.toml": '[a]\nversion = "1"\nvalue = 1\n'}) / "o.toml"
    assert diff_stacks(tmp_path / "stack.lock.json", other)[0].is_other_content


def test_numbers_of_a_value_come_back_as_they_were(tmp_path: Path) -> None:
    text = '[a]\nversion = "1"\nvalue = [1, 1.5, 1e20, -1e300, 9007199254740991, 1e16]\n'
    path = write_files(tmp_path, {"stack.toml": text}) / "stack.toml"
    lock_stack(path)
    restored = open_stack(restore_stack(path, tmp_path / "out").stack_file)
    assert restored.value("a") == open_stack(path).value("a") == [1, 1.5, 1e20, -1e300, 2**53 - 1, 1e16]


def test_a_folder_that_may_not_be_written_leaves_all_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make_stack(tmp_path)

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    before = listing(tmp_path)
    monkeypatch.setattr("pathlib.Path.mkdir", refuse)
    with pytest.raises(UsageError, match="the folder cannot be made: Permission denied"):
        lock_stack(path)
    assert listing(tmp_path) == before
