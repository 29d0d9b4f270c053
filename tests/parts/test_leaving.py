"""User code that would end the process: it ends its own children alone."""

import os
import sys
import textwrap
from subprocess import run

import pytest

from stopship.parts.user_code import EndedError, Raised, caught

SCRIPT = """
    import os
    from stopship.parts.user_code import EndedError, caught

    def fork_and_leave():
        child = os.fork()
        if not child:
            os._exit(7)  # its own way
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

    def fork_and_call():
        child = os.fork()
        if not child:
            found = caught(lambda: os._exit(3))  # a call of user code in the child itself
            os._exit(9 if isinstance(found.error, EndedError) else 1)
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

    print(caught(fork_and_leave), fork_and_call(), caught(fork_and_leave), flush=True)
"""


def test_a_process_is_not_ended_by_user_code_and_can_end_afterwards() -> None:
    before = os._exit
    found = caught(lambda: os._exit(3))
    assert isinstance(found, Raised)
    assert isinstance(found.error, EndedError)
    assert os._exit is before


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
def test_a_forked_child_ends_as_it_likes_and_its_own_calls_do_not_end_it() -> None:
    told = run([sys.executable, "-c", textwrap.dedent(SCRIPT)], capture_output=True, text=True, check=True)
    assert told.stdout.split() == ["7", "9", "7"]
