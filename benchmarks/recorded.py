"""A suite whose target makes one marked call: for the benchmarks of what a replay takes. Runs nothing."""

import json
import os
from pathlib import Path

APP = """
import stopship


@stopship.boundary(kind="tool", effect="read")
def look(text):
    return {told}


def answer(case, stack):
    return look(case.row["text"])
"""
SUITE = """format = 1
suite = "recorded"
cases = "cases.jsonl"
stack = "stack.toml"
[replay]
target = "app.py:answer"
deterministic = true
fidelity = "frozen"
[[rule]]
id = "told"
score = "contains(text='{needle}')"
compare = {{ better = "higher", margin = "10pt" }}
"""


def write_suite(folder: Path, count: int, size: int, *, told: str, needle: str) -> None:
    """`count` cases that ask `size` kilobytes; `told`: what of `text` the call gives, as an expression of
    Python; `needle`: what every output holds."""
    (folder / "app.py").write_text(APP.format(told=told))
    (folder / "more.py").write_text("# one version\n")
    (folder / "suite.toml").write_text(SUITE.format(needle=needle))
    (folder / "stack.toml").write_text('[code]\npaths = ["app.py", "more.py"]\n')
    with (folder / "cases.jsonl").open("w") as file:
        for number in range(count):
            row = {"key": f"c{number:06}", "text": f"{number} ".ljust(1024 * size, "x")}
            file.write(json.dumps(row) + "\n")


def environment() -> dict[str, str]:
    """That of a command: as on a desk, with the store of the suite."""
    return {name: one for name, one in os.environ.items() if name not in ("CI", "STOPSHIP_STORE")}
