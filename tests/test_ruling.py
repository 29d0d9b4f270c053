"""From what a suite says to rules: what fits a score, what is refused, and what a rule's line tells."""

import math
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stopship.cli.options import rules_of
from stopship.errors import UsageError
from stopship.model.case import Case, Trace
from stopship.model.columns import Condition
from stopship.model.rule import TAILS, IncidentClass, Limit, Margin, Rule, Severity
from stopship.model.score import BINARY, UNBOUNDED, UNIT, Direction, Scale, Scored, Scorer
from stopship.model.suite import DeclaredRule, ReplayPlan, Suite
from stopship.ruling import rule_of, rule_text, rules_of_suite, scorers_of

SOURCE = """\
from words import GOOD
def cites(case, trace, k=1): return trace.text == GOOD
def second(case, trace): return 1
"""


def scorer(scale: Scale = BINARY, better: Direction | None = None) -> Scorer:
    return Scorer(
        spec="s", scale=scale, better=better, needs=frozenset(), digest="", score=lambda *_: Scored(1.0)
    )


def declared(**more: object) -> DeclaredRule:
    first = DeclaredRule(id="r", place="suite.toml:4 [[rule]] 'r'", score="s")
    return replace(first, **more)  # type: ignore[arg-type]  # any field


def suite(folder: Path, *rules: DeclaredRule, owner: str = "") -> Suite:
    return Suite(
        path=folder / "suite.toml",
        name="s",
        owner=owner,
        cases=("c",),
        stack="stack.toml",
        store=".",
        replay=ReplayPlan(target="recorded"),
        rules=rules,
    )


def test_a_rule_has_all_that_was_declared_and_the_defaults_of_the_rest() -> None:
    made = rule_of(
        declared(
            compare={"better": "higher"},
            incident_class="safety",
            severity="warn",
            where=(Condition("a", "b"),),
            must_pass=(),
            expects_improvement=True,
            owner="o",
            note="n",
        ),
        scorer(),
    )
    assert (made.margin, made.cohort_margin, made.anchor_margin) == (Margin(0.05), Margin(0.10), None)
    assert (made.incident_class, made.severity) == (IncidentClass.SAFETY, Severity.WARN)
    assert (made.where, made.must_pass, made.expects_improvement) == ((Condition("a", "b"),), (), True)
    assert (made.owner, made.note, made.better, made.limit) == ("o", "n", Direction.HIGHER, None)


def test_margins_and_limits_are_read_in_the_units_of_the_score() -> None:
    words = {"better": "lower", "margin": "20%", "anchor_margin": "30%"}
    made = rule_of(declared(compare=words, limit={"at_most": 1500.0}), scorer(UNBOUNDED))
    assert (made.margin, made.cohort_margin) == (Margin(0.2, relative=True), Margin(0.2, relative=True))
    assert (made.anchor_margin, made.limit) == (Margin(0.3, relative=True), Limit(1500.0, at_most=True))


def test_a_rule_that_only_lets_no_case_fail_has_no_margin_and_takes_the_high_end() -> None:
    made = rule_of(declared(must_pass=()), scorer())
    assert (made.margin, made.cohort_margin, made.better) == (None, None, Direction.HIGHER)
    assert rule_of(declared(must_pass=()), scorer(better=Direction.LOWER)).better is Direction.LOWER


@pytest.mark.parametrize(
    ("said", "scale", "told"),
    [
        ({"compare": {}}, BINARY, "s does not know which end is good"),
        ({"limit": {"at_most": 0.1}}, BINARY, "s does not know which end is good"),
        ({"compare": {"better": "up"}}, BINARY, "better=up is neither higher nor lower"),
        ({"compare": {"better": "higher"}}, UNBOUNDED, "a score without bounds needs a margin in percent"),
        ({"compare": {"better": "higher", "margin": "5"}}, BINARY, "margin=5 has no unit"),
        ({"compare": {"better": "higher", "margin": "5%"}}, UNIT, "margin=5% is in %"),
        ({"compare": {"better": "higher", "margin": "5pt"}}, UNBOUNDED, "margin=5pt is in pt"),
        (
            {"compare": {"better": "higher", "margin": "0pt"}},
            UNIT,
            "no candidate could ever be proven within",
        ),
        ({"compare": {"better": "higher", "margin": "100pt"}}, UNIT, "every candidate would be within it"),
        ({"compare": {"better": "higher", "margin": "nanpt"}}, UNIT, "margin=nan is not a number"),
        ({"compare": {"better": "higher", "anchor_margin": "4pt"}}, UNIT, "is below margin=5pt"),
        ({"compare": {"better": "higher", "anchor_margin": "9%"}}, UNIT, "anchor_margin=9% is in %"),
        (
            {"compare": {"better": "higher"}, "limit": {"better": "lower", "at_most": 0.1}},
            UNIT,
            "better=higher in",
        ),
        ({"limit": {"better": "higher", "at_most": 0.1}}, UNIT, "the good end would be what is forbidden"),
        ({"limit": {"better": "lower", "at_most": 0.0}}, UNIT, "no number of cases could prove it"),
        ({"limit": {"better": "lower", "at_most": 1.0}}, UNIT, "every candidate keeps it"),
        ({"limit": {"better": "lower", "at_most": math.nan}}, UNIT, "at_most=nan is not a number"),
        ({"must_pass": ()}, UNBOUNDED, "a score without ends has no pass"),
        ({"must_pass": (), "severity": "error"}, UNIT, "severity=error is not known"),
    ],
)
def test_what_fits_no_score_is_refused_where_it_stands(
    said: dict[str, object], scale: Scale, told: str
) -> None:
    with pytest.raises(UsageError) as caught:
        rule_of(declared(**said), scorer(scale))
    assert told in caught.value.what
    assert caught.value.where == "suite.toml:4 [[rule]] 'r'"
    assert caught.value.do


