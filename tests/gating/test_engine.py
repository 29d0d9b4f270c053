"""The engine: how many calls at a time, how each ends, and that nothing hangs."""

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from stopship.errors import EvidenceError, Unavailable
from stopship.gating.endings import Job
from stopship.gating.engine import Engine
from stopship.model.case import Case
from stopship.model.run import Outcome, Status
from stopship.parts.targets.python import load_target


@dataclass(frozen=True)
class Fake:
    """A target made of a function of the key."""

    answer: Callable[[str], Any]
    is_async: bool = False
    path: Path = Path(__file__)

    def call(self, case: Case, stack: object, sample: int = 0, epoch: int = 0, /) -> object:  # noqa: ARG002
        return self.answer(case.key)


def jobs(count: int) -> list[Job]:
    return [Job(key=f"c{i}", case=Case(f"c{i}")) for i in range(count)]


def run(answer: Callable[[str], Any], count: int = 1, is_async: bool = False, **how: Any) -> list[Outcome]:
    with Engine(Fake(answer, is_async), None, **how) as engine:
        return list(engine.outcomes(jobs(count)))


def every(body: Callable[[str], Any]) -> Callable[[str], Any]:
    async def waiting(key: str) -> Any:
        return body(key)

    return waiting


WAYS: list[dict[str, Any]] = [{}, {"concurrency": 3}, {"timeout_s": 5.0}, {"is_async": True}]


@pytest.mark.parametrize("how", WAYS, ids=["here", "threads", "timed", "async"])
def test_every_job_has_one_outcome_however_it_is_run(how: dict[str, Any]) -> None:
    answer = every(str.upper) if how.get("is_async") else str.upper
    found = run(answer, 40, **how)
    assert {one.key: one.trace for one in found} == {f"c{i}": {"output": f"C{i}"} for i in range(40)}
    assert all(one.status is Status.OK and (one.took_ms or 0) >= 0 for one in found)


def boom(key: str) -> Any:
    raise {"c0": ValueError("no"), "c1": SystemExit(3), "c2": Unavailable("down"), "c3": MemoryError()}[key]


@pytest.mark.parametrize("how", WAYS, ids=["here", "threads", "timed", "async"])
def test_what_a_target_raises_is_data(how: dict[str, Any]) -> None:
    answer = every(boom) if how.get("is_async") else boom
    found = {one.key: (one.status, one.error.partition(" (")[0]) for one in run(answer, 4, **how)}
    assert found == {
        "c0": (Status.FAILED, "ValueError: no"),
        "c1": (Status.FAILED, "SystemExit: 3"),
        "c2": (Status.LOST, "Unavailable: down"),
        "c3": (Status.FAILED, "MemoryError"),
    }


class Nameless(Exception):  # noqa: N818
    def __str__(self) -> str:
        raise RuntimeError


def test_exceptions_that_cannot_be_told_and_endless_recursion_are_data() -> None:
    def nameless(key: str) -> Any:
        raise Nameless

    def deep(key: str) -> Any:
        return deep(key)

    assert "Nameless" in run(nameless)[0].error
    assert "RecursionError" in run(deep, concurrency=2)[0].error


def test_no_more_calls_are_in_flight_than_allowed_and_few_jobs_are_drawn_ahead() -> None:
    lock, now, peak, drawn = threading.Lock(), 0, 0, 0

    def answer(key: str) -> str:
        nonlocal now, peak
        with lock:
            now += 1
            peak = max(peak, now)
        time.sleep(0.003)
        with lock:
            now -= 1
        return key

    def counted() -> Iterator[Job]:
        nonlocal drawn
        for one in jobs(40):
            drawn += 1
            yield one

    with Engine(Fake(answer), None, concurrency=4) as engine:
        for done, _ in enumerate(engine.outcomes(counted()), 1):
            assert drawn <= done + 8
    assert peak == 4


def test_a_late_answer_is_a_failure_and_its_thread_holds_nobody_up() -> None:
    held = threading.Event()
    began = time.monotonic()
    found = run(lambda key: held.wait(20) if key in ("c0", "c1") else key, 6, concurrency=2, timeout_s=0.1)
    assert time.monotonic() - began < 15
    held.set()
    by = {one.key: one for one in found}
    assert by["c0"].error == by["c1"].error == "TimeoutError: no answer within 0.1 s"
    assert [by[f"c{i}"].status for i in range(6)] == [Status.FAILED] * 2 + [Status.OK] * 4


def test_async_calls_wait_together() -> None:
    import asyncio

    under_way, most = set[str](), 0

    async def answer(key: str) -> str:
        nonlocal most
        under_way.add(key)
        most = max(most, len(under_way))
        await asyncio.sleep(0.05)
        under_way.discard(key)
        return key

    assert len(run(answer, 50, is_async=True, concurrency=50)) == 50
    assert most == 50


