"""What a Python target reads of its repository, held against the pins of the stack that it answers with.

Decides which reading would go unseen: of a file, or of a module, that no pin holds. Never looks at what lies
outside of the repository, at names that begin with a dot, or at installed packages.
"""

import ast
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import ModuleType

import stopship
from stopship.boundaries import Boundary
from stopship.errors import EvidenceError, StopshipError
from stopship.gating.engine import Target
from stopship.gating.opened import OpenSuite
from stopship.gating.stacking import Answering
from stopship.gating.world import Unseen, seen_all
from stopship.model.suite import Suite
from stopship.parts.aside import read_by
from stopship.parts.ownfiles import is_own
from stopship.parts.seen import Listed, Ran
from stopship.parts.targets.python import PythonTarget
from stopship.pinning.stacks import names_in
from stopship.store.remote import RECORDINGS
from stopship.store.shown import quoted, shown
from stopship.store.stackfile import StackFile, read_stack_file
from stopship.store.trees import is_left_out

_NOT_OURS = ("site-packages", "dist-packages", "__pycache__")
_METADATA = (".egg-info", ".dist-info")
_CODE = (".py", ".pyc")
_read: dict[tuple[Path, Path], set[str]] = {}  # by target and suite: what it opened here, asking no stack
_names: dict[tuple[str, int, int], frozenset[str]] = {}  # by file, its size and its time: what it imports


