"""One plain file for the artefacts of a CI: equal recordings, equal bytes; a hostile one writes nothing."""

import io
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.examples import tries
from tests.store.recorded import RECORDINGS, as_kept, put, recording, said

from stopship.errors import EvidenceError, UsageError
from stopship.model.exchange import Recording
from stopship.store import segments
from stopship.store.packs import pack, packed, unpack
from stopship.store.recordinglines import HEADER
from stopship.store.recordings import Recordings
from stopship.store.segments import SEGMENT_LIMIT, segments_of, write_segment

A = recording("lookup", {"id": 1}, "one")
B = recording("lookup", {"id": 2}, "two")
C = recording("search", {"q": "x"}, "three", case="refund-2")


def unpacked(path: Path, folder: Path) -> tuple[int, int]:
    return unpack(path, Recordings(folder), lambda _, data: write_segment(folder, data))


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    put(tmp_path / "r", A, B, C)
    pack(Recordings(tmp_path / "r"), tmp_path / "pack.tar")
    return tmp_path / "pack.tar"


@settings(max_examples=tries(40), deadline=None)
@given(RECORDINGS, st.integers(0, 5))
def test_a_pack_is_the_same_whatever_files_the_recordings_lay_in(
    tmp_path_factory: pytest.TempPathFactory, several: list[Recording], cut: int
) -> None:
    top = tmp_path_factory.mktemp("pack")
    put(top / "one", *several)
    put(top / "many", *several[cut:])
    put(top / "many", *several[: cut + 1])
    data = packed(Recordings(top / "one"))
    assert data == packed(Recordings(top / "many"))
    (top / "pack.tar").write_bytes(data)
    for _ in range(2):  # unpacking over existing ones is safe
        unpacked(top / "pack.tar", top / "many")
        assert unpacked(top / "pack.tar", top / "out")[0] == (1 if several else 0)
    assert said(Recordings(top / "many").each()) == said(Recordings(top / "out").each())
    assert said(Recordings(top / "out").each()) == said(map(as_kept, several))
    assert packed(Recordings(top / "out")) == data


def test_a_pack_is_a_plain_tar_that_others_read(archive: Path) -> None:
    with tarfile.open(archive, "r:") as tar:
        (one,) = tar.getmembers()
        assert (one.mtime, one.uid, one.uname, one.mode, one.isreg()) == (0, 0, "", 0o644, True)
        assert one.name.startswith("recordings/")
    assert archive.stat().st_size % tarfile.RECORDSIZE == 0


def test_a_pack_cut_at_any_block_or_with_a_changed_byte_writes_nothing(archive: Path, tmp_path: Path) -> None:
    whole = archive.read_bytes()
    used = whole.rstrip(b"\0")
    cuts = [*range(0, len(used), 97), *range(len(used), len(whole), 512)]
    damaged = [whole[:cut] for cut in cuts] + [whole + b"\0", whole + b"\0" * 512]
    damaged += [
        whole[:index] + bytes([whole[index] ^ 1]) + whole[index + 1 :] for index in range(0, len(whole), 31)
    ]
    for data in damaged:
        archive.write_bytes(data)
        with pytest.raises(EvidenceError, match=r"pack\.tar"):
            unpacked(archive, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def made(*members: tuple[tarfile.TarInfo, bytes], form: int = tarfile.USTAR_FORMAT) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form) as tar:
        for info, data in members:
            info.size = len(data) if info.isreg() else 0
            tar.addfile(info, io.BytesIO(data))
    return out.getvalue()


def hostile(change: Callable[[tarfile.TarInfo], None], data: bytes = b"x") -> tuple[tarfile.TarInfo, bytes]:
    one = tarfile.TarInfo("recordings/ab/ab" + "0" * 62 + ".jsonl")
    one.mode = 0o644
    change(one)
    return one, data


