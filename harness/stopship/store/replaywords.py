"""Read `[replay]` of a suite file: how a case is put to the stack.

Decides which words of it go together. Never opens the file of a target.
"""

import re
from urllib.parse import urlsplit

from stopship.model.exchange import Fidelity
from stopship.model.suite import LOST_LIMIT, RECORDED, ReplayPlan, UpstreamPlan
from stopship.store.escalatewords import fresh_of
from stopship.store.shown import quoted
from stopship.store.suitewords import Table

_TARGET = re.compile(r"(?P<file>.+\.py):[A-Za-z_][A-Za-z0-9_]*")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}")
_KNOWN = (
    *("target", "cluster", "repeats", "concurrency", "timeout", "deterministic", "network", "fresh"),
    *("limits", "fidelity", "effects", "upstreams"),
)


def replay_of(top: Table) -> ReplayPlan:
    """What `[replay]` says; every fault of it is told to the table."""
    table = top.table("replay", "[replay]")
    if table is None:
        if "replay" not in top.values:
            top.fault("", "has no [replay]", 'write [replay] with target = "app.py:answer", or "recorded"')
        return ReplayPlan(target="")
    table.only(*_KNOWN)
    target = _target(table)
    timeout = table.number("timeout", 0.0, lambda one: 0 < one < 1e9, "seconds above 0, such as 30")
    deterministic = _deterministic(table, target)
    return ReplayPlan(
        target=target,
        cluster=table.text("cluster") or None,
        repeats=table.whole("repeats", 1, 100),
        concurrency=table.whole("concurrency", 1, 256) if "concurrency" in table.values else None,
        timeout_s=float(timeout) or None,
        deterministic=deterministic,
        network=table.flag("network"),
        fresh_s=fresh_of(table, deterministic=deterministic),
        lost_limit=_lost_limit(table),
        fidelity=_fidelity(table, target, deterministic=deterministic),
        effects=table.texts("effects", '"send_mail"'),
        upstreams=_upstreams(table, target),
    )


def _target(table: Table) -> str:
    target = table.text("target", required='target = "app.py:answer", or "recorded"')
    if not target or target == RECORDED:
        return target
    found = _TARGET.fullmatch(target)
    if found is None:
        what = f"target {quoted(target)} is neither file.py:function nor recorded"
        table.fault("target", what, 'write target = "app.py:answer", or "recorded"')
    else:
        table.check_path("target", found["file"])
    return target


def _deterministic(table: Table, target: str) -> bool:
    deterministic = table.flag("deterministic")
    if target != RECORDED:
        return deterministic
    if table.values.get("deterministic") is False:
        what = "a recorded target gives the same output every time: it is deterministic"
        table.fault("deterministic", what, "leave deterministic out")
    return True


def _lost_limit(table: Table) -> float:
    limits = table.table("limits")
    if limits is None:
        return LOST_LIMIT
    limits.only("errors")
    told = "a share from 0 up to, but not, 1"
    return float(limits.number("errors", LOST_LIMIT, lambda one: 0 <= one < 1, told))


def _fidelity(table: Table, target: str, *, deterministic: bool) -> Fidelity:
    word = table.choice("fidelity", [one.value for one in Fidelity], Fidelity.LIVE.value)
    if target == RECORDED and {"fidelity", "effects"} & table.values.keys():
        what = "a recorded target makes no calls: nothing of it is frozen or executed"
        table.fault("fidelity" if "fidelity" in table.values else "effects", what, "leave it out")
    elif word == Fidelity.FROZEN.value and not deterministic:
        what = "a frozen replay is served the same every time: no output of it is a fresh one"
        table.fault("fidelity", what, "write deterministic = true, or leave models to be asked: frozen-tools")
    return Fidelity(word)


def _upstreams(table: Table, target: str) -> tuple[UpstreamPlan, ...]:
    """Each `[replay.upstreams.NAME]`; a key never stands in the file."""
    named = table.table("upstreams")
    if named is None:
        return ()
    if target == RECORDED:
        table.fault("upstreams", "a recorded target makes no calls", "leave it out")
    found = []
    for name in named.values:
        one = named.table(name, f"[replay.upstreams.{name}]")
        if one is None:
            continue
        one.only("url", "key_env", "pins")
        url = one.text("url", required='url = "https://api.openai.com"')
        parts = urlsplit(url)
        if url and (parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc):
            one.fault(
                "url", f"url {quoted(url)} is no base address", "write https://host, without user or key"
            )
        key_env = one.text("key_env")
        if key_env and not _VARIABLE.fullmatch(key_env):
            what = "key_env is not the name of a variable"
            one.fault("key_env", what, 'write the name of the variable that holds the key: "OPENAI_API_KEY"')
        pins = one.texts("pins", '"model"')
        found.append(UpstreamPlan(name=name, url=url, key_env=key_env, pins=pins))
    return tuple(found)
