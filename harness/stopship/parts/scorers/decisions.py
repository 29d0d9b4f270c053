"""The scorer of step replays: how many of the recorded decisions a stack makes again.

Decides nothing that `model.decisions` does not: which two decisions are one is told there.
"""

from stopship.model.case import Case, Trace
from stopship.model.decisions import is_same
from stopship.model.score import (
    UNIT,
    Arguments,
    Direction,
    Score,
    Scored,
    ScoreFailed,
    Scorer,
    ScorerKind,
    Unscored,
)
from stopship.parts.arguments import Given, shown

_VERSION = 2  # raise it whenever the scorer would score an old output differently
_NOTHING = Unscored("no recorded decision was asked for: the replay is no step replay, or made no model call")


def _decisions(arguments: Arguments) -> Scorer:
    given = Given("decisions", arguments, takes=("words",), positions=("words",))
    words = given.choice("words", ("equal", "any")) == "equal"

    def score(case: Case, trace: Trace) -> Score:  # noqa: ARG001  # every scorer has this signature
        told = trace.record.get("decisions")
        if told is None or told == []:
            return _NOTHING
        if not isinstance(told, list):
            return ScoreFailed(f"`decisions` is not a list: {shown(told)}")
        first, same = 0, 0
        for number, one in enumerate(told, 1):
            recorded, decided = (
                (one.get("recorded"), one.get("decided")) if isinstance(one, dict) else (None, None)
            )
            if not isinstance(recorded, dict) or not isinstance(decided, dict):
                return ScoreFailed(f"decision {number} is not one that we wrote: {shown(one)}")
            if is_same(recorded, decided, words=words):
                same += 1
            elif not first:
                first = number
        why = (
            f"decision {first} of {len(told)} is another one"
            if first
            else f"{len(told)} decisions as recorded"
        )
        return Scored(same / len(told), "", why)

    return given.scorer(score, scale=UNIT, better=Direction.HIGHER, needs=("trace",), version=_VERSION)


KINDS: tuple[ScorerKind, ...] = (
    ScorerKind(
        name="decisions",
        summary="the share of recorded decisions that a step replay makes again: tools, arguments, words",
        range="0..1",
        better="higher",
        needs="a suite's trace",
        arguments="words=equal|any",
        build=_decisions,
    ),
)
