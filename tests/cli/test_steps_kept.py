"""What step and retrieval-only replays are held against: whose path, in which draw, and what is told."""

from pathlib import Path

import pytest
from tests.cli.running import Command
from tests.cli.test_steps import APP, Booking

KEY = "sk-very-secret-4711"


@pytest.fixture
def booking(tmp_path: Path, stopship: Command, monkeypatch: pytest.MonkeyPatch) -> Booking:
    for name in ("CI", "STOPSHIP_STORE"):
        monkeypatch.delenv(name, raising=False)
    return Booking(tmp_path, stopship)


def edit(booking: Booking, name: str, old: str, new: str) -> None:
    text = (booking.folder / name).read_text()
    assert old in text
    booking.write(name, text.replace(old, new))


def completeness(booking: Booking) -> dict[str, str]:
    """By fidelity: how many cases it can replay, how many not."""
    assert booking.stopship("cache", "completeness", "--suite", str(booking.folder)) == 0
    lines = [line.split() for line in booking.stopship.out.splitlines()[1:7]]
    return {line[0]: " ".join(line[1:3]) for line in lines}


def test_a_model_that_varies_is_asked_anew_in_both_arms_and_an_unchanged_one_is_not_stopped(
    booking: Booking,
) -> None:
    told = APP.replace("booked: {seen[0]}", "booked: {(HERE / 'asked.txt').stat().st_size}")
    booking.write("app/answer.py", told)  # no two answers are alike
    edit(booking, "suite.toml", "deterministic = true\n", "")
    booking.lock()
    booking.accept()
    asked = booking.lines("asked.txt")
    assert asked == 3 * 80  # to record, to replay, and for the draw that is accepted
    booking.write("prompt.txt", "be kind ")
    booking.lock(prompt="p2")
    assert booking("replay", "--plan") == 0
    assert "80 served from recordings, 80 made" in booking.stopship.said
    booking("gate")
    assert booking.lines("asked.txt") == asked + 80
    assert booking.stopship.code == 0, booking.stopship.out
    assert "+0.0 pt" in booking.stopship.out


@pytest.mark.parametrize("words", [("step", "decisions"), ("retrieval-only", "retrieved")])
def test_what_another_stack_records_is_not_what_the_accepted_one_is_held_against(
    booking: Booking, words: tuple[str, str]
) -> None:
    booking.suite(*words)
    booking.accept()
    docs = "".join(f"t{n}: train {n}\n" for n in range(10, 50))  # half of the documents are gone
    whole = (booking.folder / "docs.txt").read_text()
    booking.write("prompt.txt", "be strict")
    booking.write("docs.txt", docs)
    booking.lock(docs="d2", prompt="p2")
    assert booking("replay", "--record", "new", "--allow-effects", "book") == 0
    assert booking("gate") == 20
    assert "-50.0 pt" in booking.stopship.out
    booking.write("prompt.txt", "be kind")
    booking.write("docs.txt", whole)
    booking.lock()
    assert booking("gate") == 0


