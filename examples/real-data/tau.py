"""Put the recorded decisions of one trial of an agent against the recorded tools of another.

`tau.py make DATA OUT` writes the suite OUT/tau from tau-bench trajectories and records the tools of trial 0.
`tau.py tell OUT` tells how far they served the decisions of trial 1, from the run that was replayed last.
"""

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

HERE = Path(__file__).parent
READS = ("get_", "search_", "list_", "calculate", "think")  # how names of reading tools begin
SUITE = """\
format = 1
suite  = "tau"
owner  = "examples"
cases  = ["cases.jsonl"]
stack  = "trial-0.toml"

[replay]
target = "agent.py:answer"
deterministic = true
fidelity = "frozen-tools"
effects = {effects}

[[rule]]
id      = "answers-as-before"
class   = "correctness"
score   = "length(unit=words)"
compare = {{ better = "lower", margin = "50%" }}
"""
STACK = """\
[model]
version = "trial-{trial}"
path    = "decisions-{trial}.jsonl"
[code]
paths   = ["agent.py"]
"""
AGENT = '''\
"""An agent whose decisions were recorded: it makes the calls that it made, whatever it is told this time."""

import json

import stopship
from stopship.errors import Missed

READS = {reads}


def tool(name):
    """A tool by name. Asked in earnest, it tells what it told in the trial."""
    effect = "read" if name.startswith(READS) else "write"

    @stopship.boundary(kind="tool", name=name, effect=effect, ignore=("told",))
    def call(arguments, told):
        return told

    return call


def answer(case, stack):
    with stack.path("model").open(encoding="utf-8") as file:
        trial = next(one for one in map(json.loads, file) if one["key"] == case.key)
    for call in trial["calls"]:
        try:
            tool(call["name"])(call["arguments"], call["told"])
        except Missed:
            pass  # the agent went on; the replay knows
    return trial["output"]
'''


def make(data, out):
    paths = [data / "tau_bench" / f"gpt-4o-airline-trial-{number}.json" for number in (0, 1)]
    for path in paths:
        if not path.is_file():
            sys.exit(
                f"tau.py: {path}: no such file; name the folder that holds tau_bench/: tau.py make DATA OUT"
            )
    folder = out / "tau"
    folder.mkdir(parents=True)
    trials = [decisions(path) for path in paths]
    for number, trial in enumerate(trials):
        write(folder / f"decisions-{number}.jsonl", trial)
        (folder / f"trial-{number}.toml").write_text(STACK.format(trial=number))
    write(folder / "cases.jsonl", [{"key": one["key"]} for one in trials[0]])
    names = {call["name"] for trial in trials for one in trial for call in one["calls"]}
    writes = sorted(name for name in names if not name.startswith(READS))
    (folder / "suite.toml").write_text(SUITE.format(effects=json.dumps(writes)))
    (folder / "agent.py").write_text(AGENT.replace("{reads}", repr(READS)))
    for number in (0, 1):
        run(folder, "pins", "lock", f"trial-{number}.toml")
    run(folder, "replay", ".", "--record", "new", "--allow-blind")


def decisions(path):
    """What an agent called in each task, what it was told, and its last words."""
    found = []
    for one in json.loads(path.read_text(encoding="utf-8")):
        results = iter(m["content"] for m in one["traj"] if m["role"] == "tool")
        asked = [call["function"] for m in one["traj"] for call in m.get("tool_calls") or ()]
        calls = [
            {"name": call["name"], "arguments": json.loads(call["arguments"]), "told": next(results, "")}
            for call in asked
        ]
        texts = [m["content"] for m in one["traj"] if m["role"] == "assistant" and m.get("content")]
        found.append({"key": f"task-{one['task_id']:02}", "calls": calls, "output": texts[-1]})
    return found


def tell(out):
    """Hit rates by what a call does, whole cases served, and where the others part."""
    from stopship.model.calls import first_difference
    from stopship.store.runs import read_run

    folder = out / "tau" / ".stopship" / "runs"
    if not folder.is_dir():
        sys.exit(f"tau.py: {folder}: no such folder; make the suite first: tau.py make DATA OUT")
    runs = sorted(folder.iterdir(), key=lambda one: one.stat().st_mtime)
    recorded, replayed = (read_run(one) for one in (runs[0], runs[-1]))
    calls = [call for one in replayed.outcomes for call in one.calls]
    for what in ("reads", "writes", "all"):
        chosen = [c for c in calls if what == "all" or c.name.startswith(READS) == (what == "reads")]
        served = sum(call.is_served for call in chosen)
        print(f"{what:<7} {served:>4} of {len(chosen):>4} served  {100 * served / len(chosen):.1f} %")
    asking = [one for one in replayed.outcomes if one.calls]
    whole = sum(all(call.is_served for call in one.calls) for one in asking)
    print(f"{whole} of {len(asking)} cases that call anything are served whole")
    before = {one.key: one.calls for one in recorded.outcomes}
    parted = Counter(first_difference(before[one.key], one.calls) for one in replayed.outcomes)
    first = ", ".join(f"{parted[at]} at call {at}" for at in (1, 2, 3))
    count = len(replayed.outcomes)
    print(f"{count - parted[None]} of {count} cases part: {first}, others later")


def write(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def run(folder, *words):
    env = {name: value for name, value in os.environ.items() if name != "CI"}
    subprocess.run(  # noqa: S603  # our own command
        [sys.executable, "-m", "stopship", *words], cwd=folder, env=env, check=True, stdout=subprocess.DEVNULL
    )


if __name__ == "__main__":
    if sys.argv[1] == "make":
        make(Path(sys.argv[2]), Path(sys.argv[3]).absolute())
    else:
        tell(Path(sys.argv[2]))
