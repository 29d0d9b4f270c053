"""What a replay of recorded cases costs: CPU over start-up, for a case and for a kilobyte of what it asks.

    python benchmarks/replay.py [--check]

Writes suites of 100 and 10 000 cases whose target makes one marked call of about 1 KB and of about 4 KB,
records them, and replays them: frozen (every target runs, every call is served) and warm (served from the
sealed run). The CPU of the small suite is start-up. Beside each stands the ratio to reading and writing the
same cases as JSON in the same sitting. `--check` exits with 1 where either costs more than 0.1 ms a case
and 0.1 ms a kilobyte.
"""

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from recorded import environment, write_suite

SMALL, LARGE = 100, 10_000
SIZES = (1, 4)  # kilobytes of a request
MOST_MS = 0.1  # for a case, and again for each kilobyte


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
            broken |= ms > MOST_MS + MOST_MS * size
    return int(broken and "--check" in sys.argv)


def measured(folder: Path, count: int, size: int) -> tuple[float, float, float]:
    """CPU seconds of a frozen replay, of a warm one, and of reading and writing the cases as JSON."""
    write_suite(folder, count, size, told="str(len(text))", needle="1")
    lines = (folder / "cases.jsonl").read_text().splitlines()
    began = time.process_time()
    for line in lines:
        json.dumps(json.loads(line))
    plain = time.process_time() - began
    cpu(folder, "pins", "lock", "stack.toml")
    cpu(folder, "replay", ".", "--record", "new")
    return cpu(folder, "replay", "."), cpu(folder, "replay", "."), plain


def cpu(folder: Path, *words: str) -> float:
    """CPU seconds of one command."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, "-m", "stopship", *words]
    subprocess.run(command, cwd=folder, env=environment(), check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


if __name__ == "__main__":
    sys.exit(main())
