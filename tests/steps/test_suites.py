"""Lost outputs, repeats, modes, selections, references, and a gate without a baseline."""

from dataclasses import replace
from typing import Any

import pytest
from tests.steps import arms
from tests.steps.arms import (
    INCIDENTS,
    LOST,
    NO_ANSWER,
    NOTHING,
    UNREADABLE,
    arm,
    gate,
    must,
    repeated,
    rule,
    selecting,
)

from stopship.errors import EvidenceError
from stopship.model.columns import Columns, Condition, Group
from stopship.model.rule import IncidentClass, Limit, Margin, Mode, Rule
from stopship.model.verdict import Decision, Record, Verdict
from stopship.steps.conclude import conclude_alone
from stopship.steps.judge import judge
from stopship.steps.metric import measure
from stopship.steps.pair import pair
from stopship.steps.repeats import merged
from stopship.steps.terms import Reference
from stopship.steps.weights import rule_weights

HELD = rule(scorer=arms.SHARE)


def means(samples: list[list[arms.Output]], *, is_baseline: bool = False) -> tuple[float, bool]:
    """The mean of the first case as `measure` sees it, and whether it is kept."""
    other = arm([1.0] * len(samples[0]), scorer=arms.SHARE)
    own = repeated(samples, scorer=arms.SHARE)
    found = measure(
        pair(own, other, arms.COLUMNS) if is_baseline else pair(other, own, arms.COLUMNS),
        arms.SHARE,
        HELD.better,
    )
    return float((found.before if is_baseline else found.after)[0]), bool(found.kept[0])


@pytest.mark.parametrize(
    ("samples", "mean"),
    [
        ([1.0, 0.5], 0.75),
        ([1.0, NO_ANSWER], 0.5),
        ([1.0, UNREADABLE, UNREADABLE, UNREADABLE], 0.25),
        ([LOST, 1.0, 0.0], 0.5),
        ([NO_ANSWER, NO_ANSWER], 0.0),
    ],
)
def test_a_case_of_repeats_is_the_mean_of_what_there_is(samples: list[arms.Output], mean: float) -> None:
    for turned in (samples, samples[::-1]):
        assert means([[one, 1.0] for one in turned]) == (mean, True)


def test_what_the_baseline_never_answered_is_not_held_against_it() -> None:
    assert means([[0.5, 1.0], [NO_ANSWER, 1.0]], is_baseline=True) == (0.5, True)


def test_a_case_whose_outputs_are_all_lost_is_no_pair_of_any_metric() -> None:
    assert means([[LOST, 1.0], [LOST, 1.0]])[1] is False


def test_a_case_that_is_scored_once_and_unscored_once_is_void() -> None:
    record = gate(repeated([[1.0] * 60] * 2), repeated([[1.0] * 60, [NOTHING] + [1.0] * 59]), [rule()])
    assert record.verdict is Verdict.VOID
    assert "finds something to judge in one output" in record.reasons[0]


def test_samples_of_different_cases_under_one_key_are_no_evidence() -> None:
    columns = Columns(key="id", cohorts=("lang",))
    with pytest.raises(EvidenceError, match="not the same"):
        merged([arm([1.0], columns, cells={"lang": ["de"]}), arm([1.0], columns, cells={"lang": ["en"]})])


def test_unequal_repeats_weigh_each_case_once() -> None:
    after = merged([arm([1.0] * 100), arm([0.0, 0.0])])
    finding = gate(arm([1.0] * 100), after, [rule()]).findings[0]
    assert (finding.n, finding.worse, finding.delta) == (100, 2, -0.01)
    assert finding.test.startswith("sign-flip")


def test_one_output_a_case_is_tested_by_mid_p_and_repeats_by_sign_flips_whatever_the_data() -> None:
    before, after = [1.0] * 100, [0.0] * 8 + [1.0] * 92
    assert gate(arm(before), arm(after), [rule()]).findings[0].test == "mcnemar-mid-p"
    finding = gate(repeated([before] * 3), repeated([after] * 3), [rule()]).findings[0]
    assert finding.test.startswith("sign-flip")


@pytest.mark.parametrize(("lost", "verdict"), [(4, Verdict.SHIP), (5, Verdict.VOID)])
def test_more_lost_outputs_than_allowed_are_void(lost: int, verdict: Verdict) -> None:
    outputs: list[arms.Output] = [LOST] * lost + [1.0] * (200 - lost)
    for before, after, noun in (([1.0] * 200, outputs, "candidate"), (outputs, [1.0] * 200, "baseline")):
        record = gate(arm(before), arm(after), [rule()])
        assert record.verdict is verdict
        assert record.counts[f"lost_{noun}"] == lost
        if verdict is Verdict.VOID:
            said = f"5 of 200 outputs of the {noun} were lost to infrastructure (2.5 %, allowed 2 %): "
            assert record.reasons == (said + "first: 'c0000': HTTP 503",)


