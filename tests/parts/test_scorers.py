"""What each built-in scorer says of an output, and the laws that hold for all of them."""

import json
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stopship.catalog import scorer
from stopship.errors import EvidenceError, UsageError
from stopship.model.case import Case, Json, Trace
from stopship.model.score import UNBOUNDED, Direction, Kind, Score, Scored, ScoreFailed, Unscored


def put(text: str, output: Json = None, expected: Json = None, **row: Json) -> Score:
    return scorer(text).score(Case("k1", row, "question", expected), Trace(output))


def value(text: str, output: Json = None, expected: Json = None, **row: Json) -> float:
    found = put(text, output, expected, **row)
    assert isinstance(found, Scored), found
    return found.value


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(min_value=10**310, max_value=10**320)
    | st.floats()
    | st.text()
    | st.from_regex(r"\s*[-$]?[0-9]{0,4}[,.]?[0-9]{0,3}(e[0-9]{1,24})?%?\.?", fullmatch=True)
    | st.text(alphabet='{}[]":,01eE.-NaN \\', max_size=30)
    | st.just("[" * 3000)
    | st.just("\ud800")
    | st.just('"\\ud800"'),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)
ANSWERED = [
    "exact",
    "exact(ignore_case=true, strip=true)",
    "contains",
    "contains(text='a', ignore_case=true)",
    r"regex(pattern='\d+')",
    "length",
    "length(unit=words)",
    "numeric",
    "numeric(tolerance=0.5, relative=0.1, pick=last)",
    "similarity",
    "json_equal",
    "json_equal(ignore_order=true)",
]


@pytest.mark.parametrize(
    ("text", "output", "expected", "score"),
    [
        ("exact", "Paris", "Paris", 1),
        ("exact", "paris", "Paris", 0),
        ("exact(ignore_case=true)", "STRASSE", "straße", 1),
        ("exact", " Paris ", "Paris", 0),
        ("exact(strip=true)", " Paris\n", "Paris", 1),
        ("exact", 1, 1.0, 1),
        ("exact", True, 1, 0),
        ("exact", [1, {"a": True}], [1.0, {"a": 1}], 0),
        ("exact", {"a": 1, "b": 2}, {"b": 2, "a": 1}, 1),
        ("exact", "42", 42, 1),
        ("exact", '{"a": 1}', {"a": 1}, 0),
        ("contains", "It is Paris.", "Paris", 1),
        ("contains", "It is paris.", "Paris", 0),
        ("contains(ignore_case=true)", "It is paris.", "Paris", 1),
        ("contains(text='[1]')", "As told [1]", None, 1),
        ("contains('a, b')", "a, b", None, 1),
        ("contains", "the answer is 42", 42, 1),
        (r"regex('^\d+$')", "123", None, 1),
        (r"regex(pattern='^\d+$')", "a1", None, 0),
        ("regex(pattern='PARIS', ignore_case=true)", "paris", None, 1),
        ("length", "täg", None, 3),
        ("length(unit=words)", "one  two\nthree", None, 3),
        ("length(unit=lines)", "a\nb\n", None, 2),
        ("length", {"a": 1}, None, 7),
        ("length", "  ", None, 2),
        ("similarity", "abcd", "abcd", 1),
        ("similarity", "abcd", "abcx", 0.75),
    ],
)
def test_a_text_scorer_says(text: str, output: Json, expected: Json, score: float) -> None:
    assert value(text, output, expected) == score