@pytest.mark.parametrize("words", [("step", "decisions"), ("retrieval-only", "retrieved")])
def test_a_secret_that_comes_back_is_written_nowhere_and_changes_nothing(
    booking: Booking, words: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP_API_KEY", KEY)
    told = APP.replace("booked: {seen[0]}", "booked with {os.environ['SHOP_API_KEY']}")
    told = told.replace('"text": one}', '"text": one + os.environ["SHOP_API_KEY"]}')
    told = told.replace('"output": said, "documents": found', '"output": "done"')
    booking.write("app/answer.py", "import os\n" + told)
    booking.suite(*words)
    booking.lock()
    booking.accept()
    booking.write("prompt.txt", "be kind ")
    searches = words[0] == "retrieval-only"  # else a search of other documents is void
    booking.write("docs.txt", (booking.folder / "docs.txt").read_text() + "x: nothing\n" * searches)
    booking.lock(docs="d2" if searches else "d1", prompt="p2")
    assert booking("gate") == 0, booking.stopship.out
    files = [one for one in booking.folder.rglob("*") if one.is_file()]
    assert [one for one in files if KEY.encode() in one.read_bytes()] == []


QUIET = """
def answer(case, stack):
    if int(case.row["item"].split()[1]) % 2:
        return {"output": "hello"}
    return {"output": str(search(case.row["item"])) + model(stack.text("prompt"), [])}
"""


def test_a_case_that_asks_nothing_is_another_one_than_a_case_that_was_not_recorded(
    booking: Booking,
) -> None:
    booking.write("app/answer.py", APP.partition("def answer")[0] + QUIET)
    booking.lock()
    assert booking("replay", "--record", "new") == 0
    assert completeness(booking) == dict.fromkeys(completeness(booking), "40 0")
    for number in range(10, 30):
        assert booking.stopship("cache", "forget", f"c{number}", "--suite", str(booking.folder)) == 0
    told = completeness(booking)
    for fidelity, score in (("step", "decisions"), ("retrieval-only", "retrieved")):
        booking.suite(fidelity, score)
        assert told[fidelity] == "20 20"
        assert booking("replay") == 0
        assert "20 told, 0 failed, 20 lost" in booking.stopship.out


def test_completeness_counts_every_sample(booking: Booking) -> None:
    booking.suite("frozen", "contains(text='booked')")
    assert booking("replay", "--record", "new", "--allow-effects", "book") == 0
    assert completeness(booking)["frozen"] == "40 0"
    edit(booking, "suite.toml", '"frozen"', '"frozen"\nrepeats = 2')
    told = completeness(booking)
    assert (told["frozen"], told["step"], told["frozen-tools"]) == ("0 40", "40 0", "40 0")
    assert booking("replay") == 0
    assert "40 told, 0 failed, 40 lost" in booking.stopship.out
    assert booking("replay", "--fidelity", "step") == 0
    assert "80 told, 0 failed, 0 lost" in booking.stopship.out


@pytest.mark.slow
def test_completeness_says_which_run_and_stack_it_goes_by(booking: Booking) -> None:
    booking.suite("frozen", "contains(text='booked')")
    assert completeness(booking)["frozen"] == "0 40"
    assert "no run is accepted" in booking.stopship.said
    assert booking("replay", "--record", "new", "--allow-effects", "book") == 0
    assert booking("replay") == 0
    run = booking.stopship.out.split()[1]
    assert booking.stopship("accept", run, "--because", "first", "--suite", str(booking.folder)) == 0
    assert completeness(booking)["frozen"] == "40 0"
    assert f"by the calls of the accepted run {run}, of stack" in booking.stopship.said
    assert "a replay of another stack may ask otherwise" in booking.stopship.said
    booking.write("prompt.txt", "be kind ")
    booking.lock(prompt="p2")
    assert completeness(booking)["frozen"] == "40 0"
    assert f"has another prompt than that of the accepted run {run}" in booking.stopship.said
    assert "0 of 40 cases: by the order of calls that is recorded" in booking.stopship.said
    assert "40: by the calls of the accepted run; a replay of the present stack may" in booking.stopship.said
    assert booking("replay", "--record", "new", "--allow-effects", "book") == 0
    for number in range(10, 14):
        assert booking.stopship("cache", "forget", f"c{number}", "--suite", str(booking.folder)) == 0
    assert completeness(booking)["frozen"] == "36 4"  # and not 0, by the calls of the accepted run
    assert "36 of 40 cases: by the order of calls that is recorded" in booking.stopship.said
    assert booking("replay") == 0
    assert "36 told, 0 failed, 4 lost" in booking.stopship.out


def test_a_stack_that_was_accepted_unrecorded_is_held_against_the_one_that_was_accepted_before(
    booking: Booking,
) -> None:
    booking.accept()
    booking.write("prompt.txt", "be kind and brief")
    booking.lock(prompt="p2")
    assert booking("replay") == 0
    run = booking.stopship.out.split()[1]
    assert booking.stopship("accept", run, "--because", "brief", "--suite", str(booking.folder)) == 0
    booking.write("prompt.txt", "be strict")
    booking.lock(prompt="p3")
    assert booking("replay", "--record", "new", "--allow-effects", "book") == 0
    assert booking("gate") == 20
    assert "decision 2 of 2 is another one" in booking.stopship.said
