"""A program in another process: lines of JSON in and out, one process for many cases, none left behind."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.endpoints.suites import plan_of, write_suite
from tests.families import first_fast

from stopship.errors import EvidenceError
from stopship.gating.performing import replay
from stopship.model.run import Outcome, Status

CHILD = """\
import json, os, sys, time
pid = os.getpid()
for line in sys.stdin:
    asked = json.loads(line)
    what = asked["case"]["asked"]
    told = {"id": asked["id"], "output": f"{what} by {pid}", "steps": []}
    if what == "die":
        sys.exit(3)
    if what == "hang":
        time.sleep(60)
    if what == "error":
        told = {"id": asked["id"], "error": "no such article \\x1b[31m"}
    if what == "lost":
        told = {"id": asked["id"], "error": "HTTP 503", "lost": True}
    if what == "lost without a word":
        told = {"id": asked["id"], "output": "", "lost": True}
    if what == "helper":
        import subprocess
        subprocess.Popen([sys.executable, "-c", "import time; time.sleep(30)"], start_new_session=True)
        os._exit(3)
    if what == "mute":
        os.close(1)
        time.sleep(30)
    if what == "wrong id":
        told["id"] = 0
    if what == "no output":
        del told["output"]
    print("{broken" if what == "broken" else json.dumps(told), flush=True)
"""
RUN = f'run = [{json.dumps(sys.executable)}, "app/child.py"]'


def outcomes(folder: Path, asked: list[str], replay_words: str = "") -> dict[str, Outcome]:
    file = write_suite(folder, "command", RUN, asked=asked, replay=replay_words, files={"child.py": CHILD})
    run = replay(plan_of(file)).run
    return {asked[int(one.key[1:])]: one for one in run.outcomes}


STILL = """\
import json, os, sys, time
for line in sys.stdin:
    asked = json.loads(line)
    told = [asked.get("now"), asked["seed"], time.tzname[0], os.environ["PYTHONHASHSEED"], hash("word")]
    print(json.dumps({"id": asked["id"], "output": json.dumps(told)}), flush=True)
