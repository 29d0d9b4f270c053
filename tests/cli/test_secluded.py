"""A program in a replay that is not live: it reaches the gateway and nothing else, or the run says why."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.cli.running import Command
from tests.endpoints.fixture import _running_endpoint, endpoint
from tests.endpoints.running import Endpoint
from tests.endpoints.suites import plan_of, write_suite
from tests.families import first_fast

from stopship.errors import EvidenceError
from stopship.gating import isolating
from stopship.gating.performing import replay
from stopship.model.run import Status, isolation_of
from stopship.parts.targets import command, secluded

pytest.importorskip("aiohttp")

isolated = pytest.mark.skipif(bool(secluded.refusal()), reason=f"here: {secluded.refusal()}")

CHILD = """\
import json, os, socket, sys
from urllib.request import Request, urlopen

def tried(family, host, port, seconds):
    try:
        with socket.socket(family, socket.SOCK_STREAM) as one:
            one.settimeout(seconds)
            one.connect((host, port))
        return "reached"
    except OSError as err:
        return type(err).__name__ + " " + str(err.errno)

for line in sys.stdin:
    asked = json.loads(line)
    told = {"id": asked["id"], "steps": []}
    try:
        outside = tried(socket.AF_INET, "127.0.0.1", int(asked["case"]["asked"]), 3)
        far = tried(socket.AF_INET, "192.0.2.1", 80, 0.05)  # no network is told at once; a wait is none
        body = json.dumps({"model": asked["stack"]["model"], "messages": [{"role": "user", "content": "q"}]})
        headers = {"Content-Type": "application/json", "Authorization": "Bearer " + asked["api_key"]}
        url = asked["base_urls"]["models"] + "/v1/chat/completions"
        with urlopen(Request(url, body.encode(), headers), timeout=10) as answer:
            said = json.load(answer)["choices"][0]["message"]["content"]
        told["output"] = json.dumps({"near": outside, "far": far, "gateway": bool(said), "user": os.getuid()})
    except Exception as err:
        told |= {"error": repr(err), "lost": True}
    print(json.dumps(told), flush=True)
