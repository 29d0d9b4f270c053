"""Read `[replay]` of a suite file: how a case is put to the stack, how fast, what a run may spend, and what
of the world outside is frozen.

Decides which words of it go together, but for the tables of targets. Never opens what it names.
"""

import re
from dataclasses import replace

from stopship.model.exchange import Fidelity
from stopship.model.fields import fault_of
from stopship.model.suite import (
    COMMAND,
    LOST_LIMIT,
    RECORDED,
    RETRIES,
    TABLES,
    Limits,
    ReplayPlan,
    TargetTable,
    UpstreamPlan,
)
from stopship.store.escalatewords import fresh_of
from stopship.store.shown import quoted
from stopship.store.suitewords import Table
from stopship.store.targetwords import check_secrets, key_env_of, target_table, url_of

_TARGET = re.compile(r"(?P<file>.+\.py):[A-Za-z_][A-Za-z0-9_]*")
_DECISIONS = re.compile(r"\s*decisions\s*(\(.*\))?\s*", re.DOTALL)
_WRITE = 'target = "app.py:answer", or "recorded"'
_WHOLE = ("calls", "tokens", "case_calls", "case_tokens")  # words of `limits`
_BROKEN = ("usd", "minutes", "case_usd", "case_seconds")
_KEYS = (
    *("target", "cluster", "repeats", "concurrency", "timeout", "deterministic", "network", "fresh"),
    *("limits", "per_minute", "retries", "fidelity", "effects", "upstreams", "unpinned", *TABLES),
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
    deterministic = _deterministic(table, target)
    timeout = table.number("timeout", 0.0, lambda one: 0 < one < 1e9, "seconds above 0, such as 30")
    is_endpoint = own is not None and own.kind != COMMAND
    network = table.flag("network") if "network" in table.values else is_endpoint
    limits, lost = _limits(table.table("limits"), target)
    concurrency = table.whole("concurrency", 1, 256) if "concurrency" in table.values else None
    rate = table.number("per_minute", 0.0, lambda one: 0 < one < 1e7, "calls a minute above 0, such as 600")
    plan = ReplayPlan(
        target=target,
        table=own,
        limits=limits,
        per_minute=float(rate) or None,
        retries=_retries(table, RETRIES if is_endpoint else 0),
        cluster=table.text("cluster") or None,
        repeats=table.whole("repeats", 1, 100),
        concurrency=concurrency or (1 if own is not None and own.kind == COMMAND else None),
        timeout_s=min([one for one in (float(timeout), limits.case_seconds) if one], default=None),
        deterministic=deterministic,
        network=network,
        fresh_s=fresh_of(table, network=network, deterministic=deterministic),
        lost_limit=lost,
        fidelity=_fidelity(table, deterministic=deterministic),
        effects=table.texts("effects", '"send_mail"'),
        upstreams=_upstreams(table),
        unpinned=table.texts("unpinned", '"var/cache"'),
    )
    if "fidelity" not in table.values and not plan.no_calls and _scores_decisions(top):
        plan = replace(plan, fidelity=Fidelity.STEP)
    return _check_calls(table, plan)


def _scores_decisions(top: Table) -> bool:
    """Whether every rule looks at decisions: then it is an agent's, and nothing but its steps is asked."""
    rules = top.values.get("rule")
    scores = [one.get("score") for one in rules if isinstance(one, dict)] if isinstance(rules, list) else []
    return bool(scores) and all(isinstance(one, str) and _DECISIONS.fullmatch(one) for one in scores)


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


def _deterministic(table: Table, target: str) -> bool:
    deterministic = table.flag("deterministic")
    if target != RECORDED:
        return deterministic
    if table.values.get("deterministic") is False:
        what = "a recorded target gives the same output every time: it is deterministic"
        table.fault("deterministic", what, "leave deterministic out")
    return True


def _retries(table: Table, default: int) -> int:
    if table.values.get("retries") == 0 and table.values["retries"] is not False:
        return 0
    return table.whole("retries", default, 20)


def _limits(table: Table | None, target: str) -> tuple[Limits, float]:
    """What a run may spend, and the share of it that infrastructure may lose."""
    if table is None:
        return Limits(), LOST_LIMIT
    table.only("errors", *_WHOLE, *_BROKEN)
    cases = [name for name in (*_WHOLE, *_BROKEN) if name.startswith("case_") and name in table.values]
    if cases and target == RECORDED:
        what = "a recorded output spends nothing: it is there already"
        table.fault(cases[0], what, f"leave {cases[0]} out")
    told = "a share from 0 up to, but not, 1"
    lost = float(table.number("errors", LOST_LIMIT, lambda one: 0 <= one < 1, told))
    whole = {name: table.whole(name, 1, 10**12) for name in _WHOLE if name in table.values}
    broken = {
        name: float(table.number(name, 1.0, lambda one: 0 < one < 1e9, "a number above 0"))
        for name in _BROKEN
        if name in table.values
    }
    limits = Limits(
        calls=whole.get("calls"),
        tokens=whole.get("tokens"),
        case_calls=whole.get("case_calls"),
        case_tokens=whole.get("case_tokens"),
        usd=broken.get("usd"),
        minutes=broken.get("minutes"),
        case_usd=broken.get("case_usd"),
        case_seconds=broken.get("case_seconds"),
    )
    return limits, lost


def _fidelity(table: Table, *, deterministic: bool) -> Fidelity:
    word = table.choice("fidelity", [one.value for one in Fidelity], Fidelity.LIVE.value)
    if word == Fidelity.FROZEN.value and not deterministic:
        what = "a frozen replay is served the same every time: no output of it is a fresh one"
        table.fault("fidelity", what, "write deterministic = true, or leave models to be asked: frozen-tools")
    return Fidelity(word)


def _check_calls(table: Table, plan: ReplayPlan) -> ReplayPlan:
    """A fault where what is said of calls can hold for none."""
    words = [one for one in ("fidelity", "effects", "upstreams") if one in table.values]
    if plan.table is not None and plan.table.kind == COMMAND:
        words = [one for one in words if one != "upstreams"]
    if words and plan.no_calls:
        is_command = plan.table is not None and plan.table.kind == COMMAND
        more = "write [replay.upstreams.NAME], or " if is_command else ""
        table.fault(words[0], plan.no_calls, f"{more}leave {words[0]} out")
    return plan


def _upstreams(table: Table) -> tuple[UpstreamPlan, ...]:
    """Each `[replay.upstreams.NAME]`; a key never stands in the file."""
    named = table.table("upstreams")
    if named is None:
        return ()
    found = []
    for name in named.values:
        one = named.table(name, f"[replay.upstreams.{name}]")
        if one is None:
            continue
        one.only("url", "key_env", "pins", "ignore")
        url = url_of(one, "url", required=True)
        key_env = key_env_of(one)
        pins = one.texts("pins", '"model"')
        ignore = one.texts("ignore", '"metadata.request_id"')
        for path in ignore:
            if why := fault_of(path):
                do = 'name fields that cannot change the answer: ignore = ["metadata.request_id"]'
                one.fault("ignore", f"{quoted(path)} {why}", do)
        found.append(UpstreamPlan(name=name, url=url, key_env=key_env, pins=pins, ignore=ignore))
    return tuple(found)
