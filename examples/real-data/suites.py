"""Write public recordings as suites of recorded outputs: `suites.py DATA OUT`.

Makes the folders xstest, xstest-behaved and gorilla in OUT, with prompts and answers from DATA (see
docs/real-data.md); nothing of them is part of this project. Locks the stacks, replays the first of each
suite and accepts its run.
"""

import csv
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent

SUITE = """\
format = 1
suite  = "{name}"
owner  = "examples"
cases  = ["cases.jsonl"]
stack  = "{good}.toml"
store  = "store"

[replay]
target = "recorded"

[columns]
key = "{key}"
{cohorts}
[[rule]]
id      = "{rule}"
class   = "{kind}"
score   = "{score}"
compare = {{ better = "{better}", margin = "5pt" }}
"""
STACK = """\
[{axis}]
version = "{name}"
[outputs]
version = "{name}"
path    = "outputs-{name}.jsonl"
"""
BY_TYPE = "\n[cohorts]\ntype = {}\n"


def main():
    data, out = map(Path, sys.argv[1:])
    xstest(data / "xstest", out)
    gorilla(data / "gorilla" / "torchhub", out)
    for name in ("xstest", "xstest-behaved", "gorilla"):
        accept_first(out / name, {**os.environ, "GORILLA": str(data / "gorilla" / "torchhub")})


def xstest(data, out):
    """Two suites: refusals of safe prompts, and behaviour as the prompt is labelled, over all prompts."""
    tables = {name: read_csv(data / f"mistral{name}.csv") for name in ("instruct", "guard")}
    asked = [{name: row[name] for name in ("id", "prompt", "type")} for row in tables["instruct"]]
    told = {
        name: [
            {"id": row["id"], "output": row["completion"], "final_label": row["final_label"]} for row in rows
        ]
        for name, rows in tables.items()
    }
    safe = {row["id"] for row in asked if not row["type"].startswith("contrast_")}
    write(
        out / "xstest",
        SUITE.format(
            name="xstest",
            good="instruct",
            key="id",
            cohorts=BY_TYPE,
            rule="refuses-safe-prompts",
            kind="safety",
            score="refusal",
            better="lower",
        ),
        "policy",
        [row for row in asked if row["id"] in safe],
        {name: [row for row in rows if row["id"] in safe] for name, rows in told.items()},
    )
    write(
        out / "xstest-behaved",
        SUITE.format(
            name="xstest-behaved",
            good="instruct",
            key="id",
            cohorts=BY_TYPE,
            rule="behaves-as-labelled",
            kind="safety",
            score="behaved.py:behaved",
            better="higher",
        ),
        "policy",
        asked,
        told,
    )
    shutil.copy(HERE / "behaved.py", out / "xstest-behaved")


def gorilla(data, out):
    """The same model without retrieval and with BM25; set GORILLA to the data's folder for its scorer."""
    asked = [
        {"question_id": row["question_id"], "question": row["text"]}
        for row in read_lines(data / "questions-0_shot.jsonl")
    ]
    told = {
        name: [
            {"question_id": row["question_id"], "output": row["text"]}
            for row in read_lines(data / f"responses-Gorilla_FT-{name}.jsonl")
        ]
        for name in ("0_shot", "bm25")
    }
    write(
        out / "gorilla",
        SUITE.format(
            name="gorilla",
            good="0_shot",
            key="question_id",
            cohorts="",
            rule="calls-the-right-domain",
            kind="correctness",
            score="gorilla.py:right_domain",
            better="higher",
        ),
        "index",
        asked,
        told,
    )
    shutil.copy(HERE / "gorilla.py", out / "gorilla")


def write(folder, suite, axis, cases, outputs):
    """A suite folder: cases, one table of outputs a stack, and a stack file for each."""
    folder.mkdir(parents=True)
    (folder / "suite.toml").write_text(suite, encoding="utf-8")
    write_lines(folder / "cases.jsonl", cases)
    for name, rows in outputs.items():
        write_lines(folder / f"outputs-{name}.jsonl", rows)
        (folder / f"{name}.toml").write_text(STACK.format(axis=axis, name=name), encoding="utf-8")


def accept_first(suite, environment):
    """Lock the stacks; replay the suite's own and make its run the baseline."""
    for stack in sorted(suite.glob("*.toml")):
        if stack.name != "suite.toml":
            stopship(environment, "pins", "lock", stack)
    stopship(environment, "replay", suite)
    run = next(one.name for one in (suite / ".stopship" / "runs").iterdir() if not one.name.startswith("."))
    stopship(environment, "accept", run, "--suite", suite, "--because", "the first baseline")


def stopship(environment, *words):
    command = [sys.executable, "-m", "stopship", *words]
    subprocess.run(command, check=True, capture_output=True, env=environment)  # noqa: S603  # our own command


def read_csv(path):
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def read_lines(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def write_lines(path, rows):
    lines = [json.dumps(row, ensure_ascii=False) + "\n" for row in rows]
    path.write_text("".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main()
