"""docs/simulations.md has the form in which the script writes it."""

import re

from tests.simulations.tables import PAGE, page

_FIGURE = re.compile(r"\b\d[\d.]*")


def test_the_page_is_what_the_script_writes_but_for_its_figures() -> None:
    written = PAGE.read_text(encoding="utf-8")
    assert _FIGURE.sub("#", written) == _FIGURE.sub("#", page(blank=True))


def test_the_page_was_written_from_runs() -> None:
    assert "| 0 |\n" not in PAGE.read_text(encoding="utf-8")
