"""`stopship_run`: a suite replayed and judged inside an ordinary test.

Decides what a test is given: scores and findings. Never fails the test for a verdict, only where there can be
none; the test says what it wants.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from stopship.errors import StopshipError, UsageError, nearest
from stopship.gating.evidence import arm_of
from stopship.gating.performing import replay
from stopship.gating.workplace import find_suite_file
from stopship.model.run import Run
from stopship.model.verdict import Finding, Record, Verdict
from stopship.pytest_plugin import settle
from stopship.steps.arm import Arm
from stopship.steps.scored import SCORED
from stopship.under_pytest.asking import Asking
from stopship.under_pytest.items import skipped, told_error
from stopship.under_pytest.watch import OutOfReachError, Settings, Watch


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
    asking = Asking(config)
    known: dict[Settings, dict[Path, SuiteRun]] = {}

    def stopship_run(suite: str | Path, *, stack: str | Path | None = None) -> SuiteRun:
        """Replay a suite, paths relative to the root of the test run, and judge it against its baseline.

        The options of the session hold, `--stopship-stack` where no stack is given. Where the evidence
        cannot be gathered the test fails, or is skipped where its gate would be.
        """
        file = find_suite_file(config.rootpath / suite)
        settings = asking.settings(file, config.rootpath / stack if stack else None)
        found = known.setdefault(settings, {})
        if file not in found:
            fault = None
            try:
                settle(config)  # the replay may wait for what this very process has under way
                found[file] = _run(Watch(file, settings), asking)
            except StopshipError as err:
                fault = err
            if isinstance(fault, OutOfReachError) and not asking.is_required:
                raise skipped(told_error(fault))
            if fault is not None:
                pytest.fail(told_error(fault), pytrace=False)
        return found[file]

    return stopship_run


def _run(watch: Watch, asking: Asking) -> SuiteRun:
    if watch.fault is not None:
        raise watch.fault
    assert watch.opened is not None  # noqa: S101  # there is no fault
    assert watch.place is not None  # noqa: S101  # ditto
    assert watch.plan is not None  # noqa: S101  # ditto
    run = replay(watch.plan, resume=True, say=watch.say, provenance=watch.provenance).run
    arm = arm_of(watch.opened, run, f"candidate {run.short}")
    return SuiteRun(
        run=run,
        record=asking.decided(watch, run, {run.version: arm}),
        _arm=arm,
        _specs={one.id: one.scorer.spec for one in watch.opened.rules},
    )
