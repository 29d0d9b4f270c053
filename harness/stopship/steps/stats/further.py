"""Whether more outputs a case would prove an unchanged candidate within its margin, by the guarded bound.

Decides from a small seeded simulation of the cases that were seen, as the bound of several outputs has no
formula. An estimate for people, never an input to a verdict.
"""

import numpy as np

from stopship.steps.stats.bounds import lower_bound
from stopship.steps.stats.repeated import RepeatedSample, Repeats
from stopship.steps.stats.sample import Codes, Floats, Sample

RUNS = 60  # simulated builds for a number of outputs


def chance_with(
    sample: RepeatedSample, outputs: int, *, margin: float, clusters: Codes | None = None
) -> float:
    """P(the bound of the mean difference clears -margin), once both arms have so many outputs of these cases.

    Those that were seen are kept, as they are why more are asked for. Further ones are drawn from the pooled
    outputs of a case, in which no change can be told from chance; two outputs show half of a case's variance,
    four three quarters, so what varies is scaled up by that.
    `margin`: in the unit of the scores. `clusters`: as of `Sample`.
    """
    rng = np.random.default_rng([outputs, sample.n])
    lists = _pooled(sample)
    width = max(map(len, lists))
    table = np.array([np.resize(one, width) for one in lists])  # cases, values
    counts = np.array([len(one) for one in lists])
    hidden = np.sqrt(counts / np.maximum(counts - 1, 1))
    passed = 0
    for _ in range(RUNS):
        values, scale = table, hidden
        if sample.is_binary:
            values, scale = _with_hidden_coins(values, counts, rng), np.ones(sample.n)
        arms = [
            _with_further(one, values, counts, scale, outputs, rng)
            for one in (sample.candidate, sample.baseline)
        ]
        bound = lower_bound(
            Sample(
                differences=arms[0] - arms[1],
                span=sample.span,
                outputs=(outputs, outputs),
                clusters=clusters,
            )
        )
        passed += bound.value >= -margin
    return passed / RUNS


def _with_further(
    seen: Repeats, values: Floats, counts: Floats, scale: Floats, outputs: int, rng: np.random.Generator
) -> Floats:
    """The mean of so many outputs of each case: those seen, and as many more as are missing."""
    missing = np.maximum(outputs - seen.counts, 0)
    drawn = _means(values, counts, scale, int(missing.max()), rng)
    means: Floats = (seen.sums + missing * drawn) / (seen.counts + missing)
    return means


def _pooled(sample: RepeatedSample) -> list[Floats]:
    """The outputs of both arms of each case."""

    def split(one: Repeats) -> list[Floats]:
        return np.split(one.values, one.starts[1:-1])

    pairs = zip(split(sample.baseline), split(sample.candidate), strict=True)
    return [np.concatenate(pair) for pair in pairs]


def _with_hidden_coins(values: Floats, counts: Floats, rng: np.random.Generator) -> Floats:
    """Cases that varied stand for those that vary and happened not to: one in 2^(k - 1) of k outputs."""
    varied = values.max(axis=1) > values.min(axis=1)
    seen = np.flatnonzero(varied)
    if not len(seen):
        return values
    share = float(np.mean(1 / (2.0 ** (counts[seen] - 1))))
    more = round(len(seen) * share / max(1 - share, 1e-9))
    still = np.flatnonzero(~varied)
    chosen = rng.permutation(still)[:more]
    values = values.copy()
    values[chosen] = values[rng.choice(seen, len(chosen))]
    return values


def _means(values: Floats, counts: Floats, scale: Floats, outputs: int, rng: np.random.Generator) -> Floats:
    """The mean of so many outputs of each case, drawn from its own, shape (cases,)."""
    picked = (rng.random((len(values), outputs)) * counts[:, None]).astype(np.int64)
    drawn = np.take_along_axis(values, picked, axis=1)
    centre = values.mean(axis=1, keepdims=True)
    means: Floats = (centre + (drawn - centre) * scale[:, None]).mean(axis=1)
    return means
