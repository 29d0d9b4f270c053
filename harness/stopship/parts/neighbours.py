"""Run a user's file so that it can import the files beside it, at any time and from any thread.

Decides which file an `import` in a user's file means: one in its own folder first, as for a script. Each
folder is a private package, so two suites may each have an `index.py`. Never puts a folder on `sys.path`,
never lends a file's plain name to anybody else, never reads or writes bytecode. Keeps book of who ran what.
"""

import builtins
import hashlib
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from importlib.util import module_from_spec, resolve_name, spec_from_file_location
from pathlib import Path
from threading import RLock
from types import CodeType, ModuleType

PRIVATE = "_stopship_user_"
_folders: dict[str, "_Folder"] = {}  # by the name of its private package
_lock = RLock()


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """A file that was executed, in which bytes, and who imported it."""

    file: Path  # resolved
    sha256: str
    importer: Path | None  # None: it was not imported by a file of a user's


_ran: dict[str, tuple[Path, str]] = {}  # by module name: the file and the digest of the bytes that ran
_imported: dict[str, set[str]] = {}  # by module name: the modules of private packages that it imported
_outside: dict[str, set[str]] = {}  # by module name: what it imported from elsewhere, or took from there


def code_of(file: Path) -> list[Ran]:
    """Every file beside it that a user's file has executed so far: itself, and what it imports in its turn.

    What others imported is not its own, though it lie in the same folder.
    """
    found: dict[Path, Ran] = {}
    for _, ran, importer in _reached(file):
        if ran is not None:
            found.setdefault(ran[0], Ran(file=ran[0], sha256=ran[1], importer=importer))
    return list(found.values())


def imported_elsewhere(file: Path) -> dict[str, Path]:
    """The names of the modules that a user's file and those beside it have imported from elsewhere so far,
    each with a file that did; among them names of what they took from a module."""
    return {
        one: ran[0]
        for name, ran, _ in reversed(list(_reached(file)))
        if ran is not None
        for one in _outside.get(name, ())
    }


def _reached(file: Path) -> Iterator[tuple[str, tuple[Path, str] | None, Path | None]]:
    """Module, what ran of it, and who imported it."""
    first = Executed(file, b"").name
    waiting: list[tuple[str, Path | None]] = [(first, None)]
    seen = {first}
    while waiting:
        name, importer = waiting.pop(0)
        ran = _ran.get(name) or _loaded_otherwise(name)
        yield name, ran, importer
        for one in sorted(_imported.get(name, set()) - seen):
            seen.add(one)
            waiting.append((one, ran[0] if ran else importer))


def _loaded_otherwise(name: str) -> tuple[Path, str] | None:
    """A module that Python itself loaded from a private package: an extension, or bytecode alone."""
    spec = getattr(sys.modules.get(name), "__spec__", None)
    if not isinstance(spec, ModuleSpec) or not spec.has_location or not spec.origin:
        return None
    file = Path(spec.origin).resolve()
    try:
        return file, hashlib.sha256(file.read_bytes()).hexdigest()
    except OSError:
        return file, ""  # gone since: the digest of nothing that is pinned


def import_for(file: Path, name: str, taken: Sequence[str], level: int) -> None:
    """What an import statement does in a file that was executed; nothing where it names what lies elsewhere.

    Raises what the imported file raises.
    """
    module = next((sys.modules.get(one) for one, ran in list(_ran.items()) if ran[0] == file), None)
    folder = _folders.get(module.__name__.partition(".")[0]) if module is not None else None
    if module is not None and folder is not None:
        folder.import_beside(name, vars(module), taken, level)


def _note(importer: object, names: Sequence[str]) -> None:
    if isinstance(importer, str) and importer.startswith(PRIVATE):
        mine = _imported.setdefault(importer, set())
        mine.update(one for one in names if one.startswith(PRIVATE) and one != importer)


def _asking(name: str) -> str:
    """The module of a user's whose code is running, other than the one that is named."""
    frame = sys._getframe(1)  # noqa: SLF001  # how a frame is had
    while frame.f_back is not None:
        frame = frame.f_back
        found = frame.f_globals.get("__name__")
        if isinstance(found, str) and found.startswith(PRIVATE) and found != name:
            return found
    return ""


class Executed:
    """One file to execute: its bytes, and then its module."""

    def __init__(self, file: Path, source: bytes) -> None:
        self.file = file  # resolved
        self.folder = _folder(file.parent)
        stem = file.stem if file.suffix == ".py" and file.stem.isidentifier() else ""
        short = stem or f"file_{hashlib.sha256(os.fsencode(file.name)).hexdigest()[:16]}"
        self.name = f"{self.folder.package}.{short}"
        self.source = source
        self.sha256 = hashlib.sha256(source).hexdigest()

    @property
    def module(self) -> ModuleType:
        return sys.modules[self.name]


def execute(ran: Executed) -> None:
    """Execute the file, unless a file beside it has imported it before; raises what the file raises."""
    if (before := sys.modules.get(ran.name)) is not None:
        loader = getattr(before.__spec__, "loader", None)
        ran.sha256 = loader.sha256 if isinstance(loader, _Loader) else ran.sha256
        return
    loader = _Loader(ran.name, str(ran.file), ran.folder, ran.source)
    spec = spec_from_file_location(ran.name, ran.file, loader=loader)
    if spec is None:  # never with a loader given; the signature allows it
        raise ImportError(f"cannot load {ran.file}")
    module = module_from_spec(spec)
    sys.modules[ran.name] = module  # dataclasses and pickling look their module up by name
    done = False
    try:
        loader.exec_module(module)
        done = True
    finally:
        if not done:
            sys.modules.pop(ran.name, None)


