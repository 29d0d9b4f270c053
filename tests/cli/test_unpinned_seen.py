"""Listings and code that is run tell a target something, too; what libraries do for themselves does not."""

from pathlib import Path

import pytest
from tests.cli.test_unpinned import Desk, refused
from tests.families import first_fast

HEAD = """
import glob, importlib, importlib.util, inspect, os, pkgutil, pydoc, runpy, shutil, sys, tokenize, traceback
from pathlib import Path
HERE = Path(__file__).parents[1]
"""
ANSWER = "def answer(case, stack):\n    return str({})\n"
DYNAMIC = """
def answer(case, stack):
    spec = importlib.util.spec_from_file_location("rules", HERE / "rules.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.TEXT
"""
LISTS = {
    "iterdir": ANSWER.format('sorted((HERE / "docs").iterdir())'),
    "listdir": ANSWER.format('os.listdir(HERE / "docs")'),
    "scandir": ANSWER.format('next(os.scandir(HERE / "docs")).name'),
    "walk": ANSWER.format('list(os.walk(HERE / "docs"))'),
    "glob": ANSWER.format('glob.glob(str(HERE / "docs" / "*.txt"))'),
    "a path's glob": ANSWER.format('list((HERE / "docs").glob("*"))'),
    "modules": ANSWER.format('[one.name for one in pkgutil.iter_modules([str(HERE / "docs")])]'),
    "caught": "def answer(case, stack):\n    try:\n        return str(os.listdir(HERE / 'docs'))\n"
    "    except Exception:\n        return 'refund'\n",
    "at load": "NAMES = os.listdir(HERE / 'docs')\ndef answer(case, stack):\n    return 'refund'\n",
}
RUNS = {
    "run as a file": ANSWER.format('runpy.run_path(str(HERE / "rules.py"))["TEXT"]'),
    "executed": ANSWER.format('exec((HERE / "rules.py").read_text()) or "refund"'),
    "compiled": ANSWER.format('exec(compile((HERE / "rules.py").read_bytes(), HERE / "rules.py", "exec"))'),
    "imported by its path": DYNAMIC,
    "imported by its name": "sys.path.insert(0, str(HERE))\n"
    + ANSWER.format('importlib.import_module("rules").TEXT'),
    "found by Python": "sys.path.insert(0, str(HERE))\n" + ANSWER.format('pydoc.locate("rules.TEXT")'),
    "found by a library": "sys.path[:0] = [str(HERE), str(HERE.parents[1] / 'lib/site-packages')]\n"
    "import library\n" + ANSWER.format('library.found("rules").TEXT'),
    "read by a library": "sys.path.insert(0, str(HERE.parents[1] / 'lib/site-packages'))\n"
    "import library\n" + ANSWER.format('library.read(HERE / "rules.py")'),
    "read as it is encoded": ANSWER.format('tokenize.open(str(HERE / "rules.py")).read()'),
    "at load": "runpy.run_path(str(HERE / 'rules.py'))\ndef answer(case, stack):\n    return 'refund'\n",
}


LIBRARY_CODE = """
import importlib.metadata, os, pkgutil, sys
found = importlib.import_module
def read(path):
    return path.read_text()
def answer():
    list(importlib.metadata.distributions())
    list(pkgutil.iter_modules(sys.path))
    return str(os.listdir(sys.path[0])) + "refund"
"""


def made(tmp_path: Path, code: str, more: str = "", paths: str = "") -> Desk:
    desk = Desk(tmp_path / "repo")
    (desk.folder / "docs").mkdir(parents=True)
    (desk.folder / "docs/one.txt").write_text("we refund")
    (desk.folder / "rules.py").write_text("TEXT = 'we refund'\n")
    library = desk.root / "lib/site-packages/library.py"
    library.parent.mkdir(parents=True)
    library.write_text(LIBRARY_CODE)
    return desk.made(HEAD + code, more, paths)


@pytest.mark.parametrize("way", first_fast(LISTS))
def test_a_folder_that_is_listed_and_has_no_pin_ends_the_replay(way: str, tmp_path: Path) -> None:
    desk = made(tmp_path, LISTS[way])
    refused(desk.replay(), "the target lists docs, which no pin of the stack holds", 'unpinned = ["docs"]')
    assert desk.sealed() == 0


@pytest.mark.parametrize("way", first_fast(RUNS))
def test_code_that_is_run_and_has_no_pin_ends_the_replay(way: str, tmp_path: Path) -> None:
    desk = made(tmp_path, RUNS[way])
    refused(desk.replay(), "no pin of the stack holds rules.py", '[code] paths = ["app", "rules.py"]')
    assert desk.sealed() == 0


COMPILED = """
import importlib.machinery
def answer(case, stack):
    try:
        loader = importlib.machinery.{}("rules", str(HERE / "rules{}"))
        importlib.util.module_from_spec(importlib.util.spec_from_loader("rules", loader))
        loader.get_code("rules")
    except ImportError:
        pass
    return "refund"
"""


