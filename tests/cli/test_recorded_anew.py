"""Recordings that are made anew, broken off, or of a function that has changed since."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tests.cli.running import Command
from tests.cli.test_outside import APP, SUITE, Shop, accepted

from stopship.gating.paths import is_path
from stopship.store.recordings import Recordings


@pytest.fixture
def shop(tmp_path: Path, stopship: Command, monkeypatch: pytest.MonkeyPatch) -> Shop:
    for name in ("CI", "STOPSHIP_STORE"):
        monkeypatch.delenv(name, raising=False)
    return Shop(tmp_path, stopship)


def elsewhere(shop: Shop, *words: str, start: str = "from stopship.cli.main import entry; entry()") -> str:
    """What a process of its own says, and how it ends: this one has executed the target already."""
    env = {name: one for name, one in os.environ.items() if name not in ("CI", "STOPSHIP_STORE")}
    command = [sys.executable, "-c", start, words[0], str(shop.folder), *words[1:], "--allow-blind"]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    return f"exit {done.returncode} " + " ".join((done.stdout + done.stderr).split())


def recordings(shop: Shop) -> Recordings:
    return Recordings(next(one for one in shop.folder.rglob("recordings") if one.is_dir()))


def calls(shop: Shop) -> int:
    """How many calls are recorded; the paths of outputs are none."""
    return sum(not is_path(one) for one in recordings(shop).each())


FULL = """
from stopship.cli.main import entry
from stopship.errors import StopshipError
from stopship.store.remote import FolderStore

def put(store, name, data):
    raise StopshipError("not written: the disk is full")

FolderStore.put_recordings = put
entry()
"""


def test_nothing_leaves_the_store_before_what_takes_its_place_is_there(shop: Shop) -> None:
    shop.record()
    before = [one.asked.key for one in recordings(shop).each()]
    words = ("replay", "--record", "all", "--allow-effects", "reserve")
    assert "the disk is full" in elsewhere(shop, *words, start=FULL)
    assert [one.asked.key for one in recordings(shop).each()] == before
    assert "0 lost" in elsewhere(shop, *words, "--resume")
    assert shop.reserved == 80
    assert elsewhere(shop, "replay").startswith("exit 0")


def test_a_changed_function_is_void_until_its_answers_are_recorded_again(shop: Shop) -> None:
    shop.record()
    accepted(shop)
    shop.write("app/answer.py", APP.replace('return "reserved"', 'return "not reserved"'))
    shop.lock()
    said = elsewhere(shop, "gate")
    assert said.startswith("exit 22 VOID")
    assert "40 calls of 'reserve' in the candidate" in said
    assert "or of its own code" in said
    assert "0 lost" in elsewhere(shop, "replay", "--record", "new", "--allow-effects", "reserve")
    assert shop.reserved == 80
    assert elsewhere(shop, "gate").startswith("exit 0 SHIP")


def test_a_change_of_the_target_around_its_functions_is_served_as_before(shop: Shop) -> None:
    shop.record()
    accepted(shop)
    shop.write("app/answer.py", APP.replace('return f"{search', 'return f": {search'))
    shop.lock()
    assert elsewhere(shop, "gate").startswith("exit 0 SHIP")
    assert shop.reserved == 40


def test_all_replaces_what_it_makes_anew_and_leaves_what_other_stacks_were_told(shop: Shop) -> None:
    shop.record()
    shop.write("docs.txt", "mug: a big cup\nplate: flat\n")
    shop.lock("d2")
    shop.record("--record", "all")
    kept = recordings(shop)
    searches = [one for one in kept.of_case("c00") if one.asked.call.name == "search"]
    assert sorted(str(one.answers[0].result) for one in searches) == ["['mug: a big cup']", "['mug: a cup']"]
    assert calls(shop) == 160
    shop.write("stock.txt", "mug\n")  # and nobody says so
    shop.lock("d2")
    shop.record("--record", "all")
    assert calls(shop) == 160 + 40
    shop.record("--record", "all", "--case", "c00")
    assert calls(shop) == 160 + 40
    assert not recordings(shop).conflicts()


def test_all_is_refused_where_the_store_only_takes_new_ones(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("fsspec")
    monkeypatch.setenv("STOPSHIP_STORE", "memory://recorded")
    assert shop("replay", "--record", "all", "--allow-effects", "reserve") == 2
    assert "replaces recordings, and a store behind a URL only takes new ones" in shop.stopship.err
    assert shop.reserved == 0


BROKEN_OFF = """
import os, signal, sys
from stopship.store.remote import FolderStore
def die(self, name, data):
    os.kill(os.getpid(), signal.SIGKILL)
