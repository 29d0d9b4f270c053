"""What a person may type for a scorer and a rule, and what they are told when it is wrong."""

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stopship import catalog
from stopship.catalog import kinds, scorer, split_rule
from stopship.errors import UsageError
from stopship.model.case import Case, Trace
from stopship.model.score import Scored


@pytest.mark.parametrize(
    ("text", "spec"),
    [
        ("exact", "exact"),
        (" exact ( ) ", "exact"),
        ("exact(strip=false)", "exact"),
        ("exact(strip=true,ignore_case = true)", "exact(ignore_case=true, strip=true)"),
        ("'exact'", "exact"),
        ("contains(Paris)", "contains(text=Paris)"),
        ('contains(text="it\'s")', 'contains(text="it\'s")'),
        (r"contains(text='it\'s')", 'contains(text="it\'s")'),
        (r"regex('\d+')", r"regex(pattern='\d+')"),
        (r"regex('\\d')", r"regex(pattern='\\d')"),
        (r'regex("a\\\\")', r"regex(pattern='a\\\\')"),
        ("regex(pattern='a, (b)=c')", "regex(pattern='a, (b)=c')"),
        ("length(words)", "length(unit=words)"),
        ("length(unit=chars)", "length"),
        ("numeric(tolerance=0.50)", "numeric(tolerance=0.5)"),
        ("numeric(.5, pick=last)", "numeric(pick=last, tolerance=0.5)"),
        ("numeric(relative=1e-3)", "numeric(relative=0.001)"),
        ("column(stars)", "column(stars)"),
        ("column(name='a b')", "column('a b')"),
        ("column(stars, bounds=-1..1)", "column(stars, bounds=-1..1)"),
        ("column(bounds=0.5..1.0, stars)", "column(stars, bounds=0.5..1)"),
        ("column(a,unbounded)", "column(a, unbounded)"),
        ("column(unbounded)", "column('unbounded')"),
        ("column(größe)", "column(größe)"),
    ],
)
def test_a_scorer_has_one_canonical_form(text: str, spec: str) -> None:
    made = scorer(text)
    assert made.spec == spec
    again = scorer(spec)
    assert (again.spec, again.digest, again.scale, again.needs) == (
        made.spec,
        made.digest,
        made.scale,
        made.needs,
    )


@given(st.text(min_size=1), st.sampled_from(["contains", "column"]))
def test_any_text_survives_its_canonical_form(text: str, name: str) -> None:
    from stopship.parts.arguments import written

    made = scorer(f"{name}({written(text)})")
    assert made.spec.startswith(name)
    if name == "column":
        assert made.needs == {f"column:{text}"}
    else:
        found = made.score(Case("k"), Trace(f"x{text}x"))
        assert found == Scored(1.0, reason="contains the text")
    again = scorer(made.spec)
    assert (again.spec, again.digest, again.needs) == (made.spec, made.digest, made.needs)


@given(st.text(alphabet="\\'\"a ", min_size=1))
def test_quotes_and_backslashes_survive_their_canonical_form(text: str) -> None:
    from stopship.parts.arguments import written

    assert scorer(f"column({written(text)}, unbounded)").needs == {f"column:{text}"}
    assert split_rule(f"exact at={written(text)} b=c") == ("exact", {"at": text, "b": "c"})


BOUND = st.floats(-1e99, 1e99)  # wider bounds are refused


@given(BOUND, BOUND)
def test_any_bounds_survive_their_canonical_form(one: float, other: float) -> None:
    if one == other:
        return
    low, high = sorted((one, other))
    made = scorer(f"column(a, bounds={low!r}..{high!r})")
    assert (made.scale.low, made.scale.high) == (low, high)
    again = scorer(made.spec)
    assert (again.spec, again.scale, again.digest) == (made.spec, made.scale, made.digest)


