"""P(SHIP) of a candidate that changed nothing, for a given share of cases that flip from run to run.

Tells people whether their rules can pass a good build at all. Never an input to a verdict.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from stopship.model.noise import NoiseFloor
from stopship.model.rule import ALPHA, Mode, Rule
from stopship.model.score import Kind
from stopship.model.verdict import Finding
from stopship.steps.metric import measure_candidate
from stopship.steps.pair import SELECTION
from stopship.steps.scored import Arm
from stopship.steps.stats.bounds import LEVEL
from stopship.steps.stats.planning import binomial_weights, chance_of_pass_at
from stopship.steps.stats.pvalues import mcnemar_mid_p
from stopship.steps.stats.tails import binomial_at_least, share_at_tail
from stopship.steps.weights import rule_weights, scope_weight

FLIPS = (0.02, 0.05, 0.10)
MEASURE_ANEW = "measure it anew with stopship noise"
_FEW = 100  # cases below which a measured share of flips is not taken at its word


@dataclass(frozen=True, slots=True, kw_only=True)
class ScopeSize:
    """How many cases a rule has in one scope, and what it tolerates there."""

    rule: str
    mode: Mode
    n: int
    n_effective: float
    margin: float
    scope: str = "all"


FlipsOf = Callable[[ScopeSize], float]
"""The share of cases that flip in a scope, 0..1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """What the accepted baseline shows of a rate that a limit holds."""

    n: int  # cases that count; clusters count as what they are worth
    misses: int  # of them, outside the limit in the baseline
    allowed: float  # share of misses that the limit allows


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """P(SHIP) of a candidate that changed nothing, and what the number rests on."""

    p_ship: tuple[tuple[float, float], ...] = ()  # (share of flips, P(SHIP)); empty: nothing is said
    assumes: tuple[str, ...] = ()
    is_measured: bool = False  # the flips were measured of these very cases
    unused: str = ""  # why noise that was measured is not what it rests on; "": it is, or there is none


def forecast(
    findings: Sequence[Finding],
    rules: Sequence[Rule],
    baseline: Arm,
    *,
    alpha: float,
    noise: NoiseFloor | str | None = None,
    repeats: float = 1,
) -> Forecast:
    """P(SHIP) in the scopes of the findings, with the limits that the baseline tells of.

    By the noise that was measured of these very cases, else as a table; `noise` that is a text says why there
    is none to use. `repeats`: outputs a case, the harmonic mean of both arms where they differ.
    """
    sizes = [
        ScopeSize(
            rule=one.rule,
            scope=one.scope,
            mode=one.mode,
            n=one.n,
            n_effective=one.n_effective,
            margin=one.margin or 0.0,
        )
        for one in findings
        if one.kind == "compare"
    ]
    promises = promises_of(findings, rules, baseline)
    measured, unused = told_by(noise, sizes, rules, alpha=alpha, promises=promises)
    return Forecast(
        p_ship=measured or chances(sizes, rules, alpha=alpha, promises=promises),
        assumes=assumptions(rules, promises, is_single=repeats == 1),
        is_measured=bool(measured),
        unused=unused,
    )


def promises_of(findings: Sequence[Finding], rules: Sequence[Rule], baseline: Arm) -> dict[str, Promise]:
    """The limits on a rate, as the baseline keeps them; of a mean's limit nothing is forecast."""
    worth = {one.rule: one.n_effective / one.n for one in findings if one.kind == "limit" and one.n}
    found = {}
    for rule in _gating(rules):
        is_rate = rule.scorer.scale.kind is Kind.BINARY and baseline.repeats == 1
        if rule.limit is None or rule.is_waived or not is_rate or rule.limit.tail is not None:
            continue
        group = f"{SELECTION}{rule.id}" if rule.where else ""
        values = measure_candidate(baseline, rule.scorer, rule.better, group=group).values
        if rule.id not in worth or not len(values):
            continue
        hits = int((values > 0).sum())
        misses = hits if rule.limit.at_most else len(values) - hits
        n = int(len(values) * worth[rule.id])
        found[rule.id] = Promise(
            n=n,
            misses=min(n, round(misses * worth[rule.id])),
            allowed=rule.limit.value if rule.limit.at_most else 1 - rule.limit.value,
        )
    return found


