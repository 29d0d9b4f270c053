"""Laws are tried on a few examples in the fast tests and again, on all of them, in the slow ones."""

import compileall
import gc
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from tests.examples import ALL, FEW

FAST = "not slow"
PACKAGE = Path(__file__).parents[1] / "harness" / "stopship"
IS_LEFT_UNCOMPILED = sys.dont_write_bytecode


def pytest_configure(config: pytest.Config) -> None:
    settings.load_profile(FEW if config.getoption("markexpr") == FAST else ALL)
    if IS_LEFT_UNCOMPILED:  # else each of hundreds of processes would compile it: half of its time
        if "PYTEST_XDIST_WORKER" not in os.environ:
            compileall.compile_dir(PACKAGE, quiet=2, rx=re.compile("template"))
        sys.dont_write_bytecode = False  # while tests are collected: nine seconds a worker


def pytest_collection_finish() -> None:
    """What tests write is not compiled to files: they change it within the second that tells it apart."""
    sys.dont_write_bytecode = IS_LEFT_UNCOMPILED
    gc.freeze()  # thousands of tests and what they import stay: no search for garbage walks them again


@pytest.fixture(autouse=True, scope="session")
def _nothing_waits_for_the_disk(pytestconfig: pytest.Config) -> Iterator[None]:
    """No test pulls the plug, so that only the slow ones wait until files have reached the disk."""
    with pytest.MonkeyPatch.context() as patched:
        if pytestconfig.getoption("markexpr") == FAST:
            patched.setattr(os, "fsync", os.fstat)  # as fsync, it refuses what is no open file
        yield


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """A law counts as slow wherever all of its examples are asked for."""
    if config.getoption("markexpr") == FAST:
        return
    for item in items:
        if getattr(getattr(item, "obj", None), "is_hypothesis_test", False):
            item.add_marker(pytest.mark.slow)
