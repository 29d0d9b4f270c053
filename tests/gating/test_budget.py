"""What one output may spend, and what becomes of one that spends more."""

import asyncio
import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.gating.making import make
from tests.gating.shelves import MemoryShelf

import stopship
from stopship.boundaries import at_desk
from stopship.errors import EvidenceError, OverBudget
from stopship.gating.budget import Account, Budget
from stopship.gating.endings import Job, ending
from stopship.gating.outside import Outside
from stopship.gating.world import World
from stopship.model.case import Case
from stopship.model.exchange import CODE, Answer, Asked, Call, CallKind, Effect, Fidelity, Record
from stopship.model.run import Outcome, Status
from stopship.model.verdict import Verdict
from stopship.parts.user_code import Raised


@stopship.boundary(kind="tool", effect="read")
def tool(number: int) -> int:
    return number


@stopship.boundary(kind="tool", effect="read")
async def waits(number: int) -> int:
    await asyncio.sleep(0.001 * (number % 3))
    return number


def at(world: World, answer: Callable[[], Any]) -> Outcome:
    """How an output of a target ends."""
    desk = world.desk("a", 0)
    found: Any
    with at_desk(desk, has_thread=True):
        try:
            found = answer()
        except Exception as err:  # noqa: BLE001  # as a target may
            found = Raised(err)
        try:
            world.close(desk)
        except Exception as err:  # noqa: BLE001  # ditto
            found = Raised(err)
    job = Job(key="a", case=Case(key="a", row={}, input=None))
    result = ending(job, found, 1.0, timeout_s=None, path=Path("app.py")).result
    assert isinstance(result, Outcome)
    world.settle("a", 0)
    return replace(world.told(result), took_ms=None)


def test_a_call_too_many_is_not_made_and_fails_the_output_whatever_it_makes_of_that() -> None:
    made = []

    @stopship.boundary(kind="tool", effect="read", name="runaway")
    def go(number: int) -> int:
        made.append(number)
        return number

    def swallows() -> str:
        for number in range(9):
            with suppress(Exception):
                go(number)
        return "done"

    found = at(World(shelf=MemoryShelf(), budget=Budget(calls=3)), swallows)
    assert (found.status, found.error) == (Status.FAILED, "over its budget: 4 calls of 3")
    assert made == [0, 1, 2]
    assert len(found.calls) == 3
    assert at(World(shelf=MemoryShelf(), budget=Budget(calls=9)), swallows).status is Status.OK


@given(st.lists(st.integers(0, 50), max_size=12), st.integers(1, 12))
def test_in_whatever_order_parallel_calls_end_their_number_decides(numbers: list[int], most: int) -> None:
    async def together() -> str:
        await asyncio.gather(*(waits(one) for one in numbers))
        return "done"

    found = at(World(shelf=MemoryShelf(), budget=Budget(calls=most)), lambda: asyncio.run(together()))
    assert (found.status is Status.FAILED) == (len(numbers) > most)


def test_what_an_output_asked_within_its_budget_is_recorded_and_fails_alike_when_it_is_served() -> None:
    shelf = MemoryShelf()

    def runaway() -> str:
        return str([tool(number) for number in range(5)])

    first = at(World(shelf=shelf, record=Record.NEW, budget=Budget(calls=2)), runaway)
    again = at(World(shelf=shelf, fidelity=Fidelity.FROZEN, budget=Budget(calls=2)), runaway)
    assert [one.asked.call.request for one in shelf.calls] == [{"number": 0}, {"number": 1}]
    assert (
        (first.status, first.error)
        == (again.status, again.error)
        == (
            Status.FAILED,
            "over its budget: 3 calls of 2",
        )
    )
    assert all(one.is_served for one in again.calls)


def test_a_call_that_no_recording_answers_still_loses_the_output() -> None:
    found = at(World(shelf=MemoryShelf(), fidelity=Fidelity.FROZEN, budget=Budget(calls=9)), lambda: tool(1))
    assert found.status is Status.LOST


def answer(given: int, made: int, **more: Any) -> Answer:
    usage = {"prompt_tokens": given, "completion_tokens": made}
    return Answer(result={"type": "application/json", "json": {"usage": usage, **more}}, status=200)


ASKED = Asked(
    call=Call(kind=CallKind.MODEL, name="POST openai/v1/chat", request={}, effect=Effect.READ), case="a"
)
MARKED = replace(ASKED, pins={CODE: "c"})
UNTOLD = Answer(result={"type": "application/json", "json": {}}, status=200)
DOWN = Answer(result={"type": "application/json", "json": {}}, status=503, error="HTTP 503")
CUT = replace(answer(10, 1), error="HalfStream: no end after 3 events")


def account(budget: Budget, *answers: Answer, asked: Asked = ASKED) -> Account:
    found = Account(budget)
    for one in answers:
        found.end(asked, one)
    return found


def ok(**trace: Any) -> Outcome:
    return Outcome(key="a", trace={"output": "x", **trace})


def test_tokens_are_the_larger_of_what_requests_and_target_tell() -> None:
    budget = Budget(tokens=100)
    used = {"input_total": 60, "output_total": 41}
    assert budget.held(ok(), account(budget, answer(50, 10), answer(30, 10))).status is Status.OK
    for found in (
        budget.held(ok(usage={"input_total": 1}), account(budget, answer(50, 10), answer(30, 11))),
        budget.held(ok(usage=used), account(budget, answer(50, 10))),
        budget.held(ok(usage=used), None),
    ):
        assert (found.status, found.error) == (Status.FAILED, "over its budget: more than 100 tokens")
        assert not found.trace
    with pytest.raises(OverBudget, match="over its budget: more than 100 tokens"):
        account(budget, answer(50, 51)).begin()


