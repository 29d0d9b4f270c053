"""Recordings come back as they were written or not at all, and no file decides by its order."""

import itertools
import os
import shutil
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.examples import tries
from tests.store.recorded import (
    ASKED,
    RECORDINGS,
    TEXT,
    VALUES,
    as_kept,
    put,
    recording,
    said,
)

from stopship.errors import EvidenceError, StopshipError, UsageError
from stopship.model import exchange
from stopship.model.canonical import canonical_bytes
from stopship.model.case import Json
from stopship.model.exchange import Answer, Asked, CallKind, Recording
from stopship.store.recordinglines import HEADER, check_canonical_line, line_of, recording_of
from stopship.store.recordings import Recordings
from stopship.store.segments import name_of, write_segment

A = recording("lookup", {"id": 1}, "one")
B = recording("lookup", {"id": 2}, "two")
C = recording("search", {"q": "x"}, "three", case="refund-2")


@settings(max_examples=tries(150), deadline=None)
@given(RECORDINGS)
def test_what_was_recorded_comes_back(
    tmp_path_factory: pytest.TempPathFactory, several: list[Recording]
) -> None:
    folder = tmp_path_factory.mktemp("kept") / "recordings"
    put(folder, *several)
    found = Recordings(folder)
    kept = [as_kept(one) for one in several]
    assert said(found.each()) == said(kept)
    for one in kept:
        assert said([found.of_key(one.asked.key) or A]) == said([one])
        assert said([one])[0] in said(found.of_ask(one.asked.ask))
        assert said([one])[0] in said(found.of_case(one.asked.case))
    assert found.of_key("0" * 64) is None
    assert found.of_ask("0" * 64) == found.of_ask("no digest") == found.of_case("nobody") == ()


@settings(max_examples=tries(150), deadline=None)
@given(RECORDINGS)
def test_a_line_proves_the_ask_and_the_key_of_its_call(several: list[Recording]) -> None:
    for one in several:
        line = line_of(one)
        assert line.key.hex() == one.asked.key
        read = recording_of(line.data[:-1])
        assert (read.asked.ask, read.asked.key) == (one.asked.ask, one.asked.key)
        check_canonical_line(line.data[:-1], read)


def test_numbers_come_back_as_they_were(tmp_path: Path) -> None:
    told: list[Json] = [1.2345678901234567e20, 1e21, 0.1, -0.0, 5e-324, 2**53 - 1, 1e300]
    put(tmp_path / "r", recording("n", told, told))
    (one,) = Recordings(tmp_path / "r").each()
    assert one.asked.call.request == told == one.answers[0].result
    assert one.asked.ask == recording("n", told).asked.ask


@settings(max_examples=tries(200), deadline=None)
@given(ASKED, st.data())
def test_whatever_can_change_an_answer_changes_the_key(asked: Asked, data: st.DataObject) -> None:
    call = asked.call
    other = data.draw(VALUES.filter(lambda one: canonical_bytes(one) != canonical_bytes(call.request)))
    name = data.draw(TEXT.filter(lambda one: one != call.name))
    kind = data.draw(st.sampled_from([one for one in CallKind if one is not call.kind]))
    changed = [
        replace(asked, call=replace(call, kind=kind)),
        replace(asked, call=replace(call, name=name)),
        replace(asked, call=replace(call, request=other)),
        replace(asked, sample=asked.sample + 1),
        replace(asked, world=asked.world + 1),
        replace(asked, case=asked.case + "x"),
        *(replace(asked, pins={**asked.pins, axis: asked.pins.get(axis, "") + "x"}) for axis in call.pins),
        replace(asked, call=replace(call, pins=(*call.pins, "another axis of the stack"))),
    ]
    keys = [one.key for one in changed]
    assert asked.key not in keys
    assert [line_of(Recording(asked=one, answers=(Answer(),))).key.hex() for one in changed] == keys


@settings(max_examples=tries(100), deadline=None)
@given(st.dictionaries(TEXT, VALUES, min_size=1, max_size=4), st.data())
def test_any_field_of_a_request_is_in_the_key(body: dict[str, Json], data: st.DataObject) -> None:
    base = recording("m", body).asked
    field = data.draw(st.sampled_from(sorted(body, key=repr)))
    changed: dict[str, Json] = {**body, field: [body[field]]}
    without = {key: one for key, one in body.items() if key != field}
    assert len({base.key, recording("m", changed).asked.key, recording("m", without).asked.key}) == 3


@settings(max_examples=tries(100), deadline=None)
@given(ASKED, st.dictionaries(TEXT, VALUES, max_size=4))
def test_what_cannot_change_an_answer_leaves_the_key(asked: Asked, body: dict[str, Json]) -> None:
    call = replace(asked.call, request=body)
    base = replace(asked, call=call)
    turned = replace(call, request=dict(reversed(body.items())), pins=tuple(reversed(call.pins)))
    stray = "an axis that the call does not name"
    for same in (
        replace(base, call=turned),
        replace(base, pins={**asked.pins, stray: "x"}),
        replace(base, pins=dict(reversed(list(asked.pins.items())))),
        *(replace(base, call=replace(call, effect=one)) for one in exchange.Effect),
    ):
        assert same.key == base.key
        assert line_of(Recording(asked=same, answers=(Answer(),))).key.hex() == base.key


