"""A suite whose target calls tools: recorded once, replayed frozen, and told apart when a pin changes."""

import json
import shlex
from pathlib import Path

import pytest
from tests.cli.running import Command

APP = """
import pathlib
import socket
import stopship

HERE = pathlib.Path(__file__).parent.parent


@stopship.boundary(kind="retrieval", effect="read", pins=("docs",))
def search(query):
    return [one for one in (HERE / "docs.txt").read_text().splitlines() if query in one]


@stopship.boundary(kind="tool", effect="read", pins=("stock",))
def left(item):
    return (HERE / "stock.txt").read_text().splitlines().count(item)


@stopship.boundary(kind="tool", effect="write")
def reserve(item):
    with (HERE / "reserved.txt").open("a") as file:
        file.write(item + "\\n")
    return "reserved"


def answer(case, stack):
    item, flags = case.row["item"], stack.text("flags")
    if "extra" in flags and (item == "mug" or "everywhere" in flags):
        left("spoon")
    if "reaches" in flags and item == "mug":
        try:
            socket.create_connection(("127.0.0.1", 9), timeout=1)
        except OSError:
            pass
    if "silent" in flags:
        return f"{search(item)} {left(item)}".replace(":", "")
    return f"{search(item)} {left(item)} {reserve(item)} {stopship.now():%Y} {stopship.rng().random():.3f}"
"""
SUITE = """format = 1
suite = "shop"
cases = "cases.jsonl"
stack = "stack.toml"
[replay]
target = "app/answer.py:answer"
deterministic = true
{replay}
[columns]
captured = "at"
[[rule]]
id = "mentions"
score = "contains(text=':')"
compare = {{ better = "higher", margin = "10pt" }}
"""
STACK = """[docs]
version = "{docs}"
file = "docs.txt"
[stock]
version = "s1"
file = "stock.txt"
[flags]
version = "f1"
file = "flags.txt"
[code]
paths = ["app"]
"""


class Shop:
    """A suite of 40 cases in a folder."""

    def __init__(self, folder: Path, stopship: Command) -> None:
        self.folder, self.stopship = folder, stopship
        (folder / "app").mkdir()
        self.write("docs.txt", "mug: a cup\nplate: flat\n")
        self.write("stock.txt", "mug\nmug\nplate\n")
        items = ["mug" if n % 2 == 0 else "plate" for n in range(40)]
        rows = [{"key": f"c{n:02}", "item": one, "at": "2025-03-01T10:00:00Z"} for n, one in enumerate(items)]
        self.write("cases.jsonl", "".join(json.dumps(one) + "\n" for one in rows))
        self.write("flags.txt", "none")
        self.write("app/answer.py", APP)
        self.suite('fidelity = "frozen"')
        self.lock()

    def write(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text, "utf-8")

    def suite(self, replay: str) -> None:
        self.write("suite.toml", SUITE.format(replay=replay))

    def lock(self, docs: str = "d1") -> None:
        self.write("stack.toml", STACK.format(docs=docs))
        assert self.stopship("pins", "lock", str(self.folder / "stack.toml")) == 0

    def __call__(self, *words: str) -> int:
        return self.stopship(words[0], str(self.folder), *words[1:], "--allow-blind")

    def record(self, *words: str) -> None:
        mode = words or ("--record", "new")
        assert self("replay", *mode, "--allow-effects", "reserve") == 0
        assert "0 failed, 0 lost" in self.stopship.out

    @property
    def reserved(self) -> int:
        path = self.folder / "reserved.txt"
        return len(path.read_text().splitlines()) if path.exists() else 0


@pytest.fixture
def shop(tmp_path: Path, stopship: Command, monkeypatch: pytest.MonkeyPatch) -> Shop:
    for name in ("CI", "STOPSHIP_STORE"):
        monkeypatch.delenv(name, raising=False)
    return Shop(tmp_path, stopship)


def accepted(shop: Shop) -> None:
    assert shop("replay") == 0
    run = shop.stopship.out.split()[1]
    assert shop.stopship("accept", run, "--because", "first", "--suite", str(shop.folder)) == 0


def test_recorded_once_a_frozen_replay_runs_nothing_and_ships(shop: Shop) -> None:
    shop.record()
    assert shop.reserved == 40
    accepted(shop)
    assert shop.reserved == 40
    assert "120 of 120 served from recordings (frozen)" not in shop.stopship.out  # accept says other things
    assert shop("gate") == 0
    assert "100 % of 120 calls were served from recordings (frozen)" in shop.stopship.said
    assert shop.reserved == 40


