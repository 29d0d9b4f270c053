"""Random repeated outputs of both arms, and what making one of them worse does to them."""

import numpy as np
from hypothesis import strategies as st

from stopship.steps.stats.repeated import RepeatedSample, repeats_of

Scores = list[list[float]]
UNEVEN = st.floats(0, 1).map(lambda x: round(x, 2))
PASSES = st.sampled_from([0.0, 1.0])


@st.composite
def outputs(
    draw: st.DrawFn, *, binary: bool, most_cases: int = 12, most_repeats: int = 5, fewest: int = 1
) -> tuple[Scores, Scores]:
    """Both arms of the same cases; sometimes equal repeats, sometimes not."""
    n = draw(st.integers(1, most_cases))
    sizes = st.integers(fewest, most_repeats)
    equal = draw(st.booleans())
    same = (draw(sizes), draw(sizes))
    score = PASSES if binary else draw(st.sampled_from([PASSES, UNEVEN]))
    arms: tuple[Scores, Scores] = ([], [])
    for _ in range(n):
        for arm, alike in zip(arms, same, strict=True):
            size = alike if equal else draw(sizes)
            arm.append(draw(st.lists(score, min_size=size, max_size=size)))
    return arms


def sample_of(before: Scores, after: Scores, *, binary: bool, seed: bytes = b"s") -> RepeatedSample:
    return RepeatedSample(
        baseline=repeats_of(before), candidate=repeats_of(after), is_binary=binary, seed=seed
    )


def worsened(draw: st.DrawFn, before: Scores, after: Scores, *, binary: bool) -> tuple[Scores, Scores]:
    """One output of the candidate lower, or one of the baseline higher."""
    candidate = draw(st.booleans())
    arms = ([list(one) for one in before], [list(one) for one in after])
    case = draw(st.integers(0, len(before) - 1))
    scores = arms[candidate][case]
    at = draw(st.integers(0, len(scores) - 1))
    low, high = (0.0, scores[at]) if candidate else (scores[at], 1.0)
    if binary:
        scores[at] = 0.0 if candidate else 1.0
    else:
        scores[at] = draw(st.one_of(st.just(low), st.just(high), st.floats(low, high)))
    return arms


@st.composite
def edits(
    draw: st.DrawFn, *, binary: bool, most_cases: int = 12, most_repeats: int = 5, fewest: int = 1
) -> tuple[RepeatedSample, RepeatedSample]:
    """A sample, and the same after one output of the candidate got worse or one of the baseline better."""
    before, after = draw(
        outputs(binary=binary, most_cases=most_cases, most_repeats=most_repeats, fewest=fewest)
    )
    later = worsened(draw, before, after, binary=binary)
    return sample_of(before, after, binary=binary), sample_of(*later, binary=binary)


def shuffled(scores: Scores, rng: np.random.Generator) -> Scores:
    return [[float(x) for x in rng.permutation(one)] for one in scores]
