"""A small suite in a folder of its own, whose pinned prompt says what its target gets wrong."""

import atexit
import json
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

from stopship.gating.accepting import Accepting, Decision, accept
from stopship.gating.epochs import Draw
from stopship.gating.gate import Asked, gate
from stopship.gating.opened import OpenSuite, open_suite
from stopship.gating.performing import replay
from stopship.gating.replay import planned
from stopship.gating.selection import Selection
from stopship.gating.stacking import answering
from stopship.gating.workplace import Workplace, workplace
from stopship.model.run import Run
from stopship.model.verdict import Record
from stopship.parts import neighbours, user_code
from stopship.parts.neighbours import PRIVATE
from stopship.pinning.lock import lock_stack
from stopship.store.suitefile import read_suite

TODAY = date(2026, 3, 1)
COUNT = 60
TARGET = """\
import json
from pathlib import Path

from stopship.errors import Unavailable

DRAWS = Path(__file__).parents[1] / ".draws"


def answer(case, stack):
    told = json.loads(stack.text("prompt"))
    key = case.key
    if key in told.get("raise", ()):
        raise ValueError(f"no answer for {key}")
    if key in told.get("lost", ()):
        raise Unavailable("HTTP 503")
    if key in told.get("odd", ()):
        return 7
    text = "no" if key in told.get("wrong", ()) else case.row["asked"]
    if key in told.get("silent", ()):
        text = ""
    if "draws" in told:
        number = len(DRAWS.read_bytes()) if DRAWS.exists() else 0
        DRAWS.write_bytes(b"." * (number + 1))
        text = "no" if number >= told["draws"] and number % told.get("every", 1) == 0 else f"{text} {number}"
    steps = [{"kind": "model", "name": stack.version("model"), "input": case.row["asked"], "output": text}]
    return {"output": text, "steps": steps, **told.get("extra", {})}
"""
SCORER = """\
def right(case, trace):
    return trace.text.split(" ")[0] == case.row.get("wanted")
"""
SUITE = """\
format = 1
suite  = "small"
cases  = "cases.jsonl"
labels = "labels.jsonl"
stack  = "stack.toml"
store  = "store"
{top}
[replay]
target = "app/answer.py:answer"
{replay}
[decide]
alpha = 0.05

[cohorts]
lang = {{}}

[[rule]]
id      = "right"
score   = "scorers.py:right"
compare = {{ better = "higher", margin = "20pt", cohort_margin = "40pt"{anchor} }}
{rules}
"""
MUST = """
[[rule]]
id        = "incidents"
score     = "scorers.py:right"
must_pass = { where = ["tag=incident"] }
"""
LIMIT = """
[[rule]]
id    = "mostly-right"
score = "scorers.py:right"
limit = { better = "higher", at_least = 0.3 }
"""


def key(number: int) -> str:
    return f"c{number:02d}"


