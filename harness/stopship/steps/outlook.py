"""What can be said of a suite before any output: which rules these cases can never prove, and P(SHIP).

Decides from the cases and rules alone: an imagined run that changed nothing is paired with itself, and every
scope is asked whether it could pass. Never an input to a verdict, and never calls a scorer.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import ceil, floor, log

import numpy as np

from stopship.errors import nearest
from stopship.model.case import Case, Json, Trace
from stopship.model.columns import Columns, Condition, Group, cohort_value
from stopship.model.noise import NoiseFloor
from stopship.model.rule import PROMISED_BEYOND, PROVABLE_BEYOND, Margin, Mode, Rule, Tail
from stopship.model.score import Direction, Kind
from stopship.steps.arm import Scoring
from stopship.steps.forecast import FLIPS, ScopeSize, assumptions, chances, told_by
from stopship.steps.limits import best_inside
from stopship.steps.metric import rows_of
from stopship.steps.pair import MUST, SELECTION, Pairing, Scope, chosen, clusters_of, pair
from stopship.steps.scored import Arm
from stopship.steps.stats.bounds import LEVEL, Z, lower_bound, smallest_n
from stopship.steps.stats.pvalues import MIN_CLUSTERS
from stopship.steps.stats.sample import Codes, Sample
from stopship.steps.tail import too_few, too_few_to_prove, worst_end

_WIDEST = 0.25  # a margin beyond this is no advice
_MOST_NEEDED = 100_000  # cases up to which it is computed how many a mean's limit needs


@dataclass(frozen=True, kw_only=True)
class CaseTable:
    """The cases of a suite with their labels, and what their columns mean."""

    keys: Sequence[str]
    rows: Iterable[Mapping[str, Json]]  # one a key, as often as they are gone through
    columns: Columns
    names: frozenset[str] | None = None  # of the columns of all rows; None: the rows tell

    @cached_property
    def seen(self) -> frozenset[str]:
        """The columns that some case or label has, and that of the key."""
        names = self.names
        if names is None:
            names = frozenset(name for row in self.rows for name in row)
        return names | {self.columns.key}


@dataclass(frozen=True, slots=True, kw_only=True)
class Blind:
    """A stop-ship rule that no output could prove in one scope, and what would mend it."""

    rule: str
    scope: str
    says: str  # one sentence for people, the rule's id first

    def __str__(self) -> str:
        return self.says


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """What a suite can decide. Estimates and warnings for people."""

    cases: int
    clusters: int
    p_ship: tuple[tuple[float, float], ...]  # (share of cases that flip, P(SHIP)); empty: cannot be said
    blind: tuple[Blind, ...] = ()
    faults: tuple[str, ...] = ()  # cohorts that no case is in: slips of the suite file
    because: str = ""  # why an identical build never ships, with the rule; empty: it may
    assumes: tuple[str, ...] = ()  # what P(SHIP) takes for granted, as long as no baseline was scored
    sizes: tuple[ScopeSize, ...] = ()  # of every scope of every rule that compares means
    is_measured: bool = False  # the flips of P(SHIP) were measured on these cases
    noise: str = ""  # why the measured noise was not used; "": it was, or there is none


def outlook(
    rules: Sequence[Rule],
    table: CaseTable,
    alpha: float,
    *,
    deterministic: bool,
    repeats: int = 1,
    noise: NoiseFloor | str | None = None,
) -> Outlook:
    """What these rules can decide on these cases; `repeats`: outputs a case and arm.

    An identical build of a deterministic target flips no case: it ships surely or never. Otherwise P(SHIP) is
    that at the `noise` measured of these very cases, or else a table over 2, 5 and 10 % of flips, as
    `forecast` makes it; noise that is a text says why there is none to use. A scorer of the user's own is
    taken to judge every case, as only its code knows better.
    """
    if not table.keys:
        why = "there are no cases, so nothing can be proven"
        return Outlook(cases=0, clusters=0, p_ship=((0.0, 0.0),), faults=(why,), because="it has no cases")
    pairing = _imagined(rules, table)
    blind: list[Blind] = []
    sizes: list[ScopeSize] = []
    for rule in rules:
        kept = _judged(rule, table)
        found = list(_selection_faults(rule, table, kept))
        if not found and rule.margin is not None and rule.margin.tail is not None:
            found += _tail(rule, pairing.baseline, kept, rule.margin.tail, PROVABLE_BEYOND)
        elif not found and rule.margin is not None:
            found += _compare(rule, pairing, kept, sizes)
        if not found and rule.limit is not None and rule.limit.tail is not None:
            found += _tail(rule, pairing.baseline, kept, rule.limit.tail, PROMISED_BEYOND)
        elif not found and rule.limit is not None:
            found += _limit(rule, pairing.baseline, kept, is_single=repeats == 1)
        blind += found if rule.stops else ()
    clusters = pairing.clusters
    because = _never_ships(rules, blind)
    measured, unused = told_by(noise, sizes, rules, alpha=alpha)
    if because or deterministic:
        measured, unused = (), "" if deterministic else unused
    return Outlook(
        cases=len(table.keys),
        clusters=len(table.keys) if clusters is None else len(np.unique(clusters)),
        p_ship=measured or _p_ship(rules, sizes, alpha, never=bool(because), deterministic=deterministic),
        sizes=tuple(sizes),
        is_measured=bool(measured),
        noise=unused,
        blind=tuple(blind),
        because=because,
        assumes=() if because else assumptions(rules, deterministic=deterministic, is_single=repeats == 1),
        faults=tuple(_cohort_faults(table, pairing)),
    )


def _imagined(rules: Sequence[Rule], table: CaseTable) -> Pairing:
    """A run of all cases, paired with itself: its scopes and clusters are those of every complete run."""
    columns = replace(table.columns, output=None, latency=None, cost=None)
    known = {one.name for one in columns.groups}
    groups = [Group(name=SELECTION + one.id, where=one.where) for one in rules if one.where]
    groups += [Group(name=MUST + one.id, where=one.must_pass) for one in rules if one.must_pass]
    groups = [*columns.groups, *(one for one in groups if one.name not in known)]
    seen = table.seen  # a group of a column that no case has is told as a fault
    columns = replace(columns, groups=tuple(one for one in groups if _columns(one.where) <= seen))
    scoring = Scoring("cases", columns, ())
    nothing = Trace(has_output=False)
    for key, row in zip(table.keys, table.rows, strict=True):
        named = row if row.get(columns.key) == key else {**row, columns.key: key}
        scoring.add(key, named, b"", nothing)
    arm = scoring.finish()
    return pair(arm, arm, columns)


def _judged(rule: Rule, table: CaseTable) -> dict[str, bool]:
    """Which cases the rule's scorer has something to judge in, by key."""
    column = table.columns.expected
    if "expected" not in rule.scorer.needs or column is None:
        return dict.fromkeys(table.keys, "expected" not in rule.scorer.needs)
    rows = zip(table.keys, table.rows, strict=True)
    return {key: Case(key, row, None, row.get(column)).has_expected for key, row in rows}


