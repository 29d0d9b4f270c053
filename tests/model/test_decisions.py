"""What a model decided, whatever form its answer has: another tool is another decision."""

import json
from typing import Any

import pytest

from stopship.model.case import Json
from stopship.model.decisions import decision_of, is_same

Telling = dict[str, Any]


def kept(answer: Telling) -> Json:
    return {"type": "application/json", "json": answer}


def stream(*events: Telling) -> Json:
    told: Json = [f"data: {json.dumps(one)}\n\n" for one in events]
    return {"type": "text/event-stream", "events": told}


def chat(**message: Any) -> Telling:
    return {"id": "chatcmpl-1", "created": 1, "choices": [{"message": {"role": "assistant", **message}}]}


def delta(**told: Any) -> Telling:
    return {"choices": [{"index": 0, "delta": told}]}


def block(**told: Any) -> Telling:
    return {"type": "message", "content": [told]}


def item(**told: Any) -> Telling:
    return {"object": "response", "output": [told]}


def blocks(index: int, start: Telling, *pieces: Telling) -> list[Telling]:
    return [
        {"type": "content_block_start", "index": index, "content_block": start},
        *({"type": "content_block_delta", "index": index, "delta": one} for one in pieces),
        {"type": "content_block_stop", "index": index},
    ]


CALLS: dict[str, Any] = {  # the same call of a tool, in each form
    "tool_calls": lambda name, given: kept(
        chat(tool_calls=[{"type": "function", "function": {"name": name, "arguments": json.dumps(given)}}])
    ),
    "function_call": lambda name, given: kept(
        chat(content=None, function_call={"name": name, "arguments": json.dumps(given)})
    ),
    "custom": lambda name, given: kept(
        chat(tool_calls=[{"type": "custom", "custom": {"name": name, "input": json.dumps(given)}}])
    ),
    "message alone": lambda name, given: chat(tool_calls=[{"function": {"name": name, "arguments": given}}])[
        "choices"
    ][0]["message"],
    "tool_use": lambda name, given: kept(block(type="tool_use", name=name, input=given)),
    "server_tool_use": lambda name, given: block(type="server_tool_use", name=name, input=given),
    "mcp_tool_use": lambda name, given: block(type="mcp_tool_use", server_name="s", name=name, input=given),
    "mcp_call": lambda name, given: kept(item(type="mcp_call", name=name, arguments=json.dumps(given))),
    "mcp_approval_request": lambda name, given: kept(
        item(type="mcp_approval_request", name=name, arguments=json.dumps(given))
    ),
    "custom_tool_call": lambda name, given: item(type="custom_tool_call", name=name, input=str(given)),
    "computer_call": lambda name, given: item(type="computer_call", action={name: given}),
    "web_search_call": lambda name, given: item(type="web_search_call", action={name: given}),
    "code_interpreter_call": lambda name, given: item(type="code_interpreter_call", code=f"{name} {given}"),
    "an unknown item": lambda name, given: item(type="new_call", name=name, arguments=given),
    "an unknown block": lambda name, given: block(type="new_use", name=name, input=given),
    "an unknown call": lambda name, given: kept(
        chat(tool_calls=[{"type": "new", "new": {"name": name, "with": given}}])
    ),
    "an unknown field": lambda name, given: kept(chat(content="", new_calls=[{"name": name, "with": given}])),
    "gemini": lambda name, given: kept(
        {"candidates": [{"content": {"parts": [{"functionCall": {"name": name, "args": given}}]}}]}
    ),
    "chat stream": lambda name, given: stream(
        delta(role="assistant", tool_calls=[{"index": 0, "function": {"name": name, "arguments": ""}}]),
        delta(tool_calls=[{"index": 0, "function": {"arguments": json.dumps(given)}}]),
    ),
    "chat stream without index": lambda name, given: stream(
        delta(tool_calls=[{"id": "c1", "function": {"name": name}}]),
        delta(tool_calls=[{"function": {"arguments": json.dumps(given)}}]),
    ),
    "chat stream of custom": lambda name, given: stream(
        delta(tool_calls=[{"index": 0, "type": "custom", "custom": {"name": name, "input": ""}}]),
        delta(tool_calls=[{"index": 0, "custom": {"input": json.dumps(given)}}]),
    ),
    "chat stream of function_call": lambda name, given: stream(
        delta(function_call={"name": name}), delta(function_call={"arguments": json.dumps(given)})
    ),
    "chat stream of unknown": lambda name, given: stream(delta(new={"name": name, "with": given})),
    "message stream": lambda name, given: stream(
        *blocks(
            0,
            {"type": "server_tool_use", "name": name, "input": {}},
            {"type": "input_json_delta", "partial_json": json.dumps(given)},
        )
    ),
    "message stream of unknown": lambda name, given: stream(
        *blocks(0, {"type": "tool_use", "name": "t"}, {"type": "new_delta", name: given})
    ),
    "response stream": lambda name, given: stream(
        {"type": "response.created"},
        {"type": "response.completed", "response": item(type="mcp_call", name=name, arguments=given)},
    ),
    "response stream cut": lambda name, given: stream(
        {"type": "response.output_item.done", "item": {"type": "mcp_call", "name": name, "arguments": given}}
    ),
    "another stream": lambda name, given: stream({"name": name, "given": given}),
}


