"""The pictures of docs/statistics.md are what the script draws, and say what they show."""

import re
import runpy
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

DOCS = Path(__file__).parents[1] / "docs"
DRAWN = runpy.run_path(str(DOCS / "pictures.py"))["PICTURES"]
SVG = "{http://www.w3.org/2000/svg}"


@pytest.mark.parametrize("name", DRAWN)
def test_a_picture_is_what_the_script_draws(name: str) -> None:
    assert (DOCS / "pictures" / f"{name}.svg").read_bytes() == DRAWN[name]().encode()


@pytest.mark.parametrize("name", DRAWN)
def test_a_picture_is_told_in_words_and_stands_on_white(name: str) -> None:
    root = ET.fromstring(DRAWN[name]())  # noqa: S314  # our own
    title, told, ground = list(root)[:3]
    assert (title.tag, told.tag, ground.tag) == (f"{SVG}title", f"{SVG}desc", f"{SVG}rect")
    assert title.text
    assert told.text
    assert (ground.get("width"), ground.get("height"), ground.get("fill")) == (
        root.get("width"),
        root.get("height"),
        "#ffffff",
    )


def test_every_picture_is_shown_once_and_no_other_lies_about() -> None:
    shown = re.findall(r"!\[[^\]]+\]\(pictures/([a-z-]+)\.svg\)", (DOCS / "statistics.md").read_text("utf-8"))
    assert sorted(shown) == sorted(DRAWN) == sorted(one.stem for one in (DOCS / "pictures").iterdir())
