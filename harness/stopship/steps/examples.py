"""Which cases of a finding are described, and how they read before and after.

Decides the order and the number shown; judges nothing.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from stopship.model.rule import Mode
from stopship.model.verdict import Example, Finding, WorseCase
from stopship.steps.scored import Arm

_SIFTED = 100  # of the worst cases, from which those are described that most checks find worse
_WORST = 20  # cases a finding describes one by one; all of them are named by key


@dataclass(frozen=True, kw_only=True)
class Sides:
    """Where the cases of a finding are looked up."""

    baseline: Arm | None
    candidate: Arm
    before: Mapping[str, int]  # key -> row, of cases that both arms have
    after: Mapping[str, int]


def sides(baseline: Arm | None, candidate: Arm) -> Sides:
    """The rows of each case in both arms."""
    after = {key: row for row, key in enumerate(candidate.keys)}
    before = {key: row for row, key in enumerate(baseline.keys) if key in after} if baseline else {}
    return Sides(baseline=baseline, candidate=candidate, before=before, after=after)


def described(
    findings: Sequence[Finding], looked_up: Mapping[tuple[str, str], Sides], own: Sides
) -> tuple[Finding, ...]:
    """The findings with their worst cases, those first that other checks find worse too.

    `looked_up` holds, by kind and rule, what was compared with another run than the baseline.
    """
    often = Counter(key for one in findings if one.is_broken or one.holds for key in one.worse_keys)
    return tuple(_with_worst(one, looked_up.get((one.kind, one.rule), own), often) for one in findings)


def _with_worst(finding: Finding, found: Sides, often: Mapping[str, int]) -> Finding:
    if finding.metric not in found.candidate.scores:
        return finding
    worst = []
    for key in sorted(finding.worse_keys[:_SIFTED], key=lambda key: -often[key])[:_WORST]:
        if key not in found.before and found.baseline is not None and finding.kind != "must_pass":
            continue  # a new case, known to the candidate alone
        after = found.candidate.scores[finding.metric]
        new = found.after[key]
        worst.append(
            WorseCase(
                key=key,
                before=_told(found.baseline, finding.metric, found.before.get(key)),
                after=after.labels[new] or f"{after.values[new]:.6g}",
                reason=after.reasons[new],
            )
        )
    return replace(finding, worst=tuple(worst))


def _told(arm: Arm | None, metric: str, row: int | None) -> str:
    if arm is None or row is None:
        return ""
    column = arm.scores[metric]
    return column.labels[row] or f"{column.values[row]:.6g}"


def examples_of(
    findings: Iterable[Finding], looked_up: Mapping[tuple[str, str], Sides], own: Sides, most: int
) -> tuple[Example, ...]:
    """The worst cases of the finding that matters most: broken cohorts, then what holds, then the rest."""
    shown = [one for one in _by_urgency(findings) if one.worst][:1]
    return tuple(
        Example(
            key=case.key,
            rule=finding.rule,
            scope=finding.scope,
            before_label=case.before,
            after_label=case.after,
            before=_opening(found.baseline, found.before.get(case.key)),
            after=_opening(found.candidate, found.after[case.key]),
            reason=case.reason,
            kind=finding.kind,
        )
        for finding in shown
        for found in [looked_up.get((finding.kind, finding.rule), own)]
        for case in finding.worst[:most]
    )


def _opening(arm: Arm | None, row: int | None) -> str:
    return "" if arm is None or row is None else arm.openings[row].decode("utf-8", "surrogatepass")


def _by_urgency(findings: Iterable[Finding]) -> list[Finding]:
    def urgency(one: Finding) -> tuple[bool, bool, bool, float]:
        return (not one.is_broken, not one.holds, one.scope == "all", one.harm)

    return sorted((one for one in findings if one.mode is not Mode.WATCH), key=urgency)
