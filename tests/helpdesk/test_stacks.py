"""What each stack does to the share of right answers, cohort by cohort. Measured numbers, with room."""

import pytest
from tests.families import first_fast
from tests.helpdesk import desk

BAD = ("bad-prompt", "bad-policy", "bad-index", "bad-model", "bad-routing", "bad-budget")
ALL_STACKS = sorted(path.stem for path in (desk.SUITE / "stacks").glob("*.toml"))


def _change(name: str, **cohort: str) -> float:
    return desk.share(name, **cohort) - desk.share("good", **cohort)


def test_production_is_good_and_not_perfect() -> None:
    assert 0.80 <= desk.share("good") <= 0.97
    for column, value, count in desk.cohorts():
        assert count < 25 or desk.share("good", **{column: value}) >= 0.75, (column, value)


def test_production_keeps_every_closed_incident_closed() -> None:
    right = desk.right("good")
    assert [case.key for case in desk.cases() if case.row["tag"] == "incident" and not right[case.key]] == []


@pytest.mark.parametrize("name", ALL_STACKS)
def test_every_pin_of_a_stack_exists(name: str) -> None:
    stack = desk.stack(name)
    for axis in ("prompt", "policy", "routing", "index", "tools"):
        assert stack.path(axis).is_file()
        assert all(stack.version(one) for one in stack.pins if one != "code")


@pytest.mark.parametrize("name", [*BAD, "fix", "pair-a", "pair-b"])
def test_a_stack_differs_from_production_in_one_pin(name: str) -> None:
    good, other = desk.stack("good").pins, desk.stack(name).pins
    assert sum(good[axis] != other[axis] for axis in good) == 1


@pytest.mark.parametrize(
    ("name", "cohort", "at_most"),
    first_fast(
        [
            ("bad-prompt", {"task": "refund"}, -0.12),
            ("bad-prompt", {"tier": "business"}, -0.12),
            ("bad-policy", {"lang": "de", "task": "refund"}, -0.25),
            ("bad-index", {"task": "refund"}, -0.25),
            ("bad-index", {"lang": "fr"}, -0.25),
            ("bad-model", {"task": "shipping"}, -0.05),
            ("bad-model", {"lang": "de"}, -0.03),
            ("bad-routing", {"lang": "de"}, -0.12),
            ("bad-budget", {"task": "order-status"}, -0.25),
            ("bad-pair", {"task": "invoice"}, -0.12),
            ("bad-pair", {"lang": "de"}, -0.15),
        ]
    ),
    ids=lambda value: "-".join(value.values()) if isinstance(value, dict) else None,
)
def test_a_bad_stack_harms_a_cohort(name: str, cohort: dict[str, str], at_most: float) -> None:
    assert _change(name, **cohort) <= at_most


def test_the_harm_of_policy_and_routing_stays_out_of_english() -> None:
    assert _change("bad-policy", lang="en") == 0
    assert _change("bad-routing", lang="en") == 0


def test_the_pair_is_harmful_together_only() -> None:
    for name in ("pair-a", "pair-b"):
        assert abs(_change(name)) <= 0.01
        for column, value, count in desk.cohorts():
            assert count < 25 or abs(_change(name, **{column: value})) <= 0.03, (name, column, value)
    assert _change("bad-pair") <= -0.08


def test_the_fix_improves_the_whole_and_harms_no_cohort() -> None:
    assert _change("fix") >= 0.02
    assert _change("fix", lang="de") >= 0.04
    for column, value, count in desk.cohorts():
        assert count < 25 or _change("fix", **{column: value}) >= -0.01, (column, value)
