"""Outcomes of a replay in progress: appended line by line, still there after `kill -9`.

Decides which outcome of a sample holds: the first that any process filed. All processes of a plan share
one file, so that every reader decides alike. Never goes on in a file of another plan; a torn last line is
dropped, and its output asked for again.
"""

import fcntl
import os
import shutil
import threading
from collections.abc import Mapping
from contextlib import suppress
from itertools import chain
from pathlib import Path
from time import monotonic
from types import TracebackType

from stopship.errors import EvidenceError, StopshipError
from stopship.model.run import Outcome, Status
from stopship.store.atomic import write_atomically
from stopship.store.evidencefiles import cannot_write, check_is_evidence, reason, sync_folder
from stopship.store.journallines import FRESH, Filed, Place, header, line_of
from stopship.store.locks import Claims, Patience, Say, give_back, is_current, locked, opened, take
from stopship.store.runcodec import evidence_bytes
from stopship.store.shown import shown

JOURNAL = "journal.jsonl"
LOCK = "lock"  # of the one replay that may begin, drop and seal
CLAIMS = "claims"  # which process is asking for which output
AT_WORK = "at-work"  # shared by all processes that file outcomes
SYNC_EVERY_S = 1.0  # at most so much is lost in a power cut; nothing when only the process dies


def _in_silence(_: str) -> None:
    return


