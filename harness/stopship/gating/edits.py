"""What a change edits of the rules that judge it, where those of another revision hold.

Decides which edits a reviewer has to see, as they count once it is merged. Never runs a scorer of the change.
"""

from dataclasses import replace

from stopship.model.suite import DeclaredRule, Suite
from stopship.store.shown import shown

_SHOWN = 5


def edits_of(own: Suite, judge: Suite) -> list[str]:
    """`right margin 10pt -> 90pt`, `[decide]`: a line for each edit. `judge`: the suite with what judges."""
    before, after = ({one.id: one for one in each.rules} for each in (judge, own))
    said = [f"rule {shown(one)} is gone" for one in before if one not in after]
    said += [f"rule {shown(one)} is new" for one in after if one not in before]
    said += [edit for one in before if one in after for edit in _of_rule(before[one], after[one])]
    if own.decide != judge.decide:
        said.append("[decide]")
    if _cohorts(own) != _cohorts(judge):
        said.append("[cohorts]")
    if own.columns != judge.columns:
        said.append("[columns]")
    if own.replay.lost_limit != judge.replay.lost_limit or own.replay.cluster != judge.replay.cluster:
        said.append("[replay]")
    if set(own.replay.unpinned) - set(judge.replay.unpinned):
        said.append("unpinned under [replay]")
    return said


def edit_note(own: Suite, judge: Suite) -> list[str]:
    """The note of a report; none where nothing is edited."""
    said = edits_of(own, judge)
    some = "; ".join(said[:_SHOWN]) + (f"; {len(said) - _SHOWN} more" if len(said) > _SHOWN else "")
    return [f"the change edits what will judge once it is merged: {some}"] if said else []


def _of_rule(old: DeclaredRule, new: DeclaredRule) -> list[str]:
    if replace(old, place="", note="", owner="") == replace(new, place="", note="", owner=""):
        return []
    told = []
    for part in ("compare", "limit"):
        before, after = getattr(old, part) or {}, getattr(new, part) or {}
        told += [
            f"{key} {before.get(key, 'none')} -> {after.get(key, 'none')}"
            for key in sorted(before.keys() | after.keys())
            if before.get(key) != after.get(key)
        ]
    names = ("score", "severity", "where", "must_pass", "expects_improvement", "incident_class")
    told += [name for name in names if getattr(old, name) != getattr(new, name)]
    return [f"{shown(new.id)} {shown(', '.join(told))}"]


def _cohorts(suite: Suite) -> list[object]:
    columns = [replace(one, place="") for one in suite.cohorts]
    named = [replace(one, place="") for one in suite.named]
    return [*columns, *named]
