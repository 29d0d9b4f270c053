"""Kept contents: what is served is what was kept, or an error."""

import hashlib
from pathlib import Path

import pytest

from stopship.errors import EvidenceError, UsageError
from stopship.store.contents import Contents

DATA = b"Answer.\r\n"
DIGEST = hashlib.sha256(DATA).hexdigest()


def test_kept_bytes_come_back(tmp_path: Path) -> None:
    contents = Contents(tmp_path)
    assert not contents.has(DIGEST)
    for _ in range(2):
        contents.keep(DIGEST, DATA)
        assert contents.has(DIGEST)
        assert contents.read(DIGEST) == DATA
    assert contents.path(DIGEST) == tmp_path / "pins" / "sha256" / DIGEST[:2] / DIGEST


@pytest.mark.parametrize("damage", [b"", b"Answer.\n", DATA + b"x", b"x" * 1_000_000])
def test_damage_is_never_served_and_locking_again_mends_it(tmp_path: Path, damage: bytes) -> None:
    contents = Contents(tmp_path)
    contents.keep(DIGEST, DATA)
    contents.path(DIGEST).write_bytes(damage)
    with pytest.raises(EvidenceError, match="damaged: it has another digest than its name"):
        contents.read(DIGEST)
    contents.keep(DIGEST, DATA)
    assert contents.read(DIGEST) == DATA


def test_a_missing_content_says_how_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(EvidenceError, match="is not kept here\n  fetch it, or name the store"):
        Contents(tmp_path).read(DIGEST)


def test_a_link_in_the_place_of_a_content_is_not_written_through(tmp_path: Path) -> None:
    contents = Contents(tmp_path)
    path = contents.path(DIGEST)
    path.parent.mkdir(parents=True)
    (tmp_path / "mine").write_bytes(b"mine")
    path.symlink_to(tmp_path / "mine")
    with pytest.raises(EvidenceError, match="is a link"):
        contents.keep(DIGEST, DATA)
    assert (tmp_path / "mine").read_bytes() == b"mine"


def test_a_store_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "pins").write_bytes(b"")
    with pytest.raises(UsageError, match="the folder cannot be made: Not a directory"):
        Contents(tmp_path).keep(DIGEST, DATA)
