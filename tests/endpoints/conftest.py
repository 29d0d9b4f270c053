"""The endpoint, for its own tests."""

from tests.endpoints.fixture import _running_endpoint, endpoint

__all__ = ["_running_endpoint", "endpoint"]
