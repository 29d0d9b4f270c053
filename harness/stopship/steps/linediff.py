"""Two texts, line by line: how many lines came and went, and which.

Pure. Always a correct difference; the smallest one only where finding it is cheap.
"""

from collections.abc import Iterator
from difflib import SequenceMatcher

CHEAP = 4_000_000  # lines times lines; beyond it the changed stretch counts as wholly replaced
CONTEXT = 3

Change = tuple[int, int, int, int]  # old from and to, new from and to


def lines_of(text: str) -> list[str]:
    """The lines with their ends, of which only \\n is one: a file that lost its \\r has changed."""
    lines = text.split("\n")
    return [f"{one}\n" for one in lines[:-1]] + ([lines[-1]] if lines[-1] else [])


def changes(old: list[str], new: list[str]) -> list[Change]:
    """The stretches that differ, in order."""
    start, least = 0, min(len(old), len(new))
    while start < least and old[start] == new[start]:
        start += 1
    end = 0
    while end < least - start and old[-1 - end] == new[-1 - end]:
        end += 1
    before, after = old[start : len(old) - end], new[start : len(new) - end]
    if not before and not after:
        return []
    if len(before) * len(after) > CHEAP:
        return [(start, start + len(before), start, start + len(after))]
    return [
        (start + a, start + b, start + c, start + d)
        for tag, a, b, c, d in SequenceMatcher(None, before, after).get_opcodes()
        if tag != "equal"
    ]


def counted(old: str, new: str) -> tuple[int, int]:
    """How many lines the new text has more and less."""
    found = changes(lines_of(old), lines_of(new))
    return sum(d - c for _, _, c, d in found), sum(b - a for a, b, _, _ in found)


def unified(old: str, new: str) -> Iterator[str]:
    """The body of a unified diff, without its file names; a line end other than \\n is part of its line."""
    first, second = lines_of(old), lines_of(new)
    for hunk in _hunks(changes(first, second)):
        low = max(0, hunk[0][0] - CONTEXT)
        high = min(len(first), hunk[-1][1] + CONTEXT)
        shift, shift_end = hunk[0][2] - hunk[0][0], hunk[-1][3] - hunk[-1][1]
        yield f"@@ -{_span(low, high)} +{_span(low + shift, high + shift_end)} @@"
        at = low
        for a, b, c, d in hunk:
            yield from _marked(" ", first[at:a])
            yield from _marked("-", first[a:b])
            yield from _marked("+", second[c:d])
            at = b
        yield from _marked(" ", first[at:high])


def _hunks(found: list[Change]) -> Iterator[list[Change]]:
    """Changes so near each other that their context would overlap, together."""
    near: list[Change] = []
    for one in found:
        if near and one[0] - near[-1][1] > 2 * CONTEXT:
            yield near
            near = []
        near.append(one)
    if near:
        yield near


def _span(low: int, high: int) -> str:
    """A range as unified diffs write it: the line before an empty one."""
    size = high - low
    return f"{low + 1}" if size == 1 else f"{low + bool(size)},{size}"


def _marked(mark: str, lines: list[str]) -> Iterator[str]:
    for one in lines:
        yield mark + one.removesuffix("\n")
        if not one.endswith("\n"):
            yield "\\ No newline at end of file"
