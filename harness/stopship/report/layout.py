"""Lay out lines for a terminal: columns two spaces apart, sentences wrapped.

Takes neutralised text only, and never changes what it says.
"""

import textwrap
import unicodedata
from collections.abc import Sequence

WIDTH = 100
GAP = "  "


def width(text: str) -> int:
    """The columns of a terminal that printable text takes."""
    return sum(_cells(one) for one in text)


def table(rows: Sequence[Sequence[str]], *, left: frozenset[int]) -> list[str]:
    """One line a row, indented by a space; the columns in `left` are left-aligned, the others right."""
    widths = [max(map(width, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        cells = [_padded(cell, widths[i], to_left=i in left) for i, cell in enumerate(row)]
        lines.append(f" {GAP.join(cells)}".rstrip())
    return lines


def shared_widths(first: int, second: int, room: int, *, least: int) -> tuple[int, int]:
    """Widths for two columns of names that share `room`: the wider one gives way, down to `least`."""
    while first + second > room and max(first, second) > least:
        if first > second:
            first -= 1
        else:
            second -= 1
    return first, second


def wrapped(text: str, *, first: str, then: str, columns: int = WIDTH) -> str:
    """A sentence over as many lines as it needs, broken at spaces alone; never at a no-break space."""
    return textwrap.fill(
        text,
        columns,
        initial_indent=first,
        subsequent_indent=then,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _padded(text: str, size: int, *, to_left: bool) -> str:
    blanks = " " * (size - width(text))
    return text + blanks if to_left else blanks + text


def _cells(char: str) -> int:
    if unicodedata.category(char) in ("Mn", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1