FolderStore.put_recordings = die
from stopship.cli.main import entry
sys.exit(entry())
"""


def test_killed_between_sealing_and_the_store_a_replay_that_goes_on_loses_no_recording(shop: Shop) -> None:
    words = ["replay", "--record", "new", "--allow-effects", "reserve"]
    assert elsewhere(shop, *words, start=BROKEN_OFF).startswith(f"exit {-signal.SIGKILL} ")
    assert shop.reserved == 40
    shop.record("--record", "new", "--resume")
    assert shop.reserved == 40
    assert calls(shop) == 120
    assert shop("replay") == 0
    assert "120 of 120 served from recordings (frozen)" in shop.stopship.out


def test_a_recording_that_was_killed_at_its_start_is_not_served_what_was_never_recorded(shop: Shop) -> None:
    assert shop("replay", "--fidelity", "live", "--allow-effects", "reserve") == 0
    assert shop.reserved == 40
    shop.record("--record", "new", "--resume")  # as after a kill before anything was done
    assert calls(shop) == 120
    shop.record("--record", "new", "--resume")  # it has ended: nothing is asked again
    assert shop.reserved == 80
    assert shop("replay", "--fidelity", "live", "--allow-effects", "reserve") == 0
    assert "served from the sealed run" in shop.stopship.out


def test_a_recording_that_varies_begins_a_draw_of_its_own_where_it_was_killed_at_its_start(
    shop: Shop,
) -> None:
    shop.write("suite.toml", SUITE.format(replay="").replace("deterministic = true\n", ""))
    assert shop("replay", "--allow-effects", "reserve") == 0
    before = shop.stopship.out.split()[1]
    shop.record("--record", "new", "--resume")
    assert shop.stopship.out.split()[1] != before  # one sample is drawn once: this is another
    assert calls(shop) == 120


def test_outputs_that_were_filed_without_recordings_are_not_gone_on_from(shop: Shop) -> None:
    dies = APP.replace("def answer(case, stack):", "def answer(case, stack):\n    die(case)")
    dies += """

def die(case):
    import os
    if case.key == "c20" and (HERE / "dies").exists():
        os.kill(os.getpid(), 9)
"""
    shop.write("app/answer.py", dies)
    shop.lock()
    shop.write("dies", "")
    live = ["replay", "--fidelity", "live", "--allow-effects", "reserve"]
    assert elsewhere(shop, *live).startswith(f"exit {-signal.SIGKILL} ")
    (shop.folder / "dies").unlink()
    assert shop.reserved == 20
    shop.record("--record", "new", "--resume")
    assert calls(shop) == 120


DIES_BEFORE_IT_FILES = """
import os, signal, sys
from stopship.store.journal import Writer
add = Writer.add
def die(self, outcome):
    if outcome.key == "c10":
        os.kill(os.getpid(), signal.SIGKILL)
    return add(self, outcome)