def test_a_rule_of_the_command_line_and_one_of_a_suite_say_the_same() -> None:
    (line,) = rules_of(["exact margin=7pt at_least=0.9"])
    said = declared(id=line.id, compare={"margin": "7pt"}, limit={"at_least": 0.9})
    assert rule_text(rule_of(said, line.scorer)) == rule_text(line)


def test_all_faults_of_all_rules_are_raised_together_and_the_suite_owns_what_nobody_does() -> None:
    bad, good = declared(compare={}), declared(id="good", must_pass=())
    with pytest.raises(UsageError, match="2 faults"):
        rules_of_suite(suite(Path(), bad, good, bad), {"s": scorer()})
    (made,) = rules_of_suite(suite(Path(), good, owner="team"), {"s": scorer()})
    assert made.owner == "team"


def write_scorers(folder: Path, words: str = "GOOD = 'yes'\n") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "scorers.py").write_text(SOURCE, encoding="utf-8")
    (folder / "words.py").write_text(words, encoding="utf-8")
    (folder / "a schema.json").write_text('{"type": "object"}', encoding="utf-8")
    return folder


TEXTS = (
    "scorers.py:cites",
    "'scorers.py:second'",
    "scorers.py:cites(k=2)",
    "json_schema('a schema.json')",
    "exact",
)


def test_scorers_are_found_beside_the_suite_from_any_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_scorers(tmp_path / "a (b) 'c'" / "suite")
    rules = [declared(score=one) for one in (*TEXTS, TEXTS[0])]
    monkeypatch.chdir(folder.parent)
    near = scorers_of(suite(Path("suite"), *rules))
    monkeypatch.chdir("/")
    far = scorers_of(suite(folder, *rules))
    assert list(near) == list(TEXTS)
    assert {text: (one.spec, one.digest) for text, one in near.items()} == {
        text: (one.spec, one.digest) for text, one in far.items()
    }
    assert [one.spec for one in near.values()][:4] == list(TEXTS[:4])
    case = Case("k")
    assert near[TEXTS[0]].score(case, Trace("yes")) == Scored(1.0)
    assert near[TEXTS[3]].score(case, Trace("[]")) != near[TEXTS[3]].score(case, Trace("{}"))
    assert {Path(one).name for one in near[TEXTS[0]].reads} == {"scorers.py", "words.py"}


