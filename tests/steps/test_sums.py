"""Sums and rows say the same of the same evidence; where they do not, sums are the more cautious."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from itertools import pairwise
from math import fsum, sqrt
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.examples import tries
from tests.families import first_fast
from tests.steps.arms import BIT, NOTHING, SHARE, arm, rule

from stopship.model.columns import Columns
from stopship.model.rule import Rule
from stopship.model.score import Direction, Scorer
from stopship.model.verdict import Decision, Finding
from stopship.steps.clustersums import ClusterSums
from stopship.steps.judge import judge
from stopship.steps.judge_sums import judge_sums
from stopship.steps.pair import pair
from stopship.steps.stats.arrays import Codes, Floats
from stopship.steps.sums import Batch, CodeBook, MetricSums, Values, metric_sums

BOOK = CodeBook((("lang", ("de", "en", "fr")), ("tier", ("free", "paid"))))
COHORTS = ("lang", "tier")
NOT_SHIPPING = {Decision.ERROR, Decision.REGRESSION, Decision.SUSPECT}
GREEN = {Decision.IMPROVED, Decision.PASS, Decision.PASS_DEGRADED}


@dataclass(frozen=True, kw_only=True)
class World:
    """Paired cases as arrays, shape (n,), and the codes of their cohorts, shape (n, 2)."""

    before: Floats
    after: Floats
    cohorts: Codes
    clusters: Codes | None
    nothing: "np.ndarray[tuple[int], np.dtype[np.bool_]]"  # cases without a score in either arm
    scorer: Scorer
    better: Direction

    @property
    def rule(self) -> Rule:
        return rule(self.scorer, better=self.better)


def world(
    rng: np.random.Generator,
    n: int,
    *,
    scorer: Scorer = BIT,
    better: Direction = Direction.HIGHER,
    clusters: int = 0,
    drop: float = 0.0,
    flips: float = 0.1,
    masked: float = 0.0,
) -> World:
    """Cases of which a share changes, with a drop in one cohort."""
    cohorts = np.stack([rng.choice(3, n, p=[0.5, 0.4, 0.1]), rng.choice(2, n, p=[0.9, 0.1])], axis=1)
    kind = scorer.scale.kind.value
    before = (rng.random(n) < 0.8).astype(float) if kind == "binary" else np.round(rng.beta(3, 1, n), 3)
    after = np.where(rng.random(n) < flips, rng.permutation(before), before)
    after = np.where((rng.random(n) < drop) & (cohorts[:, 0] == 0), 0.0, after)
    codes = rng.integers(0, clusters, n) if clusters else None
    return World(
        before=before,
        after=after,
        cohorts=cohorts.astype(np.int64),
        clusters=codes,
        nothing=rng.random(n) < masked,
        scorer=scorer,
        better=better,
    )


@st.composite
def worlds(draw: st.DrawFn, *, most: int = 400) -> World:
    n = draw(st.integers(1, most))
    return world(
        np.random.default_rng(draw(st.integers(0, 2**32))),
        n,
        scorer=draw(st.sampled_from([BIT, SHARE])),
        better=draw(st.sampled_from(list(Direction))),
        clusters=draw(st.sampled_from([0, 3, 8, 40, n, 10 * n])),
        drop=draw(st.sampled_from([0.0, 0.05, 0.3])),
        flips=draw(st.sampled_from([0.0, 0.02, 0.3, 1.0])),
        masked=draw(st.sampled_from([0.0, 0.1, 0.9])),
    )


def summed(one: World, rows: Sequence[int] | None = None) -> MetricSums:
    """The sums of the world, or of some of its rows in that order."""
    chosen = np.arange(len(one.before)) if rows is None else np.array(rows, dtype=np.int64)
    batch = Batch(
        book=BOOK,
        ids=chosen,
        cohorts=one.cohorts[chosen],
        clusters=None if one.clusters is None else one.clusters[chosen],
    )
    valid = ~one.nothing[chosen]
    return metric_sums(
        batch,
        Values(one.before[chosen], valid),
        Values(one.after[chosen], valid),
        scale=one.scorer.scale,
        better=one.better,
    )


def by_rows(one: World) -> dict[str, Finding]:
    cells: dict[str, Sequence[object]] = {
        name: [values[code] for code in one.cohorts[:, i]] for i, (name, values) in enumerate(BOOK.dimensions)
    }
    columns = Columns(key="id", cohorts=COHORTS)
    if one.clusters is not None:
        cells = {**cells, "user": [f"u{code}" for code in one.clusters]}
        columns = Columns(key="id", cohorts=COHORTS, cluster="user")
    arms = [
        arm(
            [NOTHING if no else float(value) for value, no in zip(side, one.nothing, strict=True)],
            columns,
            scorer=one.scorer,
            cells=cells,
        )
        for side in (one.before, one.after)
    ]
    return {found.scope: found for found in judge(pair(arms[0], arms[1], columns), [one.rule])}


def by_sums(one: World, sums: MetricSums | None = None) -> dict[str, Finding]:
    told = summed(one) if sums is None else sums
    return {found.scope: found for found in judge_sums([one.rule], lambda _: told)}


def is_drawn(finding: Finding) -> bool:
    """Whether the p is one of random signs, which differ between the two."""
    return finding.test.endswith("sign-flip") and finding.n > 16


def apart(p: float) -> float:
    """How far two p of random signs lie apart, at most: five standard errors of each."""
    return 10 * sqrt(max(p, 1e-4) / 9_999)


def assert_alike(rows: Finding, sums: Finding) -> None:
    """The same numbers, and the same decision unless random signs are what decides."""
    counts = ("n", "unscored", "worse", "better", "mode", "margin", "test", "bound", "kind", "severity")
    for name in counts:
        assert getattr(sums, name) == getattr(rows, name), name
    for name in ("delta", "lower", "upper", "baseline", "candidate", "n_effective", "mde", "p_pass"):
        assert getattr(sums, name) == pytest.approx(getattr(rows, name), abs=1e-9), name
    if rows.p is None or not is_drawn(rows):
        assert sums.p == (None if rows.p is None else pytest.approx(rows.p, rel=1e-6, abs=1e-12))
        assert sums.decision is rows.decision
        assert sums.why == rows.why
    else:
        assert sums.p == pytest.approx(rows.p, abs=apart(rows.p))
        assert (sums.decision in GREEN) == (rows.decision in GREEN)


@given(worlds())
@settings(max_examples=tries(150), deadline=None)
def test_sums_and_rows_find_the_same_in_every_scope(one: World) -> None:
    rows, sums = by_rows(one), by_sums(one, _without_empty(one))
    if rows["all"].decision is Decision.ERROR:
        assert [found.decision for found in sums.values()] == [Decision.ERROR]
        return
    assert sums.keys() == rows.keys()
    for scope, found in rows.items():
        assert_alike(found, sums[scope])


def _without_empty(one: World) -> MetricSums:
    """Sums over a code book of the cohorts that some case is in."""
    held = [sorted(set(one.cohorts[:, i].tolist())) for i in range(len(COHORTS))]
    book = CodeBook(
        tuple(
            (name, tuple(values[code] for code in codes))
            for (name, values), codes in zip(BOOK.dimensions, held, strict=True)
        )
    )
    codes = np.stack([np.searchsorted(held[i], one.cohorts[:, i]) for i in range(len(COHORTS))], axis=1)
    valid = ~one.nothing
    return metric_sums(
        Batch(book=book, ids=np.arange(len(valid)), cohorts=codes, clusters=one.clusters),
        Values(one.before, valid),
        Values(one.after, valid),
        scale=one.scorer.scale,
        better=one.better,
    )


@pytest.mark.parametrize(
    "clusters", first_fast([300, 0, 2_200]), ids=["300 clusters", "no clusters", "2 200 clusters"]
)
@pytest.mark.parametrize("scorer", first_fast([SHARE, BIT]), ids=lambda one: one.spec)
@pytest.mark.parametrize(("flips", "drop"), first_fast([(0.3, 0.06), (0.02, 0.0), (0.9, 0.0)]))
def test_sums_and_rows_agree_on_thousands_of_cases(
    scorer: Scorer, clusters: int, flips: float, drop: float
) -> None:
    one = world(
        np.random.default_rng(11),
        4_000,
        scorer=scorer,
        clusters=clusters,
        flips=flips,
        drop=drop,
        masked=0.05,
    )
    rows, sums = by_rows(one), by_sums(one)
    assert sums.keys() == rows.keys()
    for scope, found in rows.items():
        assert_alike(found, sums[scope])


def same(one: MetricSums, other: MetricSums) -> None:
    """Counts and kept differences are equal; sums are to 1e-12 of the sum of magnitudes."""
    for name in ("rows", "n", "worse", "better", "unscored", "one_armed", "losses", "gains"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)
    for name in ("scope", "case", "value"):
        np.testing.assert_array_equal(getattr(one.kept, name), getattr(other.kept, name), err_msg=name)
    slack = 1e-12 * float(one.rows[0])
    for name in ("difference", "square", "before"):
        mine, theirs = getattr(one, name), getattr(other, name)
        np.testing.assert_allclose(mine[:, 0], theirs[:, 0], rtol=0, atol=slack, err_msg=name)
    if one.clusters is not None and other.clusters is not None:
        for field in fields(ClusterSums):
            mine, theirs = getattr(one.clusters, field.name), getattr(other.clusters, field.name)
            np.testing.assert_allclose(mine, theirs, rtol=1e-12, atol=1e-12, err_msg=field.name)


VECTORS = json.loads((Path(__file__).parent / "stats" / "vectors.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("row", VECTORS["lower_bound"], ids=lambda row: f"{row['binding']}{row['lower']}")
def test_the_published_bounds_come_out_of_sums(row: dict[str, Any]) -> None:
    differences = np.array(row["d"] + [0.0] * row["zeros"])
    batch = Batch(book=CodeBook(), ids=np.arange(len(differences)))
    before, after = Values(np.maximum(-differences, 0)), Values(np.maximum(differences, 0))
    sums = metric_sums(batch, before, after, scale=SHARE.scale, better=Direction.HIGHER)
    (finding,) = judge_sums([rule(SHARE)], lambda _: sums)
    assert finding.lower == pytest.approx(row["lower"], abs=0.501e-6)
    assert finding.bound == row["binding"]


@pytest.mark.parametrize("row", VECTORS["decision"], ids=lambda row: f"{row['b']}-{row['c']}-{row['n']}")
def test_the_published_decisions_come_out_of_sums(row: dict[str, Any]) -> None:
    before = np.repeat([1.0, 0.0, 1.0], [row["b"], row["c"], row["n"] - row["b"] - row["c"]])
    after = np.repeat([0.0, 1.0, 1.0], [row["b"], row["c"], row["n"] - row["b"] - row["c"]])
    batch = Batch(book=CodeBook(), ids=np.arange(row["n"]))
    sums = metric_sums(batch, Values(before), Values(after), scale=BIT.scale, better=Direction.HIGHER)
    (finding,) = judge_sums([rule(margin=row["margin"])], lambda _: sums)
    assert finding.decision is Decision(row["decision"])
    assert finding.lower == pytest.approx(row["lower"], abs=0.501e-5)


@given(worlds(), st.data())
@settings(max_examples=tries(100), deadline=None)
def test_any_split_into_batches_merged_in_any_order_gives_the_same_sums(
    one: World, data: st.DataObject
) -> None:
    n = len(one.before)
    order = data.draw(st.permutations(range(n)))
    cuts = sorted(data.draw(st.sets(st.integers(1, n), max_size=5)) | {0, n})
    parts = [summed(one, order[first:last]) for first, last in pairwise(cuts)]
    forwards, backwards = parts[0], parts[-1]
    for part in parts[1:]:
        forwards = forwards.merge(part)
    for part in parts[-2::-1]:
        backwards = part.merge(backwards)
    same(summed(one), forwards)
    same(forwards, backwards)


@given(worlds(most=60), worlds(most=60), worlds(most=60))
@settings(max_examples=tries(60), deadline=None)
def test_merging_is_commutative_and_associative(a: World, b: World, c: World) -> None:
    parts = []
    for start, one in zip((0, 100, 200), (a, b, c), strict=True):
        batch = Batch(book=BOOK, ids=np.arange(start, start + len(one.before)), cohorts=one.cohorts)
        before, after = Values(np.round(one.before)), Values(np.round(one.after))
        parts.append(metric_sums(batch, before, after, scale=SHARE.scale, better=Direction.HIGHER))
    first, second, third = parts
    same(first.merge(second), second.merge(first))
    same(first.merge(second).merge(third), first.merge(second.merge(third)))


def test_a_million_tenths_add_up_without_drift() -> None:
    n = 1_000_000
    batch = Batch(book=CodeBook(), ids=np.arange(n))
    sums = metric_sums(
        batch, Values(np.full(n, 0.1)), Values(np.full(n, 0.2)), scale=SHARE.scale, better=Direction.HIGHER
    )
    assert sums.difference[0, 0] == pytest.approx(100_000, rel=1e-12)
    assert sums.before[0, 0] == pytest.approx(100_000, rel=1e-12)


def test_a_thousand_merges_lose_nothing() -> None:
    values = np.random.default_rng(6).random(1_000)
    parts = []
    for i in range(1_000):
        batch = Batch(book=CodeBook(), ids=np.array([i]))
        old, new = Values(np.zeros(1)), Values(values[i : i + 1])
        parts.append(metric_sums(batch, old, new, scale=SHARE.scale, better=Direction.HIGHER))
    merged = parts[0]
    for part in parts[1:]:
        merged = merged.merge(part)
    assert merged.difference[0, 0] == fsum(values.tolist())
    assert merged.square[0, 0] == fsum((values * values).tolist())


def test_kept_differences_are_dropped_past_two_thousand_whatever_the_batches() -> None:
    one = world(np.random.default_rng(4), 6_000, scorer=SHARE, flips=1.0)
    whole = summed(one)
    parts = [summed(one, range(first, first + 600)) for first in range(0, 6_000, 600)]
    merged = parts[0]
    for part in parts[1:]:
        merged = merged.merge(part)
    same(whole, merged)
    changed = whole.worse + whole.better
    assert set(np.unique(whole.kept.scope)) == set(np.flatnonzero((changed > 0) & (changed <= 2_000)))
    assert 0 not in whole.kept.scope


def test_the_largest_of_a_rare_cohort_are_found_among_many_rows() -> None:
    rng = np.random.default_rng(3)
    n = 60_000
    one = world(rng, n, scorer=SHARE, flips=1.0)
    after = np.where(one.cohorts[:, 0] == 2, one.before + (0.5 - one.before) * 0.01, one.after)
    few = np.flatnonzero(one.cohorts[:, 0] == 2)[:6]
    after[few] = np.where(one.before[few] > 0.5, 0.0, 1.0)  # some are among the largest of all
    whole = summed(replace(one, after=after))
    rare = (after - one.before)[one.cohorts[:, 0] == 2]
    at = BOOK.scopes.index("lang=fr")
    np.testing.assert_array_equal(whole.losses[at], np.sort(rare)[:19])
    np.testing.assert_array_equal(whole.gains[at], np.sort(rare)[::-1][:19])


def test_float32_scores_are_subtracted_as_doubles() -> None:
    before, after = np.full(5, 0.1, dtype=np.float32), np.full(5, 0.3, dtype=np.float32)
    batch = Batch(book=CodeBook(), ids=np.arange(5))
    sums = metric_sums(batch, Values(before), Values(after), scale=SHARE.scale, better=Direction.HIGHER)
    exact = float(np.float64(after[0]) - np.float64(before[0]))
    assert sums.difference[0, 0] == pytest.approx(5 * exact, rel=1e-15)


@pytest.mark.parametrize("first", [-1000, 2**63 - 1000, 2**64 - 2000], ids=["negative", "high", "highest"])
def test_any_64_bit_number_names_a_case_or_a_cluster(first: int) -> None:
    one = world(np.random.default_rng(8), 800, scorer=SHARE)
    ids = np.array([first + i for i in range(800)], dtype=np.int64 if first < 0 else np.uint64)
    for clusters in (None, ids[np.arange(800) // 4]):
        batch = Batch(book=BOOK, ids=ids, cohorts=one.cohorts, clusters=clusters)
        before, after = Values(one.before), Values(one.after)
        sums = metric_sums(batch, before, after, scale=SHARE.scale, better=Direction.HIGHER)
        assert len(judge_sums([rule(SHARE)], lambda _, held=sums: held)) == 6  # type: ignore[misc]


@pytest.mark.parametrize("scorer", [BIT, SHARE], ids=lambda one: one.spec)
def test_cases_and_clusters_far_apart_have_signs_of_their_own(scorer: Scorer) -> None:
    one = world(np.random.default_rng(8), 300, scorer=scorer, flips=1.0)
    found: list[Finding] = []
    for first in (0, 2**62):  # neighbours that a float cannot tell apart
        ids = np.arange(300) + first
        batch = Batch(book=CodeBook(), ids=ids, clusters=ids // 2)
        before, after = Values(one.before), Values(one.after)
        sums = metric_sums(batch, before, after, scale=scorer.scale, better=Direction.HIGHER)
        found += judge_sums([rule(scorer)], lambda _, held=sums: held)  # type: ignore[misc]
    assert found[0].test == "cluster-sign-flip"
    assert found[1].p == pytest.approx(found[0].p, abs=apart(found[0].p or 0))


@given(worlds(most=200), st.data())
@settings(max_examples=tries(100), deadline=None)
def test_a_case_made_worse_never_turns_sums_green(one: World, data: st.DataObject) -> None:
    orient = 1 if one.better is Direction.HIGHER else -1
    open_to = np.flatnonzero(orient * (one.after - one.before) <= 0)
    rows = data.draw(st.lists(st.sampled_from(open_to.tolist()), max_size=3)) if len(open_to) else []
    after = one.after.copy()
    after[rows] = 0.0 if one.better is Direction.HIGHER else 1.0
    worse = replace(one, after=after)
    first, second = by_sums(one, _without_empty(one)), by_sums(worse, _without_empty(worse))
    for scope in first.keys() & second.keys():
        was, now = first[scope].lower, second[scope].lower
        if was is not None:
            assert now is not None
            assert now <= was + 1e-12
        if second[scope].decision in GREEN:
            assert first[scope].decision in GREEN
