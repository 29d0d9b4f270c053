"""The stack of any run, at hand to be asked again: found beside the suite, or rebuilt in the working folder.

Decides where each pin comes from. Never gives a stack that is not, digest for digest, the one of the run.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from stopship.errors import EvidenceError, StopshipError
from stopship.gating.gate import texts_of
from stopship.gating.opened import OpenSuite
from stopship.gating.stacking import Answering, answering_as
from stopship.gating.workplace import Workplace
from stopship.model.run import Run
from stopship.model.stack import KEEPS, SHORT, Kind, Pin, PinnedFile, Stack
from stopship.pinning.stacks import OpenStack, open_stack
from stopship.steps.restoring import plan, to_write
from stopship.store.atomic import write_atomically
from stopship.store.contents import Texts
from stopship.store.lockfile import lock_path, rendered
from stopship.store.restored import stack_text, write_new
from stopship.store.shown import quoted, shown
from stopship.store.stackfile import StackFile, read_stack_file
from stopship.store.temporary import folder_in
from stopship.store.trees import files_in, read_file

STACKS = "stacks"  # in the working folder; deletable
_NAME = "stack.toml"


class NotAtHandError(EvidenceError):
    """The stack of a run cannot be asked again; says which pins are lacking, and what brings them back."""

    def __init__(self, run: Run, lacking: list[str]) -> None:
        listed = "".join(f"\n  {one}" for one in lacking)
        super().__init__(
            f"the stack {run.head.stack.stack_id[:SHORT]} of the run {run.short} is not at hand:{listed}",
            do="or name a stack file that is locked as it",
        )
        self.lacking = tuple(lacking)


def answering_of(opened: OpenSuite, place: Workplace, run: Run) -> Answering:
    """The stack of a run: a stack file beside the suite that is locked as it and holds, else one rebuilt.

    Rebuilt from kept texts, values, data of the same digest that lies where the stack files look for theirs,
    and what is observed now; verified whole, then put in place in one step. Raises NotAtHandError.
    """
    wanted = run.head.stack
    here = stack_files(opened)
    folder = place.folder / STACKS / wanted.stack_id
    found = answering_as([*here, folder / _NAME], wanted.stack_id)
    if found is not None:
        return found
    stacks = place.made() / STACKS
    try:
        stacks.mkdir(exist_ok=True)
        beside, held = folder_in(stacks)
    except OSError as err:
        raise NotAtHandError(run, [f"{shown(stacks)} cannot be written: {err.strerror}"]) from err
    try:
        lacking = _Rebuilding(wanted, beside, texts_of(place), _read(here)).run()
        if lacking:
            raise NotAtHandError(run, lacking)
        _put(beside, folder, wanted.stack_id)
    except OSError as err:
        raise NotAtHandError(run, [f"{shown(beside)} cannot be written: {err.strerror}"]) from err
    finally:
        shutil.rmtree(beside, ignore_errors=True)
        os.close(held)
    found = answering_as([folder / _NAME], wanted.stack_id)
    if found is None:
        raise NotAtHandError(run, ["what it was rebuilt from has changed in this moment: run again"])
    return found


def stack_files(opened: OpenSuite) -> list[Path]:
    """The stack files of a suite: its own, then those beside it and in `stacks/`."""
    own = opened.folder / opened.suite.stack
    return [own, *sorted({*opened.folder.glob("*.toml"), *opened.folder.glob("stacks/*.toml")} - {own})]


def _read(files: list[Path]) -> list[StackFile]:
    found = []
    for one in files:
        with suppress(StopshipError):  # no stack file, or one with faults: it points at nothing
            found.append(read_stack_file(one))
    return found


def _put(beside: Path, folder: Path, stack_id: str) -> None:
    """Rename into place; what stands there and does not hold is moved away first, and what holds stays."""
    if folder.exists() and answering_as([folder / _NAME], stack_id) is None:
        with suppress(OSError):  # else another process was first
            folder.rename(beside.with_name(f"{beside.name}.old"))
            shutil.rmtree(beside.with_name(f"{beside.name}.old"), ignore_errors=True)
    try:
        beside.rename(folder)
    except OSError:
        if not folder.exists():
            raise


class _Rebuilding:
    """One stack, rebuilt into an empty folder."""

    def __init__(self, stack: Stack, folder: Path, texts: list[Texts], here: list[StackFile]) -> None:
        self.stack, self.folder, self.texts, self.here = stack, folder, texts, here
        self.placed: dict[str, str] = {}
        self.values: dict[str, bytes] = {}
        self.lacking: list[str] = []
        self._by_size: dict[int, list[Path]] | None = None

    def run(self) -> list[str]:
        """What is lacking; nothing: the folder holds the stack, locked and verified."""
        files = [one for pin in self.stack.pins if pin.kind in KEEPS for one in pin.files]
        at_hand = {one.digest: data for one in files if (data := self._bytes(one)) is not None}
        planned = plan(self.stack, _NAME, frozenset(at_hand))
        pins = [*planned.pins]
        for pin in planned.pins:
            self._check(pin, at_hand)
        for refused in planned.refused:
            if refused.pin.kind in KEEPS:
                self._lacks(refused.pin, f"{refused.because}; put the file back")
            elif placed := self._observed(refused.pin) or self._data(refused.pin):
                self.placed[refused.pin.axis] = placed
                pins.append(refused.pin)
        if self.lacking:
            return self.lacking
        for one in to_write(planned.pins):
            write_new(self.folder, one.path, at_hand[one.digest])
        write_new(self.folder, _NAME, stack_text(pins, self.values, (), self.placed))
        self._verify()
        return self.lacking

    def _verify(self) -> None:
        """Lock what was written, where it is the stack that is wanted."""
        try:
            opened: OpenStack = open_stack(self.folder / _NAME)
        except StopshipError as err:
            self.lacking.append(shown(err.what))
            return
        for pin in self.stack.pins:
            now = opened.stack.get(pin.axis)
            if now is None or now.digest != pin.digest:
                served = f"serves {quoted(now.served)} now, and then {quoted(pin.served)}" if now else ""
                is_served = pin.kind is Kind.OBSERVE and now is not None
                self._lacks(pin, served if is_served else "comes out with another digest")
        if not self.lacking:
            write_atomically(lock_path(self.folder / _NAME), rendered(opened.stack))

    def _check(self, pin: Pin, at_hand: dict[str, bytes]) -> None:
        for one in pin.files:
            if one.digest not in at_hand:
                what = f"the text of {quoted(one.path)}, digest {one.digest[:SHORT]}, is nowhere kept"
                self._lacks(pin, f"{what}: fetch the store, or put the file back")
        if pin.kind is Kind.VALUE:
            data = self._kept(pin.content)
            if data is None:
                self._lacks(pin, f"its value, digest {pin.content[:SHORT]}, is nowhere kept: fetch the store")
            else:
                self.values[pin.axis] = data

    def _observed(self, pin: Pin) -> str:
        """What to observe for a pin that is served, from the first stack file that says so."""
        if pin.kind is not Kind.OBSERVE:
            return ""
        for file in self.here:
            for axis in file.axes:
                if axis.name == pin.axis and axis.key == "observe":
                    return f"{self._relative(file.folder / axis.paths[0])}:{axis.function}"
        self._lacks(pin, "it is served elsewhere, and no stack file here says how to observe it")
        return ""

    def _data(self, pin: Pin) -> str:
        """Where data of the pin's content lies; it stays there."""
        if pin.kind is Kind.OBSERVE:
            return ""
        if pin.kind is Kind.FOLDER:
            found = next((one for one in self._folders() if _holds(one, pin)), None)
        else:
            found = self._file(pin.files[0])
        if found is not None:
            return self._relative(found)
        what = "the folder" if pin.kind is Kind.FOLDER else f"the file of {pin.files[0].size} bytes"
        self._lacks(
            pin, f"is data: put {what} with digest {pin.content[:SHORT]} back where stacks name theirs"
        )
        return ""

    def _lacks(self, pin: Pin, what: str) -> None:
        self.lacking.append(f"{shown(pin.title)}: {what}")

    def _relative(self, path: Path) -> str:
        return os.path.relpath(os.path.realpath(path), os.path.realpath(self.folder)).replace(os.sep, "/")

    def _bytes(self, file: PinnedFile) -> bytes | None:
        """The bytes of a file: the kept ones, else those of a file at hand."""
        if file.is_text and (kept := self._kept(file.digest)) is not None:
            return kept
        found = self._file(file)
        with suppress(OSError):
            data = found.read_bytes() if found else b""
            return data if found and read_file(found, "").digest == file.digest else None
        return None

    def _kept(self, digest: str) -> bytes | None:
        for one in self.texts:
            with suppress(EvidenceError):
                return one.read(digest)
        return None

    def _file(self, file: PinnedFile) -> Path | None:
        """A file of this size and digest, where the stack files name theirs."""
        if self._by_size is None:
            self._by_size = {}
            for one in self._near():
                with suppress(OSError):
                    self._by_size.setdefault(one.stat().st_size, []).append(one)
        for one in self._by_size.get(file.size, ()):
            with suppress(EvidenceError):
                if read_file(one, "").digest == file.digest:
                    return one
        return None

    def _roots(self) -> list[Path]:
        paths = [
            file.folder / one
            for file in self.here
            for axis in file.axes
            if axis.key in ("file", "path", "paths")
            for one in axis.paths
        ]
        return list(dict.fromkeys(Path(os.path.realpath(one)) for one in paths))

    def _near(self) -> Iterator[Path]:
        """The files that stack files name, and those that lie in the same folders."""
        roots = self._roots()
        for folder in dict.fromkeys(one.parent for one in roots):
            with suppress(OSError):
                yield from sorted(one for one in folder.iterdir() if one.is_file())
        for root in roots:
            if root.is_dir():
                with suppress(EvidenceError):
                    yield from sorted(path for _, path in files_in(root, frozenset()))

    def _folders(self) -> Iterator[Path]:
        for folder in dict.fromkeys(one.parent for one in self._roots()):
            with suppress(OSError):
                yield from sorted(one for one in folder.iterdir() if one.is_dir())


def _holds(folder: Path, pin: Pin) -> bool:
    """Whether a folder holds exactly the files of a pin."""
    try:
        found = dict(files_in(folder, frozenset()))
        if found.keys() != {one.path for one in pin.files}:
            return False
        return all(read_file(found[one.path], one.path).digest == one.digest for one in pin.files)
    except EvidenceError:
        return False
