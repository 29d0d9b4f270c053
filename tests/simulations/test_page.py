"""docs/simulations.md has the form in which the script writes it, and drops are as large as it says."""

import re

import numpy as np
import pytest
from tests.simulations.tables import PAGE, page
from tests.simulations.worlds import World, build_of

_FIGURE = re.compile(r"\b\d[\d.]*")


def test_the_page_is_what_the_script_writes_but_for_its_figures() -> None:
    written = PAGE.read_text(encoding="utf-8")
    assert _FIGURE.sub("#", written) == _FIGURE.sub("#", page(blank=True))


def test_the_page_was_written_from_runs() -> None:
    assert "| 0 |\n" not in PAGE.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["agent", "reliable", "settled"])
def test_a_drop_of_conversations_is_as_large_as_a_world_says(name: str) -> None:
    rng = np.random.default_rng(5)
    build = build_of(World(name=name, n=20_000, clusters=10_000, drop=0.1), rng)
    every = np.arange(20_000)
    means = [build.draw(rates, every, 20).mean() for rates in (build.before, build.after)]
    assert means[0] - means[1] == pytest.approx(0.1, abs=0.006)
