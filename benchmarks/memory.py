"""How the memory of a replay and of a gate grows with the number of cases, and with their size.

    python benchmarks/memory.py [--check]

Makes suites of 2 000 and 20 000 cases that ask and are told 1 KB, and of 8 KB, and asks the system for the
largest resident memory of each command: a replay that asks the target for everything, one that is served, and
a gate against an accepted run. Printed are the two peaks and the bytes for each further case. `--check` exits
with 1 where a replay takes more than 1.5 KB for one.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

SMALL, LARGE = 2_000, 20_000
SIZES = (1, 8)  # kilobytes of what is asked, and of what is told
MOST = 1536  # bytes for a further case
APP = "def answer(case, stack):\n    return 'y' * len(case.row['text'])\n"
SUITE = """format = 1
suite = "memory"
cases = "cases.jsonl"
stack = "stack.toml"
[replay]
target = "app.py:answer"
deterministic = true
[[rule]]
id = "told"
score = "contains(text='y')"
compare = { better = "higher", margin = "10pt" }
"""
KINDS = ("replay", "served", "gate")


def main() -> int:
    print(f"{'a case':>7}  {'':<7} {SMALL:>7,}  {LARGE:>7,}  bytes for a further case")
    is_broken = False
    for size in SIZES:
        peaks = []
        for count in (SMALL, LARGE):
            with tempfile.TemporaryDirectory() as folder:
                peaks.append(measured(Path(folder) / "memory", count, size))
        for kind, small, large in zip(KINDS, *peaks):
            more = (large - small) / (LARGE - SMALL)
            told = f"{small / 2**20:>3.0f} MiB  {large / 2**20:>3.0f} MiB  {more:>6.0f}"
            print(f"{2 * size:>4} KB  {kind:<7} {told}")
            is_broken |= kind != "gate" and more > MOST
    return int(is_broken and "--check" in sys.argv)


def measured(folder: Path, count: int, size: int) -> list[int]:
    """Bytes at the peak of a replay, of one that is served, and of a gate."""
    folder.mkdir()
    (folder / "app.py").write_text(APP)
    (folder / "suite.toml").write_text(SUITE)
    (folder / "stack.toml").write_text('[code]\npaths = ["app.py"]\n')
    with (folder / "cases.jsonl").open("w") as file:
        for number in range(count):
            file.write(
                json.dumps({"key": f"c{number:06}", "text": f"{number} ".ljust(1024 * size, "x")}) + "\n"
            )
    peak(folder, "pins", "lock", "stack.toml")
    replayed = peak(folder, "replay", ".")
    (run,) = (folder / ".stopship" / "runs").iterdir()
    peak(folder, "accept", run.name, "--suite", ".", "--because", "first")
    (folder / "app.py").write_text(APP + "# another version\n")
    peak(folder, "pins", "lock", "stack.toml")
    peak(folder, "replay", ".")
    return [replayed, peak(folder, "replay", "."), peak(folder, "gate", ".")]


def peak(folder: Path, *words: str) -> int:
    """Bytes of resident memory that a command took at most."""
    env = {name: one for name, one in os.environ.items() if name not in ("CI", "STOPSHIP_STORE")}
    command = [sys.executable, "-m", "stopship", *words]
    with subprocess.Popen(
        command, cwd=folder, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as child:
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    assert child.returncode == 0, (words, child.returncode)
    return usage.ru_maxrss * 1024


if __name__ == "__main__":
    sys.exit(main())
