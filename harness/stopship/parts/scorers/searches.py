"""The scorer of retrieval-only replays: how many of the recorded documents are found again.

Decides which two documents are one: of the same `id`, else of the same value.
"""

from stopship.model.canonical import canonical_bytes
from stopship.model.case import Case, Json, Trace
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
_NOTHING = Unscored("no recorded search found anything that could be found again")


def _retrieved(arguments: Arguments) -> Scorer:
    given = Given("retrieved", arguments, takes=("k",), positions=("k",))
    first = given.count("k")

    def score(case: Case, trace: Trace) -> Score:  # noqa: ARG001  # every scorer has this signature
        told = trace.record.get("searches")
        if told is None:
            return Unscored("the replay is not retrieval-only: it made no recorded search anew")
        if not isinstance(told, list):
            return ScoreFailed(f"`searches` is not a list: {shown(told)}")
        shares, gone = list[float](), list[str]()
        for number, one in enumerate(told, 1):
            if not isinstance(one, dict) or not {"recorded", "found"} <= one.keys():
                return ScoreFailed(f"search {number} is not one that we wrote: {shown(one)}")
            before, after = (_documents(one[name], first) for name in ("recorded", "found"))
            if before:
                missing = [name for name in before if name not in after]
                gone += missing
                shares.append(1 - len(missing) / len(before))
        if not shares:
            return _NOTHING
        count = f"{len(gone)} recorded document{'' if len(gone) == 1 else 's'} not found"
        why = f"{count}, {shown(gone[0])} first" if gone else "all are found again"
        return Scored(sum(shares) / len(shares), "", why)

    return given.scorer(score, scale=UNIT, better=Direction.HIGHER, needs=("trace",), version=_VERSION)


def _documents(found: Json, first: int) -> list[str]:
    """What names each document, in order, each once; the first so many where that is said."""
    if isinstance(found, dict) and set(found) == {"error"}:
        return []
    listed = found if isinstance(found, list) else [] if found is None else [found]
    return list(dict.fromkeys(map(_name, listed)))[: first or None]


def _name(one: Json) -> str:
    own = one.get("id") if isinstance(one, dict) else None
    if isinstance(own, str | int) and not isinstance(own, bool):
        return str(own)
    return canonical_bytes(one).decode("utf-8", "surrogatepass")


KINDS: tuple[ScorerKind, ...] = (
    ScorerKind(
        name="retrieved",
        summary="the share of recorded documents that a retrieval-only replay finds again, among the first k",
        range="0..1",
        better="higher",
        needs="a suite's trace",
        arguments="k=all",
        build=_retrieved,
    ),
)
