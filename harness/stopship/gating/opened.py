"""Open a suite: its cases, their labels, its scorers and rules, each with a digest of its own.

Decides which rows the target sees (cases without labels) and which the scorers see (both). Never replays.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from stopship.errors import EvidenceError, UsageError, nearest
from stopship.model.canonical import digest, digest_of_set
from stopship.model.case import Json
from stopship.model.columns import Columns, Group, cell_text
from stopship.model.rule import Rule
from stopship.model.run import case_digest
from stopship.model.score import Scorer
from stopship.model.suite import Suite
from stopship.pipeline import answered_rule
from stopship.ruling import rule_text, rules_of_suite, scorers_of
from stopship.steps.outlook import CaseTable, Outlook, outlook
from stopship.store import tables
from stopship.store.shown import at, quoted, shown
from stopship.store.suitefile import read_suite

WORK = ".stopship"  # beside the suite file: cache, runs in progress, runs that nobody accepted or pushed
POINTER = "baseline.json"
EXPECTED = "expected"  # the column that is taken where none is named

Row = Mapping[str, Json]


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenSuite:
    """A suite with everything that it names read and digested."""

    suite: Suite
    cases: Mapping[str, Row]  # key -> what the target sees, in the files' order
    case_digests: Mapping[str, str]
    labels: Mapping[str, Row]  # key -> what only scorers see
    places: Mapping[str, str]  # key -> where the case stands
    rules: tuple[Rule, ...]  # those of the suite and `answered`
    scorers: tuple[Scorer, ...]  # of those rules, each once
    columns: Columns
    outlook: Outlook
    cases_digest: str
    labels_digest: str

    @property
    def folder(self) -> Path:
        return self.suite.folder

    @property
    def work(self) -> Path:
        """Cache and working state; deletable."""
        return self.folder / WORK

    @property
    def pointer_path(self) -> Path:
        return self.folder / POINTER

    @property
    def rule_texts(self) -> dict[str, str]:
        """What every rule of the suite tolerates, by id."""
        return {one.id: rule_text(one) for one in self.own_rules}

    @property
    def own_rules(self) -> tuple[Rule, ...]:
        """The rules that the suite file declares."""
        return self.rules[:-1]

    @property
    def scorer_digests(self) -> dict[str, str]:
        return {one.spec: one.digest for one in self.scorers}

    @property
    def rules_digest(self) -> str:
        """One digest of every rule and of how findings become a verdict."""
        decide = self.suite.decide
        cohorts = [
            [one.column, [[value, mode.value] for value, mode in one.modes]] for one in self.suite.cohorts
        ]
        named = [[one.name, [str(it) for it in one.where], str(one.mode)] for one in self.suite.named]
        settings = [decide.alpha, decide.allow_undecided, self.suite.replay.lost_limit]
        return digest([[rule_text(one) for one in self.own_rules], settings, cohorts, named])

    def row(self, key: str) -> dict[str, Json]:
        """A case with its labels, as scorers and conditions see it."""
        return {**self.cases[key], **self.labels.get(key, {})}


def open_suite(
    path: Path,
    *,
    judged_by: Path | None = None,
    expect: Sequence[str] = (),
) -> OpenSuite:
    """The suite at a path (its file or its folder).

    `judged_by`: the same suite at another revision, whose rules, scorers, labels, cohorts and decisions hold
    instead of its own. `expect`: ids of rules that must be proven improved this time. Raises UsageError for
    what people wrote wrongly, EvidenceError for cases or labels that are damaged.
    """
    own = read_suite(path)
    judge = read_suite(judged_by) if judged_by is not None else own
    suite = _judged(own, judge)
    cases, places = _cases(own)
    labels = _labels(own, cases, places)
    if judged_by is not None:
        labels = {**labels, **_labels_at(judge, cases)}
    bare = {key: _without(row, own.label_columns) for key, row in cases.items()}
    scorers = scorers_of(judge)
    rules = (*_expecting(rules_of_suite(judge, scorers), expect), answered_rule())
    columns = _columns(suite, rules, cases, labels)
    digests = {key: case_digest(row) for key, row in bare.items()}
    rows = [{**row, **labels.get(key, {})} for key, row in bare.items()]
    return OpenSuite(
        suite=suite,
        cases=bare,
        case_digests=digests,
        labels=labels,
        places=places,
        rules=rules,
        scorers=tuple({one.scorer.spec: one.scorer for one in rules}.values()),
        columns=columns,
        outlook=outlook(
            rules,
            CaseTable(keys=tuple(bare), rows=tuple(rows), columns=columns),
            suite.decide.alpha,
            deterministic=suite.replay.deterministic,
            repeats=suite.replay.repeats,
        ),
        cases_digest=digest_of_set([bytes.fromhex(one) for one in digests.values()]),
        labels_digest=digest_of_set([bytes.fromhex(digest([key, row])) for key, row in labels.items()]),
    )


def blind_fault(opened: OpenSuite, *, allow_blind: bool) -> UsageError | None:
    """Why the suite cannot gate: cohorts that no case is in, and rules that these cases can never decide."""
    where = shown(opened.suite.path)
    if opened.outlook.faults:
        what = "\n  ".join(shown(one) for one in opened.outlook.faults)
        return UsageError(what, where=where, do="mend the suite file, or add the cases")
    blind = opened.outlook.blind
    if not blind or allow_blind:
        return None
    listed = "".join(f"\n  {shown(one.says)}" for one in blind)
    what = "a check can never decide" if len(blind) == 1 else f"{len(blind)} checks can never decide"
    return UsageError(f"{what}:{listed}", where=where, do="or go on all the same with --allow-blind")


def _judged(own: Suite, judge: Suite) -> Suite:
    """The suite of the working tree, decided by another revision's words."""
    if judge is own:
        return own
    if judge.name != own.name:
        raise UsageError(
            f"is called {quoted(own.name)} here and {quoted(judge.name)} there",
            where=shown(own.path),
            do="compare a suite with itself: name a revision that has it",
        )
    return replace(
        own,
        decide=judge.decide,
        cohorts=judge.cohorts,
        named=judge.named,
        rules=judge.rules,
        replay=replace(own.replay, lost_limit=judge.replay.lost_limit, cluster=judge.replay.cluster),
    )


