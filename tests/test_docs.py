"""Every command that the documentation shows is run, and what it shows as output is what comes out.

A line `…` in shown output stands for any lines. STOPSHIP_UPDATE_GOLDEN=1 writes the outputs anew. A page that
begins with `<!-- story -->` is run from top to bottom at one desk: suites, fixtures and examples, in git.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from stopship.model.rule import DEFAULT_COHORT_MARGIN, DEFAULT_MARGIN

ROOT = Path(__file__).parents[1]
DATA = Path(os.environ.get("STOPSHIP_REAL_DATA", ROOT.parent / "shared" / "data"))
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])
BLOCK = re.compile(r"^```console\n(.*?)^```$", re.DOTALL | re.MULTILINE)


class Shown(NamedTuple):
    page: Path
    command: str
    output: str
    exit_code: int


def commands(page: Path) -> list[Shown]:
    """The commands of a page's console blocks; `# exit N` after a command says how it ends."""
    found = []
    for block in BLOCK.findall(page.read_text(encoding="utf-8")):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            lines = part.split("\n")
            end = next(i for i, line in enumerate(lines) if not line.endswith("\\"))
            command = "\n".join(lines[: end + 1])
            code = re.search(r"  # exit (\d+)$", command)
            found.append(Shown(page, command, "\n".join(lines[end + 1 :]), int(code[1]) if code else 0))
    return found


STORY = "<!-- story -->"
STORIES = [page for page in PAGES if page.read_text(encoding="utf-8").startswith(STORY)]
EVERY = [one for page in PAGES if page not in STORIES for one in commands(page)]
LONG = ("examples/real-data/suites.py", "for one in ")  # several suites or gates in one command
LONGER = (
    "pytest -q",
    "stopship noise",
    "tau.py make",
    "stopship init",
)  # seconds each, of a suite or a session


def _takes_seconds(shown: Shown, *words: str) -> bool:
    return any(one in shown.command for one in words)


def is_slow(shown: Shown) -> bool:
    """It takes seconds; the shortest is a fast test all the same."""
    if _takes_seconds(shown, *LONG) or not _takes_seconds(shown, *LONGER):
        return _takes_seconds(shown, *LONG)
    others = [one for one in EVERY if _takes_seconds(one, *LONGER)]
    return shown is not min(others, key=lambda one: len(one.command))


def marked(shown: Shown) -> Any:
    """The command, in the slow tests where it takes seconds."""
    marks = [pytest.mark.slow] if is_slow(shown) else []
    return pytest.param(shown, marks=marks, id=f"{shown.page.name}: {shown.command[:60]}")


@pytest.mark.parametrize("shown", [marked(one) for one in EVERY])
def test_a_shown_command_does_what_is_shown(shown: Shown, tmp_path: Path) -> None:
    if "$DATA" in shown.command and not DATA.is_dir():
        pytest.skip("the recorded outputs are not at hand")
    check(shown, ROOT, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("page", STORIES, ids=lambda page: page.name)
def test_a_story_goes_as_it_is_told(page: Path, tmp_path: Path) -> None:
    desk = tmp_path / "desk"
    without = shutil.ignore_patterns(".stopship", "__pycache__")
    for name in ("suites", "fixtures", "examples"):
        shutil.copytree(ROOT / name, desk / name, ignore=without)
    git = ["git", "-c", "user.name=desk", "-c", "user.email=desk@desk.example"]
    for words in (["init", "-q", "-b", "main"], ["add", "-A"], ["commit", "-q", "-m", "as it is"]):
        subprocess.run([*git, *words], cwd=desk, check=True)
    for shown in commands(page):
        check(shown, desk, tmp_path)


def check(shown: Shown, folder: Path, out: Path) -> None:
    """Run a shown command in a folder and hold what it prints against what is shown."""
    bin_dir = str(Path(sys.executable).parent)
    env = {k: v for k, v in os.environ.items() if k not in ("CI", "GITHUB_ACTIONS", "COLUMNS")}
    env |= {
        "PATH": f"{bin_dir}{os.pathsep}{env['PATH']}",
        "DATA": str(DATA),
        "OUT": str(out),
        "PYTHONUTF8": "1",
        "PYTEST_ADDOPTS": "-p no:cacheprovider -p no:hypothesispytest",  # whose last words import hypothesis
    }
    done = subprocess.run(
        ["sh", "-c", shown.command],
        cwd=folder,
        env=env,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == shown.exit_code, f"{shown.command}\n{done.stdout}{done.stderr}"
    real = done.stdout.replace(str(DATA), "$DATA").replace(str(out), "$OUT")
    if shown.output.strip() == "":
        return
    if os.environ.get("STOPSHIP_UPDATE_GOLDEN") and shown.output.count("…") == real.count("…"):  # its own
        text = shown.page.read_text(encoding="utf-8")
        shown.page.write_text(
            text.replace(f"{shown.command}\n{shown.output}", f"{shown.command}\n{real}"), encoding="utf-8"
        )
        return
    pattern = re.escape(shown.output.strip("\n")).replace("…", "(.|\n)*")
    assert re.fullmatch(pattern, real.strip("\n")), f"--- shown\n{shown.output}\n--- real\n{real}"


def test_a_page_says_what_its_commands_need_before_it_shows_them() -> None:
    """A reader types what is shown: an unset `$OUT` would write to the root of the machine."""
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        before = text[: text.find("$OUT/")] if "$OUT/" in text else text[: text.find('"$OUT"') + 1]
        assert "$OUT" not in text or "OUT=$(mktemp -d)" in before, f"{page.name} never says what $OUT is"
    install, *_ = (ROOT / "README.md").read_text(encoding="utf-8").partition("```console")
    assert ". .venv/bin/activate" in install, "the commands that follow are those of the environment"


def test_the_margins_that_are_taken_where_none_is_written_are_those_that_are_told() -> None:
    own, cohorts = f"{100 * DEFAULT_MARGIN:g}", f"{100 * DEFAULT_COHORT_MARGIN:g}"
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert f"A margin that a rule leaves out is {own} points, {cohorts} in cohorts" in readme
    verdicts = (ROOT / "docs/verdicts.md").read_text(encoding="utf-8")
    assert f"`margin` is {own}pt and `cohort_margin` {cohorts}pt" in verdicts


def test_the_documentation_shows_commands() -> None:
    assert len([one for one in EVERY if one.page.name == "README.md"]) >= 3
