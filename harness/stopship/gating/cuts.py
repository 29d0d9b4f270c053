"""Outputs that ended before they were done, as a report tells them.

Decides how many were cut at their limit of tokens, and how many a filter held back. Never judges one: half an
answer may be a whole one.
"""

from stopship.model.case import FILTERED
from stopship.model.run import Run, Status

CUT = "length"
_NAMES = {
    CUT: "cut at their limit of tokens",
    FILTERED: "held back by the provider's filter (they count as unanswered)",
}


def cut_notes(candidate: Run, baseline: Run | None) -> tuple[str, ...]:
    """For a report: of which of them the candidate has more than the baseline."""
    notes = []
    for reason, name in _NAMES.items():
        own, all_own = _count(candidate, reason)
        before, all_before = _count(baseline, reason) if baseline is not None else (0, 0)
        if own * max(all_before, 1) <= before * all_own:
            continue
        same = "" if all_before == all_own else f" of {all_before}"
        rest = f", {before}{same} in the baseline" if baseline is not None else ""
        notes.append(f"{name}: {own} of {all_own} outputs{rest}")
    return tuple(notes)


def _count(run: Run, reason: str) -> tuple[int, int]:
    """How many outputs ended for this reason, of how many that there are."""
    told = [one.trace.get("finish_reason") for one in run.outcomes if one.status is Status.OK]
    return told.count(reason), len(told)