def _cases(suite: Suite) -> tuple[dict[str, dict[str, Json]], dict[str, str]]:
    cases: dict[str, dict[str, Json]] = {}
    places: dict[str, str] = {}
    for name in suite.cases:
        for key, row, place in _keyed(suite, suite.folder / name):
            if key in cases:
                raise EvidenceError(
                    f"the key {quoted(key)} stands twice, first at {places[key]}",
                    where=place,
                    do="every case of a suite has a key of its own",
                )
            cases[key], places[key] = row, place
    gone = [key for key, _ in suite.removed if key in cases]
    if gone:
        raise UsageError(
            f"[removed] names {quoted(gone[0])}, which is still a case",
            where=shown(suite.path),
            do=f"take it out of [removed], or out of {places[gone[0]]}",
        )
    return cases, places


def _keyed(suite: Suite, path: Path) -> Iterator[tuple[str, dict[str, Json], str]]:
    column, name = suite.columns.key, shown(path)
    for row in tables.rows(path):
        place = at(name, row.place)
        cell = row.values.get(column)
        key = cell_text(cell) if isinstance(cell, str | int | float) and not isinstance(cell, bool) else ""
        if not key.strip():
            found = "is missing" if column not in row.values else "holds no text"
            raise EvidenceError(
                f"the key column {quoted(column)} {found}",
                where=place,
                do=f"give every row a key, or name its column in [columns]: "
                f"{nearest(column, sorted(row.values))}",
            )
        yield key, row.values, place


