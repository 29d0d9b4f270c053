"""Put the cases of a suite to a stack, and seal what came out as a run.

Decides what a replay must hold and what may be served from an earlier one. Never judges an output.
"""

import os
import platform
import shlex
import shutil
from collections.abc import Callable, Collection, Container, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TypeVar

from stopship import __version__
from stopship.errors import EvidenceError, UsageError
from stopship.gating import isolating
from stopship.gating.ages import age, is_stale, oldest
from stopship.gating.asking import asking
from stopship.gating.draws import Drawn, Draws, drawn_of, held_by
from stopship.gating.endings import Job
from stopship.gating.engine import Engine, Target
from stopship.gating.epochs import (
    CURRENT,
    Draw,
    approved_epochs,
    draws_of,
    epoch_of,
    recorded_of,
    settings_of,
)
from stopship.gating.opened import OpenSuite
from stopship.gating.outside import Outside, Shelf, held, outside_of, told_of
from stopship.gating.reading import unseen_of
from stopship.gating.searching import Searches
from stopship.gating.selection import Selection
from stopship.gating.stacking import Answering
from stopship.gating.stillness import begin, begun_at, check_still, end
from stopship.gating.targeting import SuiteTarget, check_code, target_of
from stopship.gating.watched import Watched
from stopship.gating.waypoint import waypoint_to
from stopship.gating.workplace import Workplace
from stopship.gating.world import World
from stopship.model.canonical import digest
from stopship.model.case import Case, Json
from stopship.model.exchange import Fidelity, Record
from stopship.model.run import Outcome, Run, RunHead, Status
from stopship.model.suite import RECORDED
from stopship.parts.targets.network import Foreign
from stopship.parts.targets.recorded import RecordedOutputs
from stopship.store.journal import Journal
from stopship.store.locks import Say
from stopship.store.recordings import Recordings
from stopship.store.runs import read_run, seal_run
from stopship.store.shown import shown

