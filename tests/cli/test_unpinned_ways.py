"""The ways in which a target comes to a file or a module that no pin holds; and what is none of its own."""

from pathlib import Path

import pytest
from tests.cli.test_unpinned import BY_PATH, PACKAGE, Desk, packaged, refused
from tests.families import first_fast

HEAD = "from pathlib import Path\nHERE = Path(__file__).parents[1]\n"
POOL = """
from concurrent.futures import ThreadPoolExecutor
def answer(case, stack):
    with ThreadPoolExecutor(1) as pool:
        return pool.submit((HERE / "rules.txt").read_text).result()
"""
EXECUTOR = """
import asyncio
async def answer(case, stack):
    return await asyncio.get_running_loop().run_in_executor(None, (HERE / "rules.txt").read_text)
"""
SCRATCH = """
def answer(case, stack):
    with (HERE / "scratch.txt").open("w+") as file:
        file.write("refund")
        file.seek(0)
        return file.read() + (HERE / "scratch.txt").read_text()
"""
METADATA = """
import importlib.metadata
import sys
sys.path.insert(0, str(HERE.parents[1]))
VERSION = importlib.metadata.version("myapp")
def answer(case, stack):
    return "refund"
"""


@pytest.mark.parametrize(
    ("code", "file"),
    first_fast(
        [
            (POOL, "rules.txt"),
            (EXECUTOR, "rules.txt"),
            (BY_PATH.replace("policy.txt", "app/rules.txt~"), "app/rules.txt~"),
            (BY_PATH.replace("policy.txt", "link.txt"), "link.txt"),
        ]
    ),
    ids=["a pool", "an executor", "left out of a pinned folder", "a link"],
)
def test_a_change_of_it_would_go_unseen(code: str, file: str, tmp_path: Path) -> None:
    desk = Desk(tmp_path / "repo").made(HEAD + code)
    path = desk.folder / file
    if path.name == "link.txt":
        (tmp_path / "outside.txt").write_text("we refund")
        path.symlink_to(tmp_path / "outside.txt")
    else:
        path.write_text("TEXT = 'we refund'")
    refused(desk.replay(), f"the target opens {file}, which no pin of the stack holds")
    assert desk.sealed() == 0


def test_what_was_allowed_and_is_not_any_more_is_drawn_anew(tmp_path: Path) -> None:
    code = BY_PATH.replace("policy.txt", "rules.txt")
    desk = Desk(tmp_path / "repo").made(code, 'unpinned = ["rules.txt"]')
    (desk.folder / "rules.txt").write_text("we refund")
    assert desk.replay().returncode == 0
    suite = desk.folder / "suite.toml"
    suite.write_text(suite.read_text().replace('unpinned = ["rules.txt"]', ""))
    refused(desk.replay(), "the target opens rules.txt, which no pin of the stack holds")


@pytest.mark.parametrize(
    "code", first_fast([SCRATCH, METADATA]), ids=["what it wrote itself", "metadata of a package"]
)
def test_what_is_no_evidence_may_be_read(code: str, tmp_path: Path) -> None:
    desk = Desk(tmp_path / "repo").made(HEAD + code)
    about = desk.root / "myapp.egg-info"
    about.mkdir()
    (about / "PKG-INFO").write_text("Metadata-Version: 2.1\nName: myapp\nVersion: 1.0\n")
    for words in ((), ("--fresh",)):
        done = desk.replay(*words)
        assert done.returncode == 0, done.stdout + done.stderr


def test_a_module_that_only_others_import_is_not_the_targets(tmp_path: Path) -> None:
    desk = packaged(tmp_path / "repo", paths=', "../../assistant/core.py", "../../assistant/__init__.py"')
    (desk.root / "assistant/core.py").write_text("def reply(text):\n    return text\n")
    (desk.root / "assistant/admin.py").write_text("SECRET = 1\n")
    (desk.folder / "app/answer.py").write_text(PACKAGE)
    scorer = "import assistant.admin\ndef right(case, trace):\n    return True\n"
    (desk.folder / "scorers.py").write_text(scorer)
    suite = desk.folder / "suite.toml"
    suite.write_text(suite.read_text().replace("contains(text=refund)", "scorers.py:right"))
    assert desk.run("pins", "lock", str(desk.folder / "stack.toml")).returncode == 0
    done = desk.run("gate", "suites/desk", "--allow-blind")
    assert "no baseline" in done.stdout, done.stdout + done.stderr
