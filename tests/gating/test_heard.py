"""Of all calls of an output: which was never answered, and which by another model."""

from typing import Any

import pytest

from stopship.gating.heard import Heard, is_pinned
from stopship.model.exchange import Answer, Call, CallKind
from stopship.model.stack import Kind, Pin, Stack, stack_of

JSON = "application/json"


def stack(*pins: Pin) -> Stack:
    return stack_of(pins or (Pin(axis="model", version="m-1", kind=Kind.VERSION, content="d"),))


def asked(model: str = "m-1", name: str = "openai", pins: tuple[str, ...] = ("model",), **more: Any) -> Call:
    request = {"model": model, "messages": [], **more}
    return Call(kind=CallKind.MODEL, name=f"POST {name}/v1/chat/completions", request=request, pins=pins)


def said(model: str = "m-1") -> Answer:
    choice = {"message": {"content": "hi"}, "finish_reason": "stop"}
    return Answer(result={"type": JSON, "json": {"model": model, "choices": [choice]}}, status=200)


def status(number: int, **headers: str) -> Answer:
    result: Any = {"type": JSON, "json": {}, "headers": headers}
    return Answer(result=result, error=f"HTTP {number}", status=number, is_reusable=False)


PAGE = Answer(result={"type": "text/html", "text": "<html>maintenance</html>"}, status=200)


def test_a_page_of_html_is_no_answer_and_is_served_to_nobody() -> None:
    heard = Heard(stack())
    told = heard.told(asked(), PAGE)
    assert (told.error != "", told.is_reusable) == (True, False)
    assert "the model behind the upstream 'openai' gave no answer: it answered text/html" in str(
        heard.no_answer
    )


@pytest.mark.parametrize("first", [PAGE, status(503), status(429), Answer(error="ServerDisconnectedError")])
def test_a_retry_that_is_answered_makes_good_what_failed(first: Answer) -> None:
    heard = Heard(stack())
    heard.told(asked(stream=True, stream_options={"include_usage": True}), first)
    heard.told(asked(), said())
    assert heard.no_answer is None


def test_another_ask_does_not() -> None:
    heard = Heard(stack())
    heard.told(asked(), status(503, **{"retry-after": "7"}))
    heard.told(asked("m-strong", "fallback"), said("m-strong"))
    heard.told(asked(messages=["another"]), said())
    assert heard.no_answer is not None
    assert heard.no_answer.retry_after_s == 7


def test_what_was_asked_wrongly_is_the_targets_own() -> None:
    heard = Heard(stack())
    heard.told(asked(), status(400))
    assert heard.no_answer is None


def test_a_refusal_of_all_holds_until_something_is_answered() -> None:
    heard = Heard(stack())
    heard.told(asked(), status(401))
    assert heard.refusal is not None
    heard.told(asked(), said())
    assert heard.refusal is None
    credit = "HTTP 400: invalid_request_error: Your credit balance is too low to access the API"
    heard.told(asked(), Answer(result={"type": JSON, "json": {}}, error=credit, status=400))
    assert heard.refusal is not None


def test_another_model_is_told_where_the_pinned_one_was_asked() -> None:
    heard = Heard(stack())
    heard.told(asked(), said())
    heard.told(asked("helper"), said("helper-2"))
    assert heard.others == {}
    heard.told(asked(), said("m-cheap"))
    assert heard.others == {"model": {"m-cheap"}}


def test_each_pinned_model_is_held_against_its_own_axis() -> None:
    helper = Pin(axis="helper", version="h-1", kind=Kind.VERSION, content="e")
    main = Pin(axis="model", version="m-1", kind=Kind.VERSION, content="d")
    heard = Heard(stack(main, helper))
    both = ("model", "helper")
    heard.told(asked("h-1", pins=both), said("h-1"))
    assert heard.others == {}
    heard.told(asked("h-1", pins=both), said("m-1"))
    assert heard.others == {"helper": {"m-1"}}


def test_what_an_observed_pin_serves_is_its_name_too() -> None:
    known = stack(Pin(axis="model", version="m-1", kind=Kind.OBSERVE, content="d", served="m-1-2026-01-01"))
    assert is_pinned(known, "model", "m-1-2026-01-01")
    assert not is_pinned(known, "model", "m-1-2026-02-02")
    assert not is_pinned(stack(), "prompt", "m-1")
