"""A user's scorer may do anything; the run and the other scorers must not notice."""

import asyncio
import sys
from pathlib import Path

import pytest

from stopship.catalog import scorer
from stopship.errors import EvidenceError, UsageError
from stopship.model.case import Case, Json, Trace
from stopship.model.score import Kind, Score, Scored, ScoreFailed, Unscored


def write(folder: Path, source: str, name: str = "checks.py") -> Path:
    file = folder / name
    file.write_text(source)
    return file


def returning(folder: Path, expression: str, imports: str = "") -> str:
    """A scorer `f` that returns an expression of `case` and `trace`."""
    file = write(folder, f"{imports}\ndef f(case, trace):\n    return {expression}\n")
    return f"{file}:f"


def put(text: str, output: Json = "x", **row: Json) -> Score:
    return scorer(text).score(Case("k1", row, "question", "42"), Trace(output))


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("True", 1),
        ("False", 0),
        ("0.0", 0),
        ("1", 1),
        ("trace.output == 'x'", 1),
        ("case.expected == '42'", 1),
        ("case.row['n'] > 2", 1),
    ],
)
def test_true_false_0_and_1_need_no_declaration(tmp_path: Path, expression: str, value: float) -> None:
    text = returning(tmp_path, expression)
    assert put(text, n=3) == Scored(value)
    assert scorer(text).scale.kind is Kind.BINARY
    assert scorer(text).is_users
    assert scorer(text).better is None


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("0.25", 0.25),
        ("Decimal('0.25')", 0.25),
        ("Fraction(1, 4)", 0.25),
        ("np.float32(0.25)", 0.25),
        ("np.float64(0.25)", 0.25),
        ("np.int64(1)", 1),
        ("np.bool_(True)", 1),
        ("np.array(0.25)", 0.25),
        ("True", 1),
    ],
)
def test_numbers_of_any_library_are_read(tmp_path: Path, expression: str, value: float) -> None:
    imports = "import numpy as np\nfrom decimal import Decimal\nfrom fractions import Fraction"
    found = put(f"{returning(tmp_path, expression, imports)}(bounds=0..1)")
    assert found == Scored(value)
    assert isinstance(found, Scored)
    assert type(found.value) is float


@pytest.mark.parametrize(
    ("expression", "told"),
    [
        ("'good'", "returned a str; expected a number"),
        ("None", "returned None; expected"),
        ("(1, 'why')", "returned a tuple; expected"),
        ("[1]", "returned a list; expected"),
        ("1j", "returned a complex; expected"),
        ("float('nan')", "returned nan, which is no finite number"),
        ("float('-inf')", "returned -inf"),
        ("10 ** 400", "returned inf"),
        ("Decimal('NaN')", "returned nan"),
        ("np.array([1.0])", "returned a ndarray"),
        ("Scored('1')", "returned a Scored with a str"),
        ("Scored(float('nan'))", "returned nan"),
    ],
)
def test_what_is_no_number_is_a_failure_and_not_a_zero(tmp_path: Path, expression: str, told: str) -> None:
    imports = "import numpy as np\nfrom decimal import Decimal\nfrom stopship.model.score import Scored"
    found = put(f"{returning(tmp_path, expression, imports)}(bounds=0..1)")
    assert isinstance(found, ScoreFailed)
    assert found.raised
    assert told in found.reason


def test_findings_of_the_users_own_pass_through(tmp_path: Path) -> None:
    imports = "from stopship.model.score import *"
    assert put(returning(tmp_path, "Scored(True, 'full', 'said no')", imports)) == Scored(
        1.0, "full", "said no"
    )
    other = tmp_path / "other"
    other.mkdir()
    assert put(returning(other, "Unscored('not asked')", imports)) == Unscored("not asked")


def test_an_undeclared_float_asks_for_bounds(tmp_path: Path) -> None:
    text = returning(tmp_path, "0.5")
    with pytest.raises(UsageError) as caught:
        put(text)
    assert f"floats need bounds: write {text}(bounds=0..1) or {text}(unbounded)" in str(caught.value)
    assert put(f"{text}(unbounded)") == Scored(0.5)


