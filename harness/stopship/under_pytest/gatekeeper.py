"""The gates of one pytest session: what was selected, what was filed, one verdict a suite, one exit code.

Decides when a gate is judged, skipped or VOID. Never calls a partial or broken session green.
"""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from stopship.cli.reporting import in_ci
from stopship.cli.suites import outlook_of
from stopship.errors import EvidenceError, StopshipError, UsageError
from stopship.gating.gate import void_gate
from stopship.model.verdict import EXIT_CODES, Record, Verdict
from stopship.pytest_plugin import SUITE_FILE, is_worker
from stopship.store.atomic import write_atomically
from stopship.store.shown import quoted
from stopship.under_pytest.asking import Asking, real_path
from stopship.under_pytest.memory import uncollected
from stopship.under_pytest.names import GATE
from stopship.under_pytest.reporting import Shown, brief_lines, gate_reports, record_bytes
from stopship.under_pytest.watch import OutOfReachError, Watch
from stopship.under_pytest.worse import last_worse, remember_worse

_ORDER = (Verdict.STOP, Verdict.VOID, Verdict.UNDECIDED)
_PYTESTS_OWN = {
    int(pytest.ExitCode.INTERRUPTED): "interrupted",
    int(pytest.ExitCode.INTERNAL_ERROR): "pytest failed",
    int(pytest.ExitCode.USAGE_ERROR): "the command is wrong",
}
_NO_SUITE = "a gate is required, and no suite was collected"


@dataclass(slots=True)
class _Met:
    """A suite file that pytest met, as it was first reached."""

    file: Path
    watch: Watch | None = None
    wrong: UsageError | None = None  # its faults; pytest reports them, and the session is a usage error


