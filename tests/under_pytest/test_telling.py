"""What items say of each case is what the gate finds in all of them: the laws, without a session."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

from hypothesis import given
from hypothesis import strategies as st
from tests.steps.arms import (
    COLUMNS,
    LOST,
    NO_ANSWER,
    NOTHING,
    RAISED,
    UNREADABLE,
    Output,
    arm,
    must,
)

from stopship.gating.opened import OpenSuite
from stopship.model.rule import Margin, Rule
from stopship.model.run import Outcome
from stopship.steps.arm import Arm
from stopship.steps.metric import measure, worths
from stopship.steps.must_pass import must_pass_finding
from stopship.steps.pair import pair
from stopship.steps.repeats import merged
from stopship.under_pytest.before import Before
from stopship.under_pytest.telling import Judged, told

OUTPUTS = st.sampled_from([1.0, 0.0, NO_ANSWER, UNREADABLE, RAISED, NOTHING, LOST])
PAIRS = st.lists(st.tuples(OUTPUTS, OUTPUTS, OUTPUTS), min_size=1, max_size=12)


STEADY = SimpleNamespace(replay=SimpleNamespace(deterministic=True))


def said(rule: Rule, arms: list[Arm], old: Arm, *, is_waived: bool) -> list[Judged]:
    """What the item of each case is told."""
    before = Before(
        run=cast("Any", None),
        arm=old,
        rows={key: i for i, key in enumerate(old.keys)},
        worths={rule.id: worths(old, rule.scorer, rule.better)},
        waived=frozenset([rule.id] if is_waived else []),
    )
    opened = cast("OpenSuite", SimpleNamespace(rules=(rule,), scorers=(rule.scorer,), suite=STEADY))
    return [
        told(opened, [Outcome(key=key, trace={})], arms, row, before) for row, key in enumerate(arms[0].keys)
    ]


@given(PAIRS, st.booleans(), st.booleans())
def test_items_fail_for_the_cases_that_the_gate_finds_failing(
    outputs: list[tuple[Output, Output, Output]], is_waived: bool, is_asked_twice: bool
) -> None:
    old, *new = (arm([one[i] for one in outputs]) for i in range(3))
    arms = new if is_asked_twice else new[:1]
    rule = must()
    whole = merged(arms)
    found = must_pass_finding(replace(rule, is_waived=is_waived), whole, old)
    unscored = {key for one in arms for key, state in zip(one.keys, one.scores["bit"].states) if state == 1}
    failed = {
        one.key
        for one in said(rule, arms, old, is_waived=is_waived)
        if any(line.startswith("must-pass") for line in one.failures)
    }
    assert failed == {*found.worse_keys, *unscored}


@given(PAIRS)
def test_a_case_is_worse_for_its_item_where_it_is_for_the_gate(
    outputs: list[tuple[Output, Output, Output]],
) -> None:
    old, new = (arm([one[i] for one in outputs]) for i in range(2))
    rule = replace(must(), margin=Margin(0.05))
    pairing = pair(old, new, COLUMNS)
    measured = measure(pairing, rule.scorer, rule.better)
    worse = {
        key
        for i, key in enumerate(pairing.keys)
        if measured.kept[i] and measured.after[i] < measured.before[i]
    }
    assert {one.key for one in said(rule, [new], old, is_waived=False) if one.worse} == worse
