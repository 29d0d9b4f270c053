"""What answers the calls of a target: served, made or refused."""

import asyncio
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.gating.shelves import MemoryShelf

import stopship
from stopship.boundaries import LooseCall, at_desk, watch
from stopship.errors import Missed, RecordedError, UsageError
from stopship.gating.world import World
from stopship.model.exchange import Asked, Call, CallKind, Effect, Fidelity, Record, Served
from stopship.model.run import Outcome

Json = Any


class Application:
    """Tools as an application would write them, which count how often they really ran."""

    def __init__(self) -> None:
        self.ran: list[tuple[str, object]] = []
        self.stock = 3

        @stopship.boundary(kind="tool", effect="read", pins=("orders",))
        def stock(item: str) -> dict[str, object]:
            self.ran.append(("stock", item))
            return {"item": item, "left": self.stock}

        @stopship.boundary(kind="tool", effect="write")
        def order(item: str, count: int = 1) -> str:
            self.ran.append(("order", item))
            self.stock -= count
            return f"ordered {count} {item}"

        @stopship.boundary(kind="retrieval", effect="read")
        async def search(query: str) -> list[str]:
            self.ran.append(("search", query))
            return [f"about {query}"]

        @stopship.boundary(kind="tool", effect="read", ignore=("client",))
        def flaky(client: object, n: int) -> str:
            self.ran.append(("flaky", n))
            if len(self.ran) < 2:
                raise ConnectionError("reset by peer")
            return f"{n} at last"

        self.stock_of, self.order, self.search, self.flaky = stock, order, search, flaky


def world_of(**given: Any) -> World:
    """A world of a stack that has the pins of the application."""
    made: dict[str, Any] = {"shelf": MemoryShelf(), "pins": {"orders": "v1"}}
    return World(**(made | given))


def at(world: World, answer: Callable[[], object], *, key: str = "a", sample: int = 0) -> object:
    """One output of a target: what it gives, with all that was asked filed."""
    desk = world.desk(key, sample)
    with at_desk(desk, has_thread=True):
        try:
            return answer()
        finally:
            try:
                world.close(desk)
            finally:
                world.settle(key, sample)


def calls(world: World) -> tuple[Served, ...]:
    """Where the calls of the first output of case `a` were answered from."""
    return world.told(Outcome(key="a", trace={})).calls


def recorded(app: Application, answer: Callable[[], object], **given: Any) -> MemoryShelf:
    shelf = MemoryShelf()
    at(world_of(shelf=shelf, record=Record.NEW, allowed=frozenset({"order"}), **given), answer)
    return shelf


def test_only_the_last_attempt_at_an_output_is_filed_and_nothing_of_one_that_was_lost() -> None:
    app, shelf = Application(), MemoryShelf()
    world = world_of(shelf=shelf, record=Record.NEW)

    def attempt(sample: int, *items: str) -> None:
        desk = world.desk("a", sample)
        with at_desk(desk, has_thread=False):
            for item in items:
                app.stock_of(item)
        world.close(desk)

    attempt(0, "mug", "plate")
    assert not shelf.kept
    attempt(0, "mug")
    world.settle("a", 0)
    assert [one.asked.call.request for one in shelf.calls] == [{"item": "mug"}]
    attempt(1, "lamp")
    world.settle("a", 1, is_lost=True)
    assert len(shelf.calls) == 1
    world.settle("a", 2)
    attempt(2, "bowl")  # it was given up, and ends now
    assert len(shelf.calls) == 2


def test_in_production_a_marked_function_is_the_function_itself() -> None:
    app = Application()
    assert app.stock_of("mug") == {"item": "mug", "left": 3}
    assert app.order("mug", count=2) == "ordered 2 mug"
    assert asyncio.run(app.search("mugs")) == ["about mugs"]
    assert len(app.ran) == 3


def test_a_frozen_replay_serves_what_was_recorded_and_runs_nothing() -> None:
    app = Application()

    def answer() -> list[object]:
        return [app.stock_of("mug"), app.order("mug"), app.stock_of("mug"), asyncio.run(app.search("mugs"))]

    shelf = recorded(app, answer)
    told, app.ran, app.stock = [*app.ran], [], 99
    assert len(told) == 4
    world = world_of(shelf=shelf, fidelity=Fidelity.FROZEN)
    assert at(world, answer) == [
        {"item": "mug", "left": 3},
        "ordered 1 mug",
        {"item": "mug", "left": 2},  # the same read after a write is another read
        ["about mugs"],
    ]
    assert app.ran == []
    assert [one.source for one in calls(world)] == ["recording"] * 4
    assert calls(world) == ()  # told once


