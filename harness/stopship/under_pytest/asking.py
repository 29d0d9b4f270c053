"""What one session of pytest was asked for: the same for items and for the fixture.

Decides which suites may be asked over the network, and whether a gate is required. Never opens a suite.
"""

import os
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from stopship.cli.reporting import in_ci
from stopship.cli.suites import STORE
from stopship.gating.escalating import Means, decided
from stopship.gating.gate import Asked
from stopship.model.run import Run, Version
from stopship.model.verdict import Record
from stopship.pytest_plugin import ITEMS
from stopship.steps.arm import Arm
from stopship.under_pytest.watch import Settings, Watch


class Asking:
    """The options of a session, for every suite in it."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._named = _named(config)
        gate = config.getoption("--stopship-gate")
        self.is_required = gate == "require" or (gate == "auto" and in_ci())
        self.is_off = gate == "off"
        self._today = datetime.now(tz=UTC).date()
        self._now = int(time.time())  # of the session: it decides what is too old once

    def settings(self, file: Path, stack: Path | None = None) -> Settings:
        """How a suite is replayed; `stack` stands in for the session's."""
        option = self._config.getoption
        given = option("--stopship-stack")
        own = Path(self._config.invocation_params.dir, given) if given else None
        return Settings(
            stack=stack or own,
            store=os.environ.get(STORE) or None,
            most_items=int(self._config.getini(ITEMS)),
            say=self._say,
            today=self._today,
            baseline_ref=option("--stopship-baseline-ref"),
            allow_blind=option("--stopship-allow-blind"),
            may_reach_out=self._may_reach_out(file),
            is_gated=not self.is_off,
            now=self._now,
        )

    def decided(self, watch: Watch, run: Run, arms: Mapping[Version, Arm] | None = None) -> Record:
        """The verdict on a run of all cases; what is drawn beyond them is drawn in this process.

        `arms`: of runs that are scored already.
        """
        assert watch.opened is not None  # noqa: S101  # there is a run of it
        assert watch.place is not None  # noqa: S101  # ditto
        assert watch.plan is not None  # noqa: S101  # ditto
        means = Means(answering=watch.plan.answering, may_draw=watch.may_draw, provenance=watch.provenance)
        return decided(watch.opened, watch.place, run, self._asked(watch, run, arms), means)

    def _asked(self, watch: Watch, run: Run, arms: Mapping[Version, Arm] | None) -> Asked:
        """How the gate of a suite judges a run."""
        assert watch.place is not None  # noqa: S101  # there is a run of it
        commit = watch.commit[:12]
        notes = [f"rules, labels, scorers and pointer are those of {commit}"] if commit else []
        notes += [watch.plan.renewed] if watch.plan is not None and watch.plan.renewed else []
        has_baseline = watch.place.pointer().baseline is not None
        return Asked(
            today=self._today,
            now=int(time.time()),
            is_new_suite=self._config.getoption("--stopship-new-suite") and not has_baseline,
            notes=tuple(notes),
            arms=watch.arms(run) if arms is None else arms,
        )

    def _may_reach_out(self, file: Path) -> bool:
        """Whether the suite is named on the command line, or every network target may run."""
        if self._config.getoption("--stopship-live"):
            return True
        real = real_path(file)
        return real in self._named or real.parent in self._named

    def _say(self, line: str) -> None:
        """Tell the person at the terminal what is waited for; pytest keeps what tests print."""
        capture: Any = self._config.pluginmanager.getplugin("capturemanager")
        if capture is None:
            print(line, file=sys.stderr, flush=True)
            return
        with capture.global_and_fixture_disabled():
            print(line, file=sys.stderr, flush=True)


def real_path(file: Path) -> Path:
    """A suite counts once, however it is reached."""
    return Path(os.path.realpath(file))


def _named(config: pytest.Config) -> frozenset[Path]:
    """What the command line names; a worker's own is made up by xdist."""
    worker: dict[str, Any] = getattr(config, "workerinput", {})
    args = worker.get("stopship_named")
    if args is None:
        args = config.args if config.args_source is pytest.Config.ArgsSource.ARGS else []
    base = config.invocation_params.dir
    return frozenset(real_path(base / str(one).split("::", maxsplit=1)[0]) for one in args)