def test_another_adapter_is_another_key(monkeypatch: pytest.MonkeyPatch) -> None:
    before = A.asked.key
    monkeypatch.setattr(exchange, "ADAPTER", exchange.ADAPTER + 1)
    assert replace(A.asked).key != before  # an equal call, whose key was not asked for yet


@settings(max_examples=tries(60), deadline=None)
@given(RECORDINGS, st.lists(st.integers(0, 2), min_size=5, max_size=5))
def test_folders_merge_by_copying_whatever_comes_first(
    tmp_path_factory: pytest.TempPathFactory, several: list[Recording], parts: list[int]
) -> None:
    top = tmp_path_factory.mktemp("merge")
    folders = [top / str(number) for number in range(3)]
    for number, folder in enumerate(folders):
        put(folder, *[one for one, part in zip(several, parts, strict=False) if part >= number])
    every = []
    for order in itertools.permutations(folders):
        merged = top / "merged" / "".join(one.name for one in order)
        for folder in (*order, order[0]):
            if folder.exists():
                shutil.copytree(folder, merged, dirs_exist_ok=True)
        found = Recordings(merged)
        every.append((said(found.each()), found.digest(["a", "b", 'c","']), list(found.lines())))
    assert all(one == every[0] for one in every)
    assert every[0][0] == said(map(as_kept, several))


def test_more_answers_of_one_call_hold_whatever_file_comes_first(tmp_path: Path) -> None:
    one, two, three = (recording("m", 1, *"abc"[:count]) for count in (1, 2, 3))
    for number, order in enumerate(itertools.permutations([one, two, three])):
        for part in order:
            put(tmp_path / str(number), part)
    told = {tuple(Recordings(tmp_path / str(number)).lines()) for number in range(6)}
    assert told == {(line_of(three).data,)}


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_two_answers_that_part_are_refused_whatever_file_comes_first(
    tmp_path: Path, order: tuple[int, ...]
) -> None:
    parting = (recording("m", 1, "a", "b"), recording("m", 1, "a"), recording("m", 1, "a", "c"))
    for number in order:
        put(tmp_path / "r", parting[number])
    put(tmp_path / "r", B)
    found = Recordings(tmp_path / "r")
    key, ask = parting[0].asked.key, parting[0].asked.ask
    asking = (
        lambda: found.of_key(key),
        lambda: found.of_ask(ask),
        lambda: found.of_case("refund-1"),
        lambda: found.digest(["refund-1"]),
        lambda: list(found.lines()),
        lambda: list(found.each()),
    )
    for one in asking:
        with pytest.raises(EvidenceError, match=r"jsonl:line 2: .*'m' is answered otherwise(.|\n)*forget"):
            one()
    assert found.of_key(B.asked.key) == B  # nobody else is concerned
    assert len(found.conflicts()) == 1


def test_a_digest_of_cases_is_theirs_alone(tmp_path: Path) -> None:
    put(tmp_path / "one", A, B, C)
    for part in (C, B, A):
        put(tmp_path / "many", part)
    one, many = Recordings(tmp_path / "one"), Recordings(tmp_path / "many")
    assert len(one.files) == 1
    assert len(many.files) == 3
    both = ["refund-1", "refund-2"]
    assert one.digest(both) == many.digest(both[::-1]) == many.digest([*both, *both])
    assert len({one.digest(both), one.digest(both[:1]), one.digest(both[1:]), one.digest([])}) == 4
    put(tmp_path / "many", recording("lookup", {"id": 2}, "two", "again"))
    assert Recordings(tmp_path / "many").digest(both) != one.digest(both)
    assert Recordings(tmp_path / "many").digest(both[1:]) == one.digest(both[1:])


def test_what_went_wrong_is_kept_as_evidence(tmp_path: Path) -> None:
    told = (
        Answer(error="TimeoutError: 30 s", is_reusable=False),
        Answer(result={"finish": "content_filter"}, status=200, is_reusable=False),
    )
    put(tmp_path / "r", Recording(asked=A.asked, answers=told))
    (one,) = Recordings(tmp_path / "r").of_ask(A.asked.ask)
    assert one.answers == told


def test_a_file_cut_at_any_byte_is_an_error(tmp_path: Path) -> None:
    (path,) = put(tmp_path / "r", A, B)
    whole = path.read_bytes()
    for cut in range(len(whole)):
        path.write_bytes(whole[:cut])
        with pytest.raises(EvidenceError, match=r"\.jsonl"):
            Recordings(tmp_path / "r")


def test_no_flipped_bit_invents_a_recording(tmp_path: Path) -> None:
    (path,) = put(tmp_path / "r", A)
    whole = path.read_bytes()
    for index in range(len(whole)):
        path.write_bytes(whole[:index] + bytes([whole[index] ^ (1 << index % 8)]) + whole[index + 1 :])
        with pytest.raises(EvidenceError, match=r"\.jsonl"):
            Recordings(tmp_path / "r")


