"""The record as Markdown for a job summary or a pull-request comment.

Capped at 60 000 characters, the most severe first; every name from data stands in inline code.
"""

from collections.abc import Sequence

from stopship.model.verdict import Record, Verdict
from stopship.report import words
from stopship.report.neutral import markdown, markdown_prose

MARKER = "<!-- stopship -->"
_CAP = 60_000  # GitHub refuses comments beyond 65 536 characters
_SIGNS = {Verdict.SHIP: "✅", Verdict.STOP: "🛑", Verdict.UNDECIDED: "❔", Verdict.VOID: "⚠️"}
_NAMES = frozenset((0, 1))  # cells that hold names from data


def render(record: Record, *, next_steps: Sequence[str] = (), show_outputs: bool = True) -> str:
    """Markdown ending in a line feed; cut between table rows where it grows too long."""
    head = [MARKER, f"## {_SIGNS[record.verdict]} {words.headline(record)}", "", *_why(record)]
    tail = [*_examples(record, show_outputs=show_outputs), *_notes(record), *_next(next_steps)]
    room = _CAP - sum(len(one) + 1 for one in (*head, *tail))
    lines = [*head, *_table(record, room), *tail]
    return "\n".join(lines).rstrip("\n") + "\n"


def _why(record: Record) -> list[str]:
    if record.verdict is Verdict.SHIP:
        return []
    shown = [f"- {markdown_prose(one)[:2000]}" for one in record.reasons[:10]]
    return [f"{words.HEADLINES[record.verdict]}:", "", *shown, ""]


def _table(record: Record, room: int) -> list[str]:
    findings, fine, watched = words.split_for_people(record)
    if not findings:
        return []
    lines = ["| " + " | ".join(words.COLUMNS) + " |", "|---|---|" + "---:|" * 6 + "---|"]
    used = sum(len(one) + 1 for one in lines)
    for count, one in enumerate(findings):
        cells = [markdown(c, 80) if i in _NAMES else markdown_prose(c) for i, c in enumerate(words.row(one))]
        line = "| " + " | ".join(cells) + " |"
        used += len(line) + 1
        if used > room - 100:
            return [*lines, "", f"… and {len(findings) - count} more scopes, in the JSON record.", ""]
        lines.append(line)
    if fine or watched:
        lines += [
            "",
            f"{len(fine)} more cohort checks are within their margins; {len(watched)} are too small to test.",
        ]
    return [*lines, ""]


def _examples(record: Record, *, show_outputs: bool) -> list[str]:
    if not record.examples:
        return []
    first = record.examples[0]
    lines = [f"**Worse cases** in {markdown(first.scope, 80)} by {markdown(first.rule, 80)}", ""]
    for one in record.examples[:20]:
        lines.append(
            f"- {markdown(one.key, 80)}: {markdown(one.before_label, 60)} → {markdown(one.after_label, 60)}"
        )
        if show_outputs and (one.before or one.after):
            lines.append(f"  - before: {_quoted(one.before)}")
            lines.append(f"  - after: {_quoted(one.after)}")
    return [*lines, ""]


def _quoted(text: str) -> str:
    return markdown(text, 300) if text else "(no output)"


def _notes(record: Record) -> list[str]:
    said = [f"- {markdown_prose(one)}" for one in words.notes(record)]
    return [*said, ""] if said else []


def _next(next_steps: Sequence[str]) -> list[str]:
    return [f"Next: {markdown(one)}" for one in next_steps]
