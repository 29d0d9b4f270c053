"""A desk with no workers, and, in the slow tests, the same with two."""

import pytest
from tests.under_pytest.sessions import Desk


@pytest.fixture(params=[0, pytest.param(2, marks=pytest.mark.slow)], ids=["n0", "n2"])
def desk(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Desk:
    return _desk(request, monkeypatch, request.param)


@pytest.fixture(params=[0, 2], ids=["n0", "n2"])
def desk_of_any(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """Without workers and with two, in the fast tests, too."""
    return _desk(request, monkeypatch, request.param)


@pytest.fixture
def desk_of_two(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """Two workers in the fast tests, too."""
    return _desk(request, monkeypatch, 2)


def _desk(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, workers: int) -> Desk:
    for name in ("CI", "GITHUB_ACTIONS", "STOPSHIP_STORE", "PYTEST_ADDOPTS"):
        monkeypatch.delenv(name, raising=False)
    pytester: pytest.Pytester = request.getfixturevalue("pytester")
    pytester.makeini("[pytest]\n")
    return Desk(pytester, workers)
