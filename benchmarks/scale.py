"""What judging very many pairs costs: CPU and peak memory of `judge_columns`, as ratios to fixed work.

    python benchmarks/scale.py [--rows 1000000]

Makes two tables of 20 scores (10 of 0 and 1, 10 between) with 5 cohort columns of 10 values, and judges
them in a process of its own: without clusters, with clusters of about ten cases whose cohorts are those of
the cluster, and with as many whose cohorts vary from case to case. Making and reading the data does not
count; of two sittings the one that took less CPU is told. Fixed work of the same sitting is one pass over all
scores: the sum of every difference in float64.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

SCORES, COLUMNS, VALUES = 20, 5, 10
PROMISED_SECONDS, PROMISED_MIB = 2.0, 1024
_MAKE = f"""
import sys
from pathlib import Path
import numpy as np

folder, rows = Path(sys.argv[1]), int(sys.argv[2])
rng = np.random.default_rng(20260101)
user = np.sort(rng.integers(0, max(rows // 10, 1), rows))
np.save(folder / "user.npy", user)
np.save(folder / "id.npy", np.arange(rows))
for i in range({COLUMNS}):
    np.save(folder / f"case{{i}}.npy", rng.integers(0, {VALUES}, rows).astype(np.int8))
    np.save(folder / f"cluster{{i}}.npy", rng.integers(0, {VALUES}, int(user[-1]) + 1).astype(np.int8)[user])
for i in range({SCORES}):
    if i % 2:
        old = rng.random(rows, dtype=np.float32)
        new = np.clip(old + rng.normal(0, 0.05, rows).astype(np.float32), 0, 1)
    else:
        old = (rng.random(rows) < 0.9).astype(np.float32)
        new = np.where(rng.random(rows) < 0.05, (rng.random(rows) < 0.9).astype(np.float32), old)
    np.save(folder / f"old{{i}}.npy", old)
    np.save(folder / f"new{{i}}.npy", new)
"""
_JUDGE = f"""
import json, resource, sys
from pathlib import Path
import numpy as np
from stopship import judge_columns

folder, kind = Path(sys.argv[1]), sys.argv[2]
def spent():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime

shared = {{"id": np.load(folder / "id.npy"), "user": np.load(folder / "user.npy")}}
of = "cluster" if kind == "whole" else "case"
shared |= {{f"cohort{{i}}": np.load(folder / f"{{of}}{{i}}.npy") for i in range({COLUMNS})}}
before = {{name: one.copy() for name, one in shared.items()}}
before |= {{f"s{{i}}": np.load(folder / f"old{{i}}.npy") for i in range({SCORES})}}
after = shared | {{f"s{{i}}": np.load(folder / f"new{{i}}.npy") for i in range({SCORES})}}
started = spent()
for i in range({SCORES}):
    float((after[f"s{{i}}"].astype(np.float64) - before[f"s{{i}}"]).sum())
floor = spent() - started
held = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
names = [f"s{{i}}, bounds=0..1" if i % 2 else f"s{{i}}" for i in range({SCORES})]
rules = [f"column({{one}}) better=higher margin=5pt" for one in names]
started = spent()
record = judge_columns(
    before, after, rules, key="id", cohorts=[f"cohort{{i}}" for i in range({COLUMNS})],
    cluster=None if kind == "none" else "user",
)
took = spent() - started
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps([record.verdict.value, len(record.findings), took, floor, held / 1024, peak / 1024]))
"""
KINDS = {
    "none": "no clusters",
    "whole": "clusters, cohorts of the cluster",
    "apart": "clusters, cohorts of the case",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rows", type=int, default=1_000_000, help="paired cases")
    rows = parser.parse_args().rows
    kept = True
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, "-c", _MAKE, folder, str(rows)], check=True)
        for kind, name in KINDS.items():
            sittings = [judged(Path(folder), kind) for _ in range(2)]  # what else runs here only adds
            verdict, findings, took, floor, held, peak = min(sittings, key=lambda one: one[2])
            kept &= took < PROMISED_SECONDS and peak < PROMISED_MIB
            print(
                f"{rows} x {SCORES} x {COLUMNS * VALUES}, {name}: {verdict}, {findings} findings; "
                f"{took:.2f} s of CPU, {took / floor:.1f} x one pass over the scores; "
                f"{peak:.0f} MiB peak, {held:.0f} of them the tables"
            )
    raise SystemExit(0 if kept else 1)


def judged(folder: Path, kind: str) -> tuple[str, int, float, float, float, float]:
    """(verdict, findings, CPU seconds, CPU seconds of fixed work, MiB before, peak MiB) of one comparison."""
    done = subprocess.run(
        [sys.executable, "-c", _JUDGE, str(folder), kind],
        check=True,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    )
    verdict, findings, took, floor, held, peak = json.loads(done.stdout)
    return verdict, findings, took, floor, held, peak


if __name__ == "__main__":
    main()
