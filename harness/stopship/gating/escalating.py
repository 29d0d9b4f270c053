"""Judge, and where one look does not decide draw more in both arms and judge again.

Decides what is drawn next. Never asks again what only the candidate failed, but for must-pass cases, where a
rule says so; and never lets a part of the cases turn a verdict into SHIP.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from stopship.errors import EvidenceError, StopshipError
from stopship.gating.admissions import OF_THREE
from stopship.gating.drawing import Arm, Drawer, joined
from stopship.gating.evidence import arm_of, arm_of_one
from stopship.gating.gate import Asked, allows, gate, never_green, unless_it_never_ships
from stopship.gating.opened import OpenSuite
from stopship.gating.rebuilding import answering_of
from stopship.gating.replay import Told
from stopship.gating.stacking import Answering
from stopship.gating.workplace import Workplace
from stopship.model.case import Json
from stopship.model.rule import IncidentClass, Rule
from stopship.model.run import Run
from stopship.model.suite import Escalate
from stopship.model.verdict import Finding, Record, Verdict
from stopship.steps import again
from stopship.steps.conclude import concluded_again, examples_wanted
from stopship.steps.looks import ONE_LOOK, Look, Looks, looks_of
from stopship.steps.pair import Pairing, pair
from stopship.steps.terms import Terms

TRIAGED = 20  # cases whose flips are asked again, the worst first


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """What a gate may use beyond its evidence."""

    answering: Answering | None = None  # the candidate's stack; None: looked for, where it is needed
    may_draw: bool = True
    tell: Told | None = None
    provenance: Mapping[str, Json] = field(default_factory=dict)


def decided(
    opened: OpenSuite, place: Workplace, candidate: Run, asked: Asked, means: Means = Means()
) -> Record:
    """The verdict after all that the suite lets be drawn, and that was needed. VOID as `gate` says."""
    if opened.suite.replay.deterministic:
        return gate(opened, place, candidate, asked)
    try:
        baseline = _baseline(place, asked)
    except EvidenceError:
        return gate(opened, place, candidate, asked)  # which says what is wrong with it

    def arm(name: str, run: Run, at_hand: Answering | None) -> Arm:
        def find() -> Answering:
            return at_hand if at_hand is not None else answering_of(opened, place, run)

        return Arm(name=name, run=run, find=find)

    drawer = Drawer(
        opened=opened,
        place=place,
        candidate=arm("candidate", candidate, means.answering),
        baseline=None if baseline is None else arm("baseline", baseline, None),
        tell=means.tell,
        provenance=means.provenance,
        may_draw=means.may_draw,
    )
    return _Escalation(drawer=drawer, asked=asked).record()


def asks_again(opened: OpenSuite, rule: Rule) -> bool:
    """Whether a case that must pass by this rule and fails is asked again, up to three outputs.

    The safety class blocks on the first failure, and so does a target that gives the same every time.
    """
    if rule.expects_improvement:  # a fix passes every time
        return False
    return not opened.suite.replay.deterministic and rule.incident_class is not IncidentClass.SAFETY


def _baseline(place: Workplace, asked: Asked) -> Run | None:
    if asked.baseline is not None:
        return asked.baseline
    accepted = place.pointer().baseline
    return place.kept(accepted.run) if accepted is not None else None


@dataclass(kw_only=True)
class _Escalation:
    drawer: Drawer
    asked: Asked
    notes: list[str] = field(default_factory=list)
    excused: dict[str, frozenset[str]] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)  # of outputs that were drawn; they never ship

    @property
    def plan(self) -> Escalate:
        return self.drawer.opened.suite.escalate

    @property
    def candidate(self) -> Run:
        return self.drawer.candidate.run

    @property
    def confirms(self) -> int:
        """Fresh outputs in both arms that a STOP must show in, too; the default is for network targets."""
        if self.plan.confirm is not None:
            return self.plan.confirm
        return self.candidate.head.repeats if self.drawer.opened.suite.replay.network else 0

    def record(self) -> Record:
        looks = self._looks()
        record = self._looked(looks.rounds[0])
        for look in looks.rounds[1:]:
            if record.verdict is not Verdict.UNDECIDED or not self._round(look):
                break
            record = self._looked(look)
        steps: list[tuple[int, tuple[Verdict, ...], Callable[[Record], Record]]] = [
            (self.plan.discordant, (Verdict.UNDECIDED,), lambda one: self._discordant(one, looks)),
            (self.plan.cohorts, (Verdict.UNDECIDED, Verdict.SHIP), lambda one: self._cohorts(one, looks)),
            (self.confirms, (Verdict.STOP,), self._confirm),
            (self.plan.triage, (Verdict.STOP,), self._triaged),
        ]
        for outputs, verdicts, step in steps:
            if outputs and record.verdict in verdicts:
                record = self._tried(step, record)
        record = never_green(record, self.faults[0] if self.faults else "")
        ledger = tuple(self.drawer.told)
        shown = record.examples[: examples_wanted(self.asked.examples, record.verdict)]
        return replace(record, escalation=ledger, notes=(*record.notes, *self.notes), examples=shown)

    def _tried(self, step: Callable[[Record], Record], record: Record) -> Record:
        """The record after a step; what cannot be drawn leaves it as it was, and is said."""
        try:
            return step(record)
        except StopshipError as err:
            self._not_drawn("nothing more was drawn", err)
            return record

    def _not_drawn(self, what: str, err: StopshipError) -> None:
        self.notes.append(f"{what}: {err.what}")
        if isinstance(err, EvidenceError):  # not too little of it: what came says nothing of its stack
            self.faults.append(err.what)

    def _looks(self) -> Looks:
        """The looks from the one on whose outputs the candidate has."""
        suite = self.drawer.opened.suite
        found = looks_of(suite.escalate, repeats=suite.replay.repeats, alpha=suite.decide.alpha)
        drawn = self.candidate.head.repeats
        left = tuple(one for one in found.rounds if one.outputs >= drawn)
        if left and left[0].outputs == drawn:
            return replace(found, rounds=left)
        alone = replace(ONE_LOOK, outputs=drawn, alpha_share=1 - found.cohorts_share - found.discordant_share)
        return replace(found, rounds=(alone,))

    def _looked(self, look: Look) -> Record:
        """The record of a look; must-pass cases that failed once of all their outputs are excused."""
        self.excused.clear()
        record = self._look(look)
        return self._look(look) if self._must_pass_again(record) else record

    def _look(self, look: Look) -> Record:
        baseline = self.drawer.baseline
        asked = replace(
            self.asked,
            look=look,
            examples=TRIAGED if self.plan.triage else self.asked.examples,  # labels choose among them
            extended=baseline.run if baseline is not None else None,
            excused=dict(self.excused),
        )
        return gate(self.drawer.opened, self.drawer.place, self.candidate, asked)

    def _round(self, look: Look) -> bool:
        """Bring both arms to the outputs of a look; whether that could be done."""
        drawer, baseline = self.drawer, self.drawer.baseline
        try:
            old, new = drawer.further(look.outputs)
        except StopshipError as err:
            self._not_drawn("no further round", err)
            return False
        assert baseline is not None  # noqa: S101  # or there were nothing to draw
        outputs = sum(
            len(run.outcomes) - len(arm.run.outcomes)
            for run, arm in ((old, baseline), (new, drawer.candidate))
        )
        baseline.run, drawer.candidate.run = old, new
        what = f"look {look.number} of {look.of}: {look.outputs} outputs a case"
        drawer.note("round", what, cases=len(new.head.planned), outputs=outputs, runs=[old, new])
        return True

    def _must_pass_again(self, record: Record) -> bool:
        """Ask failed must-pass cases again, up to three outputs; whether some failed only once of all."""
        rules = {one.id: one for one in self.drawer.opened.rules if asks_again(self.drawer.opened, one)}
        failed = {
            one.rule: one.worse_keys
            for one in record.findings
            if one.kind == "must_pass" and one.is_broken and one.rule in rules
        }
        keys = sorted({key for found in failed.values() for key in found})
        if not keys:
            return False
        outputs = max(OF_THREE, self.candidate.head.repeats)
        try:
            run = self.candidate
            if outputs > run.head.repeats:
                run = self.drawer.more_of_candidate(keys, outputs)
        except StopshipError as err:
            self._not_drawn("failed must-pass cases were not asked again", err)
            return False
        for name, found in failed.items():
            tries = [
                (one.key, arm_of_one(self.drawer.opened, one, run.place))
                for one in run.outcomes
                if one.key in found
            ]
            passed = again.passes(rules[name], tries)
            self.excused[name] = frozenset(key for key in found if passed[key] >= outputs - 1)
        once = sorted({key for found in self.excused.values() for key in found})
        drawn = (outputs - self.candidate.head.repeats) * len(keys)
        what = f"failed must-pass cases, {outputs} outputs each: {len(once)} of {len(keys)} failed only once"
        self.drawer.note("must_pass", what, cases=len(keys), outputs=drawn, runs=[run])
        return bool(once)

    def _discordant(self, record: Record, looks: Looks) -> Record:
        """Cases whose outcomes differ, asked again in both arms and put to their own: a STOP or nothing."""
        findings = [one for one in record.findings if one.kind == "compare" and one.stops]
        keys = {key for one in findings for key in (*one.worse_keys, *one.better_keys)}
        if not keys:
            return record
        old, new = self.drawer.fresh(keys, self.plan.discordant, "discordant")
        whole = self._runs()
        pairing = self._paired(joined(whole[0], old), joined(whole[1], new))
        judged = again.broken_too(
            record.findings,
            pairing,
            self.drawer.opened.rules,
            self._terms(record),
            share=looks.discordant_share,
        )
        outputs = 2 * self.plan.discordant * len(keys)
        what = f"cases that differ asked again in both arms: {again.broken_count(judged)} checks broken"
        self.drawer.note("discordant", what, cases=len(keys), outputs=outputs, runs=[old, new])
        return self._concluded(record, judged)

    def _cohorts(self, record: Record, looks: Looks) -> Record:
        """Cohorts that lost 20 points or more, judged on fresh outputs alone."""
        opened = self.drawer.opened
        found = again.screened(record.findings, opened.columns, opened.rules)
        members = self._members() if found else {}
        keys = {key for one in found for key in members.get(one.scope, ())}
        if not keys:
            return record
        old, new = self.drawer.fresh(keys, self.plan.cohorts, "cohorts")
        alpha = record.alpha * looks.cohorts_share
        pairing = self._paired(old, new)
        judged = again.cohorts_confirmed(
            record.findings, found, pairing, opened.rules, alpha=alpha, whole=record.alpha
        )
        outputs = 2 * self.plan.cohorts * len(keys)
        what = f"cohorts that lost 20 points asked afresh: {again.broken_count(judged)} confirmed"
        self.drawer.note("cohorts", what, cases=len(keys), outputs=outputs, runs=[old, new])
        return self._concluded(record, judged)

    def _confirm(self, record: Record) -> Record:
        """Fresh outputs of all that is broken, in both arms: a STOP that they do not show is none yet."""
        broken = again.confirmable(record.findings)
        if not broken:
            return record
        members = self._members()
        keys = {key for one in broken for key in members.get(one.scope, ())}
        if any(one.kind == "limit" for one in broken):
            keys |= self.candidate.head.planned.keys()  # a limit looks at new cases, too
        if not keys:
            return record
        old, new = self.drawer.fresh(keys, self.confirms, "confirm")
        judged, count = again.stop_confirmed(
            record.findings,
            broken,
            self._paired(old, new),
            self.drawer.opened.rules,
            self._terms(record),
        )
        outputs = 2 * self.confirms * len(keys)
        what = f"what is broken asked afresh in both arms: {count} of {len(broken)} checks confirmed"
        self.drawer.note("confirm", what, cases=len(keys), outputs=outputs, runs=[old, new])
        return self._concluded(record, judged)

    def _triaged(self, record: Record) -> Record:
        """Label the worst cases by fresh outputs of both arms; changes no decision."""
        keys = again.to_triage(record.findings, TRIAGED)
        if not keys:
            return record
        old, new = self.drawer.fresh(keys, self.plan.triage, "triage")
        opened = self.drawer.opened
        tries = [
            [(one.key, arm_of_one(opened, one, run.place)) for one in run.outcomes] for run in (old, new)
        ]
        labels = again.labels(opened.rules, tries[0], tries[1])
        outputs = 2 * self.plan.triage * len(keys)
        what = f"the worst cases asked afresh in both arms: {again.told(labels, record.findings)}"
        self.drawer.note("triage", what, cases=len(keys), outputs=outputs, runs=[old, new])
        return again.with_labels(record, labels)

    def _terms(self, record: Record) -> Terms:
        return Terms(alpha=record.alpha, is_last=False, estimand=self.drawer.opened.suite.decide.estimand)

    def _runs(self) -> tuple[Run, Run]:
        assert self.drawer.baseline is not None  # noqa: S101  # or nothing was drawn
        return self.drawer.baseline.run, self.candidate

    def _members(self) -> Mapping[str, frozenset[str]]:
        """The keys of each scope."""
        pairing = self._paired(*self._runs(), is_part=False)
        return {one.name: frozenset(pairing.keys[i] for i in one.members) for one in pairing.scopes}

    def _paired(self, old: Run, new: Run, *, is_part: bool = True) -> Pairing:
        opened = self.drawer.opened
        before = arm_of(opened, old, f"baseline {old.short}", is_part=is_part)
        after = arm_of(opened, new, f"candidate {new.short}", is_part=is_part)
        limit = opened.suite.replay.lost_limit
        found = pair(before, after, opened.columns, lost_limit=limit, is_part=is_part)
        if found.faults:
            raise EvidenceError(found.faults[0])
        return found

    def _concluded(self, record: Record, findings: tuple[Finding, ...]) -> Record:
        found = concluded_again(record, findings, allow=allows(self.drawer.opened, self.asked))
        return unless_it_never_ships(found, self.candidate, self.asked)
