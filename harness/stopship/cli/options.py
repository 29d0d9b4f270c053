"""Turn the texts of `--rule` and `--where` into rules and conditions.

Refuses what no data could ever satisfy, and what every data would.
"""

import re
from collections.abc import Sequence
from dataclasses import replace

from stopship import catalog
from stopship.errors import UsageError, nearest
from stopship.model.columns import Condition
from stopship.model.rule import DEFAULT_COHORT_MARGIN, DEFAULT_MARGIN, Limit, Margin, Rule, Severity
from stopship.model.score import Direction, Kind, Scorer

_OPTIONS = ("better", "margin", "cohort_margin", "at_most", "at_least", "severity")
_FOLDERS = re.compile(r"^[^()'\"]*/(?=[^/()'\"]+\.py:)")  # of a user's scorer: a rule is named without them
_SMALLEST_MARGIN = 1e-6  # would need 2.7 million cases
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")


def rules_of(texts: Sequence[str]) -> list[Rule]:
    """One rule a text; equal scorers get ids of their own. At least one must be able to stop the build."""
    if not texts:
        raise UsageError(
            "no rule", do="add --rule 'SCORER better=higher|lower margin=5pt'; `stopship scorers` lists them"
        )
    rules: list[Rule] = []
    for text in texts:
        rule = _rule(text)
        named = sum(1 for one in rules if one.id == rule.id or one.id.startswith(f"{rule.id} ("))
        rules.append(replace(rule, id=f"{rule.id} ({named + 1})") if named else rule)
    if not any(one.stops for one in rules):
        raise UsageError(
            "every rule is severity=warn, so nothing could stop this build",
            do="give at least one rule severity=stop-ship, which is the default",
        )
    return rules


def conditions_of(texts: Sequence[str]) -> tuple[Condition, ...]:
    """`COL=GLOB` or `COL!=GLOB`, split at the first equals sign."""
    found = []
    for text in texts:
        column, sign, glob = text.partition("=")
        negated = column.endswith("!")
        column = column.removesuffix("!")
        if not sign or not column:
            raise UsageError(
                f"--where {text!r} is no condition",
                do="write COLUMN=GLOB or COLUMN!=GLOB, for instance 'tier!=free'",
            )
        found.append(Condition(column, glob, negated))
    return tuple(found)


def _rule(text: str) -> Rule:
    written, options = catalog.split_rule(text)
    scorer = catalog.scorer(written)
    where = f"--rule {text!r}"
    for name in options:
        if name not in _OPTIONS:
            raise UsageError(f"unknown option {name!r}", where=where, do=nearest(name, _OPTIONS))
    better = _direction(options.get("better"), scorer, where)
    limit = _limit(options, scorer, better, where)
    margin = _margin("margin", options, scorer, better, where)
    cohort_margin = _margin("cohort_margin", options, scorer, better, where)
    if margin is None and cohort_margin is not None and limit is not None:
        raise UsageError(
            "cohort_margin compares with the baseline, and no margin does", where=where, do="add margin="
        )
    if margin is None and limit is None:
        if not scorer.scale.is_bounded:
            raise UsageError(
                "a score without bounds needs a margin in percent", where=where, do="add margin=10%"
            )
        margin = Margin(DEFAULT_MARGIN)
    if margin is not None and cohort_margin is None:
        cohort_margin = Margin(max(margin.share, DEFAULT_COHORT_MARGIN), margin.relative)
    return Rule(
        id=_FOLDERS.sub("", scorer.spec),
        scorer=scorer,
        better=better,
        margin=margin,
        cohort_margin=cohort_margin,
        limit=limit,
        severity=_severity(options.get("severity"), where),
    )


def _direction(text: str | None, scorer: Scorer, where: str) -> Direction:
    if text is None:
        if scorer.better is None:
            raise UsageError(
                f"{scorer.spec} does not know which end is good",
                where=where,
                do="add better=higher or better=lower",
            )
        return scorer.better
    try:
        return Direction(text)
    except ValueError:
        raise UsageError(
            f"better={text} is neither higher nor lower",
            where=where,
            do="write better=higher or better=lower",
        ) from None


def _severity(text: str | None, where: str) -> Severity:
    try:
        return Severity(text or "stop-ship")
    except ValueError:
        raise UsageError(
            f"severity={text} is not known", where=where, do="write severity=stop-ship or severity=warn"
        ) from None


def _number(text: str, name: str, where: str, example: str = "0.04") -> float:
    if not _NUMBER.fullmatch(text):
        raise UsageError(f"{name}={text} is not a number", where=where, do=f"write {name}={example}")
    return float(text)


def _margin(
    name: str, options: dict[str, str], scorer: Scorer, better: Direction, where: str
) -> Margin | None:
    if name not in options:
        return None
    text = options[name]
    bounded = scorer.scale.is_bounded
    unit, other = ("pt", "%") if bounded else ("%", "pt")
    example = f"{name}=5pt" if bounded else f"{name}=10%"
    kind = (
        f"has the range {scorer.scale}: a margin is in points of it"
        if bounded
        else "has no bounds: a margin is in percent of the baseline's mean"
    )
    if not text.endswith(unit):
        what = f"{name}={text} is in {other}" if text.endswith(other) else f"{name}={text} has no unit"
        raise UsageError(f"{what}, but {scorer.spec} {kind}", where=where, do=f"write {example}")
    share = _number(text.removesuffix(unit), name, where, example.partition("=")[2]) / 100
    highest = 1.0 if bounded or better is Direction.HIGHER else 10.0
    if not _SMALLEST_MARGIN <= share < highest:
        what = (
            "no candidate could ever be proven within it"
            if share < highest
            else "every candidate would be within it"
        )
        raise UsageError(
            f"{name}={text}: {what}",
            where=where,
            do=f"write a margin above 0 and below {highest * 100:g}{unit}",
        )
    return Margin(share, relative=not bounded)


def _limit(options: dict[str, str], scorer: Scorer, better: Direction, where: str) -> Limit | None:
    if "at_most" in options and "at_least" in options:
        raise UsageError("at_most and at_least in one rule", where=where, do="write two rules")
    for name, at_most in (("at_most", True), ("at_least", False)):
        if name not in options:
            continue
        value = _number(options[name], name, where)
        if at_most is (better is Direction.HIGHER):
            end = "high" if at_most else "low"
            raise UsageError(
                f"{name} with better={better.value}: the good end would be what is forbidden, a {end} score",
                where=where,
                do=f"write {'at_least' if at_most else 'at_most'}, or turn `better` round",
            )
        scale = scorer.scale
        if scale.is_bounded and not scale.low < value < scale.high:
            strict = value <= scale.low if at_most else value >= scale.high
            what = "no number of cases could prove it" if strict else "every candidate keeps it"
            raise UsageError(
                f"{name}={options[name]} with the range {scale}: {what}",
                where=where,
                do=f"write a limit above {scale.low:g} and below {scale.high:g}",
            )
        if (
            not scale.is_bounded
            and at_most
            and value <= 0
            and scale.kind is Kind.UNBOUNDED
            and scorer.spec in ("latency", "cost")
        ):
            raise UsageError(
                f"{name}={options[name]}: no {scorer.spec} could keep it",
                where=where,
                do="write a limit above 0",
            )
        return Limit(value, at_most)
    return None
