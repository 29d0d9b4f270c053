"""What simulations of whole escalations found, held fast on single builds."""

from dataclasses import replace

from tests.steps.arms import arm, rule

from stopship.model.columns import Columns
from stopship.model.rule import ALPHA, Mode, Severity
from stopship.model.verdict import Decision, Finding, Verdict, compose
from stopship.steps import again
from stopship.steps.about import About
from stopship.steps.judge import judge
from stopship.steps.pair import pair
from stopship.steps.stats.pvalues import rounds_at
from stopship.steps.terms import Terms


def test_a_cohort_that_lost_forty_points_does_not_ship_at_an_early_look() -> None:
    """An early look may spend next to nothing towards STOP, and yet it must not ship what looks broken."""
    columns = Columns(key="id", cohorts=("part",))
    cells = {"part": ["broken"] * 30 + ["fine"] * 770}
    before = arm([1.0] * 800, columns, cells=cells)
    after = arm([0.0] * 12 + [1.0] * 788, columns, cells=cells)
    about = About(terms=Terms(level=0.9776, is_last=False), alpha_share=2e-4)
    findings = judge(pair(before, after, columns), [rule()], about.terms_at(ALPHA))
    cohort = next(one for one in findings if one.scope == "part=broken")
    assert findings[0].decision is Decision.PASS
    assert cohort.decision is Decision.SUSPECT
    assert compose(findings) is Verdict.UNDECIDED


def test_a_cohort_found_worse_on_fresh_outputs_is_not_asked_for_a_third_time() -> None:
    broken = Finding(
        rule="right",
        metric="bit",
        scope="part=small",
        kind="compare",
        mode=Mode.GUARD,
        severity=Severity.STOP_SHIP,
        decision=Decision.REGRESSION,
        test=again.AFRESH,
    )
    assert broken.is_broken
    assert again.confirmable([broken]) == ()
    assert again.confirmable([replace(broken, test="sign-flip")])


def test_what_next_to_nothing_may_be_spent_on_draws_no_millions_of_signs() -> None:
    assert rounds_at(0.05) == 9_999
    assert rounds_at(1e-4) == 200_000
    assert rounds_at(1e-7) == 200_000