def repository(folder: Path) -> Path:
    """The git work tree that a folder is in, resolved; the folder itself where it is in none."""
    own = folder.resolve()
    return next((one for one in (own, *own.parents) if (one / ".git").exists()), own)


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What one target may read, answering with one stack."""

    target: Path
    answering: Answering
    own: StackFile | None  # the suite's own stack file; None: it cannot be read
    folder: Path  # of the suite
    unpinned: Sequence[str] = ()  # as the suite says
    ours: Path | None = None  # where stopship itself reads while the target is at work
    _known: dict[str, bool] = field(default_factory=dict)  # by path: whether its reading is seen

    @cached_property
    def _roots(self) -> frozenset[Path]:
        """A suite may lie in a submodule, and a target in the repository above it."""
        return frozenset(map(repository, (self.folder, self.target.parent, self.answering.path.parent)))

    @cached_property
    def _not_ours(self) -> tuple[Path, ...]:
        python = [Path(sys.prefix).resolve(), Path(sys.base_prefix).resolve()]
        own = [Path(stopship.__file__).parent, *(self.folder / one for one in self.unpinned)]
        store = [self.ours] if self.ours is not None else []
        return (
            *(one for one in python if not any(root.is_relative_to(one) for root in self._roots)),
            *(one.resolve() for one in (*own, *store)),
        )

    def check_known(self, at_load: Sequence[str]) -> None:
        """Raise EvidenceError for what the target has read in this process, for this stack or another: it may
        answer from what it kept."""
        for path in sorted([*at_load, *_read.get((self.target, self.folder), ())]):
            if (err := self.unseen(path, None)) is not None:
                raise err

    def unseen(self, path: str, within: Boundary | None) -> EvidenceError | None:
        """Why a file may not be read; None: it may. A call that is made may read what is no pin's at all: of
        the world, its recording tells."""
        key = f"{type(path).__name__} {within is not None} {path}"
        if key in self._known and os.path.isabs(path):  # noqa: PTH117  # asked for at every file that is opened
            return None
        if path.endswith(_CODE) and not isinstance(path, Ran):
            return None  # modules are looked at by what was imported
        real = os.path.realpath(path)
        here = real if self._is_mine(Path(real)) else os.path.abspath(path)  # noqa: PTH100  # the link itself
        is_there = Path(real).is_dir() if isinstance(path, Listed) else Path(real).is_file()
        if not is_there or is_own(path):
            self._known[key] = True  # what comes to be there now, the target itself has made
            return None
        is_mine = self._is_mine(Path(here))
        if is_mine and within is None and not self.answering.stack.handed(real):
            _read.setdefault((self.target, self.folder), set()).add(type(path)(here))
        if not is_mine or self.answering.stack.covers(real) or self.answering.stack.covers(here):
            self._known[key] = True
            return None
        own = self._own_axis(real)
        if own:
            return self._other_file(real, own, within)
        if within is not None:
            return None
        return self._no_code(here) if isinstance(path, Ran) else self._no_pin(here, isinstance(path, Listed))

    def check_executed(self, module: Path) -> None:
        """Raise EvidenceError for what a module has read as it was executed, for a scorer it may be."""
        for path in read_by(module):
            if (err := self.unseen(path, None)) is not None:
                raise err

    def check_modules(self, imported: dict[str, Path]) -> None:
        """Raise EvidenceError for a module of the repository that no pin holds. `imported`: names of what
        the target imported from beyond its own folder, and a file that did."""
        held = self.answering.stack.held()
        waiting, seen, executed = list(imported.items()), set(imported), list[Path]()
        while waiting:
            name, importer = waiting.pop(0)
            for module, file in _on_the_way(name):
                if not self._is_mine(file):
                    continue
                if str(file) not in held:
                    raise self._no_module(module, file, importer)
                executed.append(file)
                new = _imported_by(module, file) - seen
                seen |= new
                waiting += [(one, file) for one in sorted(new)]
        for file in executed:
            self.check_executed(file)

    def _is_mine(self, real: Path) -> bool:
        """Whether a file is one of the repository's own."""
        for root in self._roots:
            if not real.is_relative_to(root):
                continue
            parts = real.relative_to(root).parts
            if not any(one.startswith(".") or one in _NOT_OURS or one.endswith(_METADATA) for one in parts):
                return not any(real.is_relative_to(one) for one in self._not_ours)
        return False

    def _own_axis(self, real: str) -> str:
        """The axis by which the suite's own stack pins a file, where the stack that answers has it, too."""
        found = names_in(self.own, Path(real)) if self.own is not None else []
        pinned = [axis for axis, name in found if not any(map(is_left_out, name.split("/")))]
        return next((axis for axis in pinned if self.answering.stack.stack.get(axis) is not None), "")

    @property
    def _own_name(self) -> str:
        return shown(self.own.path.name) if self.own is not None else ""

    def _other_file(self, real: str, axis: str, within: Boundary | None) -> EvidenceError:
        other = ", ".join(self.answering.stack.declared(axis)) or "a value"
        who = f"{within.kind} {within.name}" if within is not None else "the target"
        return EvidenceError(
            f"{who} opens {self._told(real)}, which {self._own_name} pins as {quoted(axis)}; in this "
            f"stack {quoted(axis)} is {shown(other)}: it would answer from another stack's file",
            where=shown(self.answering.path),
            do=f'open what the stack says: stack.path("{shown(axis)}"), or stack.text("{shown(axis)}"); '
            f'where there is no stack at hand, stopship.pinned("{shown(axis)}", "…")',
        )

    def _no_code(self, real: str) -> EvidenceError:
        return EvidenceError(
            f"no pin of the stack holds {self._told(real)}, which the target runs or shows: a change of it "
            "would go unseen",
            where=shown(self.answering.path),
            do=f"write {self._code_line(real)}, and lock the stack",
        )

    def _code_line(self, path: str) -> str:
        """What to write in the stack file so that the target's code has this, too."""
        pin, _ = self.answering.stack.held()[str(self.target)]
        listed = [*self.answering.stack.declared(pin.axis), self._relative(path)]
        paths = ", ".join(f'"{shown(one)}"' for one in listed)
        return f"[{shown(pin.axis)}] paths = [{paths}]"

    def _no_pin(self, real: str, is_listed: bool) -> EvidenceError:
        told = self._told(real)
        what = f"opens {told}, which no pin of the stack holds: a change of it would go unseen"
        if is_listed:
            what = f"lists {told}, which no pin of the stack holds: a file more or less there would go unseen"
        written = os.path.relpath(real, self.folder.resolve()).replace(os.sep, "/")
        return EvidenceError(
            f"the target {what}",
            where=shown(self.answering.path),
            do=f'give it an axis, such as [data] with version = "1" and path = "{told}", and lock the stack; '
            f'or, where it cannot change an answer, write unpinned = ["{shown(written)}"] under [replay]',
        )

    def _no_module(self, name: str, file: Path, importer: Path) -> EvidenceError:
        return EvidenceError(
            f"no pin of the stack holds {self._told(str(file))}, which the target runs (imported by "
            f"{self._told(str(importer))}): a change of it would go unseen",
            where=shown(self.answering.path),
            do=f"write {self._code_line(str(_package(name, file)))}, and lock the stack",
        )

    def _relative(self, real: str) -> str:
        folder = os.path.realpath(self.answering.path.parent)
        return os.path.relpath(real, folder).replace(os.sep, "/")

    def _told(self, real: str) -> str:
        """A file as the stack file would name it."""
        return shown(self._relative(real))


