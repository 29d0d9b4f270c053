"""Sessions of pytest in a subprocess, on suites made on the fly."""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.under_pytest.small import Small, suite

ODD = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\ud800-\udfff]")
BAD = "suites/small/stacks/bad.toml"


@dataclass(frozen=True)
class Desk:
    """A project with suites, and how many workers its sessions have."""

    pytester: pytest.Pytester
    workers: int

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

    def pytest(self, *args: str) -> pytest.RunResult:
        """A session; it never shows a traceback of ours or a character that acts."""
        own = ["-n", str(self.workers)] if self.workers else []
        done = self.pytester.runpytest_subprocess(*own, *args, timeout=100)
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
