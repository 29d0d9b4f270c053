"""A desk whose sessions run here; in the slow tests also in a process of their own and with two workers."""

from collections.abc import Iterator

import pytest
from tests.under_pytest.sessions import ALONE, HERE, TWO, Desk
from tests.under_pytest.small import swept


@pytest.fixture(autouse=True, scope="session")
def _nothing_is_left() -> Iterator[None]:
    """Not left to the end of the process: workers are ended before."""
    yield
    swept()


@pytest.fixture(params=[HERE, pytest.param(*ALONE.values, id=ALONE.id, marks=pytest.mark.slow), TWO])
def desk(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Desk:
    return _desk(request, monkeypatch, *request.param)


@pytest.fixture(params=[HERE, pytest.param((2, True), id="n2")])
def desk_of_any(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """Without workers and with two, in the fast tests, too."""
    return _desk(request, monkeypatch, *request.param)


@pytest.fixture
def desk_of_two(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """Two workers in the fast tests, too."""
    return _desk(request, monkeypatch, 2, True)


def _desk(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, workers: int, is_apart: bool
) -> Desk:
    for name in ("CI", "GITHUB_ACTIONS", "STOPSHIP_STORE", "PYTEST_ADDOPTS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLUMNS", "80")
    pytester: pytest.Pytester = request.getfixturevalue("pytester")
    pytester.makeini("[pytest]\n")
    return Desk(pytester, workers, is_apart)