@pytest.mark.parametrize(
    ("output", "expected", "score"),
    [
        pytest.param("42", "42", 1, id="plain"),
        pytest.param("42.0", 42, 1, id="a number of JSON is expected"),
        pytest.param(42.0, "42", 1, id="a number of JSON is given"),
        pytest.param("$1,234.50", 1234.5, 1, id="currency and thousands"),
        pytest.param("-$5", -5, 1, id="sign before currency"),
        pytest.param("$-5", -5, 1, id="sign after currency"),
        pytest.param("−5", -5, 1, id="typographic minus"),
        pytest.param("42%", 42, 1, id="percent is not rescaled"),
        pytest.param(" 42. \n", 42, 1, id="trailing period"),
        pytest.param("The answer is 42 km.", 42, 1, id="the only number of a sentence"),
        pytest.param("答案是42。", 42, 1, id="no white space around it"),
        pytest.param("It is 42, yes 42.0", 42, 1, id="twice the same number"),
        pytest.param("1.5e3", 1500, 1, id="scientific"),
        pytest.param(".5", 0.5, 1, id="no leading zero"),
        pytest.param("COVID-19 made 42 ill", 42, 1, id="a number in a name is none"),
        pytest.param("**41**", 42, 0, id="wrong"),
        pytest.param("0.1", 0.1, 1, id="decimal, not binary"),
    ],
)
def test_numeric_reads_the_number_that_a_person_would(output: Json, expected: Json, score: int) -> None:
    assert value("numeric", output, expected) == score


@pytest.mark.parametrize(
    "output",
    [
        "none",
        "nan",
        "inf",
        "1_000",
        "1.2.3",
        "1e99999999999999999999",
        "1e999",
        "10-20",
        "3 or 4",
        True,
        [1],
        "12,34",
        "0x1F",
        "v2",
        float("nan"),
        float("inf"),
    ],
    ids=str,
)
def test_numeric_fails_on_what_states_no_single_number(output: Json) -> None:
    assert isinstance(put("numeric", output, 1), ScoreFailed)


def test_numeric_names_the_numbers_and_the_way_out() -> None:
    found = put("numeric", "6 * 7 = 42", "42")
    assert found == ScoreFailed("3 different numbers (6, 7, 42); pick=last takes the last one")
    assert value("numeric(pick=last)", "6 * 7 = 42", "42") == 1
    assert value("numeric(pick=first)", "6 * 7 = 42", "6") == 1


def test_numeric_tells_what_it_found_and_what_it_allows() -> None:
    assert put("numeric(tolerance=0.5)", "41", "42") == Scored(0, "", "found 41, expected 42 +- 0.5")
    assert put("numeric(relative=0.05)", "41", "42") == Scored(1, "", "found 41, expected 42 +- 2.10")


def test_an_expectation_that_is_no_number_is_unscored_and_not_zero() -> None:
    assert isinstance(put("numeric", "42", "many"), Unscored)
    assert isinstance(put("numeric", "42", True), Unscored)


@given(st.decimals(-1000, 1000, places=3), st.decimals(0, 10, places=3), st.decimals(0, 10, places=3))
def test_the_tolerance_of_numeric_is_symmetric_and_exact(
    middle: Decimal, off: Decimal, tolerance: Decimal
) -> None:
    text = f"numeric(tolerance={tolerance:f})"
    above, below = (value(text, f"{one:f}", f"{middle:f}") for one in (middle + off, middle - off))
    swapped = value(text, f"{middle:f}", f"{middle + off:f}")
    assert above == below == swapped == (off <= tolerance)


@pytest.mark.parametrize(
    ("cell", "score"),
    [("12.5", 12.5), (3, 3), (" 1e3 ", 1000), (0, 0), ("5.", 5)],
)
@pytest.mark.parametrize("name", ["latency", "cost"])
def test_latency_and_cost_are_read_from_their_cells(name: str, cell: Json, score: float) -> None:
    found = scorer(name)
    assert found.better is Direction.LOWER
    assert found.needs == {name}
    told = found.score(Case("k"), Trace("x", latency=cell, cost=cell))
    assert isinstance(told, Scored)
    assert told.value == score


def test_usage_is_one_number_of_what_the_target_tells() -> None:
    found = scorer("usage(output_total)")
    assert (found.better, found.scale, found.spec) == (Direction.LOWER, UNBOUNDED, "usage(output_total)")

    def told(**usage: Json) -> Score:
        return found.score(Case("k"), Trace("x", record={"output": "x", "usage": usage}))

    assert told(output_total=615) == Scored(615, "", "output_total 615")
    assert told(output_total=0) == Scored(0, "", "output_total 0")
    for missing in (told(), told(input_total=3), told(output_total=None), found.score(Case("k"), Trace("x"))):
        assert missing == Unscored("the target tells no usage 'output_total'")
    for wrong in ("many", -1, True, [1]):
        assert isinstance(told(output_total=wrong), ScoreFailed)


