"""One suite in one process of pytest: its cases answered, filed and scored as items ask for them.

Decides what an item is told. Never gives a verdict: the gate does, over the evidence of all processes.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from stopship.errors import EvidenceError, StopshipError, UsageError
from stopship.gating.engine import Engine, Job
from stopship.gating.evidence import arm_of, baseline_faults, scored_row, trace_of
from stopship.gating.gitref import suite_at
from stopship.gating.opened import OpenSuite, blind_fault, open_suite
from stopship.gating.replay import Replay, planned
from stopship.gating.stacking import answering
from stopship.gating.workplace import BASELINE, Workplace, workplace
from stopship.model.rule import Rule
from stopship.model.run import Outcome, Run, Status
from stopship.model.score import Direction
from stopship.steps.arm import Arm, Scoring, merged
from stopship.steps.scored import FAILED, LOST, NO_ANSWER, RAISED, SCORED, UNSCORED, ScoreColumn
from stopship.store.journal import Journal, Writer
from stopship.store.shown import quoted
from stopship.store.suitefile import read_suite

_ENDED = {Status.FAILED: "failed", Status.LOST: "was lost to infrastructure"}
BATCH = 100  # cases of an item, where there are more cases than items may be


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How pytest was asked to replay."""

    stack: Path | None
    store: str | None
    most_items: int
    writer: str  # the name of this process's journal
    baseline_ref: str | None = None
    allow_blind: bool = False
    may_reach_out: bool = True  # a target over the network may be replayed


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What an item learns of one case."""

    key: str
    status: str
    failures: tuple[str, ...]  # must-pass rules, a failed target, a failed scorer
    worse: tuple[str, ...]  # rules by which the case got worse than in the baseline
    scores: tuple[tuple[str, str], ...]


class Watch:
    """One suite. `fault` says why its evidence cannot be gathered; then no case is replayed."""

    def __init__(self, file: Path, settings: Settings) -> None:
        """Raises UsageError where the suite is written wrongly."""
        self.file = file
        self._settings = settings
        self.fault: EvidenceError | None = None
        self.opened: OpenSuite | None = None
        self.place: Workplace | None = None
        self.plan: Replay | None = None
        self.commit = ""
        self._known: dict[tuple[str, int], Outcome] = {}
        self._served: Run | None = None
        self._engine: Engine | None = None
        self._writer: Writer | None = None
        self._scoring: list[Scoring] = []
        self._rows: dict[str, int] = {}
        self._before: tuple[Run, Arm, Mapping[str, int]] | None = None
        self._has_begun = False
        self._started: set[tuple[str, int]] = set()
        try:
            self._open()
        except EvidenceError as err:
            self.fault = err

    def _open(self) -> None:
        from dataclasses import replace

        settings = self._settings
        suite = read_suite(self.file)
        place = workplace(suite, store=settings.store)
        if settings.baseline_ref is not None:
            judged_by, self.commit = suite_at(place, suite, settings.baseline_ref)
            place = replace(place, pointer_folder=judged_by.parent)
            self.opened = open_suite(self.file, judged_by=judged_by)
        else:
            self.opened = open_suite(self.file)
        self.place = place
        if (fault := blind_fault(self.opened, allow_blind=settings.allow_blind)) is not None:
            raise fault
        stack = settings.stack or suite.folder / suite.stack
        self.plan = planned(self.opened, place, answering(stack))
        served = self.plan.served()
        self._served = served.run if served is not None else None
        if self._served is None and suite.replay.network and not settings.may_reach_out:
            raise EvidenceError(
                "its target is reached over the network, and no sealed run of this stack is at hand",
                where=str(self.file),
                do="name the suite on the command line, or add --stopship-live",
            )

    @property
    def names(self) -> dict[str, tuple[str, ...]]:
        """Item name -> keys, in the suite's order; the same in every process."""
        if self.opened is None:
            return {}
        keys = list(self.opened.cases)
        if len(keys) <= self._settings.most_items:
            named: dict[str, tuple[str, ...]] = {}
            for key in keys:
                name = key if key.isprintable() else ascii(key)[1:-1]
                while name in named or name == "gate":
                    name += "'"
                named[name] = (key,)
            return named
        parts = [tuple(keys[i : i + BATCH]) for i in range(0, len(keys), BATCH)]
        return {f"cases {i * BATCH + 1}-{i * BATCH + len(part)}": part for i, part in enumerate(parts)}

    def expect(self, keys: Sequence[str]) -> None:
        """Begin answering these cases: the engine works ahead of the items."""
        if self.plan is None or self.fault is not None or not keys:
            return
        self._begin()
        if self._engine is not None:
            wanted = set(keys)
            self._engine.start(
                self._ahead(job for job in self.plan.jobs(frozenset(self._known)) if job.key in wanted)
            )

    def _begin(self) -> None:
        """Take in what is known already, and make ready to ask for the rest."""
        assert self.plan is not None  # noqa: S101  # the callers looked
        if self._has_begun:
            return
        self._has_begun = True
        if self._served is not None:
            self._known = {(one.key, one.sample): one for one in self._served.outcomes}
        elif (recorded := self.plan.recorded) is not None:
            self._known = {(one.key, one.sample): one for one in recorded}
        else:
            self.plan.place.made()
            journal = Journal(self.plan.journal_folder, self.plan.identity)
            self._known = {(one.key, one.sample): one for one in journal.outcomes()}
            self._writer = Writer(self.plan.journal_folder, self.plan.identity, self._settings.writer)
            self._engine = self.plan.engine()

    def _ahead(self, jobs: Iterable[Job]) -> Iterator[Job]:
        for job in jobs:
            self._started.add((job.key, job.sample))
            yield job

    def judged(self, key: str) -> Judged:
        """Answer a case and say what its item must know."""
        assert self.plan is not None  # noqa: S101  # items run only where there is no fault
        opened = self.plan.opened
        outcomes = [self._outcome(key, sample) for sample in range(self.plan.head.repeats)]
        if not self._scoring:
            name = "candidate"
            self._scoring = [Scoring(name, opened.columns, opened.scorers) for _ in outcomes]
        for scoring, one in zip(self._scoring, outcomes, strict=True):
            where = f"{self.file}, case {quoted(key)}"
            self._rows[key] = scoring.add(where, scored_row(opened, one), b"", trace_of(one)) or 0
        return self._told(key, outcomes)

    def _outcome(self, key: str, sample: int) -> Outcome:
        assert self.plan is not None  # noqa: S101  # the caller looked
        self._begin()
        known = self._known.get((key, sample))
        if known is not None:
            return known
        assert self._engine is not None  # noqa: S101  # what is not known must be asked for
        assert self._writer is not None  # noqa: S101  # ditto
        if (key, sample) not in self._started:  # a worker of xdist learns one item at a time
            self._engine.start(self._ahead([self.plan.job(key, sample)]))
        outcome = self._engine.wait(key, sample)
        self._writer.add(outcome)
        self._known[key, sample] = outcome
        return outcome

    def _told(self, key: str, outcomes: Sequence[Outcome]) -> Judged:
        assert self.opened is not None  # noqa: S101  # `judged` checked
        row, failures, worse = self._rows[key], [], []
        failures += [
            f"the target {_ENDED[one.status]}: {one.error}" for one in outcomes if one.status is not Status.OK
        ]
        arms = [scoring.so_far for scoring in self._scoring]
        cells = {one.spec: [(arm.scores[one.spec], row) for arm in arms] for one in self.opened.scorers}
        for spec, found in cells.items():
            failures += [
                f"the scorer {spec} failed: {c.reasons[i]}" for c, i in found if c.states[i] == RAISED
            ]
        before = self._baseline()
        for rule in self.opened.rules:
            failures += self._must_pass(rule, arms, row, cells[rule.scorer.spec])
            if before is not None and rule.margin is not None and key in before[2]:
                old = _worth(rule, before[1].scores[rule.scorer.spec], before[2][key])
                new = [_worth(rule, column, i) for column, i in cells[rule.scorer.spec]]
                if old is not None and None not in new and sum(one or 0.0 for one in new) / len(new) < old:
                    worse.append(rule.id)
        scores = [(rule.id, _said(*cells[rule.scorer.spec][0])) for rule in self.opened.rules]
        return Judged(
            key=key,
            status=outcomes[0].status.value,
            failures=tuple(dict.fromkeys(failures)),
            worse=tuple(worse),
            scores=tuple(scores),
        )

    def _must_pass(
        self, rule: Rule, arms: Sequence[Arm], row: int, cells: Sequence[tuple[ScoreColumn, int]]
    ) -> list[str]:
        if rule.must_pass is None or not rule.stops:
            return []
        if rule.must_pass and not arms[0].groups[f"must:{rule.id}"][row]:
            return []
        best = rule.scorer.scale.high if rule.better is Direction.HIGHER else rule.scorer.scale.low
        failed = [(c, i) for c, i in cells if c.states[i] != SCORED or c.values[i] != best]
        return [f"must-pass {rule.id}: {_said(c, i)} {c.reasons[i]}".rstrip() for c, i in failed[:1]]

    def _baseline(self) -> tuple[Run, Arm, Mapping[str, int]] | None:
        """The baseline scored, once; None where there is none to compare with. The gate says why."""
        if self._before is None and self.place is not None and self.opened is not None:
            before = self.place.pointer().baseline
            if before is None:
                return None
            try:
                run = self.place.kept(before.run)
                if baseline_faults(self.opened, run, BASELINE):
                    return None
                arm = arm_of(self.opened, run, f"baseline {run.short}")
            except StopshipError:
                return None
            self._before = (run, arm, {key: i for i, key in enumerate(arm.keys)})
        return self._before

    def gather(self, keys: Iterable[str]) -> list[str]:
        """Take in what other processes filed of these cases; the keys that nobody filed."""
        assert self.plan is not None  # noqa: S101  # the gate asks only where there is no fault
        self._begin()
        if self.plan.recorded is None and self._served is None:
            journal = Journal(self.plan.journal_folder, self.plan.identity)
            for one in journal.outcomes():
                self._known.setdefault((one.key, one.sample), one)
        samples = range(self.plan.head.repeats)
        return [key for key in keys if any((key, sample) not in self._known for sample in samples)]

    def run(self) -> Run:
        """The sealed run of all cases; its journals are gone afterwards."""
        assert self.plan is not None  # noqa: S101  # ditto
        if self._served is not None:
            return self._served
        run = self.plan.sealed(self._known.values(), {}).run
        if self.plan.recorded is None:
            self.close()
            with Journal(self.plan.journal_folder, self.plan.identity) as journal:
                journal.drop()
        return run

    def arms(self, run: Run) -> dict[str, Arm]:
        """What was scored for items, so that the gate need not score it again."""
        found = {}
        if self._rows.keys() >= run.head.planned.keys():
            arms = [one.finish() for one in self._scoring]
            found[run.id] = arms[0] if len(arms) == 1 else merged(arms)
        if self._before is not None and self._before[0].id != run.id:
            found[self._before[0].id] = self._before[1]
        return found

    def close(self) -> None:
        """End what is under way."""
        if self._engine is not None:
            self._engine.close()
        if self._writer is not None:
            self._writer.close()
        self._engine = self._writer = None


def _worth(rule: Rule, column: ScoreColumn, row: int) -> float | None:
    """A score with the good end up; None where there is nothing to compare."""
    sign = 1.0 if rule.better is Direction.HIGHER else -1.0
    state = column.states[row]
    if state in (UNSCORED, LOST) or column.samples is not None:
        return None
    if state == SCORED:
        return sign * column.values[row]
    if state in (NO_ANSWER, FAILED, RAISED) and rule.scorer.scale.is_bounded:
        return sign * (rule.scorer.scale.low if rule.better is Direction.HIGHER else rule.scorer.scale.high)
    return None


def _said(column: ScoreColumn, row: int) -> str:
    state, label = column.states[row], column.labels[row]
    if state == UNSCORED:
        return "unscored"
    return label or f"{column.values[row]:.6g}" if state == SCORED else label or "no output"


__all__ = ["BATCH", "Job", "Judged", "Settings", "UsageError", "Watch"]
