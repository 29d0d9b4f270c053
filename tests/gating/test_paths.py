"""The path of an output: which calls stand on it, where, and which of several recorded ones holds."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest
from tests.gating.shelves import MemoryShelf
from tests.gating.test_world import world_of

import stopship
from stopship.boundaries import at_desk
from stopship.errors import Missed
from stopship.gating.desk import OutputDesk
from stopship.gating.paths import kept_path, path_of, searches_of, step_of
from stopship.gating.world import World
from stopship.model.canonical import digest_of_set
from stopship.model.case import Json
from stopship.model.exchange import Answer, Asked, Call, CallKind, Effect, Fidelity, Record, Recording
from stopship.model.run import Outcome
from stopship.store.secrets import Secrets

Answering = Callable[[OutputDesk], object]


def at(world: World, answer: Answering, sample: int = 0) -> tuple[object, list[Any]]:
    """What a target gives, and the decisions that are told of it."""
    desk = world.desk("a", sample)
    with at_desk(desk, has_thread=True):
        try:
            given = answer(desk)
        finally:
            try:
                world.close(desk)
            finally:
                world.settle("a", sample)
    decisions: Any = world.told(Outcome(key="a", sample=sample, trace={})).trace.get("decisions", [])
    return given, decisions


def world(shelf: MemoryShelf, prompt: str = "p1", **given: Any) -> World:
    return world_of(shelf=shelf, **({"pins": {"prompt": prompt}} | given))


def recorded(
    answer: Answering, prompt: str = "p1", shelf: MemoryShelf | None = None, **given: Any
) -> MemoryShelf:
    shelf = shelf or MemoryShelf()
    at(world(shelf, prompt, record=Record.NEW, **given), answer)
    return shelf


def stepped(
    shelf: MemoryShelf, answer: Answering, prompt: str = "p1", **given: Any
) -> tuple[object, list[bool]]:
    """What the target gave, and which decisions were made again."""
    found, decisions = at(world(shelf, prompt, fidelity=Fidelity.STEP, **given), answer)
    return found, [one["recorded"] == one["decided"] for one in decisions]


FIRST, SECOND, THIRD = "a1", "b2", "c3"  # digests of prompts, each of a stack


def stack(prompt: str) -> str:
    return digest_of_set([bytes.fromhex(prompt)])


class Models:
    """Answers by a script, and counts."""

    def __init__(self, **given: Any) -> None:
        self.asked: list[str] = []

        @stopship.boundary(kind="model", effect="read", **given)
        def model(text: str) -> str:
            self.asked.append(text)
            return self.say(text)

        self.model: Callable[[str], str] = model

    def say(self, text: str) -> str:
        return f"{len(self.asked)} {text}"


def asking(models: Models, text: str = "x") -> Answering:
    return lambda _desk: models.model(text)


class Parallel:
    """A planner and a guard, of whom the planner thinks longer."""

    def __init__(self, prompt: str = "") -> None:
        self.prompt = prompt

        @stopship.boundary(kind="model", effect="read")
        async def model(role: str, prompt: str) -> str:
            await asyncio.sleep(0.02 if role == "planner" else 0)
            return f"{role} says {prompt or 'as ever'}"

        self.model = model

    def answer(self, _desk: OutputDesk) -> list[str]:
        async def both() -> list[str]:
            return [*await asyncio.gather(*(self.model(one, self.prompt) for one in ("planner", "guard")))]

        return asyncio.run(both())


def test_parallel_calls_are_held_against_their_own_decisions_and_served_their_own_answers() -> None:
    shelf = recorded(Parallel().answer)
    ever = ["planner says as ever", "guard says as ever"]
    assert stepped(shelf, Parallel().answer) == (ever, [True, True])
    assert stepped(shelf, Parallel("another").answer, "p2") == (ever, [False, False])


def test_a_call_takes_the_open_place_where_the_same_was_asked_before_any_other() -> None:
    models = Models()
    shelf = recorded(lambda _: [models.model("plan"), models.model("look"), models.model("book")])
    given, same = stepped(shelf, lambda _: [models.model("book"), models.model("new"), models.model("look")])
    assert (given, same) == (["3 book", "1 plan", "2 look"], [False, True, True])


def test_a_model_asked_within_another_call_is_no_decision() -> None:
    models = Models()

    @stopship.boundary(kind="retrieval", effect="read")
    def search(query: str) -> str:
        return models.model("embed " + query)

    def answer(_desk: OutputDesk) -> str:
        return search("mug") and models.model("answer")

    shelf = recorded(answer)
    path = kept_path(shelf, "a", 0, ())
    assert path is not None
    assert (len(path.models), len(path.searches or ())) == (1, 1)
    assert stepped(shelf, answer) == ("2 answer", [True])


def test_a_request_within_a_marked_function_is_neither_a_decision_nor_a_write() -> None:
    """The gateway cannot know whose request it is, so the desk knows who is at work."""
    post = Call(kind=CallKind.MODEL, name="POST up/rank", request=None, effect=Effect.WRITE)

    def ask(desk: OutputDesk, call: Call) -> Json:
        turn = desk.ask(call)
        return (turn.answer or desk.made(turn, Answer(result=call.name))).result

    @stopship.boundary(kind="tool", effect="read")
    def rank(item: str) -> Json:
        return item and ask(desk_of[0], post)

    @stopship.boundary(kind="tool", effect="read")
    def stock(item: str) -> str:
        return item

    desk_of: list[OutputDesk] = []

    def answer(desk: OutputDesk) -> list[Json]:
        desk_of[:] = [desk]
        return [rank("mug"), stock("mug"), ask(desk, replace(post, name="GET up/chat", effect=Effect.READ))]

    shelf = recorded(answer, allowed=frozenset({"POST up/rank"}))
    assert {one.asked.world for one in shelf.calls} == {0}
    told = ["POST up/rank", "mug", "GET up/chat"]
    assert stepped(shelf, answer) == (told, [True])
    assert at(world(shelf, fidelity=Fidelity.FROZEN), answer)[0] == told


def test_the_same_call_made_again_is_served_its_answers_in_order_and_made_where_they_are_used_up() -> None:
    models = Models()

    def answer(_desk: OutputDesk, times: int = 2) -> list[str]:
        return [models.model("again") for _ in range(times)]

    shelf = recorded(answer)
    assert stepped(shelf, answer) == (["1 again", "2 again"], [True, True])
    assert len(models.asked) == 2
    before = dict(shelf.kept)
    recorded(answer, shelf=shelf)
    assert shelf.kept == before  # nothing new was made, and no other path filed
    assert at(world(shelf), lambda desk: answer(desk, 3))[0] == ["1 again", "2 again", "3 again"]
    recorded(lambda desk: answer(desk, 3), shelf=shelf)
    assert [len(one.answers) for one in shelf.calls] == [3]
    assert stepped(shelf, answer) == (["1 again", "2 again"], [True, True])  # the path that was filed holds
    with pytest.raises(Missed, match="attempts used up"):
        at(world(shelf, record=Record.ONCE), lambda desk: answer(desk, 4))


def test_an_error_is_passed_over_when_the_answers_of_a_call_are_served_again() -> None:
    models = Models()

    def say(text: str) -> str:
        if len(models.asked) in (1, 3):
            raise ConnectionError(text)
        return str(len(models.asked))

    models.say = say  # type: ignore[method-assign]

    def answer(_desk: OutputDesk) -> list[str]:
        told = list[str]()
        while len(told) < 2:
            try:
                told.append(models.model("x"))
            except ConnectionError:
                continue
        return told

    shelf = recorded(answer)
    assert stepped(shelf, answer) == (["2", "4"], [True, True])
    assert len(models.asked) == 4


def test_the_path_of_the_accepted_stack_goes_before_that_of_any_other() -> None:
    ask = asking(Models(pins=("prompt",)))
    shelf = recorded(ask, FIRST)
    recorded(ask, SECOND, shelf)
    for stacks, held in (
        ((FIRST,), FIRST),
        ((SECOND,), SECOND),
        ((THIRD, FIRST), FIRST),  # what is accepted was never recorded: the latest before it that was
        ((THIRD, SECOND, FIRST), SECOND),
    ):
        for own in (FIRST, SECOND, THIRD):
            given, same = stepped(shelf, ask, own, accepted=tuple(map(stack, stacks)))
            assert (given, same) == (("1 x" if held == FIRST else "2 x"), [own == held])


def test_a_step_is_the_answer_of_its_own_draw_sample_and_code() -> None:
    shelf = MemoryShelf()
    for sample in (0, 1):
        models = Models()
        models.asked = ["before"] * sample
        at(world(shelf, record=Record.NEW), asking(models), sample)
    given = [at(world(shelf, fidelity=Fidelity.STEP), asking(Models()), number)[0] for number in (0, 1, 2)]
    assert given == ["1 x", "2 x", "1 x"]
    path = kept_path(shelf, "a", 1, ())
    assert path is not None
    step = path.models[0]
    assert step_of(shelf, path, replace(step, key="00")) is None
    found = step_of(shelf, path, replace(step, key=""))  # written without: by sample and draw
    assert found is not None
    assert found[1].result == "2 x"


def test_where_outputs_may_vary_no_decision_is_served_from_the_draw_that_made_the_path() -> None:
    models = Models()
    shelf = recorded(lambda _: models.model("x"))
    assert stepped(shelf, lambda _: models.model("x"), deterministic=False) == ("1 x", [False])
    assert len(models.asked) == 2
    assert at(world(shelf, deterministic=False), lambda _: models.model("x"))[0] == "1 x"  # not in a live one


def test_a_call_that_was_given_up_leaves_its_place_to_the_same_call_made_again() -> None:
    hung: list[str] = []

    @stopship.boundary(kind="model", effect="read")
    async def model(prompt: str, step: int) -> str:
        if prompt == "p2" and not hung:
            hung.append(prompt)
            await asyncio.sleep(60)
        return f"call tool{step}"

    def answering(prompt: str) -> Answering:
        async def asked(step: int) -> str:
            try:
                return await asyncio.wait_for(model(prompt, step), 0.05)
            except TimeoutError:
                return await model(prompt, step)

        async def answer() -> list[str]:
            return [await asked(step) for step in range(3)]

        return lambda _desk: asyncio.run(answer())

    shelf = recorded(answering("p1"))
    told = ["call tool0", "call tool1", "call tool2"]
    assert stepped(shelf, answering("p2"), "p2") == (told, [True] * 3)
    assert len(hung) == 1
    hung.clear()
    assert stepped(recorded(answering("p2")), answering("p2")) == (told, [True] * 3)


class CleanShelf(MemoryShelf):
    """Takes secrets out, as the store does."""

    def __init__(self, secret: str) -> None:
        super().__init__()
        self._secrets = Secrets({"SHOP_KEY": secret})

    def cleaned(self, asked: Asked) -> Asked:
        return self._secrets.asked(asked)

    def blanked(self, value: Json, /) -> Json:
        return self._secrets.value(value)

    def add(self, recording: Recording) -> None:
        super().add(self._secrets.recording(recording))


@pytest.mark.parametrize("pieces", [("sk-very-secret",), ("sk-very", "-secret")])
def test_a_secret_in_a_decision_is_told_nowhere_and_makes_it_no_other_one(pieces: tuple[str, ...]) -> None:
    @stopship.boundary(kind="model", effect="read", pins=("prompt",))
    def model(_text: str) -> Json:
        events = [
            'data: {"choices": [{"index": 0, "delta": {"content": "' + one + '"}}]}\n\n' for one in pieces
        ]
        return {"type": "text/event-stream", "events": [*events, "data: [DONE]\n\n"]}

    shelf = CleanShelf("sk-very-secret")
    recorded(lambda _: model("x"), shelf=shelf)
    _, decisions = at(world(shelf, "p2", fidelity=Fidelity.STEP), lambda _: model("x"))
    expected = {"calls": [], "words": "[secret SHOP_KEY]"}
    assert [(one["recorded"], one["decided"]) for one in decisions] == [(expected, expected)]


def test_an_output_without_a_path_is_lost_and_one_that_asks_no_model_has_a_path() -> None:
    with pytest.raises(Missed, match="no path of this case is recorded"):
        stepped(MemoryShelf(), lambda _: "hello")
    shelf = recorded(lambda _: "hello")
    assert stepped(shelf, lambda _: "hello") == ("hello", [])
    assert searches_of(shelf, "a", 0, ()) == []
    with pytest.raises(Missed, match="is decision 1, and the path of this case has 0 recorded"):
        stepped(shelf, lambda _: Models().model("x"))


def test_a_path_that_is_not_recorded_whole_any_more_loses_the_output_whatever_is_asked() -> None:
    models = Models()
    shelf = recorded(lambda _: models.model("x"))
    for one in shelf.calls:
        del shelf.kept[one.asked.key]
    with pytest.raises(Missed, match="decision 1 of the recorded path is not recorded any more"):
        stepped(shelf, lambda _: "nothing is asked")


def search(query: str, found: str, pins: Mapping[str, str], **given: Any) -> Recording:
    call = Call(
        kind=CallKind.RETRIEVAL, name="search", request={"query": query}, effect=Effect.READ, pins=("docs",)
    )
    return Recording(asked=Asked(call=call, case="a", pins=pins, **given), answers=(Answer(result=found),))


def path(*searches: Recording, pins: Mapping[str, str]) -> Recording:
    steps: Json = [[one.asked.ask, 0, one.asked.key] for one in searches]
    return Recording(
        asked=path_of("a", 0, 0, pins), answers=(Answer(result={"models": [], "searches": steps}),)
    )


def test_searches_are_those_of_the_accepted_stack_whoever_recorded_since() -> None:
    old, new = {"docs": FIRST}, {"docs": SECOND}
    first, second = search("mug", "old", old), search("mug", "new", new)
    shelf = MemoryShelf(first, second, path(first, pins=old), path(second, pins=new))
    assert [searches_of(shelf, "a", 0, (stack(one),))[0][1].result for one in (FIRST, SECOND)] == [
        "old",
        "new",
    ]


def test_that_no_search_is_made_is_another_thing_than_that_none_is_recorded() -> None:
    other = search("mug", "old", {"docs": "d1"})
    assert searches_of(MemoryShelf(path(pins={"docs": "d1"})), "a", 0, ()) == []
    for shelf in (MemoryShelf(), MemoryShelf(replace(path(pins={}), answers=(Answer(result=[]),)))):
        with pytest.raises(Missed, match="no search of the case 'a' is recorded, nor that it makes none"):
            searches_of(shelf, "a", 0, ())
    with pytest.raises(Missed, match="a search of the case 'a' is not recorded any more"):
        searches_of(MemoryShelf(path(other, pins={"docs": "d1"})), "a", 0, ())


@pytest.mark.parametrize("odd", ["x", [["ask"]], [["ask", -1]], [["ask", 0, 7]], {"models": []}, [1]])
def test_a_path_that_we_did_not_write_loses_the_output(odd: Json) -> None:
    shelf = MemoryShelf(Recording(asked=path_of("a", 0, 0, {}), answers=(Answer(result=odd),)))
    with pytest.raises(Missed, match="is not one that we wrote"):
        stepped(shelf, lambda _: "x")