def test_all_outputs_lost_is_a_hundred_percent() -> None:
    record = gate(arm([1.0] * 110), arm([LOST] * 110), [rule()])
    assert (
        "110 of 110 outputs of the candidate were lost to infrastructure (100 %, allowed 2 %)"
        in (record.reasons[0])
    )


def test_a_failed_target_says_why() -> None:
    after: list[arms.Output] = [NO_ANSWER] * 20 + [1.0] * 80
    record = gate(arm([1.0] * 100), arm(after), [rule()])
    assert record.verdict is Verdict.STOP
    assert record.examples[0].reason == "TimeoutError: no answer within 30 s"


BY_LANG: arms.Cells = {"lang": ["en"] * 60 + ["de"] * 40}
ENGLISH = Columns(key="id", cohorts=("lang",), modes=(("lang=en", "prove"), ("lang=de", "watch")))


def test_a_cohort_that_must_be_proven_holds_the_build_and_a_watched_one_does_not() -> None:
    before = arm([1.0] * 100, ENGLISH, cells=BY_LANG)
    worse = gate(before, arm([1.0] * 60 + [0.0] * 2 + [1.0] * 38, ENGLISH, cells=BY_LANG), [rule()], ENGLISH)
    assert [(one.scope, one.mode, one.decision) for one in worse.findings] == [
        ("all", Mode.PROVE, Decision.INCONCLUSIVE),
        ("lang=de", Mode.WATCH, Decision.UNTESTED),
        ("lang=en", Mode.PROVE, Decision.PASS),
    ]
    after = arm([0.0] * 4 + [1.0] * 96, ENGLISH, cells=BY_LANG)
    held = gate(before, after, [rule(margin=0.10)], ENGLISH)
    assert (held.verdict, [one.scope for one in held.findings if one.holds]) == (
        Verdict.UNDECIDED,
        ["lang=en"],
    )


def test_a_cohort_that_must_be_proven_and_has_no_pair_is_void() -> None:
    columns = replace(ENGLISH, modes=(("lang=fr", "prove"),))
    both = arm([1.0] * 100, columns, cells=BY_LANG)
    record = gate(both, both, [rule()], columns)
    assert record.reasons == ("the cohort 'lang=fr' must be proven, and no pair is in it",)


def test_a_named_cohort_is_a_scope_of_its_name_and_selections_are_none() -> None:
    free = (Condition("tier", "free", negated=True),)
    only = rule(where=INCIDENTS)
    columns = selecting([only])
    columns = replace(columns, groups=(*columns.groups, Group(name="paying", where=free)))
    cells: arms.Cells = {"tier": ["free", "pro"] * 50, **arms.tagged(60, 100)}
    record = gate(
        arm([1.0] * 100, columns, cells=cells), arm([1.0] * 100, columns, cells=cells), [only], columns
    )
    assert [(one.scope, one.mode, one.n) for one in record.findings] == [
        ("all", Mode.PROVE, 60),
        ("paying", Mode.GUARD, 30),
    ]


def test_a_rule_looks_at_its_own_cases_alone() -> None:
    only = rule(where=INCIDENTS, limit=Limit(0.9, at_most=False))
    columns, cells = selecting([only]), arms.tagged(60, 100)
    after = arm([1.0] * 60 + [0.0] * 40, columns, cells=cells)
    record = gate(arm([1.0] * 100, columns, cells=cells), after, [only], columns)
    assert [(one.kind, one.n, one.decision) for one in record.findings] == [
        ("compare", 60, Decision.PASS),
        ("limit", 60, Decision.PASS),
    ]


def test_a_case_that_leaves_a_rules_selection_in_one_arm_is_void() -> None:
    only = rule(where=INCIDENTS)
    columns = selecting([only])
    before = arm([1.0] * 100, columns, cells=arms.tagged(61, 100))
    after = arm([1.0] * 100, columns, cells=arms.tagged(60, 100))
    record = gate(before, after, [only], columns)
    assert record.reasons == (
        "the choice of cases by rule 'right' of 1 case ('c0060') differs between the files",
    )


@pytest.mark.parametrize(("better", "verdict"), [(0, Verdict.UNDECIDED), (30, Verdict.SHIP)])
@pytest.mark.parametrize("allow", [False, True])
def test_an_expected_improvement_must_be_proven(better: int, verdict: Verdict, allow: bool) -> None:
    before = arm([0.0] * better + [1.0] * (200 - better))
    record = gate(before, arm([1.0] * 200), [rule(expects_improvement=True)], allow=allow)
    assert (record.verdict, record.allowed) == (verdict, False)
    if not better:
        assert "an improvement is expected" in record.reasons[0]


