"""Suites whose target is a table, on disk and locked, for tests and the benchmark."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stopship.gating.opened import open_suite
from stopship.gating.replay import Replay, planned
from stopship.gating.stacking import answering
from stopship.gating.workplace import workplace
from stopship.pinning.lock import lock_stack
from stopship.store.suitefile import read_suite

SUITE = """\
format = 1
suite  = "outside"
cases  = "cases.jsonl"
stack  = "stack.toml"
store  = "store"

[replay]
{replay}

[replay.{kind}]
{table}

[[rule]]
id      = "answers"
score   = "length"
compare = {{ better = "lower", margin = "50%" }}
"""
STACK = """\
[model]
version = "m-1"
[prompt]
version = "v1"
file    = "prompt.j2"
[tools]
version = "v1"
file    = "tools.json"
[schema]
version = "v1"
file    = "schema.json"
[settings]
version = "v1"
value   = { temperature = 0.5 }
[code]
paths = ["app"]
"""
SCHEMA = {"type": "object", "properties": {"q": {"type": "string"}, "n": {"type": "integer"}}}
TOOLS = {
    "openai": [{"type": "function", "function": {"name": "find", "parameters": SCHEMA}}],
    "anthropic": [{"name": "find", "input_schema": SCHEMA}],
}
PROMPT = '[{"role": "system", "content": "be brief"}, {"role": "user", "content": {{ asked | tojson }}}]'


def write_suite(  # what differs between tests
    folder: Path,
    kind: str,
    table: str,
    *,
    replay: str = "",
    asked: int | list[str] = 5,
    prompt: str = PROMPT,
    files: Mapping[str, str] | None = None,
) -> Path:
    """A suite with a locked stack; `files` are its code, in the folder `app`."""
    questions = asked if isinstance(asked, list) else [f"question {number}" for number in range(asked)]
    rows = [json.dumps({"key": f"c{i:03d}", "asked": one}) + "\n" for i, one in enumerate(questions)]
    (folder / "app").mkdir(parents=True, exist_ok=True)
    written = {
        "cases.jsonl": "".join(rows),
        "suite.toml": SUITE.format(kind=kind, table=table, replay=replay),
        "stack.toml": STACK,
        "prompt.j2": prompt,
        "tools.json": json.dumps(TOOLS.get(kind, [])),
        "schema.json": json.dumps(SCHEMA),
        "app/readme.txt": "code of the target",
        **{f"app/{name}": text for name, text in (files or {}).items()},
    }
    for name, text in written.items():
        (folder / name).write_text(text, "utf-8")
    lock_stack(folder / "stack.toml")
    return folder / "suite.toml"


def plan_of(file: Path, **how: Any) -> Replay:
    """What a replay of the suite must hold."""
    opened = open_suite(file)
    return planned(opened, workplace(read_suite(file)), answering(file.parent / opened.suite.stack), **how)


__all__ = ["plan_of", "write_suite"]