def test_the_digest_of_a_scorer_covers_the_files_beside_it_that_it_imports(tmp_path: Path) -> None:
    one = write_scorers(tmp_path / "one")
    other = write_scorers(tmp_path / "other", "GOOD = 'no'\n")
    same = write_scorers(tmp_path / "same")
    (same / "unused.py").write_text("x = 1\n", encoding="utf-8")
    digests = [
        scorers_of(suite(folder, declared(score=TEXTS[0])))[TEXTS[0]].digest for folder in (one, other, same)
    ]
    assert digests[0] == digests[2] != digests[1]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("none.py:cites", "there is no file 'none.py' in the suite's folder"),
        ("scorers.py:cite", "has no function 'cite'"),
        ("/etc/scorers.py:cites", "'/etc/scorers.py' is absolute"),
        ("json_schema(none.json)", "there is no file 'none.json'"),
        ("exat", "unknown scorer 'exat'"),
        ("scorers.py:cites(k=", "this bracket is not closed"),
        ('"a\'b.py:f"', "cannot read"),
        ("a\0b.py:f", "not printable"),
        ("x" * 5000 + ".py:f", "there is no file"),
    ],
)
def test_a_scorer_that_cannot_be_made_names_its_rule(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(UsageError) as caught:
        scorers_of(suite(write_scorers(tmp_path), declared(score=text)))
    assert told in caught.value.what
    assert caught.value.where == "suite.toml:4 [[rule]] 'r'"


def test_the_line_of_a_rule_says_all_that_it_tolerates() -> None:
    made = rule_of(
        declared(
            id="cites",
            compare={"better": "higher", "margin": "5pt", "anchor_margin": "6pt"},
            limit={"at_least": 0.9},
            must_pass=(),
            where=(Condition("tag", "incident"), Condition("a", "b c", negated=True)),
            expects_improvement=True,
        ),
        scorer(),
    )
    assert rule_text(made) == (
        "cites score=s better=higher margin=5pt cohort_margin=10pt anchor_margin=6pt at_least=0.9 "
        "must_pass=every-case expect=improved severity=stop-ship where='a!=b c',tag=incident"
    )


def test_the_line_of_a_rule_says_its_tails() -> None:
    compare = {"better": "lower", "margin": "10%", "anchor_margin": "20%", "tail": "p95"}
    limit = {"at_most": 2000.0, "tail": "cvar99"}
    made = rule_of(declared(id="waits", compare=compare, limit=limit), scorer(UNBOUNDED))
    assert made.cohort_margin is None
    assert rule_text(made) == (
        "waits score=s better=lower margin=10% anchor_margin=20% tail=p95 limit_tail=cvar99 at_most=2000.0 "
        "severity=stop-ship"
    )


def test_a_tail_of_the_command_line_and_one_of_a_suite_say_the_same() -> None:
    (line,) = rules_of(["latency tail=p95 better=lower margin=10% at_most=2000"])
    said = declared(
        id=line.id, compare={"margin": "10%", "tail": "p95"}, limit={"at_most": 2000.0, "tail": "p95"}
    )
    assert rule_text(rule_of(said, line.scorer)) == rule_text(line)
    (points,) = rules_of(["similarity tail=cvar90"])
    assert str(points.margin) == "5pt of cvar90"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("latency tail=p96 margin=10%", "tail=p96 is not known"),
        ("latency tail=p95", "needs a margin in percent"),
        ("exact tail=p95", "a score of 0 or 1 has no tail"),
        ("latency tail=p95 margin=10% cohort_margin=20%", "a tail is judged over all cases"),
        ("latency tial=p95 margin=10%", "unknown option 'tial'"),
    ],
)
def test_a_tail_that_fits_nothing_is_refused(text: str, told: str) -> None:
    with pytest.raises(UsageError) as caught:
        rules_of([text])
    assert told in caught.value.what
    assert caught.value.do


shares = st.floats(0.001, 0.9)
tails = st.none() | st.sampled_from(list(TAILS.values()))
columns = st.text(st.characters(exclude_characters="=!"), min_size=1, max_size=3)
wheres = st.lists(st.builds(Condition, columns, st.text(max_size=3), st.booleans()), max_size=2)
rules = st.builds(
    lambda margin, anchor, limit, must_pass, where, severity, expects: Rule(
        id="r",
        scorer=scorer(),
        better=Direction.HIGHER,
        margin=margin,
        anchor_margin=anchor,
        limit=limit,
        must_pass=must_pass,
        where=where,
        severity=severity,
        expects_improvement=expects,
    ),
    st.none() | st.builds(Margin, shares, st.booleans(), tails),
    st.none() | st.builds(Margin, shares),
    st.none() | st.builds(Limit, shares, st.booleans(), tails),
    st.none() | st.builds(tuple, wheres),
    st.builds(tuple, wheres),
    st.sampled_from(Severity),
    st.booleans(),
)


@given(rules, rules)
def test_rules_that_tolerate_different_things_have_different_lines_of_printable_text(
    one: Rule, other: Rule
) -> None:
    def tolerated(rule: Rule) -> tuple[object, ...]:
        def margin(found: Margin | None) -> object:
            return None if found is None else (f"{found.share * 100:.12g}", found.relative, found.tail)

        def where(found: tuple[Condition, ...] | None) -> object:
            return None if found is None else sorted(map(repr, found))

        return (
            *(margin(rule.margin), margin(rule.anchor_margin), rule.limit, rule.severity),
            *(where(rule.must_pass), where(rule.where), rule.expects_improvement),
        )

    assert (rule_text(one) == rule_text(other)) == (tolerated(one) == tolerated(other))
    assert rule_text(one).isprintable()
