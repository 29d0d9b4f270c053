"""What a target reads of its repository and no pin holds ends the replay: a change of it would go unseen."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from tests.families import first_fast

from stopship.pinning.lock import lock_stack

SUITE = """format = 1
suite = "desk"
cases = "cases.jsonl"
stack = "stack.toml"
[replay]
target = "app/answer.py:answer"
deterministic = true
{more}
[[rule]]
id = "says"
score = "contains(text=refund)"
compare = {{ better = "higher", margin = "10pt" }}
"""
STACK = """[policy]
version = "{version}"
path = "{policy}"
[code]
paths = ["app"{more}]
"""
BY_PATH = """
from pathlib import Path
HERE = Path(__file__).parents[1]
def answer(case, stack):
    return (HERE / "policy.txt").read_text()
"""
BY_PIN = """
def answer(case, stack):
    return stack.path("policy").read_text()
"""
TOOL = """
from pathlib import Path
import stopship
HERE = Path(__file__).parents[1]
@stopship.boundary(kind="tool", effect="read", pins=("policy",))
def policy():
    return (HERE / "{file}").read_text()
def answer(case, stack):
    return policy()
"""


@dataclass
class Desk:
    """A suite in a repository."""

    root: Path
    env: dict[str, str] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        return self.root / "suites/desk"

    def made(self, code: str, more: str = "", paths: str = "") -> "Desk":
        (self.root / ".git").mkdir(parents=True)
        (self.folder / "app").mkdir(parents=True)
        rows = [{"key": f"c{number:02}", "question": "May I?"} for number in range(60)]
        (self.folder / "cases.jsonl").write_text("".join(json.dumps(one) + "\n" for one in rows))
        (self.folder / "policy.txt").write_text("we refund")
        (self.folder / "policy2.txt").write_text("we never do")
        (self.folder / "app/answer.py").write_text(code)
        (self.folder / "suite.toml").write_text(SUITE.format(more=more))
        self.stack("stack", "v1", "policy.txt", paths)
        self.stack("next", "v2", "policy2.txt", paths)
        return self

    def stack(self, name: str, version: str, policy: str, paths: str = "") -> None:
        file = self.folder / f"{name}.toml"
        file.write_text(STACK.format(version=version, policy=policy, more=paths))
        lock_stack(file)

    def run(self, *words: str) -> "subprocess.CompletedProcess[str]":
        env = {name: one for name, one in os.environ.items() if name not in ("CI", "STOPSHIP_STORE")}
        return subprocess.run(
            [sys.executable, "-m", "stopship", *words],
            cwd=self.root,
            env=env | self.env,
            capture_output=True,
            text=True,
            check=False,
        )

    def replay(self, *words: str) -> "subprocess.CompletedProcess[str]":
        return self.run("replay", "suites/desk", "--allow-blind", *words)

    def sealed(self) -> int:
        return len(list(self.folder.glob(".stopship/runs/*")))


def refused(done: "subprocess.CompletedProcess[str]", *said: str) -> None:
    text = " ".join((done.stdout + done.stderr).split())
    assert done.returncode == 22, text
    assert "Traceback" not in text
    for one in said:
        assert one in text, text


def test_a_file_of_the_repository_that_no_pin_holds_ends_the_replay(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "repo").made(BY_PATH.replace("policy.txt", "rules.txt"))
    (desk.folder / "rules.txt").write_text("we refund")
    refused(desk.replay(), "the target opens rules.txt, which no pin of the stack holds", "unpinned")
    assert desk.sealed() == 0


AT_LOAD = """
from pathlib import Path
RULES = (Path(__file__).parents[1] / "rules.txt").read_text()
def answer(case, stack):
    return RULES
"""
CAUGHT = """
from pathlib import Path
def answer(case, stack):
    try:
        return (Path(__file__).parents[1] / "rules.txt").read_text()
    except Exception:
        return "refund"
"""
IN_A_THREAD = """
import asyncio
from pathlib import Path
async def answer(case, stack):
    return await asyncio.to_thread((Path(__file__).parents[1] / "rules.txt").read_text)