def _labels(suite: Suite, cases: Mapping[str, Row], places: Mapping[str, str]) -> dict[str, dict[str, Json]]:
    """Labels by key: of the labels file, or the label columns of the cases."""
    labels: dict[str, dict[str, Json]] = {}
    if suite.label_columns:
        seen = {name for row in cases.values() for name in row}
        for name in suite.label_columns:
            if name not in seen:
                raise UsageError(
                    f"labels names the column {quoted(name)}, which no case has",
                    where=shown(suite.path),
                    do=nearest(name, sorted(seen)),
                )
        return {
            key: {name: row[name] for name in suite.label_columns if name in row}
            for key, row in cases.items()
        }
    if not suite.labels:
        return labels
    known = {key for key, _ in suite.removed}
    first: dict[str, str] = {}
    for key, row, place in _keyed(suite, suite.folder / suite.labels):
        if key in first:
            raise EvidenceError(
                f"the key {quoted(key)} is labelled twice, first at {first[key]}",
                where=place,
                do="keep one line of labels for a case",
            )
        first[key] = place
        if key in known:
            continue
        if key not in cases:
            raise EvidenceError(
                f"labels a case that is not there: {quoted(key)}", where=place, do=nearest(key, sorted(cases))
            )
        labels[key] = _without(row, (suite.columns.key,))
        shared = sorted(labels[key].keys() & cases[key].keys())
        if shared:
            raise EvidenceError(
                f"{quoted(shared[0])} is a label here and a column of the case at {places[key]}",
                where=place,
                do="a label is no part of what was asked: keep it in one of the two files",
            )
    return labels


def _labels_at(judge: Suite, cases: Mapping[str, Row]) -> dict[str, dict[str, Json]]:
    """The labels of another revision, of cases that still exist."""
    there, places = _cases(judge)
    found = _labels(judge, there, places)
    return {key: row for key, row in found.items() if key in cases}


def _without(row: Row, names: Sequence[str]) -> dict[str, Json]:
    return {name: value for name, value in row.items() if name not in names} if names else dict(row)


def _expecting(rules: Sequence[Rule], expect: Sequence[str]) -> list[Rule]:
    ids = [one.id for one in rules]
    for name in expect:
        if name not in ids:
            raise UsageError(f"--expect {quoted(name)}: no rule has this id", do=nearest(name, ids))
    rigid = [one for one in rules if one.id in expect and one.margin is None and one.must_pass is None]
    if rigid:
        raise UsageError(
            f"--expect {quoted(rigid[0].id)}: the rule compares nothing with the baseline",
            do="expect it of a rule with compare or must_pass",
        )
    return [replace(one, expects_improvement=True) if one.id in expect else one for one in rules]


def _columns(
    suite: Suite, rules: Sequence[Rule], cases: Mapping[str, Row], labels: Mapping[str, Row]
) -> Columns:
    seen = {name for table in (cases, labels) for row in table.values() for name in row}
    names = suite.columns
    expected = names.expected or (EXPECTED if EXPECTED in seen else None)
    wanted = {"input": names.input, "expected": names.expected, "cluster": suite.replay.cluster}
    wanted |= {f"cohort {one.column}": one.column for one in suite.cohorts}
    for what, name in wanted.items():
        if name is not None and name not in seen:
            raise UsageError(
                f"the {what} column {quoted(name)} is in no case",
                where=shown(suite.path),
                do=nearest(name, sorted(seen)),
            )
    for rule in rules:
        if "expected" in rule.scorer.needs and expected is None:
            raise UsageError(
                f"{rule.scorer.spec} needs what is expected, and no column is named for it",
                where=shown(suite.path),
                do=f"write expected = … under [columns]; {nearest('expected', sorted(seen))}",
            )
    groups = [Group(name=one.name, where=one.where) for one in suite.named]
    groups += [Group(name=f"rule:{one.id}", where=one.where) for one in rules if one.where]
    groups += [Group(name=f"must:{one.id}", where=one.must_pass) for one in rules if one.must_pass]
    modes = [(f"{one.column}={value}", mode.value) for one in suite.cohorts for value, mode in one.modes]
    modes += [(one.name, one.mode.value) for one in suite.named if one.mode is not None]
    return Columns(
        key=names.key,
        input=names.input,
        expected=expected,
        cohorts=tuple(one.column for one in suite.cohorts),
        cluster=suite.replay.cluster,
        groups=tuple(groups),
        modes=tuple(modes),
    )
