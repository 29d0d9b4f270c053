"""Write a locked stack out again.

Decides what becomes of each pin. Never calls a pin restored whose digest is not the locked one.
"""

from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from stopship.errors import EvidenceError
from stopship.model.stack import Kind, Pin
from stopship.pinning.gather import Gathering
from stopship.pinning.stacks import texts_at
from stopship.steps.restoring import NotRestored, plan, to_write
from stopship.store.lockfile import lock_path, read_lock, stack_name
from stopship.store.restored import check_folder, stack_text, write_folder
from stopship.store.stackfile import read_stack_file


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """What restoring wrote."""

    stack_file: Path
    pins: tuple[Pin, ...]
    refused: tuple[NotRestored, ...]


def restore_stack(path: Path, folder: Path, store: Path | str | None = None) -> Restored:
    """Write the kept pins of a lock, or of a stack file's lock, into a new or empty folder.

    A pin is restored whole, with the digest it was locked with, or not at all.
    """
    name = stack_name(path)
    locked = read_lock(path.with_name(lock_path(Path(name)).name))
    contents = texts_at(store, path.with_name(name))
    check_folder(folder)
    planned = plan(locked, name)
    refused, pins = list(planned.refused), []
    values: dict[str, bytes] = {}
    for pin in planned.pins:
        try:
            for one in pin.files:
                contents.read(one.digest)
            if pin.kind is Kind.VALUE:
                values[pin.axis] = contents.read(pin.content)
                stack_text([pin], values, ())  # raises for what is no value of a stack file
            pins.append(pin)
        except EvidenceError as err:
            refused.append(NotRestored(pin, f"{err.where}: {err.what}"))
    left_out = [(one.pin.title, one.because) for one in refused]
    files = ((one.path, contents.read(one.digest)) for one in to_write(tuple(pins)))
    write_folder(folder, chain(files, [(name, stack_text(pins, values, left_out))]))
    kept, changed = _held_against(folder / name, pins)
    return Restored(stack_file=folder / name, pins=kept, refused=(*refused, *changed))


def _held_against(stack_file: Path, pins: list[Pin]) -> tuple[tuple[Pin, ...], list[NotRestored]]:
    """The restored pins that came out as they were locked, and those that did not."""
    if not pins:
        return (), []
    gathered = Gathering(read_stack_file(stack_file), None)
    gathered.run()
    now = {one.axis: one.digest for one in gathered.pins}
    because = "its files were written, but in this folder they have another digest"
    changed = [NotRestored(one, because) for one in pins if now.get(one.axis) != one.digest]
    return tuple(one for one in pins if now.get(one.axis) == one.digest), changed