@pytest.mark.parametrize("words", [True, False])
@pytest.mark.parametrize("form", CALLS)
def test_another_tool_or_argument_is_another_decision_in_whatever_form(form: str, words: bool) -> None:
    call = CALLS[form]
    before = decision_of(call("find", {"n": 1}))
    assert is_same(before, decision_of(call("find", {"n": 1})), words=words)
    assert not is_same(before, decision_of(call("delete", {"n": 1})), words=words)
    assert not is_same(before, decision_of(call("find", {"n": 2})), words=words)


@pytest.mark.parametrize(("old", "new"), [("1", "true"), ("0", "false"), ("[1]", "[true]")])
def test_true_is_not_1_and_1_is_1_as_it_may_be_written(old: str, new: str) -> None:
    def of(argument: str) -> dict[str, Json]:
        given = f'{{"n": {argument}}}'
        return decision_of(kept(chat(tool_calls=[{"function": {"name": "t", "arguments": given}}])))

    assert not is_same(of(old), of(new), words=True)
    assert not is_same(decision_of(json.loads(old)), decision_of(json.loads(new)), words=True)
    assert is_same(of("1"), of("1.0"), words=True)


@pytest.mark.parametrize("number", ["NaN", "1e999", str(2**60)])
def test_arguments_that_no_record_can_hold_stay_the_text_they_are(number: str) -> None:
    given = f'{{"n": {number}}}'
    told = decision_of(kept(chat(tool_calls=[{"function": {"name": "t", "arguments": given}}])))
    assert told["calls"] == [["t", given]]


@pytest.mark.parametrize(
    ("said", "refused"),
    [
        (chat(content="no"), chat(content=None, refusal="no")),
        (stream(delta(content="no")), stream(delta(refusal="n"), delta(refusal="o"))),
        (
            item(type="message", content=[{"type": "output_text", "text": "no"}]),
            item(type="message", content=[{"type": "refusal", "refusal": "no"}]),
        ),
        (block(type="text", text="no"), block(type="text", text="no") | {"stop_reason": "refusal"}),
    ],
)
def test_a_refusal_is_another_decision_than_words(said: Json, refused: Json) -> None:
    one, other = decision_of(said), decision_of(refused)
    assert one == {"calls": [], "words": "no"}
    assert not is_same(one, other, words=True)
    assert not is_same(one, other, words=False)
    assert is_same(other, other, words=True)


def test_two_refusals_are_compared_by_what_they_say() -> None:
    one, other = decision_of(chat(refusal="I must not.")), decision_of(chat(refusal="I cannot."))
    assert not is_same(one, other, words=True)
    assert is_same(one, other, words=False)


def test_words_beside_a_tool_that_the_provider_ran_are_the_answer() -> None:
    def of(kind: str, words: str) -> dict[str, Json]:
        used = {"type": kind, "name": "search", "input": {"q": "x"}}
        return decision_of(
            block(type="text", text=words) | {"content": [used, {"type": "text", "text": words}]}
        )

    assert not is_same(of("server_tool_use", "granted"), of("server_tool_use", "denied"), words=True)
    assert is_same(of("server_tool_use", "granted"), of("server_tool_use", "denied"), words=False)
    assert is_same(of("tool_use", "Let me see."), of("tool_use", "One moment."), words=True)


def test_further_choices_are_part_of_the_decision() -> None:
    def of(*words: str) -> dict[str, Json]:
        return decision_of(
            {"choices": [{"index": i, "message": {"content": one}} for i, one in enumerate(words)]}
        )

    def streamed(*words: str) -> dict[str, Json]:
        told: list[Telling] = [
            {"choices": [{"index": i, "delta": {"content": one}}]} for i, one in enumerate(words)
        ]
        return decision_of(stream(*reversed(told)))

    assert of("a", "b") == streamed("a", "b")
    assert not is_same(of("a", "b"), of("a", "c"), words=True)
    assert not is_same(of("a", "b"), of("a"), words=False)
    assert is_same(of("a", "b"), of("a", "b"), words=True)


