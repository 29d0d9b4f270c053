"""P(SHIP) of a candidate that changed nothing, for a given share of cases that flip from run to run.

Tells people whether their rules can pass a good build at all. Never an input to a verdict.
"""

from collections.abc import Sequence
from functools import lru_cache

from stopship.model.rule import ALPHA, Mode, Rule
from stopship.steps.judge import ALL_WEIGHT, margin_of, rule_weights
from stopship.steps.pair import Pairing
from stopship.steps.stats.planning import binomial_weights, chance_of_pass_at
from stopship.steps.stats.pvalues import binomial_at_least, mcnemar_mid_p

FLIPS = (0.02, 0.05, 0.10)


def forecast(pairing: Pairing, rules: Sequence[Rule], *, alpha: float) -> tuple[tuple[float, float], ...]:
    """(share of cases that flip, P(SHIP)) for each of 2, 5 and 10 % of flips.

    Flips are all-or-nothing and equally often for the better and the worse; rules and scopes are taken as
    independent, which errs towards a lower P. Rules on unbounded scores and limits are left out.
    """
    table = []
    for flips in FLIPS:
        chance = 1.0
        for rule, weight in zip(rules, rule_weights(rules, alpha=alpha), strict=True):
            if rule.stops and rule.alpha is None and rule.margin is not None and not rule.margin.relative:
                chance *= _rule_chance(pairing, rule, flips, alpha=alpha * weight)
        table.append((flips, chance))
    return tuple(table)


def _rule_chance(pairing: Pairing, rule: Rule, flips: float, *, alpha: float) -> float:
    guards = [one for one in pairing.scopes if one.mode is Mode.GUARD]
    whole = next(one for one in pairing.scopes if one.name == "all")
    chance = _pass_chance(flips, len(whole.members), margin_of(rule, whole).share)
    for scope in guards:
        level = alpha * (1 - ALL_WEIGHT) / len(guards)
        chance *= 1 - _alarm_chance(flips, len(scope.members), margin_of(rule, scope).share, level)
    return chance


@lru_cache(maxsize=4096)
def _pass_chance(flips: float, n: int, margin: float) -> float:
    return chance_of_pass_at(flips, n, margin=margin)


@lru_cache(maxsize=4096)
def _alarm_chance(flips: float, n: int, margin: float, level: float) -> float:
    """P(a guard of n unchanged cases is broken or suspect)."""
    total = 0.0
    for changed, weight in binomial_weights(n, flips):
        low, high = (changed + 1) // 2, changed + 1  # the fewest worse ones that raise the alarm
        while low < high:
            middle = (low + high) // 2
            p = mcnemar_mid_p(middle, changed - middle)
            if p <= level or (p <= ALPHA and (2 * middle - changed) / n >= margin):
                high = middle
            else:
                low = middle + 1
        if low <= changed:
            total += weight * binomial_at_least(low, changed, 0.5)
    return min(1.0, total)
