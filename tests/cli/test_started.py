"""A process that a target starts is not watched over, and the run says so."""

import sys
from pathlib import Path

import pytest
from tests.cli.test_unpinned import Desk
from tests.families import first_fast

STARTS = """
import multiprocessing
import os
import pty
import subprocess
import sys
import stopship
{above}
def mp(how):
    child = multiprocessing.get_context(how).Process(target=print)
    child.start()
    child.join()
    return "refund"
def forked(pid):
    if not pid:
        os._exit(0)
    os.waitpid(pid, 0)
    return "refund"
@stopship.boundary(kind="tool", effect="read")
def tool():
    return subprocess.run([sys.executable, "-c", "print(1)"], capture_output=True, text=True).stdout
def answer(case, stack):
    return {answer}
"""
PYTHON = Path(sys.executable).name  # as the tests were started: python or python3
RUN = "subprocess.run(['true'])"
WAYS = {
    "subprocess": (f"{RUN} and 'refund'", "true"),
    "the shell": ("os.system('true >&2') or 'refund'", "true"),
    "spawned": ("forked(os.spawnv(os.P_NOWAIT, '/bin/true', ['true']))", "a process"),
    "posix_spawn": ("forked(os.posix_spawn('/bin/true', ['true'], os.environ))", "true"),
    "fork": ("forked(os.fork())", "a process"),
    "forkpty": ("forked(os.forkpty()[0])", "a process"),
    "multiprocessing, fork": ("mp('fork')", "a process"),
    "multiprocessing, spawn": ("mp('spawn')", PYTHON),
}


def said_of(tmp_path: Path, answer: str, fidelity: str, above: str = "") -> str:
    """What a replay prints, in one line."""
    code = STARTS.format(answer=answer, above=above)
    desk = Desk(tmp_path / "repo").made(code, f'fidelity = "{fidelity}"')
    done = desk.replay("--case", "c01")
    assert done.returncode == 0, done.stderr
    return " ".join(done.stdout.split())


@pytest.mark.parametrize("way", first_fast(WAYS))
def test_a_run_says_that_its_target_started_a_process(way: str, tmp_path: Path) -> None:
    answer, name = WAYS[way]
    said = said_of(tmp_path, answer, "frozen-tools")
    assert f"not isolated: the target started {name}" in said
    assert "which nothing watches over" in said


@pytest.mark.parametrize("above", [RUN, "if os.fork() == 0: os._exit(0)"], ids=["subprocess", "fork"])
def test_so_it_does_where_the_process_is_started_while_the_target_is_loaded(
    above: str, tmp_path: Path
) -> None:
    assert "not isolated: the target started" in said_of(tmp_path, "'refund'", "frozen-tools", above)
    assert "not isolated" not in said_of(tmp_path / "live", "'refund'", "live", above)


@pytest.mark.parametrize(
    ("answer", "fidelity"),
    first_fast(
        [
            (WAYS["subprocess"][0], "live"),
            (WAYS["multiprocessing, spawn"][0], "live"),
            ("tool()", "frozen-retrieval"),
            ("subprocess.run(['uname', '-p'], capture_output=True) and 'refund'", "frozen-tools"),
            ("subprocess.run(['ldconfig', '-p'], capture_output=True) and 'refund'", "frozen-tools"),
            ("multiprocessing.RLock() and 'refund'", "frozen-tools"),
        ]
    ),
    ids=["live", "live, spawn", "within a marked function", "of the machine", "libraries", "a lock"],
)
def test_what_is_watched_or_reads_the_machine_alone_is_not_told(
    answer: str, fidelity: str, tmp_path: Path
) -> None:
    assert "not isolated" not in said_of(tmp_path, answer, fidelity)


def test_a_server_of_processes_is_reached_by_a_socket_which_loses_the_case(tmp_path: Path) -> None:
    code = STARTS.format(answer="mp('forkserver')", above="")
    desk = Desk(tmp_path / "repo").made(code, 'fidelity = "frozen-tools"')
    done = desk.replay("--case", "c01")
    assert done.returncode == 22
    assert f"not isolated: the target started {PYTHON}" in " ".join(done.stdout.split())
    assert "opens no socket outside of a marked function" in " ".join(done.stdout.split())
