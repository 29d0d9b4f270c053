"""P(SHIP) of a candidate that changed nothing, for a given share of cases that flip from run to run.

Tells people whether their rules can pass a good build at all. Never an input to a verdict.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from stopship.model.rule import ALPHA, Mode, Rule
from stopship.model.verdict import Finding
from stopship.steps.judge import ALL_WEIGHT, rule_weights
from stopship.steps.stats.planning import binomial_weights, chance_of_pass_at
from stopship.steps.stats.pvalues import mcnemar_mid_p
from stopship.steps.stats.tails import binomial_at_least

FLIPS = (0.02, 0.05, 0.10)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScopeSize:
    """How many cases a rule has in one scope, and what it tolerates there."""

    rule: str
    mode: Mode
    n: int
    n_effective: float
    margin: float


def forecast(
    findings: Sequence[Finding], rules: Sequence[Rule], *, alpha: float
) -> tuple[tuple[float, float], ...]:
    """`chances` in the scopes of the findings."""
    sizes = [
        ScopeSize(
            rule=one.rule, mode=one.mode, n=one.n, n_effective=one.n_effective, margin=one.margin or 0.0
        )
        for one in findings
    ]
    return chances(sizes, rules, alpha=alpha)


def chances(
    sizes: Sequence[ScopeSize], rules: Sequence[Rule], *, alpha: float
) -> tuple[tuple[float, float], ...]:
    """(share of cases that flip, P(SHIP)) for each of 2, 5 and 10 % of flips; empty where it cannot be said.

    Flips are all-or-nothing and equally often for the better and the worse; with clusters, each counts as
    one case; rules and scopes are taken as independent, which errs towards a lower P. Limits, tails and
    margins in percent depend on more than flips: with a stop-ship rule of that kind nothing is said.
    """
    gating = [one for one in rules if one.stops and one.alpha is None]
    if any(one.limit or one.margin is None or one.margin.relative or one.margin.tail for one in gating):
        return ()
    weights = dict(zip((one.id for one in rules), rule_weights(rules, alpha=alpha), strict=True))
    table = []
    for flips in FLIPS:
        chance = 1.0
        for rule in gating:
            own = [one for one in sizes if one.rule == rule.id]
            chance *= _rule_chance(own, flips, alpha=alpha * weights[rule.id])
        table.append((flips, chance))
    return tuple(table)


def _rule_chance(sizes: Sequence[ScopeSize], flips: float, *, alpha: float) -> float:
    guards = [one for one in sizes if one.mode is Mode.GUARD and one.n]
    chance = 1.0
    for one in sizes:
        n = int(one.n_effective)
        if one.mode is Mode.PROVE:
            chance *= _pass_chance(flips, n, one.margin)
        elif one in guards:
            chance *= 1 - _alarm_chance(flips, n, one.margin, alpha * (1 - ALL_WEIGHT) / len(guards))
    return chance


@lru_cache(maxsize=4096)
def _pass_chance(flips: float, n: int, margin: float) -> float:
    return chance_of_pass_at(flips, n, margin=margin)


@lru_cache(maxsize=4096)
def _alarm_chance(flips: float, n: int, margin: float, level: float) -> float:
    """P(a guard of n unchanged cases is broken or suspect)."""
    total = 0.0
    fewest = 0  # worse ones that raise the alarm; one more change lifts it by 0 or 1
    for changed, weight in binomial_weights(n, flips):
        fewest = max(fewest, (changed + 1) // 2)
        while fewest <= changed and not _alarms(fewest, changed, n, margin, level):
            fewest += 1
        total += weight * binomial_at_least(fewest, changed, 0.5)
    return min(1.0, total)


def _alarms(worse: int, changed: int, n: int, margin: float, level: float) -> bool:
    """Whether this many worse ones of the changed make a guard broken or suspect."""
    p = mcnemar_mid_p(worse, changed - worse)
    return p <= level or (p <= ALPHA and (2 * worse - changed) / n >= margin)
