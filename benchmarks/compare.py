"""What `stopship compare` costs: CPU and peak memory, as ratios to fixed work in the same run.

    python benchmarks/compare.py [--rows 10000 --rows 100000]

Writes pairs of JSONL files of 2 KB rows into a temporary folder, compares them with two cheap scorers in
a process of their own, and prints CPU seconds, peak memory, and both against reading the same files with
the standard library's json module, so that figures of different machines can be held side by side.
"""

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
from pathlib import Path

ROW_BYTES = 2_000
_CHILD = """
import json, resource, sys
for path in sys.argv[1:]:
    with open(path, "rb") as lines:
        for line in lines:
            json.loads(line)
usage = resource.getrusage(resource.RUSAGE_SELF)
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rows", type=int, action="append", help="size of a table; repeatable")
    sizes = parser.parse_args().rows or [10_000, 100_000]
    start, _ = measured([sys.executable, "-m", "stopship", "--version"])
    print(f"stopship --version: {start:.2f} s of CPU")
    first = 0.0
    with tempfile.TemporaryDirectory() as folder:
        for rows in sizes:
            paths = [
                table(Path(folder) / f"{name}-{rows}.jsonl", rows, seed)
                for seed, name in enumerate(("a", "b"))
            ]
            floor, _ = measured([sys.executable, "-c", _CHILD, *map(str, paths)])
            spent, peak = measured(
                [sys.executable, "-m", "stopship", "compare", *map(str, paths), "--key", "id",
                 "--rule", "exact margin=5pt", "--rule", "length better=lower margin=20%"]
            )  # fmt: skip
            first = first or spent
            print(
                f"compare 2 x {rows:>7} rows: {spent:.2f} s of CPU, {peak / 1024:.0f} MiB peak; "
                f"{spent / floor:.1f} x parsing alone, {spent / first:.1f} x the first size"
            )
            for path in paths:
                path.unlink()


def table(path: Path, rows: int, seed: int) -> Path:
    """A JSONL file of `rows` rows of about 2 KB, most of which answer as expected."""
    draw = random.Random(seed)
    letters = random.Random(0)
    words = ["".join(letters.choices("abcdefghijklmnopqrstuvwxyz", k=7)) for _ in range(500)]
    with path.open("w", encoding="utf-8") as out:
        for number in range(rows):
            shared = random.Random(number)
            expected = " ".join(shared.choices(words, k=20))
            answer = expected if draw.random() < 0.95 else expected + " and more"
            row = {
                "id": f"case-{number:07d}",
                "lang": shared.choice(["en", "de", "fr"]),
                "expected": expected,
                "output": answer,
                "latency_ms": round(draw.lognormvariate(6, 0.5), 2),
            }
            room = ROW_BYTES - len(json.dumps(row)) - 14
            row["context"] = (" ".join(draw.choices(words, k=room // 8 + 1)))[: max(room, 0)]
            out.write(json.dumps(row) + "\n")
    return path


def measured(command: list[str]) -> tuple[float, int]:
    """(CPU seconds, peak resident KiB) of a command; it may exit with a verdict."""
    process = subprocess.Popen(
        command,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    )
    _, status, usage = os.wait4(process.pid, 0)
    if os.waitstatus_to_exitcode(status) not in (0, 20, 21):
        raise SystemExit(
            f"{' '.join(command)} failed: {process.stderr.read().decode() if process.stderr else ''}"
        )
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss


if __name__ == "__main__":
    main()