def reading_of(opened: OpenSuite, answering: Answering, target: Path, ours: Path | None = None) -> Reading:
    """What the target of a suite may read, answering with a stack."""
    try:
        own = read_stack_file(opened.folder / opened.suite.stack)
    except StopshipError:
        own = None
    return Reading(
        target=target.resolve(),
        answering=answering,
        own=own,
        folder=opened.folder,
        unpinned=opened.suite.replay.unpinned,
        ours=ours,
    )


def unseen_of(opened: OpenSuite, answering: Answering, target: Target | None, store: Path | None) -> Unseen:
    """What stands against reading a file; nothing for a target that reads nothing in this process. `store`:
    the folder of the suite's store, of which recordings are read while the target is at work."""
    if not isinstance(target, PythonTarget):
        return seen_all
    ours = None if store is None else store / RECORDINGS
    return reading_of(opened, answering, target.path, ours).unseen


def unpinned_notes(suite: Suite) -> tuple[str, ...]:
    """For a report: what the suite lets its target read unseen."""
    named = ", ".join(shown(one) for one in suite.replay.unpinned)
    return (f"the target may read {named}, which no pin holds: what that does goes unseen",) if named else ()


def _on_the_way(name: str) -> Iterator[tuple[str, Path]]:
    """A module that is loaded and the packages that it lies in, and their files."""
    parts = name.split(".")
    for count in range(1, len(parts) + 1):
        module = ".".join(parts[:count])
        if (file := _file(sys.modules.get(module))) is not None:
            yield module, file


def _file(module: ModuleType | None) -> Path | None:
    told = getattr(module, "__file__", None)
    return Path(told).resolve() if isinstance(told, str) else None


def _package(name: str, file: Path) -> Path:
    """The folder of the first package of a module; its file where it is alone."""
    depth = name.count(".") + (file.stem == "__init__")
    return file if not depth else file.parents[depth - 1]


def _imported_by(module: str, file: Path) -> frozenset[str]:
    """The names of the modules that a module says it imports, and of what it takes from them."""
    if file.suffix != ".py":
        return frozenset()
    try:
        stat = file.stat()
        key = str(file), stat.st_size, stat.st_mtime_ns
        if key not in _names:
            package = module if file.stem == "__init__" else module.rpartition(".")[0]
            _names[key] = frozenset(_said(ast.parse(file.read_bytes()), package))
    except (OSError, SyntaxError, ValueError, RecursionError):
        return frozenset()
    return _names[key]


def _said(tree: ast.AST, package: str) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (one.name for one in node.names)
        elif isinstance(node, ast.ImportFrom):
            parts = package.split(".")
            above = parts[: len(parts) - node.level + 1] if node.level else []
            name = ".".join([*above, *([node.module] if node.module else [])])
            yield name
            yield from (f"{name}.{one.name}" for one in node.names)
