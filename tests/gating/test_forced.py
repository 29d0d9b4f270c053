"""Step replays: each recorded decision is asked for anew, and the recorded one is gone on with."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from tests.gating.shelves import MemoryShelf
from tests.gating.test_world import at, world_of

import stopship
from stopship.catalog import scorer
from stopship.errors import Missed
from stopship.gating.world import World
from stopship.model.case import Case, Json, Trace
from stopship.model.decisions import decision_of, is_same
from stopship.model.exchange import PATH, Fidelity, Record
from stopship.model.run import Outcome, Status
from stopship.model.score import Scored, Unscored


class Agent:
    """Asks a model which tool to call until it answers in words."""

    def __init__(self, *plan: str) -> None:
        self.plan, self.asked, self.ran = plan, [], []  # type: ignore[var-annotated]
        self.fails = 0

        @stopship.boundary(kind="model", effect="read", pins=("prompt",))
        def model(seen: list[str], prompt: str) -> str:
            self.asked.append((prompt, *seen))
            if self.fails:
                self.fails -= 1
                raise ConnectionError("reset")
            return self.plan[min(len(seen), len(self.plan) - 1)]

        @stopship.boundary(kind="tool", effect="read")
        def tool(name: str) -> str:
            self.ran.append(name)
            return f"{name} done"

        self.model, self.tool = model, tool

    def answer(self, prompt: str = "p1") -> str:
        seen: list[str] = []
        while True:
            for _ in range(2):
                try:
                    told = self.model(seen, prompt)
                    break
                except ConnectionError:
                    continue
            if not told.startswith("call "):
                return told
            seen.append(self.tool(told[5:]))


def world(shelf: MemoryShelf, prompt: str = "p1", **given: Any) -> World:
    return world_of(shelf=shelf, pins={"prompt": prompt}, **given)


def recorded(agent: Agent) -> MemoryShelf:
    shelf = MemoryShelf()
    at(world(shelf, record=Record.NEW), agent.answer)
    return shelf


def stepped(shelf: MemoryShelf, answer: Callable[[], object], prompt: str = "p2") -> tuple[object, list[Any]]:
    """What the target gave, and its decisions."""
    step = world(shelf, prompt, fidelity=Fidelity.STEP)
    given = at(step, answer)
    told = step.told(Outcome(key="a", status=Status.OK, trace={"output": str(given)}))
    decisions: Any = told.trace["decisions"]
    return given, decisions


def same(decisions: list[Any]) -> list[bool]:
    return [is_same(one["recorded"], one["decided"], words=True) for one in decisions]


def test_every_decision_is_made_anew_on_the_recorded_path_and_no_tool_runs() -> None:
    shelf = recorded(Agent("call find", "call book", "booked"))
    other = Agent("call find", "refused", "nothing")
    given, decisions = stepped(shelf, lambda: other.answer("p2"))
    assert given == "booked"  # what was recorded: a change of the second decision does not spoil the third
    assert same(decisions) == [True, False, False]
    assert [one["step"] for one in decisions] == [1, 2, 3]
    assert other.asked == [("p2",), ("p2", "find done"), ("p2", "find done", "book done")]
    assert other.ran == []


def test_an_unchanged_stack_makes_every_decision_again_from_the_store() -> None:
    agent = Agent("call find", "found")
    shelf = recorded(agent)
    agent.asked.clear()
    given, decisions = stepped(shelf, agent.answer, "p1")
    assert (given, same(decisions), agent.asked) == ("found", [True, True], [])


def test_a_path_without_recording_or_with_a_decision_too_few_loses_the_output() -> None:
    with pytest.raises(Missed, match="no path of this case is recorded"):
        stepped(MemoryShelf(), Agent("found").answer)
    shelf = recorded(Agent("call find", "found"))

    def talkative() -> object:
        agent = Agent("call find", "found")
        return agent.answer(), agent.model(["more"], "p2")

    with pytest.raises(Missed, match="is decision 3, and the path of this case has 2 recorded"):
        stepped(shelf, talkative)
    for key in [one for one, kept in shelf.kept.items() if kept.asked.call.name == "model"]:
        del shelf.kept[key]
    with pytest.raises(Missed, match="decision 1 of the recorded path is not recorded any more"):
        stepped(shelf, Agent("call find", "found").answer)


def test_an_error_of_the_model_is_no_decision_and_the_retry_stands_in_its_place() -> None:
    shelf = recorded(Agent("call find", "found"))
    flaky = Agent("call find", "found")
    flaky.fails = 1
    given, decisions = stepped(shelf, lambda: flaky.answer("p2"))
    assert (given, same(decisions)) == ("found", [True, True])
    recorded_flaky = Agent("call find", "found")
    recorded_flaky.fails = 1
    assert (
        same(stepped(recorded(recorded_flaky), lambda: Agent("call find", "found").answer("p2"))[1])
        == [True] * 2
    )


def test_a_decision_that_is_not_asked_for_any_more_is_another_one() -> None:
    shelf = recorded(Agent("call find", "found"))
    agent = Agent("call find", "found")
    assert same(stepped(shelf, lambda: agent.model([], "p2"))[1]) == [True, False]
    assert same(stepped(shelf, lambda: "found")[1]) == [False, False]


def test_both_arms_are_kept_on_one_path_whichever_stacks_were_recorded() -> None:
    shelf = recorded(Agent("call find", "found"))
    at(world(shelf, "p2", record=Record.NEW), lambda: Agent("call book", "booked").answer("p2"))
    paths = [one for one in shelf.kept.values() if one.asked.call.name == PATH]
    assert len(paths) == 2
    arms = [
        stepped(shelf, lambda: Agent("call find", "found").answer("p1"), "p1"),
        stepped(shelf, lambda: Agent("call book", "booked").answer("p2"), "p2"),
        stepped(shelf, lambda: Agent("call find", "found").answer("p3"), "p3"),
    ]
    assert len({str([one["recorded"] for one in decisions]) for _, decisions in arms}) == 1
    assert sorted(same(decisions) for _, decisions in arms[:2]) == [[False, False], [True, True]]


def body(kind: str, **told: Json) -> Json:
    return {"type": kind, **told}


def chat(words: str | None, *calls: tuple[str, str]) -> Json:
    used: Json = [{"id": f"c{i}", "function": {"name": a, "arguments": b}} for i, (a, b) in enumerate(calls)]
    return body("application/json", json={"choices": [{"message": {"content": words, "tool_calls": used}}]})


def stream(*events: Json) -> Json:
    told: Json = [f"data: {json.dumps(one)}\n\n" for one in events] + ["data: [DONE]\n\n"]
    return body("text/event-stream", events=told)


def piece(told: Json) -> Json:
    return {"choices": [{"index": 0, "delta": {"tool_calls": [{"index": 0, "function": told}]}}]}


USED: Json = {"type": "tool_use", "name": "book"}
BOOK: Json = {"calls": [["book", {"seat": 1}]], "words": "Well"}


@pytest.mark.parametrize(
    "answer",
    [
        chat("Well", ("book", '{ "seat": 1 }')),
        body(
            "application/json",
            json={
                "type": "message",
                "content": [
                    {"type": "text", "text": "Well"},
                    {"type": "tool_use", "id": "t", "name": "book", "input": {"seat": 1}},
                ],
            },
        ),
        body(
            "application/json",
            json={
                "object": "response",
                "output": [
                    {"type": "message", "content": [{"type": "output_text", "text": "Well"}]},
                    {"type": "function_call", "name": "book", "arguments": '{"seat":1}'},
                ],
            },
        ),
        stream(
            {"choices": [{"index": 0, "delta": {"content": "We"}}]},
            {"choices": [{"index": 0, "delta": {"content": "ll"}}]},
            {
                "choices": [
                    {"index": 0, "delta": {"tool_calls": [{"index": 0, "function": {"name": "book"}}]}}
                ]
            },
            {
                "choices": [
                    {"index": 0, "delta": {"tool_calls": [{"index": 0, "function": {"arguments": '{"se'}}]}}
                ]
            },
            {
                "choices": [
                    {"index": 0, "delta": {"tool_calls": [{"index": 0, "function": {"arguments": 'at":1}'}}]}}
                ]
            },
        ),
        stream(
            {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
            {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Well"}},
            {
                "type": "content_block_start",
                "index": 1,
                "content_block": {"type": "tool_use", "name": "book"},
            },
            {
                "type": "content_block_delta",
                "index": 1,
                "delta": {"type": "input_json_delta", "partial_json": '{"seat":'},
            },
            {"type": "content_block_delta", "index": 1, "delta": {"partial_json": "1}"}},
        ),
    ],
    ids=["chat", "messages", "responses", "chat-stream", "messages-stream"],
)
def test_a_decision_is_read_from_each_form_of_answer(answer: Json) -> None:
    assert decision_of(answer) == BOOK


def test_decisions_are_the_same_by_tools_and_arguments_and_where_none_is_called_by_words() -> None:
    words, others = decision_of(chat("Yes")), decision_of(chat("Yes!"))
    used, other = decision_of(chat("a", ("t", "{}"))), decision_of(chat("b", ("t", "{}")))
    assert is_same(used, other, words=True)
    assert not is_same(words, others, words=True)
    assert is_same(words, others, words=False)
    assert not is_same(words, used, words=False)
    assert not is_same(used, decision_of(chat("a", ("t", '{"x":1}'))), words=False)
    assert not is_same(decision_of("yes"), decision_of("no"), words=False)
    assert decision_of(body("text/event-stream", events=["nonsense", 7])) == {
        "value": body("text/event-stream", events=["nonsense", 7])
    }


def test_the_score_is_the_share_of_decisions_that_are_made_again() -> None:
    case = Case("a", {}, None, None)
    yes, no = {"value": "yes"}, {"value": "no"}
    told: Json = [{"recorded": yes, "decided": one} for one in (yes, no, yes, no)]
    found = scorer("decisions").score(case, Trace("x", record={"decisions": told}))
    assert found == Scored(0.5, "", "decision 2 of 4 is another one")
    nothing: list[dict[str, Json]] = [{}, {"decisions": []}]
    for empty in nothing:
        assert isinstance(scorer("decisions").score(case, Trace("x", record=empty)), Unscored)
    for odd in ("yes", [1], [{"recorded": yes}]):
        assert "decision" in str(scorer("decisions").score(case, Trace("x", record={"decisions": odd})))
