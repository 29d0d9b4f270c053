"""The gates of one pytest session: what was selected, what was filed, one verdict a suite, one exit code.

Decides when a gate is judged, skipped or VOID. Never calls a partial or broken session green.
"""

import json
import os
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from stopship.cli.reporting import in_ci
from stopship.cli.suites import STORE, outlook_of
from stopship.errors import EvidenceError, UsageError
from stopship.gating.gate import Asked, gate, void_gate
from stopship.model.verdict import EXIT_CODES, Record, Verdict
from stopship.pytest_plugin import SUITE_FILE
from stopship.store.atomic import write_atomically
from stopship.store.shown import quoted
from stopship.under_pytest.reporting import Shown, brief_lines, gate_report, record_bytes
from stopship.under_pytest.watch import Settings, Watch

_ORDER = (Verdict.STOP, Verdict.VOID, Verdict.UNDECIDED)
_LAST = "last-worse.json"


class Gatekeeper:
    """Knows every suite of the session in this process; on the controller it gives the verdicts."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        option = config.getoption
        worker: dict[str, Any] = getattr(config, "workerinput", {})
        session = worker.get("stopship_session", uuid4().hex[:12])
        self._stack = option("--stopship-stack")
        self._settings = {
            "store": os.environ.get(STORE) or None,
            "most_items": _whole(config.getini("stopship_items")),
            "writer": f"{session}-{worker.get('workerid', 'main')}",
            "baseline_ref": option("--stopship-baseline-ref"),
            "allow_blind": option("--stopship-allow-blind"),
        }
        gate_option = option("--stopship-gate")
        self._is_required = gate_option == "require" or (gate_option == "auto" and in_ci())
        self._is_off = gate_option == "off"
        self._watches: dict[Path, Watch] = {}
        self._wrong: dict[Path, UsageError] = {}
        self._ids: set[str] | None = None  # of items to run, as far as they are known
        self._shown: list[Shown] = []

    def watch(self, file: Path) -> Watch:
        """The suite of a file. Raises UsageError where it is written wrongly."""
        if file not in self._watches:
            stack = Path(self._stack) if self._stack else None
            if stack is not None and not stack.is_absolute():
                stack = self.config.invocation_params.dir / stack
            settings = Settings(stack=stack, may_reach_out=self._may_reach_out(file), **self._settings)
            self._watches[file] = Watch(file, settings)
        return self._watches[file]

    def wrong(self, file: Path, err: UsageError) -> None:
        """A suite file with faults: pytest reports it, the session ends with a usage error."""
        self._wrong[file] = err

    def _may_reach_out(self, file: Path) -> bool:
        """Whether the suite is named on the command line, or every network target may run."""
        if self.config.getoption("--stopship-live"):
            return True
        base = self.config.invocation_params.dir
        named = [(base / one.split("::")[0]).resolve() for one in self.config.args]
        return any(one in (file.resolve(), file.resolve().parent) for one in named)

    # -- selection

    def choose(self, items: list[pytest.Item]) -> None:
        """`--stopship-worse`: leave the cases that got worse in the last gate, and tests of other kinds."""
        if not self.config.getoption("--stopship-worse"):
            return
        kept: list[pytest.Item] = []
        dropped: list[pytest.Item] = []
        worse = {file: _last_worse(one) for file, one in self._watches.items()}
        for item in items:
            watch = getattr(item, "watch", None)
            is_kept = watch is not None and any(key in worse[watch.file] for key in item.keys)  # type: ignore[attr-defined]
            (kept if is_kept else dropped).append(item)
        if dropped:
            self.config.hook.pytest_deselected(items=dropped)
            items[:] = kept

    def collected(self, items: Sequence[pytest.Item]) -> None:
        """What this process will run, or what each worker may be given."""
        if self.config.option.collectonly:
            return
        self._ids = {one.nodeid for one in items if hasattr(one, "watch")}
        if hasattr(self.config, "workerinput"):
            return  # a worker learns one item at a time what it is to run
        for file, watch in self._watches.items():
            watch.expect([key for one in items if getattr(one, "watch", None) is watch for key in one.keys])  # type: ignore[attr-defined]
            del file

    def assigned(self, ids: Sequence[str]) -> None:
        """xdist: what the workers are to run; every worker has the same."""
        self._ids = (self._ids or set()) | {one for one in ids if f"{SUITE_FILE}::" in one}
        self.met([one.partition("::")[0] for one in self._ids])

    def met(self, files: Sequence[str]) -> None:
        """xdist: suites that workers collected, whether anything of them was selected or not."""
        for one in files:
            path = (self.config.rootpath / one).resolve()
            if path not in self._watches and path not in self._wrong:
                try:
                    self.watch(path)
                except UsageError as err:
                    self.wrong(path, err)

    def outlooks(self) -> list[str]:
        return [outlook_of(one.opened) for one in self._watches.values() if one.opened is not None]

    def leave(self) -> list[str]:
        """A worker is done: the suites it met."""
        for one in self._watches.values():
            one.close()
        return [str(one) for one in (*self._watches, *self._wrong)]

    # -- verdicts

    def finish(self, session: pytest.Session) -> None:
        """On the controller, when all items are done: judge, report, and set the exit code."""
        for one in self._watches.values():
            one.close()
        if self.config.option.collectonly:
            return
        status = int(session.exitstatus)
        if self._wrong:
            session.exitstatus = 4
            return
        if status in (2, 3, 4) or self._is_off:
            why = "switched off" if self._is_off else "interrupted: no verdict"
            self._shown = [Shown(watch=one, skipped=why) for one in self._watches.values()]
            return
        self._shown = [self._shown_gate(one, session) for _, one in sorted(self._watches.items())]
        if not self._watches:
            self._shown = [Shown(watch=None, skipped="VOID: a gate is required, and no suite was collected")]
            session.exitstatus = EXIT_CODES[Verdict.VOID]
            return
        for shown in self._shown:
            self._report(session, shown)
        session.exitstatus = self._exit_code(status)
        self._write()

    def _shown_gate(self, watch: Watch, session: pytest.Session) -> Shown:
        if watch.opened is None or watch.plan is None or watch.fault is not None:
            err = watch.fault or EvidenceError("the suite could not be opened")
            if watch.opened is None:
                return Shown(watch=watch, void=str(err))
            return Shown(watch=watch, record=void_gate(watch.opened, [str(err), *_drifts(err)]))
        names = watch.names
        base = _node_id(watch, self.config)
        chosen = {
            key for name, keys in names.items() if f"{base}::{name}" in (self._ids or ()) for key in keys
        }
        left_out = len(watch.opened.cases) - len(chosen)
        try:
            missing = watch.gather(watch.opened.cases)
        except EvidenceError as err:
            return Shown(watch=watch, record=void_gate(watch.opened, [str(err)]))
        lost = [key for key in missing if key in chosen]
        stopped = session.shouldfail or session.shouldstop
        if left_out or (lost and stopped):
            what = f"{left_out} of {len(watch.opened.cases)} cases were not selected"
            why = what if left_out else f"stopped early with {len(lost)} cases to go"
            if not self._is_required:
                return Shown(watch=watch, skipped=f"{why}: no verdict on a part")
            return Shown(watch=watch, record=void_gate(watch.opened, [f"{why}, and the gate is required"]))
        if lost:
            listed = ", ".join(quoted(key) for key in lost[:5]) + (", …" if len(lost) > 5 else "")
            reason = f"{len(lost)} of {len(watch.opened.cases)} cases have no record: {listed}"
            return Shown(watch=watch, record=void_gate(watch.opened, [reason]))
        return Shown(watch=watch, record=self._judged(watch))

    def _judged(self, watch: Watch) -> Record:
        assert watch.opened is not None  # noqa: S101  # the caller looked
        assert watch.place is not None  # noqa: S101  # ditto
        try:
            run = watch.run()
            notes = (
                [f"rules, labels, scorers and pointer are those of {watch.commit[:12]}"]
                if watch.commit
                else []
            )
            asked = Asked(
                today=datetime.now(tz=UTC).date(),
                is_new_suite=self.config.getoption("--stopship-new-suite")
                and watch.place.pointer().baseline is None,
                notes=tuple(notes),
                arms=watch.arms(run),
            )
            record = gate(watch.opened, watch.place, run, asked)
        except EvidenceError as err:
            return void_gate(watch.opened, [str(err)])
        _remember_worse(watch, record)
        return record

    def _exit_code(self, status: int) -> int:
        verdicts = [one.verdict for one in self._shown]
        for verdict in _ORDER:
            if verdict in verdicts:
                return EXIT_CODES[verdict]
        if status == 5 and any(one.record is not None for one in self._shown):
            return 0
        return status

    def _report(self, session: pytest.Session, shown: Shown) -> None:
        """Send the gate's own report, as if it were an item that ran last."""
        assert shown.watch is not None  # noqa: S101  # only real suites are reported
        report = gate_report(shown, _node_id(shown.watch, self.config), self._shows_outputs(shown))
        session.testscollected += 1
        if report.failed:
            session.testsfailed += 1
        self.config.hook.pytest_runtest_logreport(report=report)

    def _shows_outputs(self, shown: Shown) -> bool:
        opened = shown.watch.opened if shown.watch is not None else None
        return not in_ci() or (opened is not None and opened.suite.is_redacted)

    def _write(self) -> None:
        target = self.config.getoption("--stopship-json")
        if target:
            write_atomically(Path(target), record_bytes(self._shown))

    def summarise(self, terminal: Any) -> None:
        """The gates in a few lines, below pytest's own."""
        if not self._shown:
            return
        terminal.section("stopship", sep="=")
        for one in self._shown:
            for line, markup in brief_lines(one):
                terminal.write_line(line, **markup)


