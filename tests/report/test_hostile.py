"""No text in any field of a record can act in any face."""

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.examples import tries
from tests.report.records import HOSTILE

from stopship.model.change import FileChange, PinChange
from stopship.model.rule import Mode, Severity
from stopship.model.stack import Kind, Pin
from stopship.model.verdict import ArmPin, Decision, Example, Finding, Record, Verdict, WorseCase, compose
from stopship.report import annotations, jsonrecord, junit, markdown, text

TEXT = st.one_of(st.sampled_from(HOSTILE), st.text(st.characters(exclude_categories=()), max_size=40))
NUMBER = st.none() | st.floats(-1, 1)
PIN = ArmPin(digest="ab" * 32, rows=3, run="cd" * 32)
slow = settings(max_examples=tries(150), suppress_health_check=[HealthCheck.too_slow], deadline=None)

CASES = st.builds(WorseCase, key=TEXT, before=TEXT, after=TEXT, reason=TEXT)
FINDINGS = st.builds(
    Finding,
    rule=TEXT,
    metric=TEXT,
    scope=st.just("all") | TEXT,
    kind=st.sampled_from(["compare", "limit", "must_pass", "anchor", "waiver"]),
    expects=st.booleans(),
    mode=st.sampled_from(Mode),
    severity=st.sampled_from(Severity),
    decision=st.sampled_from(Decision),
    n=st.integers(0, 10**6),
    worse=st.integers(0, 10**6),
    unscored=st.integers(0, 2),
    baseline=NUMBER,
    candidate=NUMBER,
    delta=NUMBER,
    lower=NUMBER,
    p=st.none() | st.floats(0, 1),
    p_adjusted=st.none() | st.floats(0, 1),
    margin=NUMBER,
    relative=st.booleans(),
    why=TEXT,
    worse_keys=st.lists(TEXT, max_size=3).map(tuple),
    worst=st.lists(CASES, max_size=2).map(tuple),
)
EXAMPLES = st.builds(
    Example,
    key=TEXT,
    rule=TEXT,
    scope=TEXT,
    before_label=TEXT,
    after_label=TEXT,
    before=TEXT,
    after=TEXT,
    reason=TEXT,
)


PINS = st.builds(Pin, axis=TEXT, version=TEXT, kind=st.sampled_from(Kind), content=TEXT, served=TEXT)
CHANGES = st.builds(
    PinChange,
    axis=TEXT,
    old=st.none() | PINS,
    new=st.none() | PINS,
    files=st.lists(st.builds(FileChange, path=TEXT, is_counted=st.just(True)), max_size=2).map(tuple),
)


@st.composite
def hostile_records(draw: st.DrawFn) -> Record:
    findings = draw(st.lists(FINDINGS, max_size=4).map(tuple))
    verdict = compose(findings)
    is_read = draw(st.booleans())
    return Record(
        verdict=verdict,
        exit_code=0,
        allowed=verdict is Verdict.UNDECIDED and draw(st.booleans()),
        reasons=tuple(draw(st.lists(TEXT, max_size=3))),
        counts={},
        baseline=PIN if is_read else None,
        candidate=PIN if is_read else None,
        scorers=draw(st.dictionaries(TEXT, st.just("cd" * 32), max_size=2)),
        rules_digest="ef" * 32,
        alpha=0.05,
        findings=findings,
        new_keys=tuple(draw(st.lists(TEXT, max_size=2))),
        examples=tuple(draw(st.lists(EXAMPLES, max_size=2))),
        suite=draw(st.just("") | TEXT),
        changes=tuple(draw(st.lists(CHANGES, max_size=2))),
        notes=tuple(draw(st.lists(TEXT, max_size=2))),
    )


STEPS = st.lists(TEXT, max_size=2)


@slow
@given(hostile_records(), STEPS)
def test_no_line_of_the_terminal_text_is_a_command(record: Record, steps: list[str]) -> None:
    shown = text.render(record, next_steps=steps)
    assert "\n" not in "".join(text.brief(record))
    shown += "".join(f"{one}\n" for one in text.brief(record))
    shown.encode("utf-8")
    lines = shown.split("\n")
    assert lines == [*shown.splitlines(), ""], "no character but the line feed parts lines"
    for line in lines:
        assert line.isprintable()
        assert not line.lstrip().startswith("::")
        assert "##" not in line


@slow
@given(hostile_records())
def test_annotations_are_our_own_commands_alone(record: Record) -> None:
    shown = annotations.render(record)
    shown.encode("utf-8")
    for line in shown.split("\n")[:-1]:
        found = re.fullmatch(r"::(error|warning) title=([^:,]*)::(.*)", line)
        assert found
        assert "::" not in found[3]
        assert "##" not in line
        assert line.isprintable()


