"""The score of retrieval-only replays: which of the recorded documents are found again."""

import pytest

from stopship.catalog import scorer
from stopship.errors import UsageError
from stopship.model.case import Case, Json, Trace
from stopship.model.score import Scored, Unscored


def score(recorded: Json, found: Json, spec: str = "retrieved") -> float:
    told: Json = [{"recorded": recorded, "found": found}]
    result = scorer(spec).score(Case("a", {}, None, None), Trace("x", record={"searches": told}))
    assert isinstance(result, Scored), result
    return result.value


def test_a_document_is_known_by_its_id_else_by_its_value() -> None:
    assert score([{"id": "a", "text": "x"}, {"id": 2}], [{"id": 2, "text": "y"}]) == 0.5
    assert score([{"a": 1, "b": 2}, "x"], ["x", {"b": 2, "a": 1}]) == 1.0
    assert score([{"a": 1}, ["b"]], [{"a": True}, ["b"]]) == 0.5
    assert score([{"id": True}], [{"id": "True"}]) == 0.0


@pytest.mark.parametrize("wrap", [str, lambda one: {"text": one}, lambda one: {"id": one}, lambda one: [one]])
def test_snippets_that_are_cut_within_an_emoji_are_documents(wrap: object) -> None:
    assert callable(wrap)
    one, other = wrap("snippet \ud83d"), wrap("snippet \ude00")
    assert score([one], [one]) == 1.0
    assert score([one, other], [other]) == 0.5


def test_only_the_first_k_count_and_k_is_a_whole_number() -> None:
    assert score(["a", "b", "c"], ["c", "a"], "retrieved(k=1)") == 0.0
    assert score(["a", "b", "c"], ["c", "a"], "retrieved(k=2)") == 0.5
    for k in ("0.5", "2.5", "1e-3"):
        with pytest.raises(UsageError, match="'k' takes a whole number"):
            scorer(f"retrieved(k={k})")


def test_a_search_that_found_nothing_then_has_nothing_to_find_again() -> None:
    nothing: list[Json] = [[], None, {"error": "TimeoutError"}]
    for empty in nothing:
        told: Json = [{"recorded": empty, "found": ["a"]}]
        trace = Trace("x", record={"searches": told})
        assert isinstance(scorer("retrieved").score(Case("a", {}, None, None), trace), Unscored)
