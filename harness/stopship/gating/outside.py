"""What a replay does with the calls of its target to the outside, and where their answers are kept.

Decides where recordings are read and written. Never serves one itself: that is the world's.
"""

import os
import shutil
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from stopship.gating.budget import Budget, budget_of
from stopship.gating.paths import HELD, held_on
from stopship.gating.workplace import Workplace
from stopship.model.calls import coverage, parting
from stopship.model.case import Json
from stopship.model.exchange import Asked, Fidelity, Record, Recording, pins_digest
from stopship.model.run import Run, RunHead
from stopship.model.secretnames import is_secret_name
from stopship.model.suite import Suite, UpstreamPlan
from stopship.store.evidencefiles import read_bytes
from stopship.store.recorder import Recorder
from stopship.store.recordinglines import recording_of
from stopship.store.recordings import Recordings
from stopship.store.secrets import LEAST, Secrets
from stopship.store.segments import SEGMENT_LIMIT, forget_lines, segment_names
from stopship.store.shown import shown

_ASKED = "as after a change of what is asked: a prompt, a tool's schema, a model's settings"
_SEALED = "recorded"  # in the working folder of a plan, until the store has it


@dataclass(frozen=True, slots=True, kw_only=True)
class Outside:
    """What is executed, what is written down, and what may write."""

    fidelity: Fidelity = Fidelity.LIVE
    record: Record = Record.NONE
    effects: frozenset[str] = frozenset()
    upstreams: tuple[UpstreamPlan, ...] = ()
    accepted: tuple[str, ...] = ()  # ids of accepted stacks, the latest first: their paths hold
    budget: Budget = field(default_factory=Budget)  # of each output; none where targets do not run
    held_on: str = ""  # digest of the recorded paths or searches that outputs are held against

    @property
    def told(self) -> list[Json]:
        """What of it decides an output; nothing where all is live and plain."""
        budget = self.allowed.told
        if self.fidelity is Fidelity.LIVE and not self.effects and not self.upstreams:
            return budget
        return [
            self.fidelity.value,
            sorted(self.effects),
            *sorted([one.name, one.url, *sorted(set(one.ignore))] for one in self.upstreams),
            *([self.held_on] if self.held_on else []),
            *budget,
        ]

    @property
    def allowed(self) -> Budget:
        """What an output may spend: where targets do not run there is nothing to spend."""
        return Budget() if self.fidelity is Fidelity.RETRIEVAL_ONLY else self.budget


def outside_of(suite: Suite) -> Outside:
    """As the suite says."""
    plan = suite.replay
    return Outside(
        fidelity=plan.fidelity,
        effects=frozenset(plan.effects),
        upstreams=plan.upstreams,
        budget=budget_of(plan),
    )


def told_of(head: RunHead, outside: Outside) -> list[Json]:
    """What of the world outside decides an output; nothing where all of it is live."""
    return [*outside.told, *([head.recordings] if head.recordings else [])]


def held(outside: Outside, cases: Collection[str], place: Workplace) -> tuple[Outside, Recordings | None]:
    """The same, with what outputs are held against: paths of accepted stacks go before all others. And the
    recordings that there are; None where none is read."""
    if outside.fidelity is Fidelity.LIVE:
        return outside, None
    kept = recordings_of(place)
    if outside.fidelity in HELD:
        accepted = accepted_stacks(place)
        on = held_on(kept, outside.fidelity, cases, accepted)
        outside = replace(outside, accepted=accepted, held_on=on)
    return outside, kept


def accepted_stacks(place: Workplace) -> tuple[str, ...]:
    """The ids of the stacks that are or were accepted, the latest first, each once."""
    pointer = place.pointer()
    known = [*pointer.history, *([pointer.baseline] if pointer.baseline is not None else [])]
    return tuple(dict.fromkeys(one.stack for one in reversed(known)))