@pytest.mark.parametrize(
    ("loader", "ending"), first_fast([("ExtensionFileLoader", ".so"), ("SourcelessFileLoader", ".pyc")])
)
def test_a_compiled_module_counts_as_code(loader: str, ending: str, tmp_path: Path) -> None:
    desk = made(tmp_path, COMPILED.format(loader, ending))
    (desk.folder / f"rules{ending}").write_bytes(b"")
    refused(desk.replay(), f"no pin of the stack holds rules{ending}, which the target runs")


def test_a_library_that_is_loaded_by_its_path_counts_as_a_file(tmp_path: Path) -> None:
    load = "import ctypes\ndef answer(case, stack):\n    ctypes.CDLL(None)\n"
    load += "    try:\n        ctypes.CDLL('libm.so.6')\n        ctypes.CDLL(str(HERE / 'rules.so'))\n"
    desk = made(tmp_path, load + "    except OSError:\n        pass\n    return 'refund'\n")
    (desk.folder / "rules.so").write_bytes(b"")
    refused(desk.replay(), "the target opens rules.so, which no pin of the stack holds")


@pytest.mark.parametrize("way", first_fast([*LISTS, *RUNS]))
def test_what_is_pinned_may_be_listed_and_run(way: str, tmp_path: Path) -> None:
    desk = made(tmp_path, {**LISTS, **RUNS}[way], paths=', "docs", "rules.py"')
    done = desk.replay()
    assert done.returncode == 0, done.stdout + done.stderr


SCRATCH = """
def answer(case, stack):
    scratch = HERE / f"scratch-{case.key}"
    scratch.mkdir()
    (scratch / "rules.py").write_text("TEXT = 'refund'")
    assert os.listdir(scratch) == ["rules.py"]
    told = runpy.run_path(str(scratch / "rules.py"))["TEXT"]
    shutil.rmtree(scratch)
    return told
"""
SHOWS = """
import wording
def answer(case, stack):
    try:
        wording.fails()
    except ValueError:
        return traceback.format_exc() + inspect.getsource(wording) + "refund"
"""
LIBRARY = """
sys.path[:0] = [str(HERE), str(HERE.parents[1] / "lib/site-packages")]
import library
def answer(case, stack):
    return library.answer()
"""
TOOL = """
import stopship
@stopship.boundary(kind="tool", effect="read")
def tool():
    return [os.listdir(HERE / "docs"), runpy.run_path(str(HERE / "rules.py"))["TEXT"]]
def answer(case, stack):
    return str(tool())
"""
OWN = """
def answer(case, stack):
    path = HERE / f"own-{os.getpid()}-{case.key}"
    os.path.exists(path) and path.unlink()
    with path.open("MODE") as file:
        file.write("refund")
    path.read_text()
    moved = path.rename(path.with_suffix(".txt"))
    try:
        return moved.read_text()
    finally:
        moved.unlink()
"""
FOLDER = """
def answer(case, stack):
    before, after = HERE / f"before-{case.key}", HERE / f"after-{case.key}"
    before.mkdir()
    (before / "text").write_text("refund")
    before.rename(after)
    told = os.listdir(after), (after / "text").read_text()
    shutil.rmtree(after)
    return str(told)
"""
HARMLESS = {
    "what it made itself, and moved": OWN.replace("MODE", "x"),
    "a folder of its own, moved": FOLDER,
    "what it appended to": OWN.replace("MODE", "a"),
    "what a compiler keeps": ANSWER.format('(HERE / "app/__pycache__/answer.nbi").read_text()'),
    "what it made itself": SCRATCH,
    "source that is shown": SHOWS,
    "what a library looks for": LIBRARY,
    "the world of a tool": TOOL,
    "elsewhere": ANSWER.format('[os.listdir(HERE.parents[2]), os.listdir("/")]'),
    "what is hidden": ANSWER.format('[os.listdir(HERE / ".cache")]'),
    "nothing": ANSWER.format('[one for one in ["no"] if os.path.exists(one) and os.listdir(one)]'),
}


@pytest.mark.parametrize("way", first_fast(HARMLESS))
def test_what_tells_a_target_nothing_is_not_refused(way: str, tmp_path: Path) -> None:
    desk = made(tmp_path, HARMLESS[way])
    (desk.folder / ".cache").mkdir()
    (desk.folder / "app/__pycache__").mkdir()
    (desk.folder / "app/__pycache__/answer.nbi").write_text("refund")
    (desk.folder / "app/wording.py").write_text("def fails():\n    raise ValueError\n")
    assert desk.run("pins", "lock", str(desk.folder / "stack.toml")).returncode == 0
    for words in ((), ("--fresh",)):
        done = desk.replay(*words)
        assert done.returncode == 0, done.stdout + done.stderr


def test_another_stack_may_not_list_what_the_suites_own_stack_pins(tmp_path: Path) -> None:
    desk = made(tmp_path, ANSWER.format('os.listdir(HERE / "policies")'))
    for name in ("policies", "policies2"):
        (desk.folder / name).mkdir()
        (desk.folder / name / "refund.txt").write_text(name)
    desk.stack("stack", "v1", "policies")
    desk.stack("next", "v2", "policies2")
    assert desk.replay().returncode == 0
    done = desk.replay("--stack", "suites/desk/next.toml")
    refused(done, "policies, which stack.toml pins as 'policy'", 'stack.path("policy")')
