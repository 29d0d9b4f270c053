"""`stopship cache`: what is kept of the outside world, looked at, checked, moved. Golden texts, exit codes.

STOPSHIP_UPDATE_GOLDEN=1 writes the file anew.
"""

import os
from pathlib import Path

import pytest
from tests.cli.running import Command
from tests.gating.making import make
from tests.store.recorded import put, recording

from stopship.model.canonical import canonical_bytes
from stopship.model.exchange import Answer, CallKind, Recording

GOLDEN = Path(__file__).parent / "golden" / "cache-day.txt"
CHAT = {"messages": [{"role": "user", "content": "Where is order 4711?"}], "temperature": 0}
REFUSED = Answer(result={"finish": "content_filter"}, status=200, is_reusable=False)
KEPT = (
    recording("lookup", {"id": 4711}, {"state": "sent"}, case="c01"),
    recording("lookup", {"id": 4711}, {"state": "back"}, case="c01", world=1),
    recording("lookup", {"id": 4712}, {"state": "lost"}, case="c01", world=1),
    recording("POST /v1/chat", dict(CHAT), "It is on its way.", case="c01", kind=CallKind.MODEL),
    recording("POST /v1/chat", dict(CHAT), "Sent.", case="c01", kind=CallKind.MODEL, model="c" * 64),
    Recording(asked=recording("search", {"q": "\x1b[2J::x"}, case="c02").asked, answers=(REFUSED,)),
)
CALLS = [
    ("list",),
    ("explain", "c01"),
    ("explain", "c02"),
    ("explain", "c0l"),
    ("check",),
    ("pack", "kept.tar"),
    ("unpack", "kept.tar"),
    ("forget", "c02"),
    ("list",),
    ("unpack", "kept.tar"),
    ("list",),
    ("unpack", "suites/small/suite.toml"),
    ("pack", "nowhere/kept.tar"),
]


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("STOPSHIP_STORE", raising=False)
    made = make(Path("suites/small").absolute(), is_accepted=False)
    folder = made.folder / "store" / "recordings"
    put(folder, *KEPT, work=tmp_path / "at-work")
    return folder


def test_what_is_said_of_recordings_is_what_was_read_and_agreed(
    stopship: Command, store: Path, tmp_path: Path
) -> None:
    told = []
    for words in CALLS:
        stopship("cache", *words)
        assert "Traceback" not in stopship.err
        said = "".join((stopship.out, stopship.err)).replace(f"{tmp_path}/", "").rstrip()
        assert all(line.isprintable() for line in said.splitlines())
        told.append(f"$ stopship cache {' '.join(words)}\n{said}\n[exit {stopship.code}]\n")
    text = "\n".join(told)
    if os.environ.get("STOPSHIP_UPDATE_GOLDEN"):
        GOLDEN.write_text(text, encoding="utf-8")
    assert text == GOLDEN.read_text(encoding="utf-8")


def test_check_names_every_damaged_file_and_every_call_with_two_answers(
    stopship: Command, store: Path, tmp_path: Path
) -> None:
    assert stopship("cache", "check") == 0
    (one,) = put(store, recording("lookup", {"id": 1}, "x", case="c03"), work=tmp_path / "at-work")
    (two,) = put(store, recording("lookup", {"id": 2}, "x", case="c03"), work=tmp_path / "at-work")
    put(store, recording("lookup", {"id": 4711}, "other", case="c01"), work=tmp_path / "at-work")
    for path in (one, two):
        path.write_bytes(path.read_bytes()[:-3])
    assert stopship("cache", "check") == 22
    assert one.name in stopship.out
    assert two.name in stopship.out
    assert "case 'c01', tool 'lookup' is answered otherwise than in" in stopship.out
    assert "VOID   3 faults" in stopship.out
    assert stopship("cache", "list") == 22
    assert "ends within a line" in stopship.err


def test_a_case_that_is_answered_in_two_ways_is_forgotten_and_recorded_again(
    stopship: Command, store: Path, tmp_path: Path
) -> None:
    again = recording("lookup", {"id": 4711}, "other", case="c01")
    put(store, again, work=tmp_path / "at-work")
    assert stopship("cache", "explain", "c01") == 22
    assert "stopship cache forget CASE" in stopship.err
    assert stopship("cache", "pack", "kept.tar") == 22
    assert stopship("cache", "forget", "c01") == 0
    assert "forgot 6 recordings of 1 case" in stopship.out
    put(store, again, work=tmp_path / "at-work")
    assert stopship("cache", "explain", "c01") == 0
    assert '"other"' in stopship.out
    assert stopship("cache", "check") == 0


def test_a_case_that_is_not_known_is_not_forgotten(stopship: Command, store: Path) -> None:
    assert stopship("cache", "forget", "c02", "nosuch") == 2
    assert "no recordings of a case 'nosuch'" in stopship.err
    assert stopship("cache", "forget", "c01", "c02") == 0
    assert "forgot 6 recordings of 2 cases" in stopship.out
    assert stopship("cache", "forget", "c01") == 0  # a command that was killed is given again
    assert "forgot 0 recordings of 1 case" in stopship.out


def test_of_many_faults_the_first_are_listed_and_the_rest_counted(
    stopship: Command, store: Path, tmp_path: Path
) -> None:
    for said in ("x", "y"):
        calls = [recording("lookup", {"id": number}, said, case="c03") for number in range(20)]
        put(store, *calls, work=tmp_path / "at-work")
    assert stopship("cache", "check") == 22
    assert stopship.out.count("is answered otherwise") == 8
    assert "\nand 12 faults more\nVOID   20 faults" in stopship.out


def test_recordings_behind_a_url_are_fetched_and_put_there(
    stopship: Command, store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert stopship("cache", "pack", "kept.tar") == 0
    monkeypatch.setenv("STOPSHIP_STORE", f"file://{tmp_path}/far")
    assert stopship("cache", "list") == 0
    assert "0 recordings of 0 cases" in stopship.out
    assert stopship("cache", "unpack", "kept.tar") == 0
    assert stopship("cache", "explain", "c01") == 0
    assert len(list((tmp_path / "far" / "recordings").glob("*/*.jsonl"))) == 1
    assert stopship("cache", "check") == 0
    assert stopship("cache", "forget", "c01") == 2
    (path,) = (tmp_path / "far" / "recordings").glob("*/*.jsonl")
    for cached in (tmp_path / "suites/small/.stopship/cache/recordings").glob("*/*.jsonl"):
        cached.unlink()
    path.write_bytes(path.read_bytes()[:-3])
    assert stopship("cache", "list") == 22
    assert "missing or damaged" in stopship.err


def test_what_makes_two_keys_is_told_for_every_part_of_a_key(stopship: Command, store: Path) -> None:
    assert len({one.asked.key for one in KEPT}) == len(KEPT)
    assert canonical_bytes(CHAT) == canonical_bytes(KEPT[3].asked.call.request)
    stopship("cache", "explain", "c01")
    for told in ("after 0 writes -> after 1 write", "$.id 4711 -> 4712", "pin model aaaaaaaaaaaa -> cccc"):
        assert told in stopship.out
