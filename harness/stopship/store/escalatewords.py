"""Read `[escalate]` of a suite file: what may be drawn where one look does not decide.

Decides which escalations can be valid at all. Never lets failures of the candidate alone be asked again.
"""

from itertools import pairwise

from stopship.model.suite import Escalate, ReplayPlan
from stopship.store.stackwords import toml_kind
from stopship.store.suitewords import Table

MOST_OUTPUTS = 100  # a case and arm
_KNOWN = ("rounds", "discordant", "cohorts", "confirm", "triage", "calls", "usd")
_UNITS = {"h": 3600.0, "d": 86_400.0, "w": 7 * 86_400.0}


def escalate_of(table: Table | None, plan: ReplayPlan) -> Escalate:
    """What `[escalate]` says; every fault of it is told to the table."""
    if table is None:
        return Escalate()
    table.only(*_KNOWN)
    if plan.deterministic:
        what = "the target is deterministic: asking it again gives the same outputs"
        table.fault("", what, "leave [escalate] out")
    confirm = table.values.get("confirm")
    return Escalate(
        rounds=_rounds(table, plan),
        discordant=_outputs(table, "discordant"),
        cohorts=_outputs(table, "cohorts"),
        confirm=0 if confirm is False else _outputs(table, "confirm") if "confirm" in table.values else None,
        triage=_outputs(table, "triage"),
        calls=table.whole("calls", 1, 10_000_000) if "calls" in table.values else None,
        usd=_usd(table),
    )


def _outputs(table: Table, key: str) -> int:
    return table.whole(key, 1, MOST_OUTPUTS) if key in table.values else 0


def _usd(table: Table) -> float | None:
    if "usd" not in table.values:
        return None
    return float(table.number("usd", 1.0, lambda one: 0 < one < 1e9, "dollars above 0, such as 5.0"))


def _rounds(table: Table, plan: ReplayPlan) -> tuple[int, ...]:
    listed = table.values.get("rounds", [])
    example = "write rounds = [1, 2, 3, 5]: outputs a case, look by look"
    if not isinstance(listed, list) or not all(type(one) is int for one in listed):
        table.fault("rounds", f"rounds is {toml_kind(listed)}, expected a list of whole numbers", example)
        return ()
    rising = all(old < new for old, new in pairwise(listed))
    if listed and (not rising or listed[0] < 1 or listed[-1] > MOST_OUTPUTS or len(listed) < 2):
        what = f"rounds must rise, from 1 to at most {MOST_OUTPUTS}, and be two or more"
        table.fault("rounds", what, example)
        return ()
    if listed and listed[0] != plan.repeats:
        what = f"the first round draws {listed[0]} outputs a case, and repeats is {plan.repeats}"
        table.fault(
            "rounds", what, f"write repeats = {listed[0]} under [replay], or begin with {plan.repeats}"
        )
        return ()
    return tuple(listed)


def fresh_of(table: Table, *, network: bool, deterministic: bool) -> float | None:
    """`fresh` of `[replay]` in seconds; None where the suite does not say it."""
    found = age_of(table, "fresh")
    if found is not None and not network:
        what = "fresh says how old evidence of a network target may be, and this one is none"
        table.fault("fresh", what, "write network = true, or leave fresh out")
    if found is not None and deterministic:
        what = "fresh says how soon evidence ages, and a deterministic target answers the same at any time"
        table.fault("fresh", what, "leave fresh or deterministic out")
    return found


def age_of(table: Table, key: str) -> float | None:
    """Seconds in `12h`, `7d` or `2w`; None where the key is not there."""
    text = table.text(key)
    if not text:
        return None
    number, unit = text[:-1], text[-1:]
    if unit not in _UNITS or not number.isdecimal() or int(number[:6]) == 0 or len(number) > 6:
        table.fault(key, f"{key} {text!r} is no age", 'write fresh = "7d"; hours h, days d, weeks w')
        return None
    return int(number) * _UNITS[unit]
