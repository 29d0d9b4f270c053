"""Make rules of what people wrote: which end is good, what may get worse, what is promised.

Decides whether a tolerance fits its score, and refuses what no data could ever satisfy and what every data
would. Never looks at data, and never guesses which end of a score is good where a rule compares.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

from stopship import catalog
from stopship.errors import UsageError, nearest
from stopship.model.canonical import digest
from stopship.model.columns import Condition
from stopship.model.rule import (
    DEFAULT_COHORT_MARGIN,
    DEFAULT_MARGIN,
    TAILS,
    IncidentClass,
    Limit,
    Margin,
    Mode,
    Rule,
    Severity,
    Tail,
)
from stopship.model.score import Direction, Kind, Scorer
from stopship.model.suite import DeclaredRule, Suite
from stopship.parts.arguments import written
from stopship.parts.beside import imported_beside
from stopship.store.stackfile import together
from stopship.store.stackwords import path_faults

_SMALLEST_MARGIN = 1e-6  # would need 2.7 million cases
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")
_USERS = re.compile(
    r"\s*(?P<head>(?P<quote>['\"])(?P<quoted>[^'\"\\]+\.py:[^'\"\\]+)(?P=quote)"
    r"|(?P<bare>[^\s()'\",=]+\.py:[^\s()'\",=]+))"
)
_SCHEMA = re.compile(
    r"\s*json_schema\s*\(\s*(?:schema\s*=\s*)?"
    r"(?P<head>(?P<quote>['\"])(?P<quoted>[^'\"\\]+)(?P=quote)|(?P<bare>[^\s()'\",=]+))"
)
_PLAIN = re.compile(r"[^\s,'\"]+")


def rules_of_suite(suite: Suite, scorers: Mapping[str, Scorer]) -> tuple[Rule, ...]:
    """The rules of a suite; `scorers` by their text. Raises one UsageError with every fault of every rule."""
    rules, faults = [], []
    for one in suite.rules:
        try:
            rules.append(rule_of(one, scorers[one.score]))
        except UsageError as err:
            faults.append(err)
    _raise_all(faults, suite)
    return tuple(replace(one, owner=one.owner or suite.owner) for one in rules)


def rule_of(declared: DeclaredRule, scorer: Scorer) -> Rule:
    """The rule that a suite declares, once all it says fits its scorer."""
    where = declared.place
    compare = dict(declared.compare or {})
    limits = {key: _as_text(one) for key, one in (declared.limit or {}).items()}
    better = _agreed(compare.get("better"), limits.get("better"), declared, scorer)
    if declared.must_pass is not None and not scorer.scale.is_bounded:
        raise UsageError(
            f"must_pass with {scorer.spec}: a score without ends has no pass",
            where=where,
            do="write limit = { … }, or take a score with bounds",
        )
    limit = limit_of(limits, scorer, better, where)
    tail = tail_of(compare, scorer, where)
    margin = cohort_margin = anchor_margin = None
    if declared.compare is not None:
        margin = margin_of("margin", compare, scorer, better, where) or default_margin(scorer, where, tail)
        cohort_margin = margin_of("cohort_margin", compare, scorer, better, where)
        cohort_margin = cohort_margin or default_cohort_margin(margin)
        anchor_margin = margin_of("anchor_margin", compare, scorer, better, where)
        if anchor_margin is not None and anchor_margin.share < margin.share:
            raise UsageError(
                f"anchor_margin={anchor_margin} is below margin={margin}: "
                "less would be tolerated over many changes than over one",
                where=where,
                do=f"write anchor_margin={margin} or more",
            )
    return Rule(
        id=declared.id,
        scorer=scorer,
        better=better,
        margin=margin,
        cohort_margin=cohort_margin,
        limit=limit,
        severity=severity_of(declared.severity, where),
        anchor_margin=anchor_margin,
        must_pass=declared.must_pass,
        where=declared.where,
        expects_improvement=declared.expects_improvement,
        incident_class=IncidentClass(declared.incident_class) if declared.incident_class else None,
        owner=declared.owner,
        note=declared.note,
    )


def _agreed(compare: str | None, limit: str | None, declared: DeclaredRule, scorer: Scorer) -> Direction:
    """One direction for the whole rule; where only must_pass is written, the high end is a pass."""
    if compare is not None and limit is not None and compare != limit:
        raise UsageError(
            f"better={compare} in compare and better={limit} in limit",
            where=declared.place,
            do="say it once, or write two rules",
        )
    given = compare if compare is not None else limit
    only_passes = declared.compare is None and declared.limit is None
    if given is None and only_passes and scorer.better is None:
        return Direction.HIGHER
    return direction_of(given, scorer, declared.place)


def _as_text(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:.15g}"


def scorers_of(suite: Suite) -> dict[str, Scorer]:
    """The scorers that the suite's rules name, by their text.

    Files in a scorer are relative to the suite's folder, whatever folder the command runs in; its `spec` says
    them so, and its digest covers what they hold. Raises one UsageError with every fault.
    """
    scorers: dict[str, Scorer] = {}
    faults: list[UsageError] = []
    for text in dict.fromkeys(one.score for one in suite.rules):
        try:
            scorers[text] = _scorer_in(suite.folder, text)
        except UsageError as err:
            places = [one.place for one in suite.rules if one.score == text]
            inner = f"{err.where}: {err.what}" if err.where else err.what
            faults.append(UsageError(inner, where=places[0], do=err.do))
    _raise_all(faults, suite)
    return scorers


def _scorer_in(folder: Path, text: str) -> Scorer:
    found = _USERS.match(text) or _SCHEMA.match(text)
    if found is None:
        scorer = catalog.scorer(text)
        if scorer.reads:  # found from the working folder, which decides nothing here
            do = "take file names without quotes and backslashes"
            raise UsageError("this file name cannot be read in a suite", where=text, do=do)
        return scorer
    named = found["quoted"] or found["bare"]
    file, _, function = named.rpartition(":") if found.re is _USERS else (named, "", "")
    for what, do in path_faults("score", file):
        raise UsageError(what, where=text, do=do.replace("stack file", "suite file"))
    path = folder / file
    if not _is_file(path):
        do = "files in a suite are named relative to its folder"
        raise UsageError(f"there is no file {file!r} in the suite's folder", where=text, do=do)
    placed = path.as_posix() + (f":{function}" if function else "")
    scorer = catalog.scorer(f"{text[: found.start('head')]}{written(placed)}{text[found.end('head') :]}")
    beside = imported_beside(path) if function else {}
    if beside:
        sources = {path.parent.joinpath(name): source for name, source in sorted(beside.items())}
        reads = (*scorer.reads, *(str(one) for one in sources))
        listed = [[name, sha256(source).hexdigest()] for name, source in sorted(beside.items())]
        scorer = replace(scorer, reads=reads, digest=digest([scorer.digest, listed]))
    return replace(scorer, spec=text.strip())


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def rule_text(rule: Rule) -> str:
    """All that a rule tolerates, on one line that says the same for equal rules.

    `cites score='scorers.py:cites' better=higher margin=5pt cohort_margin=10pt severity=stop-ship
    where='tag=incident'`. Notes, owners and classes tolerate nothing and are left out.
    """
    said: list[tuple[str, object]] = [("score", written(rule.scorer.spec)), ("better", rule.better.value)]
    said += [
        (name, f"{one.share * 100:.12g}{'%' if one.relative else 'pt'}")
        for name, one in (
            ("margin", rule.margin),
            ("cohort_margin", rule.cohort_margin if rule.margin else None),
            ("anchor_margin", rule.anchor_margin),
        )
        if one is not None
    ]
    if rule.margin is not None and rule.margin.tail is not None:
        said.append(("tail", rule.margin.tail))
    if rule.limit is not None and rule.limit.tail is not None:
        said.append(("limit_tail", rule.limit.tail))
    if rule.limit is not None:
        said.append(("at_most" if rule.limit.at_most else "at_least", repr(rule.limit.value)))
    if rule.must_pass is not None:
        said.append(("must_pass", _conditions(rule.must_pass)))
    if rule.expects_improvement:
        said.append(("expect", "improved"))
    if rule.mode is not Mode.PROVE:
        said.append(("mode", rule.mode.value))
    if rule.alpha is not None:
        said.append(("alpha", repr(rule.alpha)))
    said.append(("severity", rule.severity.value))
    if rule.where:
        said.append(("where", _conditions(rule.where)))
    return " ".join([written(rule.id), *(f"{name}={one}" for name, one in said)])


def _conditions(where: tuple[Condition, ...]) -> str:
    return ",".join(sorted(_condition(one) for one in where)) or "every-case"


def _condition(one: Condition) -> str:
    text = str(one)
    return text if _PLAIN.fullmatch(text) and text.isprintable() else repr(text)


def direction_of(text: str | None, scorer: Scorer, where: str) -> Direction:
    """Which end is good: as said, else as the scorer knows."""
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


def severity_of(text: str | None, where: str) -> Severity:
    """Whether the rule stops the build; it does where nothing is said."""
    try:
        return Severity(text or "stop-ship")
    except ValueError:
        raise UsageError(
            f"severity={text} is not known", where=where, do="write severity=stop-ship or severity=warn"
        ) from None


def tail_of(options: Mapping[str, str], scorer: Scorer, where: str) -> Tail | None:
    """The tail that is judged instead of the mean; None where none is written."""
    if "tail" not in options:
        return None
    text = options["tail"]
    if text not in TAILS:
        raise UsageError(f"tail={text} is not known", where=where, do=nearest(text, list(TAILS)))
    if scorer.scale.kind is Kind.BINARY:
        raise UsageError(
            f"tail={text} with {scorer.spec}: a score of 0 or 1 has no tail",
            where=where,
            do="leave tail out: its mean is the share of 1",
        )
    if "cohort_margin" in options:
        raise UsageError(
            "cohort_margin with tail: a tail is judged over all cases, as cohorts hardly have enough",
            where=where,
            do="leave cohort_margin out; a rule of its own with `where` looks at some cases alone",
        )
    return TAILS[text]


def default_margin(scorer: Scorer, where: str, tail: Tail | None = None) -> Margin:
    """5pt; a score without bounds has no default."""
    if not scorer.scale.is_bounded:
        raise UsageError("a score without bounds needs a margin in percent", where=where, do="add margin=10%")
    return Margin(DEFAULT_MARGIN, tail=tail)


def default_cohort_margin(margin: Margin) -> Margin | None:
    """10pt, and never less than the margin of all cases; None for a tail, which knows no cohorts."""
    if margin.tail is not None:
        return None
    return Margin(max(margin.share, DEFAULT_COHORT_MARGIN), margin.relative)


def margin_of(
    name: str, options: Mapping[str, str], scorer: Scorer, better: Direction, where: str
) -> Margin | None:
    """The margin of that name, in the unit that fits the score; None where it is not written."""
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
    return Margin(share, relative=not bounded, tail=tail_of(options, scorer, where))


def limit_of(options: Mapping[str, str], scorer: Scorer, better: Direction, where: str) -> Limit | None:
    """The promise in `at_most` or `at_least`; None where there is none."""
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
            and (scorer.spec in ("latency", "cost") or scorer.spec.startswith("usage("))
        ):
            raise UsageError(
                f"{name}={options[name]}: no {scorer.spec} could keep it",
                where=where,
                do="write a limit above 0",
            )
        return Limit(value, at_most, tail_of(options, scorer, where))
    return None


def _number(text: str, name: str, where: str, example: str = "0.04") -> float:
    if not _NUMBER.fullmatch(text):
        raise UsageError(f"{name}={text} is not a number", where=where, do=f"write {name}={example}")
    return float(text)


def _raise_all(faults: Sequence[UsageError], suite: Suite) -> None:
    if faults:
        raise together(suite.path, list(faults))
