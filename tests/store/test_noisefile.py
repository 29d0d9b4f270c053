"""A noise file comes back as it was written, and any change by hand is named."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stopship.errors import EvidenceError
from stopship.model.noise import NoiseFloor, ScopeNoise
from stopship.store.noisefile import parsed_noise, read_noise, rendered_noise, write_noise

IDS = st.text("0123456789abcdef", min_size=64, max_size=64)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
SCOPES = st.builds(
    ScopeNoise,
    rule=TEXT,
    scope=TEXT,
    cases=st.integers(1, 10**6),
    flips=st.floats(0, 1),
    variance=st.floats(0, 10),
    delta=st.floats(-1, 1),
    relative=st.booleans(),
)
FLOORS = st.builds(
    NoiseFloor,
    suite=TEXT,
    stack=IDS,
    cases=IDS,
    labels=IDS,
    scorers=st.dictionaries(TEXT, IDS, max_size=2),
    outputs=st.integers(2, 50),
    runs=st.lists(IDS, max_size=2).map(tuple),
    scopes=st.lists(SCOPES, max_size=3, unique_by=lambda one: (one.rule, one.scope)).map(tuple),
)
ONE = NoiseFloor(
    suite="small",
    stack="a" * 64,
    cases="b" * 64,
    labels="c" * 64,
    scorers={"right": "d" * 64},
    outputs=2,
    runs=("e" * 64, "f" * 64),
    scopes=(ScopeNoise(rule="right", scope="all", cases=60, flips=0.1, variance=0.05, delta=-0.02),),
)


@given(FLOORS)
def test_noise_comes_back_whole(floor: NoiseFloor) -> None:
    data = rendered_noise(floor)
    assert parsed_noise(data, "noise.json") == floor
    assert rendered_noise(parsed_noise(data, "noise.json")) == data


def test_a_file_that_is_not_there_tells_no_noise(tmp_path: Path) -> None:
    assert read_noise(tmp_path / "noise.json") is None
    write_noise(tmp_path / "noise.json", ONE)
    assert read_noise(tmp_path / "noise.json") == ONE


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"flips": 0.1', '"flips": 0.01', "the seal does not fit"),
        ('"flips": 0.1', '"flips": 1.5', r"scopes\[0\].flips: is 1.5, expected a share"),
        ('"flips": 0.1', '"flips": true', "flips"),
        ('"flips": 0.1', '"flisp": 0.1', "unknown key"),
        ('"format": 1', '"format": 2', "reads format 1"),
        ('"outputs": 2', '"outputs": 1', "a number from 2 on"),
        ('"cases": "b', '"cases": "x', "64 hexadecimal digits"),
        ('"suite": "small",', "", "suite: is missing"),
        ('"seal"', '"sael"', "unknown key"),
    ],
)
def test_what_a_hand_changes_is_named(old: str, new: str, said: str) -> None:
    text = rendered_noise(ONE).decode()
    assert old in text
    with pytest.raises(EvidenceError, match=said):
        parsed_noise(text.replace(old, new, 1).encode(), "noise.json")


@given(st.data())
def test_a_cut_file_is_refused(data: st.DataObject) -> None:
    whole = rendered_noise(ONE)
    cut = data.draw(st.integers(0, len(whole) - 2))
    with pytest.raises(EvidenceError):
        parsed_noise(whole[:cut], "noise.json")


def test_a_scope_that_stands_twice_is_refused() -> None:
    document = json.loads(rendered_noise(ONE))
    document["scopes"] *= 2
    with pytest.raises(EvidenceError, match="right in all stands twice"):
        parsed_noise(json.dumps(document).encode(), "noise.json")