class Gatekeeper:
    """Knows every suite of the session in this process; on the controller it gives the verdicts."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self._asking = Asking(config)
        self._suites: dict[Path, _Met] = {}  # by the real path: a suite counts once, however it is reached
        self._ids: set[str] = set()  # of items to run
        self._announced = 0
        self._shown: list[Shown] = []

    # -- suites

    def meet(self, file: Path) -> bool:
        """Note a suite; False where the same one was reached by another path before."""
        return self._suites.setdefault(real_path(file), _Met(file)).file == file

    def watch(self, file: Path) -> Watch:
        """The suite of a file. Raises UsageError where it is written wrongly."""
        met = self._suites.setdefault(real_path(file), _Met(file))
        if met.wrong is not None:
            raise met.wrong
        if met.watch is None:
            try:
                with uncollected():
                    met.watch = Watch(met.file, self._asking.settings(file))
            except UsageError as err:
                met.wrong = err
                raise
        return met.watch

    def watched(self, file: Path) -> Watch | None:
        """The suite of a file, where this process has opened it."""
        met = self._suites.get(real_path(file))
        return met.watch if met is not None else None

    def base(self, file: Path) -> str:
        """A suite's node id: its way from the root, the same in every process."""
        return os.path.relpath(file, self.config.rootpath).replace(os.sep, "/")

    # -- selection

    def choose(self, items: list[pytest.Item]) -> None:
        """`--stopship-worse`: leave the cases that got worse in the last gate, and nothing else."""
        if not self.config.getoption("--stopship-worse"):
            return
        worse = {one.watch: last_worse(one.watch) for one in self._suites.values() if one.watch is not None}
        kept: list[pytest.Item] = []
        dropped: list[pytest.Item] = []
        for item in items:
            is_kept = any(key in worse[_watch_of(item)] for key in getattr(item, "keys", ()))
            (kept if is_kept else dropped).append(item)
        if dropped:
            self.config.hook.pytest_deselected(items=dropped)
            items[:] = kept

    def collected(self, items: Sequence[pytest.Item]) -> None:
        """What this process will run, or what each worker may be given."""
        if self.config.option.collectonly:
            return
        keys: dict[Watch, list[str]] = {}
        for item in items:
            if (watch := _watch_of(item)) is not None:
                self._ids.add(item.nodeid)
                keys.setdefault(watch, []).extend(item.keys)  # type: ignore[attr-defined]  # a CaseItem
        for watch, wanted in keys.items():
            watch.is_part = watch.opened is not None and not watch.opened.cases.keys() <= set(wanted)
            if not is_worker(self.config):  # a worker learns one item at a time what it is to run
                watch.expect(wanted)

    def assigned(self, ids: Sequence[str]) -> None:
        """xdist: what the workers are to run; every worker has the same."""
        own = {one for one in ids if f"{SUITE_FILE}::" in one}
        self._ids |= own
        self.met(sorted({one.partition("::")[0] for one in own}))

    def met(self, files: Iterable[str]) -> None:
        """xdist: suites that workers collected, whether anything of them was selected or not."""
        for one in files:
            file = Path(os.path.normpath(self.config.rootpath / one))
            if self.meet(file):
                self._opened(self._suites[real_path(file)])

    def left(self, told: Mapping[str, str]) -> None:
        """xdist: what a worker said when it was done: the suites it met, each with its fault or ""."""
        self.met(told)
        for one, fault in told.items():
            watch = self.watched(Path(os.path.normpath(self.config.rootpath / one)))
            if fault and watch is not None and watch.fault is None:
                watch.fault = EvidenceError(fault)

    def _opened(self, met: _Met) -> Watch | None:
        if met.watch is None and met.wrong is None:
            try:
                self.watch(met.file)
            except UsageError:
                return None  # kept as `wrong`
        return met.watch

    def outlooks(self) -> list[str]:
        """What each suite can decide; on the workers' side of xdist nobody asks."""
        watches = [one.watch for one in self._suites.values() if one.watch is not None]
        return [outlook_of(one.opened) for one in watches if one.opened is not None]

    def leave(self) -> dict[str, str]:
        """A worker is done: the suites it met, as the controller knows them, and what was wrong with each."""
        self._close()
        return {self.base(one.file): _fault_of(one) for one in self._suites.values()}

    def settle(self) -> None:
        """File what is under way in this process: what follows may wait for it."""
        for one in self._suites.values():
            if one.watch is not None:
                one.watch.settle()

    def _close(self) -> None:
        for one in self._suites.values():
            if one.watch is not None:
                one.watch.close()

    # -- verdicts

    def announce(self, session: pytest.Session) -> None:
        """Count the gates to come, so that progress ends at 100 %."""
        if self._asking.is_off or self.config.option.collectonly or not session.testscollected:
            return
        self._announced = len(self._suites)
        session.testscollected += self._announced

    def finish(self, session: pytest.Session) -> None:
        """On the controller, when all items are done: judge, report, and set the exit code."""
        self._close()
        if self.config.option.collectonly:
            return
        suites = [one for _, one in sorted(self._suites.items())]
        if any(self._opened(one) is None for one in suites):
            session.exitstatus = pytest.ExitCode.USAGE_ERROR
            return
        watches = [one.watch for one in suites if one.watch is not None]
        status = int(session.exitstatus)
        if status in _PYTESTS_OWN and not self._is_stopped_by_failures(session, status):
            why = f"{_PYTESTS_OWN[status]}: no verdict"
            self._shown = [Shown(watch=one, skipped=why) for one in watches]
            return
        if self._asking.is_off:
            self._shown = [Shown(watch=one, skipped="switched off") for one in watches]
        elif watches:
            self._shown = [self._judged(one, session) for one in watches]
            with _own_line(self.config):
                for shown in self._shown:
                    self._report(session, shown)
        elif self._asking.is_required:
            self._shown = [Shown(watch=None, void=_NO_SUITE)]
        code = self._exit_code(status)
        session.exitstatus = code
        self._write(code)
        for watch in watches:
            watch.release()

    def _is_stopped_by_failures(self, session: pytest.Session, status: int) -> bool:
        """`-x` ends a session of xdist as if it were interrupted; pytest alone calls it failed."""
        is_by_xdist = self.config.pluginmanager.has_plugin("dsession")
        return is_by_xdist and status == pytest.ExitCode.INTERRUPTED and bool(session.shouldfail)

    def _judged(self, watch: Watch, session: pytest.Session) -> Shown:
        base = f"{self.base(watch.file)}::"
        if not self._asking.is_required and not any(one.startswith(base) for one in self._ids):
            is_worse = self.config.getoption("--stopship-worse")
            why = "no case got worse in its last gate" if is_worse else "none of its cases were selected"
            return Shown(watch=watch, skipped=f"{why}: no verdict")
        opened, fault = watch.opened, watch.fault
        if opened is None:
            return Shown(watch=watch, void=str(fault))
        if fault is not None:
            if isinstance(fault, OutOfReachError) and not self._asking.is_required:
                return Shown(watch=watch, skipped=str(fault))
            return Shown(watch=watch, record=void_gate(opened, [str(fault), *_drifts(fault)]))
        try:
            why = self._why_partial(watch, session)
            if why and not self._asking.is_required:
                return Shown(watch=watch, skipped=f"{why}: no verdict on a part")
            if why:
                reasons = [f"{why}, and the gate is required"]
            elif reasons := self._missing(watch):
                pass
            else:
                return Shown(watch=watch, record=self._record(watch))
        except StopshipError as err:
            reasons = [str(err)]
        return Shown(watch=watch, record=void_gate(opened, reasons))

    def _why_partial(self, watch: Watch, session: pytest.Session) -> str:
        assert watch.opened is not None  # noqa: S101  # the caller looked
        base, total = f"{self.base(watch.file)}::", len(watch.opened.cases)
        chosen = [key for name, keys in watch.names.items() if base + name in self._ids for key in keys]
        if len(chosen) < total:
            return f"{total - len(chosen)} of {total} cases were not selected"
        lost = watch.gather(list(watch.opened.cases))
        if lost and (session.shouldfail or session.shouldstop):
            return f"stopped early with {len(lost)} cases to go"
        return ""

    @staticmethod
    def _missing(watch: Watch) -> list[str]:
        """Why a session that ran to its end has no complete evidence."""
        assert watch.opened is not None  # noqa: S101  # the caller looked
        lost = watch.gather(list(watch.opened.cases), waits=True)
        if not lost:
            return []
        listed = ", ".join(quoted(key) for key in lost[:5]) + (", …" if len(lost) > 5 else "")
        what = f"{len(lost)} of {len(watch.opened.cases)} cases have no record: {listed}"
        return [f"{what}; a worker may have died: run again, what was answered is kept"]

    def _record(self, watch: Watch) -> Record:
        assert watch.opened is not None  # noqa: S101  # ditto
        assert watch.place is not None  # noqa: S101  # ditto
        with watch.unhindered():
            run = watch.run()
            record = self._asking.decided(watch, run)
        remember_worse(watch, record)
        return record

    def _exit_code(self, status: int) -> int:
        verdicts = [one.verdict for one in self._shown]
        return next((EXIT_CODES[one] for one in _ORDER if one in verdicts), status)

    def _report(self, session: pytest.Session, shown: Shown) -> None:
        """Send the gate's own report, as if it were an item that ran last."""
        assert shown.watch is not None  # noqa: S101  # only real suites are reported
        if not self._announced:
            session.testscollected += 1
        node_id = f"{self.base(shown.watch.file)}::{GATE}"
        for report in gate_reports(shown, node_id, show_outputs=_shows_outputs(shown.watch)):
            self.config.hook.pytest_runtest_logreport(report=report)

    def _write(self, exit_code: int) -> None:
        target = self.config.getoption("--stopship-json")
        if target:
            path = Path(self.config.invocation_params.dir, target)
            write_atomically(path, record_bytes(self._shown, exit_code))

    def summarise(self, terminal: Any) -> None:
        """The gates in a few lines, below pytest's own."""
        if not self._shown:
            return
        terminal.ensure_newline()
        terminal.section("stopship", sep="=")
        for one in self._shown:
            for line, markup in brief_lines(one):
                terminal.write_line(line, **markup)