def test_hostile_archives_are_refused_and_write_nothing(archive: Path, tmp_path: Path) -> None:
    with tarfile.open(archive) as tar:
        inner = tar.getmembers()[0]
        stream = tar.extractfile(inner)
        assert stream is not None
        whole = stream.read()
    folder, name = inner.name.rsplit("/", 1)

    def good(change: Callable[[tarfile.TarInfo], None] = lambda _: None) -> tuple[tarfile.TarInfo, bytes]:
        one = tarfile.TarInfo(inner.name)
        one.mode = 0o644
        change(one)
        return one, whole

    huge = tarfile.TarInfo(inner.name)
    huge.mode, huge.size = 0o644, SEGMENT_LIMIT + 1
    names = ["../evil", "/etc/evil", f"recordings/../{name}", f"{folder}/../{name}", name, f"{inner.name}/"]
    names += [f"{folder}/{name}.x", f"./{inner.name}", "recordings/ab/" + "é" * 20]
    cases = {
        **{f"name {one}": made(hostile(lambda it, one=one: setattr(it, "name", one))) for one in names},  # type: ignore[misc]  # the default is the point
        "symlink": made(hostile(lambda it: vars_set(it, type=tarfile.SYMTYPE, linkname="/etc/passwd"))),
        "hard link": made(hostile(lambda it: vars_set(it, type=tarfile.LNKTYPE, linkname=inner.name))),
        "folder": made(hostile(lambda it: vars_set(it, type=tarfile.DIRTYPE))),
        "device": made(hostile(lambda it: vars_set(it, type=tarfile.CHRTYPE))),
        "other content": made(hostile(lambda _: None)),
        "twice": made(good(), good()),
        "mode": made(good(lambda it: setattr(it, "mode", 0o4755))),
        "owner": made(good(lambda it: setattr(it, "uname", "root"))),
        "time": made(good(lambda it: setattr(it, "mtime", 1))),
        "pax": made(good(lambda it: setattr(it, "pax_headers", {"path": "../x"})), form=tarfile.PAX_FORMAT),
        "gnu long name": made(
            hostile(lambda it: setattr(it, "name", "recordings/" + "a" * 200)), form=tarfile.GNU_FORMAT
        ),
        "huge": huge.tobuf(tarfile.USTAR_FORMAT) + whole,
        "base 256 size": huge.tobuf(tarfile.USTAR_FORMAT)[:124] + b"\x80" + b"\xff" * 11 + whole,
        "no tar": b"hello",
        "empty": b"",
    }
    for what, data in cases.items():
        archive.write_bytes(data)
        with pytest.raises(EvidenceError, match=r"pack\.tar"):
            unpacked(archive, tmp_path / "out")
        assert not (tmp_path / "out").exists(), what
    archive.write_bytes(made(good()))
    assert unpacked(archive, tmp_path / "out") == (1, 1)  # what the others differ from


def vars_set(one: tarfile.TarInfo, **values: object) -> None:
    for name, value in values.items():
        setattr(one, name, value)


def test_an_archive_that_answers_otherwise_is_refused_and_writes_nothing(
    archive: Path, tmp_path: Path
) -> None:
    put(tmp_path / "other", recording("lookup", {"id": 1}, "another"))
    before = sorted((tmp_path / "other").rglob("*"))
    with pytest.raises(EvidenceError, match=r"1 calls are answered otherwise(.|\n)*'lookup'(.|\n)*forget"):
        unpacked(archive, tmp_path / "other")
    assert sorted((tmp_path / "other").rglob("*")) == before
    put(tmp_path / "both", A)
    put(tmp_path / "both", recording("lookup", {"id": 1}, "another"))
    with pytest.raises(EvidenceError, match="answered otherwise"):
        packed(Recordings(tmp_path / "both"))


def test_places_that_cannot_be_read_or_written_are_said(archive: Path, tmp_path: Path) -> None:
    found = Recordings(tmp_path / "r")
    with pytest.raises(UsageError, match="the folder does not exist"):
        pack(found, tmp_path / "nowhere" / "pack.tar")
    with pytest.raises(EvidenceError, match="No such file"):
        unpacked(tmp_path / "missing.tar", tmp_path / "out")
    with pytest.raises(EvidenceError, match="is not a file"):
        unpacked(tmp_path, tmp_path / "out")
    (tmp_path / "file").write_text("x")
    with pytest.raises(UsageError, match="cannot be written"):
        unpack(archive, Recordings(tmp_path / "out"), lambda _, data: write_segment(tmp_path / "file", data))


@given(st.lists(st.integers(1, 40)), st.integers(1, 60))
def test_a_file_takes_no_further_line_once_it_is_full_and_none_is_lost(sizes: list[int], room: int) -> None:
    lines = [b"x" * size + b"\n" for size in sizes]
    full = len(HEADER) + room
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(segments, "FULL", full)
        files = list(segments_of(lines))
    assert b"".join(one.removeprefix(HEADER) for one in files) == b"".join(lines)
    assert all(one.startswith(HEADER) for one in files)
    for one in files:
        assert len(one) <= full or one.count(b"\n") == 2  # the header, and a line longer than a file
