"""A suite of a few dozen tiny cases, locked, replayed and accepted, for sessions of pytest in a subprocess.

What answers says `yes` to every case; a stack file `stacks/bad.toml` makes it say `no` to some.
"""

import json
import shutil
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

from stopship.gating.accepting import Decision, accept
from stopship.gating.epochs import CURRENT, Draw
from stopship.gating.opened import open_suite
from stopship.gating.performing import replay
from stopship.gating.replay import planned
from stopship.gating.stacking import answering
from stopship.gating.workplace import workplace
from stopship.model.run import Run
from stopship.pinning.lock import lock_stack
from stopship.store.suitefile import read_suite

SUITE = """\
format = 1
suite  = "{name}"
owner  = "desk"
cases  = ["cases.jsonl"]
stack  = "stack.toml"
store  = "store"

[replay]
target = "{target}"
deterministic = {deterministic}
{replay}

[decide]
{decide}

[[rule]]
id      = "right"
score   = "scorers.py:right"
compare = {{ better = "higher", margin = "{margin}" }}

[[rule]]
id        = "never-again"
score     = "scorers.py:right"
must_pass = {{ where = ["tag=incident"] }}
"""
STACK = """\
store = "{store}"
[policy]
version = "{version}"
file    = "{up}policy-{version}.txt"
"""
APP = """\
import json

def answer(case, stack):
    key = case.key
    wrong = json.loads(stack.text("policy"))
{more}
    return {{"output": "no" if key in wrong else "yes"}}
"""
NOISE = """
import os, time
from pathlib import Path
time.sleep(0.01)
with (Path(__file__).parent / ".asked").open("a") as file:
    file.write(key + "\\n")
return {"output": "no" if key in wrong else "yes", "draw": os.urandom(8).hex()}
"""
SCORERS = """\
from stopship.model.score import Scored

def right(case, trace):
{more}
    return Scored(1.0 if trace.text == "yes" else 0.0)
"""


@dataclass(frozen=True, kw_only=True)
class Small:
    """How a suite is written."""

    name: str = "small"
    count: int = 60
    keys: tuple[str, ...] = ()  # instead of c00, c01, …
    incidents: tuple[str, ...] = ("c05",)
    wrong: tuple[str, ...] = tuple(f"c{i:02}" for i in range(20, 45))  # what the bad stack gets wrong
    is_recorded: bool = False
    more_app: str = ""  # lines of the target, `key` and `wrong` known
    more_scorers: str = ""
    replay: str = ""
    decide: str = ""
    margin: str = "20pt"
    is_accepted: bool = True
    is_noisy: bool = False  # the target is not said to be deterministic, and is not

    @property
    def every(self) -> tuple[str, ...]:
        return self.keys or tuple(f"c{i:02}" for i in range(self.count))

    @property
    def tagged(self) -> tuple[str, ...]:
        """The incidents, at least one."""
        return tuple(one for one in self.every if one in self.incidents) or self.every[:1]


def suite(folder: Path, how: Small | None = None) -> Path:
    """A copy of such a suite, with its baseline; its folder."""
    made = _made(how or Small())
    shutil.copytree(made, folder, ignore=shutil.ignore_patterns(".stopship", ".asked"))
    return folder


_HOMES: list[Path] = []


def swept() -> None:
    """Remove what copies were made from."""
    _made.cache_clear()
    while _HOMES:
        shutil.rmtree(_HOMES.pop())


@cache
def _made(how: Small) -> Path:
    folder = Path(mkdtemp(prefix="stopship-small-"))
    _HOMES.append(folder)
    write(folder, how)
    if how.is_accepted:
        accepted(folder)
    return folder


def write(folder: Path, how: Small) -> None:
    """Its files, with both stacks locked."""
    folder.mkdir(parents=True, exist_ok=True)
    target = "recorded" if how.is_recorded else "app.py:answer"
    _put(
        folder / "suite.toml",
        SUITE.format(
            name=how.name,
            target=target,
            deterministic="false" if how.is_noisy else "true",
            replay=how.replay,
            decide=how.decide,
            margin=how.margin,
        ),
    )
    rows = [{"key": key, "tag": "incident" if key in how.tagged else "usual"} for key in how.every]
    _put(folder / "cases.jsonl", _lines(rows))
    more = how.more_app + (NOISE if how.is_noisy else "")
    _put(folder / "app.py", APP.format(more=_indented(more)))
    _put(folder / "scorers.py", SCORERS.format(more=_indented(how.more_scorers)))
    for version, wrong, file in (("good", (), "stack.toml"), ("bad", how.wrong, "stacks/bad.toml")):
        up, store = ("../", "..") if "/" in file else ("", ".")
        text = STACK.format(version=version, up=up, store=store)
        _put(folder / f"policy-{version}.txt", json.dumps(wrong))
        if how.is_recorded:
            text += f'[outputs]\nversion = "{version}"\npath = "{up}outputs-{version}.jsonl"\n'
            rows = [{"key": key, "output": "no" if key in wrong else "yes"} for key in how.every]
            _put(folder / f"outputs-{version}.jsonl", _lines(rows))
        else:
            text += f'[code]\npaths = ["{up}app.py"]\n'
        _put(folder / file, text)
        lock_stack(folder / file)


def asked(folder: Path) -> list[str]:
    """The keys that a noisy target was asked for, in their order."""
    path = folder / ".asked"
    return path.read_text("utf-8").split() if path.exists() else []


def accepted(folder: Path) -> None:
    """Replay the good stack and make the run the baseline."""
    opened = open_suite(folder / "suite.toml")
    place = workplace(read_suite(folder / "suite.toml"))
    stack, now = answering(folder / "stack.toml"), int(time.time())

    def drawn(draw: Draw) -> Run:
        return replay(planned(opened, place, stack, draw=draw), provenance={"started": now}).run

    run = drawn(CURRENT)
    decision = Decision(because="the first", today=date(2026, 1, 1), now=now)
    accept(opened, place, run, decision, lambda: drawn(Draw(purpose=f"accept {run.id}")))


def _put(path: Path, text: str) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")


def _lines(rows: Iterable[dict[str, str]]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def _indented(text: str) -> str:
    return "".join(f"    {line}\n" for line in text.splitlines())
