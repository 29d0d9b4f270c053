"""Rates, retries, budgets: when a call may begin, how often again, and when a run is over."""

import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.gating.test_engine import Fake, every, jobs

from stopship.errors import EvidenceError, Unavailable
from stopship.gating.endings import Job
from stopship.gating.engine import Engine
from stopship.gating.pacing import Pace, jitter
from stopship.gating.pricing import Prices, open_prices
from stopship.gating.spending import EndedEarly, Meter
from stopship.model.case import Case
from stopship.model.run import Outcome, Status
from stopship.model.suite import Limits
from stopship.parts.targets.network import Crashed
from stopship.parts.targets.outcome import retry_after, seconds_until
from stopship.store.slots import Slots

ONE = Job(key="a", case=Case("a"))


class Asks(Unavailable):
    def __init__(self, seconds: float) -> None:
        super().__init__("HTTP 429")
        self.retry_after_s = seconds


def run(answer: Callable[[str], Any], count: int, **how: Any) -> dict[str, Outcome]:
    is_async = how.pop("is_async", False)
    with Engine(Fake(every(answer) if is_async else answer, is_async), None, **how) as engine:
        return {one.key: one for one in engine.outcomes(jobs(count))}


class Flaky:
    """Loses each key so many times, and then answers it."""

    def __init__(self, times: int, error: Exception | None = None) -> None:
        self.asked: Counter[str] = Counter()
        self._times, self._error, self._lock = times, error or Unavailable("down"), threading.Lock()

    def __call__(self, key: str) -> str:
        with self._lock:
            self.asked[key] += 1
            if self.asked[key] <= self._times:
                raise self._error
        return key.upper()


@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.parametrize("concurrency", [1, 4])
def test_lost_outputs_are_asked_for_again_as_often_as_allowed(concurrency: int, is_async: bool) -> None:
    pace = Pace(retries=2, first_s=0.001)
    flaky = Flaky(2)
    found = run(flaky, 12, concurrency=concurrency, pace=pace, is_async=is_async)
    assert {one.status for one in found.values()} == {Status.OK}
    assert set(flaky.asked.values()) == {3}
    flaky = Flaky(3)
    found = run(flaky, 12, concurrency=concurrency, pace=pace, is_async=is_async)
    assert {one.status for one in found.values()} == {Status.LOST}
    assert set(flaky.asked.values()) == {3}


def test_what_breaks_down_each_time_is_its_own_failure_though_the_run_is_over() -> None:
    both = threading.Event()  # are under way: the limit that the first reaches would keep the second back

    def answer(key: str) -> dict[str, Any]:
        if key == "c1":
            both.set()
            time.sleep(0.1)
            raise Crashed("HTTP 500")
        assert both.wait(30)
        return told(key)

    for how in ({}, {"concurrency": 2}, {"concurrency": 2, "pace": Pace(retries=0)}):
        both.clear()
        if not how:
            both.set()  # one after the other
        found = run(answer, 2, meter=Meter(Limits(tokens=9)) if how else None, **how)
        assert [found[f"c{i}"].status for i in range(2)] == [Status.OK, Status.FAILED]
    tried = Flaky(1, Crashed("HTTP 500"))
    assert {one.status for one in run(tried, 2, pace=Pace(retries=1, first_s=0.001)).values()} == {Status.OK}


def test_failures_of_the_target_are_never_asked_for_again() -> None:
    flaky = Flaky(1, ValueError("no"))
    found = run(flaky, 3, concurrency=2, pace=Pace(retries=5, first_s=0.001))
    assert {one.status for one in found.values()} == {Status.FAILED}
    assert set(flaky.asked.values()) == {1}


def test_waits_double_are_the_jobs_own_and_keep_to_what_is_asked() -> None:
    pace = Pace(retries=9)
    waits = [pace.again(ONE, calls, 0.0, None) or 0.0 for calls in range(1, 10)]
    assert waits == [pace.again(ONE, calls, 0.0, None) for calls in range(1, 10)]  # the same in both arms
    for calls, wait in enumerate(waits, 1):
        ceiling = min(60.0, 0.5 * 2 ** (calls - 1))
        assert ceiling / 2 <= wait <= ceiling
    assert jitter(ONE, 1) != jitter(Job(key="b", case=Case("b")), 1)
    assert (pace.again(ONE, 1, 0.0, 30.0) or 0.0) >= 30.0
    assert pace.again(ONE, 1, 0.0, 3600.0) is None  # lost for this run
    assert pace.again(ONE, 10, 0.0, None) is None
    assert Pace(retries=9, most_calls=2).again(ONE, 2, 0.0, None) is None
    assert Pace(retries=9, most_s=5.0).again(ONE, 1, 4.9, None) is None


