"""The shape of the house: who may import whom, where third-party libraries come in, how large things are."""

import ast
import functools
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "harness" / "stopship"
STDLIB = sys.stdlib_module_names

FLOORS = {  # a module may import its own part and lower floors; parts of one floor are neighbours
    "errors": 0,
    "model": 1,
    "boundaries": 1,
    "store": 2,
    "steps": 2,
    "parts": 2,
    "report": 2,
    "catalog": 2,
    "pipeline": 3,
    "pinning": 3,
    "ruling": 3,
    "gating": 4,
    "cli": 5,
    "judging": 6,
    "under_pytest": 6,  # and pytest_plugin, its front, which loads it when the first suite is met
    "__main__": 7,
    "__init__": 7,
}
FRONT = {"pytest_plugin": "under_pytest"}
DOORS = {  # third-party library -> the modules that may import it
    "click": ("cli/",),
    "pytest": ("pytest_plugin.py", "under_pytest/"),
    "_pytest": ("under_pytest/",),
    "tabulate": ("cli/listing.py",),
    "numpy": ("steps/",),
    "rfc8785": ("model/canonical.py",),
    "pyarrow": ("store/parquet.py",),
    "rapidfuzz": ("parts/scorers/closeness.py",),
    "jsonschema_rs": ("parts/scorers/json_checks.py",),
    "fsspec": ("store/remote.py",),
    "aiohttp": ("parts/gateway/", "parts/targets/posting.py"),
    "yarl": ("parts/gateway/live.py",),  # comes with aiohttp: addresses that go on as they came
    "jinja2": ("parts/targets/prompts.py",),
    "genai_prices": ("gating/pricing.py",),
}
MODULES = sorted(one for one in PACKAGE.rglob("*.py") if "template" not in one.relative_to(PACKAGE).parts)


@functools.cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@functools.cache
def _imports(path: Path) -> tuple[str, ...]:
    return tuple(_imported(path))


def _imported(path: Path) -> Iterator[str]:
    for node in ast.walk(_tree(path)):
        if isinstance(node, ast.Import):
            yield from (one.name for one in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are written in full"
            yield node.module or ""
            if node.module == "stopship":
                yield from (f"stopship.{one.name}" for one in node.names)


def _part(module: str) -> str:
    names = module.split(".")
    name = FRONT.get(names[1], names[1]) if len(names) > 1 else ""
    return name if name in FLOORS else "__init__"


def _own_part(path: Path) -> str:
    first = path.relative_to(PACKAGE).parts[0]
    return FRONT.get(first.removesuffix(".py"), first.removesuffix(".py"))


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_down(path: Path) -> None:
    own = _own_part(path)
    for module in _imports(path):
        if not module.startswith("stopship."):
            continue
        other = _part(module)
        if other in (own, "__init__"):
            continue
        allowed = FLOORS[other] < FLOORS[own]
        assert allowed or own == "__init__", (
            f"{own} (floor {FLOORS[own]}) imports {module} (floor {FLOORS[other]})"
        )


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_third_party_libraries_come_in_through_their_doors(path: Path) -> None:
    place = path.relative_to(PACKAGE).as_posix()
    for module in _imports(path):
        top = module.partition(".")[0]
        if top in STDLIB or top == "stopship":
            continue
        assert top in DOORS, f"{place} imports {top}, which has no door"
        assert place.startswith(DOORS[top]), f"{place} imports {top}, whose door is {DOORS[top]}"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_module_says_what_it_is_for(path: Path) -> None:
    assert ast.get_docstring(_tree(path))


def test_broad_excepts_stand_only_where_they_turn_into_data_or_a_bug_report() -> None:
    allowed = {"cli/main.py", "parts/user_code.py"}
    for path in MODULES:
        for node in ast.walk(_tree(path)):
            if not isinstance(node, ast.ExceptHandler):
                continue
            caught = ast.unparse(node.type) if node.type else "everything"
            if (
                caught == "everything"
                or "Exception" in caught.replace("StopshipException", "").split(".")[-1].split()
            ):
                assert path.relative_to(PACKAGE).as_posix() in allowed, f"{path}:{node.lineno}"


def test_the_command_starts_without_heavy_libraries() -> None:
    probe = (
        "import sys, stopship.cli.main as main\n"
        "heavy = {'numpy', 'scipy', 'pyarrow', 'rapidfuzz', 'jsonschema_rs', 'tabulate'}\n"
        "heavy |= {'openai', 'anthropic', 'aiohttp', 'jinja2'}\n"
        "heavy &= set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", probe], check=True)


def test_importing_the_package_loads_only_itself() -> None:
    probe = (
        "import sys; before = set(sys.modules); import stopship\n"
        "extra = {m for m in set(sys.modules) - before if m.startswith('stopship')}\n"
        "assert extra == {'stopship'}, extra"
    )
    subprocess.run([sys.executable, "-c", probe], check=True)


def test_sizes_are_what_a_reader_can_hold() -> None:
    """Limits are warnings; only what is far beyond them fails."""
    for path in MODULES:
        text = path.read_text(encoding="utf-8")
        lines = len(text.splitlines())
        place = path.relative_to(PACKAGE).as_posix()
        if lines > 250:
            with warnings.catch_warnings():
                warnings.simplefilter("always")
                print(f"size: {place} has {lines} lines")
        assert lines <= 400, f"{place} has {lines} lines"
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef):
                length = (node.end_lineno or 0) - node.lineno
                assert length <= 80, f"{place}: {node.name} has {length} lines"


def test_the_project_speaks_of_itself_alone() -> None:
    forbidden = ("/wo" + "rk/", "py" + "pi.org", "python" + "hosted", ".lib" + "rary/")
    folders = ("harness", "tests", "docs", "examples", "benchmarks", ".ci", "ci", "suites")
    paths = [one for folder in folders for one in (ROOT / folder).rglob("*") if one.is_file()]
    paths += [one for one in ROOT.iterdir() if one.suffix in (".md", ".toml")]
    assert len(paths) > 50
    for path in paths:
        if path.suffix in (".py", ".md", ".toml", ".json", ".txt", ""):
            text = path.read_text(encoding="utf-8", errors="replace")
            for word in forbidden:
                assert word not in text, f"{path} holds {word!r}"
