"""What nights of fresh outputs in both arms say together: evidence of harm that may be looked at any night.

Decides which rules can be watched, with which part of alpha, and what counts as worse. Never says that a
build is good, and never weighs one arm's failures otherwise than the other's: a silent or failed output is
the worst end in both, so that two equal stacks are equal.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import ceil, log

import numpy as np

from stopship.model.night import Night, Seen
from stopship.model.rule import Mode, Rule
from stopship.model.score import Direction, Kind
from stopship.steps.metric import Flags, measure, side, worst_end
from stopship.steps.pair import SELECTION, Pairing, Scope, chosen
from stopship.steps.scored import FAILED, NO_ANSWER, RAISED
from stopship.steps.stats.evalues import Look, bounded_looks, log_e_value, looks
from stopship.steps.stats.sample import Codes, Floats
from stopship.steps.weights import rule_weights, scope_weight

_MOST_NIGHTS = 1000  # that a forecast speaks of


@dataclass(frozen=True, slots=True, kw_only=True)
class Trail:
    """One rule in one scope, night after night."""

    rule: str
    scope: str
    alpha: float  # of the last night: `needed` = 1 / alpha
    nights: tuple[tuple[str, Seen, Look], ...]

    @property
    def last(self) -> Look:
        return self.nights[-1][2]

    @property
    def proven_on(self) -> str:
        """The first night on which e reached 1 / alpha; empty: none."""
        return next((night for night, seen, look in self.nights if look.log_e >= -log(seen.alpha)), "")


def watched(rules: Sequence[Rule]) -> tuple[tuple[Rule, ...], tuple[tuple[str, str], ...]]:
    """The rules that nights can speak of, and the comparing stop-ship rules that they cannot, with why."""
    kept, left = [], []
    for one in rules:
        if one.margin is None or not one.stops:
            continue
        if one.margin.tail is not None:
            left.append((one.id, "a tail is judged by the gate alone"))
        elif not one.scorer.scale.is_bounded:
            left.append((one.id, "its score has no range to bet within"))
        else:
            kept.append(one)
    return tuple(kept), tuple(left)


def seen_in(
    pairings: Sequence[Pairing], rules: Sequence[Rule], *, alpha: float
) -> tuple[tuple[Seen, ...], tuple[str, ...]]:
    """What one night shows, from one pairing a sample of fresh outputs; and why it shows nothing.

    Each rule has its part of alpha; half of it is for `all`, half for its guard and prove cohorts together.
    """
    faults = [fault for one in pairings for fault in one.faults]
    if faults:
        return (), tuple(dict.fromkeys(faults))
    found: list[Seen] = []
    for rule, weight in zip(rules, rule_weights(rules, alpha=alpha), strict=True):
        chosen_pairs = [chosen(one, f"{SELECTION}{rule.id}") if rule.where else one for one in pairings]
        told = [measure(one, rule.scorer, rule.better).fault for one in chosen_pairs]
        faults += [f"{rule.id}: {one}" for one in dict.fromkeys(told) if one]
        if not any(told):
            found += _of_rule(chosen_pairs, rule, alpha * weight)
    return (tuple(found), ()) if not faults else ((), tuple(faults))


def _of_rule(pairings: Sequence[Pairing], rule: Rule, alpha: float) -> Iterator[Seen]:
    scopes = [one for one in pairings[0].scopes if one.name == "all" or one.mode is not Mode.WATCH]
    columns = [_differences(one, rule) for one in pairings]
    for scope in scopes:
        share = 1.0
        if len(scopes) > 1:
            share = scope_weight(is_all=scope.name == "all", cohorts=len(scopes) - 1)
        parts = [
            changes[members][kept[members]]
            for (changes, kept), members in zip(columns, _members(pairings, scope), strict=True)
        ]
        values = np.concatenate(parts)
        counted = Counter(values[values != 0].tolist())
        is_binary = rule.scorer.scale.kind is Kind.BINARY
        yield Seen(
            rule=rule.id,
            scope=scope.name,
            alpha=alpha * share,
            pairs=len(values),
            worse=int((values < 0).sum()),
            better=int((values > 0).sum()),
            changes=() if is_binary else tuple(sorted(counted.items())),
        )


def _members(pairings: Sequence[Pairing], scope: Scope) -> list[Codes]:
    return [next(it.members for it in one.scopes if it.name == scope.name) for one in pairings]


def _differences(pairing: Pairing, rule: Rule) -> tuple[Floats, Flags]:
    """Differences as shares of the range, negative is worse, and which pairs have one. Shape (pairs,)."""
    scorer, worst = rule.scorer, worst_end(rule.scorer, rule.better)
    old = side(pairing.baseline, scorer, pairing.before)
    new = side(pairing.candidate, scorer, pairing.after)
    (before, had), (after, has) = (one.mean(worst, FAILED, NO_ANSWER, RAISED) for one in (old, new))
    sign = 1.0 if rule.better is Direction.HIGHER else -1.0
    changes: Floats = sign * (after - before) / scorer.scale.span
    return changes, (had > 0) & (has > 0)


def trails(nights: Sequence[Night]) -> tuple[Trail, ...]:
    """Every rule and scope of one segment, in the order of its first night."""
    places = dict.fromkeys((one.rule, one.scope) for night in nights for one in night.seen)
    found = []
    for place in places:
        told = [
            (night.night, one) for night in nights for one in night.seen if (one.rule, one.scope) == place
        ]
        seen = [one for _, one in told]
        if any(one.changes for one in seen):
            said = bounded_looks([_spread(one) for one in seen])
        else:
            said = looks([(one.worse, one.better) for one in seen])
        found.append(
            Trail(
                rule=place[0],
                scope=place[1],
                alpha=seen[-1].alpha,
                nights=tuple((night, one, look) for (night, one), look in zip(told, said, strict=True)),
            )
        )
    return tuple(found)


def _spread(seen: Seen) -> Floats:
    values = np.array([value for value, _ in seen.changes], dtype=np.float64)
    return np.repeat(values, [count for _, count in seen.changes])


def nights_to_come(trail: Trail) -> int | None:
    """Nights like those so far until e would reach 1 / alpha; None: nothing points that way."""
    needed, so_far = -log(trail.alpha), trail.last.log_e
    if so_far <= 0 or trail.proven_on:
        return None
    return ceil((needed - so_far) * len(trail.nights) / so_far)


def nights_for(trail: Trail, loss: float) -> int | None:
    """Nights until a loss of that share of the outputs would be proven, from none on; None: too many to tell.

    As many outputs change as did so far, or as the loss itself takes: the mean counts of such nights.
    """
    count = len(trail.nights)
    pairs = sum(seen.pairs for _, seen, _ in trail.nights) / count
    changed = sum(seen.worse + seen.better for _, seen, _ in trail.nights) / count
    if not pairs:
        return None
    share = max(changed / pairs, loss)
    worse, better = pairs * (share + loss) / 2, pairs * (share - loss) / 2
    for nights in range(1, _MOST_NIGHTS + 1):
        if log_e_value(round(nights * worse), round(nights * better)) >= -log(trail.alpha):
            return nights
    return None
