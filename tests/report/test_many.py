"""A record with thousands of cohorts stays readable, small and quick."""

import time
from collections.abc import Mapping
from dataclasses import replace

import pytest

from stopship.model.verdict import Record
from stopship.report import annotations, jsonrecord, junit, markdown, text


@pytest.fixture(scope="module")
def crowded(records: Mapping[str, Record]) -> Record:
    """The stopped record with 5 000 cohorts: some broken, some fine, some watched."""
    record = records["stop"]
    kinds = [one for one in record.findings if one.scope != "all"]
    many = tuple(replace(kinds[i % len(kinds)], scope=f"customer=c{i:05d}|@{i}") for i in range(5000))
    reasons = tuple(f"{one.rule} in {one.scope}: {one.worse} worse" for one in many if one.is_broken)
    return replace(record, findings=(*record.findings, *many), reasons=record.reasons + reasons)


def test_markdown_is_capped_with_the_most_severe_first(crowded: Record) -> None:
    shown = markdown.render(crowded)
    assert 50_000 < len(shown) <= 60_000
    rows = [one for one in shown.splitlines() if one.startswith("| <code>")]
    assert all("BROKEN" in one for one in rows[: sum(one.is_broken for one in crowded.findings)])
    assert "more, in the JSON record" in shown
    assert "Worse cases" in shown


def test_markdown_of_the_longest_names_is_capped(crowded: Record) -> None:
    long = "`|@#$" * 4000
    findings = tuple(replace(one, rule=long, scope=long + one.scope) for one in crowded.findings)
    examples = tuple(
        replace(crowded.examples[0], key=long, before=long, after=long, before_label=long) for _ in range(20)
    )
    record = replace(crowded, findings=findings, reasons=(long,) * 50, examples=examples, new_keys=(long,))
    shown = markdown.render(record, next_steps=["stopship " + "x" * 70_000])
    assert len(shown) <= 60_000
    assert max(map(len, text.render(record).splitlines())) < 600
    assert len(annotations.render(record)) < 20_000


def test_terminal_text_is_a_screen_or_two(crowded: Record) -> None:
    shown = text.render(crowded).splitlines()
    assert len(shown) <= 60
    assert "BROKEN" in shown[11]


def test_annotations_are_ten_and_count_the_rest(crowded: Record) -> None:
    lines = annotations.render(crowded).splitlines()
    broken = sum(one.is_broken for one in crowded.findings)
    assert len(lines) == 10
    assert f"{broken - 9} more checks are broken" in lines[-1]


def test_every_face_of_a_crowded_record_is_quick(crowded: Record) -> None:
    start = time.process_time()
    for face in (annotations, jsonrecord, junit, markdown, text):
        assert face.render(crowded)
    assert time.process_time() - start < 60
