"""Targets: which functions can answer, what counts as a trace, what is lost, and recorded outputs."""

import asyncio
import errno
import socket
import ssl
import sys
import tarfile
import threading
import urllib.error
from collections.abc import Callable
from email.message import Message
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stopship.errors import EvidenceError, Unavailable, UsageError
from stopship.model.canonical import canonical_bytes
from stopship.model.case import Case
from stopship.model.suite import SuiteColumns
from stopship.parts.targets.outcome import NotATrace, is_lost, told_trace
from stopship.parts.targets.python import PythonTarget, load_target
from stopship.parts.targets.recorded import recorded_outputs
from stopship.store.keyed import Rows


def target(folder: Path, source: str, name: str = "answer") -> PythonTarget:
    file = folder / "answer.py"
    file.write_text(source)
    return load_target(file, name, "suite.toml")


@pytest.mark.parametrize(
    ("takes", "expected"),
    [
        ("case, stack", 0),
        ("case, stack, sample", 7),
        ("case, stack, n", 7),
        ("case, stack, *, sample=0", 7),
        ("case, stack, k=0", 0),
        ("case, stack, k=0, sample=1", 7),
        ("*all", 0),
        ("case, stack, **more", 0),
    ],
)
def test_a_target_takes_a_case_a_stack_and_a_sample_if_it_likes(
    tmp_path: Path, takes: str, expected: int
) -> None:
    source = f"def answer({takes}):\n    return locals().get('sample', locals().get('n', 0))\n"
    assert target(tmp_path, source).call(Case("k"), None, 7) == expected


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("def anwser(case, stack): ...", "did you mean 'anwser'"),
        ("answer = 1", "not a function"),
        ("def answer(case): ...", "cannot be called as answer"),
        ("def answer(case, stack, a, b): ...", "cannot be called as answer"),
        ("def answer(case, stack, *, must): ...", "cannot be called as answer"),
        ("def answer(case, stack):\n    yield 1", "a generator"),
        ("async def answer(case, stack):\n    yield 1", "async generator"),
        ("import nothing_of_the_kind", "cannot be loaded"),
        ("def answer(", "SyntaxError"),
        ("raise SystemExit(0)", "SystemExit"),
        ("__import__('os')._exit(0)", "EndedError: os._exit(0)"),
    ],
)
def test_a_file_that_offers_no_target_is_a_usage_error(tmp_path: Path, source: str, says: str) -> None:
    with pytest.raises(UsageError) as err:
        target(tmp_path, source)
    assert says in str(err.value)
    assert str(err.value).startswith("suite.toml: ")


def test_async_functions_are_known_as_such(tmp_path: Path) -> None:
    source = "class A:\n    async def __call__(self, case, stack): return case.key\nanswer = A()\n"
    found = target(tmp_path, source)
    assert found.is_async
    waiting: Any = found.call(Case("k"), None)
    assert asyncio.run(waiting) == "k"


def test_what_a_target_does_to_its_case_harms_nobody(tmp_path: Path) -> None:
    case = Case("k", {"turns": [{"text": "hello"}]}, ["x"])
    target(
        tmp_path, "def answer(case, stack):\n    case.row['turns'][0].clear(); case.input.clear(); return ''"
    ).call(case, None)
    assert case == Case("k", {"turns": [{"text": "hello"}]}, ["x"])


def test_neighbours_are_found_late_in_threads_and_in_packages_and_stay_private(tmp_path: Path) -> None:
    (tmp_path / "pack").mkdir()
    (tmp_path / "pack" / "__init__.py").write_text("")
    (tmp_path / "pack" / "deep.py").write_text(
        "from . import sister\nimport beside\nN = sister.N + beside.N\n"
    )
    (tmp_path / "pack" / "sister.py").write_text("N = 1\n")
    (tmp_path / "beside.py").write_text("N = 2\ndef late():\n    import later\n    return later.N\n")
    (tmp_path / "later.py").write_text("import answer\nN = answer.HERE\n")
    source = "HERE = 4\ndef answer(case, stack):\n    import pack.deep, json\n    from beside import late\n"
    found = target(tmp_path, source + "    return json.dumps(pack.deep.N + late())\n")
    path, answers = list(sys.path), []
    thread = threading.Thread(target=lambda: answers.append(found.call(Case("k"), None)))
    thread.start()
    thread.join()
    assert answers == ["7"]
    assert sys.path == path
    assert not {"pack", "pack.deep", "beside", "later", "answer"} & set(sys.modules)
    assert not list(tmp_path.rglob("__pycache__"))


