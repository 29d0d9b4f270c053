"""Retrieval-only replays: the recorded searches are really made, as they were recorded, or refused."""

from ast import literal_eval
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from tests.gating.shelves import MemoryShelf
from tests.gating.test_world import at, calls, world_of

from stopship.errors import Missed, UsageError
from stopship.gating.searching import Searches
from stopship.model.case import Case
from stopship.model.exchange import Fidelity, Record, Recording
from stopship.parts.neighbours import code_of
from stopship.parts.targets.python import PythonTarget, load_target

_number = count()
HEAD = """
import pathlib
import stopship

HERE = pathlib.Path(__file__).parent
searched = stopship.boundary(kind="retrieval", effect="read")


def note(*told):
    with (HERE / "made.txt").open("a") as file:
        file.write(repr(told) + "\\n")
    return (HERE / "docs.txt").read_text().split()


"""
PLAIN = "@searched\ndef search(query): return note(query)\ndef answer(case, stack): return search('a')\n"


class App:
    """A target in a file, with what it recorded of one case."""

    def __init__(self, folder: Path, text: str = PLAIN, **beside: str) -> None:
        self.folder = folder / f"v{next(_number)}"
        self.folder.mkdir()
        for name, body in {"docs": "one two", **beside}.items():
            file = f"{name}.txt" if name == "docs" else f"{name}.py"
            (self.folder / file).write_text(body, "utf-8")
        self.target = self.load("app", HEAD + text)
        self.shelf = MemoryShelf()

    def load(self, name: str, text: str) -> PythonTarget:
        path = self.folder / f"{name}.py"
        path.write_text(text, "utf-8")
        return load_target(path, "answer", "here")

    @property
    def made(self) -> list[Any]:
        """The searches that were made, since it was last asked."""
        file = self.folder / "made.txt"
        told = file.read_text("utf-8").splitlines() if file.exists() else []
        file.unlink(missing_ok=True)
        return [literal_eval(one) for one in told]

    def record(self, allowed: tuple[str, ...] = ()) -> "App":
        world = world_of(shelf=self.shelf, record=Record.NEW, allowed=frozenset(allowed))
        at(world, lambda: self.target.call(Case("a", {}, None, None), None))
        self.recorded = self.made
        return self

    def search(self, allowed: tuple[str, ...] = ()) -> list[Any]:
        """What a retrieval-only replay tells of its searches."""
        self.world = world_of(shelf=self.shelf, fidelity=Fidelity.RETRIEVAL_ONLY, allowed=frozenset(allowed))
        searches = Searches(target=self.target, shelf=self.shelf, allowed=frozenset(allowed))
        found: Any = at(self.world, lambda: searches.call(Case("a", {}, None, None), None))
        return [(one["recorded"], one["found"]) for one in found["searches"]]


def test_an_unchanged_search_is_made_and_not_served(tmp_path: Path) -> None:
    app = App(tmp_path).record()
    (app.folder / "docs.txt").write_text("two three", "utf-8")  # of no pin: an index elsewhere
    assert app.search() == [(["one", "two"], ["two", "three"])]
    assert app.made == [("a",)]
    assert [one.source for one in calls(app.world)] == ["live"]


@pytest.mark.parametrize(
    ("takes", "gives"),
    [
        ("q, **filters", "'a', lang='de', first=2"),
        ("q, **filters", "'a'"),
        ("q, *more", "'a', 'b', 'c'"),
        ("q, first=2, *more", "'a', 3, 'c'"),
        ("q, /, first=2", "'a'"),
        ("q, /, lang='x', *more, first, **rest", "'a', 'de', 'b', first=1, q=3"),
        ("*, q", "q='a'"),
        ("q=('a', 'b')", ""),
    ],
)
def test_a_search_is_made_with_the_arguments_that_were_recorded(
    tmp_path: Path, takes: str, gives: str
) -> None:
    text = f"@searched\ndef search({takes}): return note(sorted(locals().items()))\n"
    app = App(tmp_path, f"{text}def answer(case, stack): return search({gives})\n").record()
    app.search()
    now = app.made
    assert len(now) == 1
    assert str(now).replace("(", "[").replace(")", "]") == str(app.recorded).replace("(", "[").replace(
        ")", "]"
    )


def test_an_argument_that_is_left_out_of_the_key_has_its_default(tmp_path: Path) -> None:
    text = (
        "@stopship.boundary(kind='retrieval', effect='read', ignore=('client',))\n"
        "def search(client=object(), query='x', *more): return note(query, *more)\n"
        "def answer(case, stack): return search(object(), 'a', 'b')\n"
    )
    app = App(tmp_path, text).record()
    app.search()
    assert app.made == app.recorded == [("a", "b")]


