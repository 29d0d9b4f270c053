"""Recordings of a replay in progress: appended line by line, still there after `kill -9`, sealed at its end.

Decides which answer of a call holds: the first that any process filed, and whatever goes on from it. Never
writes a secret; a torn last line is dropped, and its call made again.
"""

import fcntl
import os
import threading
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from time import monotonic
from types import MappingProxyType, TracebackType

from stopship.errors import EvidenceError, StopshipError
from stopship.model.exchange import Recording
from stopship.store.evidencefiles import cannot_write, reason, sync_folder
from stopship.store.locks import is_current, opened, take
from stopship.store.recordinglines import (
    HEADER,
    LINE_LIMIT,
    Line,
    check_header,
    digest_of,
    head_of,
    is_whole,
    recording_of,
)
from stopship.store.recordings import holds_more
from stopship.store.secrets import Secrets
from stopship.store.segments import lines_from, segments_of, write_segment
from stopship.store.shown import at, shown

JOURNAL = "recordings.jsonl"
PART = 2 * LINE_LIMIT  # bytes of a journal that are read at once: a whole line ends in each
SYNC_EVERY_S = 1.0  # at most so much is lost in a power cut; nothing when only the process dies
_AGAIN = "remove the file and record again"
_NO_SECRETS: Mapping[str, str] = MappingProxyType({})