def chances(
    sizes: Sequence[ScopeSize],
    rules: Sequence[Rule],
    *,
    alpha: float,
    promises: Mapping[str, Promise] | None = None,
) -> tuple[tuple[float, float], ...]:
    """(share of cases that flip, P(SHIP)) for each of 2, 5 and 10 % of flips; empty where it cannot be said.

    Flips are all-or-nothing and equally often for the better and the worse; with clusters, each counts as
    one case; rules and scopes are taken as independent, which errs towards a lower P. What it leaves out is
    told by `assumptions`; where that is all there is, nothing is said.
    """
    known = promises or {}
    gating = _gating(rules)
    if not any(_is_told(one, known) for one in gating):
        return ()
    table = []
    for flips in FLIPS:
        chance = _chance(sizes, rules, lambda _, flips=flips: flips, alpha=alpha)  # type: ignore[misc]
        for rule in gating:
            if rule.id in known:
                chance *= _kept_chance(flips, known[rule.id])
        table.append((flips, chance))
    return tuple(table)


def told_by(
    noise: NoiseFloor | str | None,
    sizes: Sequence[ScopeSize],
    rules: Sequence[Rule],
    *,
    alpha: float,
    promises: Mapping[str, Promise] | None = None,
) -> tuple[tuple[tuple[float, float], ...], str]:
    """`measured_chance` where there is noise that tells it, else nothing and why; "": there is no noise."""
    if not isinstance(noise, NoiseFloor):
        return (), noise or ""
    unknown = [one.id for one in _measurable(rules, promises or {}) if noise.of(one.id, "all") is None]
    if unknown:
        return (), f"noise.json is out of date, without the rule {unknown[0]}: {MEASURE_ANEW}"
    found = measured_chance(sizes, rules, noise, alpha=alpha, promises=promises)
    return found, ""


def _measurable(rules: Sequence[Rule], promises: Mapping[str, Promise]) -> list[Rule]:
    """The rules of which measured flips say something."""
    return [one for one in _gating(rules) if _is_in_points(one) or one.id in promises]


def measured_chance(
    sizes: Sequence[ScopeSize],
    rules: Sequence[Rule],
    noise: NoiseFloor,
    *,
    alpha: float,
    promises: Mapping[str, Promise] | None = None,
) -> tuple[tuple[float, float], ...]:
    """As `chances`, with the noise that was measured of these very cases: one pair.

    Its share of flips is the mean over the rules, of single outputs. A score that is not 0 or 1 flips as
    often as a binary one of the same variance would. Several outputs a case are taken for one: their means
    vary less and are held to wider bounds, and both at once have no formula. A scope of fewer than 100 cases
    is taken to flip at least as often as all cases: few tell little of rare flips.
    """
    known = promises or {}
    gating = _measurable(rules, known)
    told = [found for rule in gating if (found := noise.of(rule.id, "all")) is not None]
    if len(told) < len(gating) or not told:
        return ()

    def flips(size: ScopeSize) -> float:
        found = noise.of(size.rule, size.scope)
        own, whole = (0.0 if one is None else 2 * one.variance for one in (found, noise.of(size.rule, "all")))
        few = found is None or found.cases < _FEW
        return min(1.0, max(own, whole) if few else own)

    chance = _chance(sizes, rules, flips, alpha=alpha)
    for rule, found in zip(gating, told, strict=True):
        if rule.id in known:
            chance *= _kept_chance(found.flips, known[rule.id])
    return ((sum(one.flips for one in told) / len(told), chance),)


