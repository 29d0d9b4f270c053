"""What a run says of what its programs could reach: isolated, or `not isolated` and why.

Decides nothing of a verdict. Never says `isolated` of a run of which one output was told without.
"""

import fcntl
from collections.abc import Sequence
from pathlib import Path

from stopship.model.exchange import Fidelity
from stopship.model.run import ISOLATED, NOT_ISOLATED, isolation_of
from stopship.parts.targets.command import CommandTarget
from stopship.parts.targets.python import PythonTarget
from stopship.parts.targets.secluded import refusal
from stopship.store.atomic import write_atomically
from stopship.store.journal import AT_WORK
from stopship.store.locks import give_back, opened, take
from stopship.store.shown import shown

_NAMES = {NOT_ISOLATED: "not-isolated", ISOLATED: "isolated"}  # of files beside the journals
_UNKNOWN = f"{NOT_ISOLATED}: some outputs were told before that was noted"


def note(target: object, fidelity: Fidelity, journals: Path) -> None:
    """Keep beside the journals how this process asks: others may ask for the rest of the run."""
    if _begins_anew(journals):
        forget(journals)
    if isinstance(target, PythonTarget) and target.started and fidelity is not Fidelity.LIVE:
        loose(journals, target.started[0])
    if not _is_program(target, fidelity):
        return
    if any(one.stat().st_size for one in journals.glob("journal*.jsonl")) and not _read(journals):
        _write(journals, _UNKNOWN)
    why = refusal()
    _write(journals, f"{NOT_ISOLATED}: {why}" if why else ISOLATED)


def told(target: object, fidelity: Fidelity, journals: Path, earlier: Sequence[str]) -> str:
    """What the run says; "": nothing was to be isolated. `earlier`: of the runs that lent it outputs."""
    if not _is_program(target, fidelity):
        return isolation_of([_read(journals), *earlier])
    return isolation_of([one or _UNKNOWN for one in (_read(journals), *earlier)])


def loose(journals: Path, program: str) -> None:
    """Keep that a Python target started a process when it was loaded, or outside of every marked function:
    what that does goes unseen."""
    if journals.is_dir() and not _read(journals):
        _write(journals, f"{NOT_ISOLATED}: the target started {shown(program)}, which nothing watches over")


def forget(journals: Path) -> None:
    """What was filed is sealed."""
    for name in _NAMES.values():
        (journals / name).unlink(missing_ok=True)


def isolation_notes(candidate: str) -> tuple[str, ...]:
    """For a report: where the candidate's program could have reached past the gateway."""
    return (candidate,) if candidate.startswith(NOT_ISOLATED) else ()


def _begins_anew(journals: Path) -> bool:
    """Whether nothing is filed, and nobody is at work on what is yet to be."""
    if any(one.stat().st_size for one in journals.glob("journal*.jsonl")):
        return False
    path = journals / AT_WORK
    if not path.exists():
        return True
    descriptor = opened(path)
    try:
        return take(descriptor, path, fcntl.LOCK_EX | fcntl.LOCK_NB)
    finally:
        give_back(descriptor)


def _is_program(target: object, fidelity: Fidelity) -> bool:
    return isinstance(target, CommandTarget) and fidelity is not Fidelity.LIVE


def _write(journals: Path, said: str) -> None:
    kind = ISOLATED if said == ISOLATED else NOT_ISOLATED
    write_atomically(journals / _NAMES[kind], said.encode("utf-8", "replace"))


def _read(journals: Path) -> str:
    """The worst that was noted; "": nothing."""
    for kind, name in _NAMES.items():
        try:
            said = (journals / name).read_text("utf-8", "replace")
        except OSError:
            continue
        return said if said.startswith(kind) else f"{NOT_ISOLATED}: the note of it is damaged"
    return ""