def test_thoughts_and_what_the_provider_found_decide_nothing() -> None:
    plain = decision_of(block(type="text", text="yes"))
    thinking, found = (
        {"type": "thinking", "thinking": "hm"},
        {"type": "web_search_tool_result", "content": []},
    )
    told = {"type": "message", "content": [thinking, found, {"type": "text", "text": "yes"}]}
    assert decision_of(told) == plain
    assert decision_of(chat(content="yes", reasoning_content="hm")) == plain
    pieces = blocks(0, {"type": "thinking"}, {"type": "thinking_delta", "thinking": "hm"})
    said = blocks(1, {"type": "text", "text": ""}, {"type": "text_delta", "text": "yes"})
    start: Telling = {"type": "message_start", "message": {"id": "m"}}
    assert decision_of(stream(start, *pieces, {"type": "ping"}, *said, {"type": "message_stop"})) == plain


def test_two_calls_of_one_index_are_two() -> None:
    told = [{"index": 0, "id": f"c{n}", "function": {"name": f"t{n}", "arguments": "{}"}} for n in (1, 2)]
    found = decision_of(stream(*(delta(tool_calls=[one]) for one in told)))
    assert found["calls"] == [["t1", {}], ["t2", {}]]


@pytest.mark.parametrize(
    "answer",
    [
        lambda n: kept({"responseId": n, "candidates": [{"content": {"parts": [{"text": "yes"}]}}]}),
        lambda n: {"responseId": n, "candidates": [{"content": {"parts": [{"text": "yes"}]}}]},
        lambda n: kept({"id": n, "created": n, "system_fingerprint": n, "choices": [{"said": "yes"}]}),
        lambda n: {"id": n, **chat(content="", reasoning_content=n)},
        lambda n: kept({"id": n, "type": "message", "content": [{"type": "thinking", "thinking": n}]}),
        lambda n: stream({"id": n, **delta(content="")}),
        lambda n: kept({"id": n, "answer": "yes", "usage": {"tokens": n}}),
        lambda n: kept(chat(tool_calls=[{"id": n, "type": "new", "new": {"a": 1}}])),
        lambda n: {"id": n, **block(type="new_use", id=n, name="t")},
        lambda n: {"id": n, **item(type="new_call", id=n, call_id=n, name="t")},
        lambda n: stream({"responseId": n, "candidates": []}),
        lambda n: stream({"type": "message_start", "message": {"id": n}}, {"type": "new_event"}),
    ],
)
def test_an_answer_of_no_known_form_is_compared_without_its_ids(answer: Any) -> None:
    assert "value" in decision_of(answer("1"))
    assert is_same(decision_of(answer("1")), decision_of(answer("2")), words=True)


@pytest.mark.parametrize(
    "answer",
    [
        lambda n: {"id": n},
        lambda n: {"choices": ["a", "b"], "id": n},
        lambda n: {"type": n, "json": {"choices": [{"message": {"content": "yes"}}]}},
        lambda n: {"type": "application/json", "json": {}, "tool": n},
        lambda n: kept({"order": {"id": n}}),
        lambda n: stream({"error": {"message": n}}, {"choices": [{"delta": {"content": "yes"}}]}),
        lambda n: kept({"choices": [{"message": {"content": "yes"}}], "error": n}),
        lambda n: kept({"choices": [{"text": n}]}),
        lambda n: kept({"choices": [{"message": {}, "said": n}]}),
        lambda n: kept({"output": [], "text": n}),
        lambda n: stream({"choices": [{"index": 0, "text": n}]}),
        lambda n: stream({"choices": [{"index": 0, "message": {"content": n}}]}),
        lambda n: stream(delta(content="yes"), {"tool": n}),
    ],
)
def test_what_may_be_a_decision_is_one(answer: Any) -> None:
    assert not is_same(decision_of(answer("delete")), decision_of(answer("find")), words=True)


def test_a_completion_as_there_were_before_chats_is_its_words() -> None:
    whole = decision_of(kept({"id": "1", "choices": [{"text": "yes", "logprobs": {"tokens": ["yes"]}}]}))
    told: list[Telling] = [{"choices": [{"index": 0, "text": one}]} for one in ("y", "es")]
    assert whole == decision_of(stream(*told)) == {"calls": [], "words": "yes"}


def test_an_answer_that_says_nothing_is_another_one_than_words() -> None:
    empty = decision_of(chat(content=None))
    assert is_same(empty, decision_of(chat(content=None)), words=True)
    assert not is_same(empty, decision_of(chat(content="yes")), words=False)
