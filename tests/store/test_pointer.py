"""A pointer file comes back as it was written, and every slip of a hand is named."""

import json
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stopship.errors import EvidenceError
from stopship.model.run import Accepted, Pointer, Waiver
from stopship.store.pointer import parsed_pointer, read_pointer, rendered_pointer, write_pointer

IDS = st.text("0123456789abcdef", min_size=64, max_size=64)
TEXT = st.text(max_size=8)
DATES = st.dates().map(lambda day: day.isoformat())
REASONS = TEXT.filter(lambda text: bool(text.strip()))
WAIVERS = st.builds(Waiver, rule=REASONS, until=DATES, because=REASONS, before=IDS)
ACCEPTED = st.builds(
    Accepted,
    run=IDS,
    stack=IDS,
    cases=IDS,
    labels=IDS | st.just(""),
    rules=st.dictionaries(TEXT, TEXT, max_size=3),
    scorers=st.dictionaries(TEXT, IDS, max_size=2),
    accepted=DATES,
    because=TEXT,
    verdict=st.sampled_from(["SHIP", "STOP", "UNDECIDED", "NEW"]),
    waivers=st.lists(WAIVERS, max_size=2, unique_by=lambda one: one.rule).map(tuple),
)
POINTERS = st.just(Pointer()) | st.builds(
    Pointer, baseline=ACCEPTED, anchor=ACCEPTED, history=st.lists(ACCEPTED, max_size=2).map(tuple)
)
ONE = Accepted(
    run="a" * 64,
    stack="b" * 64,
    cases="c" * 64,
    labels="",
    rules={"z": "refusal <= 4%", "a": "cites"},
    scorers={"refusal": "d" * 64},
    accepted="2026-03-01",
    because="Grüße \u202e\x1b[31m",
    verdict="NEW",
    waivers=(Waiver(rule="z", until="2026-04-01", because="index rebuild", before="e" * 64),),
)
POINTER = Pointer(baseline=ONE, anchor=ONE, history=(ONE,))


@given(POINTERS)
def test_a_pointer_comes_back_whole(pointer: Pointer) -> None:
    data = rendered_pointer(pointer)
    assert parsed_pointer(data, "baseline.json") == pointer
    assert rendered_pointer(parsed_pointer(data, "baseline.json")) == data
    assert all(one.isprintable() for one in data.decode().split("\n"))


@given(POINTERS, st.binary(max_size=3), st.data())
def test_damage_is_an_error_for_people_or_another_pointer(
    pointer: Pointer, junk: bytes, data: st.DataObject
) -> None:
    whole = rendered_pointer(pointer)
    start = data.draw(st.integers(0, len(whole)))
    damaged = whole[:start] + junk + whole[start + len(junk) :]
    with suppress(EvidenceError):
        rendered_pointer(parsed_pointer(damaged, "baseline.json"))


def test_a_missing_file_is_an_empty_pointer_and_nothing_else_is(tmp_path: Path) -> None:
    path = tmp_path / "baseline.json"
    assert read_pointer(path) == Pointer()
    path.write_bytes(b" \n")
    with pytest.raises(EvidenceError, match="the file is empty"):
        read_pointer(path)
    path.unlink()
    path.symlink_to(tmp_path / "gone")
    with pytest.raises(EvidenceError, match="is missing"):
        read_pointer(path)
    with pytest.raises(EvidenceError, match="is not a file"):
        read_pointer(tmp_path)
    path.unlink()
    write_pointer(path, POINTER)
    assert read_pointer(path) == POINTER
    write_pointer(path, Pointer())
    assert (
        path.read_text() == '{\n  "format": 1,\n  "baseline": null,\n  "anchor": null,\n  "history": []\n}\n'
    )


def test_a_pointer_reads_well_in_a_pull_request() -> None:
    text = rendered_pointer(Pointer(baseline=ONE)).decode()
    assert text.startswith('{\n  "format": 1,\n  "baseline": {\n    "run": "aaaa')
    assert '"because": "Grüße \\u202e\\u001b[31m"' in text
    assert text.index('"a": "cites"') < text.index('"z": "refusal')


