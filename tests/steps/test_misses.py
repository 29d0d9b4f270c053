"""A call that is not served is explained: how far it came, what differs, what to do."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.examples import tries
from tests.store.recorded import RECORDINGS, VALUES, recording

from stopship.model.canonical import canonical_bytes
from stopship.model.case import Json
from stopship.model.exchange import CallKind, Recording
from stopship.model.miss import Difference, Drift, Phase
from stopship.report.misses import miss_lines
from stopship.steps.misses import differences, explain_miss

CHAT: Json = {"messages": [{"role": "user", "content": "Where is 4711?"}], "seed": 1}


def chat(text: str, seed: Json = 1) -> Json:
    return {"messages": [{"role": "user", "content": text}], "seed": seed}


KEPT = (
    recording("lookup", {"id": 1, "at": "2026-03-01T10:00"}, "one"),
    recording("lookup", {"id": 2, "tags": ["a"]}, "two"),
    recording("lookup", {"id": 3}, "three", world=1),
    recording("chat", chat("Where is 4711?"), "a", "b", kind=CallKind.MODEL),
    recording("chat", chat("Say something entirely different."), kind=CallKind.MODEL),
)


@pytest.mark.parametrize(
    ("asked", "attempt", "phase", "text"),
    [
        (recording("lookup", {"id": 1}, case="refund-9"), 0, Phase.NO_CASE, "record it"),
        (recording("search", {"id": 1}), 0, Phase.NO_NAME, "the case has model chat, tool lookup"),
        (recording("chat", {"id": 3}), 0, Phase.NO_NAME, "the case has"),
        (
            recording("lookup", {"id": 1, "at": "2026-03-02T11:00"}),
            0,
            Phase.NO_EQUAL,
            "$.at  value changed: recorded \"2026-03-01T10:00\", asked \"2026-03-02T11:00\"",
        ),
        (recording("lookup", {"id": 2, "tags": "a"}), 0, Phase.NO_EQUAL, "$.tags  type changed"),
        (recording("lookup", {"id": 2, "tags": []}), 0, Phase.NO_EQUAL, "$.tags[0]  missing here: recorded"),
        (recording("lookup", {"id": 2, "tags": ["a", "b"]}), 0, Phase.NO_EQUAL, "$.tags[1]  missing there"),
        (recording("lookup", {"id": 3}), 0, Phase.WORLD, "asked after 0 writes, recorded after 1 write"),
        (recording("chat", CHAT, kind=CallKind.MODEL), 2, Phase.ATTEMPTS, "attempt 3, and 2 recorded"),
        (
            recording("chat", CHAT, kind=CallKind.MODEL, model="c" * 64),
            0,
            Phase.PLACE,
            "another sample or stack",
        ),
        (recording("chat", CHAT, kind=CallKind.MODEL, sample=1), 5, Phase.ATTEMPTS, "attempt 6"),
    ],
)  # fmt: skip
def test_each_phase_is_told(asked: Recording, attempt: int, phase: Phase, text: str) -> None:
    miss = explain_miss(asked.asked, KEPT, attempt=attempt)
    assert miss.phase is phase
    lines = miss_lines(miss)
    assert text in "\n".join(lines)
    assert len(lines) <= 6


def test_values_that_drifted_are_told_from_another_shape() -> None:
    drifted = explain_miss(recording("chat", chat("Where is 4712?"), kind=CallKind.MODEL).asked, KEPT)
    assert drifted.is_drift
    assert miss_lines(drifted) == [
        "not served: refund-1, model chat: no equal request",
        "  closest  refund-1, model chat, sample 0, after 0 writes, model aaaaaaaaaaaa",
        '  $.messages[0].content  value changed: recorded "Where is 4711?", asked "Where is 4712?"',
        "  do       only values differ: record the case again, or it is a real change of behaviour",
    ]
    shaped = explain_miss(recording("lookup", {"id": 2, "tags": ["a"], "x": 1}).asked, KEPT)
    assert not shaped.is_drift
    assert miss_lines(shaped)[-1] == (
        "  do       the request has another shape: record the case again, or it is a real change of behaviour"
    )


@pytest.mark.parametrize(
    ("kind", "name", "field", "said"),
    [
        (
            CallKind.TOOL,
            "lookup",
            "at",
            "leave an argument that cannot change the answer out with ignore=(…), or",
        ),
        (
            CallKind.MODEL,
            "POST openai/v1/chat",
            "trace",
            'ignore = ["trace.id"] in [replay.upstreams.openai] if it cannot change the answer, else record',
        ),
        (CallKind.MODEL, "POST openai/v1/chat", "messages", "record the case again, or it is a real change"),
    ],
)
def test_a_value_that_drifted_has_the_remedy_of_its_kind_of_call(
    kind: CallKind, name: str, field: str, said: str
) -> None:
    kept = recording(name, {field: {"id": 1}}, kind=kind)
    miss = explain_miss(recording(name, {field: {"id": 2}}, kind=kind).asked, [kept])
    assert miss.is_drift
    assert said in miss_lines(miss)[-1]


def test_the_closest_recording_is_the_one_with_fewest_fields_apart() -> None:
    miss = explain_miss(recording("chat", chat("Where is 4712?", "x"), kind=CallKind.MODEL).asked, KEPT)
    assert miss.closest == KEPT[3]
    assert [one.path for one in miss.differences] == ["$.messages[0].content", "$.seed"]


def test_an_item_added_in_the_middle_leaves_the_others_paired() -> None:
    found = differences([1, 2, 3], [1, 9, 2, 3])
    assert found == (Difference(path="$[1]", drift=Drift.MISSING_THERE, found=9),)
    assert [(one.path, one.drift) for one in differences([1, 2, 3], [1, 3])] == [("$[1]", Drift.MISSING_HERE)]
    assert differences({"a b": 1, "c": True}, {"a b": 1.0, "c": 1}) == (
        Difference(path="$.c", drift=Drift.TYPE, expected=True, found=1),
    )
    assert differences({"a b": 1}, {"a b": 2})[0].path == '$["a b"]'


@settings(max_examples=tries(200), deadline=None)
@given(VALUES, VALUES)
def test_requests_without_a_difference_are_the_same_request(old: Json, new: Json) -> None:
    assert (differences(old, new) == ()) == (canonical_bytes(old) == canonical_bytes(new))
    assert differences(old, old) == ()


@settings(max_examples=tries(100), deadline=None)
@given(RECORDINGS, RECORDINGS, st.integers(0, 3))
def test_every_miss_is_told_in_few_harmless_lines(
    kept: list[Recording], asking: list[Recording], attempt: int
) -> None:
    for one in asking:
        for miss in (
            explain_miss(one.asked, kept, attempt=attempt),
            explain_miss(one.asked, [*kept, one], attempt=attempt),
            explain_miss(one.asked, [replace(one, asked=replace(one.asked, world=7))]),
        ):
            lines = miss_lines(miss)
            assert len(lines) <= 6
            assert all(line.isprintable() for line in lines)
            assert all(len(line) < 500 for line in lines)


def test_hostile_output_in_a_request_is_shown_as_text() -> None:
    evil = "\x1b[2J::error::x\n\u202eabc"
    kept = recording("lookup", {evil: evil})
    miss = explain_miss(recording("lookup", {evil: evil + "!"}).asked, [kept])
    text = "\n".join(miss_lines(miss))
    assert "\x1b" not in text
    assert "::error::" not in text
    assert "\u202e" not in text