@pytest.mark.parametrize(
    ("now", "said"),
    [
        ("query, limit=5", "takes other arguments than were recorded"),
        ("other='x'", "takes other arguments than were recorded"),
        ("*query", "takes other arguments than were recorded"),
        ("**query", "takes other arguments than were recorded"),
        ("query, limit", "cannot be made alone: missing a required argument: 'limit'"),
    ],
)
def test_a_search_that_would_be_asked_something_else_is_refused(tmp_path: Path, now: str, said: str) -> None:
    app = App(tmp_path).record()
    app.target = app.load(
        "later", HEAD + PLAIN.replace("(query): return note(query)", f"({now}): return note()")
    )
    with pytest.raises(UsageError, match=said):
        app.search()
    assert app.made == []


def test_a_search_that_writes_is_refused_before_any_is_made_and_one_that_is_allowed_is_made(
    tmp_path: Path,
) -> None:
    text = (
        "@searched\ndef first(query): return note(query)\n"
        "@stopship.boundary(kind='retrieval')\ndef search(query): return note(query)\n"
        "def answer(case, stack): return [search('a'), first('b'), search('c'), first('d')]\n"
    )
    app = App(tmp_path, text).record(allowed=("search",))
    with pytest.raises(UsageError, match="the search 'search' writes, as what is not declared does"):
        app.search()
    assert app.made == []
    app.search(allowed=("search",))
    made = app.made
    assert sorted(made) == sorted(app.recorded)
    assert made[-1] == ("d",)  # a search after another write is made after it
    assert made.index(("a",)) < made.index(("c",))


def test_two_searches_of_one_name_are_refused_with_both_of_them(tmp_path: Path) -> None:
    other = (
        "import stopship\n@stopship.boundary(kind='retrieval', effect='read')\ndef search(query): return []\n"
    )
    app = App(tmp_path, f"import other\n{PLAIN}", other=other).record()
    said = "'search': search in app.py, line .*, and search in other.py, line 2".replace(", and", " and")
    with pytest.raises(UsageError, match=said):
        app.search()
    assert app.made == []


LATE = f"{HEAD}\n@searched\ndef search(query): return note(query)\n"


@pytest.mark.parametrize(
    ("statement", "beside"),
    [
        ("from finding import search", {"finding": LATE}),
        ("from .finding import search", {"finding": LATE}),
        ("from middle import search", {"middle": "from finding import *\n", "finding": LATE}),
        (
            "from middle import go as search",
            {
                "middle": "def go(query):\n    import finding\n    return finding.search(query)\n",
                "finding": LATE,
            },
        ),
    ],
)
def test_a_search_that_is_imported_when_it_is_needed_is_made(
    tmp_path: Path, statement: str, beside: dict[str, str]
) -> None:
    text = f"def answer(case, stack):\n    {statement}\n    return search('a')\n"
    shelf = App(tmp_path, text, **beside).record().shelf
    app = App(tmp_path, text, **beside)
    app.shelf = shelf
    assert app.search() == [(["one", "two"], ["one", "two"])]
    assert "finding.py" in {ran.file.name for ran in code_of(app.target.path.resolve())}


def test_what_a_late_import_raises_is_told_as_a_search_that_is_not_there(tmp_path: Path) -> None:
    shelf = App(tmp_path).record().shelf
    late = "def answer(case, stack):\n    import broken, json, nowhere\n    from . import search\n"
    app = App(tmp_path, late, broken="raise SystemExit(3)\n")
    app.shelf = shelf
    with pytest.raises(UsageError, match="the target marks no retrieval of that name, in no file that it"):
        app.search()


def test_what_a_search_does_to_its_arguments_changes_no_recording(tmp_path: Path) -> None:
    text = "@searched\ndef search(words): return note(words.pop())\n"
    app = App(tmp_path, f"{text}def answer(case, stack): return search(['a', 'b'])\n").record()
    kept: Recording = next(iter(app.shelf.kept.values()))
    before = str(kept)
    app.search()
    app.search()
    assert app.made == [("b",), ("b",)]
    assert str(kept) == before


def test_a_case_of_which_nothing_is_recorded_is_lost(tmp_path: Path) -> None:
    with pytest.raises(Missed, match="no search of the case 'a' is recorded"):
        App(tmp_path).search()
