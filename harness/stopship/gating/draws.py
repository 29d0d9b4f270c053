"""What was drawn already from one stack: one sample, one draw.

Decides which epoch a replay draws in, and which outputs of earlier runs are its own. Never asks a target, and
never takes what infrastructure lost for an output.
"""

import fcntl
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stopship.errors import EvidenceError
from stopship.model.run import Outcome, Run, Status
from stopship.store.atomic import write_atomically
from stopship.store.lazy import Lazy
from stopship.store.runs import read_run
from stopship.store.shown import shown

Place = tuple[str, int]
"""Key and sample."""
_STATE = "epochs.json"


class Drawn(Lazy[Place, Outcome]):
    """Outputs of sealed runs by key and sample, each read when it is asked for. Later runs hold."""

    def __init__(self) -> None:
        self._at: dict[Place, tuple[Run, int]] = {}
        super().__init__(self._at)

    def take(self, place: Place, run: Run, number: int) -> None:
        """The output of that number in a run."""
        self._at[place] = run, number

    def __getitem__(self, place: Place) -> Outcome:
        run, number = self._at[place]
        return run.outcomes[number]


@dataclass(frozen=True, slots=True, kw_only=True)
class Draws:
    """The draws of one stack by one target, as far as the working folder knows them."""

    folder: Path  # of this stack and target alone
    runs: Path

    @property
    def epoch(self) -> int:
        """The epoch in which a candidate is drawn: 0 until somebody asks for fresh outputs."""
        return int(self._state()["epoch"])

    def begin_anew(self, taken: Sequence[int], *, after: int | None = None) -> int:
        """Open a new epoch for candidates. `taken`: epochs of approved runs, which never serve as one.

        `after`: only where that epoch is still the current one; else somebody else was first.
        """
        with self._alone():
            state = self._state()
            if after is not None and state["epoch"] != after:
                return int(state["epoch"])
            state["epoch"] = self._free(state, taken)
            self._write(state)
            return int(state["epoch"])

    def epoch_for(self, purpose: str, taken: Sequence[int]) -> int:
        """The epoch of draws that have a purpose of their own; the same one whenever it is asked for."""
        with self._alone():
            state = self._state()
            purposes: dict[str, int] = state["purposes"]
            if purpose not in purposes:
                purposes[purpose] = self._free(state, taken)
                self._write(state)
            return purposes[purpose]

    def add(self, run: Run) -> None:
        """Remember that this run holds draws of this stack."""
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / run.id).touch()

    @property
    def purposes(self) -> Mapping[str, int]:
        """The epochs of draws that have a purpose of their own."""
        return dict(self._state()["purposes"])

    def sealed(self) -> Iterator[Run]:
        """Every whole run that holds draws of this stack."""
        for one in sorted(self.folder.iterdir()) if self.folder.is_dir() else ():
            if one.name.isalnum() and (self.runs / one.name).is_dir():
                with suppress(EvidenceError):  # damaged: nothing is taken from it
                    yield read_run(self.runs / one.name)

    def is_unused(self, epoch: int, taken: Sequence[int]) -> bool:
        """Whether an epoch was opened, and no run holds draws of it."""
        return epoch > 0 and epoch not in [*taken, *(one.head.epoch for one in self.sealed())]

    def _free(self, state: dict[str, Any], taken: Sequence[int]) -> int:
        drawn = [one.head.epoch for one in self.sealed()]  # they may be older than what is remembered
        return 1 + max(map(int, [state["epoch"], *state["purposes"].values(), *taken, *drawn]))

    def _state(self) -> dict[str, Any]:
        path = self.folder / _STATE
        try:
            state = json.loads(path.read_bytes())
            numbers = [state["epoch"], *state["purposes"].values()]
        except FileNotFoundError:
            return {"epoch": 0, "purposes": {}}
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as err:
            raise EvidenceError(
                "does not say which draws are whose",
                where=shown(path),
                do="delete it; outputs are drawn anew",
            ) from err
        if not all(type(one) is int and one >= 0 for one in numbers):
            raise EvidenceError(
                "holds an epoch that is no number", where=shown(path), do="delete it; outputs are drawn anew"
            )
        return dict(state)

    def _write(self, state: dict[str, Any]) -> None:
        write_atomically(self.folder / _STATE, json.dumps(state, sort_keys=True).encode())

    @contextmanager
    def _alone(self) -> Iterator[None]:
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "lock").open("a") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


def drawn_of(runs: Iterable[Run], epoch: int, planned: Mapping[str, str], repeats: int) -> Drawn:
    """What runs hold of these cases in an epoch, the first `repeats` samples; lost outputs are none."""
    found = Drawn()
    for run in runs:
        for number, one in held_by(run, epoch, planned, repeats):
            found.take((one.key, one.sample), run, number)
    return found


def held_by(run: Run, epoch: int, planned: Mapping[str, str], repeats: int) -> Iterator[tuple[int, Outcome]]:
    """What one run holds of them, each with its number in it."""
    if run.head.epoch != epoch:
        return
    for number, one in enumerate(run.outcomes):
        is_wanted = one.sample < repeats and one.status is not Status.LOST
        if is_wanted and planned.get(one.key) == run.head.planned[one.key]:
            yield number, one
