"""A run of equal evidence that was drawn anew takes the place of the one that was drawn before."""

import errno
from dataclasses import replace
from pathlib import Path

import pytest
from tests.store.test_runs import OUTCOMES, sealed

from stopship.errors import StopshipError
from stopship.store.atomic import exchange
from stopship.store.runs import read_run


def test_what_equal_outputs_took_when_they_were_drawn_last_is_what_holds(tmp_path: Path) -> None:
    run = sealed(tmp_path)
    later = [replace(one, took_ms=99.0) for one in OUTCOMES]
    again = sealed(tmp_path, outcomes=later)
    assert again.id == run.id
    assert {one.took_ms for one in again.outcomes} == {99.0}
    assert read_run(tmp_path / run.id) == again
    assert [one.name for one in tmp_path.iterdir()] == [run.id]


def test_a_run_that_cannot_be_renewed_is_an_error_and_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = sealed(tmp_path)

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("stopship.store.runs.exchange", full)
    with pytest.raises(StopshipError, match="the disk is full"):
        sealed(tmp_path, outcomes=[replace(one, took_ms=99.0) for one in OUTCOMES])
    assert read_run(tmp_path / run.id) == run
    assert [one.name for one in tmp_path.iterdir()] == [run.id]


def test_folders_change_places_also_where_the_system_cannot_do_it_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / name).touch()
    exchange(tmp_path / "a", tmp_path / "b")
    assert (tmp_path / "a" / "b").exists()
    monkeypatch.setattr("stopship.store.atomic.ctypes.CDLL", lambda *_, **__: None)
    exchange(tmp_path / "a", tmp_path / "b")
    assert [str(one.relative_to(tmp_path)) for one in sorted(tmp_path.rglob("*"))] == ["a", "a/a", "b", "b/b"]