Of = TypeVar("Of")
Told = Callable[[int, int], None]
"""Called with (outcomes so far, outcomes in all)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """A run, and where it came from."""

    run: Run
    folder: Path
    is_served: bool  # an equal replay had been sealed before
    ignored: int = 0  # recorded rows of unknown cases


@dataclass(frozen=True, kw_only=True)
class Replay:
    """One replay, planned: everything that decides what its run must hold."""

    opened: OpenSuite
    place: Workplace
    answering: Answering
    head: RunHead
    target: SuiteTarget | None  # None: recorded
    outside: Outside
    kept: Recordings | None = None  # those that its plan is made of
    known: tuple[Run, ...] = ()  # approved runs whose draws this one goes on from
    renewed: str = ""  # why a new epoch begins though nobody asked for one

    @cached_property
    def outputs(self) -> RecordedOutputs:
        """What was recorded, read when it is first asked for: a served run needs none of it."""
        return recorded_of(self.opened, self.answering, tuple(self.head.planned))

    @cached_property
    def identity(self) -> str:
        """A digest of all that is known to decide what comes out: plan, target's file, settings, versions.

        And of what is recorded: outputs that were filed without recordings are none of a replay that records.
        """
        settings, record = settings_of(self.opened, self.target), self.outside.record
        recorded = [record.value] if record is not Record.NONE else []
        return digest([self.head.plan_digest, settings, *self.outside.told, *recorded])

    @property
    def _plain(self) -> "Replay":
        """The same without recording: what it would draw, this one has drawn."""
        return replace(self, outside=replace(self.outside, record=Record.NONE))

    @property
    def drawn(self) -> Drawn:
        """What earlier runs drew of what is planned. Empty where the target gives the same every time."""
        head = self.head
        return drawn_of(self._lenders, head.epoch, head.planned, head.repeats)

    @cached_property
    def _lenders(self) -> tuple[Run, ...]:
        """The sealed runs that hold some of what is planned; approved ones last, as theirs hold."""
        if self.target is None or self.head.deterministic:
            return ()
        head = self.head
        runs = (*self.draws.sealed(), *self.known)
        return tuple(run for run in runs if any(held_by(run, head.epoch, head.planned, head.repeats)))

    @property
    def draws(self) -> Draws:
        """What was drawn of this stack."""
        return draws_of(
            self.opened, self.place, self.answering, self.target, told_of(self.head, self.outside)
        )

    def _began(self, provenance: dict[str, Json]) -> dict[str, Json]:
        """What is said of a run, with the time of its oldest output; without one that is not known."""
        told = provenance.get("started")
        own = [told if type(told) is int else None, *begun_at(self.journal_folder)]
        started = oldest([*own, *(run.started for run in self._lenders)])
        rest = {name: one for name, one in provenance.items() if name != "started"}
        return rest if started is None else {**rest, "started": started}

    def is_stale(self, now: int) -> bool:
        """Whether something drawn in this epoch is older than the suite's `fresh` allows."""
        plan = self.opened.suite.replay
        if plan.fresh_s is None or self.target is None or self.head.deterministic:
            return False
        times = [one.started for one in self.draws.sealed() if one.head.epoch == self.head.epoch]
        return any(is_stale(plan, one, now) for one in [*times, *begun_at(self.journal_folder)])

    @property
    def journal_folder(self) -> Path:
        return self.place.folder / "work" / self.identity[:16]

    def journal(self, say: Say) -> Journal:
        """What is filed of this plan while it is answered. `say` is told what is waited for."""
        return Journal(self.journal_folder, self.identity, remedy=self.remedy, say=say)

    @property
    def remedy(self) -> str:
        """What a person types to clear damaged working state away."""
        head, suite, stack = self.head, self.opened.suite, self.answering
        own_draws = self.target is None or head.deterministic or head.epoch == self.draws.epoch
        is_plain = not head.selection and head.repeats == suite.replay.repeats and not stack.replaced
        if not own_draws or not is_plain:
            return f"delete {shown(self.journal_folder)} and run again; its outputs are drawn anew"
        is_other = os.path.realpath(stack.path) != os.path.realpath(suite.folder / suite.stack)
        given = ["--stack", os.path.relpath(stack.path)] if is_other else []
        blind = ["--allow-blind"] if self.opened.outlook.blind else []
        words = ["stopship", "replay", os.path.relpath(suite.folder), *given, *blind, "--fresh"]
        return f"start over: {shown(shlex.join(words))}"

    @property
    def total(self) -> int:
        """Outputs of a complete run."""
        return len(self.head.planned) * self.head.repeats

    @property
    def recorded(self) -> Iterator[Outcome] | None:
        """All outcomes where they are recorded already; None where a target must be asked."""
        if self.target is not None:
            return None
        return (Outcome(key=key, trace=self.outputs.trace(key)) for key in self.head.planned)

    def job(self, key: str, sample: int) -> Job:
        """One output that is to be asked for."""
        row = self.opened.cases[key]
        column = self.opened.columns.input
        case = Case(key=key, row=row, input=row.get(column) if column else None)
        return Job(key=key, sample=sample, epoch=self.head.epoch, case=case)

    def jobs(self, done: Container[tuple[str, int]] = ()) -> Iterator[Job]:
        """What is still to be answered."""
        samples = range(self.head.repeats)
        places = ((key, sample) for key in self.head.planned for sample in samples)
        return (self.job(*place) for place in places if place not in done)

    def engine(self, *, is_filed: bool = True, known: Iterable[Outcome] = ()) -> Engine:
        """What asks the target. Only where nothing is recorded. `is_filed`: its outputs go into journals;
        `known`: outcomes of this plan that there are, whose spending counts.

        Raises EvidenceError where outputs are filed already and the stack was touched since.
        """
        assert self.target is not None  # noqa: S101  # the caller looked at `recorded` first
        if isinstance(self.target, Foreign):
            self.target.prepare()
        if is_filed:
            begin(self.answering, self.journal_folder)
            isolating.note(self.target, self.head.fidelity, self.journal_folder)
        plan, world = self.opened.suite.replay, self._world
        target: Target = self.target
        if self.head.fidelity is Fidelity.RETRIEVAL_ONLY:
            allowed, accepted = self.outside.effects, self.outside.accepted
            target = Searches(target=target, shelf=self.shelf, allowed=allowed, accepted=accepted)
        if self.head.fidelity is not Fidelity.LIVE:
            self.shelf.kept  # noqa: B018  # a store behind a URL is read before sockets are watched
        return asking(
            plan,
            Watched(target=target, world=world, captured=self.opened.suite.columns.captured),
            self.answering.stack,
            is_frozen=self.head.fidelity is Fidelity.FROZEN,
            total=self.total if is_filed and not self.head.selection else None,
            known=known,
            rate=self.place.folder / "rate",
            calls=self.journal_folder if is_filed else None,
            finish=lambda one: _settled(world, self.shelf, one),
            enter=world.entered,
        )

    @cached_property
    def shelf(self) -> Shelf:
        """The recordings that calls are served from and kept in."""
        return Shelf(self.place, self.journal_folder, self.outside.record, self.kept)

    @property
    def _world(self) -> World:
        outside = self.outside
        return World(
            shelf=self.shelf,
            fidelity=outside.fidelity,
            record=outside.record,
            allowed=outside.effects,
            pins={pin.axis: pin.digest for pin in self.head.stack.pins},
            files={path: pin.axis for path, (pin, _) in self.answering.stack.held().items()},
            pinned=self.answering.stack.path,
            started=lambda program: isolating.loose(self.journal_folder, program),
            unseen=unseen_of(self.opened, self.answering, self.target, self.place.store.local),
            accepted=outside.accepted,
            deterministic=self.head.deterministic,
            epoch=self.head.epoch,
            budget=outside.allowed,
            gateway=waypoint_to(outside.upstreams, self.head.stack),
        )

    def sealed(self, outcomes: Iterable[Outcome], provenance: dict[str, Json]) -> Replayed:
        """The sealed run of these outcomes, remembered for the next time.

        Raises EvidenceError where the target ran code that no pin holds, and where the stack was touched
        since it was opened: then the journals of this plan are dropped.
        """
        if self.target is not None:
            check_code(self.target, self.answering, self.opened, self.journal_folder)
        check_still(self.answering, self.journal_folder)
        self.place.made()
        self.shelf.file()
        lent = [run.isolation for run in self._lenders]
        isolation = isolating.told(self.target, self.head.fidelity, self.journal_folder, lent)
        told = self._began({**provenance, **({"isolation": isolation} if isolation else {})})
        said = {"stopship": __version__, "python": platform.python_version(), **told}
        rows = _chosen(self.opened.cases, self.head.planned)
        run = seal_run(self.place.runs, self.head, rows, outcomes, provenance=said)
        run = replace(run, isolation=isolation)  # an equal run may have been sealed under other circumstances
        for identity in dict.fromkeys([self._plain.identity, self.identity]):
            self.place.serve(identity, run.id)
        self._lend(run)
        isolating.forget(self.journal_folder)  # last: whoever is killed before goes on from what is filed
        end(self.journal_folder)
        return Replayed(run=run, folder=self.place.runs / run.id, is_served=False, ignored=self.ignored)

    def _lend(self, run: Run) -> None:
        """Remember that what was drawn for this run may be drawn from."""
        if self.target is not None and not self.head.deterministic:
            self.draws.add(run)

    @property
    def ignored(self) -> int:
        return self.outputs.ignored if self.target is None else 0

    @property
    def served_id(self) -> str | None:
        """The run that is remembered for this very plan, unread."""
        return self.place.served(self.identity)

    def served(self) -> Replayed | None:
        """The sealed run of this very plan, where there is one: one sample, one draw."""
        if (run_id := self.served_id) is None:
            return None
        folder = self.place.runs / run_id
        run = read_run(folder)
        if run.head.plan_digest != self.head.plan_digest or self._is_void(run):
            return None
        with suppress(OSError):  # a folder that is only read
            self._lend(run)  # whoever sealed it may have been killed before this
        return Replayed(run=run, folder=folder, is_served=True)

    def _is_void(self, run: Run) -> bool:
        """Whether infrastructure lost so much that asking again is the remedy."""
        lost = sum(1 for one in run.outcomes if one.status is Status.LOST)
        return lost > self.opened.suite.replay.lost_limit * len(run.outcomes)

    @property
    def is_begun(self) -> bool:
        """Whether a replay that records has something of its own to go on from, and nothing but that."""
        return self.served_id is not None or (bool(begun_at(self.journal_folder)) and not self._lenders)

    @property
    def is_opened(self) -> bool:
        """Whether its epoch was opened, and nothing drawn in it: whoever opened it was killed before."""
        taken = approved_epochs(self.place, self.head.stack.stack_id)
        return self.draws.is_unused(self.head.epoch, taken) and not begun_at(self._plain.journal_folder)

    def forget(self) -> None:
        """Serve nothing any more, and clear away a damaged run that stands where the new one may have to."""
        for one in (self, self._plain):
            if run_id := one.served_id:
                try:
                    read_run(self.place.runs / run_id)
                except EvidenceError:
                    shutil.rmtree(self.place.runs / run_id)
            self.place.serve_no_more(one.identity)