class _Loader(SourceFileLoader):
    """Runs exactly the bytes that are digested: no second read of the file, no stale bytecode."""

    def __init__(self, fullname: str, path: str, folder: "_Folder", source: bytes | None = None) -> None:
        super().__init__(fullname, path)
        self._folder = folder
        self._source = source
        self.sha256 = ""

    def get_code(self, fullname: str) -> CodeType | None:  # noqa: ARG002  # the signature of the base class
        source = Path(self.path).read_bytes() if self._source is None else self._source
        self.sha256 = hashlib.sha256(source).hexdigest()
        _ran[self.name] = (Path(self.path).resolve(), self.sha256)
        code: CodeType = self.source_to_code(source, self.path)
        return code

    def exec_module(self, module: ModuleType) -> None:
        vars(module)["__builtins__"] = self._folder.builtins
        _imported[self.name], _outside[self.name] = set(), set()
        _note(_asking(self.name), [self.name])  # however it was imported
        super().exec_module(module)


class _Folder:
    """A folder as a private package, and the builtins of its files, in which `import` looks there first."""

    def __init__(self, path: Path, package: str) -> None:
        self.path = path
        self.package = package
        self.builtins = {**vars(builtins), "__import__": self._import}
        self._elsewhere: set[str] = set()  # names that are not in this folder
        spec = ModuleSpec(package, None, is_package=True)
        spec.submodule_search_locations = [str(path)]
        sys.modules[package] = module_from_spec(spec)

    def _import(
        self,
        name: str,
        globals: Mapping[str, object] | None = None,  # noqa: A002  # the signature of __import__
        locals: Mapping[str, object] | None = None,  # noqa: A002  # ditto
        fromlist: Sequence[str] | None = (),
        level: int = 0,
    ) -> ModuleType:
        top = name.partition(".")[0]
        asking = globals or sys._getframe(1).f_globals  # noqa: SLF001  # how a frame is had
        importer = str(asking.get("__name__") or "")
        if level:
            found = builtins.__import__(name, globals, locals, fromlist or (), level)
            package = asking.get("__package__") or importer.rpartition(".")[0]
            _note(importer, _touched(resolve_name("." * level + name, str(package)), fromlist or ()))
            return found
        if not self._is_beside(top):
            mine = _outside.setdefault(importer, set())
            mine.update([name, *(f"{name}.{one}" for one in fromlist or ())])
            return builtins.__import__(name, globals, locals, fromlist or (), level)
        found = builtins.__import__(f"{self.package}.{name}", globals, locals, fromlist or (), 0)
        _note(importer, _touched(f"{self.package}.{name}", fromlist or ()))
        return found if fromlist else sys.modules[f"{self.package}.{top}"]

    def import_beside(
        self, name: str, asking: Mapping[str, object], taken: Sequence[str], level: int
    ) -> None:
        """Import for one of its files what lies in this folder, and nothing else."""
        if level or self._is_beside(name.partition(".")[0]):
            self._import(name, asking, None, taken, level)

    def _is_beside(self, top: str) -> bool:
        if f"{self.package}.{top}" in sys.modules:
            return True
        if not top or top in self._elsewhere or top in sys.builtin_module_names:
            return False
        spec = self.found(f"{self.package}.{top}", [str(self.path)])
        if spec is None or (spec.loader is None and _is_anywhere(top)):
            self._elsewhere.add(top)  # a folder without __init__.py counts only where nothing else does
            return False
        return True

    def found(self, fullname: str, path: Sequence[str] | None) -> ModuleSpec | None:
        """Where a module of this private package lies."""
        short = fullname.rpartition(".")[2]
        for place in map(Path, path or ()):  # looked up afresh: a listing kept by Python may be stale
            inside = place / short / "__init__.py"
            file = inside if inside.is_file() else place / f"{short}.py"
            if file.is_file():
                loader = _Loader(fullname, str(file), self)
                return spec_from_file_location(fullname, file, loader=loader)
        return PathFinder.find_spec(fullname, path)


def _touched(name: str, fromlist: Sequence[str]) -> list[str]:
    """The modules that an import statement reaches: those on the way, and those it names in the last."""
    parts = name.split(".")
    found = [".".join(parts[:i]) for i in range(2, len(parts) + 1)]  # the first is the folder itself
    listed = getattr(sys.modules.get(name), "__all__", ()) if "*" in fromlist else fromlist
    inside = [f"{name}.{one}" for one in listed if isinstance(one, str)]
    return [*found, *(one for one in inside if one in sys.modules)]


def _is_anywhere(top: str) -> bool:
    if top in sys.modules:
        return True
    return any(one.find_spec(top, None, None) is not None for one in sys.meta_path)


class _Finder:
    """Finds the modules of private packages, and no others."""

    @staticmethod
    def find_spec(
        fullname: str,
        path: Sequence[str] | None = None,
        target: ModuleType | None = None,  # noqa: ARG004  # the signature of finders
    ) -> ModuleSpec | None:
        if not fullname.startswith(PRIVATE):
            return None
        folder = _folders.get(fullname.partition(".")[0])
        return folder.found(fullname, path) if folder else None

    @staticmethod
    def invalidate_caches() -> None:
        for folder in _folders.values():
            folder._elsewhere.clear()  # noqa: SLF001  # of this module


def _folder(path: Path) -> _Folder:
    package = f"{PRIVATE}{hashlib.sha256(os.fsencode(path)).hexdigest()[:16]}"
    with _lock:
        if _Finder not in sys.meta_path:
            sys.meta_path.insert(0, _Finder)
        if package not in _folders:
            _folders[package] = _Folder(path, package)
        return _folders[package]
