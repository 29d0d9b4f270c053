"""The stack of any run can be asked again, in the bytes that were pinned; else what is lacking is told."""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from tests.cli.running import Command
from tests.gating.making import Made, make

from stopship.gating.rebuilding import NotAtHandError, answering_of
from stopship.gating.repro import repro
from stopship.gating.stacking import Answering
from stopship.pinning.lock import lock_stack

AXES = """\
[articles]
version = "a1"
path = "data/articles"
[index]
version = "i1"
path = "data/index.db"
[budget]
version = "b1"
steps = 4
[served]
version = "s1"
observe = "o.py:now"
[code]"""


def suite(folder: Path) -> Made:
    """A suite whose baseline answered with pins of every kind."""
    made = make(folder, is_accepted=False)
    (made.folder / "data/articles").mkdir(parents=True)
    (made.folder / "data/articles/a.md").write_text("one", "utf-8")
    (made.folder / "data/index.db").write_bytes(b"\0" * 5000)
    (made.folder / "now").write_text("7", "utf-8")
    read = "Path(__file__).with_name('now').read_text()"
    (made.folder / "o.py").write_text(f"from pathlib import Path\ndef now():\n    return {read}\n", "utf-8")
    made.edit("stack.toml", "[code]", AXES)
    lock_stack(made.folder / "stack.toml")
    made.accept(made.replay())
    return made


def edit_in_place(made: Made) -> None:
    """What a person does: code, prompt and stack file changed where they stand, and locked again."""
    made.edit("app/answer.py", 'if key in told.get("silent", ()):', "if True:")
    (made.folder / "stack.json").write_text('{"wrong": ["c31"]}', "utf-8")
    made.edit("stack.toml", "steps = 4", "steps = 5")
    lock_stack(made.folder / "stack.toml")


def of_baseline(made: Made) -> Answering:
    return answering_of(made.open(), made.place, made.place.run("baseline"))


def test_the_baseline_is_asked_anew_after_everything_was_edited_in_place(tmp_path: Path) -> None:
    made = suite(tmp_path / "s")
    edit_in_place(made)
    run = made.place.run("baseline")
    found = of_baseline(made)
    assert found.stack.stack_id == run.head.stack.stack_id
    assert found.path.parent == made.folder / ".stopship/stacks" / run.head.stack.stack_id
    assert found.stack.value("budget") == {"steps": 4}
    assert found.stack.path("index").resolve() == made.folder / "data/index.db"
    both = repro(
        made.open(), made.place, "c30", good="baseline", bad=str(made.folder / "stack.toml"), times=3
    )
    assert not both.good.is_recorded
    (one,) = [it for it in both.tallies if it.rule == "right"]
    assert (one.good, one.good_tries, one.bad) == (0, 3, 3)


def test_data_that_moved_to_another_name_beside_it_is_found_by_its_digest(tmp_path: Path) -> None:
    made = suite(tmp_path / "s")
    data = made.folder / "data"
    (data / "index.db").rename(data / "index-old.db")
    (data / "articles").rename(data / "articles-old")
    (data / "index.db").write_bytes(b"\1" * 5000)
    (data / "articles").mkdir()
    (data / "articles/a.md").write_text("two", "utf-8")
    lock_stack(made.folder / "stack.toml")
    found = of_baseline(made)
    assert found.stack.path("index").resolve() == data / "index-old.db"
    assert found.stack.path("articles").resolve() == data / "articles-old"


