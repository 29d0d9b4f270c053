"""How the memory of a replay and of a gate grows with the number of cases, and with their size.

    python benchmarks/memory.py [--check]

Makes suites of 2 000 and 20 000 cases that ask and are told 1 KB, and of 8 KB, and asks the system for the
largest resident memory of each command: a replay that asks the target for everything, one that records its
calls, a frozen one, one that is served, and a gate against an accepted run. Printed are the two peaks and the
bytes for each further case. `--check` exits with 1 where any but the gate takes more than 2 KB for one.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from recorded import environment, write_suite

SMALL, LARGE = 2_000, 20_000
SIZES = (1, 8)  # kilobytes of what is asked, and of what is told
MOST = 2048  # bytes for a further case
KINDS = ("replay", "record", "frozen", "served", "gate")


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
    write_suite(folder, count, size, told='"y" * len(text)', needle="y")
    peak(folder, "pins", "lock", "stack.toml")
    found = [peak(folder, "replay", ".", "--fidelity", "live")]
    found.append(peak(folder, "replay", ".", "--record", "new"))
    before = set((folder / ".stopship" / "runs").iterdir())
    found.append(peak(folder, "replay", "."))
    (run,) = set((folder / ".stopship" / "runs").iterdir()) - before
    found.append(peak(folder, "replay", "."))
    peak(folder, "accept", run.name, "--suite", ".", "--because", "first")
    (folder / "more.py").write_text("# another version\n")
    peak(folder, "pins", "lock", "stack.toml")
    peak(folder, "replay", ".")
    return [*found, peak(folder, "gate", ".")]


def peak(folder: Path, *words: str) -> int:
    """Bytes of resident memory that a command took at most."""
    command = [sys.executable, "-m", "stopship", *words]
    with subprocess.Popen(
        command, cwd=folder, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as child:
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    assert child.returncode == 0, (words, child.returncode)
    return usage.ru_maxrss * 1024


if __name__ == "__main__":
    sys.exit(main())