@dataclass(frozen=True, slots=True)
class Made:
    """A suite on disk."""

    folder: Path

    @property
    def file(self) -> Path:
        return self.folder / "suite.toml"

    def open(self, **how: Any) -> OpenSuite:
        """The suite as it is now, its code read anew."""
        forget_code()
        return open_suite(self.file, **how)

    @property
    def place(self) -> Workplace:
        return workplace(read_suite(self.file))

    def edit(self, name: str, old: str, new: str) -> None:
        """Change the first place of a file where a text stands."""
        path = self.folder / name
        text = path.read_text("utf-8")
        assert old in text
        path.write_text(text.replace(old, new, 1), "utf-8")

    def rows(self, name: str) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.folder / name).read_text("utf-8").splitlines()]

    def write_rows(self, name: str, rows: Sequence[Mapping[str, Any]]) -> None:
        (self.folder / name).write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")

    def stack(self, name: str, **prompt: Any) -> Path:
        """A locked stack file of that name, whose prompt tells what goes wrong."""
        (self.folder / f"{name}.json").write_text(json.dumps(prompt), "utf-8")
        text = (
            f'[model]\nversion = "m1"\n[prompt]\nversion = "{name}"\nfile = "{name}.json"\n'
            f'[code]\npaths = ["app"]\n'
        )
        path = self.folder / f"{name}.toml"
        path.write_text(text, "utf-8")
        lock_stack(path)
        return path

    def replay(
        self, stack: str = "stack", *, opened: OpenSuite | None = None, pins: Sequence[str] = (), **how: Any
    ) -> Run:
        """A sealed run; `how` goes to the plan, but for resume and fresh."""
        going = {name: how.pop(name) for name in ("resume", "fresh") if name in how}
        if "epoch" in how or "fresh" in going:
            how["draw"] = Draw(epoch=how.pop("epoch", None), is_new=going.get("fresh", False))
        opened = opened or self.open()
        plan = planned(opened, self.place, answering(self.folder / f"{stack}.toml", pins), **how)
        return replay(plan, **going).run

    def shard(self, index: int, count: int, stack: str = "stack") -> Run:
        return self.replay(stack, selection=Selection(shard=(index, count)))

    def judge(self, run: Run, *, opened: OpenSuite | None = None, **how: Any) -> Record:
        return gate(opened or self.open(), self.place, run, Asked(**{"today": TODAY, **how}))

    def gate(self, stack: str = "stack", **how: Any) -> Record:
        """Replay and judge, as `stopship gate` does."""
        opened = self.open()
        return self.judge(self.replay(stack, opened=opened), opened=opened, **how)

    def accept(self, run: Run, *, stack: str = "stack", today: date = TODAY, **said: Any) -> Accepting:
        opened = self.open()

        def redraw() -> Run:
            draw = Draw(purpose=f"accept {run.id}")
            return self.replay(stack, opened=opened, draw=draw, resume=True)

        decision = Decision(**{"because": "reviewed", "today": today, **said})
        return accept(opened, self.place, run, decision, redraw)


def make(
    folder: Path,
    *,
    top: str = "",
    replay: str = "deterministic = true",
    rules: str = MUST + LIMIT,
    anchor: str = "",
    is_accepted: bool = True,
    **prompt: Any,
) -> Made:
    """A suite of sixty cases in two languages; three of them are incidents that must pass."""
    if is_accepted:  # replayed once in a process, and copied from then on
        how = {"top": top, "replay": replay, "rules": rules, "anchor": anchor, **prompt}
        shutil.copytree(_accepted(json.dumps(how)), folder, dirs_exist_ok=True)
        return Made(folder)
    made = Made(folder)
    (folder / "app").mkdir(parents=True)
    (folder / "app" / "answer.py").write_text(TARGET, "utf-8")
    (folder / "scorers.py").write_text(SCORER, "utf-8")
    text = SUITE.format(top=top, replay=replay, rules=rules, anchor=anchor)
    (folder / "suite.toml").write_text(text, "utf-8")
    cases = [
        {"key": key(i), "asked": f"q{i}", "lang": "de" if i % 2 else "en", "tag": "incident" if i < 3 else ""}
        for i in range(COUNT)
    ]
    made.write_rows("cases.jsonl", cases)
    made.write_rows("labels.jsonl", [{"key": row["key"], "wanted": row["asked"]} for row in cases])
    made.stack("stack", **prompt)
    return made


@cache
def _accepted(how: str) -> Path:
    folder = Path(tempfile.mkdtemp(prefix="stopship-made-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    made = make(folder / "suite", is_accepted=False, **json.loads(how))
    made.accept(made.replay())
    return made.folder


def forget_code() -> None:
    """Files of users are executed once in a process; a suite that is opened again may hold others."""
    user_code._loaded.clear()
    neighbours._folders.clear()
    for name in [one for one in sys.modules if one.startswith(PRIVATE)]:
        del sys.modules[name]
