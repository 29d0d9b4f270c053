"""Every fault at several rates, for every target over a network: nothing is lost, and nothing is made up."""

import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from tests.endpoints.answers import anthropic_answer, openai_answer, plain_answer
from tests.endpoints.running import Endpoint
from tests.endpoints.suites import plan_of, write_suite

from stopship.gating.engine import Engine
from stopship.gating.evidence import candidate_faults
from stopship.gating.pacing import Pace
from stopship.gating.performing import replay
from stopship.gating.replay import Replay
from stopship.gating.spending import EndedEarly
from stopship.model.run import Outcome, Status

pytestmark = pytest.mark.slow

pytest.importorskip("aiohttp")
pytest.importorskip("jinja2")

COUNT = 60
KINDS = ["openai", "openai stream", "anthropic", "anthropic stream", "http"]
RATES = [0.0, 0.05, 0.3, 1.0]
LOST = ["429", "429-date", "500", "503", "half", "closed"]
ODD = [
    "invalid-json",
    "wrong-type",
    "redirect",
]  # no answer of a model; of the user's own service an own failure


def table(kind: str, endpoint: Endpoint) -> tuple[str, str]:
    name = kind.partition(" ")[0]
    urls = {"openai": f'base_url = "{endpoint.url}/v1"', "anthropic": f'base_url = "{endpoint.url}"'}
    text = urls.get(name, f'url = "{endpoint.url}/answer"')
    return name, text + ("\nstream = true" if kind.endswith("stream") else "")


def planned(folder: Path, kind: str, endpoint: Endpoint, how: str = "limits = { errors = 0.99 }") -> Replay:
    name, text = table(kind, endpoint)
    return plan_of(write_suite(folder, name, text, asked=COUNT, replay=f"concurrency = 16\n{how}"))


def asked(plan: Replay, retries: int) -> dict[str, Outcome]:
    """The outcomes of all cases, with waits that a test can wait for, and without a word on hopeless runs."""
    assert plan.target is not None
    pace = Pace(retries=retries, first_s=0.001)
    with Engine(plan.target, plan.answering.stack, concurrency=16, pace=pace) as engine:
        return {one.key: one for one in engine.outcomes(plan.jobs())}


def truth(kind: str, key: str, row: Any, sample: int = 0) -> str:
    """What the endpoint answers a case without faults."""
    if kind == "http":
        return str(plain_answer({"case": row, "sample": sample})["output"])
    user = {"role": "user", "content": row["asked"]}
    if kind.startswith("openai"):
        messages = [{"role": "system", "content": "be brief"}, user]
        found = openai_answer({"model": "m-1", "messages": messages})
        return str(found["choices"][0]["message"]["content"])
    found = anthropic_answer({"model": "m-1", "messages": [user], "system": "be brief"})
    return str(found["content"][0]["text"])


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("fault", [*LOST, *ODD])
@pytest.mark.parametrize("kind", KINDS)
def test_an_answer_is_the_true_one_or_counts_as_what_it_was(
    tmp_path: Path, endpoint: Endpoint, kind: str, fault: str, rate: float
) -> None:
    plan = planned(tmp_path, kind, endpoint)
    endpoint.plan(rates={fault: rate}, seed=7)
    found = asked(plan, retries=0)
    assert found.keys() == plan.opened.cases.keys()
    met = endpoint.counts["faults"].get(fault, 0)
    expected = Status.FAILED if kind == "http" and fault in (*ODD, "500") else Status.LOST
    counts = Counter(one.status for one in found.values())
    assert counts == Counter({Status.OK: COUNT - met, expected: met})
    assert endpoint.requests == COUNT
    assert (met == 0, met == COUNT) == (rate == 0.0, rate == 1.0)
    for key, one in found.items():
        if one.status is Status.OK:
            assert one.trace["output"] == truth(kind, key, plan.opened.cases[key])
        else:
            assert one.error
            assert not one.trace


@pytest.mark.parametrize("kind", KINDS)
def test_what_infrastructure_lost_is_asked_again_and_answered_as_it_would_have_been(
    tmp_path: Path, endpoint: Endpoint, kind: str
) -> None:
    plan = planned(tmp_path, kind, endpoint)
    rates = {"429": 0.1, "503": 0.1, "half": 0.1, "closed": 0.1}
    endpoint.plan(rates=rates, seed=3, first=3, retry_after="0")
    found = asked(plan, retries=4)
    assert {one.status for one in found.values()} == {Status.OK}
    for key, one in found.items():
        assert one.trace["output"] == truth(kind, key, plan.opened.cases[key])
    faults = sum(endpoint.counts["faults"].values())
    assert endpoint.requests == COUNT + faults
    assert faults > COUNT / 5


def test_a_500_of_a_service_is_asked_again_and_its_own_failure_where_it_stands(
    tmp_path: Path, endpoint: Endpoint
) -> None:
    plan = planned(tmp_path, "http", endpoint)
    endpoint.plan(rates={"500": 1.0})
    found = asked(plan, retries=2)
    assert {one.status for one in found.values()} == {Status.FAILED}
    assert all(one.error.startswith("Crashed: HTTP 500: ") for one in found.values())
    assert endpoint.requests == 3 * COUNT
    endpoint.plan(rates={"500": 1.0}, first=2)
    assert {one.status for one in asked(plan, retries=2).values()} == {Status.OK}


