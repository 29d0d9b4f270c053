"""How often a suite's own gate blocks builds that changed nothing, and builds that were broken on purpose.

Resamples the suite's own outputs: two draws of one stack change places at random, cluster by cluster, which
gives another pair of draws that was as likely. Clusters are not drawn with replacement: a suite never holds
a case twice, and the tests, too, ask what these cases could have shown. What a gate holds a candidate to
beside its baseline (the anchor, the run before a waiver that is over) stands still, as it does in a gate.
Random choices come from the cases' digest alone, so the same evidence gives the same shares.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256

import numpy as np

from stopship.model.noise import Alarms, Planted
from stopship.model.rule import Rule
from stopship.model.verdict import Decision, Finding, Verdict, compose
from stopship.steps.conclude import may_be_allowed
from stopship.steps.dealt import Dealt, held_to
from stopship.steps.judge import judge
from stopship.steps.metric import Flags, measure, worst_end
from stopship.steps.pair import SELECTION, chosen
from stopship.steps.stats.sample import Codes
from stopship.steps.swapped import Failing, Twins
from stopship.steps.terms import Reference

_NAMED = 10  # broken checks that are told, the most frequent first


@dataclass(frozen=True, kw_only=True)
class Court:
    """Two draws, and by what they are judged."""

    looks: Sequence[Dealt]  # in the order of a gate, which goes on to the next while a verdict is open
    rules: Sequence[Rule]
    alpha: float
    seed: str  # the cases' digest
    references: Sequence[Reference] = ()  # to the candidate of any look
    allow: bool = False  # an UNDECIDED without sign of harm blocks nothing

    @property
    def twins(self) -> Twins:
        """The draws as the first look has them in the candidate."""
        return self.looks[0].after

    def judged(self, units: Flags, failing: Failing | None = None) -> tuple[Finding, ...]:
        """The findings of the look that decides, or of the last."""
        for one in self.looks:
            findings = self._looked(one, units, failing)
            if compose(findings) is not Verdict.UNDECIDED:
                break
        return findings

    def _looked(self, look: Dealt, units: Flags, failing: Failing | None) -> tuple[Finding, ...]:
        pairing = look.pairing(units, failing)
        rules, terms = look.about.at_this_look(self.rules), look.about.terms_at(self.alpha)
        references = held_to(self.references, pairing.candidate)
        findings = judge(pairing, rules, terms, references=references)
        if look.retries is None:
            return findings
        excused = look.retries.excused(findings, units[self.twins.units], failing)
        if not excused:
            return findings
        return judge(pairing, rules, replace(terms, excused=excused), references=references)

    def swaps(self, rounds: int) -> Iterator[Flags]:
        """Which units change places, round by round: each with probability 1/2."""
        source = self.random("swap")
        count = int(self.twins.units.max()) + 1
        for _ in range(rounds):
            yield source.integers(0, 2, size=count).astype(np.bool_)

    def random(self, purpose: str) -> np.random.Generator:
        key = int.from_bytes(sha256(f"{purpose} {self.seed}".encode()).digest()[:16], "big")
        return np.random.Generator(np.random.Philox(key=key))


@dataclass(kw_only=True)
class _Count:
    allow: bool
    rounds: int = 0
    blocked: int = 0
    verdicts: Counter[str] = field(default_factory=Counter)
    broken: Counter[str] = field(default_factory=Counter)
    held: Counter[str] = field(default_factory=Counter)
    void: str = ""

    def add(self, findings: Sequence[Finding]) -> None:
        self.rounds += 1
        verdict = compose(findings)
        self.verdicts[verdict.value] += 1
        is_allowed = self.allow and may_be_allowed(verdict, findings)
        self.blocked += verdict is not Verdict.SHIP and not is_allowed
        self.broken.update({_check(one) for one in findings if one.is_broken})
        if verdict is Verdict.UNDECIDED:
            self.held.update({_check(one) for one in findings if one.holds})
        faults = [one for one in findings if one.stops and one.decision is Decision.ERROR]
        if faults and not self.void:
            self.void = f"{faults[0].title}: {faults[0].why}"

    def told(self) -> Alarms:
        return Alarms(
            rounds=self.rounds,
            blocked=self.blocked,
            verdicts=dict(sorted(self.verdicts.items())),
            named=_most(self.broken),
            held=_most(self.held),
            void=self.void,
        )


def _check(one: Finding) -> str:
    promise = f" ({one.limit})" if one.limit else ""
    return f"{one.title} in {one.scope}{promise}"


def _most(counts: Counter[str]) -> tuple[tuple[str, int], ...]:
    return tuple(sorted(counts.items(), key=lambda one: (-one[1], one[0]))[:_NAMED])


def false_alarms(court: Court, rounds: int) -> Alarms:
    """The verdicts on `rounds` >= 1 resamples in which nothing changed."""
    count = _Count(allow=court.allow)
    for units in court.swaps(rounds):
        count.add(court.judged(units))
    return count.told()


@dataclass(frozen=True, kw_only=True)
class Field:
    """The cases of a rule in one scope that can be made to fail."""

    rule: Rule
    scope: str
    cases: int  # that the rule has there
    free: Codes  # of them, those that fail in neither draw; places in the pairing
    worst: float


def field_of(court: Court, rule: Rule, scope: str) -> Field | None:
    """What can be planted in a bounded rule's scope; None: the rule has no such scope."""
    pairing = court.twins.pairing
    own = chosen(pairing, f"{SELECTION}{rule.id}") if rule.where else pairing
    found = next((one for one in own.scopes if one.name == scope), None)
    if found is None:
        return None
    measured = measure(own, rule.scorer, rule.better)
    kept = found.members[measured.kept[found.members]]
    worst = worst_end(rule.scorer, rule.better)
    free = kept[(measured.before[kept] != worst) & (measured.after[kept] != worst)]
    place = {key: i for i, key in enumerate(pairing.keys)}
    places = np.array([place[own.keys[i]] for i in free.tolist()], dtype=np.int64)
    return Field(rule=rule, scope=scope, cases=len(kept), free=places, worst=worst)


def planted(court: Court, where: Field, failed: int, rounds: int) -> Planted:
    """The verdicts on `rounds` resamples in which `failed` random cases of a field score worst.

    `failed` is at most the number of cases that are free.
    """
    count, source = _Count(allow=court.allow), court.random("plant")
    blocked = named = 0
    drops = []
    for units in court.swaps(rounds):
        cases = np.sort(source.choice(where.free, size=failed, replace=False))
        failing = Failing(scorer=where.rule.scorer.spec, cases=cases, worst=where.worst)
        findings = court.judged(units, failing)
        count.add(findings)
        own = [one for one in findings if one.rule == where.rule.id and one.kind == "compare"]
        blocked += any(one.is_broken for one in own)
        named += any(one.is_broken and one.scope == where.scope for one in own)
        drops += [one.delta for one in own if one.scope == where.scope and one.delta is not None]
    return Planted(
        rule=where.rule.id,
        scope=where.scope,
        failed=failed,
        cases=where.cases,
        drop=sum(drops) / len(drops) if drops else 0.0,
        alarms=count.told(),
        blocked=blocked,
        named=named,
    )
