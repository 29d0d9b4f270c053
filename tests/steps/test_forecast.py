"""P(SHIP) of an identical build, against the published table."""

import pytest

from stopship.model.case import Case, Trace
from stopship.model.rule import Margin, Mode, Rule, Severity
from stopship.model.score import BINARY, Direction, Scored, Scorer
from stopship.model.verdict import Decision, Finding
from stopship.steps.forecast import forecast
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


def findings(rule: str, margin: float, cases: int, cohorts: int) -> tuple[Finding, ...]:
    def one(scope: str, mode: Mode, n: int, margin: float) -> Finding:
        return Finding(
            rule=rule,
            metric=rule,
            scope=scope,
            kind="compare",
            mode=mode,
            severity=Severity.STOP_SHIP,
            decision=Decision.PASS,
            n=n,
            n_effective=float(n),
            margin=margin,
        )

    guards = [one(f"c={i}", Mode.GUARD, cases // cohorts, 0.10) for i in range(cohorts)]
    return (one("all", Mode.PROVE, cases, margin), *guards)


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
    chances = dict(forecast(findings("one", margin, 500, 10), [rule("one", margin)], alpha=0.05))
    assert chances[0.05] == pytest.approx(published, abs=0.03)


def test_more_flips_or_more_rules_never_raise_the_chance() -> None:
    one = [chance for _, chance in forecast(findings("one", 0.05, 500, 10), [rule("one", 0.05)], alpha=0.05)]
    two = forecast(
        findings("one", 0.05, 500, 10) + findings("two", 0.05, 500, 10),
        [rule("one", 0.05), rule("two", 0.05)],
        alpha=0.05,
    )
    assert one == sorted(one, reverse=True)
    assert all(both <= alone for (_, both), alone in zip(two, one, strict=True))
    assert all(0 <= chance <= 1 for chance in one)
