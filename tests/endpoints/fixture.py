"""The fixture: `from tests.endpoints.fixture import endpoint` in a conftest, or in the test module itself."""

from collections.abc import Iterator

import pytest
from tests.endpoints.running import Endpoint, running


@pytest.fixture(scope="session")
def _running_endpoint() -> Iterator[Endpoint]:
    with running() as found:
        yield found


@pytest.fixture
def endpoint(_running_endpoint: Endpoint) -> Endpoint:
    """An endpoint without faults and with nothing counted; one process a session."""
    _running_endpoint.plan()
    return _running_endpoint


__all__ = ["_running_endpoint", "endpoint"]
