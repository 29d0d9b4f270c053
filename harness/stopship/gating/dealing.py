"""A suite's own gate, as far as two draws of its accepted stack can play it.

Decides which looks, references and second tries a resample has, and says what it has not. Draws nothing.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date

from stopship.errors import EvidenceError
from stopship.gating.admissions import OF_THREE
from stopship.gating.escalating import asks_again
from stopship.gating.evidence import samples_of
from stopship.gating.gate import Asked, references_of, waived_on
from stopship.gating.noisy import stillness
from stopship.gating.opened import OpenSuite
from stopship.gating.workplace import Workplace
from stopship.model.rule import Rule
from stopship.model.run import Accepted, Run
from stopship.steps.about import About
from stopship.steps.alarms import Court
from stopship.steps.arm import Arm, merged
from stopship.steps.dealt import Dealt, retries_of
from stopship.steps.looks import ONE_LOOK, Look, Looks, look_at, looks_of
from stopship.steps.pair import Pairing, pair
from stopship.steps.swapped import Twins
from stopship.steps.terms import Terms

_FRESH = ("discordant", "cohorts")  # what may stop more builds, on outputs of its own


@dataclass(frozen=True, kw_only=True)
class Trial:
    """What builds that changed nothing are judged by, and what people are told of it."""

    court: Court
    pairing: Pairing  # all outputs of both draws
    level: float  # alpha, over the looks that are judged
    included: tuple[str, ...]
    left_out: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Draws:
    """Two draws of the accepted stack."""

    accepted: Run  # the approved run, whose outputs a case a baseline has
    first: Run
    second: Run


def trial_of(opened: OpenSuite, place: Workplace, accepted: Accepted, draws: Draws, today: date) -> Trial:
    """The gate of a suite on two draws. EvidenceError where they, or its references, cannot be read."""
    samples = _samples(opened, draws)
    depth = min(map(len, samples))
    twins: dict[int, Twins] = {}

    def at(outputs: int) -> Twins:
        if outputs not in twins:
            twins[outputs] = _twins(opened, samples, outputs)
        return twins[outputs]

    whole = at(depth).pairing
    planned, dealt = _looks(opened, depth)
    again = [one for one in opened.rules if one.must_pass is not None and asks_again(opened, one)]
    retried = [] if stillness(opened) or depth < OF_THREE else again
    looks = []
    for one in dealt:
        baseline = max(draws.accepted.head.repeats, one.outputs if one.number > 1 else 0)
        tries = max(OF_THREE, one.outputs)
        looks.append(
            Dealt(
                before=at(min(depth, baseline)),
                after=at(min(depth, one.outputs)),
                about=_about(opened, one),
                retries=retries_of(retried, (samples[0][:tries], samples[1][:tries]), whole.keys)
                if retried
                else None,
            )
        )
    candidate = looks[0].after.pairing.candidate
    references, said = references_of(
        opened, place, draws.first, candidate, draws.accepted, accepted, Asked(today=today)
    )
    decide = opened.suite.decide
    court = Court(
        looks=looks,
        rules=_as_unchanged(opened, accepted, today),
        alpha=decide.alpha,
        seed=opened.cases_digest,
        references=references,
        allow=decide.allow_undecided,
    )
    return Trial(
        court=court,
        pairing=whole,
        level=decide.alpha * sum(one.alpha_share for one in dealt),
        included=(*said, *_included(planned, dealt, is_retried=bool(retried))),
        left_out=tuple(_left_out(opened, draws, (planned, dealt), depth, is_retried=bool(retried))),
    )


def _samples(opened: OpenSuite, draws: Draws) -> tuple[list[Arm], list[Arm]]:
    first = samples_of(opened, draws.first, f"first draw {draws.first.short}")
    if draws.second is draws.first:
        return first, first
    return first, samples_of(opened, draws.second, f"draw {draws.second.short}")


def _twins(opened: OpenSuite, samples: Sequence[Sequence[Arm]], outputs: int) -> Twins:
    """Both draws at so many outputs a case."""
    first, second = (merged(one[:outputs]) for one in samples)
    limit = opened.suite.replay.lost_limit
    found = Twins(pair(first, second, opened.columns, lost_limit=limit), lost_limit=limit)
    if found.pairing.faults:
        raise EvidenceError(found.pairing.faults[0])
    return found


def _looks(opened: OpenSuite, depth: int) -> tuple[Looks, tuple[Look, ...]]:
    """The looks that the suite plans, and those that so many outputs a case can be dealt out to."""
    suite = opened.suite
    if suite.replay.deterministic:
        alone = replace(ONE_LOOK, outputs=min(depth, suite.replay.repeats))
        return Looks(rounds=(alone,)), (alone,)
    planned = looks_of(suite.escalate, repeats=suite.replay.repeats, alpha=suite.decide.alpha)
    found = tuple(one for one in planned.rounds if one.outputs <= depth)
    return planned, found or (look_at(planned, depth),)


def _about(opened: OpenSuite, look: Look) -> About:
    terms = Terms(level=look.level, is_last=look.number == look.of, estimand=opened.suite.decide.estimand)
    return About(suite=opened.suite.name, terms=terms, alpha_share=look.alpha_share)


def _as_unchanged(opened: OpenSuite, accepted: Accepted, today: date) -> list[Rule]:
    """The rules as they hold a build that is to change nothing: no improvement can be expected of it."""
    waived = waived_on(today, accepted)
    return [replace(one, expects_improvement=False, is_waived=one.id in waived) for one in opened.rules]


def _included(planned: Looks, dealt: Sequence[Look], *, is_retried: bool) -> Iterator[str]:
    if len(dealt) > 1:
        told = ", ".join(str(one.outputs) for one in dealt)
        of = len(planned.rounds)
        yield f"looks 1 to {len(dealt)} of {of} of [escalate] rounds, at {told} outputs a case"
    if is_retried:
        yield "further outputs of must-pass cases that failed: two failures of three stop"


def _left_out(
    opened: OpenSuite, draws: Draws, looks: tuple[Looks, Sequence[Look]], depth: int, *, is_retried: bool
) -> Iterator[str]:
    """What of a real gate no resample has, each with what would let it in, where something would."""
    new = [key for key in opened.cases if key not in draws.first.head.planned]
    if new:
        cases = f"{len(new)} new case{'' if len(new) == 1 else 's'}"
        yield f"{cases} without an output in the accepted run; --repeats {depth} draws both arms"
    if any(one.expects_improvement for one in opened.rules):
        yield "the improvement that a rule expects, which no unchanged build shows"
    if stillness(opened):
        return
    planned, dealt = looks
    has, asks = draws.accepted.head.repeats, planned.rounds[0].outputs
    if depth < max(has, asks):
        each = f"a gate compares {asks} outputs a case with {has}, and here both arms have {depth}"
        yield f"outputs that these draws lack: {each}; --repeats {max(has, asks)} has them"
    if len(planned.rounds) > len(dealt):
        first, last = len(dealt) + 1, len(planned.rounds)
        later = f"look {last}" if first == last else f"looks {first} to {last}"
        so_far = f"looks 1 to {len(dealt)}" if len(dealt) > 1 else "the first look"
        most = planned.rounds[-1].outputs
        yield f"{later} of [escalate] rounds, so these are the rates of {so_far}; --repeats {most} has them"
    again = any(one.must_pass is not None and asks_again(opened, one) for one in opened.rules)
    if again and not is_retried:
        yield (
            "further outputs of must-pass cases that failed, so more is stopped here than by two of three; "
            f"--repeats {OF_THREE} has them"
        )
    yield from _fresh(opened)


def _fresh(opened: OpenSuite) -> Iterator[str]:
    """Steps of an escalation whose outputs are drawn for what was seen, so that none can be dealt out."""
    plan = opened.suite.escalate
    wanted = [one for one in _FRESH if getattr(plan, one)]
    if wanted:
        told = " and ".join(wanted)
        yield f"[escalate] {told}: fresh outputs that may stop more builds, by a share of alpha of their own"
    if plan.confirm or (plan.confirm is None and opened.suite.replay.network):
        yield "[escalate] confirm: fresh outputs, and a STOP that they do not show becomes UNDECIDED"
    if plan.calls is not None or plan.usd is not None:
        yield "the budget of [escalate], which may end an escalation early"