def test_conflict_markers_have_their_own_words(tmp_path: Path) -> None:
    lines = rendered_pointer(POINTER).decode().split("\n")
    conflict = ["<<<<<<< HEAD", lines[3], "=======", lines[3], ">>>>>>> main"]
    text = "\n".join([*lines[:3], *conflict, *lines[4:]])
    for end in ("\n", "\r\n"):
        with pytest.raises(EvidenceError, match=r"baseline.json:line 4: a merge left its conflict markers"):
            parsed_pointer(text.replace("\n", end).encode(), "baseline.json")
    with pytest.raises(EvidenceError, match="line 1: a merge"):
        parsed_pointer(b"<<<<<<< HEAD\n", "baseline.json")


KEYS = sorted(json.loads(rendered_pointer(POINTER))["baseline"])


def test_all_slips_are_named_at_once() -> None:
    document = json.loads(rendered_pointer(POINTER))
    document["baseline"]["run"] = "A" * 64
    document["baseline"]["acepted"] = document["baseline"].pop("accepted")
    document["anchor"]["verdict"] = "VOID"
    document["anchor"]["waivers"][0]["until"] = "2026-02-30"
    document["history"][0]["waivers"] *= 2
    document["history"].append(None)
    with pytest.raises(EvidenceError) as caught:
        parsed_pointer(json.dumps(document).encode(), "baseline.json")
    assert caught.value.what.split("\n  ") == [
        "7 faults",
        f"baseline.acepted: unknown key; did you mean 'accepted'?  there are: {', '.join(KEYS)}",
        "baseline.accepted: is missing",
        f"baseline.run: is '{'A' * 24}…', expected 64 hexadecimal digits",
        "anchor.verdict: is 'VOID', expected one of SHIP, STOP, UNDECIDED, NEW",
        "anchor.waivers[0].until: is '2026-02-30', expected a date such as 2026-03-01",
        "history[0].waivers: the rule 'z' is waived twice",
        "history[1]: is null, expected an object",
    ]


PLACES: list[tuple[str, ...]] = [
    ("format",), ("baseline",), ("anchor",), ("history",),
    *(("baseline", key) for key in
      ("run", "stack", "cases", "labels", "rules", "scorers", "accepted", "because", "verdict", "waivers")),
    ("baseline", "rules", "z"), ("baseline", "scorers", "refusal"),
]  # fmt: skip


@pytest.mark.parametrize("place", PLACES, ids=".".join)
def test_a_field_of_another_kind_is_refused(place: tuple[str, ...]) -> None:
    value: object
    for value in (
        7,
        1.5,
        True,
        "x\x1b",
        [1],
        [[]],
        [None],
        {"x": 1},
        None,
        float("nan"),
        2**60,
        {"": {}},
        "REMOVE",
    ):
        document: Any = json.loads(rendered_pointer(POINTER))
        within = document
        for key in place[:-1]:
            within = within[key]
        if value == "REMOVE":
            del within[place[-1]]
        else:
            within[place[-1]] = value
        data = json.dumps(document).encode()
        if is_fine(place, value):
            parsed_pointer(data, "baseline.json")
            continue
        with pytest.raises(EvidenceError) as caught:
            parsed_pointer(data, "baseline.json")
        assert place[-1] in str(caught.value)
        assert "\x1b" not in str(caught.value)


def is_fine(place: tuple[str, ...], value: object) -> bool:
    if place[-1] == "refusal" or ("rules" in place[1:2] and len(place) == 3):
        return value == "REMOVE" or ("rules" in place and value == "x\x1b")
    return place[-1] == "because" and value == "x\x1b"


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"[]", "the file: is an array, expected an object"),
        (b"{} {}", "more text after the JSON ends"),
        (b'{"format": 1, "format": 1}', "stands twice"),
        (b'{"format": 2, "whatever": 3}', "format 2; this stopship reads format 1"),
        (b"\xff\xfe", "is not UTF-8"),
        (b"[" * 100_000, "nested far too deeply"),
        (b"9" * 5000, "thousands of digits"),
    ],
    ids=lambda one: str(one)[:20],
)
def test_what_is_no_pointer_says_why(data: bytes, what: str) -> None:
    with pytest.raises(EvidenceError, match=what):
        parsed_pointer(data, "baseline.json")


def test_a_pointer_that_could_not_be_read_back_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(EvidenceError, match=r"baseline\.run"):
        write_pointer(tmp_path / "baseline.json", Pointer(baseline=replace(ONE, run="x")))
    assert not (tmp_path / "baseline.json").exists()
