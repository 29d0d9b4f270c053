"""Files and folders as digests: byte for byte, whole, and never beyond the folder."""

import hashlib
import os
import socket
import tempfile
from pathlib import Path

import pytest
from tests.pinning.folders import write_files

from stopship.errors import EvidenceError
from stopship.model.stack import TEXT_LIMIT
from stopship.store.trees import LINKED_LIMIT, files_in, is_folder, read_file


@pytest.fixture(autouse=True)
def in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def names(folder: str, *skip: str) -> list[str]:
    return sorted(one for one, _ in files_in(Path(folder), frozenset(os.path.realpath(one) for one in skip)))


@pytest.mark.parametrize(
    ("data", "is_text"),
    [
        (b"", True),
        (b"a\r\nb\n", True),
        ("日本".encode(), True),
        (b"\xff", False),
        (b"a\0b", False),
        (b"x" * TEXT_LIMIT, True),
        (b"x" * (TEXT_LIMIT + 1), False),
        (b"x" * 3_000_001, False),
    ],
    ids=["empty", "CRLF", "Unicode", "binary", "NUL", "largest", "larger", "large"],
)
def test_a_file_is_its_bytes(data: bytes, is_text: bool) -> None:
    Path("f").write_bytes(data)
    kept: list[tuple[str, bytes]] = []
    found = read_file(Path("f"), "name", lambda digest, one: kept.append((digest, one)))
    sha256 = hashlib.sha256(data).hexdigest()
    assert (found.path, found.size, found.digest, found.is_text) == ("name", len(data), sha256, is_text)
    assert kept == ([(sha256, data)] if is_text else [])


def test_caches_editors_files_and_version_control_are_left_out() -> None:
    files: dict[str, str | bytes] = dict.fromkeys(
        (
            *("a/x.py", "a/.env", "a/deep/y.txt", "own/z"),
            *("a/x.pyc", "a/__pycache__/x", "a/.git/HEAD", "a/.stopship/run", "a/x.py~", "a/.x.py.swp"),
            *("a/.#x.py", "a/#x.py#", "a/.DS_Store", "a/.idea/x", "a/.stopship-01.tmp"),
        ),
        "",
    )
    write_files(Path(), files)
    Path("a/empty").mkdir()
    assert names("a") == [".env", "deep/y.txt", "x.py"]
    assert names("a", "a/deep", "a/x.py") == [".env"]


def test_a_link_inside_the_folder_counts_as_what_it_leads_to() -> None:
    write_files(Path("a"), {"real/x": "1", "y": "2"})
    Path("a/link").symlink_to("real")
    Path("a/z").symlink_to(Path("a/y").absolute())
    assert names("a") == ["link/x", "real/x", "y", "z"]
    Path("top").symlink_to("a")
    assert names("top") == names("a")


def refusal(folder: str = "a") -> str:
    with pytest.raises(EvidenceError) as caught:
        [read_file(path, name) for name, path in files_in(Path(folder), frozenset())]
    return str(caught.value)


@pytest.mark.parametrize(
    ("target", "told"),
    [
        ("../b/x", "is a link that leaves the folder\n  put the file itself there, or pin what it leads to"),
        ("../ab", "is a link that leaves the folder\n  put the file itself there, or pin what it leads to"),
        ("/etc", "is a link that leaves the folder\n  put the file itself there, or pin what it leads to"),
        ("nowhere", "is a link that leads nowhere\n  mend or remove the link"),
        (".", "is a link to a folder that holds it\n  remove the link"),
    ],
)
def test_a_link_that_leads_astray_is_named(target: str, told: str) -> None:
    write_files(Path(), {"a/deep/y": "1", "b/x": "2", "ab/x": "3"})
    Path("a/link").symlink_to(target)
    assert refusal() == f"a/link: {told}"


def test_rings_of_links_end() -> None:
    write_files(Path("a"), {"one/x": "", "two/x": ""})
    Path("a/self").symlink_to("self")
    assert refusal().startswith("a/self: cannot be read: Too many levels of symbolic links")
    Path("a/self").unlink()
    Path("a/one/two").symlink_to("../two")
    Path("a/two/one").symlink_to("../one")
    assert "is a link to a folder that holds it" in refusal()


def test_links_to_links_cannot_multiply_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stopship.store.trees.LINKED_LIMIT", 500)
    for i in range(20):
        write_files(Path("a"), {f"d{i}/x": ""})
        for name in "pq" if i < 19 else "":
            Path(f"a/d{i}/{name}").symlink_to(f"../d{i + 1}")
    assert "its links lead to more than" in refusal()
    assert LINKED_LIMIT > 500


def test_pipes_and_sockets_are_refused_without_waiting() -> None:
    Path("a").mkdir()
    os.mkfifo("a/pipe")
    assert refusal() == "a/pipe: is a pipe, socket or device, not a file\n  pin a folder without it"
    with pytest.raises(EvidenceError, match="is a pipe"):
        read_file(Path("a/pipe"), "x")
    Path("a/pipe").unlink()
    with tempfile.TemporaryDirectory() as short, socket.socket(socket.AF_UNIX) as made:
        made.bind(f"{short}/s")
        with pytest.raises(EvidenceError, match=r"cannot be read|is a pipe, socket"):
            read_file(Path(f"{short}/s"), "x")


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("no", "no: there is no such file\n  check the path in the stack file; paths are relative to it"),
        (
            "a/b",
            (
                "a/b: cannot be read: Not a directory\n"
                "  check the path in the stack file; paths are relative to it"
            ),
        ),
        (".", ".: is a folder, not a file\n  pin a folder with `paths` (code, texts) or `path` (data)"),
        ("bad", "bad: is a link that leads nowhere\n  mend or remove the link"),
    ],
)
def test_what_cannot_be_read_is_named(path: str, told: str) -> None:
    Path("a").write_bytes(b"")
    Path("bad").symlink_to("nowhere")
    with pytest.raises(EvidenceError) as caught:
        read_file(Path(path), "x")
    assert str(caught.value) == told


def test_a_file_that_may_not_be_read_is_never_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    write_files(Path("a"), {"x": ""})
    monkeypatch.setattr("stopship.store.trees.os.scandir", refuse)
    assert refusal() == "a: may not be read by this user\n  grant read access to it"
    monkeypatch.undo()
    monkeypatch.setattr("stopship.store.trees.os.open", refuse)
    with pytest.raises(EvidenceError, match="may not be read"):
        read_file(Path("x"), "x")


def test_names_that_are_no_unicode_and_names_that_differ_by_case() -> None:
    strange = os.fsdecode(b"caf\xe9")
    write_files(Path("a"), {strange: "1", "A": "2", "ä": "3"})
    write_files(Path("a"), {"a": "4"})
    assert set(names("a")) == {strange, "A", "a", "ä"}
    Path(f"a/{strange}").unlink()
    Path(f"a/{strange}").symlink_to("no\nwhere")
    assert refusal().startswith("a/caf\\udce9: is a link that leads nowhere")


def test_a_folder_is_told_from_a_file() -> None:
    write_files(Path("a"), {"x": ""})
    assert is_folder(Path("a"))
    assert not is_folder(Path("a/x"))
    with pytest.raises(EvidenceError, match="there is no such file"):
        is_folder(Path("b"))
