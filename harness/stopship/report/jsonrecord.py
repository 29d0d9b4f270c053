"""The record as JSON, format version 1: the source of truth that other tools read.

Keys are sorted and text is ASCII, so that equal evidence gives equal bytes and no text in it can act. No
output of a model is in it, only keys and labels. A lone surrogate, which strict readers refuse, is written
as the six characters of its escape.
"""

import json

from stopship.model.change import PinChange
from stopship.model.stack import Pin
from stopship.model.verdict import FORMAT, ArmPin, Finding, Record, Way
from stopship.report.neutral import without_surrogates


def render(record: Record) -> bytes:
    """UTF-8 JSON ending in a line feed; described by docs/verdict.schema.json."""
    shown: dict[str, object] = {
        "format": FORMAT,
        "verdict": record.verdict.value,
        "exit_code": record.exit_code,
        "allowed": record.allowed,
        "reasons": list(record.reasons),
        "counts": dict(record.counts),
        "pins": {
            "baseline": _arm(record.baseline),
            "candidate": _arm(record.candidate),
            "scorers": dict(record.scorers),
            "rules": record.rules_digest,
        },
        "alpha": record.alpha,
        "p_ship": [{"flips": flips, "p": chance} for flips, chance in record.p_ship],
        "p_ship_assumes": list(record.p_ship_assumes),
        "new_keys": list(record.new_keys),
        "also": list(record.also),
        "findings": [_finding(one) for one in record.findings],
    }
    if record.suite:
        shown |= {
            "suite": record.suite,
            "changes": [_change(one) for one in record.changes],
            "notes": list(record.notes),
            "deterministic": record.deterministic,
            "p_ship_measured": record.p_ship_measured,
            "estimand": record.estimand,
            "look": {"number": record.look[0], "of": record.look[1], "level": record.level},
            "escalation": [
                {
                    "kind": one.kind,
                    "what": one.what,
                    "cases": one.cases,
                    "outputs": one.outputs,
                    "usd": one.usd,
                    "runs": list(one.runs),
                }
                for one in record.escalation
            ],
        }
    text = json.dumps(_strict(shown), ensure_ascii=True, allow_nan=False, sort_keys=True, indent=1)
    return text.encode("ascii") + b"\n"


def _strict(value: object) -> object:
    if isinstance(value, str):
        return without_surrogates(value)
    if isinstance(value, dict):
        return {without_surrogates(name): _strict(one) for name, one in value.items()}
    return [_strict(one) for one in value] if isinstance(value, list) else value


def _arm(arm: ArmPin | None) -> object:
    if arm is None:
        return None
    told = {"digest": arm.digest, "rows": arm.rows, "stack": arm.stack}
    return told | {"run": arm.run} if arm.run else told


def _change(one: PinChange) -> dict[str, object]:
    return {"axis": one.axis, "same": one.is_same, "old": _pin(one.old), "new": _pin(one.new)}


def _pin(pin: Pin | None) -> object:
    return None if pin is None else {"version": pin.version, "digest": pin.digest}


def _way(one: Way) -> dict[str, object]:
    return {
        "kind": one.kind,
        "cases": one.cases,
        "repeats": one.repeats,
        "calls": one.calls,
        "usd": one.usd,
    }


def _waived(one: Finding) -> dict[str, object]:
    return {"until": one.waived_until or None, "keys": list(one.waived_keys)}


def _finding(one: Finding) -> dict[str, object]:
    return {
        "rule": one.rule,
        "metric": one.metric,
        "scope": one.scope,
        "kind": one.kind,
        "mode": one.mode.value,
        "severity": one.severity.value,
        "decision": one.decision.value,
        "n": one.n,
        "n_effective": one.n_effective,
        "unscored": one.unscored,
        "left_out": one.left_out,
        "unreadable": one.unreadable,
        "worse": one.worse,
        "better": one.better,
        "baseline": one.baseline,
        "candidate": one.candidate,
        "delta": one.delta,
        "lower": one.lower,
        "upper": one.upper,
        "p": one.p,
        "p_adjusted": one.p_adjusted,
        "margin": one.margin,
        "relative": one.relative,
        "limit": one.limit or None,
        **({"tail": one.tail} if one.tail else {}),
        **({"expects": "improved"} if one.expects else {}),
        "test": one.test or None,
        "bound": one.bound or None,
        "mde": one.mde,
        "p_pass": one.p_pass,
        "leaning": one.leaning or None,
        "cases_needed": one.cases_needed,
        **({"ways": [_way(it) for it in one.ways]} if one.ways and one.holds else {}),
        "why": one.why or None,
        **({"owner": one.owner} if one.owner else {}),
        **({"class": one.incident_class} if one.incident_class else {}),
        **({"note": one.note} if one.note else {}),
        "worse_keys": list(one.worse_keys),
        "better_keys": list(one.better_keys),
        **({"waived": _waived(one)} if one.waived_keys else {}),
        "worst": [
            {"key": case.key, "before": case.before, "after": case.after}
            | ({"triage": case.triage} if case.triage else {})
            for case in one.worst
        ],
    }
