"""What a replay of recorded cases costs: CPU over start-up, for a case and for a kilobyte of what it asks.

    python benchmarks/replay.py [--check]

Writes suites of 100 and 10 000 cases whose target makes one marked call of about 1 KB and of about 4 KB,
records them, and replays them: frozen (every target runs, every call is served) and warm (served from the
sealed run). The CPU of the small suite is start-up. Beside each stands the ratio to reading and writing the
same cases as JSON in the same sitting. `--check` exits with 1 where a warm replay costs more than 0.1 ms
a case and 0.1 ms a kilobyte.
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SMALL, LARGE = 100, 10_000
SIZES = (1, 4)  # kilobytes of a request
MOST_MS = 0.1  # for a case, and again for each kilobyte
APP = """
import stopship


@stopship.boundary(kind="tool", effect="read")
def look(text):
    return {"length": len(text)}


def answer(case, stack):
    return str(look(case.row["text"])["length"])
"""
SUITE = """format = 1
suite = "warm"
cases = "cases.jsonl"
stack = "stack.toml"
[replay]
target = "app.py:answer"
deterministic = true
fidelity = "frozen"
[[rule]]
id = "long"
score = "contains(text='1')"
compare = { better = "higher", margin = "10pt" }
"""


def main() -> int:
    print(f"{'request':>8}  {'replay':<7} {'ms a case':>9}  {'of JSON':>8}")
    broken = False
    for size in SIZES:
        costs = {}
        for count in (SMALL, LARGE):
            with tempfile.TemporaryDirectory() as folder:
                costs[count] = measured(Path(folder), count, size)
        json_ms = costs[LARGE][2] / LARGE * 1000
        for number, name in enumerate(("frozen", "warm")):
            ms = (costs[LARGE][number] - costs[SMALL][number]) / (LARGE - SMALL) * 1000
            print(f"{size:>5} KB  {name:<7} {ms:>9.3f}  {ms / json_ms:>7.1f}x")
            broken |= name == "warm" and ms > MOST_MS + MOST_MS * size
    return int(broken and "--check" in sys.argv)


def measured(folder: Path, count: int, size: int) -> tuple[float, float, float]:
    """CPU seconds of a frozen replay, of a warm one, and of reading and writing the cases as JSON."""
    (folder / "app.py").write_text(APP)
    (folder / "suite.toml").write_text(SUITE)
    (folder / "stack.toml").write_text('[code]\npaths = ["app.py"]\n')
    rows = [{"key": f"c{i:05}", "text": f"{i} " + "x" * (1024 * size)} for i in range(count)]
    lines = [json.dumps(row) + "\n" for row in rows]
    (folder / "cases.jsonl").write_text("".join(lines))
    began = time.process_time()
    for line in lines:
        json.dumps(json.loads(line))
    plain = time.process_time() - began
    cpu(folder, "pins", "lock", "stack.toml")
    cpu(folder, "replay", ".", "--record", "new")
    return cpu(folder, "replay", "."), cpu(folder, "replay", "."), plain


def cpu(folder: Path, *words: str) -> float:
    """CPU seconds of one command."""
    env = {name: one for name, one in os.environ.items() if name not in ("CI", "STOPSHIP_STORE")}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, "-m", "stopship", *words]
    subprocess.run(command, cwd=folder, env=env, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


if __name__ == "__main__":
    sys.exit(main())