def test_retry_after_is_read_off_an_error_of_any_library() -> None:
    assert retry_after(Asks(3.0)) == 3.0
    error = RuntimeError("wrapped")
    error.__cause__ = Asks(4.0)
    assert retry_after(error) == 4.0
    response = type("R", (), {"headers": {"retry-after": "5"}})()
    other = type("HTTPStatusError", (Exception,), {"response": response})()
    assert retry_after(other) == 5.0
    assert retry_after(ValueError()) is None


@pytest.mark.parametrize(
    ("told", "seconds"),
    [
        ("7", 7.0),
        ("0.5", 0.5),
        ("Wed, 21 Oct 2015 07:28:10 GMT", 10.0),
        ("Wed, 21 Oct 2015 07:27:00 GMT", 0.0),
        ("99999999", 99999999.0),  # years: lost for this run, never taken for nothing
        *[(one, None) for one in ("", None, "soon", "-1", "nan", "inf", "Wed, 99 Oct 2015")],
    ],
)
def test_retry_after_is_seconds_or_a_date(told: str | None, seconds: float | None) -> None:
    assert seconds_until(told, 1445412480.0) == seconds


def test_an_endpoint_that_says_when_is_left_alone_until_then() -> None:
    began = time.monotonic()
    found = run(Flaky(1, Asks(0.4)), 4, concurrency=4, pace=Pace(retries=1, first_s=0.001))
    assert {one.status for one in found.values()} == {Status.OK}
    assert time.monotonic() - began >= 0.4


def test_slots_of_all_processes_are_apart(tmp_path: Path) -> None:
    now = 1000.0
    one, two = (Slots(tmp_path / "rate", 60, clock=lambda: now) for _ in range(2))
    assert [one.take(), two.take(), one.take()] == [0.0, 1.0, 2.0]
    now = 1010.0
    assert [two.take(), one.take()] == [0.0, 1.0]
    (tmp_path / "rate").write_text("damaged")
    assert one.take() == 0.0
    (tmp_path / "rate").write_text("99999999999")  # another machine's clock
    assert one.take() == 0.0


def test_a_rate_is_kept_however_many_are_in_flight(tmp_path: Path) -> None:
    times = []

    def answer(key: str) -> str:
        times.append(time.monotonic() - began)
        return key

    pace = Pace(slots=Slots(tmp_path / "rate", 60 * 40))
    began = time.monotonic()
    assert len(run(answer, 20, concurrency=8, pace=pace)) == 20
    assert all(at >= number / 40 * 0.99 for number, at in enumerate(sorted(times)))


def told(key: str) -> dict[str, Any]:
    return {"output": key, "usage": {"input_total": 6, "output_total": 4}, "cost_usd": 0.01}


WAYS: list[dict[str, Any]] = [{}, {"concurrency": 3}, {"is_async": True}]


@pytest.mark.parametrize("how", WAYS, ids=["here", "threads", "async"])
@pytest.mark.parametrize(
    ("limits", "what", "least"),
    [
        (Limits(calls=10), "10 calls were made, all that limits allow", 10),
        (Limits(tokens=100), r"1\d0 tokens were used, and limits allow 100", 11),
        (Limits(usd=0.1), r"\$0.1\d00 were spent, and limits allow \$0.1", 10),
    ],
    ids=["calls", "tokens", "usd"],
)
def test_a_limit_ends_the_run_after_all_that_was_answered_is_given(
    how: dict[str, Any], limits: Limits, what: str, least: int
) -> None:
    given: list[Outcome] = []
    is_async = "is_async" in how
    target = Fake(every(told) if is_async else told, is_async)
    rest = {name: one for name, one in how.items() if name != "is_async"}
    meter = Meter(limits)
    with Engine(target, None, meter=meter, **rest) as engine, pytest.raises(EndedEarly, match=what):
        given.extend(engine.outcomes(jobs(60)))
    calls = meter.told["calls"]
    assert isinstance(calls, int)
    assert least <= len(given) == calls <= least + 9


@pytest.mark.parametrize("how", WAYS, ids=["here", "threads", "async"])
def test_a_limit_that_the_last_output_reaches_ends_nothing(how: dict[str, Any]) -> None:
    assert len(run(told, 12, meter=Meter(Limits(calls=12, tokens=119)), **how)) == 12