class Text(str):
    __slots__ = ()


def test_text_and_traces_are_read_as_plain_json() -> None:
    assert told_trace(Text("yes")) == {"output": "yes"}
    found = told_trace({"output": None, "steps": ({"input": (1, 2.5)},), "refusal": None, "mine": True})
    assert found == {"output": None, "steps": [{"input": [1, 2.5]}], "mine": True}


def deep(levels: int) -> object:
    value: object = "end"
    for _ in range(levels):
        value = [value]
    return value


SELF: list[object] = []
SELF += [SELF, SELF]
SHARED: object = ["x"] * 2
for _ in range(40):
    SHARED = [SHARED, SHARED]


@pytest.mark.parametrize(
    ("returned", "says"),
    [
        (3, "returned an int, expected text or a trace"),
        (None, "returned None, expected text or a trace"),
        (b"yes", "returned a bytes, expected text or a trace"),
        ([], "returned a list, expected text or a trace"),
        ({"answer": "x"}, "returned a trace without 'output'; its keys: answer"),
        ({}, "its keys: none"),
        ({"output": float("nan")}, "output: nan is no JSON number"),
        ({"output": 2**60}, "output: an integer beyond 2^53"),
        ({"output": "x", "steps": [{}, {}, {"input": {1}}]}, "steps[2].input: a set, expected a JSON value"),
        ({"output": "x", "steps": {}}, "steps: a dict, expected a list"),
        ({"output": "x", "usage": []}, "usage: a list, expected a dict"),
        ({"output": "x", "refusal": True}, "refusal: a bool, expected text"),
        ({"output": "x", "latency_ms": -1}, "latency_ms: -1, expected a number from 0 on"),
        ({"output": "x", "cost_usd": True}, "cost_usd: True, expected a number"),
        ({"output": "x", "observed": {"model": 3}}, "observed.model: an int, expected text"),
        ({"output": "x", 3: "x"}, "the trace: a key is an int, expected text"),
        ({"output": deep(101)}, "nested deeper than 100 levels"),
        ({"output": SELF}, "nested deeper than 100 levels"),
        pytest.param({"output": SHARED}, "more than 500000 values", marks=pytest.mark.slow),
        ({"output": "x", "\x1b[31m": object()}, "'\\x1b[31m': an object"),
    ],
)
def test_what_is_no_trace_is_refused_with_its_path(returned: object, says: str) -> None:
    with pytest.raises(NotATrace) as err:
        told_trace(returned)
    assert says in str(err.value)
    assert str(err.value).isprintable()