@given(st.text(alphabet="exact(),='\" \\.1:pyк\n", max_size=20))
def test_any_other_text_is_a_scorer_or_a_usage_error(text: str) -> None:
    for read in (scorer, split_rule):
        try:
            read(text)
        except UsageError as err:
            assert str(err)  # noqa: PT017  # the point is that nothing else is raised


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "the scorer is empty"),
        ("exakt", "did you mean 'exact'"),
        ("nothing", "there are: column, contains"),
        ("Exact", "did you mean 'exact'"),
        ("checks.py", "names no function"),
        ("checks.py:", "names no function"),
        ("checks.txt:f", "names no function"),
        ("checks.py:a.b", "names no function"),
        ("exact(", "this bracket is not closed\n  exact(\n       ^"),
        ("exact(strip=true", "this bracket is not closed\n  exact(strip=true\n       ^"),
        ("exact(strip=", "this bracket is not closed\n  exact(strip=\n       ^"),
        ("regex('a", "this quote is not closed\n  regex('a\n        ^"),
        (r"regex('a\')", "this quote is not closed"),
        ("regex(a b)", "a comma or ')' belongs here\n  regex(a b)\n          ^"),
        ("regex(pattern=(a|b))", "a value is missing here\n  regex(pattern=(a|b))\n                ^"),
        ("exact(,)", "a value is missing here"),
        ("exact) x", "nothing may follow the scorer\n  exact) x\n       ^"),
        ("exact() x", "nothing may follow the scorer"),
        ("exact x", "nothing may follow the scorer"),
        ("exact(strip=true, strip=true)", "'strip' is given twice"),
        ("exact(1=2)", "'1' cannot be an argument's name"),
        ("numeric(tolerance=1e999)", "too large"),
        ("\n\x1b[31mexakt(", "bracket is not closed\n  \ufffd\ufffd[31mexakt("),
    ],
)
def test_a_malformed_scorer_shows_the_spot(text: str, told: str) -> None:
    with pytest.raises(UsageError) as caught:
        scorer(text)
    assert told in str(caught.value)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("exact", ("exact", {})),
        (
            "regex(pattern='a b') better=lower  margin=5pt",
            ("regex(pattern='a b')", {"better": "lower", "margin": "5pt"}),
        ),
        ("column( 'a )' , unbounded )\tbetter=higher", ("column( 'a )' , unbounded )", {"better": "higher"})),
        ("exact where='lang = de'", ("exact", {"where": "lang = de"})),
        ("exact where=lang=de", ("exact", {"where": "lang=de"})),
        ("'my dir/checks.py:f'(k=1) margin=1", ("'my dir/checks.py:f'(k=1)", {"margin": "1"})),
        ("exact note=''", ("exact", {"note": ""})),
        (r"regex('\'') a=b", (r"regex('\'')", {"a": "b"})),
    ],
)
def test_a_rule_is_split_at_white_space_outside_quotes_and_brackets(
    text: str, parts: tuple[str, dict[str, str]]
) -> None:
    assert split_rule(text) == parts


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("  ", "the rule is empty"),
        ("exact better", "'better' is no option\n  exact better\n        ^"),
        ("exact (strip=true)", "no white space before a scorer's bracket"),
        ("exact better=", "the option 'better' has no value\n  exact better=\n               ^"),
        ("exact a=1 a=2", "the option 'a' is given twice\n  exact a=1 a=2\n            ^"),
        (
            "regex(pattern='a better=lower",
            "this quote is not closed\n  regex(pattern='a better=lower\n                ^",
        ),
        (
            "regex(pattern=a better=lower",
            "this bracket is not closed\n  regex(pattern=a better=lower\n       ^",
        ),
        ("exact) a=1", "this bracket was never opened"),
        ("exact =1", "cannot be the name of an option"),
    ],
)
def test_a_malformed_rule_shows_the_spot(text: str, told: str) -> None:
    with pytest.raises(UsageError) as caught:
        split_rule(text)
    assert told in str(caught.value)


def test_a_long_rule_is_shown_around_the_spot_only() -> None:
    with pytest.raises(UsageError) as caught:
        split_rule("exact " + "a=b " * 1 + "c" * 500 + " " + "=".join("xy") + " 'z")
    assert len(str(caught.value)) < 700


def test_a_users_scorer_may_live_in_a_folder_with_spaces(tmp_path: Path) -> None:
    folder = tmp_path / "my (own) dir"
    folder.mkdir()
    (folder / "checks.py").write_text("def f(case, trace, k=1): return k == 2\n")
    made = scorer(f"'{folder}/checks.py:f'(k=2, bounds=0..1)")
    assert made.spec == f"'{folder}/checks.py:f'(bounds=0..1, k=2)"
    again = scorer(made.spec)
    assert (again.spec, again.digest, again.scale) == (made.spec, made.digest, made.scale)
    assert again.score(Case("k"), Trace("x")) == Scored(1.0)


def test_the_list_of_scorers_is_complete_and_in_a_fixed_order() -> None:
    names = [kind.name for kind in kinds()]
    assert names == [*catalog._MODULES, "FILE.py:FUNCTION"]
    assert all(kind.summary and kind.range and kind.better and kind.needs for kind in kinds())


def test_asking_for_one_scorer_imports_no_other_and_no_heavy_library() -> None:
    code = (
        "import sys; from stopship.catalog import scorer; scorer('exact'); "
        "loaded = {m for m in sys.modules if m.startswith('stopship.parts.scorers.')}; "
        "assert loaded == {'stopship.parts.scorers.text'}, loaded; "
        "scorer('json_equal'); scorer('numeric'); "
        "heavy = {'numpy', 'rapidfuzz', 'jsonschema_rs', 'scipy'} & set(sys.modules); assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