@slow
@given(hostile_records())
def test_xml_reads_back_and_its_counts_are_its_children(record: Record) -> None:
    root = ET.fromstring(junit.render(record))  # noqa: S314  # our own output
    suite = root.find("testsuite")
    assert suite is not None
    assert suite.get("tests") == str(len(suite.findall("testcase")))
    assert suite.get("failures") == str(len(suite.findall("testcase/failure")))
    assert suite.get("errors") == str(len(suite.findall("testcase/error")))
    red = record.verdict is not Verdict.SHIP and not record.allowed
    assert red == bool(suite.findall("testcase[@name='gate']/*"))


@slow
@given(hostile_records())
def test_json_is_ascii_that_strict_readers_take(record: Record) -> None:
    shown = jsonrecord.render(record)
    assert shown.isascii()
    assert shown.endswith(b"\n")
    read = json.loads(shown)
    json.dumps(read, ensure_ascii=False).encode("utf-8")  # no lone surrogate


OURS = {"<!-- stopship -->", "<code>", "</code>", "<br>", "<span>", "</span>"}


def cells(row: str) -> int:
    return len(re.findall(r"(?<!\\)\|", row)) - 1


@slow
@given(hostile_records(), STEPS)
def test_markdown_has_whole_tables_and_no_foreign_markup(record: Record, steps: list[str]) -> None:
    shown = markdown.render(record, next_steps=steps)
    shown.encode("utf-8")
    assert len(shown) <= 60_000
    assert shown.count("<!--") == 1
    assert set(re.findall(r"<[^>]*>", shown)) <= {
        "<!-- stopship -->",
        "<code>",
        "</code>",
        "<br>",
        "<span>",
        "</span>",
    }
    assert shown.count("<code>") == shown.count("</code>")
    lines = shown.split("\n")
    assert lines == [*shown.splitlines(), ""]
    assert sum(1 for one in lines if one.startswith("#")) == 1, "one heading, our own"
    for line in lines:
        assert line.isprintable()
        assert not line.lstrip().startswith(("::", "##[", "- [")) or line.startswith("## ")
        assert "|" not in line or cells(line) == 9
        assert not set("`[]@$^~\\") & set(line)


class Reader(HTMLParser):
    """Collects the elements, and the text that GitHub searches for mentions and issues: all but code."""

    def __init__(self) -> None:
        super().__init__()
        self.elements: set[str] = set()
        self.runs: list[str] = []
        self._in_code = 0

    def handle_starttag(self, tag: str, _attrs: list[tuple[str, str | None]]) -> None:
        self.elements.add(tag)
        self._in_code += tag == "code"

    def handle_endtag(self, tag: str) -> None:
        self._in_code -= tag == "code"

    def handle_data(self, data: str) -> None:
        if not self._in_code:
            self.runs.append(data)


LAYOUT = {"h2", "p", "ul", "li", "table", "thead", "tbody", "tr", "th", "td", "code", "br", "strong", "span"}
UNSAFE_AND_FOOTNOTES = 1 << 17 | 1 << 13  # keep HTML, as GitHub does before it sanitises; read footnotes
ACTIVE = re.compile(r"@\w|#\d|\bgh-\d|://|www\.|\$\S", re.IGNORECASE)


@slow
@given(hostile_records())
def test_rendered_markdown_has_no_foreign_element_link_or_mention(record: Record) -> None:
    cmark: Any = pytest.importorskip("cmarkgfm")  # GitHub's own renderer
    reader = Reader()
    extensions = ["table", "autolink", "strikethrough", "tasklist"]
    shown = markdown.render(record)
    reader.feed(
        cmark.markdown_to_html_with_extensions(shown, options=UNSAFE_AND_FOOTNOTES, extensions=extensions)
    )
    assert reader.elements <= LAYOUT
    for run in reader.runs:
        assert not ACTIVE.search(run), run


def test_a_reason_from_data_stays_one_line() -> None:
    record = _one_reason("x: scorer said\nSHIP  everything is fine\n::error::y")
    assert "\nSHIP" not in text.render(record)
    assert r"\nSHIP" in text.render(record)


def test_only_an_unreadable_file_has_a_second_line() -> None:
    record = replace(
        _one_reason("a.jsonl: broken\n  fetch it again\n  or not"), baseline=None, candidate=None
    )
    assert "  a.jsonl: broken\n    fetch it again\\n  or not\n" in text.render(record)
    assert "- a&#46;jsonl&#58; broken<br>fetch it again" in markdown.render(record)


def _one_reason(reason: str) -> Record:
    return Record(
        verdict=Verdict.VOID,
        exit_code=22,
        allowed=False,
        reasons=(reason,),
        counts={},
        baseline=PIN,
        candidate=PIN,
        scorers={},
        rules_digest="",
        alpha=0.05,
    )
