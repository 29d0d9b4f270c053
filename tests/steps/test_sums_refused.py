"""What sums refuse: numbers that are none, arrays that do not fit, rules that need rows."""

from dataclasses import replace

import numpy as np
import pytest
from tests.steps.arms import BIT, COST, SHARE, rule
from tests.steps.test_sums import BOOK, _without_empty, summed, world

from stopship.errors import EvidenceError, UsageError
from stopship.model.rule import Limit, Margin, Mode, Rule
from stopship.model.score import Direction
from stopship.model.verdict import Decision
from stopship.steps.judge_sums import judge_sums
from stopship.steps.sums import Batch, CodeBook, Values, metric_sums


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1.5, -0.01])
@pytest.mark.parametrize("arm_of", ["before", "after"])
def test_a_number_that_is_none_or_outside_the_range_is_an_error(bad: float, arm_of: str) -> None:
    sides = {"before": np.full(30, 0.5), "after": np.full(30, 0.5)}
    sides[arm_of][7] = bad
    batch = Batch(book=CodeBook(), ids=np.arange(30))
    with pytest.raises(EvidenceError):
        metric_sums(
            batch, Values(sides["before"]), Values(sides["after"]), scale=SHARE.scale, better=Direction.HIGHER
        )


def test_numbers_under_the_mask_are_never_read() -> None:
    valid = np.arange(300) % 10 > 0
    before = np.where(valid, 0.5, np.nan)
    batch = Batch(book=CodeBook(), ids=np.arange(300))
    sums = metric_sums(
        batch, Values(before, valid), Values(before, valid), scale=SHARE.scale, better=Direction.HIGHER
    )
    assert (int(sums.n[0]), int(sums.unscored[0])) == (270, 30)
    assert sums.before[0, 0] == 135.0


@pytest.mark.parametrize("hidden", [1, 300], ids=["one case", "every case"])
def test_a_score_in_one_arm_alone_is_void(hidden: int) -> None:
    batch = Batch(book=CodeBook(), ids=np.arange(300))
    ones = np.ones(300)
    sums = metric_sums(
        batch, Values(ones), Values(ones, np.arange(300) >= hidden), scale=BIT.scale, better=Direction.HIGHER
    )
    (finding,) = judge_sums([rule()], lambda _: sums)
    assert finding.decision is Decision.ERROR
    assert finding.left_out == hidden


def test_no_score_at_all_is_void_and_so_is_a_cohort_without_a_case() -> None:
    book = CodeBook((("lang", ("de", "en")),))
    batch = Batch(book=book, ids=np.arange(300), cohorts=np.zeros((300, 1), dtype=np.int64))
    ones, none = np.ones(300), np.zeros(300, dtype=np.bool_)
    masked = metric_sums(
        batch, Values(ones, none), Values(ones, none), scale=BIT.scale, better=Direction.HIGHER
    )
    full = metric_sums(batch, Values(ones), Values(ones), scale=BIT.scale, better=Direction.HIGHER)
    for sums in (masked, full):
        (finding,) = judge_sums([rule()], lambda _, held=sums: held)  # type: ignore[misc]
        assert finding.decision is Decision.ERROR


@pytest.mark.parametrize(
    "made",
    [
        lambda: Batch(book=CodeBook(), ids=np.arange(0)),
        lambda: Batch(book=BOOK, ids=np.arange(4)),
        lambda: Batch(book=BOOK, ids=np.arange(4), cohorts=np.zeros((3, 2), dtype=np.int64)),
        lambda: Batch(book=BOOK, ids=np.arange(4), cohorts=np.full((4, 2), 3)),
        lambda: Batch(book=BOOK, ids=np.arange(4), cohorts=np.full((4, 2), -1)),
        lambda: Batch(book=CodeBook(), ids=np.arange(4), clusters=np.arange(5)),
        lambda: Batch(book=CodeBook(), ids=np.arange(4) / 2),  # type: ignore[arg-type]
        lambda: Batch(book=CodeBook(), ids=np.arange(4), clusters=np.arange(4) / 2),  # type: ignore[arg-type]
    ],
    ids=[
        "no rows",
        "no codes",
        "short codes",
        "code too large",
        "code below zero",
        "long clusters",
        "ids are floats",
        "clusters are floats",
    ],
)
def test_arrays_that_do_not_fit_are_an_error(made: "object") -> None:
    assert callable(made)
    with pytest.raises(EvidenceError):
        made()


@pytest.mark.parametrize("side", ["before", "after", "mask"])
def test_columns_of_another_length_are_an_error(side: str) -> None:
    batch = Batch(book=CodeBook(), ids=np.arange(40))
    before = Values(np.ones(39 if side == "before" else 40))
    after = Values(
        np.ones(39 if side == "after" else 40), np.ones(39, dtype=np.bool_) if side == "mask" else None
    )
    with pytest.raises(EvidenceError):
        metric_sums(batch, before, after, scale=BIT.scale, better=Direction.HIGHER)


@pytest.mark.parametrize(
    "other",
    [
        replace(rule(COST), margin=Margin(0.1, relative=True)),
        rule(limit=Limit(0.5, at_most=False)),
        rule(anchor_margin=Margin(0.1)),
        rule(expects_improvement=True),
        rule(must_pass=()),
    ],
    ids=["percent", "limit", "anchor", "expect", "must_pass"],
)
def test_rules_that_sums_cannot_judge_are_refused(other: Rule) -> None:
    sums = summed(world(np.random.default_rng(0), 300))
    with pytest.raises(UsageError):
        judge_sums([other], lambda _: sums)


def test_sums_of_different_making_do_not_merge() -> None:
    one = world(np.random.default_rng(0), 100)
    with pytest.raises(UsageError):
        summed(one).merge(_without_empty(world(np.random.default_rng(0), 2)))


def test_a_mode_of_an_unknown_cohort_is_refused_and_a_known_one_holds() -> None:
    one = world(np.random.default_rng(0), 300)
    sums = summed(one)
    with pytest.raises(UsageError):
        judge_sums([one.rule], lambda _: sums, modes={"lang=xx": Mode.PROVE})
    found = {f.scope: f for f in judge_sums([one.rule], lambda _: sums, modes={"lang=de": Mode.PROVE})}
    assert found["lang=de"].mode is Mode.PROVE