def test_references_share_a_rules_weight_and_an_anchor_sees_all_cases_alone() -> None:
    own = rule(limit=Limit(0.5, at_most=False), anchor_margin=Margin(0.03), must_pass=())
    columns = Columns(key="id", cohorts=("lang",))
    old, new = (arm([1.0] * 60 + [0.0] * i + [1.0] * (40 - i), columns, cells=BY_LANG) for i in (0, 6))
    middle = arm([1.0] * 60 + [0.0] * 4 + [1.0] * 36, columns, cells=BY_LANG)
    references = (
        Reference(kind="anchor", pairing=pair(old, new, columns), rules=(replace(own, margin=Margin(0.03)),)),
        Reference(kind="waiver", pairing=pair(old, new, columns), rules=(own,)),
    )
    found = judge(pair(middle, new, columns), [own], references=references)
    assert [(one.kind, one.scope) for one in found] == [
        *(("compare", scope) for scope in ("all", "lang=de", "lang=en")),
        ("limit", "all"),
        ("anchor", "all"),
        *(("waiver", scope) for scope in ("all", "lang=de", "lang=en")),
        ("must_pass", "all"),
    ]
    anchor = next(one for one in found if one.kind == "anchor")
    assert anchor.p is not None
    assert anchor.p_adjusted == pytest.approx(4 * anchor.p)
    record = gate(middle, new, [own], columns, references=references)
    assert any(one.startswith("right vs anchor") for one in record.reasons) is anchor.is_broken


def test_a_reference_that_cannot_be_paired_is_void() -> None:
    reference = Reference(
        kind="anchor", pairing=pair(arm([1.0] * 61), arm([1.0] * 60), arms.COLUMNS), rules=(rule(),)
    )
    record = gate(arm([1.0] * 60), arm([1.0] * 60), [rule()], references=[reference])
    assert record.verdict is Verdict.VOID
    assert record.reasons[0].startswith("against the anchor: the candidate has no record")


def test_what_is_not_tested_takes_no_weight() -> None:
    assert rule_weights([rule(), must()], alpha=0.05)[0] == 1.0


def alone(outputs: list[arms.Output], *rules: Rule, is_new: bool) -> Record:
    return conclude_alone(
        arm(outputs),
        rules,
        arms.COLUMNS,
        alpha=0.05,
        allow=False,
        examples=None,
        is_new_suite=is_new,
        about=arms.SUITE,
    )


PROMISE = rule(margin=None, limit=Limit(0.9, at_most=False))


@pytest.mark.parametrize(
    ("outputs", "rules", "first", "new"),
    [
        ([1.0] * 100, [PROMISE, must()], Verdict.VOID, Verdict.SHIP),
        ([0.0] + [1.0] * 99, [PROMISE, must()], Verdict.STOP, Verdict.STOP),
        ([0.0] * 50 + [1.0] * 50, [PROMISE], Verdict.STOP, Verdict.STOP),
        ([1.0] * 5, [PROMISE], Verdict.VOID, Verdict.UNDECIDED),
        ([1.0] * 100, [rule()], Verdict.VOID, Verdict.VOID),
        ([LOST] * 5 + [1.0] * 95, [PROMISE], Verdict.VOID, Verdict.VOID),
        ([NOTHING] + [1.0] * 99, [must()], Verdict.VOID, Verdict.VOID),
        ([1.0] * 100, [must(), rule(expects_improvement=True)], Verdict.VOID, Verdict.VOID),
    ],
)
def test_without_a_baseline_only_a_new_suite_ships_and_only_on_what_needs_none(
    outputs: list[arms.Output], rules: list[Rule], first: Verdict, new: Verdict
) -> None:
    assert alone(outputs, *rules, is_new=False).verdict is first
    assert alone(outputs, *rules, is_new=True).verdict is new


def test_without_a_baseline_the_findings_are_shown_all_the_same() -> None:
    record = alone([1.0] * 100, PROMISE, must(), is_new=False)
    assert record.reasons == ("no baseline",)
    assert [one.kind for one in record.findings] == ["limit", "must_pass"]


def test_findings_carry_what_their_rule_says_for_people_and_a_stop_names_the_owner() -> None:
    said: dict[str, Any] = {
        "owner": "search",
        "incident_class": IncidentClass.SAFETY,
        "note": "since the May incident",
    }
    record = gate(arm([1.0] * 100), arm([0.0] * 60 + [1.0] * 40), [rule(**said)])
    told = {(one.owner, one.incident_class, one.note) for one in record.findings}
    assert told == {("search", "safety", "since the May incident")}
    assert record.reasons == ("right in all: 60 of 100 cases got worse, 0 better; owner search",)
    alone_too = alone([0.0] * 100, must(owner="search"), is_new=False)
    assert alone_too.reasons[0].endswith("; owner search")
