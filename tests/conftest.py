"""Laws are tried on a few examples in the fast tests and again, on all of them, in the slow ones."""

import pytest
from hypothesis import settings
from tests.examples import ALL, FEW

FAST = "not slow"


def pytest_configure(config: pytest.Config) -> None:
    settings.load_profile(FEW if config.getoption("markexpr") == FAST else ALL)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """A law counts as slow wherever all of its examples are asked for."""
    if config.getoption("markexpr") == FAST:
        return
    for item in items:
        if getattr(getattr(item, "obj", None), "is_hypothesis_test", False):
            item.add_marker(pytest.mark.slow)
