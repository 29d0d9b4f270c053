"""A stand-in for the stack and the loader, and the shortest way from a stack file to scores."""

import importlib
import json
import sys
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from stopship.model.case import Case, Trace
from stopship.model.score import Scored, Unscored
from stopship.parts.user_code import load

ROOT = Path(__file__).resolve().parents[2]
SUITE = ROOT / "suites" / "helpdesk"
FIXTURES = ROOT / "fixtures" / "helpdesk"
SCORERS = ("cites", "states_the_fact", "contract")


@dataclass(frozen=True)
class Stack:
    """A stack file; `others` replaces the path of an axis."""

    pins: Mapping[str, Mapping[str, Any]]
    folder: Path
    others: Mapping[str, Path] = field(default_factory=dict)

    def path(self, axis: str) -> Path:
        pin = self.pins[axis]
        return self.others.get(axis) or (self.folder / str(pin.get("file") or pin["path"])).resolve()

    def version(self, axis: str) -> str:
        return str(self.pins[axis]["version"])

    def value(self, axis: str) -> dict[str, Any]:
        return {name: one for name, one in self.pins[axis].items() if name != "version"}


def stack(name: str, **others: Path) -> Stack:
    path = SUITE / "stacks" / f"{name}.toml"
    document = tomllib.loads(path.read_text(encoding="utf-8"))
    pins = {axis: table for axis, table in document.items() if isinstance(table, dict)}
    return Stack(pins, path.parent, others)


@cache
def app() -> Mapping[str, ModuleType]:
    """The modules of the suite's app, by name; their names stay out of `sys.modules`."""
    folder = str(SUITE / "app")
    names = [path.stem for path in sorted((SUITE / "app").glob("*.py"))]
    kept = {name: sys.modules.pop(name) for name in names if name in sys.modules}
    sys.path.insert(0, folder)
    try:
        return {name: importlib.import_module(name) for name in names}
    finally:
        sys.path.remove(folder)
        for name in names:
            sys.modules.pop(name, None)
        sys.modules.update(kept)


def rows(name: str) -> list[dict[str, Any]]:
    return [
        json.loads(line) for line in (FIXTURES / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    ]


@cache
def cases() -> tuple[Case, ...]:
    """Every captured case, its labels merged into its row."""
    labels = {one["key"]: one for one in rows("labels")}
    return tuple(
        Case(key=row["key"], row=row | labels[row["key"]], input=row["question"]) for row in rows("cases")
    )


def asked(question: str, **row: Any) -> Case:
    return Case(key="asked", row={"question": question, **row}, input=question)


def answer(case: Case, with_stack: Stack) -> dict[str, Any]:
    result: dict[str, Any] = app()["answer"].answer(case, with_stack)
    return result


@cache
def traces(name: str) -> Mapping[str, dict[str, Any]]:
    """The trace of every case under a stack, by key."""
    with_stack = stack(name)
    return {case.key: answer(case, with_stack) for case in cases()}


def scorer(name: str) -> Callable[[Case, Trace], Scored | Unscored]:
    module = load(SUITE / "scorers.py", "tests").outcome
    function: Callable[[Case, Trace], Scored | Unscored] = getattr(module, name)
    return function


@cache
def right(name: str) -> Mapping[str, bool]:
    """Whether every scorer that has a say gives full marks, by case."""
    found = {}
    for case in cases():
        trace = Trace(output=traces(name)[case.key]["output"])
        scores = [scorer(one)(case, trace) for one in SCORERS]
        found[case.key] = all(one.value == 1.0 for one in scores if isinstance(one, Scored))
    return found


def share(name: str, **cohort: str) -> float:
    """The share of right answers in a cohort."""
    chosen = [
        case.key for case in cases() if all(case.row[column] == value for column, value in cohort.items())
    ]
    return sum(right(name)[key] for key in chosen) / len(chosen)


def cohorts() -> list[tuple[str, str, int]]:
    """Every cohort: column, value, number of cases."""
    counts: dict[tuple[str, str], int] = {}
    for case in cases():
        for column in ("lang", "tier", "task"):
            value = str(case.row[column])
            counts[column, value] = counts.get((column, value), 0) + 1
    return [(column, value, count) for (column, value), count in sorted(counts.items())]
