"""A store takes whole runs and gives whole runs back, be it a folder or a URL; its secrets stay secret."""

import hashlib
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import fsspec  # type: ignore[import-untyped]  # fsspec has no types
import pytest

from stopship.errors import EvidenceError, StopshipError, UsageError
from stopship.model.run import Outcome, Run, RunHead, case_digest
from stopship.model.stack import Kind, Pin, content_of, stack_of
from stopship.store.remote import FolderStore, Store, UrlStore, open_store, redacted
from stopship.store.runcodec import MANIFEST, TIMINGS, TRACES
from stopship.store.runs import read_run, seal_run

ROWS = {f"k{i}": {"question": f"why {i}? \ud83d"} for i in range(3)}
PIN = Pin(axis="model", version="m1", kind=Kind.VERSION, content=content_of(Kind.VERSION, []))
HEAD = RunHead(
    suite="support",
    target="app.py:answer",
    cases="c" * 64,
    planned={key: case_digest(row) for key, row in ROWS.items()},
    stack=stack_of([PIN]),
)


def sealed(folder: Path, head: RunHead = HEAD, took_ms: float = 1.0) -> tuple[Run, Path]:
    outcomes = [Outcome(key=key, trace={"output": key}, took_ms=took_ms) for key in ROWS]
    run = seal_run(folder, head, ROWS, outcomes, provenance={})
    return run, folder / run.id