def test_an_async_call_that_blocks_or_will_not_be_cancelled_is_given_up() -> None:
    import asyncio

    held = threading.Event()

    async def answer(key: str) -> str:
        if key == "c0":
            held.wait(20)  # holds the whole loop up
        if key == "c1":
            try:
                await asyncio.sleep(20)
            except asyncio.CancelledError:
                await asyncio.sleep(0.01)
        return key

    found = {one.key: one for one in run(answer, 4, is_async=True, concurrency=1, timeout_s=0.2)}
    held.set()
    assert [found[f"c{i}"].status for i in range(4)] == [Status.FAILED] * 2 + [Status.OK] * 2


@pytest.mark.parametrize("how", [{}, {"concurrency": 3}], ids=["here", "threads"])
def test_started_jobs_are_waited_for_in_any_order(how: dict[str, Any]) -> None:
    with Engine(Fake(str.upper), None, **how) as engine:
        engine.start(jobs(10))
        for i in (9, 0, 5):
            assert engine.wait(f"c{i}").trace == {"output": f"C{i}"}
        with pytest.raises(LookupError):
            engine.wait("c9")
        with pytest.raises(ValueError, match="twice"):
            engine.start([jobs(2)[1]])


@pytest.mark.parametrize("how", [{}, {"concurrency": 3}], ids=["here", "threads"])
def test_damage_that_the_stack_reports_ends_the_run(how: dict[str, Any]) -> None:
    def answer(key: str) -> str:
        raise EvidenceError("prompt has changed")

    with pytest.raises(EvidenceError, match="prompt has changed"):
        run(answer, 3, **how)


@pytest.mark.parametrize("how", [{}, {"concurrency": 3}], ids=["here", "threads"])
def test_nothing_more_is_asked_where_an_outcome_cannot_be_finished(how: dict[str, Any]) -> None:
    asked, held = list[str](), threading.Event()

    def answer(key: str) -> str:
        asked.append(key)
        return key if key == "c0" or held.wait(20) else ""

    def finish(_: Outcome) -> Outcome:
        raise EvidenceError("what it cost is not known")

    with Engine(Fake(answer), None, finish=finish, **how) as engine:
        engine.start(jobs(60))
        for key in ("c0", "c59"):
            with pytest.raises(EvidenceError, match="what it cost is not known"):
                engine.wait(key)
            held.set()
    assert set(asked) <= {"c0", "c1", "c2", "c3"}


@pytest.mark.parametrize("how", WAYS, ids=["here", "threads", "timed", "async"])
def test_what_a_target_prints_reaches_only_standard_error(
    how: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    def answer(key: str) -> str:
        print("::error::\x1b[31m")
        return key

    is_async = "is_async" in how
    target = Fake(every(answer) if is_async else answer, is_async)
    with Engine(target, None, **({} if is_async else how)) as engine:
        for _ in engine.outcomes(jobs(3)):
            print("ours")
    printed = capsys.readouterr()
    assert printed.out == "ours\n" * 3
    assert printed.err == "target prints: ::error::\\x1b[31m\n" * 3


def test_two_targets_with_neighbours_of_one_name_keep_apart_in_threads(tmp_path: Path) -> None:
    source = "def answer(case, stack):\n    import index\n    from index import NAME\n"
    source += "    return index.NAME + NAME\n"
    engines = {}
    for name in "ab":
        folder = tmp_path / name
        folder.mkdir()
        (folder / "answer.py").write_text(source)
        (folder / "index.py").write_text(f"NAME = {name!r}\n")
        target = load_target(folder / "answer.py", "answer", "suite.toml")
        engines[name] = Engine(target, None, concurrency=4)
    found = {name: {one.trace["output"] for one in each.outcomes(jobs(30))} for name, each in engines.items()}
    for one in reversed(engines.values()):
        one.close()
    assert found == {"a": {"aa"}, "b": {"bb"}}
    assert "index" not in sys.modules


@pytest.mark.parametrize("kind", ["def", "async def"])
@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_an_interrupt_ends_at_once(tmp_path: Path, kind: str) -> None:
    script = f"""
        import time
        from pathlib import Path
        from stopship.gating.endings import Job
        from stopship.gating.engine import Engine
        from stopship.model.case import Case
        class T:
            is_async, path = {kind.startswith("async")}, Path("x")
            {kind} call(self, case, stack, sample=0, epoch=0):
                time.sleep(60)
        with Engine(T(), None, concurrency=2) as engine:
            print("ready", flush=True)
            list(engine.outcomes(Job(key=str(i), case=Case(str(i))) for i in range(9)))
    """
    child = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script)], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert child.stdout is not None
    child.stdout.readline()
    time.sleep(0.2)
    child.send_signal(signal.SIGINT)
    _, err = child.communicate(timeout=30)
    assert child.returncode != 0
    assert err.decode().strip().endswith("KeyboardInterrupt")