@pytest.mark.parametrize(
    ("asked", "answers"),
    [
        (ASKED, ()),
        (ASKED, (UNTOLD,)),
        (ASKED, (answer(1, 1), UNTOLD)),
        (ASKED, (CUT,)),
        (ASKED, (DOWN,)),
        (MARKED, (answer(1, 1),)),
    ],
    ids=["nothing asked", "untold", "one untold", "broken off", "down", "marked"],
)
def test_what_is_not_told_is_never_free(asked: Asked, answers: Sequence[Answer]) -> None:
    budget = Budget(tokens=100)
    with pytest.raises(EvidenceError, match=r"(?s)case 'a': limits has case_tokens, .* tells no usage"):
        budget.held(ok(), account(budget, *answers, asked=asked))
    told = ok(usage={"input_total": 5})
    assert budget.held(told, account(budget, *answers, asked=asked)) == told


def test_a_request_that_was_not_answered_takes_nothing() -> None:
    budget = Budget(tokens=100)
    assert budget.held(ok(), account(budget, DOWN, answer(50, 50))).status is Status.OK


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), min_size=1, max_size=6), st.data())
def test_more_tokens_never_help(parts: list[tuple[int, int]], data: st.DataObject) -> None:
    budget = Budget(tokens=120)
    place = data.draw(st.integers(0, len(parts) - 1))
    worse = [(one + data.draw(st.integers(0, 60)), two) if at == place else (one, two)
             for at, (one, two) in enumerate(parts)]  # fmt: skip
    before = budget.held(ok(), account(budget, *(answer(*one) for one in parts)))
    after = budget.held(ok(), account(budget, *(answer(*one) for one in worse)))
    assert not (before.status is Status.FAILED and after.status is Status.OK)


def test_dollars_are_priced_by_the_list_or_told_and_never_taken_for_free() -> None:
    pytest.importorskip("genai_prices")
    budget = Budget(usd=0.01)
    cheap = answer(1000, 100, model="gpt-4o-2024-08-06")
    dear = answer(1000, 1000, model="gpt-4o-2024-08-06")
    odd = answer(1, 1, model="my-own")
    for order in permutations([cheap, cheap, dear]):
        found = budget.held(ok(cost_usd=0.0), account(budget, *order))
        assert (found.status, found.error) == (Status.FAILED, "over its budget: more than $0.01")
    assert budget.held(ok(), account(budget, cheap)).status is Status.OK
    assert budget.held(ok(cost_usd=0.02), None).status is Status.FAILED
    usage = {"input_total": 9000, "output_total": 0}
    assert budget.held(ok(usage=usage, model="gpt-4o"), None).status is Status.FAILED
    with pytest.raises(EvidenceError, match=r"limits has case_usd, .* no price for the model 'my-own'"):
        budget.held(ok(), account(budget, cheap, odd))
    with pytest.raises(EvidenceError, match="limits has case_usd, and an output tells neither"):
        budget.held(ok(), None)
    assert budget.held(ok(cost_usd=0.001), account(budget, cheap, odd)).status is Status.OK


def test_budgets_decide_a_plan_and_none_leave_it_as_it_is() -> None:
    assert Outside().told == []
    told = [Outside(budget=Budget(calls=number)).told for number in (1, 2)]
    told += [Outside(budget=Budget(tokens=number)).told for number in (1, 2)]
    assert len({json.dumps(one) for one in told}) == 4
    frozen = Outside(fidelity=Fidelity.FROZEN, budget=Budget(calls=1))
    assert frozen.told == [*replace(frozen, budget=Budget()).told, *Outside(budget=Budget(calls=1)).told]
    searches = Outside(fidelity=Fidelity.RETRIEVAL_ONLY, budget=Budget(calls=1))
    assert searches.told == replace(searches, budget=Budget()).told


def test_the_price_list_decides_a_plan_under_dollars() -> None:
    pytest.importorskip("genai_prices")
    told = json.dumps(Outside(budget=Budget(usd=1.0)).told)
    assert "genai-prices" in told
    assert "sha256:" in told


@pytest.mark.slow
def test_the_price_list_stands_beside_a_run_and_a_runaway_counts_against_its_build(tmp_path: Path) -> None:
    pytest.importorskip("genai_prices")
    suite = make(tmp_path, extra={"cost_usd": 0.1}, replay="limits = { case_usd = 0.2 }")
    dear = suite.stack("dear", extra={"cost_usd": 0.3})
    assert suite.gate().verdict is not Verdict.STOP
    assert suite.gate(dear.stem).verdict is Verdict.STOP
    runs = [json.loads(one.read_text()) for one in (tmp_path / "store").rglob("run.json")]
    said = {json.dumps(one["beside"]["provenance"]["spent"]) for one in runs}
    assert said
    assert all("sha256:" in one for one in said)


def test_a_suite_under_other_limits_of_a_case_is_asked_anew(tmp_path: Path) -> None:
    extra = {"usage": {"input_total": 60, "output_total": 41}}
    suite = make(tmp_path, extra=extra, replay="limits = { case_tokens = 101 }", is_accepted=False)
    assert not any(one.status is Status.FAILED for one in suite.replay().outcomes)
    suite.edit("suite.toml", "case_tokens = 101", "case_tokens = 100")
    tight = suite.replay()
    assert {one.error for one in tight.outcomes} == {"over its budget: more than 100 tokens"}