@pytest.fixture(params=["folder", "file", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    if request.param == "memory":
        yield open_store(f"memory://{tmp_path.name}/store", tmp_path)
        fsspec.filesystem("memory").store.clear()
    else:
        before = "file://" if request.param == "file" else ""
        yield open_store(f"{before}{tmp_path}/the store [1]", tmp_path)


def place_of(store: Store) -> tuple[Any, str]:
    """The raw file system under a store, to damage what is there."""
    if isinstance(store, FolderStore):
        return fsspec.filesystem("file"), str(store.folder)
    assert isinstance(store, UrlStore)
    fs, root = fsspec.core.url_to_fs(store._url)
    return fs, root


def test_a_run_goes_in_and_comes_out_whole(store: Store, tmp_path: Path) -> None:
    run, folder = sealed(tmp_path / "runs")
    assert store.list_runs() == []
    assert not store.has_run(run.id)
    store.put_run(folder)
    store.put_run(folder)
    assert store.list_runs() == [run.id]
    assert store.has_run(run.id)
    for _ in range(2):
        fetched = store.fetch_run(run.id, tmp_path / "cache")
        assert fetched == store.runs_folder(tmp_path / "cache") / run.id
        assert replace(read_run(fetched), place="") == replace(run, place="")
    other, folder = sealed(tmp_path / "runs", replace(HEAD, epoch=1))
    store.put_run(folder)
    assert store.list_runs() == sorted([run.id, other.id])


def test_an_equal_run_that_took_another_time_is_renewed_in_a_folder_alone(
    store: Store, tmp_path: Path
) -> None:
    """A store behind a URL is never written over."""
    run, folder = sealed(tmp_path / "a")
    store.put_run(folder)
    later, folder = sealed(tmp_path / "b", took_ms=9.0)
    store.put_run(folder)
    held = run if store.local is None else later
    assert read_run(store.fetch_run(run.id, tmp_path / "cache")).outcomes == held.outcomes


@pytest.mark.parametrize("name", [MANIFEST, TRACES, TIMINGS])
def test_a_damaged_run_in_the_store_is_never_replaced_nor_served(
    store: Store, tmp_path: Path, name: str
) -> None:
    run, folder = sealed(tmp_path / "runs")
    store.put_run(folder)
    fs, root = place_of(store)
    path = f"{root}/runs/{run.id}/{name}"
    damaged = fs.cat_file(path)[:-2]
    fs.pipe_file(path, damaged)
    with pytest.raises(EvidenceError):
        store.put_run(folder)
    with pytest.raises(EvidenceError):
        read_run(store.fetch_run(run.id, tmp_path / "cache"))
    assert fs.cat_file(path) == damaged
    assert not list((tmp_path / "cache").rglob("*.jsonl"))
    if name != MANIFEST:
        fs.rm_file(path)
        with pytest.raises(EvidenceError, match=f"lacks its {name}|{name} is missing"):
            read_run(store.fetch_run(run.id, tmp_path / "cache"))


def test_another_run_in_the_place_is_an_error(store: Store, tmp_path: Path) -> None:
    run, folder = sealed(tmp_path / "runs")
    _, other = sealed(tmp_path / "runs", replace(HEAD, epoch=1))
    fs, root = place_of(store)
    fs.makedirs(f"{root}/runs/{run.id}", exist_ok=True)
    for one in other.iterdir():
        fs.pipe_file(f"{root}/runs/{run.id}/{one.name}", one.read_bytes())
    with pytest.raises(EvidenceError, match=r"is taken by the run|not that of its name"):
        store.put_run(folder)
    with pytest.raises(EvidenceError, match=r"what was to be filed is the run|not that of its name"):
        read_run(store.fetch_run(run.id, tmp_path / "cache"))


def test_a_run_that_is_not_there_is_said_so(store: Store, tmp_path: Path) -> None:
    with pytest.raises(EvidenceError, match="the run aaaaaaaaaaaa is not in the store"):
        store.fetch_run("a" * 64, tmp_path / "cache")
    for name in ("../../x", "", "abcd", "\0", "\x1b[31m"):
        with pytest.raises(EvidenceError, match="is no run"):
            store.has_run(name)
        with pytest.raises(EvidenceError, match="is no run"):
            store.fetch_run(name, tmp_path / "cache")


def test_a_damaged_run_is_not_put(store: Store, tmp_path: Path) -> None:
    _, folder = sealed(tmp_path / "runs")
    (folder / TRACES).write_bytes(b"")
    with pytest.raises(EvidenceError, match=r"traces\.jsonl is damaged"):
        store.put_run(folder)
    assert store.list_runs() == []


def test_a_half_upload_is_no_run_and_is_finished_by_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, folder = sealed(tmp_path / "runs")
    store = open_store(f"file://{tmp_path}/store", tmp_path)
    fs, _ = place_of(store)
    real = type(fs).pipe_file
    for allowed in range(5):
        sent: list[str] = []

        def torn(self: Any, path: str, data: bytes, sent: list[str] = sent, allowed: int = allowed) -> None:
            if len(sent) == allowed:
                raise ConnectionResetError("reset by peer")
            real(self, path, data)
            sent.append(path)

        with monkeypatch.context() as patched:
            patched.setattr(type(fs), "pipe_file", torn)
            with pytest.raises(EvidenceError, match="cannot be reached: ConnectionResetError: reset by peer"):
                store.put_run(folder)
        assert not store.has_run(run.id)
        assert store.list_runs() == []
    store.put_run(folder)
    assert store.list_runs() == [run.id]


def test_an_upload_that_arrives_changed_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, folder = sealed(tmp_path / "runs")
    store = open_store(f"file://{tmp_path}/store", tmp_path)
    fs, _ = place_of(store)
    real = type(fs).pipe_file
    monkeypatch.setattr(type(fs), "pipe_file", lambda self, path, data: real(self, path, data[:-1]))
    with pytest.raises(EvidenceError, match="was damaged while it was uploaded"):
        store.put_run(folder)


def test_a_folder_is_relative_to_the_suite_and_a_url_is_not(tmp_path: Path) -> None:
    assert open_store("../fixtures/x", tmp_path).local == tmp_path / "../fixtures/x"
    assert open_store(str(tmp_path), Path("elsewhere")).local == tmp_path
    assert open_store("memory://x", tmp_path).local is None
    for text in ("", " ", "a\0b"):
        with pytest.raises(UsageError, match="is no folder"):
            open_store(text, tmp_path)


SECRETS = [
    ("s3://KEY:SEC/RET@bucket/path", "s3://…@bucket/path"),
    ("s3://KEY:SE?C@RET@bucket", "s3://…@bucket"),
    ("simplecache::s3://KEY:SECRET@bucket", "simplecache::s3://…@bucket"),
    ("https://host/x?sig=SECRET#KEY", "https://host/x?…"),
    ("nosuch://KEY:SECRET\n@host/x", "nosuch://…@host/x"),
]


@pytest.mark.parametrize(("url", "shown"), SECRETS, ids=[one for _, one in SECRETS])
def test_credentials_of_a_url_are_never_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str, shown: str
) -> None:
    monkeypatch.setitem(sys.modules, "s3fs", None)
    assert redacted(url) == shown
    _, folder = sealed(tmp_path / "runs")
    store = open_store(url, tmp_path)

    class Fails:
        protocol = "x"

        def invalidate_cache(self) -> None:
            raise OSError(f"403 for {url}: KEY SECRET SEC RET")

    for opened in (None, (Fails(), "root")):
        assert isinstance(store, UrlStore)
        store._opened = opened
        if opened is None and url.startswith("https"):
            continue  # where its package is installed, this would reach for the network
        for act in (
            store.list_runs, lambda: store.put_run(folder), lambda: store.fetch_run("a" * 64, tmp_path)
        ):  # fmt: skip
            with pytest.raises(EvidenceError) as caught:
                act()
            said = f"{caught.value}{store.name}"
            assert not [one for one in ("KEY", "SEC", "RET") if one in said.replace("…", "")]
            assert shown in said


def test_a_missing_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "s3fs", None)
    with pytest.raises(EvidenceError, match=r"needs a package that is not installed(.|\n)*s3fs"):
        open_store("s3://bucket/x", tmp_path).list_runs()
    with pytest.raises(EvidenceError, match=r"cannot be reached: ValueError: Protocol not known: nosuch"):
        open_store("nosuch://bucket/x", tmp_path).list_runs()


