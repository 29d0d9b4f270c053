"""A narrow terminal: sentences and pins wrap, names of rules stay whole, commands are never broken."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from stopship.model.run import Run, RunHead
from stopship.model.stack import Kind, Pin, Stack
from stopship.model.verdict import Record
from stopship.report import text
from stopship.report.runs import run_lines


@pytest.mark.parametrize("columns", [60, 80])
def test_sentences_keep_to_the_columns_there_are(records: Mapping[str, Record], columns: int) -> None:
    command = "stopship repro c0000 --suite suites/support --good baseline --bad 7c1e5a2b0000 --times 10"
    shown = text.render(records["suite-stop"], next_steps=[command], columns=columns)
    *_, notes, last = shown.split("\n\n")
    assert all(len(line) <= columns for line in notes.splitlines())
    assert last == f"Next:  {command}\n"
    assert "What changed:" in shown


def test_a_rule_past_its_waiver_is_named_whole(records: Mapping[str, Record]) -> None:
    record = records["suite-stop"]
    named = [replace(one, rule="right-article", scope="task=order-status") for one in record.findings]
    shown = text.render(replace(record, findings=tuple(named)))
    assert " right-article (waiver over)  task=order-status" in shown


def test_pins_of_a_run_wrap_between_pins() -> None:
    axes = ("budget", "code", "index", "model", "policy", "prompt", "routing", "tools")
    pins = [Pin(axis=one, version="2026-03-01", kind=Kind.FILE, content="a1" * 32) for one in axes]
    head = RunHead(
        suite="desk", target="app/answer.py:answer", cases="", planned={}, stack=Stack(tuple(pins))
    )
    run = Run(id="5c" * 32, head=head, rows={}, outcomes=(), place="run")
    lines = run_lines(run, columns=80)
    first = next(i for i, line in enumerate(lines) if line.startswith("  pins "))
    assert lines[first].endswith(", index 2026-03-01,")
    assert lines[first + 1].startswith("           model 2026-03-01, policy 2026-03-01, ")
    assert all(len(line) <= 80 for line in lines)
