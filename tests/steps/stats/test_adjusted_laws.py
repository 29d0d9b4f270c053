"""Laws of adjusted p values and of what is said to people."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.examples import tries
from tests.steps.stats.test_laws import Edit, coded, edits

from stopship.model.rule import ALPHA, Margin
from stopship.model.verdict import Decision
from stopship.steps.decide import Numbers, absolute_numbers, decide
from stopship.steps.stats import bounds, planning
from stopship.steps.stats.bounds import lower_bound, smallest_n
from stopship.steps.stats.multiplicity import weighted_holm
from stopship.steps.stats.planning import cases_to_decide, chance_of_pass, minimum_detectable_effect
from stopship.steps.stats.pvalues import p_worse
from stopship.steps.stats.sample import Sample

P_AND_WEIGHT = st.lists(st.tuples(st.floats(0, 1), st.floats(0.01, 1)), min_size=1, max_size=12)


@given(P_AND_WEIGHT)
@settings(deadline=None)
def test_an_adjusted_p_is_never_below_its_own_times_the_weight_still_standing(
    family: list[tuple[float, float]],
) -> None:
    p, weights = [one for one, _ in family], [one for _, one in family]
    adjusted = weighted_holm(p, weights)
    for own, weight, found in zip(p, weights, adjusted, strict=True):
        left = sum(w for q, w in family if q / w >= own / weight)
        assert own <= found <= 1
        assert found >= min(1.0, own / weight * left) * (1 - 1e-12) - 1e-300


@given(P_AND_WEIGHT)
@settings(deadline=None)
def test_adjusted_p_keep_the_order_of_p_over_weight(family: list[tuple[float, float]]) -> None:
    adjusted = weighted_holm([p for p, _ in family], [w for _, w in family])
    ratios = [p / w for p, w in family]
    along = [adjusted[i] for i in sorted(range(len(family)), key=lambda i: (ratios[i], adjusted[i]))]
    assert along == sorted(along)


@given(P_AND_WEIGHT, st.data())
@settings(deadline=None)
def test_a_smaller_p_never_raises_any_adjusted_p(
    family: list[tuple[float, float]], data: st.DataObject
) -> None:
    p, weights = [one for one, _ in family], [one for _, one in family]
    i = data.draw(st.integers(0, len(p) - 1))
    smaller = [*p[:i], p[i] * data.draw(st.floats(0, 1)), *p[i + 1 :]]
    pairs = zip(weighted_holm(smaller, weights), weighted_holm(p, weights), strict=True)
    assert all(new <= old * (1 + 1e-12) + 1e-300 for new, old in pairs)


@given(P_AND_WEIGHT, st.randoms(use_true_random=False))
@settings(deadline=None)
def test_the_order_of_hypotheses_changes_no_bit_of_an_adjusted_p(
    family: list[tuple[float, float]], random: object
) -> None:
    order = list(range(len(family)))
    random.shuffle(order)  # type: ignore[attr-defined]
    straight = weighted_holm([p for p, _ in family], [w for _, w in family])
    shuffled = weighted_holm([family[i][0] for i in order], [family[i][1] for i in order])
    assert shuffled == [straight[i] for i in order]


def _decision(numbers: Numbers) -> Decision:
    return decide(numbers, p_adjusted=numbers.test.p, alpha=ALPHA, adjusted_alpha=ALPHA)


@pytest.mark.parametrize("points", [1, 2, 3, 5, 10, 25, 50])
@pytest.mark.parametrize("binary", [True, False], ids=["binary", "bounded"])
def test_an_unchanged_candidate_passes_exactly_from_the_smallest_n_on(points: int, binary: bool) -> None:
    margin = Margin(points / 100)
    first = int(smallest_n(margin.share))
    for n in {1, first - 1, first, first + 1, 10 * first} - {0}:
        sample = Sample(differences=np.zeros(n), is_binary=binary)
        decision = _decision(absolute_numbers(sample, margin, alpha=ALPHA))
        assert decision is (Decision.PASS if n >= first else Decision.BLIND), n


@given(edits(), st.sampled_from(["alone", "clustered"]))
@settings(deadline=None)
def test_what_is_said_to_people_stays_in_range(edit: Edit, kind: str) -> None:
    sample = Sample(differences=np.array(edit[0]), clusters=coded(edit[2]) if kind == "clustered" else None)
    assert 0 < minimum_detectable_effect(sample, alpha=ALPHA) <= 1
    assert 0 <= chance_of_pass(sample, margin=0.05) <= 1
    assert cases_to_decide(sample, margin=0.05) >= smallest_n(0.05)
    assert 0 < p_worse(sample, alpha=ALPHA).p <= 1


@given(edits(), st.integers(1, 400))
@settings(max_examples=tries(200), deadline=None)
def test_the_quick_look_at_clusters_never_misses_a_lower_bound(edit: Edit, quiet: int) -> None:
    before, after, clusters = edit
    for differences in (before, after):
        values = np.array(differences + [0.01, -0.01] * quiet)
        codes = coded([*clusters, *range(1000, 1000 + 2 * quiet)])
        sample = Sample(differences=values, clusters=codes)
        quick = lower_bound(sample)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(bounds, "_stands_out_nowhere", lambda *_: False)
            assert lower_bound(sample) == quick


@pytest.mark.parametrize("flips", [0.005, 0.05, 0.3])
@pytest.mark.parametrize("errors", [1.0, 1.645, 2.0, 3.0])
def test_the_normal_limit_of_a_chance_to_pass_is_within_two_thousandths(flips: float, errors: float) -> None:
    n = round(300 / flips / (1 - flips))
    margin = errors * float(np.sqrt(flips / n))
    limit = planning.chance_of_pass_at(flips, n, margin=margin)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(planning, "_NORMAL_FROM", float("inf"))
        assert limit == pytest.approx(planning.chance_of_pass_at(flips, n, margin=margin), abs=0.002)
    assert limit > 0
