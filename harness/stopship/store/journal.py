"""Outcomes of a replay in progress: appended line by line, still there after `kill -9`.

Decides who may write where, and when lines reach the disk. A torn last line is dropped, and its output asked
for again. Never goes on in a file of another plan, and never lets two replays of one plan run at once.
"""

import fcntl
import os
import re
import threading
from contextlib import suppress
from pathlib import Path
from time import monotonic
from types import TracebackType

from stopship.errors import EvidenceError, StopshipError, UsageError
from stopship.model.run import Outcome
from stopship.store.evidencefiles import cannot_write, make_folder, read_bytes, reason, sync_folder
from stopship.store.journallines import FRESH, check_header, header, line_of, whole_lines
from stopship.store.shown import quoted, shown

LOCK = "lock"
SYNC_EVERY_S = 1.0  # at most so much is lost in a power cut; nothing when only the process dies
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")


class Writer:
    """One writer's own file, `journal-NAME.jsonl`. Safe for the threads of one process."""

    def __init__(
        self, folder: Path, plan_digest: str, name: str = "main", *, sync_every_s: float = SYNC_EVERY_S
    ) -> None:
        """Open the file for appending, its torn last line cut off.

        Raises EvidenceError for a file of another plan, UsageError where another process is writing it.
        """
        self.path = _path(folder, name)
        self._plan, self._every, self._mutex = plan_digest, sync_every_s, threading.Lock()
        make_folder(folder)
        self._descriptor = _locked(
            self.path, f"another writer is called {quoted(name)}", "give it its own name"
        )
        try:
            self._size = self._begun(folder)
        except BaseException:
            self._shut()
            raise
        self._synced, self._is_dirty = monotonic(), False

    def add(self, outcome: Outcome) -> None:
        """Append one outcome; it is with the system when this returns.

        Raises EvidenceError for values that JSON cannot keep, StopshipError for a full disk; the line is
        then not there, and the writer goes on being usable.
        """
        line = line_of(outcome, self._plan)
        with self._mutex:
            self._append(line)
            self._is_dirty = True
            if monotonic() - self._synced >= self._every:
                self._sync()

    def close(self) -> None:
        """Bring everything to the disk. A second call does nothing."""
        with self._mutex:
            if self._descriptor < 0:
                return
            try:
                if self._is_dirty:
                    self._sync()
            finally:
                self._shut()

    def _begun(self, folder: Path) -> int:
        header_line = header(self._plan)
        data = read_bytes(self.path, FRESH)
        whole = data.rfind(b"\n") + 1
        try:
            if whole < len(data):
                os.ftruncate(self._descriptor, whole)
        except OSError as err:
            raise cannot_write(self.path, err) from err
        self._size = whole
        if whole:
            check_header(data[:whole].split(b"\n", 1)[0], self._plan, shown(self.path))
            return whole
        self._append(header_line)
        self._sync()
        sync_folder(folder)
        return len(header_line)

    def _append(self, line: bytes) -> None:
        if self._descriptor < 0:
            raise StopshipError("the journal is closed", where=shown(self.path))
        rest = memoryview(line)
        try:
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]
        except OSError as err:
            with suppress(OSError):  # else the next reader drops the torn line, or says that it is damaged
                os.ftruncate(self._descriptor, self._size)
            raise cannot_write(self.path, err) from err
        self._size += len(line)

    def _sync(self) -> None:
        try:
            os.fsync(self._descriptor)
        except OSError as err:
            raise cannot_write(self.path, err) from err
        self._synced, self._is_dirty = monotonic(), False

    def _shut(self) -> None:
        descriptor, self._descriptor = self._descriptor, -1
        os.close(descriptor)

    def __enter__(self) -> "Writer":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, err: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Journal:
    """All journals of one plan in one folder. Inside `with`, this replay alone is at work there.

    The lock is the kernel's: it goes when the process dies, however it dies.
    """

    def __init__(self, folder: Path, plan_digest: str, *, sync_every_s: float = SYNC_EVERY_S) -> None:
        self.folder = folder
        self.plan_digest = plan_digest
        self._every = sync_every_s
        self._lock = -1
        self._own: Writer | None = None

    def __enter__(self) -> "Journal":
        make_folder(self.folder)
        self._lock = _locked(
            self.folder / LOCK, "another replay of this plan is at work here", "wait for it, or end it"
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, err: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._close_own()
        finally:
            descriptor, self._lock = self._lock, -1
            with suppress(OSError):
                fcntl.flock(descriptor, fcntl.LOCK_UN)  # children that were forked meanwhile hold it too
            os.close(descriptor)

    def add(self, outcome: Outcome) -> None:
        """Append to the journal called `main`; other writers of this replay have a Writer of their own."""
        if self._lock < 0:
            raise StopshipError("the journal is written without its lock", where=shown(self.folder))
        if self._own is None:
            self._own = Writer(self.folder, self.plan_digest, sync_every_s=self._every)
        self._own.add(outcome)

    def outcomes(self) -> tuple[Outcome, ...]:
        """Every outcome of every journal, by key, then sample; an outcome told twice alike counts once.

        Raises EvidenceError for a damaged line, for a journal of another plan, and where one output was
        told in two ways. What a writer is writing at this moment is seen up to its last whole line.
        """
        found: dict[tuple[str, int], tuple[bytes, Outcome, str]] = {}
        for path in self._paths():
            for place, evidence, one in whole_lines(path, self.plan_digest):
                known = found.get((one.key, one.sample))
                if known is not None and known[0] != evidence:
                    raise EvidenceError(
                        f"case {quoted(one.key)}, sample {one.sample} is told otherwise than in {known[2]}",
                        where=place,
                        do=FRESH,
                    )
                found[one.key, one.sample] = (evidence, one, place)
        return tuple(found[place][1] for place in sorted(found))

    def drop(self) -> None:
        """Remove all journals, unread, whatever plan they are of."""
        if self._lock < 0:
            raise StopshipError("the journal is dropped without its lock", where=shown(self.folder))
        self._close_own()
        for path in self._paths():
            try:
                path.unlink(missing_ok=True)
            except OSError as err:
                raise cannot_write(path, err) from err
        sync_folder(self.folder)

    def _paths(self) -> list[Path]:
        try:
            return sorted(
                one for one in self.folder.iterdir()
                if one.name.startswith("journal-") and one.suffix == ".jsonl"
            )  # fmt: skip
        except FileNotFoundError:
            return []
        except (OSError, ValueError) as err:
            raise EvidenceError(
                f"cannot be read: {reason(err)}", where=shown(self.folder), do="check the folder"
            ) from err

    def _close_own(self) -> None:
        own, self._own = self._own, None
        if own is not None:
            own.close()


def _path(folder: Path, name: str) -> Path:
    if not _NAME.fullmatch(name):
        raise UsageError(f"{quoted(name)} cannot name a journal", do="use up to 64 letters, digits, - and _")
    return folder / f"journal-{name}.jsonl"


def _locked(path: Path, what: str, do: str) -> int:
    """An open file that no other process has locked; the file is made where it is missing."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW, 0o666)
    except (OSError, ValueError) as err:
        raise cannot_write(path, err) from err
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as err:
        os.close(descriptor)
        raise UsageError(what, where=shown(path), do=do) from err
    except OSError as err:
        os.close(descriptor)
        raise StopshipError(
            f"cannot be locked: {reason(err)}", where=shown(path), do="work on a local file system"
        ) from err
    return descriptor
