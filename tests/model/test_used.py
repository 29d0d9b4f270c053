"""How many tokens an answer of a model's API says that it took."""

from typing import Any

import pytest

from stopship.model.used import used_of

CHAT = {"prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 11}
CACHED = {"prompt_tokens": 9, "completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": 4}}
RESPONSES = {"input_tokens": 9, "output_tokens": 2, "input_tokens_details": {"cached_tokens": 4}}
MESSAGES = {
    "input_tokens": 9,
    "output_tokens": 2,
    "cache_read_input_tokens": 30,
    "cache_creation_input_tokens": 4,
}
GOOGLE = {"promptTokenCount": 9, "candidatesTokenCount": 2, "thoughtsTokenCount": 5, "totalTokenCount": 16}
LEAST = (
    '{"type": "message_start", "message": {"model": "m", "usage": {"input_tokens": 9, "output_tokens": 1}}}'
)
MESSAGE = [
    f"event: message_start\ndata: {LEAST}",
    'event: message_delta\ndata: {"type": "message_delta", "usage": {"output_tokens": 12}}',
    'data: {"type": "message_stop"}',
]
CHUNKS = [
    'data: {"model": "m", "choices": [], "usage": null}',
    'data: {"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 4}}',
    "data: [DONE]",
]
WHOLE = '{"model": "m", "usage": {"input_tokens": 3, "output_tokens": 4}}'


@pytest.mark.parametrize(
    ("result", "tokens", "cached"),
    [
        ({"json": {"usage": CHAT}}, (9, 2), 0),
        ({"json": {"usage": {"prompt_tokens": 9, "total_tokens": 9}}}, (9, None), 0),
        ({"json": {"usage": CACHED}}, (9, 2), 4),
        ({"json": {"usage": RESPONSES}}, (9, 2), 4),
        ({"json": {"usage": MESSAGES}}, (43, 2), 30),
        ({"json": {"usage": {**MESSAGES, "prompt_tokens": 43}}}, (43, 2), 30),
        ({"json": {"usageMetadata": GOOGLE}}, (9, 7), 0),
        ({"json": [{"usageMetadata": GOOGLE}]}, (9, 7), 0),
        ({"json": {"usage": {"total_tokens": 7}}}, (None, 7), 0),
        ({"json": {"usage": {**CHAT, "total_tokens": 20}}}, (9, 11), 0),
        ({"events": MESSAGE}, (9, 12), 0),
        ({"events": CHUNKS}, (3, 4), 0),
        ({"events": [f'data: {{"type": "response.completed", "response": {WHOLE}}}']}, (3, 4), 0),
    ],
)
def test_usage_is_read_as_each_api_tells_it(
    result: Any, tokens: tuple[int | None, int | None], cached: int
) -> None:
    usage: Any = used_of(result)["usage"]
    assert (usage.get("input_total"), usage.get("output_total")) == tokens
    assert usage["cached"] == cached


@pytest.mark.parametrize(
    "result",
    [
        None,
        "text",
        {},
        {"json": []},
        {"json": {"usage": None}},
        {"json": {"usage": {"prompt_tokens": "9"}}},
        {"json": {"usage": {"prompt_tokens": -1}}},
        {"events": ["data: {"]},
        {"events": [3]},
    ],
)
def test_what_tells_no_usage_tells_none(result: Any) -> None:
    assert used_of(result) == {}


def test_the_model_is_the_one_that_answered() -> None:
    for events in (MESSAGE, CHUNKS, [f'data: {{"type": "response.completed", "response": {WHOLE}}}']):
        assert used_of({"events": list(events)})["model"] == "m"
    assert used_of({"json": {"modelVersion": "g", "usageMetadata": GOOGLE}})["model"] == "g"
