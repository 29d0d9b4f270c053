"""Whose code answers: every stack with its own, and with none that no pin holds."""

from pathlib import Path

import pytest
from tests.gating.making import Made, make

from stopship.errors import EvidenceError
from stopship.gating.replay import planned
from stopship.gating.repro import repro
from stopship.gating.stacking import answering
from stopship.model.verdict import Verdict
from stopship.pinning.lock import lock_stack
from stopship.pinning.restore import restore_stack

RIGHT = "def answer(case, stack):\n    return case.row['asked']\n"
WRONG = "def answer(case, stack):\n    return 'no'\n"


def restored(made: Made, name: str = "old") -> Path:
    """What the suite's stack was locked as, in a folder of its own, locked again."""
    done = restore_stack(made.folder / "stack.lock.json", made.folder.parent / name)
    assert not done.refused
    lock_stack(done.stack_file)
    return done.stack_file


def changed(made: Made, name: str, text: str) -> None:
    (made.folder / name).write_text(text, "utf-8")


def test_a_restored_stack_answers_with_its_own_code(tmp_path: Path) -> None:
    made = make(tmp_path / "s")
    changed(made, "app/answer.py", RIGHT)
    lock_stack(made.folder / "stack.toml")
    old = restored(made)
    changed(made, "app/answer.py", WRONG)
    lock_stack(made.folder / "stack.toml")
    opened = made.open()
    plan = planned(opened, made.place, answering(old))
    assert plan.target is not None
    assert plan.target.path.resolve() == old.parent / "app/answer.py"
    found = repro(
        opened, made.place, "c30", good=str(old), bad=str(made.folder / "stack.toml"), times=2
    )  # in one process, both
    (one,) = [it for it in found.tallies if it.rule == "right"]
    assert (one.good, one.bad) == (0, 2)
    assert made.gate(f"../{old.parent.name}/stack").verdict is Verdict.SHIP
    assert made.gate().verdict is Verdict.STOP


def test_code_in_two_folders_never_shares_the_modules_beside_it(tmp_path: Path) -> None:
    made = make(tmp_path / "s")
    changed(
        made,
        "app/answer.py",
        "import helper\ndef answer(case, stack):\n    import late\n    return helper.SAID + late.SAID\n",
    )
    for one in ("helper", "late"):
        changed(made, f"app/{one}.py", "SAID = 'old'\n")
    lock_stack(made.folder / "stack.toml")
    old = restored(made)
    for one in ("helper", "late"):
        changed(made, f"app/{one}.py", "SAID = 'new'\n")
    lock_stack(made.folder / "stack.toml")
    new = made.folder / "stack.toml"
    found = repro(made.open(), made.place, "c30", good=str(old), bad=str(new), times=1)
    told = [side.outcomes[0].trace["output"] for side in (found.good, found.bad)]
    assert told == ["oldold", "newnew"]


def test_the_target_is_found_under_the_name_that_the_suite_s_own_stack_gives_it(tmp_path: Path) -> None:
    """Pinned by a folder above the suite, its name in the pin begins with that folder's."""
    made = make(tmp_path / "s", is_accepted=False)
    changed(made, "app/answer.py", RIGHT)
    made.edit("stack.toml", 'paths = ["app"]', 'paths = ["../s/app"]')
    lock_stack(made.folder / "stack.toml")
    old = restored(made)
    assert (old.parent / "s/app/answer.py").is_file()
    plan = planned(made.open(), made.place, answering(old))
    assert plan.target is not None
    assert plan.target.path.resolve() == old.parent / "s/app/answer.py"


def test_a_file_of_that_name_on_another_axis_is_not_the_target(tmp_path: Path) -> None:
    made = make(tmp_path / "s", is_accepted=False)
    other = tmp_path / "other"
    (other / "app").mkdir(parents=True)
    (other / "app/answer.py").write_text(WRONG, "utf-8")
    (other / "stack.toml").write_text('[examples]\npaths = ["app"]\n', "utf-8")
    lock_stack(other / "stack.toml")
    with pytest.raises(EvidenceError, match="no pin of the stack holds the target"):
        planned(made.open(), made.place, answering(other / "stack.toml"))