def _compare(
    rule: Rule, pairing: Pairing, judged: Mapping[str, bool], sizes: list[ScopeSize]
) -> Iterator[Blind]:
    pairs = chosen(pairing, SELECTION + rule.id) if rule.where else pairing
    kept = np.array([judged[key] for key in pairs.keys], dtype=np.bool_)
    for scope in pairs.scopes:
        members = scope.members[kept[scope.members]]
        clusters = None if pairs.clusters is None else _coded(pairs.clusters[members])
        n, groups = _effective(len(members), clusters)
        mode = rule.mode if scope.name == "all" else scope.mode
        margin = rule.margin if scope.name == "all" else rule.cohort_margin or rule.margin
        assert margin is not None  # noqa: S101  # the caller's condition
        sizes.append(
            ScopeSize(
                rule=rule.id,
                scope=scope.name,
                mode=mode,
                n=len(members),
                n_effective=n,
                margin=margin.share,
            )
        )
        if mode is not Mode.PROVE:
            continue
        if clusters is not None and groups < MIN_CLUSTERS:
            yield _blind(rule, scope.name, f"{_cases(len(members))} in {_few_clusters(groups)}")
        elif not n or _floor(n) >= margin.share:
            yield _blind(rule, scope.name, _too_few(len(members), n, margin, scope))


def _coded(clusters: Codes) -> Codes | None:
    """Cluster codes from 0 on; None where every case stands alone."""
    names, codes = np.unique(clusters, return_inverse=True)
    return None if len(names) == len(codes) else codes.astype(np.int64)


def _effective(n: int, clusters: Codes | None) -> tuple[float, int]:
    """How many independent cases these count as, and how many clusters they form."""
    if clusters is None or not n:
        return float(n), n
    sample = Sample(differences=np.zeros(n), clusters=clusters)
    return sample.n_effective, sample.n_clusters