JSONS = st.recursive(
    st.none()
    | st.booleans()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
    | st.integers(-9, 9),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(JSONS)
def test_every_json_output_comes_through_unchanged(value: object) -> None:
    found = told_trace({"output": value})
    assert canonical_bytes(found) == canonical_bytes({"output": value})


class Status503(Exception):  # noqa: N818
    status_code = 503


class Refused(Exception):  # noqa: N818
    @property
    def status(self) -> int:
        raise RuntimeError


class Reply:
    status_code = 429


def with_response() -> Exception:
    err = ValueError("x")
    err.response = Reply()  # type: ignore[attr-defined]  # as HTTP libraries do
    return err


def raised(error: BaseException, cause: BaseException | None, context: BaseException | None) -> BaseException:
    error.__context__ = context
    if cause is not None:
        error.__cause__ = cause
    return error


def http(code: int) -> Exception:
    return urllib.error.HTTPError("http://x", code, "no", Message(), None)


@pytest.mark.parametrize(
    ("make", "lost"),
    [
        (ConnectionResetError, True),
        (BrokenPipeError, True),
        (lambda: socket.gaierror(-2, "unknown"), True),
        (lambda: ssl.SSLError("bad"), True),
        (lambda: OSError(errno.ENETUNREACH, "no net"), True),
        (lambda: urllib.error.URLError(ConnectionRefusedError()), True),
        (lambda: urllib.error.URLError("unknown url type"), False),
        (lambda: http(503), True),
        (lambda: http(429), True),
        (lambda: http(404), False),
        (Status503, True),
        (with_response, True),
        (lambda: Unavailable("down"), True),
        (lambda: tarfile.ReadError("not a gzip file"), False),
        (type("ReadError", (Exception,), {"__module__": "httpx"}), True),
        (lambda: raised(RuntimeError(), ConnectionError(), None), True),
        (lambda: raised(RuntimeError(), None, ConnectionError()), True),
        (lambda: raised(RuntimeError(), KeyError(), ConnectionError()), False),
        (lambda: ExceptionGroup("all", [ConnectionError(), Status503()]), True),
        (lambda: ExceptionGroup("some", [ConnectionError(), ValueError()]), False),
        (TimeoutError, False),
        (lambda: urllib.error.URLError(TimeoutError()), False),
        (lambda: SystemExit(503), False),
        (Refused, False),
        (lambda: FileNotFoundError(2, "x"), False),
        (lambda: UsageError("x"), False),
    ],
)
def test_infrastructure_is_told_apart_from_the_targets_own_failure(
    make: Callable[[], BaseException], lost: bool
) -> None:
    error = make()
    assert is_lost(error) is lost
    if isinstance(error, urllib.error.HTTPError):
        error.close()


COLUMNS = SuiteColumns(key="id", output="said", latency="ms")
ROWS: list[tuple[str, dict[str, object]]] = [
    ("line 1", {"id": "a", "said": "x", "ms": 3, "steps": []}),
    ("line 2", {"id": 2, "said": None, "output": "shadowed"}),
    ("line 3", {"id": "c", "said": "z"}),
]


def test_recorded_rows_become_traces_and_rows_nobody_asks_for_are_counted() -> None:
    found = recorded_outputs(ROWS, COLUMNS, ["a", "2"], "out.jsonl", Rows())
    assert found.trace("a") == {"output": "x", "latency_ms": 3, "steps": []}
    assert found.trace("2") == {"output": None}
    assert found.ignored == 1


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ({"id": "a", "said": "y"}, "out.jsonl:line 4: the key 'a' stands twice, first at line 1"),
        ({"id": "2", "said": "y"}, "the key '2' stands twice, first at line 2"),
        ({"id": "d"}, "out.jsonl:line 4: no column 'said'"),
        ({"said": "d"}, "no column 'id'"),
        ({"id": " ", "said": "d"}, "no key: column 'id' holds ' '"),
        ({"id": None, "said": "d"}, "no key"),
        ({"id": ["\x1b"], "said": "d"}, "no key"),
    ],
)
def test_damaged_recordings_are_refused_with_their_place(row: dict[str, object], says: str) -> None:
    with pytest.raises(EvidenceError) as err:
        recorded_outputs([*ROWS, ("line 4", row)], COLUMNS, ["a"], "out.jsonl", Rows())
    assert says in str(err.value)


def test_a_case_without_a_recording_is_missing_evidence() -> None:
    with pytest.raises(EvidenceError, match=r"4 of 5 cases have no recorded output: 'd', 'e', 'f', …"):
        recorded_outputs(ROWS, COLUMNS, ["a", "d", "e", "f", "g"], "out.jsonl", Rows())
    with pytest.raises(EvidenceError, match=r"a case has no recorded output: 'd'"):
        recorded_outputs(ROWS, COLUMNS, ["a", "d"], "out.jsonl", Rows())
