"""The scorer `similarity`: how much of the expected text the output keeps, letter by letter.

Decides likeness of spelling. Never of meaning: a negation costs one word.
"""

from stopship.model.case import Case, Trace
from stopship.model.score import UNIT, Arguments, Direction, Score, Scored, Scorer, ScorerKind
from stopship.parts.arguments import NO_EXPECTED, NO_OUTPUT, Given, as_text

_VERSION = 1  # raise it whenever an old output would score differently


def _similarity(arguments: Arguments) -> Scorer:
    """1 - (insertions + deletions) / (both lengths): the normalised Indel similarity of rapidfuzz.

    https://rapidfuzz.github.io/RapidFuzz/Usage/distance/Indel.html
    """
    from rapidfuzz.distance.Indel import normalized_similarity

    given = Given("similarity", arguments, takes=())

    def score(case: Case, trace: Trace) -> Score:
        if not case.has_expected:
            return NO_EXPECTED
        if trace.output is None or not trace.is_answered:
            return NO_OUTPUT
        value = normalized_similarity(as_text(case.expected), trace.text)
        return Scored(value, "", f"similarity {value:.2f}")

    return given.scorer(
        score, scale=UNIT, better=Direction.HIGHER, needs=("output", "expected"), version=_VERSION
    )


KINDS: tuple[ScorerKind, ...] = (
    ScorerKind(
        name="similarity",
        summary="how closely the output follows the expected text, letter by letter (Indel)",
        range="0..1",
        better="higher",
        needs="output, expected",
        arguments="",
        build=_similarity,
    ),
)
