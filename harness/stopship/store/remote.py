"""A suite's store: a folder, or a URL that fsspec can open. Runs and texts go in whole and come out verified.

Decides when a run is in the store. Never takes a half upload for a run, never replaces a run by another,
and never shows the credentials of a URL.
"""

import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from stopship.errors import EvidenceError, UsageError
from stopship.model.run import SHORT_ID
from stopship.store.contents import Contents, Texts, UrlContents
from stopship.store.evidencefiles import read_bytes, read_chunks, write_once
from stopship.store.runcodec import MANIFEST, SEALED
from stopship.store.runplan import is_digest
from stopship.store.runreading import FETCH_AGAIN, read_any, read_run
from stopship.store.runs import file_run, find_runs
from stopship.store.segments import name_of, segment_names, write_segment
from stopship.store.shown import quoted, shown

RUNS, RECORDINGS = "runs", "recordings"
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.:-]+://")
_FILES = (*SEALED, MANIFEST)  # in the order of uploading: the manifest makes it a run, so it comes last
_LOCAL = frozenset({"file", "local"})
_TOLD = {  # errors of file systems that are no OSError, where their packages are loaded
    "aiohttp": ("ClientError",),
    "azure.core.exceptions": ("AzureError",),
    "botocore.exceptions": ("BotoCoreError", "ClientError"),
    "gcsfs.retry": ("HttpError",),
    "google.auth.exceptions": ("GoogleAuthError",),
    "requests": ("RequestException",),
    "paramiko": ("SSHException",),
}


class Store(Protocol):
    """Where accepted runs lie, and the texts of pins."""

    name: str  # for messages, without credentials
    local: Path | None  # the folder; None: a URL

    def runs_folder(self, cache: Path) -> Path:
        """The folder in which fetched runs come to lie."""

    def list_runs(self) -> list[str]:
        """The ids of the runs there, in order."""

    def has_run(self, run_id: str) -> bool:
        """Whether a run of the id is there; only reading says whether it is whole."""

    def fetch_run(self, run_id: str, cache: Path) -> Path:
        """A local folder that holds the run; `read_run` says whether it is whole.

        Raises EvidenceError where the run is missing, or does not arrive whole.
        """

    def put_run(self, folder: Path) -> None:
        """Copy a sealed run into the store, and verify the copy. An equal run there is left alone.

        Equal is what has the same id: times and provenance may differ. Raises EvidenceError where the run,
        or what lies in its place, is damaged.
        """

    def texts(self, cache: Path | None = None) -> Texts:
        """The texts of pins there; a store behind a URL leaves in `cache` what was read."""

    def fetch_recordings(self, cache: Path) -> tuple[Path, list[str]]:
        """A local folder of the recordings there, and the names of their files in it, in order."""

    def put_recordings(self, name: str, data: bytes) -> None:
        """Put one file of recordings into the store, by its name; an equal one there is left alone."""


def open_store(text: str, base: Path) -> Store:
    """The store that a suite names: a folder relative to `base`, or a URL. Reaches for nothing yet."""
    if not text.strip() or "\0" in text:
        raise UsageError(f"the store {quoted(text)} is no folder", do='store = "../fixtures/NAME", or a URL')
    if _URL.match(text):
        return UrlStore(text)
    return FolderStore(base / text)


