"""Every text of the command that a person reads, whole, with its exit code.

STOPSHIP_UPDATE_GOLDEN=1 writes the file anew.
"""

import os
from pathlib import Path

import pytest
from tests.cli.running import ROOT, Command
from tests.cli.test_compare import WRONG

GOLDEN = Path(__file__).parent / "golden"
BEFORE, BROKEN = (f"examples/support/{name}.jsonl" for name in ("before", "broken"))
CALLS: dict[str, list[tuple[str, ...]]] = {
    "help": [("--help",), ("compare", "--help"), ("score", "--help"), ("scorers",), ("--version",)],
    "help-suites": [
        (one, "--help")
        for one in (
            "init",
            "replay",
            "gate",
            "accept",
            "show",
            "diff",
            "repro",
            "noise",
            "plan",
            "push",
            "pull",
        )
    ],
    "help-cache": [
        ("cache", "--help"),
        *(("cache", one, "--help") for one in ("list", "explain", "check", "pack", "unpack", "forget")),
    ],
    "errors": [
        ("compare", BEFORE, "nowhere.jsonl", "--key", "id", "--rule", "refusal"),
        ("compare", BEFORE, "examples", "--key", "id", "--rule", "refusal"),
        ("compare", BEFORE, "README.md", "--key", "id", "--rule", "refusal"),
        ("compre", BEFORE, BROKEN),
        ("score", "refusl", BROKEN, "--output", "answer"),
        ("score", "regex(pattern='(')", BROKEN, "--output", "answer"),
        ("score", "checks.py:f", BROKEN, "--output", "answer"),
        *(
            ("compare", BEFORE, BROKEN, *(one.replace(f"{ROOT}/", "") for one in words))
            for words, _, _ in WRONG
        ),
    ],
}


@pytest.mark.parametrize("name", CALLS)
def test_what_the_command_says_is_what_was_read_and_agreed(
    stopship: Command, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(ROOT)
    told = []
    for words in CALLS[name]:
        stopship(*words)
        said = "".join((stopship.out, stopship.err))
        told.append(f"$ stopship {' '.join(words)}\n{said.rstrip()}\n[exit {stopship.code}]\n")
    text = "\n".join(told)
    path = GOLDEN / f"{name}.txt"
    if os.environ.get("STOPSHIP_UPDATE_GOLDEN"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")
