"""The endpoint behind the gateway, in a process of its own."""

from tests.endpoints.fixture import _running_endpoint, endpoint

__all__ = ["_running_endpoint", "endpoint"]