@pytest.mark.parametrize("how", WAYS, ids=["here", "threads", "async"])
@pytest.mark.parametrize("limits", [Limits(tokens=99), Limits(usd=99)], ids=["tokens", "usd"])
def test_what_is_not_told_is_not_nothing_though_all_were_in_flight(
    how: dict[str, Any], limits: Limits
) -> None:
    prices = None
    if limits.usd is not None:
        pytest.importorskip("genai_prices")
        prices = open_prices()
    held = {**how, "concurrency": 4} if how else how
    for _ in range(2):
        with pytest.raises(EvidenceError, match=r"limits has (tokens|usd), and an output tells n"):
            run(lambda key: {"output": key}, 4, meter=Meter(limits, prices=prices), **held)
    meter = Meter(limits, prices=prices)
    with Engine(Fake(lambda key: {"output": key}), None, concurrency=2, meter=meter) as engine:
        engine.start(jobs(1))
        with pytest.raises(EvidenceError, match="and an output tells n"):
            engine.wait("c0")


def test_what_failed_or_was_lost_need_not_tell_its_tokens() -> None:
    assert len(run(Flaky(99), 3, meter=Meter(Limits(tokens=9)))) == 3


def test_minutes_end_a_run_whose_calls_hang() -> None:
    held = threading.Event()
    began = time.monotonic()
    with (
        Engine(
            Fake(lambda _: held.wait(20)), None, concurrency=2, meter=Meter(Limits(minutes=0.005))
        ) as engine,
        pytest.raises(EndedEarly, match=r"the 0.005 minutes that limits allow are over"),
    ):
        list(engine.outcomes(jobs(9)))
    assert time.monotonic() - began < 5
    held.set()


def test_what_was_filed_before_counts_and_a_hopeless_run_ends() -> None:
    known = [Outcome(key=f"k{i}", trace=told("")) for i in range(9)]
    with pytest.raises(EndedEarly, match="10 calls were made"):
        run(told, 5, meter=Meter(Limits(calls=10), known=known))
    with pytest.raises(EndedEarly, match=r"the first 20 outputs were all lost \(Unavailable: down"):
        run(Flaky(99), 300, concurrency=4, meter=Meter(Limits()))
    with pytest.raises(EndedEarly, match=r"7 of 300 outputs were lost, more than 2% .* can only be VOID"):
        run(
            lambda key: key if int(key[1:]) % 3 else boom(),
            300,
            meter=Meter(Limits(), total=300, lost_limit=0.02),
        )
    assert len(run(Flaky(99), 19, meter=Meter(Limits()))) == 19
    before = [Outcome(key=f"k{i}", status=Status.LOST, trace={}) for i in range(30)]
    assert len(run(told, 5, meter=Meter(Limits(), total=35, lost_limit=0.02, known=before))) == 5


def boom() -> str:
    raise Unavailable("HTTP 503")


def test_started_jobs_hear_that_the_run_is_over() -> None:
    with Engine(Fake(told), None, concurrency=2, meter=Meter(Limits(calls=3))) as engine:
        engine.start(jobs(6))
        assert [engine.wait(f"c{i}").status for i in range(3)] == [Status.OK] * 3
        for i in (3, 5):
            with pytest.raises(EndedEarly, match="3 calls"):
                engine.wait(f"c{i}")


def test_dollars_come_from_the_price_list_where_the_target_does_not_tell() -> None:
    pytest.importorskip("genai_prices")
    usage = {"input_total": 1000, "output_total": 100, "cached": 500, "raw": {}}
    prices = open_prices("openai")
    trace = {"output": "", "usage": usage, "model": "gpt-4o"}
    assert prices.usd(trace) == pytest.approx(500 * 2.5e-6 + 500 * 1.25e-6 + 100 * 1e-5)
    assert prices.usd({"observed": {"model": "gpt-4o"}, "usage": usage}) == prices.usd(trace)
    assert prices.name.startswith("genai-prices ")
    assert len(prices.name.partition("sha256:")[2]) == 64
    with pytest.raises(EvidenceError, match="has no price for the model 'my-own'"):
        prices.usd({"model": "my-own", "usage": usage})
    for model in ({"model": "gpt-4o"}, {"model": "gpt-4o", "usage": {"raw": {}}}):
        with pytest.raises(EvidenceError, match="neither cost_usd nor usage"):
            prices.usd(model)
    meter = Meter(Limits(usd=1.0), prices=prices)
    assert meter.end(Outcome(key="a", trace=trace)) is None
    assert meter.end(Outcome(key="b", trace={"output": "", "cost_usd": 0.5})) is None
    assert meter.told == {"calls": 0, "tokens": 1100, "usd": 0.502875, "prices": prices.name}
    assert isinstance(prices, Prices)