"""


def still(folder: Path, *, more: str = "") -> dict[tuple[str, int], list[object]]:
    file = write_suite(folder, "command", RUN, asked=3, replay="repeats = 2", files={"child.py": STILL})
    rows = [json.loads(line) for line in (folder / "cases.jsonl").read_text().splitlines()]
    times = ["2026-03-01T10:00:00Z", "", 946684800]
    told = [{**row, "at": one} for row, one in zip(rows, times, strict=True)]
    (folder / "cases.jsonl").write_text("".join(json.dumps(row) + "\n" for row in told))
    file.write_text(file.read_text() + more)
    run = replay(plan_of(file)).run
    return {(one.key, one.sample): json.loads(str(one.trace["output"])) for one in run.outcomes}


def test_a_program_is_told_the_time_of_its_case_and_a_seed_that_stay_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("TZ", "PYTHONHASHSEED"):
        monkeypatch.delenv(name, raising=False)
    captured = '[columns]\ncaptured = "at"\n'
    first, again = still(tmp_path / "one", more=captured), still(tmp_path / "two", more=captured)
    assert first == again
    times = {key: told[0] for (key, _), told in first.items()}
    assert times == {"c000": "2026-03-01T10:00:00+00:00", "c001": None, "c002": "2000-01-01T00:00:00+00:00"}
    seeds = [told[1] for told in first.values()]
    assert len(set(seeds)) == 6
    assert all(isinstance(one, int) and 0 <= one < 2**53 for one in seeds)
    assert {(str(told[2]), told[3]) for told in first.values()} == {("UTC", "0")}
    monkeypatch.setenv("TZ", "Etc/GMT-3")
    monkeypatch.setenv("PYTHONHASHSEED", "7")
    other = still(tmp_path / "three")
    assert {(told[0], str(told[2]), told[3]) for told in other.values()} == {(None, "+03", "7")}


def test_another_column_of_times_draws_a_program_anew(tmp_path: Path) -> None:
    file = write_suite(tmp_path, "command", RUN, asked=1, files={"child.py": STILL})
    before = plan_of(file)
    file.write_text(file.read_text() + '[columns]\ncaptured = "at"\n')
    after = plan_of(file)
    assert before.identity != after.identity
    assert before.draws.folder != after.draws.folder


def test_one_process_answers_many_cases(tmp_path: Path) -> None:
    found = outcomes(tmp_path, [f"q{number}" for number in range(20)])
    assert {one.status for one in found.values()} == {Status.OK}
    pids = {str(one.trace["output"]).split(" by ")[1] for one in found.values()}
    assert len(pids) == 1
    assert all(str(one.trace["output"]).startswith(what) for what, one in found.items())
    assert not Path(f"/proc/{pids.pop()}").exists()


def test_a_program_is_told_where_each_pin_lies(tmp_path: Path) -> None:
    child = (
        "import json, sys\nfor line in sys.stdin:\n    asked = json.loads(line)\n"
        '    told = {"id": asked["id"], "output": "", "files": asked["files"], "stack": asked["stack"]}\n'
        "    print(json.dumps(told), flush=True)\n"
    )
    file = write_suite(tmp_path, "command", RUN, asked=["q"], files={"child.py": child})
    (one,) = replay(plan_of(file)).run.outcomes
    files, versions = one.trace["files"], one.trace["stack"]
    assert isinstance(files, dict)
    assert isinstance(versions, dict)
    assert set(files) <= set(versions)
    assert {Path(str(path)).exists() for path in files.values()} == {True}


def test_so_many_processes_as_cases_in_flight(tmp_path: Path) -> None:
    found = outcomes(tmp_path, [f"q{number}" for number in range(40)], "concurrency = 3")
    assert 1 <= len({str(one.trace["output"]).split(" by ")[1] for one in found.values()}) <= 3


@pytest.mark.slow
def test_each_way_to_fail_is_the_targets_own_and_the_next_case_is_answered(tmp_path: Path) -> None:
    asked = ["a", "die", "b", "error", "c", "wrong id", "d", "broken", "e", "no output", "f", "hang", "g"]
    found = outcomes(tmp_path, asked, "timeout = 3")
    assert {one for one in asked if found[one].status is Status.OK} == set("abcdefg")
    texts = {one: found[one].error for one in asked if found[one].error}
    assert texts["die"] == "BadAnswer: the command ended with exit 3 before it answered"
    assert texts["error"].startswith("BadAnswer: no such article")
    assert "with the id 0, and was asked" in texts["wrong id"]
    assert "no JSON" in texts["broken"]
    assert "without 'output'" in texts["no output"]
    assert texts["hang"] == "TimeoutError: no answer within 3 s"
    pids = [str(found[one].trace["output"]).split(" by ")[1] for one in "abcdefg"]
    assert pids[0] != pids[1] == pids[2]  # after it died a new one; an error does not end it


def test_an_answer_may_say_that_infrastructure_lost_it(tmp_path: Path) -> None:
    found = outcomes(tmp_path, ["a", "lost", "lost without a word"], "limits = { errors = 0.9 }")
    assert found["lost"].status is found["lost without a word"].status is Status.LOST
    assert found["lost"].error == "NoAnswer: HTTP 503"


@pytest.mark.slow
def test_who_can_answer_no_more_ends_its_case_though_its_output_is_held_open(tmp_path: Path) -> None:
    began = time.monotonic()
    found = outcomes(tmp_path, ["a", "helper", "b", "mute", "c"])
    assert time.monotonic() - began < 15
    assert {one for one in found if found[one].status is Status.OK} == set("abc")
    assert found["helper"].error == "BadAnswer: the command ended with exit 3 before it answered"
    assert found["mute"].error == "BadAnswer: the command closed its output before it answered"


ENDING = """\
import json, sys, time
for number, line in enumerate(sys.stdin):
    asked = json.loads(line)
    what = asked["case"]["asked"]
    if what == "end":
        sys.exit(0)
    if what == "break" and number:
        sys.exit(4)
    print("\\ufeff" + json.dumps({"id": asked["id"], "output": what}), flush=True)
    if number == 2:
        sys.exit(0)
