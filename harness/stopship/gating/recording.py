"""The command that records what a replay lacked.

Decides when recording helps, and which writes have to be allowed by name. Never records.
"""

import os
from collections.abc import Sequence
from pathlib import Path

from stopship.boundaries import marked_in
from stopship.gating.outside import recordings_of
from stopship.gating.workplace import Workplace
from stopship.model.calls import coverage
from stopship.model.exchange import Effect, Fidelity
from stopship.model.run import Outcome
from stopship.model.suite import Suite
from stopship.parts.neighbours import code_of


def lacks_recordings(suite: Suite, outcomes: Sequence[Outcome]) -> bool:
    """Whether so many outputs were lost for want of a recording that they say nothing."""
    if suite.replay.fidelity is Fidelity.LIVE or suite.replay.no_calls:
        return False
    return coverage(outcomes).missed > suite.replay.lost_limit * len(outcomes)


def record_words(place: Workplace, suite: str, given: Sequence[str] = ()) -> list[str]:
    """`stopship replay SUITE --record new`, with the writes that its target is known to make."""
    known = set(place.suite.replay.effects)
    effects = [word for one in sorted(_writes(place) - known) for word in ("--allow-effects", one)]
    return ["stopship", "replay", suite, *given, "--record", "new", *effects]


def marked(place: Workplace) -> dict[str, Effect]:
    """The functions that the target's code marks, by name, where this process has run it."""
    file, _, _ = place.suite.replay.target.rpartition(":")
    path = Path(os.path.realpath(place.suite.folder / file))
    found = marked_in({str(ran.file) for ran in code_of(path)}) if path.is_file() else {}
    return {own.name: Effect(own.effect) for own in found}


def _writes(place: Workplace) -> set[str]:
    """Names of the writes that are recorded, and of those that the target's code marks."""
    recorded = {one.asked.call.name for one in recordings_of(place).each() if one.asked.call.effect.changes}
    return recorded | {name for name, effect in marked(place).items() if effect.changes}