def test_a_score_outside_its_bounds_is_damaged_evidence(tmp_path: Path) -> None:
    with pytest.raises(EvidenceError, match=r"case k1: the score of f is 2, outside its bounds 0\.\.1"):
        put(f"{returning(tmp_path, '2')}(bounds=0..1)")


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("raise ValueError('no\\n such')", "ValueError: no such (checks.py line 2)"),
        ("return {}['a']", "KeyError: 'a' (checks.py line 2)"),
        ("raise SystemExit(3)", "SystemExit: 3 (checks.py line 2)"),
        ("__import__('os')._exit(0)", "EndedError: os._exit(0) (checks.py line 2)"),
        ("import json; json.loads('{')", "JSONDecodeError: "),
        ("return f(case, trace)", "RecursionError: "),
        ("raise MemoryError", "MemoryError (checks.py line 2)"),
        ("raise Exception('x' * 10**6)", "…"),
        (
            "raise type('Odd', (Exception,), {'__str__': lambda self: 1 / 0})()",
            "Odd: <exception str() failed>",
        ),
        ("raise StopIteration", "StopIteration (checks.py line 2)"),
        ("raise __import__('stopship.errors').errors.UsageError('mine')", "UsageError: mine"),
        ("return type('Odd', (float,), {'__float__': lambda self: 1 / 0})(1)", "ZeroDivisionError"),
    ],
)
def test_what_a_scorer_raises_becomes_a_failure_with_its_line(tmp_path: Path, body: str, reason: str) -> None:
    file = write(tmp_path, f"def f(case, trace):\n    {body}\n")
    found = put(f"{file}:f")
    assert isinstance(found, ScoreFailed)
    assert found.raised
    assert reason in found.reason
    assert "\n" not in found.reason
    assert len(found.reason) < 300


def test_the_persons_own_interrupt_passes(tmp_path: Path) -> None:
    file = write(tmp_path, "def f(case, trace):\n    raise KeyboardInterrupt\n")
    with pytest.raises(KeyboardInterrupt):
        put(f"{file}:f")


ATTACK = """
def f(case, trace):
    case.row["n"] = 99
    case.row["deep"]["list"].clear()
    case.expected.append(1)
    trace.output["a"] = 2
    return True
"""


def test_what_a_scorer_changes_is_gone_before_the_next(tmp_path: Path) -> None:
    case = Case("k", {"n": 1, "deep": {"list": [1]}}, None, [0])
    trace = Trace({"a": 1})
    assert scorer(f"{write(tmp_path, ATTACK)}:f").score(case, trace) == Scored(1.0)
    assert case == Case("k", {"n": 1, "deep": {"list": [1]}}, None, [0])
    assert trace == Trace({"a": 1})


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("def g(case, trace): ...", "has no function 'f'"),
        ("def ff(case, trace): ...", "did you mean 'ff'"),
        ("f = 3", "'f' in"),
        ("async def f(case, trace): return 1", "is an async function"),
        ("def f(case, trace): yield 1", "is a generator"),
        ("async def f(case, trace): yield 1", "is an async function"),
        ("class C:\n  async def __call__(self, case, trace): return 1\nf = C()", "is an async function"),
        ("def f(case): return 1", "cannot be called as f(case, trace)"),
        ("def f(case, trace, k): return 1", "missing a required argument: 'k'"),
        ("def f(*, case, trace): return 1", "cannot be called"),
        ("def f(case, trace): return (", "SyntaxError: '(' was never closed (checks.py line 1)"),
        (
            "import nothing_of_the_kind",
            "ModuleNotFoundError: No module named 'nothing_of_the_kind' (checks.py line 1)",
        ),
        ("\nraise SystemExit('bye')", "SystemExit: bye (checks.py line 2)"),
        ("1 / 0", "ZeroDivisionError: division by zero (checks.py line 1)"),
        ("\0", "cannot be loaded: "),
    ],
)
def test_a_file_that_offers_no_scorer_is_a_usage_error(tmp_path: Path, source: str, told: str) -> None:
    file = write(tmp_path, source)
    for _ in range(2):  # the second time from what the first left behind
        with pytest.raises(UsageError) as caught:
            scorer(f"{file}:f")
        assert told in str(caught.value)


def test_a_missing_file_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot read"):
        scorer(f"{tmp_path}/none.py:f")
    with pytest.raises(UsageError, match="cannot read"):
        scorer("a\0b.py:f")
    (tmp_path / "folder.py").mkdir()
    with pytest.raises(UsageError, match="cannot read"):
        scorer(f"{tmp_path}/folder.py:f")