@contextmanager
def _own_line(config: pytest.Config) -> Iterator[None]:
    """Around the letters of gates: pytest has ended the line of the last item, with how far it was."""
    terminal: Any = config.pluginmanager.get_plugin("terminalreporter")
    is_short = terminal is not None and config.get_verbosity() <= 0
    if is_short:
        terminal.write("\n")
    yield
    fill = getattr(terminal, "_write_progress_information_filling_space", None)
    if is_short and fill is not None and getattr(terminal, "_show_progress_info", False):
        fill()


def _fault_of(met: _Met) -> str:
    """Why this process could not go on with a suite; what every process finds by itself plays no part."""
    fault = met.watch.fault if met.watch is not None else None
    return "" if fault is None or isinstance(fault, OutOfReachError) else str(fault)


def _watch_of(item: pytest.Item) -> Any:
    watch = getattr(item, "watch", None)
    return watch if isinstance(watch, Watch) else None


def _shows_outputs(watch: Watch) -> bool:
    return not in_ci() or (watch.opened is not None and watch.opened.suite.is_redacted)


def _drifts(err: StopshipError) -> list[str]:
    from stopship.gating.stacking import DriftError
    from stopship.report.pins import drift_lines

    return [line.strip() for line in drift_lines(err.drifts)] if isinstance(err, DriftError) else []