def test_what_is_not_recorded_is_never_green_and_says_what_to_do(shop: Shop) -> None:
    assert shop("replay") == 22
    said = shop.stopship.said
    assert "0 told, 0 failed, 40 lost calls" in said  # not to infrastructure
    assert "lost 40 outputs, first c00 Missed: not served: c00, retrieval search: no recordings" in said
    assert said.count("not served") == 1
    assert "no output was told: there is nothing to judge" in said
    assert said.endswith("--allow-blind --record new --allow-effects reserve")
    assert shop("gate") == 22
    assert shop.reserved == 0


def test_a_call_that_was_never_made_before_loses_its_case_and_says_what_the_case_has(shop: Shop) -> None:
    shop.record()
    accepted(shop)
    shop.write("flags.txt", "extra")
    shop.lock()
    assert shop("gate") == 22
    said = shop.stopship.said
    assert "20 of 40 outputs of the candidate were lost, as a call was not served (50 %, allowed 2 %)" in said
    assert "infrastructure" not in said
    assert "no equal request" in said


def test_a_gate_that_lacks_recordings_prints_the_command_that_makes_them(shop: Shop) -> None:
    shop.record()
    accepted(shop)
    shop.write("flags.txt", "extra")
    shop.lock()
    assert shop("gate") == 22
    (step,) = [line for line in shop.stopship.out.splitlines() if line.startswith("Next:")]
    assert step.endswith("--allow-blind --record new --allow-effects reserve")
    assert shop.stopship(*shlex.split(step)[2:]) == 0
    assert shop("gate") == 0


def test_the_first_gate_of_a_suite_without_recordings_prints_how_to_make_them(shop: Shop) -> None:
    """And no acceptance, which would be refused."""
    assert shop("gate") == 22
    (step,) = [line for line in shop.stopship.out.splitlines() if line.startswith("Next:")]
    assert step.endswith("--allow-blind --record new --allow-effects reserve")
    assert shop.stopship(*shlex.split(step)[2:]) == 0
    assert shop("gate") == 22
    (step,) = [line for line in shop.stopship.out.splitlines() if line.startswith("Next:")]
    assert shop.stopship(*shlex.split(step)[2:]) == 0
    assert shop("gate") == 0


def test_a_frozen_case_is_reproduced_once_and_says_why(shop: Shop) -> None:
    shop.record()
    accepted(shop)
    shop.write("flags.txt", "silent")
    shop.lock()
    assert shop("gate") == 20
    (step,) = [line for line in shop.stopship.out.splitlines() if line.startswith("Next:")]
    assert "--times" not in step
    assert shop.stopship(*shlex.split(step)[2:]) == 0
    assert "asked once, whatever --times says: the suite replays frozen" in shop.stopship.said


def test_a_few_calls_otherwise_are_counted_from_where_they_part(shop: Shop) -> None:
    shop.suite('fidelity = "frozen-retrieval"\neffects = ["reserve"]')
    shop.record()
    accepted(shop)
    shop.write("flags.txt", "extra")
    shop.lock()
    assert shop("gate") == 0
    said = shop.stopship.said
    assert "20 of 40 outputs call otherwise than in the baseline, 20 of them from their first call on" in said


def test_calls_that_are_all_other_ones_are_told_without_alarm(shop: Shop) -> None:
    """As after every change of a prompt."""
    shop.suite('fidelity = "frozen-retrieval"\neffects = ["reserve"]')
    shop.record()
    accepted(shop)
    shop.write("flags.txt", "extra everywhere")
    shop.lock()
    assert shop("gate") == 0
    said = shop.stopship.said
    assert "all 40 outputs ask otherwise from their first call on, as after a change of what is asked" in said
    assert "call otherwise than in the baseline" not in said


def test_a_socket_in_a_frozen_replay_loses_the_case_though_the_target_swallows_the_error(shop: Shop) -> None:
    shop.record()
    accepted(shop)
    shop.write("flags.txt", "reaches")
    shop.lock()
    assert shop("gate") == 22
    assert "a frozen replay opens no socket" in shop.stopship.said


def test_a_change_of_a_pin_makes_only_the_calls_anew_that_name_it(shop: Shop) -> None:
    shop.suite("")
    shop.record()
    shop.write("docs.txt", "mug: a big cup\nplate: flat\n")
    shop.lock("d2")
    assert shop("replay", "--allow-effects", "reserve") == 0
    assert "80 of 120 served from recordings (live)" in shop.stopship.out
    assert shop.reserved == 40


def test_a_frozen_replay_never_ships_a_change_that_its_recordings_cannot_show(shop: Shop) -> None:
    shop.record()
    accepted(shop)
    shop.write("docs.txt", "mug: broken\nplate: broken\n")
    shop.lock("d2")
    assert shop("gate") == 22
    said = shop.stopship.said
    assert "40 calls of 'search' in the candidate were served from recordings of another version" in said
    shop.record()  # of the new documents: now there is something to see
    accepted(shop)
    assert shop("gate") == 0