"""


@pytest.fixture(autouse=True)
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CI", "STOPSHIP_STORE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MODEL_ACCESS", "sk-canary-0123456789abcdef")


@pytest.fixture
def outside() -> Iterator[int]:
    """The port of somebody else on this machine."""
    with socket.create_server(("127.0.0.1", 0)) as one:
        yield one.getsockname()[1]


@pytest.fixture
def suite(tmp_path: Path, endpoint: Endpoint, outside: int, stopship: Command) -> Path:
    """Recorded by a program that reached whatever it liked."""
    endpoint.plan()
    upstream = f'[replay.upstreams.models]\nurl = "{endpoint.url}"\nkey_env = "MODEL_ACCESS"'
    run = f'run = [{json.dumps(sys.executable)}, "app/child.py"]\n{upstream}'
    file = write_suite(tmp_path, "command", run, asked=[str(outside)] * 6, files={"child.py": CHILD})
    assert stopship("replay", str(tmp_path), "--record", "new", "--allow-blind") == 0
    assert "6 told" in stopship.out
    assert "network" not in stopship.out  # nothing is isolated where all is live
    return file


def frozen(file: Path, more: str = "", fidelity: str = "frozen") -> Path:
    text = file.read_text()
    file.write_text(
        text.replace("[replay]\n", f'[replay]\nfidelity = "{fidelity}"\ndeterministic = true\n{more}\n', 1)
    )
    return file


@isolated
@pytest.mark.parametrize("more", first_fast(["concurrency = 3", ""]))
def test_it_reaches_the_gateway_and_nothing_else(
    suite: Path, outside: int, endpoint: Endpoint, more: str
) -> None:
    asked = endpoint.requests
    run = replay(plan_of(frozen(suite, more))).run
    assert {one.status for one in run.outcomes} == {Status.OK}
    for one in run.outcomes:
        told = json.loads(str(one.trace["output"]))
        assert told["gateway"]
        assert told["near"].startswith("ConnectionRefusedError")
        assert told["far"].startswith("OSError")
        assert told["user"] == os.getuid()
    assert endpoint.requests == asked
    assert run.isolation == "isolated"


@isolated
@pytest.mark.parametrize("more", first_fast(["concurrency = 3", ""]))
@pytest.mark.parametrize("fidelity", first_fast(["frozen-tools", "frozen-retrieval"]))
def test_where_models_are_asked_anew_it_reaches_its_model(
    suite: Path, endpoint: Endpoint, fidelity: str, more: str
) -> None:
    asked = endpoint.requests
    run = replay(plan_of(frozen(suite, more, fidelity))).run
    assert {one.status for one in run.outcomes} == {Status.OK}
    assert all(json.loads(str(one.trace["output"]))["gateway"] for one in run.outcomes)
    assert endpoint.requests == asked + len(run.outcomes)
    assert run.isolation == "isolated"


@isolated
def test_the_run_says_isolated_and_the_gate_needs_no_word(suite: Path, stopship: Command) -> None:
    folder = str(frozen(suite).parent)
    assert stopship("replay", folder, "--allow-blind") == 0
    assert "\n  network  isolated\n" in stopship.out
    run = stopship.out.split()[1]
    assert stopship("accept", run, "--suite", folder, "--because", "first") == 0
    assert stopship("gate", folder, "--allow-blind") == 0
    assert "isolated" not in stopship.out


def forbid(monkeypatch: pytest.MonkeyPatch, why: str) -> None:
    for module in (isolating, command):
        monkeypatch.setattr(module, "refusal", lambda: why)


def test_where_the_system_forbids_it_the_run_and_the_gate_say_not_isolated(
    suite: Path, stopship: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    forbid(monkeypatch, "a new user and network namespace: Operation not permitted")
    folder = str(frozen(suite).parent)
    why = "not isolated: a new user and network namespace: Operation not permitted"
    assert stopship("replay", folder, "--allow-blind") == 0
    assert f"\n  network  {why}\n" in stopship.out
    assert "6 told, 0 failed" in stopship.out  # told, never judged
    run = stopship.out.split()[1]
    assert stopship("accept", run, "--suite", folder, "--because", "first") == 0
    assert stopship("gate", folder, "--allow-blind") == 0
    assert why in stopship.said


@isolated
def test_a_run_that_was_begun_without_is_not_called_isolated(
    suite: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = frozen(suite, "limits = { minutes = 9 }")
    with monkeypatch.context() as patched:
        forbid(patched, "no")
        plan = plan_of(file)
        plan.place.made()
        with plan.journal(print) as journal, plan.engine() as engine:
            journal.add(next(iter([*engine.outcomes(plan.jobs())])))
    run = replay(plan_of(file), resume=True).run
    assert run.isolation == "not isolated: no"
    assert replay(plan_of(file), fresh=True).run.isolation == "isolated"


def test_a_whole_is_isolated_where_all_its_parts_were() -> None:
    assert isolation_of(["isolated", "isolated"]) == "isolated"
    assert isolation_of(["isolated", "not isolated: x"]) == "not isolated: x"
    assert isolation_of(["isolated", ""]).startswith("not isolated")
    assert isolation_of(["", ""]) == ""
    assert isolation_of([]) == ""


@isolated
def test_a_program_that_is_not_there_is_told_as_without(suite: Path) -> None:
    text = frozen(suite).read_text().replace(json.dumps(sys.executable), '"no-such-interpreter"')
    suite.write_text(text)
    with pytest.raises(EvidenceError, match="'no-such-interpreter' cannot be started: No such file"):
        replay(plan_of(suite))


def test_a_program_is_never_run_without_where_a_trial_went_well(
    suite: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def none(*given: object, **more: object) -> None:
        raise secluded.NotSecluded("a new user and network namespace: No space left on device")

    forbid(monkeypatch, "")
    monkeypatch.setattr(command, "started", none)
    with pytest.raises(EvidenceError, match="cannot be isolated: a new user and network namespace: No space"):
        replay(plan_of(frozen(suite)))


@pytest.mark.parametrize(
    ("step", "said"),
    [
        ("_unshare", "a new user and network namespace: Operation not permitted"),
        ("_raise_loopback", "its loopback: Operation not permitted"),
    ],
)
@isolated
def test_a_step_that_fails_is_told(
    tmp_path: Path, step: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = Path(secluded.__file__).read_text()
    (tmp_path / "broken.py").write_text(
        text.replace(f"        {step}()\n", "        raise PermissionError(1, 'Operation not permitted')\n")
    )
    monkeypatch.setattr(secluded, "__file__", str(tmp_path / "broken.py"))
    assert secluded.refusal.__wrapped__() == said


@isolated
def test_a_namespace_that_is_none_is_not_taken_for_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = Path(secluded.__file__).read_text()
    (tmp_path / "same.py").write_text(
        text.replace("        _unshare()\n", "        pass\n")
        .replace('"uid_map"', '"comm"')
        .replace('"gid_map"', '"comm"')
        .replace('("setgroups", "deny"),', "")
    )
    monkeypatch.setattr(secluded, "__file__", str(tmp_path / "same.py"))
    assert secluded.refusal.__wrapped__() == "the new network namespace leads out"


def test_a_system_without_namespaces_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert secluded.refusal.__wrapped__() == "darwin has no network namespaces"


@isolated
def test_the_program_gets_what_it_would_get_without(tmp_path: Path) -> None:
    probe = (
        "import json, os, signal; print(json.dumps([sorted(os.environ.items()), os.getcwd(), os.getuid(), "
        "os.getgid(), sorted(os.listdir('/proc/self/fd')), os.getpgid(0) == os.getpid()]))"
    )
    run = [sys.executable, "-S", "-c", probe]
    environment = {"PATH": "/usr/bin:/bin", "ODD": "\udcff", "LC_ALL": "C", "PYTHONCOERCECLOCALE": "0"}

    async def secluded_one() -> bytes:
        pipes = {"stdout": subprocess.PIPE, "stdin": subprocess.DEVNULL, "start_new_session": True}
        process, listening = await secluded.started(run, tmp_path, environment, 4999, **pipes)
        with listening:
            assert listening.getsockname() == ("127.0.0.1", 4999)
            out, _ = await process.communicate()
            return out

    there = json.loads(asyncio.run(secluded_one()))
    plain = subprocess.run(
        run,
        cwd=tmp_path,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        start_new_session=True,
        check=True,
    )
    assert there == json.loads(plain.stdout)


@isolated
def test_signals_act_as_they_do_without(tmp_path: Path) -> None:
    ignored = "grep SigIgn /proc/self/status"

    async def there() -> bytes:
        process, listening = await secluded.started(
            ["sh", "-c", ignored], tmp_path, {"PATH": "/usr/bin:/bin"}, 4999, stdout=subprocess.PIPE
        )
        with listening:
            return (await process.communicate())[0]

    here = subprocess.run(["sh", "-c", ignored], stdout=subprocess.PIPE, check=True)
    assert signal.getsignal(signal.SIGPIPE) == signal.SIG_IGN  # of Python, not of what it starts
    assert asyncio.run(there()) == here.stdout


__all__ = ["_running_endpoint", "endpoint"]