def planned(  # noqa: PLR0913  # one argument for each thing that decides what is drawn
    opened: OpenSuite,
    place: Workplace,
    answering: Answering,
    *,
    selection: Selection | None = None,
    repeats: int | None = None,
    draw: Draw = CURRENT,
    known: Sequence[Run] = (),
    outside: Outside | None = None,
    now: int | None = None,
) -> Replay:
    """What a replay of the chosen cases must hold. Reads the target; recorded outputs, where no run serves.

    `draw` says which epoch; a target that gives the same every time has but one. `known`: approved runs whose
    draws of that epoch are taken over. Where the current draw is older `now` than `fresh` allows, a new epoch
    begins, and `renewed` says so. `outside`: what is executed, if not as the suite says.
    """
    plan, outside = opened.suite.replay, outside or outside_of(opened.suite)
    keys, named = (selection or Selection()).of(opened)
    said = [f"pins replaced by hand: {', '.join(answering.replaced)}"] if answering.replaced else []
    if plan.target == RECORDED and (repeats or 1) > 1:
        raise UsageError("a recorded output is one draw, however often it is read", do="leave --repeat out")
    target = None if plan.target == RECORDED else target_of(opened, answering)
    outside, kept = held(outside, keys, place)
    head = RunHead(
        suite=opened.suite.name,
        target=plan.target,
        cases=opened.cases_digest,
        planned=_chosen(opened.case_digests, keys),
        stack=answering.stack.stack,
        repeats=repeats or plan.repeats,
        selection="; ".join([*([named] if named else []), *said]),
        deterministic=plan.deterministic,
        fidelity=outside.fidelity,
        recordings="" if kept is None else kept.digest(keys),
    )
    told = told_of(head, outside)
    made = Replay(
        opened=opened,
        place=place,
        answering=answering,
        head=replace(head, epoch=epoch_of(opened, place, answering, target, draw, known, told)),
        target=target,
        known=tuple(known),
        outside=outside,
        kept=kept,
    )
    if now is not None and draw == CURRENT and made.is_stale(now):
        made = _renewed(made)
    if target is None and made.served_id is None:
        made.outputs  # noqa: B018  # what is wrong with them is told now
    return made


def _chosen(known: Mapping[str, Of], keys: Collection[str]) -> Mapping[str, Of]:
    """Those of some keys; all of them are not copied."""
    return known if len(keys) == len(known) else {key: known[key] for key in keys}


def _settled(world: World, shelf: Shelf, one: Outcome) -> Outcome:
    """An outcome with where its calls were answered from; what it recorded is filed."""
    world.settle(one.key, one.sample, is_lost=one.status is Status.LOST)
    told = world.told(one)
    return replace(told, error=shelf.told(told.error)) if told.error else told


def _renewed(old: Replay) -> Replay:
    """The same plan in a new epoch; in one process after another it is the same new one."""
    epoch = old.draws.begin_anew(approved_epochs(old.place, old.head.stack.stack_id), after=old.head.epoch)
    most = age(old.opened.suite.replay.fresh_s or 0.0)
    why = f"what was drawn of this stack is older than {most}, or of unknown age: it is drawn anew"
    return replace(old, head=replace(old.head, epoch=epoch), renewed=why)
