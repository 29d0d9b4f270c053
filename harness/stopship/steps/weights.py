"""How the error rate of a suite is shared by its rules, and that of a rule by its scopes.

Depends on what the suite declares alone, never on outputs.
"""

from collections.abc import Sequence

from stopship.model.rule import Rule

ALL_WEIGHT = 0.5  # of a rule's error rate on `all`; the tested cohorts share the rest


def rule_weights(rules: Sequence[Rule], *, alpha: float) -> list[float]:
    """The part of alpha each rule may spend: equal parts for stop-ship rules, all of it for a warning,
    its own where the rule says so. What is not tested (`must_pass`) spends nothing."""
    sharing = sum(1 for one in rules if one.stops and one.alpha is None and _is_tested(one))
    return [
        one.alpha / alpha
        if one.alpha is not None
        else (1 / sharing if one.stops and _is_tested(one) else 1.0)
        for one in rules
    ]


def scope_weight(*, is_all: bool, cohorts: int) -> float:
    """The part of its rule's alpha that a tested scope may spend; `cohorts`: how many are tested."""
    if not cohorts:
        return 1.0
    return ALL_WEIGHT if is_all else (1 - ALL_WEIGHT) / cohorts


def _is_tested(rule: Rule) -> bool:
    return rule.margin is not None or rule.limit is not None or rule.anchor_margin is not None
