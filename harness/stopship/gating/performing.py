"""Answer what a replay plans, whoever else is at work on it, and seal it.

Decides what is asked, waited for and gone on with. Never asks for an output twice.
"""

import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from stopship.errors import UsageError
from stopship.gating.asking import spent_of
from stopship.gating.draws import Place
from stopship.gating.endings import Job
from stopship.gating.engine import Engine
from stopship.gating.outside import cleared
from stopship.gating.replay import Replay, Replayed, Told
from stopship.model.case import Json
from stopship.model.exchange import Fidelity
from stopship.model.run import Outcome, Status
from stopship.store.journal import Journal
from stopship.store.locks import Patience, Say
from stopship.store.shown import shown


def say(line: str) -> None:
    """Tell the person at the terminal."""
    if sys.stderr is not None:
        print(line, file=sys.stderr, flush=True)


def replay(
    plan: Replay,
    *,
    resume: bool = False,
    fresh: bool = False,
    tell: Told | None = None,
    provenance: dict[str, Json] | None = None,
    say: Say = say,
) -> Replayed:
    """Answer what is planned, and seal it. An unfinished replay of the same plan must be resumed or dropped.

    Where another process replays the plan already, this one waits, says so, and is served or goes on from
    what is filed. Raises UsageError where a replay is left over that nobody is at work on, EvidenceError for
    damaged working state; `fresh` clears both away.
    """
    if not fresh and (served := plan.served()) is not None:
        return replace(served, ignored=plan.ignored)
    recorded = plan.recorded
    if recorded is not None:
        if fresh:
            plan.forget()
        return plan.sealed(recorded, provenance or {})
    plan.place.made()
    with plan.journal(say) as journal:
        if fresh:
            plan.forget()
            journal.drop()
            cleared(plan.journal_folder)
        elif (served := plan.served()) is not None:  # by the one that was waited for
            journal.finish()
            return served
        if resume and not journal.is_shared:
            journal.forget_lost()
        filed = journal.filed()
        if filed and not resume and not journal.is_shared:
            raise _broken_off(plan, len(filed))
        drawn = plan.drawn
        known = frozenset([*drawn, *filed])
        with plan.engine(known=_each(known, filed, drawn)) as engine:
            for count, _ in enumerate(_answers(plan, engine, journal, known, say), len(known) + 1):
                if tell is not None:
                    tell(count, plan.total)
        is_frozen = plan.head.fidelity is Fidelity.FROZEN
        spent = spent_of(plan.opened.suite.replay, engine, is_frozen=is_frozen)
        filed = journal.filed()
        outcomes = _each(sorted({*drawn, *filed}), filed, drawn)
        sealed = plan.sealed(outcomes, {**(provenance or {}), **spent})
        journal.finish()
    return sealed


def refuse_broken_off(plan: Replay) -> None:
    """Raise UsageError where a plan has outputs that nobody is at work on, and no sealed run."""
    journal = plan.journal(say)
    if plan.served_id is None and not journal.is_shared and (filed := journal.filed()):
        raise _broken_off(plan, len(filed))


def _broken_off(plan: Replay, count: int) -> UsageError:
    return UsageError(
        f"a replay of this plan was broken off with {count} of {plan.total} outputs",
        where=shown(plan.journal_folder),
        do="go on with --resume, or start over with --fresh",
    )


def _each(
    places: Iterable[Place], filed: Mapping[Place, Outcome], drawn: Mapping[Place, Outcome]
) -> Iterator[Outcome]:
    """The outcomes of these places: what was filed goes before what was drawn earlier."""
    return (filed[one] if one in filed else drawn[one] for one in places)


def _answers(
    plan: Replay, engine: Engine, journal: Journal, done: frozenset[Place], say: Say
) -> Iterator[Outcome]:
    """What is not done yet: asked for, or filed meanwhile by a session that is at work on it, too.

    What was lost is filed last: a run that ends early asks for it again.
    """
    lost: list[Outcome] = []
    left: Iterable[Job] = plan.jobs(done)
    patience = Patience(f"waiting for a session that asks for outputs, too, in {shown(journal.folder)}", say)
    while True:
        elsewhere: list[Job] = []
        for outcome in engine.outcomes(_claimed(journal, left, elsewhere)):
            if outcome.status is Status.LOST:
                lost.append(outcome)
            else:
                yield journal.add(outcome)
        for outcome in lost:
            yield journal.add(outcome)
        lost, left = [], []
        for job in elsewhere:
            found = journal.find(job.key, job.sample)
            if found is None:
                left.append(job)
            else:
                yield found
        if not left:
            return
        patience.pause()  # with nothing claimed: whoever is waited for waits for nothing of this replay


def _claimed(journal: Journal, jobs: Iterable[Job], elsewhere: list[Job]) -> Iterator[Job]:
    """The jobs that nobody else is at work on; the others are noted."""
    for job in jobs:
        if journal.claim(job.key, job.sample):
            yield job
        else:
            elsewhere.append(job)
