"""Suites whose decisions or searches are asked for anew, one by one, on what was recorded."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.cli.running import Command

APP = """
import pathlib
import stopship

HERE = pathlib.Path(__file__).parent.parent


def note(name, line):
    with (HERE / name).open("a") as file:
        file.write(line + "\\n")


@stopship.boundary(kind="retrieval", effect="read", pins=("docs",))
def search(query):
    lines = (HERE / "docs.txt").read_text().splitlines()
    return [{"id": one.split(":")[0], "text": one} for one in lines if query in one]


@stopship.boundary(kind="model", effect="read", pins=("model",))
def model(prompt, seen):
    note("asked.txt", "asked")
    if "strict" in prompt and seen:
        return "refuse"
    return "call book" if not seen else f"booked: {seen[0]}"


@stopship.boundary(kind="tool", effect="write")
def book(item):
    note("booked.txt", item)
    return "seat " + item[-1]


def answer(case, stack):
    found = search(case.row["item"])
    seen = []
    while True:
        said = model(stack.text("prompt"), seen)
        if not said.startswith("call "):
            return {"output": said, "documents": found}
        seen.append(book(case.row["item"]))
"""
SUITE = """format = 1
suite = "booking"
cases = "cases.jsonl"
stack = "stack.toml"
[replay]
target = "app/answer.py:answer"
deterministic = true
fidelity = "{fidelity}"
[[rule]]
id = "rule"
score = "{score}"
compare = {{ better = "higher", margin = "10pt" }}
"""
STACK = """[docs]
version = "{docs}"
file = "docs.txt"
[prompt]
version = "{prompt}"
file = "prompt.txt"
[model]
version = "m1"
[code]
paths = ["app"]
"""


class Booking:
    """A suite of 40 cases in a folder."""

    def __init__(self, folder: Path, stopship: Command) -> None:
        self.folder, self.stopship = folder, stopship
        (folder / "app").mkdir()
        self.write("app/answer.py", APP)
        self.write("docs.txt", "".join(f"t{n}: train {n}\nx{n}: about train {n}\n" for n in range(10, 50)))
        self.write("prompt.txt", "be kind")
        rows = [{"key": f"c{n}", "item": f"train {n}"} for n in range(10, 50)]
        self.write("cases.jsonl", "".join(json.dumps(one) + "\n" for one in rows))
        self.suite("step", "decisions")
        self.lock()

    def write(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text, "utf-8")

    def suite(self, fidelity: str, score: str) -> None:
        self.write("suite.toml", SUITE.format(fidelity=fidelity, score=score))

    def lock(self, docs: str = "d1", prompt: str = "p1") -> None:
        self.write("stack.toml", STACK.format(docs=docs, prompt=prompt))
        assert self.stopship("pins", "lock", str(self.folder / "stack.toml")) == 0

    def __call__(self, *words: str) -> int:
        return self.stopship(words[0], str(self.folder), *words[1:], "--allow-blind")

    def accept(self) -> None:
        assert self("replay", "--record", "new", "--allow-effects", "book") == 0
        assert "40 told" in self.stopship.out
        assert self("replay") == 0
        run = self.stopship.out.split()[1]
        assert self.stopship("accept", run, "--because", "first", "--suite", str(self.folder)) == 0

    def lines(self, name: str) -> int:
        path = self.folder / name
        return len(path.read_text().splitlines()) if path.exists() else 0


@pytest.fixture
def booking(tmp_path: Path, stopship: Command, monkeypatch: pytest.MonkeyPatch) -> Booking:
    for name in ("CI", "STOPSHIP_STORE"):
        monkeypatch.delenv(name, raising=False)
    return Booking(tmp_path, stopship)


def test_a_changed_prompt_is_asked_at_each_recorded_step_and_nothing_is_booked(booking: Booking) -> None:
    booking.accept()
    assert (booking.lines("asked.txt"), booking.lines("booked.txt")) == (80, 40)
    assert booking("gate") == 0  # an unchanged stack is served wholly from the store
    assert booking.lines("asked.txt") == 80
    booking.write("prompt.txt", "be strict")
    booking.lock(prompt="p2")
    assert booking("gate") == 20
    said = booking.stopship.said
    assert "rule in all: 40 of 40 cases got worse" in said
    assert "decision 2 of 2 is another one" in said
    assert (booking.lines("asked.txt"), booking.lines("booked.txt")) == (160, 40)
    run = max((booking.folder / ".stopship/runs").iterdir(), key=os.path.getmtime)
    traces = [json.loads(one) for one in (run / "traces.jsonl").read_text().splitlines()]
    first = next(one for one in traces if "trace" in one)["trace"]
    assert [one["decided"]["value"] for one in first["decisions"]] == ["call book", "refuse"]
    assert first["output"].startswith("booked")  # the recorded decision went on


def test_a_step_replay_that_no_rule_looks_at_is_refused(booking: Booking) -> None:
    booking.suite("step", "contains(text='booked')")
    assert booking("gate") == 2
    assert "no rule that stops looks at `decisions`" in " ".join(booking.stopship.err.split())
    booking.suite("retrieval-only", "decisions")
    assert booking("gate") == 2
    assert "no rule that stops looks at `retrieved`" in " ".join(booking.stopship.err.split())


def test_cases_without_a_recorded_path_are_never_green(booking: Booking) -> None:
    assert booking("replay") == 22
    assert "40 lost" in booking.stopship.out
    assert booking("gate") == 22


def test_other_recorded_paths_void_the_comparison_until_they_are_accepted(booking: Booking) -> None:
    booking.accept()
    for number in range(10, 50):
        assert booking.stopship("cache", "forget", f"c{number}", "--suite", str(booking.folder)) == 0
    booking.write("prompt.txt", "be strict")
    booking.lock(prompt="p2")
    assert booking("replay", "--record", "new", "--allow-effects", "book") == 0
    assert booking("gate") == 22
    assert "the recordings have changed since the baseline was replayed" in booking.stopship.said


def test_a_changed_index_is_searched_alone_with_the_recorded_queries(booking: Booking) -> None:
    booking.suite("retrieval-only", "retrieved")
    booking.accept()
    asked = booking.lines("asked.txt")
    assert booking("gate") == 0
    booking.write("docs.txt", "".join(f"t{n}: train {n}\n" for n in range(10, 50)))  # half of them are gone
    booking.lock(docs="d2")
    assert booking("gate") == 20
    said = booking.stopship.said
    assert "1 -> 0.5" in said
    assert "1 recorded document not found" in said
    assert (booking.lines("asked.txt"), booking.lines("booked.txt")) == (asked, 40)


def test_a_search_outside_of_the_stack_is_made_with_the_arguments_that_were_recorded(
    booking: Booking, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """An index elsewhere, whose snippets end within an emoji: no pin of the stack changes with it."""
    index = tmp_path_factory.mktemp("elsewhere") / "index.txt"
    index.write_text("".join(f"train {n} de\ntrain {n} en\n" for n in range(10, 50)), "utf-8")
    app = APP.replace('"docs.txt").read', f'"{index}").read').replace(
        "def search(query)", "def search(q, **lang)"
    )
    app = app.replace('pins=("docs",)', "").replace("if query in one", "if q in one and lang['to'] in one")
    app = app.replace('search(case.row["item"])', 'search(case.row["item"], to="de")')
    found = '[{"id": one.split(":")[0], "text": one}'
    assert found in app
    booking.write("app/answer.py", app.replace(found, '[one + "\\ud83d"'))
    booking.suite("retrieval-only", "retrieved")
    booking.lock()
    booking.accept()
    assert booking("gate") == 0
    booking.write("docs.txt", "another build")
    booking.lock(docs="d2")
    assert booking("gate") == 0
    index.write_text("".join(f"train {n} en\n" for n in range(10, 50)), "utf-8")
    booking.write("docs.txt", "and another one")
    booking.lock(docs="d3")
    assert booking("gate") == 20
    assert "rule in all: 40 of 40 cases got worse" in booking.stopship.said
    assert "1 recorded document not found" in booking.stopship.said


def test_a_search_that_is_not_marked_any_more_ends_the_replay(booking: Booking) -> None:
    booking.suite("retrieval-only", "retrieved(k=1)")
    booking.accept()
    booking.write(
        "app/answer.py", APP.replace("def search(query)", "def find(query)").replace("= search(", "= find(")
    )
    booking.lock()
    env = {name: one for name, one in os.environ.items() if name not in ("CI", "STOPSHIP_STORE")}
    words = ["-m", "stopship", "gate", str(booking.folder), "--allow-blind"]
    done = subprocess.run([sys.executable, *words], env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "the target marks no retrieval of that name" in " ".join(done.stderr.split())


def test_completeness_tells_what_each_fidelity_can_replay(booking: Booking) -> None:
    def told() -> dict[str, str]:
        assert booking.stopship("cache", "completeness", "--suite", str(booking.folder)) == 0
        lines = [" ".join(line.split()) for line in booking.stopship.out.splitlines()[1:7]]
        return dict(line.split(" ", 1) for line in lines)

    assert told() == {
        "live": "40 0",
        "frozen-retrieval": "0 40 c10: nothing is recorded",
        "frozen-tools": "0 40 c10: nothing is recorded",
        "frozen": "0 40 c10: nothing is recorded",
        "step": "0 40 c10: no path is recorded",
        "retrieval-only": "0 40 c10: no search is recorded",
    }
    booking.accept()
    assert set(told().values()) == {"40 0"}
    assert booking.stopship("cache", "forget", "c20", "--suite", str(booking.folder)) == 0
    found = told()
    assert found["live"] == "40 0"
    assert found["frozen"] == found["frozen-tools"] == "39 1 c20: retrieval search is not recorded"
    assert found["step"] == "39 1 c20: no path is recorded"
    assert booking("replay", "--fidelity", "frozen") == 0
    assert "39 told, 0 failed, 1 lost" in booking.stopship.out  # it is not skipped


def test_a_case_is_shown_with_where_its_calls_were_answered_from_and_where_they_part(
    booking: Booking,
) -> None:
    booking.suite("frozen-tools", "contains(text='booked')")
    booking.accept()
    booking.write("prompt.txt", "be strict")
    booking.lock(prompt="p2")
    assert booking("replay") == 0
    run = booking.stopship.out.split()[1]
    assert booking.stopship("show", run, "--case", "c10", "--suite", str(booking.folder)) == 0
    lines = [" ".join(line.split()) for line in booking.stopship.out.splitlines()]
    head = "calls, 2 of 4 served from recordings; call 2 is the first that is another one "
    head += "than in the accepted run"
    assert head in lines
    found = lines[lines.index(head) + 1 :][:4]
    assert [one.rsplit(" ", 1)[0] for one in found] == [
        "1 retrieval search recording",
        "2 model model live",
        "3 tool book recording",
        "4 model model live",
    ]
