"""A suite whose target calls tools: recorded once, replayed frozen, and told apart when a pin changes."""

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest
from tests.cli.running import Command
from tests.store.recorded import put

from stopship.model.exchange import Answer, Recording
from stopship.store.recordinglines import recording_of

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
    if "extra" in flags and item == "mug":
        left("spoon")
    if "reaches" in flags and item == "mug":
        try:
            socket.create_connection(("127.0.0.1", 9), timeout=1)
        except OSError:
            pass
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
    assert shop("replay") == 0
    assert "40 lost" in shop.stopship.out
    assert "no recordings of this case; do record the case" in shop.stopship.said
    assert shop("gate") == 22
    assert shop.reserved == 0


def test_a_call_that_was_never_made_before_loses_its_case_and_says_what_the_case_has(shop: Shop) -> None:
    shop.record()
    accepted(shop)
    shop.write("flags.txt", "extra")
    shop.lock()
    assert shop("gate") == 22
    assert "20 of 40 outputs of the candidate were lost to infrastructure" in shop.stopship.said
    assert "no equal request" in shop.stopship.said


def test_a_few_calls_otherwise_are_counted_from_where_they_part(shop: Shop) -> None:
    shop.suite('fidelity = "frozen-retrieval"\neffects = ["reserve"]')
    shop.record()
    accepted(shop)
    shop.write("flags.txt", "extra")
    shop.lock()
    assert shop("gate") == 0
    said = shop.stopship.said
    assert "20 of 40 outputs call otherwise than in the baseline, 20 of them from their first call on" in said


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
    assert shop("replay") == 0
    assert "40 lost" in shop.stopship.out
    assert shop.reserved == 0


def test_in_ci_nothing_is_recorded(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    assert shop("replay", "--record", "all", "--allow-effects", "reserve") == 0
    assert "CI=true: nothing is recorded" in shop.stopship.err
    assert not (shop.folder / "recordings").exists()


def test_recording_all_anew_replaces_what_was_recorded(shop: Shop) -> None:
    shop.record()
    shop.write("stock.txt", "mug\n")
    shop.lock()
    shop.record("--record", "all")
    assert shop.stopship("cache", "check", "--suite", str(shop.folder)) == 0
    assert "240 recordings" in shop.stopship.out  # what the old stock told stays; and a path of each output
    assert shop("replay", "--case", "c00") == 0
    assert "3 of 3 served" in shop.stopship.out


def test_recordings_that_changed_under_the_same_pins_void_the_comparison(shop: Shop) -> None:
    shop.record()
    accepted(shop)
    shop.record("--record", "all")  # tells the same again
    assert shop("gate") == 0
    for path in sorted((shop.folder / "recordings").glob("*/*.jsonl")):
        kept = [recording_of(line) for line in path.read_bytes().splitlines()[1:]]
        path.unlink()
        put(shop.folder / "recordings", *map(otherwise, kept), work=shop.folder / "at-work")
    assert shop("gate") == 22
    assert "the recordings have changed since the baseline was replayed" in shop.stopship.said


def otherwise(one: Recording) -> Recording:
    """The same call, answered otherwise."""
    if one.asked.call.name != "left":
        return one
    return replace(one, answers=(Answer(result=99),))


def test_a_run_of_another_fidelity_is_no_candidate(shop: Shop) -> None:
    shop.record()
    accepted(shop)
    assert shop("replay", "--fidelity", "live", "--allow-effects", "reserve") == 0
    run = shop.stopship.out.split()[1]
    assert shop("gate", "--candidate", run) == 22
    assert "is a live replay: replay again" in shop.stopship.said


def test_a_secret_of_the_environment_is_never_recorded(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_API_KEY", "sk-canary-0123456789")
    shop.write("docs.txt", "mug: a cup of sk-canary-0123456789\nplate: flat\n")
    shop.lock()
    shop.record()
    for root, _, files in os.walk(shop.folder / "recordings"):
        for name in files:
            data = (Path(root) / name).read_bytes()
            assert b"sk-canary" not in data
            assert b"[secret SHOP_API_KEY]" in data


def test_a_call_that_holds_a_secret_is_found_again_without_it(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP_API_KEY", "sk-canary-0123456789")
    text = (shop.folder / "cases.jsonl").read_text().replace('"mug"', '"mug sk-canary-0123456789"')
    shop.write("cases.jsonl", text)
    shop.record()
    for path in (shop.folder / "recordings").glob("*/*.jsonl"):
        assert b"sk-canary" not in path.read_bytes()
    assert shop("replay") == 0
    assert "0 failed, 0 lost" in shop.stopship.out
    monkeypatch.setenv("SHOP_API_KEY", "sk-another-0123456789")  # then the secret is ordinary text
    shop.write("flags.txt", "other")
    shop.lock()
    assert shop("replay") == 0
    assert "20 lost" in shop.stopship.out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--record", "new", "--fidelity", "frozen"), "what is frozen is not made"),
        (("--fidelity", "frosty"), "frosty"),
        (("--record", "sometimes"), "sometimes"),
    ],
)
def test_options_that_do_not_go_together_say_so(shop: Shop, words: tuple[str, ...], said: str) -> None:
    assert shop("replay", *words) == 2
    assert said in " ".join((shop.stopship.out + shop.stopship.err).split())
