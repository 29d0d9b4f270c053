"""Kept contents of text pins, by digest: `<store>/pins/sha256/ab/<digest>`.

Decides whether kept bytes are what they claim to be. Never hands out bytes of another digest.
"""

import hashlib
import os
from pathlib import Path

from stopship.errors import EvidenceError, UsageError
from stopship.model.stack import TEXT_LIMIT
from stopship.store.atomic import write_atomically
from stopship.store.shown import shown

BLOBS = ("pins", "sha256")


class Contents:
    """The texts that the locks of one store folder keep."""

    def __init__(self, store: Path) -> None:
        self.folder = store.joinpath(*BLOBS)

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
                raise EvidenceError(
                    "the content is not kept here",
                    where=shown(path),
                    do="fetch it, or name the store that has it with --store",
                )
            with path.open("rb") as stream:
                data = stream.read(TEXT_LIMIT + 1)
        except OSError as err:
            reason = os.strerror(err.errno) if err.errno else str(err)
            raise _damaged(path, f"cannot be read: {reason}", "fetch it again") from err
        if hashlib.sha256(data).hexdigest() != digest:
            raise _damaged(
                path, "the kept content is damaged: it has another digest than its name", "fetch it again"
            )
        return data

    def has(self, digest: str) -> bool:
        """Whether something is kept under the digest; only reading says whether it is whole."""
        return self.path(digest).is_file()

    def path(self, digest: str) -> Path:
        """Where the content of a digest lies."""
        return self.folder / digest[:2] / digest


def _damaged(path: Path, what: str, do: str) -> EvidenceError:
    return EvidenceError(what, where=shown(path), do=do)