def test_damage_is_named_by_file_and_line(tmp_path: Path) -> None:
    (path,) = put(tmp_path / "r", A, B, C)
    whole = path.read_bytes()
    path.write_bytes(whole.replace(b'"two"', b'"owt"'))
    number = whole[: whole.index(b'"two"')].count(b"\n") + 1
    with pytest.raises(EvidenceError, match=rf"{path.name}:line {number}: damaged: the line is not"):
        Recordings(tmp_path / "r")
    path.write_bytes(b"".join(whole.splitlines(keepends=True)[:-1]))  # cut at the end of a line
    with pytest.raises(EvidenceError, match=rf"{path.name}: damaged: its bytes have another digest"):
        Recordings(tmp_path / "r")


def test_a_line_edited_with_a_digest_of_its_own_is_another_call_or_damage(tmp_path: Path) -> None:
    """Whoever computes digests anew can tell another answer, but never one under the ask of another call."""
    body = line_of(A).data[:-1][77:].replace(b'{"id":1}', b'{"id":9}')
    line = b'{"digest":"%s",%s' % (sha256(body).hexdigest().encode(), body)
    write_segment(tmp_path / "r", HEADER + line + b"\n")
    found = Recordings(tmp_path / "r")
    with pytest.raises(EvidenceError, match=r"line 2: damaged: the call is not the one of its digest"):
        found.of_ask(A.asked.ask)


def test_a_file_that_changes_after_it_was_opened_is_found_out(tmp_path: Path) -> None:
    (path,) = put(tmp_path / "r", A)
    found, other = (Recordings(tmp_path / "r") for _ in range(2))
    path.write_bytes(path.read_bytes().replace(b"one", b"two"))
    with pytest.raises(EvidenceError, match="line 2: damaged"):
        found.of_key(A.asked.key)
    path.unlink()
    with pytest.raises(EvidenceError, match="cannot be read: No such file"):
        other.of_key(A.asked.key)
    with pytest.raises(EvidenceError, match="line 2: damaged"):  # it is still open, and no better
        found.of_key(A.asked.key)


@pytest.mark.parametrize(
    ("header", "told"),
    [
        (HEADER.replace(b'"format":1', b'"format":2'), "format '2'; this stopship reads format 1"),
        (HEADER.replace(b'"adapter":1', b'"adapter":7'), "adapter '7'; this stopship reads adapter 1"),
        (b'{"format":1}\n', "is not the header"),
        (b"\n", "is not the header"),
    ],
)
def test_a_file_of_another_format_is_refused(tmp_path: Path, header: bytes, told: str) -> None:
    write_segment(tmp_path / "r", header + line_of(A).data)
    with pytest.raises(EvidenceError, match=rf"\.jsonl:line 1: .*{told}(.|\n)*record its cases again"):
        Recordings(tmp_path / "r")


def test_a_file_under_another_name_is_not_passed_over(tmp_path: Path) -> None:
    (path,) = put(tmp_path / "r", A)
    for name in ("ff/" + "f" * 64 + ".jsonl", f"{path.parent.name}/notes.txt", f"00/{path.name}", "x.jsonl"):
        other = tmp_path / "r" / name
        other.parent.mkdir(exist_ok=True)
        shutil.copy(path, other)
        with pytest.raises(EvidenceError, match=r"another digest than its name|not named as a file of rec"):
            Recordings(tmp_path / "r")
        other.unlink()
    (path.parent / ".DS_Store").write_text("x")
    (path.parent / ".stopship-1.tmp").write_text("half")
    assert len(Recordings(tmp_path / "r")) == 1


@pytest.mark.parametrize(
    "one",
    [
        replace(A, answers=()),
        recording("n", float("nan")),
        recording("n", 2**60),
        recording("n", 1, {"x": object()}),
        replace(A, asked=replace(A.asked, world=-1)),
        replace(A, asked=replace(A.asked, pins={"model": 3})),  # type: ignore[dict-item]  # a caller's fault
    ],
)
def test_what_json_cannot_keep_is_not_recorded(tmp_path: Path, one: Recording) -> None:
    with pytest.raises(EvidenceError, match=r"case 'refund-1', tool '.*': not recorded"):
        put(tmp_path / "r", one)


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    (path,) = put(tmp_path / "r", A)
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(EvidenceError, match="is not a file"):
        Recordings(tmp_path / "r")


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "r").write_text("a file")
    with pytest.raises(UsageError, match="cannot be written: Not a directory"):
        put(tmp_path / "r" / "s", A, work=tmp_path / "work")
    assert (tmp_path / "work" / "recordings.jsonl").exists()  # and nothing is lost
    assert len(put(tmp_path / "t", work=tmp_path / "work")) == 1


def test_equal_recordings_make_equal_files(tmp_path: Path) -> None:
    first, second = put(tmp_path / "a", A, B, C), put(tmp_path / "b", C, B, A)
    assert [one.name for one in first] == [one.name for one in second]
    assert name_of(first[0].read_bytes()).endswith(first[0].name)
    first[0].write_bytes(b"x")
    with pytest.raises(StopshipError, match="another digest"):
        put(tmp_path / "a", A, B, C)