def test_the_errors_of_a_loaded_package_become_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class EndpointError(Exception):  # as botocore's: no OSError
        pass

    monkeypatch.setitem(sys.modules, "botocore.exceptions", SimpleNamespace(BotoCoreError=EndpointError))
    store = open_store("memory://x", tmp_path)
    fs, _ = place_of(store)

    def unreachable(self: object) -> None:
        raise EndpointError("no route to \x1b[31mhost")

    monkeypatch.setattr(type(fs), "invalidate_cache", unreachable)
    with pytest.raises(StopshipError, match=r"EndpointError: no route to \\x1b\[31mhost\n  check the URL"):
        store.list_runs()


def test_opening_a_store_reaches_for_nothing(tmp_path: Path) -> None:
    import subprocess

    probe = (
        "import sys; from pathlib import Path; from stopship.store.remote import open_store\n"
        "open_store('s3://bucket/x', Path('.')); open_store('x', Path('.')).list_runs()\n"
        "assert 'fsspec' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", probe], check=True, cwd=tmp_path)


DATA = b"Answer.\r\n"
DIGEST = hashlib.sha256(DATA).hexdigest()


def test_a_text_goes_in_and_comes_out_whole(store: Store) -> None:
    texts = store.texts()
    assert not texts.has(DIGEST)
    with pytest.raises(EvidenceError, match="is not kept here\n  fetch it, or name the store"):
        texts.read(DIGEST)
    for _ in range(2):
        texts.keep(DIGEST, DATA)
        assert texts.has(DIGEST)
        assert texts.read(DIGEST) == DATA
    fs, root = place_of(store)
    assert fs.cat_file(f"{root}/pins/sha256/{DIGEST[:2]}/{DIGEST}") == DATA


def test_a_damaged_text_is_never_served_and_keeping_it_again_mends_it(store: Store) -> None:
    texts = store.texts()
    texts.keep(DIGEST, DATA)
    fs, root = place_of(store)
    fs.pipe_file(f"{root}/pins/sha256/{DIGEST[:2]}/{DIGEST}", DATA[:-1])
    with pytest.raises(EvidenceError, match="damaged: it has another digest than its name"):
        texts.read(DIGEST)
    texts.keep(DIGEST, DATA)
    assert texts.read(DIGEST) == DATA


def test_a_text_that_was_read_is_there_when_the_url_is_not(tmp_path: Path) -> None:
    store = open_store(f"file://{tmp_path}/there", tmp_path)
    store.texts().keep(DIGEST, DATA)
    cache = tmp_path / "cache"
    assert store.texts(cache).read(DIGEST) == DATA
    gone = open_store("nowhere://bucket/x", tmp_path).texts(cache)
    assert gone.read(DIGEST) == DATA
    cached = cache / "pins" / "sha256" / DIGEST[:2] / DIGEST
    cached.write_bytes(b"forged")
    assert store.texts(cache).read(DIGEST) == DATA
    with pytest.raises(EvidenceError, match="the store cannot be reached"):
        gone.has("0" * 64)
