"""The code of a marked function is all that it reaches in its own file, and nothing else of it."""

import sys
from itertools import count
from pathlib import Path
from types import ModuleType

import pytest
from tests.families import first_fast

from stopship.parts.own_code import code_digest
from stopship.parts.targets.python import load_target
from stopship.parts.user_code import load

_number = count()

HEAD = """
import functools, json, stopship
from dataclasses import dataclass

mark = stopship.boundary(kind="tool", effect="read")


def seat(item):
    return "seat " + item


class Desk:
    rows = 3

    def book(self, item):
        return "seat " + item


def other(item):
    return "other " + item
"""
WAYS = {  # how a marked function comes to what is said in `seat` or in `Desk.book`
    "a name": "@mark\ndef tool(i): return seat(i)",
    "a module-level instance": "desk = Desk()\n@mark\ndef tool(i): return desk.book(i)",
    "a base class": "class Front(Desk): pass\n@mark\ndef tool(i): return Front().book(i)",
    "a derived instance": "class Front(Desk): ...\nd = Front()\n@mark\ndef tool(i): return d.book(i)",
    "a closure": "def made(h):\n    @mark\n    def tool(i): return h(i)\n    return tool\ntool = made(seat)",
    "an instance in a closure": (
        "def made(h):\n    @mark\n    def tool(i): return h.book(i)\n    return tool\ntool = made(Desk())"
    ),
    "a default": "@mark\ndef tool(i, h=seat): return h(i)",
    "a default by name": "@mark\ndef tool(i, *, h=seat): return h(i)",
    "a bound method": "book = Desk().book\n@mark\ndef tool(i): return book(i)",
    "a partial": "book = functools.partial(seat)\n@mark\ndef tool(i): return book()",
    "a cache": "@functools.lru_cache\ndef kept(i): return seat(i)\n@mark\ndef tool(i): return kept(i)",
    "a table": "ways = {'a': [seat]}\n@mark\ndef tool(i): return ways['a'][0](i)",
    "a static method": (
        "class S:\n    @staticmethod\n    def go(i): return seat(i)\n@mark\ndef tool(i): return S.go(i)"
    ),
    "a class method": (
        "class S:\n    @classmethod\n    def go(c, i): return seat(i)\n@mark\ndef tool(i): return S.go(i)"
    ),
    "a property": (
        "class S:\n    @property\n    def go(self): return seat('x')\n@mark\ndef tool(i): return S().go"
    ),
    "a cached property": (
        "class S:\n    @functools.cached_property\n    def go(self): return seat('x')\n"
        "@mark\ndef tool(i): return S().go"
    ),
    "an attribute of a class": "class S:\n    go = seat\n@mark\ndef tool(i): return S.go(i)",
    "an attribute of an instance": (
        "class S:\n    def __init__(self, h): self.h = h\ns = S(seat)\n@mark\ndef tool(i): return s.h(i)"
    ),
    "a slot of an instance": (
        "@dataclass(slots=True)\nclass S:\n    h: object\ns = S(seat)\n@mark\ndef tool(i): return s.h(i)"
    ),
    "an inner function": "@mark\ndef tool(i):\n    def inner(): return seat(i)\n    return inner()",
    "another marked function": "@mark\ndef deep(i): return seat(i)\n@mark\ndef tool(i): return deep(i)",
    "a decorator": (
        "def deco(f):\n    @functools.wraps(f)\n    def run(i): return seat(f(i))\n    return run\n"
        "@mark\n@deco\ndef tool(i): return i"
    ),
    "a metaclass": (
        "class Meta(type):\n    def go(cls, i): return seat(i)\nclass S(metaclass=Meta): pass\n"
        "@mark\ndef tool(i): return S.go(i)"
    ),
}


def digest(folder: Path, text: str) -> str:
    file = folder / f"v{next(_number)}" / "app.py"
    file.parent.mkdir()
    file.write_text(text, "utf-8")
    module = load(file, "here").outcome
    assert isinstance(module, ModuleType), module
    assert module.__name__ in sys.modules
    return code_digest(module.tool.__stopship_boundary__.function)


@pytest.mark.parametrize("way", first_fast(WAYS))
def test_what_a_function_reaches_in_its_own_file_is_its_code_and_the_rest_is_not(
    tmp_path: Path, way: str
) -> None:
    text = HEAD + WAYS[way] + "\n"
    before = digest(tmp_path, text)
    assert digest(tmp_path, text.replace('"seat " + item', '"nothing " + item')) != before
    assert digest(tmp_path, text) == before
    assert digest(tmp_path, text.replace('"other " + item', '"another " + item')) == before
    assert digest(tmp_path, f"# further down\n\n{text}") == before


def test_data_is_none_of_it_and_what_stands_for_something_else_is_not_asked(tmp_path: Path) -> None:
    text = HEAD + (
        "class Proxy:\n"
        "    def __getattribute__(self, name): raise RuntimeError(name)\n"
        "proxy, rows, me = Proxy(), [{'a': 1}] * 2000, []\n"
        "me.append(me)\n"
        "@mark\ndef tool(item): return proxy, rows, me, json.dumps\n"
    )
    assert digest(tmp_path, text) == digest(tmp_path, text.replace("2000", "3000"))


def test_the_code_of_a_function_is_what_it_reaches_when_its_target_is_loaded(tmp_path: Path) -> None:
    text = HEAD + (
        "orders = []\n@mark\ndef tool(item): return len(orders)\n"
        "def answer(case, stack): orders.append(Desk())\n"
    )
    file = tmp_path / "app.py"
    file.write_text(text, "utf-8")
    load_target(file, "answer", "here")
    module = load(file, "here").outcome
    assert isinstance(module, ModuleType)
    module.answer(None, None)
    assert code_digest(module.tool.__stopship_boundary__.function) == digest(tmp_path, text)