def call_notes(candidate: Run, baseline: Run | None) -> tuple[str, ...]:
    """For a report: how much of the candidate was served, and how often it asks otherwise than before."""
    found = coverage(candidate.outcomes)
    if not found.calls:
        return ()
    share = f"{100 * found.served / found.calls:.0f} %"
    notes = [f"{share} of {found.calls} calls were served from recordings ({candidate.head.fidelity.value})"]
    if found.missed:
        notes.append(f"{found.missed} of {found.outputs} outputs were lost as a call was not recorded")
    parted = parting(baseline.outcomes, candidate.outcomes) if baseline is not None else None
    if parted is not None and parted.parted:
        first = sum(number == 1 for _, number in parted.parted)
        if first == parted.outputs:
            return (*notes, f"all {first} outputs ask otherwise from their first call on, {_ASKED}")
        (key, sample), number = min(parted.parted, key=lambda one: (one[1], one[0]))
        at = f"{shown(key)}, sample {sample}" if candidate.head.repeats > 1 else shown(key)
        from_first = f", {first} of them from their first call on" if first else ""
        notes.append(
            f"{len(parted.parted)} of {parted.outputs} outputs call otherwise than in the baseline"
            f"{from_first}; {at} at call {number}"
        )
    return tuple(notes)


def recordings_of(place: Workplace) -> Recordings:
    """All recordings of a suite's store. Raises EvidenceError for a damaged file."""
    return Recordings(*place.store.fetch_recordings(place.cache))


class Shelf:
    """The recordings of a suite while a plan is replayed: kept ones, and those that are being made."""

    def __init__(
        self, place: Workplace, folder: Path, record: Record, known: Recordings | None = None
    ) -> None:
        """`folder`: of the plan's working state. `known`: kept ones, where they were read already."""
        self._place, self._folder, self._record, self._known = place, folder, record, known

    @cached_property
    def kept(self) -> Recordings:
        """Read once, when the first call asks for one."""
        return self._known if self._known is not None else recordings_of(self._place)

    @cached_property
    def _recorder(self) -> Recorder:
        self._folder.mkdir(parents=True, exist_ok=True)
        return Recorder(self._folder, secrets(os.environ))

    def cleaned(self, asked: Asked) -> Asked:
        return self._secrets.asked(asked)

    def blanked(self, value: Json, /) -> Json:
        return self._secrets.value(value)

    def told(self, error: str) -> str:
        """The text of an error without secrets: libraries put keys and addresses into theirs."""
        return self._secrets.text(error)

    @cached_property
    def _secrets(self) -> Secrets:
        return Secrets(secrets(os.environ))

    def of_ask(self, ask: str) -> tuple[Recording, ...]:
        return self.kept.of_ask(ask)

    def of_key(self, key: str) -> Recording | None:
        return self.made(key) or self.kept.of_key(key)

    def made(self, key: str) -> Recording | None:
        return self._recorder.find(key) if self._record is not Record.NONE else None

    def of_case(self, case: str) -> tuple[Recording, ...]:
        return self.kept.of_case(case)

    def add(self, recording: Recording) -> None:
        self._recorder.add(recording)

    def file(self) -> None:
        """Put what was made into the store, where it holds. Broken off anywhere, doing it again ends it."""
        if self._record is Record.NONE:
            return
        made = self._folder / _SEALED
        self._recorder.sealed(made)
        names = segment_names(made)  # those of an attempt that was broken off here, too
        for name in names:
            data = read_bytes(made / name, "record again", SEGMENT_LIMIT + 1)
            self._place.store.put_recordings(name, data)
        if self._record is Record.ALL:  # until then both are there, which is VOID: less could pass for enough
            self._replace(Recordings(made), names)
        for name in names:
            (made / name).unlink()

    def _replace(self, made: Recordings, names: Collection[str]) -> None:
        """Take out of the store what answered the calls that were made anew: of the same sample and pins.

        `names`: the files that hold what was made.
        """
        folder, _ = self._place.store.fetch_recordings(self._place.cache)
        places = {_drawn(one) for one in made.each()}
        asks = {bytes.fromhex(ask) for ask, _, _ in places}
        forget_lines(
            folder, lambda line, head: head[1] in asks and _drawn(recording_of(line)) in places, names
        )

    def close(self) -> None:
        """Bring what was made to the disk."""
        if self._record is not Record.NONE:
            self._recorder.close()


def _drawn(one: Recording) -> tuple[str, int, str]:
    """What is asked of which sample under which pins, whichever draw it was."""
    return one.asked.ask, one.asked.sample, pins_digest(one.asked)


def secrets(environ: Mapping[str, str]) -> dict[str, str]:
    """The variables of an environment that are named as secrets are, and long enough to be one."""
    return {name: value for name, value in environ.items() if is_secret_name(name) and len(value) >= LEAST}


def cleared(folder: Path) -> None:
    """Drop what was made and not filed."""
    with suppress(OSError):
        for one in folder.glob("recordings.jsonl"):
            one.unlink()
        shutil.rmtree(folder / _SEALED)
