"""`stopship_run`: a suite replayed and judged inside an ordinary test.

Decides what a test is given: scores and findings. Never fails the test itself; the test says what it wants.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from stopship.cli.suites import desk
from stopship.errors import UsageError, nearest
from stopship.gating.evidence import arm_of
from stopship.gating.gate import Asked, gate
from stopship.gating.replay import planned, replay
from stopship.model.run import Run
from stopship.model.verdict import Finding, Record, Verdict
from stopship.steps.arm import Arm
from stopship.steps.scored import SCORED


@dataclass(frozen=True, slots=True, kw_only=True)
class SuiteRun:
    """What a suite gave: the run, every case's score, and the verdict record."""

    run: Run
    record: Record
    _arm: Arm
    _specs: Mapping[str, str]  # rule id -> scorer

    @property
    def verdict(self) -> Verdict:
        return self.record.verdict

    @property
    def findings(self) -> tuple[Finding, ...]:
        return self.record.findings

    def scores(self, rule: str) -> dict[str, float]:
        """Key -> score by a rule's scorer, of every case that it could score."""
        if rule not in self._specs:
            raise UsageError(f"no rule is called {rule!r}", do=nearest(rule, list(self._specs)))
        column = self._arm.scores[self._specs[rule]]
        return {
            key: value
            for key, state, value in zip(self._arm.keys, column.states, column.values, strict=True)
            if state == SCORED
        }

    def finding(self, rule: str, scope: str = "all", kind: str = "compare") -> Finding:
        """The finding of a rule in a scope. UsageError where there is none."""
        for one in self.findings:
            if (one.rule, one.scope, one.kind) == (rule, scope, kind):
                return one
        known = [f"{one.rule} in {one.scope} ({one.kind})" for one in self.findings]
        raise UsageError(
            f"no finding {rule} in {scope} ({kind})", do=nearest(f"{rule} in {scope} ({kind})", known)
        )


def runner(config: pytest.Config) -> Callable[..., SuiteRun]:
    """The function that the fixture gives; a suite and stack is replayed once a session."""
    known: dict[tuple[str, str], SuiteRun] = {}

    def stopship_run(suite: str | Path, *, stack: str | Path | None = None) -> SuiteRun:
        """Replay a suite, paths relative to the root of the test run, and judge it against its baseline."""
        file, answer = config.rootpath / suite, config.rootpath / stack if stack else None
        key = (str(file), str(answer))
        if key not in known:
            known[key] = _run(file, answer)
        return known[key]

    return stopship_run


def _run(suite: Path, stack: Path | None) -> SuiteRun:
    at = desk(suite)
    plan = planned(at.opened, at.place, at.answering(stack))
    run = replay(plan, resume=True).run
    arm = arm_of(at.opened, run, "candidate")
    today = datetime.now(tz=UTC).date()
    has_baseline = at.place.pointer().baseline is not None
    asked = Asked(today=today, is_new_suite=not has_baseline, arms={run.id: arm})
    return SuiteRun(
        run=run,
        record=gate(at.opened, at.place, run, asked),
        _arm=arm,
        _specs={one.id: one.scorer.spec for one in at.opened.rules},
    )
