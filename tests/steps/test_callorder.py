"""The recordings of a case in the order of their calls, and what each is held against."""

from itertools import permutations

from tests.store.recorded import recording

from stopship.model.exchange import PATH, CallKind, Recording
from stopship.steps.callorder import closest_before, in_call_order


def turn(*said: str, model: str = "a" * 64) -> Recording:
    request = {"messages": [{"content": one} for one in ("be kind", *said)]}
    return recording("chat", request, said[-1] if said else "", kind=CallKind.MODEL, model=model)


FIRST, SECOND, THIRD = turn("hello"), turn("hello", "which?"), turn("hello", "which?", "that")
SEARCHES = [recording("search", {"q": q}, "found", kind=CallKind.RETRIEVAL) for q in ("z", "a")]
ORDER = recording(PATH, None, [[one.asked.ask, 0] for one in (FIRST, SECOND, THIRD)], kind=CallKind.MODEL)
PATHS = {
    "models": [[one.asked.ask, 0, one.asked.key] for one in (FIRST, SECOND, THIRD)],
    "searches": [[one.asked.ask, 0, one.asked.key] for one in SEARCHES],
}
LOOKUP = recording("lookup", {"id": 1}, "sent")


def test_model_calls_stand_in_the_order_that_an_output_made_them_in_and_the_order_last() -> None:
    for found in permutations((THIRD, ORDER, FIRST, LOOKUP, SECOND)):
        assert in_call_order(found) == [FIRST, SECOND, THIRD, LOOKUP, ORDER]
    path = recording(PATH, None, PATHS, kind=CallKind.MODEL)
    for found in permutations((SEARCHES[1], THIRD, path, FIRST, SEARCHES[0], SECOND)):
        assert in_call_order(found) == [FIRST, SECOND, THIRD, *SEARCHES, path]


def test_a_recording_is_held_against_the_closest_one_of_its_name() -> None:
    other = turn("hello", model="c" * 64)
    ordered = [FIRST, SECOND, other, LOOKUP]
    assert [closest_before(ordered, number) for number in range(4)] == [None, 0, 0, None]