class FolderStore:
    """A store in a folder, usually in version control."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.local: Path | None = folder
        self.name = shown(folder)

    def runs_folder(self, cache: Path) -> Path:  # noqa: ARG002  # a URL needs it
        return self.folder / RUNS

    def list_runs(self) -> list[str]:
        return find_runs(self.folder / RUNS)

    def has_run(self, run_id: str) -> bool:
        return _checked(run_id) in self.list_runs()

    def fetch_run(self, run_id: str, cache: Path) -> Path:
        folder = self.runs_folder(cache) / _checked(run_id)
        if not folder.is_dir():
            raise _not_there(run_id, self.name)
        return folder

    def put_run(self, folder: Path) -> None:
        run = read_run(folder)
        files = {name: read_chunks(folder / name, FETCH_AGAIN) for name in _FILES}
        file_run(self.folder / RUNS, run.id, files)

    def texts(self, cache: Path | None = None) -> Texts:  # noqa: ARG002  # a URL needs it
        return Contents(self.folder)

    def fetch_recordings(self, cache: Path) -> tuple[Path, list[str]]:  # noqa: ARG002  # ditto
        folder = self.folder / RECORDINGS
        return folder, segment_names(folder)

    def put_recordings(self, name: str, data: bytes) -> None:  # noqa: ARG002  # ditto
        write_segment(self.folder / RECORDINGS, data)


class UrlStore:
    """A store behind a URL. Nothing is asked of it before it is needed."""

    def __init__(self, url: str) -> None:
        self.name = redacted(url)
        self.local: Path | None = None
        self._url = url
        self._opened: tuple[Any, str] | None = None

    def runs_folder(self, cache: Path) -> Path:
        return cache / RUNS

    def list_runs(self) -> list[str]:
        with self._reached() as (fs, root):
            try:
                found = fs.find(f"{root}/{RUNS}")
            except FileNotFoundError:
                if _is_gone(fs, root):
                    raise
                return []
        parts = [str(one).rsplit("/", 2) for one in found]
        return sorted(
            {part[1] for part in parts if len(part) == 3 and part[2] == MANIFEST and is_digest(part[1])}
        )

    def has_run(self, run_id: str) -> bool:
        return self.exists(self._path(_checked(run_id), MANIFEST))

    def fetch_run(self, run_id: str, cache: Path) -> Path:
        folder = self.runs_folder(cache) / _checked(run_id)
        if folder.exists():
            return folder
        files = self._download(run_id)
        if files is None:
            raise _not_there(run_id, self.name)
        file_run(folder.parent, run_id, _in_one(files))
        return folder

    def put_run(self, folder: Path) -> None:
        run_id, files = _files(folder)
        if self.has_run(run_id):
            self._check_equal(run_id, files)
            return
        for name in _FILES:
            self.put(self._path(run_id, name), files[name])
        if self._download(run_id) != files:
            raise self._damaged(run_id, "was damaged while it was uploaded")

    def _check_equal(self, run_id: str, files: dict[str, bytes]) -> None:
        there = self._download(run_id)
        if there is None or there == files:
            return
        with tempfile.TemporaryDirectory(prefix="stopship-") as text:
            for name, chunks in _in_one(there).items():
                write_once(Path(text) / name, chunks)
            try:
                found = read_any(Path(text)).id
            except EvidenceError as err:
                raise self._damaged(run_id, f"is there already, and damaged: {err.what}") from err
        if found != run_id:
            raise self._damaged(run_id, f"is taken by the run {found[:SHORT_ID]}")

    def _download(self, run_id: str) -> dict[str, bytes] | None:
        """The files of a run; None where there is none."""
        if not self.has_run(run_id):
            return None
        files = {}
        for name in _FILES:
            data = self.get(self._path(run_id, name))
            if data is None:
                raise self._damaged(run_id, f"lacks its {name}")
            files[name] = data
        return files

    def texts(self, cache: Path | None = None) -> Texts:
        return UrlContents(self, cache)

    def fetch_recordings(self, cache: Path) -> tuple[Path, list[str]]:
        folder = cache / RECORDINGS
        with self._reached() as (fs, root):
            try:
                found = [str(one) for one in fs.find(f"{root}/{RECORDINGS}")]
            except FileNotFoundError:
                if _is_gone(fs, root):
                    raise
                found = []
        names = sorted("/".join(one.rsplit("/", 2)[-2:]) for one in found)
        for name in names:
            if not (folder / name).is_file():
                data = self.get(f"/{RECORDINGS}/{name}")
                if data is None or name_of(data) != name:
                    do = "fetch it there again, or remove it and record its cases again"
                    what = "the file of recordings is missing or damaged: its bytes are not those of its name"
                    raise EvidenceError(what, where=f"{self.name}/{RECORDINGS}/{shown(name)}", do=do)
                write_segment(folder, data)
        return folder, names

    def put_recordings(self, name: str, data: bytes) -> None:
        path = f"/{RECORDINGS}/{name}"
        if self.get(path) != data:
            self.put(path, data)
            if self.get(path) != data:
                raise EvidenceError(
                    "was damaged while it was uploaded", where=f"{self.name}{path}", do="unpack it again"
                )

    def exists(self, path: str) -> bool:
        """Whether there is something at a path of the store, `/runs/…` or `/pins/…`."""
        with self._reached() as (fs, root):
            return bool(fs.exists(root + path))

    def get(self, path: str) -> bytes | None:
        """The bytes at a path; None where there are none."""
        with self._reached() as (fs, root):
            try:
                return bytes(fs.cat_file(root + path))
            except FileNotFoundError:
                return None

    def put(self, path: str, data: bytes) -> None:
        """Write the bytes at a path, over what is there."""
        with self._reached() as (fs, root):
            try:
                fs.pipe_file(root + path, data)
            except FileNotFoundError:
                if _is_gone(fs, root) and not _protocols(fs) & _LOCAL:
                    raise  # a bucket or share is never made by us
                fs.makedirs((root + path).rpartition("/")[0], exist_ok=True)
                fs.pipe_file(root + path, data)

    def _path(self, run_id: str, name: str) -> str:
        return f"/{RUNS}/{run_id}/{name}"

    def _damaged(self, run_id: str, what: str) -> EvidenceError:
        do = f"remove {RUNS}/{run_id} from the store, and push the run again"
        return EvidenceError(f"the run {run_id[:SHORT_ID]} {what}", where=self.name, do=do)

    @contextmanager
    def _reached(self) -> Iterator[tuple[Any, str]]:
        """The file system and the path of the store; whatever it fails with becomes words.

        The words of the library are repeated only for a URL that carries no secret.
        """
        try:
            if self._opened is None:
                from fsspec.core import url_to_fs  # type: ignore[import-untyped]  # fsspec has no types

                fs, root = url_to_fs(self._url)
                self._opened = fs, str(root).rstrip("/")
            self._opened[0].invalidate_cache()
            yield self._opened
        except ImportError as err:
            raise EvidenceError(
                f"its file system needs a package that is not installed{self._words(err)}",
                where=self.name,
                do=f"install the fsspec package for {self._url.partition('://')[0]}, such as s3fs for s3",
            ) from err
        except _failures() as err:
            raise EvidenceError(
                f"the store cannot be reached: {type(err).__name__}{self._words(err)}",
                where=self.name,
                do="check the URL, the network and the credentials of this machine",
            ) from err

    def _words(self, err: BaseException) -> str:
        if redacted(self._url) != self._url:
            return ""
        return f": {shown(err)[:200]}" if str(err) else ""


def redacted(url: str) -> str:
    """A URL without what may be secret: all before the last `@`, as keys hold slashes, and any query."""
    hidden = re.sub(r"://.*@", "://…@", url, count=1, flags=re.DOTALL)
    return shown(re.sub(r"([?#]).*", r"\1…", hidden, count=1, flags=re.DOTALL))


def _files(folder: Path) -> tuple[str, dict[str, bytes]]:
    """A sealed run's id and files, verified."""
    run = read_run(folder)
    return run.id, {name: read_bytes(folder / name, FETCH_AGAIN) for name in _FILES}


def _in_one(files: dict[str, bytes]) -> dict[str, list[bytes]]:
    return {name: [data] for name, data in files.items()}


def _checked(run_id: str) -> str:
    if not is_digest(run_id):
        raise EvidenceError(f"{quoted(run_id)} is no run, expected 64 hexadecimal digits")
    return run_id


def _not_there(run_id: str, name: str) -> EvidenceError:
    return EvidenceError(
        f"the run {run_id[:SHORT_ID]} is not in the store",
        where=shown(name),
        do="fetch the store, or push the run into it",
    )


def _protocols(fs: Any) -> frozenset[str]:
    return frozenset([fs.protocol] if isinstance(fs.protocol, str) else fs.protocol)


def _is_gone(fs: Any, root: str) -> bool:
    return not fs.exists(root or "/")


def _failures() -> tuple[type[BaseException], ...]:
    """What file systems fail with: the standard errors, and those of the packages that are loaded."""
    kinds: list[type[BaseException]] = [OSError, ValueError, RuntimeError]
    for module, names in _TOLD.items():
        found = [getattr(sys.modules.get(module), name, None) for name in names]
        kinds += [one for one in found if isinstance(one, type)]
    return tuple(kinds)
