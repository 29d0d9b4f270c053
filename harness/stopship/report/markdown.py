"""The record as Markdown for a job summary or a pull-request comment.

Capped at 60 000 characters, the most severe first; every name from data stands in inline code.
"""

from collections.abc import Sequence

from stopship.model.verdict import Record, Verdict
from stopship.report import remarks, words
from stopship.report.neutral import markdown, markdown_prose, plain

MARKER = "<!-- stopship -->"
_CAP = 60_000  # GitHub refuses comments beyond 65 536 characters
_REASONS, _EXAMPLES, _NOTES = 10_000, 12_000, 6_000  # of it, at most; the table has the rest
_CHANGES = 2_000
_MOST_REASONS = 10
_SENTENCE = 500
_SIGNS = {Verdict.SHIP: "✅", Verdict.STOP: "🛑", Verdict.UNDECIDED: "❔", Verdict.VOID: "⚠️"}
_NAMES = frozenset((0, 1))  # cells that hold names from data


def render(record: Record, *, next_steps: Sequence[str] = (), show_outputs: bool = True) -> str:
    """Markdown ending in a line feed; cut between lines where it grows too long."""
    reasons = _within(_reasons(record), _REASONS)
    headline = words.headline(record, lambda name: markdown(name, 80, keep_end=True))
    head = [MARKER, f"## {_SIGNS[record.verdict]} {headline}", ""]
    head += [words.summary(record) + (":" if reasons else "."), ""]
    head += [*reasons, ""] if reasons else []
    changed = words.change_line(record)
    tail = [
        *([markdown_prose(changed, _CHANGES), ""] if changed else []),
        *_within(_examples(record, show_outputs=show_outputs), _EXAMPLES),
        *_within([f"- {markdown_prose(one, _SENTENCE)}" for one in remarks.notes(record)] + [""], _NOTES),
        *_within([f"Next: {markdown(one)}" for one in next_steps if plain(one) == one], _NOTES),
    ]
    room = _CAP - sum(len(one) + 1 for one in (*head, *tail))
    return "\n".join([*head, *_table(record, room), *tail]).rstrip("\n") + "\n"


def _within(lines: Sequence[str], room: int) -> list[str]:
    """The lines that fit, whole; a mark where one does not."""
    kept: list[str] = []
    for one in lines:
        room -= len(one) + 1
        if room < 0:
            return [*kept, "- …", ""]
        kept.append(one)
    return kept


def _reasons(record: Record) -> list[str]:
    reasons = words.reason_lines(record)
    shown = [
        "- " + "<br>".join(markdown_prose(line.strip(), _SENTENCE) for line in one)
        for one in reasons[:_MOST_REASONS]
    ]
    if len(reasons) > _MOST_REASONS:
        shown.append(f"- … and {len(reasons) - _MOST_REASONS} more, in the JSON record")
    return shown


def _table(record: Record, room: int) -> list[str]:
    findings, fine, watched = words.split_for_people(record)
    if not findings:
        return []
    lines = ["| " + " | ".join(words.COLUMNS) + " |", "|---|---|" + "---:|" * 6 + "---|"]
    counted = [f"{one}." for one in (*remarks.counted(findings, fine, watched), words.LEGEND)]
    end = ["", "<br>".join(counted), ""]
    room -= sum(len(one) + 1 for one in (*lines, *end)) + 100
    for count, one in enumerate(findings):
        cells = [
            markdown(cell, 80, keep_end=True) if i in _NAMES else markdown_prose(cell)
            for i, cell in enumerate(words.row(one))
        ]
        line = f"| {' | '.join(cells)} |"
        room -= len(line) + 1
        if room < 0:
            more = f"… and {len(findings) - count} more, in the JSON record."
            return [*lines, "", more, *end]
        lines.append(line)
    return [*lines, *end]


def _examples(record: Record, *, show_outputs: bool) -> list[str]:
    shown = remarks.shown_cases(record)
    if shown is None:
        return []
    scope, rule = markdown(shown.scope, 80, keep_end=True), markdown(shown.rule, 80, keep_end=True)
    lines = [f"**{shown.title}**, {len(record.examples)} of {shown.total} in {scope} by {rule}:", ""]
    for one in record.examples:
        labels = " → ".join(markdown(label, 60) for label in remarks.labels(one))
        lines.append(f"- {markdown(one.key, 80, keep_end=True)}: {labels}")
        if show_outputs and (one.before or one.after):
            if one.before_label:
                lines.append(f"  - before: {_quoted(one.before)}")
            lines.append(f"  - after: {_quoted(one.after)}")
    return [*lines, ""]


def _quoted(text: str) -> str:
    return markdown(text, 300) if text else "(no output)"