@pytest.mark.parametrize(
    ("fidelity", "ran"),
    [
        (Fidelity.FROZEN_TOOLS, []),
        (Fidelity.FROZEN_RETRIEVAL, [("stock", "mug")]),
        (Fidelity.LIVE, [("stock", "mug"), ("search", "mugs")]),
    ],
    ids=lambda one: getattr(one, "value", ""),
)
def test_a_fidelity_executes_what_it_does_not_freeze(fidelity: Fidelity, ran: list[object]) -> None:
    app = Application()

    def answer() -> list[object]:
        return [app.stock_of("mug"), asyncio.run(app.search("mugs"))]

    shelf = recorded(app, answer, pins={"orders": "old"})
    app.ran = []
    at(world_of(shelf=shelf, fidelity=fidelity, pins={"orders": "new"}, epoch=1), answer)
    assert app.ran == ran


def test_an_unchanged_call_is_served_whatever_the_fidelity_and_a_change_of_its_pin_makes_it_anew() -> None:
    app = Application()
    shelf = recorded(app, lambda: app.stock_of("mug"), pins={"orders": "v1", "prompt": "p1"})
    app.ran = []
    same = world_of(shelf=shelf, pins={"orders": "v1", "prompt": "p2"})  # the prompt is no pin of this call
    assert at(same, lambda: app.stock_of("mug")) == {"item": "mug", "left": 3}
    assert app.ran == []
    for other in (
        world_of(shelf=shelf, pins={"orders": "v2", "prompt": "p1"}),
        world_of(shelf=shelf, pins={"orders": "v1"}, epoch=1),
    ):
        app.ran = []
        at(other, lambda: app.stock_of("mug"))
        assert app.ran == [("stock", "mug")]
    app.ran = []
    at(same, lambda: app.stock_of("mug"), sample=1)
    assert app.ran == [("stock", "mug")]


def test_a_write_is_never_executed_unless_it_is_allowed_by_name() -> None:
    app = Application()
    with pytest.raises(Missed, match="tool order: it writes, and nothing allows it"):
        at(world_of(shelf=MemoryShelf()), lambda: app.order("mug"))
    assert app.ran == []
    assert at(world_of(shelf=MemoryShelf(), allowed=frozenset({"order"})), lambda: app.order("mug"))
    assert app.ran == [("order", "mug")]


def test_a_miss_loses_the_output_though_the_target_swallows_it() -> None:
    app = Application()

    def answer() -> str:
        try:
            app.stock_of("plate")
        except Exception:  # noqa: BLE001  # what a careless target does
            return "all is well"
        return ""

    shelf = recorded(app, lambda: app.stock_of("mug"))
    world = world_of(shelf=shelf, fidelity=Fidelity.FROZEN)
    with pytest.raises(Missed, match="no equal request"):
        at(world, answer)
    assert [one.source for one in calls(world)] == ["miss"]


def test_a_recorded_error_and_the_success_after_it_are_served_in_order_and_no_oftener() -> None:
    app = Application()

    def answer() -> list[object]:
        found: list[object] = []
        for _ in range(3):
            try:
                found.append(app.flaky(object(), 7))
            except ConnectionError as err:
                found.append(str(err))
        return found

    shelf = recorded(app, answer)
    app.ran = []
    told = at(world_of(shelf=shelf, fidelity=Fidelity.FROZEN), answer)
    assert told == ["reset by peer", "7 at last", "7 at last"]
    assert app.ran == []


def test_an_error_is_evidence_and_is_never_served_to_a_later_draw_that_may_ask_anew() -> None:
    app = Application()

    def careful() -> str:
        try:
            return str(app.flaky(None, 1))
        except ConnectionError:
            return "lost"

    shelf = recorded(app, careful)
    assert at(world_of(shelf=shelf), careful) == "1 at last"
    assert len(app.ran) == 2


def test_errors_of_other_libraries_come_back_by_their_name_and_status() -> None:
    kind = type("RateLimitError", (Exception,), {})

    @stopship.boundary(kind="model", effect="read")
    def model(prompt: str) -> str:
        error = kind("slow down")
        error.status_code = 429
        raise error

    def answer() -> object:
        try:
            return model("hi")
        except Exception as err:  # noqa: BLE001  # the test looks at it
            return err

    shelf = recorded(Application(), answer)
    again = at(world_of(shelf=shelf, fidelity=Fidelity.FROZEN), answer)
    assert isinstance(again, RecordedError)
    assert (type(again).__name__, str(again), again.status_code) == ("RateLimitError", "slow down", 429)  # type: ignore[attr-defined]


def test_once_records_new_cases_and_holds_old_ones_to_what_they_have() -> None:
    app = Application()
    shelf = recorded(app, lambda: app.stock_of("mug"))
    once = world_of(shelf=shelf, record=Record.ONCE)
    with pytest.raises(Missed):
        at(once, lambda: app.stock_of("plate"))
    assert at(once, lambda: app.stock_of("plate"), key="b") == {"item": "plate", "left": 3}
    assert {one.asked.case for one in shelf.kept.values()} == {"a", "b"}


