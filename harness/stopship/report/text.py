"""The record as a person reads it in a terminal: verdict, what got worse, worst cases, what to type next."""

from collections.abc import Sequence

from tabulate import tabulate

from stopship.model.verdict import Record, Verdict
from stopship.report import words
from stopship.report.neutral import plain

_MOST_ROWS = 25
_OPENING = 160


def render(record: Record, *, next_steps: Sequence[str] = (), show_outputs: bool = True) -> str:
    """Plain text ending in a line feed. `show_outputs=False`: examples give keys and labels only."""
    blocks = [words.headline(record), _why(record), _table(record)]
    blocks += [_examples(record, show_outputs=show_outputs), _notes(record)]
    if next_steps:
        blocks.append(
            "\n".join(
                f"Next:  {plain(one)}" if i == 0 else f"       {plain(one)}"
                for i, one in enumerate(next_steps)
            )
        )
    return "\n\n".join(one for one in blocks if one) + "\n"


def _why(record: Record) -> str:
    if record.verdict is Verdict.SHIP:
        return ""
    lines = [f"{words.HEADLINES[record.verdict]}:"]
    lines += [f"  {plain(line)}" for reason in record.reasons[:10] for line in reason.split("\n")]
    if len(record.reasons) > 10:
        lines.append(f"  … and {len(record.reasons) - 10} more")
    return "\n".join(lines)


def _table(record: Record) -> str:
    findings, fine, watched = words.split_for_people(record)
    if not findings:
        return ""
    rows = [[plain(cell, 48) for cell in words.row(one)] for one in findings[:_MOST_ROWS]]
    align = ("left", "left", *("right",) * 6, "left")
    table = tabulate(rows, headers=words.COLUMNS, tablefmt="plain", disable_numparse=True, colalign=align)
    lines = [f" {line}".rstrip() for line in table.splitlines()]
    if len(findings) > _MOST_ROWS:
        lines.append(f" … and {len(findings) - _MOST_ROWS} more scopes, in the JSON record")
    if fine:
        lines.append(f" {len(fine)} more cohort checks are within their margins")
    if watched:
        worse = sum(1 for one in watched if one.worse)
        lines.append(
            f" {len(watched)} checks of small cohorts are counted, not tested; {worse} have worse cases"
        )
    return "\n".join(lines)


def _examples(record: Record, *, show_outputs: bool) -> str:
    if not record.examples:
        return ""
    first = record.examples[0]
    total = next(
        (
            one.worse
            for one in record.findings
            if (one.rule, one.scope) == (first.rule, first.scope) and one.worst
        ),
        0,
    )
    lines = [
        f"Worse cases, {len(record.examples)} of {total} in {plain(first.scope)} by {plain(first.rule)}:"
    ]
    for one in record.examples:
        lines.append(
            f"  {plain(one.key, 60)}   {plain(one.before_label, 40)} -> {plain(one.after_label, 40)}"
        )
        if show_outputs and (one.before or one.after):
            lines.append(f"    before  {_quoted(one.before)}")
            lines.append(f"    after   {_quoted(one.after)}")
        if show_outputs and one.reason:
            lines.append(f"    why     {plain(one.reason, _OPENING)}")
    return "\n".join(lines)


def _quoted(text: str) -> str:
    return f'"{plain(text, _OPENING)}"' if text else "(no output)"


def _notes(record: Record) -> str:
    return "\n".join(f"- {plain(one)}" for one in words.notes(record))
