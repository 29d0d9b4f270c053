"""How a gate shows itself under pytest: a test report, a few lines at the end, a JSON file.

Decides wording and markup only. Never shows a traceback.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, Literal

import pytest

from stopship.model.verdict import EXIT_CODES, Record, Verdict
from stopship.report import jsonrecord, text, words
from stopship.report.neutral import plain
from stopship.under_pytest.watch import Watch

FORMAT = 1
_COLOURS: dict[Verdict, dict[str, bool]] = {
    Verdict.SHIP: {"green": True},
    Verdict.STOP: {"red": True, "bold": True},
    Verdict.UNDECIDED: {"yellow": True, "bold": True},
    Verdict.VOID: {"red": True, "bold": True},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What came of one suite's gate: a record, a VOID before there was one, or the reason for none."""

    watch: Watch | None
    record: Record | None = None
    void: str = ""
    skipped: str = ""

    @property
    def verdict(self) -> Verdict | None:
        """None where nothing was judged, and where an open verdict is allowed."""
        if self.void:
            return Verdict.VOID
        return None if self.record is None or self.record.allowed else self.record.verdict

    @property
    def name(self) -> str:
        if self.watch is None:
            return "stopship"
        return self.watch.opened.suite.name if self.watch.opened else self.watch.file.parent.name


class GateText:
    """The gate's lines as pytest wants a failure: printable, with the one line of the short summary."""

    def __init__(self, lines: str, message: str) -> None:
        self._lines = lines
        self.reprcrash = SimpleNamespace(message=message, path="", lineno=0)

    def __str__(self) -> str:
        return self._lines

    def toterminal(self, terminal: Any) -> None:
        """Write the lines."""
        for line in self._lines.splitlines():
            terminal.line(line)


def gate_reports(shown: Shown, node_id: str, *, show_outputs: bool) -> Iterator[pytest.TestReport]:
    """The reports of `SUITE::gate`: failed unless it ships, is allowed to, or was skipped; then its end."""
    outcome: Literal["passed", "failed", "skipped"] = "passed"
    longrepr: Any = None
    if shown.skipped:
        reason = " ".join(plain(line, 500) for line in shown.skipped.splitlines())
        outcome, longrepr = "skipped", (node_id, 0, f"Skipped: {reason}")
    elif shown.verdict not in (None, Verdict.SHIP):
        outcome = "failed"
        longrepr = GateText(_text(shown, show_outputs=show_outputs), _headline(shown))
    name = plain(shown.name)
    yield _report(node_id, name, "call", outcome, longrepr)
    ending = _report(node_id, name, "teardown", "passed", None)  # reporters take properties from it
    if shown.record is not None:
        ending.user_properties.append(("stopship.verdict", shown.record.verdict.value))
        ending.user_properties.append(("stopship.exit_code", str(shown.record.exit_code)))
    yield ending


def _report(
    node_id: str,
    name: str,
    when: Literal["call", "teardown"],
    outcome: Literal["passed", "failed", "skipped"],
    longrepr: Any,
) -> pytest.TestReport:
    return pytest.TestReport(
        nodeid=node_id,
        location=(node_id.rpartition("::")[0], None, f"{name}::gate"),
        keywords={"gate": 1},
        outcome=outcome,
        longrepr=longrepr,
        when=when,
        sections=(),
        duration=0.0,
        start=0.0,
        stop=0.0,
        user_properties=[],
    )


def _headline(shown: Shown) -> str:
    return (
        words.headline(shown.record) if shown.record is not None else f"VOID  {plain(shown.name)}   exit 22"
    )


def _text(shown: Shown, *, show_outputs: bool) -> str:
    if shown.record is None:
        return f"{_headline(shown)}\n\n" + "\n".join(plain(one, 500) for one in shown.void.splitlines())
    return text.render(shown.record, next_steps=_next(shown), show_outputs=show_outputs)


def _next(shown: Shown) -> list[str]:
    """The commands that a person types next."""
    from stopship.gating.nextsteps import next_steps

    assert shown.watch is not None  # noqa: S101  # a record has a suite
    assert shown.record is not None  # noqa: S101  # the caller looked
    if shown.watch.place is None:
        return []
    return next_steps(shown.watch.place, shown.record, shown.watch.file.parent)


def brief_lines(shown: Shown) -> Iterator[tuple[str, dict[str, bool]]]:
    """The lines of the terminal summary, with their markup."""
    if shown.skipped:
        first, *rest = shown.skipped.splitlines()
        yield f"{plain(shown.name)}: gate skipped: {plain(first, 500)}", {"yellow": True}
    elif shown.record is None:
        rest = shown.void.splitlines()
        yield _headline(shown), _COLOURS[Verdict.VOID]
    else:
        markup = {"yellow": True} if shown.record.allowed else _COLOURS[shown.record.verdict]
        first, *lines = text.brief(shown.record)
        yield first, markup
        yield from ((line, {}) for line in lines)
        return
    for line in rest:
        yield f"  {plain(line.strip(), 500)}", {}


def record_bytes(shown: Sequence[Shown], exit_code: int) -> bytes:
    """All verdict records of a session as one JSON document."""
    suites: list[object] = []
    for one in shown:
        if one.record is not None:
            suites.append({"suite": one.name, "record": json.loads(jsonrecord.render(one.record))})
        elif one.void:
            suites.append({"suite": one.name, "void": one.void, "exit_code": EXIT_CODES[Verdict.VOID]})
        else:
            suites.append({"suite": one.name, "skipped": one.skipped})
    document = {"format": FORMAT, "exit_code": exit_code, "suites": suites}
    return json.dumps(document, ensure_ascii=True, sort_keys=True, indent=1).encode("ascii") + b"\n"
