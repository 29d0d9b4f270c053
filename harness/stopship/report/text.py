"""The record as a person reads it in a terminal: verdict, what got worse, worst cases, what to type next."""

from collections.abc import Sequence

from stopship.model.verdict import Record, Verdict
from stopship.report import remarks, words
from stopship.report.layout import GAP, WIDTH, shared_widths, table, width, wrapped
from stopship.report.neutral import plain

_MOST_REASONS = 5
_MOST_BRIEF = 4
_BRIEF = 200  # characters of a line
_MOST_ROWS = 20
_SENTENCE = 500
_OPENING = 160
_NAME = 48  # the most that a rule or a scope takes in a row
_LEAST_NAME = 28  # room for `right-article (waiver over)`
_LEFT = frozenset((0, 1, len(words.COLUMNS) - 1))


def render(
    record: Record, *, next_steps: Sequence[str] = (), show_outputs: bool = True, columns: int = WIDTH
) -> str:
    """Plain text ending in a line feed. `show_outputs=False`: examples give keys and labels only.

    Sentences wrap at `columns`; a table may be wider, and a command is never broken.

    A next step is shown only where it is harmless exactly as typed.
    """
    blocks = [words.headline(record), _why(record, columns), _table(record)]
    blocks.append(wrapped(words.change_line(record), first="", then="  ", columns=columns))
    blocks += [_examples(record, show_outputs=show_outputs), _notes(record, columns)]
    blocks.append("\n".join(f"Next:  {one}" for one in next_steps if plain(one) == one))
    return "\n\n".join(one for one in blocks if one) + "\n"


def brief(record: Record) -> list[str]:
    """The headline and, unless it ships, up to six lines on why: for a summary below other output.

    What fails under a waiver is told of a build that ships, too.
    """
    lines = [words.headline(record)]
    if record.verdict is Verdict.SHIP:
        return lines + [f"  {plain(one, _BRIEF)}" for one in remarks.waived(record)[:_MOST_BRIEF]]
    reasons = words.reason_lines(record)
    lines += [f"  {plain(first, _BRIEF, keep_end=True)}" for first, *_ in reasons[:_MOST_BRIEF]]
    if len(reasons) > _MOST_BRIEF:
        lines.append(f"  … and {len(reasons) - _MOST_BRIEF} more")
    changed = words.change_line(record) if record.verdict is Verdict.STOP else ""
    return [*lines, f"  {plain(changed, _BRIEF)}"] if changed else lines


def _why(record: Record, columns: int) -> str:
    reasons = words.reason_lines(record)
    lines = [words.summary(record) + (":" if reasons else "")]
    for first, *others in reasons[:_MOST_REASONS]:
        lines.append(wrapped(plain(first, _SENTENCE), first="  ", then="    ", columns=columns))
        lines += [
            wrapped(plain(one.strip(), _SENTENCE), first="    ", then="    ", columns=columns)
            for one in others
        ]
    if len(reasons) > _MOST_REASONS:
        lines.append(f"  … and {len(reasons) - _MOST_REASONS} more, in the JSON record")
    return "\n".join(lines)


def _table(record: Record) -> str:
    findings, fine, watched = words.split_for_people(record)
    if not findings:
        return ""
    cells = [words.COLUMNS, *map(words.row, findings[:_MOST_ROWS])]
    figures = [tuple(plain(cell) for cell in one[2:]) for one in cells]
    taken = 1 + sum(max(map(width, column)) + len(GAP) for column in zip(*figures, strict=True))
    rule, scope = (max(width(_name(one[i], _NAME)) for one in cells) for i in (0, 1))
    limits = shared_widths(rule, scope, WIDTH - taken - len(GAP), least=_LEAST_NAME)
    rows = [
        (_name(one[0], limits[0]), _name(one[1], limits[1]), *others)
        for one, others in zip(cells, figures, strict=True)
    ]
    lines = table(rows, left=_LEFT)
    if len(findings) > _MOST_ROWS:
        lines.append(f" … and {len(findings) - _MOST_ROWS} more, in the JSON record")
    lines += [f" {one}" for one in remarks.counted(findings, fine, watched)]
    return "\n".join([*lines, f" {words.LEGEND}"])


def _examples(record: Record, *, show_outputs: bool) -> str:
    shown = remarks.shown_cases(record)
    if shown is None:
        return ""
    scope, rule = _name(shown.scope, _NAME), _name(shown.rule, _NAME)
    lines = [f"{shown.title}, {len(record.examples)} of {shown.total} in {scope} by {rule}:"]
    for one in record.examples:
        labels = " -> ".join(plain(label, 40) for label in remarks.labels(one))
        lines.append(f"  {_name(one.key, 60)}   {labels}")
        if show_outputs and (one.before or one.after):
            if one.before_label:
                lines.append(f"    before  {_quoted(one.before)}")
            lines.append(f"    after   {_quoted(one.after)}")
        if show_outputs and one.reason:
            lines.append(f"    why     {plain(one.reason, _OPENING)}")
    return "\n".join(lines)


def _name(text: str, limit: int) -> str:
    return plain(text, limit, keep_end=True)


def _quoted(text: str) -> str:
    return f'"{plain(text, _OPENING)}"' if text else "(no output)"


def _notes(record: Record, columns: int) -> str:
    said = (plain(one, _SENTENCE) for one in remarks.notes(record))
    return "\n".join(wrapped(one, first="- ", then="  ", columns=columns) for one in said)
