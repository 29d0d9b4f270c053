"""Sessions of pytest on suites made on the fly, in this process or in one of their own."""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.gating.making import forget_code
from tests.under_pytest.small import Small, suite

from stopship.under_pytest import fixture, items  # noqa: F401  # a session forgets what it imports first

# Where the sessions of a desk run: in this process, in one of their own, or there with two workers.
HERE = pytest.param((0, False), id="here")
ALONE = pytest.param((0, True), id="n0")
TWO = pytest.param((2, True), id="n2", marks=pytest.mark.slow)
APART = pytest.mark.parametrize("desk", [ALONE, TWO], indirect=True)
PLAIN = ("-p", "no:hypothesispytest")  # its last words cost an import of hypothesis, a second a session
ODD = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\ud800-\udfff]")
BAD = "suites/small/stacks/bad.toml"


@dataclass(frozen=True)
class Desk:
    """A project with suites, and how many workers its sessions have."""

    pytester: pytest.Pytester
    workers: int
    is_apart: bool  # whether sessions have a process of their own; those with workers do

    @property
    def root(self) -> Path:
        return self.pytester.path

    def suite(self, how: Small | None = None, folder: str = "") -> Path:
        made = how or Small()
        return suite(self.root / "suites" / (folder or made.name), made)

    def write(self, name: str, text: str) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def _apart(self, *args: str) -> pytest.RunResult:
        return self.pytester.runpytest_subprocess(*PLAIN, *args, timeout=100)

    def _here(self, *args: str) -> pytest.RunResult:
        forget_code()
        try:
            return self.pytester.runpytest_inprocess(*PLAIN, *args)
        finally:
            forget_code()

    def pytest(self, *args: str) -> pytest.RunResult:
        """A session; it never shows a traceback of ours or a character that acts."""
        own = ["-n", str(self.workers)] if self.workers else []
        done = self._apart(*own, *args) if self.is_apart else self._here(*args)
        text = done.stdout.str() + done.stderr.str()
        assert "INTERNALERROR" not in text
        assert "Traceback" not in text
        assert "stopship/under_pytest" not in text
        assert not ODD.search(text), ODD.findall(text)
        assert not re.search(r"^\s*::|^\s*##", text, re.MULTILINE)
        return done

    def judged(self, *args: str) -> tuple[int, Any]:
        """Exit code and the verdict file."""
        file = self.root / "verdict.json"
        done = self.pytest("--stopship-json", str(file), *args)
        return int(done.ret), json.loads(file.read_text("utf-8")) if file.exists() else None


def ended(done: pytest.RunResult, name: str) -> str:
    """How an item of a verbose session ended."""
    item = re.escape(f"suite.toml::{name}")
    found = re.search(rf"{item} ([A-Z]+)|([A-Z]+) \S*{item} *$", done.stdout.str(), re.MULTILINE)
    return (found[1] or found[2]) if found else "nothing"


def outcomes(done: pytest.RunResult) -> dict[str, int]:
    found: dict[str, int] = done.parseoutcomes()
    found.pop("seconds", None)
    return found


def verdicts(document: Any) -> dict[str, str]:
    """Suite -> verdict, `VOID` and `skipped` included."""
    return {
        one["suite"]: one["record"]["verdict"] if "record" in one else "VOID" if "void" in one else "skipped"
        for one in document["suites"]
    }
