"""A call of a tool is a step in each form of it that a chat has; one that cannot be read loses the output."""

from pathlib import Path
from typing import Any

import pytest
from tests.endpoints.scripted import one_outcome, stream, whole
from tests.endpoints.test_protocol import DONE, STREAM, called, chat, chunk, lost

pytest.importorskip("aiohttp")
pytest.importorskip("jinja2")

LEGACY = {"name": "pay", "arguments": '{"n": 1}'}
CUSTOM = {"id": "c", "type": "custom", "custom": {"name": "query", "input": "SELECT 1"}}
PAY = {"kind": "tool", "name": "pay", "input": {"n": 1}}
QUERY = {"kind": "tool", "name": "query", "input": "SELECT 1"}
FORMS: dict[str, tuple[dict[str, Any], list[dict[str, Any]]]] = {
    "function_call": ({"function_call": LEGACY}, [PAY]),
    "custom": ({"tool_calls": [CUSTOM]}, [QUERY]),
    "custom beside a function": ({"tool_calls": [CUSTOM, called('{"n": 1}')]}, [QUERY, PAY]),
    "the same call in both ways": ({"tool_calls": [called('{"n": 1}')], "function_call": LEGACY}, [PAY]),
    "none, as some say it": ({"tool_calls": [called('{"n": 1}')], "function_call": None}, [PAY]),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_call_is_a_step_in_every_form(tmp_path: Path, form: str) -> None:
    told, steps = FORMS[form]
    end = "function_call" if "tool_calls" not in told else "tool_calls"
    found = one_outcome(tmp_path, "openai", whole(chat(None, end, **told)))
    assert found.trace["steps"] == steps
    assert found.trace["finish_reason"] == "tool_call"
    assert str(found.trace["output"]).startswith("pay({" if steps[0] is PAY else "query(SELECT 1)")


def test_a_function_call_is_put_together_from_its_pieces(tmp_path: Path) -> None:
    pieces = [{"role": "assistant", "function_call": {"name": "pay", "arguments": ""}}]
    pieces += [{"function_call": {"arguments": one}} for one in ('{"n"', ": 1}")]
    events = [*map(chunk, pieces), chunk({}, "function_call"), DONE]
    found = one_outcome(tmp_path, "openai", stream(*events), STREAM)
    assert found.trace["steps"] == [PAY]
    assert "timings" in found.trace


def test_a_custom_call_is_put_together_from_its_pieces(tmp_path: Path) -> None:
    first = {"index": 0, "id": "c", "type": "custom", "custom": {"name": "query", "input": ""}}
    other = {"index": 1, "id": "a", "type": "function", "function": {"name": "pay", "arguments": '{"n": 1}'}}
    pieces = [
        first,
        {"index": 0, "custom": {"input": "SELECT"}},
        other,
        {"index": 0, "custom": {"input": " 1"}},
    ]
    events = [chunk({"tool_calls": [one]}) for one in pieces]
    found = one_outcome(tmp_path, "openai", stream(*events, chunk({}, "tool_calls"), DONE), STREAM)
    assert found.trace["steps"] == [QUERY, PAY]


@pytest.mark.parametrize(
    ("told", "why"),
    [
        (
            {"tool_calls": [{"id": "x", "type": "new", "new": {"name": "pay"}}]},
            "kind 'new', which is not known",
        ),
        ({"function_call": {"arguments": "{}"}}, "a call of a tool without its name"),
        ({"function_call": "pay"}, "a call of a function that is no object"),
        ({"tool_calls": []}, "says that it called a tool, and tells no call"),
    ],
    ids=["another kind", "no name", "no object", "no call"],
)
def test_a_call_that_cannot_be_read_is_lost_and_never_nothing(
    tmp_path: Path, told: dict[str, Any], why: str
) -> None:
    assert why in lost(one_outcome(tmp_path / "w", "openai", whole(chat(None, "tool_calls", **told))))
    streamed = stream(chunk(told), chunk({}, "tool_calls"), DONE)
    assert why in lost(one_outcome(tmp_path / "s", "openai", streamed, STREAM))


def test_an_answer_of_the_responses_api_says_that_it_is_one(tmp_path: Path) -> None:
    said = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "hello"}]}
    told = {"object": "response", "status": "completed", "output": [said], "model": "m-1"}
    why = "the endpoint answered as OpenAI's /responses does"
    assert why in lost(one_outcome(tmp_path / "w", "openai", whole(told)))
    events = {"type": "response.output_text.delta", "delta": "hello"}, {"type": "response.completed"}
    assert why in lost(one_outcome(tmp_path / "s", "openai", stream(*events), STREAM))