Writer.add = die
from stopship.cli.main import entry
sys.exit(entry())
"""


def test_all_goes_on_from_what_it_has_recorded_itself(shop: Shop) -> None:
    shop.record()
    words = ["replay", "--record", "all", "--allow-effects", "reserve"]
    assert elsewhere(shop, *words, start=DIES_BEFORE_IT_FILES).startswith(f"exit {-signal.SIGKILL} ")
    assert shop.reserved == 40 + 11
    shop.record("--record", "all", "--resume")
    assert shop.reserved == 40 + 40  # what was made is told the outcome, and what is told is what is kept
    assert calls(shop) == 120


@pytest.mark.parametrize("how", ["deterministic", "varying"])
def test_a_recording_that_was_broken_off_is_gone_on_from_or_begun_anew_on_request(
    shop: Shop, how: str
) -> None:
    if how == "varying":
        shop.write("suite.toml", SUITE.format(replay="").replace("deterministic = true\n", ""))
    words = ["replay", "--record", "new", "--allow-effects", "reserve"]
    assert elsewhere(shop, *words, start=DIES_BEFORE_IT_FILES).startswith(f"exit {-signal.SIGKILL} ")
    made = shop.reserved
    assert shop(*words) == 2
    assert "was broken off with 10 of 40 outputs" in shop.stopship.err
    assert "go on with --resume, or start over with --fresh" in shop.stopship.err
    assert shop.reserved == made
    shop.record("--record", "new", "--resume")
    assert shop.reserved == made + 29
    shop.record("--record", "new", "--fresh")
    assert calls(shop) >= 120


def test_what_was_made_and_what_is_served_are_written_alike(shop: Shop) -> None:
    told = APP.replace('return "reserved"', 'return {"b": 2.0, "a": {"z": 0.5, "é": -0.0, "y": [1e20]}}')
    shop.write("app/answer.py", told.replace("{reserve(item)}", "{json.dumps(reserve(item))}"))
    text = (shop.folder / "app/answer.py").read_text()
    shop.write("app/answer.py", "import json\n" + text)
    shop.lock()
    shop.record()
    live = shop.stopship.out.split()[1]
    assert shop("replay") == 0
    frozen = shop.stopship.out.split()[1]
    runs = shop.folder / ".stopship/runs"
    assert len({next(runs.glob(f"{one}*/traces.jsonl")).read_bytes() for one in (live, frozen)}) == 1


def test_a_plan_begins_no_draw(shop: Shop) -> None:
    shop.suite("")
    shop.write("suite.toml", SUITE.format(replay="").replace("deterministic = true\n", ""))
    shop.record()
    assert shop("replay", "--plan", "--record", "new") == 0
    assert "plan 40 of 40 outputs would be drawn" in shop.stopship.said
    before = sorted(str(one) for one in shop.folder.rglob("draws/**/*"))
    for words in (["--record", "all"], ["--fresh"], ["--allow-effects", "reserve"]):
        assert shop("replay", "--plan", *words) == 0
    assert sorted(str(one) for one in shop.folder.rglob("draws/**/*")) == before
    assert "plan 0 of 40 outputs would be drawn, 40 are there" in shop.stopship.said


def test_further_outputs_that_another_pin_answered_are_void(shop: Shop) -> None:
    text = SUITE.format(replay='fidelity = "frozen-retrieval"\neffects = ["reserve"]')
    text = text.replace("deterministic = true\n", "").replace("10pt", "6.5pt")
    shop.write("suite.toml", text + "[escalate]\nrounds = [1, 8]\nconfirm = false\n")
    at_times = APP.replace('return f"{search', 'said = f"{search')
    shop.write(
        "app/answer.py", at_times + '    return said if stopship.rng().random() > 0.1 else "no idea"\n'
    )
    shop.lock()
    shop.record()
    accepted(shop)
    for number in range(40):
        assert shop.stopship("cache", "forget", f"c{number:02}", "--suite", str(shop.folder)) == 0
    shop.write("docs.txt", "mug: a big cup\nplate: flat\n")
    shop.lock("d2")
    shop.record()
    assert shop("gate") == 22
    assert "in what was drawn were served from recordings of another version of a pin" in shop.stopship.said
