"""The target that a table of the suite describes: a command, an address, or a model behind one.

Decides which pins of the stack it reads, and that there are such pins. Never asks it anything.
"""

import os
import re
from pathlib import Path
from typing import Any

from stopship.errors import EvidenceError
from stopship.gating.opened import OpenSuite
from stopship.gating.placing import place_of
from stopship.gating.stacking import Answering
from stopship.model.canonical import digest
from stopship.model.suite import ANTHROPIC, COMMAND, HTTP, OPENAI, TargetTable
from stopship.parts.targets.anthropic_messages import BASE_URL as ANTHROPIC_URL
from stopship.parts.targets.anthropic_messages import AnthropicTarget
from stopship.parts.targets.command import CommandTarget
from stopship.parts.targets.network import Foreign
from stopship.parts.targets.openai_chat import BASE_URL as OPENAI_URL
from stopship.parts.targets.openai_chat import OpenAITarget
from stopship.parts.targets.posted import PostedTarget
from stopship.store.shown import quoted, shown

ADAPTER = 1  # how these targets ask and read; a change of it is another draw of every stack
_OWN_KEYS = {OPENAI: (OPENAI_URL, "OPENAI_API_KEY"), ANTHROPIC: (ANTHROPIC_URL, "ANTHROPIC_API_KEY")}

_BESIDE = re.compile(r"(\./)?\w[\w.-]*(/[\w.-]+)*")  # a path as it is written in a command
_TEXTS = ("model", "prompt", "tools", "schema")  # all but the first name axes


def table_target(opened: OpenSuite, answering: Answering, table: TargetTable) -> Foreign:
    """The target; EvidenceError where the stack does not pin what it reads."""
    common: dict[str, Any] = {
        "spec": table.spec,
        "path": opened.suite.path,
        "digest": digest(["target", ADAPTER, table.spec]),
    }
    settings = table.settings
    if table.kind == COMMAND:
        run = _command(opened, answering, [str(one) for one in _listed(settings.get("run"))])
        hidden = frozenset(one.key_env for one in opened.suite.replay.upstreams if one.key_env)
        return CommandTarget(**common, run=run, folder=answering.path.resolve().parent, hidden=hidden)
    if table.kind == HTTP:
        return PostedTarget(**common, url=str(settings["url"]), key_env=str(settings.get("key_env", "")))
    own_url, own_key = _OWN_KEYS[table.kind]
    params = settings.get("params", {})
    texts: dict[str, Any] = {name: str(settings[name]) for name in _TEXTS if name in settings}
    axes = [texts[name] for name in _TEXTS[1:] if name in texts]
    axes += [params] if isinstance(params, str) else []
    for axis in [*axes, *([] if "model" in texts else ["model"])]:
        if answering.stack.stack.get(axis) is None:
            raise _no_axis(axis, answering)
    made = OpenAITarget if table.kind == OPENAI else AnthropicTarget
    return made(
        **common,
        **texts,
        base_url=str(settings.get("base_url", own_url)),
        key_env=str(settings.get("key_env", "" if "base_url" in settings else own_key)),
        stream=settings.get("stream") is True,
        params=params if isinstance(params, dict) else {},
        params_axis=params if isinstance(params, str) else "",
    )


def _listed(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _no_axis(axis: str, answering: Answering) -> EvidenceError:
    content = 'version = "…"' if axis == "model" else 'version = "…" and file = "…"'
    return EvidenceError(
        f"the stack has no axis {quoted(axis)}, which the target reads: a change of it would go unseen",
        where=shown(answering.path),
        do=f"write [{shown(axis)}] with {content}, and lock the stack",
    )


def _command(opened: OpenSuite, answering: Answering, words: list[str]) -> tuple[str, ...]:
    """The command with every file of the suite as the stack's own; EvidenceError where it pins one not, or
    where the command names none."""
    found, is_pinned = [], False
    for number, word in enumerate(words):  # the first may be an interpreter of this machine
        place = place_of(opened, answering.stack, opened.folder / word, word) if word.strip() else None
        if place is not None:
            found.append(str(place[0].resolve()))
            is_pinned = True
            continue
        if _is_file(opened.folder / word) and not (number == 0 and Path(word).is_absolute()):
            raise EvidenceError(
                f"no pin of the stack holds {quoted(word)}, which the command names: a change of it would go "
                "unseen",
                where=shown(answering.path),
                do='write [code] with paths = ["…"] that names it or its folder, and lock the stack',
            )
        found.append(word)
    if not is_pinned:
        gone = [
            quoted(word) for word in words[1:] if _is_path(word) and not os.path.lexists(opened.folder / word)
        ]
        if gone:
            raise EvidenceError(
                f"the command names {gone[0]}, which does not exist in the folder of the suite",
                where=shown(opened.suite.path),
                do="mend the name in run",
            )
        raise EvidenceError(
            "the command names no file that the stack pins: a change of what answers would go unseen",
            where=shown(answering.path),
            do='name the program\'s file in run, and it or its folder in [code] paths = ["…"]',
        )
    return tuple(found)


def _is_path(word: str) -> bool:
    """Whether a word of a command names a file beside the suite: `agent/main.py`, `answer.sh`."""
    return bool(_BESIDE.fullmatch(word)) and ("/" in word or bool(Path(word).suffix))


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False
