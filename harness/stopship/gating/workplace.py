"""Where a suite's runs lie: its store, and the working folder beside it.

Decides which run a name means. Never judges one.
"""

import os
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from stopship.errors import EvidenceError, UsageError
from stopship.gating.opened import GOLDEN, POINTER, WORK
from stopship.model.run import Pointer, Run
from stopship.model.suite import Suite
from stopship.store.atomic import write_atomically
from stopship.store.pointer import read_pointer
from stopship.store.remote import Store, open_store
from stopship.store.runs import LEAST_PREFIX, find_runs, read_run, resolve
from stopship.store.shown import quoted, shown

BASELINE, ANCHOR = "baseline", "anchor"
CACHE = "cache"  # in the working folder: what was fetched from a store behind a URL
SUITE_FILE = "suite.toml"


@dataclass(frozen=True, slots=True)
class Workplace:
    """The runs of one suite: those in its working folder and those in its store."""

    suite: Suite
    store: Store
    pointer_folder: Path | None = None  # of another revision, which says what is compared with
    _read: dict[str, Run] = field(default_factory=dict, compare=False, repr=False)  # by id, verified once

    @property
    def folder(self) -> Path:
        """The working folder; made, and hidden from git, when something is first put there."""
        return self.suite.folder / WORK

    @property
    def cache(self) -> Path:
        """Where things come to lie that were fetched from a store behind a URL."""
        return self.folder / CACHE

    @property
    def runs(self) -> Path:
        return self.folder / "runs"

    def served(self, identity: str) -> str | None:
        """The run that was sealed of a very plan, unread; None: there is none."""
        try:
            run_id = self._plan(identity).read_text("ascii").strip()
        except (OSError, UnicodeDecodeError):
            return None
        return run_id if run_id.isalnum() and (self.runs / run_id).is_dir() else None

    def serve(self, identity: str, run_id: str) -> None:
        """From now on this run answers that plan."""
        self._plan(identity).parent.mkdir(exist_ok=True)
        write_atomically(self._plan(identity), run_id.encode("ascii"))

    def serve_no_more(self, identity: str) -> None:
        """No run answers that plan any longer."""
        self._plan(identity).unlink(missing_ok=True)

    def _plan(self, identity: str) -> Path:
        return self.folder / "plans" / identity

    @property
    def pointer_path(self) -> Path:
        return (self.pointer_folder or self.suite.folder) / POINTER

    @property
    def golden_path(self) -> Path:
        """The admitted must-pass cases: reviewed like the pointer, and of the same revision."""
        return self.pointer_path.with_name(GOLDEN)

    @property
    def own_golden_path(self) -> Path:
        """The admissions of the working tree, whatever revision the pointer is read from."""
        return self.suite.folder / GOLDEN

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
        """The run of a name, read and verified."""
        return read_run(self.find(name))

    def find(self, name: str) -> Path:
        """The folder of a run: `baseline`, `anchor`, the beginning of an id, or a folder.

        A store behind a URL is asked only for what is not at hand.
        """
        if name in (BASELINE, ANCHOR):
            accepted = getattr(self.pointer(), name)
            if accepted is None:
                raise UsageError(
                    f"there is no {name} yet",
                    where=shown(self.pointer_path),
                    do="stopship accept RUN makes one",
                )
            return self._kept(accepted.run)
        try:
            return resolve(name, self._local())
        except UsageError as err:
            if stack := self._stack_file(name):
                command = f"stopship replay {typed(self.suite.folder)} --stack {typed(stack)}"
                raise UsageError(
                    err.what,
                    do=f"{typed(stack)} is a stack file. `repro` takes its path; where a run is wanted, "
                    f"replay it first: {command}",
                ) from err
            if self.store.local is not None or len(name) < LEAST_PREFIX:
                raise
            meant = [one for one in self.store.list_runs() if one.startswith(name.lower())]
            known = [one for folder in self._local() for one in find_runs(folder)]
            if len(meant) != 1 or any(one.startswith(name.lower()) for one in known):
                raise
        return self.store.fetch_run(meant[0], self.cache)

    def _stack_file(self, name: str) -> Path | None:
        """The stack file that a person may have meant."""
        named, own = f"{name.removesuffix('.toml')}.toml", self.suite.folder
        near = [Path(), own, own / "stacks", (own / self.suite.stack).parent]
        try:
            found = [folder / named for folder in near if (folder / named).is_file()]
        except (OSError, ValueError):  # no name of a file
            return None
        return next((one for one in found if one.name != SUITE_FILE), None)

    def kept(self, run_id: str) -> Run:
        """A run of the store by its whole id: what a pointer names."""
        if run_id not in self._read:
            self._read[run_id] = read_run(self._kept(run_id))
        return self._read[run_id]

    def _kept(self, run_id: str) -> Path:
        if not self._is_cached(run_id) and not self.store.has_run(run_id):
            raise EvidenceError(
                f"the run {run_id[:12]} that {POINTER} names is not in the store",
                where=shown(self.store.name),
                do=f"fetch the store, or get the run from who accepted it: `stopship push {run_id[:12]}` "
                f"there, or `runs/` committed with {POINTER}. A replay of the accepted stack makes it again "
                f"where the target is deterministic. Where nobody has it, begin anew: remove {POINTER}, "
                "replay, accept",
            )
        return self.store.fetch_run(run_id, self.cache)

    def _is_cached(self, run_id: str) -> bool:
        """Whether a store behind a URL need not be asked; what was fetched is verified at every reading."""
        return self.store.local is None and (self.store.runs_folder(self.cache) / run_id).is_dir()

    def _local(self) -> Sequence[Path]:
        return [self.runs, self.store.runs_folder(self.cache)]


def workplace(suite: Suite, *, store: str | None = None) -> Workplace:
    """The workplace of a suite; `store` (STOPSHIP_STORE) stands in for the one that the suite names."""
    return Workplace(suite, open_store(store or suite.store, Path.cwd() if store else suite.folder))


def find_suite_file(path: Path) -> Path:
    """The suite file that a path means: itself, or `suite.toml` in the folder."""
    return path / SUITE_FILE if path.is_dir() else path


def typed(folder: Path) -> str:
    """A folder as a person standing here would type it."""
    return shown(shlex.quote(os.path.relpath(folder)))


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
