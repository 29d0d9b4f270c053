"""Rules on tails, from two arms to findings and verdicts."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.examples import tries
from tests.steps.arms import COLUMNS, COST, SHARE, arm, gate, rule, selecting, tagged

from stopship.model.columns import Columns, Condition
from stopship.model.rule import TAILS, Limit, Margin, Rule
from stopship.model.score import Direction
from stopship.model.verdict import PROVEN, Decision, Finding, Record, Verdict
from stopship.steps.judge import judge_alone

LOWER = Direction.LOWER


def waits(n: int, seed: int = 1, *, spread: float = 0.7) -> list[float]:
    return [float(one) for one in np.exp(np.random.default_rng(seed).normal(6, spread, n))]


def varied(values: Sequence[float], seed: int = 2, *, by: float = 0.03) -> list[float]:
    noise = np.exp(np.random.default_rng(seed).normal(0, by, len(values)))
    return [float(one) for one in np.array(values) * noise]


def compares(tail: str, margin: float = 0.25, **more: Any) -> Rule:
    told = Margin(margin, relative=True, tail=TAILS[tail])
    return replace(rule(COST, better=LOWER, id="waits", **more), margin=told, cohort_margin=None)


def promises(tail: str, value: float) -> Rule:
    limit = Limit(value, at_most=True, tail=TAILS[tail])
    return rule(COST, margin=None, better=LOWER, id="waits", limit=limit)


def judged(before: Sequence[float], after: Sequence[float], *rules: Rule) -> Record:
    return gate(arm(before, scorer=COST, name="baseline"), arm(after, scorer=COST), rules)


def found(record: Record, kind: str = "compare") -> Finding:
    return next(one for one in record.findings if one.kind == kind)


@pytest.mark.parametrize("tail", ["p90", "p95", "cvar90", "cvar95"])
def test_an_unchanged_candidate_ships_and_a_retry_cascade_is_stopped(tail: str) -> None:
    before = waits(1500)
    assert judged(before, varied(before), compares(tail)).verdict is Verdict.SHIP
    slow = [one * (6 if i % 20 == 0 else 1) for i, one in enumerate(varied(before))]
    record = judged(before, slow, compares(tail))
    one = found(record)
    assert record.verdict is Verdict.STOP
    assert one.decision is Decision.REGRESSION
    assert one.tail == tail
    assert one.worse > one.better
    assert one.delta is not None
    assert one.delta < 0


def test_a_mean_that_hardly_moves_hides_what_the_tail_shows() -> None:
    before = waits(1500)
    slow = [one * (1.6 if one > float(np.quantile(before, 0.93)) else 0.8) for one in varied(before)]
    mean = replace(rule(COST, better=LOWER, id="mean"), margin=Margin(0.25, relative=True))
    assert found(judged(before, slow, mean)).decision is not Decision.REGRESSION
    assert found(judged(before, slow, compares("p95"))).decision is Decision.REGRESSION


@pytest.mark.parametrize(
    ("tail", "n", "names"),
    [
        ("p95", 199, "the highest that they can test is p90"),
        ("cvar95", 150, "the highest that they can test is cvar90"),
        ("p99", 999, "the highest that they can test is p95"),
        ("p90", 60, "the highest that they can test is p80"),
        ("p95", 30, "they can test no tail, p80 needs 50"),
    ],
)
def test_too_few_cases_are_blind_and_name_what_they_could_test(tail: str, n: int, names: str) -> None:
    before = waits(n)
    for one, kind in ((compares(tail, 3.0), "compare"), (promises(tail, 1e9), "limit")):
        record = judged(before, before, one)
        assert record.verdict is Verdict.UNDECIDED
        assert found(record, kind).decision is Decision.BLIND
        assert names in found(record, kind).why


@pytest.mark.parametrize(("tail", "n"), [("p95", 200), ("cvar95", 400)])
def test_from_the_needed_cases_on_nothing_is_blind(tail: str, n: int) -> None:
    before = waits(n)
    for one, kind in ((compares(tail), "compare"), (promises(tail, 1e9), "limit")):
        assert found(judged(before, before, one), kind).decision is not Decision.BLIND


def test_fewer_cases_than_hold_a_runaway_prove_harm_and_never_its_absence() -> None:
    """Where 1 % of the cases run away, 200 of them hold none once in seven times."""
    before = waits(299)
    calm = [one * 0.6 for one in before]
    for one, kind, needed in (
        (compares("cvar95"), "compare", 300),
        (promises("cvar95", 1e9), "limit", 400),
    ):
        finding = found(judged(before, calm, one), kind)
        assert finding.decision is Decision.BLIND
        assert f"proven from {needed} independent cases on" in finding.why
    slow = [one * (8 if i % 20 == 0 else 1) for i, one in enumerate(before)]
    assert found(judged(before, slow, compares("cvar95"))).decision is Decision.REGRESSION
    many = waits(300)
    assert found(judged(many, [one * 0.6 for one in many], compares("cvar95"))).decision in PROVEN


def test_where_a_worst_end_is_known_ten_cases_beyond_may_prove() -> None:
    before = [0.2 + 0.3 * (i * 37 % 200) / 200 for i in range(200)]
    told = replace(rule(SHARE, better=LOWER), margin=Margin(0.4, tail=TAILS["cvar95"]), cohort_margin=None)
    one = found(gate(arm(before, scorer=SHARE), arm(before, scorer=SHARE), [told]))
    assert one.decision is not Decision.BLIND


def test_clusters_count_as_independent_cases_only_once() -> None:
    columns = Columns(key="id", cluster="who")
    before = waits(400)
    cells = {"who": [f"u{i // 4}" for i in range(400)]}
    sides = [arm(before, columns, scorer=COST, name=one, cells=cells) for one in ("baseline", "candidate")]
    one = found(gate(sides[0], sides[1], [compares("p95")], columns))
    assert one.decision is Decision.BLIND
    assert "count as 100" in one.why


@pytest.mark.parametrize("tail", ["p90", "cvar90"])
def test_clusters_are_judged_by_their_sums(tail: str) -> None:
    columns = Columns(key="id", cluster="who")
    before = waits(1200)
    cells = {"who": [f"u{i // 2}" for i in range(1200)]}
    base = arm(before, columns, scorer=COST, name="baseline", cells=cells)
    slow = [one * (5 if i % 15 == 0 else 1) for i, one in enumerate(before)]
    same = found(
        gate(base, arm(varied(before), columns, scorer=COST, cells=cells), [compares(tail)], columns)
    )
    worse = found(gate(base, arm(slow, columns, scorer=COST, cells=cells), [compares(tail)], columns))
    assert same.decision in PROVEN
    assert worse.decision is Decision.REGRESSION
    assert worse.test == "cluster-sign-flip"


def test_a_promise_about_a_quantile_is_kept_by_proof_and_broken_by_proof() -> None:
    values = waits(600)
    p95 = float(np.quantile(values, 0.95))
    for factor, decision in ((1.5, Decision.PASS), (1.02, Decision.INCONCLUSIVE), (0.7, Decision.REGRESSION)):
        one = found(judged(values, values, promises("p95", p95 * factor)), "limit")
        assert one.decision is decision
        assert one.candidate == pytest.approx(p95)
        assert one.limit == f"p95 at most {p95 * factor:g}"


def test_a_promise_about_the_mean_beyond_is_kept_by_proof_and_broken_by_proof() -> None:
    values = waits(600)
    worst = float(np.sort(values)[570:].mean())
    for factor, decision in ((3.0, Decision.PASS), (1.02, Decision.INCONCLUSIVE), (0.6, Decision.REGRESSION)):
        one = found(judged(values, values, promises("cvar95", worst * factor)), "limit")
        assert one.decision is decision
        assert one.candidate == pytest.approx(worst)


def test_a_promise_needs_no_baseline() -> None:
    values = waits(600)
    (one,) = judge_alone(arm(values, scorer=COST), [promises("p95", 1e9)])
    assert one.decision is Decision.PASS


def test_a_tail_and_its_promise_are_two_findings_that_share_the_rules_weight() -> None:
    before = waits(900)
    slow = [one * (6 if i % 20 == 0 else 1) for i, one in enumerate(before)]
    both = replace(compares("p95"), limit=Limit(1e9, at_most=True, tail=TAILS["p95"]))
    alone, shared = (found(judged(before, slow, one)) for one in (compares("p95"), both))
    assert alone.p == shared.p
    assert shared.p_adjusted == pytest.approx(2 * (alone.p_adjusted or 0.0))
    assert found(judged(before, slow, both), "limit").decision is Decision.PASS


def test_where_high_is_better_the_low_tail_is_the_bad_one() -> None:
    before = [min(1.0, 0.4 + 0.6 * (i * 37 % 500) / 500) for i in range(1000)]
    dropped = [one - (0.35 if i % 12 == 0 else 0.0) for i, one in enumerate(before)]
    raised = [one + (1 - one) * 0.5 for one in before]
    told = replace(rule(SHARE), margin=Margin(0.1, tail=TAILS["p95"]), cohort_margin=None)
    sides = [arm(one, scorer=SHARE) for one in (before, dropped, raised)]
    worse, better = (found(gate(sides[0], one, [told])) for one in sides[1:])
    assert worse.decision is Decision.REGRESSION
    assert worse.baseline == pytest.approx(float(np.quantile(before, 0.05)))
    assert better.decision is Decision.IMPROVED


def test_high_is_better_is_the_mirror_of_low_is_better() -> None:
    before = [i * 61 % 400 / 400 for i in range(400)]
    after = varied(before, by=0.1)
    after = [min(1.0, one) for one in after]
    for name in ("p90", "cvar90"):
        margin = Margin(0.1, tail=TAILS[name])
        low = replace(rule(SHARE, better=LOWER), margin=margin, cohort_margin=None)
        high = replace(low, better=Direction.HIGHER)
        plain = found(gate(arm(before, scorer=SHARE), arm(after, scorer=SHARE), [low]))
        turned = [[1 - one for one in side] for side in (before, after)]
        mirror = found(gate(arm(turned[0], scorer=SHARE), arm(turned[1], scorer=SHARE), [high]))
        assert mirror.decision is plain.decision
        for mine, other in ((mirror.delta, plain.delta), (mirror.lower, plain.lower), (mirror.p, plain.p)):
            assert mine == pytest.approx(other, abs=1e-6)


def test_a_baseline_whose_tail_is_at_the_worst_end_tests_nothing() -> None:
    before = [1.0 if i % 5 == 0 else 0.2 for i in range(400)]
    told = replace(rule(SHARE, better=LOWER), margin=Margin(0.1, tail=TAILS["p90"]), cohort_margin=None)
    one = found(gate(arm(before, scorer=SHARE), arm([1.0] * 400, scorer=SHARE), [told]))
    assert one.decision is Decision.BLIND
    assert "nothing is tested" in one.why


def test_no_percent_of_a_tail_at_zero_exists() -> None:
    record = judged([0.0] * 300, [0.0] * 300, compares("p95"))
    assert record.verdict is Verdict.VOID
    assert "not above zero" in found(record).why


def test_a_rule_with_where_judges_the_tail_of_its_own_cases() -> None:
    before = waits(900)
    slow = [one * (8 if i < 400 and i % 10 == 0 else 1) for i, one in enumerate(before)]
    where = (Condition("tag", "incident"),)
    own = compares("p95", where=where)
    columns = selecting([own])
    cells = tagged(400, 900)
    sides = [arm(one, columns, scorer=COST, cells=cells) for one in (before, slow)]
    one = found(gate(sides[0], sides[1], [own], columns))
    assert one.n == 400
    assert one.decision is Decision.REGRESSION


def test_cohorts_get_no_finding_of_a_tail() -> None:
    columns = Columns(key="id", cohorts=("tag",))
    values, cells = waits(400), tagged(150, 400)
    side = arm(values, columns, scorer=COST, cells=cells)
    record = gate(side, side, [compares("p95")], columns)
    assert [one.scope for one in record.findings if one.rule == "waits"] == ["all"]


def test_the_rules_digest_knows_the_tail() -> None:
    before = waits(300)
    digests = {judged(before, before, compares(one)).rules_digest for one in TAILS}
    digests |= {judged(before, before, promises(one, 9e9)).rules_digest for one in TAILS}
    assert len(digests) == 2 * len(TAILS)


@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from(["p80", "p90", "p95", "cvar80", "cvar90"]),
    st.sampled_from([0.0, 0.02, 0.3]),
    st.integers(0, 239),
    st.floats(1.001, 50),
)
@settings(max_examples=tries(150), deadline=None)
def test_a_worse_case_never_turns_a_build_into_one_that_ships(
    seed: int, tail: str, noise: float, case: int, factor: float
) -> None:
    before = waits(240, seed)
    after = varied(before, seed + 1, by=noise)
    if tail.startswith("cvar"):
        after[case] = max(after[case], before[case])  # the law of a mean: a case no better than before
    value = float(np.quantile(after, TAILS[tail].share)) * 1.3
    rules = (compares(tail, 0.15), promises(tail, value))
    verdicts = [judged(before, after, one).verdict for one in rules]
    after[case] *= factor
    for old, one in zip(verdicts, rules, strict=True):
        assert old is Verdict.SHIP or judged(before, after, one).verdict is not Verdict.SHIP


@given(st.permutations(range(60)), st.sampled_from(["p80", "cvar80"]))
@settings(max_examples=tries(20), deadline=None)
def test_order_of_rows_changes_nothing(order: list[int], tail: str) -> None:
    before = waits(60)
    after = varied(before, by=0.2)
    sides = [
        gate(
            arm(before, scorer=COST, order=one),
            arm(after, scorer=COST, order=one),
            [compares(tail), replace(promises(tail, 2000.0), id="p")],
            COLUMNS,
        )
        for one in (range(60), order)
    ]
    assert sides[0].findings == sides[1].findings