@pytest.mark.parametrize("cell", ["fast", -1, "-0.5", True, "1,000", "1_000", "nan", "1e999", [1], 10**400])
def test_an_unreadable_latency_is_a_failure(cell: Json) -> None:
    assert isinstance(scorer("latency").score(Case("k"), Trace("x", latency=cell)), ScoreFailed)


@pytest.mark.parametrize("cell", [None, "", " \t"])
def test_a_blank_latency_or_column_is_unscored(cell: Json) -> None:
    assert scorer("cost").score(Case("k"), Trace("x", cost=cell)) == Unscored("blank")
    for text in ("column(a)", "column(a, bounds=0..1)", "column(a, unbounded)"):
        assert put(text, a=cell) == Unscored("blank")
        assert put(text, b=1) == Unscored("blank")


@pytest.mark.parametrize(
    ("cell", "score"),
    [
        (0, 0),
        (1, 1),
        (0.0, 0),
        (1.0, 1),
        (True, 1),
        (False, 0),
        ("TRUE", 1),
        ("false", 0),
        ("0", 0),
        (" 1 ", 1),
        ("1.00", 1),
        ("+0", 0),
    ],
)
def test_an_undeclared_column_is_0_or_1(cell: Json, score: float) -> None:
    assert value("column(a)", a=cell) == score


@pytest.mark.parametrize("cell", [2, "0.5", 0.999, -1])
def test_any_other_number_in_an_undeclared_column_asks_for_its_range(cell: Json) -> None:
    with pytest.raises(UsageError, match=r"column\('a b', bounds=LO\.\.HI\) or column\('a b', unbounded\)"):
        scorer("column('a b')").score(Case("k", {"a b": cell}), Trace())


@pytest.mark.parametrize("cell", ["yes", "nan", "inf", float("nan"), float("inf"), [], {}, "1_0", "1,0"])
@pytest.mark.parametrize("text", ["column(a)", "column(a, bounds=0..9)", "column(a, unbounded)"])
def test_a_cell_that_is_no_number_is_a_failure(text: str, cell: Json) -> None:
    assert isinstance(put(text, a=cell), ScoreFailed)


def test_a_column_keeps_to_its_declared_bounds() -> None:
    stars = scorer("column(stars, bounds=1..5)")
    assert (stars.scale.kind, stars.scale.low, stars.scale.high) == (Kind.BOUNDED, 1, 5)
    assert stars.needs == {"column:stars"}
    assert value("column(stars, bounds=1..5)", stars="5") == 5
    with pytest.raises(EvidenceError, match=r"case k1: the column 'stars' is 7, outside its bounds 1\.\.5"):
        put("column(stars, bounds=1..5)", stars=7)
    assert value("column(stars, unbounded)", stars=-7) == -7


@pytest.mark.parametrize(
    ("output", "expected", "score"),
    [
        ('{"a": 1, "b": [1, 2]}', '{"b": [1, 2.0], "a": 1}', 1),
        ({"a": 1}, '{"a": 1}', 1),
        ('{"a": true}', {"a": 1}, 0),
        ("[1, 2]", "[2, 1]", 0),
        ("null", "null", 1),
        ('"x"', '"x"', 1),
    ],
)
def test_json_equal_compares_values_and_not_spelling(output: Json, expected: Json, score: int) -> None:
    assert value("json_equal", output, expected) == score


def test_json_equal_may_ignore_the_order_of_lists_but_not_their_counts() -> None:
    text = "json_equal(ignore_order=true)"
    assert value(text, '{"a": [1, [2, 3]]}', '{"a": [[3, 2], 1.0]}') == 1
    assert put(text, "[1, 1, 2]", "[1, 2, 2]") == Scored(0, "", "$: missing 2; $: unexpected 1")
    assert value(text, "[true]", "[1]") == 0