def _node_id(watch: Watch, config: pytest.Config) -> str:
    with suppress(ValueError):
        return watch.file.relative_to(config.rootpath).as_posix()
    return os.path.relpath(watch.file, config.rootpath).replace(os.sep, "/")


def _drifts(err: EvidenceError) -> list[str]:
    from stopship.gating.stacking import DriftError
    from stopship.report.pins import drift_lines

    return [line.strip() for line in drift_lines(err.drifts)] if isinstance(err, DriftError) else []


def _whole(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise pytest.UsageError(f"stopship_items = {text}: expected a whole number above 0")
    return int(text)


def _last_worse(watch: Watch) -> frozenset[str]:
    """Cases that got worse in the last gate of the suite; working state, so damage only means none."""
    if watch.place is None:
        return frozenset()
    try:
        known = json.loads((watch.place.folder / _LAST).read_text("utf-8"))
    except (OSError, ValueError):
        return frozenset()
    return frozenset(one for one in known if isinstance(one, str)) if isinstance(known, list) else frozenset()


def _remember_worse(watch: Watch, record: Record) -> None:
    assert watch.place is not None  # noqa: S101  # the caller looked
    compared = [one for one in record.findings if one.kind != "limit"]  # outside one is not worse than before
    worse = sorted({key for one in compared for key in one.worse_keys})
    write_atomically(watch.place.made() / _LAST, json.dumps(worse).encode())
