"""Equal reasons of lost outputs stand in one line, whatever their cases are called."""

import pytest

from stopship.model.run import Outcome, Status
from stopship.report.shortfall import bad_lines


@pytest.mark.parametrize("keys", [("a", "e", "the"), ("1", "2", "50"), ("refund-1", "refund-10", "r.2")])
@pytest.mark.parametrize(
    "reason",
    [
        "Unavailable: HTTP 503 after 12 attempts at the endpoint",
        "KeyError: '{}'",
        'no order "{}" in the table; {} is asked for',
    ],
    ids=["without the key", "quoted", "quoted twice"],
)
def test_one_reason_is_one_line_though_its_words_hold_the_keys(keys: tuple[str, ...], reason: str) -> None:
    found = bad_lines(
        [Outcome(key=key, status=Status.LOST, trace={}, error=reason.format(key, key)) for key in keys]
    )
    assert len(found) == 1
    assert f"3 outputs, first {keys[0]}  " in found[0]


@pytest.mark.parametrize("keys", [("refund-1", "refund-10"), ("c1", "c2"), ("ärger 7", "a;b"), ("1.5", "(x")])
def test_a_key_that_is_no_common_word_is_found_without_quotes(keys: tuple[str, str]) -> None:
    told = [
        Outcome(key=key, status=Status.FAILED, trace={}, error=f"lookup of {key}: nothing; {key}")
        for key in keys
    ]
    assert len(bad_lines(told)) == 1


@pytest.mark.parametrize(
    "errors",
    [
        {"1": "exit code 1", "2": "exit code 2"},
        {"a": "file a is missing", "b": "file b is missing"},
        {"pay": "no prepay-1", "b": "no preb-1"},
        {"refund-1": "no order refund-10", "refund-2": "no order refund-20"},
        {"page": "homepage is down", "shop": "homeshop is down"},
    ],
    ids=["numbers", "letters", "parts of words", "parts of keys", "ends of words"],
)
def test_two_reasons_are_two_lines_though_they_differ_where_the_keys_stand(errors: dict[str, str]) -> None:
    told = [Outcome(key=key, status=Status.LOST, trace={}, error=error) for key, error in errors.items()]
    assert len(bad_lines(told)) == 2