class Recorder:
    """One process's share in the recordings of a replay. Safe for the threads of the process."""

    def __init__(
        self,
        folder: Path,
        secrets: Mapping[str, str] = _NO_SECRETS,
        *,
        sync_every_s: float = SYNC_EVERY_S,
    ) -> None:
        """Nothing is made before something is filed. `secrets`: name -> value that is never written."""
        self.path = folder / JOURNAL
        self.secrets = Secrets(secrets)
        self._folder, self._every = folder, sync_every_s
        self._mutex = threading.RLock()
        self._descriptor = -1
        self._size = self._lines = 0  # of whole lines that were taken in
        self._places: dict[bytes, tuple[int, int]] = {}  # key -> offset and size of the line that holds
        self._synced, self._is_dirty, self._is_closed = monotonic(), False, False

    def find(self, key: str) -> Recording | None:
        """What anybody filed of a call so far, by its key without secrets: `secrets.asked(asked).key`."""
        with self._mutex:
            if self._is_reached():
                self._take_in()
            place = self._places.get(bytes.fromhex(key))
            return None if place is None else self._read(*place)

    def add(self, one: Recording) -> Recording:
        """File a recording, and give the one that holds: another's, where another was first.

        It is with the system when this returns. A further attempt is filed by the recording with all answers
        so far. Raises EvidenceError for what JSON cannot keep, StopshipError for a full disk; the line is
        then not there, and the recorder goes on being usable.
        """
        return self.add_all([one])[0]

    def add_all(self, several: Iterable[Recording]) -> tuple[Recording, ...]:
        """File many recordings in one go: all of them, or none where the disk refuses."""
        clean = [self.secrets.line_of(one) for one in several]
        with self._mutex:
            self._check_open()
            self._begin()
            try:
                return self._file(clean)
            finally:
                with suppress(OSError):
                    fcntl.flock(self._descriptor, fcntl.LOCK_UN)
                if self._is_dirty and monotonic() - self._synced >= self._every:
                    self._sync()

    def sealed(self, recordings: Path) -> tuple[Path, ...]:
        """Put what was filed, by whomever, into files of the folder of recordings, and drop the journal.

        Equal recordings make equal files. Whoever dies in between leaves both, which is no harm. What other
        processes file afterwards begins another journal, so only who ends a replay seals it.
        """
        with self._mutex:
            self._check_open()
            if not self._is_reached():
                return ()
            self._begin()
            try:
                order = sorted((self._order(*one), one) for one in self._places.values())
                lines = (self._proven(digest, *place) for (_, digest), place in order)
                paths = tuple(write_segment(recordings, data) for data in segments_of(lines))
                self.path.unlink(missing_ok=True)
            except OSError as err:
                raise cannot_write(self.path, err) from err
            finally:
                with suppress(OSError):
                    fcntl.flock(self._descriptor, fcntl.LOCK_UN)
                self._leave()
            sync_folder(self._folder)
            return paths

    def close(self) -> None:
        """Bring everything to the disk. A second call does nothing."""
        with self._mutex:
            self._is_closed = True
            try:
                if self._is_dirty:
                    self._sync()
            finally:
                self._leave()

    def _file(self, clean: list[tuple[Recording, Line]]) -> tuple[Recording, ...]:
        """Append what is new, under the lock; what a batch tells of one call is held against itself too."""
        holding: dict[bytes, tuple[Recording, bytes]] = {}
        new: dict[bytes, bytes] = {}
        for one, line in clean:
            key = line.key
            known = holding.get(key) or self._known(key)
            if known is None or (known[1] != line.data and holds_more(one, known[0])):
                new[key] = line.data
                holding[key] = one, line.data
            else:
                holding[key] = known
        self._append(b"".join(new.values()))
        for key, data in new.items():
            self._places[key] = (self._size, len(data) - 1)
            self._size += len(data)
        self._lines += len(new)
        self._is_dirty = self._is_dirty or bool(new)
        return tuple(holding[line.key][0] for _, line in clean)

    def _known(self, key: bytes) -> tuple[Recording, bytes] | None:
        place = self._places.get(key)
        if place is None:
            return None
        return self._read(*place), self._line(*place) + b"\n"

    def _read(self, offset: int, size: int) -> Recording:
        try:
            return recording_of(self._line(offset, size))
        except ValueError as err:
            raise self._damaged(offset, err) from err

    def _order(self, offset: int, size: int) -> tuple[bytes, bytes]:
        """A line's case and digest, the latter checked: by these, lines are in order in a file."""
        line = self._line(offset, size)
        try:
            return head_of(line)[2], digest_of(line)
        except ValueError as err:
            raise self._damaged(offset, err) from err

    def _proven(self, digest: bytes, offset: int, size: int) -> bytes:
        """A line with its end, once more: it is still that of its digest."""
        line = self._line(offset, size)
        if not is_whole(line) or digest_of(line) != digest:
            raise self._damaged(offset, ValueError("the line is not that of its digest"))
        return line + b"\n"

    def _damaged(self, offset: int, err: ValueError) -> EvidenceError:
        return EvidenceError(f"damaged: {err}", where=at(shown(self.path), f"byte {offset}"), do=_AGAIN)

    def _line(self, offset: int, size: int) -> bytes:
        try:
            return os.pread(self._descriptor, size, offset)
        except OSError as err:
            raise EvidenceError(f"cannot be read: {reason(err)}", where=shown(self.path), do=_AGAIN) from err

    def _check_open(self) -> None:
        if self._is_closed:
            raise StopshipError("the recorder is closed", where=shown(self.path))

    def _is_reached(self) -> bool:
        """Whether there is a journal, open now. One that was sealed is forgotten."""
        if self._descriptor >= 0 and not is_current(self._descriptor, self.path):
            self._leave()
        if self._descriptor < 0 and os.path.lexists(self.path):
            self._descriptor = opened(self.path)
        return self._descriptor >= 0

    def _take_in(self) -> None:
        """What others have filed meanwhile, a part at a time. Raises EvidenceError for a damaged line."""
        while True:
            try:
                data = os.pread(self._descriptor, PART, self._size)
            except OSError as err:
                raise EvidenceError(
                    f"cannot be read: {reason(err)}", where=shown(self.path), do=_AGAIN
                ) from err
            taken = self._taken(data)
            self._size += taken
            if len(data) < PART:
                return
            if not taken:
                where = at(shown(self.path), f"line {self._lines + 1}")
                raise EvidenceError(f"damaged: more than {LINE_LIMIT:,} bytes", where=where, do=_AGAIN)

    def _taken(self, data: bytes) -> int:
        """Take in the whole lines of a part that follows what was taken in; how many bytes they have."""
        end = 0
        if not self._size:
            end = data.find(b"\n") + 1
            if not end:
                return 0
            check_header(data[: end - 1], shown(self.path), _AGAIN)
            self._lines = 1
        for begin, size, (key, _, _) in lines_from(data, end, shown(self.path), self._lines + 1, _AGAIN):
            self._note(key, self._size + begin, size)
            end = begin + size + 1
            self._lines += 1
        return end

    def _note(self, key: bytes, offset: int, size: int) -> None:
        """A line of another process's. The first of a call holds, and what goes on from it."""
        known = self._places.get(key)
        if known is None or holds_more(self._read(offset, size), self._read(*known)):
            self._places[key] = (offset, size)

    def _begin(self) -> None:
        """Be the only one who appends, at the end of the last whole line; the caller unlocks."""
        while True:
            if not self._is_reached():
                self._descriptor = opened(self.path)
            take(self._descriptor, self.path, fcntl.LOCK_EX)
            if is_current(self._descriptor, self.path):
                break
            self._leave()
        try:
            self._take_in()
            if os.fstat(self._descriptor).st_size > self._size:
                os.ftruncate(self._descriptor, self._size)  # a process died while it wrote
            if not self._size:
                self._append(HEADER)
                self._size, self._lines = len(HEADER), 1
                self._sync()
                sync_folder(self._folder)
        except BaseException as err:
            with suppress(OSError):
                fcntl.flock(self._descriptor, fcntl.LOCK_UN)
            if isinstance(err, OSError):
                raise cannot_write(self.path, err) from err
            raise

    def _append(self, data: bytes) -> None:
        rest = memoryview(data)
        try:
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]
        except OSError as err:
            with suppress(OSError):  # else the next writer drops the torn line
                os.ftruncate(self._descriptor, self._size)
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
        self._size = self._lines = 0
        self._is_dirty = False
        self._places.clear()

    def __enter__(self) -> "Recorder":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, err: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
