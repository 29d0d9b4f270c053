"""Read `[replay]` of a suite file: how a case is put to the stack, how fast, and what a run may spend.

Decides what it may say but for the tables of targets. Never opens what it names.
"""

import re

from stopship.model.suite import (
    COMMAND,
    LOST_LIMIT,
    RECORDED,
    RETRIES,
    TABLES,
    Limits,
    ReplayPlan,
    TargetTable,
)
from stopship.store.escalatewords import fresh_of
from stopship.store.shown import quoted
from stopship.store.suitewords import Table
from stopship.store.targetwords import check_secrets, target_table

_TARGET = re.compile(r"(?P<file>.+\.py):[A-Za-z_][A-Za-z0-9_]*")
_WRITE = 'target = "app.py:answer", or "recorded"'
_KEYS = (
    *("target", "cluster", "repeats", "concurrency", "timeout", "deterministic", "network", "fresh"),
    *("limits", "per_minute", "retries", *TABLES),
)


def replay_of(top: Table) -> ReplayPlan:
    """What `[replay]` says; every fault of it is told to the table."""
    table = top.table("replay", "[replay]")
    if table is None:
        if "replay" not in top.values:
            top.fault("", "has no [replay]", f"write [replay] with {_WRITE}")
        return ReplayPlan(target="")
    table.only(*_KEYS)
    check_secrets(table)
    own = _own_table(table)
    target = own.spec if own is not None else _target(table)
    deterministic = table.flag("deterministic")
    if target == RECORDED:
        if table.values.get("deterministic") is False:
            what = "a recorded target gives the same output every time: it is deterministic"
            table.fault("deterministic", what, "leave deterministic out")
        deterministic = True
    timeout = table.number("timeout", 0.0, lambda one: 0 < one < 1e9, "seconds above 0, such as 30")
    is_endpoint = own is not None and own.kind != COMMAND
    network = table.flag("network") if "network" in table.values else is_endpoint
    limits, lost = _limits(table.table("limits"))
    concurrency = table.whole("concurrency", 1, 256) if "concurrency" in table.values else None
    rate = table.number("per_minute", 0.0, lambda one: 0 < one < 1e7, "calls a minute above 0, such as 600")
    return ReplayPlan(
        target=target,
        table=own,
        limits=limits,
        per_minute=float(rate) or None,
        retries=_retries(table, RETRIES if is_endpoint else 0),
        cluster=table.text("cluster") or None,
        repeats=table.whole("repeats", 1, 100),
        concurrency=concurrency or (1 if own is not None and own.kind == COMMAND else None),
        timeout_s=float(timeout) or None,
        deterministic=deterministic,
        network=network,
        fresh_s=fresh_of(table, network=network, deterministic=deterministic),
        lost_limit=lost,
    )


def _own_table(table: Table) -> TargetTable | None:
    named = [kind for kind in TABLES if kind in table.values]
    if not named:
        return None
    if len(named) > 1 or "target" in table.values:
        both = "target" if "target" in table.values else f"[replay.{named[1]}]"
        table.fault(named[0], f"[replay.{named[0]}] and {both}: a suite has one target", "keep one of them")
    inner = table.table(named[0], f"[replay.{named[0]}]")
    return target_table(inner, named[0]) if inner is not None else TargetTable(kind=named[0], settings={})


def _target(table: Table) -> str:
    target = table.text("target", required=_WRITE)
    if not target or target == RECORDED:
        return target
    found = _TARGET.fullmatch(target)
    if found is None:
        what = f"target {quoted(target)} is neither file.py:function nor recorded"
        table.fault("target", what, f"write {_WRITE}")
    else:
        table.check_path("target", found["file"])
    return target


def _retries(table: Table, default: int) -> int:
    if table.values.get("retries") == 0 and table.values["retries"] is not False:
        return 0
    return table.whole("retries", default, 20)


def _limits(table: Table | None) -> tuple[Limits, float]:
    """What a run may spend, and the share of it that infrastructure may lose."""
    if table is None:
        return Limits(), LOST_LIMIT
    table.only("errors", "calls", "tokens", "usd", "minutes", "case_calls", "case_seconds")
    told = "a share from 0 up to, but not, 1"
    lost = float(table.number("errors", LOST_LIMIT, lambda one: 0 <= one < 1, told))
    whole = {
        name: table.whole(name, 1, 10**12)
        for name in ("calls", "tokens", "case_calls")
        if name in table.values
    }
    broken = {
        name: float(table.number(name, 1.0, lambda one: 0 < one < 1e9, "a number above 0"))
        for name in ("usd", "minutes", "case_seconds")
        if name in table.values
    }
    limits = Limits(
        calls=whole.get("calls"),
        tokens=whole.get("tokens"),
        case_calls=whole.get("case_calls"),
        usd=broken.get("usd"),
        minutes=broken.get("minutes"),
        case_seconds=broken.get("case_seconds"),
    )
    return limits, lost
