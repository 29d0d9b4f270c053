"""Recordings for tests: written by our own recorder, and drawn at random."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from hypothesis import strategies as st

from stopship.model.canonical import canonical_bytes
from stopship.model.case import Json
from stopship.model.exchange import Answer, Asked, Call, CallKind, Effect, Recording, call_pins
from stopship.store.recorder import Recorder

MODEL, PROMPT = "a" * 64, "b" * 64
TEXT = st.text(st.characters(), max_size=8) | st.sampled_from(
    [
        "\ud83d",
        '","replies":[{"error":',
        '],"question":',
        '"key":["key","',
        "\0\n",
        "\u2028",
        '"}],',
        "{}",
        "é",
    ]
)
VALUES: st.SearchStrategy[Json] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)
CALLS = st.builds(
    lambda kind, name, request, effect, pins: Call(
        kind=kind, name=name, request=request, effect=effect, pins=tuple(pins)
    ),
    st.sampled_from(CallKind),
    TEXT,
    VALUES,
    st.sampled_from(Effect),
    st.lists(TEXT, max_size=2, unique=True),
)
ASKED = st.builds(
    lambda call, case, sample, world, digests: Asked(
        call=call, case=case, sample=sample, world=world, pins=dict(zip(call.pins, digests, strict=False))
    ),
    CALLS,
    st.sampled_from(["a", "b", 'c","', "\ud83d"]),
    st.integers(0, 2),
    st.integers(0, 2),
    st.lists(TEXT, max_size=2),
)
ANSWERS = st.builds(
    lambda result, error, status, is_reusable: Answer(
        result=result, error=error, status=status, is_reusable=is_reusable
    ),
    VALUES,
    TEXT,
    st.none() | st.integers(100, 599),
    st.booleans(),
)
RECORDINGS = st.lists(
    st.builds(
        lambda asked, answers: Recording(asked=asked, answers=tuple(answers)),
        ASKED,
        st.lists(ANSWERS, min_size=1, max_size=3),
    ),
    max_size=5,
    unique_by=lambda one: one.asked.key,
)


def recording(
    name: str = "lookup",
    request: Json = None,
    *answers: Json,
    case: str = "refund-1",
    kind: CallKind = CallKind.TOOL,
    world: int = 0,
    sample: int = 0,
    model: str = MODEL,
) -> Recording:
    """A recording with the results as its answers."""
    call = Call(kind=kind, name=name, request=request, effect=Effect.READ, pins=("model",))
    asked = Asked(call=call, case=case, sample=sample, world=world, pins={"model": model})
    return Recording(asked=asked, answers=tuple(Answer(result=one) for one in answers or ("found",)))


def put(folder: Path, *several: Recording, work: Path | None = None) -> list[Path]:
    """Record and seal into a folder; the files that hold them now."""
    with Recorder(work or folder.parent / f"{folder.name}-at-work") as recorder:
        recorder.add_all(several)
        return list(recorder.sealed(folder))


def as_kept(one: Recording) -> Recording:
    """A recording as it is read: pins in order, and only those that the call names."""
    pins = call_pins(one.asked)
    axes = sorted(pins, key=lambda axis: axis.encode("utf-16-be", "surrogatepass"))
    call = replace(one.asked.call, pins=tuple(axes))
    return Recording(asked=replace(one.asked, call=call, pins=pins), answers=one.answers)


def said(several: Iterable[Recording]) -> list[tuple[object, ...]]:
    """What recordings say, comparable to the last bit, in an order of its own."""
    return sorted(
        (
            one.asked.key,
            one.asked.ask,
            one.asked.case,
            one.asked.call.effect.value,
            canonical_bytes([[it.result, it.error, it.status, it.is_reusable] for it in one.answers]),
        )
        for one in several
    )