"""


@pytest.mark.parametrize(
    "code", first_fast([AT_LOAD, CAUGHT, IN_A_THREAD]), ids=["at load", "caught", "in a thread"]
)
def test_it_does_not_matter_when_or_how_it_is_opened(code: str, tmp_path: Path) -> None:
    desk = Desk(tmp_path / "repo").made(code)
    (desk.folder / "rules.txt").write_text("we refund")
    refused(desk.replay(), "rules.txt, which no pin of the stack holds")
    assert desk.sealed() == 0


def test_a_database_counts_as_a_file(tmp_path: Path) -> None:
    code = (
        "import sqlite3\nfrom pathlib import Path\ndef answer(case, stack):\n"
        '    return str(sqlite3.connect(f"file:{Path(__file__).parents[1]}/rules.db?mode=ro", uri=True))\n'
    )
    desk = Desk(tmp_path / "repo").made(code)
    (desk.folder / "rules.db").write_bytes(b"")
    refused(desk.replay(), "rules.db, which no pin of the stack holds")


def test_another_stack_is_not_answered_from_the_file_that_the_suites_own_stack_pins(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "repo").made(BY_PATH)
    assert desk.replay().returncode == 0
    done = desk.run("gate", "suites/desk", "--allow-blind", "--stack", "suites/desk/next.toml")
    refused(done, "policy.txt", "policy2.txt", 'stack.path("policy")')


def test_what_is_opened_through_the_stack_is_the_stacks_own(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "repo").made(BY_PIN)
    assert desk.replay().returncode == 0
    done = desk.replay("--stack", "suites/desk/next.toml")
    assert done.returncode == 0, done.stderr
    assert desk.sealed() == 2


def test_a_tool_reads_the_file_of_the_stack_that_is_asked_or_none(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "repo").made(TOOL.format(file="policy.txt"), 'fidelity = "frozen"')
    assert desk.replay("--record", "new").returncode == 0
    done = desk.replay("--stack", "suites/desk/next.toml", "--record", "new")
    refused(done, "tool policy opens policy.txt", "policy2.txt", 'stack.path("policy")')


def test_a_tool_asks_for_the_file_of_the_stack_that_answers(tmp_path: Path) -> None:
    code = TOOL.replace('(HERE / "{file}")', 'stopship.pinned("policy", HERE / "policy.txt")')
    desk = Desk(tmp_path / "repo").made(code, 'fidelity = "frozen"')
    for stack in ("stack", "next"):
        told = "--stack", f"suites/desk/{stack}.toml"
        assert desk.replay(*told, "--record", "new").returncode == 0
        assert desk.replay(*told).returncode == 0
    runs = [one.read_text() for one in desk.folder.glob(".stopship/runs/*/traces.jsonl")]
    assert sorted("never" in one for one in runs) == [False, False, True, True]


def test_a_tool_may_read_the_world_which_its_recordings_tell_of(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "repo").made(TOOL.format(file="world.txt"), 'fidelity = "frozen"')
    (desk.folder / "world.txt").write_text("we refund")
    done = desk.replay("--record", "new")
    assert done.returncode == 0, done.stderr
    (desk.folder / "world.txt").unlink()
    assert desk.replay().returncode == 0


def test_what_is_no_part_of_the_repository_may_be_read_and_anything_written(tmp_path: Path) -> None:
    code = (
        "import json, tempfile\nfrom pathlib import Path\nHERE = Path(__file__).parents[1]\n"
        "def answer(case, stack):\n"
        '    with (HERE / "log.txt").open("a") as file:\n        file.write(case.key)\n'
        '    (HERE / ".env").read_text()\n'
        '    (HERE.parents[2] / "elsewhere.txt").read_text()\n'
        "    with tempfile.TemporaryFile() as file:\n        file.read()\n"
        '    (HERE / "nothing.txt").exists()\n'
        '    return stack.text("policy")\n'
    )
    desk = Desk(tmp_path / "repo").made(code)
    (desk.folder / ".env").write_text("KEY=1")
    (tmp_path / "elsewhere.txt").write_text("hello")
    done = desk.replay()
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_suite_may_name_what_needs_no_pin_and_its_reports_say_so(tmp_path: Path) -> None:
    code = BY_PATH.replace("policy.txt", "cache/rules.txt")
    desk = Desk(tmp_path / "repo").made(code, 'unpinned = ["cache"]')
    (desk.folder / "cache").mkdir()
    (desk.folder / "cache/rules.txt").write_text("we refund")
    done = desk.run("gate", "suites/desk", "--allow-blind")
    assert done.returncode == 22  # there is no baseline yet
    assert "no baseline" in done.stdout
    assert "may read cache, which no pin holds" in " ".join(done.stdout.split())


PACKAGE = (
    'from assistant.core import reply\ndef answer(case, stack):\n    return reply(stack.text("policy"))\n'
)


def packaged(root: Path, *, paths: str = "") -> Desk:
    desk = Desk(root, {"PYTHONPATH": str(root)})
    (root / "assistant").mkdir(parents=True)
    (root / "assistant/__init__.py").write_text("")
    (root / "assistant/core.py").write_text(
        "import wording\ndef reply(text):\n    return wording.plain(text)\n"
    )
    (root / "wording.py").write_text("def plain(text):\n    return text\n")
    return desk.made(PACKAGE, paths=paths)


def test_a_package_of_the_repository_that_the_target_imports_is_its_code(tmp_path: Path) -> None:
    desk = packaged(tmp_path / "repo")
    refused(desk.replay(), "../../assistant/", "which the target runs (imported by app/answer.py)")
    assert desk.sealed() == 0


def test_what_such_a_package_imports_is_its_code_too(tmp_path: Path) -> None:
    desk = packaged(tmp_path / "repo", paths=', "../../assistant"')
    refused(desk.replay(), "../../wording.py, which the target runs (imported by ../../assistant/core.py)")


def test_a_package_that_is_pinned_may_answer_and_a_change_of_it_is_another_stack(tmp_path: Path) -> None:
    desk = packaged(tmp_path / "repo", paths=', "../../assistant", "../../wording.py"')
    assert desk.replay().returncode == 0
    (desk.root / "wording.py").write_text("def plain(text):\n    return 'no'\n")
    refused(desk.replay(), "the stack has drifted from its lock in code")
