"""What keeps evidence from being gathered in the middle of a session is the suite's fault, told once."""

import os
import signal
import time
from pathlib import Path

import pytest
from tests.under_pytest.sessions import APART, Desk, outcomes, verdicts
from tests.under_pytest.small import Small, asked
from tests.under_pytest.test_together import pytest_of, until_asked

pytest_plugins = ["pytester"]
pytestmark = [APART, pytest.mark.slow]

SLOW = Small(is_noisy=True)


def killed(desk: Desk, folder: Path, after: int) -> None:
    """A session that was killed with some outputs filed."""
    session = pytest_of(desk, "suites")
    until_asked(folder, after)
    session.send_signal(signal.SIGKILL)
    session.communicate()
    if desk.workers:
        time.sleep(1.0)  # they end by themselves


def test_a_stack_touched_between_a_killed_session_and_the_next_is_void_with_the_reason(desk: Desk) -> None:
    folder = desk.suite(SLOW)
    killed(desk, folder, 9)
    os.utime(folder / "policy-good.txt")
    code, document = desk.judged("suites")
    assert (code, verdicts(document)) == (22, {"small": "VOID"})
    assert "the stack changed while cases were replayed" in str(document)
    assert "policy-good.txt was touched" in str(document)
    assert desk.pytest("suites").ret == 0, "the journals are dropped, and the next session begins anew"


def test_what_goes_wrong_while_items_ask_skips_them_and_is_told_by_the_gate(
    desk: Desk,
) -> None:
    """A worker knows what the controller does not; it says so when it is done."""
    desk.suite(SLOW)
    desk.write(
        "conftest.py",
        "from stopship.errors import EvidenceError\n"
        "from stopship.under_pytest.watch import Watch\n"
        "begun = Watch._outcome\n"
        "def outcome(self, key, sample):\n"
        "    if key == 'c30':\n"
        "        raise EvidenceError('the disk is full', do='make room')\n"
        "    return begun(self, key, sample)\n"
        "Watch._outcome = outcome\n",
    )
    done = desk.pytest("suites")
    assert done.ret == 22
    assert "the disk is full" in done.stdout.str()
    assert "make room" in done.stdout.str()
    assert outcomes(done)["failed"] == 1
    assert outcomes(done)["skipped"] >= 1


def test_the_next_session_goes_on_from_what_a_killed_one_filed(desk: Desk) -> None:
    folder = desk.suite(SLOW)
    killed(desk, folder, 20)
    done = desk.pytest("suites")
    assert done.ret == 0, done.stdout.str()
    again = asked(folder)
    assert len(again) - len(set(again)) <= max(1, desk.workers), "only what was under way is asked again"