def test_what_is_lacking_is_named_with_what_brings_it_back(tmp_path: Path, stopship: Command) -> None:
    made = suite(tmp_path / "s")
    edit_in_place(made)
    (made.folder / "data/index.db").write_bytes(b"\1" * 5000)
    (made.folder / "now").write_text("8", "utf-8")
    shutil.rmtree(made.folder / "pins")
    lock_stack(made.folder / "stack.toml")
    with pytest.raises(NotAtHandError) as caught:
        of_baseline(made)
    told = "\n".join(caught.value.lacking)
    assert "index i1: is data: put the file of 5000 bytes with digest " in told
    assert "prompt stack: the text of 'stack.json', digest " in told
    assert "budget b1: its value, digest " in told
    assert not list((made.folder / ".stopship/stacks").glob("*"))
    words = ("--bad", str(made.folder / "stack.toml"), "--suite", str(made.folder), "--times", "1")
    assert stopship("repro", "c30", "--good", "baseline", *words) == 0
    assert "good was not asked anew: the stack" in stopship.out
    assert "index i1: is data: put the file" in stopship.out


def test_another_version_that_is_served_now_is_not_taken_for_the_one_of_then(tmp_path: Path) -> None:
    made = suite(tmp_path / "s")
    (made.folder / "now").write_text("8", "utf-8")
    lock_stack(made.folder / "stack.toml")
    with pytest.raises(NotAtHandError, match="served s1: serves '8' now, and then '7'"):
        of_baseline(made)


@pytest.mark.parametrize("name", ["app/answer.py", "stack.json", "stack.toml", "stack.lock.json"])
def test_a_rebuilt_stack_that_was_touched_is_rebuilt_before_it_answers(tmp_path: Path, name: str) -> None:
    made = suite(tmp_path / "s")
    edit_in_place(made)
    first = of_baseline(made)
    (first.path.parent / name).write_text("tampered", "utf-8")
    again = of_baseline(made)
    assert again.stack.stack_id == first.stack.stack_id
    assert again.stack.text("prompt") == "{}"
    assert [one.name for one in (made.folder / ".stopship/stacks").iterdir()] == [first.stack.stack_id]


def test_a_forged_text_never_comes_into_a_rebuilt_stack(tmp_path: Path) -> None:
    made = suite(tmp_path / "s")
    edit_in_place(made)
    digest = made.place.run("baseline").head.stack.pin("prompt").content
    (made.folder / "pins/sha256" / digest[:2] / digest).write_text('{"wrong": ["c30"]}', "utf-8")
    with pytest.raises(NotAtHandError, match="prompt stack: the text of"):
        of_baseline(made)


def test_many_at_once_get_one_whole_stack(tmp_path: Path) -> None:
    made = suite(tmp_path / "s")
    edit_in_place(made)
    opened, place, run = made.open(), made.place, made.place.run("baseline")
    found: list[str] = []
    threads = [
        threading.Thread(target=lambda: found.append(answering_of(opened, place, run).stack.stack_id))
        for _ in range(8)
    ]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert found == [run.head.stack.stack_id] * 8
    assert [one.name for one in (made.folder / ".stopship/stacks").iterdir()] == [run.head.stack.stack_id]


def test_killed_midway_leaves_nothing_that_is_taken_for_a_stack(tmp_path: Path) -> None:
    made = suite(tmp_path / "s")
    edit_in_place(made)
    words = [sys.executable, "-m", "stopship", "repro", "c30", "--good", "baseline", "--bad", "baseline"]
    for after in (0.2, 0.3, 0.4, 0.5):
        child = subprocess.Popen([*words, "--suite", str(made.folder)], stdout=subprocess.DEVNULL)
        time.sleep(after)
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
    assert of_baseline(made).stack.text("prompt") == "{}"


def test_accepting_draws_from_the_rebuilt_stack(tmp_path: Path, stopship: Command) -> None:
    made = make(tmp_path / "s", replay="", is_accepted=False)
    run = made.replay()
    edit = '{"wrong": ["c31"]}'
    (made.folder / "stack.json").write_text(edit, "utf-8")
    lock_stack(made.folder / "stack.toml")
    assert stopship("accept", run.short, "--because", "reviewed", "--suite", str(made.folder)) == 0
    assert made.place.run("baseline").head.stack.stack_id == run.head.stack.stack_id
    assert made.place.run("baseline").id != run.id
