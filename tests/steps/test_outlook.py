"""Before any output: a rule is called blind where no unchanged candidate passes, and nowhere else."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.examples import tries

from stopship.model.case import Case, Json, Trace
from stopship.model.columns import Columns, Condition, Group
from stopship.model.rule import Limit, Margin, Mode, Rule, Severity
from stopship.model.score import BINARY, UNBOUNDED, UNIT, Direction, Scale, Scored, Scorer
from stopship.model.verdict import PROVEN, Finding, Verdict, compose
from stopship.steps.arm import Scoring
from stopship.steps.judge import judge
from stopship.steps.outlook import CaseTable, Outlook, outlook
from stopship.steps.pair import SELECTION, pair

LAW = settings(max_examples=tries(150), deadline=None)
Rows = Sequence[Mapping[str, Json]]


def _best(case: Case, trace: Trace) -> Scored:
    return Scored(1.0)


def _far(case: Case, trace: Trace) -> Scored:
    return Scored(1000.0)


def scorer(scale: Scale = BINARY, *needs: str) -> Scorer:
    return Scorer(
        spec="s", scale=scale, better=Direction.HIGHER, needs=frozenset(needs), digest="", score=_best
    )


def rule(margin: float | None = 0.05, scale: Scale = BINARY, *needs: str, **more: object) -> Rule:
    made = Rule(
        id="cites",
        scorer=scorer(scale, *needs),
        better=Direction.HIGHER,
        margin=None if margin is None else Margin(margin, relative=not scale.is_bounded),
        cohort_margin=None if margin is None else Margin(max(margin, 0.10), relative=not scale.is_bounded),
    )
    return replace(made, **more)  # type: ignore[arg-type]  # any field of a rule


def look(
    rows: Rows, *rules: Rule, columns: Columns | None = None, deterministic: bool = True, repeats: int = 1
) -> Outlook:
    keys = [f"c{i}" for i in range(len(rows))]
    table = CaseTable(keys=keys, rows=rows, columns=columns or Columns(key="key"))
    return outlook(rules, table, 0.05, deterministic=deterministic, repeats=repeats)


def says(found: Outlook) -> list[str]:
    return [str(one) for one in found.blind]


def judged(rows: Rows, one: Rule, columns: Columns) -> tuple[Finding, ...]:
    """The findings on an unchanged candidate that scores best in every case."""
    if one.where:
        group = Group(name=SELECTION + one.id, where=one.where)
        columns = replace(columns, groups=(*columns.groups, group))
    scoring = Scoring("run", columns, [one.scorer])
    for i, row in enumerate(rows):
        scoring.add(f"row {i}", {**row, "key": f"c{i}"}, bytes([i % 256]), Trace("yes"))
    arm = scoring.finish()
    return judge(pair(arm, arm, columns), [one])


margins = st.sampled_from([0.01, 0.02, 0.05, 0.1, 0.2, 0.3])


@LAW
@given(
    st.integers(1, 320),
    margins,
    st.sampled_from([BINARY, UNIT, UNBOUNDED]),
    st.sampled_from([0, 2, 5, 6, 7, 30, 100]),
    st.booleans(),
    st.sampled_from([(), (("lang=de", "prove"),), (("lang=de", "prove"), ("few", "prove"))]),
    st.booleans(),
)
def test_a_rule_is_called_blind_exactly_where_an_unchanged_candidate_cannot_pass(
    n: int,
    margin: float,
    scale: Scale,
    clusters: int,
    has_where: bool,
    modes: tuple[tuple[str, str], ...],
    is_skewed: bool,
) -> None:
    def group(i: int) -> str:
        return str((i * i // 7 if is_skewed else i) % clusters) if clusters else ""

    rows = [
        {"lang": "de" if i % 3 == 0 else "en", "tier": "free" if i % 4 else "paid", "talk": group(i)}
        for i in range(n)
    ]
    columns = Columns(
        key="key",
        cohorts=("lang",),
        cluster="talk" if clusters else None,
        groups=(Group(name="few", where=(Condition("tier", "paid"),)),),
        modes=modes,
    )
    one = rule(margin, scale, where=(Condition("tier", "free", negated=True),) if has_where else ())
    found = look(rows, one, columns=columns)
    passes = compose(judged(rows, one, columns)) is Verdict.SHIP
    assert passes is not bool(found.blind), says(found)
    assert found.p_ship == ((0.0, float(passes)),)


@LAW
@given(
    st.integers(1, 400),
    st.sampled_from([0.5, 0.8, 0.9, 0.95, 0.98, 0.99]),
    st.sampled_from([BINARY, UNIT, UNBOUNDED]),
    st.sampled_from([0, 5, 6, 40]),
)
def test_a_limit_is_called_blind_exactly_where_the_best_candidate_cannot_keep_it(
    n: int, least: float, scale: Scale, clusters: int
) -> None:
    rows = [{"talk": str(i % clusters) if clusters else ""} for i in range(n)]
    columns = Columns(key="key", cluster="talk" if clusters else None)
    one = rule(None, scale, limit=Limit(least, at_most=False))
    one = replace(one, scorer=replace(one.scorer, score=_best if scale.is_bounded else _far))
    (finding,) = judged(rows, one, columns)
    assert (finding.decision in PROVEN) is not bool(look(rows, one, columns=columns).blind)


def test_a_blind_rule_says_how_many_cases_it_has_needs_and_what_would_mend_it() -> None:
    found = look([{}] * 40, rule())
    assert says(found) == [
        "cites: 40 cases, needs 52 for a margin of 5pt; add cases, or widen the margin to 7pt"
    ]
    assert not look([{}] * 40, rule(0.07)).blind
    assert look([{}] * 40, rule(0.06)).blind
    assert not look([{}] * 52, rule()).blind
    assert says(look([{}], rule())) == ["cites: 1 case, needs 52 for a margin of 5pt; add cases"]


def test_a_cohort_that_must_be_proven_is_named() -> None:
    rows = [{"lang": "de" if i < 12 else "en"} for i in range(100)]
    columns = Columns(key="key", cohorts=("lang",), modes=(("lang=de", "prove"),))
    assert says(look(rows, rule(), columns=columns)) == [
        (
            "cites in lang=de: 12 cases, needs 25 for a margin of 10pt; "
            "add cases, widen cohort_margin to 19pt, or make the cohort a guard"
        )
    ]


def test_clusters_count_as_what_they_are_worth() -> None:
    rows = [{"talk": str(i % 5)} for i in range(500)]
    columns = Columns(key="key", cluster="talk")
    found = look(rows, rule(), columns=columns)
    assert (found.cases, found.clusters) == (500, 5)
    assert says(found) == [
        "cites: 500 cases in 5 clusters, needs 6 clusters; add cases of other conversations or users"
    ]
    rows = [{"talk": str(i % 30)} for i in range(500)]
    (told,) = says(look(rows, rule(), columns=columns))
    assert told.startswith("cites: 500 cases that count as 30 independent ones, needs 52")


def test_cases_without_what_a_scorer_needs_do_not_count() -> None:
    rows: Rows = [{"want": "x" if i < 30 else " "} for i in range(100)]
    columns = Columns(key="key", expected="want")
    assert says(look(rows, rule(0.05, BINARY, "expected"), columns=columns))[0].startswith("cites: 30 cases,")
    passing = rule(None, BINARY, "expected", must_pass=())
    assert says(look(rows, passing, columns=columns)) == [
        (
            "cites: 70 cases of 100 that must pass, 'c30' first, say nothing of what is expected; "
            "add it, or narrow must_pass"
        )
    ]


def test_a_rate_that_no_candidate_could_prove_is_blind() -> None:
    one = rule(None, limit=Limit(0.95, at_most=False))
    assert says(look([{}] * 58, one)) == ["cites: 58 cases, needs 59 to prove at least 0.95; add cases"]
    assert not look([{}] * 59, one).blind
    assert look([{}] * 45, rule(None, UNIT, limit=Limit(0.95, at_most=False))).blind


def test_repeated_outputs_make_a_rate_a_mean() -> None:
    one = rule(None, limit=Limit(0.05, at_most=True), better=Direction.LOWER)
    assert not look([{}] * 60, one).blind
    assert [look([{}] * n, one, repeats=3).blind == () for n in (51, 52)] == [False, True]


@pytest.mark.parametrize(
    ("where", "told"),
    [
        ("tga=incident", "the column 'tga': did you mean 'tag'?  there are: key, tag"),
        ("tag=incidnet", "did you mean 'incident'?  there are: incident, none"),
    ],
)
@pytest.mark.parametrize("word", ["where", "must_pass"])
def test_a_condition_that_chooses_no_case_is_blind_and_names_the_nearest(
    where: str, told: str, word: str
) -> None:
    column, _, glob = where.partition("=")
    rows: Rows = [{"tag": "incident" if i % 2 else "none"} for i in range(200)]
    condition = (Condition(column, glob),)
    found = look(rows, rule(where=condition) if word == "where" else rule(must_pass=condition))
    assert says(found) == [f"cites: {word} chooses no case: none has {where}; {told}"]
    assert found.p_ship == ((0.0, 0.0),)


def test_a_condition_on_a_column_that_no_case_has_is_a_slip_even_where_all_cases_match() -> None:
    (told,) = says(look([{"tier": "free"}] * 200, rule(where=(Condition("teir", "free", negated=True),))))
    assert "did you mean 'tier'?" in told
    named = Group(name="paying", where=(Condition("teir", "free", negated=True),))
    (fault,) = look([{"tier": "x"}] * 99, rule(), columns=Columns(key="key", groups=(named,))).faults
    assert "did you mean 'tier'?" in fault


@pytest.mark.parametrize("mode", ["prove", "guard", "watch"])
def test_a_cohort_value_that_no_case_has_is_a_fault(mode: str) -> None:
    rows = [{"lang": "de" if i % 2 else "en"} for i in range(200)]
    named = Group(name="paying", where=(Condition("lang", "fr"),))
    columns = Columns(key="key", cohorts=("lang",), modes=(("lang=enn", mode),), groups=(named,))
    assert look(rows, rule(), columns=columns).faults == (
        "no case is in the cohort 'paying'; there are: de, en",
        f"no case has lang=enn, which is to {mode}; did you mean 'en'?  there are: de, en",
    )


def test_only_what_stops_the_build_is_called_blind() -> None:
    assert not look([{}] * 10, rule(severity=Severity.WARN), rule(mode=Mode.GUARD)).blind


def test_an_identical_build_that_may_flip_ships_as_often_as_forecast() -> None:
    found = dict(look([{}] * 300, rule(), deterministic=False).p_ship)
    assert {flips: round(chance, 2) for flips, chance in found.items()} == {0.02: 1.0, 0.05: 0.97, 0.1: 0.84}
    assert set(dict(look([{}] * 40, rule(), deterministic=False).p_ship).values()) == {0.0}


def test_p_ship_is_told_beside_must_pass_limits_and_percent_with_what_it_assumes() -> None:
    bare = look([{}] * 300, rule(), deterministic=False)
    must, promise = rule(None, must_pass=()), rule(None, limit=Limit(0.5, at_most=False))
    percent = rule(0.10, UNBOUNDED)
    for others, assumed in (
        ([must], ("if its must-pass cases do not flip",)),
        ([promise, must], ("if its limits are kept and its must-pass cases do not flip",)),
        ([percent], ("without rules in percent",)),
    ):
        named = [replace(one, id=f"r{i}") for i, one in enumerate(others)]
        found = look([{}] * 300, rule(), *named, deterministic=False)
        assert found.assumes == assumed
        alone = [one for one in named if one.must_pass is None]
        assert found.p_ship == bare.p_ship or (alone and len(found.p_ship) == 3)
    only = look([{}] * 300, must, deterministic=False)
    assert {chance for _, chance in only.p_ship} == {1.0}
    assert look([{}] * 300, percent, deterministic=False).p_ship == ()


def test_a_deterministic_target_ships_surely_only_if_the_baseline_keeps_its_promises() -> None:
    found = look([{}] * 300, rule(limit=Limit(0.5, at_most=False)))
    assert (found.p_ship, found.assumes) == (((0.0, 1.0),), ("if its limits are kept",))
    found = look([{}] * 300, rule(), rule(None, must_pass=()))
    assert found.assumes == ("if its must-pass cases pass",)
    assert look([{}] * 300, rule(0.10, UNBOUNDED)).assumes == ()


def test_what_keeps_an_identical_build_from_shipping_is_named() -> None:
    found = look([{}] * 20, rule())
    assert (found.p_ship, found.because) == (((0.0, 0.0),), "cites can never be proven on these cases")
    assert look([{}] * 300, rule()).because == ""


def test_a_rule_that_expects_an_improvement_never_ships_an_identical_build() -> None:
    found = look([{}] * 300, rule(expects_improvement=True))
    assert (found.p_ship, found.because) == (((0.0, 0.0),), "an improvement is expected of cites")


def test_no_case_at_all_and_hostile_text_are_told_plainly() -> None:
    assert look([], rule()).faults == ("there are no cases, so nothing can be proven",)
    rows: Rows = [{"lang": "\x1b[31m\ud800"}] * 60
    columns = Columns(key="key", cohorts=("lang",), modes=(("lang=\x1b[0m", "prove"),))
    assert all(one.isprintable() for one in look(rows, rule(), columns=columns).faults)
