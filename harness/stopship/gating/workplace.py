"""Where a suite's runs lie: its store, and the working folder beside it.

Decides which run a name means. Never judges one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from stopship.errors import EvidenceError, UsageError
from stopship.gating.opened import POINTER, WORK
from stopship.model.run import Pointer, Run
from stopship.model.suite import Suite
from stopship.store.atomic import write_atomically
from stopship.store.pointer import read_pointer
from stopship.store.remote import Store, open_store
from stopship.store.runs import find_runs, read_run, resolve
from stopship.store.shown import quoted, shown

BASELINE, ANCHOR = "baseline", "anchor"
SUITE_FILE = "suite.toml"


@dataclass(frozen=True, slots=True)
class Workplace:
    """The runs of one suite: those in its working folder and those in its store."""

    suite: Suite
    store: Store
    pointer_folder: Path | None = None  # of another revision, which says what is compared with

    @property
    def folder(self) -> Path:
        """The working folder; made, and hidden from git, when something is first put there."""
        return self.suite.folder / WORK

    @property
    def runs(self) -> Path:
        return self.folder / "runs"

    @property
    def pointer_path(self) -> Path:
        return (self.pointer_folder or self.suite.folder) / POINTER

    def pointer(self) -> Pointer:
        return read_pointer(self.pointer_path)

    def made(self) -> Path:
        """The working folder, existing."""
        try:
            self.runs.mkdir(parents=True, exist_ok=True)
        except OSError as err:
            raise UsageError(
                f"the working folder cannot be made: {err.strerror}",
                where=shown(self.folder),
                do="make the suite's folder writable",
            ) from err
        ignore = self.folder / ".gitignore"
        if not ignore.exists():
            write_atomically(ignore, b"*\n")
        return self.folder

    def run(self, name: str) -> Run:
        """The run of a name: `baseline`, `anchor`, the beginning of an id, or a folder."""
        if name in (BASELINE, ANCHOR):
            accepted = getattr(self.pointer(), name)
            if accepted is None:
                raise UsageError(
                    f"there is no {name} yet",
                    where=shown(self.pointer_path),
                    do="stopship accept RUN makes one",
                )
            return self.kept(accepted.run)
        return read_run(self.find(name))

    def find(self, name: str) -> Path:
        """The folder of a run that a name means."""
        path = Path(name)
        if path.is_dir() and (path / "run.json").exists():
            return path
        known = self.store.list_runs()
        here = find_runs(self.runs) if self.runs.is_dir() else []
        meant = [one for one in known if one.startswith(name)]
        if len(name) >= 4 and len(meant) == 1 and not any(one.startswith(name) for one in here):
            return self.store.fetch_run(meant[0], self.folder / "cache")
        return resolve(name, self._local())

    def kept(self, run_id: str) -> Run:
        """A run of the store by its whole id: what a pointer names."""
        if not self.store.has_run(run_id):
            raise EvidenceError(
                f"the run {run_id[:12]} that {POINTER} names is not in the store",
                where=shown(self.store.name),
                do="fetch the store, or push the run into it: stopship push RUN",
            )
        return read_run(self.store.fetch_run(run_id, self.folder / "cache"))

    def _local(self) -> Sequence[Path]:
        folders = [self.runs]
        if (local := self.store.local) is not None:
            folders.append(local / "runs")
        return folders


def workplace(suite: Suite, *, store: str | None = None) -> Workplace:
    """The workplace of a suite; `store` (STOPSHIP_STORE) stands in for the one that the suite names."""
    return Workplace(suite, open_store(store or suite.store, Path.cwd() if store else suite.folder))


def find_suite_file(path: Path) -> Path:
    """The suite file that a path means: itself, or `suite.toml` in the folder."""
    return path / SUITE_FILE if path.is_dir() else path


def suites_below(folder: Path) -> list[Path]:
    """The suite files that a person in a folder means: here, else in `suites/*/`, else one level down."""
    if (folder / SUITE_FILE).is_file():
        return [folder / SUITE_FILE]
    found = sorted(folder.glob(f"suites/*/{SUITE_FILE}"))
    return found or sorted(folder.glob(f"*/{SUITE_FILE}"))


def only_suite(folder: Path) -> Path:
    """The one suite that is meant where none is named."""
    found = suites_below(folder)
    if len(found) == 1:
        return found[0]
    listed = ", ".join(quoted(str(one.relative_to(folder))) for one in found[:10])
    raise UsageError(
        "no suite here" if not found else f"{len(found)} suites here: {listed}",
        where=shown(folder),
        do="name one with --suite",
    )