def test_all_makes_every_call_anew_and_the_new_answer_holds() -> None:
    app = Application()
    shelf = recorded(app, lambda: app.stock_of("mug"))
    app.stock = 1
    at(world_of(shelf=shelf, record=Record.ALL), lambda: app.stock_of("mug"))
    assert at(world_of(shelf=shelf, fidelity=Fidelity.FROZEN), lambda: app.stock_of("mug")) == {
        "item": "mug",
        "left": 1,
    }


@pytest.mark.parametrize("value", [object(), {1: "x"}, float("nan"), 2**60, {"x": {1, 2}}])
def test_an_argument_that_is_no_json_is_refused_with_what_to_do(value: object) -> None:
    @stopship.boundary(kind="tool", effect="read")
    def tool(what: object) -> None: ...

    with pytest.raises(UsageError, match="the boundary tool: what"):
        at(world_of(shelf=MemoryShelf()), lambda: tool(value))


def test_a_result_that_is_no_json_is_refused() -> None:
    @stopship.boundary(kind="tool", effect="read")
    def tool() -> object:
        return object()

    with pytest.raises(UsageError, match="the boundary tool: the result"):
        at(world_of(shelf=MemoryShelf()), tool)


def test_what_a_caller_does_to_an_answer_changes_no_recording() -> None:
    app = Application()
    shelf = recorded(app, lambda: app.stock_of("mug").clear())
    frozen = world_of(shelf=shelf, fidelity=Fidelity.FROZEN)
    at(frozen, lambda: app.stock_of("mug").clear())
    assert at(frozen, lambda: app.stock_of("mug")) == {"item": "mug", "left": 3}


def test_a_call_from_a_thread_that_belongs_to_no_output_is_refused_during_a_replay() -> None:
    app, said = Application(), []

    def stray() -> None:
        try:
            app.stock_of("mug")
        except LooseCall as err:
            said.append(str(err))

    end = watch(is_sealed=False)
    thread = threading.Thread(target=stray)
    thread.start()
    thread.join()
    end()
    assert app.ran == []
    assert "contextvars.copy_context().run" in said[0]


def test_clock_random_numbers_and_ids_are_those_of_case_and_sample() -> None:
    def draw() -> list[object]:
        return [stopship.now().isoformat(), stopship.rng().random(), str(stopship.uuid4())]

    world = world_of(shelf=MemoryShelf())
    first = at(world, draw)
    assert first == at(world, draw)
    others = [
        at(world, draw, key="b"),
        at(world, draw, sample=1),
        at(world_of(shelf=MemoryShelf(), epoch=1), draw),
    ]
    assert len({str(one[1:]) for one in [first, *others]}) == 4  # type: ignore[index]
    assert stopship.uuid4() != stopship.uuid4()


CALL = Call(
    kind=CallKind.TOOL, name="t", request={"a": [1, {"b": "x"}]}, effect=Effect.READ, pins=("orders",)
)
ASKED = Asked(call=CALL, case="a", pins={"orders": "d1", "prompt": "p1"})
CHANGED = {
    "kind": replace(ASKED, call=replace(CALL, kind=CallKind.MODEL)),
    "name": replace(ASKED, call=replace(CALL, name="u")),
    "request": replace(ASKED, call=replace(CALL, request={"a": [1, {"b": "y"}]})),
    "case": replace(ASKED, case="b"),
    "sample": replace(ASKED, sample=1),
    "epoch": replace(ASKED, epoch=1),
    "world": replace(ASKED, world=1),
    "pin": replace(ASKED, pins={"orders": "d2", "prompt": "p1"}),
    "pins": replace(ASKED, call=replace(CALL, pins=("orders", "prompt"))),
}


@pytest.mark.parametrize("what", CHANGED)
def test_whatever_can_change_an_answer_changes_the_key(what: str) -> None:
    assert CHANGED[what].key != ASKED.key


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=4),
    lambda one: st.lists(one, max_size=3) | st.dictionaries(st.text(max_size=3), one, max_size=3),
    max_leaves=8,
)


@given(JSON, JSON)
def test_two_requests_have_one_key_only_if_they_are_equal(one: Json, other: Json) -> None:
    keys = {replace(ASKED, call=replace(CALL, request=request)).key for request in (one, other)}
    same = stopship_equal(one, other)
    assert (len(keys) == 1) == same


def stopship_equal(one: Json, other: Json) -> bool:
    """Equal as JSON: True is not 1, and the order of keys plays no part."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(stopship_equal(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(stopship_equal, one, other))
    return type(one) is type(other) and one == other


def test_a_pin_that_a_call_does_not_name_leaves_its_key() -> None:
    assert replace(ASKED, pins={"orders": "d1", "prompt": "p2"}).key == ASKED.key


def test_a_call_that_names_a_pin_which_the_stack_lacks_ends_the_replay() -> None:
    app = Application()
    with pytest.raises(UsageError, match="names the pin 'orders', which the stack does not have"):
        at(world_of(pins={"model": "m"}), lambda: app.stock_of("mug"))
    assert app.ran == []