def test_json_equal_tells_the_paths_that_differ() -> None:
    expected = {"items": [0, 0, {"price": 10}], "note": "x", "a b": 1}
    output = '{"items": [0, 0, {"price": 12}], "x": 1, "a b": 2}'
    told = '$.items[2].price: 10 -> 12; $.note: missing; $["a b"]: 1 -> 2; $.x: unexpected'
    assert put("json_equal", output, expected) == Scored(0, "", told)
    found = put("json_equal", json.dumps(list(range(1, 9))), list(range(8)))
    assert isinstance(found, Scored)
    assert found.reason.count("->") == 5
    assert found.reason.endswith("; and more")


@pytest.mark.parametrize(
    ("output", "reason"),
    [
        pytest.param("hello", "line 1, column 1", id="prose"),
        pytest.param('```json\n{"a": 1}\n```', "fenced block", id="fenced"),
        pytest.param('{"a": 1, "a": 2}', 'the key "a" occurs twice', id="doubled key"),
        pytest.param("[NaN]", "NaN is no JSON number", id="nan"),
        pytest.param("-Infinity", "-Infinity is no JSON number", id="infinity"),
        pytest.param("1e999", "too large", id="beyond a double"),
        pytest.param("[" * 100_000, "nested deeper", id="bottomless"),
        pytest.param("[" * 300 + "]" * 300, "nested deeper", id="deep"),
        pytest.param("1" * 5000, "thousands of digits", id="huge integer"),
        pytest.param('{"a": 1} x', "Extra data", id="trailing text"),
        pytest.param(float("nan"), "nan is no JSON number", id="structured nan"),
    ],
)
def test_what_is_not_strict_json_fails(output: Json, reason: str, tmp_path: Path) -> None:
    schema = tmp_path / "s.json"
    schema.write_text("{}")
    for text in ("json_equal", f"json_schema('{schema}')"):
        found = put(text, output, '{"a": 1}')
        assert isinstance(found, ScoreFailed)
        assert found.reason.startswith("not JSON: ")
        assert reason in found.reason


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("exact(ignorecase=true)", "did you mean 'ignore_case'"),
        ("exact(ignore_case=1)", "'ignore_case' is true or false, found 1"),
        ("exact('x')", "cannot use the unnamed argument x"),
        ("regex", "'pattern' is missing"),
        ("regex(pattern='')", "'pattern' is empty"),
        ("regex(pattern=5)", "put it in quotes: pattern='5'"),
        ("regex(pattern='a(')", "at position 1"),
        ("regex(pattern='a', 'b')", "given twice"),
        ("length(unit=bytes)", "'unit' cannot be 'bytes'"),
        ("numeric(tolerance=-1)", "not negative"),
        ("numeric(tolerance=x)", "takes a number"),
        ("column", "'name' is missing"),
        ("column(a, bounds=2..1)", "the bounds 2..1 are empty"),
        ("column(a, bounds=1)", "LO..HI"),
        ("column(a, unbounded, bounds=0..1)", "keep one"),
        ("column(a, unlimited)", "unnamed argument unlimited"),
        ("similarity(k=1)", "unknown argument 'k'"),
        ("latency(ms)", "unnamed argument"),
    ],
)
def test_a_wrong_argument_is_refused_with_a_remedy(text: str, told: str) -> None:
    with pytest.raises(UsageError) as caught:
        scorer(text)
    assert told in str(caught.value)
    assert text in str(caught.value)


@pytest.mark.parametrize("text", ANSWERED)
@pytest.mark.parametrize("output", [None, "", " \n"])
def test_no_output_is_never_a_score(text: str, output: Json) -> None:
    found = put(text, output, "42")
    assert found == ScoreFailed("no output") or (text.startswith("length") and output is not None)


@pytest.mark.parametrize("text", [one for one in ANSWERED if "expected" in scorer(one).needs])
@pytest.mark.parametrize("expected", [None, "", " \n"])
@pytest.mark.parametrize("output", [None, "", "x", {"a": 1}])
def test_a_case_without_expectation_is_unscored(text: str, expected: Json, output: Json) -> None:
    assert put(text, output, expected) == Unscored("the case has no expected value")