def test_arguments_reach_the_parameters_of_their_name(tmp_path: Path) -> None:
    source = "def f(case, trace, k=1, *, word='a', strict=False):\n"
    source += "    return [0] * k == [0, 0, 0] and word == 'b c' and strict is True\n"
    file = write(tmp_path, source)
    assert put(f"{file}:f(k=3, word='b c', strict=true)") == Scored(1.0)
    assert put(f"{file}:f") == Scored(0.0)
    with pytest.raises(UsageError, match="did you mean 'word'"):
        scorer(f"{file}:f(wrd=1)")
    with pytest.raises(UsageError, match="unknown argument 'trace'"):
        scorer(f"{file}:f(trace=1)")
    with pytest.raises(UsageError, match="unnamed argument"):
        scorer(f"{file}:f(3)")


def test_open_ended_functions_take_any_argument(tmp_path: Path) -> None:
    file = write(tmp_path, "def f(case, trace, **options): return options == {'k': (0.0, 1.0)}\n")
    assert put(f"{file}:f(k=0..1)") == Scored(1.0)


def test_a_file_is_executed_once_however_it_is_spelt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(
        tmp_path,
        "with open('ran', 'a') as ran: ran.write('x')\n"
        "def f(case, trace): return 1\n"
        "def g(case, trace): return 0\n",
    )
    monkeypatch.chdir(tmp_path)
    specs = {scorer(text).spec for text in ("checks.py:f", "./checks.py:f", "././checks.py:f")}
    assert specs == {"checks.py:f"}
    scorer(f"{tmp_path}/checks.py:g")
    assert (tmp_path / "ran").read_text() == "x"


def test_neighbours_import_each_other_and_lend_their_names_to_nobody(tmp_path: Path) -> None:
    for name, answer in (("one", 1), ("two", 0)):
        folder = tmp_path / name
        folder.mkdir()
        write(folder, f"ANSWER = {answer}\n", "helpers_of_checks.py")
        write(folder, "import helpers_of_checks as h\ndef f(case, trace): return h.ANSWER\n")
        write(folder, "from helpers_of_checks import ANSWER\ndef f(case, trace): return ANSWER\n", "more.py")
    before = list(sys.path)
    for file in ("checks.py", "more.py"):
        assert put(f"{tmp_path}/one/{file}:f") == Scored(1.0)
        assert put(f"{tmp_path}/two/{file}:f") == Scored(0.0)
    assert sys.path == before
    assert "helpers_of_checks" not in sys.modules


def test_a_file_named_as_a_module_does_not_replace_it(tmp_path: Path) -> None:
    file = write(tmp_path, "import asyncio\ndef f(case, trace): return hasattr(asyncio, 'run')\n", "json.py")
    assert put(f"{file}:f") == Scored(1.0)
    assert sys.modules["asyncio"] is asyncio
    assert not hasattr(sys.modules["json"], "f")


def test_the_digest_covers_the_file_the_function_and_the_arguments(tmp_path: Path) -> None:
    source = "def f(case, trace, k=1): return 1\ndef g(case, trace): return 1\n"
    one, two = tmp_path / "one", tmp_path / "two"
    one.mkdir()
    two.mkdir()
    write(one, source)
    write(two, source)
    first = scorer(f"{one}/checks.py:f").digest
    assert scorer(f"{two}/checks.py:f").digest == first
    write(two, source + "\n", "more.py")
    others = [
        f"{two}/more.py:f",
        f"{one}/checks.py:g",
        f"{one}/checks.py:f(k=2)",
        f"{one}/checks.py:f(unbounded)",
    ]
    assert len({first, *(scorer(text).digest for text in others)}) == 5


def test_the_bytes_that_are_digested_are_the_bytes_that_run(tmp_path: Path) -> None:
    file = write(tmp_path, "def f(case, trace): return 1\n")
    first = scorer(f"{file}:f")
    file.write_text("def f(case, trace): return 0\n")
    again = scorer(f"{file}:f")
    assert again.digest == first.digest
    assert again.score(Case("k"), Trace("x")) == Scored(1.0)
    assert not (tmp_path / "__pycache__").exists()


def test_dataclasses_and_classes_work_in_a_users_file(tmp_path: Path) -> None:
    source = "from __future__ import annotations\nfrom dataclasses import dataclass\n"
    source += "@dataclass\nclass P:\n    n: int = 1\n"
    source += "class F:\n    def __call__(self, case, trace): return P().n\nf = F()\n"
    assert put(f"{write(tmp_path, source)}:f") == Scored(1.0)