def test_what_answers_of_another_pin_cannot_test_is_not_cleared_by_repro_or_an_experiment(shop: Shop) -> None:
    shop.record()
    accepted(shop)
    repro = ("repro", "c00", "--suite", str(shop.folder), "--good", "baseline", "--bad")
    stack = str(shop.folder / "stack.toml")
    assert shop.stopship(*repro, stack) == 0
    assert shop.stopship.out.startswith("c00: not reproduced\n")
    shop.write("next.txt", "mug: broken\nplate: broken\n")
    assert shop("replay", "--pin", f"docs={shop.folder / 'next.txt'}", "--case", "c00") == 0
    assert "void 1 call of 'search' in this run was served from recordings of another" in shop.stopship.said
    assert shop.stopship("show", shop.stopship.out.split()[1], "--suite", str(shop.folder)) == 0
    assert "in this run was served from recordings of another version" in shop.stopship.said
    shop.write("docs.txt", "mug: broken\nplate: broken\n")
    shop.lock("d2")
    assert shop("replay") == 0
    assert "void 40 calls of 'search' in this run were served from recordings" in shop.stopship.said
    assert shop.stopship(*repro, stack) == 0
    assert shop.stopship.out.startswith("c00: not tested: the gate says VOID of what was asked\n")
    assert "1 call of 'search' in the bad side was served from recordings of another version" in (
        shop.stopship.said
    )
    assert "not reproduced" not in shop.stopship.out


def test_an_output_that_was_lost_reproduces_nothing(shop: Shop) -> None:
    shop.record()
    accepted(shop)
    shop.write("flags.txt", "extra")
    shop.lock()
    stack, suite = str(shop.folder / "stack.toml"), str(shop.folder)
    assert shop.stopship("repro", "c00", "--good", "baseline", "--bad", stack, "--suite", suite) == 0
    assert shop.stopship.out.startswith("c00: not tested")
    assert "every output of the bad side was lost: Missed: not served: c00, tool left" in shop.stopship.said


def test_a_plan_says_beforehand_what_would_be_drawn_and_made(shop: Shop) -> None:
    shop.suite("")
    assert shop("replay", "--plan") == 0
    assert "plan 40 of 40 outputs would be drawn calls not known" in shop.stopship.said
    shop.suite('fidelity = "frozen"')
    shop.record()
    accepted(shop)
    assert shop("replay", "--plan") == 0
    assert "plan 0 of 40 outputs would be drawn, 40 are there" in shop.stopship.said
    shop.write("docs.txt", "mug: a big cup\nplate: flat\n")
    shop.lock("d2")
    assert shop("replay", "--fidelity", "live", "--plan") == 0
    said = shop.stopship.said
    assert "plan 40 of 40 outputs would be drawn calls 80 served from recordings, 40 made" in said
    assert "made retrieval search 40" in said
    assert shop.reserved == 40  # nothing was asked


def test_a_write_is_not_executed_in_a_live_replay_that_does_not_allow_it(shop: Shop) -> None:
    shop.suite("")
    assert shop("replay") == 22
    assert "40 lost" in shop.stopship.out
    assert shop.reserved == 0


def test_a_replay_that_lost_a_part_says_so_and_ends_well(shop: Shop) -> None:
    shop.record()
    shop.write("flags.txt", "extra")
    shop.lock()
    assert shop("replay") == 0
    said = shop.stopship.said
    assert "lost 20 outputs, first c00 Missed" in said
    assert "20 of 40 outputs were lost, and 2 % may be: a gate over this run is VOID" in said


def test_a_write_that_nothing_allows_says_how_it_is_allowed(shop: Shop) -> None:
    """And not to record a case that is being recorded."""
    shop("replay", "--record", "new")
    said = shop.stopship.said
    assert "tool reserve: it writes, and nothing allows it; allow it: --allow-effects reserve" in said
    assert "record the case" not in said


def test_an_allowed_name_that_nothing_calls_is_told_with_the_nearest(shop: Shop) -> None:
    shop("replay", "--record", "new", "--allow-effects", "resrve")
    said = shop.stopship.said
    assert "--allow-effects resrve: nothing of that name is marked, and nothing was called" in said
    assert "did you mean 'reserve'?" in said
    shop.record()
    assert "nothing of that name" not in shop.stopship.out
    shop.write("flags.txt", "silent")  # nothing is reserved: the name is right all the same
    shop.lock()
    shop.record()
    assert "nothing of that name" not in shop.stopship.out