class Writer:
    """One process's share in the journal of a plan. Safe for the threads of the process."""

    def __init__(
        self,
        folder: Path,
        plan_digest: str,
        *,
        remedy: str = FRESH,
        sync_every_s: float = SYNC_EVERY_S,
        is_alone: bool = False,
    ) -> None:
        """Nothing is made before something is claimed or filed. `is_alone`: no other process may drop it."""
        self.path = folder / JOURNAL
        self._folder, self._plan, self._remedy, self._every = folder, plan_digest, remedy, sync_every_s
        self._is_alone = is_alone
        self._mutex = threading.RLock()
        self._claims = Claims(folder / CLAIMS, is_alone=is_alone)
        self._presence = self._descriptor = -1
        self._filed = self._nothing()
        self._synced, self._is_dirty, self._is_closed = monotonic(), False, False

    def find(self, key: str, sample: int) -> Outcome | None:
        """The outcome that somebody filed of a sample. Raises EvidenceError for a damaged journal."""
        with self._mutex:
            if self._is_reached():
                self._filed.take_in()
            return self._filed.get((key, sample))

    def filed(self) -> Mapping[Place, Outcome]:
        """What anybody filed until now. Raises EvidenceError for a damaged journal."""
        with self._mutex:
            if self._is_reached():
                self._filed.take_in()
            return self._filed

    def claim(self, key: str, sample: int) -> bool:
        """Whether this process is to ask for a sample: nobody has filed it, and nobody else is asking.

        The claim ends when the outcome is filed, released, or the process dies.
        """
        with self._mutex:
            self._check_open()
            if self._presence < 0:
                self._presence = opened(self._folder / AT_WORK)
                take(self._presence, self._folder / AT_WORK, fcntl.LOCK_SH)
            if not self._claims.claim(_name(key, sample)):
                return False
            if self.find(key, sample) is None:
                return True
            self.release(key, sample)
            return False

    def release(self, key: str, sample: int) -> None:
        """Give up a claim, so that others may ask."""
        with self._mutex:
            self._claims.release(_name(key, sample))

    def add(self, outcome: Outcome) -> Outcome:
        """Append one outcome, and give the one that holds: another's, where another was first.

        It is with the system when this returns. What this very process tells in two ways is written down in
        both, and is damage to whoever reads it. Raises EvidenceError for values that JSON cannot keep,
        StopshipError for a full disk; the line is then not there, and the writer goes on being usable.
        """
        place = (outcome.key, outcome.sample)
        line = line_of(outcome, self._plan)
        with self._mutex:
            self._check_open()
            self._begin()
            try:
                known = self._filed.get(place)
                is_own = self._filed.is_own(place)
                if known is None or (is_own and evidence_bytes(known) != evidence_bytes(outcome)):
                    self._append(line)
                    self._filed.note(outcome, len(line))
                    self._is_dirty = True
            finally:
                with suppress(OSError):
                    fcntl.flock(self._descriptor, fcntl.LOCK_UN)
            self.release(*place)
            if self._is_dirty and monotonic() - self._synced >= self._every:
                self._sync()
            return outcome if known is None else known

    def close(self) -> None:
        """Bring everything to the disk, and give all claims up. A second call does nothing."""
        with self._mutex:
            self._is_closed = True
            self._claims.close()
            presence, self._presence = self._presence, -1
            if presence >= 0:
                give_back(presence)
            try:
                if self._is_dirty:
                    self._sync()
            finally:
                self._leave()

    def _nothing(self) -> Filed:
        return Filed(shown(self.path), self._plan, do=self._remedy)

    def _check_open(self) -> None:
        if self._is_closed:
            raise StopshipError("the journal is closed", where=shown(self.path))

    def _is_reached(self) -> bool:
        """Whether there is a journal, open now. One that was dropped is forgotten; where no other process may
        drop it, that is looked for when something is written."""
        if self._descriptor >= 0 and not self._is_alone and not is_current(self._descriptor, self.path):
            self._dropped()
        if self._descriptor < 0 and os.path.lexists(self.path):
            self._open()
        return self._descriptor >= 0

    def _dropped(self) -> None:
        """The journal is no longer where it was: whoever sealed its run has dropped it."""
        self._leave()
        if self._is_alone:
            raise EvidenceError(
                "was removed or replaced while a replay was at work on it",
                where=shown(self.path),
                do=self._remedy,
            )

    def _open(self) -> None:
        self._descriptor = opened(self.path)
        self._filed = Filed(shown(self.path), self._plan, self._descriptor, self._remedy)

    def _begin(self) -> None:
        """Be the only one who appends, at the end of the last whole line; the caller unlocks."""
        while True:
            if self._descriptor < 0:
                self._open()
            take(self._descriptor, self.path, fcntl.LOCK_EX)
            if is_current(self._descriptor, self.path):
                break
            self._dropped()
        try:
            if self._filed.take_in():
                os.ftruncate(self._descriptor, self._filed.size)  # a process died while it wrote
            if not self._filed.size:
                self._append(header(self._plan))
                self._filed.begun(len(header(self._plan)))
                self._sync()
                sync_folder(self._folder)
        except BaseException as err:
            with suppress(OSError):
                fcntl.flock(self._descriptor, fcntl.LOCK_UN)
            if isinstance(err, OSError):
                raise cannot_write(self.path, err) from err
            raise

    def _append(self, line: bytes) -> None:
        rest = memoryview(line)
        try:
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]
        except OSError as err:
            with suppress(OSError):  # else the next writer drops the torn line
                os.ftruncate(self._descriptor, self._filed.size)
            raise cannot_write(self.path, err) from err

    def _sync(self) -> None:
        try:
            os.fsync(self._descriptor)
        except OSError as err:
            raise cannot_write(self.path, err) from err
        self._synced, self._is_dirty = monotonic(), False

    def _leave(self) -> None:
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)
        self._filed, self._is_dirty = self._nothing(), False

    def __enter__(self) -> "Writer":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, err: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Journal:
    """The journal of one plan. Inside `with`, this process alone may begin a replay, drop and seal one.

    Entering waits for whoever is inside. The lock is the kernel's: it goes when the process dies.
    """

    def __init__(
        self,
        folder: Path,
        plan_digest: str,
        *,
        remedy: str = FRESH,
        say: Say = _in_silence,
        sync_every_s: float = SYNC_EVERY_S,
    ) -> None:
        """`remedy`: what a person does about damage. `say` is told once what is waited for."""
        self.folder = folder
        self._plan, self._remedy, self._every = plan_digest, remedy, sync_every_s
        where = shown(folder / LOCK)
        self._patience = Patience(f"waiting for another replay of this plan, at work in {where}", say)
        self._lock = -1
        self._own = self._own_writer()

    def _own_writer(self) -> Writer:
        return Writer(self.folder, self._plan, remedy=self._remedy, sync_every_s=self._every, is_alone=True)

    def writer(self) -> Writer:
        """A share in the journal for a process that files outcomes and holds no lock."""
        return Writer(self.folder, self._plan, remedy=self._remedy, sync_every_s=self._every)

    def __enter__(self) -> "Journal":
        self._lock = locked(self.folder / LOCK, self._patience)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, err: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._own.close()
            self._own = self._own_writer()
        finally:
            descriptor, self._lock = self._lock, -1
            give_back(descriptor)

    @property
    def is_shared(self) -> bool:
        """Whether others were at work here when this process came, or are: nothing here is left over."""
        path = self.folder / AT_WORK
        if self._patience.was_needed:
            return True
        if not path.exists():
            return False
        descriptor = opened(path)
        try:
            return not take(descriptor, path, fcntl.LOCK_EX | fcntl.LOCK_NB)
        finally:
            give_back(descriptor)

    def find(self, key: str, sample: int) -> Outcome | None:
        """The outcome that somebody filed of a sample."""
        return self._own.find(key, sample)

    def claim(self, key: str, sample: int) -> bool:
        """Whether this process is to ask for a sample: nobody has filed it, and nobody else is asking."""
        self._check_locked("claimed from")
        return self._own.claim(key, sample)

    def add(self, outcome: Outcome) -> Outcome:
        """Append an outcome, and give the one that holds."""
        self._check_locked("written")
        return self._own.add(outcome)

    def filed(self) -> Mapping[Place, Outcome]:
        """Every outcome by key and sample; one that is told twice alike counts once. Each is read when it is
        asked for, and while this process holds the lock, what is added comes to be there, too.

        Raises EvidenceError for a damaged line, for a journal of another plan, and where one output was
        told in two ways. What is being written at this moment is seen up to the last whole line.
        """
        check_is_evidence(self.folder / JOURNAL, self._remedy)
        return self._own.filed()

    def outcomes(self) -> tuple[Outcome, ...]:
        """Every outcome, by key, then sample, read anew. Raises EvidenceError as `filed` does."""
        path = self.folder / JOURNAL
        try:
            check_is_evidence(path, self._remedy)
            with path.open("rb") as file:
                filed = Filed(shown(path), self._plan, file.fileno(), self._remedy)
        except FileNotFoundError:
            return ()
        except OSError as err:
            raise EvidenceError(f"cannot be read: {reason(err)}", where=shown(path), do=self._remedy) from err
        filed.take_in()
        return tuple(filed[place] for place in sorted(filed))

    def forget_lost(self) -> None:
        """Take out what infrastructure lost: it is asked for again. Only where nobody else is at work."""
        self._check_locked("mended")
        filed = self.filed()
        lost = sum(one.status is Status.LOST for one in filed.values())
        if lost:
            kept = (one for one in filed.values() if one.status is not Status.LOST)
            lines = chain([header(self._plan)], (line_of(one, self._plan) for one in kept))
            write_atomically(self.folder / JOURNAL, lines)
            self._begin_anew()

    def drop(self) -> None:
        """Remove the journal, unread, whatever plan it is of."""
        self._check_locked("dropped")
        try:
            for path in self.folder.glob("journal*.jsonl"):
                path.unlink(missing_ok=True)
        except OSError as err:
            raise cannot_write(self.folder / JOURNAL, err) from err
        sync_folder(self.folder)
        self._begin_anew()

    def _begin_anew(self) -> None:
        """What was open is no longer the journal, by this very process's doing."""
        self._own.close()
        self._own = self._own_writer()

    def finish(self) -> None:
        """Remove the journal, and the folder but for whoever comes next."""
        self.drop()
        shutil.rmtree(self.folder, ignore_errors=True)  # the lock in it is held, and trusted no longer

    def _check_locked(self, what: str) -> None:
        if self._lock < 0:
            raise StopshipError(f"the journal is {what} without its lock", where=shown(self.folder))


def _name(key: str, sample: int) -> str:
    return f"{sample} {key}"
