"""What two runs called, held side by side: the same whether both are in memory or read one by one."""

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stopship.model.calls import answered_otherwise, coverage, first_difference, other_paths, parting
from stopship.model.exchange import Served, Source
from stopship.model.run import Outcome

Place = tuple[str, int]
CALLS = st.builds(
    Served,
    kind=st.just("tool"),
    name=st.just("look"),
    ask=st.sampled_from("ab"),
    source=st.sampled_from([Source.RECORDING.value, Source.LIVE.value, Source.MISS.value]),
    attempt=st.integers(0, 1),
    pins=st.sampled_from("pq"),
    got=st.sampled_from("xy"),
)
STEPS = st.lists(st.builds(lambda one: {"recorded": one}, st.sampled_from("rs")), max_size=2)
RUNS = st.dictionaries(
    st.tuples(st.sampled_from("klmn"), st.integers(0, 2)),
    st.tuples(st.lists(CALLS, max_size=3), st.none() | STEPS),
).map(
    lambda told: [
        Outcome(
            key=key,
            sample=sample,
            trace={} if steps is None else {"decisions": steps},
            calls=tuple(calls),
        )
        for (key, sample), (calls, steps) in sorted(told.items())
    ]
)


def by_place(run: list[Outcome]) -> Mapping[Place, Outcome]:
    return {(one.key, one.sample): one for one in run}


@given(RUNS, RUNS)
def test_runs_part_where_the_same_output_asks_otherwise(before: list[Outcome], after: list[Outcome]) -> None:
    old, new = by_place(before), by_place(after)
    called = [one for one in sorted(old.keys() & new.keys()) if old[one].calls or new[one].calls]
    found = parting(iter(before), iter(after))
    assert found.outputs == len(called)
    firsts = [(one, first_difference(old[one].calls, new[one].calls)) for one in called]
    assert list(found.parted) == [one for one in firsts if one[1] is not None]
    assert parting(before, before).parted == ()


@given(RUNS, RUNS)
def test_an_answer_that_differs_under_the_same_pins_is_found(
    before: list[Outcome], after: list[Outcome]
) -> None:
    old, new = by_place(before), by_place(after)

    def said(one: Outcome) -> list[tuple[tuple[str, str, int], str]]:
        return [((call.ask, call.pins, call.attempt), call.got) for call in one.calls if call.is_served]

    expected = [
        one
        for one in sorted(old.keys() & new.keys())
        if any(dict(reversed(said(old[one]))).get(asked, got) != got for asked, got in said(new[one]))
    ]
    assert list(answered_otherwise(before, after)) == expected
    assert answered_otherwise(iter(before), iter(after)) == tuple(expected)


@given(RUNS, RUNS)
def test_outputs_on_another_recorded_path_are_found(before: list[Outcome], after: list[Outcome]) -> None:
    old, new = by_place(before), by_place(after)
    expected = [
        one
        for one in sorted(old.keys() & new.keys())
        if (a := old[one].trace.get("decisions")) and (b := new[one].trace.get("decisions")) and a != b
    ]
    assert list(other_paths(before, after)) == expected


@given(RUNS)
def test_calls_are_counted_without_holding_a_run(run: list[Outcome]) -> None:
    found = coverage(iter(run))
    calls = [call for one in run for call in one.calls]
    assert (found.outputs, found.calls) == (len(run), len(calls))
    assert found.served == sum(call.source == Source.RECORDING.value for call in calls)
    assert found.missed == sum(any(it.source == Source.MISS.value for it in one.calls) for one in run)


def test_outputs_out_of_order_are_never_taken_for_unpaired() -> None:
    run = [Outcome(key=key, trace={}) for key in "ba"]
    with pytest.raises(ValueError, match="comes behind"):
        parting(run, run)
