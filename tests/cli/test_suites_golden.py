"""The errors that people meet on suites and the texts of a day at the desk, whole, with exit codes.

STOPSHIP_UPDATE_GOLDEN=1 writes the files anew.
"""

import os
from pathlib import Path

import pytest
from tests.cli.running import Command
from tests.gating.making import Made, forget_code, make

GOLDEN = Path(__file__).parent / "golden"
SUITE, NEXT = "suites/small", "suites/small/next.toml"
DAY = [
    ("gate", SUITE, "--stack", NEXT),
    ("replay", SUITE, "--pin", "prompt=suites/small/next.json", "--case", "c21"),
    ("show", "baseline"),
    ("show", "baseline", "--case", "c21"),
    ("repro", "c21", "--good", "baseline", "--bad", NEXT, "--times", "3"),
    ("push", "baseline"),
]
FIRST = [
    ("gate", SUITE),
    ("gate", SUITE, "--no-examples"),
    ("accept", "RUN", "--because", "first baseline"),
    ("accept", "RUN", "--because", "known", "--accept-regression", "incidents", "--until", "2999-12-31"),
    ("gate", SUITE, "--no-examples"),
]
ERRORS = [
    ("gat", SUITE),
    ("gate", "nowhere"),
    ("gate", "suites/small/stack.toml"),
    ("replay", "suites/small/stack.toml"),
    ("replay", SUITE, "--resume", "--fresh"),
    ("gate", SUITE, "--candidate", "ffff"),
    ("gate", SUITE, "--candidate", "ff"),
    ("gate", SUITE, "--candidate", "ffff", "--fresh"),
    ("gate", SUITE, "--baseline", "baseline", "--baseline-ref", "main"),
    ("gate", SUITE, "--stack", "nowhere.toml"),
    ("gate", SUITE, "--expect", "rihgt"),
    ("gate", SUITE, "--expect", "mostly-right"),
    ("gate", SUITE, "--json", "suites/small/cases.jsonl"),
    ("gate", SUITE, "--baseline-ref", "main"),
    ("replay", SUITE, "--case", "c2l"),
    ("replay", SUITE, "--where", "lang=fr"),
    ("replay", SUITE, "--where", "lnag=de"),
    ("replay", SUITE, "--where", "lang"),
    ("replay", SUITE, "--shard", "4/3"),
    ("replay", SUITE, "--pin", "promt=x"),
    ("replay", SUITE, "--pin", "prompt=nowhere.json"),
    ("replay", SUITE, "--pin", "prompt"),
    ("replay", SUITE, "--repeat", "0"),
    ("accept", "baseline"),
    ("accept", "baseline", "--because", " "),
    ("accept", "ffff", "--because", "x"),
    ("accept", "baseline", "--because", "x", "--until", "soon"),
    ("accept", "baseline", "--because", "x", "--until", "2030-01-01"),
    ("accept", "baseline", "--because", "x", "--accept-regression", "right", "--until", "2030-01-01"),
    ("show", "baseline", "--case", "c2l"),
    ("show", "anchro"),
    ("repro", "c2l", "--good", "baseline", "--bad", "anchor"),
    ("repro", "c21", "--good", "baseline", "--bad", "nowhere.toml"),
    ("pull", "ffff"),
]


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Made:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    made = make(Path("suites/small").absolute())
    made.stack("next", wrong=[f"c{i}" for i in range(20, 45)])
    forget_code()
    return made


def test_the_first_day_of_a_suite_with_a_broken_incident_is_told_to_its_end(
    stopship: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    made = make(Path("suites/small").absolute(), is_accepted=False, wrong=["c01"])
    run = made.replay().short
    forget_code()
    calls = [tuple(run if word == "RUN" else word for word in words) for words in FIRST]
    check("suites-first", stopship, tmp_path, calls)


@pytest.mark.parametrize(("name", "calls"), [("suites-day", DAY), ("suites-errors", ERRORS)])
def test_what_is_said_of_suites_is_what_was_read_and_agreed(
    stopship: Command, made: Made, tmp_path: Path, name: str, calls: list[tuple[str, ...]]
) -> None:
    check(name, stopship, tmp_path, calls)


def check(name: str, stopship: Command, tmp_path: Path, calls: list[tuple[str, ...]]) -> None:
    """Hold what the commands print against the file of that name."""
    told = []
    for words in calls:
        stopship(*words)
        assert "Traceback" not in stopship.err
        said = "".join((stopship.out, stopship.err)).replace(f"{tmp_path}/", "").replace(str(tmp_path), ".")
        lines = "\n".join(line.rstrip() for line in said.rstrip().splitlines())
        told.append(f"$ stopship {' '.join(words)}\n{lines}\n[exit {stopship.code}]\n")
    text = "\n".join(told)
    path = GOLDEN / f"{name}.txt"
    if os.environ.get("STOPSHIP_UPDATE_GOLDEN"):
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")