@pytest.mark.parametrize("kind", ["openai", "anthropic", "http"])
def test_what_the_target_fails_at_is_never_asked_again(tmp_path: Path, endpoint: Endpoint, kind: str) -> None:
    plan = planned(tmp_path, kind, endpoint)
    endpoint.plan(rates={"400": 0.3}, seed=5)
    found = asked(plan, retries=4)
    met = endpoint.counts["faults"]["400"]
    assert sum(one.status is Status.FAILED for one in found.values()) == met > 0
    assert endpoint.requests == COUNT


@pytest.mark.parametrize("kind", ["openai", "openai stream", "anthropic", "http"])
def test_an_endpoint_that_is_too_slow_is_the_targets_own_failure(
    tmp_path: Path, endpoint: Endpoint, kind: str
) -> None:
    plan = planned(tmp_path, kind, endpoint)
    endpoint.plan(rates={"slow": 0.1}, seed=2, slow_s=20.0)
    assert plan.target is not None
    with Engine(plan.target, plan.answering.stack, concurrency=16, timeout_s=2.0) as engine:
        found = list(engine.outcomes(plan.jobs()))
    late = [one for one in found if one.status is Status.FAILED]
    assert len(late) == endpoint.counts["faults"]["slow"] > 0
    assert {one.error for one in late} == {"TimeoutError: no answer within 2 s"}
    assert len(found) == COUNT


@pytest.mark.parametrize("kind", ["openai", "http"])
def test_a_suite_that_loses_more_than_it_allows_ends_early_and_goes_on_later(
    tmp_path: Path, endpoint: Endpoint, kind: str
) -> None:
    plan = planned(tmp_path, kind, endpoint, "retries = 0\nlimits = { errors = 0.1 }")
    endpoint.plan(rates={"503": 0.3}, seed=7)
    with pytest.raises(EndedEarly, match=r"outputs were lost, more than 10% \(.*HTTP 503.*VOID") as caught:
        replay(plan)
    assert caught.value.exit_code == 22
    assert endpoint.requests < COUNT
    before = endpoint.requests
    endpoint.plan()
    run = replay(plan, resume=True).run
    assert {one.status for one in run.outcomes} == {Status.OK}
    assert len(run.outcomes) == COUNT
    assert before - 7 - 16 <= COUNT - endpoint.requests < before  # what was answered was not asked again
    assert not candidate_faults(plan.opened, run)


def test_a_run_that_only_loses_ends_after_twenty(tmp_path: Path, endpoint: Endpoint) -> None:
    plan = planned(tmp_path, "openai", endpoint, "retries = 0\nlimits = { errors = 0.9 }")
    endpoint.plan(rates={"503": 1.0})
    with pytest.raises(EndedEarly, match=r"the first 20 outputs were all lost \(NoAnswer: HTTP 503"):
        replay(plan)
    assert endpoint.requests <= 20 + 16


def test_an_endpoint_that_refuses_the_key_ends_the_run_at_once(tmp_path: Path, endpoint: Endpoint) -> None:
    plan = planned(tmp_path, "openai", endpoint)
    for fault in ("401", "404"):
        endpoint.plan(rates={fault: 1.0})
        with pytest.raises(Exception, match=f"refuses to answer at all: HTTP {fault}"):
            replay(plan, resume=True)
        assert endpoint.requests <= 17


def test_retry_after_is_kept(tmp_path: Path, endpoint: Endpoint) -> None:
    for fault in ("429", "429-date"):
        plan = planned(tmp_path / fault, "http", endpoint)
        endpoint.plan(rates={fault: 1.0}, first=1, retry_after="2")
        began = time.monotonic()
        found = asked(plan, retries=1)
        assert {one.status for one in found.values()} == {Status.OK}
        assert time.monotonic() - began > (1.0 if fault.endswith("date") else 2.0)  # a date has whole seconds


def test_a_session_that_ended_early_is_gone_on_with(tmp_path: Path, endpoint: Endpoint) -> None:
    plan = planned(tmp_path, "http", endpoint, "retries = 0\nlimits = { errors = 0.05 }")
    endpoint.plan(rates={"503": 0.3}, seed=7)
    words = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path / "suite.toml")]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 22, done.stdout
    assert "the run ended early" in done.stdout
    lost = [one for one in plan.journal(lambda _: None).outcomes() if one.status is Status.LOST]
    assert lost  # items were told of them
    endpoint.plan()
    run = replay(plan, resume=True).run
    assert {one.status for one in run.outcomes} == {Status.OK}
    assert 0 < endpoint.requests < COUNT


def test_no_more_calls_are_made_than_limits_allow_however_often_it_is_gone_on_with(
    tmp_path: Path, endpoint: Endpoint
) -> None:
    plan = planned(tmp_path, "http", endpoint, "retries = 0\nlimits = { calls = 30, errors = 0.99 }")
    endpoint.plan(rates={"503": 0.6}, seed=7)
    for _ in range(3):
        with pytest.raises(EndedEarly, match="30 calls were made, all that limits allow"):
            replay(plan, resume=True)
    assert endpoint.requests == 30
    with pytest.raises(EndedEarly, match="30 calls were made"):
        replay(plan, fresh=True)
    assert endpoint.requests == 60