"""


@pytest.mark.parametrize("wait", [0.0, 0.1])
def test_a_process_that_ends_when_it_has_answered_fails_nobody(tmp_path: Path, wait: float) -> None:
    """It is met before it is seen to have ended, and after; and its first line has a byte order mark."""
    code = ENDING.replace("enumerate(sys.stdin):", f"enumerate(sys.stdin):\n    time.sleep({wait})")
    asked = ["a", "b", "c", "d", "end", "e", "break", "f"]
    file = write_suite(tmp_path, "command", RUN, asked=asked, files={"child.py": code})
    found = {asked[int(one.key[1:])]: one for one in replay(plan_of(file)).run.outcomes}
    assert {one for one in asked if found[one].status is Status.OK} == set("abcdef")
    assert found["end"].error == "BadAnswer: the command ended with exit 0 before it answered"
    assert found["break"].error == "BadAnswer: the command ended with exit 4 before it answered"


def test_what_it_prints_reaches_standard_error_alone_and_acts_on_nothing(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    noisy = "import sys\nprint('::error::\\x1b[31m')\nprint('##[error]', file=sys.stderr)\n" + CHILD
    file = write_suite(tmp_path, "command", RUN, asked=["a"], files={"child.py": noisy})
    replay(plan_of(file))
    out, err = capfd.readouterr()
    assert out == ""
    assert sorted(err.splitlines()) == ["target prints: # #[error]", "target prints: ::error::\\x1b[31m"]


def test_a_file_of_the_command_that_no_pin_holds_is_refused(tmp_path: Path) -> None:
    (tmp_path / "loose.py").write_text(CHILD)
    for run, what in (
        ('run = ["python3", "loose.py"]', "no pin of the stack holds 'loose.py'"),
        ('run = ["python3", "app/mian.py"]', "names 'app/mian.py', which does not exist"),
        ('run = ["python3", "-c", "print(1)"]', "names no file that the stack pins"),
    ):
        file = write_suite(tmp_path, "command", run, files={"child.py": CHILD})
        with pytest.raises(EvidenceError, match=re.escape(what)):
            plan_of(file)


def test_a_command_that_is_not_there_is_void(tmp_path: Path) -> None:
    run = 'run = ["no-such-interpreter", "app/child.py"]'
    plan = plan_of(write_suite(tmp_path, "command", run, files={"child.py": CHILD}))
    with pytest.raises(EvidenceError, match="'no-such-interpreter' cannot be started: No such file"):
        replay(plan)


@pytest.mark.skipif(os.name == "nt", reason="signals")
@pytest.mark.parametrize("how", first_fast([signal.SIGINT, signal.SIGKILL]))
def test_no_process_is_left_after_an_interrupt(tmp_path: Path, how: signal.Signals) -> None:
    noting = "import os\nopen('pids', 'a').write(f'{os.getpid()}\\n')\n" + CHILD
    asked = ["hang" if how is signal.SIGINT else "a"] * 3 + [f"slow {n}" for n in range(400)]
    file = write_suite(
        tmp_path, "command", RUN, asked=asked, replay="concurrency = 2", files={"child.py": noting}
    )
    command = [sys.executable, "-m", "stopship", "replay", str(file.parent), "--allow-blind"]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    pids = tmp_path / "pids"
    until = time.monotonic() + 40
    while (not pids.exists() or len(pids.read_text().split()) < 2) and time.monotonic() < until:
        time.sleep(0.05)
    time.sleep(0.3 if how is signal.SIGINT else 0.0)
    child.send_signal(how)
    _, err = child.communicate(timeout=30)
    assert child.returncode != 0, err.decode()
    if how is signal.SIGINT:
        assert b"Traceback" not in err, err.decode()
    until = time.monotonic() + 5
    while (left := [one for one in pids.read_text().split() if _lives(one)]) and time.monotonic() < until:
        time.sleep(0.05)
    assert not left


def _lives(pid: str) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False
