"""Turn the texts of `--rule` and `--where` into rules and conditions.

Decides how they are written on a command line; what a rule may tolerate is `ruling`'s to check.
"""

import re
from collections.abc import Sequence
from dataclasses import replace

from stopship import catalog
from stopship.errors import UsageError, nearest
from stopship.model.columns import Condition, condition_of
from stopship.model.rule import Rule
from stopship.ruling import (
    default_cohort_margin,
    default_margin,
    direction_of,
    limit_of,
    margin_of,
    severity_of,
    tail_of,
)

_OPTIONS = ("better", "margin", "cohort_margin", "tail", "at_most", "at_least", "severity")
_FOLDERS = re.compile(r"^[^()'\"]*/(?=[^/()'\"]+\.py:)")  # of a user's scorer: a rule is named without them


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
        try:
            found.append(condition_of(text))
        except UsageError as err:
            raise UsageError(f"--where {err.what}", do=err.do) from err
    return tuple(found)


def _rule(text: str) -> Rule:
    written, options = catalog.split_rule(text)
    scorer = catalog.scorer(written)
    where = f"--rule {text!r}"
    for name in options:
        if name not in _OPTIONS:
            raise UsageError(f"unknown option {name!r}", where=where, do=nearest(name, _OPTIONS))
    better = direction_of(options.get("better"), scorer, where)
    limit = limit_of(options, scorer, better, where)
    margin = margin_of("margin", options, scorer, better, where)
    cohort_margin = margin_of("cohort_margin", options, scorer, better, where)
    if margin is None and cohort_margin is not None and limit is not None:
        raise UsageError(
            "cohort_margin compares with the baseline, and no margin does", where=where, do="add margin="
        )
    if margin is None and limit is None:
        margin = default_margin(scorer, where, tail_of(options, scorer, where))
    if margin is not None and cohort_margin is None:
        cohort_margin = default_cohort_margin(margin)
    return Rule(
        id=_FOLDERS.sub("", scorer.spec),
        scorer=scorer,
        better=better,
        margin=margin,
        cohort_margin=cohort_margin,
        limit=limit,
        severity=severity_of(options.get("severity"), where),
    )
