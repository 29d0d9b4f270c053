"""Code that the target runs and no pin holds is refused: a change of it would be served over."""

from pathlib import Path

import pytest
from tests.gating.making import Made, make

from stopship.errors import EvidenceError
from stopship.gating.repro import repro
from stopship.pinning.lock import lock_stack

ANSWER = "def answer(case, stack):\n    return said(case.row['asked'])\n"
HELPER = "def said(text):\n    return text\n"
LATE = "def answer(case, stack):\n    from helper import said\n    return said(case.row['asked'])\n"


def suite(folder: Path, files: dict[str, str], paths: str = '["app/answer.py"]') -> Made:
    made = make(folder, is_accepted=False)
    for name, text in files.items():
        path = made.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, "utf-8")
    made.edit("stack.toml", 'paths = ["app"]', f"paths = {paths}")
    lock_stack(made.folder / "stack.toml")
    return made


@pytest.mark.parametrize(
    ("files", "told"),
    [
        ({"app/answer.py": f"from helper import said\n{ANSWER}", "app/helper.py": HELPER}, "app/helper.py"),
        (
            {"app/answer.py": f"import helper\nsaid = helper.said\n{ANSWER}", "app/helper.py": HELPER},
            "helper.py",
        ),
        ({"app/answer.py": LATE, "app/helper.py": HELPER}, "app/helper.py"),
        (
            {"app/answer.py": f"from lib.said import said\n{ANSWER}", "app/lib/said.py": HELPER},
            "app/lib/said.py",
        ),
        (
            {
                "app/answer.py": f"from lib import said\nsaid = said.said\n{ANSWER}",
                "app/lib/__init__.py": "",
                "app/lib/said.py": HELPER,
            },
            "app/lib/",
        ),
        (
            {
                "app/answer.py": "def answer(case, stack):\n    import importlib\n"
                "    it = importlib.import_module(__name__.rpartition('.')[0] + '.helper')\n"
                "    return it.said(case.row['asked'])\n",
                "app/helper.py": HELPER,
            },
            "app/helper.py",
        ),
    ],
    ids=["at load", "as a module", "lazily", "a folder", "a package", "by name"],
)
def test_a_helper_that_no_pin_holds_is_refused_with_the_line_to_write(
    tmp_path: Path, files: dict[str, str], told: str
) -> None:
    made = suite(tmp_path / "s", files)
    with pytest.raises(EvidenceError) as caught:
        made.replay()
    assert told in str(caught.value)
    assert 'write [code] paths = ["app/answer.py", "app/' in str(caught.value)
    assert not list((made.folder / ".stopship/runs").glob("*"))


@pytest.mark.parametrize("middle", ["from helper import said\n", "import helper\nsaid = helper.said\n"])
def test_a_helper_of_a_helper_is_refused_and_pinned_it_is_not(tmp_path: Path, middle: str) -> None:
    files = {
        "app/answer.py": f"from middle import said\n{ANSWER}",
        "app/middle.py": middle,
        "app/helper.py": HELPER,
    }
    made = suite(tmp_path / "s", files, '["app/answer.py", "app/middle.py"]')
    with pytest.raises(EvidenceError, match=r"holds app/helper\.py, .*imported by app/middle\.py") as caught:
        made.replay()
    line = '["app/answer.py", "app/middle.py", "app/helper.py"]'
    assert f"write [code] paths = {line}" in str(caught.value)
    made.edit("stack.toml", '["app/answer.py", "app/middle.py"]', line)
    lock_stack(made.folder / "stack.toml")
    assert made.replay().outcomes


def test_what_only_the_scorers_import_is_not_the_target_s_code(tmp_path: Path) -> None:
    """Scorers lie beside the target, and import a helper that the target knows nothing of."""
    files = {
        "answer.py": f"from mine import said\n{ANSWER}",
        "mine.py": HELPER,
        "scorers.py": "import helper\ndef right(case, trace):\n    return helper.said(True)\n",
        "helper.py": HELPER,
    }
    made = suite(tmp_path / "s", files, '["answer.py", "mine.py"]')
    made.edit("suite.toml", "app/answer.py:answer", "answer.py:answer")
    assert made.replay().outcomes


def test_what_the_scorers_imported_first_is_still_the_target_s_code(tmp_path: Path) -> None:
    files = {
        "answer.py": f"from helper import said\n{ANSWER}",
        "scorers.py": "import helper\ndef right(case, trace):\n    return helper.said(True)\n",
        "helper.py": HELPER,
    }
    made = suite(tmp_path / "s", files, '["answer.py"]')
    made.edit("suite.toml", "app/answer.py:answer", "answer.py:answer")
    with pytest.raises(EvidenceError, match=r"holds helper\.py, .*imported by answer\.py"):
        made.replay()


def test_code_that_was_executed_in_other_bytes_than_are_pinned_is_refused(tmp_path: Path) -> None:
    files = {"app/answer.py": f"from helper import said\n{ANSWER}", "app/helper.py": HELPER}
    made = suite(tmp_path / "s", files, '["app"]')
    opened = made.open()
    made.replay(opened=opened)
    (made.folder / "app/helper.py").write_text("def said(text):\n    return 'no'\n", "utf-8")
    lock_stack(made.folder / "stack.toml")
    with pytest.raises(EvidenceError, match=r"helper\.py: has changed since this process executed it"):
        made.replay(opened=opened)


def test_reproducing_refuses_it_as_well(tmp_path: Path) -> None:
    made = suite(tmp_path / "s", {"app/answer.py": LATE, "app/helper.py": HELPER})
    stack = str(made.folder / "stack.toml")
    with pytest.raises(EvidenceError, match="which the target runs"):
        repro(made.open(), made.place, "c30", good=stack, bad=stack, times=1)