def _chance(sizes: Sequence[ScopeSize], rules: Sequence[Rule], flips_of: FlipsOf, *, alpha: float) -> float:
    """P(SHIP) as far as comparisons in points decide it."""
    gating = _gating(rules)
    weights = dict(zip((one.id for one in rules), rule_weights(rules, alpha=alpha), strict=True))
    chance = 0.0 if any(one.expects_improvement for one in gating) else 1.0
    for rule in gating:
        if _is_in_points(rule):
            own = [one for one in sizes if one.rule == rule.id]
            chance *= _rule_chance(own, flips_of, alpha=alpha * weights[rule.id])
    return chance


def _is_in_points(rule: Rule) -> bool:
    return rule.margin is not None and not rule.margin.relative and rule.margin.tail is None


def assumptions(
    rules: Sequence[Rule],
    promises: Mapping[str, Promise] | None = None,
    *,
    deterministic: bool = False,
    is_single: bool = True,
) -> tuple[str, ...]:
    """What P(SHIP) takes for granted: phrases that begin with `if`, `without` or `as if`."""
    gating, known = _gating(rules), promises or {}
    said = tuple(_assumed(gating, known, deterministic=deterministic))
    if is_single or deterministic or not any(_is_in_points(one) for one in gating):
        return said
    return (*said, "as if each case had one output")


def _assumed(gating: Sequence[Rule], known: Mapping[str, Promise], *, deterministic: bool) -> Iterator[str]:
    kept = []
    if any(one.limit is not None and one.id not in known and not one.is_waived for one in gating):
        kept.append("its limits are kept")
    if any(one.must_pass is not None for one in gating):
        kept.append("its must-pass cases pass" if deterministic else "its must-pass cases do not flip")
    if kept:
        yield f"if {' and '.join(kept)}"
    if not deterministic and any(
        one.margin is not None and one.margin.relative and one.margin.tail is None for one in gating
    ):
        yield "without rules in percent"
    if not deterministic and any(_is_tail(one) for one in gating):
        yield "without rules on tails"


def _is_tail(rule: Rule) -> bool:
    return any(one is not None and one.tail is not None for one in (rule.margin, rule.limit))


def _gating(rules: Sequence[Rule]) -> list[Rule]:
    return [one for one in rules if one.stops and one.alpha is None]


def _is_told(rule: Rule, known: Mapping[str, Promise]) -> bool:
    """Whether flips alone say something of the rule."""
    return _is_in_points(rule) or rule.id in known or rule.must_pass is not None or rule.expects_improvement


def _rule_chance(sizes: Sequence[ScopeSize], flips_of: FlipsOf, *, alpha: float) -> float:
    guards = [one for one in sizes if one.mode is Mode.GUARD and one.n]
    chance = 1.0
    for one in sizes:
        n, flips = int(one.n_effective), flips_of(one)
        if one.mode is Mode.PROVE:
            chance *= _pass_chance(flips, n, one.margin)
        elif one in guards:
            chance *= 1 - _alarm_chance(
                flips, n, one.margin, alpha * scope_weight(is_all=False, cohorts=len(guards))
            )
    return chance


@lru_cache(maxsize=4096)
def _pass_chance(flips: float, n: int, margin: float) -> float:
    return chance_of_pass_at(flips, n, margin=margin)


@lru_cache(maxsize=4096)
def _kept_chance(flips: float, promise: Promise) -> float:
    """P(Clopper & Pearson's bound clears the limit): the baseline's misses, and flips either way alike."""
    n = promise.n
    most, broken = -1, n  # misses with which the limit is still proven, and with which it is not
    while broken - most > 1:
        middle = (most + broken) // 2
        is_kept = share_at_tail(middle + 1, n, LEVEL) <= promise.allowed
        most, broken = (middle, broken) if is_kept else (most, middle)
    total = 0.0
    for changed, weight in binomial_weights(n, flips):
        # misses after: before + worse - (changed - worse)
        worse = (most - promise.misses + changed) // 2 + 1  # the fewest that break it
        total += weight * (1.0 if worse > changed else 1 - binomial_at_least(max(0, worse), changed, 0.5))
    return max(0.0, min(1.0, total))


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