def _floor(n: float) -> float:
    """How much worse an unchanged candidate of n cases cannot be shown not to be; a share of the span."""
    return Z * Z / (n + Z * Z)


def _too_few(cases: int, n: float, margin: Margin, scope: Scope) -> str:
    needed = smallest_n(margin.share)
    counted = _cases(cases) + (f" that count as {n:.3g} independent ones" if n < cases else "")
    wider = (floor(_floor(n) * 100) + 1) / 100
    name = "the margin" if scope.name == "all" else "cohort_margin"
    do = ["add cases"]
    if wider <= _WIDEST:
        do.append(f"widen {name} to {Margin(wider, margin.relative)}")
    if scope.name != "all":
        do.append("make the cohort a guard")
    at_least = " or more" if margin.relative else ""
    told = ", ".join(do[:-1]) + (", or " if do[:-1] else "") + do[-1]
    return f"{counted}, needs {needed:.0f}{at_least} for a margin of {margin}; {told}"


def _few_clusters(groups: int) -> str:
    noun = "cluster" if groups == 1 else "clusters"
    return f"{groups} {noun}, needs {MIN_CLUSTERS} clusters; add cases of other conversations or users"


def _tail(rule: Rule, arm: Arm, judged: Mapping[str, bool], tail: Tail, least: int) -> Iterator[Blind]:
    """Whether enough of these cases could be expected beyond the quantile."""
    rows = _own_rows(rule, arm, judged)
    n, _ = _effective(len(rows), clusters_of(arm, rows))
    if why := too_few(n, tail) or too_few_to_prove(n, tail, worst_end(rule), least):
        yield _blind(rule, "all", f"{_cases(len(rows))}: {why}; add cases")


def _own_rows(rule: Rule, arm: Arm, judged: Mapping[str, bool]) -> Codes:
    """The rows that a rule looks at and has something to judge in."""
    rows = rows_of(arm, SELECTION + rule.id if rule.where else "")
    return np.array([row for row in rows.tolist() if judged[arm.keys[row]]], dtype=np.int64)


def _limit(rule: Rule, arm: Arm, judged: Mapping[str, bool], *, is_single: bool) -> Iterator[Blind]:
    """Whether a candidate with the best score in every case could keep the promise."""
    limit = rule.limit
    assert limit is not None  # noqa: S101  # the caller's condition
    rows = _own_rows(rule, arm, judged)
    n, clusters = len(rows), clusters_of(arm, rows)
    groups = n if clusters is None else len(np.unique(clusters))
    if clusters is not None and groups < MIN_CLUSTERS:
        yield _blind(rule, "all", f"{_cases(n)} in {_few_clusters(groups)}")
    elif rule.scorer.scale.kind is Kind.BINARY and clusters is None and is_single:
        share = limit.value if limit.at_most else 1 - limit.value
        needed = ceil(log(1 - LEVEL) / log(1 - share)) if 0 < share < 1 else 1
        if n < needed:
            yield _blind(rule, "all", f"{_cases(n)}, needs {needed} to prove {limit}; add cases")
    elif not n or not _can_be_kept(rule, n, clusters):
        needed = _needed(rule)
        least = f"needs {needed}" if needed else f"needs more than {_MOST_NEEDED}"
        independent = " independent ones" if clusters is not None else ""
        yield _blind(rule, "all", f"{_cases(n)}, {least}{independent} to prove {limit}; add cases")


def _can_be_kept(rule: Rule, n: int, clusters: Codes | None = None) -> bool:
    value, span = _best(rule)
    limit = rule.limit
    assert limit is not None  # noqa: S101  # the callers' condition
    inside, best = (limit.value - value) if limit.at_most else (value - limit.value), best_inside(rule)
    lost = Sample(differences=np.full(n, inside - best), span=span, clusters=clusters)
    return lower_bound(lost, is_shifted=not best, is_lost=bool(best)).value + best >= 0


def _best(rule: Rule) -> tuple[float, float]:
    """The best mean a candidate could have, and the span of the scores then; without a range, far inside."""
    limit, scale = rule.limit, rule.scorer.scale
    assert limit is not None  # noqa: S101  # the callers' condition
    if scale.is_bounded:
        return (scale.high if rule.better is Direction.HIGHER else scale.low), scale.span
    size = abs(limit.value) or 1.0
    outward = -1.0 if limit.at_most else 1.0
    value = outward * size * (1e3 if limit.value * outward >= 0 else -1e-3)
    return value, abs(value)


