"""A stack that moves while it answers seals nothing, though it be put back before anybody looks."""

import os
import shutil
from pathlib import Path

import pytest
from tests.gating.making import Made, make
from tests.gating.test_digests import recorded

from stopship.gating.replay import planned
from stopship.gating.repro import repro
from stopship.gating.stacking import answering
from stopship.gating.stillness import MovedError
from stopship.pinning.lock import lock_stack

ANSWER = """\
import os
from pathlib import Path

HOOK = Path(__file__).parents[1] / ".hook.py"


def answer(case, stack):
    if HOOK.exists() and case.key in ("c10", "c40"):
        exec(HOOK.read_text())
    if case.key == "c50" and os.environ.get("DIE"):
        os.kill(os.getpid(), 9)
    return case.row["asked"] if (stack.path("articles") / "a.md").read_text() == "good" else "no"
"""
PUT = """\
import shutil
root = HOOK.parent
if case.key == "c10":
    shutil.copytree(root / "articles", root / ".kept", symlinks=True)
    {change}
else:
    {back}
"""


def suite(folder: Path, *, replay: str = "deterministic = true") -> Made:
    made = make(folder, is_accepted=False, replay=replay)
    (made.folder / "app/answer.py").write_text(ANSWER, "utf-8")
    (made.folder / "articles").mkdir()
    (made.folder / "articles/a.md").write_text("bad!", "utf-8")
    made.edit("stack.toml", "[code]", '[articles]\nversion = "v1"\npath = "articles"\n[code]')
    lock_stack(made.folder / "stack.toml")
    return made


def is_nothing_kept(made: Made) -> bool:
    work = made.folder / ".stopship"
    return not [*work.glob("runs/*"), *work.glob("work/*/journal*"), *work.glob("plans/*")]


@pytest.mark.parametrize(
    ("change", "back"),
    [
        (
            '(root / "articles/a.md").write_text("good")',
            (
                'shutil.copyfile(root / ".kept/a.md", root / "articles/a.md"); '
                'shutil.copystat(root / ".kept/a.md", root / "articles/a.md")'
            ),
        ),
        (
            '(root / "articles/a.md").rename(root / ".aside"); (root / "articles/a.md").write_text("good")',
            '(root / ".aside").rename(root / "articles/a.md")',
        ),
        ('(root / "articles/b.md").write_text("good")', '(root / "articles/b.md").unlink()'),
        (
            '(root / "articles").rename(root / ".x"); shutil.copytree(root / ".x", root / "articles")',
            'shutil.rmtree(root / "articles"); (root / ".x").rename(root / "articles")',
        ),
    ],
    ids=["in place", "put back", "one more", "the whole folder"],
)
def test_what_was_put_back_while_cases_were_replayed_is_not_sealed(
    tmp_path: Path, change: str, back: str
) -> None:
    made = suite(tmp_path / "s")
    (made.folder / ".hook.py").write_text(PUT.format(change=change, back=back), "utf-8")
    with pytest.raises(MovedError, match="articles v1: ") as caught:
        made.replay()
    assert "changed while cases were replayed, so nothing is sealed" in str(caught.value)
    assert is_nothing_kept(made)
    (made.folder / ".hook.py").unlink()
    assert made.replay().outcomes[0].trace["output"] == "no"


def test_what_is_not_put_back_is_named_with_both_digests(tmp_path: Path) -> None:
    made = suite(tmp_path / "s")
    hook = PUT.format(change='(root / "articles/a.md").write_text("good")', back="pass")
    (made.folder / ".hook.py").write_text(hook, "utf-8")
    with pytest.raises(MovedError, match=r"articles v1: a\.md [0-9a-f]{12} -> [0-9a-f]{12}"):
        made.replay()
    assert is_nothing_kept(made)


def test_a_journal_of_a_stack_that_was_touched_since_is_dropped(tmp_path: Path) -> None:
    """Killed while other articles lay there, put back, resumed: what was filed cannot be vouched for."""
    made = suite(tmp_path / "s")
    article = made.folder / "articles/a.md"
    killed(made)
    assert not is_nothing_kept(made)
    article.write_text("good", "utf-8")
    article.write_text("bad!", "utf-8")
    with pytest.raises(MovedError, match=r"articles v1: a\.md was touched"):
        made.replay(resume=True)
    assert is_nothing_kept(made)
    assert made.replay().outcomes


def test_a_journal_of_a_stack_that_was_left_alone_is_gone_on_from(tmp_path: Path) -> None:
    made = suite(tmp_path / "s")
    killed(made)
    (made.folder / "cases.jsonl").touch()
    assert len(made.replay(resume=True).outcomes) == 60
    assert not list((made.folder / ".stopship/work").glob("*"))
    assert made.replay(fresh=True).outcomes


def killed(made: Made) -> None:
    """A replay in a process of its own that dies at the fiftieth case."""
    import subprocess
    import sys

    words = [sys.executable, "-m", "stopship", "replay", str(made.folder), "--allow-blind"]
    subprocess.run(words, env={**os.environ, "DIE": "1"}, capture_output=True, check=False)


def test_a_process_that_comes_late_sees_that_the_stack_moved_before(tmp_path: Path) -> None:
    """Under xdist the process that seals opens the stack when the others have answered already."""
    made = suite(tmp_path / "s")
    opened, stack = made.open(), made.folder / "stack.toml"
    first = planned(opened, made.place, answering(stack))
    with first.engine() as engine:
        outcomes = list(engine.outcomes(first.jobs()))
        article = made.folder / "articles/a.md"
        shutil.copy(article, made.folder / "aside")
        (made.folder / "aside").replace(article)
    late = planned(opened, made.place, answering(stack))
    with pytest.raises(MovedError, match=r"a\.md was touched"):
        late.sealed(outcomes, {})


def test_a_served_version_that_changed_meanwhile_is_not_sealed(tmp_path: Path) -> None:
    made = suite(tmp_path / "s")
    observer = (
        "from pathlib import Path\ndef served():\n    return Path(__file__).with_name('now').read_text()\n"
    )
    (made.folder / "o.py").write_text(observer, "utf-8")
    (made.folder / "now").write_text("7", "utf-8")
    made.edit("stack.toml", "[code]", '[index]\nversion = "i1"\nobserve = "o.py:served"\n[code]')
    lock_stack(made.folder / "stack.toml")
    hook = PUT.format(change='(root / "now").write_text("8")', back="pass")
    (made.folder / ".hook.py").write_text(hook, "utf-8")
    with pytest.raises(MovedError, match="index i1: served '7' -> '8'"):
        made.replay()


def test_recorded_outputs_that_were_touched_are_not_sealed(tmp_path: Path) -> None:
    made = recorded(tmp_path)
    plan = planned(made.open(), made.place, answering(made.folder / "stack.toml"))
    outcomes = plan.recorded
    assert outcomes is not None
    (made.folder / "outputs.jsonl").touch()
    with pytest.raises(MovedError, match="outputs"):
        plan.sealed(outcomes, {})


def test_reproducing_says_so_too(tmp_path: Path) -> None:
    made = suite(tmp_path / "s")
    stack = str(made.folder / "stack.toml")
    (made.folder / ".hook.py").write_text("(HOOK.parent / 'articles/a.md').touch()", "utf-8")
    with pytest.raises(MovedError, match=r"a\.md was touched"):
        repro(made.open(), made.place, "c10", good=stack, bad=stack, times=1)
