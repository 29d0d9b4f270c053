"""Kept contents of text pins, by digest: `<store>/pins/sha256/ab/<digest>`, in a folder or behind a URL.

Decides whether kept bytes are what they claim to be. Never hands out bytes of another digest.
"""

import hashlib
import os
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from stopship.errors import EvidenceError, StopshipError, UsageError
from stopship.model.stack import TEXT_LIMIT
from stopship.store.atomic import write_atomically
from stopship.store.shown import shown

BLOBS = ("pins", "sha256")


class Texts(Protocol):
    """Where the texts of locks are kept."""

    name: str  # for messages

    def keep(self, digest: str, data: bytes) -> None:
        """Keep the bytes under their digest; what is already there whole stays, damage is mended."""

    def read(self, digest: str) -> bytes:
        """The bytes of a digest; EvidenceError where they are missing or damaged."""

    def has(self, digest: str) -> bool:
        """Whether something is kept under the digest; only reading says whether it is whole."""


class Blobs(Protocol):
    """Bytes by path behind a URL; paths begin with `/`. Raises EvidenceError where it cannot be reached."""

    name: str  # without credentials

    def get(self, path: str) -> bytes | None:
        """All bytes; None where there are none."""

    def put(self, path: str, data: bytes) -> None:
        """Write, over what is there."""

    def exists(self, path: str) -> bool:
        """Whether there is something."""


class Contents:
    """The texts that the locks of one store folder keep."""

    def __init__(self, store: Path) -> None:
        self.folder = store.joinpath(*BLOBS)
        self.name = shown(store)

    def keep(self, digest: str, data: bytes) -> None:
        """Keep the bytes under their digest; what is already there whole stays, damage is mended.

        Raises UsageError where the folder cannot be written.
        """
        path = self.path(digest)
        if path.is_symlink():
            raise _damaged(path, "is a link, not kept content", "remove the link and lock again")
        try:
            if path.read_bytes() == data:
                return
        except OSError:
            pass  # not there yet, or unreadable: writing says what is wrong
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as err:
            reason = os.strerror(err.errno) if err.errno else str(err)
            raise UsageError(
                f"the folder cannot be made: {reason}",
                where=shown(path.parent),
                do="make it writable, or name another folder with --store",
            ) from err
        write_atomically(path, data)

    def read(self, digest: str) -> bytes:
        """The bytes of a digest; EvidenceError where they are missing or damaged."""
        path = self.path(digest)
        try:
            if not path.is_file():
                raise _not_kept(shown(path))
            with path.open("rb") as stream:
                data = stream.read(TEXT_LIMIT + 1)
        except OSError as err:
            reason = os.strerror(err.errno) if err.errno else str(err)
            raise _damaged(path, f"cannot be read: {reason}", "fetch it again") from err
        return _checked(data, digest, shown(path))

    def has(self, digest: str) -> bool:
        """Whether something is kept under the digest; only reading says whether it is whole."""
        return self.path(digest).is_file()

    def path(self, digest: str) -> Path:
        """Where the content of a digest lies."""
        return self.folder / digest[:2] / digest


class UrlContents:
    """The texts that are kept behind a URL. What was read lies in the cache afterwards, if there is one."""

    def __init__(self, blobs: Blobs, cache: Path | None = None) -> None:
        self.name = blobs.name
        self._blobs = blobs
        self._cache = Contents(cache) if cache is not None else None

    def keep(self, digest: str, data: bytes) -> None:
        """As of a folder; and read back, so that a lock never names what did not arrive.

        Raises EvidenceError where the store cannot be reached, or gives back other bytes.
        """
        path = _blob(digest)
        if self._blobs.get(path) == data:
            return
        self._blobs.put(path, data)
        if self._blobs.get(path) != data:
            raise EvidenceError(
                "was damaged while it was uploaded", where=self._place(digest), do="lock the stack again"
            )

    def read(self, digest: str) -> bytes:
        if self._cache is not None and self._cache.has(digest):
            with suppress(EvidenceError):  # damaged: fetched anew
                return self._cache.read(digest)
        data = self._blobs.get(_blob(digest))
        if data is None:
            raise _not_kept(self._place(digest))
        data = _checked(data, digest, self._place(digest))
        if self._cache is not None:
            with suppress(StopshipError):  # a cache that cannot be written is none
                self._cache.keep(digest, data)
        return data

    def has(self, digest: str) -> bool:
        is_cached = self._cache is not None and self._cache.has(digest)
        return is_cached or self._blobs.exists(_blob(digest))

    def _place(self, digest: str) -> str:
        return f"{self.name}{_blob(digest)}"


def _blob(digest: str) -> str:
    return "/" + "/".join((*BLOBS, digest[:2], digest))


def _checked(data: bytes, digest: str, place: str) -> bytes:
    if hashlib.sha256(data).hexdigest() != digest:
        raise EvidenceError(
            "the kept content is damaged: it has another digest than its name",
            where=place,
            do="fetch it again",
        )
    return data


def _not_kept(place: str) -> EvidenceError:
    do = "fetch it, or name the store that has it with --store"
    return EvidenceError("the content is not kept here", where=place, do=do)


def _damaged(path: Path, what: str, do: str) -> EvidenceError:
    return EvidenceError(what, where=shown(path), do=do)
