"""P(SHIP) of an identical build, against the published table."""

import numpy as np
import pytest

from stopship.model.case import Case, Trace
from stopship.model.rule import Margin, Mode, Rule
from stopship.model.score import BINARY, Direction, Scored, Scorer
from stopship.steps.arm import Arm
from stopship.steps.forecast import forecast
from stopship.steps.pair import Pairing, Scope
from stopship.steps.stats.planning import chance_of_pass_at


@pytest.mark.parametrize(
    ("n", "margin", "flips", "published"),
    [
        (300, 0.02, 0.02, 0.68),
        (300, 0.02, 0.05, 0.43),
        (300, 0.02, 0.10, 0.28),
        (300, 0.02, 0.29, 0.16),
        (300, 0.05, 0.02, 1.0),
        (300, 0.05, 0.05, 0.97),
        (300, 0.05, 0.10, 0.84),
        (300, 0.05, 0.29, 0.48),
        (2000, 0.02, 0.05, 0.99),
        (2000, 0.02, 0.10, 0.88),
        (2000, 0.02, 0.29, 0.51),
        (2000, 0.05, 0.05, 1.0),
        (2000, 0.05, 0.10, 1.0),
        (2000, 0.05, 0.29, 0.99),
    ],
)
def test_the_chance_that_an_identical_build_passes_is_the_published_one(
    n: int, margin: float, flips: float, published: float
) -> None:
    assert round(chance_of_pass_at(flips, n, margin=margin), 2) == published


def _never(case: Case, trace: Trace) -> Scored:
    raise AssertionError("a forecast looks at no output")


def suite(cases: int, cohorts: int) -> Pairing:
    every = np.arange(cases)
    slices = tuple(Scope(name=f"c={i}", mode=Mode.GUARD, members=every[i::cohorts]) for i in range(cohorts))
    arm = Arm(name="a")
    return Pairing(
        baseline=arm,
        candidate=arm,
        keys=tuple(f"{i}" for i in range(cases)),
        before=every,
        after=every,
        new_keys=(),
        clusters=None,
        scopes=(Scope(name="all", mode=Mode.PROVE, members=every), *slices),
        faults=(),
    )


def rule(name: str, margin: float) -> Rule:
    scorer = Scorer(
        spec=name, scale=BINARY, better=Direction.HIGHER, needs=frozenset(), digest="", score=_never
    )
    return Rule(
        id=name, scorer=scorer, better=Direction.HIGHER, margin=Margin(margin), cohort_margin=Margin(0.10)
    )


@pytest.mark.parametrize(("margin", "published"), [(0.02, 0.59), (0.05, 0.96)])
def test_an_identical_build_with_ten_guarded_cohorts_ships_as_often_as_published(
    margin: float, published: float
) -> None:
    chances = dict(forecast(suite(500, 10), [rule("one", margin)], alpha=0.05))
    assert chances[0.05] == pytest.approx(published, abs=0.03)


def test_more_flips_or_more_rules_never_raise_the_chance() -> None:
    one = [chance for _, chance in forecast(suite(500, 10), [rule("one", 0.05)], alpha=0.05)]
    two = forecast(suite(500, 10), [rule("one", 0.05), rule("two", 0.05)], alpha=0.05)
    assert one == sorted(one, reverse=True)
    assert all(both <= alone for (_, both), alone in zip(two, one, strict=True))
    assert all(0 <= chance <= 1 for chance in one)
