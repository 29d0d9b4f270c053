"""Which must-pass cases are known to pass every time, and how often they stop a build that changed nothing.

Decides whether an admission still speaks of a case. Never admits one, and never changes a verdict.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from math import prod

from stopship.gating.opened import GOLDEN, OpenSuite
from stopship.gating.workplace import Workplace
from stopship.model.canonical import digest
from stopship.model.golden import Admission
from stopship.model.rule import IncidentClass, Rule
from stopship.steps.stats.golden import Confirmation, expected_false_alarms, most_false_alarms
from stopship.store.golden import read_golden

OF_THREE = 3  # outputs of a must-pass case that failed, of which two decide
COMMAND = "stopship golden admit SUITE"


def must_pass_keys(opened: OpenSuite, rule: Rule) -> tuple[str, ...]:
    """The cases that a rule lets none of fail; none for a rule that has no such cases."""
    if rule.must_pass is None:
        return ()
    wanted = rule.must_pass
    return tuple(key for key in opened.cases if all(one.matches(opened.row(key)) for one in wanted))


def judged_by(opened: OpenSuite, rule: Rule, key: str) -> str:
    """A digest of what decides whether an output of the case passes."""
    return digest([rule.scorer.digest, rule.better.value, dict(opened.labels.get(key, {}))])


def is_valid(opened: OpenSuite, rule: Rule, one: Admission) -> bool:
    """Whether an admission is of the case, labels and scorer that there are."""
    return opened.case_digests.get(one.key) == one.case and judged_by(opened, rule, one.key) == one.judged


def golden_notes(opened: OpenSuite, place: Workplace) -> list[str]:
    """What a report says of a suite's must-pass cases, where the target may vary. Raises EvidenceError.

    An admission is a property of what was accepted, and read where the pointer is read: where a revision
    judges, a change can neither add one nor take one away.
    """
    rules = [one for one in opened.rules if one.must_pass is not None and one.stops]
    if not rules or opened.suite.replay.deterministic:
        return []
    known = {(one.rule, one.key): one for one in read_golden(place.golden_path)}
    wanted = [(rule, key) for rule in rules for key in must_pass_keys(opened, rule)]
    held = [
        (rule, known[rule.id, key].times)
        for rule, key in wanted
        if (rule.id, key) in known and is_valid(opened, rule, known[rule.id, key])
    ]
    notes = []
    if lacking := len(wanted) - len(held):
        are = "case is" if lacking == 1 else "cases are"
        notes.append(
            f"{lacking} of {len(wanted)} must-pass {are} not admitted: nobody knows how often an unchanged "
            f"build fails there; {COMMAND}"
        )
    if held:
        notes.append(alarm_text(held, repeats=opened.suite.replay.repeats))
    if _is_edited(place):
        notes.append(f"{GOLDEN} was changed since that revision: the admissions of the revision count")
    return notes


def _is_edited(place: Workplace) -> bool:
    """Whether the working tree admits others than the revision that judges."""
    paths = (place.golden_path, place.own_golden_path)
    return paths[0] != paths[1] and len({path.read_bytes() if path.is_file() else b"" for path in paths}) > 1


def alarm_text(held: Iterable[tuple[Rule, int]], *, repeats: int) -> str:
    """How often a build that changed nothing is stopped by admitted cases: `held` is a rule and K of each."""
    groups = Counter((_confirmation(rule), times) for rule, times in held)
    counts = [(how, times, cases) for (how, times), cases in groups.items()]
    likely = _any([expected_false_alarms(n, k, how, outputs=repeats) for how, k, n in counts])
    most = _any([most_false_alarms(n, k, how, outputs=repeats) for how, k, n in counts])
    cases = sum(groups.values())
    told = "1 admitted must-pass case stops" if cases == 1 else f"{cases} admitted must-pass cases stop"
    return (
        f"{told} a build that changed nothing on about {percent(likely)} of nights, on at most "
        f"{percent(most)} if each fails as often as its passes leave possible"
    )


def _confirmation(rule: Rule) -> Confirmation:
    """The safety class stops on the first failure; so does every class where three outputs were drawn."""
    if rule.incident_class is IncidentClass.SAFETY:
        return Confirmation.FIRST_FAIL
    return Confirmation.TWO_OF_THREE


def _any(chances: Sequence[float]) -> float:
    return 1.0 - prod(1.0 - one for one in chances)


def percent(share: float) -> str:
    """`0.71 %`, `12 %`, `under 0.01 %`."""
    value = 100 * share
    if 0 < value < 0.01:
        return "under 0.01 %"
    return f"{value:.2g} %" if value < 99.5 else f"{value:.3g} %"
