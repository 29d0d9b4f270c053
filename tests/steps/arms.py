"""Arms from short lists of outputs, as a suite makes them: cases apart from traces."""

from collections.abc import Mapping, Sequence
from typing import Any

from stopship.model.case import Case, Lost, Trace
from stopship.model.columns import Columns, Condition, Group
from stopship.model.rule import Margin, Rule
from stopship.model.score import (
    BINARY,
    UNBOUNDED,
    UNIT,
    Direction,
    Score,
    Scored,
    ScoreFailed,
    Scorer,
    Unscored,
)
from stopship.model.verdict import Record
from stopship.steps.about import About
from stopship.steps.arm import Arm, Scoring
from stopship.steps.conclude import conclude
from stopship.steps.pair import pair
from stopship.steps.repeats import merged
from stopship.steps.terms import Reference

NO_ANSWER, UNREADABLE, RAISED, NOTHING, LOST = "none", "unreadable", "raised", "nothing", "lost"
Output = float | str
Cells = Mapping[str, Sequence[object]]
NO_CELLS: Cells = {}
COLUMNS = Columns(key="id")
SUITE = About(suite="support")


def _score(_case: Case, trace: Trace) -> Score:
    told = trace.record["score"]
    if told in (UNREADABLE, RAISED):
        return ScoreFailed("no number", raised=told == RAISED)
    if told == NOTHING:
        return Unscored("nothing to judge")
    assert isinstance(told, float | int)
    return Scored(float(told))


def scored_cell(value: object) -> Scored:
    """The score of an output of a file."""
    return Scored(float(str(value)))


BIT = Scorer(
    spec="bit", scale=BINARY, better=None, needs=frozenset({"output"}), digest="aa" * 32, score=_score
)
SHARE = Scorer(
    spec="share", scale=UNIT, better=None, needs=frozenset({"output"}), digest="bb" * 32, score=_score
)
COST = Scorer(
    spec="cost", scale=UNBOUNDED, better=None, needs=frozenset({"output"}), digest="cc" * 32, score=_score
)
SCORERS = (BIT, SHARE, COST)


def trace(output: Output) -> Trace | Lost:
    if output == LOST:
        return Lost("HTTP 503")
    if output == NO_ANSWER:
        return Trace(output=None, error="TimeoutError: no answer within 30 s")
    return Trace(output=f"says {output}", record={"score": output})


def arm(
    outputs: Sequence[Output],
    columns: Columns = COLUMNS,
    *,
    scorer: Scorer = BIT,
    name: str = "candidate",
    order: Sequence[int] | None = None,
    cells: Cells = NO_CELLS,
) -> Arm:
    """One output a case, under keys c0000, c0001, …; further cells of the cases by name."""
    scoring = Scoring(name, columns, [scorer])
    for i in order if order is not None else range(len(outputs)):
        row = {"id": f"c{i:04d}", **{one: values[i] for one, values in cells.items()}}
        scoring.add(f"{name}, case {i}", row, b"", trace(outputs[i]))
    return scoring.finish()


def repeated(samples: Sequence[Sequence[Output]], columns: Columns = COLUMNS, **more: Any) -> Arm:
    """One arm of several samples of the same cases."""
    return merged([arm(one, columns, **more) for one in samples])


def rule(scorer: Scorer = BIT, *, margin: float | None = 0.05, **more: Any) -> Rule:
    given: dict[str, Any] = {
        "id": "right",
        "scorer": scorer,
        "better": Direction.HIGHER,
        "margin": None if margin is None else Margin(margin),
        "cohort_margin": None if margin is None else Margin(max(margin, 0.10)),
    }
    return Rule(**(given | more))


def must(**more: Any) -> Rule:
    """A rule that every chosen case must pass."""
    return rule(margin=None, **({"id": "closed", "must_pass": ()} | more))


def selecting(rules: Sequence[Rule], **more: Any) -> Columns:
    """Columns with the groups that rules select by."""
    groups = [Group(name=f"rule:{one.id}", where=one.where) for one in rules if one.where]
    groups += [Group(name=f"must:{one.id}", where=one.must_pass) for one in rules if one.must_pass]
    return Columns(key="id", **({"groups": tuple(groups)} | more))


def gate(
    before: Arm,
    after: Arm,
    rules: Sequence[Rule],
    columns: Columns = COLUMNS,
    *,
    allow: bool = False,
    references: Sequence[Reference] = (),
    about: About = SUITE,
) -> Record:
    """The record of two arms."""
    return conclude(
        pair(before, after, columns),
        rules,
        columns,
        alpha=0.05,
        allow=allow,
        examples=None,
        about=about,
        references=references,
    )


def tagged(count: int, of: int) -> Cells:
    """The column `tag`: the first cases are incidents."""
    return {"tag": ["incident"] * count + ["sampled"] * (of - count)}


INCIDENTS = (Condition("tag", "incident"),)
