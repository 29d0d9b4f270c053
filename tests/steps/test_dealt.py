"""Two draws dealt out as the looks of a gate: what is judged, who is asked again, how often that errs."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.examples import tries
from tests.steps.arms import COLUMNS, NO_ANSWER, SUITE, arm, must, repeated, rule

from stopship.model.rule import Margin
from stopship.model.suite import Escalate
from stopship.model.verdict import Verdict, compose
from stopship.steps.about import About
from stopship.steps.alarms import Court, false_alarms
from stopship.steps.dealt import Dealt, Retries, retries_of
from stopship.steps.judge import judge
from stopship.steps.looks import looks_of
from stopship.steps.pair import pair
from stopship.steps.swapped import Failing, Twins
from stopship.steps.terms import Reference, Terms

N = 12
SAMPLES = st.lists(st.lists(st.integers(0, 1), min_size=N, max_size=N), min_size=3, max_size=3)
SWAP = st.lists(st.booleans(), min_size=N, max_size=N)
STAY = np.zeros(N, dtype=np.bool_)


def twins(first: Sequence[Sequence[float]], second: Sequence[Sequence[float]], outputs: int) -> Twins:
    return Twins(pair(repeated(first[:outputs]), repeated(second[:outputs]), COLUMNS))


def court(
    first: Sequence[Sequence[float]], second: Sequence[Sequence[float]], rules: Any, **more: Any
) -> Court:
    """A gate that compares one output a case, and has three of must-pass cases that failed."""
    one = twins(first, second, 1)
    again = retries_of(
        [it for it in rules if it.must_pass is not None],
        ([arm(it) for it in first], [arm(it) for it in second]),
        one.pairing.keys,
    )
    look = Dealt(before=one, after=one, about=SUITE, retries=again)
    return Court(looks=(look,), rules=rules, alpha=0.05, seed="b" * 64, **more)


@given(SAMPLES, SAMPLES, SWAP)
@settings(max_examples=tries(40))
def test_each_look_is_judged_on_the_outputs_that_its_arms_have(
    first: list[list[int]], second: list[list[int]], swap: list[bool]
) -> None:
    """Three outputs of the baseline against two of the candidate, whichever draw is which."""
    look = Dealt(before=twins(first, second, 3), after=twins(first, second, 2), about=SUITE)
    by_hand = [
        [[(b if swap[i] else a)[r][i] for i in range(N)] for r in range(3)]
        for a, b in ((first, second), (second, first))
    ]
    expected = pair(repeated(by_hand[0]), repeated(by_hand[1][:2]), COLUMNS)
    rules = [rule(), must()]
    assert judge(look.pairing(np.array(swap)), rules) == judge(expected, rules)


@given(SAMPLES, SAMPLES, SWAP)
@settings(max_examples=tries(40))
def test_a_must_pass_case_stops_where_its_first_output_and_another_of_three_fail(
    first: list[list[int]], second: list[list[int]], swap: list[bool]
) -> None:
    judged = court(first, second, [must()]).judged(np.array(swap))
    candidate = [[one[i] for one in (first if swap[i] else second)] for i in range(N)]
    failed = {f"c{i:04d}" for i, it in enumerate(candidate) if it[0] == 0 and sum(it) <= 1}
    assert set(judged[0].worse_keys) == failed
    assert (compose(judged) is Verdict.STOP) is bool(failed)


@given(SAMPLES, SAMPLES, st.integers(0, N - 1), st.integers(0, 2))
@settings(max_examples=tries(40))
def test_an_output_that_gets_worse_or_goes_missing_is_never_excused_into_a_pass(
    first: list[list[int]], second: list[list[int]], case: int, sample: int
) -> None:
    rules = [must()]
    before = compose(court(first, second, rules).judged(STAY))
    for worse in (0, NO_ANSWER):
        told: list[list[Any]] = [[*one] for one in second]
        told[sample][case] = worse
        after = compose(court(first, told, rules).judged(STAY))
        assert not (before is Verdict.STOP and after is Verdict.SHIP)


def test_the_order_of_rows_plays_no_part_in_who_is_excused() -> None:
    outputs = [[0, 0, 1, 0], [1, 0, 1, 1], [1, 1, 1, 1]]
    keys = tuple(f"c{i:04d}" for i in range(4))
    found = [
        retries_of([must()], ([arm(one, order=order) for one in outputs],) * 2, keys)
        .passes["closed"][0]
        .tolist()
        for order in ([0, 1, 2, 3], [3, 1, 0, 2])
    ]
    assert found == [[2, 1, 3, 2]] * 2


def test_a_planted_case_fails_in_all_its_outputs_and_is_never_excused() -> None:
    good = [[1] * N] * 3
    one = court(good, good, [must()])
    failing = Failing(scorer="bit", cases=np.array([4]), worst=0.0)
    assert compose(one.judged(STAY, failing)) is Verdict.STOP
    other = replace(failing, scorer="share")
    assert isinstance(one.looks[0].retries, Retries)
    assert one.looks[0].retries.excused(one.judged(STAY, failing), STAY, other) == {
        "closed": frozenset({"c0004"})
    }


def test_the_anchor_stands_still_while_the_arms_change_places() -> None:
    first, second, anchor = [1] * 30 + [0] * 30, [1] * 60, [1] * 60
    pairs = pair(arm(first), arm(second), COLUMNS)
    both = Twins(pairs)
    held = replace(rule(), margin=Margin(0.05), cohort_margin=None)
    rules = [replace(rule(), anchor_margin=Margin(0.05))]
    reference = Reference(
        kind="anchor", pairing=pair(arm(anchor), both.pairing.candidate, COLUMNS), rules=(held,)
    )
    look = Dealt(before=both, after=both, about=SUITE)
    one = Court(looks=(look,), rules=rules, alpha=0.05, seed="c" * 64, references=(reference,))
    for turned, worse in ((False, 0), (True, 30)):
        judged = one.judged(np.full(60, turned))
        (against,) = [it for it in judged if it.kind == "anchor"]
        assert (against.worse, against.better) == (worse, 0)


SOURCE = np.random.Generator(np.random.PCG64(11))
CASES, MARGIN = 80, 0.08
LOOKS = looks_of(Escalate(rounds=(1, 3)), repeats=1, alpha=0.05).rounds


def _draw(rates: Any) -> list[list[int]]:
    return [[int(one) for one in SOURCE.random(CASES) < rates] for _ in range(3)]


def _looks(first: list[list[int]], second: list[list[int]]) -> list[Dealt]:
    found = []
    for one in LOOKS:
        both = twins(first, second, one.outputs)
        terms = Terms(level=one.level, is_last=one.number == one.of)
        about = About(suite="support", terms=terms, alpha_share=one.alpha_share)
        found.append(Dealt(before=both, after=both, about=about))
    return found


@pytest.mark.slow
def test_resamples_of_many_pairs_of_draws_err_as_often_as_a_gate_of_two_looks_and_an_anchor_does() -> None:
    """An anchor a little better, a suite that flips: shares of 40 x 25 resamples and 1000 gates agree."""
    rates = SOURCE.choice([0.05, 0.5, 0.95], size=CASES)
    anchor = arm([int(one) for one in SOURCE.random(CASES) < np.minimum(1.0, rates + 0.08)])
    rules = [rule(margin=MARGIN, anchor_margin=Margin(MARGIN))]
    held = replace(rules[0], margin=Margin(MARGIN), cohort_margin=None)

    def of(first: list[list[int]], second: list[list[int]]) -> Court:
        looks = _looks(first, second)
        against = pair(anchor, looks[0].after.pairing.candidate, COLUMNS)
        references = (Reference(kind="anchor", pairing=against, rules=(held,)),)
        return Court(looks=looks, rules=rules, alpha=0.05, seed="d" * 64, references=references)

    fresh: Counter[str] = Counter()
    for _ in range(1000):
        findings = of(_draw(rates), _draw(rates)).judged(np.zeros(CASES, dtype=np.bool_))
        fresh[compose(findings).value] += 1
    resampled: Counter[str] = Counter()
    for _ in range(40):
        resampled.update(false_alarms(of(_draw(rates), _draw(rates)), 25).verdicts)
    shares = {name: (fresh[name] / 1000, resampled[name] / 1000) for name in ("STOP", "UNDECIDED", "SHIP")}
    assert all(abs(a - b) < 0.06 for a, b in shares.values()), shares
