"""What a run has not told: its outputs that failed or were lost, equal reasons together, and what that means.

Decides wording only; whatever a case or a target says is neutralised here.
"""

import re
from collections import Counter
from collections.abc import Iterable

from stopship.model.run import Outcome, Run, Status
from stopship.report.neutral import plain

_KEY, _LINE, _LISTED = 60, 400, 20
_SHORT = 4  # characters; a shorter key may be a word or a number of any reason
_QUOTE = "['\"`‘’“”]"


def bad_lines(outcomes: Iterable[Outcome]) -> list[str]:
    """A line for each reason, with its first output. Reasons that differ in the case alone are equal."""
    first: dict[tuple[Status, str], Outcome] = {}
    counts = Counter[tuple[Status, str]]()
    for one in outcomes:
        if one.status is not Status.OK:
            group = one.status, _reason(one)
            first.setdefault(group, one)
            counts[group] += 1
    groups = list(first)
    lines = [_line(first[group], counts[group]) for group in groups[:_LISTED]]
    if len(groups) > _LISTED:
        left = sum(counts[group] for group in groups[_LISTED:])
        lines.append(f"  … and {left} more outputs, for {len(groups) - _LISTED} other reasons")
    return lines


def short_line(run: Run, lost_limit: float) -> str:
    """What the outputs that were not told mean for a gate; "": all were told."""
    counts = Counter(one.status for one in run.outcomes)
    lost = counts[Status.LOST]
    if not counts[Status.OK]:
        return (
            "no output was told: there is nothing to judge. Do what the reasons above say, and replay again"
        )
    if not lost:
        return ""
    allowed = f"{100 * lost_limit:.3g} % may be"
    is_void = lost > lost_limit * len(run.outcomes)
    what = f"{allowed}: a gate over this run is VOID" if is_void else f"{allowed}: a gate leaves them out"
    return f"{lost} of {len(run.outcomes)} outputs were lost, and {what}"


def _reason(one: Outcome) -> str:
    """The reason without what it says of this case: its key, and what follows the first half of it.

    The key counts as a whole word, never as a part of one; a number or a short word only where it is quoted,
    since `exit code 1` is another reason than `exit code 2`, whatever the cases are called.
    """
    text = one.error
    if one.key:
        key = re.escape(one.key)
        text = re.sub(rf"{_QUOTE}{key}{_QUOTE}", "'\0'", text)
        if len(one.key) >= _SHORT or not (one.key.isalpha() or one.key.isdecimal()):
            text = re.sub(rf"(?<![\w-]){key}(?![\w-])", "\0", text)
    return text.partition(";")[0]


def _line(first: Outcome, count: int) -> str:
    many = f"{count} outputs, first " if count > 1 else ""
    return f"  {first.status.value:<8} {many}{plain(first.key, _KEY)}  {plain(first.error, _LINE)}"
