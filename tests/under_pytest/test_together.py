"""Several sessions and commands at once in one working folder: one sample, one draw, nobody is in the way."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.under_pytest.sessions import APART, PLAIN, Desk, outcomes
from tests.under_pytest.small import Small, asked

pytest_plugins = ["pytester"]
pytestmark = [APART, pytest.mark.slow]

Process = subprocess.Popen[str]


def pytest_of(desk: Desk, *words: str) -> Process:
    own = ["-n", str(desk.workers)] if desk.workers else []
    return started(desk, "pytest", *PLAIN, "-p", "no:cacheprovider", *own, *words)


def started(desk: Desk, *words: str) -> Process:
    return subprocess.Popen(
        [sys.executable, "-m", *words],
        cwd=desk.root,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ended(process: Process) -> tuple[int, str]:
    out, err = process.communicate(timeout=100)
    assert "Traceback" not in out + err, out + err
    return process.returncode, out + err


def until_asked(folder: Path, count: int) -> None:
    end = time.monotonic() + 60
    while len(asked(folder)) < count:
        assert time.monotonic() < end
        time.sleep(0.01)


def candidate(file: Path) -> str:
    (one,) = json.loads(file.read_text("utf-8"))["suites"]
    assert one["record"]["verdict"] == "SHIP", one
    return str(one["record"]["pins"]["candidate"]["run"])


def work(folder: Path) -> list[str]:
    """The journals that are left over."""
    return [one.name for one in (folder / ".stopship" / "work").glob("*/*.jsonl")]


@pytest.mark.parametrize("replay", ["", "concurrency = 4"])
def test_two_sessions_at_once_draw_each_sample_once_and_give_one_run(desk: Desk, replay: str) -> None:
    folder = desk.suite(Small(is_noisy=True, replay=replay))
    files = [desk.root / f"{name}.json" for name in "ab"]
    both = [pytest_of(desk, "suites", f"--stopship-json={one}") for one in files]
    for process in both:
        code, text = ended(process)
        assert code == 0, text
    assert candidate(files[0]) == candidate(files[1])
    assert len(asked(folder)) == len(set(asked(folder))) == 60
    assert desk.pytest("suites").ret == 0
    assert len(asked(folder)) == 60
    assert work(folder) == []


def test_sessions_in_opposite_orders_do_not_wait_for_each_other_for_ever(desk: Desk) -> None:
    folder = desk.suite(Small(is_noisy=True, replay="concurrency = 4"))
    desk.write(
        "conftest.py",
        "import os\n"
        "def pytest_collection_modifyitems(items):\n"
        '    if os.environ.get("BACK"):\n'
        "        items.reverse()\n",
    )
    one = pytest_of(desk, "suites")
    os.environ["BACK"] = "1"
    try:
        two = pytest_of(desk, "suites")
    finally:
        del os.environ["BACK"]
    assert [ended(process)[0] for process in (one, two)] == [0, 0]
    assert len(asked(folder)) == 60


def test_a_session_goes_on_with_what_a_killed_one_filed_while_both_were_at_work(desk: Desk) -> None:
    folder = desk.suite(Small(is_noisy=True))
    first = pytest_of(desk, "suites")
    until_asked(folder, 5)
    second = pytest_of(desk, "suites")
    until_asked(folder, 20)
    first.send_signal(signal.SIGKILL)
    first.communicate()
    code, text = ended(second)
    assert code == 0, text
    again = asked(folder)
    assert set(again) == {f"c{i:02}" for i in range(60)}
    assert len(again) <= 60 + 2 * max(1, desk.workers)  # only what was under way is asked for again


def test_a_gate_beside_a_session_shares_its_draws(desk: Desk) -> None:
    folder = desk.suite(Small(is_noisy=True))
    file = desk.root / "a.json"
    session = pytest_of(desk, "suites", f"--stopship-json={file}")
    until_asked(folder, 5)
    code, text = ended(started(desk, "stopship", "gate", "suites/small", "--json", "gate.json"))
    assert code == 0, text
    code, text = ended(session)
    assert code == 0, text
    gate = json.loads((desk.root / "gate.json").read_text("utf-8"))
    assert gate["pins"]["candidate"]["run"] == candidate(file)
    assert len(asked(folder)) == len(set(asked(folder))) == 60


def test_a_part_of_a_suite_beside_the_whole_is_in_nobodys_way(desk: Desk) -> None:
    folder = desk.suite(Small(is_noisy=True))
    whole, part = pytest_of(desk, "suites"), pytest_of(desk, "suites", "-k", "c05 or c50")
    assert [ended(process)[0] for process in (whole, part)] == [0, 0]
    assert len(asked(folder)) == 60


def test_fresh_draws_beside_a_session_leave_it_alone(desk: Desk) -> None:
    folder = desk.suite(Small(is_noisy=True))
    session = pytest_of(desk, "suites")
    until_asked(folder, 5)
    code, text = ended(started(desk, "stopship", "gate", "suites/small", "--fresh"))
    assert code == 0, text
    code, text = ended(session)
    assert code == 0, text
    assert len(asked(folder)) == 120


def spoilt(folder: Path, desk: Desk) -> None:
    """A session that was killed, and a line of its journal that is damaged."""
    session = pytest_of(desk, "suites")
    until_asked(folder, 9)
    session.send_signal(signal.SIGKILL)
    session.communicate()
    if desk.workers:
        time.sleep(1.0)  # they end by themselves
    (path,) = (folder / ".stopship" / "work").glob("*/*.jsonl")
    path.write_bytes(path.read_bytes().replace(b'"draw"', b'"drew"', 1))


def test_a_damaged_journal_names_the_command_that_clears_it(desk: Desk) -> None:
    folder = desk.suite(Small(is_noisy=True))
    spoilt(folder, desk)
    done = desk.pytest("suites")
    assert done.ret == 22
    text = done.stdout.str()
    assert "stopship replay suites/small --fresh" in text
    assert outcomes(done)["failed"] == (1 if not desk.workers else outcomes(done)["failed"])
    code, said = ended(started(desk, "stopship", "replay", "suites/small", "--fresh"))
    assert code == 0, said
    assert desk.pytest("suites").ret == 0
