"""The ways a suite comes to its verdict, with outputs drawn from a world instead of a target.

Every step is the gate's own: `looks_of`, `pair`, `judge`, `compose` and what `again` says of further outputs.
In which order they come is that of `gating.escalating`.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from tests.simulations.building import Block, Plan, arm_of
from tests.simulations.worlds import Build

from stopship.model.rule import ALPHA, Rule
from stopship.model.suite import Escalate, Estimand
from stopship.model.verdict import Finding, Record, Verdict, compose
from stopship.steps import again
from stopship.steps.about import About
from stopship.steps.conclude import conclude
from stopship.steps.judge import judge
from stopship.steps.looks import Look, Looks, looks_of
from stopship.steps.pair import Pairing, pair
from stopship.steps.stats.sample import Codes
from stopship.steps.terms import Terms

Findings = tuple[Finding, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A verdict and what it took."""

    verdict: Verdict
    findings: Findings
    outputs: int  # of both arms


@dataclass(kw_only=True)
class Gate:
    """A comparison under way: the outputs drawn so far, and how more are drawn."""

    build: Build
    plan: Plan
    rule: Rule
    escalate: Escalate
    repeats: int = 1
    kept: int = 0  # outputs of the baseline where it has more than the candidate
    estimand: Estimand = Estimand.TRAFFIC
    old: list[Block] = field(default_factory=list)  # given: a kept baseline
    new: list[Block] = field(default_factory=list)
    drawn: int = 0

    def decide(self) -> Told:
        looks = looks_of(self.escalate, repeats=self.repeats, alpha=ALPHA)
        verdict, findings = self.look(looks.rounds[0])
        for look in looks.rounds[1:]:
            if verdict is not Verdict.UNDECIDED:
                break
            verdict, findings = self.look(look)
        steps: list[tuple[int, Verdict, Callable[[Findings, Looks], Findings]]] = [
            (self.escalate.discordant, Verdict.UNDECIDED, self._discordant),
            (self.escalate.cohorts, Verdict.UNDECIDED, self._cohorts),
            (self.escalate.confirm or 0, Verdict.STOP, self._confirm),
        ]
        for outputs, at, step in steps:
            if outputs and verdict is at:
                findings = step(findings, looks)
                verdict = compose(findings)
                verdict = Verdict.UNDECIDED if verdict is Verdict.SHIP else verdict
        return Told(verdict=verdict, findings=findings, outputs=self.drawn)

    def record(self) -> Record:
        """What the report of the first look says."""
        pairing = self._paired(self.old, self.new)
        about = About(suite="simulated")
        columns = self.plan.columns
        return conclude(pairing, [self.rule], columns, alpha=ALPHA, allow=False, examples=0, about=about)

    def fresh(self, rows: Codes, repeats: int) -> tuple[Block, Block]:
        self.drawn += 2 * repeats * len(rows)
        build = self.build
        return (
            (rows, build.draw(build.before, rows, repeats)),
            (rows, build.draw(build.after, rows, repeats)),
        )

    def look(self, look: Look) -> tuple[Verdict, Findings]:
        every, build = self.plan.every, self.build
        arms = ((self.old, build.before, self.kept), (self.new, build.after, 0))
        for blocks, rates, least in arms:
            missing = max(look.outputs, least) - sum(outputs.shape[1] for _, outputs in blocks)
            if missing > 0:
                blocks.append((every, build.draw(rates, every, missing)))
                self.drawn += missing * len(every)
        about = About(
            suite="simulated",
            terms=Terms(level=look.level, is_last=look.number == look.of, estimand=self.estimand),
            alpha_share=look.alpha_share,
        )
        pairing = self._paired(self.old, self.new)
        judged = judge(pairing, about.at_this_look([self.rule]), about.terms_at(ALPHA))
        findings = about.against_alpha(judged)
        return compose(findings), findings

    def paired(self) -> Pairing:
        """All that was drawn so far."""
        return self._paired(self.old, self.new)

    def _paired(self, old: list[Block], new: list[Block]) -> Pairing:
        arms = arm_of(self.plan, old, "baseline"), arm_of(self.plan, new, "candidate")
        found = pair(*arms, self.plan.columns)
        assert not found.faults
        return found

    def _discordant(self, findings: Findings, looks: Looks) -> Findings:
        keys = {key for one in findings for key in (*one.worse_keys, *one.better_keys)}
        if not keys:
            return findings
        old, new = self.fresh(self._rows(keys), self.escalate.discordant)
        pairing = self._paired([*self.old, old], [*self.new, new])
        share = looks.discordant_share
        return again.broken_too(findings, pairing, [self.rule], self._terms, share=share)

    def _cohorts(self, findings: Findings, looks: Looks) -> Findings:
        found = again.screened(findings, self.plan.columns, [self.rule])
        keys = {key for one in found for key in self._members(one.scope)}
        if not keys:
            return findings
        old, new = self.fresh(self._rows(keys), self.escalate.cohorts)
        pairing = self._paired([old], [new])
        alpha = ALPHA * looks.cohorts_share
        return again.cohorts_confirmed(findings, found, pairing, [self.rule], alpha=alpha, whole=ALPHA)

    def _confirm(self, findings: Findings, _looks: Looks) -> Findings:
        broken = again.confirmable(findings)
        keys = {key for one in broken for key in self._members(one.scope)}
        if not keys:
            return findings
        old, new = self.fresh(self._rows(keys), self.escalate.confirm or 1)
        pairing = self._paired([old], [new])
        return again.stop_confirmed(findings, broken, pairing, [self.rule], self._terms)[0]

    @property
    def _terms(self) -> Terms:
        return Terms(alpha=ALPHA, is_last=False, estimand=self.estimand)

    def _members(self, scope: str) -> list[str]:
        plan = self.plan
        if scope == "all":
            return list(plan.keys)
        return [key for key, own in zip(plan.keys, plan.cohorts, strict=True) if scope == f"part={own}"]

    def _rows(self, keys: set[str]) -> Codes:
        places = {key: i for i, key in enumerate(self.plan.keys)}
        return self.plan.every[sorted(places[key] for key in keys)]