def _needed(rule: Rule) -> int:
    """The fewest independent cases that could keep a mean's promise; 0: more than are tried."""
    low, high = 0, 1
    while not _can_be_kept(rule, high):
        low, high = high, high * 2
        if high > _MOST_NEEDED:
            return 0
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if _can_be_kept(rule, middle) else (middle, high)
    return high


def _selection_faults(rule: Rule, table: CaseTable, judged: Mapping[str, bool]) -> Iterator[Blind]:
    """Conditions of the rule that choose no case, and cases that must pass and never can."""
    for word, where in (("where", rule.where), ("must_pass", rule.must_pass)):
        if where is None:
            continue
        keys = table.keys
        if where:
            rows = zip(table.keys, table.rows, strict=True)
            keys = [key for key, row in rows if all(one.matches(row) for one in where)]
        if not keys or not _columns(where) <= table.seen:
            told = " and ".join(_printable(str(one)) for one in where)
            yield _blind(rule, "all", f"{word} chooses no case: none has {told}{_slip(where, table)}")
        elif word == "must_pass" and (silent := [key for key in keys if not judged[key]]):
            told = f"{_cases(len(silent))} of {len(keys)} that must pass, {_printable(repr(silent[0]))} first"
            yield _blind(rule, "all", f"{told}, say nothing of what is expected; add it, or narrow must_pass")


def _slip(where: Sequence[Condition], table: CaseTable) -> str:
    """What may have been meant by the first condition that alone matches nothing."""
    columns = table.seen
    for one in where:
        if one.column not in columns:
            return f"; the column {one.column!r}: {_printable(nearest(one.column, sorted(columns)))}"
        if any(one.matches(row) for row in table.rows):
            continue
        return f"; {_nearest_value(one.glob, one.column, table)}"
    return "; each condition alone has some"


def _columns(where: Sequence[Condition]) -> set[str]:
    return {one.column for one in where}


def _nearest_value(value: str, column: str, table: CaseTable) -> str:
    values = {cohort_value(row.get(column)) for row in table.rows}
    return _printable(nearest(value, sorted(values)))


def _cohort_faults(table: CaseTable, pairing: Pairing) -> Iterator[str]:
    """Cohorts whose mode is written down, or that are named, and that no case is in."""
    filled = {one.name for one in pairing.scopes if len(one.members)}
    columns = table.columns
    named = [one for one in columns.groups if not one.name.startswith((SELECTION, MUST))]
    for one in named:
        if one.name not in filled:
            yield f"no case is in the cohort {one.name!r}{_slip(one.where, table)}"
    names = {one.name for one in named}
    for scope, mode in columns.modes:
        if scope in filled or scope in names:
            continue
        column = next((one for one in columns.cohorts if scope.startswith(f"{one}=")), "")
        value = scope.removeprefix(f"{column}=")
        known = _nearest_value(value, column, table) if column else "no such cohort is declared"
        yield f"no case has {_printable(scope)}, which is to {mode}; {known}"


def _never_ships(rules: Sequence[Rule], blind: Sequence[Blind]) -> str:
    """Which rule keeps a build that changed nothing from shipping; empty: none surely does."""
    names = list(dict.fromkeys(_printable(one.rule) for one in blind))
    if names:
        return f"{', '.join(names)} can never be proven on these cases"
    wanted = [_printable(one.id) for one in rules if one.stops and one.expects_improvement]
    return f"an improvement is expected of {', '.join(wanted)}" if wanted else ""


def _p_ship(
    rules: Sequence[Rule],
    sizes: Sequence[ScopeSize],
    alpha: float,
    *,
    never: bool,
    deterministic: bool,
) -> tuple[tuple[float, float], ...]:
    if deterministic:
        return ((0.0, 0.0 if never else 1.0),)
    return tuple((one, 0.0) for one in FLIPS) if never else chances(sizes, rules, alpha=alpha)


def _blind(rule: Rule, scope: str, why: str) -> Blind:
    place = "" if scope == "all" else f" in {_printable(scope)}"
    return Blind(rule=rule.id, scope=scope, says=f"{_printable(rule.id)}{place}: {why}")


def _cases(n: int) -> str:
    return f"{n} case{'' if n == 1 else 's'}"


def _printable(text: str) -> str:
    return text if text.isprintable() else repr(text)[1:-1]
